use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use super::{Measured, measure};

fn blocks(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().blocks() * 512
}

#[test]
fn allocated_bytes_count_and_not_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("d/e")).unwrap();
    fs::write(root.join("small"), b"x").unwrap();
    fs::write(root.join("d/large"), vec![1; 100_000]).unwrap();
    let mut sparse = fs::File::create(root.join("d/e/sparse")).unwrap();
    sparse.seek(SeekFrom::Start(1 << 30)).unwrap();
    sparse.write_all(b"end").unwrap();
    symlink("/", root.join("d/link")).unwrap();
    let names = ["", "d", "d/e", "small", "d/large", "d/e/sparse", "d/link"];
    let bytes: u64 = names.iter().map(|name| blocks(&root.join(name))).sum();
    let measured = measure(&[root]).unwrap();
    assert_eq!(measured, [Measured { bytes, entries: 7 }]);
    assert!(bytes < 1 << 20, "{bytes}");
}

#[test]
fn a_file_with_two_names_counts_once_in_a_call() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
    fs::create_dir(&a).unwrap();
    fs::create_dir(&b).unwrap();
    fs::write(a.join("f"), vec![1; 50_000]).unwrap();
    fs::hard_link(a.join("f"), a.join("g")).unwrap();
    fs::hard_link(a.join("f"), b.join("h")).unwrap();
    let all = measure(&[a.clone(), b.clone()]).unwrap();
    let sum: u64 = all.iter().map(|each| each.bytes).sum();
    assert_eq!(sum, blocks(&a) + blocks(&b) + blocks(&a.join("f")));
    assert_eq!(measure(std::slice::from_ref(&b)).unwrap()[0].bytes, blocks(&b) + blocks(&a.join("f")));
}

#[test]
fn files_absent_paths_and_many_paths_have_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = (0..50).map(|number| folder.path().join(number.to_string())).collect();
    for (number, path) in paths.iter().enumerate().filter(|(number, _)| number % 3 != 0) {
        fs::write(path, vec![1; number * 5000]).unwrap();
    }
    let measured = measure(&paths).unwrap();
    for (number, path) in paths.iter().enumerate() {
        let expected = if number % 3 == 0 { 0 } else { blocks(path) };
        assert_eq!(measured[number].bytes, expected);
    }
    assert_eq!(measure(&[]).unwrap(), []);
}
