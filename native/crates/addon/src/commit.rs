use files::commit::{self, Committed};
use files::tree::{format_digest, parse_digest};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::call;
use crate::cancel::CancelToken;
use crate::text::Bytes;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    upper: Bytes,
    parent: Option<String>,
    trees_directory: Bytes,
    #[serde(default)]
    implicit: Vec<Bytes>,
    delta: Option<Bytes>,
}

/// `CommitResult` of native/types.ts.
#[derive(Serialize)]
pub struct Answer {
    tree: String,
    delta: String,
    entries: u64,
    bytes: u64,
}

impl From<Committed> for Answer {
    fn from(done: Committed) -> Self {
        let (tree, delta) = (format_digest(&done.tree), format_digest(&done.delta));
        Self { tree, delta, entries: done.entries, bytes: done.bytes }
    }
}

#[napi]
pub fn commit<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = commit::Request {
            upper: request.upper.into_path(),
            parent: request.parent.as_deref().map(parse_digest).transpose()?,
            trees_directory: request.trees_directory.into_path(),
            implicit: request.implicit.into_iter().map(|path| path.0).collect(),
            delta: request.delta.map(Bytes::into_path),
        };
        commit::commit(&request, cancel).map(Answer::from)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LayOver {
    trees_directory: Bytes,
    lower: String,
    upper: String,
}

#[napi]
pub fn lay_over<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: LayOver, _| {
        let (lower, upper) = (parse_digest(&request.lower)?, parse_digest(&request.upper)?);
        let tree = commit::lay_over(&request.trees_directory.into_path(), &lower, &upper)?;
        Ok(tree.as_ref().map(format_digest))
    })
}
