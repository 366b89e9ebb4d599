//! Paths of the destination. Links are followed by hand, by what the root is known to hold, so that no link and no `..`
//! leads out of it, and what does not exist yet is known by name.

use digests::{Error, Fault, Result};
use rustix::io::Errno;

use super::chmod::Chmod;
use super::item::Overrides;
use super::owner::Owner;
use super::root::Root;
use crate::open::{as_path, join, split};
use crate::tree::Kind;

const MAX_LINKS: usize = 255;

/// Where a path leads after all links, the last one too; by paths in the root.
pub(super) enum Place {
    Directory(Vec<u8>),
    /// Something else.
    Other(Vec<u8>),
    /// An existing directory and the names below it that do not exist (at least one).
    Missing(Vec<u8>, Vec<Vec<u8>>),
}

/// How directories are made that a path needs.
#[derive(Clone, Copy)]
pub(super) struct Making {
    pub mode: u32,
    /// Nobody's wish leaves what the kernel gives: root, and the group of a set-group-ID directory above.
    pub owner: Option<Owner>,
    /// Whether a set-group-ID directory makes those in it such ones too, as `mkdir` does and `chmod` undoes.
    pub inherits: bool,
}

/// COPY's own mode for the directories that it makes; BuildKit's process has the umask 022, which `--chmod` does not
/// escape there.
const UMASK: u32 = 0o022;

impl Making {
    /// The directories that COPY has to make on the way to its destination.
    pub fn of_copy(overrides: &Overrides<'_>) -> Self {
        let mode = overrides.mode.and_then(Chmod::of_made).unwrap_or(0o755) & 0o777 & !UMASK;
        Self { mode, owner: overrides.owner, inherits: true }
    }
}

/// Finds out where `path` leads when `base`, a directory of the root, is taken for the root.
/// Fails with `TSB_COPY_CONFLICT` when something on the way is no directory, and with `TSB_COPY_LINKS`.
pub(super) fn resolve(root: &Root<'_>, base: &[u8], path: &[u8]) -> Result<Place> {
    let mut todo: Vec<Vec<u8>> = Vec::new();
    push_components(&mut todo, path);
    let mut at = base.to_vec();
    let mut missing: Vec<Vec<u8>> = Vec::new();
    let mut other: Option<Vec<u8>> = None;
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if other.is_some() {
            return Err(not_a_directory(path));
        }
        if name == b".." {
            if missing.pop().is_none() && at.len() > base.len() {
                at.truncate(split(&at).0.len());
            }
            continue;
        }
        if !missing.is_empty() {
            missing.push(name);
            continue;
        }
        let next = join(&at, &name);
        match root.entry(&next)? {
            None => missing.push(name),
            Some(found) if found.kind == Kind::Directory => at = next,
            Some(found) if found.kind == Kind::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(too_many_links(path));
                }
                if found.link.starts_with(b"/") {
                    at = base.to_vec();
                }
                push_components(&mut todo, &found.link);
            }
            Some(_) => other = Some(next),
        }
    }
    Ok(match (other, missing.is_empty()) {
        (Some(path), _) => Place::Other(path),
        (None, true) => Place::Directory(at),
        (None, false) => Place::Missing(at, missing),
    })
}

/// Where the directory `path` is, made with its missing parents where it is not there yet. What exists stays
/// as it is. Fails as `resolve`, and with `TSB_COPY_CONFLICT` when `path` is no directory.
pub(super) fn make_directories(root: &mut Root<'_>, path: &[u8], making: Making) -> Result<Vec<u8>> {
    match resolve(root, b"", path)? {
        Place::Directory(directory) => Ok(directory),
        Place::Other(..) => Err(not_a_directory(path)),
        Place::Missing(directory, names) => make_missing(root, directory, &names, making),
    }
}

/// As `make_directories`; those that are made have the given time (seconds since 1970).
pub(super) fn make_dated(root: &mut Root<'_>, path: &[u8], making: Making, time: Option<i64>) -> Result<()> {
    let missing = match resolve(root, b"", path)? {
        Place::Missing(_, names) => names.len(),
        Place::Directory(_) | Place::Other(..) => 0,
    };
    let last = make_directories(root, path, making)?;
    let Some(time) = time else { return Ok(()) };
    let mut at = last.as_slice();
    // Nothing is made in them any more.
    for _ in 0..missing {
        root.set_time(at, time)?;
        at = split(at).0;
    }
    Ok(())
}

/// Where a file called `name` goes: into `destination` when that is a directory or ends in a slash, and in the place of
/// what is there otherwise. What is missing above it is made. Fails as `make_directories`.
pub(super) fn land(root: &mut Root<'_>, destination: &[u8], name: &[u8], making: Making) -> Result<Vec<u8>> {
    let parents = if destination.ends_with(b"/") { destination } else { split(destination).0 };
    make_directories(root, parents, making)?;
    Ok(match resolve(root, b"", destination)? {
        Place::Directory(directory) => join(&directory, name),
        Place::Other(other) => other,
        Place::Missing(directory, names) => match names.split_last() {
            // Several names are missing where the destination is a link to nowhere.
            Some((last, above)) => join(&make_missing(root, directory, above, making)?, last),
            None => directory,
        },
    })
}

/// Makes the directories that `resolve` found missing, one below the other, and returns where the last is.
pub(super) fn make_missing(root: &mut Root<'_>, mut at: Vec<u8>, names: &[Vec<u8>], making: Making) -> Result<Vec<u8>> {
    for name in names {
        at = join(&at, name);
        root.make_directory(&at, making)?;
    }
    Ok(at)
}

/// The error of a system call on a path of the destination.
pub(super) fn failed(what: &str, path: &[u8], errno: Errno) -> Error {
    Error::io("TSB_COPY_FAILED", what, as_path(path), &errno.into())
}

pub(super) fn conflict(message: String, path: &[u8]) -> Error {
    Error::new("TSB_COPY_CONFLICT", Fault::Input, message).at(as_path(path))
}

/// Pushes the components so that the first is popped first.
fn push_components(todo: &mut Vec<Vec<u8>>, path: &[u8]) {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    todo.extend(names.rev().map(<[u8]>::to_vec));
}

fn not_a_directory(path: &[u8]) -> Error {
    conflict(format!("`{}` does not lead to a directory: something on the way is none", as_path(path).display()), path)
        .hint("choose another destination, or remove what is in the way first")
}

fn too_many_links(path: &[u8]) -> Error {
    let message = format!("too many symbolic links on the way to `{}`", as_path(path).display());
    Error::new("TSB_COPY_LINKS", Fault::Input, message).at(as_path(path))
}
