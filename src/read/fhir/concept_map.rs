//! ConceptMap: groups, elements, targets.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{Each, Member, Places, Seeds, Value, item, say};
use crate::model::rule::property_value;
use crate::model::{MapKind, Relationship};
use crate::read::names::system_alias;
use crate::read::tabular::Findings;
use crate::read::{At, MapHandle, MapRelease, Severity, Sink, TargetDetail, TargetRow, Unmapped};

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Head {
    id: String,
    url: String,
    version: String,
    name: String,
    title: String,
    group: Vec<GroupHead>,
}

/// A group without its elements.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct GroupHead {
    source: String,
    target: String,
    unmapped: Option<UnmappedElement>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UnmappedElement {
    mode: String,
    code: String,
    display: String,
    value_set: String,
    relationship: String,
    /// R4.
    url: String,
    /// R5.
    other_map: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Element<'b> {
    #[serde(borrow)]
    code: Cow<'b, str>,
    display: String,
    value_set: String,
    no_map: bool,
    #[serde(borrow)]
    target: Vec<TargetElement<'b>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TargetElement<'b> {
    #[serde(borrow)]
    code: Cow<'b, str>,
    display: String,
    value_set: String,
    relationship: String,
    equivalence: String,
    comment: String,
    depends_on: Vec<Attribute>,
    product: Vec<Attribute>,
}

/// R5 `attribute` with `value[x]`; R4 `property` with `system` and `value`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attribute {
    attribute: String,
    property: String,
    system: String,
    value: String,
    #[serde(flatten)]
    typed: Value,
    value_set: String,
}

impl Attribute {
    /// Code and display, if the value is a code of this system.
    fn code_in(&self, system: &str) -> Option<(&str, &str)> {
        let (uri, code, display) = match &self.typed.value_coding {
            Some(coding) => (&coding.system, &coding.code, coding.display.as_str()),
            None => (&self.system, &self.value, ""),
        };
        (!uri.is_empty() && !code.is_empty() && system_alias(uri).0 == system).then_some((code, display))
    }
}

/// Reads a resource that lies in the bytes of a whole file.
pub(super) fn read(bytes: &[u8], whole: &[u8], file: &str, sink: &mut dyn Sink) -> serde_json::Result<()> {
    let head: Head = serde_json::from_slice(bytes)?;
    let maps = announce(&head, file, sink);
    let (findings, places) = (Findings::new(file, sink), Places::new(whole));
    let mut rows = Rows { findings, places, line: 0, at: At::default(), scenarios: HashMap::new() };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Member { name: "group", inner: Groups { maps: &maps, rows: &mut rows } }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    rows.findings.finish();
    Ok(())
}

/// A map for each pair of systems: groups of one pair are one map.
fn announce(head: &Head, file: &str, sink: &mut dyn Sink) -> Vec<Option<GroupMap>> {
    // Ids are for people to type: the resource's own, or the end of its URL.
    let own = [&head.id, &head.name].into_iter().find(|s| !s.is_empty()).map(String::as_str);
    let id = own.unwrap_or_else(|| head.url.rsplit('/').find(|s| !s.is_empty()).unwrap_or("concept-map"));
    let pairs: Vec<_> = head.group.iter().map(|group| (system_alias(&group.source).0, system_alias(&group.target).0)).collect();
    let is_one_map = pairs.iter().all(|pair| *pair == pairs[0]);
    let mut maps: Vec<Option<GroupMap>> = Vec::new();
    for (number, (group, pair)) in head.group.iter().zip(&pairs).enumerate() {
        if group.source.is_empty() || group.target.is_empty() {
            let what = format!("group {} names no {}", number + 1, if group.source.is_empty() { "source system" } else { "target system" });
            say(sink, file, Severity::Error, what, "the group is left out; add the URI of the system");
            maps.push(None);
            continue;
        }
        if let Some(first) = pairs[..number].iter().position(|before| before == pair) {
            maps.push(maps[first].clone());
            continue;
        }
        let rules = head.group.iter().zip(&pairs).enumerate().filter(|(_, (_, other))| *other == pair);
        let rules: Vec<Unmapped> = rules.filter_map(|(number, (group, _))| unmapped(group, number, file, sink)).collect();
        if rules.iter().any(|rule| *rule != rules[0]) {
            let what = format!(
                "groups of one pair of systems, {} to {}, send codes without a row to different targets",
                group.source, group.target
            );
            say(sink, file, Severity::Warning, what, "the first one counts; keep the one that is right");
        }
        let handle = sink.map(&MapRelease {
            id: if is_one_map { id.to_owned() } else { format!("{id}-{}", number + 1) },
            url: head.url.clone(),
            title: [&head.title, &head.name].into_iter().find(|s| !s.is_empty()).cloned().unwrap_or_default(),
            version: head.version.clone(),
            source: pair.0.clone(),
            target: pair.1.clone(),
            kind: MapKind::Table,
            from: None,
            to: None,
            unmapped: rules.into_iter().next().unwrap_or_default(),
        });
        maps.push(Some(GroupMap { handle, target: pair.1.clone() }));
    }
    maps
}

/// What a group says of codes without a row.
fn unmapped(group: &GroupHead, number: usize, file: &str, sink: &mut dyn Sink) -> Option<Unmapped> {
    let rule = group.unmapped.as_ref()?;
    let relationship = Relationship::from_code(&rule.relationship);
    Some(match rule.mode.as_str() {
        "use-source-code" | "provided" => Unmapped::UseSourceCode(relationship.unwrap_or(Relationship::Equivalent)),
        "fixed" if !rule.code.is_empty() => Unmapped::Fixed {
            code: rule.code.clone(),
            display: rule.display.clone(),
            relationship: relationship.unwrap_or(Relationship::RelatedTo),
        },
        "other-map" => Unmapped::OtherMap(if rule.other_map.is_empty() { rule.url.clone() } else { rule.other_map.clone() }),
        mode => {
            let of = if rule.value_set.is_empty() { "" } else { " with a value set" };
            let what = format!("unmapped.mode {mode:?}{of} of group {} is not usable", number + 1);
            say(sink, file, Severity::Warning, what, "codes without a row are answered as unmapped");
            return None;
        }
    })
}

/// Where the rows of a group go.
#[derive(Clone)]
struct GroupMap {
    handle: MapHandle,
    /// Alias.
    target: String,
}

/// The list of groups, read for their elements.
struct Groups<'a, 's, 'b> {
    maps: &'a [Option<GroupMap>],
    rows: &'a mut Rows<'s, 'b>,
}

impl<'de> Seeds<'de> for Groups<'_, '_, '_> {
    fn value<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        members.next_value_seed(self)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Groups<'_, '_, '_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Groups<'_, '_, '_> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of groups")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut groups: A) -> Result<(), A::Error> {
        let mut number = 0;
        loop {
            let map = self.maps.get(number).and_then(Option::as_ref);
            let elements = Member { name: "element", inner: Elements { map, rows: &mut *self.rows } };
            if groups.next_element_seed(elements)?.is_none() {
                return Ok(());
            }
            number += 1;
        }
    }
}

struct Elements<'a, 's, 'b> {
    map: Option<&'a GroupMap>,
    rows: &'a mut Rows<'s, 'b>,
}

impl<'de> Seeds<'de> for Elements<'_, '_, '_> {
    fn value<A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        let (map, rows) = (self.map, &mut *self.rows);
        let mut take = |element: &'de serde_json::value::RawValue| {
            let Some(map) = map else { return };
            rows.at = rows.places.of(element.get()).unwrap_or_default();
            match item(element) {
                Ok(element) => rows.element(map, &element),
                Err(what) => {
                    rows.line += 1;
                    rows.warn("elements that are not as FHIR has them", what, "the element is left out; the others are read");
                }
            }
        };
        members.next_value_seed(Each { take: &mut take })
    }
}

struct Rows<'s, 'b> {
    findings: Findings<'s>,
    places: Places<'b>,
    /// The rows of the resource, counted from 1: what an answer names as its origin, because JSON may stand all in one line.
    line: u64,
    /// Where the element or target at hand stands.
    at: At,
    /// How many readings of their own the products of a source have made so far: its elements may stand in several groups.
    scenarios: HashMap<(MapHandle, String), u16>,
}

impl Rows<'_, '_> {
    /// A finding about the n-th row.
    fn warn(&mut self, kind: &'static str, what: String, mend: &str) {
        self.findings.warn(kind, self.at.line, self.at.column as usize, format!("row {}: {what}", self.line), mend);
    }

    fn element(&mut self, map: &GroupMap, element: &Element<'_>) {
        let element_at = self.at;
        let source_at = self.places.of(&element.code).unwrap_or(element_at);
        if element.code.is_empty() {
            self.line += 1;
            let what = match element.value_set.as_str() {
                "" => "an element has no code".to_owned(),
                set => format!("an element is the value set {set} instead of a code"),
            };
            return self.warn("elements without a code", what, "the element is left out; name its codes");
        }
        let source_display = element.display.as_str();
        if element.no_map || element.target.is_empty() {
            self.line += 1;
            if element.no_map && !element.target.is_empty() {
                let what = format!("{} has noMap and targets (R5 rule cmd-4)", element.code);
                self.warn("elements with noMap and targets", what, "read as noMap; remove one of the two");
            }
            if !element.no_map {
                let what = format!("{} has neither a target nor noMap", element.code);
                return self.warn("elements that say nothing", what, "the element is left out");
            }
            let detail = TargetDetail { source_display, ..TargetDetail::default() };
            let at = [source_at; 2];
            let row = TargetRow { line: self.line, source: &element.code, target: None, detail, at, ..TargetRow::default() };
            return self.findings.sink.target(map.handle, &row);
        }
        for target in &element.target {
            self.line += 1;
            self.at = self.places.of(&target.code).unwrap_or(element_at);
            let is_hole = matches!(target.equivalence.as_str(), "unmatched");
            if target.code.is_empty() && !is_hole {
                let of = if target.value_set.is_empty() { "no code".to_owned() } else { format!("the value set {}", target.value_set) };
                self.warn("targets without a code", format!("{} leads to {of}", element.code), "the target is left out; name its codes");
                self.findings.sink.row_left_out(map.handle, &element.code, 0, self.at);
                continue;
            }
            let relationship = self.relationship(target);
            // A product that is a code of the target system is needed together with the target: a further group of its scenario.
            let (codes, others): (Vec<_>, Vec<_>) = target.product.iter().partition(|p| p.code_in(&map.target).is_some());
            let ((mut rule, is_whole), (product, _)) = (self.attributes(&target.depends_on), self.attributes(others));
            if !is_whole {
                // Not in the language of rules: what is left of the condition holds too often, so a person decides.
                rule.insert_str(0, "? ");
            } else if !rule.is_empty() {
                self.findings.check_rule(self.at.line, self.at.column as usize, &rule);
            }
            let detail =
                TargetDetail { rule: &rule, product: &product, comment: &target.comment, source_display, ..TargetDetail::default() };
            let together = !codes.is_empty() && !is_hole;
            let scenario = if together {
                let count = self.scenarios.entry((map.handle, element.code.to_string())).or_default();
                *count = count.saturating_add(1);
                *count
            } else {
                0
            };
            let own = (!is_hole).then_some((&*target.code, target.display.as_str()));
            let further = codes.iter().filter_map(|p| p.code_in(&map.target)).map(Some).filter(|_| together);
            for (group, code) in (u16::from(together)..).zip(std::iter::once(own).chain(further)) {
                let detail = TargetDetail { target_display: code.map_or("", |(_, display)| display), ..detail };
                let (line, source, target) = (self.line, &*element.code, code.map(|(code, _)| code));
                let at = [source_at, self.at];
                let row = TargetRow { line, source, target, relationship, scenario, group, detail, at, ..TargetRow::default() };
                self.findings.sink.target(map.handle, &row);
            }
        }
    }

    fn relationship(&mut self, target: &TargetElement<'_>) -> Relationship {
        let (given, read) = match (target.relationship.as_str(), target.equivalence.as_str()) {
            ("", "") => return Relationship::RelatedTo,
            ("", "unmatched") => return Relationship::NotRelatedTo,
            ("", r4) => (r4, Relationship::from_r4_equivalence(r4)),
            (r5, _) => (r5, Relationship::from_code(r5)),
        };
        read.unwrap_or_else(|| {
            let what = format!("{given:?} is no relationship of FHIR R4 or R5");
            self.warn("unknown relationships", what, "read as related-to; use one of the codes of the standard");
            Relationship::RelatedTo
        })
    }

    /// `attribute=value`, several joined by ` AND `, and whether these are all.
    fn attributes<'a>(&mut self, attributes: impl IntoIterator<Item = &'a Attribute>) -> (String, bool) {
        let (mut joined, mut is_whole) = (String::new(), true);
        for a in attributes {
            let name = if a.attribute.is_empty() { &a.property } else { &a.attribute };
            let r4 = || match (a.system.as_str(), a.value.as_str()) {
                (_, "") => None,
                ("", value) => Some(value.to_owned()),
                (system, value) => Some(format!("{system}|{value}")),
            };
            let value = a.typed.text().or_else(r4).or_else(|| (!a.value_set.is_empty()).then(|| format!("in:{}", a.value_set)));
            let value = value.filter(|_| !name.is_empty());
            let Some(written) = value.as_deref().and_then(property_value) else {
                let (kind, what) = match &value {
                    None => ("attributes without a name or value", format!("attribute {name:?} says nothing")),
                    Some(value) => ("values that no rule can hold", format!("attribute {name:?} is {value:?}: AND or blanks, and quotes")),
                };
                self.warn(kind, what, "left out of the product; a rule without it waits for a person");
                is_whole = false;
                continue;
            };
            if !joined.is_empty() {
                joined.push_str(" AND ");
            }
            joined.push_str(&format!("{name}={written}"));
        }
        (joined, is_whole)
    }
}
