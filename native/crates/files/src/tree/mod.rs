//! The tree index (design, contract 2): one sorted binary file that says what a tree of files holds.
//!
//! Entries are sorted by path components (`/` sorts below every other byte), so a directory is followed by its whole
//! subtree. Modification times are left out: a tree that was only touched is the same tree. The root itself has no
//! entry. The BLAKE3 of the file is the tree's digest and, in hex, its name in the directory of trees.

mod choose;
pub(crate) mod codec;
mod diff;
mod entry;
mod merge;
mod read;
mod select;
mod weigh;
pub(crate) mod write;

pub use choose::{Chosen, Filter};
pub use diff::{Aspect, Change, Difference, diff};
pub use entry::{Entry, Kind, Xattr, compare, is_below};
pub use merge::{Merged, merge};
pub(crate) use read::corrupt;
pub use read::{Tree, parse_digest};
pub use select::{Selected, follow, list, select};
pub use weigh::weigh;
pub use write::{TreeWriter, format_digest};

#[cfg(test)]
mod tests;
