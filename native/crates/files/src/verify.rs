use std::path::Path;

use digests::{Cancel, Result};

use crate::delta::{Contents, Delta, open_upper};
use crate::tree::TreeWriter;

/// Digest of the change in an overlay upper, as `commit` has found it: all content is read, nothing is changed.
/// Fails with `TSB_COMMIT_FAILED`.
pub fn delta_digest(upper: &Path, cancel: &Cancel) -> Result<blake3::Hash> {
    let delta = Delta::index(&open_upper(upper)?, &Contents::new(), cancel)?;
    let mut writer = TreeWriter::new();
    delta.entries.iter().for_each(|entry| writer.push(entry));
    Ok(writer.finish()?.1)
}
