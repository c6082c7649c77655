//! What the service says of itself and of its content: CapabilityStatement, TerminologyCapabilities, CodeSystem, ConceptMap, ValueSet.

use super::translate::canonical;
use super::{Json, Version};
use crate::index::{CodeSystem, ConceptMap, Index, ReleaseMeta};
use serde_json::{Value, json};

/// The version of the terminology-ecosystem test cases that the service is held to.
const TEST_VERSION: &str = "1.9.6";
/// The day of the last change that clients of the FHIR side can see.
const DATE: &str = "2026-12-01";

/// `GET /metadata`.
pub fn capability_statement(version: Version, base: &str, address: &str, secured: bool) -> Value {
    let definition = |resource: &str, name: &str| format!("http://hl7.org/fhir/OperationDefinition/{resource}-{name}");
    let operations = |resource: &str, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"name": name, "definition": definition(resource, name)})).collect()
    };
    let resource = |kind: &str, names: &[&str]| {
        let parameters = search_parameters(version, kind);
        json!({
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": parameters.iter().map(|c| json!({"name": c.name, "type": c.kind})).collect::<Vec<_>>(),
            "operation": operations(kind, names),
        })
    };
    let mut security = json!({"cors": false});
    if secured {
        security["description"] = json!("Bearer tokens, made by the operator with `xwalk token add`");
    }
    let feature = "http://hl7.org/fhir/uv/application-feature/StructureDefinition/feature";
    json!({
        "resourceType": "CapabilityStatement",
        "extension": [
            {"url": feature, "extension": [
                {"url": "definition", "valueCanonical": "http://hl7.org/fhir/uv/tx-tests/FeatureDefinition/test-version"},
                {"url": "value", "valueCode": TEST_VERSION}]},
            {"url": feature, "extension": [
                {"url": "definition", "valueCanonical": "http://hl7.org/fhir/uv/tx-ecosystem/FeatureDefinition/CodeSystemAsParameter"},
                {"url": "value", "valueBoolean": true}]}
        ],
        "url": format!("{base}/metadata"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "xwalk",
        "title": "xwalk terminology code mapping",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/CapabilityStatement/terminology-server"],
        "software": {"name": "xwalk", "version": env!("CARGO_PKG_VERSION"), "releaseDate": DATE},
        "implementation": {"description": "xwalk", "url": address},
        "fhirVersion": version.number(),
        "format": ["application/fhir+json"],
        "rest": [{
            "mode": "server",
            "security": security,
            "resource": [
                resource("CodeSystem", &["lookup", "validate-code", "subsumes", "batch-validate-code"]),
                resource("ValueSet", &["expand", "validate-code", "batch-validate-code"]),
                resource("ConceptMap", &["translate"]),
            ],
            "interaction": [{"code": "batch"}],
            "operation": [{"name": "versions", "definition": "http://hl7.org/fhir/OperationDefinition/CapabilityStatement-versions"}],
        }],
    })
}

/// By what resources are searched.
pub struct Criterion {
    pub name: &'static str,
    kind: &'static str,
    /// The member of the resource that holds it, in one version of the standard or the other.
    members: &'static [&'static str],
}

impl Criterion {
    pub fn holds(&self, resource: &Value, asked: &str) -> bool {
        self.members.iter().filter_map(|m| resource[*m].as_str()).any(|said| {
            // The scopes of the maps here are all codes of a system.
            said == asked || said.strip_suffix("?fhir_vs").is_some_and(|system| self.members != URL && system == asked)
        })
    }
}

const URL: &[&str] = &["url"];

/// The search parameters of a type.
pub fn search_parameters(version: Version, resource: &str) -> &'static [Criterion] {
    const fn by(name: &'static str, kind: &'static str, members: &'static [&'static str]) -> Criterion {
        Criterion { name, kind, members }
    }
    const SOURCE: &[&str] = &["sourceUri", "sourceScopeUri"];
    const TARGET: &[&str] = &["targetUri", "targetScopeUri"];
    match (resource, version) {
        ("CodeSystem", _) => {
            const { &[by("url", "uri", URL), by("system", "uri", URL), by("version", "token", &["version"]), by("_id", "token", &["id"])] }
        }
        ("ValueSet", _) => const { &[by("url", "uri", URL), by("version", "token", &["version"]), by("_id", "token", &["id"])] },
        (_, Version::R4) => {
            const {
                &[
                    by("url", "uri", URL),
                    by("version", "token", &["version"]),
                    by("_id", "token", &["id"]),
                    by("source-system", "uri", SOURCE),
                    by("target-system", "uri", TARGET),
                ]
            }
        }
        (_, Version::R5) => {
            const {
                &[
                    by("url", "uri", URL),
                    by("version", "token", &["version"]),
                    by("_id", "token", &["id"]),
                    by("source-group-system", "uri", SOURCE),
                    by("target-group-system", "uri", TARGET),
                ]
            }
        }
    }
}

/// `GET /metadata?mode=terminology`.
pub fn terminology_capabilities(index: &Index, base: &str, address: &str) -> Value {
    let systems: Vec<Value> = index
        .systems()
        .filter(|s| !s.uri().is_empty() && !s.version().is_empty())
        .map(|s| {
            let version = |r: &ReleaseMeta| json!({"code": r.version, "isDefault": r.version == s.version()});
            json!({"uri": s.uri(), "version": s.releases().iter().map(version).collect::<Vec<_>>(), "subsumption": true})
        })
        .collect();
    let parameters = [
        "activeOnly",
        "check-system-version",
        "count",
        "date",
        "displayLanguage",
        "excludeNested",
        "filter",
        "force-system-version",
        "includeDefinition",
        "includeDesignations",
        "offset",
        "property",
        "system-version",
        "tx-resource",
    ];
    json!({
        "resourceType": "TerminologyCapabilities",
        "url": format!("{base}/metadata?mode=terminology"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "xwalk",
        "title": "xwalk terminology code mapping",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "xwalk", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "xwalk", "url": address},
        "codeSystem": systems,
        "expansion": {"hierarchical": false, "paging": true, "parameter": parameters.map(|name| json!({"name": name}))},
        "validateCode": {"translations": false},
        "translation": {"needsMap": false},
    })
}

/// A code system, without its concepts: `content` says so.
pub fn code_system(system: CodeSystem<'_>) -> Value {
    let mut value = json!({
        "resourceType": "CodeSystem",
        "id": id(system.alias()),
        "url": system.uri(),
        "version": system.version(),
        "name": name(system.alias()),
        "title": system.title(),
        "status": "active",
        "caseSensitive": true,
        "hierarchyMeaning": "is-a",
        "content": "not-present",
        "count": system.len(),
    });
    drop_empty(&mut value);
    value
}

/// The same of each of its releases, the newest first. An older one is told by its version alone: an index holds all releases as one.
pub fn code_systems(system: CodeSystem<'_>) -> impl Iterator<Item = Value> {
    let older = system.releases().iter().rev().filter(move |r| r.version != system.version()).map(move |release| {
        let mut value = code_system(system);
        value["id"] = id(&format!("{}-{}", system.alias(), release.version)).into();
        value["version"] = release.version.as_str().into();
        if let Value::Object(members) = &mut value {
            members.remove("count");
        }
        value
    });
    std::iter::once(code_system(system)).chain(older)
}

/// The value set of all codes of a system.
pub fn value_set(system: CodeSystem<'_>) -> Value {
    json!({
        "resourceType": "ValueSet",
        "id": id(system.alias()),
        "url": format!("{}?fhir_vs", system.uri()),
        "name": name(system.alias()),
        "title": format!("All codes of {}", system.title()),
        "status": "active",
        "compose": {"include": [{"system": system.uri()}]},
    })
}

/// A concept map, without its groups: tens of thousands of elements are asked for by `$translate`, not read, and the standard knows no
/// group without an element.
pub fn concept_map(version: Version, map: ConceptMap<'_>) -> Value {
    let canonical = canonical(map);
    let url = canonical.rsplit_once('|').map_or(canonical.as_str(), |(url, _)| url);
    let (source, target) = (map.source().uri(), map.target().uri());
    let (source_key, target_key) = match version {
        Version::R4 => ("sourceUri", "targetUri"),
        Version::R5 => ("sourceScopeUri", "targetScopeUri"),
    };
    let mut value = json!({
        "resourceType": "ConceptMap",
        "id": id(&format!("{}-{}", map.id(), map.version())),
        "meta": {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}]},
        "url": url,
        "version": map.version(),
        "name": name(map.id()),
        "title": map.title(),
        "status": "active",
        source_key: format!("{source}?fhir_vs"),
        target_key: format!("{target}?fhir_vs"),
    });
    drop_empty(&mut value);
    value
}

/// A searchset Bundle: a page of all that was found, how many that is, and where the next page begins.
pub fn searchset(base: &str, kind: &str, asked: &[(&str, String)], page: Vec<Value>, total: usize, next: Option<usize>) -> Value {
    let address = |offset: Option<usize>| {
        let mut address = format!("{base}/{kind}");
        let said = asked.iter().filter(|(name, _)| offset.is_none() || *name != "_offset").map(|(name, text)| (*name, text.clone()));
        for (at, (name, text)) in said.chain(offset.map(|o| ("_offset", o.to_string()))).enumerate() {
            let text: String = text.bytes().map(escaped).collect();
            address.push_str(&format!("{}{name}={text}", if at == 0 { '?' } else { '&' }));
        }
        address
    };
    let mut links = vec![json!({"relation": "self", "url": address(None)})];
    links.extend(next.map(|next| json!({"relation": "next", "url": address(Some(next))})));
    let entries: Vec<Value> = page
        .into_iter()
        .map(
            |r| json!({"fullUrl": format!("{base}/{kind}/{}", r["id"].as_str().unwrap_or("")), "resource": r, "search": {"mode": "match"}}),
        )
        .collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": total, "link": links});
    if !entries.is_empty() {
        bundle["entry"] = Value::Array(entries);
    }
    bundle
}

/// A byte of a query string.
fn escaped(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~:/|,".contains(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
}

/// `GET /$versions`: the versions of FHIR that are spoken here.
pub fn versions(version: Version) -> Vec<u8> {
    let mut json = Json::with_capacity(128);
    json.object(|o| {
        o.field("resourceType", "Parameters");
        o.key("parameter").array(|a| {
            for number in ["4.0", "5.0"] {
                a.object(|p| {
                    p.field("name", "version");
                    p.field("valueCode", number);
                });
            }
            a.object(|p| {
                p.field("name", "default");
                p.field("valueCode", &version.number()[..3]);
            });
        });
    });
    json.into_bytes()
}

/// A FHIR id: letters, digits, `-` and `.`, at most 64.
pub fn id(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' }).take(64).collect()
}

/// A name for programs: letters, digits and `_`, a capital first.
fn name(text: &str) -> String {
    let mut name: String = text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}

/// FHIR knows no empty strings.
fn drop_empty(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|_, v| v.as_str() != Some(""));
    }
}
