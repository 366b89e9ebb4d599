use digests::{Error, Fault, Result};
use regex::Regex;

/// One compiled ignore rule of native/types.ts.
#[derive(Clone, Debug)]
pub struct IgnoreRule {
    pub regex: String,
    pub negated: bool,
}

/// Rules as moby's pattern matcher applies them (`MatchesUsingParentResults`).
pub(crate) struct Rules {
    rules: Vec<Rule>,
}

struct Rule {
    regex: Regex,
    negated: bool,
    /// Every path that the rule matches starts with this.
    prefix: Vec<u8>,
}

/// Which rules match a directory, which says something about all that is below it.
pub(crate) type Matches = Vec<bool>;

/// What the rules say about one path.
pub(crate) struct Verdict {
    pub ignored: bool,
    pub matches: Matches,
}

impl Rules {
    /// Fails with `TSB_IGNORE_PATTERN` when a regex cannot be read.
    pub fn compile(rules: &[IgnoreRule]) -> Result<Self> {
        let compiled = rules.iter().map(|rule| {
            let regex = Regex::new(&rule.regex).map_err(|e| {
                let reason = e.to_string().replace('\n', " ");
                Error::new(
                    "TSB_IGNORE_PATTERN",
                    Fault::Bug,
                    format!("cannot read ignore rule `{}`: {reason}", rule.regex),
                )
            })?;
            Ok(Rule { regex, negated: rule.negated, prefix: literal_prefix(&rule.regex) })
        });
        Ok(Self { rules: compiled.collect::<Result<_>>()? })
    }

    /// For the root, which no rule matches.
    pub fn none(&self) -> Matches {
        vec![false; self.rules.len()]
    }

    /// Judges `path`, given which rules match the directory that holds it. The last rule that matches decides.
    /// A rule that could change nothing any more is not tried, and then counts as not matching what is below: moby's
    /// matcher does the same, and its results depend on it.
    pub fn judge(&self, path: &[u8], parent: &[bool]) -> Verdict {
        let text = String::from_utf8_lossy(path);
        let mut verdict = Verdict { ignored: false, matches: self.none() };
        for (index, rule) in self.rules.iter().enumerate() {
            let matches = parent[index] || (rule.negated == verdict.ignored && rule.regex.is_match(&text));
            verdict.matches[index] = matches;
            if matches {
                verdict.ignored = !rule.negated;
            }
        }
        verdict
    }

    /// Whether there are `!` rules.
    pub fn has_exceptions(&self) -> bool {
        self.rules.iter().any(|rule| rule.negated)
    }

    /// Whether a `!` rule could bring back something below an ignored directory.
    pub fn may_return(&self, directory: &[u8]) -> bool {
        self.rules.iter().filter(|rule| rule.negated).any(|rule| {
            let common = rule.prefix.len().min(directory.len());
            let after = rule.prefix.get(directory.len());
            rule.prefix[..common] == directory[..common] && after.is_none_or(|byte| *byte == b'/')
        })
    }
}

/// The text that every match of an anchored regex starts with; empty when that is not plain to see.
fn literal_prefix(regex: &str) -> Vec<u8> {
    let Some(rest) = regex.strip_prefix('^').filter(|rest| !rest.contains('|')) else { return Vec::new() };
    let mut prefix: Vec<char> = Vec::new();
    let mut letters = rest.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped) if escaped.is_ascii_punctuation() => prefix.push(escaped),
                _ => break,
            },
            '*' | '?' | '{' | '+' => {
                prefix.pop();
                break;
            }
            '[' | ']' | '(' | ')' | '}' | '.' | '^' | '$' => break,
            plain => prefix.push(plain),
        }
    }
    prefix.into_iter().collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Rules {
        let rules: Vec<_> = patterns
            .iter()
            .map(|pattern| IgnoreRule {
                regex: format!("^{}$", pattern.trim_start_matches('!')),
                negated: pattern.starts_with('!'),
            })
            .collect();
        Rules::compile(&rules).unwrap()
    }

    /// Walks down to `path` as a scan does.
    fn ignored(patterns: &[&str], path: &str) -> bool {
        let rules = rules(patterns);
        let mut matches = rules.none();
        let mut ignored = false;
        for end in path.match_indices('/').map(|(at, _)| at).chain([path.len()]) {
            let verdict = rules.judge(&path.as_bytes()[..end], &matches);
            (ignored, matches) = (verdict.ignored, verdict.matches);
        }
        ignored
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        assert!(ignored(&["a"], "a"));
        assert!(ignored(&["a"], "a/b/c"));
        assert!(!ignored(&["a"], "ab"));
        assert!(!ignored(&["a", "!a/b"], "a/b"));
        assert!(!ignored(&["a", "!a/b"], "a/b/c"));
        assert!(ignored(&["a", "!a/b", "a/b/c"], "a/b/c"));
        assert!(ignored(&["!a/b", "a"], "a/b"));
        assert!(ignored(&["[^/]*", "!x[.]md"], "y/x.md"));
        assert!(!ignored(&["[^/]*", "!x[.]md"], "x.md"));
    }

    #[test]
    fn ignored_directories_are_entered_only_for_a_rule_that_could_match_below() {
        assert!(!rules(&["a"]).may_return(b"a"));
        assert!(rules(&["a", "!a/b"]).may_return(b"a"));
        assert!(!rules(&["a", "!b/c"]).may_return(b"a"));
        assert!(!rules(&["a", "!ab"]).may_return(b"a"));
        assert!(rules(&["a", "!.*/b"]).may_return(b"a"));
        assert!(rules(&["a", "!a/b"]).may_return(b"a/b/c"));
        assert!(rules(&["a", r"!a\.d/b*"]).may_return(b"a.d"));
    }

    #[test]
    fn an_unreadable_rule_is_an_error() {
        let rule = IgnoreRule { regex: "(".to_owned(), negated: false };
        assert_eq!(Rules::compile(&[rule]).err().unwrap().code, "TSB_IGNORE_PATTERN");
    }
}
