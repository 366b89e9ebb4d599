//! Fuzz targets: each takes bytes that a stranger may have written, feeds them to a decoder, and panics when a promise
//! is broken. `tests/mutations.rs` runs them over mutated seeds in every test run, native/fuzz with libFuzzer.

// A panic is how a target reports what it found.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod context;
mod ignore;
mod layer;
mod mutate;
mod place;
mod seeds;
mod stat_index;
mod tar;
mod tree;

use std::sync::Arc;

pub use mutate::{Random, mutate};

/// A decoder, its promises, and bytes to start from.
pub struct Target {
    pub name: &'static str,
    /// Panics when a promise is broken. True when the bytes were accepted.
    pub run: fn(&[u8]) -> bool,
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target, by the names that native/fuzz uses.
pub const TARGETS: [Target; 7] = [
    Target { name: "layer-plain", run: layer::plain, seeds: seeds::archives },
    Target { name: "layer-gzip", run: layer::gzip, seeds: seeds::gzip },
    Target { name: "layer-zstd", run: layer::zstd, seeds: seeds::zstd },
    Target { name: "tar", run: tar::read, seeds: seeds::archives },
    Target { name: "tree", run: tree::decode, seeds: tree::seeds },
    Target { name: "stat-index", run: stat_index::believe, seeds: stat_index::seeds },
    Target { name: "ignore", run: ignore::judge, seeds: ignore::seeds },
];

/// Keeps what `stat-index` and `ignore` work on. Without it each of their runs makes it anew, which takes seconds.
pub struct Held {
    _context: Arc<context::Context>,
}

pub fn hold() -> Held {
    Held { _context: context::context() }
}

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
