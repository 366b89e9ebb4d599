use std::sync::{Arc, Mutex};

/// Memory to use again: fresh memory costs a page fault every 4 KiB. Shared by threads.
#[derive(Default)]
pub struct Pool(Mutex<Vec<Vec<u8>>>);

impl Pool {
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty vector, with the room of one that was given back if there is such.
    pub fn take(&self) -> Vec<u8> {
        self.0.lock().ok().and_then(|mut free| free.pop()).unwrap_or_default()
    }

    pub fn give(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        if let Ok(mut free) = self.0.lock() {
            free.push(bytes);
        }
    }

    /// Takes shared memory back from the last who holds it.
    pub fn release(&self, bytes: Arc<Vec<u8>>) {
        if let Some(bytes) = Arc::into_inner(bytes) {
            self.give(bytes);
        }
    }
}
