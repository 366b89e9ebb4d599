//! Which entries of a directory a copy takes (`--parents`, `--exclude`).

use digests::Result;

use super::entry::{Kind, is_below};
use super::read::Tree;
use crate::scan::{IgnoreRule, Matches, Rules};

/// `CopyFilter` of native/types.ts. Paths are relative to the directory that is copied.
pub struct Filter {
    /// What matches is taken, with the directories on the way; without rules all of it is.
    include: Option<Rules>,
    exclude: Rules,
}

/// An entry that a filter lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// In the tree.
    pub index: usize,
    /// A directory that is only there because something below it is taken.
    pub on_way: bool,
}

/// A directory above the current entry.
struct Level {
    index: usize,
    taken: bool,
    include: Matches,
    exclude: Matches,
}

impl Filter {
    /// Fails with `TSB_IGNORE_PATTERN` when a rule cannot be read.
    pub fn compile(include: Option<&[IgnoreRule]>, exclude: &[IgnoreRule]) -> Result<Self> {
        Ok(Self { include: include.map(Rules::compile).transpose()?, exclude: Rules::compile(exclude)? })
    }

    /// What is taken of all that the tree has below `top`, in tree order. As fsutil's copy decides: an entry matches by
    /// itself or by a directory above it, and a directory on the way comes along when the first entry in it is taken.
    pub fn choose(&self, tree: &Tree, top: &[u8]) -> Result<Vec<Chosen>> {
        let strip = if top.is_empty() { 0 } else { top.len() + 1 };
        let range = tree.below(top);
        let mut chosen = Vec::new();
        let mut way: Vec<Level> = Vec::new();
        let outside = self.outside();
        let mut next = range.start;
        while next < range.end {
            let index = next;
            let path = tree.path(index);
            next += 1;
            while way.last().is_some_and(|level| !is_below(path, tree.path(level.index))) {
                way.pop();
            }
            let level = self.judge(index, &path[strip..], way.last().unwrap_or(&outside));
            if level.taken {
                for above in way.iter_mut().filter(|above| !above.taken) {
                    above.taken = true;
                    chosen.push(Chosen { index: above.index, on_way: true });
                }
                chosen.push(Chosen { index, on_way: false });
            }
            if tree.kind(index)? == Kind::Directory {
                if self.ends_at(&level) {
                    next = tree.below(path).end;
                } else {
                    way.push(level);
                }
            }
        }
        Ok(chosen)
    }

    fn outside(&self) -> Level {
        let include = self.include.as_ref().map(Rules::none).unwrap_or_default();
        Level { index: 0, taken: true, include, exclude: self.exclude.none() }
    }

    fn judge(&self, index: usize, path: &[u8], above: &Level) -> Level {
        let excluded = self.exclude.judge(path, &above.exclude);
        let (matches, include) = match &self.include {
            None => (true, Matches::new()),
            Some(rules) => {
                let verdict = rules.judge(path, &above.include);
                (verdict.ignored, verdict.matches)
            }
        };
        Level { index, taken: matches && !excluded.ignored, include, exclude: excluded.matches }
    }

    /// Whether nothing below an entry can be taken, because it is excluded for good.
    fn ends_at(&self, level: &Level) -> bool {
        !self.exclude.has_exceptions() && level.exclude.contains(&true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Entry, TreeWriter};

    fn tree(paths: &[&str]) -> Tree {
        let mut writer = TreeWriter::new();
        for path in paths {
            let kind = if path.ends_with('/') { Kind::Directory } else { Kind::File };
            writer.push(&Entry::new(path.trim_end_matches('/').as_bytes(), kind, 0o755));
        }
        Tree::from_bytes(writer.finish().unwrap().0).unwrap()
    }

    fn rules(patterns: &[&str]) -> Vec<IgnoreRule> {
        let rule = |pattern: &&str| IgnoreRule {
            regex: format!("^{}$", pattern.trim_start_matches('!')),
            negated: pattern.starts_with('!'),
        };
        patterns.iter().map(rule).collect()
    }

    /// Paths in brackets are those of directories on the way.
    fn chosen(tree: &Tree, top: &str, include: Option<&[&str]>, exclude: &[&str]) -> Vec<String> {
        let filter = Filter::compile(include.map(rules).as_deref(), &rules(exclude)).unwrap();
        let text = |index| String::from_utf8(tree.path(index).to_vec()).unwrap();
        let chosen = filter.choose(tree, top.as_bytes()).unwrap();
        chosen.iter().map(|c| if c.on_way { format!("[{}]", text(c.index)) } else { text(c.index) }).collect()
    }

    #[test]
    fn what_matches_is_taken_with_the_directories_on_the_way() {
        let tree = tree(&["a/", "a/b/", "a/b/f", "a/b/g", "a/c/", "d/", "d/f", "f"]);
        assert_eq!(chosen(&tree, "", Some(&["a/b/f"]), &[]), ["[a]", "[a/b]", "a/b/f"]);
        assert_eq!(chosen(&tree, "", Some(&["a/b"]), &[]), ["[a]", "a/b", "a/b/f", "a/b/g"]);
        assert_eq!(chosen(&tree, "", Some(&["(.*/)?f"]), &[]), ["[a]", "[a/b]", "a/b/f", "[d]", "d/f", "f"]);
        assert_eq!(chosen(&tree, "a", Some(&["b/g"]), &[]), ["[a/b]", "a/b/g"]);
        assert_eq!(chosen(&tree, "", Some(&[]), &[]), [""; 0]);
    }

    #[test]
    fn what_is_excluded_is_not_taken_unless_a_later_rule_takes_it_back() {
        let tree = tree(&["a/", "a/b/", "a/b/f", "a/b/g", "a/c/", "f"]);
        assert_eq!(chosen(&tree, "", None, &["a/b"]), ["a", "a/c", "f"]);
        assert_eq!(chosen(&tree, "", None, &["a", "!a/b/g"]), ["[a]", "[a/b]", "a/b/g", "f"]);
        assert_eq!(chosen(&tree, "", None, &["!a/b/g", "a"]), ["f"]);
        assert_eq!(chosen(&tree, "", Some(&["a/b"]), &["(.*/)?f"]), ["[a]", "a/b", "a/b/g"]);
    }
}
