use std::fs;

use super::forms::furnish;
use super::*;
use crate::archive::archive_with;
use crate::entry::{Scribe, View};

#[test]
fn what_is_written_unpacks_to_the_same() {
    let place = Place::new();
    furnish(&place.layer());
    let expected = tree(&place.layer());
    let plain = place.write().unwrap();
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let blob = place.base.path().join("out");
        let written = write_upper(&place.layer(), Some(&blob), compression).unwrap();
        assert_eq!(written.plain, plain.plain);
        assert_eq!(fs::metadata(&blob).unwrap().len(), written.packed.size);
        let again = Place::new();
        let mut request = again.request(b"", compression);
        request.blob = Source::File(blob.clone());
        let applied = apply(&request, &Cancel::new()).unwrap();
        assert_eq!(applied.plain, written.plain);
        assert_eq!(applied.implicit, Vec::<PathBuf>::new());
        assert_eq!(tree(&again.layer()), expected, "{compression:?}");
        assert_eq!(again.write().unwrap(), plain);
        fs::remove_file(blob).unwrap();
    }
}

#[test]
fn sockets_are_left_out() {
    let place = Place::new();
    let _socket = std::os::unix::net::UnixListener::bind(place.layer().join("socket")).unwrap();
    assert_eq!(place.write().unwrap().plain.size, 1024);
}

#[test]
fn a_name_that_would_be_a_whiteout_is_refused() {
    let place = Place::new();
    fs::write(place.layer().join(".wh.x"), "x").unwrap();
    let error = place.write().unwrap_err();
    assert_eq!((error.code, error.path), ("TSB_LAYER_NAME", Some(PathBuf::from(".wh.x"))));
    crate::export_tar(
        &place.layer(),
        Times::Kept,
        fs::File::create(place.base.path().join("t")).unwrap(),
        &Cancel::new(),
    )
    .unwrap();
}

#[test]
fn the_output_is_exclusive_and_gone_after_an_error() {
    let place = Place::new();
    let output = place.base.path().join("out");
    fs::write(&output, "mine").unwrap();
    assert_eq!(write_upper(&place.layer(), Some(&output), Compression::Gzip).unwrap_err().code, "TSB_LAYER_WRITE");
    assert_eq!(fs::read(&output).unwrap(), b"mine");
    fs::remove_file(&output).unwrap();
    fs::write(place.layer().join(".wh.x"), "x").unwrap();
    write_upper(&place.layer(), Some(&output), Compression::Gzip).unwrap_err();
    assert!(!output.exists());
}

#[test]
fn a_tree_deeper_than_open_files_allow() {
    let place = Place::new();
    let mut tar = Tar::new();
    let mut path = String::new();
    for _ in 0..1900 {
        path.push_str("d/");
        tar = tar.directory(&path);
    }
    let bytes = tar.bytes();
    place.apply(&bytes).unwrap();
    assert_eq!(place.write().unwrap().plain.size, bytes.len() as u64);
}

/// Many directories, large files among small ones, and names of one file far apart.
fn furnish_widely(root: &Path) {
    for directory in 0..40 {
        let path = root.join(format!("d{directory:02}/deep/er"));
        fs::create_dir_all(&path).unwrap();
        for file in 0..30 {
            fs::write(path.join(format!("f{file}")), vec![b'x'; file * 97]).unwrap();
        }
        if directory % 9 == 0 {
            fs::write(path.join("large"), vec![directory; 700_000]).unwrap();
            fs::hard_link(path.join("large"), root.join(format!("d{directory:02}/also large"))).unwrap();
        }
        fs::hard_link(root.join("d00/deep/er/f7"), path.join("shared")).unwrap();
    }
}

#[test]
fn the_bytes_do_not_depend_on_the_threads() {
    let place = Place::new();
    furnish_widely(&place.layer());
    furnish(&place.layer());
    let tar = |workers| {
        let mut bytes = Vec::new();
        archive_with(
            workers,
            Scribe { root: &place.layer(), view: View::Change, times: Times::Kept, cancel: &Cancel::new() },
            &mut bytes,
        )
        .unwrap();
        bytes
    };
    let one = tar(1);
    assert!(one.len() > 5_000_000);
    for workers in [2, 3, 8] {
        assert!(tar(workers) == one, "{workers}");
    }
    let expected = tree(&place.layer());
    let again = Place::new();
    again.apply(&one).unwrap();
    assert_eq!(tree(&again.layer()), expected);
}

/// Made one in the other, as a program in a step can.
#[test]
fn a_path_that_nobody_could_unpack_is_refused() {
    let place = Place::new();
    let mut at = fs::File::open(place.layer()).unwrap();
    let name = "d".repeat(250);
    for _ in 0..17 {
        rustix::fs::mkdirat(&at, name.as_str(), rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY;
        at = rustix::fs::openat(&at, name.as_str(), flags, rustix::fs::Mode::empty()).unwrap().into();
    }
    let error = place.write().unwrap_err();
    assert_eq!((error.code, error.fault), ("TSB_LAYER_NAME", digests::Fault::Input));
}

/// The first failure in the order of the archive is the one that is told, however many threads read.
#[test]
fn an_error_far_inside_is_told_and_the_output_goes() {
    let place = Place::new();
    furnish_widely(&place.layer());
    fs::write(place.layer().join("d20/deep/.wh.a"), "").unwrap();
    fs::write(place.layer().join("d21/deep/.wh.b"), "").unwrap();
    let output = place.base.path().join("out");
    let error = write_upper(&place.layer(), Some(&output), Compression::Gzip).unwrap_err();
    assert_eq!((error.code, error.path), ("TSB_LAYER_NAME", Some(PathBuf::from("d20/deep/.wh.a"))));
    assert!(!output.exists());
}
