use std::path::Path;

use digests::Compression;
use digests::tar::{Header, Kind};

use super::*;

/// Unpacks; whatever happens, the outside must be as before. Gives the code, `ok` without an error.
pub fn outcome(tar: Tar) -> (&'static str, Place) {
    let place = Place::new();
    let code = match place.apply(&tar.bytes()) {
        Ok(_) => "ok",
        Err(error) => error.code,
    };
    place.assert_outside_unchanged();
    (code, place)
}

#[test]
fn names_that_climb_are_refused() {
    for name in
        ["../outside/marker", "a/../../outside/marker", "..", "/../outside/marker", "./../outside/x", "a/b/../../../x"]
    {
        assert_eq!(outcome(Tar::new().file(name, b"x")).0, "TSB_LAYER_PATH", "{name}");
        assert_eq!(outcome(Tar::new().directory(name)).0, "TSB_LAYER_PATH", "{name}");
        assert_eq!(outcome(Tar::new().add(name, Kind::SymbolicLink, "x")).0, "TSB_LAYER_PATH", "{name}");
    }
}

#[test]
fn absolute_names_mean_the_layer() {
    let place = Place::new();
    let outside = place.base.path().join("outside/marker");
    let name = outside.to_str().unwrap();
    place.apply(&Tar::new().file(name, b"inside").bytes()).unwrap();
    place.assert_outside_unchanged();
    assert_eq!(std::fs::read(place.layer().join(&name[1..])).unwrap(), b"inside");
}

#[test]
fn links_as_parents_stay_in_the_layer() {
    let (code, place) = outcome(Tar::new().add("out", Kind::SymbolicLink, "../outside").file("out/marker", b"x"));
    assert_eq!(code, "ok");
    assert_eq!(std::fs::read(place.layer().join("outside/marker")).unwrap(), b"x");

    let (code, place) = outcome(Tar::new().add("out", Kind::SymbolicLink, "/usr/../../lib").file("out/x/y", b"x"));
    assert_eq!(code, "ok");
    assert_eq!(std::fs::read(place.layer().join("lib/x/y")).unwrap(), b"x");

    let chain =
        Tar::new().add("a", Kind::SymbolicLink, "b/..").add("b", Kind::SymbolicLink, "../../..").file("a/marker", b"x");
    assert_eq!(outcome(chain).0, "ok");

    let round = Tar::new().add("a", Kind::SymbolicLink, "b").add("b", Kind::SymbolicLink, "a").file("a/x", b"x");
    assert_eq!(outcome(round).0, "TSB_LAYER_PATH");

    let itself = Tar::new().add("a", Kind::SymbolicLink, "a/a").file("a/x", b"x");
    assert_eq!(outcome(itself).0, "TSB_LAYER_PATH");
}

#[test]
fn a_link_is_replaced_and_never_written_through() {
    for target in ["../outside/marker", "/etc/passwd"] {
        let (code, place) = outcome(Tar::new().add("a", Kind::SymbolicLink, target).file("a", b"x"));
        assert_eq!(code, "ok");
        let meta = place.layer().join("a").symlink_metadata().unwrap();
        assert!(meta.is_file());
    }
    let (_, place) =
        outcome(Tar::new().add("a", Kind::SymbolicLink, "../outside").directory("a").file("a/marker", b"x"));
    assert!(place.layer().join("a").symlink_metadata().unwrap().is_dir());
}

#[test]
fn metadata_is_not_set_through_links() {
    let mut link = entry("a", Kind::SymbolicLink, "../outside/marker");
    (link.mode, link.uid, link.gid, link.mtime) = (0o6777, 7, 7, 7);
    let xattrs = vec![(b"user.x".to_vec(), b"y".to_vec())];
    link.xattrs = &xattrs;
    assert_eq!(outcome(Tar::new().header(&link)).0, "ok");
}

#[test]
fn the_last_directory_is_not_remembered_past_its_replacement() {
    let tar = Tar::new().file("a/b/one", b"1").add("a", Kind::SymbolicLink, "../outside").file("a/b/two", b"2");
    let (code, place) = outcome(tar);
    assert_eq!(code, "ok");
    assert_eq!(std::fs::read(place.layer().join("outside/b/two")).unwrap(), b"2");
    assert!(place.layer().join("a").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn hard_links_stay_in_the_layer() {
    for target in ["../outside/marker", "/../outside/marker", "..", "", "."] {
        let (code, _) = outcome(Tar::new().add("a", Kind::HardLink, target));
        assert!(matches!(code, "TSB_LAYER_PATH" | "TSB_LAYER_LINK"), "{target}: {code}");
    }
    let (code, _) =
        outcome(Tar::new().add("out", Kind::SymbolicLink, "../outside").add("a", Kind::HardLink, "out/marker"));
    assert_eq!(code, "TSB_LAYER_LINK");
    let (code, _) = outcome(Tar::new().add("a", Kind::HardLink, "/etc/passwd"));
    assert_eq!(code, "TSB_LAYER_LINK");
    let (code, _) = outcome(Tar::new().directory("d").add("a", Kind::HardLink, "d"));
    assert_eq!(code, "TSB_LAYER_LINK");
    let (code, _) = outcome(Tar::new().file(".wh.gone", b"").add("a", Kind::HardLink, "gone"));
    assert_eq!(code, "TSB_LAYER_LINK");
    // A link to a link is a second name of the link, and what is written to it replaces it.
    let tar =
        Tar::new().add("out", Kind::SymbolicLink, "../outside/marker").add("a", Kind::HardLink, "out").file("a", b"x");
    assert_eq!(outcome(tar).0, "ok");
}

#[test]
fn whiteouts_name_something_in_their_directory() {
    for name in [".wh.", ".wh..", ".wh...", "a/.wh.."] {
        assert_eq!(outcome(Tar::new().file(name, b"")).0, "TSB_LAYER_WHITEOUT", "{name}");
    }
    assert_eq!(outcome(Tar::new().file("../.wh.outside", b"")).0, "TSB_LAYER_PATH");
    assert_eq!(outcome(Tar::new().add("out", Kind::SymbolicLink, "../outside").file("out/.wh.marker", b"")).0, "ok");
    assert_eq!(outcome(Tar::new().add("out", Kind::SymbolicLink, "..").file("out/.wh..wh..opq", b"")).0, "ok");
    assert_eq!(outcome(Tar::new().file(".wh.a/b", b"")).0, "TSB_LAYER_WHITEOUT");
}

#[test]
fn the_root_stays_a_directory() {
    for kind in [Kind::File, Kind::SymbolicLink, Kind::Fifo] {
        assert_eq!(outcome(Tar::new().add("./", kind, "x")).0, "TSB_LAYER_PATH");
    }
}

#[test]
fn names_no_file_can_have() {
    let long = "n".repeat(256);
    assert_eq!(outcome(Tar::new().file(&long, b"")).0, "TSB_LAYER_PATH");
    assert_eq!(outcome(Tar::new().file(&"d/".repeat(3000), b"")).0, "TSB_LAYER_PATH");
    // Each step is short; together they lead deeper than a path can.
    let deep = "d/".repeat(1500);
    let tar =
        Tar::new().directory(&deep).add("a", Kind::SymbolicLink, &deep).directory(&format!("a/{}", "e/".repeat(1500)));
    assert_eq!(outcome(tar).0, "TSB_LAYER_PATH");
}

#[test]
fn a_deep_tree_can_be_replaced() {
    assert_eq!(outcome(Tar::new().directory(&"d/".repeat(2000)).file("d", b"x")).0, "ok");
}

#[test]
fn overlays_own_attributes_cannot_be_forged() {
    let xattrs = vec![
        (b"trusted.overlay.opaque".to_vec(), b"y".to_vec()),
        (b"trusted.overlay.redirect".to_vec(), b"/etc".to_vec()),
        (b"trusted.other".to_vec(), b"kept".to_vec()),
    ];
    let header = Header { xattrs: &xattrs, ..entry("d", Kind::Directory, "") };
    let (code, place) = outcome(Tar::new().header(&header));
    assert_eq!(code, "ok");
    assert_eq!(xattrs_of(&place.layer().join("d")), [("trusted.other".to_owned(), b"kept".to_vec())]);
}

#[test]
fn cut_and_broken_streams_are_errors() {
    let tar = Tar::new().file("a", &[7; 5000]).bytes();
    let packed = gzip(&tar);
    for (bytes, compression, code) in [
        (&tar[..3000], Compression::None, "TSB_LAYER_TRUNCATED"),
        (&tar[..100], Compression::None, "TSB_LAYER_TRUNCATED"),
        (&packed[..packed.len() - 3], Compression::Gzip, "TSB_LAYER_CORRUPT"),
        (&packed[..5], Compression::Gzip, "TSB_LAYER_CORRUPT"),
        (&tar[..], Compression::Gzip, "TSB_LAYER_CORRUPT"),
        (&tar[..], Compression::Zstd, "TSB_LAYER_CORRUPT"),
        (&packed[..], Compression::None, "TSB_LAYER_TRUNCATED"),
    ] {
        let place = Place::new();
        let error = apply(&place.request(bytes, compression), &Cancel::new()).unwrap_err();
        assert_eq!((error.code, error.fault), (code, digests::Fault::Input));
        place.assert_outside_unchanged();
    }
}

#[test]
fn bombs_are_refused() {
    let place = Place::new();
    let mut request = place.request(&gzip(&Tar::new().file("a", &vec![0; 8 << 20]).bytes()), Compression::Gzip);
    assert!(apply(&request, &Cancel::new()).is_ok());
    request.max_ratio = Some(100);
    assert_eq!(apply(&request, &Cancel::new()).unwrap_err().code, "TSB_LAYER_BOMB");
    request.max_ratio = Some(2000);
    assert!(apply(&request, &Cancel::new()).is_ok());
}

#[test]
fn zeros_take_no_room_and_other_bombs_end() {
    use crate::inflate::Bounds;
    let (zeros, ones) = (vec![0; 1 << 20], vec![1; 1 << 20]);
    let mut bounds = Bounds::new(None);
    assert!((0..1100).all(|_| bounds.count(&zeros, 1 << 20).is_ok()));
    assert_eq!((0..2000).find(|_| bounds.count(&ones, 1 << 20).is_err()), Some(1024 - 11));
}

#[test]
fn a_raised_flag_ends_it() {
    let place = Place::new();
    let cancel = Cancel::new();
    cancel.cancel();
    let request = place.request(&Tar::new().file("a", b"x").bytes(), Compression::None);
    assert_eq!(apply(&request, &cancel).unwrap_err().code, "TSB_INTERRUPTED");
}

#[test]
fn a_missing_blob_or_directory_is_the_hosts_fault() {
    let place = Place::new();
    let mut request = place.request(b"", Compression::None);
    request.destination = Path::new("/nonexistent/x").into();
    assert_eq!(apply(&request, &Cancel::new()).unwrap_err().code, "TSB_LAYER_WRITE");
    request.blob = Source::File("/nonexistent/x".into());
    let error = apply(&request, &Cancel::new()).unwrap_err();
    assert_eq!((error.code, error.errno, error.fault), ("TSB_LAYER_READ", Some(2), digests::Fault::Host));
}
