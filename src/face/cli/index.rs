//! `xwalk index`: builds, describes, checks and compares index files.

use super::output::Output;
use super::page::{Ink, Paint, Table, count, thousands};
use super::{Session, Verdict, session};
use crate::compile::{self, Report};
use crate::face::wire::{BuildReport, CodeReport, DiffReport, FindingReport, IndexReport, RowReport, VerifyReport};
use crate::index;
use crate::read::{Finding, Severity};
use crate::releases::{self, Precedence, Source};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Build, describe, check and compare index files
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Build(Build),
    Info(Info),
    Verify(Verify),
    Diff(Diff),
}

const OWN_TABLE: &str = r#"A file that does not say itself what it is, a table of mappings for one, needs an entry in a manifest.toml
beside it; give the folder of both:

  [[release]]
  id = "payer-2026"
  map = "payer"
  source = "icd9cm"
  target = "icd10cm"
  kind = "table"
  version = "2026"
  format = "table"
  file = "crosswalk.csv"
  [release.table]
  delimiter = ";"
  columns = { source = "OLD", target = "NEW", relationship = "MATCH", comment = "NOTES" }
  relationships = { "1" = "equivalent", "B" = "related-to" }

vocab/README.md lists every field."#;

/// Compile releases into an index file, and print everything that was odd in them. Exit code 1 if a file had to be left out
#[derive(clap::Args)]
#[command(after_long_help = OWN_TABLE)]
struct Build {
    /// Release files, archives or folders, each recognised from itself or by the manifest.toml of its folder; they join the releases at
    /// hand, or those of --vocab and --crosswalks
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Nothing but the given files: no embedded, fetched or own releases
    #[arg(long, requires = "files", conflicts_with_all = ["vocab", "crosswalks"])]
    only: bool,
    /// A folder of code systems with a manifest.toml; repeatable
    #[arg(long, value_name = "DIR")]
    vocab: Vec<PathBuf>,
    /// A folder of maps with a manifest.toml; repeatable
    #[arg(long, value_name = "DIR")]
    crosswalks: Vec<PathBuf>,
    /// The index file to write [without --vocab and --crosswalks: of embedded, fetched and own releases]
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Write no index if anything had to be left out of it (any finding that is a warning or worse)
    #[arg(long)]
    strict: bool,
}

/// Systems, versions, counts, maps, sizes, fingerprint
#[derive(clap::Args)]
struct Info {
    /// The index file [default: the one that answers]
    file: Option<PathBuf>,
    /// Print the size of every part
    #[arg(long)]
    sizes: bool,
}

/// Look at every byte: checksums, order, bounds, and that both directions of every map agree
#[derive(clap::Args)]
struct Verify {
    /// The index file [default: the one that answers]
    file: Option<PathBuf>,
}

/// Codes and map rows that were added, removed or changed from A to B
#[derive(clap::Args)]
struct Diff {
    a: PathBuf,
    b: PathBuf,
    /// Print all differences, however many
    #[arg(long)]
    all: bool,
}

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    match args.command {
        Command::Build(args) => build(&args, session),
        Command::Info(args) => info(&args, session),
        Command::Verify(args) => verify(&args, session),
        Command::Diff(args) => diff(&args, session),
    }
}

fn build(args: &Build, session: &Session) -> Result<Verdict> {
    let (files, passed_over) = releases::from_files(&args.files)?;
    for source in &files {
        let r = &source.release;
        session.warn(&format!("{}: {} {} {}", r.id, r.format.name(), r.name(), r.version));
    }
    for name in passed_over {
        session.warn(&format!("{name}: not recognised as a release, passed over"));
    }
    let sources = if args.only {
        Vec::new()
    } else if args.vocab.is_empty() && args.crosswalks.is_empty() {
        releases::from_user(session.dirs())?
    } else {
        let folders: Vec<&Path> = args.vocab.iter().chain(&args.crosswalks).map(PathBuf::as_path).collect();
        releases::from_folders(&folders)?
    };
    let sources = releases::with(sources, files);
    let inputs: Vec<compile::Input> = sources.iter().map(Source::input).collect();
    session.say(&format!("compiling {}", count(inputs.len(), "release file", "release files")));
    let mut report = if args.strict { build_strictly(&inputs, &args.output)? } else { compile::build(&inputs, &args.output)? };
    let published: Vec<&str> = sources.iter().filter(|s| s.precedence < Precedence::Own).map(|s| s.file_name.as_str()).collect();
    // Nobody who reads them can mend what a publisher wrote, so what is the user's own comes first.
    report.findings.sort_by_key(|finding| is_of(finding, &published));
    let refused = args.strict && report.findings_from(Severity::Warning).next().is_some();
    let wire = BuildReport {
        file: args.output.display().to_string(),
        written: !refused,
        fingerprint: &report.fingerprint,
        size: report.size,
        codes: report.concepts,
        rows: report.rows,
        findings: report.findings.iter().map(finding).collect(),
    };
    session.output().only(&wire, |paint| build_text(&report, &published, &args.output, refused, paint))?;
    // An error is a file that is not in the index, or not as what it was given for.
    let left_out = report.findings_from(Severity::Error).next().is_some();
    Ok(Verdict::settled_if(!refused && !left_out))
}

fn finding(f: &Finding) -> FindingReport<'_> {
    FindingReport { severity: severity(f.severity), file: &f.file, line: f.line, column: f.column, what: &f.what, mend: &f.mend }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Builds beside the file and keeps the result only if nothing had to be left out.
fn build_strictly(inputs: &[compile::Input], out: &Path) -> Result<Report> {
    let folder = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = tempfile::Builder::new()
        .prefix(".xwalk-strict-")
        .tempdir_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    let file = beside.path().join("index");
    let report = compile::build(inputs, &file)?;
    if report.findings_from(Severity::Warning).next().is_none() {
        std::fs::rename(&file, out).with_context(|| format!("cannot write {}", out.display()))?;
    }
    Ok(report)
}

/// Whether a finding is about one of these files, which it names as they are unpacked, or with a member behind them.
fn is_of(finding: &Finding, files: &[&str]) -> bool {
    let name = finding.file.split('/').next().unwrap_or_default();
    files.iter().any(|file| file.strip_prefix(name).is_some_and(|rest| matches!(rest, "" | ".zst" | ".gz")))
}

/// Notes on published releases are counted; everything else is told.
fn build_text(report: &Report, published: &[&str], out: &Path, refused: bool, paint: Paint) -> String {
    let mut page = String::new();
    let (counted, told): (Vec<_>, Vec<_>) =
        report.findings.iter().partition(|finding| finding.severity == Severity::Note && is_of(finding, published));
    for finding in told {
        let word = severity(finding.severity);
        let word = match finding.severity {
            Severity::Error => paint.bad(word),
            Severity::Warning => paint.doubtful(word),
            Severity::Note => paint.dim(word),
        };
        let _ = writeln!(page, "{word}: {finding}");
    }
    if !counted.is_empty() {
        let notes = count(counted.len(), "note", "notes");
        let _ = writeln!(page, "{}", paint.dim(&format!("{notes} on published releases (--format json tells them)")));
    }
    let of = |severity| report.findings.iter().filter(|f| f.severity == severity).count();
    let _ = writeln!(
        page,
        "{}, {}; {}, {}, {}",
        count(report.concepts as usize, "code", "codes"),
        count(report.rows as usize, "map row", "map rows"),
        count(of(Severity::Error), "error", "errors"),
        count(of(Severity::Warning), "warning", "warnings"),
        count(of(Severity::Note), "note", "notes"),
    );
    if refused {
        let _ = writeln!(page, "{}", paint.bad("no index was written: --strict, and rows would have been left out (see above)"));
    } else {
        let _ = writeln!(page, "{}  {} bytes  fingerprint {}", out.display(), thousands(report.size), report.fingerprint);
    }
    page
}

fn info(args: &Info, session: &Session) -> Result<Verdict> {
    let print = |index: &index::Index, file: String| {
        let wire = IndexReport::of(index, file);
        session.output().only(&wire, |paint| info_text(&wire, args.sizes, paint))
    };
    match &args.file {
        Some(file) => print(&session::open(file)?, file.display().to_string())?,
        None => {
            let engine = session.engine()?;
            print(engine.index(), engine.file())?;
        }
    }
    Ok(Verdict::Settled)
}

fn info_text(report: &IndexReport<'_>, sizes: bool, paint: Paint) -> String {
    let mut page = String::new();
    let _ = writeln!(page, "{}", paint.strong(&report.file));
    let _ = writeln!(page, "{} bytes, format {}, normaliser {}", thousands(report.size), report.format, report.normaliser);
    let _ = writeln!(page, "fingerprint {}\n", report.fingerprint);
    let mut table = Table::default();
    for s in &report.systems {
        let codes = format!("{}, {} billable", count(s.codes as usize, "code", "codes"), thousands(s.billable as u64));
        table.row(0, vec![(s.system.to_owned(), Ink::Strong), (s.title.to_owned(), Ink::Plain), (codes, Ink::Plain)]);
        for r in &s.releases {
            let day = |d: Option<crate::face::wire::Day>| d.map_or_else(|| "...".to_owned(), |d| d.0.to_string());
            let period = if r.from.is_none() && r.to.is_none() { String::new() } else { format!("{} to {}", day(r.from), day(r.to)) };
            let files: Vec<&str> = r.files.iter().map(|f| f.name).collect();
            table.row(2, vec![(r.version.to_owned(), Ink::Plain), (period, Ink::Plain), (files.join(", "), Ink::Dim)]);
        }
    }
    page.push_str(&table.print(paint));
    page.push('\n');
    let mut table = Table::default();
    for m in &report.maps {
        let way = format!("{} to {}", m.source, m.target);
        let rows = count(m.rows, "row", "rows");
        let files: Vec<&str> = m.files.iter().map(|f| f.name).collect();
        let name = format!("{}|{}", m.id, m.version);
        table.row(
            0,
            vec![(name, Ink::Strong), (way, Ink::Plain), (m.kind.to_owned(), Ink::Plain), (rows, Ink::Plain), (files.join(", "), Ink::Dim)],
        );
    }
    page.push_str(&table.print(paint));
    if sizes {
        let mut table = Table::default();
        for s in &report.sections {
            table.row(0, vec![(s.name.clone(), Ink::Plain), (format!("{:>14}", thousands(s.bytes)), Ink::Plain)]);
        }
        let _ = write!(page, "\n{}", table.print(paint));
    }
    page
}

fn verify(args: &Verify, session: &Session) -> Result<Verdict> {
    let Some(file) = &args.file else {
        let engine = session.engine()?;
        return say_verified(engine.index(), engine.file(), session.output());
    };
    match index::Index::open(file, crate::text::VERSION) {
        Ok(index) => say_verified(&index, file.display().to_string(), session.output()),
        // Damage that shows at once is an answer to this question too.
        Err(error @ index::Error::Damaged { .. }) => {
            let damage = [error.to_string()];
            let wire = VerifyReport::unopened(file.display().to_string(), &damage);
            session.output().only(&wire, |paint| verify_text(&wire, paint))?;
            Ok(Verdict::Unsettled)
        }
        Err(error) => Err(error).with_context(|| format!("cannot verify {}", file.display())),
    }
}

fn say_verified(index: &index::Index, file: String, out: Output) -> Result<Verdict> {
    let found = index.verify();
    let wire = VerifyReport::of(index, file, &found);
    out.only(&wire, |paint| verify_text(&wire, paint))?;
    Ok(Verdict::settled_if(wire.sound))
}

fn verify_text(report: &VerifyReport<'_>, paint: Paint) -> String {
    let mut page = String::new();
    for damage in report.damage {
        let _ = writeln!(page, "{}: {damage}", paint.bad("damaged"));
    }
    if report.sound {
        let (codes, rows) = (thousands(report.concepts), thousands(report.rows));
        let _ = writeln!(page, "{}: {} sections, {codes} codes, {rows} map rows", paint.good("sound"), report.sections);
        let _ = writeln!(page, "{}  fingerprint {}", report.file, report.fingerprint.as_deref().unwrap_or(""));
    } else {
        let _ = writeln!(page, "{}: build it again, or restore the file", report.file);
    }
    page
}

fn diff(args: &Diff, session: &Session) -> Result<Verdict> {
    let (a, b) = (session::open(&args.a)?, session::open(&args.b)?);
    let diff = a.diff(&b);
    let wire = DiffReport::of(&diff);
    session.output().only(&wire, |paint| diff_text(&wire, if args.all { usize::MAX } else { 10 }, paint))?;
    Ok(Verdict::Settled)
}

fn diff_text(report: &DiffReport<'_>, most: usize, paint: Paint) -> String {
    let mut page = String::new();
    if report.same {
        page.push_str("no differences\n");
    }
    let heading = |name: &str, before: Option<&str>, after: Option<&str>| {
        let version = |v: Option<&str>| v.map_or("not there", |v| if v.is_empty() { "no version" } else { v }).to_owned();
        format!("{}  {} -> {}\n", paint.strong(name), version(before), version(after))
    };
    let counts = |what: &str, added: usize, removed: usize, changed: usize| {
        let n = |n: usize| thousands(n as u64);
        format!("  {what}: {} added, {} removed, {} changed\n", n(added), n(removed), n(changed))
    };
    for s in &report.systems {
        page.push_str(&heading(s.system, s.before, s.after));
        page.push_str(&counts("codes", s.added.len(), s.removed.len(), s.changed.len()));
        let code = |c: &CodeReport<'_>| format!("{}  {}", c.code, c.display.unwrap_or(""));
        some(&mut page, most, s.added.iter().map(|c| format!("{} {}", paint.good("+"), code(c))));
        some(&mut page, most, s.removed.iter().map(|c| format!("{} {}", paint.bad("-"), code(c))));
        let changed = s.changed.iter().map(|c| {
            let what = paint.dim(&format!("({})", c.what.join(", ")));
            match c.what.contains(&"display") {
                true => format!("{} {} {what}\n      {}\n      {}", paint.doubtful("~"), c.code, said(&c.before), said(&c.after)),
                false => format!("{} {} {what}", paint.doubtful("~"), code(&c.after)),
            }
        });
        some(&mut page, most, changed);
    }
    for m in &report.maps {
        page.push_str(&heading(m.map, m.before, m.after));
        page.push_str(&counts("rows", m.added.len(), m.removed.len(), m.changed.len()));
        let pair = |r: &RowReport<'_>| format!("{} -> {}", r.source, r.target.unwrap_or("no map"));
        let says = |r: &RowReport<'_>| {
            let place = if r.rule.is_empty() { String::new() } else { format!("group {}, priority {}", r.group, r.priority) };
            let parts = [r.flags.as_deref().unwrap_or(r.relationship), &place, r.rule, r.advice];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
        };
        let row = |r: &RowReport<'_>| format!("{} {}", pair(r), paint.dim(&says(r)));
        some(&mut page, most, m.added.iter().map(|r| format!("{} {}", paint.good("+"), row(r))));
        some(&mut page, most, m.removed.iter().map(|r| format!("{} {}", paint.bad("-"), row(r))));
        let changed = m.changed.iter().map(|c| {
            let (before, after, what) = (says(&c.before), says(&c.after), paint.dim(&format!("({})", c.what.join(", "))));
            format!("{} {} {what}\n      {before}\n      {after}", paint.doubtful("~"), pair(&c.after))
        });
        some(&mut page, most, changed);
    }
    page
}

fn said<'a>(code: &CodeReport<'a>) -> &'a str {
    code.display.unwrap_or("(no title)")
}

fn some(page: &mut String, most: usize, lines: impl ExactSizeIterator<Item = String>) {
    let more = lines.len().saturating_sub(most);
    for line in lines.take(most) {
        let _ = writeln!(page, "    {line}");
    }
    if more > 0 {
        let _ = writeln!(page, "    ... and {} more (--all prints them)", thousands(more as u64));
    }
}
