use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::calls::{self, Group};
use crate::filter;
use crate::listener::{self, Answer, Listener, Question};
use crate::options::{Fault, Options};
use crate::paths;
use crate::tree;

/// How long a question is waited for before we look who still lives.
const LOOK_EVERY_MS: i32 = 20;

/// Children of a command that has ended follow it within this time, or are killed and reported.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Serialize)]
struct Report {
    /// Calls of the chosen kinds to files below the directory.
    counted: u64,
    hits: Vec<Hit>,
    /// Children that did not end with the command.
    survivors: Vec<String>,
}

#[derive(Serialize)]
struct Hit {
    call: &'static str,
    path: PathBuf,
}

/// Runs the command under the filter until it and all its children have ended.
pub fn run(options: &Options) -> io::Result<u8> {
    // SAFETY: sets a flag of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let (main, listener) = start(options)?;
    let mut report = Report { counted: 0, hits: Vec::new(), survivors: Vec::new() };
    let mut status = None;
    let mut ended: Option<Instant> = None;
    loop {
        while let Some(question) = listener.wait(LOOK_EVERY_MS)? {
            let answer = judge(options, &question, main, &mut report);
            listener.answer(&question, &answer)?;
        }
        if !reap(main, &mut status) {
            break;
        }
        if status.is_some() && ended.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            report.survivors.extend(tree::kill_descendants());
            ended = None;
        }
    }
    fs::write(&options.report, serde_json::to_vec(&report)?)?;
    Ok(status.unwrap_or(u8::MAX))
}

fn start(options: &Options) -> io::Result<(u32, Listener)> {
    let (program, arguments) =
        options.command.split_first().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no command"))?;
    let (ours, theirs) = UnixDatagram::pair()?;
    let socket = theirs.as_raw_fd();
    let groups: Vec<Group> = options.groups.clone();
    let mut command = Command::new(program);
    command.args(arguments);
    // SAFETY: between fork and exec only memory of our own is allocated, and this process has one thread.
    unsafe {
        command.pre_exec(move || {
            let listener = filter::install(&groups)?;
            listener::send(socket, listener.as_raw_fd())
        });
    }
    let main = command.spawn()?.id();
    Ok((main, Listener::new(listener::receive(ours.as_raw_fd())?)))
}

fn judge(options: &Options, question: &Question, main: u32, report: &mut Report) -> Answer {
    let Some(call) = calls::find(question.number, &options.groups) else { return Answer::Continue };
    let Some(path) = paths::target_of(question, call.target) else { return Answer::Continue };
    if !path.starts_with(&options.below) {
        return Answer::Continue;
    }
    report.counted += 1;
    let Some(plan) = &options.plan else { return Answer::Continue };
    if !(plan.first..=plan.last).contains(&report.counted) {
        return Answer::Continue;
    }
    report.hits.push(Hit { call: call.name, path });
    match plan.fault {
        Fault::Errno(errno) => Answer::Errno(errno),
        Fault::Kill { tree } => {
            tree::kill(main, tree);
            Answer::Continue
        }
    }
}

/// Takes note of children that have ended. Says whether any is left.
fn reap(main: u32, status: &mut Option<u8>) -> bool {
    loop {
        let mut raw = 0;
        // SAFETY: `raw` is ours to write.
        match unsafe { libc::waitpid(-1, &raw mut raw, libc::WNOHANG) } {
            0 => return true,
            pid if pid > 0 => {
                if u32::try_from(pid) == Ok(main) {
                    *status = Some(code(raw));
                }
            }
            _ => return false,
        }
    }
}

fn code(raw: libc::c_int) -> u8 {
    let code = if libc::WIFSIGNALED(raw) { 128 + libc::WTERMSIG(raw) } else { libc::WEXITSTATUS(raw) };
    u8::try_from(code).unwrap_or(u8::MAX)
}
