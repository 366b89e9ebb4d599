//! Not run by itself: `cargo test --release -p layers bench -- --ignored --nocapture`, with UPPER and WORK set.

use std::time::Instant;

use super::*;

#[test]
#[ignore = "measures"]
fn bench() {
    let upper = PathBuf::from(std::env::var_os("UPPER").unwrap());
    let work = PathBuf::from(std::env::var_os("WORK").unwrap());
    let start = Instant::now();
    let digest = write_upper(&upper, None, Compression::None).unwrap();
    println!("digest only {:?} {} MB", start.elapsed(), digest.plain.size / 1_000_000);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let output = work.join("bench.blob");
        let _ = std::fs::remove_file(&output);
        let start = Instant::now();
        let written = write_upper(&upper, Some(&output), compression).unwrap();
        println!("write {compression:?} {:?} {} MB", start.elapsed(), written.packed.size / 1_000_000);
        let destination = tempfile::tempdir_in(&work).unwrap();
        let request = ApplyRequest {
            blob: output.clone(),
            compression,
            destination: destination.path().to_owned(),
            max_ratio: None,
            lower: Vec::new(),
        };
        let start = Instant::now();
        apply(&request, &Cancel::new()).unwrap();
        println!("apply {compression:?} {:?}", start.elapsed());
        std::fs::remove_file(output).unwrap();
    }
}
