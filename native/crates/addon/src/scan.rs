use files::scan;
use files::tree::format_digest;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::call;
use crate::cancel::CancelToken;
use crate::copy_filter::{Rule, rules};
use crate::text::Bytes;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    root: Bytes,
    prefixes: Vec<Bytes>,
    rules: Vec<Rule>,
    trees_directory: Bytes,
    stat_index: Option<Bytes>,
    #[serde(default)]
    read_all: bool,
}

#[derive(Serialize)]
struct Answer {
    tree: String,
    entries: u64,
    bytes: u64,
    hashed: u64,
}

#[napi]
pub fn scan<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = scan::Request {
            root: request.root.into_path(),
            prefixes: request.prefixes.into_iter().map(|prefix| prefix.0).collect(),
            rules: rules(request.rules),
            trees_directory: request.trees_directory.into_path(),
            stat_index: request.stat_index.map(Bytes::into_path),
            read_all: request.read_all,
        };
        let scanned = scan::scan(&request, cancel)?;
        let tree = format_digest(&scanned.tree);
        Ok(Answer { tree, entries: scanned.entries, bytes: scanned.bytes, hashed: scanned.hashed })
    })
}
