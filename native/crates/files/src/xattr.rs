//! Extended attributes of things that may be symbolic links or devices, which cannot be opened for it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::XattrFlags;
use rustix::io::Errno;

use crate::tree::Xattr;

/// The attributes of `name` in an open directory whose names `keep` accepts, sorted. None where the file system has none.
pub fn read_at(directory: impl AsFd, name: &[u8], keep: fn(&[u8]) -> bool) -> io::Result<Vec<Xattr>> {
    let path = proc_path(directory, name);
    let path = path.as_slice();
    read(|buffer| rustix::fs::llistxattr(path, buffer), |name, buffer| rustix::fs::lgetxattr(path, name, buffer), keep)
}

/// As `read_at`, for what is open for reading: much cheaper.
pub fn read_open(file: impl AsFd, keep: fn(&[u8]) -> bool) -> io::Result<Vec<Xattr>> {
    let file = file.as_fd();
    read(|buffer| rustix::fs::flistxattr(file, buffer), |name, buffer| rustix::fs::fgetxattr(file, name, buffer), keep)
}

/// Sets one attribute of `name` in an open directory.
pub fn write_at(directory: impl AsFd, name: &[u8], xattr: &Xattr) -> io::Result<()> {
    let path = proc_path(directory, name);
    Ok(rustix::fs::lsetxattr(path.as_slice(), xattr.0.as_slice(), &xattr.1, XattrFlags::empty())?)
}

/// Removes one attribute of `name` in an open directory; one that is not there is no error.
pub fn remove_at(directory: impl AsFd, name: &[u8], attribute: &[u8]) -> io::Result<()> {
    match rustix::fs::lremovexattr(proc_path(directory, name).as_slice(), attribute) {
        Ok(()) | Err(Errno::NODATA) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

/// What a context keeps, as docker's client sends it.
pub fn kept_of_context(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && kept_of_layer(name))
}

/// What is part of a layer: all but overlayfs' own notes and the host's labels.
pub fn kept_of_layer(name: &[u8]) -> bool {
    !name.starts_with(b"trusted.overlay.")
        && !name.starts_with(b"user.overlay.")
        && name != b"security.selinux"
        && name != b"security.ima"
        && name != b"security.evm"
}

/// For `read_at` of an upper directory, where overlayfs' own notes are wanted too.
pub fn kept_of_upper(name: &[u8]) -> bool {
    kept_of_layer(name) || name == OPAQUE
}

/// On a directory of an upper: what is below does not shine through.
pub const OPAQUE: &[u8] = b"trusted.overlay.opaque";

/// How the names of both kinds of ACL begin (acl(5)).
pub const ACL: &[u8] = b"system.posix_acl_";

/// A path that reaches into an open directory: the system calls for attributes know no `*at` form before Linux 6.13.
fn proc_path(directory: impl AsFd, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", directory.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(if name.is_empty() { b"." } else { name });
    path
}

fn read(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
    keep: fn(&[u8]) -> bool,
) -> io::Result<Vec<Xattr>> {
    let mut names = vec![0u8; 256];
    let length = fill(&mut names, list)?;
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty() && keep(name)) {
        let mut value = vec![0u8; 256];
        match fill(&mut value, |buffer| get(name, buffer)) {
            Ok(length) => value.truncate(length),
            Err(Errno::NODATA) => continue,
            Err(other) => return Err(other.into()),
        }
        found.push((name.to_vec(), value));
    }
    found.sort();
    Ok(found)
}

/// Repeats a call with a larger buffer until the answer fits.
fn fill(buffer: &mut Vec<u8>, call: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match call(buffer) {
            Err(Errno::RANGE) if buffer.len() < 1 << 20 => buffer.resize(buffer.len() * 4, 0),
            Err(Errno::OPNOTSUPP) => return Ok(0),
            other => return other,
        }
    }
}
