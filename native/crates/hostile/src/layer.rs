use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use digests::{Cancel, Compression, Error, Fault, Sha256Stream};
use layers::{Applied, ApplyRequest, Form, Source, Times, WriteRequest, apply, write};

use crate::place::{Place, tree};

/// A layer blob that is a plain tar.
pub fn plain(bytes: &[u8]) -> bool {
    unpack(bytes, Compression::None)
}

/// Gzip has a reader of our own: what it accepts it reads as another reader does.
pub fn gzip(bytes: &[u8]) -> bool {
    unpack_with(bytes, Compression::Gzip, |applied| {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain).expect("accepted, but not by another reader");
        let mut hash = Sha256Stream::new();
        hash.update(&plain);
        assert_eq!(hash.finish(), applied.plain);
    })
}

pub fn zstd(bytes: &[u8]) -> bool {
    unpack(bytes, Compression::Zstd)
}

/// Whatever the layer says, nothing outside changes and every refusal has a code that blames the layer; and what was
/// taken can be written as a layer again, which gives the same tree.
fn unpack(bytes: &[u8], compression: Compression) -> bool {
    unpack_with(bytes, compression, |_| ())
}

fn unpack_with(bytes: &[u8], compression: Compression, check: impl FnOnce(&Applied)) -> bool {
    let place = Place::new();
    let blob = place.write("blob", bytes);
    let result = apply_to(&place, blob, compression, "layer");
    place.assert_outside_unchanged(&["blob"]);
    match result {
        Ok(applied) => {
            check(&applied);
            assert_contents_are_true(&place, &applied);
            round_trip(&place);
            true
        }
        Err(error) => {
            assert!(blames_the_layer(&error), "{error}");
            false
        }
    }
}

fn apply_to(place: &Place, blob: PathBuf, compression: Compression, name: &str) -> Result<Applied, Error> {
    let destination = place.path(name);
    // A few MiB, so that what a mutation inflates does not fill the memory that these files live in.
    let request = ApplyRequest {
        blob: Source::File(blob),
        form: Form::Layer(compression),
        destination,
        max_ratio: Some(2_000),
        lower: Vec::new(),
    };
    apply(&request, &Cancel::new())
}

/// What unpacking says of a file's content is believed without another look.
fn assert_contents_are_true(place: &Place, applied: &Applied) {
    for path in tree(&place.path("layer")).keys() {
        let path = place.path("layer").join(path);
        let Ok(meta) = path.symlink_metadata() else { continue };
        if let Some(hash) = applied.contents.get(&meta.ino()).filter(|_| meta.is_file()) {
            assert_eq!(blake3::hash(&std::fs::read(&path).unwrap()), *hash, "{}", path.display());
        }
    }
}

fn blames_the_layer(error: &Error) -> bool {
    const CODES: [&str; 7] = [
        "TSB_LAYER_CORRUPT",
        "TSB_LAYER_TRUNCATED",
        "TSB_LAYER_INVALID",
        "TSB_LAYER_PATH",
        "TSB_LAYER_LINK",
        "TSB_LAYER_WHITEOUT",
        "TSB_LAYER_BOMB",
    ];
    // A layer may claim more than this machine has room for.
    (CODES.contains(&error.code) && error.fault == Fault::Input) || error.code == "TSB_DISK_FULL"
}

fn round_trip(place: &Place) {
    let output = Some(place.path("packed"));
    let upper = place.path("layer");
    let request = WriteRequest { upper, output, compression: Compression::None, level: None, times: Times::Kept };
    match write(&request, &Cancel::new()) {
        // What a layer says to be a device 0:0 is a deletion by the rules of overlayfs.
        Ok(_) => {
            apply_to(place, place.path("packed"), Compression::None, "again").unwrap();
            assert_eq!(tree(&place.path("again")), tree(&place.path("layer")));
            place.assert_outside_unchanged(&["blob", "packed"]);
        }
        Err(error) => panic!("what was unpacked cannot be packed: {error}"),
    }
}
