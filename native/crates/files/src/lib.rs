//! Trees of files: the tree index, the scan of a context, changes to a root, and what a step left behind.

pub mod change;
pub mod commit;
mod content;
pub mod delta;
mod export;
mod measure;
pub mod mount;
mod open;
mod read_file;
mod remove;
pub mod scan;
mod stack;
pub mod tree;
mod verify;
mod walk;
mod xattr;

pub use export::export_directory;
pub use measure::{Measured, measure};
pub use read_file::read_file;
pub use remove::{remove, sync};
pub use verify::delta_digest;
