use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use digests::{Error, Fault, Result};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

/// Something on disk, as `walk` comes by.
pub struct Found<'a> {
    /// Relative to the root, no slash at either end.
    pub path: &'a [u8],
    pub name: &'a CString,
    pub parent: BorrowedFd<'a>,
    /// The directory itself, when it is one.
    pub directory: Option<BorrowedFd<'a>>,
    pub stat: Stat,
}

impl Found<'_> {
    pub fn file_type(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Whether it is overlayfs's mark of a deleted name: a character device 0:0.
    pub fn is_whiteout(&self) -> bool {
        is_whiteout(&self.stat)
    }
}

pub fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Calls `visit` for everything below `root`, a directory before what is in it, names in byte order, so that a
/// directory's subtree is contiguous; whiteouts come before their siblings (OCI layer.md, "Whiteouts").
/// Memory holds the names of the directories on the way down; one directory is open at a time.
pub fn walk(root: &Path, visit: &mut dyn FnMut(&Found<'_>) -> Result<()>) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open(root, flags, Mode::empty()).map_err(|errno| read_error(root, errno))?;
    let first = Frame::list(&fd, root, 0)?;
    let mut walk = Walk { root, path: Vec::new(), fd, frames: vec![first] };
    while let Some(frame) = walk.frames.last_mut() {
        walk.path.truncate(frame.path_length);
        match frame.names.pop() {
            Some(name) => walk.step(&name, visit)?,
            None => walk.ascend()?,
        }
    }
    Ok(())
}

struct Walk<'a> {
    root: &'a Path,
    path: Vec<u8>,
    /// The directory of the last frame.
    fd: OwnedFd,
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

impl Walk<'_> {
    fn step(&mut self, name: &CString, visit: &mut dyn FnMut(&Found<'_>) -> Result<()>) -> Result<()> {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        let stat = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| self.error(errno))?;
        let parent = self.fd.as_fd();
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return visit(&Found { path: &self.path, name, parent, directory: None, stat });
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let child = openat(parent, name, flags, Mode::empty()).map_err(|errno| self.error(errno))?;
        visit(&Found { path: &self.path, name, parent, directory: Some(child.as_fd()), stat })?;
        self.frames.push(Frame::list(&child, &self.host_path(), self.path.len())?);
        self.fd = child;
        Ok(())
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
        self.fd = parent;
        Ok(())
    }

    fn host_path(&self) -> std::path::PathBuf {
        self.root.join(std::ffi::OsStr::from_bytes(&self.path))
    }

    fn error(&self, errno: rustix::io::Errno) -> Error {
        read_error(&self.host_path(), errno)
    }
}

pub fn read_error(path: &Path, errno: rustix::io::Errno) -> Error {
    Error::io("TSB_LAYER_READ", "cannot read", path, &errno.into())
}
