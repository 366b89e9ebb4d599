use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::sync::Once;
use std::thread;

use digests::{Cancel, Error, Fault, Result};
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, JsDeferred};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cancel::CancelToken;
use crate::envelope::to_napi;

type Resolver<T> = Box<dyn FnOnce(Env) -> napi::Result<T> + Send>;

/// Runs `work` on a thread of its own and returns the promise of its result as JSON. Not on libuv's pool: that has four
/// threads for all of Node's file and name look-ups, and a call may last minutes.
pub fn call<'env, Request, Answer>(
    env: &'env Env,
    request: String,
    token: Option<&CancelToken>,
    work: impl FnOnce(Request, &Cancel) -> Result<Answer> + Send + 'static,
) -> napi::Result<Object<'env>>
where
    Request: DeserializeOwned,
    Answer: Serialize,
{
    call_with(env, request, token, |request, cancel| {
        let answer = work(request, cancel)?;
        serde_json::to_string(&answer).map_err(|e| bug(format!("cannot encode an answer: {e}")))
    })
}

/// As `call`, for answers that are not JSON.
pub fn call_with<'env, Request, Answer>(
    env: &'env Env,
    request: String,
    token: Option<&CancelToken>,
    work: impl FnOnce(Request, &Cancel) -> Result<Answer> + Send + 'static,
) -> napi::Result<Object<'env>>
where
    Request: DeserializeOwned,
    Answer: ToNapiValue + Send + 'static,
{
    static QUIET: Once = Once::new();
    // A panic becomes an error below; the terminal belongs to the renderers.
    QUIET.call_once(|| set_hook(Box::new(|_| {})));
    let cancel = token.map(CancelToken::flag).unwrap_or_default();
    let (deferred, promise): (JsDeferred<Answer, Resolver<Answer>>, _) = env.create_deferred()?;
    let run = move || {
        let answer = catch_unwind(AssertUnwindSafe(|| work(parse(&request)?, &cancel)));
        match answer.unwrap_or_else(|panic| Err(bug(format!("the native core panicked: {}", words_of(panic.as_ref())))))
        {
            Ok(answer) => deferred.resolve(Box::new(move |_| Ok(answer))),
            Err(error) => deferred.reject(to_napi(&error)),
        }
    };
    thread::Builder::new()
        .name("tsbuild".to_owned())
        .spawn(run)
        .map_err(|e| to_napi(&Error::io("TSB_THREAD_FAILED", "cannot start a thread for", "a native call", &e)))?;
    Ok(promise)
}

pub fn parse<Request: DeserializeOwned>(request: &str) -> Result<Request> {
    serde_json::from_str(request).map_err(|e| bug(format!("cannot read a request: {e}")))
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

fn bug(message: String) -> Error {
    Error::new("TSB_BUG", Fault::Bug, message)
}
