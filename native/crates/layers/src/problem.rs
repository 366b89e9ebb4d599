use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use digests::tar::Problem;
use digests::{Error, Fault, carried};
use rustix::io::Errno;

/// Why a layer cannot be unpacked, before it is known which entry it was.
#[derive(Debug)]
pub enum Fail {
    /// The layer asks for something that must not be.
    Input(Why, &'static str),
    /// The system refused; what was attempted.
    System(Errno, &'static str),
    /// The stream itself.
    Stream(Problem),
    /// Complete already.
    Done(Error),
}

/// Which rule the layer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Path,
    Link,
    Whiteout,
    Entry,
}

impl Why {
    fn code(self) -> &'static str {
        match self {
            Why::Path => "TSB_LAYER_PATH",
            Why::Link => "TSB_LAYER_LINK",
            Why::Whiteout => "TSB_LAYER_WHITEOUT",
            Why::Entry => "TSB_LAYER_INVALID",
        }
    }
}

impl Fail {
    pub fn input(why: Why, text: &'static str) -> Self {
        Self::Input(why, text)
    }

    pub fn system(errno: Errno, what: &'static str) -> Self {
        Self::System(errno, what)
    }

    /// The error as the caller sees it; `entry` is the name in the archive, where the fault has one.
    pub fn into_error(self, entry: Option<&[u8]>) -> Error {
        let name = entry.map(OsStr::from_bytes);
        let shown =
            entry.map_or_else(|| "its first entry".to_owned(), |entry| format!("`{}`", String::from_utf8_lossy(entry)));
        let error = match self {
            Self::Done(error) => return error,
            Self::Input(why, text) => Error::new(why.code(), Fault::Input, format!("layer entry {shown} {text}")),
            Self::System(errno, what) => match errno {
                // The name was the archive's choice, not the host's fault.
                Errno::NAMETOOLONG | Errno::FBIG => Error::new(
                    "TSB_LAYER_PATH",
                    Fault::Input,
                    format!("layer entry {shown} has a name or size that no file can have"),
                ),
                _ => return Error::io("TSB_LAYER_WRITE", what, name.unwrap_or_default(), &errno.into()),
            },
            Self::Stream(problem) => stream(problem, &shown),
        };
        match name {
            Some(name) => error.at(name),
            None => error,
        }
    }
}

fn stream(problem: Problem, shown: &str) -> Error {
    match problem {
        Problem::Io(cause) => match carried(&cause) {
            Some(inner) => inner.clone(),
            None => {
                Error::new("TSB_LAYER_CORRUPT", Fault::Input, format!("the layer's compressed data is broken: {cause}"))
            }
        },
        Problem::Truncated => Error::new(
            "TSB_LAYER_TRUNCATED",
            Fault::Input,
            format!("layer is cut short, or not a tar: it ends at {shown}"),
        ),
        Problem::Malformed(text) => {
            Error::new("TSB_LAYER_INVALID", Fault::Input, format!("layer is not a tar: {text} at {shown}"))
        }
    }
}

impl From<Problem> for Fail {
    fn from(problem: Problem) -> Self {
        Self::Stream(problem)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        Self::Done(error)
    }
}
