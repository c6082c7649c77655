//! The answer of `subsumes`.

use super::{Repair, Suggestion, repairs, suggestions};
use crate::engine::{Engine, Lookup, Subsumption};
use serde::Serialize;

/// How A stands to B.
#[derive(Clone, Debug, Serialize)]
pub struct SubsumesAnswer<'a> {
    pub system: &'a str,
    pub a: Side<'a>,
    pub b: Side<'a>,
    /// `equivalent`, `subsumes`, `subsumed-by`, `not-subsumed`; `null` if one of them is no code.
    pub outcome: Option<&'static str>,
}

/// A code of the question as it was understood.
#[derive(Clone, Debug, Serialize)]
pub struct Side<'a> {
    pub code: &'a str,
    pub display: Option<&'a str>,
    pub found: bool,
    pub repairs: Vec<Repair<'a>>,
    pub nearest: Vec<Suggestion<'a>>,
}

impl<'a> Side<'a> {
    fn of(lookup: &'a Lookup<'_>) -> Side<'a> {
        Side {
            code: lookup.concept.map_or_else(|| lookup.given.trim(), |c| c.code()),
            display: lookup.concept.and_then(|c| c.display()),
            found: lookup.concept.is_some(),
            repairs: repairs(&lookup.repairs),
            nearest: suggestions(&lookup.nearest),
        }
    }
}

impl<'a> SubsumesAnswer<'a> {
    /// Of the two codes as they were looked up in one system.
    pub fn of(a: &'a Lookup<'_>, b: &'a Lookup<'_>) -> SubsumesAnswer<'a> {
        let outcome = a.concept.zip(b.concept).map(|(a, b)| Engine::subsumption(a, b)).map(Subsumption::code);
        SubsumesAnswer { system: a.system.alias(), a: Side::of(a), b: Side::of(b), outcome }
    }
}
