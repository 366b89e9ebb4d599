//! ADD of a local archive: `tar -x` into the destination. Names in the archive are a stranger's: every path is resolved
//! within the destination directory, whatever links the archive made before.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use digests::tar::{self, Problem, TarReader};
use digests::{Cancel, Error, Fault, Result, open_archive};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::Changed;
use super::item::set_xattrs;
use super::owner::Owner;
use super::resolve::{Place, conflict, failed, make_directories, make_missing, resolve};
use crate::open::{as_path, split};
use crate::remove::remove_at;
use crate::tree::{Entry, Kind};
use crate::xattr;

type Archive<'a> = TarReader<BufReader<Box<dyn Read + Send + 'a>>>;

/// Unpacks `file` into `destination` if it is a tar archive (plain, gzip, bzip2, xz, zstd; told by content alone).
/// Returns false for everything else, an archive without entries included, and has then changed nothing.
/// Fails with `TSB_COPY_ARCHIVE` when an archive is damaged or names something outside.
pub(super) fn try_unpack(
    file: File,
    root: &OwnedFd,
    destination: &[u8],
    owner: Option<Owner>,
    cancel: &Cancel,
    changed: &mut Changed,
) -> Result<bool> {
    let Ok((_, plain)) = open_archive(&file) else { return Ok(false) };
    let mut archive: Archive<'_> = TarReader::new(BufReader::with_capacity(64 * 1024, plain));
    let Ok(Some(first)) = archive.next_entry() else { return Ok(false) };
    // Not touched by `--chmod`, as in BuildKit.
    let top = make_directories(root, destination, 0o755, owner.unwrap_or_default())?;
    let mut unpacker = Unpacker { top, owner, directories: Vec::new(), changed };
    let mut next = Some(first);
    while let Some(entry) = next {
        cancel.check()?;
        unpacker.entry(&mut archive, &entry)?;
        next = archive.next_entry().map_err(|problem| broken(&entry.path, problem))?;
    }
    unpacker.finish()?;
    Ok(true)
}

struct Unpacker<'a> {
    top: OwnedFd,
    owner: Option<Owner>,
    /// Their times are set last: whatever is made in a directory changes them.
    directories: Vec<(Vec<u8>, Timestamps)>,
    changed: &'a mut Changed,
}

impl Unpacker<'_> {
    fn entry(&mut self, archive: &mut Archive<'_>, entry: &tar::Entry) -> Result<()> {
        let path = clean(&entry.path)?;
        if path.is_empty() {
            // The destination itself keeps what it has.
            return Ok(());
        }
        let (parent, name) = split(&path);
        let directory = make_parents(&self.top, parent)?;
        clear(&directory, name, entry.kind == tar::Kind::Directory, &path)?;
        match entry.kind {
            tar::Kind::File => return self.file(archive, entry, &directory, name),
            tar::Kind::Directory => {
                match rustix::fs::mkdirat(&directory, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(e) => return Err(failed("cannot make directory", &path, e)),
                }
                self.directories.push((path.clone(), times_of(entry)));
            }
            tar::Kind::HardLink => return self.hard_link(entry, &directory, name),
            tar::Kind::SymbolicLink => rustix::fs::symlinkat(entry.link.as_slice(), &directory, name)
                .map_err(|e| failed("cannot make link", &path, e))?,
            tar::Kind::Character => make_node(&directory, name, FileType::CharacterDevice, entry)?,
            tar::Kind::Block => make_node(&directory, name, FileType::BlockDevice, entry)?,
            tar::Kind::Fifo => make_node(&directory, name, FileType::Fifo, entry)?,
        }
        self.dress(entry, &directory, name)?;
        self.changed.files += u64::from(entry.kind != tar::Kind::Directory);
        Ok(())
    }

    fn file(&mut self, archive: &mut Archive<'_>, entry: &tar::Entry, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        let path = &entry.path;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|e| failed("cannot create", path, e))?;
        archive
            .content(entry, |offset, bytes| -> std::result::Result<(), Trouble> {
                file.write_all_at(bytes, offset).map_err(Trouble::Write)
            })
            .map_err(|trouble| match trouble {
                Trouble::Read(problem) => broken(path, problem),
                Trouble::Write(e) => Error::io("TSB_COPY_FAILED", "cannot write", as_path(path), &e),
            })?;
        // Makes the hole at the end, if there is one.
        file.set_len(entry.size).map_err(|e| Error::io("TSB_COPY_FAILED", "cannot write", as_path(path), &e))?;
        self.changed.files += 1;
        self.changed.bytes += entry.size;
        self.dress(entry, directory, name)
    }

    fn hard_link(&mut self, entry: &tar::Entry, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        let target = clean(&entry.link)?;
        let (parent, target_name) = split(&target);
        let Place::Directory(from) = resolve(&self.top, parent)? else { return Err(no_target(entry)) };
        match rustix::fs::linkat(from, target_name, directory, name, AtFlags::empty()) {
            Err(Errno::NOENT) => return Err(no_target(entry)),
            other => other.map_err(|e| failed("cannot make link", &entry.path, e))?,
        }
        self.changed.files += 1;
        Ok(())
    }

    /// Owner first, because changing it takes setuid bits and capabilities away.
    fn dress(&self, entry: &tar::Entry, directory: &OwnedFd, name: &[u8]) -> Result<()> {
        let path = &entry.path;
        let owner = self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid });
        let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot change the owner of", path, e))?;
        if entry.kind != tar::Kind::SymbolicLink {
            // What stands at the name was just made and is no link.
            rustix::fs::chmodat(directory, name, Mode::from_raw_mode(entry.mode & 0o7777), AtFlags::empty())
                .map_err(|e| failed("cannot change the mode of", path, e))?;
        }
        let mut attributes = Entry::new(path.clone(), Kind::File, 0);
        attributes.xattrs = entry.xattrs.iter().filter(|(name, _)| xattr::kept_of_layer(name)).cloned().collect();
        set_xattrs(directory.as_fd(), name, &attributes, path)?;
        rustix::fs::utimensat(directory, name, &times_of(entry), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot set the times of", path, e))
    }

    fn finish(&self) -> Result<()> {
        for (path, times) in self.directories.iter().rev() {
            let (parent, name) = split(path);
            // A later entry may have put something else there.
            let Place::Directory(directory) = resolve(&self.top, parent)? else { continue };
            match rustix::fs::utimensat(&directory, name, times, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(failed("cannot set the times of", path, e)),
            }
        }
        Ok(())
    }
}

enum Trouble {
    Read(Problem),
    Write(std::io::Error),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Read(problem)
    }
}

/// The path without `.`, `..` and slashes too many. One that leads out is refused rather than cut.
fn clean(path: &[u8]) -> Result<Vec<u8>> {
    let mut components: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                if components.pop().is_none() {
                    let message = format!("archive names `{}`, which lies outside of it", as_path(path).display());
                    return Err(Error::new("TSB_COPY_ARCHIVE", Fault::Input, message).at(as_path(path)));
                }
            }
            plain => components.push(plain),
        }
    }
    Ok(components.join(&b'/'))
}

fn make_parents(top: &OwnedFd, parent: &[u8]) -> Result<OwnedFd> {
    match resolve(top, parent)? {
        Place::Directory(directory) => Ok(directory),
        Place::Missing(directory, names) => make_missing(directory, &names, 0o755, Owner::default(), parent),
        Place::Other(..) => {
            let message = format!("archive has entries below `{}`, which is no directory", as_path(parent).display());
            Err(conflict(message, parent))
        }
    }
}

/// Removes what is at the place of an entry, except a directory that a directory comes to.
fn clear(directory: &OwnedFd, name: &[u8], is_directory: bool, path: &[u8]) -> Result<()> {
    let found = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        found => found.map_err(|e| failed("cannot stat", path, e))?,
    };
    if is_directory && FileType::from_raw_mode(found.st_mode) == FileType::Directory {
        return Ok(());
    }
    remove_at(directory, name).map_err(|e| Error::io("TSB_COPY_FAILED", "cannot replace", as_path(path), &e))
}

fn make_node(directory: &OwnedFd, name: &[u8], kind: FileType, entry: &tar::Entry) -> Result<()> {
    let device = rustix::fs::makedev(entry.device.0, entry.device.1);
    rustix::fs::mknodat(directory, name, kind, Mode::RUSR, device)
        .map_err(|e| failed("cannot make device", &entry.path, e))
}

fn times_of(entry: &tar::Entry) -> Timestamps {
    let time = Timespec { tv_sec: entry.mtime.0, tv_nsec: entry.mtime.1 as _ };
    Timestamps { last_access: time, last_modification: time }
}

fn no_target(entry: &tar::Entry) -> Error {
    let (from, to) = (as_path(&entry.path).display(), as_path(&entry.link).display());
    let message = format!("archive links `{from}` to `{to}`, which is not there");
    Error::new("TSB_COPY_ARCHIVE", Fault::Input, message).at(as_path(&entry.path))
}

fn broken(path: &[u8], problem: Problem) -> Error {
    let reason = match problem {
        Problem::Io(e) => {
            return Error::io("TSB_COPY_ARCHIVE", "cannot read archive at", as_path(path), &e).fault(Fault::Input);
        }
        Problem::Truncated => "it ends too early",
        Problem::Malformed(reason) => reason,
    };
    let message = format!("cannot read archive at `{}`: {reason}", as_path(path).display());
    Error::new("TSB_COPY_ARCHIVE", Fault::Input, message).at(as_path(path))
}
