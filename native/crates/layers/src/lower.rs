use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid};
use rustix::fs::{fchmod, fchown, fstat, futimens, openat2, statat};
use rustix::io::Errno;

use crate::problem::{Fail, Why};
use crate::unpack::set_xattrs;
use crate::walk::is_whiteout;
use crate::xattr::{OPAQUE, Target};

const STRICT: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// The regular file that the merged `layers` (bottom first) show at `path`; no link is followed.
pub fn find(layers: &[PathBuf], path: &[u8]) -> Result<Option<(OwnedFd, Stat)>, Fail> {
    for layer in layers.iter().rev() {
        match look(layer, path).map_err(|errno| Fail::system(errno, "cannot read below"))? {
            Look::File(file) => {
                let stat = fstat(&file).map_err(|errno| Fail::system(errno, "cannot read below"))?;
                return Ok(Some((file, stat)));
            }
            Look::Other => {
                return Err(Fail::input(Why::Link, "is a hard link to what is no regular file in a layer below"));
            }
            Look::Hidden => return Ok(None),
            Look::Nothing => {}
        }
    }
    Ok(None)
}

enum Look {
    File(OwnedFd),
    Other,
    /// This layer hides what the ones below it have.
    Hidden,
    Nothing,
}

fn look(layer: &Path, path: &[u8]) -> Result<Look, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(layer, flags, Mode::empty())?;
    let mut directory = root;
    let mut parts = path.split(|byte| *byte == b'/').peekable();
    while let Some(name) = parts.next() {
        let opaque = Target::Open(directory.as_fd()).list()?;
        let opaque = opaque.iter().any(|(known, value)| known == OPAQUE.to_bytes() && value == b"y");
        let stat = match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(if opaque { Look::Hidden } else { Look::Nothing }),
            other => other?,
        };
        if is_whiteout(&stat) {
            return Ok(Look::Hidden);
        }
        let kind = FileType::from_raw_mode(stat.st_mode);
        if parts.peek().is_none() {
            if kind != FileType::RegularFile {
                return Ok(Look::Other);
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            return openat2(&directory, name, flags, Mode::empty(), STRICT).map(Look::File);
        }
        if kind != FileType::Directory {
            return Ok(Look::Other);
        }
        directory = openat2(&directory, name, flags, Mode::empty(), STRICT)?;
    }
    Ok(Look::Nothing)
}

/// Content and metadata, as an overlay's copy-up.
pub fn copy(source: &OwnedFd, stat: &Stat, target: &OwnedFd) -> Result<(), Fail> {
    let fail = |errno| Fail::system(errno, "cannot copy up");
    let mut buffer = vec![0; 256 << 10];
    loop {
        match rustix::io::read(source, &mut buffer) {
            Ok(0) => break,
            Ok(read) => {
                let mut piece = &buffer[..read];
                while !piece.is_empty() {
                    let written = rustix::io::retry_on_intr(|| rustix::io::write(target, piece)).map_err(fail)?;
                    piece = &piece[written..];
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(fail(errno)),
        }
    }
    fchown(target, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))).map_err(fail)?;
    fchmod(target, Mode::from_raw_mode(stat.st_mode & 0o7777)).map_err(fail)?;
    let xattrs = Target::Open(source.as_fd()).list().map_err(fail)?;
    set_xattrs(&Target::Open(target.as_fd()), &xattrs)?;
    let time = Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ };
    futimens(target, &Timestamps { last_access: time, last_modification: time }).map_err(fail)
}
