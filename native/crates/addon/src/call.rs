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
    silence_panics();
    let cancel = token.map(CancelToken::flag).unwrap_or_default();
    let (deferred, promise): (JsDeferred<Answer, Resolver<Answer>>, _) = env.create_deferred()?;
    let run = move || match caught(|| work(parse(&request)?, &cancel)) {
        Ok(answer) => deferred.resolve(Box::new(move |_| Ok(answer))),
        Err(error) => deferred.reject(to_napi(&error)),
    };
    thread::Builder::new()
        .name("tsbuild".to_owned())
        .spawn(run)
        .map_err(|e| to_napi(&Error::io("TSB_THREAD_FAILED", "cannot start a thread for", "a native call", &e)))?;
    Ok(promise)
}

/// Does `work` at once, for what takes less than the start of a thread; `None` where that is not so.
pub fn call_here<Request, Answer>(
    request: &str,
    work: impl FnOnce(Request) -> Result<Option<Answer>>,
) -> napi::Result<Option<String>>
where
    Request: DeserializeOwned,
    Answer: Serialize,
{
    silence_panics();
    let answer = caught(|| {
        let answer = work(parse(request)?)?;
        let encoded = answer.map(|answer| serde_json::to_string(&answer)).transpose();
        encoded.map_err(|e| bug(format!("cannot encode an answer: {e}")))
    });
    answer.map_err(|error| to_napi(&error))
}

/// A panic becomes an error; the terminal belongs to the renderers.
fn silence_panics() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| set_hook(Box::new(|_| {})));
}

fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let outcome = catch_unwind(AssertUnwindSafe(work));
    outcome.unwrap_or_else(|panic| Err(bug(format!("the native core panicked: {}", words_of(panic.as_ref())))))
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
