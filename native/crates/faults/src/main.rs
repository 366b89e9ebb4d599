//! `tsbuild-faults`: runs a command, counts what it and all its children do to files below a directory, and makes one of these
//! system calls fail, or kills the command just before it.
//!
//! ```text
//! tsbuild-faults --below DIR --report FILE [--calls write,sync,…] [--at N [--last N] (--errno E | --kill main|tree)] -- COMMAND…
//! ```
//!
//! The kernel asks us before each of the calls (seccomp's user notification), whoever makes it: Node, Rust, SQLite, runtimes in Go.
//! The N-th counted one, and those up to `--last`, get the error; without `--at` all are merely counted. The report is a line of JSON:
//! how many were counted, and which were hit. The exit code is the command's, 128 and the signal's number where one ended it.

mod calls;
mod filter;
mod listener;
mod options;
mod paths;
mod supervise;
mod tree;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use options::Options;

fn main() -> ExitCode {
    match Options::parse(env::args_os().skip(1)).and_then(|options| supervise::run(&options)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody is left to tell where this fails.
            let _ = writeln!(io::stderr(), "tsbuild-faults: {error}");
            ExitCode::from(3)
        }
    }
}
