use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use files::mount::{Upper, attach};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind};

use crate::failure::{Code, During, Failure, Result};
use crate::protocol::{Content, Request, Source, WritableLayer};

/// Where the trees are mounted whole, below the bundle.
const TREES: &str = "trees";

/// Mounts memory on the bundle, where only we see it, and writes its files: they may hold secrets, and so may what the
/// runtime keeps beside them.
pub fn fill_bundle(request: &Request) -> Result<()> {
    let cannot = || "cannot fill the bundle".into();
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", &request.bundle, "tmpfs", flags, c"mode=700").during(Code::Isolation, cannot)?;
    for (name, text) in &request.files {
        let path = request.bundle.join(name);
        fs::write(&path, text).during(Code::Isolation, cannot)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644)).during(Code::Isolation, cannot)?;
    }
    Ok(())
}

/// Makes what mounts take from the bundle.
pub fn make(request: &Request) -> Result<()> {
    for (number, source) in request.sources.iter().enumerate() {
        make_parent(&source.place).during(Code::Root, || cannot_make(source))?;
        match &source.content {
            Content::Tree { layers, upper, path } => {
                let tree = request.bundle.join(TREES).join(number.to_string());
                fs::create_dir_all(&tree).during(Code::Root, || cannot_make(source))?;
                let upper = upper.as_ref().map(|WritableLayer { path, work }| Upper { path, work });
                attach(layers, upper.as_ref(), &tree).map_err(refused)?;
                bind(&tree, path, &source.place)?;
            }
            Content::File { hex, mode, uid, gid } => {
                let bytes = from_hex(hex).ok_or_else(|| Failure { code: Code::Request, message: "not hex".into() })?;
                write_file(&source.place, &bytes, *mode, (*uid, *gid)).during(Code::Root, || cannot_make(source))?;
            }
        }
    }
    Ok(())
}

/// What the mounting of a root says, in our own terms.
pub fn refused(error: digests::Error) -> Failure {
    let code = if error.code == "TSB_PRIVILEGE_MISSING" { Code::Privilege } else { Code::Root };
    Failure { code, message: error.message }
}

/// Binds `path` of `tree` to `place`. Other containers may write to the tree meanwhile, so the path is followed by the
/// kernel, which keeps it inside, and what it led to is bound and nothing else.
fn bind(tree: &Path, path: &Path, place: &Path) -> Result<()> {
    let open = || -> rustix::io::Result<OwnedFd> {
        let root = rustix::fs::open(tree, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        rustix::fs::openat2(&root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
    };
    let source = open().map_err(|error| match error {
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => {
            Failure { code: Code::MountSource, message: format!("`{}` is not there to be mounted", path.display()) }
        }
        other => Failure { code: Code::Root, message: format!("cannot open `{}`: {other}", path.display()) },
    })?;
    let cannot = || format!("cannot bind `{}`", path.display());
    let facts = rustix::fs::fstat(&source).during(Code::Root, cannot)?;
    if FileType::from_raw_mode(facts.st_mode).is_dir() {
        fs::create_dir(place).during(Code::Root, cannot)?;
    } else {
        File::create_new(place).during(Code::Root, cannot)?;
    }
    mount_bind(format!("/proc/self/fd/{}", source.as_raw_fd()), place).during(Code::Root, cannot)
}

fn write_file(path: &Path, bytes: &[u8], mode: u32, (uid, gid): (u32, u32)) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    fchown(&file, Some(uid), Some(gid))?;
    file.set_permissions(Permissions::from_mode(mode & 0o777))
}

fn make_parent(place: &Path) -> io::Result<()> {
    let parent = place.parent().unwrap_or(Path::new("/"));
    match rustix::fs::mkdirat(CWD, parent, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(()),
        other => Ok(other?),
    }
}

fn cannot_make(source: &Source) -> String {
    format!("cannot make `{}`", source.place.display())
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_and_nothing_else() {
        assert_eq!(from_hex("00ff7A"), Some(vec![0, 255, 122]));
        assert_eq!(from_hex(""), Some(vec![]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
    }

    #[test]
    fn a_file_has_the_owner_and_mode_that_were_asked_for() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let owner = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        write_file(&path, b"value", 0o4440, owner).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"value");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o440);
    }
}
