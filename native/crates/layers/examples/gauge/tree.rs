use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{Amount, on_all_cores, timed, total};

const BUFFER: usize = 256 << 10;

/// Names and stat of everything below a directory.
pub fn walk(root: &Path) -> io::Result<(Duration, Amount)> {
    timed(|| {
        let tree = list(root)?;
        Ok(Amount { files: tree.files.len() as u64, bytes: tree.files.iter().map(|(_, size)| size).sum() })
    })
}

/// Reads and writes file by file, all cores at it; the listing is made before and not counted. A file is copied by the kernel.
pub fn copy(from: &Path, to: &Path) -> io::Result<(Duration, Amount)> {
    if from.is_file() {
        return timed(|| Ok(Amount { files: 1, bytes: fs::copy(from, to)? }));
    }
    let Tree { directories, files } = list(from)?;
    timed(|| {
        fs::create_dir(to)?;
        for directory in &directories {
            fs::create_dir(moved(directory, from, to)?)?;
        }
        on_all_cores(&files, |(path, size)| copy_file(path, &moved(path, from, to)?, *size)).map(total)
    })
}

/// The regular files of a directory in any order, or the one file that `path` is.
pub fn files_of(path: &Path) -> io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    Ok(list(path)?.files.into_iter().map(|(path, _)| path).collect())
}

#[derive(Default)]
struct Tree {
    /// Without the root, parents first.
    directories: Vec<PathBuf>,
    files: Vec<(PathBuf, u64)>,
}

/// Level by level, the directories of a level on all cores.
fn list(root: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut level = vec![root.to_path_buf()];
    while !level.is_empty() {
        let found = on_all_cores(&level, |directory| list_directory(directory))?;
        level.clear();
        for one in found {
            level.extend(one.directories);
            tree.files.extend(one.files);
        }
        tree.directories.extend(level.iter().cloned());
    }
    Ok(tree)
}

fn list_directory(directory: &Path) -> io::Result<Tree> {
    let mut tree = Tree::default();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let stat = entry.metadata()?;
        if stat.is_dir() {
            tree.directories.push(entry.path());
        } else if stat.is_file() {
            tree.files.push((entry.path(), stat.len()));
        }
    }
    Ok(tree)
}

fn moved(path: &Path, from: &Path, to: &Path) -> io::Result<PathBuf> {
    path.strip_prefix(from).map(|rest| to.join(rest)).map_err(io::Error::other)
}

fn copy_file(from: &Path, to: &Path, size: u64) -> io::Result<Amount> {
    let (mut source, mut target) = (File::open(from)?, File::create_new(to)?);
    // One byte more than the file has, so that the first read shows its end.
    let mut buffer = vec![0; usize::try_from(size + 1).map_or(BUFFER, |size| size.min(BUFFER))];
    let mut bytes = 0;
    loop {
        let length = source.read(&mut buffer)?;
        target.write_all(&buffer[..length])?;
        bytes += length as u64;
        // A short read of a regular file is its end.
        if length < buffer.len() {
            return Ok(Amount { files: 1, bytes });
        }
    }
}
