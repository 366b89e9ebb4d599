use digests::Compression;
use layers::RepackRequest;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::cancel::CancelToken;
use crate::text::Bytes;
use crate::write_layer::Answer;

#[derive(Deserialize)]
struct Request {
    blob: Bytes,
    from: String,
    output: Bytes,
    compression: String,
    level: Option<i32>,
}

#[napi]
pub fn repack_layer<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = RepackRequest {
            blob: request.blob.into_path(),
            from: Compression::parse(&request.from)?,
            output: request.output.into_path(),
            compression: Compression::parse(&request.compression)?,
            level: request.level,
        };
        layers::repack(&request, cancel).map(Answer::from)
    })
}
