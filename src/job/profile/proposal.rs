//! The job file that follows from a profile. It is a proposal: what is doubtful is said beside it.

use super::Gathered;
use super::columns::{Column, Kind};
use crate::job::Job;
use std::fmt::Write as _;

/// Where codes of a system usually have to go.
const TARGETS: [(&str, &str); 3] = [("icd9cm", "icd10cm"), ("icd9proc", "icd10pcs"), ("snomed", "icd10cm")];

pub(super) fn toml(job: &Job, columns: &[Column], gathered: &Gathered) -> String {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let name = job.input.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (stem, ending) = name.split_once('.').unwrap_or((&name, "csv"));
    let mut out = String::from("# Proposed by xwalk profile. Look it through, then: xwalk convert --job FILE\n");
    let _ = writeln!(out, "input = {}", text(&name));
    let _ = writeln!(out, "output = {}", text(&format!("{stem}-converted.{ending}")));
    let _ = writeln!(out, "report = {}", text(&format!("{stem}-report")));
    let only = |kind: Kind| {
        let mut found = columns.iter().filter(|c| c.kind == kind);
        (found.next(), found.count())
    };
    for (key, kind) in [("date", Kind::Date), ("sex", Kind::Sex), ("text", Kind::Text)] {
        match only(kind) {
            (Some(column), 0) => drop(writeln!(out, "{key} = {}", text(&column.name))),
            (Some(column), _) => drop(writeln!(out, "# {key} = {}   # one of several", text(&column.name))),
            _ => {}
        }
    }
    if let (Some(column), 0) = only(Kind::Key) {
        let _ = writeln!(out, "key = [{}]", text(&column.name));
    }
    let codes: Vec<&Column> = columns.iter().filter(|c| c.kind == Kind::Code).collect();
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
        if first.doubtful && first.told_apart_by.is_none() {
            let rivals: Vec<String> =
                first.evidence.iter().skip(1).take(2).map(|e| format!("{} ({:.1} %)", e.system, 100.0 * e.codes)).collect();
            let _ = writeln!(out, "# doubtful: also codes of {}", rivals.join(", "));
        }
        match TARGETS.iter().find(|(from, _)| *from == system) {
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

/// Columns of one system whose names differ in a running number only.
fn alike<'c>(columns: &[&'c Column]) -> Vec<Vec<&'c Column>> {
    let parts = |c: &Column| {
        let digits = c.name.len() - c.name.bytes().rev().take_while(u8::is_ascii_digit).count();
        c.name[digits..].parse::<u32>().ok().map(|n| (c.name[..digits].to_owned(), c.name.len(), n))
    };
    let mut groups: Vec<Vec<&Column>> = Vec::new();
    for column in columns {
        let follows = groups.last().and_then(|g| g.last()).is_some_and(|before| {
            before.system == column.system
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
