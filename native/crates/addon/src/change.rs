use digests::{Error, Fault, Result};
use files::change::{self, Chmod, CopyHow, ModeStep};
use files::tree::parse_digest;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::cancel::CancelToken;
use crate::commit::Answer;
use crate::copy_filter::CopyFilter;
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

/// Not an enum with a tag: serde would take its fields for text first, which names need not be.
#[derive(Deserialize)]
struct Source {
    kind: SourceKind,
    root: Option<Bytes>,
    layers: Option<Vec<Bytes>>,
    tree: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SourceKind {
    Directory,
    Layers,
}

/// As `Source`.
#[derive(Deserialize)]
struct Action {
    kind: ActionKind,
    source: Option<usize>,
    paths: Option<Vec<Bytes>>,
    destination: Option<Bytes>,
    chown: Option<String>,
    chmod: Option<FileMode>,
    unpack: Option<bool>,
    filter: Option<CopyFilter>,
    name: Option<Bytes>,
    content: Option<Bytes>,
    path: Option<Bytes>,
    mode: Option<u32>,
    owner: Option<String>,
    time: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ActionKind {
    Copy,
    Write,
    MakeDirectory,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum FileMode {
    To(u32),
    Steps(Vec<Step>),
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Step {
    Clear { bits: u32 },
    Set { bits: u32 },
    SetIfExecutable { bits: u32 },
    Copy { from: Class, to: u32, how: How },
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Class {
    Others = 0,
    Group = 3,
    User = 6,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    Clear,
    Set,
    Replace,
}

#[napi]
pub fn change<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |request: Request, cancel| {
        let request = change::Request {
            layers: paths(request.layers),
            parent: request.parent.as_deref().map(parse_digest).transpose()?,
            upper: request.upper.into_path(),
            sources: request.sources.into_iter().map(source).collect::<Result<_>>()?,
            actions: request.actions.into_iter().map(action).collect::<Result<_>>()?,
            trees_directory: request.trees_directory.into_path(),
        };
        change::change(&request, cancel).map(Answer::from)
    })
}

fn source(source: Source) -> Result<change::Source> {
    let tree = parse_digest(&source.tree)?;
    Ok(match source.kind {
        SourceKind::Directory => change::Source::Directory { root: given(source.root, "root")?.into_path(), tree },
        SourceKind::Layers => change::Source::Layers { layers: paths(given(source.layers, "layers")?), tree },
    })
}

fn action(action: Action) -> Result<change::Action> {
    Ok(match action.kind {
        ActionKind::Copy => change::Action::Copy(change::Copy {
            source: given(action.source, "source")?,
            paths: given(action.paths, "paths")?.into_iter().map(|path| path.0).collect(),
            destination: given(action.destination, "destination")?.0,
            chown: action.chown,
            chmod: action.chmod.map(Chmod::from),
            unpack: given(action.unpack, "unpack")?,
            filter: action.filter.map(CopyFilter::compile).transpose()?,
        }),
        ActionKind::Write => change::Action::Write(change::Write {
            name: given(action.name, "name")?.0,
            content: given(action.content, "content")?.0,
            destination: given(action.destination, "destination")?.0,
            mode: given(action.mode, "mode")?,
            chown: action.chown,
            chmod: action.chmod.map(Chmod::from),
        }),
        ActionKind::MakeDirectory => change::Action::MakeDirectory {
            path: given(action.path, "path")?.0,
            mode: given(action.mode, "mode")?,
            owner: given(action.owner, "owner")?,
            time: action.time,
        },
    })
}

impl From<FileMode> for Chmod {
    fn from(mode: FileMode) -> Self {
        match mode {
            FileMode::To(mode) => Self::To(mode),
            FileMode::Steps(steps) => Self::Steps(steps.into_iter().map(step).collect()),
        }
    }
}

fn step(step: Step) -> ModeStep {
    match step {
        Step::Clear { bits } => ModeStep::Clear(bits),
        Step::Set { bits } => ModeStep::Set(bits),
        Step::SetIfExecutable { bits } => ModeStep::SetIfExecutable(bits),
        Step::Copy { from, to, how } => ModeStep::Copy {
            from: from as u32,
            to,
            how: match how {
                How::Clear => CopyHow::Clear,
                How::Set => CopyHow::Set,
                How::Replace => CopyHow::Replace,
            },
        },
    }
}

fn given<T>(field: Option<T>, name: &str) -> Result<T> {
    field.ok_or_else(|| Error::new("TSB_BUG", Fault::Bug, format!("a change without its `{name}`")))
}
