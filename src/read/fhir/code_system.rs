//! CodeSystem: concepts, their designations, hierarchy and status.

use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess};

use super::{Each, Member, Places, RawValue, Seeds, Value, item, say};
use crate::model::{DesignationUse, NoteKind, Status};
use crate::read::names::system_alias;
use crate::read::tabular::Findings;
use crate::read::{At, ConceptRow, Severity, Sink, SystemHandle, SystemRelease};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    url: String,
    version: String,
    name: String,
    title: String,
    content: String,
    language: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Concept<'b> {
    code: String,
    display: String,
    definition: String,
    designation: Vec<Designation>,
    property: Vec<Property>,
    #[serde(borrow)]
    concept: Vec<&'b RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Designation {
    language: String,
    #[serde(rename = "use")]
    usage: super::Coding,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Property {
    code: String,
    #[serde(flatten)]
    value: Value,
}

/// Reads a resource that lies in the bytes of a whole file.
pub(super) fn read(bytes: &[u8], whole: &[u8], file: &str, sink: &mut dyn Sink) -> serde_json::Result<()> {
    let head: Head = serde_json::from_slice(bytes)?;
    if head.url.is_empty() {
        say(
            sink,
            file,
            Severity::Error,
            "the CodeSystem has no url".into(),
            "nothing is read; add the url that codings carry as their system",
        );
        return Ok(());
    }
    if !matches!(head.content.as_str(), "" | "complete") {
        let what = format!("content is {:?}: not every code of the system is here", head.content);
        say(sink, file, Severity::Warning, what, "codes that are not here will be answered as unknown");
    }
    let system = sink.system(&SystemRelease {
        system: system_alias(&head.url).0,
        uri: head.url.clone(),
        title: [&head.title, &head.name].into_iter().find(|s| !s.is_empty()).cloned().unwrap_or_default(),
        version: head.version.clone(),
        from: None,
        to: None,
    });
    let language = if head.language == "en" { String::new() } else { head.language };
    let mut concepts = Concepts { system, language, places: Places::new(whole), findings: Findings::new(file, sink) };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Member { name: "concept", inner: &mut concepts }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    concepts.findings.finish();
    Ok(())
}

struct Concepts<'s, 'b> {
    system: SystemHandle,
    /// Of displays, as the resource says; empty for English.
    language: String,
    places: Places<'b>,
    findings: Findings<'s>,
}

impl<'de> Seeds<'de> for &mut Concepts<'_, '_> {
    fn value<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        members.next_value_seed(Each { take: &mut |concept| self.concept(concept, None) })
    }
}

impl Concepts<'_, '_> {
    fn concept(&mut self, json: &RawValue, parent: Option<&str>) {
        let at = self.places.of(json.get()).unwrap_or_default();
        let (line, column) = (at.line, at.column as usize);
        let concept: Concept<'_> = match item(json) {
            Ok(concept) => concept,
            Err(what) => {
                let mend = "it is left out with what is below it; the others are read";
                return self.findings.warn("concepts that are not as FHIR has them", line, column, what, mend);
            }
        };
        if concept.code.is_empty() {
            let what = format!("a concept has no code; its display is {:?}", crate::read::tabular::shown(&concept.display));
            self.findings.warn("concepts without a code", line, column, what, "it is left out, and what is below it stands alone");
        } else {
            self.told(&concept, parent, at);
        }
        let parent = Some(concept.code.as_str()).filter(|code| !code.is_empty());
        for child in concept.concept {
            self.concept(child, parent);
        }
    }

    fn told(&mut self, concept: &Concept<'_>, parent: Option<&str>, at: At) {
        let (system, code) = (self.system, concept.code.as_str());
        let sink = &mut *self.findings.sink;
        sink.concept(system, ConceptRow { code, status: status(concept), from: None, to: None });
        if !concept.display.is_empty() {
            sink.designation(system, code, DesignationUse::Long, &self.language, &concept.display);
        }
        if !concept.definition.is_empty() {
            sink.note(system, code, NoteKind::Note, &concept.definition);
        }
        for d in concept.designation.iter().filter(|d| !d.value.is_empty()) {
            let usage = match d.usage.code.as_str() {
                "900000000000003001" => DesignationUse::FullySpecifiedName,
                "preferredForLanguage" | "preferred" => DesignationUse::Preferred,
                _ => DesignationUse::Synonym,
            };
            sink.designation(system, code, usage, if d.language == "en" { "" } else { &d.language }, &d.value);
        }
        if let Some(parent) = parent {
            sink.parent(system, code, parent, at);
        }
        // R5 "Defined concept properties": parent and child stand where nesting cannot.
        for property in &concept.property {
            let Some(value) = property.value.text() else { continue };
            match property.code.as_str() {
                "parent" | "subsumedBy" => sink.parent(system, code, &value, at),
                "child" => sink.parent(system, &value, code, at),
                _ => {}
            }
        }
    }
}

/// R5 "Defined concept properties": `inactive`, `status`, `notSelectable` (R4 also `abstract`).
fn status(concept: &Concept<'_>) -> Status {
    let mut status = Status::Valid;
    for property in &concept.property {
        let value = property.value.text().unwrap_or_default();
        match (property.code.as_str(), value.as_str()) {
            ("inactive", "true") | ("status", "retired" | "inactive") => return Status::Inactive,
            ("notSelectable" | "not-selectable" | "abstract", "true") => status = Status::Header,
            _ => {}
        }
    }
    status
}
