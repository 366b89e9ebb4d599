use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Who has to act; the words of `Fault` in core/error.ts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Input,
    Step,
    Usage,
    Host,
    Remote,
    Bug,
    Interrupted,
}

impl Fault {
    /// The word that crosses to TypeScript.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Input => "input",
            Fault::Step => "step",
            Fault::Usage => "usage",
            Fault::Host => "host",
            Fault::Remote => "remote",
            Fault::Bug => "bug",
            Fault::Interrupted => "interrupted",
        }
    }
}

/// The one error of the native crates; the addon sends it as the envelope from which a `TsbError` is rebuilt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// `TSB_<AREA>_<PROBLEM>`.
    pub code: &'static str,
    /// One line, lower case, no full stop, the thing in backquotes.
    pub message: String,
    /// What it is about, where there is such a path.
    pub path: Option<PathBuf>,
    /// The system's reason.
    pub errno: Option<i32>,
    /// An imperative that is nearly always right.
    pub hint: Option<String>,
    pub fault: Fault,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(code: &'static str, fault: Fault, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: None, errno: None, hint: None, fault }
    }

    /// A failed system call on `path`; `what` says what was attempted (`cannot create`).
    /// What is the disk's fault has a code of its own whatever `code` says (`TSB_DISK_FULL`, `TSB_DISK_FAILED`,
    /// `TSB_DISK_READONLY`), and an `Error` that was carried through an `io::Error` (see the `From` below) comes out as
    /// it went in.
    pub fn io(code: &'static str, what: &str, path: impl AsRef<Path>, cause: &io::Error) -> Self {
        if let Some(inner) = carried(cause) {
            return inner.clone();
        }
        let path = path.as_ref();
        let errno = cause.raw_os_error();
        let reason = match errno {
            Some(number) => io::Error::from_raw_os_error(number).to_string(),
            None => cause.to_string(),
        };
        Self {
            code: match errno {
                Some(ENOSPC | EDQUOT) => "TSB_DISK_FULL",
                Some(EIO) => "TSB_DISK_FAILED",
                Some(EROFS) => "TSB_DISK_READONLY",
                _ => code,
            },
            message: format!("{what} `{}`: {}", path.display(), plain(&reason)),
            path: Some(path.to_owned()),
            errno,
            hint: match errno {
                Some(ENOSPC | EDQUOT) => Some("free disk space, or set TSBUILD_ROOT to another disk".to_owned()),
                Some(EIO) => Some("look for disk errors in the kernel log".to_owned()),
                Some(EROFS) => Some("mount it writable, or set TSBUILD_ROOT to another disk".to_owned()),
                // Owners, devices and mounts are root's to make.
                Some(EPERM) => Some("run as root, for example with `sudo`".to_owned()),
                _ => None,
            },
            fault: Fault::Host,
        }
    }

    #[must_use]
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }
}

const EPERM: i32 = 1;
const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// The `Error` inside an `io::Error` made by `From`, if there is one.
pub fn carried(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

/// `No such file or directory (os error 2)` as a clause of a message.
fn plain(reason: &str) -> String {
    let text = reason.split(" (os error").next().unwrap_or(reason);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

/// Lets an `Error` pass through `Read` and `Write`; `Error::io` takes it out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        io::Error::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_disks_fault_has_its_own_code() {
        for (errno, code) in [
            (ENOSPC, "TSB_DISK_FULL"),
            (EDQUOT, "TSB_DISK_FULL"),
            (EIO, "TSB_DISK_FAILED"),
            (EROFS, "TSB_DISK_READONLY"),
            (EPERM, "TSB_LAYER_WRITE"),
        ] {
            let error = Error::io("TSB_LAYER_WRITE", "cannot write", "/x", &io::Error::from_raw_os_error(errno));
            assert_eq!((error.code, error.errno, error.fault), (code, Some(errno), Fault::Host));
            assert!(error.hint.is_some());
        }
    }

    #[test]
    fn an_error_survives_the_way_through_io() {
        let inner = Error::new("TSB_INTERRUPTED", Fault::Interrupted, "interrupted");
        let outer = Error::io("TSB_LAYER_WRITE", "cannot write", "/x", &io::Error::from(inner.clone()));
        assert_eq!(outer, inner);
    }
}
