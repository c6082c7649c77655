//! The job file that follows from a profile. It is a proposal: what is doubtful is said beside it.

use super::Gathered;
use super::columns::{Column, Kind};
use crate::job::{Job, Quote};
use std::fmt::Write as _;
use std::path::Path;

/// Where codes of a system usually have to go.
const TARGETS: [(&str, &str); 3] = [("icd9cm", "icd10cm"), ("icd9proc", "icd10pcs"), ("snomed", "icd10cm")];

/// Lives go back further than services: dates so many years apart are those of births.
const YEARS: i16 = 60;

pub(super) fn toml(job: &Job, job_file: Option<&Path>, columns: &[Column], gathered: &Gathered) -> String {
    let mut out = String::from("# Proposed by xwalk profile. Look it through, then: xwalk convert --job FILE\n");
    files(job, job_file, &mut out);
    let of = |kind: Kind| -> Vec<&Column> { columns.iter().filter(|c| c.kind == kind).collect() };
    let (births, dates): (Vec<&Column>, Vec<&Column>) = of(Kind::Date).into_iter().partition(|column| is_birth(column, gathered));
    for (key, found) in [("date", dates), ("sex", of(Kind::Sex)), ("text", of(Kind::Text))] {
        match (&found[..], &births[..]) {
            ([column], _) => drop(writeln!(out, "{key} = {}", text(&column.name))),
            ([column, ..], _) => drop(writeln!(out, "# {key} = {}   # one of several", text(&column.name))),
            ([], [birth, ..]) if key == "date" => {
                let _ = writeln!(out, "# date = {}   # rather a date of birth than of service", text(&birth.name));
            }
            _ => {}
        }
    }
    if let [column] = of(Kind::Key)[..] {
        let _ = writeln!(out, "key = [{}]", text(&column.name));
    }
    let codes = of(Kind::Code);
    for group in alike(&codes) {
        let (first, last) = (group[0], group[group.len() - 1]);
        let name = if group.len() > 1 { format!("{}..{}", first.name, last.name) } else { first.name.clone() };
        let system = first.system.as_deref().unwrap_or_default();
        let share = first.evidence.first().map_or(0.0, |e| 100.0 * e.codes);
        let _ = writeln!(out, "\n[[column]]\nname = {}", text(&name));
        match &first.told_apart_by {
            Some(by) => {
                let values: Vec<String> = by.values.iter().map(|(v, s)| format!("{} = {}", text(v), text(s))).collect();
                let _ = writeln!(out, "from-column = {}\nvalues = {{ {} }}", text(&by.column), values.join(", "));
            }
            None => {
                let _ = writeln!(out, "from = {}   # {share:.1} % of the rows looked at are its codes", text(system));
            }
        }
        if let Some(split) = first.split {
            let _ = writeln!(out, "split = {}", text(&split.to_string()));
        }
        if first.doubtful && first.told_apart_by.is_none() {
            let rivals: Vec<String> =
                first.evidence.iter().skip(1).take(2).map(|e| format!("{} ({:.1} %)", e.system, 100.0 * e.codes)).collect();
            let _ = writeln!(out, "# doubtful: also codes of {}", rivals.join(", "));
        }
        // Of two systems in one column one is what the other is to become.
        let systems = first.told_apart_by.iter().flat_map(|by| by.values.iter().map(|(_, system)| system.as_str()));
        match std::iter::once(system).chain(systems).find_map(|s| TARGETS.iter().find(|(from, _)| *from == s)) {
            Some((_, to)) => drop(writeln!(out, "to = {}", text(to))),
            None => drop(writeln!(out, "to = \"\"   # say what to convert {system} to")),
        }
    }
    if codes.is_empty() {
        let found = if gathered.records == 0 { "there are no records" } else { "no column looks like codes of a loaded system" };
        let _ = writeln!(out, "\n# {found}");
    }
    out
}

fn text(value: &str) -> String {
    toml::Value::String(value.to_owned()).to_string()
}

/// Where the records are, how they are read, where they go.
fn files(job: &Job, job_file: Option<&Path>, out: &mut String) {
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
    let years = gathered.first.iter().filter_map(|row| Some(crate::job::facts::date(row.get(at)?)?.year()));
    let (first, last) = years.fold((i16::MAX, i16::MIN), |(first, last), year| (first.min(year), last.max(year)));
    last.saturating_sub(first) > YEARS
}

/// Columns of one system, or of those that one other column tells apart, whose names differ in a running number only.
fn alike<'c>(columns: &[&'c Column]) -> Vec<Vec<&'c Column>> {
    let parts = |c: &Column| {
        let digits = c.name.len() - c.name.bytes().rev().take_while(u8::is_ascii_digit).count();
        c.name[digits..].parse::<u32>().ok().map(|n| (c.name[..digits].to_owned(), c.name.len(), n))
    };
    let mut groups: Vec<Vec<&Column>> = Vec::new();
    for column in columns {
        let follows = groups.last().and_then(|g| g.last()).is_some_and(|before| {
            // What the records say of the system, the columns need not.
            (before.system == column.system || column.told_apart_by.is_some())
                && before.split == column.split
                && before.told_apart_by == column.told_apart_by
                && matches!((parts(before), parts(column)), (Some(a), Some(b)) if a.0 == b.0 && a.2 + 1 == b.2)
        });
        match groups.last_mut().filter(|_| follows) {
            Some(group) => group.push(column),
            None => groups.push(vec![column]),
        }
    }
    groups
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
