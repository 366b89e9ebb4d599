use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};

use crate::cgroups;
use crate::channels::{Channels, MISUSED};
use crate::failure::{Code, During, Failure, Result};
use crate::lineage::{fork_into_pid_namespace, silence};
use crate::protocol::{Control, Event, Lines, Request, pass_on, send};
use crate::pump::Pump;
use crate::signals::SignalQueue;
use crate::terminal::SavedTerminal;
use crate::worker;

/// Passed on to the container when somebody sends them to us; a terminal's own arrive in the container through its pty.
const FORWARDED: [i32; 6] = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2];

/// Carries out the request on fd 3 and reports on fd 4.
pub fn run() -> ExitCode {
    let Some(Channels { requests, events }) = Channels::adopt() else { return ExitCode::from(MISUSED) };
    match carry_out(Lines::new(requests), &events) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            send(&events, &Event::Failed(&failure));
            ExitCode::FAILURE
        }
    }
}

fn carry_out(mut requests: Lines, events: &OwnedFd) -> Result<()> {
    let mut held = FORWARDED.to_vec();
    held.push(libc::SIGCHLD);
    let signals = SignalQueue::hold(&held).during(Code::Isolation, || "cannot hold signals".into())?;
    let (control, to_worker) = pipe_with(PipeFlags::CLOEXEC).during(Code::Isolation, || "cannot make a pipe".into())?;
    let streams = Streams::open().during(Code::Isolation, || "cannot make pipes".into())?;

    // Before the request, which a runner may be kept waiting for: the worker makes its namespaces meanwhile.
    let Some(worker) = fork_into_pid_namespace().during(Code::Isolation, || "cannot make a PID namespace".into())?
    else {
        drop((requests, to_worker, signals));
        worker::main(control, events, streams.container_side());
    };
    drop(control);
    let line = requests.next_line().during(Code::Request, || "cannot read the request".into())?;
    // It was not needed. The worker, which has nothing yet, ends with us.
    let Some(line) = line else { return Ok(()) };
    let request: Request = serde_json::from_str(&line).during(Code::Request, || "not a request".into())?;
    let _terminal = SavedTerminal::save(request.terminal);
    let mut to_worker = File::from(to_worker);
    // A worker that is dead has said why.
    let _ = pass_on(&mut to_worker, &line);
    let pumps = streams.into_pumps(request.capture).during(Code::Isolation, || "cannot carry output".into())?;
    let mut watch = Watch { worker, requests: Some(requests), signals, to_worker, pumps };
    let status = watch.until_dead().during(Code::Isolation, || "cannot watch the container".into());
    cgroups::remove(&request.cgroup);
    match status?.exit_status() {
        Some(0) => Ok(()),
        _ => Err(Failure { code: Code::Isolation, message: "the container's supervisor was killed".into() }),
    }
}

/// Pipes for stdout and stderr: reading ends, writing ends.
struct Streams([(OwnedFd, OwnedFd); 2]);

impl Streams {
    fn open() -> rustix::io::Result<Self> {
        Ok(Self([pipe_with(PipeFlags::CLOEXEC)?, pipe_with(PipeFlags::CLOEXEC)?]))
    }

    fn container_side(self) -> [OwnedFd; 2] {
        self.0.map(|(_, writer)| writer)
    }

    /// What carries output to our own streams, which it closes itself: they lead nowhere for us any more.
    fn into_pumps(self, wanted: bool) -> io::Result<Vec<Pump>> {
        if !wanted {
            return Ok(Vec::new());
        }
        let [(stdout, _), (stderr, _)] = self.0;
        let pumps = vec![
            Pump::new(stdout, io::stdout().as_fd().try_clone_to_owned()?)?,
            Pump::new(stderr, io::stderr().as_fd().try_clone_to_owned()?)?,
        ];
        silence()?;
        Ok(pumps)
    }
}

/// Everything that can happen while the container runs.
struct Watch {
    worker: Pid,
    /// Absent after its end.
    requests: Option<Lines>,
    signals: SignalQueue,
    to_worker: File,
    pumps: Vec<Pump>,
}

impl Watch {
    /// Until the worker, and with it all that it started, is dead and the output delivered.
    fn until_dead(&mut self) -> io::Result<WaitStatus> {
        let mut status = None;
        loop {
            if let (Some(status), true) = (status, self.pumps.iter().all(|pump| pump.wants().is_none())) {
                return Ok(status);
            }
            self.wait(status.is_some())?;
            self.pumps.iter_mut().for_each(Pump::step);
            while let Some(signal) = self.signals.next() {
                if signal == libc::SIGCHLD {
                    status = waitpid(Some(self.worker), WaitOptions::NOHANG)?.map(|(_, status)| status).or(status);
                } else {
                    self.forward(signal as u8);
                }
            }
        }
    }

    fn wait(&mut self, dead: bool) -> io::Result<()> {
        if self.requests.as_ref().is_some_and(Lines::has_buffered) {
            self.obey();
        }
        let mut waiting = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let wants: Vec<_> = self.pumps.iter().filter_map(Pump::wants).collect();
        waiting.extend(wants.iter().map(|(fd, flags)| PollFd::new(fd, *flags)));
        let requests = self.requests.as_ref().filter(|_| !dead);
        waiting.extend(requests.map(|lines| PollFd::new(lines.fd(), PollFlags::IN)));
        match poll(&mut waiting, None) {
            Err(Errno::INTR) => return Ok(()),
            result => result?,
        };
        let asked = requests.is_some() && waiting.last().is_some_and(|last| !last.revents().is_empty());
        if asked {
            self.obey();
        }
        Ok(())
    }

    /// One line of control; the end of them, or a line that makes no sense, ends everything.
    fn obey(&mut self) {
        let line = self.requests.as_mut().and_then(|lines| lines.next_line().ok().flatten());
        match line.and_then(|text| serde_json::from_str(&text).ok()) {
            Some(Control::Signal { signal }) => self.forward(signal),
            None => {
                self.requests = None;
                let _ = kill_process(self.worker, Signal::KILL);
                self.pumps.iter_mut().for_each(Pump::give_up);
            }
        }
    }

    /// The worker knows which process is the container's.
    fn forward(&mut self, signal: u8) {
        let _ = self.to_worker.write_all(&[signal]);
    }
}
