use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};

const REQUESTS: RawFd = 3;
const EVENTS: RawFd = 4;
/// Exit code of somebody who called us without the two channels.
pub const MISUSED: u8 = 2;

/// What we hear from and tell to the process that started us. The end of `requests` means: end everything.
pub struct Channels {
    pub requests: OwnedFd,
    pub events: OwnedFd,
}

impl Channels {
    /// Takes them over from whoever started us, and closes what else leaked in. `None`, said on stderr, without them.
    pub fn adopt() -> Option<Self> {
        let (Ok(requests), Ok(events)) = (adopt(REQUESTS), adopt(EVENTS)) else {
            let _ =
                io::stderr().write_all(b"tsbuild-runner is started by tsbuild: it expects requests on descriptor 3\n");
            return None;
        };
        close_others();
        Some(Self { requests, events })
    }
}

/// Takes an inherited descriptor over and keeps it from our children.
fn adopt(fd: RawFd) -> rustix::io::Result<OwnedFd> {
    // SAFETY: nothing else in this program owns the number; whether it is open at all is what the next call tells.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    match fcntl_setfd(&owned, FdFlags::CLOEXEC) {
        Ok(()) => Ok(owned),
        Err(error) => {
            // Closing a number that is not open would abort the process.
            std::mem::forget(owned);
            Err(error)
        }
    }
}

/// What else leaked in from whoever started our caller is nobody's business in a container.
fn close_others() {
    // SAFETY: no descriptor above the two channels has an owner in this program yet.
    unsafe { libc::syscall(libc::SYS_close_range, EVENTS + 1, libc::c_uint::MAX, 0) };
}
