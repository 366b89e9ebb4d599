use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use digests::tar::{Header, Kind, TarWriter};
use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{FileType, Mode, OFlags, major, minor, openat, readlinkat};
use rustix::io::Errno;

use crate::archive::write_error;
use crate::root::MAX_PATH;
use crate::walk::{Found, read_error};
use crate::xattr::{OPAQUE, OVERLAY, Target, Xattrs, is_portable};

/// What the directory means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// An overlay upper: a change against what lies below. Deletions become whiteout entries.
    Change,
    /// A whole root, as a mount shows it.
    Whole,
}

/// What the times of the entries are, in seconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Times {
    /// As they are on disk.
    #[default]
    Kept,
    /// What is later becomes this.
    AtMost(i64),
    /// All are this.
    Always(i64),
}

impl Times {
    fn of(self, mtime: i64) -> i64 {
        match self {
            Self::Kept => mtime,
            Self::AtMost(latest) => mtime.min(latest),
            Self::Always(time) => time,
        }
    }
}

/// Writes entries of a tar for what was found on disk. Any number of threads may.
#[derive(Clone, Copy)]
pub struct Scribe<'a> {
    pub root: &'a Path,
    pub view: View,
    pub times: Times,
    pub cancel: &'a Cancel,
}

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE_MARK: &[u8] = b".wh..wh..opq";
/// Bytes read at once.
const CHUNK: u64 = 256 << 10;

impl Scribe<'_> {
    /// Writes the entry, or entries, that `found` is; `first` is the name under which the archive has the file already.
    /// `buffer` is for use again.
    pub fn write<W: Write>(
        &self,
        found: &Found,
        first: Option<&[u8]>,
        tar: &mut TarWriter<W>,
        buffer: &mut Vec<u8>,
    ) -> Result<()> {
        self.cancel.check()?;
        // Directories can be made deeper than a path can be long, but nobody could unpack the layer.
        if found.path.len() >= MAX_PATH {
            return Err(too_long(found));
        }
        if self.view == View::Change {
            if found.is_whiteout() {
                let name = [WHITEOUT, found.name()].concat();
                return mark(tar, &sibling(&found.path, &name));
            }
            if found.name().starts_with(WHITEOUT) {
                return Err(unrepresentable(found));
            }
        }
        if let Some(link) = first {
            return put(tar, &Header { link, ..self.header(found, Kind::HardLink) });
        }
        match found.file_type() {
            FileType::RegularFile => self.file(found, tar, buffer),
            FileType::Directory => self.directory(found, tar),
            FileType::Symlink => {
                let target = readlinkat(&found.parent, found.name(), Vec::new());
                let target = target.map_err(|errno| self.read_error(found, errno))?;
                self.special(found, Kind::SymbolicLink, target.to_bytes(), tar)
            }
            FileType::CharacterDevice => self.special(found, Kind::Character, b"", tar),
            FileType::BlockDevice => self.special(found, Kind::Block, b"", tar),
            FileType::Fifo => self.special(found, Kind::Fifo, b"", tar),
            // Sockets mean nothing without the process that listens.
            _ => Ok(()),
        }
    }

    fn directory<W: Write>(&self, found: &Found, tar: &mut TarWriter<W>) -> Result<()> {
        let all = match &found.directory {
            Some(fd) => self.xattrs(found, &Target::Open(fd.as_fd()))?,
            None => Vec::new(),
        };
        let opaque = all.iter().any(|(name, value)| name == OPAQUE.to_bytes() && value == b"y");
        let xattrs = self.portable(found, all)?;
        let path = [&found.path, b"/".as_slice()].concat();
        put(tar, &Header { path: &path, xattrs: &xattrs, ..self.header(found, Kind::Directory) })?;
        if opaque && self.view == View::Change {
            mark(tar, &[&path, OPAQUE_MARK].concat())?;
        }
        Ok(())
    }

    fn special<W: Write>(&self, found: &Found, kind: Kind, link: &[u8], tar: &mut TarWriter<W>) -> Result<()> {
        let all = self.xattrs(found, &Target::Named(found.parent.as_fd(), found.name()))?;
        let xattrs = self.portable(found, all)?;
        put(tar, &Header { link, xattrs: &xattrs, ..self.header(found, kind) })
    }

    fn file<W: Write>(&self, found: &Found, tar: &mut TarWriter<W>, buffer: &mut Vec<u8>) -> Result<()> {
        let file = open_file(found).map_err(|errno| self.read_error(found, errno))?;
        let all = self.xattrs(found, &Target::Open(file.as_fd()))?;
        let xattrs = self.portable(found, all)?;
        let size = found.size();
        put(tar, &Header { size, xattrs: &xattrs, ..self.header(found, Kind::File) })?;
        let mut left = size;
        while left > 0 {
            self.cancel.check()?;
            let room = usize::try_from(left.min(CHUNK)).unwrap_or_default();
            if buffer.len() < room {
                buffer.resize(room, 0);
            }
            let read = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut buffer[..room]));
            let read = read.map_err(|errno| self.read_error(found, errno))?;
            if read == 0 {
                return Err(self.changed(found));
            }
            tar.content(&buffer[..read]).map_err(|cause| write_error(&cause))?;
            left -= read as u64;
        }
        tar.pad().map_err(|cause| write_error(&cause))
    }

    fn xattrs(&self, found: &Found, target: &Target<'_>) -> Result<Xattrs> {
        target.list().map_err(|errno| self.read_error(found, errno))
    }

    fn portable(&self, found: &Found, mut all: Xattrs) -> Result<Xattrs> {
        // With these the content lies elsewhere than in this directory; our own mounts turn both features off.
        let elsewhere = |name: &[u8]| matches!(name.strip_prefix(OVERLAY), Some(b"redirect" | b"metacopy"));
        if self.view == View::Change && all.iter().any(|(name, _)| elsewhere(name)) {
            let message = format!("`{}` is not complete in its overlay layer", show(&found.path));
            return Err(Error::new("TSB_LAYER_OVERLAY", Fault::Host, message).at(OsStr::from_bytes(&found.path)));
        }
        all.retain(|(name, _)| is_portable(name));
        Ok(all)
    }

    fn header<'a>(&self, found: &'a Found, kind: Kind) -> Header<'a> {
        let stat = &found.stat;
        Header {
            path: &found.path,
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: 0,
            mtime: self.times.of(stat.st_mtime),
            link: b"",
            device: (major(stat.st_rdev), minor(stat.st_rdev)),
            xattrs: &[],
        }
    }

    fn changed(&self, found: &Found) -> Error {
        let path = self.root.join(OsStr::from_bytes(&found.path));
        Error::new("TSB_LAYER_CHANGED", Fault::Host, format!("`{}` shrank while it was read", path.display())).at(path)
    }

    fn read_error(&self, found: &Found, errno: Errno) -> Error {
        read_error(&self.root.join(OsStr::from_bytes(&found.path)), errno)
    }
}

/// Reading leaves the access time alone where that is allowed: the first read of each fresh file would otherwise write
/// its inode.
fn open_file(found: &Found) -> std::result::Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(&found.parent, found.name(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => openat(&found.parent, found.name(), flags, Mode::empty()),
        opened => opened,
    }
}

/// An empty file whose name is the message. Times and owners mean nothing and are always the same.
fn mark<W: Write>(tar: &mut TarWriter<W>, path: &[u8]) -> Result<()> {
    let device = (0, 0);
    let (mode, uid, gid, size, mtime) = (0o600, 0, 0, 0, 0);
    put(tar, &Header { path, kind: Kind::File, mode, uid, gid, size, mtime, link: b"", device, xattrs: &[] })
}

fn put<W: Write>(tar: &mut TarWriter<W>, header: &Header<'_>) -> Result<()> {
    tar.header(header).map_err(|cause| write_error(&cause))
}

fn sibling(path: &[u8], name: &[u8]) -> Vec<u8> {
    let parent = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    [&path[..parent], name].concat()
}

fn unrepresentable(found: &Found) -> Error {
    let message = format!("a layer cannot hold the name `{}`", show(&found.path));
    Error::new("TSB_LAYER_NAME", Fault::Input, message)
        .at(OsStr::from_bytes(&found.path))
        .hint("rename or remove it: names that begin with `.wh.` mean deletions in an image layer")
}

fn too_long(found: &Found) -> Error {
    let message = format!("`{}` is longer than a path can be", show(&found.path));
    Error::new("TSB_LAYER_NAME", Fault::Input, message)
        .at(OsStr::from_bytes(&found.path))
        .hint("move what is in its deepest directories further up: a path has at most 4,095 bytes")
}

fn show(path: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path)
}
