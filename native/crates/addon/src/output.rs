use std::fs::File;
use std::os::fd::BorrowedFd;

use digests::{Error, Fault, Result};
use serde::Deserialize;

use crate::text::Bytes;

/// `OutputFile` of native/types.ts.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Output {
    Path { path: Bytes },
    Open { fd: i32 },
}

impl Output {
    /// Opens the file, or duplicates the descriptor. Fails with `TSB_EXPORT_FAILED`.
    pub fn open(self) -> Result<File> {
        match self {
            Output::Path { path } => {
                let path = path.into_path();
                File::create(&path).map_err(|e| Error::io("TSB_EXPORT_FAILED", "cannot create", &path, &e))
            }
            Output::Open { fd } if fd >= 0 => {
                // SAFETY: the caller keeps the descriptor open until its promise settles; it is duplicated here and the
                // duplicate is what lives on.
                let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
                let owned = borrowed.try_clone_to_owned();
                owned.map(File::from).map_err(|e| Error::io("TSB_EXPORT_FAILED", "cannot write to", "the output", &e))
            }
            Output::Open { fd } => Err(Error::new("TSB_BUG", Fault::Bug, format!("{fd} is no descriptor"))),
        }
    }
}
