//! What a layer can and cannot do to a directory.

mod arriving;
mod attacks;
mod bench;
mod bundle;
mod contents;
mod forms;
mod headers;
mod mutations;
mod round_trip;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use digests::tar::{Header, Kind, TarWriter};
use digests::{Cancel, Compression, Error};
use tempfile::TempDir;

use crate::xattr::Target;
use crate::{Applied, ApplyRequest, Form, Source, Times, WriteRequest, Written, apply, write};

pub fn entry<'a>(path: &'a str, kind: Kind, link: &'a str) -> Header<'a> {
    Header {
        path: path.as_bytes(),
        kind,
        mode: if kind == Kind::Directory { 0o755 } else { 0o644 },
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 1000,
        link: link.as_bytes(),
        device: (0, 0),
        xattrs: &[],
    }
}

/// An archive in the making.
pub struct Tar(TarWriter<Vec<u8>>);

impl Tar {
    pub fn new() -> Self {
        Self(TarWriter::new(Vec::new()))
    }

    pub fn header(mut self, header: &Header<'_>) -> Self {
        self.0.header(header).unwrap();
        self
    }

    pub fn add(self, path: &str, kind: Kind, link: &str) -> Self {
        self.header(&entry(path, kind, link))
    }

    pub fn directory(self, path: &str) -> Self {
        self.add(path, Kind::Directory, "")
    }

    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.0.header(&Header { size: content.len() as u64, ..entry(path, Kind::File, "") }).unwrap();
        self.0.content(content).unwrap();
        self.0.pad().unwrap();
        self
    }

    pub fn bytes(self) -> Vec<u8> {
        self.0.finish().unwrap()
    }
}

/// A directory to unpack into, with neighbours that must not change.
pub struct Place {
    pub base: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self::in_directory(&std::env::temp_dir())
    }

    /// For thousands of them: some file systems grow slow when much is made and deleted.
    pub fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::in_directory(memory) } else { Self::new() }
    }

    fn in_directory(directory: &Path) -> Self {
        let base = tempfile::tempdir_in(directory).unwrap();
        std::fs::create_dir(base.path().join("outside")).unwrap();
        std::fs::write(base.path().join("outside/marker"), "unchanged").unwrap();
        std::fs::create_dir(base.path().join("layer")).unwrap();
        Self { base }
    }

    pub fn layer(&self) -> PathBuf {
        self.base.path().join("layer")
    }

    pub fn request(&self, blob: &[u8], compression: Compression) -> ApplyRequest {
        let path = self.base.path().join("blob");
        std::fs::write(&path, blob).unwrap();
        ApplyRequest {
            blob: Source::File(path),
            form: Form::Layer(compression),
            destination: self.layer(),
            max_ratio: None,
            lower: Vec::new(),
        }
    }

    pub fn apply(&self, tar: &[u8]) -> Result<Applied, Error> {
        apply(&self.request(tar, Compression::None), &Cancel::new())
    }

    pub fn write(&self) -> Result<Written, Error> {
        write_upper(&self.layer(), None, Compression::None)
    }

    /// Fails when anything beside the layer is not as it was.
    pub fn assert_outside_unchanged(&self) {
        let outside = tree(&self.base.path().join("outside"));
        assert_eq!(outside.len(), 2, "{outside:?}");
        let marker = self.base.path().join("outside/marker");
        assert_eq!(std::fs::read(&marker).unwrap(), b"unchanged");
        let meta = std::fs::metadata(&marker).unwrap();
        assert_eq!((meta.nlink(), meta.mode() & 0o7777, meta.uid()), (1, 0o644, 0));
        let mut names: Vec<_> =
            std::fs::read_dir(self.base.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names.retain(|name| name != "blob");
        assert_eq!(names, ["layer", "outside"]);
    }
}

pub fn write_upper(upper: &Path, output: Option<&Path>, compression: Compression) -> Result<Written, Error> {
    let request = WriteRequest {
        upper: upper.to_owned(),
        output: output.map(Path::to_owned),
        compression,
        level: None,
        times: Times::Kept,
    };
    write(&request, &Cancel::new())
}

/// Everything that can be seen of a tree, by relative path; the root under the empty path.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut links = BTreeMap::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(path) = todo.pop() {
        let full = root.join(&path);
        let meta = full.symlink_metadata().unwrap();
        let file_type = meta.file_type();
        let what = if file_type.is_dir() {
            todo.extend(std::fs::read_dir(&full).unwrap().map(|entry| path.join(entry.unwrap().file_name())));
            "directory".to_owned()
        } else if file_type.is_symlink() {
            format!("link {:?}", std::fs::read_link(&full).unwrap())
        } else if file_type.is_file() {
            let content = std::fs::read(&full).unwrap();
            format!(
                "file {} {:x}",
                content.len(),
                content.iter().fold(7u64, |all, byte| all.wrapping_mul(31) + u64::from(*byte))
            )
        } else if file_type.is_fifo() {
            "fifo".to_owned()
        } else {
            format!("device {} {:x}", file_type.is_block_device(), meta.rdev())
        };
        let first = links.entry(meta.ino()).or_insert_with(|| path.clone());
        let shared = if meta.nlink() > 1 && !file_type.is_dir() { format!("{first:?}") } else { String::new() };
        let xattrs = xattrs_of(&full);
        // The root is the caller's, and the time of a deletion means nothing.
        let whiteout = file_type.is_char_device() && meta.rdev() == 0;
        let times = if path.as_os_str().is_empty() || whiteout { 0 } else { meta.mtime() };
        let owner = (meta.mode() & 0o7777, meta.uid(), meta.gid());
        all.insert(path, format!("{what} {owner:?} {times} {shared} {xattrs:?}"));
    }
    all
}

pub fn xattrs_of(path: &Path) -> Vec<(String, Vec<u8>)> {
    let parent = std::fs::File::open(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap_or(OsStr::new(".")).as_bytes();
    let all = Target::Named(std::os::fd::AsFd::as_fd(&parent), name).list().unwrap();
    all.into_iter().map(|(name, value)| (String::from_utf8(name).unwrap(), value)).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = std::process::Command::new("gzip")
        .arg("-c")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    output.stdout
}
