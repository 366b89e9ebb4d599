//! What trees of files take on the disk.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use digests::{Error, Result};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::open::{as_path, join, open_directory};
use crate::walk::{panicked, read_names, thread_count};

/// `st_blocks` counts these (stat(2)), whatever the file system's own blocks are.
const BLOCK: u64 = 512;

/// What one path takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Allocated, directories included.
    pub bytes: u64,
    pub entries: u64,
}

/// Measures each path with all that is below it, several at a time. A file with several names counts once in the whole call, at a path
/// that has it. What goes while it is measured counts as far as it was seen; what is not there takes nothing.
/// Fails with `TSB_MEASURE_FAILED`.
pub fn measure(paths: &[PathBuf]) -> Result<Vec<Measured>> {
    let next = AtomicUsize::new(0);
    let links = Mutex::new(HashSet::new());
    let work = || -> Result<Vec<(usize, Measured)>> {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = paths.get(index) else { return Ok(done) };
            done.push((index, measure_path(path, &links)?));
        }
    };
    let mut all = vec![Measured::default(); paths.len()];
    let parts: Vec<Result<Vec<(usize, Measured)>>> = thread::scope(|scope| {
        let others: Vec<_> = (1..thread_count().min(paths.len())).map(|_| scope.spawn(work)).collect();
        let mut parts = vec![work()];
        parts.extend(others.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))));
        parts
    });
    for part in parts {
        for (index, measured) in part? {
            if let Some(place) = all.get_mut(index) {
                *place = measured;
            }
        }
    }
    Ok(all)
}

/// Files with several names that were counted already, by device and number.
type Links = Mutex<HashSet<(u64, u64)>>;

fn measure_path(path: &Path, links: &Links) -> Result<Measured> {
    let mut measured = Measured::default();
    let failed =
        |below: &[u8], e: &io::Error| Error::io("TSB_MEASURE_FAILED", "cannot measure", path.join(as_path(below)), e);
    let top = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
    let Some(top) = present(top).map_err(|e| failed(b"", &e))? else { return Ok(measured) };
    if !count(&top, &mut measured, links) {
        return Ok(measured);
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = rustix::fs::open(path, flags, Mode::empty()).map_err(io::Error::from);
    let Some(root) = present(root).map_err(|e| failed(b"", &e))? else { return Ok(measured) };
    // Paths and no open directories: there may be very many beside each other.
    let mut waiting = vec![Vec::new()];
    while let Some(directory) = waiting.pop() {
        let opened = present(open_directory(&root, &directory)).map_err(|e| failed(&directory, &e))?;
        let Some(fd) = opened else { continue };
        let names = present(read_names(&fd)).map_err(|e| failed(&directory, &e))?;
        for name in names.unwrap_or_default() {
            let below = join(&directory, &name.bytes);
            let stat =
                rustix::fs::statat(&fd, name.bytes.as_slice(), AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from);
            let Some(stat) = present(stat).map_err(|e| failed(&below, &e))? else { continue };
            if count(&stat, &mut measured, links) {
                waiting.push(below);
            }
        }
    }
    Ok(measured)
}

/// Adds one entry, unless it is a further name of one that was counted. Tells whether it is a directory.
fn count(stat: &Stat, measured: &mut Measured, links: &Links) -> bool {
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let is_shared = !is_directory && stat.st_nlink > 1;
    if is_shared && !links.lock().unwrap_or_else(PoisonError::into_inner).insert((stat.st_dev, stat.st_ino)) {
        return false;
    }
    measured.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK;
    measured.entries += 1;
    is_directory
}

/// Nothing where the entry went meanwhile, or became something else.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if matches!(Errno::from_io_error(&e), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) => Ok(None),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
