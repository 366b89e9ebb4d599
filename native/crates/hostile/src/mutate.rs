/// splitmix64: the same every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

const WORDS: [&[u8]; 12] = [
    b"../",
    b"/",
    b"..",
    b".wh.",
    b".wh..wh..opq",
    b"\xff\xff\xff\xff",
    b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"777777",
    b"20 path=d/l/marker1\n",
    b"GNU.sparse.major=1\n",
    b"d/l/marker",
    b"\0",
];

/// Changes a few things: bytes, words that mean something to one of the decoders, pieces copied, left out, cut off.
/// Blocks that look like tar headers get their checksum made good; without that nearly all mutations would end there.
pub fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.next(3) {
        if bytes.is_empty() {
            bytes.push(0);
        }
        let at = random.next(bytes.len());
        // Headers are 512 bytes apart, and most of what matters stands at the same places in each.
        let block = at / 512 * 512;
        match random.next(7) {
            0 => bytes[at] = random.next(256) as u8,
            1 => bytes[at] ^= 1 << random.next(8),
            2 => overwrite(bytes, at, WORDS[random.next(WORDS.len())]),
            3 => {
                let field = [0, 100, 108, 116, 124, 136, 156, 157, 257, 345, 386, 482, 483][random.next(13)];
                overwrite(bytes, block + field, WORDS[random.next(WORDS.len())]);
            }
            4 => {
                let copy: Vec<u8> = bytes[block..bytes.len().min(block + 512)].to_vec();
                let to = random.next(bytes.len()) / 512 * 512;
                bytes.splice(to..to, copy);
            }
            5 if bytes.len() > block + 512 => drop(bytes.drain(block..block + 512)),
            _ => bytes.truncate(bytes.len() - random.next(bytes.len() / 4)),
        }
    }
    for block in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        seal(block);
    }
}

fn overwrite(bytes: &mut [u8], at: usize, word: &[u8]) {
    for (place, byte) in bytes.iter_mut().skip(at).zip(word) {
        *place = *byte;
    }
}

/// Writes the checksum of a tar header.
pub fn seal(block: &mut [u8]) {
    let sum: u32 = (0..512).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(block[at]) }).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}
