use digests::Cancel;
use napi_derive::napi;

/// Stops the call that it was given to; native/index.ts raises it when the `AbortSignal` fires.
#[napi]
#[derive(Default)]
pub struct CancelToken(Cancel);

#[napi]
impl CancelToken {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    #[napi]
    pub fn cancel(&self) {
        self.0.cancel();
    }

    pub(crate) fn flag(&self) -> Cancel {
        self.0.clone()
    }
}
