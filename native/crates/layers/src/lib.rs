//! Layer tars in and out (OCI image spec, layer.md), and whole roots as tars.

mod apply;
mod archive;
mod arrival;
mod blob;
mod bundle;
mod entry;
mod export;
mod inflate;
mod lower;
mod patient;
mod problem;
mod repack;
mod root;
#[cfg(test)]
mod tests;
mod unpack;
mod walk;
mod write;
mod xattr;

pub use apply::{Applied, ApplyRequest, Contents, Form, apply};
pub use arrival::Arrival;
pub use blob::Source;
pub use bundle::{BundleFile, Content, write_bundle};
pub use entry::Times;
pub use export::export_tar;
pub use repack::{RepackRequest, repack};
pub use write::{WriteRequest, Written, write};
