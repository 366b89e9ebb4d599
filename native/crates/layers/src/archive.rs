use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use digests::tar::{Header, Kind, TarWriter};
use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{FileType, Mode, OFlags, major, minor, openat, readlinkat};

use crate::walk::{Found, read_error, walk};
use crate::xattr::{OPAQUE, OVERLAY, Target, Xattrs, is_portable};

/// What the directory means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// An overlay upper: a change against what lies below. Deletions become whiteout entries.
    Change,
    /// A whole root, as a mount shows it.
    Whole,
}

/// Writes everything below `root` as a tar (OCI layer.md, "Filesystem Changeset"), the root itself left out, as docker
/// does. Entries are sorted, owners numeric, times whole seconds (docker truncates them; so does every other writer of
/// layers), sockets skipped. The first name of a hard-linked file in that order is the file.
pub fn archive(root: &Path, view: View, output: &mut dyn Write, cancel: &Cancel) -> Result<()> {
    let mut archive =
        Archive { root, view, tar: TarWriter::new(output), links: HashMap::new(), buffer: vec![0; 256 << 10], cancel };
    walk(root, &mut |found| archive.add(found))?;
    archive.tar.finish().map_err(|cause| write_error(&cause))?;
    Ok(())
}

struct Archive<'a> {
    root: &'a Path,
    view: View,
    tar: TarWriter<&'a mut dyn Write>,
    /// Path of the first name of each file with several, by device and inode.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    cancel: &'a Cancel,
}

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE_MARK: &[u8] = b".wh..wh..opq";

impl Archive<'_> {
    fn add(&mut self, found: &Found<'_>) -> Result<()> {
        self.cancel.check()?;
        if self.view == View::Change {
            if found.is_whiteout() {
                let name = [WHITEOUT, found.name.to_bytes()].concat();
                return self.mark(&sibling(found.path, &name));
            }
            if found.name.to_bytes().starts_with(WHITEOUT) {
                return Err(self.unrepresentable(found));
            }
        }
        match found.file_type() {
            FileType::RegularFile => self.file(found),
            FileType::Directory => self.directory(found),
            FileType::Symlink => {
                let target = readlinkat(found.parent, found.name, Vec::new());
                let target = target.map_err(|errno| self.read_error(found, errno))?;
                self.special(found, Kind::SymbolicLink, target.to_bytes())
            }
            FileType::CharacterDevice => self.special(found, Kind::Character, b""),
            FileType::BlockDevice => self.special(found, Kind::Block, b""),
            FileType::Fifo => self.special(found, Kind::Fifo, b""),
            // Sockets mean nothing without the process that listens.
            _ => Ok(()),
        }
    }

    fn directory(&mut self, found: &Found<'_>) -> Result<()> {
        let all = match found.directory {
            Some(fd) => self.xattrs(found, &Target::Open(fd))?,
            None => Vec::new(),
        };
        let opaque = all.iter().any(|(name, value)| name == OPAQUE.to_bytes() && value == b"y");
        let xattrs = self.portable(found, all)?;
        let path = [found.path, b"/"].concat();
        self.header(&Header { path: &path, xattrs: &xattrs, ..header(found, Kind::Directory) })?;
        if opaque && self.view == View::Change {
            self.mark(&[&path, OPAQUE_MARK].concat())?;
        }
        Ok(())
    }

    fn special(&mut self, found: &Found<'_>, kind: Kind, link: &[u8]) -> Result<()> {
        if let Some(first) = self.first_name(found) {
            return self.header(&Header { link: &first, ..header(found, Kind::HardLink) });
        }
        let all = self.xattrs(found, &Target::Named(found.parent, found.name.to_bytes()))?;
        let xattrs = self.portable(found, all)?;
        self.header(&Header { link, xattrs: &xattrs, ..header(found, kind) })
    }

    fn file(&mut self, found: &Found<'_>) -> Result<()> {
        if let Some(first) = self.first_name(found) {
            return self.header(&Header { link: &first, ..header(found, Kind::HardLink) });
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(found.parent, found.name, flags, Mode::empty());
        let file = file.map_err(|errno| self.read_error(found, errno))?;
        let all = self.xattrs(found, &Target::Open(file.as_fd()))?;
        let xattrs = self.portable(found, all)?;
        let size = u64::try_from(found.stat.st_size).unwrap_or(0);
        self.header(&Header { size, xattrs: &xattrs, ..header(found, Kind::File) })?;
        let mut left = size;
        while left > 0 {
            self.cancel.check()?;
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let read = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut self.buffer[..room]));
            let read = read.map_err(|errno| self.read_error(found, errno))?;
            if read == 0 {
                return Err(self.changed(found));
            }
            self.tar.content(&self.buffer[..read]).map_err(|cause| write_error(&cause))?;
            left -= read as u64;
        }
        self.tar.pad().map_err(|cause| write_error(&cause))
    }

    /// The name under which the archive has this inode already; remembers it otherwise.
    fn first_name(&mut self, found: &Found<'_>) -> Option<Vec<u8>> {
        if found.stat.st_nlink < 2 {
            return None;
        }
        let id = (found.stat.st_dev, found.stat.st_ino);
        let first = self.links.get(&id).cloned();
        if first.is_none() {
            self.links.insert(id, found.path.to_vec());
        }
        first
    }

    /// An empty file whose name is the message. Times and owners mean nothing and are always the same.
    fn mark(&mut self, path: &[u8]) -> Result<()> {
        let device = (0, 0);
        let (mode, uid, gid, size, mtime) = (0o600, 0, 0, 0, 0);
        self.header(&Header { path, kind: Kind::File, mode, uid, gid, size, mtime, link: b"", device, xattrs: &[] })
    }

    fn header(&mut self, header: &Header<'_>) -> Result<()> {
        self.tar.header(header).map_err(|cause| write_error(&cause))
    }

    fn xattrs(&self, found: &Found<'_>, target: &Target<'_>) -> Result<Xattrs> {
        target.list().map_err(|errno| self.read_error(found, errno))
    }

    fn portable(&self, found: &Found<'_>, mut all: Xattrs) -> Result<Xattrs> {
        // With these the content lies elsewhere than in this directory; our own mounts turn both features off.
        let elsewhere = |name: &[u8]| matches!(name.strip_prefix(OVERLAY), Some(b"redirect" | b"metacopy"));
        if self.view == View::Change && all.iter().any(|(name, _)| elsewhere(name)) {
            let message = format!("`{}` is not complete in its overlay layer", show(found.path));
            return Err(Error::new("TSB_LAYER_OVERLAY", Fault::Host, message).at(OsStr::from_bytes(found.path)));
        }
        all.retain(|(name, _)| is_portable(name));
        Ok(all)
    }

    fn unrepresentable(&self, found: &Found<'_>) -> Error {
        let message = format!("a layer cannot hold the name `{}`", show(found.path));
        Error::new("TSB_LAYER_NAME", Fault::Input, message)
            .at(OsStr::from_bytes(found.path))
            .hint("rename or remove it: names that begin with `.wh.` mean deletions in an image layer")
    }

    fn changed(&self, found: &Found<'_>) -> Error {
        let path = self.root.join(OsStr::from_bytes(found.path));
        Error::new("TSB_LAYER_CHANGED", Fault::Host, format!("`{}` shrank while it was read", path.display())).at(path)
    }

    fn read_error(&self, found: &Found<'_>, errno: rustix::io::Errno) -> Error {
        read_error(&self.root.join(OsStr::from_bytes(found.path)), errno)
    }
}

fn header<'a>(found: &'a Found<'_>, kind: Kind) -> Header<'a> {
    let stat = &found.stat;
    Header {
        path: found.path,
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: 0,
        mtime: stat.st_mtime,
        link: b"",
        device: (major(stat.st_rdev), minor(stat.st_rdev)),
        xattrs: &[],
    }
}

fn sibling(path: &[u8], name: &[u8]) -> Vec<u8> {
    let parent = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    [&path[..parent], name].concat()
}

fn show(path: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(path)
}

pub fn write_error(cause: &std::io::Error) -> Error {
    Error::io("TSB_LAYER_WRITE", "cannot write", "the layer", cause)
}
