//! What a code system that a request brought along says beyond what an index keeps: its own properties, the uses of its designations,
//! whether the case of its codes counts.
//!
//! The systems that are loaded are codes of classifications and have none of this; a client's own system is small, and is kept as it came.

use serde_json::Value;
use std::collections::HashMap;

/// The code systems of a request, by their address.
#[derive(Default)]
pub(in crate::face::http) struct Details {
    systems: HashMap<String, Detail>,
}

/// One code system.
pub(in crate::face::http) struct Detail {
    pub name: String,
    pub case_sensitive: bool,
    /// By code, as they came, without those nested in them.
    concepts: HashMap<String, Value>,
    /// Where case does not count: each code by its small letters.
    by_small: HashMap<String, String>,
}

impl Details {
    pub fn add(&mut self, resource: &Value) {
        let mut concepts = HashMap::new();
        flatten(&resource["concept"], &mut concepts);
        let text = |key: &str| resource[key].as_str().unwrap_or("").to_owned();
        let case_sensitive = resource["caseSensitive"].as_bool().unwrap_or(true);
        let small = |code: &String| (code.to_lowercase(), code.clone());
        let by_small = if case_sensitive { HashMap::new() } else { concepts.keys().map(small).collect() };
        let detail = Detail { name: text("name"), case_sensitive, concepts, by_small };
        self.systems.insert(text("url"), detail);
    }

    pub fn system(&self, url: &str) -> Option<&Detail> {
        self.systems.get(url)
    }
}

fn flatten(concepts: &Value, all: &mut HashMap<String, Value>) {
    for concept in concepts.as_array().into_iter().flatten() {
        flatten(&concept["concept"], all);
        let mut own = concept.clone();
        own["concept"].take();
        all.insert(concept["code"].as_str().unwrap_or("").to_owned(), own);
    }
}

impl Detail {
    pub fn concept(&self, code: &str) -> Option<&Value> {
        self.concepts.get(code)
    }

    /// A code as the system spells it, if case does not count there.
    pub fn spelled<'d>(&'d self, code: &'d str) -> &'d str {
        if self.case_sensitive || self.concepts.contains_key(code) {
            return code;
        }
        self.by_small.get(&code.to_lowercase()).map_or(code, String::as_str)
    }

    /// The values of a property, as text.
    pub fn property<'d>(&'d self, code: &str, name: &'d str) -> impl Iterator<Item = String> + 'd {
        let list = self.concept(code).and_then(|c| c["property"].as_array());
        list.into_iter().flatten().filter(move |p| p["code"] == name).filter_map(|p| {
            let (_, value) = p.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?;
            Some(match value {
                Value::String(text) => text.clone(),
                Value::Object(coding) => coding.get("code")?.as_str()?.to_owned(),
                other => other.to_string(),
            })
        })
    }

    /// The first value of a property that is a text; empty if there is none.
    pub fn text(&self, code: &str, name: &str) -> &str {
        let list = self.concept(code).and_then(|c| c["property"].as_array());
        let found = list.into_iter().flatten().find(|p| p["code"] == name);
        found.and_then(|p| p["valueCode"].as_str().or(p["valueString"].as_str())).unwrap_or("")
    }

    /// Whether a property has one of these values.
    pub fn is(&self, code: &str, name: &str, values: &[&str]) -> bool {
        self.property(code, name).any(|v| values.contains(&v.as_str()))
    }
}
