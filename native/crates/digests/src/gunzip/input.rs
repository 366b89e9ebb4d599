use std::io::{self, Read};

/// A buffer that can be looked into as far ahead as one asks.
pub struct Input<R> {
    inner: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// Read at once.
const ROOM: usize = 256 << 10;

impl<R: Read> Input<R> {
    pub fn new(inner: R) -> Self {
        Self { inner, buffer: Vec::new(), start: 0, end: 0 }
    }

    /// What comes next: at least `wanted` bytes, fewer only at the end of the stream.
    pub fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.end - self.start < wanted {
            self.make_room(wanted);
            match self.inner.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    pub fn consume(&mut self, count: usize) {
        self.start += count;
    }

    fn make_room(&mut self, wanted: usize) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.len() - self.end >= ROOM.min(wanted) && self.buffer.len() - self.start >= wanted {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < wanted.max(ROOM) {
            self.buffer.resize(wanted.max(ROOM), 0);
        }
    }
}
