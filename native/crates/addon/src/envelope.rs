use digests::Error;
use serde::Serialize;

use crate::text::Bytes;

/// An error on its way to TypeScript.
#[derive(Serialize)]
struct Envelope<'a> {
    code: &'a str,
    message: &'a str,
    fault: &'a str,
    path: Option<Bytes>,
    errno: Option<i32>,
    hint: Option<&'a str>,
}

/// The error that Node throws: its message is the envelope.
pub fn to_napi(error: &Error) -> napi::Error {
    let envelope = Envelope {
        code: error.code,
        message: &error.message,
        fault: error.fault.as_str(),
        path: error.path.as_deref().map(Bytes::from),
        errno: error.errno,
        hint: error.hint.as_deref(),
    };
    // Text that is no envelope becomes a bug report over there, which is what it would be.
    napi::Error::from_reason(serde_json::to_string(&envelope).unwrap_or_else(|_| error.message.clone()))
}
