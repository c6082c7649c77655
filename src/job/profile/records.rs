//! The records of a file of any format, one after the other.

use super::super::format::delimited::{BOM, Delimited, Seen};
use super::super::format::ndjson;
use super::super::input::{Input, InputFacts, TextEncoding};
use super::super::spec::called;
use super::super::work::{breaks, damage};
use super::super::{Error, Job, RecordFormat, RejectReason};
use super::{FileFacts, Gathered};
use std::borrow::Cow;

/// Shows every record to what gathers them.
pub(super) fn read(job: &Job, format: RecordFormat, gathered: &mut Gathered) -> Result<FileFacts, Error> {
    if matches!(format, RecordFormat::Parquet | RecordFormat::Arrow) {
        return table(job, format, gathered);
    }
    let mut input = Input::open(&job.input, job.encoding.as_deref())?;
    let name = super::super::input::display_name(&job.input);
    if format == RecordFormat::Ndjson {
        input.encoding = ndjson::encoding(job, input.encoding)?;
    }
    let encoding = input.encoding;
    let mut delimited = match format {
        RecordFormat::Ndjson if input.sample.iter().all(u8::is_ascii_whitespace) => return Err(Error::Empty { file: name }),
        RecordFormat::Ndjson => None,
        _ => {
            let (delimited, header) = Delimited::detect(job, format, &input.sample, encoding, &name)?;
            for at in 0..header.len() {
                gathered.place(&called(at, &header));
            }
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
                    gathered.record(raw, (0..fields.len()).map(|i| decoded(fields.get(i), encoding)));
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
        let mut fields: Vec<Cow<'_, [u8]>> = vec![Cow::Borrowed(b""); gathered.names.len()];
        for (pointer, value) in members {
            let place = gathered.place(&pointer);
            fields.resize(gathered.names.len().max(fields.len()), Cow::Borrowed(b""));
            fields[place] = Cow::Owned(value.into_bytes());
        }
        gathered.record(line, fields.into_iter());
    }
    at
}

#[cfg(feature = "parquet")]
fn table(job: &Job, format: RecordFormat, gathered: &mut Gathered) -> Result<FileFacts, Error> {
    let table = super::super::format::columnar::Table::open(job, format)?;
    let header = table.header();
    for at in 0..header.len() {
        gathered.place(&called(at, &header));
    }
    gathered.without_text = table.without_text();
    let facts = table.each(job, &mut |raw, fields| gathered.record(raw, fields.iter().map(|f| Cow::Borrowed(*f))))?;
    Ok(file_facts(facts, format, None))
}

#[cfg(not(feature = "parquet"))]
fn table(_: &Job, format: RecordFormat, _: &mut Gathered) -> Result<FileFacts, Error> {
    Err(Error::Unsupported { what: format!("this xwalk was built without {} (feature `parquet`)", format.code()) })
}
