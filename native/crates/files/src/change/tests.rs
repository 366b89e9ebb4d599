use super::*;
use crate::commit;
use crate::scan;
use crate::tree::{Kind, Xattr};
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
        for name in ["trees", "context", "base", "upper", "outside"] {
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

    /// The tree of `base`.
    fn parent(&self) -> blake3::Hash {
        self.commit("base", None).tree
    }

    fn commit(&self, upper: &str, parent: Option<blake3::Hash>) -> Committed {
        let (upper, trees_directory) = (self.path(upper), self.path("trees"));
        let request = commit::Request { upper, parent, trees_directory, implicit: Vec::new(), delta: None };
        commit::commit(&request, &Cancel::new()).unwrap()
    }

    fn request(&self, tree: blake3::Hash, actions: Vec<Action>) -> Request {
        Request {
            layers: vec![self.path("base")],
            parent: Some(self.parent()),
            upper: self.path("upper"),
            sources: vec![Source::Directory { root: self.path("context"), tree }],
            actions,
            trees_directory: self.path("trees"),
        }
    }

    /// Starts with an empty upper directory. What a change says about itself is what a look at its upper says.
    fn change(&self, request: &Request) -> Result<Committed> {
        fs::remove_dir_all(self.path("upper")).unwrap();
        fs::create_dir(self.path("upper")).unwrap();
        let done = change(request, &Cancel::new())?;
        assert_eq!(done, self.commit("upper", request.parent));
        Ok(done)
    }

    fn copy_of(&self, tree: blake3::Hash, copy: Copy) -> Result<Committed> {
        self.change(&self.request(tree, vec![Action::Copy(copy)]))
    }

    fn copy(&self, path: &str, destination: &str) -> Result<Committed> {
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
        filter: None,
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
    let request = stage.request(tree, vec![Action::Copy(copy("/f", "/g"))]);
    assert_eq!(change(&request, &cancel).unwrap_err().code, "TSB_INTERRUPTED");
}

/// An ACL as the kernel has it in an attribute: tag, permissions and id of each entry.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut acl = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        acl.extend(tag.to_le_bytes().into_iter().chain(permissions.to_le_bytes()).chain(id.to_le_bytes()));
    }
    acl
}

fn set_xattr(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
}

/// Makes directories below each other until the path of the file in the last has `length` bytes.
fn write_deep(top: &Path, length: usize) {
    let mut directory: std::os::fd::OwnedFd = fs::File::open(top).unwrap().into();
    let mut left = length;
    while left > 300 {
        let name = "d".repeat(200);
        rustix::fs::mkdirat(&directory, &name, rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::DIRECTORY;
        directory = rustix::fs::openat(&directory, &name, flags, rustix::fs::Mode::empty()).unwrap();
        left -= 201;
    }
    let (name, half) = ("f".repeat(left - 150), "h".repeat(149));
    rustix::fs::mkdirat(&directory, &half, rustix::fs::Mode::RWXU).unwrap();
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::CREATE;
    rustix::fs::openat(&directory, format!("{half}/{name}"), flags, rustix::fs::Mode::RUSR).unwrap();
}

/// `Stage::change` compares with a commit that looks at everything.
#[test]
fn a_change_knows_all_that_it_wrote() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\n\xc3");
    stage.write("context/d/f", "content");
    fs::hard_link(stage.path("context/d/f"), stage.path("context/d/g")).unwrap();
    fs::hard_link(stage.path("context/d/f"), stage.path("context/top")).unwrap();
    fs::write(stage.path("context/d").join(odd), "odd").unwrap();
    fs::write(stage.path("context/d").join("n".repeat(255)), "long").unwrap();
    symlink("/nowhere/\u{e4}", stage.path("context/d/l")).unwrap();
    set_xattr(&stage.path("context/d/f"), "user.kept", b"1");
    set_xattr(&stage.path("context/d/f"), "user.overlay.opaque", b"y");
    set_xattr(&stage.path("context/d"), "user.directory", b"1");
    fs::set_permissions(stage.path("context/d"), fs::Permissions::from_mode(0o2751)).unwrap();
    let (fifo, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o640));
    rustix::fs::mknodat(rustix::fs::CWD, stage.path("context/d/fifo"), fifo, mode, 0).unwrap();
    let (device, number) = (rustix::fs::FileType::BlockDevice, rustix::fs::makedev(7, 300));
    rustix::fs::mknodat(rustix::fs::CWD, stage.path("context/d/block"), device, mode, number).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(stage.path("context/d/s")).unwrap();
    (0..1500).for_each(|number| stage.write(&format!("context/many/{number}"), &number.to_string()));
    write_deep(&stage.path("context"), 4095);
    // What is in the way, or merged with.
    stage.write("base/x/d/f", "other content");
    stage.write("base/x/d/stays", "stays");
    stage.write("base/y/top", "");
    set_xattr(&stage.path("base/x/d"), "user.below", b"1");
    symlink("/y", stage.path("base/link")).unwrap();
    std::os::unix::fs::chown(stage.path("base/x"), Some(70), Some(80)).unwrap();
    let owned = Copy { chown: Some("5:6".to_owned()), chmod: Some(Chmod::To(0o1740)), ..copy("/d", "/x/d/again/") };
    let directory = Action::MakeDirectory { path: b"/w/x".to_vec(), mode: 0o755, owner: "9".to_owned(), time: None };
    let copies = [copy("/", "/x/"), copy("/top", "/link/"), copy("/d/f", "/x/d/stays"), copy("/d", "/x/d"), owned];
    let actions = copies.into_iter().map(Action::Copy).chain([directory]).collect();
    let tree = stage.scan();
    let done = stage.change(&stage.request(tree, actions)).unwrap();
    assert!(done.entries > 1540, "{}", done.entries);

    // And from there, without the user's directory.
    fs::rename(stage.path("upper"), stage.path("layer")).unwrap();
    fs::create_dir(stage.path("upper")).unwrap();
    let layers = vec![stage.path("base"), stage.path("layer")];
    let request = Request {
        sources: vec![Source::Layers { layers: layers.clone(), tree: done.tree }],
        ..stage.request(tree, vec![Action::Copy(copy("/x", "/")), Action::Copy(copy("/link/top", "/x/many/7"))])
    };
    let again = stage.change(&request).unwrap();
    assert_eq!(fs::read_to_string(stage.path("upper/d/f")).unwrap(), "content");
    assert_eq!(fs::read_to_string(stage.path("upper/d/stays")).unwrap(), "content");
    let owner = fs::metadata(stage.path("upper/d/again/f")).unwrap();
    assert_eq!((owner.uid(), owner.gid(), owner.mode() & 0o7777), (5, 6, 0o1740));
    assert!(again.bytes > 0);
}

/// A tar of entries without content.
fn archive(entries: &[(&str, digests::tar::Kind, &[Xattr])]) -> Vec<u8> {
    let mut tar = digests::tar::TarWriter::new(Vec::new());
    for (path, kind, xattrs) in entries {
        let (path, link, mode) = (path.as_bytes(), b"".as_slice(), 0o755);
        let (uid, gid, size, mtime, device) = (0, 0, 0, 1, (0, 0));
        let header = digests::tar::Header { path, kind: *kind, mode, uid, gid, size, mtime, link, device, xattrs };
        tar.header(&header).unwrap();
    }
    tar.finish().unwrap()
}

#[test]
fn a_change_knows_what_a_filter_left_of_a_copy_and_what_it_wrote_itself() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    ["a/b/f", "a/b/g", "a/c/f", "a/h", "d/f"].iter().for_each(|path| stage.write(&format!("context/{path}"), path));
    fs::set_permissions(stage.path("context/a"), fs::Permissions::from_mode(0o2751)).unwrap();
    stage.write("base/x/a/b/f", "old");
    stage.write("base/x/a/stays", "old");
    let rule = |regex: &str, negated| scan::IgnoreRule { regex: regex.to_owned(), negated };
    let filter = |include: &str, exclude: &str| {
        Filter::compile(Some(&[rule(include, false)]), &[rule(exclude, false), rule("^a/c/f$", true)]).unwrap()
    };
    let executable = Chmod::Steps(vec![ModeStep::Clear(0o077), ModeStep::SetIfExecutable(0o011)]);
    let copies = [
        Copy { filter: Some(filter("^(.*/)?f$", "^a/c$")), ..copy("/", "/x") },
        Copy { filter: Some(filter("^a/b$", "^$")), chown: Some("5".to_owned()), ..copy("/", "/new") },
        Copy { chmod: Some(executable.clone()), ..copy("/a", "/changed/") },
    ];
    let write = Write {
        name: b"EOF".to_vec(),
        content: b"text".to_vec(),
        destination: b"/x/a/".to_vec(),
        mode: 0o644,
        chown: Some("7:8".to_owned()),
        chmod: Some(executable),
    };
    let over = Write { destination: b"/x/a/stays".to_vec(), content: Vec::new(), chmod: None, ..write.clone() };
    let actions = copies.into_iter().map(Action::Copy).chain([Action::Write(write), Action::Write(over)]).collect();
    let done = stage.change(&stage.request(stage.scan(), actions)).unwrap();
    let tree = Tree::load(&stage.path("trees"), &done.tree).unwrap();
    let mode = |path: &str| tree.find(path.as_bytes()).map(|index| tree.entry(index).unwrap().mode);
    assert_eq!(mode("x/a"), Some(0o2751), "the mode of a directory on the way");
    assert_eq!((mode("x/a/b/g"), mode("new/a/b/g"), mode("new/a/h")), (None, Some(0o644), None));
    assert_eq!((mode("changed/h"), mode("changed/b"), mode("x/a/EOF")), (Some(0o600), Some(0o711), Some(0o600)));
    assert_eq!(fs::metadata(stage.path("upper/x/a/stays")).unwrap().len(), 0);
}

#[test]
fn a_change_knows_what_an_archive_says_of_each_name_of_a_file() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let mut tar = digests::tar::TarWriter::new(Vec::new());
    let names = [("f", "", 0o600), ("g", "f", 0o640), ("h", "g", 0o640), ("g", "", 0o600), ("i", "h", 0o4755)];
    for (path, link, mode) in names {
        let kind = if link.is_empty() { digests::tar::Kind::File } else { digests::tar::Kind::HardLink };
        let (path, link, xattrs) = (path.as_bytes(), link.as_bytes(), [].as_slice());
        let (uid, gid, size, mtime, device) = (0, 0, 0, 1, (0, 0));
        tar.header(&digests::tar::Header { path, kind, mode, uid, gid, size, mtime, link, device, xattrs }).unwrap();
    }
    fs::write(stage.path("context/a.tar"), tar.finish().unwrap()).unwrap();
    let done = stage.copy_of(stage.scan(), Copy { unpack: true, ..copy("/a.tar", "/") }).unwrap();
    let tree = Tree::load(&stage.path("trees"), &done.tree).unwrap();
    let mode = |path: &str| tree.find(path.as_bytes()).map(|index| tree.entry(index).unwrap().mode);
    assert_eq!((mode("f"), mode("g"), mode("h"), mode("i")), (Some(0o4755), Some(0o600), Some(0o4755), Some(0o4755)));
}

#[test]
fn a_directory_that_hides_what_is_below_hides_it_after_a_copy_into_it_too() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("base/d/below", "hidden");
    stage.write("context/src/d/f", "1");
    let (file, directory) = (digests::tar::Kind::File, digests::tar::Kind::Directory);
    fs::write(stage.path("context/a.tar"), archive(&[("d", file, &[]), ("d/", directory, &[])])).unwrap();
    let paths = vec![b"/a.tar".to_vec(), b"/src".to_vec()];
    let done = stage.copy_of(stage.scan(), Copy { paths, unpack: true, ..copy("", "/") }).unwrap();
    let tree = Tree::load(&stage.path("trees"), &done.tree).unwrap();
    assert!(tree.find(b"d/f").is_some() && tree.find(b"d/below").is_none());
}

#[test]
fn the_mode_that_an_acl_gives_is_part_of_the_change() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    // acl(5): the owner, a user 5, the group, a mask, all others.
    let acl = acl(&[(1, 7, !0), (2, 6, 5), (4, 5, !0), (16, 7, !0), (32, 0, !0)]);
    let xattrs = [(b"system.posix_acl_access".to_vec(), acl)];
    fs::write(stage.path("context/a.tar"), archive(&[("f", digests::tar::Kind::File, &xattrs)])).unwrap();
    let done = stage.copy_of(stage.scan(), Copy { unpack: true, ..copy("/a.tar", "/") }).unwrap();
    let tree = Tree::load(&stage.path("trees"), &done.tree).unwrap();
    assert_eq!(tree.entry(tree.find(b"f").unwrap()).unwrap().mode, 0o770);
}

/// Every line was tried on Docker 28 (BuildKit).
#[test]
fn directories_in_a_set_group_id_directory_inherit_as_mkdir_does_it() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("context/f", "1");
    stage.write("context/d/e/f", "1");
    fs::write(stage.path("context/a.tar"), archive(&[("implied/f", digests::tar::Kind::File, &[])])).unwrap();
    fs::create_dir(stage.path("base/s")).unwrap();
    std::os::unix::fs::chown(stage.path("base/s"), Some(0), Some(50)).unwrap();
    fs::set_permissions(stage.path("base/s"), fs::Permissions::from_mode(0o2775)).unwrap();
    let work = |path: &str, owner: &str| {
        let (path, owner) = (path.as_bytes().to_vec(), owner.to_owned());
        Action::MakeDirectory { path, mode: 0o755, owner, time: None }
    };
    let actions = vec![
        Action::Copy(copy("/f", "/s/file/")),
        Action::Copy(copy("/d", "/s/top")),
        Action::Copy(Copy { chown: Some("3:4".to_owned()), ..copy("/f", "/s/owned/") }),
        Action::Copy(Copy { unpack: true, ..copy("/a.tar", "/s/unpacked") }),
        Action::Copy(Copy { unpack: true, chown: Some("3:4".to_owned()), ..copy("/a.tar", "/s/given") }),
        Action::Copy(Copy { unpack: true, ..copy("/a.tar", "/s") }),
        work("/s/work/deep", ""),
        work("/s/user", "7:8"),
    ];
    stage.change(&stage.request(stage.scan(), actions)).unwrap();
    for (path, mode, owner) in [
        ("file", 0o2755, (0, 50)),
        ("top", 0o2755, (0, 50)),
        ("top/e", 0o755, (0, 0)),
        ("owned", 0o2755, (3, 4)),
        ("unpacked", 0o2755, (0, 50)),
        ("implied", 0o755, (0, 50)),
        ("given", 0o2755, (3, 4)),
        ("given/implied", 0o755, (0, 4)),
        ("work/deep", 0o2755, (0, 50)),
        ("user", 0o2755, (7, 8)),
    ] {
        let made = fs::metadata(stage.path(&format!("upper/s/{path}"))).unwrap();
        assert_eq!((made.mode() & 0o7777, (made.uid(), made.gid())), (mode, owner), "{path}");
    }
}

#[test]
fn nothing_below_a_whiteout_shines_through() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("context/f", "new");
    stage.write("base/a/b/old", "old");
    stage.write("base/c/old", "old");
    fs::create_dir(stage.path("middle")).unwrap();
    let (device, mode) = (rustix::fs::FileType::CharacterDevice, rustix::fs::Mode::empty());
    rustix::fs::mknodat(rustix::fs::CWD, stage.path("middle/a"), device, mode, 0).unwrap();
    stage.write("middle/c", "a file");
    let middle = stage.commit("middle", Some(stage.parent()));
    let copies = ["/a/b/f", "/x/f"].map(|to| Action::Copy(copy("/f", to)));
    let request = Request {
        layers: vec![stage.path("base"), stage.path("middle")],
        parent: Some(middle.tree),
        ..stage.request(stage.scan(), copies.into())
    };
    stage.change(&request).unwrap();
    let layers = [stage.path("base"), stage.path("middle"), stage.path("upper")];
    let root = crate::mount::open_root(&layers, None).unwrap().unwrap();
    let names = |path: &str| {
        let found = fs::read_dir(format!("/proc/self/fd/{}/{path}", std::os::fd::AsRawFd::as_raw_fd(&root))).unwrap();
        found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((names("a"), names("a/b")), (vec!["b".to_owned()], vec!["f".to_owned()]));
}

#[test]
fn a_source_that_turns_into_links_meanwhile_is_never_left() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    (0..200).for_each(|number| stage.write(&format!("context/d/e/{number}"), "inside"));
    fs::create_dir_all(stage.path("away/e")).unwrap();
    (0..200).for_each(|number| stage.write(&format!("away/e/{number}"), "SECRET"));
    let tree = stage.scan();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::rename(stage.path("context/d"), stage.path("context/kept")).unwrap();
                symlink(stage.path("away"), stage.path("context/d")).unwrap();
                fs::remove_file(stage.path("context/d")).unwrap();
                fs::rename(stage.path("context/kept"), stage.path("context/d")).unwrap();
            }
        });
        for _ in 0..40 {
            match stage.copy_of(tree, copy("/d", "/x/")) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.code, "TSB_CONTEXT_CHANGED", "{error}"),
            }
            for entry in fs::read_dir(stage.path("upper/x/e")).into_iter().flatten() {
                assert_ne!(fs::read(entry.unwrap().path()).unwrap(), b"SECRET", "A LINK WAS FOLLOWED");
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn attributes_that_directories_hand_on_are_part_of_the_change() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    stage.write("context/f", "1");
    fs::create_dir(stage.path("base/d")).unwrap();
    // acl(5): the owner, a user 5, the group, a mask, all others.
    let acl = acl(&[(1, 7, !0), (2, 6, 5), (4, 5, !0), (16, 7, !0), (32, 0, !0)]);
    set_xattr(&stage.path("base/d"), "system.posix_acl_default", &acl);
    let done = stage.copy("/f", "/d/").unwrap();
    let tree = Tree::load(&stage.path("trees"), &done.tree).unwrap();
    let entry = tree.entry(tree.find(b"d/f").unwrap()).unwrap();
    assert_eq!(entry.xattrs.iter().map(|(name, _)| name.as_slice()).collect::<Vec<_>>(), [b"system.posix_acl_access"]);
}

#[test]
fn a_whiteout_cannot_be_copied() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let (device, mode) = (rustix::fs::FileType::CharacterDevice, rustix::fs::Mode::empty());
    rustix::fs::mknodat(rustix::fs::CWD, stage.path("context/null"), device, mode, 0).unwrap();
    assert_eq!(stage.copy("/", "/x/").unwrap_err().code, "TSB_COPY_FAILED");
}

#[test]
fn large_files_of_layers_are_copied_whole_with_their_holes() {
    if !privileged() {
        return;
    }
    let stage = Stage::new();
    let dense: Vec<u8> = (0..3_000_001u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(stage.path("base/dense"), &dense).unwrap();
    let sparse = fs::File::create(stage.path("base/sparse")).unwrap();
    sparse.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&sparse, &dense, 32 << 20).unwrap();
    let tree = stage.parent();
    let sources = vec![Source::Layers { layers: vec![stage.path("base")], tree }];
    let request = Request { sources, ..stage.request(tree, vec![Action::Copy(copy("/", "/x/"))]) };
    stage.change(&request).unwrap();
    assert_eq!(fs::read(stage.path("upper/x/dense")).unwrap(), dense);
    assert_eq!(fs::read(stage.path("upper/x/sparse")).unwrap(), fs::read(stage.path("base/sparse")).unwrap());
    assert!(fs::metadata(stage.path("upper/x/sparse")).unwrap().blocks() * 512 < 8 << 20);
    // What the tree says of a layer is believed, but a file cut short by a damaged disk is not.
    fs::write(stage.path("base/dense"), &dense[1..]).unwrap();
    assert_eq!(
        change(&Request { upper: stage.path("outside"), ..request }, &Cancel::new()).unwrap_err().code,
        "TSB_COPY_FAILED"
    );
}

#[test]
fn directories_that_are_made_have_the_time_given() {
    let stage = Stage::new();
    stage.write("base/there/f", "");
    let directory =
        Action::MakeDirectory { path: b"/there/a/b/c".to_vec(), mode: 0o755, owner: String::new(), time: Some(-10) };
    stage.change(&stage.request(stage.scan(), vec![directory])).unwrap();
    for made in ["there/a", "there/a/b", "there/a/b/c"] {
        assert_eq!(fs::metadata(stage.path("upper").join(made)).unwrap().mtime(), -10, "{made}");
    }
    // It got an entry, as with mkdir(2).
    assert!(fs::metadata(stage.path("upper/there")).unwrap().mtime() > 0);
}
