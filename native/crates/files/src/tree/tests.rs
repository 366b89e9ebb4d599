use super::*;

pub(super) fn file(path: &str, content: &str) -> Entry {
    let mut entry = Entry::new(path, Kind::File, 0o644);
    entry.size = content.len() as u64;
    entry.hash = *blake3::hash(content.as_bytes()).as_bytes();
    entry
}

pub(super) fn directory(path: &str) -> Entry {
    Entry::new(path, Kind::Directory, 0o755)
}

pub(super) fn link(path: &str, target: &str) -> Entry {
    let mut entry = Entry::new(path, Kind::Symlink, 0o777);
    entry.link = target.as_bytes().to_vec();
    entry
}

pub(super) fn tree(entries: &[Entry]) -> Tree {
    let mut sorted = entries.to_vec();
    sorted.sort_by(|a, b| compare(&a.path, &b.path));
    let mut writer = TreeWriter::new();
    sorted.iter().for_each(|entry| writer.push(entry));
    Tree::from_bytes(writer.finish().unwrap().0).unwrap()
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.entries(0..tree.len()).map(|entry| String::from_utf8(entry.unwrap().path).unwrap()).collect()
}

fn merged(parent: &Tree, delta: &[Entry]) -> Vec<String> {
    let (bytes, _) = merge(parent, delta).unwrap().tree.finish().unwrap();
    paths(&Tree::from_bytes(bytes).unwrap())
}

fn sample() -> Tree {
    tree(&[
        directory("a"),
        directory("a/b"),
        file("a/b/c", "1"),
        file("a.d", "2"),
        file("a/b-e", "3"),
        link("l", "/a/b"),
        link("up", "../../a"),
        link("loop", "loop"),
    ])
}

#[test]
fn a_subtree_is_contiguous() {
    let tree = sample();
    assert_eq!(paths(&tree), ["a", "a/b", "a/b/c", "a/b-e", "a.d", "l", "loop", "up"]);
    assert_eq!(tree.below(b"a"), 1..4);
    assert_eq!(tree.below(b"a/b"), 2..3);
    assert_eq!(tree.below(b""), 0..8);
    assert_eq!(tree.below(b"nothing").len(), 0);
    let children: Vec<_> = tree.children(b"a").map(|index| tree.path(index).to_vec()).collect();
    assert_eq!(children, [b"a/b".to_vec(), b"a/b-e".to_vec()]);
    assert_eq!(tree.children(b"").count(), 5);
}

#[test]
fn records_keep_every_field() {
    let mut device = Entry::new("dev", Kind::Block, 0o4711);
    device.rdev = 0x0001_0203;
    device.uid = 1 << 31;
    device.gid = 70_000;
    device.xattrs = vec![(b"user.x".to_vec(), vec![0, 255]), (b"user.y".to_vec(), Vec::new())];
    let entries = [device, file("f\u{fc}", "content"), link("l", "x")];
    let tree = tree(&entries);
    for entry in entries {
        assert_eq!(tree.entry(tree.find(&entry.path).unwrap()).unwrap(), entry);
    }
}

#[test]
fn the_digest_follows_the_content() {
    let one = |entry: &Entry| {
        let mut writer = TreeWriter::new();
        writer.push(entry);
        writer.finish().unwrap().1
    };
    let base = file("f", "1");
    assert_eq!(one(&base), one(&base.clone()));
    assert_ne!(one(&base), one(&file("f", "2")));
    assert_ne!(one(&base), one(&file("g", "1")));
    assert_ne!(one(&base), one(&Entry { mode: 0o600, ..base.clone() }));
    assert_ne!(one(&base), one(&Entry { uid: 1, ..base.clone() }));
    assert_ne!(one(&base), one(&Entry { xattrs: vec![(b"user.a".to_vec(), Vec::new())], ..base.clone() }));
}

#[test]
fn saved_trees_load_and_damage_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TreeWriter::new();
    writer.push(&file("f", "1"));
    let digest = writer.save(folder.path()).unwrap();
    assert_eq!(Tree::load(folder.path(), &digest).unwrap().len(), 1);
    assert_eq!(parse_digest(&format_digest(&digest)).unwrap(), digest);
    let path = folder.path().join(digest.to_hex().as_str());
    std::fs::write(&path, b"tsbtree1").unwrap();
    assert_eq!(Tree::load(folder.path(), &digest).err().unwrap().code, "TSB_TREE_CORRUPT");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Tree::load(folder.path(), &digest).err().unwrap().code, "TSB_TREE_MISSING");
}

#[test]
fn merge_is_what_overlayfs_shows() {
    let parent = sample();
    assert_eq!(merged(&parent, &[]), paths(&parent));
    let whiteout = |path: &str| Entry::new(path, Kind::Whiteout, 0);
    assert_eq!(merged(&parent, &[whiteout("a")]), ["a.d", "l", "loop", "up"]);
    assert_eq!(
        merged(&parent, &[directory("a"), whiteout("a/b"), file("a/z", "")]),
        ["a", "a/b-e", "a/z", "a.d", "l", "loop", "up"]
    );
    assert_eq!(merged(&parent, &[file("a", "now a file")]), ["a", "a.d", "l", "loop", "up"]);
    assert_eq!(
        merged(&parent, &[directory("l"), file("l/x", "")]),
        ["a", "a/b", "a/b/c", "a/b-e", "a.d", "l", "l/x", "loop", "up"]
    );
    let opaque = Entry { opaque: true, ..directory("a") };
    assert_eq!(merged(&parent, &[opaque, file("a/new", "")]), ["a", "a/new", "a.d", "l", "loop", "up"]);
}

#[test]
fn opaque_marks_that_hide_nothing_are_reported() {
    let opaque = |path: &str| Entry { opaque: true, ..directory(path) };
    let result = merge(&sample(), &[opaque("a"), opaque("a.d"), opaque("new")]).unwrap();
    assert_eq!(result.needless, [b"a.d".to_vec(), b"new".to_vec()]);
    let tree = Tree::from_bytes(result.tree.finish().unwrap().0).unwrap();
    assert!(tree.entries(0..tree.len()).all(|entry| !entry.unwrap().opaque));
}

#[test]
fn links_stay_inside() {
    let tree = sample();
    let found =
        |path: &str| follow(&tree, path.as_bytes()).unwrap().map(|entry| String::from_utf8(entry.path).unwrap());
    assert_eq!(found("/l/c").as_deref(), Some("a/b/c"));
    assert_eq!(found("/up/b/../b-e").as_deref(), Some("a/b-e"));
    assert_eq!(found("/../../a.d").as_deref(), Some("a.d"));
    assert_eq!(found("/").as_deref(), Some(""));
    assert_eq!(found("/a.d/x"), None);
    assert_eq!(found("/absent"), None);
    assert_eq!(follow(&tree, b"/loop").unwrap_err().code, "TSB_COPY_LINKS");
    assert_eq!(list(&tree, b"/l").unwrap().len(), 1);
    assert_eq!(list(&tree, b"/a.d").unwrap().len(), 0);
}

#[test]
fn a_selection_is_told_by_content_and_last_name() {
    let digest = |tree: &Tree, path: &str| select(tree, &[path.as_bytes().to_vec()], None).unwrap().digest;
    let one = tree(&[directory("x"), directory("x/s"), file("x/s/f", "1"), file("other", "1")]);
    let two = tree(&[directory("s"), file("s/f", "1"), file("other", "2")]);
    let three = tree(&[directory("s"), file("s/f", "2")]);
    assert_eq!(digest(&one, "/x/s"), digest(&two, "/s"));
    assert_ne!(digest(&two, "/s"), digest(&three, "/s"));
    assert_ne!(digest(&two, "/s/f"), digest(&two, "/other"));
    assert_ne!(digest(&two, "/absent"), digest(&two, "/s"));
}

#[test]
fn a_copy_weighs_whole_blocks_of_what_is_taken() {
    let sized = |path: &str, size: u64| Entry { size, ..file(path, "x") };
    let tree = tree(&[directory("d"), sized("d/a", 1), sized("d/b", 4097), sized("e", 4096)]);
    let weight = |path: &str, filter: Option<&Filter>| weigh(&tree, &[path.as_bytes().to_vec()], filter).unwrap();
    assert_eq!(weight("/d", None), 4 * 4096);
    assert_eq!(weight("/e", None), 4096);
    assert_eq!(weight("/", None), 6 * 4096);
    assert_eq!(weight("/absent", None), 0);
    let rule = crate::scan::IgnoreRule { regex: "b".to_owned(), negated: false };
    let filter = Filter::compile(None, &[rule]).unwrap();
    assert_eq!(weight("/d", Some(&filter)), 2 * 4096);
}
