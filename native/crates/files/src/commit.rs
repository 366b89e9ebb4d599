//! What a step left in its overlay upper becomes a change, and with its parent's tree a tree.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use digests::{Cancel, Result};
use rustix::fs::{Gid, Mode, Uid};

use crate::delta::{Contents, Delta, failed, open_upper};
use crate::open::{as_path, open_directory};
use crate::tree::{self, Entry, Kind, Tree, TreeWriter};
use crate::xattr;

/// `CommitRequest` of native/types.ts.
pub struct Request {
    pub upper: PathBuf,
    pub parent: Option<blake3::Hash>,
    pub trees_directory: PathBuf,
    pub implicit: Vec<Vec<u8>>,
    /// The index of the upper that `delta::write` made: the upper is not walked.
    pub delta: Option<PathBuf>,
}

/// `CommitResult` of native/types.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    pub tree: blake3::Hash,
    pub delta: blake3::Hash,
    pub entries: u64,
    pub bytes: u64,
}

/// Indexes `upper` (whiteouts are 0:0 devices, opaque directories carry overlayfs' attribute) and merges it over the
/// parent's tree. The upper is tidied on the way: implicit directories take what the parent has at their place, and
/// opaque marks on directories that the parent does not have are removed, because they would only bloat the layer.
///
/// Fails with `TSB_COMMIT_FAILED`, `TSB_TREE_MISSING`, `TSB_DISK_FULL`.
pub fn commit(request: &Request, cancel: &Cancel) -> Result<Committed> {
    let upper = open_upper(&request.upper)?;
    let parent = match &request.parent {
        Some(digest) => Tree::load(&request.trees_directory, digest)?,
        None => Tree::empty(),
    };
    for path in &request.implicit {
        take_from_parent(&upper, path, &parent)?;
    }
    let delta = match &request.delta {
        Some(file) => {
            let mut delta = Delta::load(file)?;
            request.implicit.iter().try_for_each(|path| delta.refresh(&upper, path, cancel))?;
            delta
        }
        None => Delta::index(&upper, &Contents::new(), cancel)?,
    };
    conclude(&upper, &parent, delta, &request.trees_directory)
}

/// Ends a commit whose delta is known: all that `upper` holds. Fails as `commit`.
pub(crate) fn conclude(upper: &OwnedFd, parent: &Tree, mut delta: Delta, trees: &Path) -> Result<Committed> {
    let merged = tree::merge(parent, &delta.entries)?;
    drop_needless_marks(upper, &merged.needless, &mut delta)?;
    let mut writer = TreeWriter::new();
    delta.entries.iter().for_each(|entry| writer.push(entry));
    Ok(Committed {
        tree: merged.tree.save(trees)?,
        delta: writer.finish()?.1,
        entries: delta.entries.len() as u64,
        bytes: delta.bytes,
    })
}

/// Makes the tree of two roots, of which `upper` stands on nothing and is laid over `lower` as overlayfs does it with layers. There is
/// none where they have a path that is a directory in both but not the same one, or that is no plain file in both: a copy of `upper`
/// into `lower` would make something else of it. Fails with `TSB_TREE_MISSING`, `TSB_TREE_CORRUPT`, `TSB_DISK_FULL`.
pub fn lay_over(trees: &Path, lower: &blake3::Hash, upper: &blake3::Hash) -> Result<Option<blake3::Hash>> {
    let (lower, upper) = (Tree::load(trees, lower)?, Tree::load(trees, upper)?);
    let entries = upper.entries(0..upper.len()).collect::<Result<Vec<_>>>()?;
    for entry in &entries {
        let Some(index) = lower.find(&entry.path) else { continue };
        if !agree(&lower.entry(index)?, entry) {
            return Ok(None);
        }
    }
    Ok(Some(tree::merge(&lower, &entries)?.tree.save(trees)?))
}

fn agree(below: &Entry, above: &Entry) -> bool {
    match (below.kind, above.kind) {
        (Kind::Directory, Kind::Directory) => {
            (below.mode, below.uid, below.gid, &below.xattrs) == (above.mode, above.uid, above.gid, &above.xattrs)
        }
        (Kind::File, Kind::File) => true,
        _ => false,
    }
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

fn drop_needless_marks(upper: &OwnedFd, needless: &[Vec<u8>], delta: &mut Delta) -> Result<()> {
    for path in needless {
        let directory = open_directory(upper, path).map_err(|e| failed("cannot open", as_path(path), &e))?;
        xattr::remove_at(&directory, b"", xattr::OPAQUE).map_err(|e| failed("cannot change", as_path(path), &e))?;
        if let Some(entry) = delta.find(path) {
            entry.opaque = false;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
