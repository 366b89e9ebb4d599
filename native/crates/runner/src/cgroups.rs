use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// Removes our cgroup from every hierarchy: version 2 at the mount point itself, version 1 one level below.
/// Its processes are dead by now.
pub fn remove(name: &str) {
    let root = Path::new(MOUNT_POINT);
    remove_tree(&root.join(name));
    for hierarchy in fs::read_dir(root).into_iter().flatten().flatten() {
        remove_tree(&hierarchy.path().join(name));
    }
}

/// The files of a cgroup are not removable and do not count; only nested cgroups must go first.
fn remove_tree(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    // The kernel may need a moment to let go of the last process.
    for _ in 0..100 {
        match fs::remove_dir(path) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => sleep(Duration::from_millis(5)),
            _ => return,
        }
    }
}
