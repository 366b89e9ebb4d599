use digests::Sha256Stream;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

/// The digest of a small document, at once: what a thread or Node's own cryptography would take to start is many times this.
#[napi]
pub fn sha256(bytes: Uint8Array) -> String {
    Sha256Stream::of(&bytes).digest
}
