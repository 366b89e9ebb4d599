//! The content of a directory, several files at a time.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use digests::Result;
use rustix::fs::{AtFlags, FileType, Gid, Mode, Uid};
use rustix::io::Errno;

use super::Changed;
use super::copy::unreadable;
use super::item::{Copier, Spot, set_times, set_xattrs};
use super::resolve::{conflict, failed};
use crate::open::{as_path, open_directory, split};
use crate::tree::{Entry, Kind, Tree};
use crate::walk::{panicked, thread_count};

/// Files that a thread takes at once.
const PART: usize = 256;

/// Files of one directory.
struct Part {
    /// Relative to the directory that is copied; empty for itself.
    directory: Vec<u8>,
    entries: Vec<Entry>,
}

/// Copies all that the tree has below `top` from one open directory to another. First the directories are made, in order,
/// then files are copied on several threads, then the directories get their owners, modes and times.
pub(super) fn copy(copier: &Copier<'_>, tree: &Tree, top: &[u8], changed: &mut Changed) -> Result<()> {
    let strip = if top.is_empty() { 0 } else { top.len() + 1 };
    let mut directories: Vec<Entry> = Vec::new();
    let mut parts = vec![Part { directory: Vec::new(), entries: Vec::new() }];
    let mut part_of = std::collections::HashMap::from([(Vec::new(), 0)]);
    for entry in tree.entries(tree.below(top)) {
        let mut entry = entry?;
        entry.path.drain(..strip);
        if entry.kind == Kind::Directory {
            directories.push(entry);
            continue;
        }
        let parent = split(&entry.path).0;
        let mut index = part_of.get(parent).copied().unwrap_or(usize::MAX);
        if parts.get(index).is_none_or(|part| part.entries.len() >= PART) {
            index = parts.len();
            parts.push(Part { directory: parent.to_vec(), entries: Vec::new() });
            part_of.insert(parent.to_vec(), index);
        }
        parts[index].entries.push(entry);
    }
    make_directories(copier, &directories)?;
    let done = in_parallel(&parts, |part, buffer| copy_part(copier, part, buffer))?;
    changed.files += done.iter().map(|(files, _)| files).sum::<u64>();
    changed.bytes += done.iter().map(|(_, bytes)| bytes).sum::<u64>();
    in_parallel(&directories, |entry, _| finish_directory(copier, entry)).map(|_| ())
}

fn make_directories(copier: &Copier<'_>, directories: &[Entry]) -> Result<()> {
    // The directories on the way to the current one, open, with their paths.
    let mut way: Vec<(Vec<u8>, OwnedFd)> = Vec::new();
    for entry in directories {
        copier.cancel.check()?;
        let (parent, name) = split(&entry.path);
        way.retain(|(path, _)| parent.starts_with(path) && (path.len() == parent.len() || parent[path.len()] == b'/'));
        if way.last().is_none_or(|(path, _)| path != parent) {
            let open = open_directory(copier.to, parent).map_err(|e| broken(&entry.path, &e))?;
            way.push((parent.to_vec(), open));
        }
        let directory = way.last().map_or(copier.to, |(_, open)| open.as_fd());
        let mode = Mode::from_raw_mode(copier.mode_of(entry) & 0o777);
        match rustix::fs::mkdirat(directory, name, mode) {
            Ok(()) => {}
            Err(Errno::EXIST) => check_directory(directory, name, &entry.path)?,
            Err(e) => return Err(failed("cannot make directory", &entry.path, e)),
        }
    }
    Ok(())
}

/// A link to a directory is none here: below the top, links of the destination are not followed.
fn check_directory(directory: impl AsFd, name: &[u8], path: &[u8]) -> Result<()> {
    let stat =
        rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| failed("cannot stat", path, e))?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        return Ok(());
    }
    let message = format!("cannot copy directory `{}` over something that is none", as_path(path).display());
    Err(conflict(message, path).hint("copy into the directory that the link of the destination leads to"))
}

fn copy_part(copier: &Copier<'_>, part: &Part, buffer: &mut Vec<u8>) -> Result<(u64, u64)> {
    if part.entries.is_empty() {
        return Ok((0, 0));
    }
    let from =
        open_directory(copier.from, &part.directory).map_err(|e| unreadable(&part.directory, &e, copier.is_live))?;
    let to = open_directory(copier.to, &part.directory).map_err(|e| broken(&part.directory, &e))?;
    let mut bytes = 0;
    for entry in &part.entries {
        copier.cancel.check()?;
        let name = split(&entry.path).1;
        let spot = Spot { from: from.as_fd(), from_name: name, to: to.as_fd(), to_name: name, shown: &entry.path };
        bytes += copier.copy(entry, &spot, buffer)?;
    }
    Ok((part.entries.len() as u64, bytes))
}

fn finish_directory(copier: &Copier<'_>, entry: &Entry) -> Result<()> {
    let path = &entry.path;
    let from = open_directory(copier.from, path).map_err(|e| unreadable(path, &e, copier.is_live))?;
    let times = rustix::fs::fstat(&from).map_err(|e| unreadable(path, &e.into(), copier.is_live))?;
    let to = open_directory(copier.to, path).map_err(|e| broken(path, &e))?;
    let stat = rustix::fs::fstat(&to).map_err(|e| failed("cannot stat", path, e))?;
    let owner = copier.owner_of(entry);
    if (stat.st_uid, stat.st_gid) != (owner.uid, owner.gid) {
        rustix::fs::fchown(&to, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
            .map_err(|e| failed("cannot change the owner of", path, e))?;
    }
    let mode = copier.mode_of(entry);
    if stat.st_mode & 0o7777 != mode {
        rustix::fs::fchmod(&to, Mode::from_raw_mode(mode)).map_err(|e| failed("cannot change the mode of", path, e))?;
    }
    set_xattrs(to.as_fd(), b"", entry, path)?;
    set_times(&to, &times).map_err(|e| failed("cannot set the times of", path, e))
}

/// Hands the items to as many threads as are useful, in order of their start. The first error ends all.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T, &mut Vec<u8>) -> Result<R> + Sync) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let run = || -> Result<Vec<R>> {
        let mut buffer = Vec::new();
        let mut done = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Whoever fails leaves nothing for the others.
            let result = work(item, &mut buffer).inspect_err(|_| next.store(items.len(), Ordering::Relaxed))?;
            done.push(result);
        }
        Ok(done)
    };
    let threads = thread_count().min(items.len());
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut all = vec![run()];
        all.extend(others.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))));
        Ok(all.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

fn broken(path: &[u8], cause: &std::io::Error) -> digests::Error {
    digests::Error::io("TSB_COPY_FAILED", "cannot open destination directory", as_path(path), cause)
}
