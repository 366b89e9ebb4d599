//! A file whose content is part of the request.

use std::fs::File;
use std::io::Write as _;

use digests::{Error, Result};
use rustix::fs::{Gid, Mode, OFlags, Uid};

use super::Write;
use super::item::{Overrides, Spot, over_directory, replacing};
use super::resolve::{Making, failed, land};
use super::root::Root;
use crate::delta::Item;
use crate::open::{as_path, split};
use crate::tree::{Entry, Kind};

/// Writes the file where a copy of a file called `name` would go. Fails as a copy does.
pub(super) fn run(write: &Write, root: &mut Root<'_>, overrides: Overrides<'_>) -> Result<()> {
    let at = land(root, &write.destination, &write.name, Making::of_copy(&overrides))?;
    let (parent, name) = split(&at);
    if root.kind(&at)? == Some(Kind::Directory) {
        return Err(over_directory(name, &write.name));
    }
    let directory = root.enter(parent)?;
    let mut entry =
        Entry::new(at.clone(), Kind::File, overrides.mode.map_or(write.mode, |mode| mode.of(write.mode, false)));
    let owner = overrides.owner.unwrap_or_default();
    (entry.uid, entry.gid) = (owner.uid, owner.gid);
    entry.size = write.content.len() as u64;
    entry.hash = *blake3::hash(&write.content).as_bytes();
    let spot = Spot { from: &[], from_name: b"", to: &directory, to_name: name, shown: &at };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file =
        replacing(&spot, || rustix::fs::openat(&directory, name, flags, Mode::RUSR | Mode::WUSR)).map(File::from)?;
    file.write_all(&write.content).map_err(|e| Error::io("TSB_COPY_FAILED", "cannot write", as_path(&at), &e))?;
    rustix::fs::fchown(&file, Some(Uid::from_raw(owner.uid)), Some(Gid::from_raw(owner.gid)))
        .map_err(|e| failed("cannot change the owner of", &at, e))?;
    // Owner first, because changing it takes setuid bits away.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(entry.mode))
        .map_err(|e| failed("cannot change the mode of", &at, e))?;
    root.record(Item { entry, inode: None });
    Ok(())
}
