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
use crate::index::Index;
use crate::read::{Format, Severity};
use axum::http::StatusCode;
use std::sync::{Arc, Mutex, PoisonError};

/// Sets of resources that are kept.
const KEPT: usize = 64;

/// What a request brought along.
pub(in crate::face::http) struct Inline {
    /// Of the code systems and maps; `None` if there are none.
    pub engine: Option<Engine>,
    pub value_sets: Vec<serde_json::Value>,
    /// The one among them that the parameter `valueSet` was.
    pub asked: Option<usize>,
    /// The maps as given: what an index has no room for (scopes) is looked up here.
    pub maps: Vec<serde_json::Value>,
    /// What the code systems say beyond what an index keeps.
    pub details: Details,
}

#[derive(Default)]
pub(in crate::face::http) struct Cache {
    /// The last used stands last.
    kept: Mutex<Vec<([u8; 32], Arc<Inline>)>>,
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
                resources.push((parameter.name == "valueSet", resource));
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
        let made = Arc::new(made);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((key, Arc::clone(&made)));
        Ok(Some(made))
    }

    fn find(&self, key: &[u8; 32]) -> Option<Arc<Inline>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(k, _)| k == key)?;
        let found = kept.remove(at);
        kept.push(found);
        kept.last().map(|(_, inline)| Arc::clone(inline))
    }
}

fn make(resources: Vec<(bool, serde_json::Value)>) -> Result<Inline, Failure> {
    let mut inline = Inline { engine: None, value_sets: Vec::new(), asked: None, maps: Vec::new(), details: Details::default() };
    let folder = tempfile::tempdir().map_err(|e| cannot(&e))?;
    let mut inputs = Vec::new();
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
                inline.maps.push(resource.clone());
                // Two maps of one id would be two halves of one map; here they are what the client says they are, two.
                resource["id"] = serde_json::Value::String(format!("tx-{number}"));
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

fn cannot(error: &std::io::Error) -> Failure {
    tracing::error!(%error, "no room for a temporary index");
    let mut failure = Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Issue::error("no-store", "there is no room for the resources given along; come again"),
    );
    failure.retry_after = Some(10);
    failure
}
