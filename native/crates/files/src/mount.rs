//! Overlay mounts that nobody else sees.
//!
//! A detached mount (`fsmount` without `move_mount`) is reachable through its descriptor alone: it is in no mount
//! namespace, all threads can use it, and the kernel takes it down when the last descriptor is closed, also when we
//! are killed. Where the kernel is too old for that, a thread with a private mount namespace makes the mount.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;

use digests::{Error, Fault, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags};

/// Where changes go. Both on one file system.
pub struct Upper<'a> {
    pub path: &'a Path,
    /// Empty.
    pub work: &'a Path,
}

/// Switches that keep an upper directory a layer that stands on its own: no redirects, no metadata-only copies,
/// nothing that ties it to the layers it was made on.
const OPTIONS: [(&str, &str); 4] = [("index", "off"), ("metacopy", "off"), ("redirect_dir", "off"), ("xino", "off")];

/// Opens the merged root of `layers` (bottom first), with changes going to `upper`; read-only without one.
/// `None` where there is neither a layer nor an upper: an empty root.
/// Fails with `TSB_PRIVILEGE_MISSING` and `TSB_MOUNT_FAILED`.
pub fn open_root(layers: &[PathBuf], upper: Option<&Upper>) -> Result<Option<OwnedFd>> {
    match (layers, upper) {
        ([], None) => Ok(None),
        // Overlayfs wants something below; what has nothing below is the root itself.
        ([only], None) => open_directory(only).map(Some),
        ([], Some(upper)) => open_directory(upper.path).map(Some),
        _ => {
            let overlay = Overlay::open(layers, upper)?;
            match overlay.detached() {
                Ok(mount) => Ok(Some(mount)),
                Err(Failure::TooOld) => detached_by_thread(layers, upper).map(Some),
                Err(Failure::Refused(error)) => Err(error),
            }
        }
    }
}

/// Mounts the merged root of `layers` on `target` in the caller's mount namespace. As `open_root` otherwise, but
/// at least one layer or an upper must be given.
pub fn attach(layers: &[PathBuf], upper: Option<&Upper>, target: &Path) -> Result<()> {
    let bind = match (layers, upper) {
        ([only], None) => Some((only.as_path(), MountFlags::RDONLY)),
        ([], Some(upper)) => Some((upper.path, MountFlags::empty())),
        _ => None,
    };
    if let Some((source, flags)) = bind {
        rustix::mount::mount_bind(source, target).map_err(|e| refused(e, ""))?;
        if flags.is_empty() {
            return Ok(());
        }
        return rustix::mount::mount_remount(target, MountFlags::BIND | flags, "").map_err(|e| refused(e, ""));
    }
    let overlay = Overlay::open(layers, upper)?;
    match overlay.detached() {
        Ok(mount) => {
            rustix::mount::move_mount(mount, "", rustix::fs::CWD, target, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
                .map_err(|e| refused(e, ""))
        }
        Err(Failure::TooOld) => overlay.mount_on(target),
        Err(Failure::Refused(error)) => Err(error),
    }
}

/// The mount of a thread with its own mount namespace, which ends with the thread; the descriptor outlives both.
fn detached_by_thread(layers: &[PathBuf], upper: Option<&Upper>) -> Result<OwnedFd> {
    // On top of one of its own directories, which exists for sure.
    let place =
        upper.map_or_else(|| layers.first().map(PathBuf::as_path), |upper| Some(upper.path)).unwrap_or(Path::new("/"));
    thread::scope(|scope| {
        let mounting = scope.spawn(|| {
            leave_mount_namespace().map_err(|e| refused(e, ""))?;
            // Opened here, because overlayfs takes only directories of the caller's own mounts.
            Overlay::open(layers, upper)?.mount_on(place)?;
            open_directory(place)
        });
        mounting.join().unwrap_or_else(|_| Err(Error::new("TSB_BUG", Fault::Bug, "mounting thread panicked")))
    })
}

enum Failure {
    /// The kernel has no new mount API, or one without `lowerdir+` (before 6.7).
    TooOld,
    Refused(Error),
}

/// The directories of a mount, held open. They are named to the kernel as `/proc/self/fd/N`: short, however deep the
/// store lies, and without characters that mount options would have to escape.
struct Overlay {
    /// Bottom first.
    layers: Vec<OwnedFd>,
    upper: Option<(OwnedFd, OwnedFd)>,
}

impl Overlay {
    fn open(layers: &[PathBuf], upper: Option<&Upper>) -> Result<Self> {
        let layers = layers.iter().map(|layer| open_directory(layer)).collect::<Result<Vec<_>>>()?;
        let upper = upper.map(|upper| Ok((open_directory(upper.path)?, open_directory(upper.work)?))).transpose()?;
        Ok(Self { layers, upper })
    }

    fn detached(&self) -> std::result::Result<OwnedFd, Failure> {
        let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|e| match e {
            Errno::NOSYS => Failure::TooOld,
            other => Failure::Refused(refused(other, "")),
        })?;
        let set = |key: &str, value: &str| rustix::mount::fsconfig_set_string(context.as_fd(), key, value);
        for layer in self.layers.iter().rev() {
            match set("lowerdir+", &proc_path(layer)) {
                Err(Errno::INVAL) => return Err(Failure::TooOld),
                other => other.map_err(|e| Failure::Refused(refused(e, &reason(&context))))?,
            }
        }
        let configured = OPTIONS.iter().try_for_each(|(key, value)| set(key, value)).and_then(|()| {
            if let Some((upper, work)) = &self.upper {
                set("upperdir", &proc_path(upper))?;
                set("workdir", &proc_path(work))?;
                // Durability comes from one syncfs later; a half-made upper is thrown away after a crash.
                rustix::mount::fsconfig_set_flag(context.as_fd(), "volatile")?;
            }
            rustix::mount::fsconfig_create(context.as_fd())?;
            let access = if self.upper.is_some() { MountAttrFlags::empty() } else { MountAttrFlags::MOUNT_ATTR_RDONLY };
            rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, access)
        });
        configured.map_err(|e| Failure::Refused(refused(e, &reason(&context))))
    }

    /// `mount(2)`, whose options must fit a page.
    fn mount_on(&self, target: &Path) -> Result<()> {
        let layers: Vec<String> = self.layers.iter().rev().map(proc_path).collect();
        let mut options = format!("lowerdir={}", layers.join(":"));
        for (key, value) in OPTIONS {
            options.push_str(&format!(",{key}={value}"));
        }
        let mut flags = MountFlags::RDONLY;
        if let Some((upper, work)) = &self.upper {
            options.push_str(&format!(",upperdir={},workdir={},volatile", proc_path(upper), proc_path(work)));
            flags = MountFlags::empty();
        }
        let options = CString::new(options).map_err(|_| refused(Errno::INVAL, ""))?;
        rustix::mount::mount("overlay", target, "overlay", flags, options.as_c_str()).map_err(|e| refused(e, ""))
    }
}

/// Gives the calling thread mounts of its own, from which nothing travels back.
pub fn leave_mount_namespace() -> std::result::Result<(), Errno> {
    // SAFETY: CLONE_FS and CLONE_NEWNS change the calling thread alone; no descriptor table is unshared.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::FS | rustix::thread::UnshareFlags::NEWNS) }?;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

pub(crate) fn open_directory(path: &Path) -> Result<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| Error::io("TSB_MOUNT_FAILED", "cannot open directory", path, &e.into()))
}

fn proc_path(descriptor: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

/// What the kernel has to say about the mount that it refused.
fn reason(context: &OwnedFd) -> String {
    let mut text = [0u8; 512];
    match rustix::io::read(context, &mut text) {
        Ok(length) => String::from_utf8_lossy(&text[..length]).trim().to_owned(),
        Err(_) => String::new(),
    }
}

fn refused(errno: Errno, detail: &str) -> Error {
    if errno == Errno::PERM || errno == Errno::ACCESS {
        return Error::new("TSB_PRIVILEGE_MISSING", Fault::Host, "no privilege to mount an overlay")
            .hint("run as root");
    }
    let reason = std::io::Error::from(errno);
    let mut error = Error::io("TSB_MOUNT_FAILED", "cannot mount", "overlay", &reason);
    error.path = None;
    if !detail.is_empty() {
        error.message = format!("{} ({detail})", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{openat, statat};
    use std::fs;

    fn privileged() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// The mounts that show something of the stage: others come and go.
    fn mounts(stage: &Stage) -> Vec<String> {
        let folder = stage.folder.path().to_str().unwrap();
        let all = fs::read_to_string("/proc/self/mountinfo").unwrap();
        all.lines().filter(|line| line.contains(folder)).map(str::to_owned).collect()
    }

    struct Stage {
        folder: tempfile::TempDir,
        layers: Vec<PathBuf>,
    }

    fn stage() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let layers: Vec<_> = ["one", "two,:\\"].iter().map(|name| folder.path().join(name)).collect();
        for name in ["upper", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        for (number, layer) in layers.iter().enumerate() {
            fs::create_dir(layer).unwrap();
            fs::write(layer.join("same"), number.to_string()).unwrap();
            fs::write(layer.join(format!("only{number}")), "").unwrap();
        }
        Stage { folder, layers }
    }

    fn check(root: &OwnedFd, stage: &Stage) {
        assert!(["only0", "only1"].iter().all(|name| statat(root, *name, rustix::fs::AtFlags::empty()).is_ok()));
        assert_eq!(statat(root, "same", rustix::fs::AtFlags::empty()).unwrap().st_size, 1);
        openat(root, "new", OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR).unwrap();
        rustix::fs::unlinkat(root, "only0", rustix::fs::AtFlags::empty()).unwrap();
        let upper = stage.folder.path().join("upper");
        assert!(upper.join("new").exists() && fs::symlink_metadata(upper.join("only0")).is_ok());
        assert!(stage.layers[0].join("only0").exists());
    }

    #[test]
    fn a_detached_root_works_and_is_seen_nowhere() {
        if !privileged() {
            return;
        }
        let stage = stage();
        let (path, work) = (stage.folder.path().join("upper"), stage.folder.path().join("work"));
        let root = open_root(&stage.layers, Some(&Upper { path: &path, work: &work })).unwrap().unwrap();
        assert_eq!(mounts(&stage), Vec::<String>::new());
        check(&root, &stage);
    }

    #[test]
    fn an_old_kernel_gets_the_same_from_a_thread() {
        if !privileged() {
            return;
        }
        let stage = stage();
        let (path, work) = (stage.folder.path().join("upper"), stage.folder.path().join("work"));
        let root = detached_by_thread(&stage.layers, Some(&Upper { path: &path, work: &work }));
        assert_eq!(mounts(&stage), Vec::<String>::new());
        check(&root.unwrap(), &stage);
    }

    #[test]
    fn without_an_upper_nothing_can_be_written() {
        if !privileged() {
            return;
        }
        let stage = stage();
        let root = open_root(&stage.layers, None).unwrap().unwrap();
        let written = openat(&root, "new", OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR);
        assert_eq!(written.err(), Some(Errno::ROFS));
        assert!(open_root(&[], None).unwrap().is_none());
    }
}
