use files::tree::Entry;
use serde::Serialize;

use crate::text::Bytes;

/// `TreeEntry` of native/types.ts.
#[derive(Serialize)]
pub struct TreeEntry {
    path: Bytes,
    #[serde(rename = "type")]
    kind: &'static str,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
}

impl From<Entry> for TreeEntry {
    fn from(entry: Entry) -> Self {
        let path = Bytes([b"/", entry.path.as_slice()].concat());
        Self { path, kind: entry.kind.as_str(), mode: entry.mode, uid: entry.uid, gid: entry.gid, size: entry.size }
    }
}
