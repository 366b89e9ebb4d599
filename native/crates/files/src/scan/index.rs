//! What a scan remembers of a directory, so that the next one need not read files again.

use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use digests::{Error, Result};
use rustix::fs::Stat;
use rustix::io::Errno;

use crate::tree::codec::{put_bytes, put_number, take, take_bytes, take_number};
use crate::tree::write::replace_file;
use crate::tree::{Xattr, compare};

const MAGIC: &[u8; 8] = b"tsbstat2";

/// How much older than a scan a change must be for its timestamps to prove that the scan saw it. Two seconds is the
/// coarsest clock of a file system in use (FAT); kernel clocks are ten milliseconds at worst.
const MARGIN: i64 = 2_000_000_000;

/// Stands in for the content of a file (git's index has the same fields).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub device: u64,
    pub inode: u64,
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime: i64,
    pub ctime: i64,
    pub mode: u32,
}

impl Tuple {
    pub fn of(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, rest: u64| seconds.wrapping_mul(1_000_000_000).wrapping_add(rest as i64);
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: stat.st_size as u64,
            mtime: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            ctime: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            mode: stat.st_mode,
        }
    }

    /// Git's racy-clean rule: what changed as late as the scan may have changed again, within the same tick of the
    /// clock, after the scan read it.
    pub fn is_settled(&self, scanned: i64) -> bool {
        self.mtime.max(self.ctime) < scanned.saturating_sub(MARGIN)
    }
}

/// What was read of a path while its tuple was this.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub tuple: Tuple,
    pub hash: [u8; 32],
    pub link: Vec<u8>,
    pub xattrs: Vec<Xattr>,
}

/// Paths of one root and what is known of them, in tree order. Valid for that root only.
/// Records are decoded when they are asked for: on the threads of the walk.
pub(super) struct StatIndex {
    bytes: Vec<u8>,
    /// Where the records start in `bytes`.
    offsets: Vec<u32>,
    /// When the scan that wrote it began, in nanoseconds since 1970.
    scanned: i64,
}

impl StatIndex {
    pub fn empty() -> Self {
        Self { bytes: Vec::new(), offsets: Vec::new(), scanned: i64::MIN }
    }

    /// Reads an index; one that is absent, damaged or of another root is empty, because it only saves work.
    pub fn load(path: &Path, root: &[u8]) -> Self {
        fs::read(path).ok().and_then(|bytes| open(bytes, root)).unwrap_or_else(Self::empty)
    }

    /// What is known of `path`, if its tuple is still the same and cannot hide a change.
    /// `hint` is where it might stand; it comes back as the place after.
    pub fn get(&self, path: &[u8], tuple: &Tuple, hint: &mut usize) -> Option<Known> {
        let index = self.find(path, *hint)?;
        *hint = index + 1;
        let known = self.record(index)?.1;
        (known.tuple == *tuple && tuple.is_settled(self.scanned)).then_some(known)
    }

    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// The entries that stay proven when the index gets a later scan time.
    pub fn settled(&self) -> impl Iterator<Item = (&[u8], Known)> {
        let records = (0..self.len()).filter_map(|index| self.record(index));
        records.filter(|(_, known)| known.tuple.is_settled(self.scanned))
    }

    /// What is known of `path`, whatever its tuple.
    pub fn known(&self, path: &[u8]) -> Option<Known> {
        self.record(self.find(path, usize::MAX)?).map(|(_, known)| known)
    }

    fn find(&self, path: &[u8], hint: usize) -> Option<usize> {
        if self.path(hint) == Some(path) {
            return Some(hint);
        }
        let found = self.offsets.binary_search_by(|offset| compare(self.path_at(*offset).unwrap_or(b""), path));
        found.ok()
    }

    fn path(&self, index: usize) -> Option<&[u8]> {
        self.path_at(*self.offsets.get(index)?)
    }

    fn path_at(&self, offset: u32) -> Option<&[u8]> {
        take_bytes(&mut self.bytes.get(offset as usize..)?)
    }

    fn record(&self, index: usize) -> Option<(&[u8], Known)> {
        let mut rest = self.bytes.get(*self.offsets.get(index)? as usize..)?;
        Some((take_bytes(&mut rest)?, decode(&mut rest)?))
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
}

/// Replaces the index file. A reader sees the old one or the new one. Entries come in tree order.
pub(super) fn save<'a>(
    path: &Path,
    root: &[u8],
    scanned: i64,
    entries: impl Iterator<Item = (&'a [u8], Cow<'a, Known>)>,
) -> Result<()> {
    let (mut offsets, mut records) = (Vec::new(), Vec::new());
    for (path, known) in entries {
        offsets.extend_from_slice(&(records.len() as u32).to_le_bytes());
        put_bytes(&mut records, path);
        encode(&known, &mut records);
    }
    let mut bytes = MAGIC.to_vec();
    put_bytes(&mut bytes, root);
    bytes.extend_from_slice(&scanned.to_le_bytes());
    put_bytes(&mut bytes, &offsets);
    bytes.extend_from_slice(&records);
    bytes.extend_from_slice(blake3::hash(&bytes).as_bytes());
    if u32::try_from(bytes.len()).is_err() {
        // Offsets end at 4 GiB. Without an index everything is read again, which is slow and right.
        return Ok(());
    }
    match replace_file(path, &bytes) {
        // A store that cannot be written to is still good for builds that are cached: they read everything again.
        Err(error) if error.raw_os_error() == Some(Errno::ROFS.raw_os_error()) => Ok(()),
        written => written.map_err(|e| Error::io("TSB_CONTEXT_INDEX", "cannot write context index", path, &e)),
    }
}

fn encode(known: &Known, bytes: &mut Vec<u8>) {
    let tuple = &known.tuple;
    for number in [tuple.device, tuple.inode, tuple.size, tuple.mtime as u64, tuple.ctime as u64] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    put_number(bytes, u64::from(tuple.mode));
    bytes.extend_from_slice(&known.hash);
    put_bytes(bytes, &known.link);
    put_number(bytes, known.xattrs.len() as u64);
    for (name, value) in &known.xattrs {
        put_bytes(bytes, name);
        put_bytes(bytes, value);
    }
}

fn open(bytes: Vec<u8>, root: &[u8]) -> Option<StatIndex> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if blake3::hash(body).as_bytes() != digest {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    if take_bytes(&mut rest)? != root {
        return None;
    }
    let scanned = i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?);
    let offsets = take_bytes(&mut rest)?;
    let start = (body.len() - rest.len()) as u32;
    let offsets =
        offsets.as_chunks().0.iter().map(|offset| start.saturating_add(u32::from_le_bytes(*offset))).collect();
    Some(StatIndex { offsets, scanned, bytes })
}

fn decode(rest: &mut &[u8]) -> Option<Known> {
    let mut number = || Some(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?));
    let (device, inode, size, mtime, ctime) = (number()?, number()?, number()?, number()? as i64, number()? as i64);
    let mode = u32::try_from(take_number(rest)?).ok()?;
    let hash = take(rest, 32)?.try_into().ok()?;
    let link = take_bytes(rest)?.to_vec();
    let mut xattrs = Vec::new();
    for _ in 0..take_number(rest)? {
        xattrs.push((take_bytes(rest)?.to_vec(), take_bytes(rest)?.to_vec()));
    }
    Some(Known { tuple: Tuple { device, inode, size, mtime, ctime, mode }, hash, link, xattrs })
}
