//! What `$expand` says of each concept.

use super::answers::{self, Telling};
use super::{Json, Version, parameters};
use crate::index::Concept;
use serde_json::Value;

/// What a concept of an expansion carries beside its code.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Not to be recorded.
    pub header: bool,
    /// No longer to be recorded.
    pub inactive: bool,
    pub properties: Vec<Property>,
}

/// A property of a concept: `valueCode`, `valueBoolean` and so on.
#[derive(Clone, Debug)]
pub struct Property {
    pub code: String,
    pub kind: String,
    pub value: Value,
}

/// One concept of an expansion.
pub fn contains(json: &mut Json, version: Version, concept: Concept<'_>, telling: &Telling<'_>, marks: &Marks, designations: bool) {
    json.object(|o| {
        // R4 has no place for properties in an expansion; there the extension of R5 has them.
        if !marks.properties.is_empty() && version == Version::R4 {
            o.key("extension").array(|a| {
                for property in &marks.properties {
                    a.object(|e| {
                        e.field("url", "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property");
                        e.key("extension").array(|a| {
                            a.object(|e| {
                                e.field("url", "code");
                                e.field("valueCode", &property.code);
                            });
                            a.object(|e| {
                                e.field("url", "value");
                                e.member(&property.kind, &property.value);
                            });
                        });
                    });
                }
            });
        }
        o.field_if("system", concept.system().uri());
        if marks.header {
            o.key("abstract").bool(true);
        }
        if marks.inactive {
            o.key("inactive").bool(true);
        }
        o.field("code", concept.code());
        o.field_if("display", answers::display(concept, telling.date, telling.language).unwrap_or(""));
        if designations {
            o.key("designation").array(|a| {
                for d in concept.designations() {
                    a.object(|o| {
                        o.field_if("language", if d.language.is_empty() { "en" } else { d.language });
                        let (system, code, display) = answers::designation_use(d.usage);
                        o.key("use").object(|c| parameters::write_coding(c, &system, code, display));
                        o.field("value", d.text);
                    });
                }
            });
        }
        if !marks.properties.is_empty() && version == Version::R5 {
            o.key("property").array(|a| {
                for property in &marks.properties {
                    a.object(|p| {
                        p.field("code", &property.code);
                        p.member(&property.kind, &property.value);
                    });
                }
            });
        }
    });
}
