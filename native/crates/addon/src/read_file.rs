use napi::Env;
use napi::bindgen_prelude::{Buffer, Object};
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call_with;
use crate::text::{Bytes, paths};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    layers: Vec<Bytes>,
    path: Bytes,
    max_bytes: u64,
}

#[napi]
pub fn read_file<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call_with(env, request, None, |request: Request, _| {
        let bytes = files::read_file(&paths(request.layers), &request.path.0, request.max_bytes)?;
        Ok(bytes.map(Buffer::from))
    })
}
