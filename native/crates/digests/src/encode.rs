use std::io;

use libdeflater::{CompressionLvl, Compressor};

use crate::compression::Compression;

/// Packs one block at a time, each into a gzip member or zstd frame of its own.
/// Equal blocks give equal bytes, whatever went before.
pub enum Encoder {
    Gzip(GzipEncoder),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Encoder {
    /// `level` as `Compression::level` gives it.
    pub fn new(compression: Compression, level: i32) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
            Compression::Gzip => Self::Gzip(GzipEncoder::new(level)?),
            Compression::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(level)?;
                compressor.include_checksum(true)?;
                Self::Zstd(compressor)
            }
        })
    }

    /// Replaces the content of `output` with the packed `block`.
    pub fn encode(&mut self, block: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        output.clear();
        match self {
            Self::Gzip(encoder) => encoder.encode(block, output)?,
            Self::Zstd(encoder) => {
                output.reserve(zstd::zstd_safe::compress_bound(block.len()));
                encoder.compress_to_buffer(block, output)?;
            }
        }
        Ok(())
    }
}

/// RFC 1952 members made by libdeflate, several times as fast as zlib at equal size.
pub struct GzipEncoder {
    compressor: Compressor,
    probe: Compressor,
    sample: Vec<u8>,
}

const SAMPLE: usize = 16 << 10;

impl GzipEncoder {
    fn new(level: i32) -> io::Result<Self> {
        let compressor = |level| match CompressionLvl::new(level) {
            Ok(level) => Ok(Compressor::new(level)),
            Err(_) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        };
        // Level 0 would store everything, so 1 is the fastest that tells anything.
        Ok(Self { compressor: compressor(level)?, probe: compressor(1)?, sample: Vec::new() })
    }

    fn encode(&mut self, block: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if self.is_incompressible(block) {
            store(block, output);
            return Ok(());
        }
        output.resize(self.compressor.gzip_compress_bound(block.len()), 0);
        let size = self.compressor.gzip_compress(block, output).map_err(io::Error::other)?;
        output.truncate(size);
        normalise(output);
        Ok(())
    }

    /// Whether samples from the block's head, middle and tail say that it is compressed already.
    /// Looks only at the block, so the answer is the same everywhere.
    fn is_incompressible(&mut self, block: &[u8]) -> bool {
        if block.len() < 8 * SAMPLE {
            return false;
        }
        self.sample.resize(self.probe.deflate_compress_bound(SAMPLE), 0);
        let middle = block.len() / 2;
        [0, middle, block.len() - SAMPLE].into_iter().all(|start| {
            match self.probe.deflate_compress(&block[start..start + SAMPLE], &mut self.sample) {
                Ok(size) => size > SAMPLE - SAMPLE / 64,
                Err(_) => true,
            }
        })
    }
}

/// Sets the header's flags that tell of the level and the system; they would only make equal content differ.
fn normalise(member: &mut [u8]) {
    if let Some(flags) = member.get_mut(8..10) {
        flags.copy_from_slice(&[0, 255]);
    }
}

/// A member of stored deflate blocks (RFC 1951, 3.2.4).
fn store(block: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    let mut pieces = block.chunks(usize::from(u16::MAX)).peekable();
    while let Some(piece) = pieces.next() {
        output.push(u8::from(pieces.peek().is_none()));
        let length = piece.len() as u16;
        output.extend_from_slice(&length.to_le_bytes());
        output.extend_from_slice(&(!length).to_le_bytes());
        output.extend_from_slice(piece);
    }
    let mut checksum = libdeflater::Crc::new();
    checksum.update(block);
    output.extend_from_slice(&checksum.sum().to_le_bytes());
    output.extend_from_slice(&(block.len() as u32).to_le_bytes());
}
