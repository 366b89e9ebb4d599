//! Fixed-width fields of a header block.

/// Bytes of a header and unit of padding.
pub const BLOCK: usize = 512;

/// A field of the 512-byte header: offset and length (POSIX `ustar Header Block`).
pub type Field = (usize, usize);

pub const NAME: Field = (0, 100);
pub const MODE: Field = (100, 8);
pub const UID: Field = (108, 8);
pub const GID: Field = (116, 8);
pub const SIZE: Field = (124, 12);
pub const MTIME: Field = (136, 12);
pub const CHECKSUM: Field = (148, 8);
pub const TYPE: usize = 156;
pub const LINK: Field = (157, 100);
pub const MAGIC: Field = (257, 8);
pub const MAJOR: Field = (329, 8);
pub const MINOR: Field = (337, 8);
pub const PREFIX: Field = (345, 155);
/// Star's shorter prefix; access and change times follow it.
pub const STAR_PREFIX: Field = (345, 131);
pub const STAR_TRAILER: Field = (508, 4);

/// The bytes of `field`.
pub fn bytes(block: &[u8; BLOCK], field: Field) -> &[u8] {
    &block[field.0..field.0 + field.1]
}

/// A name: up to the first NUL or the whole width.
pub fn text(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// A number: octal between spaces and NULs, or GNU's base 256 when the top bit is set. `None` when it is neither.
pub fn number(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base256(field),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<i64> {
    let blank = |byte: &u8| *byte == b' ' || *byte == 0;
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(blank).unwrap_or(digits.len());
    if !digits[end..].iter().all(blank) {
        return None;
    }
    digits[..end].iter().try_fold(0i64, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// Two's complement, big-endian; the top bit of the first byte is the mark and the next one the sign.
fn base256(field: &[u8]) -> Option<i64> {
    let negative = field[0] & 0x40 != 0;
    let first = if negative { field[0] | 0x80 } else { field[0] & 0x7f };
    let mut value: i128 = if negative { -1 } else { 0 };
    for (index, byte) in field.iter().enumerate() {
        value = (value << 8) | i128::from(if index == 0 { first } else { *byte });
        if i64::try_from(value).is_err() {
            return None;
        }
    }
    i64::try_from(value).ok()
}

/// Writes `value` as zero-padded octal with a closing NUL. False when it does not fit; the field is then 0.
pub fn put_octal(block: &mut [u8; BLOCK], field: Field, value: u64) -> bool {
    let digits = field.1 - 1;
    let fits = digits * 3 >= 64 || value >> (digits * 3) == 0;
    let mut rest = if fits { value } else { 0 };
    for index in (0..digits).rev() {
        block[field.0 + index] = b'0' + (rest & 7) as u8;
        rest >>= 3;
    }
    block[field.0 + digits] = 0;
    fits
}

/// The sum that the checksum field must hold: over all bytes, its own taken as spaces. Second: with signed bytes, as
/// some old programs had it.
pub fn checksums(block: &[u8; BLOCK]) -> (i64, i64) {
    let mut sums = (0i64, 0i64);
    for (index, byte) in block.iter().enumerate() {
        let own = (CHECKSUM.0..CHECKSUM.0 + CHECKSUM.1).contains(&index);
        let byte = if own { b' ' } else { *byte };
        sums.0 += i64::from(byte);
        sums.1 += i64::from(byte as i8);
    }
    sums
}

/// Bytes from `size` to the next full block.
pub fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases: [(&[u8], Option<i64>); 12] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"77777777", Some(0o77777777)),
            (b"12 34\0", None),
            (b"0000648\0", None),
            (b"-1\0", None),
            (b"777777777777777777777777", None),
            (b"\x80\0\0\0\x01\0\0\0", Some(1 << 24)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfb", Some(-5)),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", None),
        ];
        for (field, expected) in cases {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn octal_that_does_not_fit_says_so() {
        let mut block = [1; BLOCK];
        assert!(put_octal(&mut block, UID, 0o7777777));
        assert_eq!(bytes(&block, UID), b"7777777\0");
        assert!(!put_octal(&mut block, UID, 0o10000000));
        assert_eq!(bytes(&block, UID), b"0000000\0");
    }
}
