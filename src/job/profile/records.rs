//! The records of a file of any format, one after the other.

use super::super::format::delimited::{BOM, Delimited, Seen};
use super::super::format::ndjson;
use super::super::input::{Input, InputFacts, TextEncoding};
use super::super::work::{breaks, damage};
use super::super::{Error, Job, RecordFormat, RejectReason};
use super::{FileFacts, Gathered};
use std::borrow::Cow;

/// Shows every record to what gathers them. What the job does not say of their format, and their beginning does, it says afterwards.
pub(super) fn read(job: &mut Job, gathered: &mut Gathered) -> Result<FileFacts, Error> {
    if matches!(job.records(), RecordFormat::Parquet | RecordFormat::Arrow) {
        return table(job, job.records(), gathered);
    }
    let mut input = Input::open(&job.input, job.encoding.as_deref())?;
    let name = super::super::input::display_name(&job.input);
    if job.format.is_none() {
        let is_json = begins_with_an_object(&input.sample, &name);
        match (RecordFormat::of(&job.input), is_json) {
            (None, Err(e)) => return Err(e),
            (None, Ok(true)) => job.format = Some(RecordFormat::Ndjson),
            // What only begins with a bracket may be delimited text all the same.
            (Some(RecordFormat::Csv | RecordFormat::Tsv), Ok(true)) => {
                let what = String::from("JSON objects, one a line; say so (--records ndjson)");
                return Err(Error::Encoding { file: name, what });
            }
            _ => {}
        }
    }
    let format = job.records();
    if format == RecordFormat::Ndjson {
        input.encoding = ndjson::encoding(job, input.encoding)?;
    }
    let encoding = input.encoding;
    let mut delimited = match format {
        RecordFormat::Ndjson if input.sample.iter().all(u8::is_ascii_whitespace) => return Err(Error::Empty { file: name }),
        RecordFormat::Ndjson => None,
        _ => {
            let (delimited, header) = Delimited::detect(job, format, &input.sample, encoding, &name)?;
            gathered.columns(header);
            Some(delimited)
        }
    };
    let mut text: Vec<u8> = Vec::new();
    let (mut begin, mut first_line) = (true, 1);
    let mut last = false;
    while !last {
        let kept = text.len();
        text.resize(kept + job.block.max(1), 0);
        let (read, end) = input.fill(&mut text[kept..])?;
        text.truncate(kept + read);
        last = end;
        if std::mem::take(&mut begin) && text.starts_with(BOM) {
            text.drain(..BOM.len());
        }
        let used = match &mut delimited {
            Some(d) => d.each(&text, last, &mut |seen| match seen {
                Seen::Record(raw, fields) if damage(raw, encoding).is_none() => {
                    gathered.more_than_ascii += u64::from(encoding == TextEncoding::Utf8 && !raw.is_ascii());
                    let start = raw.as_ptr() as usize - text.as_ptr() as usize;
                    gathered.breaks(raw, first_line, || breaks(&text[..start]));
                    gathered.record(raw, (0..fields.len()).map(|i| Some(decoded(fields.get(i), encoding))));
                }
                Seen::Record(raw, _) => {
                    gathered.damaged += 1;
                    gathered.not_utf8 += u64::from(damage(raw, encoding) == Some(RejectReason::Encoding));
                }
                Seen::Torn => gathered.torn += 1,
            }),
            None => lines(&text, last, gathered),
        };
        first_line += breaks(&text[..used]);
        text.drain(..used);
        if text.len() > job.max_record {
            return Err(Error::RecordTooLong { file: name, line: gathered.records + 1, limit: job.max_record });
        }
    }
    Ok(file_facts(input.finish()?, format, delimited.map(|d| char::from(d.delimiter))))
}

fn file_facts(facts: InputFacts, format: RecordFormat, delimiter: Option<char>) -> FileFacts {
    let InputFacts { name, bytes, hash: blake3, encoding, compression, .. } = facts;
    FileFacts { name, bytes, blake3, format: format.code(), encoding, compression, delimiter }
}

fn decoded(value: Cow<'_, [u8]>, encoding: TextEncoding) -> Cow<'_, [u8]> {
    if value.is_ascii() { value } else { Cow::Owned(encoding.decode(&value).into_owned().into_bytes()) }
}

/// Whether a text whose name says nothing is one JSON object a line. JSON that is laid out otherwise is refused: as delimited text it would
/// make columns of anything.
fn begins_with_an_object(sample: &[u8], name: &str) -> Result<bool, Error> {
    let text = sample.strip_prefix(BOM).unwrap_or(sample).trim_ascii_start();
    let is_json = match text {
        [b'[', rest @ ..] => rest.trim_ascii_start().starts_with(b"{"),
        _ => text.starts_with(b"{"),
    };
    // A line that is longer than the sample is seen as it is read.
    let is_whole = memchr::memchr(b'\n', text).is_none_or(|end| ndjson::members(&text[..end]).is_some());
    if is_json && !(text.starts_with(b"{") && is_whole) {
        let what = String::from("JSON, but not one object a line; write it so (`jq -c '.[]'` makes lines of a list)");
        return Err(Error::Encoding { file: name.to_owned(), what });
    }
    Ok(is_json)
}

/// Lines of JSON.
fn lines(text: &[u8], last: bool, gathered: &mut Gathered) -> usize {
    let mut at = 0;
    while at < text.len() {
        let next = match memchr::memchr(b'\n', &text[at..]) {
            Some(end) => at + end + 1,
            None if last => text.len(),
            None => break,
        };
        let line = text[at..next].trim_ascii();
        at = next;
        if line.is_empty() {
            continue;
        }
        let Some(members) = ndjson::members(line) else {
            gathered.torn += 1;
            continue;
        };
        let blank = || Some(Cow::Borrowed(&b""[..]));
        let mut fields = vec![blank(); gathered.names.len()];
        for (pointer, value) in members {
            let Some(place) = gathered.member(pointer) else {
                gathered.beyond += 1;
                continue;
            };
            fields.resize(gathered.names.len(), blank());
            fields[place] = Some(Cow::Owned(value.into_bytes()));
        }
        gathered.record(line, fields.into_iter());
    }
    at
}

#[cfg(feature = "parquet")]
fn table(job: &Job, format: RecordFormat, gathered: &mut Gathered) -> Result<FileFacts, Error> {
    let table = super::super::format::columnar::Table::open(job, format)?;
    gathered.columns(table.header());
    gathered.without_text = table.without_text();
    let facts = table.each(&mut |raw, fields| gathered.record(raw, fields.iter().map(|f| f.map(Cow::Borrowed))))?;
    Ok(file_facts(facts, format, None))
}

#[cfg(not(feature = "parquet"))]
fn table(_: &Job, format: RecordFormat, _: &mut Gathered) -> Result<FileFacts, Error> {
    Err(Error::Unsupported { what: format!("this xwalk was built without {} (feature `parquet`)", format.code()) })
}
