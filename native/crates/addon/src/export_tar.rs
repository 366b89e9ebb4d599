use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use digests::tar::TarWriter;
use digests::{Cancel, Error, Result};
use files::mount;
use layers::Times;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::cancel::CancelToken;
use crate::output::Output;
use crate::text::{Bytes, paths};

#[derive(Deserialize)]
struct Request {
    layers: Vec<Bytes>,
    output: Output,
    time: Option<i64>,
}

#[napi]
pub fn export_tar<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let output = request.output.open()?;
        let times = request.time.map_or(Times::Kept, Times::Always);
        export(&paths(request.layers), times, output, cancel)
    })
}

fn export(layers: &[PathBuf], times: Times, output: File, cancel: &Cancel) -> Result<()> {
    match mount::open_root(layers, None)? {
        // The mount has no name; its descriptor has one.
        Some(root) => {
            layers::export_tar(&PathBuf::from(format!("/proc/self/fd/{}/.", root.as_raw_fd())), times, output, cancel)
        }
        None => TarWriter::new(output)
            .finish()
            .map(|_| ())
            .map_err(|e| Error::io("TSB_EXPORT_FAILED", "cannot write", "the archive", &e)),
    }
}
