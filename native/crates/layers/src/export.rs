use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use digests::{Cancel, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::archive::{archive, write_error};
use crate::entry::View;

/// Writes a mounted root as one plain tar (`docker buildx build --output type=tar`); names that look like whiteouts are
/// just names here. `output` may be a pipe; it is flushed, not synced.
pub fn export_tar(root: &Path, output: File, cancel: &Cancel) -> Result<()> {
    let mut buffered = BufWriter::with_capacity(1 << 20, Patient { file: output, cancel });
    archive(root, View::Whole, &mut buffered, cancel)?;
    buffered.flush().map_err(|cause| write_error(&cause))
}

/// A reader that takes nothing must not keep a cancelled export.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Waits where a pipe is full: Node makes its standard streams non-blocking, for everybody who shares them.
struct Patient<'a> {
    file: File,
    cancel: &'a Cancel,
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    self.cancel.check()?;
                    poll(&mut [PollFd::new(&self.file, PollFlags::OUT)], Some(&LOOK_AGAIN))?;
                }
                result => return result,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
