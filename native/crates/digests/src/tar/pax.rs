//! Extended headers: records `LENGTH KEY=VALUE\n` (POSIX `pax Header Block`).

use super::sparse::{MAX_SEGMENTS, Segment};

/// What one extended header says of the next entry. Keys not listed are ignored, as the standard wants.
#[derive(Debug, Default)]
pub struct Extended {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    /// Seconds (rounded down) and nanoseconds.
    pub mtime: Option<(i64, u32)>,
    /// `SCHILY.xattr.NAME`, names without the prefix, as they come: the last of a name counts.
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: SparseKeys,
}

/// GNU's sparse formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub struct SparseKeys {
    pub major: Option<u64>,
    pub minor: Option<u64>,
    pub name: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub segments: Vec<Segment>,
    pub present: bool,
}

const XATTR: &[u8] = b"SCHILY.xattr.";

impl Extended {
    /// Adds the records in `block`; a later record of a key replaces an earlier one. `Err` says what is wrong.
    pub fn add(&mut self, mut block: &[u8]) -> Result<(), &'static str> {
        while !block.is_empty() {
            // Some writers fill the block with NULs.
            if block.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            let (key, value, rest) = record(block).ok_or("malformed extended header record")?;
            self.set(key, value)?;
            block = rest;
        }
        Ok(())
    }

    /// The attributes by name, each once. A header can hold tens of thousands.
    pub fn take_xattrs(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut xattrs = std::mem::take(&mut self.xattrs);
        xattrs.reverse();
        xattrs.sort_by(|a, b| a.0.cmp(&b.0));
        xattrs.dedup_by(|later, first| later.0 == first.0);
        xattrs
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        match key {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link = name(value)?,
            b"size" => self.size = decimal(value)?,
            b"uid" => self.uid = decimal(value)?,
            b"gid" => self.gid = decimal(value)?,
            b"mtime" => self.mtime = if value.is_empty() { None } else { Some(time(value).ok_or("malformed time")?) },
            _ if key.starts_with(b"GNU.sparse.") => self.set_sparse(&key[11..], value)?,
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    if name.is_empty() || name.contains(&0) || name.len() > 255 {
                        return Err("malformed extended attribute name");
                    }
                    self.xattrs.push((name.to_vec(), value.to_vec()));
                }
            }
        }
        Ok(())
    }

    fn set_sparse(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let sparse = &mut self.sparse;
        sparse.present = true;
        match key {
            b"major" => sparse.major = decimal(value)?,
            b"minor" => sparse.minor = decimal(value)?,
            b"name" => sparse.name = name(value)?,
            b"size" | b"realsize" => sparse.size = decimal(value)?,
            b"offset" => {
                if sparse.segments.len() >= MAX_SEGMENTS {
                    return Err("sparse map too long");
                }
                sparse.segments.push(Segment { offset: decimal(value)?.unwrap_or(0), length: 0 });
            }
            b"numbytes" => match sparse.segments.last_mut() {
                Some(last) => last.length = decimal(value)?.unwrap_or(0),
                None => return Err("malformed sparse map"),
            },
            b"map" => sparse.segments = map(value)?,
            _ => {}
        }
        Ok(())
    }
}

fn record(block: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = block.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(parse_decimal(&block[..space])?).ok()?;
    if length <= space + 1 || length > block.len() || block[length - 1] != b'\n' {
        return None;
    }
    let body = &block[space + 1..length - 1];
    let equals = body.iter().position(|byte| *byte == b'=')?;
    if equals == 0 { None } else { Some((&body[..equals], &body[equals + 1..], &block[length..])) }
}

/// An empty value takes the record back.
fn name(value: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    if value.contains(&0) {
        return Err("name with a NUL byte");
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

fn decimal(value: &[u8]) -> Result<Option<u64>, &'static str> {
    if value.is_empty() {
        return Ok(None);
    }
    parse_decimal(value).map(Some).ok_or("malformed number in an extended header")
}

/// Digits only; below 2^63 so that sums stay in range.
pub fn parse_decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })?;
    i64::try_from(value).is_ok().then_some(value)
}

/// `[-]SECONDS[.FRACTION]` to seconds rounded down and the nanoseconds above them.
fn time(value: &[u8]) -> Option<(i64, u32)> {
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(parse_decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or(b"");
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanos =
        (0..9).fold(0u32, |value, index| value * 10 + fraction.get(index).map_or(0, |digit| u32::from(digit - b'0')));
    Some(match (negative, nanos) {
        (false, _) => (seconds, nanos),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanos),
    })
}

fn map(value: &[u8]) -> Result<Vec<Segment>, &'static str> {
    let wrong = "malformed sparse map";
    let mut numbers = Vec::new();
    for part in value.split(|byte| *byte == b',') {
        numbers.push(parse_decimal(part).ok_or(wrong)?);
        if numbers.len() > 2 * MAX_SEGMENTS {
            return Err("sparse map too long");
        }
    }
    if numbers.len() % 2 != 0 {
        return Err(wrong);
    }
    Ok(numbers.chunks_exact(2).map(|pair| Segment { offset: pair[0], length: pair[1] }).collect())
}

/// Appends one record to `block`.
pub fn put(block: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = key.len() + value.len() + 3;
    let mut length = body + 1;
    while length != body + digits(length) {
        length = body + digits(length);
    }
    block.extend_from_slice(length.to_string().as_bytes());
    block.push(b' ');
    block.extend_from_slice(key);
    block.push(b'=');
    block.extend_from_slice(value);
    block.push(b'\n');
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        for length in [0, 1, 80, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 988, 989, 990, 991, 992] {
            let value = vec![b'v'; length];
            let mut block = Vec::new();
            put(&mut block, b"SCHILY.xattr.user.a", &value);
            put(&mut block, b"uid", b"7");
            let mut extended = Extended::default();
            extended.add(&block).unwrap();
            assert_eq!(extended.take_xattrs(), [(b"user.a".to_vec(), value)]);
            assert_eq!(extended.uid, Some(7));
        }
    }

    #[test]
    fn the_last_of_an_attribute_counts_and_many_are_quick() {
        let mut block = Vec::new();
        for number in 0..30_000 {
            put(&mut block, format!("SCHILY.xattr.user.{number}").as_bytes(), b"first");
        }
        put(&mut block, b"SCHILY.xattr.user.7", b"last");
        let mut extended = Extended::default();
        extended.add(&block).unwrap();
        let xattrs = extended.take_xattrs();
        assert_eq!(xattrs.len(), 30_000);
        assert!(xattrs.contains(&(b"user.7".to_vec(), b"last".to_vec())));
    }

    #[test]
    fn times() {
        type Case = (&'static [u8], Option<(i64, u32)>);
        let cases: [Case; 8] = [
            (b"5", Some((5, 0))),
            (b"5.25", Some((5, 250_000_000))),
            (b"-5", Some((-5, 0))),
            (b"-0.5", Some((-1, 500_000_000))),
            (b"1.0000000019", Some((1, 1))),
            (b"1.x", None),
            (b"", None),
            (b"9223372036854775808", None),
        ];
        for (text, expected) in cases {
            assert_eq!(time(text), expected, "{text:?}");
        }
    }

    #[test]
    fn malformed_records_are_errors() {
        for block in [&b"5 a=b\n"[..], b"99 a=b\n", b"6 a=bc", b"x a=b\n", b"4 =\n", b"11 path=a\0b\n", b"0 a=b\n"] {
            assert!(Extended::default().add(block).is_err(), "{block:?}");
        }
    }
}
