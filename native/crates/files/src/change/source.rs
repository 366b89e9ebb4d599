//! Where a copy takes files from.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use digests::{Error, Result};
use rustix::fs::{Mode, OFlags};

use super::copy::unreadable;
use super::{Request, Source, load};
use crate::open::{open_directory, split};
use crate::stack;
use crate::tree::Tree;

/// A source with its listing.
pub(super) struct OpenSource {
    pub tree: Tree,
    place: Place,
}

enum Place {
    /// The user's own directory, open.
    Live(OwnedFd),
    Layers(Vec<PathBuf>),
}

impl OpenSource {
    /// Fails with `TSB_CONTEXT_MISSING`, `TSB_TREE_MISSING` and `TSB_TREE_CORRUPT`.
    pub fn open(source: &Source, request: &Request) -> Result<Self> {
        match source {
            Source::Directory { root, tree } => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let open = rustix::fs::open(root, flags, Mode::empty())
                    .map_err(|e| Error::io("TSB_CONTEXT_MISSING", "cannot open build context", root, &e.into()))?;
                Ok(Self { tree: load(request, tree)?, place: Place::Live(open) })
            }
            Source::Layers { layers, tree } => {
                Ok(Self { tree: load(request, tree)?, place: Place::Layers(layers.clone()) })
            }
        }
    }

    /// Whether it may change under us, so that content is compared with the tree.
    pub fn is_live(&self) -> bool {
        matches!(self.place, Place::Live(_))
    }

    /// The directories that show `path` together, top first. No link of the source is followed.
    pub fn directories(&self, path: &[u8]) -> Result<Vec<OwnedFd>> {
        match &self.place {
            Place::Live(root) => {
                let directory = open_directory(root, path).map_err(|e| unreadable(path, &e, true))?;
                Ok(vec![directory])
            }
            Place::Layers(layers) => stack::directories(layers, path).collect(),
        }
    }

    /// Opens the file `path` for reading.
    pub fn open_file(&self, path: &[u8]) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let (parent, name) = split(path);
        let directories = self.directories(parent)?;
        stack::first(&directories, |directory| rustix::fs::openat(directory, name, flags, Mode::empty()))
            .map(File::from)
            .map_err(|e| unreadable(path, &e.into(), self.is_live()))
    }
}
