//! FHIR CodeSystem and ConceptMap, R4 and R5, as JSON: one resource, a Bundle or a list of them, one a line, or a package of them.
//!
//! [R5 ConceptMap](https://hl7.org/fhir/R5/conceptmap.html), [R4 ConceptMap](https://hl7.org/fhir/R4/conceptmap.html),
//! [CodeSystem](https://hl7.org/fhir/R5/codesystem.html). The two versions are told apart row by row: R4 says `equivalence` (and
//! `unmatched`), R5 `relationship` (and `noMap`). `dependsOn` becomes the row's rule, as `attribute=value` joined by ` AND `. A `product`
//! that is a code of the target system becomes a further group of the target's scenario; any other stays with the row in the same form,
//! and keeps it from being automatic. A system is known by its alias if it is well known, otherwise by its URI.
//!
//! A resource is held as bytes and read twice, because JSON may say what a group leads to after its elements: first everything but the
//! elements (concepts), then these, one at a time. Memory is the file's size and one element; a map of a million rows never exists as a
//! tree. What is read lies in those bytes, and so every finding can say where.

mod code_system;
mod concept_map;

use std::io::{self, BufRead};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::source::{read_to_vec, visit_path};
use super::{At, Finding, Severity, Sink};

/// Reads the resources of a file.
pub fn read(input: &mut dyn BufRead, file: &str, sink: &mut dyn Sink) -> io::Result<()> {
    sink.begin(file);
    let bytes = read_to_vec(input)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if bytes.trim_ascii_start().starts_with(b"[")
        && let Ok(list) = serde_json::from_slice::<Vec<&RawValue>>(bytes)
    {
        several(list.into_iter(), bytes, file, sink);
        return Ok(());
    }
    if let Err(error) = resource(bytes, bytes, file, sink) {
        // One a line, as servers export them in bulk.
        let lines = serde_json::Deserializer::from_slice(bytes).into_iter().collect::<Result<Vec<&RawValue>, _>>();
        match lines {
            Ok(lines) if lines.len() > 1 => several(lines.into_iter(), bytes, file, sink),
            _ => unreadable(&error, At { line: 1, column: 1 }, file, sink),
        }
    }
    Ok(())
}

/// Reads a package ([FHIR NPM packages](https://hl7.org/fhir/packages.html)): the resources in its folder `package`. What stands in folders
/// beside or below it are examples and the like. Most of a package is of other types, which is said once.
pub fn read_package(path: &Path, sink: &mut dyn Sink) -> io::Result<()> {
    let is_resource = |name: &str| {
        let mut parts = name.rsplit('/');
        let file = parts.next().unwrap_or_default();
        file.ends_with(".json") && !file.starts_with('.') && file != "package.json" && parts.next() == Some("package")
    };
    let (mut read, mut others) = (0, 0);
    visit_path(path, &is_resource, &mut |name, input| {
        sink.begin(name);
        let bytes = read_to_vec(input)?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        match serde_json::from_slice::<Resource>(bytes) {
            Ok(found) if !matches!(found.kind.as_str(), "CodeSystem" | "ConceptMap" | "Bundle") => others += 1,
            _ => {
                read += 1;
                if let Err(error) = resource(bytes, bytes, name, sink) {
                    unreadable(&error, At { line: 1, column: 1 }, name, sink);
                }
            }
        }
        Ok(())
    })?;
    let file = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    say_others(read, others, &file, sink);
    Ok(())
}

#[derive(Deserialize)]
struct Resource {
    #[serde(rename = "resourceType", default)]
    kind: String,
}

#[derive(Deserialize)]
struct Bundle<'b> {
    #[serde(borrow, default)]
    entry: Vec<Entry<'b>>,
}

#[derive(Deserialize)]
struct Entry<'b> {
    #[serde(borrow)]
    resource: Option<&'b RawValue>,
}

/// Reads a resource that lies in the bytes of a whole file.
fn resource(bytes: &[u8], whole: &[u8], file: &str, sink: &mut dyn Sink) -> serde_json::Result<()> {
    let found: Resource = serde_json::from_slice(bytes)?;
    match found.kind.as_str() {
        "CodeSystem" => code_system::read(bytes, whole, file, sink),
        "ConceptMap" => concept_map::read(bytes, whole, file, sink),
        "Bundle" => {
            let bundle: Bundle<'_> = serde_json::from_slice(bytes)?;
            several(bundle.entry.iter().filter_map(|entry| entry.resource), whole, file, sink);
            Ok(())
        }
        other => {
            let what = format!("resourceType is {other:?}, neither CodeSystem nor ConceptMap");
            say(sink, file, Severity::Error, what, "give one of these, a Bundle of them, or one a line");
            Ok(())
        }
    }
}

/// Reads what of several resources can be read, and says how many others there are.
fn several<'b>(resources: impl Iterator<Item = &'b RawValue>, whole: &[u8], file: &str, sink: &mut dyn Sink) {
    let (mut read, mut others) = (0, 0);
    for json in resources {
        let kind = serde_json::from_str::<Resource>(json.get()).map(|found| found.kind);
        if kind.is_ok_and(|kind| !matches!(kind.as_str(), "CodeSystem" | "ConceptMap")) {
            others += 1;
            continue;
        }
        read += 1;
        if let Err(error) = resource(json.get().as_bytes(), whole, file, sink) {
            unreadable(&error, Places::new(whole).of(json.get()).unwrap_or_default(), file, sink);
        }
    }
    say_others(read, others, file, sink);
}

/// Says how many of several resources were passed over.
fn say_others(read: usize, others: usize, file: &str, sink: &mut dyn Sink) {
    if others > 0 || read == 0 {
        let severity = if read == 0 { Severity::Error } else { Severity::Note };
        let what = format!("{read} resources are CodeSystem or ConceptMap, {others} are neither");
        say(sink, file, severity, what, "the others are passed over");
    }
}

/// Says where in a file a resource that begins there cannot be read.
fn unreadable(error: &serde_json::Error, begins: At, file: &str, sink: &mut dyn Sink) {
    let before = if error.line() <= 1 { (begins.column as usize).saturating_sub(1) } else { 0 };
    let line = begins.line + (error.line() as u64).saturating_sub(1);
    let column = u32::try_from((before + error.column()).max(1)).unwrap_or(u32::MAX);
    let what = format!("not readable as FHIR JSON: {error}");
    let mend = "mend the file, or get it again".to_owned();
    sink.finding(Finding { file: file.to_owned(), line, column, severity: Severity::Error, what, mend });
}

fn say(sink: &mut dyn Sink, file: &str, severity: Severity, what: String, mend: &str) {
    sink.finding(Finding { file: file.to_owned(), line: 0, column: 0, severity, what, mend: mend.to_owned() });
}

/// Tells where a part of the bytes stands that are being read.
struct Places<'b> {
    bytes: &'b [u8],
    /// How far lines were counted, where the last of them began, and how many ended before: questions mostly go forward.
    counted: usize,
    start: usize,
    lines: u64,
}

impl<'b> Places<'b> {
    fn new(bytes: &'b [u8]) -> Places<'b> {
        Places { bytes, counted: 0, start: 0, lines: 0 }
    }

    /// Of a text that lies in the bytes; `None` for one that had to be made (it has escapes).
    fn of(&mut self, part: &str) -> Option<At> {
        let at = (part.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize).filter(|at| *at < self.bytes.len())?;
        if at < self.start {
            *self = Places::new(self.bytes);
        }
        while let Some(end) = self.bytes.get(self.counted..at).and_then(|passed| memchr::memchr(b'\n', passed)) {
            self.start = self.counted + end + 1;
            self.counted = self.start;
            self.lines += 1;
        }
        self.counted = self.counted.max(at);
        Some(At { line: self.lines + 1, column: u32::try_from(at - self.start + 1).unwrap_or(u32::MAX) })
    }
}

/// A JSON list whose items are handed out one by one as they stand in the bytes, so that one that is not as FHIR has it costs itself and
/// not those behind it.
struct Each<'f, 'de> {
    take: &'f mut dyn FnMut(&'de RawValue),
}

impl<'de> serde::de::DeserializeSeed<'de> for Each<'_, 'de> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> serde::de::Visitor<'de> for Each<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.take)(item);
        }
        Ok(())
    }
}

/// An item as FHIR has it; else what is wrong with it.
fn item<'de, T: Deserialize<'de>>(json: &'de RawValue) -> Result<T, String> {
    serde_json::from_str(json.get()).map_err(|error| {
        let code = serde_json::from_str::<serde_json::Value>(json.get()).ok().and_then(|item| item.get("code").map(ToString::to_string));
        let code = code.map_or_else(|| "without a code".to_owned(), |code| format!("with the code {code}"));
        // The place that it names counts from the item.
        let error = error.to_string();
        let why = error.split_once(" at line ").map_or(&*error, |(why, _)| why);
        format!("an item {} is not as FHIR has it: {why}", super::tabular::shown(&code))
    })
}

/// An object of which one member is read by `inner` and the rest skipped.
struct Member<'a, S> {
    name: &'a str,
    inner: S,
}

impl<'de, S: Seeds<'de>> serde::de::DeserializeSeed<'de> for Member<'_, S> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Seeds<'de>> serde::de::Visitor<'de> for Member<'_, S> {
    type Value = ();
    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: serde::de::MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.name {
                self.inner.value(&mut members)?;
            } else {
                members.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads the value of a member that may come more than once.
trait Seeds<'de> {
    fn value<A: serde::de::MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error>;
}

/// One of FHIR's `value[x]`, as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Value {
    value_code: Option<String>,
    value_string: Option<String>,
    value_boolean: Option<bool>,
    value_integer: Option<i64>,
    value_decimal: Option<serde_json::Number>,
    value_date_time: Option<String>,
    value_coding: Option<Coding>,
    value_quantity: Option<Quantity>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Coding {
    system: String,
    code: String,
    display: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Quantity {
    comparator: String,
    value: Option<serde_json::Number>,
    unit: String,
    code: String,
}

impl Value {
    fn text(&self) -> Option<String> {
        let Value { value_code, value_string, value_boolean, value_integer, value_decimal, value_date_time, value_coding, value_quantity } =
            self;
        value_code
            .clone()
            .or_else(|| value_string.clone())
            .or_else(|| value_boolean.map(|b| b.to_string()))
            .or_else(|| value_integer.map(|n| n.to_string()))
            .or_else(|| value_decimal.as_ref().map(|n| n.to_string()))
            .or_else(|| value_date_time.clone())
            .or_else(|| {
                value_coding.as_ref().map(|c| if c.system.is_empty() { c.code.clone() } else { format!("{}|{}", c.system, c.code) })
            })
            .or_else(|| {
                value_quantity.as_ref().map(|q| {
                    let number = q.value.as_ref().map(ToString::to_string).unwrap_or_default();
                    let unit = if q.code.is_empty() { &q.unit } else { &q.code };
                    format!("{}{number} {unit}", q.comparator)
                })
            })
    }
}

#[cfg(test)]
mod tests;
