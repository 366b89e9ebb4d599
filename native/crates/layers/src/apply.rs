use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use digests::tar::TarReader;
use digests::{Cancel, Compression, Error, Fault, Hashed, Result, Sha256Stream};
use rustix::fs::{Gid, Mode, Uid};
use rustix::io::Errno;

use crate::blob::{Blob, Source};
use crate::inflate::{Bounds, Chunk, Chunks, inflate};
use crate::problem::Fail;
use crate::root::Root;
use crate::unpack::{Unpacked, unpack};

/// `ApplyLayerRequest` of native/types.ts.
#[derive(Clone, Debug)]
pub struct ApplyRequest {
    pub blob: Source,
    pub form: Form,
    /// A fresh empty directory that becomes the overlay layer.
    pub destination: PathBuf,
    /// Refuse when the plain tar is more than this many times the blob; `None`: see `Bounds`.
    pub max_ratio: Option<u64>,
    /// Overlay layers below, bottom first: only for hard links to files that this layer does not have.
    pub lower: Vec<PathBuf>,
}

/// What a tar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A layer of an image, packed as its media type says.
    Layer(Compression),
    /// Files that somebody put together, in any packing that `ADD` knows: names that mark deletions in a layer are names like
    /// others, and the root itself is left as it is.
    Files,
}

/// What was unpacked.
#[derive(Clone, Debug)]
pub struct Applied {
    /// SHA-256 and size of the plain tar, to the last byte of the stream.
    pub plain: Hashed,
    /// Directories that the tar leaves unsaid but that its entries need, relative, sorted.
    pub implicit: Vec<PathBuf>,
    /// Content of the files that were written, so that nobody has to read them again.
    pub contents: Contents,
    /// Latest modification time of a regular file, in seconds since 1970; `None` without files.
    pub newest: Option<i64>,
}

/// BLAKE3 of files' content, by inode number. What is missing has to be read; what was replaced later may still be there.
pub type Contents = HashMap<u64, [u8; 32]>;

/// Unpacks a layer blob (OCI image spec, layer.md) as an overlay layer: whiteouts become 0:0 devices, opaque marks the
/// overlay attribute. One thread inflates, one hashes, this one writes. Nothing outside of `destination` is read or
/// written whatever the layer says; after an error `destination` holds a part, for the caller to remove.
/// Errors of the layer (fault input): `TSB_LAYER_CORRUPT`, `TSB_LAYER_TRUNCATED`, `TSB_LAYER_INVALID`, `TSB_LAYER_PATH`,
/// `TSB_LAYER_LINK`, `TSB_LAYER_WHITEOUT`, `TSB_LAYER_BOMB`; of the host: `TSB_LAYER_READ`, `TSB_LAYER_WRITE`,
/// `TSB_DISK_FULL`; `TSB_INTERRUPTED`. Of an archive that is no layer all faults are `TSB_COPY_ARCHIVE`.
pub fn apply(request: &ApplyRequest, cancel: &Cancel) -> Result<Applied> {
    apply_any(request, cancel).map_err(|error| match request.form {
        Form::Files if error.fault == Fault::Input => not_a_layer(error),
        _ => error,
    })
}

/// The same fault, in the words of whoever never spoke of layers.
fn not_a_layer(error: Error) -> Error {
    // What stands between is a name.
    let (head, tail) = error.message.rsplit_once('`').unwrap_or(("", &error.message));
    let tail = tail.replace("neither this layer nor one below has", "is not there").replace("layer", "archive");
    let message = if head.is_empty() { tail } else { format!("{}`{tail}", head.replacen("layer", "archive", 1)) };
    Error { code: "TSB_COPY_ARCHIVE", message, hint: None, ..error }
}

fn apply_any(request: &ApplyRequest, cancel: &Cancel) -> Result<Applied> {
    let blob = Blob::open(&request.blob, cancel)?;
    let root = open_root(&request.destination)?;
    let bounds = Bounds::new(request.max_ratio);
    std::thread::scope(|scope| {
        let (to_hash, hashing) = sync_channel(DEPTH);
        let (to_unpack, unpacking) = sync_channel(DEPTH);
        let hasher = scope.spawn(move || hash(hashing));
        let form = request.form;
        scope.spawn(move || inflate(blob, form, bounds, cancel, &to_hash, &to_unpack));
        let mut reader = TarReader::new(Chunks::new(unpacking));
        let Unpacked { root, contents, newest } = unpack(&mut reader, root, form, &request.lower, cancel)?;
        drain(reader.into_inner())?;
        let plain = hasher.join().map_err(|_| Error::new("TSB_BUG", Fault::Bug, "the hashing thread panicked"))?;
        let implicit = root.implicit.iter().map(|path| PathBuf::from(OsStr::from_bytes(path))).collect();
        Ok(Applied { plain, implicit, contents, newest })
    })
}

/// Chunks under way to each reader.
const DEPTH: usize = 8;

/// Opens the destination and gives it the usual mode, which an archive that leaves the root unsaid does not.
fn open_root(destination: &Path) -> Result<Root> {
    let fail = |errno: Errno| Error::io("TSB_LAYER_WRITE", "cannot open", destination, &errno.into());
    let root = Root::open(destination).map_err(fail)?;
    rustix::fs::fchown(root.fd(), Some(Uid::ROOT), Some(Gid::ROOT)).map_err(fail)?;
    rustix::fs::fchmod(root.fd(), Mode::from_raw_mode(0o755)).map_err(fail)?;
    Ok(root)
}

fn hash(chunks: Receiver<Arc<Chunk>>) -> Hashed {
    let mut hash = Sha256Stream::new();
    for chunk in chunks {
        hash.update(&chunk);
    }
    hash.finish()
}

/// Whatever follows the end of the archive belongs to the diffID.
fn drain(mut chunks: Chunks) -> Result<()> {
    loop {
        let left = chunks.fill_buf().map_err(|cause| Fail::Stream(cause.into()).into_error(None))?.len();
        if left == 0 {
            return Ok(());
        }
        chunks.consume(left);
    }
}
