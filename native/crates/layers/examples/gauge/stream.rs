use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use digests::{Cancel, Compression, PackOptions, Sha256Stream};
use libdeflater::Decompressor;

use crate::tree::files_of;
use crate::{Amount, on_all_cores, timed, total};

/// One stream a path, which is a file or all files of a directory: a thread each, as many at once as there are cores.
pub fn sha256(paths: &[PathBuf]) -> io::Result<(Duration, Amount)> {
    hash(paths, Sha256Stream::new, |hash, bytes| hash.update(bytes))
}

/// As `sha256`.
pub fn blake3(paths: &[PathBuf]) -> io::Result<(Duration, Amount)> {
    hash(paths, blake3::Hasher::new, |hash, bytes| {
        hash.update(bytes);
    })
}

/// What is hashed is in memory before, so that no file is opened while the clock runs.
fn hash<H>(
    paths: &[PathBuf],
    new: impl Fn() -> H + Sync,
    update: impl Fn(&mut H, &[u8]) + Sync,
) -> io::Result<(Duration, Amount)> {
    let load = |path: &PathBuf| files_of(path)?.iter().map(fs::read).collect();
    let streams: Vec<Vec<Vec<u8>>> = paths.iter().map(load).collect::<io::Result<_>>()?;
    timed(|| {
        let one = |files: &Vec<Vec<u8>>| {
            let mut hasher = new();
            files.iter().for_each(|bytes| update(&mut hasher, bytes));
            Ok(Amount { files: files.len() as u64, bytes: files.iter().map(|bytes| bytes.len() as u64).sum() })
        };
        on_all_cores(&streams, one).map(total)
    })
}

/// The files at `from` as one stream through the core's own packer: compressed on all cores, digests of both sides, written.
pub fn pack(from: &Path, to: &Path, compression: Compression) -> io::Result<(Duration, Amount)> {
    let files = files_of(from)?;
    let options = PackOptions { compression, level: None, workers: 0 };
    timed(|| {
        let mut amount = Amount::default();
        digests::pack(File::create_new(to)?, &options, &Cancel::new(), |sink: &mut dyn Write| {
            let read = read(&files, |bytes| sink.write_all(bytes));
            amount = read.map_err(|cause| digests::Error::io("TSB_LAYER_READ", "cannot read", from, &cause))?;
            Ok(())
        })
        .map_err(|cause| io::Error::other(cause.to_string()))?;
        Ok(amount)
    })
}

/// Gzip files of one member, a thread each, whole in memory: what libdeflate can do at best. `bytes` are those of the content.
pub fn inflate(paths: &[PathBuf]) -> io::Result<(Duration, Amount)> {
    timed(|| on_all_cores(paths, |path| inflate_file(path)).map(total))
}

fn inflate_file(path: &Path) -> io::Result<Amount> {
    let packed = fs::read(path)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "not a gzip file of one member");
    // RFC 1952, 2.3: the size of the content stands at the end.
    let size = packed.last_chunk().map(|bytes| u32::from_le_bytes(*bytes)).ok_or_else(invalid)?;
    let mut plain = vec![0; size as usize];
    let length = Decompressor::new().gzip_decompress(&packed, &mut plain).map_err(|_| invalid())?;
    Ok(Amount { files: 1, bytes: length as u64 })
}

fn read(files: &[PathBuf], mut visit: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<Amount> {
    let mut buffer = vec![0; 256 << 10];
    let mut amount = Amount::default();
    for path in files {
        let mut file = File::open(path)?;
        loop {
            let length = file.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            visit(&buffer[..length])?;
            amount.bytes += length as u64;
        }
        amount.files += 1;
    }
    Ok(amount)
}
