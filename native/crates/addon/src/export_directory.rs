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
    destination: Bytes,
    time: Option<i64>,
}

#[napi]
pub fn export_directory<'env>(
    env: &'env Env,
    request: String,
    token: Option<&CancelToken>,
) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        files::export_directory(&paths(request.layers), &request.destination.into_path(), request.time, cancel)
    })
}
