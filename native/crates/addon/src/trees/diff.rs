use files::tree::{Change, Tree, diff as diff_trees, parse_digest};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::{Deserialize, Serialize};

use crate::call::call;
use crate::copy_filter::CopyFilter;
use crate::text::Bytes;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    trees_directory: Bytes,
    from: String,
    to: String,
    paths: Vec<Bytes>,
    filter: Option<CopyFilter>,
    limit: usize,
}

#[derive(Serialize)]
struct Answer {
    changed: u64,
    total: u64,
    changes: Vec<FileChange>,
}

/// `FileChange` of core/miss.ts.
#[derive(Serialize)]
struct FileChange {
    path: Bytes,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Bytes>,
}

#[napi]
pub fn diff<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Request, _| {
        let directory = request.trees_directory.into_path();
        let from = Tree::load(&directory, &parse_digest(&request.from)?)?;
        let to = Tree::load(&directory, &parse_digest(&request.to)?)?;
        let paths: Vec<Vec<u8>> = request.paths.into_iter().map(|path| path.0).collect();
        let filter = request.filter.map(CopyFilter::compile).transpose()?;
        let found = diff_trees(&from, &to, &paths, filter.as_ref(), request.limit)?;
        let changes = found.changes.into_iter().map(FileChange::from).collect();
        Ok(Answer { changed: found.changed, total: found.total, changes })
    })
}

impl From<Change> for FileChange {
    fn from(change: Change) -> Self {
        let (from, to) = change.values.map(|(from, to)| (Bytes(from), Bytes(to))).unzip();
        Self { path: Bytes(change.path), change: change.aspect.as_str(), from, to }
    }
}
