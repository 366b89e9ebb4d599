use super::*;
use crate::mount::{Upper, open_root};
use rustix::fs::OFlags;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn names(folder: &Path, digest: &blake3::Hash) -> Vec<String> {
    let tree = Tree::load(folder, digest).unwrap();
    tree.entries(0..tree.len()).map(|entry| String::from_utf8(entry.unwrap().path).unwrap()).collect()
}

struct Stage(tempfile::TempDir);

impl Stage {
    fn new() -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        ["trees", "base/d/e", "base/other", "upper", "work"]
            .iter()
            .for_each(|name| fs::create_dir_all(stage.path(name)).unwrap());
        ["base/d/f", "base/d/e/g", "base/other/h"].iter().for_each(|name| fs::write(stage.path(name), name).unwrap());
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn commit(&self, upper: &str, parent: Option<blake3::Hash>) -> Committed {
        self.commit_with(upper, parent, Vec::new())
    }

    fn commit_with(&self, upper: &str, parent: Option<blake3::Hash>, implicit: Vec<Vec<u8>>) -> Committed {
        let request =
            Request { upper: self.path(upper), parent, trees_directory: self.path("trees"), implicit, delta: None };
        commit(&request, &Cancel::new()).unwrap()
    }

    /// Does something to the merged root.
    fn change(&self, work: impl FnOnce(PathBuf)) {
        let (path, scratch) = (self.path("upper"), self.path("work"));
        let root = open_root(&[self.path("base")], Some(&Upper { path: &path, work: &scratch })).unwrap().unwrap();
        work(PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&root))));
    }
}

fn privileged() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn what_overlayfs_shows_is_what_the_tree_says() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let base = stage.commit("base", None);
    assert_eq!((base.entries, names(&stage.path("trees"), &base.tree).len()), (6, 6));
    stage.change(|root| {
        fs::remove_file(root.join("d/f")).unwrap();
        fs::remove_dir_all(root.join("d/e")).unwrap();
        fs::create_dir_all(root.join("d/e/new")).unwrap();
        fs::remove_dir_all(root.join("other")).unwrap();
        fs::create_dir(root.join("fresh")).unwrap();
        fs::write(root.join("fresh/x"), "12345").unwrap();
    });
    let result = stage.commit("upper", Some(base.tree));
    assert_eq!(names(&stage.path("trees"), &result.tree), ["d", "d/e", "d/e/new", "fresh", "fresh/x"]);
    assert_eq!(result.bytes, 5);
    // `fresh` hides nothing, so its mark is gone; `d/e` hides `g`.
    let marked = |name: &str| {
        let upper = rustix::fs::open(stage.path("upper"), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        !xattr::read_at(&upper, name.as_bytes(), |name| name == xattr::OPAQUE).unwrap().is_empty()
    };
    assert!(!marked("fresh") && marked("d/e"));
    // Read without the parent, and nothing is changed by it: the mark stays.
    assert_eq!(crate::delta_digest(&stage.path("upper"), &Cancel::new()).unwrap(), result.delta);
    let again = stage.commit("upper", Some(base.tree));
    assert_eq!((again.tree, again.delta), (result.tree, result.delta));
}

#[test]
fn times_are_no_part_of_a_change_and_owners_are() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let base = stage.commit("base", None);
    fs::write(stage.path("upper/f"), "x").unwrap();
    let first = stage.commit("upper", Some(base.tree));
    fs::remove_file(stage.path("upper/f")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(15));
    fs::write(stage.path("upper/f"), "x").unwrap();
    assert_eq!(stage.commit("upper", Some(base.tree)).delta, first.delta);
    std::os::unix::fs::chown(stage.path("upper/f"), Some(5), None).unwrap();
    let owned = stage.commit("upper", Some(base.tree));
    assert_ne!((owned.delta, owned.tree), (first.delta, first.tree));
}

#[test]
fn implicit_directories_look_like_the_parents() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    std::os::unix::fs::chown(stage.path("base/d"), Some(5), Some(6)).unwrap();
    let base = stage.commit("base", None);
    fs::create_dir_all(stage.path("upper/d/fresh")).unwrap();
    let result = stage.commit_with("upper", Some(base.tree), vec![b"d".to_vec(), b"d/fresh".to_vec()]);
    let tree = Tree::load(&stage.path("trees"), &result.tree).unwrap();
    let entry = tree.entry(tree.find(b"d").unwrap()).unwrap();
    assert_eq!((entry.uid, entry.gid), (5, 6));
}

#[test]
fn names_of_any_bytes_and_links_are_kept() {
    let stage = Stage::new();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\n\xc3");
    fs::write(stage.path("upper").join(odd), "").unwrap();
    std::os::unix::fs::symlink(odd, stage.path("upper/link")).unwrap();
    let result = stage.commit("upper", None);
    let tree = Tree::load(&stage.path("trees"), &result.tree).unwrap();
    assert!(tree.find(odd.as_bytes()).is_some());
    assert_eq!(tree.entry(tree.find(b"link").unwrap()).unwrap().link, odd.as_bytes());
}
