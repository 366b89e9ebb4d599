use std::io::{self, Read};

use super::input::Input;
use super::invalid;

/// The head of the members that we pack: no name, no time, no flags, system unknown.
pub const OURS: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

const HEADER_CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0xe0;

/// Goes past the header of a member (RFC 1952, 2.3).
pub fn skip_header<R: Read>(input: &mut Input<R>) -> io::Result<()> {
    let head = take::<_, 10>(input)?;
    let [0x1f, 0x8b, 8, flags, ..] = head else { return Err(invalid("not a gzip header")) };
    if flags & RESERVED != 0 {
        return Err(invalid("gzip header of an unknown version"));
    }
    if flags & EXTRA != 0 {
        let length = u16::from_le_bytes(take(input)?);
        for _ in 0..length {
            take::<_, 1>(input)?;
        }
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            while take::<_, 1>(input)? != [0] {}
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        // It guards nothing that is used here.
        take::<_, 2>(input)?;
    }
    Ok(())
}

fn take<R: Read, const N: usize>(input: &mut Input<R>) -> io::Result<[u8; N]> {
    let taken = *input.peek(N)?.first_chunk::<N>().ok_or(io::ErrorKind::UnexpectedEof)?;
    input.consume(N);
    Ok(taken)
}
