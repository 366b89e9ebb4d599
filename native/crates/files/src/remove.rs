use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use digests::{Cancel, Error, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::open::{as_path, join, open_below, split};
use crate::walk::{read_names, walk};

/// Removes whole trees, whatever is in them and however deep they are. What is not there is no error.
/// Fails with `TSB_REMOVE_FAILED`.
pub fn remove(paths: &[impl AsRef<Path>]) -> Result<()> {
    paths.iter().try_for_each(|path| {
        let path = path.as_ref();
        let failed = |e: &io::Error| Error::io("TSB_REMOVE_FAILED", "cannot remove", path, e);
        match rustix::fs::unlinkat(rustix::fs::CWD, path, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(Errno::ISDIR) => {}
            Err(e) => return Err(failed(&e.into())),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(&e.into()))?;
        empty(&root)?;
        rustix::fs::rmdir(path).map_err(|e| failed(&e.into()))
    })
}

/// Removes everything in an open directory: files while walking, on several threads, then directories, deepest first.
fn empty(root: &OwnedFd) -> Result<()> {
    let top = (Vec::new(), ());
    let found: Vec<Vec<Vec<u8>>> = walk(
        root.as_fd(),
        top,
        "TSB_REMOVE_FAILED",
        &Cancel::new(),
        |directory, names, found: &mut Vec<Vec<u8>>, children| {
            for name in names {
                let path = join(&directory.path, &name.bytes);
                let is_directory = name.kind == FileType::Directory
                    || match rustix::fs::unlinkat(&directory.fd, name.bytes.as_slice(), AtFlags::empty()) {
                        Err(Errno::ISDIR) => true,
                        Ok(()) | Err(Errno::NOENT) => false,
                        Err(e) => return Err(failed(&path, &e.into())),
                    };
                if is_directory {
                    children.push((path.clone(), ()));
                    found.push(path);
                }
            }
            Ok(())
        },
    )?;
    let mut directories: Vec<Vec<u8>> = found.into_iter().flatten().collect();
    // A directory comes before what is in it, so the reverse order empties each before its turn.
    directories.sort_unstable();
    for path in directories.iter().rev() {
        let (parent, name) = split(path);
        let directory =
            open_below(root, parent, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).map_err(|e| failed(path, &e))?;
        rustix::fs::unlinkat(&directory, name, AtFlags::REMOVEDIR).map_err(|e| failed(path, &e.into()))?;
    }
    Ok(())
}

/// Removes `name` from an open directory with all that is in it, on the calling thread.
pub(crate) fn remove_at(directory: impl AsFd, name: &[u8]) -> io::Result<()> {
    match rustix::fs::unlinkat(&directory, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {}
        other => return Ok(other?),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut stack = vec![(name.to_vec(), rustix::fs::openat(&directory, name, flags, Mode::empty())?)];
    while let Some((_, open)) = stack.last() {
        let mut below = None;
        for found in read_names(open)? {
            match rustix::fs::unlinkat(open, found.bytes.as_slice(), AtFlags::empty()) {
                Err(Errno::ISDIR) => {
                    below = Some((found.bytes.clone(), rustix::fs::openat(open, found.bytes, flags, Mode::empty())?));
                    break;
                }
                other => other?,
            }
        }
        if let Some(below) = below {
            stack.push(below);
            continue;
        }
        let Some((name, _)) = stack.pop() else { break };
        let parent = stack.last().map_or(directory.as_fd(), |(_, open)| open.as_fd());
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    }
    Ok(())
}

/// Makes everything written to the file system that holds `path` durable. Fails with `TSB_SYNC_FAILED`.
pub fn sync(path: &Path) -> Result<()> {
    let failed = |e: Errno| Error::io("TSB_SYNC_FAILED", "cannot sync", path, &e.into());
    let open = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    rustix::fs::syncfs(&open).map_err(failed)
}

fn failed(path: &[u8], cause: &io::Error) -> Error {
    Error::io("TSB_REMOVE_FAILED", "cannot remove", as_path(path), cause)
}
