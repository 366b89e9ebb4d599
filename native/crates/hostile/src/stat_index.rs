use std::sync::atomic::{AtomicU64, Ordering};

use crate::context::context;

/// A stat index that is damaged, with its checksum made good, so that nothing stops it but its own form: the scan does
/// not fail for it, nor the next one, which reads what this one left. Accepted means believed in all it says.
pub fn believe(body: &[u8]) -> bool {
    let mut bytes = body.to_vec();
    bytes.extend_from_slice(blake3::hash(body).as_bytes());
    let context = context();
    let name = format!("index-{}", RUNS.fetch_add(1, Ordering::Relaxed));
    std::fs::write(context.path(&name), &bytes).unwrap();
    let scanned = context.scan(Some(&name), Vec::new()).unwrap();
    // Whatever the index was, the scan leaves one that the next scan can use.
    context.scan(Some(&name), Vec::new()).unwrap();
    std::fs::remove_file(context.path(&name)).unwrap();
    scanned.hashed == 0 && scanned.tree == context.truth
}

/// Several threads may be at it.
static RUNS: AtomicU64 = AtomicU64::new(0);

pub fn seeds() -> Vec<Vec<u8>> {
    let index = &context().index;
    let (body, sum) = index.split_at(index.len() - 32);
    assert_eq!(blake3::hash(body).as_bytes(), sum, "the stat index no longer ends in its checksum: mend `believe`");
    vec![body.to_vec()]
}
