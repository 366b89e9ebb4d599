//! What a step left in its overlay upper becomes a change, and with its parent's tree a tree.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use digests::{Cancel, Error, Result};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Stat, Uid};

use crate::content;
use crate::open::{as_path, join, open_directory};
use crate::tree::{self, Entry, Kind, Tree, TreeWriter};
use crate::walk::{Directory, Name, in_order, walk};
use crate::xattr;

/// `CommitRequest` of native/types.ts.
pub struct Request {
    pub upper: PathBuf,
    pub parent: Option<blake3::Hash>,
    pub trees_directory: PathBuf,
    pub implicit: Vec<Vec<u8>>,
}

/// `CommitResult` of native/types.ts.
#[derive(Clone, Copy, Debug)]
pub struct Committed {
    pub tree: blake3::Hash,
    pub delta: blake3::Hash,
    pub entries: u64,
    pub bytes: u64,
}

struct Item {
    entry: Entry,
    /// Of files with several names.
    inode: Option<u64>,
}

type Found = Vec<(Vec<u8>, Vec<Item>)>;

/// Indexes `upper` (whiteouts are 0:0 devices, opaque directories carry overlayfs' attribute) and merges it over the
/// parent's tree. The upper is tidied on the way: implicit directories take what the parent has at their place, and
/// opaque marks on directories that the parent does not have are removed, because they would only bloat the layer.
///
/// Fails with `TSB_COMMIT_FAILED`, `TSB_TREE_MISSING`, `TSB_DISK_FULL`.
pub fn commit(request: &Request, cancel: &Cancel) -> Result<Committed> {
    let upper = rustix::fs::open(&request.upper, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| failed("cannot open", &request.upper, &e.into()))?;
    let parent = match &request.parent {
        Some(digest) => Tree::load(&request.trees_directory, digest)?,
        None => Tree::empty(),
    };
    for path in &request.implicit {
        take_from_parent(&upper, path, &parent)?;
    }
    let found: Vec<Found> = walk(
        upper.as_fd(),
        (Vec::new(), ()),
        "TSB_COMMIT_FAILED",
        cancel,
        |directory, names, found: &mut Found, children| {
            let items = read(directory, names, cancel)?;
            let directories = items.iter().filter(|item| item.entry.kind == Kind::Directory);
            children.extend(directories.map(|item| (item.entry.path.clone(), ())));
            found.push((directory.path.clone(), items));
            Ok(())
        },
    )?;
    let items = in_order(found.into_iter().flatten(), |item| &item.entry, |_| {});
    let bytes = content_bytes(&items);
    let mut delta: Vec<Entry> = items.into_iter().map(|item| item.entry).collect();
    let merged = tree::merge(&parent, &delta)?;
    drop_needless_marks(&upper, &merged.needless, &mut delta)?;
    let mut writer = TreeWriter::new();
    delta.iter().for_each(|entry| writer.push(entry));
    Ok(Committed {
        tree: merged.tree.save(&request.trees_directory)?,
        delta: writer.finish()?.1,
        entries: delta.len() as u64,
        bytes,
    })
}

/// A directory that the layer's archive did not mention has the parent's owner, mode and attributes.
fn take_from_parent(upper: &OwnedFd, path: &[u8], parent: &Tree) -> Result<()> {
    let Some(index) = parent.find(path) else { return Ok(()) };
    let entry = parent.entry(index)?;
    if entry.kind != Kind::Directory {
        return Ok(());
    }
    let directory = open_directory(upper, path).map_err(|e| failed("cannot open", as_path(path), &e))?;
    rustix::fs::fchown(&directory, Some(Uid::from_raw(entry.uid)), Some(Gid::from_raw(entry.gid)))
        .and_then(|()| rustix::fs::fchmod(&directory, Mode::from_raw_mode(entry.mode)))
        .map_err(|e| failed("cannot change", as_path(path), &e.into()))?;
    entry.xattrs.iter().try_for_each(|attribute| {
        xattr::write_at(&directory, b"", attribute).map_err(|e| failed("cannot change", as_path(path), &e))
    })
}

fn read(directory: &Directory<()>, names: &[Name], cancel: &Cancel) -> Result<Vec<Item>> {
    let mut buffer = Vec::new();
    let mut items = Vec::with_capacity(names.len());
    for name in names {
        cancel.check()?;
        let path = join(&directory.path, &name.bytes);
        let refused = |e: std::io::Error| failed("cannot read", as_path(&path), &e);
        let stat = rustix::fs::statat(&directory.fd, name.bytes.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|e| refused(e.into()))?;
        let mut entry = entry_of_stat(path.clone(), &stat);
        match entry.kind {
            Kind::Character if stat.st_rdev == 0 => {
                entry = Entry::new(path.clone(), Kind::Whiteout, 0);
            }
            Kind::File => {
                buffer.resize(content::BUFFER, 0);
                entry.hash = hash(directory, &name.bytes, &mut buffer, cancel).map_err(refused)?;
            }
            Kind::Symlink => {
                let link = rustix::fs::readlinkat(&directory.fd, name.bytes.as_slice(), Vec::new());
                entry.link = link.map_err(|e| refused(e.into()))?.into_bytes();
            }
            _ => {}
        }
        if entry.kind != Kind::Whiteout {
            entry.xattrs = xattr::read_at(&directory.fd, &name.bytes, xattr::kept_of_upper).map_err(refused)?;
            entry.opaque = take_opaque(&mut entry.xattrs);
        }
        items.push(Item { inode: (stat.st_nlink > 1).then_some(stat.st_ino), entry });
    }
    Ok(items)
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

fn hash(directory: &Directory<()>, name: &[u8], buffer: &mut [u8], cancel: &Cancel) -> std::io::Result<[u8; 32]> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(&directory.fd, name, flags, Mode::empty())?);
    content::hash(&file, buffer, cancel).map(|(hash, _)| hash)
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

fn drop_needless_marks(upper: &OwnedFd, needless: &[Vec<u8>], delta: &mut [Entry]) -> Result<()> {
    for path in needless {
        let directory = open_directory(upper, path).map_err(|e| failed("cannot open", as_path(path), &e))?;
        xattr::remove_at(&directory, b"", xattr::OPAQUE).map_err(|e| failed("cannot change", as_path(path), &e))?;
        if let Ok(index) = delta.binary_search_by(|entry| tree::compare(&entry.path, path)) {
            delta[index].opaque = false;
        }
    }
    Ok(())
}

fn failed(what: &str, path: &Path, cause: &std::io::Error) -> Error {
    Error::io("TSB_COMMIT_FAILED", what, path, cause)
}

#[cfg(test)]
mod tests;
