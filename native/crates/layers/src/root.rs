use std::collections::{BTreeSet, HashSet};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid};
use rustix::fs::{chmodat, chownat, mkdirat, openat, openat2, readlinkat, statat, unlinkat};
use rustix::io::Errno;

use crate::problem::{Fail, Why};
use crate::xattr::{OPAQUE, Target};

/// The directory that becomes an overlay layer, and the only way to reach anything in it. Every lookup starts at its
/// descriptor and follows no link by the kernel's hand; links in the archive are followed here, as in a chroot.
pub struct Root {
    fd: OwnedFd,
    /// The last parent, since entries come grouped. Dropped whenever something that could lead to it is replaced.
    last: Option<(Vec<u8>, Parent)>,
    /// Directories made because an entry needed them, and not stated by the archive since.
    pub implicit: BTreeSet<Vec<u8>>,
    /// Names that this archive deletes from the layers below.
    pub whiteouts: HashSet<Vec<u8>>,
}

/// A directory in the root, links resolved.
#[derive(Clone)]
pub struct Parent {
    pub fd: Rc<OwnedFd>,
    pub path: Vec<u8>,
}

impl Parent {
    /// The path of an entry of this directory, relative to the root.
    pub fn child(&self, name: &[u8]) -> Vec<u8> {
        join(&self.path, name)
    }
}

/// As the kernel's own bound on a path; also bounds the depth of what is made.
pub const MAX_PATH: usize = 4096;
/// The kernel's bound on links in one lookup is 40; overlays of many layers deserve no more.
const MAX_LINKS: usize = 40;
const STRICT: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
const LOOK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Root {
    pub fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { fd, last: None, implicit: BTreeSet::new(), whiteouts: HashSet::new() })
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The directory at `path` (cleaned), made with what leads to it when `make` says so; `None` when it is not there.
    pub fn directory(&mut self, path: &[u8], make: bool) -> Result<Option<Parent>, Fail> {
        if let Some((known, parent)) = &self.last
            && known == path
        {
            return Ok(Some(parent.clone()));
        }
        let found = match self.strict(path) {
            Ok(fd) => Some(Parent { fd: Rc::new(fd), path: path.to_vec() }),
            Err(Errno::NOENT | Errno::LOOP | Errno::NOTDIR) => self.follow(path, make)?,
            Err(errno) => return Err(Fail::system(errno, "cannot open")),
        };
        if let Some(parent) = &found {
            self.last = Some((path.to_vec(), parent.clone()));
        }
        Ok(found)
    }

    /// Opens a directory whose path holds no link.
    pub fn strict(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path: &[u8] = if path.is_empty() { b"." } else { path };
        openat2(&self.fd, path, LOOK, Mode::empty(), STRICT)
    }

    /// Makes room for an entry: whatever has the name is removed, but for a directory when a directory comes.
    /// True when such a directory stays.
    pub fn clear(&mut self, parent: &Parent, name: &[u8], for_directory: bool) -> Result<bool, Fail> {
        let stat = match statat(&parent.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(false),
            other => other.map_err(|errno| Fail::system(errno, "cannot look at"))?,
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            self.last = None;
            unlinkat(&parent.fd, name, AtFlags::empty()).map_err(|errno| Fail::system(errno, "cannot replace"))?;
            return Ok(false);
        }
        if for_directory {
            return Ok(true);
        }
        self.remove_tree(&parent.child(name))?;
        Ok(false)
    }

    /// Hides what the layers below have in the directory.
    pub fn make_opaque(&self, parent: &Parent, name: &[u8]) -> Result<(), Fail> {
        let target = Target::Named(parent.fd.as_fd(), name);
        target.set(OPAQUE, b"y").map_err(|errno| Fail::system(errno, "cannot mark"))
    }

    /// Walks the path as a process inside would, following links with the root as their `/`.
    fn follow(&mut self, path: &[u8], make: bool) -> Result<Option<Parent>, Fail> {
        let mut todo: Vec<Vec<u8>> = components(path).map(<[u8]>::to_vec).collect();
        todo.reverse();
        let mut at = Parent {
            fd: Rc::new(self.strict(b"").map_err(|errno| Fail::system(errno, "cannot open"))?),
            path: Vec::new(),
        };
        let mut links = 0;
        while let Some(name) = todo.pop() {
            if name == b".." {
                let up = at.path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                let above = at.path[..up].to_vec();
                let fd = self.strict(&above).map_err(|errno| Fail::system(errno, "cannot open"))?;
                at = Parent { fd: Rc::new(fd), path: above };
                continue;
            }
            if at.path.len() + name.len() >= MAX_PATH {
                return Err(Fail::input(Why::Path, "leads to a path that is too long"));
            }
            match openat(&at.fd, name.as_slice(), LOOK, Mode::empty()) {
                Ok(fd) => at = Parent { fd: Rc::new(fd), path: at.child(&name) },
                Err(Errno::NOENT) if !make => return Ok(None),
                Err(Errno::NOENT) => at = self.make(&at, &name)?,
                Err(Errno::NOTDIR | Errno::LOOP) => match self.obstacle(&at, &name, make)? {
                    Obstacle::Link(target) => {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(Fail::input(Why::Path, "goes through too many symbolic links"));
                        }
                        if target.first() == Some(&b'/') {
                            let fd = self.strict(b"").map_err(|errno| Fail::system(errno, "cannot open"))?;
                            at = Parent { fd: Rc::new(fd), path: Vec::new() };
                        }
                        let parts: Vec<Vec<u8>> = components(&target).map(<[u8]>::to_vec).collect();
                        todo.extend(parts.into_iter().rev());
                    }
                    Obstacle::Replaced(parent) => at = parent,
                    Obstacle::Absent => return Ok(None),
                },
                Err(errno) => return Err(Fail::system(errno, "cannot open")),
            }
        }
        Ok(Some(at))
    }

    /// What stands where a directory should be.
    fn obstacle(&mut self, at: &Parent, name: &[u8], make: bool) -> Result<Obstacle, Fail> {
        match readlinkat(&at.fd, name, Vec::new()) {
            Ok(target) => return Ok(Obstacle::Link(target.into_bytes())),
            Err(Errno::INVAL) => {}
            Err(errno) => return Err(Fail::system(errno, "cannot read the link")),
        }
        let path = at.child(name);
        if !self.whiteouts.contains(&path) {
            return Err(Fail::input(Why::Path, "goes through something that is not a directory"));
        }
        if !make {
            return Ok(Obstacle::Absent);
        }
        // The layer deletes the name below and says it anew: a directory that nothing shines through.
        self.whiteouts.remove(&path);
        unlinkat(&at.fd, name, AtFlags::empty()).map_err(|errno| Fail::system(errno, "cannot replace"))?;
        let made = self.make(at, name)?;
        self.implicit.remove(&path);
        self.make_opaque(at, name)?;
        Ok(Obstacle::Replaced(made))
    }

    fn make(&mut self, at: &Parent, name: &[u8]) -> Result<Parent, Fail> {
        let fail = |errno| Fail::system(errno, "cannot create");
        mkdirat(&at.fd, name, Mode::from_raw_mode(0o755)).map_err(fail)?;
        // Against the process's umask, and a set-group-ID directory above.
        chownat(&at.fd, name, Some(Uid::ROOT), Some(Gid::ROOT), AtFlags::SYMLINK_NOFOLLOW).map_err(fail)?;
        chmodat(&at.fd, name, Mode::from_raw_mode(0o755), AtFlags::empty()).map_err(fail)?;
        let fd = openat(&at.fd, name, LOOK, Mode::empty()).map_err(fail)?;
        let path = at.child(name);
        self.implicit.insert(path.clone());
        Ok(Parent { fd: Rc::new(fd), path })
    }

    /// Removes a directory with all that is in it. Paths are opened anew for each level, so depth costs no descriptors.
    fn remove_tree(&mut self, path: &[u8]) -> Result<(), Fail> {
        let fail = |errno| Fail::system(errno, "cannot replace");
        self.last = None;
        let below = [path, b"/"].concat();
        self.implicit.retain(|known| known != path && !known.starts_with(&below));
        self.whiteouts.retain(|known| !known.starts_with(&below));
        let mut stack = vec![path.to_vec()];
        while let Some(directory) = stack.last().cloned() {
            let open = self.strict(&directory).map_err(fail)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let open = openat(&open, c".", flags, Mode::empty()).map_err(fail)?;
            let before = stack.len();
            for entry in Dir::read_from(&open).map_err(fail)? {
                let entry = entry.map_err(fail)?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                match unlinkat(&open, name, AtFlags::empty()) {
                    Err(Errno::ISDIR | Errno::PERM) => stack.push(join(&directory, name.to_bytes())),
                    other => other.map_err(fail)?,
                }
            }
            if stack.len() == before {
                stack.pop();
                unlinkat(&self.fd, directory.as_slice(), AtFlags::REMOVEDIR).map_err(fail)?;
            }
        }
        Ok(())
    }
}

enum Obstacle {
    Link(Vec<u8>),
    Replaced(Parent),
    Absent,
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

pub fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, b"/", name].concat() }
}

/// A stranger's path as one relative to the root: no empty, `.` or `..` components. Empty for the root itself.
/// An absolute path is taken from the root, as docker does; one that would climb above it is refused.
pub fn clean(path: &[u8]) -> Result<Vec<u8>, Fail> {
    if path.contains(&0) {
        return Err(Fail::input(Why::Path, "has a NUL byte in its name"));
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for name in components(path) {
        if name != b".." {
            parts.push(name);
        } else if parts.pop().is_none() {
            return Err(Fail::input(Why::Path, "leads out of the layer"));
        }
    }
    let joined = parts.join(&b'/');
    if joined.len() >= MAX_PATH {
        return Err(Fail::input(Why::Path, "has a path that is too long"));
    }
    Ok(joined)
}
