use std::fs;
use std::path::Path;

use crate::failure::{Code, Failure, Result};
use crate::protocol::MountPoint;
use crate::root_path::resolve;

/// Whether everything can be mounted where it should: a directory on a directory, anything else on what is none. Runtimes
/// find out too late, and say so each in their own way. What lies below another mount point is left to them.
pub fn check(root: &Path, mounts: &[MountPoint]) -> Result<()> {
    for mount in mounts {
        let nested = |other: &MountPoint| other.target != mount.target && mount.target.starts_with(&other.target);
        if mounts.iter().any(nested) {
            continue;
        }
        let place = resolve(root, &mount.target).map_err(|error| wrong(mount, &error.to_string()))?;
        if !place.missing.is_empty() {
            continue;
        }
        let found =
            fs::symlink_metadata(root.join(&place.existing)).map_err(|error| wrong(mount, &error.to_string()))?;
        let given = match &mount.source {
            Some(source) => fs::metadata(source).map_err(|error| wrong(mount, &error.to_string()))?.is_dir(),
            None => true,
        };
        match (given, found.is_dir()) {
            (true, false) => return Err(wrong(mount, "a directory cannot be mounted on a file")),
            (false, true) => return Err(wrong(mount, "a file cannot be mounted on a directory")),
            _ => (),
        }
    }
    Ok(())
}

fn wrong(mount: &MountPoint, reason: &str) -> Failure {
    Failure {
        code: Code::MountTarget,
        message: format!("nothing can be mounted at `{}`: {reason}", mount.target.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_has_to_fit() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("directory")).unwrap();
        fs::write(root.path().join("file"), "").unwrap();
        let mount = |target: &str, source: Option<&str>| MountPoint {
            target: target.into(),
            source: source.map(Into::into),
            mode: None,
        };
        let fits = |mounts: &[MountPoint]| check(root.path(), mounts).is_ok();
        assert!(fits(&[
            mount("/directory", Some("/")),
            mount("/file", Some("/proc/self/status")),
            mount("/new", None)
        ]));
        assert!(!fits(&[mount("/file", Some("/"))]));
        assert!(!fits(&[mount("/file", None)]));
        assert!(!fits(&[mount("/directory", Some("/proc/self/status"))]));
        assert!(!fits(&[mount("/file/below", None)]));
        assert!(fits(&[mount("/directory", None), mount("/directory/x", None)]));
    }
}
