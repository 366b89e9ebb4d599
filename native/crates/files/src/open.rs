//! Opening what lies below a directory without ever following a link.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The kernel takes paths of up to 4096 bytes; longer ones are opened in pieces.
const PIECE: usize = 4000;

/// Opens `path` (relative, components joined by `/`) below `root`; the empty path is `root` itself.
/// A symbolic link anywhere on the way, or at the end unless `flags` has `PATH | NOFOLLOW`, is `ELOOP`.
pub fn open_below(root: impl AsFd, path: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let path: &[u8] = if path.is_empty() { b"." } else { path };
    if path.len() <= PIECE {
        return open_piece(root.as_fd(), path, flags, mode);
    }
    let cut = path[..PIECE].iter().rposition(|byte| *byte == b'/').ok_or(Errno::NAMETOOLONG)?;
    let directory = open_piece(root.as_fd(), &path[..cut], OFlags::PATH | OFlags::DIRECTORY, Mode::empty())?;
    open_below(directory, &path[cut + 1..], flags, mode)
}

/// A directory below `root`, to be listed or to work in.
pub fn open_directory(root: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    open_below(root, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
}

fn open_piece(root: BorrowedFd<'_>, path: &[u8], flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    loop {
        match rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, mode, resolve) {
            // A rename elsewhere made the kernel unsure whether we are still beneath.
            Err(Errno::AGAIN | Errno::INTR) => continue,
            other => return other.map_err(io::Error::from),
        }
    }
}

/// `directory` and `name` as one path.
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() {
        return name.to_vec();
    }
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    path.push(b'/');
    path.extend_from_slice(name);
    path
}

/// Directory and last component of a path.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        None => (b"", path),
        Some(at) => (&path[..at], &path[at + 1..]),
    }
}

/// Bytes as a path, for messages.
pub fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
