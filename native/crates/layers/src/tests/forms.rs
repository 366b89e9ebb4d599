//! What each kind of entry becomes, and archives of other programs.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use digests::tar::{Header, Kind};

use super::*;
use crate::archive::archive_with;
use crate::entry::{Scribe, View};

#[test]
fn an_empty_upper_is_dockers_empty_layer() {
    let place = Place::new();
    let written = place.write().unwrap();
    assert_eq!(written.plain.digest, "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    assert_eq!(written.plain.size, 1024);
}

#[test]
fn whiteouts_become_devices_and_opaque_an_attribute() {
    let place = Place::new();
    place
        .apply(&Tar::new().file(".wh.gone", b"").directory("d").file("d/.wh..wh..opq", b"").file("d/new", b"x").bytes())
        .unwrap();
    let gone = place.layer().join("gone").symlink_metadata().unwrap();
    assert_eq!((gone.mode() & libc_ifmt(), gone.rdev()), (0o020000, 0));
    assert_eq!(xattrs_of(&place.layer().join("d")), [("trusted.overlay.opaque".to_owned(), b"y".to_vec())]);
}

fn libc_ifmt() -> u32 {
    0o170000
}

/// A mark hides what is below the layer and nothing in it, in whichever order they come.
#[test]
fn a_name_both_deleted_and_made_hides_what_is_below() {
    let opaque = [("trusted.overlay.opaque".to_owned(), b"y".to_vec())];
    for tar in [
        Tar::new().file(".wh.d", b"").directory("d").file("d/x", b"x"),
        Tar::new().directory("d").file("d/x", b"x").file(".wh.d", b""),
        Tar::new().file(".wh.d", b"").file("d/x", b"x"),
    ] {
        let place = Place::new();
        place.apply(&tar.bytes()).unwrap();
        assert_eq!(xattrs_of(&place.layer().join("d")), opaque);
        assert_eq!(std::fs::read(place.layer().join("d/x")).unwrap(), b"x");
    }
    for tar in [Tar::new().file(".wh.f", b"").file("f", b"x"), Tar::new().file("f", b"x").file(".wh.f", b"")] {
        let place = Place::new();
        place.apply(&tar.bytes()).unwrap();
        assert_eq!(std::fs::read(place.layer().join("f")).unwrap(), b"x");
    }
}

#[test]
fn directories_left_unsaid_are_reported() {
    let place = Place::new();
    let applied = place.apply(&Tar::new().file("a/b/c", b"x").directory("a").file("e/.wh.f", b"").bytes()).unwrap();
    assert_eq!(applied.implicit, [PathBuf::from("a/b"), PathBuf::from("e")]);
    assert_eq!(place.layer().join("a/b").metadata().unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn later_entries_win() {
    let place = Place::new();
    let tar = Tar::new().file("a", b"1").file("a", b"22").directory("b").file("b/x", b"x").file("b", b"now a file");
    place.apply(&tar.file("c", b"c").directory("c").file("c/y", b"y").directory("c").bytes()).unwrap();
    assert_eq!(std::fs::read(place.layer().join("a")).unwrap(), b"22");
    assert_eq!(std::fs::read(place.layer().join("b")).unwrap(), b"now a file");
    assert_eq!(std::fs::read(place.layer().join("c/y")).unwrap(), b"y");
}

#[test]
fn set_id_bits_survive_the_owner_and_times_the_content() {
    let place = Place::new();
    let mut file = entry("d/f", Kind::File, "");
    (file.mode, file.uid, file.gid, file.mtime) = (0o6755, 12, 3_000_000, -5);
    let mut directory = entry("d", Kind::Directory, "");
    (directory.mode, directory.gid, directory.mtime) = (0o3777, 9, 77);
    place.apply(&Tar::new().header(&directory).header(&file).bytes()).unwrap();
    let meta = place.layer().join("d/f").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.gid(), meta.mtime()), (0o6755, 12, 3_000_000, -5));
    let meta = place.layer().join("d").metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.gid(), meta.mtime()), (0o3777, 9, 77));
}

#[test]
fn what_follows_the_archive_counts_for_the_digest() {
    let bytes = [Tar::new().file("a", b"x").bytes(), vec![0; 9000], b"junk".to_vec()].concat();
    let place = Place::new();
    let applied = place.apply(&bytes).unwrap();
    let mut hash = digests::Sha256Stream::new();
    hash.update(&bytes);
    assert_eq!(applied.plain, hash.finish());
}

#[test]
fn zeros_become_holes_with_the_same_content() {
    let place = Place::new();
    let mut content = vec![0; 3 << 20];
    content[1 << 20] = 7;
    place.apply(&Tar::new().file("a", &content).bytes()).unwrap();
    let path = place.layer().join("a");
    assert!(std::fs::read(&path).unwrap() == content);
    assert!(path.metadata().unwrap().blocks() * 512 < 1 << 20);
}

#[test]
fn a_hard_link_to_a_file_below_copies_it_up() {
    let below = Place::new();
    below.apply(&Tar::new().file("d/f", b"bottom").file("d/g", b"g").bytes()).unwrap();
    std::fs::set_permissions(below.layer().join("d/f"), std::fs::Permissions::from_mode(0o4711)).unwrap();
    let middle = Place::new();
    middle.apply(&Tar::new().file("d/.wh.g", b"").bytes()).unwrap();
    let place = Place::new();
    let mut request = place.request(&Tar::new().add("link", Kind::HardLink, "d/f").bytes(), Compression::None);
    request.lower = vec![below.layer(), middle.layer()];
    let applied = apply(&request, &Cancel::new()).unwrap();
    assert_eq!(applied.implicit, [PathBuf::from("d")]);
    let (link, file) = (place.layer().join("link").metadata().unwrap(), place.layer().join("d/f").metadata().unwrap());
    assert_eq!((link.ino(), link.mode() & 0o7777, link.nlink()), (file.ino(), 0o4711, 2));
    assert_eq!(std::fs::read(place.layer().join("link")).unwrap(), b"bottom");

    let place = Place::new();
    let mut request = place.request(&Tar::new().add("link", Kind::HardLink, "d/g").bytes(), Compression::None);
    request.lower = vec![below.layer(), middle.layer()];
    assert_eq!(apply(&request, &Cancel::new()).unwrap_err().code, "TSB_LAYER_LINK");
}

#[test]
fn the_root_entry_sets_the_root() {
    let place = Place::new();
    place
        .apply(&Tar::new().header(&Header { mode: 0o1777, uid: 5, ..entry("./", Kind::Directory, "") }).bytes())
        .unwrap();
    let meta = place.layer().metadata().unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid(), meta.mtime()), (0o1777, 5, 1000));
}

/// A tree with a bit of everything.
pub fn furnish(root: &Path) {
    let sh =
        |script: &str| assert!(Command::new("sh").args(["-ec", script]).current_dir(root).status().unwrap().success());
    sh("umask 022; mkdir -p usr/bin var/lib etc; echo tool > usr/bin/tool; chmod 4755 usr/bin/tool; ln usr/bin/tool usr/bin/also
        ln -s tool usr/bin/link; ln -s /nowhere etc/dangling; mkfifo var/pipe; mknod var/null c 1 3; mknod var/disk b 8 1
        mkdir -m 1777 tmp; head -c 3000000 /dev/zero > var/zeros; truncate -s 5M var/sparse; echo end >> var/sparse
        seq 100000 > var/lib/numbers; : > etc/empty; chown 1000:3000000 etc/empty; touch -d @1234567890 etc/empty
        setcap cap_net_raw+ep usr/bin/tool; setfattr -n user.note -v hello etc/empty; setfattr -n trusted.t -v t usr
        touch -d '1960-01-01 UTC' etc/old; touch \"$(printf 'etc/\\303\\251')\" \"$(printf 'etc/\\377raw')\" 'etc/sp ace'
        d=usr; for i in 1 2 3 4 5 6; do d=$d/$(printf 'long%.0s' $(seq 12)); done; mkdir -p $d; echo deep > $d/file
        touch $(printf 'n%.0s' $(seq 255)); ln -s $(printf 't%.0s' $(seq 200)) longlink");
    sh("mkdir opaque; echo x > opaque/x; setfattr -n trusted.overlay.opaque -v y opaque; mknod etc/gone c 0 0; chmod 0 etc/gone
        find . -exec touch -h -d @1700000000 {} +; touch -h -d @0 etc/gone; touch -d @5 etc; touch -d @6 usr/bin");
}

fn run(program: &str, arguments: &[&str], directory: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn present(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Other programs take what we write, without a word of complaint.
#[test]
fn other_programs_read_our_layers() {
    let place = Place::new();
    furnish(&place.layer());
    let base = place.base.path();
    for (compression, name) in
        [(Compression::Gzip, "l.tar.gz"), (Compression::None, "l.tar"), (Compression::Zstd, "l.tar.zst")]
    {
        write_upper(&place.layer(), Some(&base.join(name)), compression).unwrap();
    }
    run("gzip", &["-t", "l.tar.gz"], base);
    run("sh", &["-c", "gzip -dc l.tar.gz | cmp - l.tar"], base);
    let listing = run("tar", &["--numeric-owner", "--full-time", "-tvf", "l.tar"], base);
    assert!(listing.contains("4755") || listing.contains("-rwsr-xr-x 0/0"), "{listing}");
    let count = listing.lines().count();
    let python = "import tarfile,sys; print(len(tarfile.open(sys.argv[1]).getmembers()))";
    assert_eq!(run("python3", &["-c", python, "l.tar.gz"], base).trim(), count.to_string());
    if present("bsdtar") {
        assert_eq!(run("bsdtar", &["-tf", "l.tar.gz"], base).lines().count(), count);
    }
    if present("zstd") {
        run("sh", &["-c", "zstd -dcq l.tar.zst | cmp - l.tar"], base);
    }
}

/// What GNU tar unpacks from our export is the tree, and its archive of it unpacks to the tree with us.
#[test]
fn gnu_tar_agrees_both_ways() {
    let place = Place::new();
    let base = place.base.path();
    furnish(&place.layer());
    for name in ["opaque", "etc/gone"] {
        run("rm", &["-r", name], &place.layer());
    }
    run("touch", &["-d", "@5", "etc"], &place.layer());
    let file = std::fs::File::create(base.join("export.tar")).unwrap();
    crate::export_tar(&place.layer(), Times::Kept, file, &Cancel::new()).unwrap();
    std::fs::create_dir(base.join("gnu")).unwrap();
    let flags = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-p"];
    run("tar", &[&flags[..], &["-xf", "../export.tar"]].concat(), &base.join("gnu"));
    let expected = tree(&place.layer());
    assert_eq!(tree(&base.join("gnu")), expected);
    for form in ["--format=pax", "--format=gnu"] {
        run(
            "tar",
            &[&flags[if form == "--format=gnu" { 2.. } else { 0.. }], &[form, "-S", "-cf", "../gnu.tar", "."]].concat(),
            &place.layer(),
        );
        let again = Place::new();
        let mut request = again.request(b"", Compression::None);
        request.blob = Source::File(base.join("gnu.tar"));
        apply(&request, &Cancel::new()).unwrap();
        let found = tree(&again.layer());
        for (path, what) in &expected {
            let plain = |text: &str| {
                if form == "--format=gnu" { text.split('[').next().unwrap().to_owned() } else { text.to_owned() }
            };
            assert_eq!(plain(&found[path]), plain(what), "{path:?} {form}");
        }
    }
}

/// Times later than the latest become it, those before stay; or all are one. On disk nothing changes.
#[test]
fn times_are_capped_or_all_one() {
    let place = Place::new();
    let layer = place.layer();
    std::fs::create_dir(layer.join("d")).unwrap();
    std::fs::write(layer.join("d/old"), "1").unwrap();
    std::fs::write(layer.join("d/new"), "2").unwrap();
    std::os::unix::fs::symlink("old", layer.join("d/link")).unwrap();
    run("touch", &["-h", "-d", "@5", "d/old"], &layer);
    run("touch", &["-h", "-d", "@1000.5", "d/new", "d/link", "d"], &layer);
    let times = |times: Times| {
        let output = place.base.path().join(format!("{times:?}.tar"));
        let form = Scribe { root: &layer, view: View::Change, times, cancel: &Cancel::new() };
        archive_with(1, form, &mut std::fs::File::create(&output).unwrap()).unwrap();
        let listed = Command::new("tar").args(["--utc", "--full-time", "-tvf"]).arg(&output).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        listed
            .lines()
            .map(|line| line.split(' ').filter(|word| word.contains(':')).next_back().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(times(Times::Kept), ["00:16:40", "00:16:40", "00:16:40", "00:00:05"]);
    assert_eq!(times(Times::AtMost(100)), ["00:01:40", "00:01:40", "00:01:40", "00:00:05"]);
    assert_eq!(times(Times::AtMost(1000)), times(Times::Kept));
    assert_eq!(times(Times::Always(7)), ["00:00:07"; 4]);
    assert_eq!(std::fs::metadata(layer.join("d/new")).unwrap().mtime(), 1000);
}

fn apply_files(place: &Place, blob: &[u8]) -> Result<Applied, Error> {
    apply(&ApplyRequest { form: Form::Files, ..place.request(blob, Compression::None) }, &Cancel::new())
}

#[test]
fn in_an_archive_that_is_no_layer_marks_are_files_and_the_root_stays() {
    let place = Place::new();
    let tar = Tar::new().header(&Header { mode: 0o700, ..entry("./", Kind::Directory, "") }).directory("d");
    let tar = tar.file("d/.wh..wh..opq", b"1").file(".wh.x/y", b"22").file(".wh.z", b"").bytes();
    apply_files(&place, &tar).unwrap();
    assert_eq!(std::fs::read(place.layer().join("d/.wh..wh..opq")).unwrap(), b"1");
    assert_eq!(std::fs::read(place.layer().join(".wh.x/y")).unwrap(), b"22");
    assert!(place.layer().join(".wh.z").metadata().unwrap().is_file());
    assert!(xattrs_of(&place.layer().join("d")).is_empty());
    assert_eq!(place.layer().metadata().unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn the_newest_file_of_an_archive_is_told() {
    let place = Place::new();
    let at = |path, kind, mtime| Header { mtime, ..entry(path, kind, "") };
    let tar = Tar::new().header(&at("a", Kind::File, 7)).header(&at("b", Kind::File, 5));
    let tar = tar.header(&at("d", Kind::Directory, 99)).bytes();
    assert_eq!(apply_files(&place, &tar).unwrap().newest, Some(7));
    assert_eq!(apply_files(&Place::new(), &Tar::new().bytes()).unwrap().newest, None);
}

#[test]
fn an_archive_that_is_no_layer_is_refused_in_its_own_words() {
    let bad = [
        Tar::new().file("../x", b"").bytes(),
        Tar::new().add("a", Kind::HardLink, "nowhere").bytes(),
        Tar::new().add("null", Kind::Character, "").bytes(),
        Tar::new().file("cut", &[1; 5000]).bytes()[..1500].to_vec(),
        b"no tar at all".repeat(100),
    ];
    for blob in bad {
        let place = Place::new();
        let error = apply_files(&place, &blob).unwrap_err();
        assert_eq!((error.code, error.fault), ("TSB_COPY_ARCHIVE", digests::Fault::Input));
        assert!(!error.message.contains("layer"), "{}", error.message);
        place.assert_outside_unchanged();
    }
}
