use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use digests::{Error, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::mount;
use crate::open::as_path;

/// The first `max` bytes of a regular file in the merged root of `layers`, links followed inside it; `None` where there is
/// no such file. Fails with `TSB_READ_FAILED`.
pub fn read_file(layers: &[PathBuf], path: &[u8], max: u64) -> Result<Option<Vec<u8>>> {
    let failed = |e: &std::io::Error| Error::io("TSB_READ_FAILED", "cannot read", as_path(path), e);
    let Some(root) = mount::open_root(layers, None)? else { return Ok(None) };
    // Looked at before it is opened: opening a device can do things.
    let found = match open_in_root(&root, path, OFlags::PATH) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        found => found.map_err(|e| failed(&e.into()))?,
    };
    let stat = rustix::fs::statat(&found, "", AtFlags::EMPTY_PATH).map_err(|e| failed(&e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    let open = File::from(open_in_root(&root, path, OFlags::RDONLY).map_err(|e| failed(&e.into()))?);
    let mut bytes = Vec::new();
    open.take(max).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
    Ok(Some(bytes))
}

fn open_in_root(root: &OwnedFd, path: &[u8], access: OFlags) -> std::result::Result<OwnedFd, Errno> {
    let flags = access | OFlags::CLOEXEC;
    loop {
        match rustix::fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
        {
            Err(Errno::AGAIN | Errno::INTR) => continue,
            other => return other,
        }
    }
}
