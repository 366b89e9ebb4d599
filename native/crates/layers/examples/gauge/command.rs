use std::ffi::OsString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::{milliseconds, print};

/// Runs a command to its end, with its output on our standard error: time from before its start to its end, and the largest
/// resident set among it and its descendants. The exit code is the command's.
pub fn run(words: &[OsString]) -> io::Result<ExitCode> {
    let (program, arguments) = words.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let output = io::stderr().as_fd().try_clone_to_owned()?;
    let start = Instant::now();
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(output).status()?;
    let time = start.elapsed();
    if !status.success() {
        return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)));
    }
    Ok(print(&format!("{{\"milliseconds\":{},\"peakKiB\":{}}}", milliseconds(time), peak_of_children()?)))
}

/// KiB. A small program starts the command because a child counts the memory of whoever started it, up to its exec.
fn peak_of_children() -> io::Result<i64> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the pointer is to memory for one rusage, which the call only writes.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded and filled it; any bytes make an rusage.
    Ok(unsafe { usage.assume_init() }.ru_maxrss)
}
