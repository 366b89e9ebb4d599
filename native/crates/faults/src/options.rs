use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use crate::calls::Group;

/// What is done to a call.
pub enum Fault {
    /// It fails with this errno.
    Errno(i32),
    /// The command is killed before it, and with `tree` all its children too.
    Kill { tree: bool },
}

/// Which of the counted calls it is done to, from 1.
pub struct Plan {
    pub first: u64,
    pub last: u64,
    pub fault: Fault,
}

pub struct Options {
    pub below: PathBuf,
    pub report: PathBuf,
    pub groups: Vec<Group>,
    pub plan: Option<Plan>,
    pub command: Vec<OsString>,
}

impl Options {
    /// Fails with `InvalidInput`, which names the argument.
    pub fn parse(mut arguments: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let mut below = None;
        let mut report = None;
        let mut groups = Group::ALL.to_vec();
        let (mut first, mut last, mut fault) = (None, None, None);
        while let Some(name) = arguments.next() {
            if name == "--" {
                break;
            }
            let value = arguments.next().ok_or_else(|| invalid(&name))?;
            let text = value.to_str().ok_or_else(|| invalid(&value))?;
            match name.to_str() {
                Some("--below") => below = Some(PathBuf::from(value).canonicalize()?),
                Some("--report") => report = Some(PathBuf::from(value)),
                Some("--calls") => groups = text.split(',').map(group).collect::<io::Result<_>>()?,
                Some("--at") => first = Some(number(text)?),
                Some("--last") => last = Some(number(text)?),
                Some("--errno") => fault = Some(Fault::Errno(errno(text)?)),
                Some("--kill") => fault = Some(Fault::Kill { tree: text == "tree" }),
                _ => return Err(invalid(&name)),
            }
        }
        let plan = match (first, fault) {
            (Some(first), Some(fault)) => Some(Plan { first, last: last.unwrap_or(first), fault }),
            (None, None) => None,
            _ => return Err(invalid("--at")),
        };
        let missing = || invalid("--below and --report are needed");
        Ok(Self {
            below: below.ok_or_else(missing)?,
            report: report.ok_or_else(missing)?,
            groups,
            plan,
            command: arguments.collect(),
        })
    }
}

fn group(name: &str) -> io::Result<Group> {
    Group::ALL.into_iter().find(|group| group.name() == name).ok_or_else(|| invalid(name))
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| invalid(text))
}

fn errno(name: &str) -> io::Result<i32> {
    match name {
        "EIO" => Ok(libc::EIO),
        "ENOSPC" => Ok(libc::ENOSPC),
        "EDQUOT" => Ok(libc::EDQUOT),
        "EROFS" => Ok(libc::EROFS),
        "EMFILE" => Ok(libc::EMFILE),
        _ => Err(invalid(name)),
    }
}

fn invalid(what: impl AsRef<std::ffi::OsStr>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("bad argument `{}`", what.as_ref().to_string_lossy()))
}
