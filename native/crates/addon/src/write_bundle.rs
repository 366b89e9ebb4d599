use digests::{Error, Fault, Hashed, Result};
use layers::{BundleFile, Content};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde::Deserialize;

use crate::call::call;
use crate::cancel::CancelToken;
use crate::output::Output;
use crate::text::Bytes;

#[derive(Deserialize)]
struct Request {
    files: Vec<FileRequest>,
    output: Output,
}

/// Flat, since an untagged union would read paths as text.
#[derive(Deserialize)]
struct FileRequest {
    name: String,
    /// Content as hex digits; absent for a blob.
    hex: Option<String>,
    #[serde(default)]
    path: Bytes,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    verified: bool,
}

#[napi]
pub fn write_bundle<'env>(env: &'env Env, request: String, token: Option<&CancelToken>) -> napi::Result<Object<'env>> {
    call(env, request, token, |Request { files, output }: Request, cancel| {
        let files = files.into_iter().map(file).collect::<Result<Vec<_>>>()?;
        layers::write_bundle(&files, output.open()?, cancel)
    })
}

fn file(FileRequest { name, hex, path, digest, size, verified }: FileRequest) -> Result<BundleFile> {
    let content = match hex {
        Some(hex) => Content::Bytes(from_hex(&hex)?),
        None => Content::Blob { path: path.into_path(), expected: Hashed { digest, size }, verified },
    };
    Ok(BundleFile { name, content })
}

fn from_hex(text: &str) -> Result<Vec<u8>> {
    let wrong = || Error::new("TSB_BUG", Fault::Bug, "content that is no hex");
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect::<Option<_>>().ok_or_else(wrong)
}
