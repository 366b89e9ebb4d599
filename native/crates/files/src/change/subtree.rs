//! The content of a directory, several files at a time.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use digests::{Error, Result};
use rustix::fs::{Gid, Mode, Uid};

use super::copy::unreadable;
use super::item::{Copier, Spot, over_directory, set_times, set_xattrs};
use super::owner::Owner;
use super::resolve::{conflict, failed};
use super::root::Root;
use crate::delta::Item;
use crate::open::{as_path, join, open_directory, split};
use crate::stack;
use crate::tree::{Chosen, Entry, Filter, Kind, Tree};
use crate::walk::{panicked, thread_count};

/// Files that a thread takes at once. Directories are mostly smaller: threads in one directory wait for each other.
const PART: usize = 512;

/// What is copied: all that a tree has below a directory, or what a filter takes of it.
pub(super) struct Subtree<'a> {
    pub tree: &'a Tree,
    pub top: &'a [u8],
    pub filter: Option<&'a Filter>,
}

type Taken<'a> = Box<dyn Iterator<Item = Result<(Entry, bool)>> + 'a>;

impl Subtree<'_> {
    /// The entries in tree order, and which of them are directories that are only on the way to others.
    fn entries(&self) -> Result<Taken<'_>> {
        let Some(filter) = self.filter else {
            let all = self.tree.entries(self.tree.below(self.top));
            return Ok(Box::new(all.map(|entry| Ok((entry?, false)))));
        };
        let chosen = filter.choose(self.tree, self.top)?;
        Ok(Box::new(chosen.into_iter().map(|Chosen { index, on_way }| Ok((self.tree.entry(index)?, on_way)))))
    }
}

/// A directory to be filled. Paths of sources are relative to the directory that is copied.
struct Planned {
    entry: Entry,
    /// What stood there before; nothing for one that is new, and so is all that comes into it.
    found: Option<Entry>,
    /// It is copied for the sake of what is in it.
    on_way: bool,
    /// The last of its parts.
    part: usize,
    /// Parts that are not done.
    left: AtomicUsize,
}

/// Files of one directory.
struct Part {
    directory: usize,
    entries: Vec<Entry>,
}

/// Copies a subtree into the directory `at` of the root, where the copier's `to` stands.
/// First the directories are made, in order; then files are copied on several threads, and whoever finishes a
/// directory gives it its owner, mode and times.
pub(super) fn copy(copier: &Copier<'_>, root: &mut Root<'_>, subtree: &Subtree<'_>, at: &[u8]) -> Result<()> {
    let (directories, parts) = plan(copier, root, subtree, at)?;
    let parts = Mutex::new(parts.into_iter());
    let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || -> Result<Vec<Item>> {
        let mut buffer = Vec::new();
        let mut done = Vec::new();
        while let Some(part) = next() {
            let copied = copy_part(copier, &directories, part, at, &mut buffer, &mut done);
            // Whoever fails leaves nothing for the others.
            copied.inspect_err(|_| while next().is_some() {})?;
        }
        Ok(done)
    };
    let done = thread::scope(|scope| {
        let others: Vec<_> = (1..thread_count()).map(|_| scope.spawn(run)).collect();
        let mut all = vec![run()];
        all.extend(others.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))));
        all.into_iter().collect::<Result<Vec<_>>>()
    })?;
    done.into_iter().flatten().for_each(|item| root.record(item));
    Ok(())
}

/// Makes the directories and says what is to be copied into each.
fn plan(
    copier: &Copier<'_>,
    root: &mut Root<'_>,
    subtree: &Subtree<'_>,
    at: &[u8],
) -> Result<(Vec<Planned>, Vec<Part>)> {
    let strip = if subtree.top.is_empty() { 0 } else { subtree.top.len() + 1 };
    let (mut directories, mut parts) = (Vec::new(), Vec::new());
    let entry = Entry::new(Vec::new(), Kind::Directory, 0);
    add_directory(&mut directories, &mut parts, entry.clone(), Some(entry), false);
    // The directories on the way to the current entry, and the one that is open.
    let mut way = vec![0];
    let mut open: Option<(usize, OwnedFd)> = None;
    for entry in subtree.entries()? {
        let (mut entry, on_way) = entry?;
        entry.path.drain(..strip);
        let parent_path = split(&entry.path).0;
        while way.last().is_some_and(|last| directories[*last].entry.path != parent_path) {
            way.pop();
        }
        let parent = way.last().copied().unwrap_or_default();
        let is_new = directories[parent].found.is_none();
        if entry.kind != Kind::Directory {
            if !is_new && root.kind(&join(at, &entry.path))? == Some(Kind::Directory) {
                return Err(over_directory(split(&entry.path).1, &entry.path));
            }
            add_file(&mut directories, &mut parts, parent, entry);
            continue;
        }
        copier.cancel.check()?;
        let above = match open.take() {
            Some((index, above)) if index == parent => above,
            _ => open_directory(copier.to, parent_path).map_err(|e| broken(parent_path, &e))?,
        };
        let found = make(copier, root, &above, &entry, at, is_new)?;
        open = Some((parent, above));
        way.push(directories.len());
        add_directory(&mut directories, &mut parts, entry, found, on_way);
    }
    Ok((directories, parts))
}

fn add_directory(
    directories: &mut Vec<Planned>,
    parts: &mut Vec<Part>,
    entry: Entry,
    found: Option<Entry>,
    on_way: bool,
) {
    let directory = directories.len();
    directories.push(Planned { entry, found, on_way, part: parts.len(), left: AtomicUsize::new(1) });
    parts.push(Part { directory, entries: Vec::new() });
}

fn add_file(directories: &mut [Planned], parts: &mut Vec<Part>, directory: usize, entry: Entry) {
    let planned = &mut directories[directory];
    if parts[planned.part].entries.len() >= PART {
        planned.part = parts.len();
        *planned.left.get_mut() += 1;
        parts.push(Part { directory, entries: Vec::new() });
    }
    parts[planned.part].entries.push(entry);
}

/// Makes one directory where there is none, and returns what there was.
fn make(
    copier: &Copier<'_>,
    root: &mut Root<'_>,
    above: &OwnedFd,
    entry: &Entry,
    at: &[u8],
    is_new: bool,
) -> Result<Option<Entry>> {
    let path = join(at, &entry.path);
    let found = if is_new { None } else { root.entry(&path)? };
    match found {
        None => {
            let mode = Mode::from_raw_mode(copier.mode_of(entry) & 0o777) | Mode::RWXU;
            rustix::fs::mkdirat(above, split(&path).1, mode)
                .map_err(|e| failed("cannot make directory", &entry.path, e))?;
            Ok(None)
        }
        Some(found) if found.kind == Kind::Directory => {
            if !root.is_written(&path) {
                root.copy_up(above, &path)?;
            }
            Ok(Some(found))
        }
        // A link to a directory is none here: below the top, links of the destination are not followed.
        Some(_) => {
            let message =
                format!("cannot copy directory `{}` over something that is none", as_path(&entry.path).display());
            Err(conflict(message, &entry.path)
                .hint("copy into the directory that the link of the destination leads to"))
        }
    }
}

fn copy_part(
    copier: &Copier<'_>,
    directories: &[Planned],
    part: Part,
    at: &[u8],
    buffer: &mut Vec<u8>,
    done: &mut Vec<Item>,
) -> Result<()> {
    let planned = &directories[part.directory];
    let path = &planned.entry.path;
    let from = stack::below(copier.from, path).map_err(|e| unreadable(path, &e, copier.is_live))?;
    let to = open_directory(copier.to, path).map_err(|e| broken(path, &e))?;
    for mut entry in part.entries {
        copier.cancel.check()?;
        let shown = entry.path.clone();
        let name = split(&shown).1;
        let spot = Spot { from: &from, from_name: name, to: &to, to_name: name, shown: &shown };
        let inode = copier.copy(&mut entry, &spot, buffer)?;
        entry.path = join(at, &shown);
        done.push(Item { entry, inode });
    }
    let is_last = planned.left.fetch_sub(1, Ordering::AcqRel) == 1;
    // What is copied into keeps what it has.
    if is_last && part.directory != 0 {
        let finished = match &planned.found {
            Some(found) if planned.on_way => pass(planned, found, &to)?,
            _ => finish(copier, planned, &from[0], &to, at)?,
        };
        done.push(finished);
    }
    Ok(())
}

/// Nothing comes into the directory any more that would change its times.
fn finish(copier: &Copier<'_>, planned: &Planned, from: &OwnedFd, to: &OwnedFd, at: &[u8]) -> Result<Item> {
    let path = &planned.entry.path;
    let mut entry = planned.entry.clone();
    Owner { uid: entry.uid, gid: entry.gid } = copier.owner_of(&entry);
    entry.mode = copier.mode_of(&entry);
    entry.opaque = planned.found.as_ref().is_some_and(|found| found.opaque);
    let times = rustix::fs::fstat(from).map_err(|e| unreadable(path, &e.into(), copier.is_live))?;
    let made = rustix::fs::fstat(to).map_err(|e| failed("cannot stat", path, e))?;
    if (made.st_uid, made.st_gid) != (entry.uid, entry.gid) {
        rustix::fs::fchown(to, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
            .map_err(|e| failed("cannot change the owner of", path, e))?;
    }
    if made.st_mode & 0o7777 != entry.mode {
        rustix::fs::fchmod(to, Mode::from_raw_mode(entry.mode))
            .map_err(|e| failed("cannot change the mode of", path, e))?;
    }
    set_xattrs(to, b"", &mut entry.xattrs, path)?;
    // What was made in a directory on the way came after it, and nobody sets its times again.
    if !planned.on_way {
        set_times(to, &times).map_err(|e| failed("cannot set the times of", path, e))?;
    }
    // What it had and the source does not name stays.
    let before = planned.found.iter().flat_map(|found| &found.xattrs);
    let kept = before.filter(|(name, _)| entry.xattrs.iter().all(|(other, _)| other != name));
    let kept: Vec<_> = kept.cloned().collect();
    entry.xattrs.extend(kept);
    entry.xattrs.sort();
    entry.path = join(at, path);
    Ok(Item { entry, inode: None })
}

/// A directory on the way that is there already has the source's mode then, and otherwise what it had.
fn pass(planned: &Planned, found: &Entry, to: &OwnedFd) -> Result<Item> {
    let mut entry = found.clone();
    entry.mode = planned.entry.mode;
    rustix::fs::fchmod(to, Mode::from_raw_mode(entry.mode))
        .map_err(|e| failed("cannot change the mode of", &planned.entry.path, e))?;
    Ok(Item { entry, inode: None })
}

fn broken(path: &[u8], cause: &std::io::Error) -> Error {
    Error::io("TSB_COPY_FAILED", "cannot open destination directory", as_path(path), cause)
}
