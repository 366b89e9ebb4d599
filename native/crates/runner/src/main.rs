//! `tsbuild-runner`: runs one container for a Node process and leaves nothing behind.
//!
//! Two processes. The supervisor stays on the host side: it reads requests (fd 3), passes signals on, carries captured
//! output, and cleans up what only the host can see. The worker is PID 1 of a new PID namespace with mounts and a
//! network of its own; it prepares the root, starts the OCI runtime and waits. Whatever ends the worker ends everything
//! it started, because the kernel kills a PID namespace with its first process; and the worker dies with the supervisor.

mod cgroups;
mod command;
mod copied_up;
mod failure;
mod network;
mod protocol;
mod pump;
mod root_path;
mod runtime;
mod signals;
mod stubs;
mod supervisor;
mod terminal;
mod times;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    supervisor::run()
}
