use std::io::Write;

use flate2::GzBuilder;

use super::*;
use crate::compression::Compression;

fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    Gunzip::new(bytes).read_to_end(&mut plain).map(|_| plain)
}

/// Pieces of a few bytes, as a slow line brings them.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.len().min(buffer.len()).min(7);
        let (now, later) = self.0.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.0 = later;
        Ok(count)
    }
}

fn member(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// As our packer makes them: the head says so, and the plain length of all but the last is our block.
fn ours(plain: &[u8]) -> Vec<u8> {
    let pack = |block: &[u8]| {
        let mut packed = member(block);
        packed[..OURS.len()].copy_from_slice(OURS);
        packed
    };
    plain.chunks(Compression::Gzip.block_size()).flat_map(pack).collect()
}

fn sample(length: usize) -> Vec<u8> {
    (0..length as u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 25) as u8).collect()
}

#[test]
fn members_are_one_stream_however_they_were_made() {
    let plain = sample(5 << 20);
    let (front, back) = plain.split_at(3 << 20);
    let streams = [
        member(&plain),
        ours(&plain),
        [ours(front), member(back)].concat(),
        [member(front), ours(back)].concat(),
        plain.chunks(100_000).flat_map(member).collect(),
        [member(b""), ours(&plain), member(b"")].concat(),
    ];
    for (number, stream) in streams.iter().enumerate() {
        assert!(unpacked(stream).unwrap() == plain, "{number}");
    }
    let small = &plain[..50_000];
    let mut trickled = Vec::new();
    Gunzip::new(Trickle(&[ours(small), member(small)].concat())).read_to_end(&mut trickled).unwrap();
    assert!(trickled == [small, small].concat());
}

#[test]
fn headers_with_everything_are_skipped() {
    let mut encoder = GzBuilder::new()
        .extra(vec![7; 300])
        .filename("name")
        .comment("comment")
        .mtime(5)
        .write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"content").unwrap();
    assert_eq!(unpacked(&encoder.finish().unwrap()).unwrap(), b"content");
}

#[test]
fn a_cut_stream_is_told_from_a_wrong_one() {
    let plain = sample(3 << 20);
    for whole in [member(&plain), ours(&plain)] {
        for cut in [0, 1, 9, 10, 11, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
            assert_eq!(unpacked(&whole[..cut]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        for flipped in [0, 3, whole.len() / 2, whole.len() - 8, whole.len() - 1] {
            let mut wrong = whole.clone();
            wrong[flipped] ^= 0xf0;
            let kind = unpacked(&wrong).unwrap_err().kind();
            assert!(matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof), "{flipped}: {kind}");
        }
    }
    assert_eq!(
        unpacked(&[member(b"x"), b"junk that is no member".to_vec()].concat()).unwrap_err().kind(),
        io::ErrorKind::InvalidData
    );
}
