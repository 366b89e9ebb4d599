//! Layers without a mount. Whoever asks for a path knows from the tree of the merged root that it is there, and then
//! the topmost layer that has it is the one that shows it: a layer that hid it would stand above and would not have it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use digests::{Error, Result};
use rustix::io::Errno;

use crate::mount;
use crate::open::{as_path, open_directory};

/// The directories that show `path` of a merged root together, top first. `layers` are bottom first.
/// Each fails with `TSB_MOUNT_FAILED` where a layer is gone, and with `TSB_COPY_FAILED`.
pub(crate) fn directories(layers: &[PathBuf], path: &[u8]) -> impl Iterator<Item = Result<OwnedFd>> {
    layers.iter().rev().filter_map(move |layer| {
        let open = match mount::open_directory(layer) {
            Ok(root) => open_directory(root, path),
            Err(error) => return Some(Err(error)),
        };
        match open {
            Err(e) if is_elsewhere(&e) => None,
            other => Some(other.map_err(|e| Error::io("TSB_COPY_FAILED", "cannot open", as_path(path), &e))),
        }
    })
}

/// The directories `path` below each of `tops`, in the same order; those that do not have it are left out.
/// Fails with the last reason when none has it.
pub(crate) fn below(tops: &[OwnedFd], path: &[u8]) -> std::io::Result<Vec<OwnedFd>> {
    let mut found = Vec::with_capacity(1);
    let mut reason = Errno::NOENT.into();
    for top in tops {
        match open_directory(top, path) {
            Ok(directory) => found.push(directory),
            Err(e) if is_elsewhere(&e) => reason = e,
            Err(e) => return Err(e),
        }
    }
    if found.is_empty() { Err(reason) } else { Ok(found) }
}

/// What the first of the directories answers that has what is asked for.
pub(crate) fn first<T>(
    directories: &[OwnedFd],
    ask: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    let mut answer = Err(Errno::NOENT);
    for directory in directories {
        answer = ask(directory.as_fd());
        if !matches!(answer, Err(Errno::NOENT)) {
            break;
        }
    }
    answer
}

/// A layer further down may have nothing at a path, or something else than a directory on the way.
fn is_elsewhere(cause: &std::io::Error) -> bool {
    matches!(cause.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP))
}
