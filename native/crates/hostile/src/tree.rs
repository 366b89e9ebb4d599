use files::tree::{Entry, Kind, Tree, TreeWriter, follow, list, merge, select};

/// A tree index that a damaged disk or another program changed: lookups and merges end, with an entry or an error.
pub fn decode(bytes: &[u8]) -> bool {
    let Ok(tree) = Tree::from_bytes(bytes.to_vec()) else { return false };
    let mut whole = true;
    for index in 0..tree.len() {
        whole &= tree.entry(index).is_ok();
        let path = tree.path(index);
        let below = tree.below(path);
        assert!(below.start <= below.end && below.end <= tree.len());
        // A broken index has no order to find things by, but no place beyond its end either.
        assert!(tree.find(path).is_none_or(|found| found < tree.len()));
        assert!(tree.children(path).take(tree.len() + 1).count() <= tree.len());
    }
    let paths: Vec<Vec<u8>> =
        [&b"/"[..], b"/a/b", b"/l/c", b"/up/..", b"/loop"].iter().map(|path| path.to_vec()).collect();
    for path in &paths {
        let _ = (follow(&tree, path), list(&tree, path));
    }
    let _ = (select(&tree, &paths, None), merge(&tree, &delta()));
    whole && !tree.is_empty()
}

fn delta() -> Vec<Entry> {
    let mut opaque = Entry::new("a", Kind::Directory, 0o755);
    opaque.opaque = true;
    vec![opaque, Entry::new("a/b", Kind::Whiteout, 0), Entry::new("z", Kind::File, 0o644)]
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut file = Entry::new("a/b/c", Kind::File, 0o4755);
    (file.size, file.hash, file.uid) = (70_000, *blake3::hash(b"c").as_bytes(), 3_000_000);
    file.xattrs = vec![(b"security.capability".to_vec(), vec![1, 0, 255]), (b"user.b".to_vec(), Vec::new())];
    let mut device = Entry::new("dev", Kind::Block, 0o600);
    device.rdev = 0x0801;
    let link = |path: &str, target: &str| {
        let mut link = Entry::new(path, Kind::Symlink, 0o777);
        link.link = target.as_bytes().to_vec();
        link
    };
    let directory = |path: &str| Entry::new(path, Kind::Directory, 0o755);
    let all =
        [directory("a"), directory("a/b"), file, device, link("l", "/a/b"), link("loop", "loop"), link("up", "../a")];
    let bytes = |entries: &[Entry]| {
        let mut writer = TreeWriter::new();
        entries.iter().for_each(|entry| writer.push(entry));
        writer.finish().unwrap().0
    };
    vec![bytes(&[]), bytes(&all[..3]), bytes(&all)]
}
