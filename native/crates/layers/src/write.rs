use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;

use digests::{Cancel, Compression, Error, Hashed, PackOptions, Result, pack};

use crate::archive::archive;
use crate::entry::{Times, View};

/// `WriteLayerRequest` of native/types.ts.
#[derive(Clone, Debug)]
pub struct WriteRequest {
    /// The overlay upper.
    pub upper: PathBuf,
    /// `None`: digests only. The file must not exist; it is gone again after an error.
    pub output: Option<PathBuf>,
    pub compression: Compression,
    pub level: Option<i32>,
    pub times: Times,
}

/// What the layer is: the plain tar (its digest is the diffID) and what was written, equal without `output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub plain: Hashed,
    pub packed: Hashed,
}

/// Turns an overlay upper into a layer (OCI image spec, layer.md) in one pass: tar, digest, compression, digest.
/// Memory is bounded, and equal uppers give equal bytes on any number of cores. The file is not synced.
/// Errors: `TSB_LAYER_READ`, `TSB_LAYER_WRITE`, `TSB_DISK_FULL`, `TSB_LAYER_NAME` for a name that means something else
/// in a layer, `TSB_LAYER_CHANGED` when the upper is not left alone, `TSB_INTERRUPTED`.
pub fn write(request: &WriteRequest, cancel: &Cancel) -> Result<Written> {
    let Some(path) = &request.output else {
        let options = PackOptions { compression: Compression::None, level: None, workers: 0 };
        return run(request, io::sink(), &options, cancel);
    };
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let file = file.map_err(|cause| Error::io("TSB_LAYER_WRITE", "cannot create", path, &cause))?;
    let options = PackOptions { compression: request.compression, level: request.level, workers: 0 };
    let written = run(request, file, &options, cancel);
    if written.is_err() {
        // The first error counts; a file that stays is caught by the next exclusive creation.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn run<W: io::Write + Send>(
    request: &WriteRequest,
    output: W,
    options: &PackOptions,
    cancel: &Cancel,
) -> Result<Written> {
    let packed =
        pack(output, options, cancel, |sink| archive(&request.upper, View::Change, request.times, sink, cancel))?;
    Ok(Written { plain: packed.plain, packed: packed.packed })
}
