use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use crate::open::{join, open_below, split};
use crate::tree::is_below;

/// As in `tree::follow`.
const MAX_LINKS: usize = 255;

/// Which part of a context is wanted.
pub(super) struct Prefixes(Vec<Vec<u8>>);

/// How a path lies to what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Outside,
    /// A directory on the way to something wanted.
    Way,
    Inside,
}

impl Prefixes {
    /// Everything at or below `wanted` (`/` anchored), everything at all when that is empty.
    /// Where a symbolic link lies on the way, it is wanted and so is what it leads to (inside the root).
    pub fn resolve(root: BorrowedFd<'_>, wanted: &[Vec<u8>]) -> Self {
        let mut found = Vec::new();
        for path in wanted {
            follow(root, path, &mut found);
        }
        if wanted.is_empty() || found.iter().any(Vec::is_empty) { Self(vec![Vec::new()]) } else { Self(found) }
    }

    pub fn reach(&self, path: &[u8]) -> Reach {
        let inside = |prefix: &Vec<u8>| prefix.is_empty() || prefix == path || is_below(path, prefix);
        if self.0.iter().any(inside) {
            Reach::Inside
        } else if self.0.iter().any(|prefix| is_below(prefix, path)) {
            Reach::Way
        } else {
            Reach::Outside
        }
    }
}

fn follow(root: BorrowedFd<'_>, path: &[u8], found: &mut Vec<Vec<u8>>) {
    let mut todo: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
    let mut at: Vec<u8> = Vec::new();
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == b".." {
            at.truncate(split(&at).0.len());
            continue;
        }
        let next = join(&at, &name);
        match read_link(root, &next) {
            Some(target) if links < MAX_LINKS => {
                links += 1;
                found.push(next);
                if target.starts_with(b"/") {
                    at.clear();
                }
                todo.extend(components(&target).rev().map(<[u8]>::to_vec));
            }
            _ => at = next,
        }
    }
    found.push(at);
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

/// The target, if a symbolic link stands there.
fn read_link(root: BorrowedFd<'_>, path: &[u8]) -> Option<Vec<u8>> {
    let link = open_below(root, path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty()).ok()?;
    let stat = rustix::fs::statat(&link, "", AtFlags::EMPTY_PATH).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return None;
    }
    Some(rustix::fs::readlinkat(&link, "", Vec::new()).ok()?.into_bytes())
}
