use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::PathBuf;

use digests::tar::TarWriter;
use digests::{Cancel, Error, Fault, Result};
use files::mount;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::cancel::CancelToken;
use crate::text::{Bytes, paths};

#[derive(Deserialize)]
struct Request {
    layers: Vec<Bytes>,
    output: Output,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Output {
    Path { path: Bytes },
    Open { fd: i32 },
}

#[napi]
pub fn export_tar<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let output = open(request.output)?;
        export(&paths(request.layers), output, cancel)
    })
}

fn export(layers: &[PathBuf], output: File, cancel: &Cancel) -> Result<()> {
    match mount::open_root(layers, None)? {
        // The mount has no name; its descriptor has one.
        Some(root) => {
            layers::export_tar(&PathBuf::from(format!("/proc/self/fd/{}/.", root.as_raw_fd())), output, cancel)
        }
        None => TarWriter::new(output)
            .finish()
            .map(|_| ())
            .map_err(|e| Error::io("TSB_EXPORT_FAILED", "cannot write", "the archive", &e)),
    }
}

fn open(output: Output) -> Result<File> {
    match output {
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
