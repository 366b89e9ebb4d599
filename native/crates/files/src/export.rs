//! The merged root of an image as files for the user.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::slice;

use digests::{Cancel, Error, Result};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::change::{Copier, Overrides, Owner, Spot, seconds, set_times};
use crate::delta::entry_of_stat;
use crate::mount;
use crate::open::{as_path, join, open_directory};
use crate::remove::remove_at;
use crate::tree::{Entry, Kind};
use crate::walk::{Directory, Name, walk};
use crate::xattr;

/// Copies the merged root of `layers` into `destination`, which is made with its parents where it is missing. Modes, times
/// and hard links are kept, everything belongs to the caller, as docker's client does. What stands in the way of an
/// entry is replaced; what no entry names stays. With `time` (seconds since 1970) all that is written has it.
/// Fails with `TSB_EXPORT_FAILED` and `TSB_DISK_FULL`.
pub fn export_directory(layers: &[PathBuf], destination: &Path, time: Option<i64>, cancel: &Cancel) -> Result<()> {
    std::fs::create_dir_all(destination).map_err(|e| Error::io("TSB_EXPORT_FAILED", "cannot make", destination, &e))?;
    let to = rustix::fs::open(destination, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| Error::io("TSB_EXPORT_FAILED", "cannot open", destination, &e.into()))?;
    let Some(root) = mount::open_root(layers, None)? else { return Ok(()) };
    let owner = Owner { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() };
    let overrides = Overrides { owner: Some(owner), mode: None };
    let copier = Copier::new(slice::from_ref(&root), &to, overrides, false, cancel);
    let found: Vec<Vec<(Vec<u8>, Stat)>> = walk(
        root.as_fd(),
        (Vec::new(), ()),
        "TSB_EXPORT_FAILED",
        cancel,
        |directory, names, found: &mut Vec<(Vec<u8>, Stat)>, children| {
            let made = export_names(&copier, &to, directory, names, time)?;
            children.extend(made.iter().map(|(path, _)| (path.clone(), ())));
            found.extend(made);
            Ok(())
        },
    )?;
    // Now that nothing is made in them any more.
    found.iter().flatten().try_for_each(|(path, stat)| finish(&to, path, stat, time))
}

/// Copies what has the given names; directories are only made, and come back to be walked.
fn export_names(
    copier: &Copier<'_>,
    to: &OwnedFd,
    directory: &Directory<()>,
    names: &[Name],
    time: Option<i64>,
) -> Result<Vec<(Vec<u8>, Stat)>> {
    let target = open_directory(to, &directory.path).map_err(|e| failed("cannot open", &directory.path, &e))?;
    let mut made = Vec::new();
    let mut buffer = Vec::new();
    for name in names {
        copier.cancel.check()?;
        let path = join(&directory.path, &name.bytes);
        let (mut entry, stat) = look(directory, name, path.clone()).map_err(|e| failed("cannot read", &path, &e))?;
        if entry.kind == Kind::Character && entry.rdev == 0 {
            // The whiteout of a layer that has nothing below it and is therefore no mount.
            continue;
        }
        clear(&target, &name.bytes, entry.kind).map_err(|e| failed("cannot replace", &path, &e))?;
        if entry.kind == Kind::Directory {
            match rustix::fs::mkdirat(&target, name.bytes.as_slice(), Mode::RWXU) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(e) => return Err(failed("cannot make", &path, &e.into())),
            }
            made.push((path, stat));
            continue;
        }
        let from = slice::from_ref(&directory.fd);
        let spot = Spot { from, from_name: &name.bytes, to: &target, to_name: &name.bytes, shown: &path };
        copier.copy(&mut entry, &spot, &mut buffer)?;
        if let Some(time) = time {
            rustix::fs::utimensat(&target, name.bytes.as_slice(), &seconds(time), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|e| failed("cannot set the time of", &path, &e.into()))?;
        }
    }
    Ok(made)
}

fn look(directory: &Directory<()>, name: &Name, path: Vec<u8>) -> std::io::Result<(Entry, Stat)> {
    let stat = rustix::fs::statat(&directory.fd, name.bytes.as_slice(), AtFlags::SYMLINK_NOFOLLOW)?;
    let mut entry = entry_of_stat(path, &stat);
    if entry.kind == Kind::Symlink {
        entry.link = rustix::fs::readlinkat(&directory.fd, name.bytes.as_slice(), Vec::new())?.into_bytes();
    }
    entry.xattrs = xattr::read_at(&directory.fd, &name.bytes, xattr::kept_of_context)?;
    Ok((entry, stat))
}

/// Removes a directory where something else is to be, and something else where a directory is to be.
fn clear(target: &OwnedFd, name: &[u8], kind: Kind) -> std::io::Result<()> {
    let found = match rustix::fs::statat(target, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        found => FileType::from_raw_mode(found?.st_mode),
    };
    let changes = (found == FileType::Directory) != (kind == Kind::Directory);
    if changes { remove_at(target, name) } else { Ok(()) }
}

fn finish(to: &OwnedFd, path: &[u8], stat: &Stat, time: Option<i64>) -> Result<()> {
    let directory = open_directory(to, path).map_err(|e| failed("cannot open", path, &e))?;
    rustix::fs::fchmod(&directory, Mode::from_raw_mode(stat.st_mode & 0o7777))
        .and_then(|()| match time {
            Some(time) => rustix::fs::futimens(&directory, &seconds(time)),
            None => set_times(&directory, stat),
        })
        .map_err(|e| failed("cannot change", path, &e.into()))
}

fn failed(what: &str, path: &[u8], cause: &std::io::Error) -> Error {
    Error::io("TSB_EXPORT_FAILED", what, as_path(path), cause)
}
