//! What an overlay upper holds, as entries: the change that a layer is.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use digests::{Cancel, Error, Result};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};

use crate::content;
use crate::open::{as_path, join, open_directory, split};
use crate::tree::{self, Entry, Kind, Tree, TreeWriter};
use crate::walk::{in_order, walk};
use crate::xattr;

/// BLAKE3 of files' content, by inode number: what a reader of the files need not read.
pub type Contents = HashMap<u64, [u8; 32]>;

/// The entries of an upper in tree order, whiteouts and opaque marks included.
pub struct Delta {
    pub entries: Vec<Entry>,
    /// Of file content; a file of several names counts once.
    pub bytes: u64,
}

/// Indexes the overlay upper `upper`, whose files' content is known as far as it stands in `contents`, into the file `target`,
/// for `commit`. Fails with `TSB_COMMIT_FAILED`, `TSB_DISK_FULL`.
pub fn write(upper: &Path, contents: &Contents, target: &Path, cancel: &Cancel) -> Result<()> {
    Delta::index(&open_upper(upper)?, contents, cancel)?.save(target)
}

pub(crate) fn open_upper(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| failed("cannot open", path, &e.into()))
}

/// What an upper has at one path.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub entry: Entry,
    /// Of files with several names.
    pub inode: Option<u64>,
}

/// What one thread found.
#[derive(Default)]
struct Found {
    parts: Vec<(Vec<u8>, Vec<Item>)>,
    buffer: Vec<u8>,
}

impl Delta {
    /// Walks an upper (whiteouts are 0:0 devices, opaque directories carry overlayfs' attribute).
    pub(crate) fn index(upper: &OwnedFd, contents: &Contents, cancel: &Cancel) -> Result<Self> {
        let found: Vec<Found> = walk(
            upper.as_fd(),
            (Vec::new(), ()),
            "TSB_COMMIT_FAILED",
            cancel,
            |directory, names, found: &mut Found, children| {
                let buffer = &mut found.buffer;
                let mut reader = Reader { directory: directory.fd.as_fd(), contents, cancel, buffer };
                let mut items = Vec::with_capacity(names.len());
                for name in names {
                    cancel.check()?;
                    items.push(reader.item(join(&directory.path, &name.bytes), &name.bytes)?);
                }
                let directories = items.iter().filter(|item| item.entry.kind == Kind::Directory);
                children.extend(directories.map(|item| (item.entry.path.clone(), ())));
                found.parts.push((directory.path.clone(), items));
                Ok(())
            },
        )?;
        Ok(Self::of(in_order(found.into_iter().flat_map(|found| found.parts), |item| &item.entry, |_| {})))
    }

    /// From all that an upper holds, in tree order.
    pub(crate) fn of(items: Vec<Item>) -> Self {
        let bytes = content_bytes(&items);
        Self { entries: items.into_iter().map(|item| item.entry).collect(), bytes }
    }

    /// Takes what `write` has left.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let mut file = fs::read(path).map_err(|e| failed("cannot read", path, &e))?;
        let Some((head, _)) = file.split_first_chunk::<HEAD>() else { return Err(tree::corrupt().at(path)) };
        let bytes = u64::from_le_bytes(*head);
        file.drain(..HEAD);
        let index = Tree::from_bytes(file).map_err(|e| e.at(path))?;
        let entries = index.entries(0..index.len()).collect::<Result<_>>()?;
        Ok(Self { entries, bytes })
    }

    fn save(&self, path: &Path) -> Result<()> {
        let mut writer = TreeWriter::new();
        self.entries.iter().for_each(|entry| writer.push(entry));
        let (index, _) = writer.finish()?;
        let file = [self.bytes.to_le_bytes().as_slice(), &index].concat();
        fs::write(path, file).map_err(|e| failed("cannot write", path, &e))
    }

    /// Looks again at one entry whose metadata has been changed.
    pub(crate) fn refresh(&mut self, upper: &OwnedFd, path: &[u8], cancel: &Cancel) -> Result<()> {
        let Some(entry) = self.find(path) else { return Ok(()) };
        let (above, name) = split(path);
        let directory = open_directory(upper, above).map_err(|e| failed("cannot open", as_path(path), &e))?;
        let (contents, mut buffer) = (Contents::new(), Vec::new());
        let mut reader = Reader { directory: directory.as_fd(), contents: &contents, cancel, buffer: &mut buffer };
        *entry = reader.item(path.to_vec(), name)?.entry;
        Ok(())
    }

    pub(crate) fn find(&mut self, path: &[u8]) -> Option<&mut Entry> {
        let index = self.entries.binary_search_by(|entry| tree::compare(&entry.path, path)).ok()?;
        self.entries.get_mut(index)
    }
}

/// The bytes of content, before the index.
const HEAD: usize = 8;

/// Makes entries of what stands in one directory.
struct Reader<'a> {
    directory: BorrowedFd<'a>,
    contents: &'a Contents,
    cancel: &'a Cancel,
    buffer: &'a mut Vec<u8>,
}

impl Reader<'_> {
    fn item(&mut self, path: Vec<u8>, name: &[u8]) -> Result<Item> {
        let shown = path.clone();
        let refused = |e: std::io::Error| failed("cannot read", as_path(&shown), &e);
        let stat =
            rustix::fs::statat(self.directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|e| refused(e.into()))?;
        let mut entry = entry_of_stat(path, &stat);
        let mut file = None;
        match entry.kind {
            Kind::Character if stat.st_rdev == 0 => entry = Entry::new(entry.path, Kind::Whiteout, 0),
            Kind::File => match self.contents.get(&stat.st_ino) {
                Some(known) => entry.hash = *known,
                None => {
                    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                    let open = rustix::fs::openat(self.directory, name, flags, Mode::empty());
                    file = Some(File::from(open.map_err(|e| refused(e.into()))?));
                }
            },
            Kind::Symlink => {
                let link = rustix::fs::readlinkat(self.directory, name, Vec::new());
                entry.link = link.map_err(|e| refused(e.into()))?.into_bytes();
            }
            _ => {}
        }
        if let Some(file) = &file {
            self.buffer.resize(content::BUFFER, 0);
            entry.hash = content::hash(file, entry.size, self.buffer, self.cancel).map_err(refused)?.0;
            entry.xattrs = xattr::read_open(file, xattr::kept_of_upper).map_err(refused)?;
        } else if entry.kind != Kind::Whiteout {
            entry.xattrs = xattr::read_at(self.directory, name, xattr::kept_of_upper).map_err(refused)?;
        }
        entry.opaque = take_opaque(&mut entry.xattrs);
        Ok(Item { inode: (stat.st_nlink > 1).then_some(stat.st_ino), entry })
    }
}

/// What `stat` tells about an entry.
pub(crate) fn entry_of_stat(path: Vec<u8>, stat: &Stat) -> Entry {
    let mut entry = Entry::new(path, Kind::of_mode(stat.st_mode), stat.st_mode & 0o7777);
    entry.uid = stat.st_uid;
    entry.gid = stat.st_gid;
    match entry.kind {
        Kind::File => entry.size = stat.st_size as u64,
        Kind::Character | Kind::Block => entry.rdev = stat.st_rdev,
        _ => {}
    }
    entry
}

/// Takes overlayfs' mark out of the attributes and says whether it was there and set.
fn take_opaque(xattrs: &mut Vec<tree::Xattr>) -> bool {
    let Some(index) = xattrs.iter().position(|(name, _)| name == xattr::OPAQUE) else { return false };
    xattrs.remove(index).1 == b"y"
}

fn content_bytes(items: &[Item]) -> u64 {
    let mut seen = HashSet::new();
    items
        .iter()
        .filter(|item| item.entry.kind == Kind::File && item.inode.is_none_or(|inode| seen.insert(inode)))
        .map(|item| item.entry.size)
        .sum()
}

pub(crate) fn failed(what: &str, path: &Path, cause: &std::io::Error) -> Error {
    Error::io("TSB_COMMIT_FAILED", what, path, cause)
}
