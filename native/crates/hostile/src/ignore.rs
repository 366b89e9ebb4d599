use files::scan::IgnoreRule;

use crate::context::context;

/// Ignore rules that no compiler of ours wrote: one regular expression a line. They are refused by a code of their own,
/// or the scan ends, with no more than is there.
pub fn judge(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let rules = text.lines().take(16).map(|line| {
        let (negated, regex) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        IgnoreRule { regex: regex.to_owned(), negated }
    });
    match context().scan(None, rules.collect()) {
        Ok(scanned) => {
            assert!(scanned.entries <= 7, "{} entries", scanned.entries);
            true
        }
        Err(error) => {
            assert_eq!(error.code, "TSB_IGNORE_PATTERN", "{error}");
            false
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    ["^d$\n!^d/e/.*$\n", "^(?:.*/)?[^/]*\\.txt$\n", "^d/[a-z]$\n!^d/\u{e9}$\n^l$\n"]
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect()
}
