use digests::tar::Kind;

use super::*;

/// splitmix64: the same every run.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }
}

fn seed() -> Vec<u8> {
    let xattrs = vec![(b"user.a".to_vec(), b"b".to_vec())];
    Tar::new()
        .directory("d")
        .header(&digests::tar::Header { xattrs: &xattrs, mtime: -3, ..entry("d/f", Kind::File, "") })
        .file("d/g", &[7; 700])
        .add("d/l", Kind::SymbolicLink, "../../outside")
        .file("d/l/x", b"y")
        .add("h", Kind::HardLink, "d/g")
        .file("d/.wh.n", b"")
        .file("d/.wh..wh..opq", b"")
        .file(&"p/".repeat(60), b"z")
        .add("c", Kind::Character, "")
        .bytes()
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const WORDS: [&[u8]; 8] =
        [b"../", b"/", b"..", b".wh.", b"\xff\xff", b"777777", b"GNU.sparse.major=1\n", b"d/l/marker"];
    for _ in 0..1 + random.next(3) {
        let blocks = bytes.len() / 512;
        let block = random.next(blocks) * 512;
        match random.next(6) {
            0 => bytes[block + random.next(512)] = random.next(256) as u8,
            1 => bytes[block + 156] = b"\x0001234567LKSxgVZ"[random.next(16)],
            2 => {
                let word = WORDS[random.next(WORDS.len())];
                let at = block + [0, 100, 108, 116, 124, 136, 157, 257, 345, 386][random.next(10)];
                bytes[at..at + word.len()].copy_from_slice(word);
            }
            3 => {
                let copy: Vec<u8> = bytes[block..block + 512].to_vec();
                let at = random.next(blocks) * 512;
                bytes.splice(at..at, copy);
            }
            4 if blocks > 4 => {
                bytes.drain(block..block + 512);
            }
            _ => bytes.truncate(bytes.len() - random.next(bytes.len() / 4)),
        }
        bytes.resize(bytes.len().max(1024).next_multiple_of(512), 0);
    }
    // Otherwise the checksum would stop nearly all of them.
    for block in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        let sum: u32 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(block[at]) }).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

#[test]
fn mutated_archives_neither_panic_nor_leave_the_layer() {
    let mut random = Random(42);
    let seed = seed();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..3000 {
        let mut bytes = seed.clone();
        mutate(&mut bytes, &mut random);
        let place = Place::in_memory();
        match place.apply(&bytes) {
            Ok(_) => good += 1,
            Err(error) => {
                assert!(error.code.starts_with("TSB_LAYER_"), "{error}");
                bad += 1;
            }
        }
        place.assert_outside_unchanged();
    }
    // Mutations that are all refused, or all harmless, would prove nothing.
    assert!(good > 300 && bad > 300, "{good} {bad}");
}

#[test]
fn mutated_compression_neither_panics_nor_passes_for_the_original() {
    let mut random = Random(7);
    let place = Place::new();
    std::fs::write(place.layer().join("f"), (0..60_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()).unwrap();
    for compression in [Compression::Gzip, Compression::Zstd] {
        let output = place.base.path().join("out");
        let written = write_upper(&place.layer(), Some(&output), compression).unwrap();
        let packed = std::fs::read(&output).unwrap();
        std::fs::remove_file(output).unwrap();
        for _ in 0..200 {
            let mut bytes = packed.clone();
            let at = random.next(bytes.len());
            bytes[at] ^= 1 << random.next(8);
            let again = Place::in_memory();
            if let Ok(applied) = apply(&again.request(&bytes, compression), &Cancel::new()) {
                // Some bits, such as those of gzip's time, mean nothing; all others are under a checksum.
                assert!(applied.plain == written.plain);
            }
            again.assert_outside_unchanged();
        }
    }
}
