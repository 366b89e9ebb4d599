use std::io::{self, BufRead, BufReader, Cursor, Read};

use crate::compression::Compression;
use crate::gunzip::Gunzip;

/// The plain stream of a packed one. Members and frames that follow one another are one stream (RFC 1952, 2.2;
/// RFC 8878, 3.1); checksums are verified; a cut stream ends in an error of kind `UnexpectedEof`.
pub fn open<'a>(input: impl Read + Send + 'a, compression: Compression) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(input),
        Compression::Gzip => Box::new(Gunzip::new(input)),
        Compression::Zstd => Box::new(zstd_decoder(BufReader::with_capacity(256 << 10, input))?),
    })
}

/// What `open_archive` found in front of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

/// The plain stream of a file that may be packed, told by its first bytes: what `ADD` of a local archive does.
/// Whether the plain stream is a tar is for the reader to find out; one without a known magic comes as it is.
pub fn open_archive<'a>(mut input: impl Read + Send + 'a) -> io::Result<(Packing, Box<dyn Read + Send + 'a>)> {
    let mut head = Vec::with_capacity(6);
    input.by_ref().take(6).read_to_end(&mut head)?;
    let packing = packing_of(&head);
    let whole = BufReader::with_capacity(256 << 10, Cursor::new(head).chain(input));
    Ok((
        packing,
        match packing {
            Packing::Plain => Box::new(whole),
            Packing::Gzip => Box::new(Gunzip::new(whole)),
            Packing::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
            Packing::Xz => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(whole)),
            Packing::Zstd => Box::new(zstd_decoder(whole)?),
        },
    ))
}

fn packing_of(head: &[u8]) -> Packing {
    match head {
        [0x1f, 0x8b, 8, ..] => Packing::Gzip,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Packing::Bzip2,
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Packing::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Packing::Zstd,
        _ => Packing::Plain,
    }
}

/// Windows above 128 MiB (`zstd --ultra --long=31`) are refused: they are memory that a stranger's file would claim.
fn zstd_decoder<'a, R: BufRead + Send + 'a>(input: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(input)?;
    decoder.window_log_max(27)?;
    Ok(decoder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> (Packing, Vec<u8>) {
        let (packing, mut reader) = open_archive(bytes).unwrap();
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain).unwrap();
        (packing, plain)
    }

    #[test]
    fn packings_are_told_by_content() {
        let text = b"some text\n".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&text).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&text).unwrap();
        assert_eq!(read(&gzip.finish().unwrap()), (Packing::Gzip, text.clone()));
        assert_eq!(read(&bzip2.finish().unwrap()), (Packing::Bzip2, text.clone()));
        assert_eq!(read(&xz.finish().unwrap()), (Packing::Xz, text.clone()));
        assert_eq!(read(&zstd::encode_all(text.as_slice(), 1).unwrap()), (Packing::Zstd, text.clone()));
        assert_eq!(read(&text), (Packing::Plain, text));
        assert_eq!(read(b"BZ"), (Packing::Plain, b"BZ".to_vec()));
    }
}
