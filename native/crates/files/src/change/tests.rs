use super::*;
use crate::scan;
use crate::tree::Kind;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// A context, one layer to copy onto, and a directory outside that must never change.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["trees", "context", "base", "upper", "work", "outside"] {
            fs::create_dir(stage.folder.path().join(name)).unwrap();
        }
        fs::write(stage.path("outside/marker"), "untouched").unwrap();
        stage
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn scan(&self) -> blake3::Hash {
        let request = scan::Request {
            root: self.path("context"),
            prefixes: Vec::new(),
            rules: Vec::new(),
            trees_directory: self.path("trees"),
            stat_index: None,
            read_all: false,
        };
        scan::scan(&request, &Cancel::new()).unwrap().tree
    }

    fn copy_of(&self, tree: blake3::Hash, copy: Copy) -> Result<Changed> {
        // A work directory serves one volatile mount.
        fs::remove_dir_all(self.path("work")).unwrap();
        fs::create_dir(self.path("work")).unwrap();
        let request = Request {
            layers: vec![self.path("base")],
            upper: self.path("upper"),
            work: self.path("work"),
            sources: vec![Source::Directory { root: self.path("context"), tree }],
            actions: vec![Action::Copy(copy)],
            trees_directory: self.path("trees"),
        };
        change(&request, &Cancel::new())
    }

    fn copy(&self, path: &str, destination: &str) -> Result<Changed> {
        self.copy_of(self.scan(), copy(path, destination))
    }

    fn check_outside(&self) {
        assert_eq!(fs::read_dir(self.path("outside")).unwrap().count(), 1, "SOMETHING ESCAPED THE ROOT");
        assert_eq!(fs::read_to_string(self.path("outside/marker")).unwrap(), "untouched", "THE OUTSIDE WAS WRITTEN TO");
    }
}

fn copy(path: &str, destination: &str) -> Copy {
    Copy {
        source: 0,
        paths: vec![path.as_bytes().to_vec()],
        destination: destination.as_bytes().to_vec(),
        chown: None,
        chmod: None,
        unpack: false,
    }
}

fn privileged() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn links_of_the_destination_lead_nowhere_outside() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("context/f", "evil");
    let outside = stage.path("outside");
    let climb = format!("../../../../../../../../..{}", outside.display());
    symlink(&outside, stage.path("base/absolute")).unwrap();
    symlink(&climb, stage.path("base/relative")).unwrap();
    symlink(outside.join("marker"), stage.path("base/file")).unwrap();
    for destination in ["/absolute/", "/relative/new/x", "/file", "/absolute/marker", "/../../../absolute/marker"] {
        stage.copy("/f", destination).unwrap();
        stage.check_outside();
    }
    let inside = stage.path("upper").join(outside.strip_prefix("/").unwrap());
    assert_eq!(fs::read_to_string(inside.join("marker")).unwrap(), "evil");
}

#[test]
fn links_of_the_source_lead_nowhere_outside() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("context/f", "1");
    symlink(stage.path("outside"), stage.path("context/out")).unwrap();
    assert_eq!(stage.copy("/out/marker", "/m").unwrap_err().code, "TSB_COPY_SOURCE_MISSING");
    // The directory turns into a link between scan and copy.
    stage.write("context/d/marker", "untouched");
    let tree = stage.scan();
    fs::remove_dir_all(stage.path("context/d")).unwrap();
    symlink(stage.path("outside"), stage.path("context/d")).unwrap();
    assert_eq!(stage.copy_of(tree, copy("/d", "/x/")).unwrap_err().code, "TSB_CONTEXT_CHANGED");
    assert_eq!(stage.copy_of(tree, copy("/d/marker", "/m")).unwrap_err().code, "TSB_CONTEXT_CHANGED");
}

#[test]
fn content_that_changed_since_the_scan_is_an_error() {
    if !privileged() {
        return;
    }
    for (name, spoil) in [("other bytes", "evil"), ("longer", "longer than before")] {
        let stage = Stage::new();
        stage.write("context/d/f", "good");
        let tree = stage.scan();
        stage.write("context/d/f", spoil);
        let error = stage.copy_of(tree, copy("/d", "/d")).unwrap_err();
        assert_eq!(error.code, "TSB_CONTEXT_CHANGED", "{name}");
        assert_eq!(error.path.as_deref(), Some(Path::new("/d/f")));
    }
}

#[test]
fn holes_stay_holes_and_links_stay_links() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let sparse = fs::File::create(stage.path("context/sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, b"middle", 32 << 20).unwrap();
    stage.write("context/a", "linked");
    fs::create_dir(stage.path("context/z")).unwrap();
    fs::hard_link(stage.path("context/a"), stage.path("context/z/b")).unwrap();
    stage.copy("/", "/x/").unwrap();
    let copied = fs::metadata(stage.path("upper/x/sparse")).unwrap();
    assert_eq!(copied.len(), 64 << 20);
    assert!(copied.blocks() * 512 < 1 << 20, "{} blocks", copied.blocks());
    let bytes = fs::read(stage.path("upper/x/sparse")).unwrap();
    assert_eq!(&bytes[32 << 20..(32 << 20) + 6], b"middle");
    assert!(bytes[..32 << 20].iter().all(|byte| *byte == 0));
    let (a, b) = (fs::metadata(stage.path("upper/x/a")).unwrap(), fs::metadata(stage.path("upper/x/z/b")).unwrap());
    assert_eq!((a.ino(), a.nlink()), (b.ino(), 2));
}

#[test]
fn devices_and_modes_survive() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let name = stage.path("context/null");
    let mode = rustix::fs::Mode::from_raw_mode(0o622);
    let device = rustix::fs::makedev(1, 3);
    rustix::fs::mknodat(rustix::fs::CWD, &name, rustix::fs::FileType::CharacterDevice, mode, device).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, stage.path("context/fifo"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    stage.write("context/su", "x");
    fs::set_permissions(stage.path("context/su"), fs::Permissions::from_mode(0o6755)).unwrap();
    let owned = Copy { chown: Some("7:8".to_owned()), ..copy("/", "/x/") };
    stage.copy_of(stage.scan(), owned).unwrap();
    let null = fs::symlink_metadata(stage.path("upper/x/null")).unwrap();
    assert_eq!((Kind::of_mode(null.mode()), null.rdev(), null.uid()), (Kind::Character, device, 7));
    assert_eq!(Kind::of_mode(fs::symlink_metadata(stage.path("upper/x/fifo")).unwrap().mode()), Kind::Fifo);
    let su = fs::metadata(stage.path("upper/x/su")).unwrap();
    assert_eq!((su.mode() & 0o7777, su.uid(), su.gid()), (0o6755, 7, 8));
}

#[test]
fn a_copy_can_be_stopped() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("context/f", "1");
    let tree = stage.scan();
    let cancel = Cancel::new();
    cancel.cancel();
    let request = Request {
        layers: vec![stage.path("base")],
        upper: stage.path("upper"),
        work: stage.path("work"),
        sources: vec![Source::Directory { root: stage.path("context"), tree }],
        actions: vec![Action::Copy(copy("/f", "/g"))],
        trees_directory: stage.path("trees"),
    };
    assert_eq!(change(&request, &cancel).unwrap_err().code, "TSB_INTERRUPTED");
}
