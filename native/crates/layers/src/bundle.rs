use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::Scope;

use digests::tar::{Header, Kind, TarWriter};
use digests::{Cancel, Error, Fault, Hashed, Result, Sha256Stream};
use rustix::io::Errno;

use crate::patient::Patient;

/// A file of an archive of images.
#[derive(Clone, Debug)]
pub struct BundleFile {
    /// Relative, with slashes.
    pub name: String,
    pub content: Content,
}

/// What a file of a bundle holds.
#[derive(Clone, Debug)]
pub enum Content {
    Bytes(Vec<u8>),
    /// A blob of the store.
    Blob {
        path: PathBuf,
        expected: Hashed,
        /// Whoever asks has hashed it already.
        verified: bool,
    },
}

/// Writes files as one tar, in the order given, with their directories before them; same files, same bytes (owners 0,
/// times 0). Blobs are copied by the kernel where the output is a file, and hashed meanwhile where they are not verified
/// yet: the last piece of a blob is only written once size and digest have come out right, so nobody gets a damaged one
/// whole. `output` is not synced.
/// Errors: `TSB_BLOB_DIGEST`, `TSB_EXPORT_WRITE`, `TSB_DISK_FULL`, `TSB_LAYER_READ`, `TSB_INTERRUPTED`.
pub fn write_bundle(files: &[BundleFile], output: File, cancel: &Cancel) -> Result<()> {
    let seekable = output.metadata().is_ok_and(|meta| meta.is_file());
    let output = Patient::new(output, cancel);
    let mut bundle = Bundle { tar: TarWriter::new(output), seekable, made: BTreeSet::new(), cancel };
    for file in files {
        cancel.check()?;
        bundle.parents(&file.name)?;
        match &file.content {
            Content::Bytes(bytes) => bundle.bytes(&file.name, bytes)?,
            Content::Blob { path, expected, verified } => bundle.blob(&file.name, path, expected, *verified)?,
        }
    }
    bundle.tar.finish().map_err(|cause| write_error(&cause))?.flush().map_err(|cause| write_error(&cause))
}

struct Bundle<'a> {
    tar: TarWriter<Patient<'a>>,
    /// The kernel can copy into it.
    seekable: bool,
    made: BTreeSet<String>,
    cancel: &'a Cancel,
}

/// Copied or read at once.
const CHUNK: usize = 1 << 20;
/// Copied by the kernel between two looks at the cancel flag.
const STRIDE: u64 = 32 << 20;

impl Bundle<'_> {
    fn parents(&mut self, name: &str) -> Result<()> {
        for (end, _) in name.match_indices('/') {
            let directory = &name[..=end];
            if self.made.insert(directory.to_owned()) {
                self.header(directory, Kind::Directory, 0)?;
            }
        }
        Ok(())
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.header(name, Kind::File, bytes.len() as u64)?;
        self.tar.content(bytes).map_err(|cause| write_error(&cause))?;
        self.tar.pad().map_err(|cause| write_error(&cause))
    }

    fn blob(&mut self, name: &str, path: &Path, expected: &Hashed, verified: bool) -> Result<()> {
        let read_error = |cause: io::Error| Error::io("TSB_LAYER_READ", "cannot read", path, &cause);
        let file = File::open(path).map_err(read_error)?;
        if file.metadata().map_err(read_error)?.len() != expected.size {
            return Err(damaged(expected));
        }
        self.header(name, Kind::File, expected.size)?;
        let cancel = self.cancel;
        std::thread::scope(|scope| {
            let verdict = (!verified).then(|| hash(scope, &file, cancel));
            let last = expected.size.saturating_sub(CHUNK as u64);
            self.copy(&file, 0, last, expected, path)?;
            if let Some(verdict) = verdict {
                let found = verdict.join().map_err(|_| bug())?.map_err(read_error)?;
                cancel.check()?;
                if found != *expected {
                    return Err(damaged(expected));
                }
            }
            self.copy(&file, last, expected.size, expected, path)
        })?;
        self.tar.pad().map_err(|cause| write_error(&cause))
    }

    /// Copies the bytes between two offsets.
    fn copy(&mut self, file: &File, start: u64, end: u64, expected: &Hashed, path: &Path) -> Result<()> {
        let mut at = start;
        while self.seekable && at < end {
            self.cancel.check()?;
            let length = usize::try_from((end - at).min(STRIDE)).unwrap_or(CHUNK);
            let output = self.tar.output().file();
            match rustix::fs::copy_file_range(file, Some(&mut at), output, None, length) {
                Ok(0) => return Err(damaged(expected)),
                Ok(copied) => self.tar.note_content(copied as u64),
                Err(Errno::INTR) => {}
                // Another file system, or one that cannot: by hand, then.
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF | Errno::PERM) => {
                    self.seekable = false;
                }
                Err(errno) => return Err(write_error(&errno.into())),
            }
        }
        let mut buffer = vec![0; if at < end { CHUNK } else { 0 }];
        while at < end {
            self.cancel.check()?;
            let room = usize::try_from(end - at).unwrap_or(CHUNK).min(CHUNK);
            let read = file.read_at(&mut buffer[..room], at);
            let read = read.map_err(|cause| Error::io("TSB_LAYER_READ", "cannot read", path, &cause))?;
            if read == 0 {
                return Err(damaged(expected));
            }
            self.tar.content(&buffer[..read]).map_err(|cause| write_error(&cause))?;
            at += read as u64;
        }
        Ok(())
    }

    fn header(&mut self, name: &str, kind: Kind, size: u64) -> Result<()> {
        let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
        let (path, link, xattrs) = (name.as_bytes(), b"".as_slice(), [].as_slice());
        let header = Header { path, kind, mode, uid: 0, gid: 0, size, mtime: 0, link, device: (0, 0), xattrs };
        self.tar.header(&header).map_err(|cause| write_error(&cause))
    }
}

type Verdict<'scope> = std::thread::ScopedJoinHandle<'scope, io::Result<Hashed>>;

/// Hashes the whole file on a thread of its own; ends early, with what it has, when cancelled.
fn hash<'scope>(scope: &'scope Scope<'scope, '_>, file: &'scope File, cancel: &'scope Cancel) -> Verdict<'scope> {
    scope.spawn(move || {
        let mut hash = Sha256Stream::new();
        let mut reader = At { file, offset: 0 };
        let mut buffer = vec![0; CHUNK];
        while !cancel.is_cancelled() {
            match reader.read(&mut buffer)? {
                0 => break,
                read => hash.update(&buffer[..read]),
            }
        }
        Ok(hash.finish())
    })
}

/// Reads by offset: the descriptor's own place belongs to nobody.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

fn damaged(expected: &Hashed) -> Error {
    Error::new("TSB_BLOB_DIGEST", Fault::Host, format!("blob `{}` in the store is damaged", expected.digest))
        .hint("repeat the command, which makes or fetches the blob again, and check the disk")
}

fn write_error(cause: &io::Error) -> Error {
    Error::io("TSB_EXPORT_WRITE", "cannot write", "the result", cause)
}

fn bug() -> Error {
    Error::new("TSB_BUG", Fault::Bug, "the hashing thread died")
}
