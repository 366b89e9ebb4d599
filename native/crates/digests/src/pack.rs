use std::io::{self, BufWriter, Write};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use crate::cancel::Cancel;
use crate::compression::Compression;
use crate::encode::Encoder;
use crate::error::{Error, Fault, Result};
use crate::sha256::{Hashed, HashingWriter, Sha256Stream};

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

/// Runs `produce`, packs what it writes in independent blocks on all cores, and writes them to `output` in order.
/// Memory is bounded by a few blocks a core. A stream of less than one block starts no thread.
/// Errors: whatever `produce` gives, `TSB_INTERRUPTED`, or the failure of `output` as `TSB_LAYER_WRITE`.
pub fn pack<W, P>(output: W, options: &PackOptions, cancel: &Cancel, produce: P) -> Result<Packed>
where
    W: Write + Send,
    P: FnOnce(&mut dyn Write) -> Result<()>,
{
    if options.compression == Compression::None {
        return copy(output, cancel, produce);
    }
    let level = options.compression.level(options.level);
    let format = Format { compression: options.compression, level };
    let workers = match options.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get).min(32),
        count => count,
    };
    let queue = Mutex::new(None);
    let pool = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let shared = Shared { scope, queue: &queue, pool: &pool, format, workers };
        let mut sink =
            Sink { block: Vec::new(), plain: Sha256Stream::new(), cancel, state: State::Waiting(output), shared };
        let produced = produce(&mut sink);
        sink.finish(produced)
    })
}

/// Without compression there is one stream and one digest.
fn copy<W: Write>(output: W, cancel: &Cancel, produce: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<Packed> {
    let mut buffered = BufWriter::with_capacity(1 << 20, HashingWriter::new(output));
    produce(&mut buffered)?;
    cancel.check()?;
    let hashing = buffered.into_inner().map_err(|cause| write_error(cause.error()))?;
    let (plain, mut output) = hashing.finish();
    output.flush().map_err(|cause| write_error(&cause))?;
    Ok(Packed { packed: plain.clone(), plain })
}

#[derive(Clone, Copy)]
struct Format {
    compression: Compression,
    level: i32,
}

type Reply = io::Result<Vec<u8>>;

struct Job {
    block: Vec<u8>,
    reply: SyncSender<Reply>,
}

struct Shared<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    queue: &'scope Mutex<Option<Receiver<Job>>>,
    /// Blocks to fill again.
    pool: &'scope Mutex<Vec<Vec<u8>>>,
    format: Format,
    workers: usize,
}

enum State<'scope, W> {
    /// Nothing but the first block so far.
    Waiting(W),
    Running {
        jobs: SyncSender<Job>,
        order: SyncSender<Receiver<Reply>>,
        writer: ScopedJoinHandle<'scope, io::Result<Hashed>>,
    },
    Ended,
}

/// Where `produce` writes: collects blocks and hands them out.
struct Sink<'a, 'scope, 'env, W> {
    block: Vec<u8>,
    plain: Sha256Stream,
    cancel: &'a Cancel,
    state: State<'scope, W>,
    shared: Shared<'scope, 'env>,
}

impl<'scope, W: Write + Send + 'scope> Sink<'_, 'scope, '_, W> {
    fn finish(mut self, produced: Result<()>) -> Result<Packed> {
        let sent = match (&produced, &self.state) {
            (Err(_), _) | (_, State::Waiting(_)) => Ok(()),
            _ if self.block.is_empty() => Ok(()),
            _ => self.send(),
        };
        let packed = match std::mem::replace(&mut self.state, State::Ended) {
            State::Waiting(output) => {
                produced?;
                self.plain.update(&self.block);
                write_single(output, &self.block, self.shared.format)
            }
            State::Running { jobs, order, writer } => {
                drop((jobs, order));
                // The writer's failure comes first: it is why the producer could not go on.
                let written = writer.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked")));
                if written.is_ok() {
                    produced?;
                    sent.map_err(|cause| write_error(&cause))?;
                }
                written
            }
            State::Ended => return Err(Error::new("TSB_BUG", Fault::Bug, "the packer was used after its end")),
        };
        Ok(Packed { plain: self.plain.finish(), packed: packed.map_err(|cause| write_error(&cause))? })
    }

    /// Hands the block to the workers and its place in the order to the writer.
    fn send(&mut self) -> io::Result<()> {
        self.cancel.check()?;
        self.start();
        let fresh = self.shared.pool.lock().ok().and_then(|mut pool| pool.pop());
        let block = std::mem::replace(&mut self.block, fresh.unwrap_or_default());
        self.block.clear();
        self.plain.update(&block);
        let State::Running { jobs, order, .. } = &self.state else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        };
        let (reply, receiver) = sync_channel(1);
        let stopped = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        order.send(receiver).map_err(stopped)?;
        jobs.send(Job { block, reply }).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }

    fn start(&mut self) {
        if !matches!(self.state, State::Waiting(_)) {
            return;
        }
        let State::Waiting(output) = std::mem::replace(&mut self.state, State::Ended) else { return };
        let Shared { scope, queue, pool, format, workers } = self.shared;
        let (jobs, receiver) = sync_channel(workers);
        if let Ok(mut slot) = queue.lock() {
            *slot = Some(receiver);
        }
        let (order, in_order) = sync_channel(2 * workers);
        for _ in 0..workers {
            scope.spawn(move || work(queue, pool, format));
        }
        let writer = scope.spawn(move || write_in_order(output, in_order));
        self.state = State::Running { jobs, order, writer };
    }
}

impl<'scope, W: Write + Send + 'scope> Write for Sink<'_, 'scope, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.shared.format.compression.block_size();
        if self.block.len() == size {
            self.send()?;
        }
        let take = bytes.len().min(size - self.block.len());
        self.block.extend_from_slice(&bytes[..take]);
        Ok(take)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One compressing thread: ends when the sender is gone.
fn work(queue: &Mutex<Option<Receiver<Job>>>, pool: &Mutex<Vec<Vec<u8>>>, format: Format) {
    let mut encoder = Encoder::new(format.compression, format.level);
    loop {
        let job = match queue.lock() {
            Ok(slot) => slot.as_ref().and_then(|jobs| jobs.recv().ok()),
            Err(_) => None,
        };
        let Some(Job { block, reply }) = job else { return };
        let mut output = Vec::new();
        let packed = match &mut encoder {
            Ok(encoder) => encoder.encode(&block, &mut output).map(|()| output),
            Err(cause) => Err(io::Error::new(cause.kind(), cause.to_string())),
        };
        if let Ok(mut pool) = pool.lock() {
            pool.push(block);
        }
        // A writer that has failed waits for nothing any more.
        let _ = reply.send(packed);
    }
}

fn write_in_order<W: Write>(mut output: W, order: Receiver<Receiver<Reply>>) -> io::Result<Hashed> {
    let mut hash = Sha256Stream::new();
    for reply in order {
        let packed = reply.recv().map_err(|_| io::Error::other("a compressing thread ended early"))??;
        hash.update(&packed);
        output.write_all(&packed)?;
    }
    output.flush()?;
    Ok(hash.finish())
}

fn write_single<W: Write>(mut output: W, block: &[u8], format: Format) -> io::Result<Hashed> {
    let mut packed = Vec::new();
    Encoder::new(format.compression, format.level)?.encode(block, &mut packed)?;
    let mut hash = Sha256Stream::new();
    hash.update(&packed);
    output.write_all(&packed)?;
    output.flush()?;
    Ok(hash.finish())
}

fn write_error(cause: &io::Error) -> Error {
    Error::io("TSB_LAYER_WRITE", "cannot write", "the layer", cause)
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
