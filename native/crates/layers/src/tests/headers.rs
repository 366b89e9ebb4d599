//! Attacks by what headers claim: sizes, records, maps, marks, one name several times.

use digests::Compression;
use digests::tar::{Header, Kind};

use super::attacks::outcome;
use super::*;

/// A block that our writer would never write.
fn block(name: &[u8], kind: u8, size: &[u8], change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name);
    for field in [100, 108, 116] {
        block[field..field + 8].copy_from_slice(b"0000644\0");
    }
    block[124..124 + size.len()].copy_from_slice(size);
    block[136..148].copy_from_slice(b"00000001750\0");
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    change(&mut block);
    let sum: u32 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(block[at]) }).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn pax(records: &[u8]) -> Vec<u8> {
    let mut bytes = block(b"pax", b'x', format!("{:011o}\0", records.len()).as_bytes(), |_| ());
    bytes.extend_from_slice(records);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A record with its length, however its value reads.
fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = key.len() + value.len() + 3;
    let length = (body + 1..body + 5).find(|length| *length == body + length.to_string().len()).unwrap();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}

fn file(name: &[u8]) -> Vec<u8> {
    block(name, b'0', b"00000000000\0", |_| ())
}

fn code(parts: &[&[u8]]) -> &'static str {
    let place = Place::new();
    let result = place.apply(&[&parts.concat()[..], &[0; 1024]].concat());
    place.assert_outside_unchanged();
    result.map_or_else(|error| error.code, |_| "ok")
}

#[test]
fn sizes_that_no_file_has() {
    for size in [
        &b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"[..],
        b"\x80\0\0\0\0\0\x7f\xff\xff\xff\xff\xff",
        b"77777777777\0",
    ] {
        // More than there is: cut short, whether or not the sum of size and padding would fit.
        assert_eq!(code(&[&block(b"f", b'0', size, |_| ())]), "TSB_LAYER_TRUNCATED", "{size:?}");
    }
    for size in [
        &b"\x80\0\0\0\x80\0\0\0\0\0\0\0"[..],
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"-1\0",
        b"00000000009\0",
    ] {
        assert_eq!(code(&[&block(b"f", b'0', size, |_| ())]), "TSB_LAYER_INVALID", "{size:?}");
    }
    for size in ["9223372036854775808", "18446744073709551615", "99999999999999999999999", "-1", "1e9"] {
        assert_eq!(code(&[&pax(&record("size", size.as_bytes())), &file(b"f")]), "TSB_LAYER_INVALID", "{size}");
    }
    assert_eq!(code(&[&pax(&record("size", b"9223372036854775807")), &file(b"f")]), "TSB_LAYER_TRUNCATED");
    // What has no content has none, whatever is claimed.
    assert_eq!(code(&[&block(b"d", b'5', b"77777777777\0", |_| ())]), "ok");
}

#[test]
fn extensions_that_claim_gigabytes() {
    for kind in *b"xLK" {
        assert_eq!(code(&[&block(b"x", kind, b"\x80\0\0\0\0\0\x01\0\0\0\0\0", |_| ())]), "TSB_LAYER_INVALID");
    }
    // Skipped and never held; but it has to be there.
    assert_eq!(code(&[&block(b"g", b'g', b"77777777777\0", |_| ())]), "TSB_LAYER_TRUNCATED");
}

#[test]
fn records_with_nul_or_newline() {
    let nul = |key| pax(&record(key, b"a\0../outside/marker"));
    for key in ["path", "linkpath", "GNU.sparse.name"] {
        assert_eq!(code(&[&nul(key), &file(b"f")]), "TSB_LAYER_INVALID", "{key}");
    }
    // A newline inside a value is part of it: what follows it is no record.
    let place = Place::new();
    let bytes = [pax(&record("path", b"a\n22 path=../outside/x")), file(b"f"), vec![0; 1024]].concat();
    place.apply(&bytes).unwrap();
    place.assert_outside_unchanged();
    assert!(place.layer().join("a\n22 path=../outside/x").is_file());
    for broken in [&b"7 path=x\n"[..], b"999 path=x\n", b"0 path=x\n", b"-9 path=x\n", b"path=x\n", b"9 pathxxx\n"] {
        assert_eq!(code(&[&pax(broken), &file(b"f")]), "TSB_LAYER_INVALID", "{broken:?}");
    }
}

#[test]
fn a_name_ends_at_its_nul() {
    let place = Place::new();
    place.apply(&[file(b"inside\0/../../outside/marker"), vec![0; 1024]].concat()).unwrap();
    place.assert_outside_unchanged();
    assert!(place.layer().join("inside").is_file());
}

#[test]
fn sparse_maps_that_overlap_or_exceed() {
    for (map, size, data) in [
        ("0,512,256,512", "4096", 1024),
        ("512,512,0,512", "4096", 1024),
        ("4000,512", "4096", 512),
        ("0,512", "256", 512),
        ("0,512", "4096", 1024),
        ("0,1024", "4096", 512),
        ("9223372036854775807,512", "9223372036854775807", 512),
        ("0,512,512", "4096", 512),
        ("0", "4096", 0),
        ("a,b", "4096", 512),
        ("0,512", "9223372036854775808", 512),
    ] {
        let keys = [record("GNU.sparse.size", size.as_bytes()), record("GNU.sparse.map", map.as_bytes())].concat();
        let entry = block(b"f", b'0', format!("{data:011o}\0").as_bytes(), |_| ());
        assert_eq!(code(&[&pax(&keys), &entry, &vec![b'd'; data]]), "TSB_LAYER_INVALID", "{map} {size}");
    }
}

#[test]
fn holes_cost_nothing_to_claim_and_are_bounded() {
    let holes = |size: u64| {
        let keys =
            [record("GNU.sparse.size", size.to_string().as_bytes()), record("GNU.sparse.map", b"0,512")].concat();
        [pax(&keys), block(b"f", b'0', b"00000001000\0", |_| ()), vec![b'd'; 512]].concat()
    };
    assert_eq!(code(&[&holes(1 << 30)]), "ok");
    assert_eq!(code(&[&holes(1 << 42)]), "TSB_LAYER_INVALID");
    // The same in parts: one name, again and again.
    assert_eq!(code(&[&holes(60 << 30), &holes(60 << 30)]), "TSB_LAYER_INVALID");
}

#[test]
fn marks_in_odd_places() {
    // Of the root, below a link out, below what the same layer deletes, twice, with content.
    for name in [".wh..wh..opq", "a/b/.wh..wh..opq", ".wh..wh.plnk/1", ".wh..wh.aufs", "./.wh.x", "/.wh.x"] {
        assert_eq!(outcome(Tar::new().file(name, b"content")).0, "ok", "{name}");
    }
    let twice =
        Tar::new().file("a/.wh.x", b"").file("a/.wh.x", b"").file("a/.wh..wh..opq", b"").file("a/.wh..wh..opq", b"");
    assert_eq!(outcome(twice).0, "ok");
    for name in [".wh.a/.wh.b", "d/.wh.../x", ".wh.x/../../outside/marker"] {
        let (code, _) = outcome(Tar::new().file(name, b""));
        assert!(matches!(code, "TSB_LAYER_WHITEOUT" | "TSB_LAYER_PATH" | "ok"), "{name}: {code}");
    }
    // A mark is one whatever kind of entry it is, and never a way to something.
    for kind in [Kind::SymbolicLink, Kind::HardLink, Kind::Directory, Kind::Fifo] {
        let (code, place) = outcome(Tar::new().add(".wh.x", kind, "../outside").file(".wh.x/marker", b"x"));
        assert_eq!(code, "TSB_LAYER_WHITEOUT");
        assert!(!place.layer().join(".wh.x").exists());
    }
    let (_, place) = outcome(Tar::new().file("f", b"").file("f/.wh..wh..opq", b""));
    assert!(place.layer().join("f").symlink_metadata().unwrap().is_file());
}

#[test]
fn one_name_as_everything_in_turn() {
    let tar =
        Tar::new().file("n", b"file").directory("n").file("n/child", b"1").add("n", Kind::SymbolicLink, "../outside");
    // The last is a link: children go where it leads inside the layer.
    let (code, place) = outcome(tar.file("n/marker", b"2"));
    assert_eq!(code, "ok");
    assert_eq!(std::fs::read(place.layer().join("outside/marker")).unwrap(), b"2");
    let tar = Tar::new().add("n", Kind::SymbolicLink, "../outside").file("n/a", b"1").directory("n").file("n/b", b"2");
    let (code, place) = outcome(tar.add("n/b", Kind::HardLink, "outside/a").file("n/b", b"3"));
    assert_eq!(code, "ok");
    assert_eq!(std::fs::read(place.layer().join("n/b")).unwrap(), b"3");
    assert_eq!(std::fs::read(place.layer().join("outside/a")).unwrap(), b"1");
    let (code, place) =
        outcome(Tar::new().file("n", b"1").add("m", Kind::HardLink, "n").file("n", b"2").file("n/x", b"3"));
    assert_eq!((code, std::fs::read(place.layer().join("m")).unwrap().as_slice()), ("TSB_LAYER_PATH", &b"1"[..]));
}

#[test]
fn links_of_an_earlier_layer_lead_nowhere() {
    let below = Place::new();
    below.apply(&Tar::new().add("out", Kind::SymbolicLink, "../outside").directory("real").bytes()).unwrap();
    let on_top = |tar: Tar| {
        let place = Place::new();
        let mut request = place.request(&tar.bytes(), Compression::None);
        request.lower = vec![below.layer()];
        let code = apply(&request, &Cancel::new()).map_or_else(|error| error.code, |_| "ok");
        place.assert_outside_unchanged();
        below.assert_outside_unchanged();
        code
    };
    assert_eq!(on_top(Tar::new().file("out/marker", b"x")), "ok");
    for target in ["out/marker", "out", "real", "real/../../outside/marker"] {
        let code = on_top(Tar::new().add("a", Kind::HardLink, target));
        assert!(matches!(code, "TSB_LAYER_LINK" | "TSB_LAYER_PATH"), "{target}: {code}");
    }
}

#[test]
fn what_overlays_believe_is_never_taken_from_a_layer() {
    let xattrs: Vec<_> = ["trusted.overlay.", "user.overlay."]
        .iter()
        .flat_map(|space| {
            ["opaque", "redirect", "metacopy", "origin", "whiteout", "overlay.opaque"]
                .map(|name| format!("{space}{name}"))
        })
        .map(|name| (name.into_bytes(), b"y".to_vec()))
        .collect();
    let header = |path, kind| Header { xattrs: &xattrs, ..entry(path, kind, "") };
    let tar = Tar::new().header(&header("./", Kind::Directory)).header(&header("d", Kind::Directory));
    let (code, place) = outcome(tar.header(&header("f", Kind::File)));
    assert_eq!(code, "ok");
    for name in [".", "d", "f"] {
        assert_eq!(xattrs_of(&place.layer().join(name)), [], "{name}");
    }
}

/// Their numbers are the layer's to say, as docker has it.
#[test]
fn devices_are_made_and_never_opened() {
    let device = |path, kind, device| Header { device, ..entry(path, kind, "") };
    let tar = Tar::new().header(&device("mem", Kind::Character, (1, 1))).header(&device("sda", Kind::Block, (8, 0)));
    let (code, place) = outcome(tar.add("again", Kind::HardLink, "mem").file("mem", b"now a file"));
    assert_eq!(code, "ok");
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(
        &place.layer().join("again").symlink_metadata().unwrap().file_type()
    ));
    assert_eq!(std::fs::read(place.layer().join("mem")).unwrap(), b"now a file");
    let huge = block(b"dev", b'3', b"", |block| block[329..337].copy_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert_eq!(code_alone(&huge), "TSB_LAYER_INVALID");
}

fn code_alone(entry: &[u8]) -> &'static str {
    code(&[entry])
}

#[test]
fn nothing_after_the_end_is_unpacked() {
    let end = vec![0; 1024];
    let after = Tar::new().file("late", b"x").bytes();
    for tail in [&after[..], &[0xff; 700], &[0; 100_000]] {
        let place = Place::new();
        let bytes = [&Tar::new().file("a", b"x").bytes()[..], &end, tail].concat();
        let applied = place.apply(&bytes).unwrap();
        assert_eq!(applied.plain.size, bytes.len() as u64);
        assert_eq!(std::fs::read_dir(place.layer()).unwrap().count(), 1);
    }
}
