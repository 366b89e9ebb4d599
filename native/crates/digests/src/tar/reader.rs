use std::io::{self, BufRead};

use super::field::{
    BLOCK, CHECKSUM, GID, LINK, MAGIC, MAJOR, MINOR, MODE, MTIME, NAME, PREFIX, SIZE, STAR_PREFIX, STAR_TRAILER, TYPE,
    UID, bytes, checksums, number, padding, text,
};
use super::pax::Extended;
use super::sparse::{self, DataMap, Segment};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    HardLink,
    SymbolicLink,
    Character,
    Block,
    Directory,
    Fifo,
}

impl Kind {
    /// The type flag of the header.
    pub fn flag(self) -> u8 {
        match self {
            Kind::File => b'0',
            Kind::HardLink => b'1',
            Kind::SymbolicLink => b'2',
            Kind::Character => b'3',
            Kind::Block => b'4',
            Kind::Directory => b'5',
            Kind::Fifo => b'6',
        }
    }
}

/// An entry as the archive states it: names are a stranger's words and not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Of the file with its holes; 0 for all but files.
    pub size: u64,
    /// Seconds and the nanoseconds above them.
    pub mtime: (i64, u32),
    pub link: Vec<u8>,
    /// Major and minor number.
    pub device: (u32, u32),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    segments: Vec<Segment>,
}

/// Why an archive cannot be read further.
#[derive(Debug)]
pub enum Problem {
    /// The stream below failed, an early end within its compression included.
    Io(io::Error),
    /// The archive ends inside an entry.
    Truncated,
    /// The archive is not one; the text says what is wrong, in a clause.
    Malformed(&'static str),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Long names, pax headers: as Go's reader has it, whose programs refuse more.
const MAX_EXTENSION: u64 = 1 << 20;

/// Reads a tar entry by entry: v7, ustar, pax and GNU forms (long names, sparse files, base-256 numbers).
/// A pax global header is skipped, as docker does. Nothing that the archive says makes it hold more than a few MiB.
pub struct TarReader<R> {
    input: R,
    /// Content of the current entry not read yet, and the padding after it.
    rest: u64,
    padding: u64,
}

#[derive(Default)]
struct Pending {
    extended: Extended,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
    any: bool,
    /// Of all the extension headers so far: one entry can have many.
    bytes: u64,
}

impl<R: BufRead> TarReader<R> {
    pub fn new(input: R) -> Self {
        Self { input, rest: 0, padding: 0 }
    }

    /// The stream below, right after what was read.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// The next entry; `None` after the first block of zeros or at the end of the stream.
    /// What is left of the previous entry's content is skipped.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Problem> {
        self.skip()?;
        let mut pending = Pending::default();
        loop {
            let mut block = [0; BLOCK];
            if !self.block(&mut block)? || block == [0; BLOCK] {
                return if pending.any { Err(Problem::Truncated) } else { Ok(None) };
            }
            verify(&block)?;
            let stated = size_field(&block)?;
            match block[TYPE] {
                b'x' | b'X' => {
                    let body = self.body(stated, &mut pending)?;
                    pending.extended.add(&body).map_err(Problem::Malformed)?;
                }
                b'L' => pending.long_path = Some(text(&self.body(stated, &mut pending)?).to_vec()),
                b'K' => pending.long_link = Some(text(&self.body(stated, &mut pending)?).to_vec()),
                // A global header, or GNU's volume label: nothing of a file.
                b'g' | b'V' => {
                    (self.rest, self.padding) = (stated, padding(stated));
                    self.skip()?;
                    continue;
                }
                _ => return self.entry(&block, stated, pending).map(Some),
            }
            pending.any = true;
        }
    }

    /// Hands the content to `sink` piece by piece with its place in the file; holes are left out.
    pub fn content<E: From<Problem>>(
        &mut self,
        entry: &Entry,
        mut sink: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if entry.segments.is_empty() {
            let whole = Segment { offset: 0, length: self.rest };
            return self.segment(whole, &mut sink);
        }
        entry.segments.iter().try_for_each(|segment| self.segment(*segment, &mut sink))
    }

    fn segment<E: From<Problem>>(
        &mut self,
        segment: Segment,
        sink: &mut impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut done = 0;
        while done < segment.length {
            let buffer = fill(&mut self.input)?;
            let take = usize::try_from(segment.length - done).unwrap_or(usize::MAX).min(buffer.len());
            sink(segment.offset + done, &buffer[..take])?;
            self.input.consume(take);
            self.rest -= take as u64;
            done += take as u64;
        }
        Ok(())
    }

    fn skip(&mut self) -> Result<(), Problem> {
        let mut left = self.rest + self.padding;
        (self.rest, self.padding) = (0, 0);
        while left > 0 {
            let buffer = fill(&mut self.input)?;
            let take = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            self.input.consume(take);
            left -= take as u64;
        }
        Ok(())
    }

    /// False at the end of the stream.
    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool, Problem> {
        let mut have = 0;
        while have < BLOCK {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                return if have == 0 { Ok(false) } else { Err(Problem::Truncated) };
            }
            let take = buffer.len().min(BLOCK - have);
            block[have..have + take].copy_from_slice(&buffer[..take]);
            self.input.consume(take);
            have += take;
        }
        Ok(true)
    }

    /// The content of an extension header.
    fn body(&mut self, size: u64, pending: &mut Pending) -> Result<Vec<u8>, Problem> {
        pending.bytes = pending.bytes.saturating_add(size);
        if pending.bytes > MAX_EXTENSION {
            return Err(Problem::Malformed("extended headers over 1 MiB"));
        }
        (self.rest, self.padding) = (size, padding(size));
        let mut body = Vec::new();
        self.segment(Segment { offset: 0, length: size }, &mut |_, piece: &[u8]| {
            body.extend_from_slice(piece);
            Ok::<(), Problem>(())
        })?;
        self.skip()?;
        Ok(body)
    }

    fn entry(&mut self, block: &[u8; BLOCK], stated: u64, mut pending: Pending) -> Result<Entry, Problem> {
        let kind = kind_of(block, &pending)?;
        // As Go's reader has it: whatever their size field says, these have no content.
        let data = if kind == Kind::File { pending.extended.size.unwrap_or(stated) } else { 0 };
        (self.rest, self.padding) = (data, padding(data));
        let mut entry = plain_entry(block, kind, data, &mut pending)?;
        if kind == Kind::File {
            self.sparse(block, &mut entry, pending)?;
        }
        Ok(entry)
    }

    /// Reads the map of a file with holes, wherever its format keeps it.
    fn sparse(&mut self, block: &[u8; BLOCK], entry: &mut Entry, pending: Pending) -> Result<(), Problem> {
        let keys = pending.extended.sparse;
        let segments = if block[TYPE] == b'S' {
            let size = number(&block[483..495]).and_then(|size| u64::try_from(size).ok());
            entry.size = size.ok_or(Problem::Malformed("malformed size of a sparse file"))?;
            self.header_map(block)?
        } else if keys.major == Some(1) {
            entry.size = keys.size.ok_or(Problem::Malformed("sparse file without a size"))?;
            self.data_map()?
        } else if keys.present {
            entry.size = keys.size.ok_or(Problem::Malformed("sparse file without a size"))?;
            keys.segments
        } else {
            return Ok(());
        };
        if let Some(name) = keys.name {
            entry.path = name;
        }
        sparse::check(&segments, entry.size, self.rest).map_err(Problem::Malformed)?;
        if i64::try_from(entry.size).is_err() {
            return Err(Problem::Malformed("size out of range"));
        }
        entry.segments = segments;
        if entry.segments.is_empty() {
            // A file that is one hole: without a segment the whole content would count, which is empty too.
            entry.segments.push(Segment { offset: 0, length: 0 });
        }
        Ok(())
    }

    fn header_map(&mut self, block: &[u8; BLOCK]) -> Result<Vec<Segment>, Problem> {
        let mut segments = Vec::new();
        sparse::add_pairs(&mut segments, &block[386..482]).map_err(Problem::Malformed)?;
        let mut more = block[482] != 0;
        while more {
            let mut next = [0; BLOCK];
            if !self.block(&mut next)? {
                return Err(Problem::Truncated);
            }
            let before = segments.len();
            sparse::add_pairs(&mut segments, &next[..504]).map_err(Problem::Malformed)?;
            if segments.len() == before {
                return Err(Problem::Malformed("empty block in a sparse map"));
            }
            more = next[504] != 0;
        }
        Ok(segments)
    }

    fn data_map(&mut self) -> Result<Vec<Segment>, Problem> {
        let mut map = DataMap::default();
        loop {
            let mut block = [0; BLOCK];
            self.rest = self.rest.checked_sub(BLOCK as u64).ok_or(Problem::Malformed("sparse map out of the data"))?;
            if !self.block(&mut block)? {
                return Err(Problem::Truncated);
            }
            if map.add(&block).map_err(Problem::Malformed)? {
                return Ok(map.segments());
            }
        }
    }
}

fn fill<R: BufRead>(input: &mut R) -> Result<&[u8], Problem> {
    let buffer = input.fill_buf()?;
    if buffer.is_empty() { Err(Problem::Truncated) } else { Ok(buffer) }
}

fn verify(block: &[u8; BLOCK]) -> Result<(), Problem> {
    let (unsigned, signed) = checksums(block);
    match number(bytes(block, CHECKSUM)) {
        Some(sum) if sum == unsigned || sum == signed => Ok(()),
        _ => Err(Problem::Malformed("wrong header checksum")),
    }
}

fn size_field(block: &[u8; BLOCK]) -> Result<u64, Problem> {
    number(bytes(block, SIZE)).and_then(|size| u64::try_from(size).ok()).ok_or(Problem::Malformed("malformed size"))
}

fn kind_of(block: &[u8; BLOCK], pending: &Pending) -> Result<Kind, Problem> {
    Ok(match block[TYPE] {
        b'0' | b'7' | b'S' => Kind::File,
        // v7 knows no directories: a slash at the end of the name says it.
        0 => {
            let long = pending.extended.path.as_deref().or(pending.long_path.as_deref());
            let name = long.unwrap_or_else(|| text(bytes(block, NAME)));
            if name.last() == Some(&b'/') { Kind::Directory } else { Kind::File }
        }
        b'1' => Kind::HardLink,
        b'2' => Kind::SymbolicLink,
        b'3' => Kind::Character,
        b'4' => Kind::Block,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        _ => return Err(Problem::Malformed("entry of an unknown type")),
    })
}

fn plain_entry(block: &[u8; BLOCK], kind: Kind, data: u64, pending: &mut Pending) -> Result<Entry, Problem> {
    let extended = &mut pending.extended;
    let id = |stated: Option<u64>, field| {
        let value = stated.map_or_else(|| number(bytes(block, field)), |id| i64::try_from(id).ok());
        value
            .and_then(|id| u32::try_from(id).ok())
            .filter(|id| *id != u32::MAX)
            .ok_or(Problem::Malformed("owner out of range"))
    };
    let (uid, gid) = (id(extended.uid, UID)?, id(extended.gid, GID)?);
    let mode = number(bytes(block, MODE)).ok_or(Problem::Malformed("malformed mode"))?;
    let mtime = match extended.mtime {
        Some(mtime) => mtime,
        None => (number(bytes(block, MTIME)).ok_or(Problem::Malformed("malformed time"))?, 0),
    };
    let device = if matches!(kind, Kind::Character | Kind::Block) {
        let part = |field| number(bytes(block, field)).and_then(|part| u32::try_from(part).ok());
        part(MAJOR).zip(part(MINOR)).ok_or(Problem::Malformed("malformed device number"))?
    } else {
        (0, 0)
    };
    let path = extended.path.take().or_else(|| pending.long_path.take()).unwrap_or_else(|| header_path(block));
    let link = extended.link.take().or_else(|| pending.long_link.take());
    Ok(Entry {
        path,
        kind,
        mode: (mode & 0o7777) as u32,
        uid,
        gid,
        size: data,
        mtime,
        link: link.unwrap_or_else(|| text(bytes(block, LINK)).to_vec()),
        device,
        xattrs: extended.take_xattrs(),
        segments: Vec::new(),
    })
}

/// Name and prefix; GNU and v7 headers have other things where ustar has the prefix.
fn header_path(block: &[u8; BLOCK]) -> Vec<u8> {
    let name = text(bytes(block, NAME));
    if &bytes(block, MAGIC)[..6] != b"ustar\0" {
        return name.to_vec();
    }
    let star = bytes(block, STAR_TRAILER) == b"tar\0";
    let prefix = text(bytes(block, if star { STAR_PREFIX } else { PREFIX }));
    if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
}
