use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use digests::{Error, Result};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use rustix::io::Errno;

use super::codec;
use super::entry::Entry;

pub(super) const MAGIC: &[u8; 8] = b"tsbtree1";
/// Magic and number of entries; the offsets of the records follow, then the records.
pub(super) const HEADER: usize = 12;

/// Builds a tree index in memory from entries that come in order.
#[derive(Default)]
pub struct TreeWriter {
    offsets: Vec<u32>,
    records: Vec<u8>,
}

impl TreeWriter {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry. Entries must come in the order of `compare`.
    pub fn push(&mut self, entry: &Entry) {
        self.offsets.push(self.records.len() as u32);
        codec::encode(entry, entry.opaque, &mut self.records);
    }

    /// As `push`, but leaves out the mark of an opaque directory, which only a delta has.
    pub(super) fn push_plain(&mut self, entry: &Entry) {
        self.offsets.push(self.records.len() as u32);
        codec::encode(entry, false, &mut self.records);
    }

    /// Adds an entry of another tree as it is.
    pub(super) fn push_record(&mut self, record: &[u8]) {
        self.offsets.push(self.records.len() as u32);
        self.records.extend_from_slice(record);
    }

    /// Number of entries so far.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The bytes of the index and their digest.
    /// Fails with `TSB_TREE_TOO_LARGE` beyond 4 GiB of records.
    pub fn finish(self) -> Result<(Vec<u8>, blake3::Hash)> {
        if u32::try_from(self.records.len()).is_err() {
            return Err(Error::new(
                "TSB_TREE_TOO_LARGE",
                digests::Fault::Input,
                "tree has too many entries for an index",
            ));
        }
        let mut bytes = Vec::with_capacity(HEADER + self.offsets.len() * 4 + self.records.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(self.offsets.len() as u32).to_le_bytes());
        for offset in &self.offsets {
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        bytes.extend_from_slice(&self.records);
        let digest = blake3::hash(&bytes);
        Ok((bytes, digest))
    }

    /// Writes the index under its digest into `directory` and returns the digest. Whole or absent at any instant;
    /// a file that is there already is kept, with the time of now: a garbage collection leaves alone what is new.
    pub fn save(self, directory: &Path) -> Result<blake3::Hash> {
        let (bytes, digest) = self.finish()?;
        let target = directory.join(digest.to_hex().as_str());
        // A file of another length is what a power cut left of an unsynced write.
        if fs::metadata(&target).is_ok_and(|found| found.len() == bytes.len() as u64) {
            // One that goes in this moment is written anew. What cannot be changed is good for reading.
            if utimensat(CWD, &target, &now(), AtFlags::empty()) != Err(Errno::NOENT) {
                return Ok(digest);
            }
        }
        replace_file(&target, &bytes)
            .map_err(|e| Error::io("TSB_TREE_WRITE", "cannot write tree index", &target, &e))?;
        Ok(digest)
    }
}

fn now() -> Timestamps {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Timestamps { last_access: now, last_modification: now }
}

/// `blake3:` and hex.
pub fn format_digest(digest: &blake3::Hash) -> String {
    format!("blake3:{}", digest.to_hex())
}

/// Its inode; 0 where /proc is not mounted.
fn pid_namespace() -> u64 {
    static INODE: LazyLock<u64> = LazyLock::new(|| fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino()));
    *INODE
}

/// Puts `bytes` at `target` by way of a temporary file and a rename. Its name says whose it is, for who finds it after a
/// kill: `NAME.NAMESPACE.PID-NUMBER.tmp`, by pid namespace, since processes of several may share a store.
pub(crate) fn replace_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{}-{number}.tmp", pid_namespace(), std::process::id()));
    let temporary = target.with_file_name(name);
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, target));
    if written.is_err() {
        // Best effort: the first failure is the one to tell.
        let _ = fs::remove_file(&temporary);
    }
    written
}
