//! What unpacking tells of the files' content is what a walk of the layer finds.

use std::fs;
use std::os::unix::fs::MetadataExt;

use digests::tar::{Header, Kind};
use files::commit::{Committed, Request, commit};
use files::delta;

use super::*;

/// Commits the layer over `below` (its trees directory and digest), once with the index of the unpacking and once by a walk.
fn both(place: &Place, applied: &Applied, trees: &Path, parent: Option<Committed>) -> [Committed; 2] {
    let index = trees.join("delta");
    delta::write(&place.layer(), &applied.contents, &index, &Cancel::new()).unwrap();
    let request = |delta| Request {
        upper: place.layer(),
        parent: parent.map(|parent| parent.tree),
        trees_directory: trees.to_owned(),
        implicit: applied.implicit.iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect(),
        delta,
    };
    // The walk comes last: what the first has changed on disk must be in its entries too.
    [Some(index), None].map(|delta| commit(&request(delta), &Cancel::new()).unwrap())
}

fn assert_same([indexed, walked]: [Committed; 2]) -> Committed {
    assert_eq!((indexed.tree, indexed.delta), (walked.tree, walked.delta));
    assert_eq!((indexed.entries, indexed.bytes), (walked.entries, walked.bytes));
    indexed
}

fn base_tar() -> Vec<u8> {
    let xattrs = vec![(b"user.of".to_vec(), b"base".to_vec())];
    let quiet = Header { mode: 0o1770, uid: 7, gid: 8, xattrs: &xattrs, ..entry("quiet", Kind::Directory, "") };
    let below = Tar::new().header(&quiet).file("quiet/f", b"low").directory("hidden").file("hidden/x", b"x");
    below.directory("gone").file("gone/y", b"y").file("linked", b"of the base").bytes()
}

fn rich_tar() -> Vec<u8> {
    let capability = vec![
        (b"security.capability".to_vec(), b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        (b"user.a".to_vec(), Vec::new()),
    ];
    let capable = Header { mode: 0o4755, uid: 3, size: 2, xattrs: &capability, ..entry("capable", Kind::File, "") };
    let mut tar = Tar::new().header(&capable);
    tar.0.content(b"ok").unwrap();
    tar.0.pad().unwrap();
    let device = Header { device: (1, 3), ..entry("null", Kind::Character, "") };
    let mut holes = vec![0; 3 << 20];
    holes[1 << 20] = 7;
    tar.header(&device)
        .add("pipe", Kind::Fifo, "")
        .add("symlink", Kind::SymbolicLink, "capable")
        .file("quiet/implicit/deep", b"content")
        .directory("hidden")
        .file("hidden/.wh..wh..opq", b"")
        .file("hidden/new", b"new")
        .directory("needless")
        .file("needless/.wh..wh..opq", b"")
        .file(".wh.gone", b"")
        .file("twice", &[1; 70_000])
        .file("twice", b"the second counts")
        .file("replaced/inside", b"goes")
        .add("replaced", Kind::SymbolicLink, "twice")
        .file("holes", &holes)
        .file("empty", b"")
        .add("hard", Kind::HardLink, "holes")
        .add("from-below", Kind::HardLink, "linked")
        .bytes()
}

#[test]
fn the_index_of_unpacking_is_the_walks() {
    let trees = tempfile::tempdir().unwrap();
    let (base, over) = (Place::new(), Place::new());
    let lower = assert_same(both(&base, &base.apply(&base_tar()).unwrap(), trees.path(), None));
    let mut request = over.request(&rich_tar(), Compression::None);
    request.lower = vec![base.layer()];
    let applied = apply(&request, &Cancel::new()).unwrap();
    assert_eq!(applied.implicit, ["quiet", "quiet/implicit"].map(PathBuf::from));
    let merged = assert_same(both(&over, &applied, trees.path(), Some(lower)));
    // Both names of `holes` are one content; `twice` counts as it is now.
    let content =
        "ok".len() + "content".len() + "new".len() + "the second counts".len() + (3 << 20) + "of the base".len();
    assert_eq!((merged.bytes, merged.entries), (content as u64, 18));
    let quiet = over.layer().join("quiet").metadata().unwrap();
    assert_eq!((quiet.mode() & 0o7777, quiet.uid(), quiet.gid()), (0o1770, 7, 8));
}

/// A test that both ways are right and not only equal: content is BLAKE3 of what a reader sees.
#[test]
fn contents_are_of_the_files() {
    let place = Place::new();
    let applied = place.apply(&Tar::new().file("a", &[9; 300_000]).file("b", b"").bytes()).unwrap();
    for name in ["a", "b"] {
        let path = place.layer().join(name);
        let expected = *blake3::hash(&fs::read(&path).unwrap()).as_bytes();
        assert_eq!(applied.contents.get(&path.metadata().unwrap().ino()), Some(&expected));
    }
}
