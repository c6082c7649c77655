//! Search of CodeSystem, ValueSet and ConceptMap.

use super::super::reply::Failure;
use super::super::route::Kind;
use super::{check_names, number};
use crate::face::wire::fhir::parameters::Parameters;
use crate::face::wire::fhir::{Version, statements};
use crate::index::Index;

/// How to print, not what to find.
const PAGING: &[&str] = &["_count", "_offset", "_summary", "_elements"];

/// The resources that fit all that was asked. `base`: by what address this side of the service is called.
pub(super) fn answer(version: Version, index: &Index, kind: Kind, p: &Parameters, base: &str) -> Result<Vec<u8>, Failure> {
    let criteria = statements::search_parameters(version, kind.name());
    // Either version's names are taken by either.
    let others = statements::search_parameters(if version == Version::R4 { Version::R5 } else { Version::R4 }, kind.name());
    let mut known: Vec<&str> = criteria.iter().chain(others).map(|c| c.name).chain(PAGING.iter().copied()).collect();
    known.sort_unstable();
    known.dedup();
    check_names(p, &known)?;
    let resources: Vec<serde_json::Value> = match kind {
        // The newest release speaks for a system, unless another one is asked for.
        Kind::CodeSystem if p.one("version")?.is_some() => {
            index.systems().filter(|s| !s.uri().is_empty()).flat_map(statements::code_systems).collect()
        }
        Kind::CodeSystem => index.systems().filter(|s| !s.uri().is_empty()).map(statements::code_system).collect(),
        Kind::ValueSet => index.systems().filter(|s| !s.uri().is_empty()).map(statements::value_set).collect(),
        Kind::ConceptMap => index.maps().map(|m| statements::concept_map(version, m)).collect(),
    };
    let mut found = Vec::new();
    for resource in resources {
        let mut fits = true;
        for criterion in criteria.iter().chain(others) {
            if let Some(asked) = p.text(criterion.name)? {
                fits &= asked.split(',').any(|a| criterion.holds(&resource, a));
            }
        }
        if fits {
            found.push(resource);
        }
    }
    let total = found.len();
    let is_count = p.text("_summary")?.as_deref() == Some("count");
    let (offset, count) = (number(p, "_offset")?.unwrap_or(0), number(p, "_count")?.filter(|_| !is_count));
    let page = if is_count { Vec::new() } else { found.into_iter().skip(offset).take(count.unwrap_or(usize::MAX)).collect() };
    let next = count.map(|c| offset.saturating_add(c)).filter(|&end| end > offset && end < total);
    let said: Vec<(&str, String)> = p
        .parameter
        .iter()
        .filter_map(|q| Some((q.name.as_str(), q.value.text()?.into_owned())))
        .filter(|(name, _)| !name.is_empty())
        .collect();
    let bundle = statements::searchset(base, kind.name(), &said, page, total, next);
    Ok(bundle.to_string().into_bytes())
}
