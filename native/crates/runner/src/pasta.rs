use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::mount::mount_bind;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::failure::{Code, During, Failure, Result};

pub const OWN_NAMESPACE: &str = "/proc/self/ns/net";

/// Connects our network namespace with the network `host`, outbound only, and waits until that works. `directory` has to
/// be one that only we see. Pasta stays in the background, as a child of PID 1 that ends with it.
pub fn connect(program: &Path, host: OwnedFd, directory: &Path) -> Result<()> {
    let cannot = || format!("cannot start `{}`", program.display());
    let complaints = directory.join("pasta.log");
    // By a path of its own, since pasta gives up the right to open that of a privileged process under /proc.
    let namespace = directory.join("network");
    let prepare = || -> io::Result<File> {
        File::create(&namespace)?;
        mount_bind(OWN_NAMESPACE, &namespace)?;
        File::create(&complaints)
    };
    let mut command = command(program, host, &namespace);
    command.stderr(prepare().during(Code::Network, cannot)?);
    let status = command.status().during(Code::Network, cannot)?;
    if status.success() {
        return Ok(());
    }
    let complaints = fs::read_to_string(&complaints).unwrap_or_default();
    let reason = complaints.lines().filter(|line| !line.contains("syslog")).collect::<Vec<_>>().join("; ");
    Err(Failure { code: Code::Network, message: format!("pasta: {status}: {reason}") })
}

fn command(program: &Path, host: OwnedFd, namespace: &Path) -> Command {
    let mut command = Command::new(program);
    // No port forwarded in either direction and no address that leads to the host's loopback.
    command.args(["--config-net", "--quiet", "--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none"]);
    // Another user could not enter the namespace; pasta confines itself by other means (seccomp, empty root).
    command.args(["--runas", "0", "--netns-only", "--netns"]).arg(namespace);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    // SAFETY: between fork and exec only one system call is made, on a descriptor that the closure owns.
    unsafe {
        command.pre_exec(move || Ok(move_into_link_name_space(host.as_fd(), Some(LinkNameSpaceType::Network))?));
    }
    command
}
