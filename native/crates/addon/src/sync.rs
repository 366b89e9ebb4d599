use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::call::call;
use crate::text::Bytes;

#[napi]
pub fn sync<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |path: Bytes, _| files::sync(&path.into_path()))
}
