//! One thing that is no directory, copied with everything that belongs to it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use digests::{Cancel, Error, Result};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::copy::{Overrides, changed_meanwhile, unreadable};
use super::owner::Owner;
use super::resolve::{conflict, failed};
use crate::content;
use crate::open::{as_path, open_directory, split};
use crate::tree::{Entry, Kind};
use crate::xattr;

/// What one source path has in common: the two directories, and the hard links met so far.
pub(crate) struct Copier<'a> {
    pub from: BorrowedFd<'a>,
    pub to: BorrowedFd<'a>,
    overrides: Overrides,
    /// Content is compared with the tree's hash.
    pub is_live: bool,
    pub cancel: &'a Cancel,
    /// First name (relative to `to`) of a file with several, by device and inode of the source.
    links: Mutex<HashMap<(u64, u64), Vec<u8>>>,
}

/// From where to where, by open directory and name.
pub(crate) struct Spot<'a> {
    pub from: BorrowedFd<'a>,
    pub from_name: &'a [u8],
    pub to: BorrowedFd<'a>,
    pub to_name: &'a [u8],
    /// For messages.
    pub shown: &'a [u8],
}

impl<'a> Copier<'a> {
    pub fn new(
        from: BorrowedFd<'a>,
        to: BorrowedFd<'a>,
        overrides: Overrides,
        is_live: bool,
        cancel: &'a Cancel,
    ) -> Self {
        Self { from, to, overrides, is_live, cancel, links: Mutex::new(HashMap::new()) }
    }

    pub fn owner_of(&self, entry: &Entry) -> Owner {
        self.overrides.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid })
    }

    pub fn mode_of(&self, entry: &Entry) -> u32 {
        self.overrides.mode.unwrap_or(entry.mode)
    }

    /// Copies one entry and replaces what is at its place, unless that is a directory. Returns the bytes of content.
    pub fn copy(&self, entry: &Entry, spot: &Spot<'_>, buffer: &mut Vec<u8>) -> Result<u64> {
        match entry.kind {
            Kind::File => self.file(entry, spot, buffer),
            Kind::Symlink => {
                self.special(entry, spot, || rustix::fs::symlinkat(entry.link.as_slice(), spot.to, spot.to_name))
            }
            kind => {
                let file_type = FileType::from_raw_mode(kind.mode_bits());
                let make = || rustix::fs::mknodat(spot.to, spot.to_name, file_type, Mode::RUSR, entry.rdev);
                self.special(entry, spot, make)
            }
        }
    }

    fn file(&self, entry: &Entry, spot: &Spot<'_>, buffer: &mut Vec<u8>) -> Result<u64> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = match rustix::fs::openat(spot.from, spot.from_name, flags, Mode::empty()) {
            // A socket of the context, which stands in the tree as an empty file.
            Err(Errno::NXIO) if entry.size == 0 => None,
            other => Some(File::from(other.map_err(|e| unreadable(spot.shown, &e.into(), self.is_live))?)),
        };
        let stat = self.stat(spot, source.as_ref())?;
        if source.is_some() && FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(changed_meanwhile(spot.shown));
        }
        if stat.st_nlink < 2 {
            let target = self.create(entry, spot)?;
            return self.fill(entry, spot, source.as_ref(), &stat, &target, buffer);
        }
        let target = {
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (stat.st_dev, stat.st_ino);
            if let Some(first) = links.get(&key) {
                let (parent, name) = split(first);
                let directory = open_directory(self.to, parent)
                    .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot open", as_path(parent), &e))?;
                replacing(spot, || rustix::fs::linkat(&directory, name, spot.to, spot.to_name, AtFlags::empty()))?;
                return Ok(0);
            }
            let target = self.create(entry, spot)?;
            links.insert(key, entry.path.clone());
            target
        };
        self.fill(entry, spot, source.as_ref(), &stat, &target, buffer)
    }

    fn create(&self, entry: &Entry, spot: &Spot<'_>) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(self.mode_of(entry) & 0o777);
        replacing(spot, || rustix::fs::openat(spot.to, spot.to_name, flags, mode)).map(File::from)
    }

    /// Content first, then owner, mode, attributes and times, each of which the one before would spoil.
    fn fill(
        &self,
        entry: &Entry,
        spot: &Spot<'_>,
        source: Option<&File>,
        stat: &Stat,
        target: &File,
        buffer: &mut Vec<u8>,
    ) -> Result<u64> {
        let mut bytes = 0;
        if let Some(source) = source {
            let mut hasher = self.is_live.then(blake3::Hasher::new);
            buffer.resize(content::BUFFER, 0);
            bytes = content::copy(source, target, stat, hasher.as_mut(), buffer, self.cancel)
                .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot copy", as_path(spot.shown), &e))?;
            if hasher.is_some_and(|hasher| *hasher.finalize().as_bytes() != entry.hash) {
                return Err(changed_meanwhile(spot.shown));
            }
        }
        let made = rustix::fs::fstat(target).map_err(|e| failed("cannot stat", spot.shown, e))?;
        let owner = self.owner_of(entry);
        if (made.st_uid, made.st_gid) != (owner.uid, owner.gid) {
            rustix::fs::fchown(target, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
                .map_err(|e| failed("cannot change the owner of", spot.shown, e))?;
        }
        let mode = self.mode_of(entry);
        if made.st_mode & 0o7777 != mode {
            rustix::fs::fchmod(target, Mode::from_raw_mode(mode))
                .map_err(|e| failed("cannot change the mode of", spot.shown, e))?;
        }
        set_xattrs(spot.to, spot.to_name, entry, spot.shown)?;
        set_times(target, stat).map_err(|e| failed("cannot set the times of", spot.shown, e))?;
        Ok(bytes)
    }

    /// What has no content: links, devices, fifos, sockets.
    fn special(&self, entry: &Entry, spot: &Spot<'_>, make: impl Fn() -> rustix::io::Result<()>) -> Result<u64> {
        let stat = self.stat(spot, None)?;
        replacing(spot, make)?;
        let owner = self.owner_of(entry);
        let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        rustix::fs::chownat(spot.to, spot.to_name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot change the owner of", spot.shown, e))?;
        if entry.kind != Kind::Symlink {
            let mode = Mode::from_raw_mode(self.mode_of(entry));
            rustix::fs::chmodat(spot.to, spot.to_name, mode, AtFlags::empty())
                .map_err(|e| failed("cannot change the mode of", spot.shown, e))?;
        }
        set_xattrs(spot.to, spot.to_name, entry, spot.shown)?;
        rustix::fs::utimensat(spot.to, spot.to_name, &times_of(&stat), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot set the times of", spot.shown, e))?;
        Ok(0)
    }

    fn stat(&self, spot: &Spot<'_>, source: Option<&File>) -> Result<Stat> {
        let stat = match source {
            Some(file) => rustix::fs::fstat(file),
            None => rustix::fs::statat(spot.from, spot.from_name, AtFlags::SYMLINK_NOFOLLOW),
        };
        stat.map_err(|e| unreadable(spot.shown, &e.into(), self.is_live))
    }
}

/// Makes something, after removing what is at its place when there is something.
fn replacing<T>(spot: &Spot<'_>, make: impl Fn() -> rustix::io::Result<T>) -> Result<T> {
    let made = match make() {
        Err(Errno::EXIST) => {
            match rustix::fs::unlinkat(spot.to, spot.to_name, AtFlags::empty()) {
                Err(Errno::ISDIR) => return Err(over_directory(spot)),
                other => other.map_err(|e| failed("cannot replace", spot.shown, e))?,
            }
            make()
        }
        other => other,
    };
    made.map_err(|e| failed("cannot create", spot.shown, e))
}

fn over_directory(spot: &Spot<'_>) -> Error {
    let message = format!(
        "cannot replace directory `{}` with file `{}`",
        as_path(spot.to_name).display(),
        as_path(spot.shown).display()
    );
    conflict(message, spot.shown).hint("choose another destination, or remove the directory first")
}

/// Sets the attributes that the tree has. What the file system has no place for is left out, as BuildKit does.
pub(super) fn set_xattrs(directory: BorrowedFd<'_>, name: &[u8], entry: &Entry, shown: &[u8]) -> Result<()> {
    for attribute in &entry.xattrs {
        match xattr::write_at(directory, name, attribute) {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::EPERM)) => {}
            other => other.map_err(|e: io::Error| {
                Error::io("TSB_COPY_FAILED", "cannot set an attribute of", as_path(shown), &e)
            })?,
        }
    }
    Ok(())
}

pub(crate) fn set_times(target: impl AsFd, stat: &Stat) -> rustix::io::Result<()> {
    rustix::fs::futimens(target, &times_of(stat))
}

/// Both times are the modification time, so that nothing tells when a copy was made.
fn times_of(stat: &Stat) -> Timestamps {
    let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
    Timestamps { last_access: time, last_modification: time }
}
