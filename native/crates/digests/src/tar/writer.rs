use std::io::{self, Write};

use super::field::{
    BLOCK, CHECKSUM, GID, LINK, MAGIC, MAJOR, MINOR, MODE, MTIME, NAME, PREFIX, SIZE, TYPE, UID, checksums, padding,
    put_octal,
};
use super::pax;
use super::reader::Kind;

/// An entry to write.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// Relative; directories with a trailing slash.
    pub path: &'a [u8],
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Bytes that follow; 0 for all but files.
    pub size: u64,
    /// Whole seconds.
    pub mtime: i64,
    /// Target of a symbolic or hard link.
    pub link: &'a [u8],
    /// Major and minor number.
    pub device: (u32, u32),
    /// Names and values, in the order to write them.
    pub xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

/// Writes a tar: a ustar header for each entry, with a pax header before it where ustar is too narrow.
/// The bytes follow from the entries alone.
pub struct TarWriter<W> {
    output: W,
    size: u64,
}

impl<W: Write> TarWriter<W> {
    pub fn new(output: W) -> Self {
        Self { output, size: 0 }
    }

    /// Writes the header of an entry; exactly `header.size` bytes of content must follow by `content`, then `pad`.
    pub fn header(&mut self, header: &Header<'_>) -> io::Result<()> {
        let mut block = [0; BLOCK];
        let records = fill(&mut block, header);
        if !records.is_empty() {
            self.extended(header.path, &records)?;
        }
        self.put(&block)
    }

    /// Writes a piece of the content.
    pub fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)
    }

    /// Writes whole entries that another writer made.
    pub fn entries(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes)
    }

    /// Counts content that was written to the output by another way.
    pub fn note_content(&mut self, bytes: u64) {
        self.size += bytes;
    }

    /// Where it writes to.
    pub fn output(&self) -> &W {
        &self.output
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The output, for entries that go into another archive: nothing ends here.
    pub fn into_inner(self) -> W {
        self.output
    }

    /// Fills the last block of the content.
    pub fn pad(&mut self) -> io::Result<()> {
        let rest = padding(self.size) as usize;
        self.put(&[0; BLOCK][..rest])
    }

    /// Ends the archive with two blocks of zeros, no more, as docker does; an archive without entries is just these.
    pub fn finish(mut self) -> io::Result<W> {
        self.put(&[0; 2 * BLOCK])?;
        Ok(self.output)
    }

    fn extended(&mut self, path: &[u8], records: &[u8]) -> io::Result<()> {
        let mut name = b"PaxHeaders/".to_vec();
        let base = path.strip_suffix(b"/").unwrap_or(path).rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        name.extend(base.iter().take(80).map(|byte| if byte.is_ascii() { *byte } else { b'_' }));
        let mut block = [0; BLOCK];
        put_bytes(&mut block, NAME.0, &name);
        block[TYPE] = b'x';
        put_octal(&mut block, MODE, 0o644);
        put_octal(&mut block, UID, 0);
        put_octal(&mut block, GID, 0);
        put_octal(&mut block, SIZE, records.len() as u64);
        put_octal(&mut block, MTIME, 0);
        seal(&mut block);
        self.put(&block)?;
        self.put(records)?;
        self.pad()
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.output.write_all(bytes)
    }
}

/// Fills the ustar block and returns the pax records for what does not fit into it.
fn fill(block: &mut [u8; BLOCK], header: &Header<'_>) -> Vec<u8> {
    let mut records = Vec::new();
    let mut raw = false;
    if !put_path(block, header.path) {
        raw |= put_name(&mut records, b"path", header.path);
        put_bytes(block, NAME.0, &header.path[..NAME.1.min(header.path.len())]);
    }
    if fits_field(header.link, LINK.1) {
        put_bytes(block, LINK.0, header.link);
    } else {
        raw |= put_name(&mut records, b"linkpath", header.link);
        put_bytes(block, LINK.0, &header.link[..LINK.1.min(header.link.len())]);
    }
    put_octal(block, MODE, u64::from(header.mode));
    let mut number = |field, key: &[u8], value: u64| {
        if !put_octal(block, field, value) {
            pax::put(&mut records, key, value.to_string().as_bytes());
        }
    };
    number(UID, b"uid", u64::from(header.uid));
    number(GID, b"gid", u64::from(header.gid));
    number(SIZE, b"size", header.size);
    let fits = u64::try_from(header.mtime).is_ok_and(|mtime| put_octal(block, MTIME, mtime));
    if !fits {
        put_octal(block, MTIME, 0);
        pax::put(&mut records, b"mtime", header.mtime.to_string().as_bytes());
    }
    if matches!(header.kind, Kind::Character | Kind::Block) {
        put_octal(block, MAJOR, u64::from(header.device.0));
        put_octal(block, MINOR, u64::from(header.device.1));
    }
    for (name, value) in header.xattrs {
        pax::put(&mut records, &[b"SCHILY.xattr.", name.as_slice()].concat(), value);
    }
    block[TYPE] = header.kind.flag();
    seal(block);
    if raw {
        // POSIX: without this the values would have to be UTF-8.
        let rest = std::mem::take(&mut records);
        pax::put(&mut records, b"hdrcharset", b"BINARY");
        records.extend_from_slice(&rest);
    }
    records
}

/// Adds a name; true when it is not UTF-8.
fn put_name(records: &mut Vec<u8>, key: &[u8], value: &[u8]) -> bool {
    pax::put(records, key, value);
    std::str::from_utf8(value).is_err()
}

/// The path in the name field, or split at a slash over prefix and name. False when it does not fit.
fn put_path(block: &mut [u8; BLOCK], path: &[u8]) -> bool {
    if fits_field(path, NAME.1) {
        put_bytes(block, NAME.0, path);
        return true;
    }
    if path.len() > PREFIX.1 + 1 + NAME.1 || !path.is_ascii() {
        return false;
    }
    // The name must not be empty: a directory's closing slash is part of it.
    let from = path.len().saturating_sub(NAME.1 + 1).max(1);
    let to = (PREFIX.1 + 1).min(path.len() - 1);
    match path.get(from..to).and_then(|window| window.iter().position(|byte| *byte == b'/')) {
        Some(index) => {
            put_bytes(block, PREFIX.0, &path[..from + index]);
            put_bytes(block, NAME.0, &path[from + index + 1..]);
            true
        }
        None => false,
    }
}

/// UTF-8 beyond ASCII goes to a pax record, where its meaning is defined; other bytes stay as they are in the field,
/// which every reader takes literally.
fn fits_field(name: &[u8], width: usize) -> bool {
    name.len() <= width && (name.is_ascii() || std::str::from_utf8(name).is_err())
}

fn put_bytes(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Writes magic, version and checksum.
fn seal(block: &mut [u8; BLOCK]) {
    put_bytes(block, MAGIC.0, b"ustar\x0000");
    let (sum, _) = checksums(block);
    put_octal(block, (CHECKSUM.0, CHECKSUM.1 - 1), sum.unsigned_abs());
    block[CHECKSUM.0 + CHECKSUM.1 - 1] = b' ';
}
