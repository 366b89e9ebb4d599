//! File actions on a root: COPY, ADD and WORKDIR, with the semantics of BuildKit's file op.

mod copy;
mod item;
mod owner;
mod resolve;
mod subtree;
mod unpack;

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{Mode, OFlags};

use crate::mount::{self, Upper};
use crate::tree::Tree;

pub(crate) use copy::Overrides;
pub(crate) use item::{Copier, Spot, set_times};
pub(crate) use owner::Owner;

/// `ChangeRequest` of native/types.ts.
pub struct Request {
    pub layers: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
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
    MakeDirectory { path: Vec<u8>, mode: u32, owner: String },
}

pub struct Copy {
    pub source: usize,
    pub paths: Vec<Vec<u8>>,
    pub destination: Vec<u8>,
    pub chown: Option<String>,
    pub chmod: Option<u32>,
    pub unpack: bool,
}

/// `ChangeResult` of native/types.ts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Everything but directories.
    pub files: u64,
    pub bytes: u64,
}

/// A source with its listing and, unless it is empty, its open root.
struct OpenSource {
    tree: Tree,
    root: Option<OwnedFd>,
    /// The user's own directory: it may change under us, so content is compared with the tree.
    is_live: bool,
}

/// Carries out the actions in order on the merged root of `layers`; `upper` holds the change afterwards.
/// Nothing is mounted where anybody could see it, and no link leads out of the root or out of a source.
///
/// Fails with `TSB_COPY_SOURCE_MISSING`, `TSB_COPY_CONFLICT`, `TSB_COPY_LINKS`, `TSB_COPY_ARCHIVE`,
/// `TSB_CONTEXT_CHANGED`, `TSB_DISK_FULL`; `TSB_COPY_FAILED` for what the system refuses.
pub fn change(request: &Request, cancel: &Cancel) -> Result<Changed> {
    let upper = Upper { path: &request.upper, work: &request.work };
    let root = mount::open_root(&request.layers, Some(&upper))?
        .ok_or_else(|| Error::new("TSB_BUG", Fault::Bug, "a change has no upper directory"))?;
    let sources = request.sources.iter().map(|source| open(source, request)).collect::<Result<Vec<_>>>()?;
    let mut changed = Changed::default();
    for action in &request.actions {
        cancel.check()?;
        match action {
            Action::Copy(copy) => {
                let source = sources.get(copy.source).ok_or_else(|| {
                    Error::new(
                        "TSB_BUG",
                        Fault::Bug,
                        format!("a copy names source {} of {}", copy.source, sources.len()),
                    )
                })?;
                let owner = copy
                    .chown
                    .as_deref()
                    .map(|text| owner::look_up(&root, text, request.layers.is_empty()))
                    .transpose()?;
                let overrides = Overrides { owner, mode: copy.chmod };
                copy::run(copy, source, &root, overrides, cancel, &mut changed)?;
            }
            Action::MakeDirectory { path, mode, owner } => {
                let owner = owner::look_up(&root, owner, request.layers.is_empty())?;
                resolve::make_directories(&root, path, *mode, owner)?;
            }
        }
    }
    Ok(changed)
}

fn open(source: &Source, request: &Request) -> Result<OpenSource> {
    let load = |tree: &blake3::Hash| Tree::load(&request.trees_directory, tree);
    match source {
        Source::Directory { root, tree } => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let open = rustix::fs::open(root, flags, Mode::empty())
                .map_err(|e| Error::io("TSB_CONTEXT_MISSING", "cannot open build context", root, &e.into()))?;
            Ok(OpenSource { tree: load(tree)?, root: Some(open), is_live: true })
        }
        Source::Layers { layers, tree } => {
            Ok(OpenSource { tree: load(tree)?, root: mount::open_root(layers, None)?, is_live: false })
        }
    }
}

#[cfg(test)]
mod tests;
