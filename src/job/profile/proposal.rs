//! The job file that follows from a profile. It is a proposal: what is doubtful is said beside it.

use super::Gathered;
use super::columns::{Column, Kind};
use crate::job::report::style::thousands;
use crate::job::{Job, Quote, RecordFormat};
use std::fmt::Write as _;
use std::path::Path;

/// Where codes of a system usually have to go.
const TARGETS: [(&str, &str); 3] = [("icd9cm", "icd10cm"), ("icd9proc", "icd10pcs"), ("snomed", "icd10cm")];

/// Lives go back further than services: dates so many years apart are those of births.
const YEARS: i16 = 60;

pub(super) fn toml(job: &Job, job_file: Option<&Path>, columns: &[Column], gathered: &Gathered) -> String {
    let mut out = String::from("# Proposed by xwalk profile. Look it through, then: xwalk convert --job FILE\n");
    files(job, job_file, gathered, &mut out);
    let of = |kind: Kind| -> Vec<&Column> { columns.iter().filter(|c| c.kind == kind).collect() };
    let (births, dates): (Vec<&Column>, Vec<&Column>) = of(Kind::Date).into_iter().partition(|column| is_birth(column, gathered));
    for (key, found) in [("date", dates), ("age", of(Kind::Age)), ("sex", of(Kind::Sex)), ("text", of(Kind::Text))] {
        match (&found[..], &births[..]) {
            ([column], _) => {
                let _ = writeln!(out, "{key} = {}", text(&column.name));
                if key == "age" && has_bare_numbers(column, gathered) {
                    let _ = writeln!(out, "age-unit = \"{}\"   # what bare numbers count", age_unit(&column.name));
                }
            }
            ([column, ..], _) => drop(writeln!(out, "# {key} = {}   # one of several", text(&column.name))),
            ([], [birth, ..]) if key == "date" => {
                let _ = writeln!(out, "# date = {}   # rather a date of birth than of service", text(&birth.name));
            }
            _ => {}
        }
    }
    if let [column, others @ ..] = &of(Kind::Key)[..] {
        let others: Vec<&str> = others.iter().map(|c| c.name.as_str()).collect();
        let or = if others.is_empty() { String::new() } else { format!("   # or one of {}", others.join(", ").escape_debug()) };
        let _ = writeln!(out, "key = [{}]{or}", text(&column.name));
    }
    let is_ndjson = job.records() == RecordFormat::Ndjson;
    let series = series(columns);
    for group in &series {
        let table = table(group, is_ndjson);
        // Nobody runs by oversight what a person has to look at first.
        if group.is_doubtful() {
            out.push('\n');
            for line in table.lines() {
                let _ = writeln!(out, "{}{line}", if line.starts_with('#') { "" } else { "# " });
            }
        } else {
            let _ = write!(out, "\n{table}");
        }
    }
    if series.iter().all(Series::is_doubtful) {
        let found = match series.len() {
            0 if gathered.records == 0 => "there are no records",
            0 => "no column looks like codes of a loaded system",
            _ => "no column is beyond doubt: of those above, take away the # before what is right",
        };
        let _ = writeln!(out, "\n# {found}");
    }
    out
}

/// The table of a code column, or of several alike.
fn table(group: &Series<'_>, is_ndjson: bool) -> String {
    let mut out = String::new();
    let first = group.first();
    let system = first.system.as_deref().unwrap_or_default();
    if group.is_doubtful() {
        for doubt in &first.doubts {
            let _ = writeln!(out, "# doubtful: {doubt}");
        }
    }
    let _ = writeln!(out, "[[column]]\nname = {}", text(&group.name(is_ndjson)));
    match &first.told_apart_by {
        Some(by) => {
            let values: Vec<String> = by.values.iter().map(|(v, s)| format!("{} = {}", text(v), text(s))).collect();
            let _ = writeln!(out, "from-column = {}\nvalues = {{ {} }}", text(&by.column), values.join(", "));
        }
        None => {
            let share = first.evidence.first().map_or(0.0, |e| 100.0 * e.codes);
            let of = first.looked_at.map_or_else(String::new, |l| format!(", by {} of {} values", thousands(l.values), thousands(l.of)));
            let _ = writeln!(out, "from = {}   # {share:.1} % of rows are its codes{of}", text(system));
        }
    }
    if let Some(split) = first.split {
        let _ = writeln!(out, "split = {}", text(&split.to_string()));
    }
    // Of two systems in one column one is what the other is to become.
    let systems = first.told_apart_by.iter().flat_map(|by| by.values.iter().map(|(_, system)| system.as_str()));
    match std::iter::once(system).chain(systems).find_map(|s| TARGETS.iter().find(|(from, _)| *from == s)) {
        Some((_, to)) => drop(writeln!(out, "to = {}", text(to))),
        None => drop(writeln!(out, "to = \"\"   # say what to convert {system} to")),
    }
    for left_out in group.left_out.chunk_by(|a, b| a.kind == b.kind) {
        let names: Vec<&str> = left_out.iter().map(|c| c.name.as_str()).collect();
        let _ = writeln!(out, "# left out: {} ({})", names.join(", ").escape_debug(), left_out[0].kind.code());
    }
    out
}

fn text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// Where the records are, how they are read, where they go.
fn files(job: &Job, job_file: Option<&Path>, gathered: &Gathered, out: &mut String) {
    let piped = job.input.as_os_str() == "-";
    let name = if piped { String::new() } else { job.input.file_name().unwrap_or_default().to_string_lossy().into_owned() };
    // Paths in a job file count from its folder.
    let folder = |path: &Path| path.parent().map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p })?.canonicalize().ok();
    let is_beside = job_file.is_none_or(|file| folder(file) == folder(&job.input));
    let input = match job.input.canonicalize() {
        _ if piped => String::from("-"),
        Ok(whole) if !is_beside => whole.to_string_lossy().into_owned(),
        _ => name.clone(),
    };
    let (stem, ending) = name.split_once('.').filter(|(stem, _)| !stem.is_empty()).unwrap_or((&name, "csv"));
    let stem = if piped { String::new() } else { format!("{stem}-") };
    let _ = writeln!(out, "input = {}", text(&input));
    let _ = writeln!(out, "output = {}", text(&format!("{stem}converted.{ending}")));
    let _ = writeln!(out, "report = {}", text(&format!("{stem}report")));
    if let Some(format) = job.format {
        let _ = writeln!(out, "format = {}", text(format.code()));
    }
    if let Some(delimiter) = job.delimiter {
        let _ = writeln!(out, "delimiter = {}", text(&delimiter.to_string()));
    }
    if let Some(quote) = job.quote {
        let quote = match quote {
            Quote::None => String::from("none"),
            Quote::Char(quote) => char::from(quote).to_string(),
        };
        let _ = writeln!(out, "quote = {}", text(&quote));
    }
    if let Some(encoding) = &job.encoding {
        let _ = writeln!(out, "encoding = {}", text(encoding));
    } else if gathered.not_utf8 > gathered.more_than_ascii {
        let _ = writeln!(out, "encoding = \"windows-1252\"   # {} records are no UTF-8", thousands(gathered.not_utf8));
    }
    if !job.header {
        let _ = writeln!(out, "header = false");
    }
}

/// Whether a column of dates is rather one of birth: by its name, or because it spans lives.
fn is_birth(column: &Column, gathered: &Gathered) -> bool {
    let name = column.name.to_ascii_lowercase();
    if ["birth", "dob", "born", "geburt"].iter().any(|word| name.contains(word)) {
        return true;
    }
    let Some(at) = gathered.names.iter().position(|n| *n == column.name) else { return false };
    let years = gathered.drawn.iter().filter_map(|row| Some(crate::job::facts::date(row.get(at)?)?.year()));
    let (first, last) = years.fold((i16::MAX, i16::MIN), |(first, last), year| (first.min(year), last.max(year)));
    last.saturating_sub(first) > YEARS
}

/// Whether some of a column's ages do not say what they count.
fn has_bare_numbers(column: &Column, gathered: &Gathered) -> bool {
    let at = gathered.names.iter().position(|n| *n == column.name);
    at.is_some_and(|at| gathered.drawn.iter().any(|row| row.get(at).is_some_and(|age| age.parse::<f64>().is_ok())))
}

fn age_unit(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    ["days", "weeks", "months"].into_iter().find(|unit| name.contains(&unit[..unit.len() - 1])).unwrap_or("years")
}

/// Code columns of one system, or of those that one other column tells apart, whose names differ in a running number only.
struct Series<'c> {
    columns: Vec<&'c Column>,
    /// Columns with such a name that hold something else, or nothing.
    left_out: Vec<&'c Column>,
}

/// A name without its running number, and that.
fn numbered(name: &str) -> Option<(&str, u32)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    Some((stem, name[stem.len()..].parse().ok()?))
}

impl<'c> Series<'c> {
    fn first(&self) -> &'c Column {
        self.columns[0]
    }

    fn is_doubtful(&self) -> bool {
        self.first().doubtful && self.first().told_apart_by.is_none()
    }

    /// Whether a column has the name of the next.
    fn is_called_alike(&self, column: &Column) -> bool {
        let (Some((stem, _)), Some((of, _))) = (numbered(&self.first().name), numbered(&column.name)) else { return false };
        stem == of
    }

    /// Whether a column of codes belongs here.
    fn has_place_for(&self, column: &Column) -> bool {
        let first = self.first();
        let is_of_its_systems = match &first.told_apart_by {
            // What the records say of the system, the columns need not.
            Some(by) => column.told_apart_by.as_ref().map_or_else(
                || column.system.as_ref().is_some_and(|system| by.values.iter().any(|(_, s)| s == system)),
                |other| other == by,
            ),
            None => {
                let is_as_sure = column.doubtful == first.doubtful || column.is_sparse();
                column.told_apart_by.is_none()
                    && is_as_sure
                    && column.is_mixed() == first.is_mixed()
                    && first.system.as_ref().is_some_and(|system| column.admits(system))
            }
        };
        self.is_called_alike(column) && is_of_its_systems && column.split == first.split
    }

    /// Takes up what is no column of codes by itself: a gap in the series that is mostly blank belongs to it, the rest is named.
    fn fill(&mut self, columns: &'c [Column]) {
        let number = |column: &Column| numbered(&column.name).map_or(0, |(_, n)| n);
        let numbers = || self.columns.iter().map(|c| number(c));
        let (first, last) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
        let others = columns.iter().filter(|c| c.kind != Kind::Code && self.is_called_alike(c));
        let belongs = |c: &&Column| c.is_sparse() && c.kind != Kind::NotLookedAt && ((first..last).contains(&number(c)) || c.filled > 0);
        let (gaps, left_out): (Vec<&Column>, Vec<&Column>) = others.partition(belongs);
        self.columns.extend(gaps);
        self.columns.sort_by_key(|c| number(c));
        self.left_out = left_out;
    }

    /// `dx1..dx6,dx8`. By a JSON pointer there are no series.
    fn name(&self, is_ndjson: bool) -> String {
        let mut runs: Vec<(&str, &str)> = Vec::new();
        for column in &self.columns {
            match runs.last_mut().filter(|(from, to)| !is_ndjson && is_next(from, to, &column.name)) {
                Some(run) => run.1 = &column.name,
                None => runs.push((&column.name, &column.name)),
            }
        }
        let runs = runs.into_iter().map(|(from, to)| if from == to { from.to_owned() } else { format!("{from}..{to}") });
        runs.collect::<Vec<_>>().join(",")
    }
}

/// Whether a run of names goes on with this one, counted as the job's column names are: with as many digits as the first.
fn is_next(from: &str, to: &str, name: &str) -> bool {
    let (Some((stem, _)), Some((_, last))) = (numbered(from), numbered(to)) else { return false };
    let width = from.len() - stem.len();
    name == format!("{stem}{:0width$}", last + 1)
}

fn series(columns: &[Column]) -> Vec<Series<'_>> {
    let mut all: Vec<Series<'_>> = Vec::new();
    for column in columns.iter().filter(|c| c.kind == Kind::Code) {
        match all.iter_mut().find(|series| series.has_place_for(column)) {
            Some(series) => series.columns.push(column),
            None => all.push(Series { columns: vec![column], left_out: Vec::new() }),
        }
    }
    // Of several series with the same stem nobody can tell to which a gap belongs.
    for at in 0..all.len() {
        let is_alone = !all.iter().enumerate().any(|(other, series)| other != at && series.is_called_alike(all[at].columns[0]));
        if is_alone {
            all[at].fill(columns);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_through_a_pipe_goes_to_a_file() {
        let job = Job { input: "-".into(), delimiter: Some('\t'), ..Job::default() };
        let out = toml(&job, None, &[], &Gathered::default());
        let read: Job = toml::from_str(&out).unwrap();
        assert_eq!((read.input, read.output, read.report), ("-".into(), "converted.csv".into(), Some("report".into())), "{out}");
        assert_eq!(read.delimiter, Some('\t'));
    }
}
