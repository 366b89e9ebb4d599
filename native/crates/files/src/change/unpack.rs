//! ADD of a local archive: `tar -x` into the destination. Names in the archive are a stranger's: every path is resolved
//! within the destination directory, whatever links the archive made before.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use digests::tar::{self, Problem, TarReader};
use digests::{Cancel, Error, Fault, Result, open_archive};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};

use super::item::{refuse_whiteout, set_xattrs};
use super::owner::Owner;
use super::resolve::{Making, Place, conflict, failed, make_directories, make_missing, resolve};
use super::root::Root;
use crate::content;
use crate::delta::Item;
use crate::open::{as_path, join, split};
use crate::tree::{Entry, Kind};
use crate::xattr;

type Archive<'a> = TarReader<BufReader<Box<dyn Read + Send + 'a>>>;

/// Unpacks `file` into `destination` if it is a tar archive (plain, gzip, bzip2, xz, zstd; told by content alone).
/// Returns false for everything else, an archive without entries included, and has then changed nothing.
/// Fails with `TSB_COPY_ARCHIVE` when an archive is damaged or names something outside.
pub(super) fn try_unpack(
    file: &File,
    root: &mut Root<'_>,
    destination: &[u8],
    owner: Option<Owner>,
    cancel: &Cancel,
) -> Result<bool> {
    let Ok((_, plain)) = open_archive(file) else { return Ok(false) };
    let mut archive: Archive<'_> = TarReader::new(BufReader::with_capacity(64 * 1024, plain));
    let Ok(Some(first)) = archive.next_entry() else { return Ok(false) };
    // Not touched by `--chmod`, as in BuildKit.
    let top = make_directories(root, destination, Making { mode: 0o755, owner, inherits: true })?;
    let mut unpacker = Unpacker { root, top, owner, cancel, directories: Vec::new(), linked: HashMap::new() };
    let mut next = Some(first);
    while let Some(entry) = next {
        cancel.check()?;
        unpacker.entry(&mut archive, &entry)?;
        next = archive.next_entry().map_err(|problem| broken(&entry.path, problem))?;
    }
    unpacker.finish()?;
    Ok(true)
}

struct Unpacker<'a, 'b> {
    root: &'a mut Root<'b>,
    /// The destination directory, which is the root of all paths in the archive.
    top: Vec<u8>,
    owner: Option<Owner>,
    cancel: &'a Cancel,
    /// Their times are set last: whatever is made in a directory changes them.
    directories: Vec<(Vec<u8>, Timestamps)>,
    /// The names that the archive gave to a file, by inode.
    linked: HashMap<u64, Vec<Vec<u8>>>,
}

impl Unpacker<'_, '_> {
    fn entry(&mut self, archive: &mut Archive<'_>, entry: &tar::Entry) -> Result<()> {
        let path = clean(&entry.path)?;
        if path.is_empty() {
            // The destination itself keeps what it has.
            return Ok(());
        }
        let (parent, name) = split(&path);
        let at = join(&self.parent(parent)?, name);
        let found = self.root.entry(&at)?;
        let is_directory = entry.kind == tar::Kind::Directory;
        if is_directory && let Some(found) = found.as_ref().filter(|found| found.kind == Kind::Directory) {
            self.root.enter(&at)?;
            return self.dress(entry, found.clone());
        }
        let opaque = found.is_some() && self.root.clear(&at)? && is_directory;
        let directory = self.root.enter(split(&at).0)?;
        let mut made = made_of(entry, at);
        made.opaque = opaque;
        refuse_whiteout(&made, &path)?;
        let name = split(&made.path).1;
        match made.kind {
            _ if entry.kind == tar::Kind::HardLink => return self.hard_link(entry, &directory, &made.path),
            Kind::File => made.hash = self.file(archive, entry, &directory, name)?,
            Kind::Directory => rustix::fs::mkdirat(&directory, name, Mode::RWXU)
                .map_err(|e| failed("cannot make directory", &path, e))?,
            Kind::Symlink => rustix::fs::symlinkat(made.link.as_slice(), &directory, name)
                .map_err(|e| failed("cannot make link", &path, e))?,
            kind => {
                rustix::fs::mknodat(&directory, name, FileType::from_raw_mode(kind.mode_bits()), Mode::RUSR, made.rdev)
                    .map_err(|e| failed("cannot make device", &path, e))?
            }
        }
        self.dress(entry, made)
    }

    /// Where the directory is that holds an entry, by the links that there are; made where it is missing.
    fn parent(&mut self, path: &[u8]) -> Result<Vec<u8>> {
        match resolve(self.root, &self.top, path)? {
            Place::Directory(directory) => Ok(directory),
            Place::Missing(directory, names) => {
                let making = Making { mode: 0o755, owner: None, inherits: false };
                make_missing(self.root, directory, &names, making)
            }
            Place::Other(..) => {
                let message = format!("archive has entries below `{}`, which is no directory", as_path(path).display());
                Err(conflict(message, path))
            }
        }
    }

    /// Writes the content of a file and returns its hash.
    fn file(
        &self,
        archive: &mut Archive<'_>,
        entry: &tar::Entry,
        directory: &OwnedFd,
        name: &[u8],
    ) -> Result<[u8; 32]> {
        let path = &entry.path;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|e| failed("cannot create", path, e))?;
        let (mut hasher, mut end) = (blake3::Hasher::new(), 0);
        archive
            .content(entry, |offset, bytes| -> std::result::Result<(), Trouble> {
                content::hash_zeros(&mut hasher, offset - end, self.cancel)?;
                hasher.update(bytes);
                end = offset + bytes.len() as u64;
                file.write_all_at(bytes, offset).map_err(Trouble::Write)
            })
            .map_err(|trouble| match trouble {
                Trouble::Read(problem) => broken(path, problem),
                Trouble::Write(e) => Error::io("TSB_COPY_FAILED", "cannot write", as_path(path), &e),
                Trouble::Stop(error) => error,
            })?;
        content::hash_zeros(&mut hasher, entry.size.saturating_sub(end), self.cancel)?;
        // Makes the hole at the end, if there is one.
        file.set_len(entry.size).map_err(|e| Error::io("TSB_COPY_FAILED", "cannot write", as_path(path), &e))?;
        Ok(*hasher.finalize().as_bytes())
    }

    fn hard_link(&mut self, entry: &tar::Entry, directory: &OwnedFd, at: &[u8]) -> Result<()> {
        let target = clean(&entry.link)?;
        let (parent, name) = split(&target);
        let Place::Directory(parent) = resolve(self.root, &self.top, parent)? else { return Err(no_target(entry)) };
        let target = join(&parent, name);
        let Some(mut found) = self.root.entry(&target)? else { return Err(no_target(entry)) };
        if found.kind != Kind::Directory && !self.root.is_written(&target) {
            self.root.copy_up_file(&target, self.cancel)?;
        }
        let from = self.root.enter(&parent)?;
        rustix::fs::linkat(from, name, directory, split(at).1, AtFlags::empty())
            .map_err(|e| failed("cannot make link", &entry.path, e))?;
        let stat = rustix::fs::statat(directory, split(at).1, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot stat", &entry.path, e))?;
        // What the archive says of the link is said of the file: they are one.
        found.path = at.to_vec();
        let dressed = self.dressed(entry, found.clone())?;
        let inode = stat.st_ino;
        let names = self.linked.entry(inode).or_default();
        let others = names.iter().filter(|path| dressed != found && self.root.inode(path) == Some(inode)).cloned();
        let renewed: Vec<_> = others.chain([target.clone(), at.to_vec()]).collect();
        names.extend([target, at.to_vec()]);
        for path in renewed {
            self.root.record(Item { entry: Entry { path, ..dressed.clone() }, inode: Some(inode) });
        }
        Ok(())
    }

    /// Owner first, because changing it takes setuid bits and capabilities away.
    fn dress(&mut self, entry: &tar::Entry, made: Entry) -> Result<()> {
        let entry = self.dressed(entry, made)?;
        self.root.record(Item { entry, inode: None });
        Ok(())
    }

    fn dressed(&mut self, entry: &tar::Entry, mut made: Entry) -> Result<Entry> {
        let path = &entry.path;
        let owner = self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid });
        (made.uid, made.gid) = (owner.uid, owner.gid);
        let directory = self.root.enter(split(&made.path).0)?;
        let name = split(&made.path).1;
        let (uid, gid) = (Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)));
        rustix::fs::chownat(&directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot change the owner of", path, e))?;
        if made.kind != Kind::Symlink {
            made.mode = entry.mode & 0o7777;
            // What stands at the name was just made and is no link.
            rustix::fs::chmodat(&directory, name, Mode::from_raw_mode(made.mode), AtFlags::empty())
                .map_err(|e| failed("cannot change the mode of", path, e))?;
        }
        let mut added: Vec<_> = entry.xattrs.iter().filter(|(name, _)| xattr::kept_of_layer(name)).cloned().collect();
        set_xattrs(&directory, name, &mut added, path)?;
        made.xattrs.retain(|(name, _)| added.iter().all(|(other, _)| other != name));
        made.xattrs.append(&mut added);
        made.xattrs.sort();
        if made.opaque {
            xattr::write_at(&directory, name, &(xattr::OPAQUE.to_vec(), b"y".to_vec()))
                .map_err(|e| Error::io("TSB_COPY_FAILED", "cannot mark", as_path(path), &e))?;
        }
        rustix::fs::utimensat(&directory, name, &times_of(entry), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| failed("cannot set the times of", path, e))?;
        if made.kind == Kind::Directory {
            self.directories.push((made.path.clone(), times_of(entry)));
        }
        Ok(made)
    }

    fn finish(&mut self) -> Result<()> {
        for (path, times) in self.directories.iter().rev() {
            // A later entry may have put something else there.
            if self.root.kind(path)? != Some(Kind::Directory) {
                continue;
            }
            let directory = self.root.enter(path)?;
            rustix::fs::futimens(&directory, times).map_err(|e| failed("cannot set the times of", path, e))?;
        }
        Ok(())
    }
}

enum Trouble {
    Read(Problem),
    Write(std::io::Error),
    Stop(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Stop(error)
    }
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

/// What an entry of the archive makes of a path, apart from owner, attributes and hash. A hard link has no kind of its own.
fn made_of(entry: &tar::Entry, path: Vec<u8>) -> Entry {
    let kind = match entry.kind {
        tar::Kind::File | tar::Kind::HardLink => Kind::File,
        tar::Kind::Directory => Kind::Directory,
        tar::Kind::SymbolicLink => Kind::Symlink,
        tar::Kind::Character => Kind::Character,
        tar::Kind::Block => Kind::Block,
        tar::Kind::Fifo => Kind::Fifo,
    };
    let mut made = Entry::new(path, kind, 0o777);
    match kind {
        Kind::File => made.size = entry.size,
        Kind::Symlink => made.link = entry.link.clone(),
        Kind::Character | Kind::Block => made.rdev = rustix::fs::makedev(entry.device.0, entry.device.1),
        _ => {}
    }
    made
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
