//! One thing that is no directory, copied with everything that belongs to it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::chmod::Chmod;
use super::copy::{changed_meanwhile, unreadable};
use super::owner::Owner;
use super::resolve::{conflict, failed};
use crate::content::Copying;
use crate::open::{as_path, open_directory, split};
use crate::stack;
use crate::tree::{Entry, Kind, Xattr};
use crate::xattr;

/// What a copy changes about everything that it copies.
#[derive(Clone, Copy, Default)]
pub(crate) struct Overrides<'a> {
    pub owner: Option<Owner>,
    pub mode: Option<&'a Chmod>,
}

/// What one source path has in common: the directories, and the hard links met so far.
pub(crate) struct Copier<'a> {
    /// The directories that show the source together, top first.
    pub from: &'a [OwnedFd],
    pub to: &'a OwnedFd,
    overrides: Overrides<'a>,
    /// The source is a directory of the user, who may change it meanwhile: content is compared with the tree's hash.
    pub is_live: bool,
    pub cancel: &'a Cancel,
    copying: Copying<'a>,
    /// The copy of a file with several names, by device and inode of the source.
    links: Mutex<HashMap<(u64, u64), Linked>>,
}

struct Linked {
    /// Its first name, relative to `to`.
    path: Vec<u8>,
    inode: u64,
}

/// From where to where, by open directories and name.
pub(crate) struct Spot<'a> {
    /// Top first, as in `Copier`.
    pub from: &'a [OwnedFd],
    pub from_name: &'a [u8],
    pub to: &'a OwnedFd,
    pub to_name: &'a [u8],
    /// For messages.
    pub shown: &'a [u8],
}

impl<'a> Copier<'a> {
    pub fn new(
        from: &'a [OwnedFd],
        to: &'a OwnedFd,
        overrides: Overrides<'a>,
        is_live: bool,
        cancel: &'a Cancel,
    ) -> Self {
        let copying = Copying::new(cancel);
        Self { from, to, overrides, is_live, cancel, copying, links: Mutex::new(HashMap::new()) }
    }

    pub fn owner_of(&self, entry: &Entry) -> Owner {
        self.overrides.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid })
    }

    pub fn mode_of(&self, entry: &Entry) -> u32 {
        self.overrides.mode.map_or(entry.mode, |mode| mode.of(entry.mode, entry.kind == Kind::Directory))
    }

    /// Copies one entry and replaces what is at its place, unless that is a directory. Owner, mode and attributes of
    /// `entry` become those of the copy. Returns the copy's inode where the source has several names.
    pub fn copy(&self, entry: &mut Entry, spot: &Spot<'_>, buffer: &mut Vec<u8>) -> Result<Option<u64>> {
        Owner { uid: entry.uid, gid: entry.gid } = self.owner_of(entry);
        match entry.kind {
            Kind::File => {
                entry.mode = self.mode_of(entry);
                self.file(entry, spot, buffer)
            }
            Kind::Symlink => {
                let link = std::mem::take(&mut entry.link);
                let made = self.special(entry, spot, || rustix::fs::symlinkat(link.as_slice(), spot.to, spot.to_name));
                entry.link = link;
                made
            }
            kind => {
                refuse_whiteout(entry, spot.shown)?;
                entry.mode = self.mode_of(entry);
                let (file_type, device) = (FileType::from_raw_mode(kind.mode_bits()), entry.rdev);
                self.special(entry, spot, || rustix::fs::mknodat(spot.to, spot.to_name, file_type, Mode::RUSR, device))
            }
        }
    }

    fn file(&self, entry: &mut Entry, spot: &Spot<'_>, buffer: &mut Vec<u8>) -> Result<Option<u64>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = stack::first(spot.from, |from| rustix::fs::openat(from, spot.from_name, flags, Mode::empty()));
        let source = match open {
            // A socket of the context, which stands in the tree as an empty file.
            Err(Errno::NXIO) if entry.size == 0 => None,
            other => Some(File::from(other.map_err(|e| unreadable(spot.shown, &e.into(), self.is_live))?)),
        };
        let stat = self.stat(spot, source.as_ref())?;
        let is_regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if source.is_some() && (!is_regular || stat.st_size as u64 != entry.size) {
            return Err(self.changed(spot.shown));
        }
        if stat.st_nlink < 2 {
            let target = self.create(entry, spot)?;
            self.fill(entry, spot, source.as_ref(), &stat, &target, buffer)?;
            return Ok(None);
        }
        let (target, inode) = {
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (stat.st_dev, stat.st_ino);
            if let Some(first) = links.get(&key) {
                let (parent, name) = split(&first.path);
                let directory = open_directory(self.to, parent)
                    .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot open", as_path(parent), &e))?;
                replacing(spot, || rustix::fs::linkat(&directory, name, spot.to, spot.to_name, AtFlags::empty()))?;
                return Ok(Some(first.inode));
            }
            let target = self.create(entry, spot)?;
            let inode = rustix::fs::fstat(&target).map_err(|e| failed("cannot stat", spot.shown, e))?.st_ino;
            links.insert(key, Linked { path: entry.path.clone(), inode });
            (target, inode)
        };
        self.fill(entry, spot, source.as_ref(), &stat, &target, buffer)?;
        Ok(Some(inode))
    }

    fn create(&self, entry: &Entry, spot: &Spot<'_>) -> Result<File> {
        // Readable, because a clone is hashed after it was made.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        replacing(spot, || rustix::fs::openat(spot.to, spot.to_name, flags, mode)).map(File::from)
    }

    /// Content first, then owner, mode, attributes and times, each of which the one before would spoil.
    fn fill(
        &self,
        entry: &mut Entry,
        spot: &Spot<'_>,
        source: Option<&File>,
        stat: &Stat,
        target: &File,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        if let Some(source) = source {
            let expected = self.is_live.then_some(&entry.hash);
            let is_same = self
                .copying
                .copy(source, target, stat, expected, buffer)
                .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot copy", as_path(spot.shown), &e))?;
            if !is_same {
                return Err(self.changed(spot.shown));
            }
        }
        let made = rustix::fs::fstat(target).map_err(|e| failed("cannot stat", spot.shown, e))?;
        if (made.st_uid, made.st_gid) != (entry.uid, entry.gid) {
            rustix::fs::fchown(target, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
                .map_err(|e| failed("cannot change the owner of", spot.shown, e))?;
        }
        if made.st_mode & 0o7777 != entry.mode {
            rustix::fs::fchmod(target, Mode::from_raw_mode(entry.mode))
                .map_err(|e| failed("cannot change the mode of", spot.shown, e))?;
        }
        set_xattrs(spot.to, spot.to_name, &mut entry.xattrs, spot.shown)?;
        set_times(target, stat).map_err(|e| failed("cannot set the times of", spot.shown, e))
    }

    /// What has no content: links, devices, fifos, sockets.
    fn special(
        &self,
        entry: &mut Entry,
        spot: &Spot<'_>,
        make: impl Fn() -> rustix::io::Result<()>,
    ) -> Result<Option<u64>> {
        let stat = self.stat(spot, None)?;
        if Kind::of_mode(stat.st_mode) != entry.kind {
            return Err(self.changed(spot.shown));
        }
        replacing(spot, make)?;
        let (uid, gid) = (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)));
        rustix::fs::chownat(spot.to, spot.to_name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot change the owner of", spot.shown, e))?;
        if entry.kind != Kind::Symlink {
            let mode = Mode::from_raw_mode(entry.mode);
            rustix::fs::chmodat(spot.to, spot.to_name, mode, AtFlags::empty())
                .map_err(|e| failed("cannot change the mode of", spot.shown, e))?;
        }
        set_xattrs(spot.to, spot.to_name, &mut entry.xattrs, spot.shown)?;
        rustix::fs::utimensat(spot.to, spot.to_name, &times_of(&stat), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot set the times of", spot.shown, e))?;
        Ok(None)
    }

    fn stat(&self, spot: &Spot<'_>, source: Option<&File>) -> Result<Stat> {
        let stat = match source {
            Some(file) => rustix::fs::fstat(file),
            None => stack::first(spot.from, |from| rustix::fs::statat(from, spot.from_name, AtFlags::SYMLINK_NOFOLLOW)),
        };
        stat.map_err(|e| unreadable(spot.shown, &e.into(), self.is_live))
    }

    fn changed(&self, path: &[u8]) -> Error {
        if self.is_live {
            return changed_meanwhile(path);
        }
        let message = format!("`{}` is not what its layer had", as_path(path).display());
        Error::new("TSB_COPY_FAILED", Fault::Host, message).at(as_path(path))
    }
}

/// Makes something, after removing what is at its place when there is something.
pub(super) fn replacing<T>(spot: &Spot<'_>, make: impl Fn() -> rustix::io::Result<T>) -> Result<T> {
    let made = match make() {
        Err(Errno::EXIST) => {
            match rustix::fs::unlinkat(spot.to, spot.to_name, AtFlags::empty()) {
                Err(Errno::ISDIR) => return Err(over_directory(spot.to_name, spot.shown)),
                other => other.map_err(|e| failed("cannot replace", spot.shown, e))?,
            }
            make()
        }
        other => other,
    };
    made.map_err(|e| failed("cannot create", spot.shown, e))
}

pub(super) fn over_directory(name: &[u8], shown: &[u8]) -> Error {
    let message =
        format!("cannot replace directory `{}` with file `{}`", as_path(name).display(), as_path(shown).display());
    conflict(message, shown).hint("choose another destination, or remove the directory first")
}

/// A device 0:0 in an upper directory says that nothing stands there; overlayfs lets nobody make one.
pub(super) fn refuse_whiteout(entry: &Entry, shown: &[u8]) -> Result<()> {
    if entry.kind != Kind::Character || entry.rdev != 0 {
        return Ok(());
    }
    let message =
        format!("cannot make `{}`: a device with the number 0:0 cannot be part of a layer", as_path(shown).display());
    Err(Error::new("TSB_COPY_FAILED", Fault::Input, message).at(as_path(shown)))
}

/// Sets the attributes of `name` in an open directory. Those that the file system has no place for are left out, as
/// BuildKit does, and taken off the list.
pub(super) fn set_xattrs(directory: &OwnedFd, name: &[u8], xattrs: &mut Vec<Xattr>, shown: &[u8]) -> Result<()> {
    let mut result = Ok(());
    xattrs.retain(|attribute| match xattr::write_at(directory, name, attribute) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EPERM)) => false,
        Err(e) if result.is_ok() => {
            let failed = |e: &io::Error| Error::io("TSB_COPY_FAILED", "cannot set an attribute of", as_path(shown), e);
            result = Err(failed(&e));
            false
        }
        _ => true,
    });
    result
}

pub(crate) fn set_times(target: impl AsFd, stat: &Stat) -> rustix::io::Result<()> {
    rustix::fs::futimens(target, &times_of(stat))
}

pub(crate) fn set_seconds(target: impl AsFd, time: i64) -> rustix::io::Result<()> {
    rustix::fs::futimens(target, &seconds(time))
}

/// A time in whole seconds since 1970, for access and modification.
pub(crate) fn seconds(time: i64) -> Timestamps {
    let time = Timespec { tv_sec: time, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}

/// Both times are the modification time, so that nothing tells when a copy was made.
fn times_of(stat: &Stat) -> Timestamps {
    let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
    Timestamps { last_access: time, last_modification: time }
}
