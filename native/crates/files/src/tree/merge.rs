use std::cmp::Ordering;

use digests::Result;

use super::entry::{Entry, Kind, compare, is_below};
use super::read::Tree;
use super::write::TreeWriter;

/// What became of a parent and a delta.
pub struct Merged {
    pub tree: TreeWriter,
    /// Paths of opaque directories that hide nothing, because the parent has no directory there.
    pub needless: Vec<Vec<u8>>,
}

/// Lays a delta (sorted; whiteouts and opaque directories included) over the parent's tree, as overlayfs merges
/// an upper directory with what is below it: an entry replaces the parent's; what is no directory hides a whole subtree;
/// two directories merge, unless the upper one is opaque.
pub fn merge<'a>(parent: &Tree, delta: impl IntoIterator<Item = &'a Entry>) -> Result<Merged> {
    let mut merged = Merged { tree: TreeWriter::new(), needless: Vec::new() };
    let mut next = 0;
    for entry in delta {
        next = copy_before(parent, next, &entry.path, &mut merged.tree);
        let meets = next < parent.len() && parent.path(next) == entry.path;
        let below = if meets { parent.below(&entry.path) } else { next..next };
        let merges = entry.kind == Kind::Directory && meets && parent.kind(next)? == Kind::Directory;
        if entry.opaque && !merges {
            merged.needless.push(entry.path.clone());
        }
        next = if merges && !entry.opaque { below.start } else { below.end };
        if entry.kind != Kind::Whiteout {
            merged.tree.push_plain(entry);
        }
    }
    while next < parent.len() {
        merged.tree.push_record(parent.record(next));
        next += 1;
    }
    Ok(merged)
}

/// Copies the parent's entries that come before `path`.
fn copy_before(parent: &Tree, mut next: usize, path: &[u8], tree: &mut TreeWriter) -> usize {
    while next < parent.len() && compare(parent.path(next), path) == Ordering::Less {
        debug_assert!(!is_below(parent.path(next), path));
        tree.push_record(parent.record(next));
        next += 1;
    }
    next
}
