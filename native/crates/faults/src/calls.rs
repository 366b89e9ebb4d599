/// Kinds of calls that can be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Write,
    Sync,
    Rename,
    Make,
    Open,
    Remove,
    Meta,
}

impl Group {
    pub const ALL: [Self; 7] =
        [Self::Write, Self::Sync, Self::Rename, Self::Make, Self::Open, Self::Remove, Self::Meta];

    pub fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Make => "make",
            Self::Open => "open",
            Self::Remove => "remove",
            Self::Meta => "meta",
        }
    }
}

/// Where a call says which file it is about: by the places of its arguments.
#[derive(Clone, Copy)]
pub enum Target {
    Descriptor(usize),
    Path(usize),
    /// A path below a directory's descriptor.
    At(usize, usize),
}

pub struct Call {
    pub number: libc::c_long,
    pub name: &'static str,
    pub group: Group,
    pub target: Target,
}

const fn call(number: libc::c_long, name: &'static str, group: Group, target: Target) -> Call {
    Call { number, name, group, target }
}

/// What changes files, or opens them; of two paths the one that comes to be.
pub const CALLS: &[Call] = &[
    call(libc::SYS_write, "write", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_pwrite64, "pwrite", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_writev, "writev", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_pwritev, "pwritev", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_pwritev2, "pwritev2", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_sendfile, "sendfile", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_copy_file_range, "copy_file_range", Group::Write, Target::Descriptor(2)),
    call(libc::SYS_ftruncate, "ftruncate", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_fallocate, "fallocate", Group::Write, Target::Descriptor(0)),
    call(libc::SYS_fsync, "fsync", Group::Sync, Target::Descriptor(0)),
    call(libc::SYS_fdatasync, "fdatasync", Group::Sync, Target::Descriptor(0)),
    call(libc::SYS_syncfs, "syncfs", Group::Sync, Target::Descriptor(0)),
    call(libc::SYS_renameat, "renameat", Group::Rename, Target::At(2, 3)),
    call(libc::SYS_renameat2, "renameat2", Group::Rename, Target::At(2, 3)),
    call(libc::SYS_mkdirat, "mkdirat", Group::Make, Target::At(0, 1)),
    call(libc::SYS_mknodat, "mknodat", Group::Make, Target::At(0, 1)),
    call(libc::SYS_symlinkat, "symlinkat", Group::Make, Target::At(1, 2)),
    call(libc::SYS_linkat, "linkat", Group::Make, Target::At(2, 3)),
    call(libc::SYS_openat, "openat", Group::Open, Target::At(0, 1)),
    call(libc::SYS_openat2, "openat2", Group::Open, Target::At(0, 1)),
    call(libc::SYS_unlinkat, "unlinkat", Group::Remove, Target::At(0, 1)),
    call(libc::SYS_fchmod, "fchmod", Group::Meta, Target::Descriptor(0)),
    call(libc::SYS_fchmodat, "fchmodat", Group::Meta, Target::At(0, 1)),
    call(libc::SYS_fchown, "fchown", Group::Meta, Target::Descriptor(0)),
    call(libc::SYS_fchownat, "fchownat", Group::Meta, Target::At(0, 1)),
    call(libc::SYS_utimensat, "utimensat", Group::Meta, Target::At(0, 1)),
    call(libc::SYS_fsetxattr, "fsetxattr", Group::Meta, Target::Descriptor(0)),
    call(libc::SYS_lsetxattr, "lsetxattr", Group::Meta, Target::Path(0)),
    call(libc::SYS_setxattr, "setxattr", Group::Meta, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_rename, "rename", Group::Rename, Target::Path(1)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_mkdir, "mkdir", Group::Make, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_symlink, "symlink", Group::Make, Target::Path(1)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_link, "link", Group::Make, Target::Path(1)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_open, "open", Group::Open, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_creat, "creat", Group::Open, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_unlink, "unlink", Group::Remove, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_rmdir, "rmdir", Group::Remove, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_chmod, "chmod", Group::Meta, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_chown, "chown", Group::Meta, Target::Path(0)),
    #[cfg(target_arch = "x86_64")]
    call(libc::SYS_lchown, "lchown", Group::Meta, Target::Path(0)),
];

/// The call of that number, where it is one of `groups`.
pub fn find(number: libc::c_int, groups: &[Group]) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.number == libc::c_long::from(number) && groups.contains(&call.group))
}
