use std::ops::Range;

/// Bytes about which one verdict is given.
const SEGMENT: usize = 64 << 10;
/// What is looked at of a segment: this many pieces of this many bytes, spread evenly.
const PIECES: usize = 4;
const PIECE: usize = 2 << 10;
/// Repeated sequences of four bytes in a sample that are worth nothing yet: by chance there is hardly one.
const FEW: usize = 48;

/// A part of a block, and whether packing it is worth while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub range: Range<usize>,
    pub compressible: bool,
}

/// Cuts a block where it changes between what can be compressed and what cannot (media, archives, keys), on which a
/// compressor would spend most of its time for nothing. What cannot be compressed is at least two segments long, or
/// the cuts would cost more than they save. Looks only at the block, so that the answer is the same everywhere.
pub fn runs(block: &[u8]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut start = 0;
    while start < block.len() {
        // A short rest goes with the segment before it.
        let end = if block.len() - start < 2 * SEGMENT { block.len() } else { start + SEGMENT };
        push(&mut runs, Run { range: start..end, compressible: is_compressible(&block[start..end]) });
        start = end;
    }
    let mut merged = Vec::with_capacity(runs.len());
    for mut run in runs {
        run.compressible |= run.range.len() < 2 * SEGMENT && block.len() > SEGMENT;
        push(&mut merged, run);
    }
    merged
}

/// Appends a run, or lengthens the last one by it.
fn push(runs: &mut Vec<Run>, run: Run) {
    match runs.last_mut() {
        Some(last) if last.compressible == run.compressible => last.range.end = run.range.end,
        _ => runs.push(run),
    }
}

/// Whether bytes of a sample are unevenly frequent, or sequences in it repeat.
fn is_compressible(segment: &[u8]) -> bool {
    if segment.len() < PIECES * PIECE {
        return true;
    }
    let stride = (segment.len() - PIECE) / (PIECES - 1);
    let mut counts = [0; 256];
    for piece in 0..PIECES {
        let start = piece * stride;
        count(&segment[start..start + PIECE], &mut counts);
        // Most content shows at once.
        if piece == 0 && unevenness(&counts, PIECE) > 1400 {
            return true;
        }
    }
    // 1000 is perfectly even; noise is at 1031. An eighth above even is one per cent to gain.
    unevenness(&counts, PIECES * PIECE) > 1125 || repeats(segment, stride) > FEW
}

fn count(bytes: &[u8], counts: &mut [u32; 256]) {
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
}

/// A thousand times the chance that two of the bytes are equal, against that of evenly frequent ones.
fn unevenness(counts: &[u32; 256], total: usize) -> u64 {
    let squares: u64 = counts.iter().map(|count| u64::from(*count) * u64::from(*count)).sum();
    squares * 256_000 / (total as u64 * total as u64)
}

/// Positions in the sample whose four bytes were met before.
fn repeats(segment: &[u8], stride: usize) -> usize {
    let mut last = [0u32; 4096];
    let mut found = 0;
    for piece in 0..PIECES {
        let start = piece * stride;
        for (offset, four) in segment[start..start + PIECE].windows(4).enumerate() {
            let value = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            let slot = &mut last[(value.wrapping_mul(0x9e37_79b1) >> 20) as usize];
            let before = std::mem::replace(slot, (start + offset) as u32) as usize;
            found += usize::from(before < start + offset && segment[before..before + 4] == *four);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(size: usize) -> Vec<u8> {
        let mut state = 99u64;
        let next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u8
        };
        std::iter::repeat_with(next).take(size).collect()
    }

    fn verdicts(block: &[u8]) -> Vec<(usize, bool)> {
        runs(block).into_iter().map(|run| (run.range.len(), run.compressible)).collect()
    }

    #[test]
    fn noise_is_told_from_text_inside_a_block() {
        let text = b"all work and no play makes jack a dull boy\n".repeat(5000);
        let block = [&text[..192 << 10], &noise(256 << 10), &text[..192 << 10]].concat();
        assert_eq!(verdicts(&block), [(192 << 10, true), (256 << 10, false), (192 << 10, true)]);
    }

    #[test]
    fn noise_that_repeats_or_is_uneven_is_compressible() {
        let once = noise(1500);
        assert_eq!(verdicts(&once.repeat(400)), [(600_000, true)]);
        let seven_bits: Vec<u8> = noise(1 << 18).iter().map(|byte| byte & 0x7f).collect();
        assert_eq!(verdicts(&seven_bits), [(1 << 18, true)]);
    }

    #[test]
    fn what_was_compressed_is_not_compressible() {
        let digits: Vec<u8> = noise(2 << 20).iter().map(|byte| b'0' + byte % 10).collect();
        let mut packed = Vec::new();
        std::io::copy(&mut liblzma::read::XzEncoder::new(digits.as_slice(), 1), &mut packed).unwrap();
        assert!(verdicts(&packed[..768 << 10]).iter().all(|(_, compressible)| !compressible));
    }

    #[test]
    fn short_noise_between_text_is_left_with_it() {
        let text = vec![b'a'; 128 << 10];
        let block = [&text[..], &noise(64 << 10), &text[..]].concat();
        assert_eq!(verdicts(&block), [(320 << 10, true)]);
        assert_eq!(verdicts(&noise(100)), [(100, true)]);
        assert_eq!(verdicts(&[]), []);
    }

    #[test]
    fn every_byte_is_in_one_run() {
        for size in [1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, 5 * SEGMENT - 1] {
            let all = runs(&noise(size));
            assert_eq!(all.first().map(|run| run.range.start), Some(0));
            assert_eq!(all.last().map(|run| run.range.end), Some(size));
            assert!(all.windows(2).all(|pair| pair[0].range.end == pair[1].range.start));
        }
    }
}
