use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use digests::{Error, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat2, statat};
use rustix::io::Errno;

use crate::open::as_path;
use crate::{mount, xattr};

/// The first `max` bytes of a regular file in the merged root of `layers`, links followed inside it; `None` where there is
/// no such file. Fails with `TSB_READ_FAILED`.
pub fn read_file(layers: &[PathBuf], path: &[u8], max: u64) -> Result<Option<Vec<u8>>> {
    let failed = |e: &std::io::Error| Error::io("TSB_READ_FAILED", "cannot read", as_path(path), e);
    match find_plain(layers, as_path(path)) {
        Plain::Found(file) => return read(file, max).map(Some).map_err(|e| failed(&e)),
        Plain::Missing => return Ok(None),
        Plain::Unclear => (),
    }
    let Some(root) = mount::open_root(layers, None)? else { return Ok(None) };
    // Looked at before it is opened: opening a device can do things.
    let found = match open_in_root(&root, path, OFlags::PATH) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        found => found.map_err(|e| failed(&e.into()))?,
    };
    let stat = statat(&found, "", AtFlags::EMPTY_PATH).map_err(|e| failed(&e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let open = File::from(open_in_root(&root, path, OFlags::RDONLY).map_err(|e| failed(&e.into()))?);
    read(open, max).map(Some).map_err(|e| failed(&e))
}

fn read(file: File, max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

enum Plain {
    Found(File),
    Missing,
    /// Links, and whatever else is better left to a mount.
    Unclear,
}

/// Looks for a file layer by layer, as overlayfs does: a mount takes milliseconds to end.
fn find_plain(layers: &[PathBuf], path: &Path) -> Plain {
    let Ok(path) = path.strip_prefix("/") else { return Plain::Unclear };
    for layer in layers.iter().rev() {
        let Ok(root) = mount::open_directory(layer) else { return Plain::Unclear };
        match find_in_layer(&root, path) {
            Ok(Some(found)) => return found,
            Ok(None) => (),
            Err(_) => return Plain::Unclear,
        }
    }
    Plain::Missing
}

/// What one layer has to say of `path`; `None` where that is for the layers below.
fn find_in_layer(root: &OwnedFd, path: &Path) -> std::result::Result<Option<Plain>, Errno> {
    let mut hides = false;
    let mut ancestors: Vec<&Path> = path.ancestors().filter(|ancestor| !ancestor.as_os_str().is_empty()).collect();
    while let Some(step) = ancestors.pop() {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = match openat2(root, step, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH) {
            Err(Errno::NOENT) => return Ok(hides.then_some(Plain::Missing)),
            found => found?,
        };
        let stat = statat(&found, "", AtFlags::EMPTY_PATH)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::CharacterDevice if stat.st_rdev == 0 => return Ok(Some(Plain::Missing)),
            FileType::Directory if !ancestors.is_empty() => {
                hides |= !xattr::read_at(root, step.as_os_str().as_bytes(), |name| name == xattr::OPAQUE)
                    .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?
                    .is_empty();
            }
            FileType::RegularFile if ancestors.is_empty() => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
                return Ok(Some(Plain::Found(File::from(openat2(root, step, flags, Mode::empty(), resolve)?))));
            }
            _ => return Ok(Some(Plain::Unclear)),
        }
    }
    Ok(None)
}

fn open_in_root(root: &OwnedFd, path: &[u8], access: OFlags) -> std::result::Result<OwnedFd, Errno> {
    let flags = access | OFlags::CLOEXEC;
    loop {
        match openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS) {
            Err(Errno::AGAIN | Errno::INTR) => continue,
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// What a mount shows of `path`, and what is found without one.
    fn both(layers: &[PathBuf], path: &str) -> (Option<Vec<u8>>, Option<Option<Vec<u8>>>) {
        let root = mount::open_root(layers, None).unwrap().unwrap();
        let shown = open_in_root(&root, path.as_bytes(), OFlags::RDONLY).ok();
        let shown = shown.map(|file| read(File::from(file), 100).unwrap());
        let found = match find_plain(layers, Path::new(path)) {
            Plain::Found(file) => Some(Some(read(file, 100).unwrap())),
            Plain::Missing => Some(None),
            Plain::Unclear => None,
        };
        (shown, found)
    }

    #[test]
    fn layers_say_what_a_mount_of_them_shows() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let layers: Vec<PathBuf> = (0..3).map(|number| folder.path().join(number.to_string())).collect();
        let put = |layer: usize, path: &str| {
            let path = layers[layer].join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{layer}")).unwrap();
        };
        let hide = |layer: usize, path: &str| {
            let path = layers[layer].join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, FileType::CharacterDevice, Mode::empty(), 0).unwrap();
        };
        let opaque = |layer: usize, path: &str| {
            fs::create_dir_all(layers[layer].join(path)).unwrap();
            let directory = mount::open_directory(&layers[layer]).unwrap();
            xattr::write_at(&directory, path.as_bytes(), &(xattr::OPAQUE.to_vec(), b"y".to_vec())).unwrap();
        };
        for path in ["only/bottom", "top/over", "white/out", "opaque/gone", "dir/out", "again/f", "deep/a/f", "link/f"]
        {
            put(0, path);
        }
        put(2, "top/over");
        hide(1, "white/out");
        opaque(1, "opaque");
        hide(1, "dir");
        hide(1, "again");
        opaque(2, "again");
        put(2, "again/f");
        opaque(1, "deep");
        put(2, "deep/a/g");
        symlink("only", layers[2].join("sym")).unwrap();
        fs::create_dir_all(layers[2].join("empty")).unwrap();
        for path in [
            "/only/bottom",
            "/top/over",
            "/white/out",
            "/opaque/gone",
            "/dir/out",
            "/again/f",
            "/deep/a/f",
            "/deep/a/g",
            "/link/f",
            "/nowhere/f",
            "/empty/f",
        ] {
            let (shown, found) = both(&layers, path);
            assert_eq!(found, Some(shown), "{path}");
        }
        assert_eq!(both(&layers, "/sym/bottom"), (Some(b"0".to_vec()), None));
        assert!(matches!(find_plain(&layers, Path::new("/only")), Plain::Unclear));
    }
}
