//! Maps of files with holes: GNU's old header form and the pax forms 0.0, 0.1 and 1.0.

use super::field::{BLOCK, number};

/// More than any real file has, and a bound on what a header can make us hold.
pub const MAX_SEGMENTS: usize = 1 << 16;

/// A stretch of data; what lies between is a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub offset: u64,
    pub length: u64,
}

const WRONG: &str = "malformed sparse map";

/// Reads `(offset, length)` pairs of 12-byte numbers from an old GNU header or its continuation.
/// An empty pair ends the map.
pub fn add_pairs(segments: &mut Vec<Segment>, fields: &[u8]) -> Result<(), &'static str> {
    for pair in fields.chunks_exact(24) {
        if pair[0] == 0 || pair[12] == 0 {
            return Ok(());
        }
        if segments.len() >= MAX_SEGMENTS {
            return Err("sparse map too long");
        }
        let read = |field: &[u8]| number(field).and_then(|value| u64::try_from(value).ok()).ok_or(WRONG);
        segments.push(Segment { offset: read(&pair[..12])?, length: read(&pair[12..])? });
    }
    Ok(())
}

/// A map at the head of the data (format 1.0), fed block by block until `done`.
#[derive(Debug, Default)]
pub struct DataMap {
    numbers: Vec<u64>,
    digits: Vec<u8>,
}

impl DataMap {
    /// Takes the next block; true when the map is complete, and data begin with the following block.
    pub fn add(&mut self, block: &[u8; BLOCK]) -> Result<bool, &'static str> {
        for &byte in block {
            if byte == b'\n' {
                self.numbers.push(super::pax::parse_decimal(&self.digits).ok_or(WRONG)?);
                self.digits.clear();
                if self.is_complete()? {
                    return Ok(true);
                }
            } else {
                self.digits.push(byte);
                if self.digits.len() > 20 {
                    return Err(WRONG);
                }
            }
        }
        Ok(false)
    }

    fn is_complete(&self) -> Result<bool, &'static str> {
        let count = self.numbers[0];
        if count > MAX_SEGMENTS as u64 {
            return Err("sparse map too long");
        }
        Ok(self.numbers.len() as u64 == 1 + 2 * count)
    }

    pub fn segments(&self) -> Vec<Segment> {
        let pairs = self.numbers.get(1..).unwrap_or_default().chunks_exact(2);
        pairs.map(|pair| Segment { offset: pair[0], length: pair[1] }).collect()
    }
}

/// Whether `segments` are in order, do not overlap, lie inside `size` and hold `data` bytes together.
pub fn check(segments: &[Segment], size: u64, data: u64) -> Result<(), &'static str> {
    let mut end = 0;
    let mut sum = 0u64;
    for segment in segments {
        if segment.offset < end {
            return Err("sparse map out of order");
        }
        end = segment
            .offset
            .checked_add(segment.length)
            .filter(|end| *end <= size)
            .ok_or("sparse map out of the file")?;
        sum += segment.length;
    }
    if sum == data { Ok(()) } else { Err("sparse map that does not fit the data") }
}
