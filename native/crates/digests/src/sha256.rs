use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

/// What a stream turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// `sha256:` and 64 lower-case hex digits.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// SHA-256 of bytes that come in pieces.
#[derive(Clone, Default)]
pub struct Sha256Stream {
    state: Sha256,
    size: u64,
}

impl Sha256Stream {
    pub fn new() -> Self {
        Self::default()
    }

    /// The digest of bytes that are there in one piece.
    pub fn of(bytes: &[u8]) -> Hashed {
        let mut stream = Self::new();
        stream.update(bytes);
        stream.finish()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub fn finish(self) -> Hashed {
        let mut digest = String::with_capacity(71);
        digest.push_str("sha256:");
        for byte in self.state.finalize() {
            digest.push(hex_digit(byte >> 4));
            digest.push(hex_digit(byte & 15));
        }
        Hashed { digest, size: self.size }
    }
}

fn hex_digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 })
}

/// Hashes what is written through it.
pub struct HashingWriter<W> {
    inner: W,
    hash: Sha256Stream,
}

impl<W: Write> HashingWriter<W> {
    pub fn new(inner: W) -> Self {
        Self { inner, hash: Sha256Stream::new() }
    }

    /// The digest of everything written, and the writer below; nothing is flushed.
    pub fn finish(self) -> (Hashed, W) {
        (self.hash.finish(), self.inner)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Hashes what is read through it.
pub struct HashingReader<R> {
    inner: R,
    hash: Sha256Stream,
}

impl<R: Read> HashingReader<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, hash: Sha256Stream::new() }
    }

    /// The digest of everything read so far; read to the end first when the whole counts.
    pub fn finish(self) -> (Hashed, R) {
        (self.hash.finish(), self.inner)
    }
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn pieces_hash_as_the_whole() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        let (hashed, bytes) = writer.finish();
        assert_eq!((hashed.digest.as_str(), hashed.size, bytes.as_slice()), (ABC, 3, b"abc".as_slice()));
    }

    #[test]
    fn reading_hashes_what_was_read() {
        let mut reader = HashingReader::new(b"abc".as_slice());
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(reader.finish().0.digest, ABC);
    }
}
