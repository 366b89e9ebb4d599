//! `--chown`: names are those of the destination's own passwd and group files.

use std::io::Read;

use digests::{Error, Fault, Result};

use super::resolve::{Place, resolve};
use super::root::Root;

/// As BuildKit: larger files are refused.
const MAX_FILE: u64 = 10 << 20;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// Reads `user[:group]`. A number is user and group; a name brings its own group; after a colon, nothing is group 0, and
/// a group that is unknown leaves the user's. Unknown users are 0, as in BuildKit, whose manual promises an error.
/// Fails with `TSB_COPY_OWNER` when passwd or group cannot be read, and for a name on `scratch`: where there is no
/// layer yet, there is nobody to mean (BuildKit fails as well).
pub(super) fn look_up(root: &Root<'_>, text: &str) -> Result<Owner> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let is_name = |word: &str| !word.is_empty() && word.parse::<u32>().is_err();
    if root.is_scratch() && (is_name(user) || group.is_some_and(is_name)) {
        let message = format!("`{text}` names a user or group, but `scratch` has none");
        return Err(
            Error::new("TSB_COPY_OWNER", Fault::Input, message).hint("write numbers, as in `--chown=1000:1000`")
        );
    }
    let mut owner = match user.parse::<u32>() {
        Ok(uid) => Owner { uid, gid: uid },
        Err(_) if user.is_empty() => Owner::default(),
        Err(_) => find_user(&read(root, b"/etc/passwd")?, user).unwrap_or_default(),
    };
    match group.map(|group| (group, group.parse::<u32>())) {
        None => {}
        Some(("", _)) => owner.gid = 0,
        Some((_, Ok(gid))) => owner.gid = gid,
        Some((name, Err(_))) => owner.gid = find_group(&read(root, b"/etc/group")?, name).unwrap_or(owner.gid),
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
fn read(root: &Root<'_>, path: &[u8]) -> Result<String> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let failed = |cause: &std::io::Error| Error::io("TSB_COPY_OWNER", "cannot read", &shown, cause);
    let Place::Other(at) = resolve(root, b"", path)? else { return Ok(String::new()) };
    let file = root.open_file(&at)?;
    let mut bytes = Vec::new();
    let length = file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|e| failed(&e))?;
    if length as u64 > MAX_FILE {
        return Err(Error::new("TSB_COPY_OWNER", Fault::Input, format!("`{shown}` is larger than 10 MiB")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::super::Request;
    use super::*;
    use crate::commit;
    use digests::Cancel;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// A change of the directory `layer`, if there is one, in `folder`.
    fn request(folder: &Path, layer: Option<&str>) -> Request {
        let _ = fs::create_dir(folder.join("trees"));
        let _ = fs::create_dir(folder.join("upper"));
        let layers: Vec<PathBuf> = layer.iter().map(|name| folder.join(name)).collect();
        let trees_directory = folder.join("trees");
        let parent = layers.first().map(|layer| {
            let (upper, trees_directory) = (layer.clone(), trees_directory.clone());
            let request = commit::Request { upper, parent: None, trees_directory, implicit: Vec::new(), delta: None };
            commit::commit(&request, &Cancel::new()).unwrap().tree
        });
        let (sources, actions) = (Vec::new(), Vec::new());
        Request { layers, parent, upper: folder.join("upper"), sources, actions, trees_directory }
    }

    #[test]
    fn owners_are_read_as_buildkit_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("base/etc")).unwrap();
        fs::create_dir(folder.path().join("bare")).unwrap();
        fs::write(folder.path().join("base/etc/passwd"), "junk\nbob:x:500:600::/:/bin/sh\n5:x:700:701::/:/bin/sh\n")
            .unwrap();
        fs::write(folder.path().join("base/etc/group"), "\ngrp:x:900:\n").unwrap();
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
            ("bob:", (500, 0)),
            ("7:nogrp", (7, 7)),
        ];
        let on_base = request(folder.path(), Some("base"));
        let root = Root::open(&on_base).unwrap();
        for (text, (uid, gid)) in cases {
            assert_eq!(look_up(&root, text).unwrap(), Owner { uid, gid }, "{text}");
        }
        let on_bare = request(folder.path(), Some("bare"));
        assert_eq!(look_up(&Root::open(&on_bare).unwrap(), "bob:grp").unwrap(), Owner::default());
        let on_nothing = request(folder.path(), None);
        let scratch = Root::open(&on_nothing).unwrap();
        assert_eq!(look_up(&scratch, "bob:5").unwrap_err().code, "TSB_COPY_OWNER");
        assert_eq!(look_up(&scratch, "7:5").unwrap(), Owner { uid: 7, gid: 5 });
    }
}
