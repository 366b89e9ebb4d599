//! Reading the bytes of a file.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use digests::Cancel;
use rustix::fs::{SeekFrom, Stat};
use rustix::io::Errno;

/// Large enough that system calls cost nothing beside the hash, small enough for the second-level cache.
pub const BUFFER: usize = 256 * 1024;

/// BLAKE3 and length of what is left to read, which is `size` bytes unless the file changes.
pub fn hash(mut file: &File, size: u64, buffer: &mut [u8], cancel: &Cancel) -> io::Result<([u8; 32], u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut total = 0;
    loop {
        let length = read_some(&mut file, buffer)?;
        hasher.update(&buffer[..length]);
        total += length as u64;
        // At the place where it should end, a short read is the end. Most files are that short.
        if length == 0 || (length < buffer.len() && total >= size) {
            return Ok((*hasher.finalize().as_bytes(), total));
        }
        cancel.check()?;
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

/// Whether the whole content of `file` has this hash.
pub fn is_hashed(mut file: &File, expected: &[u8; 32], cancel: &Cancel) -> bool {
    let mut buffer = vec![0; BUFFER];
    let read = file.seek(io::SeekFrom::Start(0)).and_then(|_| hash(file, u64::MAX, &mut buffer, cancel));
    read.is_ok_and(|(hash, _)| hash == *expected)
}

/// Files below this are copied whole: asking for their holes, or for a clone, costs more than writing them.
const SMALL: i64 = 64 * 1024;

/// Bytes that the kernel is asked to copy at once: an interruption waits for no more.
const KERNEL_COPY: usize = 64 << 20;

/// Copies the content of files, in the cheapest way that the file systems offer.
pub struct Copying<'a> {
    cancel: &'a Cancel,
    /// Tried once, because a file system that cannot share blocks never will.
    clones: AtomicBool,
    kernel_copies: AtomicBool,
}

impl<'a> Copying<'a> {
    pub fn new(cancel: &'a Cancel) -> Self {
        Self { cancel, clones: AtomicBool::new(true), kernel_copies: AtomicBool::new(true) }
    }

    /// Copies `source`, which `stat` describes, to the empty `target`; holes stay holes. Returns whether all of it was
    /// there and, where a hash is `expected`, had that. Without one the bytes need not pass through here at all.
    pub fn copy(
        &self,
        source: &File,
        target: &File,
        stat: &Stat,
        expected: Option<&[u8; 32]>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<bool> {
        buffer.resize(BUFFER, 0);
        let is_small = stat.st_size < SMALL;
        if !is_small && self.clone(source, target) {
            // The clone holds still, whatever happens to the source.
            let is_whole = rustix::fs::fstat(target)?.st_size == stat.st_size;
            return Ok(is_whole && expected.is_none_or(|expected| is_hashed(target, expected, self.cancel)));
        }
        let mut hasher = expected.map(|_| blake3::Hasher::new());
        let length = if is_small || stat.st_blocks * 512 >= stat.st_size {
            // One byte more shows a file that has grown.
            self.copy_some(source, target, stat.st_size as u64 + 1, &mut hasher, buffer)?
        } else {
            self.copy_around_holes(source, target, stat.st_size as u64, &mut hasher, buffer)?
        };
        let is_same = hasher.is_none_or(|hasher| Some(hasher.finalize().as_bytes()) == expected);
        Ok(is_same && length == stat.st_size as u64)
    }

    /// Lets the target share the blocks of the source. Any refusal means that bytes must be copied.
    fn clone(&self, source: &File, target: &File) -> bool {
        let done = self.clones.load(Relaxed) && rustix::fs::ioctl_ficlone(target, source).is_ok();
        self.clones.store(done, Relaxed);
        done
    }

    fn copy_around_holes(
        &self,
        source: &File,
        target: &File,
        end: u64,
        hasher: &mut Option<blake3::Hasher>,
        buffer: &mut [u8],
    ) -> io::Result<u64> {
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
            if let Some(hasher) = hasher {
                hash_zeros(hasher, data - at, self.cancel)?;
            }
            if data == end {
                break;
            }
            let hole = rustix::fs::seek(source, SeekFrom::Hole(data)).unwrap_or(end).min(end);
            rustix::fs::seek(source, SeekFrom::Start(data))?;
            rustix::fs::seek(target, SeekFrom::Start(data))?;
            at = data + self.copy_some(source, target, hole - data, hasher, buffer)?;
            if at < hole {
                return Ok(at);
            }
        }
        rustix::fs::ftruncate(target, end)?;
        Ok(end)
    }

    /// Copies up to `limit` bytes from where both files stand. Returns how many there were.
    fn copy_some(
        &self,
        mut source: &File,
        mut target: &File,
        limit: u64,
        hasher: &mut Option<blake3::Hasher>,
        buffer: &mut [u8],
    ) -> io::Result<u64> {
        let mut total = 0;
        while total < limit {
            let wanted = usize::try_from(limit - total).unwrap_or(usize::MAX).min(buffer.len());
            let length = read_some(&mut source, &mut buffer[..wanted])?;
            if let Some(hasher) = hasher {
                hasher.update(&buffer[..length]);
            }
            target.write_all(&buffer[..length])?;
            total += length as u64;
            // At the place where it should end, a short read is the end. Most files are that short.
            if length == 0 || (length < wanted && total + 1 >= limit) {
                break;
            }
            self.cancel.check()?;
            if hasher.is_none() {
                total += self.copy_in_kernel(source, target, limit - total)?;
            }
        }
        Ok(total)
    }

    /// As `copy_some`, by the kernel alone; what it would not copy is left to do.
    fn copy_in_kernel(&self, source: &File, target: &File, limit: u64) -> io::Result<u64> {
        let mut total = 0;
        while total < limit && self.kernel_copies.load(Relaxed) {
            let wanted = usize::try_from(limit - total).unwrap_or(usize::MAX).min(KERNEL_COPY);
            match rustix::fs::copy_file_range(source, None, target, None, wanted) {
                Ok(0) => break,
                Ok(length) => total += length as u64,
                Err(Errno::INTR) => {}
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                    self.kernel_copies.store(false, Relaxed);
                }
                Err(other) => return Err(other.into()),
            }
            self.cancel.check()?;
        }
        Ok(total)
    }
}

/// Feeds the zeros of a hole to a hash.
pub fn hash_zeros(hasher: &mut blake3::Hasher, mut length: u64, cancel: &Cancel) -> digests::Result<()> {
    static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
    while length > 0 {
        cancel.check()?;
        let piece = usize::try_from(length).unwrap_or(usize::MAX).min(ZEROS.len());
        hasher.update(&ZEROS[..piece]);
        length -= piece as u64;
    }
    Ok(())
}
