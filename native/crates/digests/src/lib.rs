//! Streams of bytes: hashes, compression, archives. Also the error and the cancel flag that every native crate uses.

mod cancel;
mod compression;
mod encode;
mod error;
mod gunzip;
mod open;
mod ordered;
mod pack;
mod pool;
mod probe;
mod sha256;
pub mod tar;

pub use cancel::Cancel;
pub use compression::Compression;
pub use error::{Error, Fault, Result, carried};
pub use open::{Packing, open, open_archive};
pub use ordered::{Jobs, Results, Stopped, Submitter, ordered};
pub use pack::{PackOptions, Packed, pack};
pub use pool::Pool;
pub use sha256::{Hashed, HashingReader, HashingWriter, Sha256Stream};
