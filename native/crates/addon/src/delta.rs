use files::delta_digest;
use files::tree::format_digest;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::call::call;
use crate::text::Bytes;

#[napi]
pub fn delta<'env>(env: &'env Env, upper: String) -> napi::Result<Object<'env>> {
    call(env, upper, None, |upper: Bytes, cancel| {
        delta_digest(&upper.into_path(), cancel).map(|digest| format_digest(&digest))
    })
}
