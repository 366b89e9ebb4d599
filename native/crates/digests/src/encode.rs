use std::io;

use libdeflater::{CompressionLvl, Compressor};

use crate::compression::Compression;
use crate::probe::{Run, runs};

/// Packs one block at a time, each into gzip members or zstd frames of its own.
/// Equal blocks give equal bytes, whatever went before.
pub enum Encoder {
    Gzip(GzipEncoder),
    Zstd(ZstdEncoder),
}

impl Encoder {
    /// `level` as `Compression::level` gives it.
    pub fn new(compression: Compression, level: i32) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => return Err(io::Error::from(io::ErrorKind::InvalidInput)),
            Compression::Gzip => Self::Gzip(GzipEncoder::new(level)?),
            Compression::Zstd => Self::Zstd(ZstdEncoder::new(level)?),
        })
    }

    /// Replaces the content of `output` with the packed `block`.
    pub fn encode(&mut self, block: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        output.clear();
        match self {
            Self::Gzip(encoder) => encoder.encode(block, output),
            Self::Zstd(encoder) => encoder.encode(block, output),
        }
    }
}

/// RFC 1952 members made by libdeflate, several times as fast as zlib at equal size; what cannot be compressed is
/// stored in members of its own.
pub struct GzipEncoder {
    compressor: Compressor,
    stores: bool,
}

impl GzipEncoder {
    fn new(level: i32) -> io::Result<Self> {
        match CompressionLvl::new(level) {
            Ok(wanted) => Ok(Self { compressor: Compressor::new(wanted), stores: level == 0 }),
            Err(_) => Err(io::Error::from(io::ErrorKind::InvalidInput)),
        }
    }

    fn encode(&mut self, block: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if self.stores || block.is_empty() {
            store(block, output);
            return Ok(());
        }
        for Run { range, compressible } in runs(block) {
            if compressible {
                self.compress(&block[range], output)?;
            } else {
                store(&block[range], output);
            }
        }
        Ok(())
    }

    fn compress(&mut self, bytes: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        let start = output.len();
        output.resize(start + self.compressor.gzip_compress_bound(bytes.len()), 0);
        let size = self.compressor.gzip_compress(bytes, &mut output[start..]).map_err(io::Error::other)?;
        output.truncate(start + size);
        normalise(&mut output[start..]);
        Ok(())
    }
}

/// Sets the header's flags that tell of the level and the system; they would only make equal content differ.
fn normalise(member: &mut [u8]) {
    if let Some(flags) = member.get_mut(8..10) {
        flags.copy_from_slice(&[0, 255]);
    }
}

/// Bytes that one stored block can have.
const STORED: usize = u16::MAX as usize;

/// A member of stored deflate blocks (RFC 1951, 3.2.4).
fn store(block: &[u8], output: &mut Vec<u8>) {
    output.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    // Even of nothing there has to be a last block.
    let pieces = block.len().div_ceil(STORED).max(1);
    for index in 0..pieces {
        let piece = &block[index * STORED..block.len().min((index + 1) * STORED)];
        output.push(u8::from(index + 1 == pieces));
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

/// RFC 8878 frames with checksums.
pub struct ZstdEncoder {
    compressor: zstd::bulk::Compressor<'static>,
    /// For what cannot be compressed: finds so almost without looking.
    fastest: zstd::bulk::Compressor<'static>,
}

/// zstd's negative levels skip ahead in larger and larger steps.
const FASTEST: i32 = -1000;

impl ZstdEncoder {
    fn new(level: i32) -> io::Result<Self> {
        let compressor = |level| {
            let mut compressor = zstd::bulk::Compressor::new(level)?;
            compressor.include_checksum(true)?;
            io::Result::Ok(compressor)
        };
        Ok(Self { compressor: compressor(level)?, fastest: compressor(FASTEST)? })
    }

    fn encode(&mut self, block: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        if block.is_empty() {
            return self.compress(Run { range: 0..0, compressible: true }, block, output);
        }
        runs(block).into_iter().try_for_each(|run| self.compress(run, block, output))
    }

    fn compress(&mut self, Run { range, compressible }: Run, block: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        let bytes = &block[range];
        let start = output.len();
        output.resize(start + zstd::zstd_safe::compress_bound(bytes.len()), 0);
        let compressor = if compressible { &mut self.compressor } else { &mut self.fastest };
        let size = compressor.compress_to_buffer(bytes, &mut output[start..])?;
        output.truncate(start + size);
        Ok(())
    }
}
