//! The bytes of one entry. Numbers are LEB128.

use super::entry::{Entry, Kind, Xattr};

const OPAQUE: u8 = 1;

/// Appends the entry's record. The path comes first, so that a search decodes nothing else.
pub(super) fn encode(entry: &Entry, opaque: bool, out: &mut Vec<u8>) {
    put_bytes(out, &entry.path);
    out.push(entry.kind as u8);
    out.push(if opaque { OPAQUE } else { 0 });
    put_number(out, u64::from(entry.mode));
    put_number(out, u64::from(entry.uid));
    put_number(out, u64::from(entry.gid));
    match entry.kind {
        Kind::File => {
            put_number(out, entry.size);
            out.extend_from_slice(&entry.hash);
        }
        Kind::Symlink => put_bytes(out, &entry.link),
        Kind::Character | Kind::Block => put_number(out, entry.rdev),
        Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Whiteout => {}
    }
    put_number(out, entry.xattrs.len() as u64);
    for (name, value) in &entry.xattrs {
        put_bytes(out, name);
        put_bytes(out, value);
    }
}

/// The entry of a record; `None` when the bytes are not one.
pub(super) fn decode(record: &[u8]) -> Option<Entry> {
    let mut rest = record;
    let path = take_bytes(&mut rest)?;
    let kind = Kind::from_byte(take(&mut rest, 1)?[0])?;
    let flags = take(&mut rest, 1)?[0];
    let mode = take_number(&mut rest)?;
    let mut entry = Entry::new(path, kind, u32::try_from(mode).ok()?);
    entry.opaque = flags & OPAQUE != 0;
    entry.uid = u32::try_from(take_number(&mut rest)?).ok()?;
    entry.gid = u32::try_from(take_number(&mut rest)?).ok()?;
    match kind {
        Kind::File => {
            entry.size = take_number(&mut rest)?;
            entry.hash = take(&mut rest, 32)?.try_into().ok()?;
        }
        Kind::Symlink => entry.link = take_bytes(&mut rest)?.to_vec(),
        Kind::Character | Kind::Block => entry.rdev = take_number(&mut rest)?,
        Kind::Directory | Kind::Fifo | Kind::Socket | Kind::Whiteout => {}
    }
    for _ in 0..take_number(&mut rest)? {
        let xattr: Xattr = (take_bytes(&mut rest)?.to_vec(), take_bytes(&mut rest)?.to_vec());
        entry.xattrs.push(xattr);
    }
    Some(entry)
}

/// What stands at the path of a record.
pub(super) fn kind_of(record: &[u8]) -> Option<Kind> {
    let (_, rest) = split_path(record)?;
    Kind::from_byte(*rest.first()?)
}

/// The path of a record, and what follows it.
pub(super) fn split_path(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut rest = record;
    let path = take_bytes(&mut rest)?;
    Some((path, rest))
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(rest)?).ok()?;
    take(rest, length)
}

pub(crate) fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

pub(crate) fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    Some(head)
}
