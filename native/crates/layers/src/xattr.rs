use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::io::Errno;

/// Names and values.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// The attributes by which overlayfs keeps its books; never part of a layer, never taken from one: a layer that
/// could set them would decide where lookups in other layers lead.
pub const OVERLAY: &[u8] = b"trusted.overlay.";
/// The same where overlayfs is mounted without privilege (`userxattr`).
const USER_OVERLAY: &[u8] = b"user.overlay.";
pub const OPAQUE: &CStr = c"trusted.overlay.opaque";

/// Whether an attribute belongs into a layer: the same choice as the tree index makes (`files::xattr`). Labels and
/// hashes that the host's security modules put on every file are the host's affair.
pub fn is_portable(name: &[u8]) -> bool {
    let hosts = matches!(name, b"security.selinux" | b"security.ima" | b"security.evm");
    !name.starts_with(OVERLAY) && !name.starts_with(USER_OVERLAY) && !hosts
}

/// What attributes are read from and written to.
pub enum Target<'a> {
    /// An open file or directory.
    Open(BorrowedFd<'a>),
    /// An entry of a directory, not followed: links and devices cannot be opened.
    Named(BorrowedFd<'a>, &'a [u8]),
}

impl Target<'_> {
    /// Every attribute, sorted by name; empty where the file system has none.
    pub fn list(&self) -> Result<Xattrs, Errno> {
        let mut names = Vec::new();
        match sized(&mut names, |buffer| self.list_names(buffer)) {
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            other => other?,
        }
        let mut xattrs = Vec::new();
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let mut value = Vec::new();
            match sized(&mut value, |buffer| self.get(name, buffer)) {
                // Listed but not readable for us (`security.*` of some modules): not ours to copy.
                Err(Errno::NODATA | Errno::NOTSUP) => {}
                other => {
                    other?;
                    xattrs.push((name.to_vec(), value));
                }
            }
        }
        xattrs.sort_unstable();
        Ok(xattrs)
    }

    pub fn set(&self, name: &CStr, value: &[u8]) -> Result<(), Errno> {
        let flags = rustix::fs::XattrFlags::empty();
        match self {
            Self::Open(fd) => rustix::fs::fsetxattr(fd, name, value, flags),
            Self::Named(..) => rustix::fs::lsetxattr(self.path(), name, value, flags),
        }
    }

    fn list_names(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::flistxattr(fd, buffer),
            Self::Named(..) => rustix::fs::llistxattr(self.path(), buffer),
        }
    }

    fn get(&self, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
        match self {
            Self::Open(fd) => rustix::fs::fgetxattr(fd, name, buffer),
            Self::Named(..) => rustix::fs::lgetxattr(self.path(), name, buffer),
        }
    }

    /// There is no `lgetxattrat` before Linux 6.13; this path leads to the same directory without a walk.
    fn path(&self) -> CString {
        match self {
            Self::Open(fd) => CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())),
            Self::Named(parent, name) => {
                let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
                path.extend_from_slice(name);
                CString::new(path)
            }
        }
        .unwrap_or_default()
    }
}

/// Calls `read` with room that grows until the result fits.
fn sized(buffer: &mut Vec<u8>, mut read: impl FnMut(&mut [u8]) -> Result<usize, Errno>) -> Result<(), Errno> {
    let mut small = [0; 256];
    match read(&mut small) {
        Ok(length) => {
            buffer.extend_from_slice(&small[..length]);
            return Ok(());
        }
        Err(Errno::RANGE) => {}
        Err(errno) => return Err(errno),
    }
    buffer.resize(64 << 10, 0);
    let length = read(buffer)?;
    buffer.truncate(length);
    Ok(())
}
