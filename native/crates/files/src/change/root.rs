//! The root that a change is made on. Nothing is mounted: what lies below is known by its tree, and what the change
//! makes goes straight into the upper directory, by the rules by which overlayfs lays that over the layers.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::item::{Copier, Overrides, Spot, set_seconds, set_times, set_xattrs};
use super::owner::Owner;
use super::resolve::{Making, failed};
use super::{Request, load};
use crate::commit::{self, Committed};
use crate::delta::{Delta, Item};
use crate::open::{as_path, open_directory, split};
use crate::remove::remove_at;
use crate::stack;
use crate::tree::{Entry, Kind, Tree};
use crate::xattr;

pub(super) struct Root<'a> {
    upper: OwnedFd,
    lower: Tree,
    layers: &'a [PathBuf],
    /// What `upper` holds, by `key_of`: in tree order.
    written: BTreeMap<Vec<u8>, Item>,
    /// Some directory of `upper` hides what is below it.
    has_opaque: bool,
    /// Something has an ACL (acl(5)): a file's changes its mode, a directory's is handed on to what is made in it.
    has_acls: bool,
}

impl<'a> Root<'a> {
    /// Opens the root below, which `request.parent` describes, and the empty upper.
    /// Fails with `TSB_TREE_MISSING`, `TSB_TREE_CORRUPT` and `TSB_COPY_FAILED`.
    pub fn open(request: &'a Request) -> Result<Self> {
        let lower = match &request.parent {
            Some(digest) => load(request, digest)?,
            None if request.layers.is_empty() => Tree::empty(),
            None => return Err(Error::new("TSB_BUG", Fault::Bug, "a change names layers, but not their tree")),
        };
        let path = &request.upper;
        let opened = |e: &std::io::Error| Error::io("TSB_COPY_FAILED", "cannot open", path, e);
        let upper = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|e| opened(&e.into()))?;
        let has_acls =
            !xattr::read_at(&upper, b"", |name| name.starts_with(xattr::ACL)).map_err(|e| opened(&e))?.is_empty();
        Ok(Self { upper, lower, layers: &request.layers, written: BTreeMap::new(), has_opaque: false, has_acls })
    }

    /// Whether the root has no layers and nothing in it yet.
    pub fn is_scratch(&self) -> bool {
        self.layers.is_empty()
    }

    /// What stands at `path`; links are not followed.
    pub fn entry(&self, path: &[u8]) -> Result<Option<Entry>> {
        match self.written.get(&key_of(path)) {
            Some(item) => Ok(Some(item.entry.clone())),
            None => self.shown(path).map(|index| self.lower.entry(index)).transpose(),
        }
    }

    /// As `entry`, but only what kind of thing it is.
    pub fn kind(&self, path: &[u8]) -> Result<Option<Kind>> {
        match self.written.get(&key_of(path)) {
            Some(item) => Ok(Some(item.entry.kind)),
            None => self.shown(path).map(|index| self.lower.kind(index)).transpose(),
        }
    }

    /// Opens the file `path` for reading. No link is followed.
    pub fn open_file(&self, path: &[u8]) -> Result<File> {
        let (parent, name) = split(path);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let directories = match self.is_written(path) {
            true => vec![
                open_directory(&self.upper, parent)
                    .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot open", as_path(path), &e))?,
            ],
            false => stack::directories(self.layers, parent).collect::<Result<_>>()?,
        };
        stack::first(&directories, |directory| rustix::fs::openat(directory, name, flags, Mode::empty()))
            .map(File::from)
            .map_err(|e| failed("cannot open", path, e))
    }

    pub fn is_written(&self, path: &[u8]) -> bool {
        self.written.contains_key(&key_of(path))
    }

    /// Of what was made at `path`, when it has several names.
    pub fn inode(&self, path: &[u8]) -> Option<u64> {
        self.written.get(&key_of(path)).and_then(|item| item.inode)
    }

    /// Notes what was made in the upper directory.
    pub fn record(&mut self, item: Item) {
        self.has_opaque |= item.entry.opaque;
        self.has_acls |= item.entry.xattrs.iter().any(|(name, _)| name.starts_with(xattr::ACL));
        self.written.insert(key_of(&item.entry.path), item);
    }

    /// The directory `path` of the upper, which is made there like the one below where that is not done yet.
    pub fn enter(&mut self, path: &[u8]) -> Result<OwnedFd> {
        if path.is_empty() || self.is_written(path) {
            return open_directory(&self.upper, path)
                .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot open", as_path(path), &e));
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]);
        let mut directory = self.enter(b"")?;
        for end in ends {
            let at = &path[..end];
            directory = match self.is_written(at) {
                true => open_at(&directory, at)?,
                false => self.copy_up(&directory, at)?,
            };
        }
        Ok(directory)
    }

    /// Makes a directory that the root does not have; its parent must be one.
    pub fn make_directory(&mut self, path: &[u8], making: Making) -> Result<OwnedFd> {
        let parent = self.enter(split(path).0)?;
        let above = rustix::fs::fstat(&parent).map_err(|e| failed("cannot stat", split(path).0, e))?;
        let passed_on = above.st_mode & SET_GROUP_ID;
        let mode = making.mode | if making.inherits { passed_on } else { 0 };
        let gid = if passed_on == 0 { 0 } else { above.st_gid };
        let owner = making.owner.unwrap_or(Owner { uid: 0, gid });
        let mut entry = Entry::new(path, Kind::Directory, mode);
        (entry.uid, entry.gid) = (owner.uid, owner.gid);
        let directory = make_at(&parent, &entry, |e| failed("cannot make directory", path, e))?;
        self.record(Item { entry, inode: None });
        Ok(directory)
    }

    /// Gives a directory of the upper a time, in seconds since 1970.
    pub fn set_time(&mut self, path: &[u8], seconds: i64) -> Result<()> {
        let directory = self.enter(path)?;
        set_seconds(&directory, seconds).map_err(|e| failed("cannot set the time of", path, e))
    }

    /// Makes the directory `path`, which a layer has, in the open upper directory above it: with the same owner, mode,
    /// attributes and times. As overlayfs does it, the directory above does not look changed by that.
    pub fn copy_up(&mut self, above: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
        let mut entry = self.below(path)?;
        let refused = |e| failed("cannot copy up", path, e);
        let from = stack::directories(self.layers, path).next().unwrap_or_else(|| Err(vanished(path)))?;
        let (before, times) = (rustix::fs::fstat(above).map_err(refused)?, rustix::fs::fstat(from).map_err(refused)?);
        let directory = make_at(above, &entry, refused)?;
        set_xattrs(&directory, b"", &mut entry.xattrs, path)?;
        set_times(&directory, &times).and_then(|()| set_times(above, &before)).map_err(refused)?;
        self.record(Item { entry, inode: None });
        Ok(directory)
    }

    /// Makes a copy of what a layer has at `path`, so that it can get one more name. Directories cannot.
    pub fn copy_up_file(&mut self, path: &[u8], cancel: &Cancel) -> Result<()> {
        let mut entry = self.below(path)?;
        let (parent, name) = split(path);
        let to = self.enter(parent)?;
        let from = stack::directories(self.layers, parent).collect::<Result<Vec<_>>>()?;
        let copier = Copier::new(&from, &to, Overrides::default(), false, cancel);
        let spot = Spot { from: &from, from_name: name, to: &to, to_name: name, shown: path };
        let inode = copier.copy(&mut entry, &spot, &mut Vec::new())?;
        self.record(Item { entry, inode });
        Ok(())
    }

    /// Takes away what stands at `path`, so that a directory or something else can be made there. Returns whether such
    /// a directory has to hide the content of one below. What the layers have needs no whiteout: something comes in its place.
    pub fn clear(&mut self, path: &[u8]) -> Result<bool> {
        let key = key_of(path);
        if self.written.contains_key(&key) {
            let directory = self.enter(split(path).0)?;
            remove_at(&directory, split(path).1)
                .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot replace", as_path(path), &e))?;
            let is_gone = |other: &[u8]| other.starts_with(&key) && other.get(key.len()).is_none_or(|byte| *byte == 0);
            let gone: Vec<_> =
                self.written.range(key.clone()..).map(|(key, _)| key).take_while(|key| is_gone(key)).cloned().collect();
            gone.iter().for_each(|key| drop(self.written.remove(key)));
        }
        let shown = self.shown(path).map(|index| self.lower.kind(index)).transpose()?;
        Ok(shown == Some(Kind::Directory))
    }

    /// Ends the change. Nothing is read again: what was made is known.
    pub fn commit(self, request: &Request, cancel: &Cancel) -> Result<Committed> {
        if !self.has_acls {
            let delta = Delta::of(self.written.into_values().collect());
            return commit::conclude(&self.upper, &self.lower, delta, &request.trees_directory);
        }
        // What the kernel adds of its own is known only by looking.
        let request = commit::Request {
            upper: request.upper.clone(),
            parent: request.parent,
            trees_directory: request.trees_directory.clone(),
            implicit: Vec::new(),
            delta: None,
        };
        commit::commit(&request, cancel)
    }

    /// Where the tree below has `path`, unless the upper hides it.
    fn shown(&self, path: &[u8]) -> Option<usize> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        let is_opaque = |end: usize| self.written.get(&key_of(&path[..end])).is_some_and(|item| item.entry.opaque);
        let is_hidden = self.has_opaque && ends.into_iter().any(is_opaque);
        if is_hidden { None } else { self.lower.find(path) }
    }

    fn below(&self, path: &[u8]) -> Result<Entry> {
        self.shown(path).map_or_else(|| Err(vanished(path)), |index| self.lower.entry(index))
    }
}

const SET_GROUP_ID: u32 = 0o2000;

/// In the order of keys a directory comes right before what is in it, as in a tree: names hold no zero byte.
fn key_of(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect()
}

/// Makes the directory that `entry` describes in the open directory above it, with its owner and mode.
fn make_at(above: &OwnedFd, entry: &Entry, refused: impl Fn(Errno) -> Error) -> Result<OwnedFd> {
    rustix::fs::mkdirat(above, split(&entry.path).1, Mode::RWXU).map_err(&refused)?;
    let directory = open_at(above, &entry.path)?;
    rustix::fs::fchown(&directory, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
        .and_then(|()| rustix::fs::fchmod(&directory, Mode::from_raw_mode(entry.mode)))
        .map_err(refused)?;
    Ok(directory)
}

/// The directory `path` by the open directory above it.
fn open_at(above: &OwnedFd, path: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(above, split(path).1, flags, Mode::empty()).map_err(|e| failed("cannot open", path, e))
}

fn vanished(path: &[u8]) -> Error {
    failed("cannot find", path, Errno::NOENT)
}
