use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, stat, utimensat};

/// Changes entries of `directory` in a way that its times do not show.
pub fn keeping_times<T, E: From<rustix::io::Errno>>(
    directory: &Path,
    change: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let before = stat(directory)?;
    let result = change()?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: before.st_atime, tv_nsec: before.st_atime_nsec as i64 },
        last_modification: Timespec { tv_sec: before.st_mtime, tv_nsec: before.st_mtime_nsec as i64 },
    };
    utimensat(CWD, directory, &times, AtFlags::empty())?;
    Ok(result)
}
