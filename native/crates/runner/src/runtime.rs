use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::Pid;
use serde::Deserialize;

use crate::failure::{Code, During, Failure, Result};
use crate::protocol::Request;

/// The OCI runtime's command line, as runc, crun, youki and runsc share it.
pub struct Runtime<'a> {
    request: &'a Request,
    log: PathBuf,
    pid_file: PathBuf,
}

impl<'a> Runtime<'a> {
    pub fn new(request: &'a Request) -> Self {
        Self { request, log: request.bundle.join("runtime.log"), pid_file: request.bundle.join("container.pid") }
    }

    /// Starts the container detached, so that its process becomes our own child, with our streams and an exit status
    /// that nobody translates. The runtime has ended when this returns.
    pub fn start_detached(&self) -> Result<Pid> {
        let status = self.command(true).status().during(Code::Runtime, || self.cannot_start())?;
        match self.container() {
            Some(pid) if status.success() => Ok(pid),
            _ => Err(self.failure()),
        }
    }

    /// Starts the runtime in the foreground: it then lends the container a pseudo-terminal on ours, and stays.
    pub fn start_attached(&self) -> Result<Pid> {
        let child = self.command(false).spawn().during(Code::Runtime, || self.cannot_start())?;
        Pid::from_raw(child.id() as i32).ok_or_else(|| self.failure())
    }

    /// The container's process, once there is one.
    pub fn container(&self) -> Option<Pid> {
        fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok().and_then(Pid::from_raw)
    }

    /// What the runtime says of its failure.
    pub fn failure(&self) -> Failure {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let message = log.lines().rev().find_map(error_message);
        let silent = || format!("`{}` made none and gave no reason", self.request.runtime.display());
        Failure { code: Code::Runtime, message: message.unwrap_or_else(silent) }
    }

    fn command(&self, detached: bool) -> Command {
        let bundle = &self.request.bundle;
        let mut command = Command::new(&self.request.runtime);
        command.arg("--root").arg(bundle.join("state"));
        command.arg("--log").arg(&self.log).args(["--log-format", "json"]);
        command.arg("run").arg("--bundle").arg(bundle).arg("--pid-file").arg(&self.pid_file);
        if detached {
            command.arg("--detach");
        }
        command.arg(&self.request.id).stdin(Stdio::inherit());
        // Without a hook the standard library takes glibc's `posix_spawn`, which leaves signal 32 ignored, for the
        // container too.
        // SAFETY: the hook does nothing.
        unsafe { command.pre_exec(|| Ok(())) };
        command
    }

    fn cannot_start(&self) -> String {
        format!("cannot start `{}`", self.request.runtime.display())
    }
}

#[derive(Deserialize)]
struct LogLine {
    level: String,
    msg: String,
}

fn error_message(line: &str) -> Option<String> {
    let line: LogLine = serde_json::from_str(line).ok()?;
    matches!(line.level.as_str(), "error" | "fatal").then_some(line.msg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_of_the_log_counts() {
        assert_eq!(error_message(r#"{"level":"error","msg":"no","time":"x"}"#).unwrap(), "no");
        assert!(error_message(r#"{"level":"warning","msg":"well"}"#).is_none());
        assert!(error_message("not json").is_none());
    }
}
