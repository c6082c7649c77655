//! The job file that follows from a profile. It is a proposal: what is doubtful is said beside it.

use super::columns::{Column, Kind};
use super::{Gathered, dates};
use crate::job::format::ndjson::Ndjson;
use crate::job::report::style::thousands;
use crate::job::{CodeColumn, Job, Quote, RecordFormat, spec, work};
use std::fmt::Write as _;
use std::path::Path;

/// Where codes of a system usually have to go.
const TARGETS: [(&str, &str); 3] = [("icd9cm", "icd10cm"), ("icd9proc", "icd10pcs"), ("snomed", "icd10cm")];

pub(super) fn toml(job: &Job, job_file: Option<&Path>, columns: &[Column], gathered: &Gathered) -> String {
    let mut out = String::from("# Proposed by xwalk profile. Look it through, then: xwalk convert --job FILE\n");
    files(job, job_file, gathered, &mut out);
    let of = |kind: Kind| -> Vec<&Column> { columns.iter().filter(|c| c.kind == kind).collect() };
    let is_ndjson = job.records() == RecordFormat::Ndjson;
    let tables: Vec<Table> = series(columns).iter().map(|group| Table::new(group, gathered, is_ndjson)).collect();
    let (dates, births) = dates::of_service_and_birth(columns, gathered);
    for (key, found) in [("date", dates), ("age", of(Kind::Age)), ("sex", of(Kind::Sex)), ("text", of(Kind::Text))] {
        match (&found[..], &births[..]) {
            ([column], _) if column.doubtful => {
                let _ = writeln!(out, "# {key} = {}   # doubtful: {}", text(&column.name), column.doubts.join("; "));
            }
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
        let others: Vec<String> = others.iter().map(|c| text(&c.name)).collect();
        let or = if others.is_empty() { String::new() } else { format!("   # or one of {}", others.join(", ")) };
        let _ = writeln!(out, "key = [{}]{or}", text(&column.name));
    }
    for table in &tables {
        let _ = write!(out, "\n{}", if table.is_settled { table.text.clone() } else { commented(&table.text) });
    }
    // Where there are no codes, words may have to do.
    let words = if of(Kind::Code).iter().all(|c| c.is_doubtful_anyway()) { of(Kind::Text) } else { Vec::new() };
    for column in &words {
        let name = text(&column.name);
        let _ = write!(
            out,
            "\n{}",
            commented(&format!("[[column]]\nname = {name}\nfrom = \"text\"   # words\nto = \"icd10cm\"   # or another\n"))
        );
    }
    if !tables.iter().any(|table| table.is_settled) {
        let found = match (&tables[..], &words[..]) {
            _ if gathered.records == 0 => "there are no records",
            ([], []) => "no column looks like codes of a loaded system",
            ([], _) => "no column looks like codes of a loaded system; words are searched for: take away the # where they name diagnoses",
            _ => "no column is beyond doubt: of those above, take away the # before what is right",
        };
        let _ = writeln!(out, "\n# {found}");
    }
    out
}

/// Nobody runs by oversight what a person has to look at first.
fn commented(table: &str) -> String {
    table.lines().map(|line| format!("{}{line}\n", if line.starts_with('#') { "" } else { "# " })).collect()
}

/// What is proposed for some columns.
struct Table {
    text: String,
    /// Whether it can be run as it stands.
    is_settled: bool,
}

impl Table {
    fn new(group: &Series<'_>, gathered: &Gathered, is_ndjson: bool) -> Table {
        let first = group.first();
        let system = first.system.as_deref().unwrap_or_default();
        // Of several systems in one column some may be what the others are to become.
        let systems: Vec<&str> = match &first.told_apart_by {
            Some(by) => systems(&by.values),
            None => vec![system],
        };
        let targets: Vec<(&str, &str)> = TARGETS.into_iter().filter(|(from, _)| systems.contains(from)).collect();
        let name = group.name(gathered, is_ndjson);
        let mut doubts = if group.is_doubtful() { first.doubts.clone() } else { Vec::new() };
        if targets.iter().any(|(_, to)| *to != targets[0].1) {
            let ways: Vec<String> = targets.iter().map(|(from, to)| format!("{from} usually becomes {to}")).collect();
            doubts.push(format!("{}, and a column goes to one system; part the file, or leave one without answers", ways.join(", ")));
        }
        if targets.is_empty() {
            doubts.push(format!("what {system} is to be converted to has to be said"));
        }
        let is_taken = |name: &String| match is_ndjson {
            true => gathered.places.contains_key(&format!("/{}", name.replace('~', "~0").replace('/', "~1"))),
            false => gathered.header.contains(name),
        };
        let stem = |c: &Column| if is_ndjson { Ndjson::member(&c.name) } else { c.name.clone() };
        if let Some(taken) = group.columns.iter().flat_map(|c| work::appended(&stem(c))).find(is_taken) {
            doubts.push(format!("there is a column {} already; nothing is overwritten, rename it", text(&taken)));
        }
        if name.is_none() {
            doubts.push(String::from("by this name other columns are meant; rename it"));
        }
        let mut out = String::new();
        for doubt in &doubts {
            let _ = writeln!(out, "# doubtful: {doubt}");
        }
        let _ = writeln!(out, "[[column]]\nname = {}", text(&name.unwrap_or_else(|| first.name.clone())));
        match &first.told_apart_by {
            Some(by) => {
                let values: Vec<String> = by.values.iter().map(|(v, s)| format!("{} = {}", text(v), text(s))).collect();
                let _ = writeln!(out, "from-column = {}\nvalues = {{ {} }}", text(&by.column), values.join(", "));
                if !by.unclear.is_empty() {
                    let unclear: Vec<String> = by.unclear.iter().map(|value| text(value)).collect();
                    let _ = writeln!(out, "# no value: {} (beside codes of several systems)", unclear.join(", "));
                }
            }
            None => {
                let share = first.evidence.first().map_or(0.0, |e| 100.0 * e.codes);
                let of =
                    first.looked_at.map_or_else(String::new, |l| format!(", by {} of {} values", thousands(l.values), thousands(l.of)));
                let _ = writeln!(out, "from = {}   # {share:.1} % of rows are its codes{of}", text(system));
            }
        }
        if let Some(split) = first.split {
            let _ = writeln!(out, "split = {}", text(&split.to_string()));
        }
        let _ = writeln!(out, "to = {}", text(targets.first().map_or("", |(_, to)| to)));
        for left_out in group.left_out.chunk_by(|a, b| a.kind == b.kind) {
            let names: Vec<String> = left_out.iter().map(|c| text(&c.name)).collect();
            let _ = writeln!(out, "# left out: {} ({})", names.join(", "), left_out[0].kind.code());
        }
        Table { text: out, is_settled: doubts.is_empty() }
    }
}

/// The systems that some values mean, each once.
fn systems(values: &[(String, String)]) -> Vec<&str> {
    let mut systems: Vec<&str> = values.iter().map(|(_, system)| system.as_str()).collect();
    systems.sort_unstable();
    systems.dedup();
    systems
}

/// A string of TOML in one line, so that it may stand in a comment, too.
fn text(value: &str) -> String {
    let mut text = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => drop(write!(text, "\\u{:04X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "\""
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

/// Whether some of a column's ages do not say what they count.
fn has_bare_numbers(column: &Column, gathered: &Gathered) -> bool {
    let at = gathered.places.get(&column.name);
    at.is_some_and(|&at| gathered.drawn.iter().any(|row| row.get(at).is_some_and(|age| age.parse::<f64>().is_ok())))
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

/// Whether a name says anything but its number: `#3` does not, nor does `3`.
fn has_stem(name: &str) -> bool {
    numbered(name).is_some_and(|(stem, _)| !["", "#"].contains(&stem))
}

impl<'c> Series<'c> {
    fn first(&self) -> &'c Column {
        self.columns[0]
    }

    fn is_doubtful(&self) -> bool {
        self.first().is_doubtful_anyway()
    }

    /// Whether a column has the name of the next.
    fn is_called_alike(&self, column: &Column) -> bool {
        let (Some((stem, _)), Some((of, _))) = (numbered(&self.first().name), numbered(&column.name)) else { return false };
        stem == of
    }

    /// Whether a column of codes belongs here.
    fn has_place_for(&self, column: &Column) -> bool {
        let first = self.first();
        // Of what is sparse the name may tell what its few values do not.
        let fits = |systems: &[&str]| has_stem(&column.name) && column.is_sparse() && column.fits(systems);
        let is_of_its_systems = match (&first.told_apart_by, &column.told_apart_by) {
            (Some(by), Some(other)) => other == by && column.is_doubtful_anyway() == first.is_doubtful_anyway(),
            // What the records say of the system, the columns need not.
            (Some(by), None) => {
                let systems = systems(&by.values);
                let is_of_one = column.system.as_deref().is_some_and(|system| systems.contains(&system));
                is_of_one && (!column.doubtful || fits(&systems))
            }
            (None, other) => {
                let system = first.system.as_deref().unwrap_or_default();
                other.is_none()
                    && (column.doubtful == first.doubtful || fits(&[system]))
                    && column.is_mixed() == first.is_mixed()
                    && column.admits(system)
            }
        };
        self.is_called_alike(column) && is_of_its_systems && column.split == first.split
    }

    /// Takes up what is no column of codes by itself: an empty one within the series belongs to it, the rest is named.
    fn fill(&mut self, columns: &'c [Column]) {
        if !has_stem(&self.first().name) {
            return;
        }
        let number = |column: &Column| numbered(&column.name).map_or(0, |(_, n)| n);
        let numbers = || self.columns.iter().map(|c| number(c));
        let (first, last) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
        let others = columns.iter().filter(|c| c.kind != Kind::Code && self.is_called_alike(c));
        let belongs = |c: &&Column| c.kind == Kind::Empty && (first..last).contains(&number(c));
        let (gaps, left_out): (Vec<&Column>, Vec<&Column>) = others.partition(belongs);
        self.columns.extend(gaps);
        self.columns.sort_by_key(|c| number(c));
        self.left_out = left_out;
    }

    /// `dx1..dx6,dx8`, or else the place of each, if by that just these columns are meant. By a JSON pointer there are no series.
    fn name(&self, gathered: &Gathered, is_ndjson: bool) -> Option<String> {
        let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        let meant = |name: &str| CodeColumn { name: name.to_owned(), ..CodeColumn::default() };
        if is_ndjson {
            return Some(names.join(",")).filter(|name| meant(name).names(None) == names);
        }
        let header = &gathered.header;
        let places: Vec<usize> = names.iter().filter_map(|name| gathered.places.get(name).copied()).collect();
        let is_it = |name: &String| {
            let found = meant(name).names(Some(header)).iter().map(|name| spec::places(name, header)).collect::<Result<Vec<_>, _>>();
            found.is_ok_and(|found| found.concat() == places)
        };
        let by_place = || places.iter().map(|at| format!("#{}", at + 1)).collect::<Vec<_>>().join(",");
        [self.runs(), by_place()].into_iter().find(is_it)
    }

    fn runs(&self) -> String {
        let mut runs: Vec<(&str, &str)> = Vec::new();
        for column in &self.columns {
            match runs.last_mut().filter(|(from, to)| is_next(from, to, &column.name)) {
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
