use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Carries bytes from a pipe of the container to a stream of our own, without ever blocking. That gets closed once all is
/// delivered: its reader need not wait for our end.
pub struct Pump {
    from: Option<File>,
    to: Option<File>,
    waiting: VecDeque<u8>,
    /// The reader has gone: swallow the rest, so that the container does not hang on a full pipe.
    deaf: bool,
}

impl Pump {
    pub fn new(from: OwnedFd, to: OwnedFd) -> io::Result<Self> {
        for fd in [&from, &to] {
            fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?;
        }
        Ok(Self { from: Some(File::from(from)), to: Some(File::from(to)), waiting: VecDeque::new(), deaf: false })
    }

    /// What to poll for next; `None` when all is delivered.
    pub fn wants(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        if let (Some(to), false) = (&self.to, self.waiting.is_empty()) {
            return Some((to.as_fd(), PollFlags::OUT));
        }
        self.from.as_ref().map(|from| (from.as_fd(), PollFlags::IN))
    }

    /// Does what can be done now.
    pub fn step(&mut self) {
        if self.waiting.is_empty() {
            self.fill();
        }
        while !self.waiting.is_empty() {
            let result = match &mut self.to {
                Some(to) if !self.deaf => to.write(self.waiting.as_slices().0),
                _ => Ok(self.waiting.len()),
            };
            match result {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.deaf = true,
            }
        }
        if self.from.is_none() {
            self.to = None;
        }
    }

    /// Drops what nobody will read any more.
    pub fn give_up(&mut self) {
        self.deaf = true;
        self.waiting.clear();
    }

    fn fill(&mut self) {
        let Some(from) = &mut self.from else { return };
        let mut buffer = [0_u8; 64 * 1024];
        match from.read(&mut buffer) {
            Ok(0) => self.from = None,
            Ok(count) => self.waiting.extend(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => (),
            Err(_) => self.from = None,
        }
    }
}
