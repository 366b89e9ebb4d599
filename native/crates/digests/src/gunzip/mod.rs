//! Reading gzip (RFC 1952): a stream of members as one.

mod header;
mod input;
mod whole;

use std::io::{self, Read};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Crc;

use self::header::{OURS, skip_header};
use self::input::Input;
use self::whole::{LARGEST, WholeMembers};

/// The plain stream of gzip members that follow one another. Checksums and lengths are verified; a cut stream ends in an error
/// of kind `UnexpectedEof`, any other fault in one of kind `InvalidData`.
///
/// Members as we pack them, small and many, are unpacked whole, which is twice as fast as piece by piece.
pub struct Gunzip<R> {
    input: Input<R>,
    state: State,
    whole: WholeMembers,
    /// Whether members that are unpacked whole are to be expected.
    is_small: Option<bool>,
}

enum State {
    Between,
    /// A member that is unpacked piece by piece.
    Inside(Box<Member>),
    /// From here on in what was unpacked whole.
    Whole(usize),
    Ended,
}

struct Member {
    inflate: Decompress,
    crc: Crc,
}

impl<R: Read> Gunzip<R> {
    pub fn new(input: R) -> Self {
        Self { input: Input::new(input), state: State::Between, whole: WholeMembers::new(), is_small: None }
    }

    fn begin(&mut self) -> io::Result<State> {
        let head = self.input.peek(OURS.len())?;
        if head.is_empty() && self.is_small.is_some() {
            return Ok(State::Ended);
        }
        let expected = self.is_small.unwrap_or(head == OURS);
        self.is_small = Some(expected);
        if expected {
            if let Some(consumed) = self.whole.unpack(self.input.peek(LARGEST)?) {
                self.input.consume(consumed);
                return Ok(State::Whole(0));
            }
            self.is_small = Some(false);
        }
        skip_header(&mut self.input)?;
        Ok(State::Inside(Box::new(Member { inflate: Decompress::new(false), crc: Crc::new() })))
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let (count, next) = match &mut self.state {
                State::Ended => return Ok(0),
                State::Between => (0, Some(self.begin()?)),
                State::Whole(at) => {
                    let rest = &self.whole.plain()[*at..];
                    let count = rest.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&rest[..count]);
                    *at += count;
                    (count, (count == rest.len()).then_some(State::Between))
                }
                State::Inside(member) => {
                    let (count, ended) = member.read(&mut self.input, buffer)?;
                    (count, ended.then_some(State::Between))
                }
            };
            if let Some(next) = next {
                self.state = next;
            }
            if count > 0 {
                return Ok(count);
            }
        }
    }
}

impl Member {
    /// Bytes written, and whether the member has ended.
    fn read<R: Read>(&mut self, input: &mut Input<R>, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
        let packed = input.peek(1)?;
        let cut = packed.is_empty();
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(packed, buffer, FlushDecompress::None);
        let status = status.map_err(|cause| invalid(&cause.to_string()))?;
        let consumed = (self.inflate.total_in() - before_in) as usize;
        let written = (self.inflate.total_out() - before_out) as usize;
        input.consume(consumed);
        self.crc.update(&buffer[..written]);
        match status {
            Status::StreamEnd => self.verify(input).map(|()| (written, true)),
            _ if written == 0 && cut => Err(io::ErrorKind::UnexpectedEof.into()),
            _ if written == 0 && consumed == 0 => Err(invalid("deflate stream makes no progress")),
            _ => Ok((written, false)),
        }
    }

    /// Checksum and length, modulo 2^32, follow the member.
    fn verify<R: Read>(&self, input: &mut Input<R>) -> io::Result<()> {
        let trailer = *input.peek(8)?.first_chunk::<8>().ok_or(io::ErrorKind::UnexpectedEof)?;
        let found = (u64::from(self.inflate.total_out() as u32) << 32) | u64::from(self.crc.sum());
        let same = u64::from_le_bytes(trailer) == found;
        input.consume(8);
        if same { Ok(()) } else { Err(invalid("checksum or length of a gzip member is wrong")) }
    }
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests;
