use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{lgetxattr, llistxattr};

use crate::times::keeping_times;

const OVERLAY_XATTRS: &str = "trusted.overlay.";
const OPAQUE: &str = "trusted.overlay.opaque";

/// A directory that the overlay copies into the upper because we make a stub in it. Unless the container changed
/// something there as well, the layer must not show it.
pub struct CopiedUp {
    /// Relative to the root.
    path: PathBuf,
    before: Facts,
}

impl CopiedUp {
    /// `directory` and its parents, as far as the upper does not have them yet. The root itself is always in it.
    pub fn expect(root: &Path, upper: &Path, directory: &Path) -> io::Result<Vec<Self>> {
        let mut expected = Vec::new();
        for path in directory.ancestors().filter(|path| !path.as_os_str().is_empty()) {
            match fs::symlink_metadata(upper.join(path)) {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::NotFound => (),
                Err(error) => return Err(error),
            }
            expected.push(Self { path: path.to_owned(), before: Facts::of(&root.join(path))? });
        }
        Ok(expected)
    }

    /// Removes those from the unmounted `upper` that are as they were.
    pub fn remove_unchanged(mut expected: Vec<Self>, upper: &Path) -> io::Result<()> {
        expected.sort_by_key(|directory| std::cmp::Reverse(directory.path.components().count()));
        for directory in expected {
            let path = upper.join(&directory.path);
            match Facts::of(&path) {
                Ok(facts) if facts == directory.before && fs::read_dir(&path)?.next().is_none() => {
                    let parent = path.parent().unwrap_or(upper);
                    keeping_times(parent, || fs::remove_dir(&path))?;
                }
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(_) | Err(_) => (),
            }
        }
        Ok(())
    }
}

/// What a layer says of a directory.
#[derive(PartialEq, Eq)]
struct Facts {
    directory: bool,
    mode: u32,
    owner: (u32, u32),
    modified: (i64, i64),
    /// Nothing of the layers below shines through: not the same, even when it is as empty.
    opaque: bool,
    xattrs: Vec<(String, Vec<u8>)>,
}

impl Facts {
    fn of(path: &Path) -> io::Result<Self> {
        let facts = fs::symlink_metadata(path)?;
        let names = list_xattrs(path)?;
        let opaque = names.iter().any(|name| name == OPAQUE);
        let mut xattrs = Vec::new();
        for name in names.into_iter().filter(|name| !name.starts_with(OVERLAY_XATTRS)) {
            let mut value = vec![0; 64 * 1024];
            let length = lgetxattr(path, &name, &mut value)?;
            value.truncate(length);
            xattrs.push((name, value));
        }
        xattrs.sort();
        Ok(Self {
            directory: facts.is_dir(),
            mode: facts.mode(),
            owner: (facts.uid(), facts.gid()),
            modified: (facts.mtime(), facts.mtime_nsec()),
            opaque,
            xattrs,
        })
    }
}

fn list_xattrs(path: &Path) -> io::Result<Vec<String>> {
    let mut list = vec![0; 64 * 1024];
    match llistxattr(path, &mut list) {
        Ok(length) => list.truncate(length),
        Err(rustix::io::Errno::NOTSUP) => list.clear(),
        Err(error) => return Err(error.into()),
    }
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}
