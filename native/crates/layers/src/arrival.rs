use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use digests::{Cancel, Error, Fault, Result};

/// A file that somebody else still writes, and how far it has come: its readers wait for more. It is open from the beginning,
/// since it gets another name when it is whole. Copies share the state.
#[derive(Clone, Debug)]
pub struct Arrival(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// `None` once it has failed.
    state: Mutex<Option<State>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<File>,
    bytes: u64,
    is_whole: bool,
}

/// How long a reader sleeps before it looks whether its call was cancelled.
const LOOK: Duration = Duration::from_millis(50);

impl Arrival {
    /// Opens a file of which nothing counts as there yet. Fails with `TSB_LAYER_READ`.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|cause| Error::io("TSB_LAYER_READ", "cannot read", path, &cause))?;
        let state = Mutex::new(Some(State { file: Arc::new(file), bytes: 0, is_whole: false }));
        Ok(Self(Arc::new(Shared { path: path.to_owned(), state, changed: Condvar::new() })))
    }

    /// The name that the file had.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// So many bytes of the file can be read now.
    pub fn reached(&self, bytes: u64) {
        self.change(|state| state.bytes = state.bytes.max(bytes));
    }

    /// What is there is the whole file.
    pub fn end(&self) {
        self.change(|state| state.is_whole = true);
    }

    /// Nothing more will come, and what is there is not to be used. Lets go of the file.
    pub fn fail(&self) {
        *self.lock() = None;
        self.0.changed.notify_all();
    }

    /// The file and how many of its bytes beyond `offset` can be read, 0 at its end; waits while there are none.
    /// Fails with `TSB_INTERRUPTED` when the rest will not come, or when `cancel` is raised.
    pub fn beyond(&self, offset: u64, cancel: &Cancel) -> Result<(Arc<File>, u64)> {
        let mut state = self.lock();
        loop {
            cancel.check()?;
            let Some(known) = &*state else {
                return Err(Error::new("TSB_INTERRUPTED", Fault::Interrupted, "the rest of the blob does not come"));
            };
            if known.bytes > offset || known.is_whole {
                return Ok((Arc::clone(&known.file), known.bytes.saturating_sub(offset)));
            }
            state = self.0.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        if let Some(state) = &mut *self.lock() {
            change(state);
        }
        self.0.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival() -> Arrival {
        Arrival::open(tempfile::NamedTempFile::new().unwrap().path()).unwrap()
    }

    #[test]
    fn a_reader_gets_what_is_there_and_then_the_end() {
        let (arrival, cancel) = (arrival(), Cancel::new());
        let beyond = |offset| arrival.beyond(offset, &cancel).map(|(_, bytes)| bytes);
        arrival.reached(10);
        assert_eq!(beyond(4), Ok(6));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| beyond(10));
            arrival.reached(15);
            assert_eq!(waiting.join().unwrap(), Ok(5));
        });
        arrival.end();
        assert_eq!((beyond(10), beyond(15)), (Ok(5), Ok(0)));
    }

    #[test]
    fn a_failure_and_a_raised_flag_end_the_wait() {
        let (arrival, cancel) = (arrival(), Cancel::new());
        arrival.reached(10);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| arrival.beyond(10, &cancel));
            cancel.cancel();
            assert_eq!(waiting.join().unwrap().unwrap_err().code, "TSB_INTERRUPTED");
        });
        arrival.fail();
        arrival.end();
        // Not even what is there: it may be wrong.
        assert_eq!(arrival.beyond(0, &Cancel::new()).unwrap_err().code, "TSB_INTERRUPTED");
    }
}
