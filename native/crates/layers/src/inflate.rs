use std::io::{self, BufRead, Read};
use std::ops::Deref;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};

use digests::{Cancel, Error, Fault};

use crate::apply::Form;
use crate::blob::Blob;
use crate::unpack::is_zero;

/// A piece of the plain stream, for both of its readers. Its memory is used again when the last of them lets go of it.
pub struct Chunk {
    buffer: Vec<u8>,
    length: usize,
    pool: Arc<Pool>,
}

#[derive(Default)]
struct Pool(Mutex<Vec<Vec<u8>>>);

const CHUNK: usize = 256 << 10;

impl Chunk {
    /// As much of `plain` as fits, and how its reading ended: `None` when it goes on.
    fn fill(pool: &Arc<Pool>, plain: &mut dyn Read) -> (Self, Option<io::Result<()>>) {
        let known = pool.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut chunk = Self { buffer: known.unwrap_or_else(|| vec![0; CHUNK]), length: 0, pool: Arc::clone(pool) };
        while chunk.length < CHUNK {
            match plain.read(&mut chunk.buffer[chunk.length..]) {
                Ok(0) => return (chunk, Some(Ok(()))),
                Ok(read) => chunk.length += read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return (chunk, Some(Err(cause))),
            }
        }
        (chunk, None)
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.pool.0.lock().unwrap_or_else(PoisonError::into_inner).push(std::mem::take(&mut self.buffer));
    }
}

/// Reads the blob, unpacks it, and hands every chunk to both readers; ends early when the unpacking one is gone.
pub fn inflate(
    blob: Blob,
    form: Form,
    mut bounds: Bounds,
    cancel: &Cancel,
    to_hash: &SyncSender<Arc<Chunk>>,
    to_unpack: &SyncSender<io::Result<Arc<Chunk>>>,
) {
    let pump = || -> io::Result<()> {
        let size = blob.size();
        let mut plain = match form {
            Form::Layer(compression) => digests::open(blob, compression)?,
            Form::Files => digests::open_archive(blob)?.1,
        };
        let pool = Arc::default();
        loop {
            cancel.check()?;
            let (chunk, ended) = Chunk::fill(&pool, &mut plain);
            bounds.count(&chunk, size.bytes())?;
            let chunk = Arc::new(chunk);
            let is_gone =
                || to_hash.send(Arc::clone(&chunk)).is_err() || to_unpack.send(Ok(Arc::clone(&chunk))).is_err();
            if !chunk.is_empty() && is_gone() {
                return Ok(());
            }
            if let Some(ended) = ended {
                return ended;
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
    receiver: Receiver<io::Result<Arc<Chunk>>>,
    current: Option<Arc<Chunk>>,
    at: usize,
}

impl Chunks {
    pub fn new(receiver: Receiver<io::Result<Arc<Chunk>>>) -> Self {
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
