use digests::tar::{Entry, Kind, Problem, TarReader};

/// Entries that the reader may hand out before it counts as running in circles: each takes a block of the input.
const BLOCK: usize = 512;

/// The reader alone, without a file system: every entry takes its share of the input, its content stays in its size,
/// and memory is bounded by the input.
pub fn read(bytes: &[u8]) -> bool {
    let mut reader = TarReader::new(bytes);
    let mut entries = 0;
    loop {
        match reader.next_entry() {
            Ok(Some(entry)) => {
                entries += 1;
                assert!(entries <= bytes.len() / BLOCK, "more entries than blocks");
                // Half of them are skipped, which is another way through the reader.
                if entries % 2 == 1 && content(&mut reader, &entry).is_err() {
                    return false;
                }
            }
            Ok(None) => return entries > 0,
            Err(_) => return false,
        }
    }
}

fn content(reader: &mut TarReader<&[u8]>, entry: &Entry) -> Result<(), Problem> {
    assert!(entry.kind == Kind::File || entry.size == 0, "content of what is no file");
    let mut end = 0;
    reader.content(entry, |offset, piece| {
        assert!(offset >= end, "content out of order");
        end = offset.checked_add(piece.len() as u64).expect("content beyond all files");
        assert!(end <= entry.size, "content beyond the file");
        Ok::<(), Problem>(())
    })
}
