//! `POST /v1/convert`: a file of records in, a file of records out; the job that `xwalk convert` runs, with its options as parameters.
//!
//! A job is done whole or not at all, and what it refuses has a status. So the body is laid down in a folder of its own, piece by piece,
//! converted from there by the job layer in its bounded memory, and the answer read from the folder; it is removed with the last byte.
//! What waits in memory is one piece at a time, however long the file.
//!
//! `answer` says what comes back: `records` (the default), `rejects` (CSV of the records that were not converted, with line and reason)
//! or `report` (the document that `xwalk convert --report` writes as `report.json`). In every case the header `xwalk-ledger` has the
//! count: `in=10, out=9, rejected=1, codes=10, settled=7`.

use super::super::State;
use super::super::guard::{Busy, Chunks, check_encoding};
use super::super::reply::{self, Failure, JSON};
use super::question::{day, required, wrong};
use super::{known, stream};
use crate::engine::{Engine, Policy};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::Parameters;
use crate::job::report::Document;
use crate::job::{self, CodeColumn, Job, Quote, RecordFormat, Run, Unsettled};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LEDGER: HeaderName = HeaderName::from_static("xwalk-ledger");
/// Bytes of the answer that are read at a time.
const PIECE: usize = 64 << 10;
/// A record longer than this is taken for a quotation that nobody closed.
const LONGEST_RECORD: usize = 1 << 20;

pub(in crate::face::http) const PARAMETERS: &[&str] = &[
    "from",
    "from_column",
    "values",
    "to",
    "code",
    "split",
    "date",
    "age",
    "age_unit",
    "sex",
    "text",
    "target_date",
    "map",
    "reverse",
    "policy",
    "margin",
    "strict",
    "unsettled",
    "records",
    "delimiter",
    "quote",
    "header",
    "encoding",
    "seed",
    "answer",
];

/// What comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Records,
    Rejects,
    Report,
}

pub(super) async fn answer(
    state: &Arc<State>,
    parameters: &Parameters,
    headers: &HeaderMap,
    body: Incoming,
    busy: Busy,
) -> Result<Response<Body>, Failure> {
    check_encoding(headers)?;
    let (mut job, wanted) = read(parameters, headers)?;
    let written = match job.format {
        Some(RecordFormat::Ndjson) => stream::NDJSON,
        Some(RecordFormat::Tsv) => HeaderValue::from_static("text/tab-separated-values"),
        _ => CSV,
    };
    if state.converting.available_permits() == 0 {
        return Err(enough());
    }
    let folder = tempfile::Builder::new().prefix("xwalk-convert-").tempdir().map_err(|e| no_room(&e))?;
    job.input = folder.path().join("body");
    job.output = folder.path().join("records");
    job.rejects = Some(folder.path().join("rejects"));
    let mut spooled = Spooled { state: Arc::clone(state), bytes: 0 };
    spool(&mut spooled, body, &job.input).await?;
    // Only now: who sends slowly, or reads slowly, keeps nobody's place.
    let place = tokio::time::timeout(state.limits.idle, Arc::clone(&state.converting).acquire_owned()).await;
    let Ok(Ok(place)) = place else { return Err(enough()) };
    let engine = state.engine();
    // The folder and the place stay with the job, even if the client goes.
    let convert = move || {
        let done = run(&job, &engine, wanted).map_err(failure);
        drop(place);
        (done, (folder, spooled))
    };
    let (done, held) = tokio::task::spawn_blocking(convert).await.map_err(|_| Failure::invalid("the file cannot be converted"))?;
    let (ledger, report) = done?;
    let (name, media) = match wanted {
        Wanted::Records => ("records", written),
        Wanted::Rejects => ("rejects", CSV),
        Wanted::Report => {
            let mut response = reply::ok(JSON, report);
            response.headers_mut().insert(LEDGER, ledger);
            return Ok(response);
        }
    };
    let path = held.0.path().join(name);
    let mut response = match tokio::fs::File::open(&path).await {
        Ok(file) => {
            let length = file.metadata().await.map_err(|e| no_room(&e))?.len();
            let mut response = Response::new(Body::from_stream(pieces(file, (held, busy))));
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
            response
        }
        // No record was rejected.
        Err(_) => Response::new(Body::from("line,reason,record\n")),
    };
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response.headers_mut().insert(LEDGER, ledger);
    Ok(response)
}

const CSV: HeaderValue = HeaderValue::from_static("text/csv");

/// A file, piece by piece; what is `held` goes with the last one.
fn pieces<H: Send + 'static>(file: tokio::fs::File, held: H) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    futures_util::stream::unfold((file, held), |(mut file, held)| async move {
        let mut piece = Vec::with_capacity(PIECE);
        match (&mut file).take(PIECE as u64).read_to_end(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Bytes::from(piece)), (file, held))),
            Err(error) => Some((Err(error), (file, held))),
        }
    })
}

/// No place for another file.
fn enough() -> Failure {
    let issue = Issue::error("throttled", "enough files are being converted; come again");
    let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, issue);
    failure.retry_after = Some(10);
    failure
}

/// Bytes of a file on the disk, counted as long as it lies there.
struct Spooled {
    state: Arc<State>,
    bytes: u64,
}

impl Spooled {
    /// `false`: all files together are too large.
    fn add(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        self.state.spooled.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.state.limits.files
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        self.state.spooled.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Lays the body down.
async fn spool(spooled: &mut Spooled, body: Incoming, path: &Path) -> Result<(), Failure> {
    let limits = spooled.state.limits.clone();
    let mut file = tokio::fs::File::create(path).await.map_err(|e| no_room(&e))?;
    let mut chunks = Chunks { body };
    let (mut length, most) = (0u64, limits.file);
    while let Some(bytes) = stream::next(&mut chunks, &limits).await? {
        if length == 0 && (bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])) {
            // What it unfolds to cannot be known beforehand.
            let issue = Issue::error("not-supported", "compressed files are not taken; send it as it is");
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, issue));
        }
        if length == 0 && (bytes.starts_with(b"PAR1") || bytes.starts_with(b"ARROW1")) {
            let issue = Issue::error("not-supported", "tables of Parquet and Arrow are not taken; send text, or use `xwalk convert`");
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, issue));
        }
        length += bytes.len() as u64;
        if length > most {
            let what = format!("the file is larger than {most} bytes; send it in parts, or use `xwalk convert`");
            return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, Issue::error("too-long", what)));
        }
        if !spooled.add(bytes.len() as u64) {
            return Err(enough());
        }
        file.write_all(&bytes).await.map_err(|e| no_room(&e))?;
    }
    file.flush().await.map_err(|e| no_room(&e))
}

/// Does the job, and gives its count and, if it is wanted, its report.
fn run(job: &Job, engine: &Engine, wanted: Wanted) -> Result<(HeaderValue, Vec<u8>), job::Error> {
    let run = job::convert(job, engine, &mut |_| ())?;
    let report = match wanted {
        Wanted::Report => serde_json::to_vec(&Document::new(job, engine, &run)).unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok((ledger(&run), report))
}

fn ledger(run: &Run) -> HeaderValue {
    let ledger = &run.ledger;
    let rejected: u64 = ledger.rejected.values().sum();
    let codes: u64 = ledger.columns.iter().map(|c| c.outcomes.iter().sum::<u64>()).sum();
    let settled: u64 = ledger.columns.iter().map(|c| c.settled).sum();
    let text = format!(
        "in={}, out={}, rejected={rejected}, codes={codes}, settled={settled}",
        ledger.records_in,
        ledger.records_in.saturating_sub(rejected)
    );
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// What the file or the job has wrong is the caller's; what we have no room for is ours.
fn failure(error: job::Error) -> Failure {
    match error {
        job::Error::Refusal(refusal) => Failure::from(refusal),
        job::Error::DiskFull { .. } | job::Error::Io { .. } | job::Error::Changed { .. } | job::Error::Busy { .. } => no_room(&error),
        job::Error::RecordTooLong { line, limit, .. } => {
            Failure::invalid(format!("a record longer than {limit} bytes begins in line {line}; close its quotation"))
        }
        // These name options of the command line, and a file that has another name here.
        job::Error::MissingColumn { name, columns } => Failure::invalid(format!(
            "no column `{name}` among the {columns} of the file (if its first record is data, say header=false, and #1 for the first column)"
        )),
        job::Error::Quotes { line, lines, .. } => Failure::invalid(format!(
            "a quotation that begins in line {line} goes over {lines} lines; say whether quotes enclose fields (quote=\") or are characters \
             (quote=none)"
        )),
        job::Error::Empty { .. } => Failure::invalid("the file is empty: there is not even a header"),
        job::Error::Encoding { what, .. } => Failure::invalid(what),
        error => Failure::invalid(error.to_string()),
    }
}

fn no_room(error: &dyn std::error::Error) -> Failure {
    tracing::error!(%error, "no room for a conversion");
    let mut failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, Issue::error("no-store", "there is no room for the file; come again"));
    failure.retry_after = Some(60);
    failure
}

/// The job as the query string has it.
fn read(p: &Parameters, headers: &HeaderMap) -> Result<(Job, Wanted), Failure> {
    known(p, PARAMETERS)?;
    let text = |name: &str| -> Result<Option<String>, Failure> { Ok(p.text(name)?.map(std::borrow::Cow::into_owned)) };
    let names: Vec<String> = p.all("code").filter_map(|v| v.text().map(|t| t.into_owned())).filter(|n| !n.trim().is_empty()).collect();
    if names.is_empty() {
        return Err(required("code"));
    }
    let mut values = std::collections::BTreeMap::new();
    for pair in p.all("values").filter_map(|v| v.text()).flat_map(|v| v.split(',').map(str::to_owned).collect::<Vec<_>>()) {
        let (value, system) = pair.split_once('=').ok_or_else(|| wrong("values", "say VALUE=SYSTEM, like 9=icd9cm,0=icd10cm"))?;
        if values.insert(value.trim().to_owned(), system.trim().to_owned()).is_some() {
            return Err(wrong("values", "say of each value once what it means"));
        }
    }
    let (from, from_column) = (text("from")?, text("from_column")?);
    if from.is_some() == from_column.is_some() {
        return Err(Failure::from(
            Issue::error("required", "give from, the system of the codes, or from_column, which says it").at("from"),
        ));
    }
    let one_of = |name: &str, names: &[&str]| wrong(name, &format!("there is {}", names.join(", ")));
    let column = CodeColumn {
        name: names.join(","),
        from,
        from_column,
        values,
        to: text("to")?.ok_or_else(|| required("to"))?,
        map: text("map")?,
        reverse: p.boolean("reverse")?.unwrap_or(false),
        target_date: day("target_date", text("target_date")?.as_deref())?,
        policy: match text("policy")? {
            None => Policy::default(),
            Some(name) => Policy::from_code(&name).ok_or_else(|| one_of("policy", &Policy::ALL.map(Policy::code)))?,
        },
        margin: match text("margin")? {
            None => None,
            Some(m) => {
                let number = m.parse().ok().filter(|m: &f32| (0.0..=1.0).contains(m));
                Some(number.ok_or_else(|| wrong("margin", "say a number from 0 to 1"))?)
            }
        },
        strict: p.boolean("strict")?.unwrap_or(false),
        unsettled: match text("unsettled")? {
            None => Unsettled::default(),
            Some(name) => Unsettled::from_code(&name).ok_or_else(|| one_of("unsettled", &Unsettled::ALL.map(|(name, _)| name)))?,
        },
        split: text("split")?,
        ..CodeColumn::default()
    };
    let wanted = match text("answer")?.as_deref() {
        None | Some("records") => Wanted::Records,
        Some("rejects") => Wanted::Rejects,
        Some("report") => Wanted::Report,
        Some(_) => return Err(one_of("answer", &["records", "rejects", "report"])),
    };
    let job = Job {
        columns: vec![column],
        format: Some(format(text("records")?.as_deref(), headers)?),
        delimiter: match text("delimiter")?.as_deref() {
            None => None,
            Some("tab") => Some('\t'),
            Some(one) => Some(one.parse().map_err(|_| wrong("delimiter", "say one character, or `tab`"))?),
        },
        quote: match text("quote")? {
            None => None,
            Some(q) => Some(Quote::parse(&q).ok_or_else(|| wrong("quote", "say one ASCII character, or `none`"))?),
        },
        header: p.boolean("header")?.unwrap_or(true),
        encoding: text("encoding")?,
        date: text("date")?,
        age: text("age")?,
        age_unit: text("age_unit")?,
        sex: text("sex")?,
        text: text("text")?,
        seed: match text("seed")? {
            None => Job::default().seed,
            Some(n) => n.parse().map_err(|_| wrong("seed", "say a number from 0"))?,
        },
        max_record: LONGEST_RECORD,
        // The service's threads are for those who wait; a file has one.
        threads: 1,
        ..Job::default()
    };
    Ok((job, wanted))
}

/// The format by parameter, else by the body's media type, else delimited text.
fn format(named: Option<&str>, headers: &HeaderMap) -> Result<RecordFormat, Failure> {
    if let Some(name) = named {
        return match RecordFormat::from_code(name) {
            Some(format @ (RecordFormat::Csv | RecordFormat::Tsv | RecordFormat::Ndjson)) => Ok(format),
            _ => Err(wrong("records", "there is csv, tsv, ndjson")),
        };
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|h| h.to_str().ok()).unwrap_or("");
    match kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase().as_str() {
        "" | "text/csv" | "application/csv" | "text/plain" | "application/octet-stream" => Ok(RecordFormat::Csv),
        "text/tab-separated-values" => Ok(RecordFormat::Tsv),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(RecordFormat::Ndjson),
        _ => {
            let issue = Issue::error("not-supported", "send text/csv, text/tab-separated-values or application/x-ndjson");
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, issue))
        }
    }
}
