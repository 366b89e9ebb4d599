use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

use crate::call::call;
use crate::text::{Bytes, paths};

#[napi]
pub fn remove<'env>(env: &'env Env, request: String) -> napi::Result<Object<'env>> {
    call(env, request, None, |request: Vec<Bytes>, _| files::remove(&paths(request)))
}
