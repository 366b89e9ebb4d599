//! `gauge`: times one command, or one thing that no builder can do without on this machine. Used by `bench/`.
//! Prints one line of JSON: milliseconds, and what was moved in them (or the command's peak memory).

mod command;
mod stream;
mod tree;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use digests::Compression;

const USAGE: &str = "usage: gauge run COMMAND [ARG…] | walk DIR | copy FROM TO | sha256 PATH… | blake3 PATH… \
                     | gzip FROM TO | zstd FROM TO | inflate FILE…";

/// What was gone through.
#[derive(Clone, Copy, Default)]
pub struct Amount {
    pub files: u64,
    pub bytes: u64,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let rest: Vec<_> = arguments.collect();
    if verb == "run" {
        return command::run(&rest).unwrap_or_else(|cause| failed(&cause));
    }
    let paths: Vec<PathBuf> = rest.into_iter().map(PathBuf::from).collect();
    let measured = match (verb.to_str(), paths.as_slice()) {
        (Some("walk"), [root]) => tree::walk(root),
        (Some("copy"), [from, to]) => tree::copy(from, to),
        (Some("sha256"), [_, ..]) => stream::sha256(&paths),
        (Some("blake3"), [_, ..]) => stream::blake3(&paths),
        (Some("gzip"), [from, to]) => stream::pack(from, to, Compression::Gzip),
        (Some("zstd"), [from, to]) => stream::pack(from, to, Compression::Zstd),
        (Some("inflate"), [_, ..]) => stream::inflate(&paths),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE)),
    };
    match measured {
        Ok((time, Amount { files, bytes })) => {
            print(&format!("{{\"milliseconds\":{},\"files\":{files},\"bytes\":{bytes}}}", milliseconds(time)))
        }
        Err(cause) => failed(&cause),
    }
}

/// Times `work`.
pub fn timed(work: impl FnOnce() -> io::Result<Amount>) -> io::Result<(Duration, Amount)> {
    let start = Instant::now();
    let amount = work()?;
    Ok((start.elapsed(), amount))
}

/// Calls `work` with every item, on one thread a core.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> io::Result<R> + Sync) -> io::Result<Vec<R>> {
    let cores = thread::available_parallelism()?.get().min(items.len());
    let next = AtomicUsize::new(0);
    let take = || -> io::Result<Vec<R>> {
        let mut results = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(work(item)?);
        }
        Ok(results)
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(take)).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| io::Error::other("a thread panicked"))??);
        }
        Ok(all)
    })
}

pub fn total(amounts: Vec<Amount>) -> Amount {
    amounts
        .into_iter()
        .fold(Amount::default(), |sum, one| Amount { files: sum.files + one.files, bytes: sum.bytes + one.bytes })
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub fn print(line: &str) -> ExitCode {
    match writeln!(io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn failed(cause: &io::Error) -> ExitCode {
    // Nobody is left to be told when this fails too.
    let _ = writeln!(io::stderr(), "gauge: {cause}");
    ExitCode::FAILURE
}
