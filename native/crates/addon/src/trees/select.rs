use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use files::tree::{Tree, format_digest, parse_digest, select as select_paths, weigh as weigh_paths};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::{call, call_here};
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
    call(env, request, token, |request: Request, _| answer(request))
}

/// `select` in a small tree, without a thread; `null` for any other tree.
#[napi]
pub fn select_small(request: String) -> napi::Result<Option<String>> {
    call_here(&request, |request: Request| {
        if size_of_tree(&request.trees_directory.0, &request.tree)? > SMALL_TREE {
            Ok(None)
        } else {
            answer(request).map(Some)
        }
    })
}

/// Bytes of an index that is read and searched in less time than it takes to start a thread.
const SMALL_TREE: u64 = 32 << 10;

fn size_of_tree(directory: &[u8], tree: &str) -> digests::Result<u64> {
    let path = Path::new(OsStr::from_bytes(directory)).join(parse_digest(tree)?.to_hex().as_str());
    // One that is not there is `Tree::load`'s to tell of.
    Ok(std::fs::metadata(path).map_or(0, |found| found.len()))
}

fn answer(request: Request) -> digests::Result<Answer> {
    let tree = Tree::load(&request.trees_directory.into_path(), &parse_digest(&request.tree)?)?;
    let paths: Vec<Vec<u8>> = request.paths.into_iter().map(|path| path.0).collect();
    let filter = request.filter.map(CopyFilter::compile).transpose()?;
    let selected = select_paths(&tree, &paths, filter.as_ref())?;
    let entries = selected.entries.into_iter().map(|entry| entry.map(TreeEntry::from)).collect();
    Ok(Answer { digest: format_digest(&selected.digest), entries, empty: selected.empty })
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
