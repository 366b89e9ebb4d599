use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::{Code, Failure, Result};
use crate::protocol::Request;
use crate::root_path::resolve;

/// Whether the command is there and can be executed, in the words that docker's runtime has for it. Runtimes report
/// this each in their own way, and on the container's stderr too, so we look first; what we cannot tell (a command
/// below a mount, rights of a user) is left to them.
pub fn check(root: &Path, request: &Request) -> Result<()> {
    let command = Path::new(&request.command);
    let direct = request.command.contains('/');
    let candidates: Vec<PathBuf> = match &request.path {
        _ if direct => vec![request.cwd.path.join(command)],
        Some(path) => path.split(':').map(|directory| request.cwd.path.join(directory).join(command)).collect(),
        None => return Ok(()),
    };
    let mut finding = Finding::Missing;
    for candidate in candidates {
        match find(root, &candidate, request) {
            Finding::Usable => return Ok(()),
            Finding::Missing => (),
            other if direct => finding = other,
            // A search goes on over what it cannot use.
            _ => (),
        }
    }
    let name = &request.command;
    Err(match finding {
        Finding::Missing if direct => {
            failure(Code::CommandNotFound, format!("exec: \"{name}\": stat {name}: no such file or directory"))
        }
        Finding::Missing | Finding::Usable => {
            failure(Code::CommandNotFound, format!("exec: \"{name}\": executable file not found in $PATH"))
        }
        Finding::Directory => failure(Code::CommandNotExecutable, format!("exec: \"{name}\": is a directory")),
        Finding::NotExecutable => failure(Code::CommandNotExecutable, format!("exec: \"{name}\": permission denied")),
    })
}

enum Finding {
    /// Or beyond what we can tell.
    Usable,
    Missing,
    Directory,
    NotExecutable,
}

fn find(root: &Path, candidate: &Path, request: &Request) -> Finding {
    let mounted = |path: &Path| request.mounts.iter().any(|mount| path.starts_with(&mount.target));
    let Ok(place) = resolve(root, candidate) else { return Finding::Missing };
    if mounted(candidate) || mounted(&Path::new("/").join(place.full())) {
        return Finding::Usable;
    }
    match fs::symlink_metadata(root.join(&place.existing)) {
        _ if !place.missing.is_empty() => Finding::Missing,
        Ok(facts) if facts.is_dir() => Finding::Directory,
        Ok(facts) if facts.permissions().mode() & 0o111 == 0 => Finding::NotExecutable,
        Ok(_) => Finding::Usable,
        Err(_) => Finding::Missing,
    }
}

fn failure(code: Code, message: String) -> Failure {
    Failure { code, message }
}
