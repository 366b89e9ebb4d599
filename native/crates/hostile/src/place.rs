use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory to unpack into, with neighbours that must not change.
pub struct Place {
    base: TempDir,
    outside: BTreeMap<PathBuf, String>,
}

impl Place {
    /// In memory where there is such a file system: thousands of them are made and removed.
    pub fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let base = match std::env::var_os("TMPDIR") {
            None if memory.is_dir() => tempfile::tempdir_in(memory),
            _ => tempfile::tempdir(),
        };
        let base = base.unwrap();
        for name in ["outside", "layer", "again"] {
            std::fs::create_dir(base.path().join(name)).unwrap();
        }
        std::fs::write(base.path().join("outside/marker"), "unchanged").unwrap();
        let outside = tree(&base.path().join("outside"));
        Self { base, outside }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// Writes a file beside the layer.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Panics when anything beside the layer is not as it was. `known` are the files written since.
    pub fn assert_outside_unchanged(&self, known: &[&str]) {
        assert_eq!(tree(&self.path("outside")), self.outside);
        let mut names: Vec<_> =
            std::fs::read_dir(self.base.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| !known.iter().any(|known| name == *known));
        names.sort();
        assert_eq!(names, ["again", "layer", "outside"]);
    }
}

/// What can be seen of a tree, by relative path; the root, whose time is the caller's, left out.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut firsts = BTreeMap::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(directory) = todo.pop() {
        // Step by step: together the names may be longer than a path can be.
        let Ok(entries) = std::fs::read_dir(root.join(&directory)) else { continue };
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let path = directory.join(name);
            let Ok(meta) = root.join(&path).symlink_metadata() else { continue };
            let kind = meta.file_type();
            if kind.is_dir() {
                todo.push(path.clone());
            }
            let shared = meta.nlink() > 1 && !kind.is_dir();
            let first = firsts.entry(meta.ino()).or_insert_with(|| path.clone()).clone();
            let size = if kind.is_file() { meta.len() } else { 0 };
            // Deletions have neither times nor modes, only a name.
            let mark = kind.is_char_device() && meta.rdev() == 0;
            let (mode, mtime) = if mark { (0, 0) } else { (meta.mode(), meta.mtime()) };
            let link = std::fs::read_link(root.join(&path)).unwrap_or_default();
            let owner = (meta.uid(), meta.gid(), meta.rdev());
            let name = if shared { first } else { PathBuf::new() };
            all.insert(path, format!("{mode:o} {owner:?} {size} {mtime} {link:?} {name:?}"));
        }
    }
    all
}
