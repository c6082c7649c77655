//! Resources that a request brings along (`tx-resource`): compiled into an index of their own, and asked like any other.
//!
//! A client that validates a batch of resources sends the same ones a hundred times over, so what was made of them is kept for a while,
//! by the hash of their bytes.

use super::super::reply::Failure;
use super::detail::Details;
use crate::compile;
use crate::engine::Engine;
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::{Parameters, Value};
use crate::face::wire::fhir::translate::MAP_URN;
use crate::index::Index;
use crate::model::Relationship;
use crate::read::{Format, Severity};
use axum::http::StatusCode;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of resources that are kept.
const KEPT: usize = 64;
/// Bytes that they may hold together, about.
const MOST: usize = 128 << 20;
/// Of a resource in memory, for each byte of it as text: a tree of JSON is so much larger.
const UNFOLDED: usize = 8;

/// What a request brought along.
pub(in crate::face::http) struct Inline {
    /// Of the code systems and maps; `None` if there are none.
    pub engine: Option<Engine>,
    pub value_sets: Vec<serde_json::Value>,
    /// The one among them that the parameter `valueSet` was.
    pub asked: Option<usize>,
    /// The maps as given: what an index has no room for (scopes) is looked up here.
    pub maps: Vec<serde_json::Value>,
    /// The one among them that the parameter `conceptMap` was, and what its groups are called in the index.
    pub map: Option<(String, usize)>,
    /// What the code systems say beyond what an index keeps.
    pub details: Details,
}

#[derive(Default)]
pub(in crate::face::http) struct Cache {
    /// The last used stands last.
    kept: Mutex<Vec<Kept>>,
}

struct Kept {
    key: [u8; 32],
    inline: Arc<Inline>,
    weight: usize,
}

impl Cache {
    /// Takes all `tx-resource` (and an inline `conceptMap`) out of the parameters and makes an index of them.
    pub async fn take_from(&self, parameters: &mut Parameters) -> Result<Option<Arc<Inline>>, Failure> {
        let is_resource = |name: &str| matches!(name, "tx-resource" | "conceptMap" | "codeSystem" | "valueSet");
        if !parameters.parameter.iter().any(|p| is_resource(&p.name)) {
            return Ok(None);
        }
        let mut resources = Vec::new();
        for parameter in &mut parameters.parameter {
            if !is_resource(&parameter.name) {
                continue;
            }
            // The canonical takes the resource's place: which of them is meant stays known.
            let canonical = match &parameter.value {
                Value::Tree(resource) => resource.get("url").and_then(|u| u.as_str()).unwrap_or("").to_owned(),
                _ => return Err(Failure::from(Issue::error("invalid", format!("{} must be a resource", parameter.name)))),
            };
            if let Value::Tree(resource) = std::mem::replace(&mut parameter.value, Value::Text(canonical)) {
                resources.push((matches!(parameter.name.as_str(), "valueSet" | "conceptMap"), resource));
            }
        }
        let texts: Vec<String> = resources.iter().map(|(asked, resource)| format!("{asked} {resource}")).collect();
        let mut hasher = blake3::Hasher::new();
        texts.iter().for_each(|t| {
            hasher.update(t.as_bytes()).update(b"\n");
        });
        let key = *hasher.finalize().as_bytes();
        if let Some(found) = self.find(&key) {
            return Ok(Some(found));
        }
        let made = tokio::task::spawn_blocking(move || make(resources))
            .await
            .unwrap_or_else(|_| Err(Failure::invalid("the resources given along cannot be read")))?;
        let inline = Arc::new(made);
        let index = inline.engine.as_ref().map_or(0, |e| e.index().size() as usize);
        let weight = index + UNFOLDED * texts.iter().map(String::len).sum::<usize>();
        self.keep(Kept { key, inline: Arc::clone(&inline), weight });
        Ok(Some(inline))
    }

    /// Those that were not used for longest make room; what is too heavy by itself is not kept.
    fn keep(&self, new: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(new);
        let mut weight: usize = kept.iter().map(|k| k.weight).sum();
        let mut gone = 0;
        while weight > MOST || kept.len() - gone > KEPT {
            weight -= kept[gone].weight;
            gone += 1;
        }
        kept.drain(..gone);
    }

    fn find(&self, key: &[u8; 32]) -> Option<Arc<Inline>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|k| k.key == *key)?;
        let found = kept.remove(at);
        let inline = Arc::clone(&found.inline);
        kept.push(found);
        Some(inline)
    }
}

fn make(resources: Vec<(bool, serde_json::Value)>) -> Result<Inline, Failure> {
    let mut inline = Inline { engine: None, value_sets: Vec::new(), asked: None, maps: Vec::new(), map: None, details: Details::default() };
    let folder = tempfile::tempdir().map_err(|e| cannot(&e))?;
    let mut inputs = Vec::new();
    let urls: Vec<String> = resources.iter().map(|(_, r)| r["url"].as_str().unwrap_or("").to_owned()).collect();
    for (number, (is_asked, mut resource)) in resources.into_iter().enumerate() {
        match resource.get("resourceType").and_then(|t| t.as_str()).unwrap_or("") {
            "ValueSet" => {
                if is_asked {
                    inline.asked = Some(inline.value_sets.len());
                }
                inline.value_sets.push(resource);
                continue;
            }
            "CodeSystem" => inline.details.add(&resource),
            "ConceptMap" => {
                check_relationships(&resource)?;
                // Two maps of one id would be two halves of one map; here they are what the client says they are, two. A map is called by
                // its address, as the client calls it, unless another one's begins with the same letters.
                let url = &urls[number];
                let is_one = !url.is_empty() && urls.iter().filter(|other| other.starts_with(url)).count() == 1;
                let id = if is_one { url.clone() } else { format!("tx-resource {}", number + 1) };
                if is_asked {
                    inline.map = Some((id.clone(), inline.maps.len()));
                }
                inline.maps.push(resource.clone());
                resource["id"] = serde_json::Value::String(id);
                name_other_maps(&mut resource);
            }
            // What else the ecosystem sends along (naming systems, supplements' owners) says nothing about codes here.
            _ => continue,
        }
        let path = folder.path().join(format!("{number}.json"));
        std::fs::write(&path, resource.to_string()).map_err(|e| cannot(&e))?;
        inputs.push(compile::Input {
            id: number.to_string(),
            file: format!("tx-resource {}", number + 1),
            format: Format::Fhir,
            content: compile::Content::SelfDescribed,
            sha256: String::new(),
            bytes: compile::Bytes::Path(path),
            member: None,
            precedence: 0,
        });
    }
    if inputs.is_empty() {
        return Ok(inline);
    }
    let out = folder.path().join("index");
    let report = compile::build(&inputs, &out).map_err(|e| Failure::invalid(format!("the resources given along cannot be used: {e}")))?;
    if let Some(error) = report.findings_from(Severity::Error).next() {
        return Err(Failure::from(Issue::error("invalid", error.to_string()).at("tx-resource")));
    }
    let bytes = std::fs::read(&out).map_err(|e| cannot(&e))?;
    let index = Index::from_bytes(bytes, crate::text::VERSION).map_err(|e| Failure::invalid(format!("the resources given along: {e}")))?;
    inline.engine = Some(Engine::new(Arc::new(index)));
    Ok(inline)
}

/// Calls the maps for what has no row as their index calls them.
fn name_other_maps(map: &mut serde_json::Value) {
    for group in map["group"].as_array_mut().into_iter().flatten() {
        for key in ["otherMap", "url"] {
            let name = group["unmapped"][key].as_str().and_then(|name| name.strip_prefix(MAP_URN)).map(str::to_owned);
            if let Some(name) = name {
                group["unmapped"][key] = name.into();
            }
        }
    }
}

/// Refuses words for the strength of a map that the standard does not have: what the client meant by them nobody knows.
fn check_relationships(map: &serde_json::Value) -> Result<(), Failure> {
    fn list(value: &serde_json::Value) -> &[serde_json::Value] {
        value.as_array().map_or(&[], Vec::as_slice)
    }
    let check = |holder: &serde_json::Value| {
        let r5 = holder["relationship"].as_str().filter(|r| !r.is_empty() && Relationship::from_code(r).is_none());
        let is_r4 = |e: &str| e.is_empty() || e == "unmatched" || Relationship::from_r4_equivalence(e).is_some();
        match r5.or(holder["equivalence"].as_str().filter(|e| !is_r4(e))) {
            None => Ok(()),
            Some(given) => {
                let what = format!("`{}` is no relationship (R5) or equivalence (R4) of a map", super::clip(given));
                Err(Failure::from(Issue::error("invalid", what).at("ConceptMap.group.element.target")))
            }
        }
    };
    for group in list(&map["group"]) {
        check(&group["unmapped"])?;
        for element in list(&group["element"]) {
            list(&element["target"]).iter().try_for_each(check)?;
        }
    }
    Ok(())
}

fn cannot(error: &std::io::Error) -> Failure {
    tracing::error!(%error, "no room for a temporary index");
    let mut failure = Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Issue::error("no-store", "there is no room for the resources given along; come again"),
    );
    failure.retry_after = Some(10);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: u8, weight: usize) -> Kept {
        let inline = Inline { engine: None, value_sets: Vec::new(), asked: None, maps: Vec::new(), map: None, details: Details::default() };
        Kept { key: [number; 32], inline: Arc::new(inline), weight }
    }

    #[test]
    fn what_is_kept_has_a_number_and_a_weight() {
        let cache = Cache::default();
        let here = |numbers: &[u8]| numbers.iter().map(|n| cache.find(&[*n; 32]).is_some()).collect::<Vec<_>>();
        for number in 0..3 {
            cache.keep(kept(number, MOST / 3));
        }
        assert_eq!(here(&[1, 2, 0]), [true; 3]);
        cache.keep(kept(3, MOST / 3));
        assert_eq!(here(&[0, 1, 2, 3]), [true, false, true, true], "the one used longest ago made room");
        cache.keep(kept(4, MOST + 1));
        assert_eq!(here(&[0, 2, 3, 4]), [false; 4], "one that is too heavy is not kept");
        for number in 0..=KEPT as u8 {
            cache.keep(kept(number, 1));
        }
        assert_eq!(here(&[0, 1, KEPT as u8]), [false, true, true]);
    }
}
