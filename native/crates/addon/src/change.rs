use digests::Result;
use files::change;
use files::tree::parse_digest;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::cancel::CancelToken;
use crate::commit::Answer;
use crate::text::{Bytes, paths};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    layers: Vec<Bytes>,
    parent: Option<String>,
    upper: Bytes,
    sources: Vec<Source>,
    actions: Vec<Action>,
    trees_directory: Bytes,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Source {
    Directory { root: Bytes, tree: String },
    Layers { layers: Vec<Bytes>, tree: String },
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Action {
    Copy {
        source: usize,
        paths: Vec<Bytes>,
        destination: Bytes,
        chown: Option<String>,
        chmod: Option<u32>,
        unpack: bool,
    },
    MakeDirectory {
        path: Bytes,
        mode: u32,
        owner: String,
    },
}

#[napi]
pub fn change<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = change::Request {
            layers: paths(request.layers),
            parent: request.parent.as_deref().map(parse_digest).transpose()?,
            upper: request.upper.into_path(),
            sources: request.sources.into_iter().map(source).collect::<Result<_>>()?,
            actions: request.actions.into_iter().map(action).collect(),
            trees_directory: request.trees_directory.into_path(),
        };
        change::change(&request, cancel).map(Answer::from)
    })
}

fn source(source: Source) -> Result<change::Source> {
    Ok(match source {
        Source::Directory { root, tree } => {
            change::Source::Directory { root: root.into_path(), tree: parse_digest(&tree)? }
        }
        Source::Layers { layers, tree } => change::Source::Layers { layers: paths(layers), tree: parse_digest(&tree)? },
    })
}

fn action(action: Action) -> change::Action {
    match action {
        Action::Copy { source, paths, destination, chown, chmod, unpack } => change::Action::Copy(change::Copy {
            source,
            paths: paths.into_iter().map(|path| path.0).collect(),
            destination: destination.0,
            chown,
            chmod,
            unpack,
        }),
        Action::MakeDirectory { path, mode, owner } => change::Action::MakeDirectory { path: path.0, mode, owner },
    }
}
