use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use digests::{Error, Fault, Result};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// Something on disk, as `walk` comes by.
pub struct Found {
    /// Relative to the root, no slash at either end.
    pub path: Vec<u8>,
    /// Where the name begins in the path.
    name: usize,
    /// Shared by what lies in it, so that it may be looked at later than the walk comes by.
    pub parent: Arc<OwnedFd>,
    /// The directory itself, when it is one.
    pub directory: Option<Arc<OwnedFd>>,
    pub stat: Stat,
}

impl Found {
    pub fn name(&self) -> &[u8] {
        &self.path[self.name..]
    }

    pub fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Bytes of a regular file; 0 of anything else.
    pub fn size(&self) -> u64 {
        if self.file_type() == FileType::RegularFile { u64::try_from(self.stat.st_size).unwrap_or(0) } else { 0 }
    }

    /// Whether hard links lead to it from elsewhere.
    pub fn has_other_names(&self) -> bool {
        self.stat.st_nlink > 1 && !matches!(self.file_type(), FileType::Directory | FileType::Socket)
    }

    /// Whether it is overlayfs's mark of a deleted name: a character device 0:0.
    pub fn is_whiteout(&self) -> bool {
        is_whiteout(&self.stat)
    }
}

pub fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// A walk over everything below a root, a directory before what is in it, names in byte order, so that a directory's
/// subtree is contiguous; whiteouts come before their siblings (OCI layer.md, "Whiteouts").
/// Memory holds the names of the directories on the way down; one directory is open at a time, and those that whoever
/// walks keeps.
pub struct Walk {
    root: PathBuf,
    path: Vec<u8>,
    /// The directory of the last frame.
    fd: Arc<OwnedFd>,
    frames: Vec<Frame>,
}

struct Frame {
    /// Not visited yet, last first.
    names: Vec<CString>,
    path_length: usize,
    id: (u64, u64),
}

impl Frame {
    fn list(fd: &OwnedFd, path: &Path, path_length: usize) -> Result<Self> {
        let fail = |errno| read_error(path, errno);
        let stat = fstat(fd).map_err(fail)?;
        let mut names: Vec<(bool, CString)> = Vec::new();
        for entry in Dir::read_from(fd).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let device = matches!(entry.file_type(), FileType::CharacterDevice | FileType::Unknown);
            let whiteout = device && is_whiteout(&statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?);
            names.push((whiteout, name.to_owned()));
        }
        names.sort_unstable_by(|(left, a), (right, b)| left.cmp(right).then_with(|| b.cmp(a)));
        let names = names.into_iter().map(|(_, name)| name).collect();
        Ok(Self { names, path_length, id: (stat.st_dev, stat.st_ino) })
    }
}

impl Walk {
    /// Begins at `root`, which is not part of the walk itself.
    pub fn open(root: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = Arc::new(rustix::fs::open(root, flags, Mode::empty()).map_err(|errno| read_error(root, errno))?);
        let first = Frame::list(&fd, root, 0)?;
        Ok(Self { root: root.to_owned(), path: Vec::new(), fd, frames: vec![first] })
    }

    /// What comes next; `None` at the end.
    pub fn advance(&mut self) -> Result<Option<Found>> {
        while let Some(frame) = self.frames.last_mut() {
            self.path.truncate(frame.path_length);
            match frame.names.pop() {
                Some(name) => return self.step(&name).map(Some),
                None => self.ascend()?,
            }
        }
        Ok(None)
    }

    fn step(&mut self, name: &CStr) -> Result<Found> {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        let stat = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| self.error(errno))?;
        let directory = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            Some(Arc::new(openat(&self.fd, name, flags, Mode::empty()).map_err(|errno| self.error(errno))?))
        } else {
            None
        };
        let start = self.path.len() - name.count_bytes();
        let found = Found {
            path: self.path.clone(),
            name: start,
            parent: Arc::clone(&self.fd),
            directory: directory.clone(),
            stat,
        };
        if let Some(child) = directory {
            self.frames.push(Frame::list(&child, &self.host_path(), self.path.len())?);
            self.fd = child;
        }
        Ok(found)
    }

    /// Back to the directory above. It is found by `..` rather than kept open, since a tree may be deeper than a
    /// process may have files open; that it is the same one is checked.
    fn ascend(&mut self) -> Result<()> {
        self.frames.pop();
        let Some(frame) = self.frames.last() else { return Ok(()) };
        self.path.truncate(frame.path_length);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = openat(&self.fd, c"..", flags, Mode::empty()).map_err(|errno| self.error(errno))?;
        let stat = fstat(&parent).map_err(|errno| self.error(errno))?;
        if (stat.st_dev, stat.st_ino) != frame.id {
            let path = self.host_path();
            return Err(Error::new(
                "TSB_LAYER_CHANGED",
                Fault::Host,
                format!("`{}` was moved while it was read", path.display()),
            )
            .at(path));
        }
        self.fd = Arc::new(parent);
        Ok(())
    }

    fn host_path(&self) -> PathBuf {
        self.root.join(std::ffi::OsStr::from_bytes(&self.path))
    }

    fn error(&self, errno: rustix::io::Errno) -> Error {
        read_error(&self.host_path(), errno)
    }
}

pub fn read_error(path: &Path, errno: rustix::io::Errno) -> Error {
    Error::io("TSB_LAYER_READ", "cannot read", path, &errno.into())
}
