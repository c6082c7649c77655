//! `xwalk convert`: a file of records in, a file of records out, every record accounted for.

use super::page::{Ink, Paint, Table, percent, percents, thousands};
use super::{Session, Verdict, options};
use crate::engine::{Outcome, Policy};
use crate::job::report::Document;
use crate::job::{self, CodeColumn, Job, Progress, Quote, RecordFormat, RejectReason, Unsettled};
use anyhow::{Result, anyhow, bail};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Translate the code columns of a file: every record accounted for, the unsettled queued, a report to sign
///
/// Appends <code>_target, <code>_outcome, <code>_relationship and <code>_map (and <code>_policy, where a policy may pick) behind the
/// record's own fields, whose bytes are never rewritten. Codes of a combination are separated by a blank, or by
/// `+` where `--split` is a blank and a cell has several codes, or where blanks part fields that have no quotes; the version of a map follows its name behind `|`,
/// or behind `@` where `--split` is `|`.
///
/// An outcome `exact`, `approximate`, `combination` was taken; where it was not (under --strict, say), it is called
/// `unsettled-approximate` and so on, whatever --unsettled puts into the target column. `choice`, `needs-facts` and
/// `no-map` are taken only where <code>_policy says by whom. A file without a record, or without a code, ends with 1.
#[derive(clap::Args)]
#[command(after_long_help = JOB_FILE)]
pub struct Args {
    /// Delimited text, NDJSON, Parquet, Arrow IPC; plain, .gz or .zst; `-` for standard input
    #[arg(required_unless_present = "job", value_name = "IN")]
    input: Option<PathBuf>,
    /// Where records go; compressed if it ends in .gz or .zst; `-` for standard output
    #[arg(short, long, required_unless_present = "job", value_name = "OUT")]
    output: Option<PathBuf>,
    /// The code system of the codes; `text` if the columns hold words, for which --to is searched
    #[arg(long, value_name = "SYSTEM")]
    from: Option<String>,
    /// Instead of --from: the column that says the system of each record
    #[arg(long, conflicts_with = "from", value_name = "COLUMN")]
    from_column: Option<String>,
    /// What its values mean: 9=icd9cm,0=icd10cm
    #[arg(long, requires = "from_column", value_delimiter = ',', value_name = "VALUE=SYSTEM")]
    values: Vec<String>,
    /// The code system to translate to
    #[arg(long, required_unless_present = "job", value_name = "SYSTEM")]
    to: Option<String>,
    /// Code columns by name: dx, dx1..dx25, dx*, #3; for NDJSON a JSON pointer, with `*` for each element of
    /// a list (/diagnoses/*/code); repeatable
    #[arg(long, required_unless_present = "job", value_name = "COLUMN")]
    code: Vec<String>,
    /// What stands between several codes in one cell (an empty place stays one); in NDJSON and tables it joins the codes of a list, which
    /// need it
    #[arg(long, value_name = "TEXT")]
    split: Option<String>,
    /// Column of the date of service: the code must have been valid then
    #[arg(long, value_name = "COLUMN")]
    date: Option<String>,
    /// Column of the age, for map rules that ask (28d, 3m, 12y)
    #[arg(long, value_name = "COLUMN")]
    age: Option<String>,
    /// What a bare number in the age column counts: years, months, weeks, days; without, it is no age
    #[arg(long, requires = "age", value_name = "UNIT")]
    age_unit: Option<String>,
    /// Column of the sex, for map rules that ask
    #[arg(long, value_name = "COLUMN")]
    sex: Option<String>,
    /// Columns that say whose codes they are: repeated records, and codes repeated under one key, are counted and listed; repeatable
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// Column of the record's own words, for --policy text
    #[arg(long, value_name = "COLUMN")]
    text: Option<String>,
    /// The day on which targets must be valid: those that are no codes then are followed to their successors. Without it the map's own
    /// targets are taken, and the report says which of them are no codes today
    #[arg(long, value_name = "DATE")]
    target_date: Option<String>,
    /// Only by this map: ID or ID|VERSION
    #[arg(long, value_name = "ID")]
    map: Option<String>,
    /// How to settle a choice: review (not at all), text, unspecified, first, decision; for words (--from text) review or decision
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// By how much the best option must lead under --policy text and --from text, 0 to 1
    #[arg(long, value_name = "NUMBER")]
    margin: Option<f32>,
    /// How sure the search must be under --from text, 0 to 1 [default: 0.9]
    #[arg(long, value_name = "NUMBER")]
    score: Option<f32>,
    /// Take nothing but exact answers without a person
    #[arg(long)]
    strict: bool,
    /// What a record with an unsettled code gets: blank, source (the code it had, with an outcome that is never one of those taken),
    /// or reject
    #[arg(long, value_name = "WHAT")]
    unsettled: Option<String>,
    /// Reviewers' decisions, for --policy decision [env: XWALK_DECISIONS, where the job file names none]
    #[arg(long, value_name = "DB")]
    decisions: Option<PathBuf>,
    /// Write the report into this folder, which must not exist
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Where records go that cannot be converted [default: into the report, else OUT.rejects.csv]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Fail (exit 1) if a greater share of codes stays unsettled, 0 to 1; a threshold not given is 0, and so are all without any
    #[arg(long, value_name = "SHARE")]
    max_unsettled: Option<f64>,
    /// Fail (exit 1) if a greater share of records is rejected, 0 to 1
    #[arg(long, value_name = "SHARE")]
    max_rejected: Option<f64>,
    /// Fail (exit 1) if a greater share of codes gets a target that is no code today (see --target-date), 0 to 1
    #[arg(long, value_name = "SHARE")]
    max_invalid_targets: Option<f64>,
    /// A job file in TOML; options given beside it take precedence
    #[arg(long, value_name = "FILE")]
    job: Option<PathBuf>,
    /// csv, tsv, ndjson, parquet or arrow [default: by the name, else csv]
    #[arg(long, value_name = "NAME", help_heading = "Records")]
    records: Option<String>,
    /// Between fields [default: detected]
    #[arg(long, value_name = "CHAR", help_heading = "Records")]
    delimiter: Option<String>,
    /// Around fields, or `none`
    #[arg(long, value_name = "CHAR", help_heading = "Records")]
    quote: Option<String>,
    /// The first record is data; columns are #1, #2 ...
    #[arg(long, help_heading = "Records")]
    no_header: bool,
    /// UTF-8, UTF-16, windows-1252 and other single-byte encodings [default: detected]
    #[arg(long, value_name = "NAME", help_heading = "Records")]
    encoding: Option<String>,
    /// The longest record in bytes
    #[arg(long, value_name = "BYTES", help_heading = "Records")]
    max_record: Option<usize>,
    /// 1: read, convert and write in turn [default: a thread reads, another writes]
    #[arg(long, value_name = "N", help_heading = "Run")]
    threads: Option<usize>,
    /// Go on where a killed run of the same job stopped; the result is the same, byte by byte
    #[arg(long, help_heading = "Run")]
    resume: bool,
    /// How often to note where the run is, for --resume [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Run")]
    checkpoint: Option<u32>,
    /// Wait until the output is on the disk
    #[arg(long, help_heading = "Run")]
    sync: bool,
    /// Remove the output of an earlier run first, not when this one is complete: needs no room for both, and a run that fails leaves none
    /// that could be taken for its own
    #[arg(long, help_heading = "Run")]
    remove_old: bool,
    /// For the sample of records for manual check
    #[arg(long, value_name = "N", help_heading = "Run")]
    seed: Option<u64>,
}

const JOB_FILE: &str = "\
Job file: TOML; keys are the options' names but for `format` (--records) and `header = false` (--no-header): input, output, report, \
rejects, decisions, format, delimiter, quote, header, encoding, date, age, age-unit, sex, text, key (a list), max-unsettled, max-rejected, \
max-invalid-targets, seed, sample (records of each outcome), threads, block, max-record, sync, remove-old. Columns are [[column]] tables: name, from or \
from-column and values (a table), to, map, reverse, target-date, policy, margin, score, strict, unsettled, split. Paths count from the \
folder of the job file. `xwalk profile IN --job FILE` proposes one.";

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    let mut job = job(args, session)?;
    let wanted = job.columns.iter().any(|c| c.policy == Policy::Decision);
    let opened = session.engine()?;
    job.index = Some(opened.path().to_owned());
    let engine = options::deciding(&opened, job.decisions.as_deref(), wanted)?;
    if job.decisions.is_some() && !wanted {
        session.warn("the decisions are not asked: no column has --policy decision");
    }
    let mut progress = Reporter::new(session);
    let mut run = match job::convert(&job, &engine, &mut |p| progress.tell(p)) {
        Err(job::Error::Done(document)) => {
            session.warn("the job is done already: output and report are complete");
            let rejects_at = job.rejects.or_else(|| Some(job.report?.join("rejects.csv")));
            session.output().only(&document, |paint| text(&document, rejects_at.as_deref(), paint))?;
            return Ok(verdict(&document));
        }
        Err(job::Error::BrokenPipe) if job.report.is_none() => return Ok(Verdict::Settled),
        Err(job::Error::BrokenPipe) => bail!("the reader of the output went before the end; the report was not written"),
        run => run?,
    };
    progress.finish();
    let document = run.document.take().unwrap_or_else(|| Document::new(&job, &engine, &run).into());
    let rejects_at = run.rejects_at.as_deref();
    if [Some(&job.output), job.rejects.as_ref()].contains(&Some(&PathBuf::from("-"))) {
        session.warn(text(&document, rejects_at, session.error_paint()).trim_end());
    } else {
        session.output().only(&document, |paint| text(&document, rejects_at, paint))?;
    }
    Ok(verdict(&document))
}

fn verdict(document: &Document) -> Verdict {
    Verdict::settled_if(matches!(document.verdict.as_str(), "settled" | "passed"))
}

/// The job that is meant: the file's, with what was typed over it.
fn job(args: Args, session: &Session) -> Result<Job> {
    let mut job = match &args.job {
        Some(file) => Job::read(file)?,
        None => Job::default(),
    };
    if let Some(input) = args.input {
        job.input = input;
    }
    if let Some(output) = args.output {
        job.output = output;
    }
    if !args.code.is_empty() {
        if !job.columns.is_empty() {
            let names: Vec<&str> = job.columns.iter().map(|c| c.name.as_str()).collect();
            let names = names.join(", ");
            if args.to.is_none() || (args.from.is_none() && args.from_column.is_none()) {
                bail!(
                    "--code takes the place of the job file's columns ({names}) with all that is said of them: say --to, and --from or \
                     --from-column, too; or change the job file"
                );
            }
            session.warn(&format!("--code takes the place of the job file's columns ({names}), with all that is said of them"));
        }
        job.columns = vec![CodeColumn { name: args.code.join(","), ..CodeColumn::default() }];
    }
    let policy = args
        .policy
        .map(|name| {
            Policy::from_code(&name)
                .ok_or_else(|| anyhow!("there is no policy `{name}`; there is {}", Policy::ALL.map(Policy::code).join(", ")))
        })
        .transpose()?;
    let unsettled = args
        .unsettled
        .map(|name| Unsettled::from_code(&name).ok_or_else(|| anyhow!("--unsettled is blank, source or reject, not `{name}`")))
        .transpose()?;
    let target_date = options::day("--target-date", args.target_date.as_deref())?;
    let by_column = job.columns.iter().any(|c| c.from_column.is_some());
    if !args.values.is_empty() && args.from_column.is_none() && (args.from.is_some() || !by_column) {
        bail!("--values says what the values of --from-column mean; name that column");
    }
    let mut values = std::collections::BTreeMap::new();
    for pair in &args.values {
        let (value, system) = pair.split_once('=').ok_or_else(|| anyhow!("--values takes VALUE=SYSTEM, like 9=icd9cm,0=icd10cm"))?;
        if values.insert(value.trim().to_owned(), system.trim().to_owned()).is_some() {
            bail!("--values says twice what `{}` means", value.trim());
        }
    }
    for column in &mut job.columns {
        if args.from.is_some() {
            (column.from, column.from_column) = (args.from.clone(), None);
        }
        if args.from_column.is_some() {
            (column.from, column.from_column) = (None, args.from_column.clone());
            column.values.clone_from(&values);
        } else if column.from_column.is_some() && !values.is_empty() {
            column.values.clone_from(&values);
        }
        if let Some(to) = &args.to {
            column.to.clone_from(to);
        }
        column.policy = policy.unwrap_or(column.policy);
        column.unsettled = unsettled.unwrap_or(column.unsettled);
        column.strict |= args.strict;
        column.split = args.split.clone().or(column.split.take());
        column.map = args.map.clone().or(column.map.take());
        column.target_date = target_date.or(column.target_date);
        column.margin = args.margin.or(column.margin);
        column.score = args.score.or(column.score);
    }
    job.date = args.date.or(job.date);
    job.age = args.age.or(job.age);
    job.age_unit = args.age_unit.or(job.age_unit);
    job.sex = args.sex.or(job.sex);
    job.text = args.text.or(job.text);
    if !args.key.is_empty() {
        job.key = args.key;
    }
    let of_all = || std::env::var_os("XWALK_DECISIONS").filter(|file| !file.is_empty()).map(PathBuf::from);
    job.decisions = args.decisions.or(job.decisions).or_else(of_all);
    job.report = args.report.or(job.report);
    job.rejects = args.rejects.or(job.rejects);
    // What goes to standard output by its other name goes there as it comes, and what is told goes elsewhere.
    for place in [Some(&mut job.output), job.rejects.as_mut()].into_iter().flatten().filter(|place| **place == *"/dev/stdout") {
        *place = PathBuf::from("-");
    }
    job.encoding = args.encoding.or(job.encoding);
    job.max_unsettled = args.max_unsettled.or(job.max_unsettled);
    job.max_rejected = args.max_rejected.or(job.max_rejected);
    job.max_invalid_targets = args.max_invalid_targets.or(job.max_invalid_targets);
    if let Some(name) = args.records {
        let known = RecordFormat::ALL.map(|(name, _)| name).join(", ");
        job.format = Some(RecordFormat::from_code(&name).ok_or_else(|| anyhow!("--records is one of {known}, not `{name}`"))?);
    }
    if let Some(delimiter) = args.delimiter {
        job.delimiter = Some(options::delimiter(&delimiter)?);
    }
    if let Some(quote) = args.quote {
        job.quote = Some(Quote::parse(&quote).ok_or_else(|| anyhow!("--quote is one ASCII character, or `none`"))?);
    }
    job.header &= !args.no_header;
    job.sync |= args.sync;
    job.remove_old |= args.remove_old;
    job.max_record = args.max_record.unwrap_or(job.max_record);
    job.threads = args.threads.unwrap_or(job.threads);
    job.seed = args.seed.unwrap_or(job.seed);
    job.resume = args.resume;
    job.checkpoint = args.checkpoint.map_or(job.checkpoint, |seconds| Duration::from_secs(seconds.into()));
    Ok(job)
}

/// A bar on a terminal; in a log a line every ten seconds.
struct Reporter<'s> {
    session: &'s Session,
    bar: Option<indicatif::ProgressBar>,
    began: Instant,
    told: Instant,
}

impl<'s> Reporter<'s> {
    fn new(session: &'s Session) -> Reporter<'s> {
        let style = indicatif::ProgressStyle::with_template("{bytes}/{total_bytes} {wide_bar} {binary_bytes_per_sec} {eta}")
            .unwrap_or_else(|_| indicatif::ProgressStyle::default_bar());
        let bar = std::io::stderr().is_terminal().then(|| indicatif::ProgressBar::new(0).with_style(style));
        Reporter { session, bar, began: Instant::now(), told: Instant::now() }
    }

    fn tell(&mut self, p: Progress) {
        const BETWEEN: Duration = Duration::from_secs(10);
        if let Some(bar) = &self.bar {
            bar.set_length(p.of.unwrap_or(p.bytes));
            bar.set_position(p.bytes);
        } else if self.told.elapsed() >= BETWEEN {
            self.told = Instant::now();
            let seconds = self.began.elapsed().as_secs_f64();
            let left = p.of.filter(|of| *of > 0 && p.bytes > 0).map_or_else(String::new, |of| {
                format!(
                    ", {:.0} %, {:.0} s left",
                    100.0 * p.bytes as f64 / of as f64,
                    seconds * (of.saturating_sub(p.bytes)) as f64 / p.bytes as f64
                )
            });
            let rate = p.records as f64 / seconds;
            self.session.warn(&format!("{} records, {} a second{left}", thousands(p.records), thousands(rate as u64)));
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn text(d: &Document, rejects_at: Option<&Path>, paint: Paint) -> String {
    let mut page = String::new();
    let (r, c) = (&d.records, &d.codes);
    let _ = writeln!(
        page,
        "{} records in, {} out, {} rejected; {:.1} s",
        thousands(r.came),
        thousands(r.went),
        thousands(r.rejected),
        d.run.seconds
    );
    let mut table = Table::default();
    for outcome in Outcome::ALL {
        let Some(o) = d.outcomes.iter().find(|o| o.outcome == outcome.code() && o.codes > 0) else { continue };
        let ink = if o.settled == o.codes { Ink::Good } else { Ink::Doubtful };
        let share = percent(o.codes as f64 / c.codes.max(1) as f64);
        let distinct = format!("{} distinct", thousands(o.distinct));
        table.row(2, vec![(o.outcome.clone(), ink), (thousands(o.codes), Ink::Plain), (share, Ink::Plain), (distinct, Ink::Dim)]);
    }
    page.push_str(&table.print(paint));
    match c.codes {
        0 if r.came > 0 && r.went == 0 => page.push_str("every record was rejected before its codes were looked at\n"),
        0 => page.push_str("there was no code\n"),
        codes => {
            let _ = writeln!(page, "{} of {} codes settled ({})", thousands(c.settled), thousands(codes), percent(c.coverage));
        }
    }
    let rejected = if c.rejected > 0 {
        let (codes, settled) = (thousands(c.rejected), thousands(c.rejected_settled));
        Some(format!(
            "{codes} of the codes, {settled} of them settled, stand in records that were rejected for another, and not in the output"
        ))
    } else {
        None
    };
    let mut doubtful = |what: String| {
        let _ = writeln!(page, "{}", paint.doubtful(&what));
    };
    if let Some(rejected) = rejected {
        doubtful(rejected);
    }
    let invalid = &d.invalid_targets;
    if invalid.codes > 0 {
        let states: Vec<String> = invalid.states.iter().map(|(state, n)| format!("{} {state}", thousands(*n))).collect();
        doubtful(format!(
            "{} codes got a target that is no code ({}); --target-date follows such targets to their successors",
            thousands(invalid.codes),
            states.join(", ")
        ));
    }
    for (fact, n) in &d.facts_not_understood {
        let unit =
            if fact == "age" && d.job.age_unit.is_none() { "; what bare numbers count has to be said (--age-unit years)" } else { "" };
        doubtful(format!("{} cells of the {fact} column were not understood; rules that ask for it waited{unit}", thousands(*n)));
    }
    for (reason, n) in &r.reasons {
        let hint = if reason == "encoding" { format!(" ({})", RejectReason::Encoding.in_words()) } else { String::new() };
        doubtful(format!("{} records rejected: {reason}{hint}", thousands(*n)));
    }
    if let Some(place) = rejects_at.filter(|_| r.rejected > 0) {
        let lines = if r.rejected_lines > r.rejected { format!(" ({} lines)", thousands(r.rejected_lines)) } else { String::new() };
        doubtful(format!("rejected records are in {}{lines}", place.display()));
    }
    if let Some(longest) = &r.longest {
        let breaks = thousands(r.line_breaks);
        doubtful(format!(
            "{breaks} line breaks stand within fields; the longest record has {} lines, from line {}",
            longest.lines, longest.line
        ));
    }
    for t in d.thresholds.iter().filter(|t| !t.passed) {
        let [at_most, found] = percents(t.at_most, t.found);
        let _ = writeln!(page, "{}", paint.bad(&format!("{}: {found}, at most {at_most} was allowed", t.what)));
    }
    page
}
