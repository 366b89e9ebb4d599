//! Streams of bytes: hashes, compression, archives. Also the error and the cancel flag that every native crate uses.

mod cancel;
mod error;

pub use cancel::Cancel;
pub use error::{Error, Fault, Result, carried};
