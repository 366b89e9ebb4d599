//! Keeps a network up that one container after another joins: `tsbuild-runner network PASTA DIRECTORY`.
//!
//! The same two processes as for a container: a supervisor on the host side that waits for the end of its caller, and
//! PID 1 of a namespace of its own, which has the network. Whatever ends one of the three ends those after it, pasta too.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{ExitCode, exit};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait, waitpid};
use rustix::thread::UnshareFlags;

use crate::channels::{Channels, MISUSED};
use crate::failure::{Code, During, Failure, Result};
use crate::lineage::{die_with_parent, fork_into_pid_namespace};
use crate::network::bring_up_loopback;
use crate::pasta::{self, OWN_NAMESPACE};
use crate::protocol::{Event, send};
use crate::signals::SignalQueue;

/// Holds a network until the requests end. `directory` gets memory mounted on it, where nobody else sees that.
pub fn run(program: &Path, directory: &Path) -> ExitCode {
    let Some(channels) = Channels::adopt() else { return ExitCode::from(MISUSED) };
    match hold(&channels, program, directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            send(&channels.events, &Event::Failed(&failure));
            ExitCode::FAILURE
        }
    }
}

fn hold(channels: &Channels, program: &Path, directory: &Path) -> Result<()> {
    let cannot = || "cannot make a network".into();
    let signals = SignalQueue::hold(&[libc::SIGCHLD]).during(Code::Isolation, cannot)?;
    let (control, to_keeper) = pipe_with(PipeFlags::CLOEXEC).during(Code::Isolation, cannot)?;
    let (ready, is_ready) = pipe_with(PipeFlags::CLOEXEC).during(Code::Isolation, cannot)?;
    let Some(keeper) = fork_into_pid_namespace().during(Code::Isolation, cannot)? else {
        drop((to_keeper, ready, signals));
        keep(channels, &control, is_ready, program, directory);
    };
    drop((control, is_ready));
    let watched = watch(channels, &signals, keeper, ready).during(Code::Isolation, cannot);
    // Its death is that of everything in it.
    let _ = kill_process(keeper, Signal::KILL);
    let _ = waitpid(Some(keeper), WaitOptions::empty());
    watched
}

/// Until the requests end or the keeper does. Tells when the network can be used.
fn watch(channels: &Channels, signals: &SignalQueue, keeper: Pid, ready: OwnedFd) -> io::Result<()> {
    let mut starting = Some(ready);
    loop {
        let mut waiting = vec![PollFd::new(&channels.requests, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
        waiting.extend(starting.iter().map(|ready| PollFd::new(ready, PollFlags::IN)));
        match poll(&mut waiting, None) {
            Err(Errno::INTR) => continue,
            result => result?,
        };
        let happened: Vec<bool> = waiting.iter().map(|each| !each.revents().is_empty()).collect();
        if happened[0] || happened[1] {
            return Ok(());
        }
        // One byte, or the end of a keeper that has said why.
        let byte = starting.take().map(|ready| rustix::io::read(&ready, &mut [0_u8])).transpose()?;
        if byte == Some(1) {
            send(&channels.events, &Event::Network { pid: keeper.as_raw_nonzero().get() });
        }
    }
}

/// PID 1 of the network: makes it, and reaps until pasta has ended.
fn keep(channels: &Channels, control: &OwnedFd, is_ready: OwnedFd, program: &Path, directory: &Path) -> ! {
    let made = die_with_parent(control)
        .during(Code::Isolation, || "cannot follow the parent process".into())
        .and_then(|()| make(program, directory));
    match made {
        Ok(()) => {
            let _ = rustix::io::write(&is_ready, &[1]);
            drop(is_ready);
            while wait(WaitOptions::empty()).is_ok() {}
        }
        Err(failure) => send(&channels.events, &Event::Failed(&failure)),
    }
    exit(0)
}

fn make(program: &Path, directory: &Path) -> Result<()> {
    let host = File::open(OWN_NAMESPACE).during(Code::Network, || "cannot open the host's network".into())?;
    // SAFETY: none of the flags unshares the descriptor table, which is what makes `unshare` unsafe.
    let unshared = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::NEWNET) };
    unshared.map_err(|error| match error {
        Errno::PERM => Failure { code: Code::Privilege, message: "cannot make namespaces".into() },
        other => Failure { code: Code::Isolation, message: format!("cannot make namespaces: {other}") },
    })?;
    // Downstream, so that no mount of ours is seen outside while what the host unmounts goes here as well.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .during(Code::Isolation, || "cannot separate mounts from the host's".into())?;
    mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None)
        .during(Code::Isolation, || "cannot mount /proc".into())?;
    mount("tmpfs", directory, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=700")
        .during(Code::Isolation, || "cannot mount memory".into())?;
    bring_up_loopback().during(Code::Network, || "cannot bring up the loopback interface".into())?;
    pasta::connect(program, host.into(), directory)
}
