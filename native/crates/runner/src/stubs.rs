use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::copied_up::CopiedUp;
use crate::protocol::{MountPoint, WorkingDirectory};
use crate::root_path::{Place, resolve};
use crate::times::keeping_times;

/// BuildKit leaves these three to the runtime, which leaves them behind: they are in the layer of the first step on an
/// empty root, and so they must be in ours.
const KEPT: [&str; 3] = ["/dev", "/proc", "/sys"];

/// Empty files and directories that stand where something gets mounted. A mount needs one, a layer must not have it:
/// they are made before the container starts and removed afterwards, and no time stamp shows either. `KEPT` stay.
pub struct Stubs {
    root: PathBuf,
    /// Relative to the root, parents first.
    made: Vec<PathBuf>,
    copied_up: Vec<CopiedUp>,
}

impl Stubs {
    /// Makes what is missing under the mount points. `upper` is the directory that the overlay at `root` writes to.
    pub fn make(root: &Path, upper: &Path, mounts: &[MountPoint]) -> io::Result<Self> {
        let mut stubs = Self { root: root.to_owned(), made: Vec::new(), copied_up: Vec::new() };
        for mount in mounts {
            // What lies below another mount point is that mount's affair.
            let nested = |other: &MountPoint| other.target != mount.target && mount.target.starts_with(&other.target);
            if mounts.iter().any(nested) {
                continue;
            }
            let place = resolve(root, &mount.target)?;
            if place.missing.is_empty() {
                continue;
            }
            let file = match &mount.source {
                Some(source) => !fs::metadata(source)?.is_dir(),
                None => false,
            };
            stubs.copied_up.extend(CopiedUp::expect(root, upper, &place.existing)?);
            let keep = KEPT.iter().any(|kept| mount.target == Path::new(kept));
            keeping_times(&root.join(&place.existing), || stubs.make_missing(&place, file, keep))?;
            if let Some(mode) = mount.mode {
                fs::set_permissions(root.join(place.full()), Permissions::from_mode(mode))?;
            }
        }
        Ok(stubs)
    }

    fn make_missing(&mut self, place: &Place, file: bool, keep: bool) -> io::Result<()> {
        let mut path = place.existing.clone();
        for (index, name) in place.missing.iter().enumerate() {
            path.push(name);
            let absolute = self.root.join(&path);
            if file && index + 1 == place.missing.len() {
                File::create_new(&absolute)?;
            } else {
                fs::create_dir(&absolute)?;
            }
            if !keep {
                self.made.push(path.clone());
            }
        }
        Ok(())
    }

    /// Removes the stubs that are still as empty as they were made. The root must still be mounted; once it no longer
    /// is, `CopiedUp::remove_unchanged` wants what this returns.
    pub fn remove(self) -> io::Result<Vec<CopiedUp>> {
        for path in self.made.iter().rev() {
            let path = self.root.join(path);
            let Ok(facts) = fs::symlink_metadata(&path) else { continue };
            let parent = path.parent().unwrap_or(&self.root);
            if facts.is_dir() {
                // Whoever put something in wants to keep it, so a failure is an answer.
                if fs::read_dir(&path)?.next().is_none() {
                    keeping_times(parent, || fs::remove_dir(&path))?;
                }
            } else if facts.is_file() && facts.len() == 0 {
                keeping_times(parent, || fs::remove_file(&path))?;
            }
        }
        Ok(self.copied_up)
    }
}

/// Makes the working directory where it is missing: 0755 and the user's, parents included, as BuildKit does.
/// Below a mount point it is the runtime's affair.
pub fn make_working_directory(root: &Path, wanted: &WorkingDirectory, mounts: &[MountPoint]) -> io::Result<()> {
    if mounts.iter().any(|mount| wanted.path.starts_with(&mount.target)) {
        return Ok(());
    }
    let place = resolve(root, &wanted.path)?;
    let mut path = root.join(&place.existing);
    for name in &place.missing {
        path.push(name);
        fs::create_dir(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        chown(&path, Some(wanted.uid), Some(wanted.gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn directory(target: &str) -> MountPoint {
        MountPoint { target: target.into(), source: None, mode: None }
    }

    fn listing(root: &Path) -> Vec<PathBuf> {
        let mut names: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_made_goes_and_leaves_no_time_stamp() {
        let root = tempfile::tempdir().unwrap();
        let upper = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let file = MountPoint { target: "/etc/hosts".into(), source: Some("/proc/self/status".into()), mode: None };
        let times = || ["", "etc"].map(|path| fs::metadata(root.path().join(path)).unwrap().mtime_nsec());
        let before = times();
        let stubs = Stubs::make(
            root.path(),
            upper.path(),
            &[directory("/procs"), file, directory("/a/b/c"), directory("/a/b/c/d")],
        );
        let stubs = stubs.unwrap();
        assert_eq!(times(), before);
        assert!(root.path().join("etc/hosts").is_file());
        assert!(root.path().join("a/b/c").is_dir());
        assert!(!root.path().join("a/b/c/d").exists());
        stubs.remove().unwrap();
        assert_eq!(listing(root.path()), [PathBuf::from("etc")]);
        assert_eq!(listing(&root.path().join("etc")), Vec::<PathBuf>::new());
        assert_eq!(times(), before);
    }

    #[test]
    fn the_directories_of_the_kernel_stay() {
        let root = tempfile::tempdir().unwrap();
        let upper = tempfile::tempdir().unwrap();
        let mounts = ["/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/run"].map(directory);
        let before = fs::metadata(root.path()).unwrap().mtime_nsec();
        Stubs::make(root.path(), upper.path(), &mounts).unwrap().remove().unwrap();
        assert_eq!(listing(root.path()), ["dev", "proc", "sys"].map(PathBuf::from));
        assert_eq!(listing(&root.path().join("dev")), Vec::<PathBuf>::new());
        assert_eq!(fs::metadata(root.path()).unwrap().mtime_nsec(), before);
    }

    #[test]
    fn what_somebody_filled_stays() {
        let root = tempfile::tempdir().unwrap();
        let upper = tempfile::tempdir().unwrap();
        let stubs = Stubs::make(root.path(), upper.path(), &[directory("/a/b")]).unwrap();
        fs::write(root.path().join("a/kept"), "").unwrap();
        stubs.remove().unwrap();
        assert_eq!(listing(&root.path().join("a")), [PathBuf::from("kept")]);
    }
}
