use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::index::{Known, StatIndex, Tuple};
use super::{Item, READABLE};
use crate::content;
use crate::open::as_path;
use crate::tree::{Entry, Kind};
use crate::xattr;

/// How often a file that changes under the reader is read again.
const ATTEMPTS: usize = 3;

/// Makes items of the names in one open directory.
pub(super) struct Reader<'a> {
    directory: BorrowedFd<'a>,
    root: &'a Path,
    old: &'a StatIndex,
    cancel: &'a Cancel,
    buffer: &'a mut Vec<u8>,
    /// Where in the index the next name should stand: names come sorted.
    place: usize,
    /// Files whose content was read.
    pub hashed: u64,
    /// Items that the stat index knew.
    pub reused: usize,
}

impl<'a> Reader<'a> {
    pub fn new(
        directory: BorrowedFd<'a>,
        root: &'a Path,
        old: &'a StatIndex,
        cancel: &'a Cancel,
        buffer: &'a mut Vec<u8>,
    ) -> Self {
        Self { directory, root, old, cancel, buffer, place: 0, hashed: 0, reused: 0 }
    }

    /// Looks at `name` of the directory, which is `path` of the context.
    pub fn read(&mut self, path: Vec<u8>, name: &[u8], only_way: bool) -> Result<Item> {
        for _ in 0..ATTEMPTS {
            let stat = rustix::fs::statat(self.directory, name, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|e| self.failed(&path, e))?;
            let tuple = Tuple::of(&stat);
            if let Some(known) = self.old.get(&path, &tuple, &mut self.place) {
                self.reused += 1;
                return Ok(Item { entry: entry_of(path, &stat, known), fresh: None, only_way });
            }
            if let Some(known) = self.look(&path, name, &stat, tuple)? {
                return Ok(Item {
                    entry: entry_of(path, &stat, known.clone()),
                    fresh: Some(Box::new(known)),
                    only_way,
                });
            }
        }
        Err(self.unsteady(&path))
    }

    /// What stands there while its tuple is `tuple`; `None` when it changed meanwhile.
    fn look(&mut self, path: &[u8], name: &[u8], stat: &Stat, tuple: Tuple) -> Result<Option<Known>> {
        let mut known = Known { tuple, hash: [0; 32], link: Vec::new(), xattrs: Vec::new() };
        match Kind::of_mode(stat.st_mode) {
            Kind::File => {
                let is_steady = self.content(name, &mut known).map_err(|e| self.unreadable(path, &e))?;
                return Ok(is_steady.then_some(known));
            }
            Kind::Socket => known.hash = *blake3::hash(b"").as_bytes(),
            Kind::Symlink => {
                let link =
                    rustix::fs::readlinkat(self.directory, name, Vec::new()).map_err(|e| self.failed(path, e))?;
                known.link = link.into_bytes();
            }
            Kind::Directory => {
                let xattrs = xattr::read_at(self.directory, name, xattr::kept_of_context);
                known.xattrs = xattrs.map_err(|e| self.unreadable(path, &e))?;
            }
            // Only files and directories have attributes that a context keeps (xattr(7)).
            _ => {}
        }
        Ok(Some(known))
    }

    /// Reads content and attributes of a file. False when it is not, or does not stay, what its tuple says.
    fn content(&mut self, name: &[u8], known: &mut Known) -> io::Result<bool> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(self.directory, name, flags, Mode::empty()) {
            // It was a regular file when it was listed.
            Err(Errno::LOOP | Errno::NXIO) => return Ok(false),
            other => File::from(other?),
        };
        self.buffer.resize(content::BUFFER, 0);
        let read = content::hash(&file, known.tuple.size, self.buffer, self.cancel);
        let xattrs = xattr::read_open(&file, xattr::kept_of_context);
        // Looked at after all else: then what was read was there while the tuple was this.
        if Tuple::of(&rustix::fs::fstat(&file)?) != known.tuple {
            return Ok(false);
        }
        let (hash, length) = read?;
        self.hashed += 1;
        (known.hash, known.xattrs) = (hash, xattrs?);
        Ok(length == known.tuple.size)
    }

    fn failed(&self, path: &[u8], errno: Errno) -> Error {
        self.unreadable(path, &errno.into())
    }

    fn unreadable(&self, path: &[u8], cause: &io::Error) -> Error {
        if cause.raw_os_error() == Some(libc::ENOENT) {
            return self.unsteady(path);
        }
        let error = Error::io("TSB_CONTEXT_UNREADABLE", "cannot read", self.root.join(as_path(path)), cause);
        let code = error.code;
        if code != "TSB_CONTEXT_UNREADABLE" {
            return error;
        }
        error.hint(READABLE).fault(Fault::Input)
    }

    fn unsteady(&self, path: &[u8]) -> Error {
        let path = self.root.join(as_path(path));
        let message = format!("`{}` changed while it was read", path.display());
        Error::new("TSB_CONTEXT_CHANGED", Fault::Input, message)
            .at(path)
            .hint("let nothing write to the build context during a build, or name the file in `.dockerignore`")
    }
}

fn entry_of(path: Vec<u8>, stat: &Stat, known: Known) -> Entry {
    let kind = Kind::of_mode(stat.st_mode);
    let mut entry = Entry::new(path, if kind == Kind::Socket { Kind::File } else { kind }, stat.st_mode & 0o7777);
    match kind {
        Kind::File => entry.size = known.tuple.size,
        Kind::Character | Kind::Block => entry.rdev = stat.st_rdev,
        _ => {}
    }
    entry.hash = known.hash;
    entry.link = known.link;
    entry.xattrs = known.xattrs;
    entry
}
