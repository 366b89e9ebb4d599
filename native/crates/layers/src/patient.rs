use std::fs::File;
use std::io::{self, Write};

use digests::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A reader that takes nothing must not keep a cancelled export.
const LOOK_AGAIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Waits where a pipe is full: Node makes its standard streams non-blocking, for everybody who shares them.
pub struct Patient<'a> {
    file: File,
    cancel: &'a Cancel,
}

impl<'a> Patient<'a> {
    pub fn new(file: File, cancel: &'a Cancel) -> Self {
        Self { file, cancel }
    }

    /// The file itself, for what is more than a write.
    pub fn file(&self) -> &File {
        &self.file
    }
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
