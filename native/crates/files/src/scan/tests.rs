use super::*;
use crate::tree::Tree;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

struct Context {
    folder: tempfile::TempDir,
    rules: Vec<IgnoreRule>,
    prefixes: Vec<Vec<u8>>,
}

impl Context {
    fn new(files: &[(&str, &str)]) -> Self {
        let context = Self { folder: tempfile::tempdir().unwrap(), rules: Vec::new(), prefixes: Vec::new() };
        fs::create_dir(context.folder.path().join("trees")).unwrap();
        for (path, content) in files {
            context.write(path, content);
        }
        context
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Sets the time of a path back, so that only its ctime is young.
    fn age(&self, path: &str, seconds: u64) {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        File::open(self.path(path)).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    fn ignore(mut self, patterns: &[&str]) -> Self {
        let rule = |pattern: &&str| IgnoreRule {
            regex: format!("^{}$", pattern.trim_start_matches('!')),
            negated: pattern.starts_with('!'),
        };
        self.rules = patterns.iter().map(rule).collect();
        self
    }

    fn only(mut self, prefixes: &[&str]) -> Self {
        self.prefixes = prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect();
        self
    }

    fn request(&self) -> Request {
        Request {
            root: self.path(""),
            prefixes: self.prefixes.clone(),
            rules: self.rules.clone(),
            trees_directory: self.folder.path().join("trees"),
            stat_index: Some(self.folder.path().join("index")),
            read_all: false,
        }
    }

    fn scan(&self) -> Scanned {
        scan(&self.request(), &Cancel::new()).unwrap()
    }

    fn paths(&self) -> Vec<String> {
        let tree = Tree::load(&self.folder.path().join("trees"), &self.scan().tree).unwrap();
        tree.entries(0..tree.len()).map(|entry| String::from_utf8(entry.unwrap().path).unwrap()).collect()
    }
}

#[test]
fn entries_come_in_tree_order_and_belong_to_root() {
    let context = Context::new(&[("b/x", "1"), ("b.c", "2"), ("a", "3"), ("b/s/t", "4")]);
    assert_eq!(context.paths(), ["a", "b", "b/s", "b/s/t", "b/x", "b.c"]);
    let scanned = context.scan();
    assert_eq!((scanned.entries, scanned.bytes), (6, 4));
    let tree = Tree::load(&context.folder.path().join("trees"), &scanned.tree).unwrap();
    assert!(tree.entries(0..6).all(|entry| entry.map(|entry| (entry.uid, entry.gid) == (0, 0)).unwrap()));
}

#[test]
fn a_touch_changes_nothing_and_content_everything() {
    let context = Context::new(&[("f", "one"), ("g", "two")]);
    let first = context.scan().tree;
    context.age("f", 1_000_000_000);
    assert_eq!(context.scan().tree, first);
    context.write("f", "eno");
    assert_ne!(context.scan().tree, first);
    context.write("f", "one");
    assert_eq!(context.scan().tree, first);
    fs::set_permissions(context.path("g"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_ne!(context.scan().tree, first);
}

#[test]
fn same_size_and_same_mtime_do_not_hide_other_bytes() {
    let context = Context::new(&[("f", "aaaa")]);
    context.age("f", 1_600_000_000);
    let mut seen = std::collections::HashSet::new();
    for round in 0..50 {
        // In place: same inode, size and mtime; ctime may fall into the same tick.
        context.write("f", &format!("{round:04}"));
        context.age("f", 1_600_000_000);
        assert!(seen.insert(context.scan().tree), "round {round} was taken for an earlier one");
    }
}

#[test]
fn settled_files_are_not_read_again() {
    let context = Context::new(&[("d/f", "1"), ("d/g", "2"), ("e/h", "3")]);
    assert_eq!(context.scan().hashed, 3);
    // Young files are read again, because they may have changed after they were read.
    assert_eq!(context.scan().hashed, 3);
    std::thread::sleep(Duration::from_millis(2_100));
    let tree = context.scan().tree;
    let index = fs::read(context.folder.path().join("index")).unwrap();
    let again = context.scan();
    assert_eq!((again.hashed, again.tree), (0, tree));
    assert_eq!(fs::read(context.folder.path().join("index")).unwrap(), index);
    context.write("d/g", "4");
    let changed = context.scan();
    assert_eq!(changed.hashed, 1);
    assert_ne!(changed.tree, tree);
    let part = Context { prefixes: vec![b"/e".to_vec()], ..context };
    assert_eq!(part.scan().hashed, 0);
}

/// The index is made to lie, as a file system with broken timestamps does.
#[test]
fn read_all_believes_no_index_and_mends_it() {
    let context = Context::new(&[("f", "one"), ("d/g", "2")]);
    let index = context.folder.path().join("index");
    std::thread::sleep(Duration::from_millis(2_100));
    let truth = context.scan().tree;
    let honest = fs::read(&index).unwrap();
    let hash = *blake3::hash(b"one").as_bytes();
    let at = honest.windows(32).position(|window| window == hash).unwrap();
    let mut lying = honest[..honest.len() - 32].to_vec();
    lying[at] ^= 1;
    lying.extend_from_slice(blake3::hash(&lying).as_bytes());
    fs::write(&index, lying).unwrap();
    assert_ne!(context.scan().tree, truth);
    let all = scan(&Request { read_all: true, ..context.request() }, &Cancel::new()).unwrap();
    assert_eq!((all.tree, all.hashed), (truth, 2));
    let after = context.scan();
    assert_eq!((after.tree, after.hashed), (truth, 0));
}

#[test]
fn an_index_of_another_root_or_a_damaged_one_is_not_believed() {
    let context = Context::new(&[("f", "1")]);
    context.scan();
    std::thread::sleep(Duration::from_millis(2_100));
    context.scan();
    assert_eq!(context.scan().hashed, 0);
    let moved = Request { root: context.folder.path().join("root/../root"), ..context.request() };
    assert_eq!(scan(&moved, &Cancel::new()).unwrap().hashed, 1);
    let index = context.folder.path().join("index");
    let mut bytes = fs::read(&index).unwrap();
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    fs::write(&index, bytes).unwrap();
    assert_eq!(context.scan().hashed, 1);
}

#[test]
fn ignored_paths_stay_out_and_exceptions_come_with_their_directories() {
    let files = [("keep", ""), ("out/a", ""), ("out/b/c", ""), ("out/b/d", ""), ("out/e/f", "")];
    assert_eq!(Context::new(&files).ignore(&["out"]).paths(), ["keep"]);
    assert_eq!(Context::new(&files).ignore(&["out", "!out/b/c"]).paths(), ["keep", "out", "out/b", "out/b/c"]);
    assert_eq!(Context::new(&files).ignore(&["out", "!out/nothing"]).paths(), ["keep"]);
    assert_eq!(Context::new(&files).ignore(&["out/b", "out/e/f"]).paths(), ["keep", "out", "out/a", "out/e"]);
}

#[test]
fn prefixes_follow_links_inside_the_context() {
    let context = Context::new(&[("a/b/c", "1"), ("a/x", "2"), ("real/f", "3"), ("z", "4")]);
    symlink("../real", context.path("a/l")).unwrap();
    symlink("/../../a/b", context.path("out")).unwrap();
    assert_eq!(context.only(&["/a/b"]).paths(), ["a", "a/b", "a/b/c"]);
    let context = Context::new(&[("a/b/c", "1"), ("real/f", "3"), ("z", "4")]);
    symlink("../real", context.path("a/l")).unwrap();
    symlink("/../../a/b", context.path("out")).unwrap();
    assert_eq!(context.only(&["/a/l/f", "/out"]).paths(), ["a", "a/b", "a/b/c", "a/l", "out", "real", "real/f"]);
    assert_eq!(Context::new(&[("a", "")]).only(&["/absent/x"]).paths(), [""; 0]);
}

#[test]
fn sockets_are_empty_files_and_large_directories_are_complete() {
    let context = Context::new(&[("z", "1")]);
    let _socket = std::os::unix::net::UnixListener::bind(context.path("s")).unwrap();
    assert_eq!(context.paths(), ["s", "z"]);
    let tree = Tree::load(&context.folder.path().join("trees"), &context.scan().tree).unwrap();
    assert_eq!((tree.entry(0).unwrap().kind, tree.entry(0).unwrap().size), (Kind::File, 0));
    (0..3000).for_each(|number| context.write(&format!("many/{number}"), ""));
    assert_eq!(context.paths().len(), 3003);
}

#[test]
fn failures_have_codes() {
    let context = Context::new(&[("f", "1")]);
    let absent = Request { root: context.path("absent"), ..context.request() };
    assert_eq!(scan(&absent, &Cancel::new()).unwrap_err().code, "TSB_CONTEXT_MISSING");
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(scan(&context.request(), &cancel).unwrap_err().code, "TSB_INTERRUPTED");
}
