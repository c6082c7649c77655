//! The report of a run: a page that a clinical lead can sign, the same for programs, and the lists that people work through.
//!
//! | file | what |
//! |---|---|
//! | `report.html` | one self-contained page, for the screen and for print; it names the hash of `report.json` |
//! | `report.json` | the same for programs ([`Document`] is its schema) |
//! | `repairs.csv` | what was read as which code, the most frequent first |
//! | `review.csv` | each distinct unsettled code, most rows first, with what it may be: a line for each set of options, as maps and records give them |
//! | `codes.csv` | each distinct code, what became of it, how often: what `diff` compares |
//! | `duplicates.csv` | where the job names a key: repeated records, and codes repeated under one key, all of them, by number of record, column and code |
//! | `rejects.csv` | records that were not converted, as they came, with the reason |
//! | `signature.json` | who signed what, once somebody has ([`sign`]) |
//!
//! Private data: records stand in `rejects.csv` only. Codes are not private, but what stands in a code column and is no code may be: where
//! it does not look like a code it is described and not shown, except in `review.csv`, where it has to be seen to be settled. So is what is
//! quoted with a code and is none of its terms.

mod chapters;
mod diff;
mod document;
mod of_run;
mod page;
mod sign;
pub(crate) mod style;

pub use diff::{Change, Diff, diff};
pub use document::*;
pub use sign::{Found, Places, Signature, Verified, sign, verify};
pub(super) use sign::{document, hash_of};

use super::convert::Run;
use super::duplicates::{Duplicates, Repetition};
use super::ledger::{OTHERS, Tally};
use super::places::REJECTS;
use super::{Error, Job};
use crate::engine::{Engine, Outcome};
use crate::text::spreadsheet::cell;
use of_run::RepairedCode;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// The unsettled codes, spellings of one code together, the most frequent first. What may become of a code depends on its record, too: each
/// set of options stands by itself, and so does what each map says.
fn unsettled(run: &Run) -> Vec<Tally> {
    type Key<'t> = ([&'t str; 3], Option<Outcome>, [&'t str; 3]);
    let mut codes: BTreeMap<Key<'_>, Tally> = BTreeMap::new();
    for t in run.ledger.tallies.iter().filter(|t| !t.settled && t.count > 0) {
        let key: Key<'_> = ([&t.system, &t.code, &t.to], t.outcome, [&t.map, &t.options, &t.message]);
        codes.entry(key).and_modify(|sum| sum.count += t.count).or_insert_with(|| t.clone());
    }
    let mut codes: Vec<Tally> = codes.into_values().collect();
    codes.sort_by_key(|t| std::cmp::Reverse(t.count));
    codes
}

fn display<'e>(engine: &'e Engine, system: &str, code: &str) -> &'e str {
    engine.system(system).ok().and_then(|s| s.concept(code)).and_then(|c| c.display()).unwrap_or("")
}

/// A code; or what stands in its place, if that looks like one. A name or a sentence in a code column is described only.
fn shown(t: &Tally) -> Cow<'_, str> {
    if t.known || (looks_like_a_code(&t.code) && t.system != "text") || t.code == OTHERS {
        Cow::Borrowed(&t.code)
    } else {
        described(&t.code)
    }
}

/// Why a code is unsettled, without what may be private.
fn told(t: &Tally) -> Cow<'_, str> {
    match (t.outcome, t.no_system()) {
        (Some(Outcome::UnknownSystem), Some(value)) if !looks_like_a_code(value) => {
            Cow::Owned(format!("no code system {}", described(value)))
        }
        (Some(Outcome::UnknownSystem), _) => Cow::Borrowed(&t.message),
        // What is said of words names none of them; of another text that is no code it does.
        _ if t.known || t.system == "text" => Cow::Borrowed(&t.message),
        _ => Cow::Borrowed(""),
    }
}

/// Codes whose system is not known, by what is said of it.
fn unknown_systems(run: &Run) -> BTreeMap<String, u64> {
    let mut systems = BTreeMap::new();
    for t in run.ledger.tallies.iter().filter(|t| t.outcome == Some(Outcome::UnknownSystem) && t.count > 0 && !t.message.is_empty()) {
        *systems.entry(told(t).into_owned()).or_default() += t.count;
    }
    systems
}

fn looks_like_a_code(text: &str) -> bool {
    text.len() <= 8 && text.is_ascii() && !text.contains('|') && (text.len() <= 4 || text.bytes().any(|b| b.is_ascii_digit()))
}

/// What stood there for a code. What was quoted with it (`250.00 |Diabetes mellitus|`) is shown only if it is a term of the code: others
/// write there whose it is.
fn given<'g>(engine: &Engine, system: &str, code: &str, given: &'g str) -> Cow<'g, str> {
    let Some((before, term)) = given.trim_end().strip_suffix('|').and_then(|rest| rest.split_once('|')) else { return given.into() };
    let concept = engine.system(system).ok().and_then(|s| s.concept(code));
    let is_its_own = concept.is_some_and(|c| c.designations().any(|d| d.text.eq_ignore_ascii_case(term.trim())));
    if is_its_own { given.into() } else { format!("{before}|{}|", described(term.trim())).into() }
}

fn described(text: &str) -> Cow<'static, str> {
    Cow::Owned(format!("(text of {} characters)", text.chars().count()))
}

/// Writes what came again, some at a time, and gives the hash of it.
fn duplicates(path: &Path, engine: &Engine, run: &Run, found: &Duplicates, sync: bool) -> Result<String, Error> {
    let is_code = |code: &str| !code.ends_with('|') && engine.index().systems().any(|s| engine.lookup(s, code, None).concept.is_some());
    let fail = |e| Error::io("write", path, e);
    let mut file = std::fs::File::create(path).map_err(fail)?;
    let mut hash = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes).map_err(fail)
    };
    put(b"record,repeats,first,column,code\n")?;
    found.each(&mut |some| {
        let mut out = Vec::new();
        for r in some {
            let column = run.columns.get(r.column).filter(|_| r.what == Repetition::KeyAndCode);
            let code = match column {
                None => "".into(),
                Some(_) if r.code.is_empty() => "(text)".into(),
                Some(c) if c.from != "text" && (looks_like_a_code(&r.code) || is_code(&r.code)) => (*r.code).into(),
                Some(_) => described(&r.code),
            };
            let column = column.map_or("", |c| &c.column);
            row(&[r.record.to_string().into(), r.what.code().into(), r.first.to_string().into(), column.into(), code], &mut out);
        }
        put(&out)
    })?;
    if sync {
        file.sync_all().map_err(fail)?;
    }
    Ok(hash.finalize().to_hex().to_string())
}

/// Writes the report into a folder that is not yet in its place, and gives what it says.
pub(super) fn write(folder: &Path, job: &Job, engine: &Engine, run: &Run) -> Result<Document, Error> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io("make folder", folder, e))?;
    let others = || {
        let (unsettled, repaired) = rayon::join(|| unsettled(run), || of_run::repaired(run));
        let lists = || (review(engine, &unsettled), repairs(engine, &repaired));
        rayon::join(|| Document::with(job, engine, run, &repaired, &unsettled), lists)
    };
    let (codes, (mut document, (review, repairs))) = rayon::join(|| codes(run), others);
    let mut files = BTreeMap::new();
    let mut put = |name: &str, bytes: &[u8]| {
        files.insert(name.to_owned(), hash(bytes));
        put(&folder.join(name), bytes, job.sync)
    };
    put("review.csv", &review)?;
    put("codes.csv", &codes)?;
    put("repairs.csv", &repairs)?;
    if job.rejects.is_none() && run.rejects.is_none() {
        put("rejects.csv", REJECTS.as_bytes())?;
    }
    if let Some(found) = &run.duplicates {
        let name = "duplicates.csv";
        files.insert(name.to_owned(), duplicates(&folder.join(name), engine, run, found, job.sync)?);
    }
    document.files = files;
    let place = folder.join("report.json");
    let json = serde_json::to_string_pretty(&document).map_err(|e| Error::io("write", &place, e.into()))? + "\n";
    self::put(&place, json.as_bytes(), job.sync)?;
    self::put(&folder.join("report.html"), page::page(&document, &hash(json.as_bytes())).as_bytes(), job.sync)?;
    Ok(document)
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn put(path: &Path, bytes: &[u8], sync: bool) -> Result<(), Error> {
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(bytes)?;
        if sync { file.sync_all() } else { Ok(()) }
    };
    write().map_err(|e| Error::io("write", path, e))
}

fn table<'r, const N: usize>(header: &str, rows: impl Iterator<Item = [Cow<'r, str>; N]>) -> Vec<u8> {
    let mut out = header.as_bytes().to_vec();
    out.push(b'\n');
    rows.for_each(|values| row(&values, &mut out));
    out
}

fn row(values: &[Cow<'_, str>], out: &mut Vec<u8>) {
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        super::format::dialect::delimited(cell(value).as_bytes(), b',', Some(b'"'), out);
    }
    out.push(b'\n');
}

fn review(engine: &Engine, unsettled: &[Tally]) -> Vec<u8> {
    let rows = unsettled.iter().map(|t| {
        [
            (*t.system).into(),
            (*t.code).into(),
            display(engine, &t.system, &t.code).into(),
            t.outcome.map_or("", Outcome::code).into(),
            t.count.to_string().into(),
            (*t.options).into(),
            (*t.map).into(),
            (*t.message).into(),
            (*t.to).into(),
        ]
    });
    table("system,code,display,outcome,count,options,map,message,target_system", rows)
}

fn codes(run: &Run) -> Vec<u8> {
    fn becomes(t: &Tally) -> [Cow<'_, str>; 8] {
        let outcome = t.outcome_code();
        let [target, relationship, map, policy, state] =
            [&t.target, &t.relationship, &t.map, &t.policy, &t.target_state].map(|v| (**v).into());
        [(*t.system).into(), shown(t), outcome.into(), target, relationship, map, policy, state]
    }
    // Only places are sorted, what a row says is many times as large; and mostly the code tells two apart.
    let order =
        |a: &&Tally, b: &&Tally| a.system.cmp(&b.system).then_with(|| shown(a).cmp(&shown(b))).then_with(|| becomes(a).cmp(&becomes(b)));
    let mut rows: Vec<&Tally> = run.ledger.tallies.iter().filter(|t| t.count > 0).collect();
    rows.sort_unstable_by(order);
    let rows = rows.chunk_by(|a, b| order(a, b).is_eq()).map(|alike| {
        let [s, c, o, t, r, m, p, state] = becomes(alike[0]);
        [s, c, o, t, r, m, p, alike.iter().map(|t| t.count).sum::<u64>().to_string().into(), state]
    });
    table("system,code,outcome,target,relationship,map,policy,count,target_state", rows)
}

fn repairs(engine: &Engine, repaired: &[RepairedCode<'_>]) -> Vec<u8> {
    let rows = repaired.iter().map(|r| {
        let kinds: Vec<&str> = r.kinds().collect();
        [r.system.into(), r.shown(engine), r.used.into(), kinds.join(" ").into(), r.codes.to_string().into()]
    });
    table("system,given,used,kinds,count", rows)
}
