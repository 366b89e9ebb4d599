use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use digests::{Cancel, Result};

use crate::archive::{archive, write_error};
use crate::entry::{Times, View};
use crate::patient::Patient;

/// Writes a mounted root as one plain tar (`docker buildx build --output type=tar`); names that look like whiteouts are
/// just names here. `output` may be a pipe; it is flushed, not synced.
pub fn export_tar(root: &Path, times: Times, output: File, cancel: &Cancel) -> Result<()> {
    let mut buffered = BufWriter::with_capacity(1 << 20, Patient::new(output, cancel));
    archive(root, View::Whole, times, &mut buffered, cancel)?;
    buffered.flush().map_err(|cause| write_error(&cause))
}
