use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;

use digests::{Cancel, Compression, Error, Fault, PackOptions, Result, open, pack};

use crate::archive::write_error;
use crate::write::Written;

/// `RepackLayerRequest` of native/types.ts.
#[derive(Clone, Debug)]
pub struct RepackRequest {
    pub blob: PathBuf,
    /// How the blob is packed now.
    pub from: Compression,
    /// The file must not exist; it is gone again after an error.
    pub output: PathBuf,
    pub compression: Compression,
    pub level: Option<i32>,
}

/// Packs a layer's blob anew without unpacking it to files: the tar, and so the diffID, stay the same.
/// Errors: `TSB_LAYER_CORRUPT` and `TSB_LAYER_TRUNCATED` for the blob, `TSB_LAYER_READ`, `TSB_LAYER_WRITE`,
/// `TSB_DISK_FULL`, `TSB_INTERRUPTED`.
pub fn repack(request: &RepackRequest, cancel: &Cancel) -> Result<Written> {
    let RepackRequest { blob, from, output, compression, level } = request;
    let input = File::open(blob).map_err(|cause| Error::io("TSB_LAYER_READ", "cannot read", blob, &cause))?;
    let file = OpenOptions::new().write(true).create_new(true).open(output);
    let file = file.map_err(|cause| Error::io("TSB_LAYER_WRITE", "cannot create", output, &cause))?;
    let options = PackOptions { compression: *compression, level: *level, workers: 0 };
    let packed = pack(file, &options, cancel, |sink| {
        let mut plain = open(input, *from).map_err(|cause| broken(&cause))?;
        let mut buffer = vec![0; CHUNK];
        loop {
            cancel.check()?;
            match plain.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => sink.write_all(&buffer[..read]).map_err(|cause| write_error(&cause))?,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(broken(&cause)),
            }
        }
    });
    match packed {
        Ok(packed) => Ok(Written { plain: packed.plain, packed: packed.packed }),
        Err(error) => {
            // The first error counts; a file that stays is caught by the next exclusive creation.
            let _ = std::fs::remove_file(output);
            Err(error)
        }
    }
}

const CHUNK: usize = 256 << 10;

fn broken(cause: &io::Error) -> Error {
    let hint = "fetch or export the image again";
    match cause.raw_os_error() {
        Some(_) => Error::io("TSB_LAYER_READ", "cannot read", "the layer", cause),
        None if cause.kind() == io::ErrorKind::UnexpectedEof => {
            Error::new("TSB_LAYER_TRUNCATED", Fault::Input, "the layer ends too early").hint(hint)
        }
        None => Error::new("TSB_LAYER_CORRUPT", Fault::Input, format!("the layer is damaged: {cause}")).hint(hint),
    }
}
