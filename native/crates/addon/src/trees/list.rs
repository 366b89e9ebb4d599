use files::tree::{Tree, list as list_directory, parse_digest};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::text::Bytes;
use crate::tree_entry::TreeEntry;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    trees_directory: Bytes,
    tree: String,
    directory: Bytes,
}

#[napi]
pub fn list<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Request, _| {
        let tree = Tree::load(&request.trees_directory.into_path(), &parse_digest(&request.tree)?)?;
        let entries = list_directory(&tree, &request.directory.0)?;
        Ok(entries.into_iter().map(TreeEntry::from).collect::<Vec<_>>())
    })
}
