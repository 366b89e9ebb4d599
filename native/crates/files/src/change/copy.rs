use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use digests::{Cancel, Error, Fault, Result};
use rustix::fs::{Mode, OFlags};

use super::item::{Copier, Spot};
use super::owner::Owner;
use super::resolve::{Place, conflict, failed, make_directories, make_missing, resolve};
use super::{Changed, Copy, OpenSource, subtree, unpack};
use crate::open::{as_path, open_below, open_directory, split};
use crate::tree::{self, Entry, Kind};

/// COPY's own mode for the directories that it makes; BuildKit's process has the umask 022, which `--chmod` does not
/// escape there.
const UMASK: u32 = 0o022;

/// What a copy changes about everything that it copies.
#[derive(Clone, Copy)]
pub(crate) struct Overrides {
    pub owner: Option<Owner>,
    pub mode: Option<u32>,
}

impl Overrides {
    fn of_new_directories(self) -> (u32, Owner) {
        (self.mode.unwrap_or(0o755) & 0o777 & !UMASK, self.owner.unwrap_or_default())
    }
}

/// One COPY or ADD (BuildKit, solver/llbsolver/file, and fsutil's copy): every path in order into the destination.
pub(super) fn run(
    copy: &Copy,
    source: &OpenSource,
    root: &OwnedFd,
    overrides: Overrides,
    cancel: &Cancel,
    changed: &mut Changed,
) -> Result<()> {
    for path in &copy.paths {
        cancel.check()?;
        let entry = tree::follow(&source.tree, path)?.ok_or_else(|| missing(path))?;
        let from = source.root.as_ref().ok_or_else(|| missing(path))?;
        if copy.unpack && entry.kind == Kind::File {
            let archive = open_archive(from, &entry, source.is_live)?;
            if unpack::try_unpack(archive, root, &copy.destination, overrides.owner, cancel, changed)? {
                continue;
            }
        }
        let task = Task { copy, source, from: from.as_fd(), root, overrides, cancel };
        match entry.kind {
            Kind::Directory => task.directory(&entry, changed)?,
            _ => task.file(path, &entry, changed)?,
        }
    }
    Ok(())
}

struct Task<'a> {
    copy: &'a Copy,
    source: &'a OpenSource,
    from: BorrowedFd<'a>,
    root: &'a OwnedFd,
    overrides: Overrides,
    cancel: &'a Cancel,
}

impl Task<'_> {
    /// The content of a directory goes into the destination, which is made where it is missing. Only its times are the
    /// source's.
    fn directory(&self, entry: &Entry, changed: &mut Changed) -> Result<()> {
        let destination = &self.copy.destination;
        let (mode, owner) = self.overrides.of_new_directories();
        let to = match resolve(self.root, destination)? {
            Place::Directory(directory) => directory,
            Place::Missing(directory, names) => make_missing(directory, &names, mode, owner, destination)?,
            Place::Other(..) => {
                let shown = as_path(destination).display().to_string();
                return Err(conflict(format!("cannot copy a directory to `{shown}`, which is none"), destination)
                    .hint("choose another destination, or remove what is in the way first"));
            }
        };
        let from =
            open_directory(self.from, &entry.path).map_err(|e| unreadable(&entry.path, &e, self.source.is_live))?;
        let times = rustix::fs::fstat(&from).map_err(|e| unreadable(&entry.path, &e.into(), self.source.is_live))?;
        let copier = self.copier(from.as_fd(), to.as_fd());
        subtree::copy(&copier, &self.source.tree, &entry.path, changed).map_err(|e| below(&entry.path, e))?;
        super::item::set_times(&to, &times).map_err(|e| failed("cannot set the times of", destination, e))
    }

    /// A file goes into the destination when that is a directory, and replaces what is there otherwise.
    fn file(&self, path: &[u8], entry: &Entry, changed: &mut Changed) -> Result<()> {
        let destination = &self.copy.destination;
        let (mode, owner) = self.overrides.of_new_directories();
        let parents = if destination.ends_with(b"/") { destination.as_slice() } else { split(destination).0 };
        make_directories(self.root, parents, mode, owner)?;
        let (directory, name) = match resolve(self.root, destination)? {
            Place::Directory(directory) => (directory, split(path).1.to_vec()),
            Place::Other(directory, name) => (directory, name),
            Place::Missing(directory, names) => {
                // Several names are missing where the destination is a link to nowhere.
                let (last, above) = names.split_last().ok_or_else(|| missing(path))?;
                (make_missing(directory, above, mode, owner, destination)?, last.clone())
            }
        };
        let (parent, source_name) = split(&entry.path);
        let from = open_directory(self.from, parent).map_err(|e| unreadable(&entry.path, &e, self.source.is_live))?;
        let copier = self.copier(from.as_fd(), directory.as_fd());
        let spot =
            Spot { from: from.as_fd(), from_name: source_name, to: directory.as_fd(), to_name: &name, shown: path };
        let mut buffer = Vec::new();
        changed.files += 1;
        changed.bytes += copier.copy(entry, &spot, &mut buffer)?;
        Ok(())
    }

    fn copier<'b>(&'b self, from: BorrowedFd<'b>, to: BorrowedFd<'b>) -> Copier<'b> {
        Copier::new(from, to, self.overrides, self.source.is_live, self.cancel)
    }
}

/// What fails below a directory names paths relative to it; users know the path in the source.
fn below(directory: &[u8], mut error: Error) -> Error {
    if let Some(path) = error.path.take_if(|path| path.is_relative()) {
        let whole = Path::new("/").join(as_path(directory)).join(&path);
        error.message = error.message.replacen(&format!("`{}`", path.display()), &format!("`{}`", whole.display()), 1);
        error.path = Some(whole);
    }
    error
}

fn open_archive(from: &OwnedFd, entry: &Entry, is_live: bool) -> Result<std::fs::File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let open = open_below(from, &entry.path, flags, Mode::empty());
    open.map(std::fs::File::from).map_err(|e| unreadable(&entry.path, &e, is_live))
}

/// A source that the tree has and the disk has not, or not like that.
pub(super) fn unreadable(path: &[u8], cause: &std::io::Error, is_live: bool) -> Error {
    let gone = matches!(cause.raw_os_error(), Some(libc::ENOENT | libc::ELOOP | libc::ENOTDIR | libc::ENXIO));
    if is_live && gone {
        return changed_meanwhile(path);
    }
    Error::io("TSB_COPY_FAILED", "cannot read", as_path(path), cause)
}

pub(super) fn changed_meanwhile(path: &[u8]) -> Error {
    let message = format!("`{}` changed while it was copied", as_path(path).display());
    Error::new("TSB_CONTEXT_CHANGED", Fault::Input, message)
        .at(as_path(path))
        .hint("let nothing write to the build context during a build, or name the file in `.dockerignore`")
}

fn missing(path: &[u8]) -> Error {
    let message = format!("`{}` not found", as_path(path).display());
    Error::new("TSB_COPY_SOURCE_MISSING", Fault::Input, message).at(as_path(path))
}
