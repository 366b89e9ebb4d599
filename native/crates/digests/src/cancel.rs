use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Fault};

/// A flag that the caller raises to stop a running call. Copies share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag; calls that hold a copy end with `TSB_INTERRUPTED` soon after.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the flag is up.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// For loops: `cancel.check()?` once an entry or block.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_cancelled() { Err(Error::new("TSB_INTERRUPTED", Fault::Interrupted, "interrupted")) } else { Ok(()) }
    }
}
