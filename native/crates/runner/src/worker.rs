use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::exit;

use files::mount::{Upper, attach};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, umask, wait, waitpid,
};
use rustix::thread::UnshareFlags;

use crate::command;
use crate::copied_up::CopiedUp;
use crate::failure::{Code, During, Failure, Result};
use crate::lineage::{die_with_parent, silence};
use crate::network::{self, Connection};
use crate::protocol::{Event, Request, send, take};
use crate::runtime::Runtime;
use crate::sources;
use crate::stubs::{Stubs, make_working_directory};
use crate::targets;

/// How often we look whether a runtime in the foreground has made its container.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

const CANNOT_SET_UP: &str = "cannot set up the container's supervisor";
const CANNOT_WAIT: &str = "cannot wait for the container";

/// Makes namespaces, then waits for the request on `control`, runs the container and reports how it ended. Afterwards
/// `control` carries signal numbers. It ends with the supervisor.
pub fn main(control: OwnedFd, events: &OwnedFd, streams: [OwnedFd; 2]) -> ! {
    let mut control = File::from(control);
    let outcome = take_position(&control).and_then(|processes| {
        let request = await_request(&mut control)?;
        take_streams(&request, streams).during(Code::Isolation, || CANNOT_SET_UP.into())?;
        contain(&request, processes, control, events)
    });
    match &outcome {
        Ok(Ended { status, network_left }) => match status.terminating_signal() {
            Some(signal) => send(events, &Event::Signaled { signal, network_left: *network_left }),
            None => {
                let code = status.exit_status().unwrap_or_default();
                send(events, &Event::Exited { code, network_left: *network_left });
            }
        },
        Err(failure) => send(events, &Event::Failed(failure)),
    }
    exit(0)
}

/// Ties our life to the supervisor's, and leaves the host's mounts. Gives the host's /proc.
fn take_position(control: &File) -> Result<OwnedFd> {
    die_with_parent(control).during(Code::Isolation, || CANNOT_SET_UP.into())?;
    umask(Mode::from_raw_mode(0o022));
    let processes = rustix::fs::open("/proc", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .during(Code::Isolation, || CANNOT_SET_UP.into())?;
    isolate()?;
    Ok(processes)
}

fn await_request(control: &mut File) -> Result<Request> {
    // At the end of what was never needed.
    let line = take(control).during(Code::Request, || CANNOT_SET_UP.into())?.unwrap_or_else(|| exit(0));
    serde_json::from_str(&line).during(Code::Request, || "not a request".into())
}

fn take_streams(request: &Request, [stdout, stderr]: [OwnedFd; 2]) -> rustix::io::Result<()> {
    if !request.capture {
        return Ok(());
    }
    rustix::stdio::dup2_stdout(stdout)?;
    rustix::stdio::dup2_stderr(stderr)
}

struct Ended {
    status: WaitStatus,
    /// See `Event`.
    network_left: bool,
}

fn contain(request: &Request, processes: OwnedFd, control: File, events: &OwnedFd) -> Result<Ended> {
    let connection = Connection::open(&request.network, processes)?;
    connection.enter(request.open_ports)?;
    sources::fill_bundle(request)?;
    let root = Root::mount(request)?;
    let status = run(request, &root, Wait { control }, events);
    kill_everything();
    root.dismantle(request)?;
    Ok(Ended { status: status?, network_left: connection.is_joined() && !network::is_empty() })
}

fn isolate() -> Result<()> {
    // SAFETY: the flag does not unshare the descriptor table, which is what makes `unshare` unsafe.
    let result = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) };
    result.map_err(|error| match error {
        rustix::io::Errno::PERM => Failure { code: Code::Privilege, message: "cannot make namespaces".into() },
        other => Failure { code: Code::Isolation, message: format!("cannot make namespaces: {other}") },
    })?;
    // Downstream, so that no mount of ours is seen outside while what the host unmounts goes here as well.
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC)
        .during(Code::Isolation, || "cannot separate mounts from the host's".into())?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None).during(Code::Isolation, || "cannot mount /proc".into())
}

/// The container's root, put together under the bundle.
struct Root {
    path: PathBuf,
    stubs: Stubs,
}

impl Root {
    fn mount(request: &Request) -> Result<Self> {
        let path = request.bundle.join("rootfs");
        fs::create_dir_all(&path).during(Code::Root, || "cannot make the mount point".into())?;
        let upper = Upper { path: &request.upper, work: &request.work };
        attach(&request.layers, Some(&upper), &path).map_err(sources::refused)?;
        sources::make(request)?;
        targets::check(&path, &request.mounts)?;
        let stubs = Stubs::make(&path, &request.upper, &request.mounts)
            .during(Code::Root, || "cannot prepare mount points".into())?;
        make_working_directory(&path, &request.cwd, &request.mounts)
            .during(Code::Root, || format!("cannot make the working directory `{}`", request.cwd.path.display()))?;
        Ok(Self { path, stubs })
    }

    /// Takes everything out of the upper that is there on our account only.
    fn dismantle(self, request: &Request) -> Result<()> {
        let cannot = || "cannot clean up after the container".into();
        let copied_up = self.stubs.remove().during(Code::Root, cannot)?;
        // An upper may be changed only when no overlay is on it any more.
        unmount(&self.path, UnmountFlags::empty()).during(Code::Root, cannot)?;
        CopiedUp::remove_unchanged(copied_up, &request.upper).during(Code::Root, cannot)
    }
}

fn run(request: &Request, root: &Root, mut waiting: Wait, events: &OwnedFd) -> Result<WaitStatus> {
    command::check(&root.path, request)?;
    let runtime = Runtime::new(request);
    if request.terminal {
        let child = runtime.start_attached()?;
        waiting.until_container(&runtime, child)?;
        send(events, &Event::Started);
        return waiting.until_end(child, runtime.container());
    }
    let container = runtime.start_detached()?;
    send(events, &Event::Started);
    if request.capture {
        silence().during(Code::Isolation, || CANNOT_WAIT.into())?;
    }
    waiting.until_end(container, Some(container))
}

struct Wait {
    control: File,
}

impl Wait {
    /// Until a runtime in the foreground has made its container. Fails when it ends without.
    fn until_container(&mut self, runtime: &Runtime, child: Pid) -> Result<()> {
        let process = open_process(child)?;
        while runtime.container().is_none() {
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            let count = poll(&mut ended, Some(&LOOK_AGAIN)).during(Code::Isolation, || CANNOT_WAIT.into())?;
            if count > 0 && runtime.container().is_none() {
                return Err(runtime.failure());
            }
        }
        Ok(())
    }

    /// Until `awaited`, a child of ours, ends; signals go to `container` meanwhile.
    fn until_end(&mut self, awaited: Pid, container: Option<Pid>) -> Result<WaitStatus> {
        let process = open_process(awaited)?;
        loop {
            let mut ready = [PollFd::new(&self.control, PollFlags::IN), PollFd::new(&process, PollFlags::IN)];
            match poll(&mut ready, None) {
                Err(rustix::io::Errno::INTR) => continue,
                result => result.during(Code::Isolation, || CANNOT_WAIT.into())?,
            };
            let (asked, ended) = (!ready[0].revents().is_empty(), !ready[1].revents().is_empty());
            if ended {
                let status = waitpid(Some(awaited), WaitOptions::empty());
                let status = status.during(Code::Isolation, || CANNOT_WAIT.into())?;
                return status.map(|(_, status)| status).ok_or_else(lost);
            }
            if asked {
                self.pass_on(container);
            }
        }
    }

    fn pass_on(&mut self, container: Option<Pid>) {
        let mut signal = [0_u8];
        match self.control.read(&mut signal) {
            // The supervisor is gone, and with us goes everything.
            Ok(0) | Err(_) => exit(1),
            Ok(_) => {
                let signal = Signal::from_named_raw(i32::from(signal[0]));
                if let (Some(container), Some(signal)) = (container, signal) {
                    let _ = kill_process(container, signal);
                }
            }
        }
    }
}

fn open_process(pid: Pid) -> Result<OwnedFd> {
    pidfd_open(pid, PidfdFlags::empty()).during(Code::Isolation, || CANNOT_WAIT.into())
}

fn lost() -> Failure {
    Failure { code: Code::Isolation, message: CANNOT_WAIT.into() }
}

/// All but ourselves in this PID namespace; they hold mounts that must go.
fn kill_everything() {
    // SAFETY: a call without memory effects. -1 reaches the processes of our PID namespace alone, whose first we are.
    unsafe { libc::kill(-1, libc::SIGKILL) };
    while wait(WaitOptions::empty()).is_ok() {}
}
