use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Serialize;

use crate::call::call;
use crate::text::{Bytes, paths};

/// `Measured` of native/types.ts.
#[derive(Serialize)]
struct Measured {
    bytes: u64,
    entries: u64,
}

#[napi]
pub fn measure<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Vec<Bytes>, _| {
        let measured = files::measure(&paths(request))?;
        Ok(measured.into_iter().map(|each| Measured { bytes: each.bytes, entries: each.entries }).collect::<Vec<_>>())
    })
}

#[napi]
pub fn remove<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Vec<Bytes>, _| files::remove(&paths(request)))
}

#[napi]
pub fn sync<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Bytes, _| files::sync(&request.into_path()))
}
