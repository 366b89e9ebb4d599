use digests::Compression;
use layers::{Times, WriteRequest, Written};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::call;
use crate::cancel::CancelToken;
use crate::text::Bytes;

#[derive(Deserialize)]
struct Request {
    upper: Bytes,
    output: Option<Bytes>,
    compression: String,
    level: Option<i32>,
    latest: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    diff_id: String,
    plain_size: u64,
    digest: String,
    size: u64,
}

impl From<Written> for Answer {
    fn from(Written { plain, packed }: Written) -> Self {
        Self { diff_id: plain.digest, plain_size: plain.size, digest: packed.digest, size: packed.size }
    }
}

#[napi]
pub fn write_layer<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = WriteRequest {
            upper: request.upper.into_path(),
            output: request.output.map(Bytes::into_path),
            compression: Compression::parse(&request.compression)?,
            level: request.level,
            times: request.latest.map_or(Times::Kept, Times::AtMost),
        };
        layers::write(&request, cancel).map(Answer::from)
    })
}
