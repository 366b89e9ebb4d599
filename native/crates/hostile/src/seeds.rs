use std::io::Write;

use digests::tar::{Header, Kind, TarWriter};

/// Archives with a bit of every form that the reader knows.
pub fn archives() -> Vec<Vec<u8>> {
    vec![small(), rich(), foreign(), sparse(), pax_sparse()]
}

pub fn gzip() -> Vec<Vec<u8>> {
    let pack = |plain: Vec<u8>| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&plain).unwrap();
        encoder.finish().unwrap()
    };
    let mut all: Vec<_> = [small(), rich()].into_iter().map(pack).collect();
    // Members one after the other are one stream.
    all.push([all[0].clone(), all[0].clone()].concat());
    all
}

pub fn zstd() -> Vec<Vec<u8>> {
    let mut all: Vec<_> =
        [small(), rich()].iter().map(|plain| zstd::encode_all(plain.as_slice(), 1).unwrap()).collect();
    let skippable = [&b"\x50\x2a\x4d\x18\x04\0\0\0skip"[..], &all[0]].concat();
    all.push(skippable);
    all
}

fn entry<'a>(path: &'a str, kind: Kind, link: &'a str) -> Header<'a> {
    let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
    let (path, link) = (path.as_bytes(), link.as_bytes());
    Header { path, kind, mode, uid: 0, gid: 0, size: 0, mtime: 1000, link, device: (0, 0), xattrs: &[] }
}

fn file(tar: &mut TarWriter<Vec<u8>>, path: &str, content: &[u8]) {
    tar.header(&Header { size: content.len() as u64, ..entry(path, Kind::File, "") }).unwrap();
    tar.content(content).unwrap();
    tar.pad().unwrap();
}

fn small() -> Vec<u8> {
    let mut tar = TarWriter::new(Vec::new());
    file(&mut tar, "a", b"content\n");
    tar.finish().unwrap()
}

fn rich() -> Vec<u8> {
    let xattrs = vec![(b"user.a".to_vec(), b"b".to_vec()), (b"trusted.overlay.redirect".to_vec(), b"/etc".to_vec())];
    let long = "p/".repeat(60);
    let mut tar = TarWriter::new(Vec::new());
    tar.header(&Header { xattrs: &xattrs, ..entry("d/", Kind::Directory, "") }).unwrap();
    tar.header(&Header { mtime: -3, uid: 3_000_000, ..entry("d/f", Kind::File, "") }).unwrap();
    file(&mut tar, "d/g", &[7; 700]);
    tar.header(&entry("d/l", Kind::SymbolicLink, "../../outside")).unwrap();
    file(&mut tar, "d/l/x", b"y");
    tar.header(&entry("h", Kind::HardLink, "d/g")).unwrap();
    file(&mut tar, "d/.wh.n", b"");
    file(&mut tar, "d/.wh..wh..opq", b"");
    file(&mut tar, &long, b"z");
    tar.header(&Header { device: (1, 3), ..entry("c", Kind::Character, "") }).unwrap();
    tar.header(&entry("q", Kind::Fifo, "")).unwrap();
    tar.finish().unwrap()
}

/// GNU's long name and link, a global header, base-256 numbers, a v7 directory.
fn foreign() -> Vec<u8> {
    let mut bytes = extension(b'g', b"20 comment=anything\n");
    bytes.extend(extension(b'L', &[b"long/".repeat(30).as_slice(), b"\0"].concat()));
    bytes.extend(extension(b'K', &[b"t".repeat(120).as_slice(), b"\0"].concat()));
    bytes.extend(header("long", b'2', 0, |_| ()));
    bytes.extend(header("v7/", 0, 0, |_| ()));
    bytes.extend(header("ids", b'0', 0, |block| block[108..116].copy_from_slice(b"\x80\0\0\0\0\x2d\xc6\xc0")));
    [bytes, vec![0; 1024]].concat()
}

/// GNU's old form: the map stands in the header.
fn sparse() -> Vec<u8> {
    let bytes = header("holes", b'S', 512, |block| {
        block[257..265].copy_from_slice(b"ustar  \0");
        for (at, number) in [(386, 1 << 16), (398, 512), (483, 1 << 18)] {
            block[at..at + 12].copy_from_slice(format!("{number:011o}\0").as_bytes());
        }
    });
    [bytes, vec![b'd'; 512], vec![0; 1024]].concat()
}

/// The pax forms: the map as a record, and at the head of the data.
fn pax_sparse() -> Vec<u8> {
    let keys = [("major", "0"), ("minor", "1"), ("size", "262144"), ("map", "65536,512")];
    let mut bytes = extension(b'x', &sparse_records(&keys));
    bytes.extend(header("holes", b'0', 512, |_| ()));
    bytes.extend([b'd'; 512]);
    let keys = [("major", "1"), ("minor", "0"), ("realsize", "262144"), ("name", "named")];
    bytes.extend(extension(b'x', &sparse_records(&keys)));
    bytes.extend(header("GNUSparseFile.0/named", b'0', 1024, |_| ()));
    let mut map = b"1\n65536\n512\n".to_vec();
    map.resize(512, 0);
    [bytes, map, vec![b'e'; 512], vec![0; 1024]].concat()
}

/// Pax records; none of these needs a length of three digits.
fn sparse_records(keys: &[(&str, &str)]) -> Vec<u8> {
    let record = |(key, value): &(&str, &str)| {
        let body = format!(" GNU.sparse.{key}={value}\n");
        format!("{}{body}", body.len() + 2)
    };
    keys.iter().map(record).collect::<String>().into_bytes()
}

fn extension(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = header("extension", kind, body.len(), |_| ());
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A block written by hand, for what our own writer never writes.
fn header(name: &str, kind: u8, size: usize, change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000755\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000001750\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    crate::mutate::seal(&mut block);
    block
}
