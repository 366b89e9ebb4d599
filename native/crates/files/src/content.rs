//! Reading the bytes of a file.

use std::fs::File;
use std::io::{self, Read, Write};

use digests::Cancel;
use rustix::fs::{SeekFrom, Stat};
use rustix::io::Errno;

/// Large enough that system calls cost nothing beside the hash, small enough for the second-level cache.
pub const BUFFER: usize = 256 * 1024;

/// BLAKE3 and length of what is left to read.
pub fn hash(mut file: &File, buffer: &mut [u8], cancel: &Cancel) -> io::Result<([u8; 32], u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut total = 0;
    loop {
        let length = read_some(&mut file, buffer)?;
        if length == 0 {
            return Ok((*hasher.finalize().as_bytes(), total));
        }
        cancel.check()?;
        hasher.update(&buffer[..length]);
        total += length as u64;
    }
}

/// As `Read::read`, but goes on after an interruption.
pub fn read_some(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            other => return other,
        }
    }
}

/// Files below this are copied whole: asking for their holes costs more than writing them.
const SPARSE: i64 = 64 * 1024;

/// Copies `source`, which `stat` describes, to the empty `target`; holes stay holes. `hasher` sees all bytes, those of holes
/// too. Returns the length.
pub fn copy(
    source: &File,
    target: &File,
    stat: &Stat,
    mut hasher: Option<&mut blake3::Hasher>,
    buffer: &mut [u8],
    cancel: &Cancel,
) -> io::Result<u64> {
    if stat.st_size < SPARSE || stat.st_blocks * 512 >= stat.st_size {
        return copy_rest(source, target, u64::MAX, &mut hasher, buffer, cancel);
    }
    let end = stat.st_size as u64;
    let mut at = 0;
    while at < end {
        let data = match rustix::fs::seek(source, SeekFrom::Data(at)) {
            Ok(data) => data.min(end),
            // No data up to the end.
            Err(Errno::NXIO) => end,
            // A file system that knows no holes.
            Err(Errno::INVAL) => at,
            Err(other) => return Err(other.into()),
        };
        hash_zeros(&mut hasher, data - at, buffer);
        if data == end {
            break;
        }
        let hole = rustix::fs::seek(source, SeekFrom::Hole(data)).unwrap_or(end).min(end);
        rustix::fs::seek(source, SeekFrom::Start(data))?;
        rustix::fs::seek(target, SeekFrom::Start(data))?;
        at = data + copy_rest(source, target, hole - data, &mut hasher, buffer, cancel)?;
        if at < hole {
            return Ok(at);
        }
    }
    rustix::fs::ftruncate(target, end)?;
    Ok(end)
}

fn copy_rest(
    mut source: &File,
    mut target: &File,
    limit: u64,
    hasher: &mut Option<&mut blake3::Hasher>,
    buffer: &mut [u8],
    cancel: &Cancel,
) -> io::Result<u64> {
    let mut total = 0;
    while total < limit {
        let wanted = usize::try_from(limit - total).unwrap_or(usize::MAX).min(buffer.len());
        let length = read_some(&mut source, &mut buffer[..wanted])?;
        if length == 0 {
            break;
        }
        if let Some(hasher) = hasher {
            hasher.update(&buffer[..length]);
        }
        target.write_all(&buffer[..length])?;
        total += length as u64;
        // A short read of a regular file is its end, and most files are short.
        if length == wanted && wanted == buffer.len() {
            cancel.check()?;
        }
    }
    Ok(total)
}

fn hash_zeros(hasher: &mut Option<&mut blake3::Hasher>, mut length: u64, buffer: &mut [u8]) {
    let Some(hasher) = hasher else { return };
    buffer.fill(0);
    while length > 0 {
        let piece = usize::try_from(length).unwrap_or(usize::MAX).min(buffer.len());
        hasher.update(&buffer[..piece]);
        length -= piece as u64;
    }
}
