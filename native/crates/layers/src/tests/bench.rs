//! Not run by itself: `cargo test --release -p layers bench -- --ignored --nocapture`, with UPPER and WORK set.

use std::time::{Duration, Instant};

use super::*;

/// Processor time of all threads so far: what a busy machine does not distort.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks: u64 =
        stat.rsplit(')').next().unwrap().split(' ').skip(12).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn measure<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (start, before) = (Instant::now(), processor());
    let result = work();
    println!("{what}: {:?}, processor {:?}", start.elapsed(), processor() - before);
    result
}

#[test]
#[ignore = "measures"]
fn bench() {
    let upper = PathBuf::from(std::env::var_os("UPPER").unwrap());
    let work = PathBuf::from(std::env::var_os("WORK").unwrap());
    let digest = measure("digest only", || write_upper(&upper, None, Compression::None).unwrap());
    println!("{} MB", digest.plain.size / 1_000_000);
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let output = work.join("bench.blob");
        let _ = std::fs::remove_file(&output);
        let name = format!("write {compression:?}");
        let written = measure(&name, || write_upper(&upper, Some(&output), compression).unwrap());
        println!("{} MB", written.packed.size / 1_000_000);
        let destination = tempfile::tempdir_in(&work).unwrap();
        let request = ApplyRequest {
            blob: Source::File(output.clone()),
            form: Form::Layer(compression),
            destination: destination.path().to_owned(),
            max_ratio: None,
            lower: Vec::new(),
        };
        measure(&format!("apply {compression:?}"), || apply(&request, &Cancel::new()).unwrap());
        std::fs::remove_file(output).unwrap();
    }
}
