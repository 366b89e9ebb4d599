use files::commit;
use files::tree::{format_digest, parse_digest};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::text::Bytes;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    trees_directory: Bytes,
    lower: String,
    upper: String,
}

#[napi]
pub fn lay_over<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Request, _| {
        let (lower, upper) = (parse_digest(&request.lower)?, parse_digest(&request.upper)?);
        let tree = commit::lay_over(&request.trees_directory.into_path(), &lower, &upper)?;
        Ok(format_digest(&tree))
    })
}
