use std::cmp::Ordering;
use std::fs;
use std::ops::Range;
use std::path::Path;

use digests::{Error, Fault, Result};

use super::codec;
use super::entry::{Entry, Kind, compare, is_below};
use super::write::{HEADER, MAGIC};

/// A tree index in memory.
pub struct Tree {
    bytes: Vec<u8>,
    count: usize,
}

impl Tree {
    /// A tree without entries.
    pub fn empty() -> Self {
        Self { bytes: Vec::new(), count: 0 }
    }

    /// Reads the tree called `digest` from the directory of trees and verifies it.
    /// Fails with `TSB_TREE_MISSING` and `TSB_TREE_CORRUPT`.
    pub fn load(directory: &Path, digest: &blake3::Hash) -> Result<Self> {
        let path = directory.join(digest.to_hex().as_str());
        let bytes = fs::read(&path).map_err(|e| Error::io("TSB_TREE_MISSING", "cannot read tree index", &path, &e))?;
        if blake3::hash(&bytes) != *digest {
            return Err(corrupt().at(&path));
        }
        Self::from_bytes(bytes).map_err(|e| e.at(&path))
    }

    /// Takes bytes that `TreeWriter::finish` made.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        let count = bytes.get(8..HEADER).and_then(|field| field.try_into().ok()).map(u32::from_le_bytes);
        let count = count.ok_or_else(corrupt)? as usize;
        if !bytes.starts_with(MAGIC) || bytes.len() < HEADER + count * 4 {
            return Err(corrupt());
        }
        Ok(Self { bytes, count })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entry at `index`, which counts from 0 in tree order.
    pub fn entry(&self, index: usize) -> Result<Entry> {
        codec::decode(self.record(index)).ok_or_else(corrupt)
    }

    /// What stands at `index`, without decoding the rest.
    pub fn kind(&self, index: usize) -> Result<Kind> {
        codec::kind_of(self.record(index)).ok_or_else(corrupt)
    }

    /// The entries of a range, decoded one by one.
    pub fn entries(&self, range: Range<usize>) -> impl Iterator<Item = Result<Entry>> + '_ {
        range.map(|index| self.entry(index))
    }

    /// The path at `index`, without decoding the rest.
    pub fn path(&self, index: usize) -> &[u8] {
        codec::split_path(self.record(index)).map_or(&[], |(path, _)| path)
    }

    /// Where `path` stands.
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        let index = self.lower_bound(path);
        (index < self.count && self.path(index) == path).then_some(index)
    }

    /// The entries below `directory` (itself left out); the empty path is the root.
    pub fn below(&self, directory: &[u8]) -> Range<usize> {
        if directory.is_empty() {
            return 0..self.count;
        }
        let start = self.partition(|path| compare(path, directory) != Ordering::Greater);
        start..self.end_of(start, directory)
    }

    /// The entries directly in `directory`, in order of their names.
    pub fn children<'a>(&'a self, directory: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let range = self.below(directory);
        let mut next = range.start;
        std::iter::from_fn(move || {
            if next >= range.end {
                return None;
            }
            let index = next;
            next = self.end_of(index + 1, self.path(index));
            Some(index)
        })
    }

    /// The bytes of the entry at `index`.
    pub(super) fn record(&self, index: usize) -> &[u8] {
        let start = self.offset(index);
        let end = if index + 1 < self.count { self.offset(index + 1) } else { self.bytes.len() };
        self.bytes.get(start..end).unwrap_or(&[])
    }

    /// First index at or after `start` that is not below `directory`, where those below come first.
    fn end_of(&self, start: usize, directory: &[u8]) -> usize {
        // Most directories are small: look at a few before searching the whole rest.
        for index in start..self.count.min(start + 4) {
            if !is_below(self.path(index), directory) {
                return index;
            }
        }
        let (mut low, mut high) = (start, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_below(self.path(middle), directory) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn lower_bound(&self, path: &[u8]) -> usize {
        self.partition(|other| compare(other, path) == Ordering::Less)
    }

    fn partition(&self, before: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.path(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn offset(&self, index: usize) -> usize {
        let at = HEADER + index * 4;
        let field: Option<[u8; 4]> = self.bytes.get(at..at + 4).and_then(|field| field.try_into().ok());
        HEADER + self.count * 4 + field.map_or(0, u32::from_le_bytes) as usize
    }
}

/// Reads `blake3:` and hex. Fails with `TSB_DIGEST_INVALID`.
pub fn parse_digest(text: &str) -> Result<blake3::Hash> {
    text.strip_prefix("blake3:")
        .and_then(|hex| blake3::Hash::from_hex(hex).ok())
        .ok_or_else(|| Error::new("TSB_DIGEST_INVALID", Fault::Bug, format!("`{text}` is not a tree digest")))
}

pub(crate) fn corrupt() -> Error {
    Error::new("TSB_TREE_CORRUPT", Fault::Host, "tree index is damaged")
        .hint("remove the directory TSBUILD_ROOT and build again")
}
