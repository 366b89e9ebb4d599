use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::exit;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, set_parent_process_death_signal};

use crate::signals::release_all;

/// Like `fork`, the child being PID 1 of a new namespace. Returns `None` in the child.
pub fn fork_into_pid_namespace() -> io::Result<Option<Pid>> {
    // `unshare` and `fork` would do, but would leave this process unable to make threads.
    let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the child has memory of its own, as after fork, and this program has one thread, so no
    // lock is held by a thread that the child lacks. The remaining arguments are unused without the flags that name them.
    match unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_long, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(Pid::from_raw(pid as i32)),
    }
}

/// Ties the life of a child of `fork_into_pid_namespace` to its parent's, which holds the other end of `control`, and
/// undoes what the parent did to signals.
pub fn die_with_parent(control: &impl AsFd) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that took effect.
    let mut hung_up = [PollFd::new(control, PollFlags::empty())];
    poll(&mut hung_up, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
    if hung_up[0].revents().contains(PollFlags::HUP) {
        exit(1);
    }
    release_all()
}

/// Lets go of our own stdout and stderr, so that whoever reads them need not wait for our end.
pub fn silence() -> io::Result<()> {
    let nowhere = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&nowhere)?;
    Ok(rustix::stdio::dup2_stderr(&nowhere)?)
}
