//! The scan of a context: a directory of the user becomes a tree.

mod index;
mod prefixes;
mod read;
mod rules;

use std::borrow::Cow;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{Mode, OFlags};

use crate::open::join;
use crate::tree::{Entry, Kind, TreeWriter, compare};
use crate::walk::{Children, Directory, Name, in_order, walk};
use index::{Known, StatIndex};
use prefixes::{Prefixes, Reach};
use read::Reader;
pub use rules::IgnoreRule;
pub(crate) use rules::{Matches, Rules};

/// `ScanRequest` of native/types.ts.
pub struct Request {
    pub root: PathBuf,
    pub prefixes: Vec<Vec<u8>>,
    pub rules: Vec<IgnoreRule>,
    pub trees_directory: PathBuf,
    pub stat_index: Option<PathBuf>,
    /// Believe nothing of the stat index; it is written anew.
    pub read_all: bool,
}

/// `ScanResult` of native/types.ts.
#[derive(Clone, Copy, Debug)]
pub struct Scanned {
    pub tree: blake3::Hash,
    pub entries: u64,
    pub bytes: u64,
    pub hashed: u64,
}

/// What to do about `TSB_CONTEXT_UNREADABLE`.
const READABLE: &str = "make it readable, or name it in `.dockerignore`";

/// Something the walk met.
struct Item {
    entry: Entry,
    /// What was read of it; `None` when the stat index still holds.
    fresh: Option<Box<Known>>,
    /// Not wanted for its own sake: a directory that is kept only if something in it is.
    only_way: bool,
}

/// What one thread found: the items of directories, a directory possibly in several parts.
#[derive(Default)]
struct Found {
    parts: Vec<(Vec<u8>, Vec<Item>)>,
    hashed: u64,
    reused: usize,
    buffer: Vec<u8>,
}

/// Walks `root`, leaves out what the rules ignore, hashes the files whose stat tuple is new or could hide a change,
/// and saves the tree. Owners become 0:0, sockets empty files, as docker's client sends them.
///
/// Fails with `TSB_CONTEXT_MISSING`, `TSB_CONTEXT_UNREADABLE`, and `TSB_CONTEXT_CHANGED` when a file does not hold still.
pub fn scan(request: &Request, cancel: &Cancel) -> Result<Scanned> {
    let root = rustix::fs::open(&request.root, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| missing(&request.root, &e.into()))?;
    let name = request.root.as_os_str().as_bytes();
    // Before the first file is read, so that a change during the scan is not older than it.
    let started = index::now();
    let believed = request.stat_index.as_ref().filter(|_| !request.read_all);
    let old = believed.map_or_else(StatIndex::empty, |path| StatIndex::load(path, name));
    let rules = Rules::compile(&request.rules)?;
    let prefixes = Prefixes::resolve(root.as_fd(), &request.prefixes);
    let scanner = Scanner { root: &request.root, rules: &rules, prefixes: &prefixes, old: &old, cancel };
    let top = (Vec::new(), rules.none());
    let found: Vec<Found> =
        walk(root.as_fd(), top, "TSB_CONTEXT_UNREADABLE", cancel, |directory, names, found, children| {
            scanner.visit(directory, names, found, children)
        })
        .map_err(|e| under(&request.root, e))?;
    let hashed = found.iter().map(|found| found.hashed).sum();
    let reused: usize = found.iter().map(|found| found.reused).sum();
    let parts = found.into_iter().flat_map(|found| found.parts);
    let items = in_order(parts, |item| &item.entry, drop_empty_ways);
    if let Some(path) = &request.stat_index {
        remember(path, name, started, &old, reused, &items, &prefixes)?;
    }
    let mut writer = TreeWriter::new();
    items.iter().for_each(|item| writer.push(&item.entry));
    let bytes = items.iter().map(|item| item.entry.size).sum();
    Ok(Scanned { tree: writer.save(&request.trees_directory)?, entries: items.len() as u64, bytes, hashed })
}

struct Scanner<'a> {
    root: &'a Path,
    rules: &'a Rules,
    prefixes: &'a Prefixes,
    old: &'a StatIndex,
    cancel: &'a Cancel,
}

impl Scanner<'_> {
    fn visit(
        &self,
        directory: &Directory<Matches>,
        names: &[Name],
        found: &mut Found,
        children: &mut Children<Matches>,
    ) -> Result<()> {
        let mut items = Vec::with_capacity(names.len());
        let mut reader = Reader::new(directory.fd.as_fd(), self.root, self.old, self.cancel, &mut found.buffer);
        for name in names {
            let path = join(&directory.path, &name.bytes);
            let reach = self.prefixes.reach(&path);
            if reach == Reach::Outside {
                continue;
            }
            let verdict = self.rules.judge(&path, &directory.state);
            let only_way = reach == Reach::Way || verdict.ignored;
            if only_way && !self.may_hold_wanted(name, &path, verdict.ignored) {
                continue;
            }
            let item = reader.read(path, &name.bytes, only_way)?;
            if item.entry.kind == Kind::Directory {
                children.push((item.entry.path.clone(), verdict.matches));
            } else if only_way {
                continue;
            }
            items.push(item);
        }
        let (hashed, reused) = (reader.hashed, reader.reused);
        found.hashed += hashed;
        found.reused += reused;
        found.parts.push((directory.path.clone(), items));
        Ok(())
    }

    /// Whether something that is not wanted itself may be a directory with something wanted in it.
    fn may_hold_wanted(&self, name: &Name, path: &[u8], ignored: bool) -> bool {
        let may_be_directory = matches!(name.kind, rustix::fs::FileType::Directory | rustix::fs::FileType::Unknown);
        may_be_directory && (!ignored || self.rules.may_return(path))
    }
}

/// Called where a directory ends: whatever stands last and is only a way has nothing below it.
fn drop_empty_ways(ordered: &mut Vec<Item>) {
    if ordered.last().is_some_and(|item| item.only_way) {
        ordered.pop();
    }
}

/// Writes the stat index if it would say anything new.
fn remember(
    path: &Path,
    root: &[u8],
    started: i64,
    old: &StatIndex,
    reused: usize,
    items: &[Item],
    prefixes: &Prefixes,
) -> Result<()> {
    if reused == items.len() && reused == old.len() {
        return Ok(());
    }
    // What a scan of a part did not look at stays known.
    let kept: Vec<_> = old.settled().filter(|(path, _)| prefixes.reach(path) == Reach::Outside).collect();
    if reused == items.len() && reused + kept.len() == old.len() {
        return Ok(());
    }
    let fresh = items.iter().filter_map(|item| {
        let path = item.entry.path.as_slice();
        let known = item.fresh.as_deref().map(Cow::Borrowed).or_else(|| old.known(path).map(Cow::Owned));
        Some((path, known?))
    });
    let mut entries: Vec<_> = fresh.chain(kept.into_iter().map(|(path, known)| (path, Cow::Owned(known)))).collect();
    entries.sort_by(|a, b| compare(a.0, b.0));
    index::save(path, root, started, entries.into_iter())
}

fn missing(root: &Path, cause: &std::io::Error) -> Error {
    Error::io("TSB_CONTEXT_MISSING", "cannot open build context", root, cause)
        .hint("give a directory that exists and can be read")
        .fault(Fault::Input)
}

/// Directories fail with paths relative to the root; users want whole ones.
fn under(root: &Path, mut error: Error) -> Error {
    if let Some(path) = error.path.take_if(|path| path.is_relative()) {
        let whole = root.join(&path);
        error.message = error.message.replacen(&format!("`{}`", path.display()), &format!("`{}`", whole.display()), 1);
        error.path = Some(whole);
        error.fault = Fault::Input;
        if error.code == "TSB_CONTEXT_UNREADABLE" {
            return error.hint(READABLE);
        }
    }
    error
}

#[cfg(test)]
mod tests;
