use std::cmp::Ordering;

/// What stands at a path. The numbers are part of the file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    File = 1,
    Directory = 2,
    Symlink = 3,
    Character = 4,
    Block = 5,
    Fifo = 6,
    Socket = 7,
    /// In a delta only: hides what the trees below have at this path.
    Whiteout = 8,
}

impl Kind {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        const ALL: [Kind; 8] = [
            Kind::File,
            Kind::Directory,
            Kind::Symlink,
            Kind::Character,
            Kind::Block,
            Kind::Fifo,
            Kind::Socket,
            Kind::Whiteout,
        ];
        ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// The word of `EntryType` in native/types.ts. A whiteout never leaves this crate.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symlink",
            Kind::Character | Kind::Whiteout => "character",
            Kind::Block => "block",
            Kind::Fifo => "fifo",
            Kind::Socket => "socket",
        }
    }

    /// From the type bits of `st_mode`.
    pub fn of_mode(mode: u32) -> Self {
        match mode & libc::S_IFMT {
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFLNK => Kind::Symlink,
            libc::S_IFCHR => Kind::Character,
            libc::S_IFBLK => Kind::Block,
            libc::S_IFIFO => Kind::Fifo,
            libc::S_IFSOCK => Kind::Socket,
            _ => Kind::File,
        }
    }

    /// The type bits of `st_mode`.
    pub fn mode_bits(self) -> u32 {
        match self {
            Kind::File => libc::S_IFREG,
            Kind::Directory => libc::S_IFDIR,
            Kind::Symlink => libc::S_IFLNK,
            Kind::Character | Kind::Whiteout => libc::S_IFCHR,
            Kind::Block => libc::S_IFBLK,
            Kind::Fifo => libc::S_IFIFO,
            Kind::Socket => libc::S_IFSOCK,
        }
    }
}

/// Name and value.
pub type Xattr = (Vec<u8>, Vec<u8>);

/// One path of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Relative, components joined by `/`, never empty.
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Of regular files.
    pub size: u64,
    /// Of devices.
    pub rdev: u64,
    /// Target of a symbolic link.
    pub link: Vec<u8>,
    /// Sorted by name.
    pub xattrs: Vec<Xattr>,
    /// BLAKE3 of a regular file's content.
    pub hash: [u8; 32],
    /// In a delta only: a directory that hides the content of the directory below it.
    pub opaque: bool,
}

impl Entry {
    /// An entry without content, owned by root.
    pub fn new(path: impl Into<Vec<u8>>, kind: Kind, mode: u32) -> Self {
        Self {
            path: path.into(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: 0,
            rdev: 0,
            link: Vec::new(),
            xattrs: Vec::new(),
            hash: [0; 32],
            opaque: false,
        }
    }
}

/// The order of a tree: by components, so `a/b` comes before `a.c` and right after `a`.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let common = a.iter().zip(b).position(|(x, y)| x != y);
    match common {
        None => a.len().cmp(&b.len()),
        Some(at) => weight(a[at]).cmp(&weight(b[at])),
    }
}

fn weight(byte: u8) -> u8 {
    // A name holds no zero byte, so zero is free for the separator.
    if byte == b'/' { 0 } else { byte }
}

/// Whether `path` lies below `directory`; everything lies below the empty path, the root.
pub fn is_below(path: &[u8], directory: &[u8]) -> bool {
    if directory.is_empty() {
        return !path.is_empty();
    }
    path.len() > directory.len() && path[directory.len()] == b'/' && path.starts_with(directory)
}
