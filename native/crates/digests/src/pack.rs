use std::io::{self, Write};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use crate::cancel::Cancel;
use crate::compression::Compression;
use crate::encode::Encoder;
use crate::error::{Error, Fault, Result};
use crate::ordered::{Jobs, Results, Submitter, ordered};
use crate::pool::Pool;
use crate::sha256::{Hashed, Sha256Stream};

/// A stream before and after packing; equal without compression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    pub plain: Hashed,
    pub packed: Hashed,
}

/// How to pack.
#[derive(Clone, Debug)]
pub struct PackOptions {
    pub compression: Compression,
    /// `None` is the default level; what the format lacks is moved to the nearest one it has.
    pub level: Option<i32>,
    /// Threads that compress; 0 takes one a core. The bytes do not depend on it.
    pub workers: usize,
}

/// Runs `produce`, packs what it writes in independent blocks on all cores, and writes them to `output` in order; the
/// plain and the packed stream are hashed on threads of their own. Memory is bounded by a few blocks a core. A stream
/// of less than one block starts no thread.
/// Errors: whatever `produce` gives, `TSB_INTERRUPTED`, or the failure of `output` as `TSB_LAYER_WRITE`.
pub fn pack<W, P>(output: W, options: &PackOptions, cancel: &Cancel, produce: P) -> Result<Packed>
where
    W: Write + Send,
    P: FnOnce(&mut dyn Write) -> Result<()>,
{
    let workers = match options.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS),
        count => count,
    };
    let level = options.compression.level(options.level);
    let format = Format { compression: options.compression, level };
    let (submitter, jobs, results) = ordered(workers + 2);
    let pool = Pool::default();
    std::thread::scope(|scope| {
        let shared = Shared { scope, jobs: &jobs, pool: &pool, format, workers };
        let state = State::Waiting { output, submitter, results };
        let mut sink = Sink { block: Vec::new(), cancel, state, shared };
        let produced = produce(&mut sink);
        sink.finish(produced)
    })
}

/// Each holds blocks of up to 4 MiB, and reading and hashing keep up with no more.
const MOST_WORKERS: usize = 16;

#[derive(Clone, Copy)]
struct Format {
    compression: Compression,
    level: i32,
}

/// A block that is hashed and packed at the same time.
type Block = Arc<Vec<u8>>;

struct Job {
    block: Block,
    /// Filled by the worker, taken from the pool.
    output: Vec<u8>,
}

/// What a worker made of a block; without compression the block itself.
enum Piece {
    Packed(Vec<u8>),
    Plain(Block),
}

type Reply = io::Result<Piece>;

struct Shared<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    jobs: &'scope Jobs<Job, Reply>,
    pool: &'scope Pool,
    format: Format,
    workers: usize,
}

enum State<'scope, W> {
    /// Nothing but the first block so far.
    Waiting {
        output: W,
        submitter: Submitter<Job, Reply>,
        results: Results<Reply>,
    },
    Running {
        submitter: Submitter<Job, Reply>,
        to_hash: SyncSender<Block>,
        hasher: ScopedJoinHandle<'scope, Hashed>,
        writer: ScopedJoinHandle<'scope, io::Result<Option<Hashed>>>,
    },
    Ended,
}

/// Where `produce` writes: collects blocks and hands them out.
struct Sink<'a, 'scope, 'env, W> {
    block: Vec<u8>,
    cancel: &'a Cancel,
    state: State<'scope, W>,
    shared: Shared<'scope, 'env>,
}

impl<'scope, W: Write + Send + 'scope> Sink<'_, 'scope, '_, W> {
    fn finish(mut self, produced: Result<()>) -> Result<Packed> {
        let sent = match (&produced, &self.state) {
            (Err(_), _) | (_, State::Waiting { .. }) => Ok(()),
            _ if self.block.is_empty() => Ok(()),
            _ => self.send(),
        };
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Waiting { output, .. } => {
                produced?;
                write_single(output, &self.block, self.shared.format).map_err(|cause| write_error(&cause))
            }
            State::Running { submitter, to_hash, hasher, writer } => {
                drop((submitter, to_hash));
                // The writer's failure comes first: it is why the producer could not go on.
                let packed = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")));
                let packed = packed.map_err(|cause| write_error(&cause))?;
                produced?;
                sent.map_err(|cause| write_error(&cause))?;
                let plain = hasher.join().map_err(|_| bug("the hashing thread panicked"))?;
                Ok(Packed { packed: packed.unwrap_or_else(|| plain.clone()), plain })
            }
            State::Ended => Err(bug("the packer was used after its end")),
        }
    }

    /// Hands the block to the hasher and the workers.
    fn send(&mut self) -> io::Result<()> {
        self.cancel.check()?;
        self.start();
        let Shared { pool, .. } = self.shared;
        let block = Arc::new(std::mem::replace(&mut self.block, pool.take()));
        let State::Running { submitter, to_hash, .. } = &self.state else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        };
        to_hash.send(Arc::clone(&block)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let job = Job { block, output: pool.take() };
        submitter.send(job).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn start(&mut self) {
        let (output, submitter, results) = match std::mem::replace(&mut self.state, State::Ended) {
            State::Waiting { output, submitter, results } => (output, submitter, results),
            other => {
                self.state = other;
                return;
            }
        };
        let Shared { scope, jobs, pool, format, workers } = self.shared;
        // Passing a block on takes no time.
        let workers = if format.compression == Compression::None { 1 } else { workers };
        for _ in 0..workers {
            scope.spawn(move || work(jobs, pool, format));
        }
        let (to_hash, hashing) = sync_channel(2);
        let hasher = scope.spawn(move || hash(&hashing, pool));
        let writer = scope.spawn(move || write_in_order(output, results, pool));
        self.state = State::Running { submitter, to_hash, hasher, writer };
    }
}

impl<'scope, W: Write + Send + 'scope> Write for Sink<'_, 'scope, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.shared.format.compression.block_size();
        if self.block.len() == size {
            self.send()?;
        }
        if self.block.capacity() < size && self.block.len() + bytes.len() > FIRST_GROWTH {
            self.block.reserve_exact(size - self.block.len());
        }
        let take = bytes.len().min(size - self.block.len());
        self.block.extend_from_slice(&bytes[..take]);
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Most layers are small: a block gets its full size when it is larger than this.
const FIRST_GROWTH: usize = 64 << 10;

/// One compressing thread.
fn work(jobs: &Jobs<Job, Reply>, pool: &Pool, format: Format) {
    if format.compression == Compression::None {
        return jobs.run(|Job { block, output }| {
            pool.give(output);
            Ok(Piece::Plain(block))
        });
    }
    let mut encoder = Encoder::new(format.compression, format.level);
    jobs.run(|Job { block, mut output }| {
        let encoded = match &mut encoder {
            Ok(encoder) => encoder.encode(&block, &mut output),
            Err(cause) => Err(io::Error::new(cause.kind(), cause.to_string())),
        };
        pool.release(block);
        encoded.map(|()| Piece::Packed(output))
    });
}

fn hash(blocks: &Receiver<Block>, pool: &Pool) -> Hashed {
    let mut hash = Sha256Stream::new();
    for block in blocks {
        hash.update(&block);
        pool.release(block);
    }
    hash.finish()
}

/// Writes and hashes; `None` where the stream is the plain one, which is hashed already.
fn write_in_order<W: Write>(mut output: W, results: Results<Reply>, pool: &Pool) -> io::Result<Option<Hashed>> {
    let mut packed: Option<Sha256Stream> = None;
    for reply in results {
        match reply.map_err(|_| io::Error::other("a compressing thread ended early"))?? {
            Piece::Packed(bytes) => {
                packed.get_or_insert_default().update(&bytes);
                output.write_all(&bytes)?;
                pool.give(bytes);
            }
            Piece::Plain(block) => {
                output.write_all(&block)?;
                pool.release(block);
            }
        }
    }
    output.flush()?;
    Ok(packed.map(Sha256Stream::finish))
}

/// A stream of one block.
fn write_single<W: Write>(mut output: W, block: &[u8], format: Format) -> io::Result<Packed> {
    let plain = Sha256Stream::of(block);
    let packed = if format.compression == Compression::None {
        output.write_all(block)?;
        plain.clone()
    } else {
        let mut bytes = Vec::new();
        Encoder::new(format.compression, format.level)?.encode(block, &mut bytes)?;
        output.write_all(&bytes)?;
        Sha256Stream::of(&bytes)
    };
    output.flush()?;
    Ok(Packed { plain, packed })
}

fn write_error(cause: &io::Error) -> Error {
    Error::io("TSB_LAYER_WRITE", "cannot write", "the layer", cause)
}

fn bug(message: &str) -> Error {
    Error::new("TSB_BUG", Fault::Bug, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::open;
    use std::io::Read;

    /// Text-like and random stretches that end inside a block.
    fn sample(size: usize) -> Vec<u8> {
        let mut state = 7u64;
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let random = (bytes.len() >> 21) & 1 == 1;
            bytes.push(if random { (state >> 33) as u8 } else { b'a' + ((state >> 60) as u8) });
        }
        bytes
    }

    fn packed(bytes: &[u8], compression: Compression, workers: usize) -> (Packed, Vec<u8>) {
        let mut output = Vec::new();
        let options = PackOptions { compression, level: None, workers };
        let result = pack(&mut output, &options, &Cancel::new(), |sink| {
            bytes.chunks(100_000).try_for_each(|piece| sink.write_all(piece)).map_err(|cause| write_error(&cause))
        });
        (result.unwrap(), output)
    }

    #[test]
    fn every_form_gives_the_stream_back_and_does_not_depend_on_the_threads() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            for size in [0, 1, compression.block_size(), compression.block_size() * 2 + 1] {
                let bytes = sample(size);
                let (one, output) = packed(&bytes, compression, 1);
                let (many, again) = packed(&bytes, compression, 5);
                assert!(one == many && output == again, "{compression:?} {size}");
                let mut plain = Vec::new();
                open(output.as_slice(), compression).unwrap().read_to_end(&mut plain).unwrap();
                assert!(plain == bytes, "{compression:?} {size}");
                let mut hash = Sha256Stream::new();
                hash.update(&bytes);
                assert_eq!(one.plain, hash.finish());
                let mut hash = Sha256Stream::new();
                hash.update(&output);
                assert_eq!(one.packed, hash.finish());
            }
        }
    }

    #[test]
    fn what_does_not_compress_is_stored() {
        let bytes: Vec<u8> = sample(4 << 20).split_off(2 << 20);
        let (one, _) = packed(&bytes, Compression::Gzip, 1);
        assert!(one.packed.size > one.plain.size && one.packed.size < one.plain.size + one.plain.size / 1000);
    }

    #[test]
    fn what_compresses_is_compressed() {
        let letters = sample(2 << 20);
        for (compression, level) in [(Compression::Gzip, None), (Compression::Gzip, Some(1)), (Compression::Zstd, None)]
        {
            let options = PackOptions { compression, level, workers: 2 };
            let result = pack(io::sink(), &options, &Cancel::new(), |sink| {
                sink.write_all(&letters).map_err(|cause| write_error(&cause))
            });
            // 16 letters are 4 bits each.
            assert!(result.unwrap().packed.size < letters.len() as u64 * 6 / 10, "{compression:?} {level:?}");
        }
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let (_, output) = packed(&sample(3 << 20), compression, 2);
            let mut plain = Vec::new();
            let cut = &output[..output.len() - 9];
            let error = open(cut, compression).unwrap().read_to_end(&mut plain).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{compression:?}");
        }
    }

    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::from_raw_os_error(28));
            }
            self.0 -= 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_stops_the_producer() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let options = PackOptions { compression, level: None, workers: 2 };
            let error = pack(Full(1), &options, &Cancel::new(), |sink| {
                let block = sample(1 << 20);
                loop {
                    sink.write_all(&block).map_err(|cause| write_error(&cause))?;
                }
            });
            assert_eq!(error.unwrap_err().code, "TSB_DISK_FULL", "{compression:?}");
        }
    }

    #[test]
    fn a_raised_flag_stops_the_producer() {
        let cancel = Cancel::new();
        let options = PackOptions { compression: Compression::Gzip, level: None, workers: 2 };
        let error = pack(io::sink(), &options, &cancel, |sink| {
            let block = sample(1 << 20);
            for round in 0.. {
                if round == 3 {
                    cancel.cancel();
                }
                sink.write_all(&block).map_err(|cause| write_error(&cause))?;
            }
            Ok(())
        });
        assert_eq!(error.unwrap_err().code, "TSB_INTERRUPTED");
    }
}
