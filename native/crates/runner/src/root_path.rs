use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// As many as the kernel follows.
const MAX_LINKS: usize = 40;

/// Where a path of the container leads.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// Relative to the root and free of links; exists.
    pub existing: PathBuf,
    /// What is not there yet.
    pub missing: Vec<OsString>,
}

impl Place {
    /// The whole path, relative to the root.
    pub fn full(&self) -> PathBuf {
        self.existing.iter().chain(self.missing.iter().map(OsString::as_os_str)).collect()
    }
}

/// Follows `target` inside `root`: links never lead out of it, and `..` stops at it. Nothing else may change the root
/// meanwhile, which holds before the container starts and after it ended.
pub fn resolve(root: &Path, target: &Path) -> io::Result<Place> {
    let mut place = Place { existing: PathBuf::new(), missing: Vec::new() };
    let mut links = 0;
    let mut ahead: VecDeque<OsString> = names(target).collect();
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            if place.missing.pop().is_none() {
                place.existing.pop();
            }
            continue;
        }
        if !place.missing.is_empty() {
            place.missing.push(name);
            continue;
        }
        let next = place.existing.join(&name);
        match fs::symlink_metadata(root.join(&next)) {
            Ok(facts) if facts.is_symlink() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(io::Error::from_raw_os_error(libc::ELOOP));
                }
                let link = fs::read_link(root.join(&next))?;
                if link.is_absolute() {
                    place.existing = PathBuf::new();
                }
                for (index, name) in names(&link).enumerate() {
                    ahead.insert(index, name);
                }
            }
            Ok(_) => place.existing = next,
            Err(error) if error.kind() == ErrorKind::NotFound => place.missing.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok(place)
}

fn names(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn place(existing: &str, missing: &[&str]) -> Place {
        Place { existing: existing.into(), missing: missing.iter().map(OsString::from).collect() }
    }

    #[test]
    fn links_stay_inside() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/deep")).unwrap();
        symlink("/etc", root.path().join("absolute")).unwrap();
        symlink("../../../../run/x/resolv.conf", root.path().join("etc/resolv.conf")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();
        let resolved = |target: &str| resolve(root.path(), Path::new(target)).unwrap();
        assert_eq!(resolved("/absolute/deep"), place("etc/deep", &[]));
        assert_eq!(resolved("/absolute/hosts"), place("etc", &["hosts"]));
        assert_eq!(resolved("/etc/resolv.conf"), place("", &["run", "x", "resolv.conf"]));
        assert_eq!(resolved("/../../etc/deep/../new/a/.."), place("etc", &["new"]));
        assert_eq!(resolved("/"), place("", &[]));
        assert!(resolve(root.path(), Path::new("/loop")).is_err());
    }
}
