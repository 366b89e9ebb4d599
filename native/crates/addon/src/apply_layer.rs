use digests::Compression;
use layers::ApplyRequest;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::call;
use crate::cancel::CancelToken;
use crate::text::{Bytes, paths};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    blob: Bytes,
    compression: String,
    destination: Bytes,
    max_ratio: Option<u64>,
    #[serde(default)]
    lower: Vec<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    diff_id: String,
    size: u64,
    implicit: Vec<Bytes>,
}

#[napi]
pub fn apply_layer<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = ApplyRequest {
            blob: request.blob.into_path(),
            compression: Compression::parse(&request.compression)?,
            destination: request.destination.into_path(),
            max_ratio: request.max_ratio,
            lower: paths(request.lower),
        };
        let applied = layers::apply(&request, cancel)?;
        let implicit = applied.implicit.iter().map(|path| Bytes::from(path.as_path())).collect();
        Ok(Answer { diff_id: applied.plain.digest, size: applied.plain.size, implicit })
    })
}
