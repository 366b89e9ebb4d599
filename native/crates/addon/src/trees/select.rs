use files::tree::{Tree, format_digest, parse_digest, select as select_paths, weigh as weigh_paths};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::call;
use crate::cancel::CancelToken;
use crate::copy_filter::CopyFilter;
use crate::text::Bytes;
use crate::tree_entry::TreeEntry;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    trees_directory: Bytes,
    tree: String,
    paths: Vec<Bytes>,
    filter: Option<CopyFilter>,
}

#[derive(Serialize)]
struct Answer {
    digest: String,
    entries: Vec<Option<TreeEntry>>,
    empty: Vec<bool>,
}

#[napi]
pub fn select<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, _| {
        let tree = Tree::load(&request.trees_directory.into_path(), &parse_digest(&request.tree)?)?;
        let paths: Vec<Vec<u8>> = request.paths.into_iter().map(|path| path.0).collect();
        let filter = request.filter.map(CopyFilter::compile).transpose()?;
        let selected = select_paths(&tree, &paths, filter.as_ref())?;
        let entries = selected.entries.into_iter().map(|entry| entry.map(TreeEntry::from)).collect();
        Ok(Answer { digest: format_digest(&selected.digest), entries, empty: selected.empty })
    })
}

#[napi]
pub fn weigh<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Request, _| {
        let tree = Tree::load(&request.trees_directory.into_path(), &parse_digest(&request.tree)?)?;
        let paths: Vec<Vec<u8>> = request.paths.into_iter().map(|path| path.0).collect();
        let filter = request.filter.map(CopyFilter::compile).transpose()?;
        weigh_paths(&tree, &paths, filter.as_ref())
    })
}
