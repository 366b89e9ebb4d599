//! What the writer writes the reader reads, and other programs' archives too.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

fn header(path: &[u8], kind: Kind) -> Header<'_> {
    Header { path, kind, mode: 0o644, uid: 1, gid: 2, size: 0, mtime: 3, link: b"", device: (0, 0), xattrs: &[] }
}

fn read_all(bytes: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, Problem> {
    let mut reader = TarReader::new(bytes);
    let mut all = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        let mut content = vec![0; entry.size as usize];
        reader.content(&entry, |at, piece| {
            content[at as usize..at as usize + piece.len()].copy_from_slice(piece);
            Ok::<(), Problem>(())
        })?;
        all.push((entry, content));
    }
    Ok(all)
}

#[test]
fn headers_come_back_whatever_the_length_and_the_bytes() {
    let lengths = [1, 99, 100, 101, 150, 255, 256, 257, 300, 4000];
    let mut paths: Vec<Vec<u8>> = lengths.iter().map(|length| vec![b'n'; *length]).collect();
    paths.extend(lengths.iter().map(|length| b"dir/".iter().cycle().take(*length).copied().chain(*b"x").collect()));
    paths.extend(["é".as_bytes().to_vec(), b"\xff\xfe".to_vec(), [b"\xff".as_slice(), &[b'n'; 120]].concat()]);
    let xattrs = vec![(b"security.capability".to_vec(), vec![1, 0, 10, 255])];
    for path in &paths {
        let mut writer = TarWriter::new(Vec::new());
        let mut file = header(path, Kind::File);
        (file.size, file.uid, file.gid, file.mtime, file.xattrs) = (5, 3_000_000, u32::MAX - 1, -7, &xattrs);
        writer.header(&file).unwrap();
        writer.content(b"hello").unwrap();
        writer.pad().unwrap();
        let mut link = header(b"link", Kind::SymbolicLink);
        link.link = path;
        writer.header(&link).unwrap();
        let mut device = header(b"device", Kind::Block);
        (device.device, device.mode) = ((259, 1_048_575), 0o7777);
        writer.header(&device).unwrap();
        let bytes = writer.finish().unwrap();
        assert_eq!(bytes.len() % 512, 0);
        let all = read_all(&bytes).unwrap();
        let (entry, content) = &all[0];
        assert_eq!(
            (&entry.path, content.as_slice(), entry.uid, entry.gid),
            (path, b"hello".as_slice(), 3_000_000, u32::MAX - 1)
        );
        assert_eq!((entry.mtime, &entry.xattrs), ((-7, 0), &xattrs));
        assert_eq!(&all[1].0.link, path);
        assert_eq!((all[2].0.device, all[2].0.mode, all[2].0.kind), ((259, 1_048_575), 0o7777, Kind::Block));
    }
}

#[test]
fn sizes_over_eight_gib_come_back() {
    let mut writer = TarWriter::new(Vec::new());
    let mut file = header(b"big", Kind::File);
    file.size = 9 << 33;
    writer.header(&file).unwrap();
    let bytes = writer.finish().unwrap();
    let mut reader = TarReader::new(bytes.as_slice());
    assert_eq!(reader.next_entry().unwrap().unwrap().size, 9 << 33);
    assert!(matches!(reader.next_entry(), Err(Problem::Truncated)));
}

#[test]
fn an_archive_without_entries_is_two_blocks() {
    let bytes = TarWriter::new(Vec::new()).finish().unwrap();
    assert_eq!(bytes, [0; 1024]);
    assert!(read_all(&bytes).unwrap().is_empty() && read_all(b"").unwrap().is_empty());
}

fn gnu_tar(arguments: &[&str], directory: &std::path::Path) -> Vec<u8> {
    let output = Command::new("tar").args(arguments).current_dir(directory).stderr(Stdio::null()).output().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[test]
fn gnu_archives_with_long_names_and_holes() {
    let directory = tempfile::tempdir().unwrap();
    let long = "d".repeat(120);
    std::fs::create_dir(directory.path().join(&long)).unwrap();
    let name = format!("{long}/{}", "n".repeat(130));
    let mut file = std::fs::File::create(directory.path().join(&name)).unwrap();
    let mut expected = vec![0; 40 << 16];
    for place in (0..40 << 16).step_by(2 << 16) {
        use std::io::Seek;
        file.seek(std::io::SeekFrom::Start(place as u64)).unwrap();
        file.write_all(b"data").unwrap();
        expected[place..place + 4].copy_from_slice(b"data");
    }
    file.set_len(40 << 16).unwrap();
    std::os::unix::fs::symlink("t".repeat(200), directory.path().join("link")).unwrap();
    let forms: [&[&str]; 4] = [
        &["--format=gnu"],
        &["--format=pax", "--sparse-version=0.0"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ];
    for form in forms {
        let bytes = gnu_tar(&[form, &["-S", "-cf-", &long, "link"]].concat(), directory.path());
        let all = read_all(&bytes).unwrap();
        let found: Vec<_> =
            all.iter().map(|(entry, _)| (String::from_utf8(entry.path.clone()).unwrap(), entry.kind)).collect();
        let directory_name = format!("{long}/");
        assert_eq!(
            found,
            [(directory_name, Kind::Directory), (name.clone(), Kind::File), ("link".into(), Kind::SymbolicLink)]
        );
        assert!(all[1].1 == expected, "{form:?}");
        assert_eq!(all[2].0.link.len(), 200);
        assert!(bytes.len() < 400_000, "{form:?} kept the holes");
    }
}

#[test]
fn broken_headers_are_named() {
    let mut writer = TarWriter::new(Vec::new());
    let mut file = header(b"file", Kind::File);
    file.size = 600;
    writer.header(&file).unwrap();
    writer.content(&[7; 600]).unwrap();
    writer.pad().unwrap();
    let bytes = writer.finish().unwrap();
    for cut in [1, 511, 513, 1000, 1535] {
        assert!(matches!(read_all(&bytes[..cut]), Err(Problem::Truncated)), "{cut}");
    }
    let mut wrong = bytes.clone();
    wrong[3] ^= 1;
    assert!(matches!(read_all(&wrong), Err(Problem::Malformed("wrong header checksum"))));
}

#[test]
fn an_extended_header_may_not_claim_memory() {
    let mut block = [0; BLOCK];
    block[..4].copy_from_slice(b"name");
    block[field::TYPE] = b'x';
    for name in [field::MODE, field::UID, field::GID, field::MTIME] {
        field::put_octal(&mut block, name, 0);
    }
    field::put_octal(&mut block, field::SIZE, 1 << 30);
    let sum = field::checksums(&block).0 as u64;
    field::put_octal(&mut block, field::CHECKSUM, sum);
    assert!(matches!(read_all(&block), Err(Problem::Malformed("extended headers over 1 MiB"))));
}

/// Each is small; together they would be held until their entry comes.
#[test]
fn many_extended_headers_may_not_claim_memory_either() {
    let value = vec![b'v'; 200 << 10];
    let mut bytes = Vec::new();
    for number in 0..6 {
        let mut writer = TarWriter::new(Vec::new());
        let xattrs = vec![(format!("user.{number}").into_bytes(), value.clone())];
        writer.header(&Header { xattrs: &xattrs, ..header(b"file", Kind::File) }).unwrap();
        let whole = writer.finish().unwrap();
        // Without the entry that it is for, and the end.
        bytes.extend_from_slice(&whole[..whole.len() - 3 * BLOCK]);
    }
    assert!(matches!(read_all(&bytes), Err(Problem::Malformed("extended headers over 1 MiB"))));
}
