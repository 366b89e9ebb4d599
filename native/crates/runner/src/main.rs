//! `tsbuild-runner`: runs one container for a Node process and leaves nothing behind.
//!
//! Two processes. The supervisor stays on the host side: it reads requests (fd 3), passes signals on, carries captured
//! output, and cleans up what only the host can see. The worker is PID 1 of a new PID namespace with mounts and a
//! network of its own; it prepares the root, starts the OCI runtime and waits. Whatever ends the worker ends everything
//! it started, because the kernel kills a PID namespace with its first process; and the worker dies with the supervisor.
//!
//! `tsbuild-runner network PASTA DIRECTORY` runs no container: it holds a network that containers join.
//! `tsbuild-runner sync PATH` is the process that a sync in the background needs.

mod cgroups;
mod channels;
mod command;
mod copied_up;
mod failure;
mod holder;
mod lineage;
mod network;
mod pasta;
mod protocol;
mod pump;
mod root_path;
mod runtime;
mod signals;
mod sources;
mod stubs;
mod supervisor;
mod targets;
mod terminal;
mod times;
mod worker;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [verb, path] if verb == "sync" => {
            files::sync(Path::new(path)).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
        }
        [verb, program, directory] if verb == "network" => holder::run(Path::new(program), Path::new(directory)),
        _ => supervisor::run(),
    }
}
