//! Trees of files: the tree index, the scan of a context, changes to a root, and what a step left behind.

pub mod mount;
pub mod tree;
