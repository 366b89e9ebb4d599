use std::collections::HashMap;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;

use digests::tar::TarWriter;
use digests::{Cancel, Error, Fault, Pool, Result, Stopped, Submitter, ordered};

use crate::entry::{Scribe, Times, View};
use crate::walk::{Found, Walk};

/// Writes everything below `root` as a tar (OCI layer.md, "Filesystem Changeset"), the root itself left out, as docker
/// does. Entries are sorted, owners numeric, times whole seconds (docker truncates them; so does every other writer of
/// layers), sockets skipped. The first name of a hard-linked file in that order is the file.
/// Small files are read ahead, many at a time, by several threads; the bytes do not depend on them, and the memory is
/// that of a few parts. What fits into one part takes no thread.
pub fn archive(root: &Path, view: View, times: Times, output: &mut dyn Write, cancel: &Cancel) -> Result<()> {
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(MOST_WORKERS);
    archive_with(workers, Scribe { root, view, times, cancel }, output)
}

/// As `archive`, with so many reading threads.
pub fn archive_with(workers: usize, scribe: Scribe<'_>, output: &mut dyn Write) -> Result<()> {
    let pool = Pool::new();
    let mut walk = Walk::open(scribe.root)?;
    let first = next_part(&mut walk, scribe.cancel)?;
    let mut archive = Archive { scribe, tar: TarWriter::new(output), links: HashMap::new(), buffer: Vec::new() };
    if first.last {
        archive.add(&prepare(scribe, first, Vec::new())?)?;
    } else {
        add_all(&mut archive, &pool, workers, first, walk)?;
    }
    archive.tar.finish().map_err(|cause| write_error(&cause))?;
    Ok(())
}

/// Threads that read: system calls of one directory hold one another up, so more do not help.
const MOST_WORKERS: usize = 4;

/// One thread walks, several read and write entries into memory, this one puts those into the archive in order.
fn add_all(archive: &mut Archive<'_>, pool: &Pool, workers: usize, first: Part, walk: Walk) -> Result<()> {
    let (submitter, jobs, results) = ordered(workers + 2);
    let scribe = archive.scribe;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| jobs.run(|part| prepare(scribe, part, pool.take())));
        }
        let walker = scope.spawn(move || send_parts(&submitter, first, walk, scribe.cancel));
        for prepared in results {
            let prepared = prepared.map_err(|Stopped| bug())??;
            archive.add(&prepared)?;
            pool.give(prepared.bytes);
        }
        walker.join().map_err(|_| bug())?
    })
}

/// The whole walk, part by part. Nobody takes parts any more once one has failed: that failure is the one that counts.
fn send_parts(
    submitter: &Submitter<Part, Result<Prepared>>,
    first: Part,
    mut walk: Walk,
    cancel: &Cancel,
) -> Result<()> {
    let mut part = first;
    loop {
        let last = part.last;
        if submitter.send(part).is_err() || last {
            return Ok(());
        }
        part = next_part(&mut walk, cancel)?;
    }
}

/// What one thread prepares at a time.
struct Part {
    found: Vec<Found>,
    /// The walk has ended.
    last: bool,
}

const PART_ENTRIES: usize = 256;
const PART_BYTES: u64 = 1 << 20;
/// Each is an open file, and there are several parts under way.
const PART_DIRECTORIES: usize = 16;
/// Larger files are read when it is their turn.
const SMALL: u64 = 256 << 10;

fn next_part(walk: &mut Walk, cancel: &Cancel) -> Result<Part> {
    let mut found: Vec<Found> = Vec::new();
    let (mut bytes, mut directories) = (0, 0);
    while found.len() < PART_ENTRIES && bytes < PART_BYTES && directories < PART_DIRECTORIES {
        cancel.check()?;
        let Some(next) = walk.advance()? else { return Ok(Part { found, last: true }) };
        let same = found.last().is_some_and(|before| Arc::ptr_eq(&before.parent, &next.parent));
        directories += usize::from(!same) + usize::from(next.directory.is_some());
        bytes += if next.size() <= SMALL { next.size() } else { 0 };
        found.push(next);
    }
    Ok(Part { found, last: false })
}

/// Entries in memory, and those that have to wait for their turn, each with its place among the bytes.
struct Prepared {
    bytes: Vec<u8>,
    later: Vec<(usize, Found)>,
}

fn prepare(scribe: Scribe<'_>, part: Part, room: Vec<u8>) -> Result<Prepared> {
    let mut tar = TarWriter::new(room);
    let mut later = Vec::new();
    let mut buffer = Vec::new();
    for found in part.found {
        if found.has_other_names() || found.size() > SMALL {
            later.push((usize::try_from(tar.size()).map_err(|_| bug())?, found));
        } else {
            scribe.write(&found, None, &mut tar, &mut buffer)?;
        }
    }
    Ok(Prepared { bytes: tar.into_inner(), later })
}

struct Archive<'a> {
    scribe: Scribe<'a>,
    tar: TarWriter<&'a mut dyn Write>,
    /// Path of the first name of each file with several, by device and inode.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
}

impl Archive<'_> {
    fn add(&mut self, prepared: &Prepared) -> Result<()> {
        let mut done = 0;
        for (at, found) in &prepared.later {
            self.tar.entries(&prepared.bytes[done..*at]).map_err(|cause| write_error(&cause))?;
            done = *at;
            let first = self.first_name(found);
            self.scribe.write(found, first.as_deref(), &mut self.tar, &mut self.buffer)?;
        }
        self.tar.entries(&prepared.bytes[done..]).map_err(|cause| write_error(&cause))
    }

    /// The name under which the archive has this inode already; remembers it otherwise.
    fn first_name(&mut self, found: &Found) -> Option<Vec<u8>> {
        if !found.has_other_names() {
            return None;
        }
        let id = (found.stat.st_dev, found.stat.st_ino);
        let first = self.links.get(&id).cloned();
        if first.is_none() {
            self.links.insert(id, found.path.clone());
        }
        first
    }
}

fn bug() -> Error {
    Error::new("TSB_BUG", Fault::Bug, "a reading thread died")
}

pub fn write_error(cause: &std::io::Error) -> Error {
    Error::io("TSB_LAYER_WRITE", "cannot write", "the layer", cause)
}
