//! `--chown`: names are those of the destination's own passwd and group files.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use digests::{Error, Fault, Result};
use rustix::fs::{Mode, OFlags};

use super::resolve::{Place, resolve};

/// As BuildKit: larger files are refused.
const MAX_FILE: u64 = 10 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// Reads `user[:group]`. A number alone is user and group; a name alone brings its own group; with a colon, a group that
/// is missing or unknown leaves the user's. Unknown users are 0, as in BuildKit, whose manual promises an error.
/// Fails with `TSB_COPY_OWNER` when passwd or group cannot be read, and for a name when `is_scratch`: where there is no
/// layer yet, there is nobody to mean (BuildKit fails as well).
pub(super) fn look_up(root: impl AsFd, text: &str, is_scratch: bool) -> Result<Owner> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let is_name = |word: &str| !word.is_empty() && word.parse::<u32>().is_err();
    if is_scratch && (is_name(user) || group.is_some_and(is_name)) {
        let message = format!("`{text}` names a user or group, but `scratch` has none");
        return Err(
            Error::new("TSB_COPY_OWNER", Fault::Input, message).hint("write numbers, as in `--chown=1000:1000`")
        );
    }
    let mut owner = match user.parse::<u32>() {
        Ok(uid) => Owner { uid, gid: if group.is_none() { uid } else { 0 } },
        Err(_) if user.is_empty() => Owner::default(),
        Err(_) => find_user(&read(&root, b"/etc/passwd")?, user).unwrap_or_default(),
    };
    match group.map(|group| (group, group.parse::<u32>())) {
        None | Some(("", _)) => {}
        Some((_, Ok(gid))) => owner.gid = gid,
        Some((name, Err(_))) => owner.gid = find_group(&read(&root, b"/etc/group")?, name).unwrap_or(owner.gid),
    }
    Ok(owner)
}

/// passwd(5): `name:password:uid:gid:…`
fn find_user(passwd: &str, name: &str) -> Option<Owner> {
    passwd.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let found = fields.next()? == name;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        found.then_some(Owner { uid, gid })
    })
}

/// group(5): `name:password:gid:…`
fn find_group(group: &str, name: &str) -> Option<u32> {
    group.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let found = fields.next()? == name;
        let gid = fields.nth(1)?.parse().ok()?;
        found.then_some(gid)
    })
}

/// The text of a file of the root; empty when there is none.
fn read(root: impl AsFd, path: &[u8]) -> Result<String> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let failed = |cause: &std::io::Error| Error::io("TSB_COPY_OWNER", "cannot read", &shown, cause);
    let Place::Other(directory, name) = resolve(root, path)? else { return Ok(String::new()) };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: OwnedFd = rustix::fs::openat(&directory, name, flags, Mode::empty()).map_err(|e| failed(&e.into()))?;
    let mut bytes = Vec::new();
    let length = std::fs::File::from(file).take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
    if length as u64 > MAX_FILE {
        return Err(Error::new("TSB_COPY_OWNER", Fault::Input, format!("`{shown}` is larger than 10 MiB")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn owners_are_read_as_buildkit_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::write(folder.path().join("etc/passwd"), "junk\nbob:x:500:600::/:/bin/sh\n5:x:700:701::/:/bin/sh\n")
            .unwrap();
        fs::write(folder.path().join("etc/group"), "\ngrp:x:900:\n").unwrap();
        let root = fs::File::open(folder.path()).unwrap();
        // Every line was tried on Docker 28 (BuildKit).
        let cases = [
            ("bob", (500, 600)),
            ("bob:grp", (500, 900)),
            ("5", (5, 5)),
            ("nobodyx", (0, 0)),
            ("nobodyx:grp", (0, 900)),
            ("bob:nogrp", (500, 600)),
            ("bob:77", (500, 77)),
            (":grp", (0, 900)),
            ("77:grp", (77, 900)),
            ("abc:", (0, 0)),
            ("7:", (7, 0)),
        ];
        for (text, (uid, gid)) in cases {
            assert_eq!(look_up(&root, text, false).unwrap(), Owner { uid, gid }, "{text}");
        }
        fs::remove_dir_all(folder.path().join("etc")).unwrap();
        assert_eq!(look_up(&root, "bob:grp", false).unwrap(), Owner::default());
        assert_eq!(look_up(&root, "bob:5", true).unwrap_err().code, "TSB_COPY_OWNER");
        assert_eq!(look_up(&root, "7:5", true).unwrap(), Owner { uid: 7, gid: 5 });
    }
}
