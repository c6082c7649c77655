//! One JSON object a line (NDJSON, JSON Lines). Codes are found by JSON pointer (RFC 6901), in which `*` stands for each element of an
//! array (`/diagnoses/*/code`); the answers become members at the end of the object, whose own bytes stay as they are.

use super::super::Error;
use super::super::cut::Cut;
use super::super::input::TextEncoding;
use super::super::ledger::RejectReason;
use super::super::spec::Job;
use super::super::work::Work;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;

pub(in super::super) struct Ndjson {
    /// By place, as `Work` counts them: facts first, then the key, then for each code column its source column and itself.
    pointers: Vec<String>,
    /// By place: what stands between the values of an array. `None`: of codes, and nothing says what does.
    splits: Vec<Option<String>>,
    /// Which pointers no record has led anywhere yet.
    unmet: Vec<usize>,
}

impl Ndjson {
    pub fn new(job: &Job) -> Ndjson {
        let mut pointers: Vec<String> = [&job.date, &job.age, &job.sex, &job.text].into_iter().flatten().cloned().collect();
        pointers.extend(job.key.iter().cloned());
        let blank = || Some(String::from(" "));
        let mut splits = vec![blank(); pointers.len()];
        for column in &job.columns {
            pointers.extend(column.from_column.clone());
            splits.resize(pointers.len(), column.split.clone().or_else(blank));
            pointers.extend(column.names(None));
            splits.resize(pointers.len(), column.split.clone());
        }
        let pointers: Vec<String> = pointers.into_iter().map(|p| if p.starts_with('/') { p } else { format!("/{p}") }).collect();
        let unmet = (0..pointers.len()).collect();
        Ndjson { pointers, splits, unmet }
    }

    /// The stem of the appended members: `/claim/dx` gives `claim_dx`, and so does `/claim/*/dx`.
    pub fn member(pointer: &str) -> String {
        let steps: Vec<&str> = pointer.trim().trim_start_matches('/').split('/').filter(|step| *step != "*").collect();
        steps.join("/").replace("~1", "/").replace("~0", "~").replace('/', "_")
    }

    /// Whether a pointer leads somewhere in a record.
    fn leads(&self, record: &Value, place: usize) -> bool {
        let mut leads = false;
        each(record, &self.pointers[place], &mut |value| leads |= value.is_some());
        leads
    }

    fn value<'v>(&self, record: &'v Value, place: usize) -> Cow<'v, [u8]> {
        let joined = |texts: Vec<String>| {
            // Nothing is in a list of nulls, and there is nothing to part.
            let empty = texts.iter().all(String::is_empty);
            Cow::Owned(if empty { Vec::new() } else { texts.join(self.splits[place].as_deref().unwrap_or(" ")).into_bytes() })
        };
        match record.pointer(&self.pointers[place]) {
            None => {
                let mut texts = Vec::new();
                each(record, &self.pointers[place], &mut |value| texts.push(value.map_or_else(String::new, text)));
                joined(texts)
            }
            Some(Value::Null) => Cow::Borrowed(b""),
            Some(Value::String(s)) => Cow::Borrowed(s.as_bytes()),
            Some(Value::Array(all)) => joined(all.iter().map(text).collect()),
            Some(other) => Cow::Owned(other.to_string().into_bytes()),
        }
    }

    /// Whether several codes stand at a place for which nothing says what joins them: to be read as one would make them another.
    fn is_unparted(&self, record: &Value, place: usize) -> bool {
        if self.splits[place].is_some() {
            return false;
        }
        let (pointer, mut codes) = (&self.pointers[place], 0);
        let mut count = |value: &Value| codes += usize::from(!text(value).is_empty());
        match record.pointer(pointer) {
            Some(Value::Array(all)) => all.iter().for_each(count),
            Some(_) => {}
            None => each(record, pointer, &mut |value| value.into_iter().for_each(&mut count)),
        }
        codes > 1
    }

    /// Converts whole records.
    pub fn run(&mut self, cut: &Cut, work: &mut Work<'_>) -> Result<(), Error> {
        let data = cut.data();
        let mut at = cut.mark;
        work.out.extend_from_slice(&data[..at]);
        self.unmet.retain(|place| !work.ledger.met.contains(place));
        let appended = work.appended_texts();
        while at < data.len() {
            let next = memchr::memchr(b'\n', &data[at..]).map_or(data.len(), |end| at + end + 1);
            let start = std::mem::replace(&mut at, next);
            let line = &data[start..next];
            let record = line.trim_ascii_end();
            if record.trim_ascii().is_empty() {
                work.blank_line(line);
                continue;
            }
            work.ledger.records_in += 1;
            if !cut.clean
                && let Some(reason) = work.damage(record)
            {
                work.reject(data, start, next, reason)?;
                continue;
            }
            let value = match serde_json::from_slice::<Distinct>(record) {
                Ok(Distinct(value)) => value,
                Err(e) => {
                    let reason = if e.to_string().starts_with(REPEATED) { RejectReason::Repeated } else { RejectReason::Json };
                    work.reject(data, start, next, reason)?;
                    continue;
                }
            };
            let Some(members) = value.as_object() else {
                work.reject(data, start, next, RejectReason::Json)?;
                continue;
            };
            // An appended member that is there already would make two of one name.
            if appended.iter().any(|n| members.contains_key(n)) {
                work.reject(data, start, next, RejectReason::Taken)?;
                continue;
            }
            if !self.unmet.is_empty() {
                self.unmet = self.unmet.iter().copied().filter(|&place| !self.leads(&value, place)).collect();
            }
            if work.has_context()
                && let Err(reason) = work.read_context(|place| self.value(&value, place))
            {
                work.reject(data, start, next, reason)?;
                continue;
            }
            let before = work.out.len();
            work.out.extend_from_slice(&record[..record.len() - 1]);
            let members_at = work.out.len();
            let mut reject = false;
            for column in 0..work.columns() {
                let place = work.place(column);
                let cell = self.value(&value, place);
                // What stands there by itself is mostly borrowed.
                if matches!(cell, Cow::Owned(_)) && self.is_unparted(&value, place) {
                    let line = work.line(data, start);
                    let what = format!("in line {line} it is a list of several codes; say what joins them in what is appended (--split)");
                    return Err(Error::Column { name: self.pointers[place].clone(), what });
                }
                reject |= work.code(column, &cell, Cow::Borrowed);
            }
            if members.is_empty() {
                // Nothing stands before the first comma.
                work.out[members_at] = b' ';
            }
            work.note_repetitions(record, |place| self.value(&value, place))?;
            work.draw(data, start);
            if reject {
                work.out.truncate(before);
                work.reject(data, start, next, RejectReason::Unsettled)?;
                continue;
            }
            work.out.push(b'}');
            work.out.extend_from_slice(&line[record.len()..]);
            work.ledger.records_out += 1;
        }
        work.ledger.met = (0..self.pointers.len()).filter(|place| !self.unmet.contains(place)).collect();
        Ok(())
    }

    /// After the last record: that every pointer led somewhere at least once. A name that is misspelt must not pass for a file without codes.
    pub fn check(&self, work: &Work<'_>) -> Result<(), Error> {
        // Those that the run met with which this one goes on are met.
        match self.unmet.iter().find(|place| !work.ledger.met.contains(place)) {
            Some(&place) if work.ledger.records_out > 0 => Err(Error::Column {
                name: self.pointers[place].clone(),
                what: String::from("no record has a member there; `xwalk profile` lists those that there are"),
            }),
            _ => Ok(()),
        }
    }
}

/// JSON is UTF-8 (RFC 8259, 8.1), here UTF-16 as well; bytes that are neither are damage of their line, not another encoding.
pub(in super::super) fn encoding(job: &Job, found: TextEncoding) -> Result<TextEncoding, Error> {
    match (found, &job.encoding) {
        (TextEncoding::SingleByte(_), None) => Ok(TextEncoding::Utf8),
        (TextEncoding::SingleByte(other), Some(_)) => {
            let what = format!("NDJSON is UTF-8, not {}; leave --encoding out, or write the file again as UTF-8", other.name());
            Err(Error::Unsupported { what })
        }
        (unicode, _) => Ok(unicode),
    }
}

/// Where a pointer leads; with `*` as a step, to each element of the array there, or nowhere in some of them.
fn each<'v>(value: &'v Value, pointer: &str, visit: &mut dyn FnMut(Option<&'v Value>)) {
    let found = value.pointer(pointer);
    let star = pointer.match_indices("/*").map(|(at, _)| at).find(|at| matches!(pointer.as_bytes().get(at + 2), None | Some(b'/')));
    match star.filter(|_| found.is_none()).map(|at| (value.pointer(&pointer[..at]), &pointer[at + 2..])) {
        Some((Some(Value::Array(all)), rest)) => all.iter().for_each(|element| each(element, rest, visit)),
        _ => visit(found),
    }
}

/// What a value says; `null` is nothing.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The members of an object, those of objects in it too, by JSON pointer; `None` for what is no object.
pub(in super::super) fn members(line: &[u8]) -> Option<Vec<(String, String)>> {
    fn gather(pointer: &str, value: &Value, into: &mut Vec<(String, String)>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    gather(&format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), value, into);
                }
            }
            Value::Null => into.push((pointer.to_owned(), String::new())),
            Value::String(text) => into.push((pointer.to_owned(), text.clone())),
            // What is in objects of a list goes together, by its name there.
            Value::Array(all) if all.iter().any(Value::is_object) => {
                let mut inner = Vec::new();
                all.iter().for_each(|element| gather(&format!("{pointer}/*"), element, &mut inner));
                let from = into.len();
                for (pointer, text) in inner {
                    match into[from..].iter_mut().find(|(known, _)| *known == pointer) {
                        Some((_, texts)) => *texts = format!("{texts} {text}"),
                        None => into.push((pointer, text)),
                    }
                }
            }
            Value::Array(all) => {
                into.push((pointer.to_owned(), all.iter().map(text).collect::<Vec<_>>().join(" ")));
            }
            other => into.push((pointer.to_owned(), other.to_string())),
        }
    }
    let Distinct(value) = serde_json::from_slice(line).ok()?;
    let mut found = Vec::new();
    value.is_object().then(|| gather("", &value, &mut found))?;
    Some(found)
}

/// JSON without two members of one name, of which a reader would drop one in silence.
struct Distinct(Value);

const REPEATED: &str = "two members of one name";

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Distinct, D::Error> {
        deserializer.deserialize_any(Distinct(Value::Null))
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Distinct;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Distinct, E> {
        Ok(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Distinct, E> {
        Ok(Distinct(value.into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Distinct, E> {
        Ok(Distinct(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Distinct, E> {
        Ok(Distinct(value.into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Distinct, E> {
        Ok(Distinct(value.into()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Distinct, E> {
        Ok(Distinct(value.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
        let mut all = Vec::new();
        while let Some(Distinct(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Distinct(Value::Array(all)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Distinct, A::Error> {
        let mut all = Map::new();
        while let Some((name, Distinct(value))) = members.next_entry::<String, Distinct>()? {
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom(REPEATED));
            }
        }
        Ok(Distinct(Value::Object(all)))
    }
}
