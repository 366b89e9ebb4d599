use digests::Compression;
use files::delta;
use layers::{ApplyRequest, Form, Source};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::arrival::ArrivalToken;
use crate::call::call;
use crate::cancel::CancelToken;
use crate::text::{Bytes, paths};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    blob: Bytes,
    compression: Option<String>,
    destination: Bytes,
    max_ratio: Option<u64>,
    #[serde(default)]
    lower: Vec<Bytes>,
    delta: Option<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    diff_id: String,
    size: u64,
    implicit: Vec<Bytes>,
    newest: Option<i64>,
}

#[napi]
pub fn apply_layer<'env>(
    env: &'env Env,
    request: String,
    token: Option<&CancelToken>,
    arrival: Option<&ArrivalToken>,
) -> napi::Result<Object<'env>> {
    let arrival = arrival.map(ArrivalToken::arrival);
    call(env, request, token, |request: Request, cancel| {
        let destination = request.destination.into_path();
        let apply = ApplyRequest {
            blob: arrival.map_or_else(|| Source::File(request.blob.into_path()), Source::Arriving),
            form: match request.compression {
                Some(word) => Form::Layer(Compression::parse(&word)?),
                None => Form::Files,
            },
            destination: destination.clone(),
            max_ratio: request.max_ratio,
            lower: paths(request.lower),
        };
        let applied = layers::apply(&apply, cancel)?;
        if let Some(delta) = request.delta {
            delta::write(&destination, &applied.contents, &delta.into_path(), cancel)?;
        }
        let implicit = applied.implicit.iter().map(|path| Bytes::from(path.as_path())).collect();
        let newest = applied.newest;
        Ok(Answer { diff_id: applied.plain.digest, size: applied.plain.size, implicit, newest })
    })
}
