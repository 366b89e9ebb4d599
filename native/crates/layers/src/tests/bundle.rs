use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use digests::{Cancel, Compression, Hashed, PackOptions, Sha256Stream, pack};

use super::*;
use crate::{BundleFile, Content, RepackRequest, repack, write_bundle};

fn blob(path: &Path, bytes: &[u8], verified: bool) -> BundleFile {
    fs::write(path, bytes).unwrap();
    let content = Content::Blob { path: path.to_owned(), expected: Sha256Stream::of(bytes), verified };
    BundleFile { name: format!("blobs/{}", path.file_name().unwrap().to_str().unwrap()), content }
}

fn write(files: &[BundleFile], output: &Path) -> Result<Vec<u8>, Error> {
    write_bundle(files, File::create(output).unwrap(), &Cancel::new())?;
    Ok(fs::read(output).unwrap())
}

/// More than one piece, and no multiple of anything.
fn large() -> Vec<u8> {
    (0..5_000_003u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_bundle_is_the_same_by_copy_and_through_a_pipe_and_tar_unpacks_it() {
    let place = Place::new();
    let base = place.base.path();
    let index = BundleFile { name: "index.json".to_owned(), content: Content::Bytes(b"{}".to_vec()) };
    let files = |verified| {
        [
            blob(&base.join("a"), &large(), verified),
            blob(&base.join("b"), b"", verified),
            blob(&base.join("c"), &[7; 512], verified),
            index.clone(),
        ]
    };
    let copied = write(&files(true), &base.join("one.tar")).unwrap();
    assert_eq!(write(&files(false), &base.join("two.tar")).unwrap(), copied);
    let (reader, writer) = std::io::pipe().unwrap();
    let piped = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut { reader }, &mut bytes).map(|_| bytes)
    });
    let pipe = File::from(std::os::fd::OwnedFd::from(writer));
    write_bundle(&files(false), pipe, &Cancel::new()).unwrap();
    assert_eq!(piped.join().unwrap().unwrap(), copied);
    fs::create_dir(base.join("out")).unwrap();
    let status = Command::new("tar").args(["xf", "one.tar", "-C", "out"]).current_dir(base).status().unwrap();
    assert!(status.success());
    assert_eq!(fs::read(base.join("out/blobs/a")).unwrap(), large());
    assert_eq!(fs::read(base.join("out/index.json")).unwrap(), b"{}");
}

#[test]
fn a_damaged_blob_is_never_written_whole() {
    let place = Place::new();
    let base = place.base.path();
    for (case, bytes) in [("flipped", None), ("short", Some(5_000_002)), ("long", Some(5_000_004))] {
        let file = blob(&base.join("a"), &large(), false);
        let mut damaged = large();
        damaged.resize(bytes.unwrap_or(damaged.len()), 0);
        damaged[9] ^= 1;
        fs::write(base.join("a"), damaged).unwrap();
        let output = base.join("out.tar");
        assert_eq!(write(&[file], &output).unwrap_err().code, "TSB_BLOB_DIGEST", "{case}");
        assert!(fs::metadata(output).unwrap().len() < 5_000_003, "{case}");
    }
}

#[test]
fn a_full_disk_and_a_raised_flag_end_it() {
    let place = Place::new();
    let file = blob(&place.base.path().join("a"), &large(), false);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    assert_eq!(write_bundle(std::slice::from_ref(&file), full, &Cancel::new()).unwrap_err().code, "TSB_DISK_FULL");
    let cancel = Cancel::new();
    cancel.cancel();
    let output = File::create(place.base.path().join("out")).unwrap();
    assert_eq!(write_bundle(&[file], output, &cancel).unwrap_err().code, "TSB_INTERRUPTED");
}

#[test]
fn a_repacked_layer_is_the_same_tar() {
    let place = Place::new();
    let base = place.base.path();
    let plain = large();
    let mut blob = Vec::new();
    let options = PackOptions { compression: Compression::Gzip, level: None, workers: 1 };
    let packed = pack(&mut blob, &options, &Cancel::new(), |sink| {
        sink.write_all(&plain).map_err(|cause| Error::io("TSB_LAYER_WRITE", "cannot write", "it", &cause))
    });
    let expected: Hashed = packed.unwrap().plain;
    fs::write(base.join("gzip"), &blob).unwrap();
    for (compression, level) in [(Compression::Zstd, None), (Compression::None, None), (Compression::Gzip, Some(9))] {
        let output = base.join("again");
        let request = RepackRequest {
            blob: base.join("gzip"),
            from: Compression::Gzip,
            output: output.clone(),
            compression,
            level,
        };
        let written = repack(&request, &Cancel::new()).unwrap();
        assert_eq!(written.plain, expected);
        assert_eq!(written.packed, Sha256Stream::of(&fs::read(&output).unwrap()));
        fs::remove_file(&output).unwrap();
        fs::write(base.join("cut"), &blob[..blob.len() - 20]).unwrap();
        let cut = RepackRequest { blob: base.join("cut"), ..request };
        assert_eq!(repack(&cut, &Cancel::new()).unwrap_err().code, "TSB_LAYER_TRUNCATED");
        assert!(!output.exists());
    }
}
