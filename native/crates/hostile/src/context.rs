use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use digests::{Cancel, Result};
use files::scan::{IgnoreRule, Request, Scanned, scan};
use tempfile::TempDir;

static SHARED: Mutex<Weak<Context>> = Mutex::new(Weak::new());

/// The one context of this process, made when nobody holds it. It is removed with its last holder: a static of its own
/// would never be dropped.
pub fn context() -> Arc<Context> {
    let mut shared = SHARED.lock().unwrap();
    shared.upgrade().unwrap_or_else(|| {
        let context = Arc::new(Context::new());
        *shared = Arc::downgrade(&context);
        context
    })
}

/// A small directory with all that makes names difficult, its tree, and its stat index.
pub struct Context {
    folder: TempDir,
    pub truth: blake3::Hash,
    pub index: Vec<u8>,
}

impl Context {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("d/e")).unwrap();
        std::fs::create_dir_all(folder.path().join("trees")).unwrap();
        for (name, content) in [("a", "1"), ("d/b.txt", "22"), ("d/e/c", "333"), ("d/\u{e9}", "")] {
            std::fs::write(root.join(name), content).unwrap();
        }
        std::os::unix::fs::symlink("d/b.txt", root.join("l")).unwrap();
        let mut context = Self { folder, truth: blake3::hash(b""), index: Vec::new() };
        // Younger files are read again whatever an index says of them.
        std::thread::sleep(std::time::Duration::from_millis(2_100));
        context.truth = context.scan(Some("first"), Vec::new()).unwrap().tree;
        context.index = std::fs::read(context.path("first")).unwrap();
        context
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Scans it, with a stat index of this name beside it.
    pub fn scan(&self, index: Option<&str>, rules: Vec<IgnoreRule>) -> Result<Scanned> {
        let request = Request {
            root: self.path("root"),
            prefixes: Vec::new(),
            rules,
            trees_directory: self.path("trees"),
            stat_index: index.map(|index| self.path(index)),
            read_all: false,
        };
        scan(&request, &Cancel::new())
    }
}
