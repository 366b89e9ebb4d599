//! Trees of files: the tree index, the scan of a context, changes to a root, and what a step left behind.

mod content;
pub mod mount;
mod open;
pub mod scan;
pub mod tree;
mod walk;
mod xattr;
