use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use digests::{Cancel, Error, Result};

use crate::arrival::Arrival;

/// Where a layer's packed bytes come from.
#[derive(Clone, Debug)]
pub enum Source {
    File(PathBuf),
    /// It is read as far as it is there, and to the end that its writer tells.
    Arriving(Arrival),
}

/// Reads a layer's packed bytes. Its failures do not pass for broken compression.
pub struct Blob {
    bytes: Bytes,
    path: PathBuf,
    offset: u64,
    size: BlobSize,
    cancel: Cancel,
}

enum Bytes {
    File(Arc<File>),
    Arriving(Arrival),
}

/// How large the blob is for sure: all of it, or what was read of one that still arrives.
#[derive(Clone)]
pub struct BlobSize(Arc<AtomicU64>);

impl BlobSize {
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Blob {
    /// Fails with `TSB_LAYER_READ`.
    pub fn open(source: &Source, cancel: &Cancel) -> Result<Self> {
        let (bytes, path, size) = match source {
            Source::File(path) => {
                let file = File::open(path).map_err(|cause| read_error(path, &cause))?;
                let size = file.metadata().map_err(|cause| read_error(path, &cause))?.len();
                (Bytes::File(Arc::new(file)), path.clone(), size)
            }
            Source::Arriving(arrival) => (Bytes::Arriving(arrival.clone()), arrival.path().to_owned(), 0),
        };
        Ok(Self { bytes, path, offset: 0, size: BlobSize(Arc::new(AtomicU64::new(size))), cancel: cancel.clone() })
    }

    pub fn size(&self) -> BlobSize {
        self.size.clone()
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (file, there) = match &self.bytes {
            Bytes::File(file) => (Arc::clone(file), u64::MAX),
            Bytes::Arriving(arrival) => arrival.beyond(self.offset, &self.cancel)?,
        };
        let wanted = buffer.len().min(usize::try_from(there).unwrap_or(usize::MAX));
        let read = file.read_at(&mut buffer[..wanted], self.offset).map_err(|cause| match cause.kind() {
            io::ErrorKind::Interrupted => cause,
            _ => read_error(&self.path, &cause).into(),
        })?;
        self.offset += read as u64;
        self.size.0.fetch_max(self.offset, Ordering::Relaxed);
        Ok(read)
    }
}

fn read_error(path: &Path, cause: &io::Error) -> Error {
    Error::io("TSB_LAYER_READ", "cannot read", path, cause)
}
