//! Unpacking a blob that is still being written.

use std::fs::File;
use std::time::Duration;

use super::*;
use crate::Arrival;

fn sample() -> Vec<u8> {
    let noise: Vec<u8> = (0..400_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    Tar::new().file("a", b"first").file("noise", &noise).file("z", b"last").bytes()
}

/// Starts to unpack the blob while `write` writes it.
fn arriving(
    compression: Compression,
    cancel: &Cancel,
    write: impl FnOnce(&mut File, &Arrival),
) -> Result<Applied, Error> {
    let place = Place::new();
    let mut request = place.request(b"", compression);
    let mut file = File::create(place.base.path().join("blob")).unwrap();
    let arrival = Arrival::open(&place.base.path().join("blob")).unwrap();
    request.blob = Source::Arriving(arrival.clone());
    std::thread::scope(|scope| {
        let applying = scope.spawn(|| apply(&request, cancel));
        write(&mut file, &arrival);
        applying.join().unwrap()
    })
}

#[test]
fn pieces_make_the_same_layer_as_the_whole() {
    let tar = sample();
    let plain = Place::new().apply(&tar).unwrap().plain;
    for (compression, blob) in [(Compression::Gzip, gzip(&tar)), (Compression::None, tar.clone())] {
        let applied = arriving(compression, &Cancel::new(), |file, arrival| {
            let mut there = 0;
            for piece in blob.chunks(blob.len() / 7) {
                file.write_all(piece).unwrap();
                there += piece.len() as u64;
                arrival.reached(there);
                std::thread::sleep(Duration::from_millis(2));
            }
            arrival.end();
        });
        assert_eq!(applied.unwrap().plain, plain);
    }
}

#[test]
fn what_ends_early_is_cut_short_and_what_fails_is_not_judged() {
    let blob = gzip(&sample());
    let half = |file: &mut File, arrival: &Arrival| {
        file.write_all(&blob[..blob.len() / 2]).unwrap();
        arrival.reached(blob.len() as u64 / 2);
    };
    let ended = arriving(Compression::Gzip, &Cancel::new(), |file, arrival| {
        half(file, arrival);
        arrival.end();
    });
    assert_eq!(ended.unwrap_err().code, "TSB_LAYER_CORRUPT");
    let failed = arriving(Compression::Gzip, &Cancel::new(), |file, arrival| {
        half(file, arrival);
        arrival.fail();
    });
    assert_eq!(failed.unwrap_err().code, "TSB_INTERRUPTED");
    let cancel = Cancel::new();
    let cancelled = arriving(Compression::Gzip, &cancel, |file, arrival| {
        half(file, arrival);
        cancel.cancel();
    });
    assert_eq!(cancelled.unwrap_err().code, "TSB_INTERRUPTED");
}

/// The blob's stated size is a stranger's word: the limit grows with what has come.
#[test]
fn a_bomb_is_held_against_what_has_come() {
    let blob = gzip(&Tar::new().file("a", &vec![0; 8 << 20]).bytes());
    let place = Place::new();
    let mut request = place.request(&blob, Compression::Gzip);
    let arrival = Arrival::open(&place.base.path().join("blob")).unwrap();
    arrival.reached(blob.len() as u64);
    arrival.end();
    request.blob = Source::Arriving(arrival);
    request.max_ratio = Some(100);
    assert_eq!(apply(&request, &Cancel::new()).unwrap_err().code, "TSB_LAYER_BOMB");
}
