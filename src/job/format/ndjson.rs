//! One JSON object a line (NDJSON, JSON Lines). Codes are found by JSON pointer (RFC 6901); the answers become members at the end of
//! the object, whose own bytes stay as they are.

use super::super::Error;
use super::super::ledger::RejectReason;
use super::super::spec::Job;
use super::super::work::Work;
use serde_json::Value;
use std::borrow::Cow;

pub(in super::super) struct Ndjson {
    /// By place, as `Work` counts them: facts first, then the key, then for each code column its source column and itself.
    pointers: Vec<String>,
    /// What stands between the codes of an array.
    split: String,
}

impl Ndjson {
    pub fn new(job: &Job) -> Ndjson {
        let mut pointers: Vec<String> = [&job.date, &job.age, &job.sex, &job.text].into_iter().flatten().cloned().collect();
        pointers.extend(job.key.iter().cloned());
        for column in &job.columns {
            pointers.extend(column.from_column.clone());
            pointers.extend(column.name.split(',').map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()));
        }
        let pointers = pointers.into_iter().map(|p| if p.starts_with('/') { p } else { format!("/{p}") }).collect();
        let split = job.columns.iter().find_map(|c| c.split.clone()).unwrap_or_else(|| String::from(" "));
        Ndjson { pointers, split }
    }

    /// The stem of the appended members: `/claim/dx` gives `claim_dx`.
    pub fn member(pointer: &str) -> String {
        pointer.trim().trim_start_matches('/').replace("~1", "/").replace("~0", "~").replace('/', "_")
    }

    fn value<'v>(&self, record: &'v Value, place: usize) -> Cow<'v, [u8]> {
        match record.pointer(&self.pointers[place]) {
            None | Some(Value::Null) => Cow::Borrowed(b""),
            Some(Value::String(s)) => Cow::Borrowed(s.as_bytes()),
            Some(Value::Array(all)) => {
                let texts: Vec<String> = all.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
                Cow::Owned(texts.join(&self.split).into_bytes())
            }
            Some(other) => Cow::Owned(other.to_string().into_bytes()),
        }
    }

    pub fn run(&mut self, data: &[u8], clean: bool, last: bool, work: &mut Work<'_>) -> Result<usize, Error> {
        let mut at = if work.is_at_start() && data.starts_with(b"\xef\xbb\xbf") {
            work.out.extend_from_slice(&data[..3]);
            3
        } else {
            0
        };
        while at < data.len() {
            let next = match memchr::memchr(b'\n', &data[at..]) {
                Some(end) => at + end + 1,
                None if last => data.len(),
                None => break,
            };
            let start = std::mem::replace(&mut at, next);
            let line = &data[start..next];
            let record = line.trim_ascii_end();
            if record.trim_ascii().is_empty() {
                work.blank_line(line);
                continue;
            }
            work.ledger.records_in += 1;
            if !clean && let Some(reason) = work.damage(record) {
                work.reject(data, start, next, reason)?;
                continue;
            }
            let Ok(value) = serde_json::from_slice::<Value>(record) else {
                work.reject(data, start, next, RejectReason::Json)?;
                continue;
            };
            // An appended member that is there already would make two of one name.
            let taken = |m: &serde_json::Map<String, Value>| work.appended_names().iter().any(|n| m.contains_key(n));
            let Some(members) = value.as_object().filter(|m| !taken(m)) else {
                work.reject(data, start, next, RejectReason::Json)?;
                continue;
            };
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
                let cell = self.value(&value, work.place(column));
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
        Ok(at)
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
            Value::Array(all) => {
                let texts: Vec<String> = all.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
                into.push((pointer.to_owned(), texts.join(" ")));
            }
            other => into.push((pointer.to_owned(), other.to_string())),
        }
    }
    let value: Value = serde_json::from_slice(line).ok()?;
    let mut found = Vec::new();
    value.is_object().then(|| gather("", &value, &mut found))?;
    Some(found)
}
