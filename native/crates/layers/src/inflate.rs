use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use digests::{Cancel, Compression, Error, Fault};

use crate::blob::Blob;
use crate::unpack::is_zero;

pub type Chunk = Arc<Vec<u8>>;

const CHUNK: usize = 256 << 10;

/// Reads the blob, unpacks it, and hands every chunk to both readers; ends early when the unpacking one is gone.
pub fn inflate(
    blob: Blob,
    compression: Compression,
    mut bounds: Bounds,
    cancel: &Cancel,
    to_hash: &SyncSender<Chunk>,
    to_unpack: &SyncSender<io::Result<Chunk>>,
) {
    let pump = || -> io::Result<()> {
        let size = blob.size();
        let mut plain = digests::open(blob, compression)?;
        loop {
            cancel.check()?;
            let mut chunk = Vec::with_capacity(CHUNK);
            let end = plain.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
            bounds.count(&chunk, size.bytes())?;
            let chunk = Arc::new(chunk);
            if !chunk.is_empty() && (to_hash.send(chunk.clone()).is_err() || to_unpack.send(Ok(chunk.clone())).is_err())
            {
                return Ok(());
            }
            if end? == 0 {
                return Ok(());
            }
        }
    };
    if let Err(cause) = pump() {
        // A reader that has failed needs no second reason.
        let _ = to_unpack.send(Err(cause));
    }
}

/// How much a blob may grow to before it counts as a decompression bomb.
///
/// With a ratio of the caller's, the plain tar is held against it. Without one the rule spares layers that really
/// are that compressible, such as a large file of zeros (gzip packs those 1,030-fold, zstd 30,000-fold): blocks of
/// zeros, which unpacking turns into holes, count for a hundredth, the rest in full, against 1,000 times the blob and
/// never less than 1 GiB. Of a blob that still arrives only what was read so far counts: its stated size costs nothing to lie about.
#[derive(Clone, Copy)]
pub struct Bounds {
    max_ratio: Option<u64>,
    counted: u64,
    zeros: u64,
}

const RATIO: u64 = 1000;
const FREE: u64 = 1 << 30;
const ZERO_DISCOUNT: u64 = 100;
const BLOCK: usize = 4096;

impl Bounds {
    pub fn new(max_ratio: Option<u64>) -> Self {
        Self { max_ratio, counted: 0, zeros: 0 }
    }

    /// Adds a piece of the plain tar; `blob` is the size that the blob has for sure. Fails with `TSB_LAYER_BOMB`.
    pub fn count(&mut self, chunk: &[u8], blob: u64) -> Result<(), Error> {
        for block in chunk.chunks(BLOCK) {
            let length = block.len() as u64;
            if self.max_ratio.is_none() && is_zero(block) {
                self.zeros += length;
            } else {
                self.counted += length;
            }
        }
        let limit = match self.max_ratio {
            Some(ratio) => blob.saturating_mul(ratio),
            None => blob.saturating_mul(RATIO).max(FREE),
        };
        if self.counted + self.zeros / ZERO_DISCOUNT <= limit {
            return Ok(());
        }
        let message = "the layer unpacks to far more than its compressed size can honestly hold";
        Err(Error::new("TSB_LAYER_BOMB", Fault::Input, message).hint("check where the image comes from"))
    }
}

/// The plain stream, read from the thread that makes it, without another copy.
pub struct Chunks {
    receiver: Receiver<io::Result<Chunk>>,
    current: Option<Chunk>,
    at: usize,
}

impl Chunks {
    pub fn new(receiver: Receiver<io::Result<Chunk>>) -> Self {
        Self { receiver, current: None, at: 0 }
    }
}

impl BufRead for Chunks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let spent = self.current.as_ref().is_none_or(|chunk| self.at >= chunk.len());
        if spent {
            self.at = 0;
            // A sender that is gone has sent everything.
            self.current = self.receiver.recv().ok().transpose()?;
        }
        Ok(self.current.as_ref().map_or(&[], |chunk| &chunk[self.at..]))
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}
