//! The answer of `search`.

use crate::engine::search::Match;
use serde::Serialize;

/// The concepts that a text may mean, the likeliest first.
#[derive(Clone, Debug, Serialize)]
pub struct SearchAnswer<'a> {
    pub query: &'a str,
    pub system: &'a str,
    pub matches: Vec<SearchMatch<'a>>,
}

/// One of them, and why.
#[derive(Clone, Debug, Serialize)]
pub struct SearchMatch<'a> {
    pub code: &'a str,
    pub display: Option<&'a str>,
    /// How likely this is what was meant, 0 to 1.
    pub score: f32,
    /// The designation that matched.
    pub matched: &'a str,
    /// What had to be supposed: `hart~heart`, `MI=myocardial infarction`, `code`.
    pub why: &'a [String],
    pub billable: bool,
}

impl<'a> SearchAnswer<'a> {
    pub fn of<'e: 'a>(query: &'a str, system: &'a str, matches: &'a [Match<'e>]) -> SearchAnswer<'a> {
        let of = |m: &'a Match<'e>| SearchMatch {
            code: m.concept.code(),
            display: m.concept.display(),
            score: m.score,
            matched: m.matched,
            why: &m.why,
            billable: m.concept.is_valid_on(None),
        };
        SearchAnswer { query, system, matches: matches.iter().map(of).collect() }
    }
}
