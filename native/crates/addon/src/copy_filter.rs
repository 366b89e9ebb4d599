use digests::Result;
use files::scan::IgnoreRule;
use files::tree::Filter;
use serde::Deserialize;

/// `CopyFilter` of native/types.ts.
#[derive(Deserialize)]
pub struct CopyFilter {
    include: Option<Vec<Rule>>,
    exclude: Vec<Rule>,
}

/// `IgnoreRule` of native/types.ts.
#[derive(Deserialize)]
pub struct Rule {
    regex: String,
    negated: bool,
}

impl CopyFilter {
    /// Fails with `TSB_IGNORE_PATTERN`.
    pub fn compile(self) -> Result<Filter> {
        let include = self.include.map(rules);
        Filter::compile(include.as_deref(), &rules(self.exclude))
    }
}

/// As the files crate takes them.
pub fn rules(rules: Vec<Rule>) -> Vec<IgnoreRule> {
    rules.into_iter().map(|rule| IgnoreRule { regex: rule.regex, negated: rule.negated }).collect()
}
