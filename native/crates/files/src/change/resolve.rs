//! Paths of the destination. Links are followed by hand, on a stack of open directories, so that no link and no `..`
//! leads out of the root, and what does not exist yet is known by name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use digests::{Error, Fault, Result};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::owner::Owner;
use crate::open::as_path;

const MAX_LINKS: usize = 255;

/// Where a path leads after all links, the last one too.
pub(super) enum Place {
    Directory(OwnedFd),
    /// Something else, by its directory and name.
    Other(OwnedFd, Vec<u8>),
    /// An existing directory and the names below it that do not exist (at least one).
    Missing(OwnedFd, Vec<Vec<u8>>),
}

/// Finds out where `path` leads in `root`.
/// Fails with `TSB_COPY_CONFLICT` when something on the way is no directory, and with `TSB_COPY_LINKS`.
pub(super) fn resolve(root: impl AsFd, path: &[u8]) -> Result<Place> {
    let mut todo: Vec<Vec<u8>> = Vec::new();
    push_components(&mut todo, path);
    let mut stack = vec![reopen(root.as_fd(), path)?];
    let mut missing: Vec<Vec<u8>> = Vec::new();
    let mut other: Option<Vec<u8>> = None;
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if other.is_some() {
            return Err(not_a_directory(path));
        }
        if name == b".." {
            if missing.pop().is_none() && stack.len() > 1 {
                stack.pop();
            }
            continue;
        }
        if !missing.is_empty() {
            missing.push(name);
            continue;
        }
        let directory = top(&stack);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = match rustix::fs::openat(directory, name.as_slice(), flags, Mode::empty()) {
            Err(Errno::NOENT) => {
                missing.push(name);
                continue;
            }
            found => found.map_err(|e| failed("cannot open", path, e))?,
        };
        let stat = rustix::fs::statat(&found, "", AtFlags::EMPTY_PATH).map_err(|e| failed("cannot stat", path, e))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => stack.push(found),
            FileType::Symlink => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(too_many_links(path));
                }
                let link =
                    rustix::fs::readlinkat(&found, "", Vec::new()).map_err(|e| failed("cannot read link", path, e))?;
                if link.as_bytes().starts_with(b"/") {
                    stack.truncate(1);
                }
                push_components(&mut todo, link.as_bytes());
            }
            _ => other = Some(name),
        }
    }
    let directory = stack.pop().ok_or_else(|| not_a_directory(path))?;
    Ok(match (other, missing.is_empty()) {
        (Some(name), _) => Place::Other(directory, name),
        // On the stack it was open for its path only, which is not enough to change it.
        (None, true) => Place::Directory(reopen(directory.as_fd(), path)?),
        (None, false) => Place::Missing(directory, missing),
    })
}

/// The directory at `path`, made with its missing parents where it is not there yet. New directories get `mode` and
/// `owner`, what exists stays as it is. Fails as `resolve`, and with `TSB_COPY_CONFLICT` when `path` is no directory.
pub(super) fn make_directories(root: impl AsFd, path: &[u8], mode: u32, owner: Owner) -> Result<OwnedFd> {
    match resolve(root, path)? {
        Place::Directory(directory) => Ok(directory),
        Place::Other(..) => Err(not_a_directory(path)),
        Place::Missing(directory, names) => make_missing(directory, &names, mode, owner, path),
    }
}

/// Makes the directories that `resolve` found missing, one below the other; `path` is for messages.
pub(super) fn make_missing(top: OwnedFd, names: &[Vec<u8>], mode: u32, owner: Owner, path: &[u8]) -> Result<OwnedFd> {
    let mut directory = top;
    for name in names {
        rustix::fs::mkdirat(&directory, name.as_slice(), Mode::from_raw_mode(0o700))
            .map_err(|e| failed("cannot make directory", path, e))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        directory = rustix::fs::openat(&directory, name.as_slice(), flags, Mode::empty())
            .map_err(|e| failed("cannot open", path, e))?;
        rustix::fs::fchown(&directory, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
            .and_then(|()| rustix::fs::fchmod(&directory, Mode::from_raw_mode(mode)))
            .map_err(|e| failed("cannot make directory", path, e))?;
    }
    Ok(directory)
}

/// The error of a system call on a path of the destination.
pub(super) fn failed(what: &str, path: &[u8], errno: Errno) -> Error {
    Error::io("TSB_COPY_FAILED", what, as_path(path), &errno.into())
}

pub(super) fn conflict(message: String, path: &[u8]) -> Error {
    Error::new("TSB_COPY_CONFLICT", Fault::Input, message).at(as_path(path))
}

fn reopen(directory: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ".", flags, Mode::empty()).map_err(|e| failed("cannot open", path, e))
}

fn top(stack: &[OwnedFd]) -> BorrowedFd<'_> {
    // The root is never popped.
    stack[stack.len() - 1].as_fd()
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
