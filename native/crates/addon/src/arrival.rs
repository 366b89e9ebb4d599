use layers::Arrival;
use napi_derive::napi;

use crate::call::parse;
use crate::envelope::to_napi;
use crate::text::Bytes;

/// Tells a running `applyLayer` how far its blob's file has come.
#[napi]
pub struct ArrivalToken(Arrival);

#[napi]
impl ArrivalToken {
    #[napi(constructor)]
    pub fn open(path: String) -> napi::Result<Self> {
        let opened = parse(&path).and_then(|path: Bytes| Arrival::open(&path.into_path()));
        opened.map(Self).map_err(|error| to_napi(&error))
    }

    #[napi]
    pub fn reached(&self, bytes: f64) {
        // Whole numbers up to 2^53 are what JavaScript counts in.
        self.0.reached(bytes as u64);
    }

    #[napi]
    pub fn end(&self) {
        self.0.end();
    }

    #[napi]
    pub fn fail(&self) {
        self.0.fail();
    }

    pub(crate) fn arrival(&self) -> Arrival {
        self.0.clone()
    }
}
