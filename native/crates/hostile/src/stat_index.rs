use crate::context::CONTEXT;

/// A stat index that is damaged, with its checksum made good, so that nothing stops it but its own form: the scan does
/// not fail for it, nor the next one, which reads what this one left. Accepted means believed in all it says.
pub fn believe(body: &[u8]) -> bool {
    let context = &*CONTEXT;
    let mut bytes = body.to_vec();
    bytes.extend_from_slice(blake3::hash(body).as_bytes());
    std::fs::write(context.path("index"), bytes).unwrap();
    let scanned = context.scan(Some("index"), Vec::new()).unwrap();
    // Whatever the index was, the scan leaves one that the next scan can use.
    context.scan(Some("index"), Vec::new()).unwrap();
    scanned.hashed == 0 && scanned.tree == context.truth
}

pub fn seeds() -> Vec<Vec<u8>> {
    let index = &CONTEXT.index;
    let (body, sum) = index.split_at(index.len() - 32);
    assert_eq!(blake3::hash(body).as_bytes(), sum, "the stat index no longer ends in its checksum: mend `believe`");
    vec![body.to_vec()]
}
