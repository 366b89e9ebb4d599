//! File names are bytes, JavaScript strings are UTF-16. A byte 0xNN that is no UTF-8 crosses as the lone surrogate U+DCNN
//! (as in Python's `surrogateescape`), which no valid name contains.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// A name or path.
#[derive(Clone, Debug, Default)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    pub fn into_path(self) -> PathBuf {
        OsString::from_vec(self.0).into()
    }
}

impl From<&Path> for Bytes {
    fn from(path: &Path) -> Self {
        Self(path.as_os_str().as_bytes().to_vec())
    }
}

/// As paths.
pub fn paths(all: Vec<Bytes>) -> Vec<PathBuf> {
    all.into_iter().map(Bytes::into_path).collect()
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, text: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(from_wtf8(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
            }
        }
        // As bytes, because serde_json refuses lone surrogates in a str; in bytes it encodes each as three (WTF-8).
        deserializer.deserialize_bytes(Text)
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return serializer.serialize_str(text);
        }
        let mut json = String::from("\"");
        for chunk in self.0.utf8_chunks() {
            let quoted = serde_json::to_string(chunk.valid()).map_err(S::Error::custom)?;
            json.push_str(&quoted[1..quoted.len() - 1]);
            chunk.invalid().iter().for_each(|byte| json.push_str(&format!("\\udc{byte:02x}")));
        }
        json.push('"');
        RawValue::from_string(json).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// U+DC80 to U+DCFF are ED B2 80 to ED B3 BF; each becomes the byte that it stands for.
fn from_wtf8(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        match rest {
            [0xed, second @ (0xb2 | 0xb3), third, tail @ ..] => {
                bytes.push(((second & 0x03) << 6) | (third & 0x3f));
                rest = tail;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}
