//! `xwalk profile`: what is in this file, before anything moves.

use super::page::{Ink, Paint, Table, thousands};
use super::{Session, Verdict, options};
use crate::job::profile::{Column, Kind, MOST_MEMBERS, NO_UTF8, Profile, page, profile};
use crate::job::{Job, Quote, RecordFormat};
use anyhow::{Context, Result, anyhow, bail};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Look at a file before anything moves: columns, likely code systems with evidence, validity, damage, duplicates; proposes the job file
#[derive(clap::Args)]
pub struct Args {
    /// Delimited text, NDJSON, Parquet, Arrow IPC; plain, .gz or .zst; `-` for standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Write the proposed job file here
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// Write the profile as a page here
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// csv, tsv, ndjson, parquet or arrow [default: by the name, else csv]
    #[arg(long, value_name = "NAME")]
    records: Option<String>,
    /// Between fields [default: detected]
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<String>,
    /// Around fields, or `none`
    #[arg(long, value_name = "CHAR")]
    quote: Option<String>,
    /// The first record is data; columns are #1, #2 ...
    #[arg(long)]
    no_header: bool,
    /// UTF-8, UTF-16, windows-1252 and other single-byte encodings [default: detected]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
}

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    let format = args.records.as_deref().map(|name| {
        let known = RecordFormat::ALL.map(|(name, _)| name).join(", ");
        RecordFormat::from_code(name).ok_or_else(|| anyhow!("--records is one of {known}, not `{name}`"))
    });
    let quote = args.quote.as_deref().map(|quote| Quote::parse(quote).ok_or_else(|| anyhow!("--quote is one ASCII character, or `none`")));
    let job = Job {
        quote: quote.transpose()?,
        input: args.input,
        format: format.transpose()?,
        delimiter: args.delimiter.as_deref().map(options::delimiter).transpose()?,
        header: !args.no_header,
        encoding: args.encoding,
        ..Job::default()
    };
    // What people wrote into an earlier proposal is not overwritten; that is told before the file is read, and nothing is left behind.
    for (option, place) in [("--job", &args.job), ("--page", &args.page)] {
        match place.as_deref() {
            Some(place) if place.as_os_str() == "-" => bail!("{option} names a file; standard output has the profile"),
            Some(place) if place.exists() => bail!("{} exists; remove it or name another", place.display()),
            _ => {}
        }
    }
    let engine = session.engine()?;
    let found = profile(&job, &engine, args.job.as_deref())?;
    let texts = [(&args.job, &found.job), (&args.page, &page::page(&found))];
    let files = texts.iter().filter_map(|(place, text)| place.as_deref().map(|place| (place, text.as_str())));
    let mut written: Vec<&Path> = Vec::new();
    for (place, text) in files {
        if let Err(e) = create(place, text) {
            written.iter().for_each(|place| drop(std::fs::remove_file(place)));
            return Err(e);
        }
        written.push(place);
    }
    session.output().only(&found, |paint| text(&found, paint))?;
    let clean = found.torn + found.damaged == 0 && found.columns.iter().all(|c| !c.doubtful);
    Ok(Verdict::settled_if(clean))
}

/// Writes a file that is not there yet, or none.
fn create(place: &Path, text: &str) -> Result<()> {
    let wrong = || format!("cannot write {}", place.display());
    let mut file = std::fs::File::create_new(place).with_context(wrong)?;
    let written = std::io::Write::write_all(&mut file, text.as_bytes());
    written.inspect_err(|_| drop(std::fs::remove_file(place))).with_context(wrong)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn text(p: &Profile, paint: Paint) -> String {
    let mut page = String::new();
    let f = &p.file;
    let _ = writeln!(
        page,
        "{}  {}, {}, {} bytes, {} records",
        paint.strong(&f.name),
        f.format,
        f.encoding,
        thousands(f.bytes),
        thousands(p.records)
    );
    let about = if p.duplicates.exact { "" } else { "about " };
    if p.duplicates.records > 0 {
        let _ =
            writeln!(page, "{}", paint.doubtful(&format!("{about}{} records came before, byte by byte", thousands(p.duplicates.records))));
    }
    if p.torn + p.damaged > 0 {
        let misfit = page::misfit(p);
        let what = format!("{} records {misfit}, {} have bytes that are no text", thousands(p.torn), thousands(p.damaged));
        let hint = if p.damaged > 0 && f.encoding == "UTF-8" { format!(". {NO_UTF8}") } else { String::new() };
        let _ = writeln!(page, "{}", paint.doubtful(&(what + &hint)));
    }
    if p.beyond > 0 {
        let what = format!(
            "{} values stand in members beyond the first {} names, and were not looked at",
            thousands(p.beyond),
            thousands(MOST_MEMBERS as u64)
        );
        let _ = writeln!(page, "{}", paint.doubtful(&what));
    }
    if let Some(longest) = &p.longest {
        let what = format!(
            "{} line breaks stand within fields; the longest record has {} lines, from line {}: if no field should have several, a quote has swallowed records (--quote none)",
            thousands(p.line_breaks),
            thousands(longest.lines),
            longest.line
        );
        let _ = writeln!(page, "{}", paint.doubtful(&what));
    }
    let mut table = Table::default();
    for c in &p.columns {
        if c.kind == Kind::NotLookedAt {
            let why = "it has no text".to_owned();
            table.row(2, vec![(c.name.clone(), Ink::Strong), ("not looked at".to_owned(), Ink::Doubtful), (why, Ink::Plain)]);
            continue;
        }
        let filled = percent(c.filled as f64 / p.records.max(1) as f64) + " filled";
        let about = if c.distinct_exact { "" } else { "about " };
        let kind = match &c.system {
            Some(system) => format!("{system}{}", if c.doubtful { " ?" } else { "" }),
            None => format!("{}{}", c.kind.code(), if c.doubtful { " ?" } else { "" }),
        };
        let ink = if c.kind == Kind::Code { Ink::Good } else { Ink::Plain };
        let distinct = format!("{about}{} distinct", thousands(c.distinct));
        table.row(2, vec![(c.name.clone(), Ink::Strong), (kind, ink), (filled, Ink::Plain), (distinct, Ink::Dim)]);
    }
    page.push_str(&table.print(paint));
    p.columns.iter().for_each(|c| column(c, paint, &mut page));
    let _ = writeln!(page, "\n{}\n{}", paint.dim("proposed job file (--job FILE writes it):"), p.job.trim_end());
    page
}

fn column(c: &Column, paint: Paint, page: &mut String) {
    if c.evidence.is_empty() && c.damage.is_empty() && c.doubts.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{}", paint.strong(&c.name));
    let mut table = Table::default();
    for e in &c.evidence {
        let newest = e.valid.last().map_or_else(String::new, |v| format!("{} valid in {}", percent(v.share), v.release));
        let parts = [
            format!("{} of rows", percent(e.codes)),
            format!("{} only here", percent(e.only_here)),
            format!("{} repaired", percent(e.repaired)),
            newest,
        ];
        let mut row = vec![(e.system.clone(), Ink::Plain)];
        row.extend(parts.map(|p| (p, Ink::Dim)));
        table.row(2, row);
    }
    for doubt in &c.doubts {
        table.line(format!("  {}", paint.doubtful(&format!("doubtful: {doubt}"))));
    }
    if let Some(l) = c.looked_at {
        let (values, of) = (thousands(l.values), thousands(l.of));
        table.line(format!("  estimated: {values} of {of} values were looked at, the most frequent and some drawn from the others"));
    }
    if let Some(split) = c.split {
        table.line(format!("  several codes in a cell, with `{split}` between them"));
    }
    if let Some(by) = &c.told_apart_by {
        let values: Vec<String> = by.values.iter().map(|(value, system)| format!("{value} is {system}")).collect();
        table.line(format!("  {} tells them apart: {}", by.column, values.join(", ")));
        if !by.unclear.is_empty() {
            table.line(format!("  {}", paint.doubtful(&format!("beside codes of several systems: {}", by.unclear.join(", ")))));
        }
    }
    if let Some(on) = &c.on_the_day {
        let what = format!("of {} codes looked at {} are valid on the day in {}", thousands(on.codes), thousands(on.valid), on.column);
        table.line(format!("  {}", if on.valid * 2 < on.codes { paint.doubtful(&what) } else { what }));
    }
    for d in &c.damage {
        let rows = match d.looked_at {
            None if d.distinct == 0 => format!("{} rows", thousands(d.rows)),
            None => format!("{} rows, {} distinct", thousands(d.rows), thousands(d.distinct)),
            Some(l) => format!("about {} rows, {} of {} values looked at", thousands(d.rows), thousands(d.distinct), thousands(l.values)),
        };
        table.row(2, vec![(d.kind.to_owned(), Ink::Doubtful), (rows, Ink::Plain), (d.what.to_owned(), Ink::Dim)]);
    }
    page.push_str(&table.print(paint));
}
