use digests::Result;

use super::choose::Filter;
use super::entry::{Entry, Kind};
use super::read::Tree;
use super::select::follow;

/// What an entry takes at least, and by what files grow, on most file systems.
const BLOCK: u64 = 4096;

/// Bytes that a copy of what is at `paths` (`/` anchored, links followed) takes on a disk: whole blocks, holes included.
/// What is not there takes nothing. Fails as `select`.
pub fn weigh(tree: &Tree, paths: &[Vec<u8>], filter: Option<&Filter>) -> Result<u64> {
    let mut bytes = 0;
    for path in paths {
        let Some(top) = follow(tree, path)? else { continue };
        bytes += blocks(&top);
        if top.kind != Kind::Directory {
            continue;
        }
        let below: Box<dyn Iterator<Item = usize>> = match filter {
            None => Box::new(tree.below(&top.path)),
            Some(filter) => Box::new(filter.choose(tree, &top.path)?.into_iter().map(|chosen| chosen.index)),
        };
        for index in below {
            bytes += blocks(&tree.entry(index)?);
        }
    }
    Ok(bytes)
}

fn blocks(entry: &Entry) -> u64 {
    match entry.kind {
        Kind::File => entry.size.div_ceil(BLOCK) * BLOCK,
        Kind::Directory => BLOCK,
        _ => 0,
    }
}
