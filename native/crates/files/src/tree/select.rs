use digests::{Error, Fault, Result};

use super::choose::{Chosen, Filter};
use super::codec::{encode, put_bytes, put_number, split_path};
use super::entry::{Entry, Kind};
use super::read::{Tree, corrupt};

/// As many links as the kernel follows is 40; BuildKit follows 255.
const MAX_LINKS: usize = 255;

/// What was found at the paths asked for.
pub struct Selected {
    pub digest: blake3::Hash,
    /// Where each path led, in order of asking; `None` where nothing is there.
    pub entries: Vec<Option<Entry>>,
    /// Whether nothing is taken of it, because it is not there or the filter leaves nothing.
    pub empty: Vec<bool>,
}

/// Looks up paths (`/` anchored) and digests what is there: names, types, modes, owners, xattrs, link targets and
/// content of whole subtrees. The digest does not tell where in the tree a path stands, only its last component.
/// With a filter only what that takes of directories counts, and for a directory on the way that it is one.
/// Fails with `TSB_COPY_LINKS` when links run in a circle.
pub fn select(tree: &Tree, paths: &[Vec<u8>], filter: Option<&Filter>) -> Result<Selected> {
    let mut hasher = blake3::Hasher::new();
    let (mut entries, mut empty) = (Vec::with_capacity(paths.len()), Vec::with_capacity(paths.len()));
    for path in paths {
        let found = follow(tree, path)?;
        let chosen = match (&found, filter) {
            (Some(top), Some(filter)) if top.kind == Kind::Directory => Some(filter.choose(tree, &top.path)?),
            _ => None,
        };
        empty.push(chosen.as_ref().map_or(found.is_none(), Vec::is_empty));
        let mut head = Vec::new();
        put_bytes(&mut head, last_component(path));
        match &found {
            None => put_number(&mut head, 0),
            Some(entry) => {
                put_number(&mut head, 1);
                put_bytes(&mut head, subtree_digest(tree, entry, chosen.as_deref())?.as_bytes());
            }
        }
        hasher.update(&head);
        entries.push(found);
    }
    Ok(Selected { digest: hasher.finalize(), entries, empty })
}

/// The entry that `path` leads to: every symbolic link on the way and at the end is followed, `..` and absolute links
/// stay inside the tree. The root is a directory with an empty path.
pub fn follow(tree: &Tree, path: &[u8]) -> Result<Option<Entry>> {
    let mut todo: Vec<Vec<u8>> = Vec::new();
    push_components(&mut todo, path);
    let mut at: Vec<u8> = Vec::new();
    let mut found = Entry::new(Vec::new(), Kind::Directory, 0o755);
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == b".." {
            at.truncate(at.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
            found = if at.is_empty() { Entry::new(Vec::new(), Kind::Directory, 0o755) } else { entry_at(tree, &at)? };
            continue;
        }
        if found.kind != Kind::Directory {
            return Ok(None);
        }
        let parent = at.len();
        if !at.is_empty() {
            at.push(b'/');
        }
        at.extend_from_slice(&name);
        let Some(index) = tree.find(&at) else { return Ok(None) };
        let entry = tree.entry(index)?;
        if entry.kind != Kind::Symlink {
            found = entry;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(too_many_links(path));
        }
        at.truncate(if entry.link.starts_with(b"/") { 0 } else { parent });
        if at.is_empty() {
            found = Entry::new(Vec::new(), Kind::Directory, 0o755);
        }
        push_components(&mut todo, &entry.link);
    }
    Ok(Some(found))
}

/// The entries of a directory (`/` anchored, links followed), sorted by name; none when it is not a directory.
pub fn list(tree: &Tree, directory: &[u8]) -> Result<Vec<Entry>> {
    match follow(tree, directory)? {
        Some(found) if found.kind == Kind::Directory => {
            tree.children(&found.path).map(|index| tree.entry(index)).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// Digest of an entry and all below it, or what is chosen of that, with paths relative to it.
fn subtree_digest(tree: &Tree, top: &Entry, chosen: Option<&[Chosen]>) -> Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut head = Vec::new();
    encode(&Entry { path: Vec::new(), ..top.clone() }, top.opaque, &mut head);
    hasher.update(&head);
    if top.kind == Kind::Directory {
        let strip = if top.path.is_empty() { 0 } else { top.path.len() + 1 };
        let all: Box<dyn Iterator<Item = Chosen>> = match chosen {
            None => Box::new(tree.below(&top.path).map(|index| Chosen { index, on_way: false })),
            Some(chosen) => Box::new(chosen.iter().copied()),
        };
        for Chosen { index, on_way } in all {
            let (path, rest) = split_path(tree.record(index)).ok_or_else(corrupt)?;
            head.clear();
            if on_way {
                // No path is empty.
                put_bytes(&mut head, b"");
            }
            put_bytes(&mut head, &path[strip..]);
            put_bytes(&mut head, rest);
            hasher.update(&head);
        }
    }
    Ok(hasher.finalize())
}

/// Pushes the components so that the first is popped first.
fn push_components(todo: &mut Vec<Vec<u8>>, path: &[u8]) {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    todo.extend(names.map(<[u8]>::to_vec).collect::<Vec<_>>().into_iter().rev());
}

fn entry_at(tree: &Tree, path: &[u8]) -> Result<Entry> {
    tree.find(path).map(|index| tree.entry(index)).unwrap_or_else(|| Err(corrupt()))
}

fn last_component(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty()).unwrap_or(b"")
}

fn too_many_links(path: &[u8]) -> Error {
    let shown = String::from_utf8_lossy(path);
    Error::new("TSB_COPY_LINKS", Fault::Input, format!("too many symbolic links on the way to `{shown}`"))
        .hint("follow its links one by one, and remove the one that leads back to where it came from")
}
