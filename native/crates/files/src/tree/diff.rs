use std::cmp::Ordering;
use std::iter::Peekable;

use digests::Result;

use super::choose::{Chosen, Filter};
use super::codec::split_path;
use super::entry::{Entry, Kind, compare, is_below};
use super::read::{Tree, corrupt};
use super::select::follow;

/// How two trees differ below some paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Paths that differ; a directory that came or went with something in it is not counted besides that.
    pub changed: u64,
    /// What is there now and is no directory.
    pub total: u64,
    /// The first few, in the order of paths.
    pub changes: Vec<Change>,
}

/// One respect in which a path differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    /// Below what was asked for, links as they were asked for.
    pub path: Vec<u8>,
    pub aspect: Aspect,
    /// Before and now, where that says more than the aspect: types, modes, owners, targets.
    pub values: Option<(Vec<u8>, Vec<u8>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    Added,
    Removed,
    Type,
    Content,
    Target,
    Mode,
    Owner,
    Attributes,
}

impl Aspect {
    /// The word of `FileChange` in core/miss.ts.
    pub fn as_str(self) -> &'static str {
        match self {
            Aspect::Added => "added",
            Aspect::Removed => "removed",
            Aspect::Type => "type",
            Aspect::Content => "content",
            Aspect::Target => "target",
            Aspect::Mode => "mode",
            Aspect::Owner => "owner",
            Aspect::Attributes => "attributes",
        }
    }
}

/// Compares what `select` would take of two trees at `paths` (`/` anchored): both are walked once, side by side, and only
/// entries that differ are decoded. At most `limit` changes are told, all are counted.
/// Fails with `TSB_COPY_LINKS` and `TSB_TREE_CORRUPT`.
pub fn diff(from: &Tree, to: &Tree, paths: &[Vec<u8>], filter: Option<&Filter>, limit: usize) -> Result<Difference> {
    let mut difference = Difference::default();
    for path in paths {
        let (old, new) = (follow(from, path)?, follow(to, path)?);
        let mut report = Report { asked: path, limit, difference: &mut difference };
        if let (Some(old), Some(new)) = (&old, &new)
            && old.path != new.path
        {
            let values = ([b"/", old.path.as_slice()].concat(), [b"/", new.path.as_slice()].concat());
            report.path(b"", &[(Aspect::Target, Some(values))]);
        }
        let before = Side::open(from, old, filter)?;
        let now = Side::open(to, new, filter)?;
        compare_sides(before, now, &mut report)?;
    }
    Ok(difference)
}

type Values = Option<(Vec<u8>, Vec<u8>)>;

/// Gathers what differs below one path that was asked for.
struct Report<'a> {
    asked: &'a [u8],
    limit: usize,
    difference: &'a mut Difference,
}

impl Report<'_> {
    fn path(&mut self, relative: &[u8], aspects: &[(Aspect, Values)]) {
        self.difference.changed += 1;
        for (aspect, values) in aspects {
            if self.difference.changes.len() >= self.limit {
                return;
            }
            let path = self.absolute(relative);
            self.difference.changes.push(Change { path, aspect: *aspect, values: values.clone() });
        }
    }

    fn absolute(&self, relative: &[u8]) -> Vec<u8> {
        let above = self.asked.strip_suffix(b"/").unwrap_or(self.asked);
        match (above.is_empty(), relative.is_empty()) {
            (true, true) => b"/".to_vec(),
            (false, true) => above.to_vec(),
            _ => [above, b"/", relative].concat(),
        }
    }
}

/// What is taken of one tree: the entry a path leads to, and what is chosen below it.
struct Side<'a> {
    tree: &'a Tree,
    /// Length of what all paths begin with.
    strip: usize,
    items: Peekable<Box<dyn Iterator<Item = Chosen> + 'a>>,
}

impl<'a> Side<'a> {
    fn open(tree: &'a Tree, top: Option<Entry>, filter: Option<&Filter>) -> Result<Self> {
        let Some(top) = top else {
            let nothing: Box<dyn Iterator<Item = Chosen>> = Box::new(std::iter::empty());
            return Ok(Self { tree, strip: 0, items: nothing.peekable() });
        };
        let own = tree.find(&top.path).map(|index| Chosen { index, on_way: false });
        let below: Box<dyn Iterator<Item = Chosen>> = match filter {
            _ if top.kind != Kind::Directory => Box::new(std::iter::empty()),
            None => Box::new(tree.below(&top.path).map(|index| Chosen { index, on_way: false })),
            Some(filter) => Box::new(filter.choose(tree, &top.path)?.into_iter()),
        };
        let items: Box<dyn Iterator<Item = Chosen>> = Box::new(own.into_iter().chain(below));
        Ok(Self { tree, strip: top.path.len(), items: items.peekable() })
    }

    fn relative(&self, index: usize) -> &'a [u8] {
        let rest = &self.tree.path(index)[self.strip..];
        rest.strip_prefix(b"/").unwrap_or(rest)
    }

    /// Takes an entry that the other side lacks; gives its path if it is to be told of.
    fn take_lone(&mut self, at: Chosen) -> Option<&'a [u8]> {
        let path = self.tree.path(at.index);
        self.items.next();
        let stands_above = self.items.peek().is_some_and(|next| is_below(self.tree.path(next.index), path));
        (!stands_above).then(|| self.relative(at.index))
    }
}

fn compare_sides(mut before: Side<'_>, mut now: Side<'_>, report: &mut Report<'_>) -> Result<()> {
    loop {
        let (old, new) = (before.items.peek().copied(), now.items.peek().copied());
        if let Some(at) = new
            && now.tree.kind(at.index)? != Kind::Directory
            && old.is_none_or(|old| compare(now.relative(at.index), before.relative(old.index)) != Ordering::Greater)
        {
            report.difference.total += 1;
        }
        let order = match (old, new) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => compare(before.relative(old.index), now.relative(new.index)),
        };
        match (order, old, new) {
            (Ordering::Less, Some(old), _) => {
                if let Some(path) = before.take_lone(old) {
                    report.path(path, &[(Aspect::Removed, None)]);
                }
            }
            (Ordering::Greater, _, Some(new)) => {
                if let Some(path) = now.take_lone(new) {
                    report.path(path, &[(Aspect::Added, None)]);
                }
            }
            (_, Some(old), Some(new)) => {
                before.items.next();
                now.items.next();
                let aspects = if old.on_way && new.on_way { Vec::new() } else { aspects(&before, old, &now, new)? };
                if !aspects.is_empty() {
                    report.path(now.relative(new.index), &aspects);
                }
            }
            _ => return Ok(()),
        }
    }
}

/// In what an entry differs from what it was; equal records are not decoded.
fn aspects(before: &Side<'_>, old: Chosen, now: &Side<'_>, new: Chosen) -> Result<Vec<(Aspect, Values)>> {
    let (_, was) = split_path(before.tree.record(old.index)).ok_or_else(corrupt)?;
    let (_, is) = split_path(now.tree.record(new.index)).ok_or_else(corrupt)?;
    if was == is {
        return Ok(Vec::new());
    }
    let (old, new) = (before.tree.entry(old.index)?, now.tree.entry(new.index)?);
    if old.kind != new.kind {
        return Ok(vec![(Aspect::Type, Some((old.kind.as_str().into(), new.kind.as_str().into())))]);
    }
    let mut found = Vec::new();
    if old.size != new.size || old.hash != new.hash || old.rdev != new.rdev {
        found.push((Aspect::Content, None));
    }
    if old.link != new.link {
        found.push((Aspect::Target, Some((old.link.clone(), new.link.clone()))));
    }
    if old.mode != new.mode {
        found.push((Aspect::Mode, Some((octal(old.mode), octal(new.mode)))));
    }
    if (old.uid, old.gid) != (new.uid, new.gid) {
        found.push((Aspect::Owner, Some((owner(&old), owner(&new)))));
    }
    if old.xattrs != new.xattrs {
        found.push((Aspect::Attributes, None));
    }
    Ok(found)
}

fn octal(mode: u32) -> Vec<u8> {
    format!("{mode:04o}").into_bytes()
}

fn owner(entry: &Entry) -> Vec<u8> {
    format!("{}:{}", entry.uid, entry.gid).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::IgnoreRule;
    use crate::tree::tests::{directory, file, link, tree};

    fn told(from: &Tree, to: &Tree, paths: &[&str], limit: usize) -> (u64, u64, Vec<String>) {
        told_through(from, to, paths, None, limit)
    }

    fn told_through(
        from: &Tree,
        to: &Tree,
        paths: &[&str],
        filter: Option<&Filter>,
        limit: usize,
    ) -> (u64, u64, Vec<String>) {
        let paths: Vec<_> = paths.iter().map(|path| path.as_bytes().to_vec()).collect();
        let found = diff(from, to, &paths, filter, limit).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let line = |change: &Change| {
            let values = change.values.as_ref().map(|(old, new)| format!(" {}→{}", text(old), text(new)));
            format!("{} {}{}", text(&change.path), change.aspect.as_str(), values.unwrap_or_default())
        };
        (found.changed, found.total, found.changes.iter().map(line).collect())
    }

    #[test]
    fn every_aspect_is_told() {
        let old =
            [directory("d"), file("d/a", "1"), file("d/b", "1"), file("d/c", "1"), file("d/e", "1"), link("l", "x")];
        let before = tree(&old);
        let attribute = vec![(b"user.x".to_vec(), vec![1])];
        let now = tree(&[
            Entry { mode: 0o700, ..directory("d") },
            file("d/a", "2"),
            Entry { mode: 0o664, uid: 7, ..file("d/b", "1") },
            Entry { xattrs: attribute, ..file("d/c", "1") },
            link("d/e", "c"),
            link("l", "y"),
        ]);
        let expected = [
            "/d mode 0755→0700",
            "/d/a content",
            "/d/b mode 0644→0664",
            "/d/b owner 0:0→7:0",
            "/d/c attributes",
            "/d/e type file→symlink",
            "/l target x→y",
        ];
        assert_eq!(told(&before, &now, &["/"], 99), (6, 5, expected.map(str::to_owned).to_vec()));
        assert_eq!(told(&before, &before, &["/"], 99), (0, 5, Vec::new()));
    }

    #[test]
    fn what_came_and_went_is_counted_by_its_files() {
        let before = tree(&[directory("d"), directory("d/e"), file("d/e/f", "1"), file("d/e/g", "1"), file("z", "1")]);
        let now = tree(&[directory("d"), directory("d/empty"), directory("n"), file("n/x", "1"), file("z", "1")]);
        let expected = ["/d/e/f removed", "/d/e/g removed", "/d/empty added", "/n/x added"];
        assert_eq!(told(&before, &now, &["/"], 99), (4, 2, expected.map(str::to_owned).to_vec()));
        assert_eq!(told(&before, &now, &["/"], 1).2, ["/d/e/f removed"]);
        assert_eq!(told(&before, &now, &["/"], 1).0, 4, "all are counted");
    }

    #[test]
    fn only_what_was_asked_for_counts() {
        let before = tree(&[directory("a"), file("a/f", "1"), file("a.x", "1"), directory("b"), file("b/f", "1")]);
        let now = tree(&[directory("a"), file("a/f", "2"), file("a.x", "2"), directory("b"), file("b/f", "2")]);
        assert_eq!(told(&before, &now, &["/a"], 99).2, ["/a/f content"]);
        assert_eq!(told(&before, &now, &["/b/f", "/a.x"], 99).2, ["/b/f content", "/a.x content"]);
        assert_eq!(told(&before, &now, &["/absent"], 99), (0, 0, Vec::new()));
        let none: [IgnoreRule; 0] = [];
        let filter = Filter::compile(None, &[IgnoreRule { regex: "^f$".to_owned(), negated: false }]).unwrap();
        assert_eq!(told_through(&before, &now, &["/a"], Some(&filter), 99), (0, 0, Vec::new()));
        let filter = Filter::compile(None, &none).unwrap();
        assert_eq!(told_through(&before, &now, &["/a"], Some(&filter), 99).0, 1);
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_told_and_followed() {
        let files = [directory("v1"), file("v1/f", "1"), directory("v2"), file("v2/f", "2")];
        let before = tree(&[&[link("current", "v1")], files.as_slice()].concat());
        let now = tree(&[&[link("current", "v2")], files.as_slice()].concat());
        assert_eq!(told(&before, &now, &["/current"], 99).2, ["/current target /v1→/v2", "/current/f content"]);
    }

    #[test]
    fn a_hundred_thousand_entries_take_no_time() {
        let many = |changed: usize| {
            let name = |index: usize| format!("f{index:06}");
            let entries: Vec<_> =
                (0..100_000).map(|index| file(&name(index), if index == changed { "2" } else { "1" })).collect();
            tree(&entries)
        };
        let (before, now) = (many(usize::MAX), many(77_777));
        assert_eq!(told(&before, &now, &["/"], 10), (1, 100_000, vec!["/f077777 content".to_owned()]));
    }
}
