//! Reading the bytes of a file.

use std::fs::File;
use std::io::{self, Read};

use digests::Cancel;

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
