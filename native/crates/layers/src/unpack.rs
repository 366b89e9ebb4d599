use std::collections::BTreeMap;
use std::ffi::CString;
use std::io::BufRead;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use digests::tar::{Entry, Kind, TarReader};
use digests::{Cancel, Error};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::fs::{
    chmodat, chownat, fchmod, fchown, fstat, ftruncate, futimens, linkat, makedev, mkdirat, mknodat, openat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use crate::apply::{Contents, Form};
use crate::lower;
use crate::problem::{Fail, Why};
use crate::root::{Parent, Root, clean, join};
use crate::xattr::{Target, Xattrs, is_portable};

const WHITEOUT: &[u8] = b".wh.";
const META: &[u8] = b".wh..wh.";
const OPAQUE_MARK: &[u8] = b".wh..wh..opq";

/// Unpacks every entry of the archive below `root`. What is in the archive decides nothing outside of it.
/// Returns with the stream right after the end-of-archive block.
pub fn unpack<R: BufRead>(
    reader: &mut TarReader<R>,
    root: Root,
    form: Form,
    lower: &[PathBuf],
    cancel: &Cancel,
) -> Result<Unpacked, Error> {
    let (times, contents) = (BTreeMap::new(), Contents::new());
    let mut unpacking = Unpacking { root, form, times, contents, lower, holes: 0, newest: None };
    let mut last = Vec::new();
    loop {
        cancel.check()?;
        let entry = match reader.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(problem) => return Err(Fail::Stream(problem).into_error((!last.is_empty()).then_some(&last))),
        };
        unpacking.entry(reader, &entry, cancel).map_err(|fail| fail.into_error(Some(&entry.path)))?;
        last = entry.path;
    }
    unpacking.finish()
}

/// A finished root, what its files hold, and how old the newest of them is.
pub struct Unpacked {
    pub root: Root,
    pub contents: Contents,
    pub newest: Option<i64>,
}

struct Unpacking<'a> {
    root: Root,
    form: Form,
    /// Of directories, by resolved path: set at the end, since every entry made in one changes it.
    times: BTreeMap<Vec<u8>, (i64, u32)>,
    contents: Contents,
    lower: &'a [PathBuf],
    /// Bytes that sparse files claim and the archive does not hold.
    holes: u64,
    newest: Option<i64>,
}

impl Unpacking<'_> {
    fn entry<R: BufRead>(&mut self, reader: &mut TarReader<R>, entry: &Entry, cancel: &Cancel) -> Result<(), Fail> {
        let path = clean(&entry.path)?;
        if path.is_empty() {
            return if self.form == Form::Files { Ok(()) } else { self.top(entry) };
        }
        let (above, name) = split(&path);
        if self.form == Form::Files {
            return self.place(reader, entry, above, name, cancel);
        }
        if above.split(|byte| *byte == b'/').any(|part| part.starts_with(WHITEOUT)) {
            return self.below_whiteout(above);
        }
        if name.starts_with(WHITEOUT) {
            return self.whiteout(above, name);
        }
        self.place(reader, entry, above, name, cancel)
    }

    fn place<R: BufRead>(
        &mut self,
        reader: &mut TarReader<R>,
        entry: &Entry,
        above: &[u8],
        name: &[u8],
        cancel: &Cancel,
    ) -> Result<(), Fail> {
        if entry.kind == Kind::HardLink {
            return self.hard_link(entry, above, name);
        }
        let parent = self.parent(above)?;
        match entry.kind {
            Kind::File => self.file(reader, entry, &parent, name, cancel)?,
            Kind::Directory => self.directory(entry, &parent, name)?,
            _ => self.special(entry, &parent, name)?,
        }
        if entry.kind != Kind::Directory && !self.root.whiteouts.is_empty() {
            self.root.whiteouts.remove(&parent.child(name));
        }
        Ok(())
    }

    /// An entry for the root itself says its mode, owner and time.
    fn top(&mut self, entry: &Entry) -> Result<(), Fail> {
        if entry.kind != Kind::Directory {
            return Err(Fail::input(Why::Path, "would replace the root"));
        }
        let fail = |errno| Fail::system(errno, "cannot change");
        let (uid, gid) = owner(entry);
        fchown(self.root.fd(), uid, gid).map_err(fail)?;
        fchmod(self.root.fd(), Mode::from_raw_mode(entry.mode)).map_err(fail)?;
        set_xattrs(&Target::Open(self.root.fd()), &entry.xattrs)?;
        self.times.insert(Vec::new(), entry.mtime);
        Ok(())
    }

    /// Something inside a whiteout: only the bookkeeping directories of aufs (`.wh..wh.plnk`) ever had that.
    fn below_whiteout(&self, above: &[u8]) -> Result<(), Fail> {
        if above.split(|byte| *byte == b'/').any(|part| part.starts_with(META)) {
            return Ok(());
        }
        Err(Fail::input(Why::Whiteout, "lies below a deletion mark"))
    }

    /// OCI layer.md, "Whiteouts" and "Opaque Whiteout": marks hide what lower layers have, never what this one has,
    /// wherever in the archive they stand.
    fn whiteout(&mut self, above: &[u8], name: &[u8]) -> Result<(), Fail> {
        if name == OPAQUE_MARK {
            let parent = self.parent(above)?;
            return self.root.make_opaque(&parent, b".");
        }
        if name.starts_with(META) {
            return Ok(());
        }
        let hidden = &name[WHITEOUT.len()..];
        if matches!(hidden, b"" | b"." | b"..") {
            return Err(Fail::input(Why::Whiteout, "deletes nothing that has a name"));
        }
        let parent = self.parent(above)?;
        let fail = |errno| Fail::system(errno, "cannot mark");
        match mknodat(&parent.fd, hidden, FileType::CharacterDevice, Mode::empty(), 0) {
            Ok(()) => {
                self.root.whiteouts.insert(parent.child(hidden));
                Ok(())
            }
            Err(Errno::EXIST) => {
                let stat = rustix::fs::statat(&parent.fd, hidden, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
                if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                    self.root.make_opaque(&parent, hidden)?;
                }
                Ok(())
            }
            Err(errno) => Err(fail(errno)),
        }
    }

    fn directory(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<(), Fail> {
        let fail = |errno| Fail::system(errno, "cannot create");
        let path = parent.child(name);
        let stays = self.root.clear(parent, name, true)?;
        if !stays {
            mkdirat(&parent.fd, name, Mode::from_raw_mode(0o700)).map_err(fail)?;
        }
        if self.root.whiteouts.remove(&path) {
            self.root.make_opaque(parent, name)?;
        }
        self.attributes(entry, parent, name)?;
        self.root.implicit.remove(&path);
        self.times.insert(path, entry.mtime);
        Ok(())
    }

    fn file<R: BufRead>(
        &mut self,
        reader: &mut TarReader<R>,
        entry: &Entry,
        parent: &Parent,
        name: &[u8],
        cancel: &Cancel,
    ) -> Result<(), Fail> {
        let file = self.create(parent, name)?;
        let mut end = 0;
        let mut hash = ContentHash::default();
        let mut holes = entry.size;
        reader.content(entry, |offset, piece| {
            cancel.check()?;
            holes = holes.saturating_sub(piece.len() as u64);
            hash.update(offset, piece);
            end = end.max(write_sparse(&file, offset, piece)?);
            Ok::<(), Fail>(())
        })?;
        let fail = |errno| Fail::system(errno, "cannot write");
        self.holes = self.holes.saturating_add(holes);
        if self.holes > MAX_HOLES {
            return Err(Fail::input(Why::Entry, "claims more holes than a layer can honestly have"));
        }
        if end < entry.size {
            ftruncate(&file, entry.size).map_err(fail)?;
        }
        self.remember(&file, hash.finish(entry.size))?;
        let (uid, gid) = owner(entry);
        fchown(&file, uid, gid).map_err(fail)?;
        // After the owner: a change of owner takes the set-ID bits and capabilities away.
        fchmod(&file, Mode::from_raw_mode(entry.mode)).map_err(fail)?;
        set_xattrs(&Target::Open(file.as_fd()), &entry.xattrs)?;
        self.newest = self.newest.max(Some(entry.mtime.0));
        futimens(&file, &times(entry.mtime)).map_err(fail)
    }

    /// A file of this number may have been here and gone: what was known of it must not stand for the new one.
    fn remember(&mut self, file: &OwnedFd, hash: Option<[u8; 32]>) -> Result<(), Fail> {
        let inode = fstat(file).map_err(|errno| Fail::system(errno, "cannot look at"))?.st_ino;
        match hash {
            Some(hash) => self.contents.insert(inode, hash),
            None => self.contents.remove(&inode),
        };
        Ok(())
    }

    /// A new file at the name, whatever was there.
    fn create(&mut self, parent: &Parent, name: &[u8]) -> Result<OwnedFd, Fail> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o600);
        match openat(&parent.fd, name, flags, mode) {
            Err(Errno::EXIST) => {
                self.root.clear(parent, name, false)?;
                openat(&parent.fd, name, flags, mode)
            }
            other => other,
        }
        .map_err(|errno| Fail::system(errno, "cannot create"))
    }

    fn special(&mut self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<(), Fail> {
        self.root.clear(parent, name, false)?;
        let mode = Mode::from_raw_mode(0o600);
        let device = makedev(entry.device.0, entry.device.1);
        if entry.kind == Kind::Character && device == 0 && self.form == Form::Files {
            return Err(Fail::input(Why::Whiteout, "is a device with the number 0:0, which means a deletion"));
        }
        match entry.kind {
            Kind::SymbolicLink => {
                if entry.link.is_empty() || entry.link.contains(&0) {
                    return Err(Fail::input(Why::Link, "is a symbolic link without a usable target"));
                }
                symlinkat(entry.link.as_slice(), &parent.fd, name)
            }
            Kind::Character => mknodat(&parent.fd, name, FileType::CharacterDevice, mode, device),
            Kind::Block => mknodat(&parent.fd, name, FileType::BlockDevice, mode, device),
            _ => mknodat(&parent.fd, name, FileType::Fifo, mode, 0),
        }
        .map_err(|errno| Fail::system(errno, "cannot create"))?;
        self.attributes(entry, parent, name)?;
        let fail = |errno| Fail::system(errno, "cannot change");
        utimensat(&parent.fd, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(fail)
    }

    /// Another name for a file of this layer, or of one below: then the file is copied up first, as a link made in the
    /// mounted root would do.
    fn hard_link(&mut self, entry: &Entry, above: &[u8], name: &[u8]) -> Result<(), Fail> {
        let target = clean(&entry.link)?;
        if target.is_empty() {
            return Err(Fail::input(Why::Link, "is a hard link to the root"));
        }
        let (target_above, target_name) = split(&target);
        let marks = self.form != Form::Files;
        if marks && target.split(|byte| *byte == b'/').any(|part| part.starts_with(WHITEOUT)) {
            return Err(Fail::input(Why::Link, "is a hard link to a deletion mark"));
        }
        let found = match self.root.directory(target_above, false)? {
            Some(parent) if self.is_file(&parent, target_name)? => Some(parent),
            _ => None,
        };
        let source = match found {
            Some(parent) => parent,
            None => self.copy_up(target_above, target_name)?,
        };
        let parent = self.parent(above)?;
        if parent.path == source.path && name == target_name {
            return Ok(());
        }
        self.root.clear(&parent, name, false)?;
        self.root.whiteouts.remove(&parent.child(name));
        match linkat(&source.fd, target_name, &parent.fd, name, AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::MLINK | Errno::NOENT) => Err(Fail::input(Why::Link, "is a hard link that cannot be made")),
            Err(errno) => Err(Fail::system(errno, "cannot link")),
        }
    }

    /// Whether this layer has something there that can have two names.
    fn is_file(&self, parent: &Parent, name: &[u8]) -> Result<bool, Fail> {
        match rustix::fs::statat(&parent.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Fail::system(errno, "cannot look at")),
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                Err(Fail::input(Why::Link, "is a hard link to a directory"))
            }
            Ok(_) => Ok(!self.root.whiteouts.contains(&parent.child(name))),
        }
    }

    fn copy_up(&mut self, above: &[u8], name: &[u8]) -> Result<Parent, Fail> {
        let path = join(above, name);
        let missing =
            || Fail::input(Why::Link, "is a hard link to something that neither this layer nor one below has");
        if self.root.whiteouts.contains(&path) {
            return Err(missing());
        }
        let (source, stat) = lower::find(self.lower, &path)?.ok_or_else(missing)?;
        let parent = self.parent(above)?;
        let file = self.create(&parent, name)?;
        lower::copy(&source, &stat, &file)?;
        self.remember(&file, None)?;
        Ok(parent)
    }

    fn parent(&mut self, above: &[u8]) -> Result<Parent, Fail> {
        self.root.directory(above, true)?.ok_or_else(|| Fail::input(Why::Path, "has no directory"))
    }

    /// Owner, mode and attributes of what cannot be or need not be opened.
    fn attributes(&self, entry: &Entry, parent: &Parent, name: &[u8]) -> Result<(), Fail> {
        let fail = |errno| Fail::system(errno, "cannot change");
        let (uid, gid) = owner(entry);
        chownat(&parent.fd, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
        if entry.kind != Kind::SymbolicLink {
            chmodat(&parent.fd, name, Mode::from_raw_mode(entry.mode), AtFlags::empty()).map_err(fail)?;
        }
        set_xattrs(&Target::Named(parent.fd.as_fd(), name), &entry.xattrs)
    }

    /// Directories' times, now that nothing is made in them any more.
    fn finish(self) -> Result<Unpacked, Error> {
        // Where the archive says nothing, a time that is always the same.
        let unsaid = self.root.implicit.iter().map(|path| (path, &(0, 0)));
        for (path, mtime) in self.times.iter().chain(unsaid) {
            let (above, name) = split(path);
            let name = if path.is_empty() { b".".as_slice() } else { name };
            let fail = |errno| Fail::system(errno, "cannot change").into_error(Some(path));
            let parent = match self.root.strict(above) {
                // Replaced by a later entry.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
                other => other.map_err(fail)?,
            };
            let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW);
            if stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory) {
                utimensat(&parent, name, &times(*mtime), AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
            }
        }
        Ok(Unpacked { root: self.root, contents: self.contents, newest: self.newest })
    }
}

/// BLAKE3 of content that comes in order. The holes of a sparse entry are not gone through here: an archive of a few bytes may
/// state terabytes of them.
#[derive(Default)]
struct ContentHash {
    hasher: blake3::Hasher,
    length: u64,
}

impl ContentHash {
    fn update(&mut self, offset: u64, piece: &[u8]) {
        if offset == self.length {
            self.hasher.update(piece);
            self.length += piece.len() as u64;
        }
    }

    /// `None` when not all of the `size` bytes were seen.
    fn finish(self, size: u64) -> Option<[u8; 32]> {
        (self.length == size).then(|| *self.hasher.finalize().as_bytes())
    }
}

/// Holes cost nothing to claim, and time to whoever reads the files: as many as a layer may hold as zeros (`Bounds`).
const MAX_HOLES: u64 = 100 << 30;

/// Large enough that a hole saves something, small enough to be found in what one read brings.
const HOLE: usize = 64 << 10;

/// Writes `piece` at `offset`, but for stretches of zeros, which become holes. Returns how far the file now reaches.
fn write_sparse(file: &OwnedFd, offset: u64, piece: &[u8]) -> Result<u64, Fail> {
    let mut end = 0;
    let mut start = 0;
    while start < piece.len() {
        let hole = |at: usize| piece[at..].len() >= HOLE && is_zero(&piece[at..at + HOLE]);
        let mut stop = start;
        while stop < piece.len() && !hole(stop) {
            stop = (stop + HOLE).min(piece.len());
        }
        let mut written = start;
        while written < stop {
            let place = offset + written as u64;
            match rustix::io::pwrite(file, &piece[written..stop], place) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(Fail::system(errno, "cannot write")),
            }
            end = offset + written as u64;
        }
        start = if stop < piece.len() { stop + HOLE } else { stop };
    }
    Ok(end)
}

pub fn is_zero(bytes: &[u8]) -> bool {
    // Word by word, and out at the first that is not.
    bytes.chunks(64).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

/// Attributes that the file system cannot hold, or that its kind of file cannot have, are left out, as docker does.
pub fn set_xattrs(target: &Target<'_>, xattrs: &Xattrs) -> Result<(), Fail> {
    for (name, value) in xattrs.iter().filter(|(name, _)| is_portable(name)) {
        let name = CString::new(name.as_slice()).map_err(|_| Fail::input(Why::Entry, "has a malformed attribute"))?;
        match target.set(&name, value) {
            Ok(()) | Err(Errno::NOTSUP) => {}
            Err(Errno::PERM) if !name.to_bytes().starts_with(b"security.") => {}
            Err(Errno::INVAL | Errno::RANGE | Errno::TOOBIG) => {
                return Err(Fail::input(Why::Entry, "has a malformed attribute"));
            }
            Err(errno) => return Err(Fail::system(errno, "cannot set an attribute of")),
        }
    }
    Ok(())
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
}

fn times((seconds, nanos): (i64, u32)) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: i64::from(nanos) };
    Timestamps { last_access: time, last_modification: time }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}
