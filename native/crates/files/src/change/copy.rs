use std::os::fd::OwnedFd;
use std::path::Path;

use digests::{Cancel, Error, Fault, Result};

use super::item::{Copier, Overrides, Spot, over_directory, set_times};
use super::resolve::{Making, Place, conflict, failed, land, make_missing, resolve};
use super::root::Root;
use super::source::OpenSource;
use super::{Copy, subtree, unpack};
use crate::content;
use crate::delta::Item;
use crate::open::{as_path, split};
use crate::tree::{self, Entry, Filter, Kind};

/// One COPY or ADD (BuildKit, solver/llbsolver/file, and fsutil's copy): every path in order into the destination.
pub(super) fn run(
    copy: &Copy,
    source: &OpenSource,
    root: &mut Root<'_>,
    overrides: Overrides<'_>,
    cancel: &Cancel,
) -> Result<()> {
    for path in &copy.paths {
        cancel.check()?;
        let entry = tree::follow(&source.tree, path)?.ok_or_else(|| missing(path))?;
        let filter = copy.filter.as_ref();
        let task = Task { source, destination: &copy.destination, filter, overrides, cancel };
        match entry.kind {
            Kind::Directory => task.directory(root, path, &entry)?,
            Kind::File if copy.unpack && task.unpack(root, &entry)? => {}
            _ => task.file(root, path, entry)?,
        }
    }
    Ok(())
}

struct Task<'a> {
    source: &'a OpenSource,
    destination: &'a [u8],
    filter: Option<&'a Filter>,
    overrides: Overrides<'a>,
    cancel: &'a Cancel,
}

impl Task<'_> {
    /// The content of a directory goes into the destination, which is made where it is missing. Only its times are the
    /// source's.
    fn directory(&self, root: &mut Root<'_>, path: &[u8], entry: &Entry) -> Result<()> {
        let destination = self.destination;
        let making = Making::of_copy(&self.overrides);
        let at = match resolve(root, b"", destination)? {
            Place::Directory(directory) => directory,
            Place::Missing(directory, names) => make_missing(root, directory, &names, making)?,
            Place::Other(..) => {
                let shown = as_path(destination).display().to_string();
                return Err(conflict(format!("cannot copy a directory to `{shown}`, which is none"), destination)
                    .hint("choose another destination, or remove what is in the way first"));
            }
        };
        let from = self.source.directories(&entry.path)?;
        let top = from.first().ok_or_else(|| missing(path))?;
        let times = rustix::fs::fstat(top).map_err(|e| unreadable(&entry.path, &e.into(), self.source.is_live()))?;
        let to = root.enter(&at)?;
        let copier = self.copier(&from, &to);
        let part = subtree::Subtree { tree: &self.source.tree, top: &entry.path, filter: self.filter };
        subtree::copy(&copier, root, &part, &at).map_err(|e| below(&entry.path, e))?;
        set_times(&to, &times).map_err(|e| failed("cannot set the times of", destination, e))
    }

    /// A file goes into the destination when that is a directory, and replaces what is there otherwise.
    fn file(&self, root: &mut Root<'_>, path: &[u8], mut entry: Entry) -> Result<()> {
        let at = land(root, self.destination, split(path).1, Making::of_copy(&self.overrides))?;
        let (parent, name) = split(&at);
        let (source_parent, source_name) = split(&entry.path);
        let (from, to) = (self.source.directories(source_parent)?, root.enter(parent)?);
        let source_name = source_name.to_vec();
        let spot = Spot { from: &from, from_name: &source_name, to: &to, to_name: name, shown: path };
        if root.kind(&at)? == Some(Kind::Directory) {
            return Err(over_directory(name, path));
        }
        let inode = self.copier(&from, &to).copy(&mut entry, &spot, &mut Vec::new())?;
        entry.path = at;
        root.record(Item { entry, inode });
        Ok(())
    }

    /// Unpacks a file if it is an archive.
    fn unpack(&self, root: &mut Root<'_>, entry: &Entry) -> Result<bool> {
        let archive = self.source.open_file(&entry.path)?;
        if !unpack::try_unpack(&archive, root, self.destination, self.overrides.owner, self.cancel)? {
            return Ok(false);
        }
        // It was read as a stream, and not to its end.
        if self.source.is_live() && !content::is_hashed(&archive, &entry.hash, self.cancel) {
            return Err(changed_meanwhile(&entry.path));
        }
        Ok(true)
    }

    fn copier<'b>(&'b self, from: &'b [OwnedFd], to: &'b OwnedFd) -> Copier<'b> {
        Copier::new(from, to, self.overrides, self.source.is_live(), self.cancel)
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
