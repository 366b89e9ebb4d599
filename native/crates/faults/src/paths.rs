use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use crate::calls::Target;
use crate::listener::Question;

/// The file that a call is about, as its caller names it; `None` where that cannot be found out: it is gone, or it is no file.
pub fn target_of(question: &Question, target: Target) -> Option<PathBuf> {
    let argument = |index: usize| question.arguments.get(index).copied();
    match target {
        Target::Descriptor(fd) => descriptor(question.thread, argument(fd)?),
        Target::Path(path) => below(working_directory(question.thread)?, &text(question.thread, argument(path)?)?),
        Target::At(fd, path) => {
            let path = text(question.thread, argument(path)?)?;
            // The kernel takes the lower half: descriptors are ints.
            let directory = match argument(fd)? as i32 {
                libc::AT_FDCWD => working_directory(question.thread)?,
                _ if path.is_absolute() => PathBuf::new(),
                fd => descriptor(question.thread, u64::try_from(fd).ok()?)?,
            };
            below(directory, &path)
        }
    }
}

fn descriptor(thread: u32, fd: u64) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{thread}/fd/{}", fd as u32)).ok()
}

fn working_directory(thread: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{thread}/cwd")).ok()
}

/// Without `.` and `..`, by the letter.
fn below(directory: PathBuf, path: &Path) -> Option<PathBuf> {
    let mut whole = directory;
    for component in path.components() {
        match component {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            other => whole.push(other),
        }
    }
    Some(whole)
}

/// A path in the caller's memory.
fn text(thread: u32, address: u64) -> Option<PathBuf> {
    const LONGEST: usize = libc::PATH_MAX as usize;
    const PAGE: usize = 4096;
    let memory = File::open(format!("/proc/{thread}/mem")).ok()?;
    let mut bytes = Vec::new();
    let mut at = address;
    while bytes.len() < LONGEST {
        // Not beyond the page: the next one may not be there.
        let mut piece = vec![0_u8; PAGE - (at as usize % PAGE)];
        let read = memory.read_at(&mut piece, at).ok()?;
        if read == 0 {
            return None;
        }
        if let Some(end) = piece.iter().take(read).position(|&byte| byte == 0) {
            bytes.extend(piece.into_iter().take(end));
            return Some(PathBuf::from(OsString::from_vec(bytes)));
        }
        bytes.extend(piece.into_iter().take(read));
        at += read as u64;
    }
    None
}
