//! `xwalk fetch`: gets published releases.

use super::output::Format;
use super::page::{Ink, Paint, Table, thousands};
use super::{Session, Verdict};
use crate::face::wire::{FetchAnswer, FetchableRelease};
use crate::releases::fetch::{self, From, Got, Outcome, Progress};
use anyhow::bail;
use std::io::IsTerminal;
use std::path::PathBuf;

/// Get published releases from their official address (or a mirror), check them, keep them for the next index
#[derive(clap::Args)]
pub struct Args {
    /// A release (`icd10cm-2025`), all of a system (`icd10cm`) or map (`gem-icd9cm-icd10cm`), or `all`
    #[arg(required_unless_present = "list", value_name = "NAME")]
    names: Vec<String>,
    /// Take files from this folder, laid out like the official addresses
    #[arg(long, value_name = "DIR")]
    mirror: Option<PathBuf>,
    /// Show what there is to fetch
    #[arg(long, conflicts_with = "names")]
    list: bool,
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    if args.list {
        return list(session);
    }
    let from = match args.mirror {
        Some(dir) if !dir.is_dir() => bail!("--mirror {}: there is no such folder", dir.display()),
        Some(dir) => From::Mirror(dir),
        None => From::Network,
    };
    let bar = std::io::stderr().is_terminal().then(|| indicatif::ProgressBar::new(0).with_style(style()));
    let mut progress = |p: Progress<'_>| {
        if let Some(bar) = &bar {
            bar.set_length(p.total.unwrap_or(p.bytes));
            bar.set_position(p.bytes);
            bar.set_message(p.place.rsplit('/').next().unwrap_or(p.place).to_owned());
        }
    };
    let outcomes = fetch::fetch(&args.names, &from, session.dirs(), &mut progress)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let mut out = session.output();
    for outcome in &outcomes {
        let wire = answer(outcome);
        out.answer(&wire, |paint| text(&wire, paint))?;
    }
    out.finish()?;
    Ok(Verdict::settled_if(outcomes.iter().all(|o| o.result.is_ok())))
}

fn style() -> indicatif::ProgressStyle {
    // The default style stands in if this one ever does not parse.
    indicatif::ProgressStyle::with_template("{msg} {bytes}/{total_bytes} {wide_bar} {eta}")
        .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar())
}

fn answer(outcome: &Outcome) -> FetchAnswer<'_> {
    let (result, bytes, path, message) = match &outcome.result {
        Ok(Got::New { path, bytes }) => ("new", Some(*bytes), Some(path), String::new()),
        Ok(Got::AlreadyThere { path }) => ("already-there", None, Some(path), String::new()),
        Ok(Got::NotOffered { why }) => ("not-offered", None, None, why.clone()),
        Err(error) => ("failed", None, None, error.to_string()),
    };
    FetchAnswer { releases: &outcome.ids, file: &outcome.place, result, bytes, path: path.map(|p| p.display().to_string()), message }
}

fn text(a: &FetchAnswer<'_>, paint: Paint) -> String {
    let result = match a.result {
        "new" => paint.good(&format!("new, {} bytes", thousands(a.bytes.unwrap_or(0)))),
        "failed" => paint.bad("failed"),
        other => paint.dim(other),
    };
    let message = if a.message.is_empty() { String::new() } else { format!("\n  {}", a.message) };
    format!("{}  {result}{message}\n", a.releases.join(", "))
}

fn list(session: &Session) -> anyhow::Result<Verdict> {
    let releases = fetch::fetchable(session.dirs())?;
    let of = |r: &crate::releases::Release| -> String { r.name().to_owned() };
    let mut out = session.output();
    if out.format() != Format::Text {
        for r in &releases {
            let name = of(r);
            let wire = FetchableRelease {
                id: &r.id,
                of: &name,
                version: &r.version,
                url: r.url.as_deref(),
                page: r.page.as_deref(),
                license: r.license.as_deref(),
            };
            out.answer(&wire, |_| String::new())?;
        }
        out.finish()?;
        return Ok(Verdict::Settled);
    }
    let mut table = Table::default();
    for r in &releases {
        let address = r.url.clone().or_else(|| r.page.as_ref().map(|p| format!("by hand from {p}"))).unwrap_or_default();
        table.row(0, vec![(r.id.clone(), Ink::Strong), (of(r), Ink::Plain), (r.version.clone(), Ink::Plain), (address, Ink::Dim)]);
    }
    out.text(|paint| table.print(paint))?;
    out.finish()?;
    Ok(Verdict::Settled)
}
