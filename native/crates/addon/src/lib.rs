//! The Node addon: glue and nothing else. A request comes as JSON text, the answer goes back as JSON text (a call is
//! large and rare, so this costs nothing), errors as an envelope that native/index.ts turns into a `TsbError`.

// Under `cfg(test)` the macro registers nothing with Node, so nothing would be used.
#![cfg_attr(test, allow(dead_code))]

mod apply_layer;
mod arrival;
mod call;
mod cancel;
mod change;
mod commit;
mod copy_filter;
mod delta;
mod disk;
mod envelope;
mod export_directory;
mod export_tar;
mod output;
mod read_file;
mod repack_layer;
mod scan;
mod sha256;
mod sqlite;
mod text;
mod tree_entry;
mod trees;
mod write_bundle;
mod write_layer;
