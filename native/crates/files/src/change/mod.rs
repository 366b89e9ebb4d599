//! File actions on a root: COPY, ADD and WORKDIR, with the semantics of BuildKit's file op.

mod chmod;
mod copy;
mod item;
mod owner;
mod resolve;
mod root;
mod source;
mod subtree;
mod unpack;
mod write;

use std::path::PathBuf;

use digests::{Cancel, Error, Fault, Result};

use crate::commit::Committed;
use crate::tree::{Filter, Tree};
use resolve::Making;
use root::Root;
use source::OpenSource;

pub use chmod::{Chmod, CopyHow, ModeStep};
pub(crate) use item::{Copier, Overrides, Spot, seconds, set_times};
pub(crate) use owner::Owner;

/// `ChangeRequest` of native/types.ts.
pub struct Request {
    pub layers: Vec<PathBuf>,
    pub parent: Option<blake3::Hash>,
    pub upper: PathBuf,
    pub sources: Vec<Source>,
    pub actions: Vec<Action>,
    pub trees_directory: PathBuf,
}

/// `ChangeSource` of native/types.ts.
pub enum Source {
    Directory { root: PathBuf, tree: blake3::Hash },
    Layers { layers: Vec<PathBuf>, tree: blake3::Hash },
}

/// `ChangeAction` of native/types.ts.
pub enum Action {
    Copy(Copy),
    Write(Write),
    /// With `time` (seconds since 1970) the directories that are made have it.
    MakeDirectory {
        path: Vec<u8>,
        mode: u32,
        owner: String,
        time: Option<i64>,
    },
}

pub struct Copy {
    pub source: usize,
    pub paths: Vec<Vec<u8>>,
    pub destination: Vec<u8>,
    pub chown: Option<String>,
    pub chmod: Option<Chmod>,
    pub unpack: bool,
    /// What is taken of directories.
    pub filter: Option<Filter>,
}

#[derive(Clone)]
pub struct Write {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub destination: Vec<u8>,
    pub mode: u32,
    pub chown: Option<String>,
    pub chmod: Option<Chmod>,
}

/// Carries out the actions in order on the merged root of `layers`; `upper` holds the change afterwards, and the commit of
/// it comes back. Nothing is mounted, and no link leads out of the root or out of a source.
///
/// Fails with `TSB_COPY_SOURCE_MISSING`, `TSB_COPY_CONFLICT`, `TSB_COPY_LINKS`, `TSB_COPY_ARCHIVE`,
/// `TSB_CONTEXT_CHANGED`, `TSB_DISK_FULL`; `TSB_COPY_FAILED` for what the system refuses.
pub fn change(request: &Request, cancel: &Cancel) -> Result<Committed> {
    let mut root = Root::open(request)?;
    let sources = request.sources.iter().map(|source| OpenSource::open(source, request)).collect::<Result<Vec<_>>>()?;
    for action in &request.actions {
        cancel.check()?;
        match action {
            Action::Copy(copy) => {
                let source = sources.get(copy.source).ok_or_else(|| {
                    let message = format!("a copy names source {} of {}", copy.source, sources.len());
                    Error::new("TSB_BUG", Fault::Bug, message)
                })?;
                let overrides = overrides(&root, copy.chown.as_deref(), copy.chmod.as_ref())?;
                copy::run(copy, source, &mut root, overrides, cancel)?;
            }
            Action::Write(write) => {
                let overrides = overrides(&root, write.chown.as_deref(), write.chmod.as_ref())?;
                write::run(write, &mut root, overrides)?;
            }
            Action::MakeDirectory { path, mode, owner, time } => {
                let owner = if owner.is_empty() { None } else { Some(owner::look_up(&root, owner)?) };
                resolve::make_dated(&mut root, path, Making { mode: *mode, owner, inherits: true }, *time)?;
            }
        }
    }
    root.commit(request, cancel)
}

fn overrides<'a>(root: &Root<'_>, chown: Option<&str>, mode: Option<&'a Chmod>) -> Result<Overrides<'a>> {
    let owner = chown.map(|text| owner::look_up(root, text)).transpose()?;
    Ok(Overrides { owner, mode })
}

fn load(request: &Request, tree: &blake3::Hash) -> Result<Tree> {
    Tree::load(&request.trees_directory, tree)
}

#[cfg(test)]
mod tests;
