//! Addenda of ICD-10-CM and ICD-10-PCS: what a year's order or codes file adds to, deletes from and revises in the one before.
//!
//! `Add:`, `Delete:`, `Revise from:` and `Revise to:` in columns 1-12, the row from column 14 on: as in the order file from its flag
//! on (`icd10cm_order_addenda_2017.txt`), without the flag (`order_addenda_2018.txt` of ICD-10-PCS), or as in the codes file, without
//! flag and short title (`icd10cm_codes_addenda_2017.txt`). At the end stand totals (`74719 codes in icd10cm_order_2026.txt`).
//! A code that becomes a header is deleted and added.
//!
//! Addenda alone are no release: a file of them names only what changed. [`read`] gives [`Entry`]s, [`apply`] makes of one year's rows
//! the next year's, so that the published files prove each other.

use super::code::{Place, key_of};
use super::icd_order::OrderRow;
use super::lines::{Line, Lines, excerpt};
use super::{Finding, Sink};
use crate::model::{CodeForm, Status};
use std::collections::BTreeMap;
use std::io::{self, BufRead};

/// How the rows of an addenda file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Flag, code, short and long title.
    Order,
    /// Code, short and long title (ICD-10-PCS).
    OrderWithoutFlag,
    /// Code and long title.
    Codes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Add,
    Delete,
    ReviseFrom,
    ReviseTo,
}

/// What a row says of a code, as far as its layout says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub status: Option<Status>,
    pub short: Option<String>,
    pub long: String,
}

/// One line of an addenda file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub line: u64,
    pub action: Action,
    /// The key.
    pub code: String,
    pub row: Row,
}

/// The entries of a file, and what it says of the number of codes in the years before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addenda {
    pub entries: Vec<Entry>,
    /// `headers` or `codes`, the number, and the file it is said of, as they come: the year before, the year after.
    pub totals: Vec<(String, usize, String)>,
}

/// Reads a file of addenda; bad lines become findings of `sink`.
pub fn read(input: &mut dyn BufRead, file: &str, layout: Layout, form: CodeForm, sink: &mut dyn Sink) -> io::Result<Addenda> {
    let mut lines = Lines::new(input);
    let mut addenda = Addenda::default();
    while let Some(line) = lines.next()? {
        let Some((action, mend)) = action_of(&line) else {
            addenda.totals.extend(total_of(&line.text));
            continue;
        };
        let row = match layout {
            Layout::Order => OrderRow::parse_from(&line, 14, true),
            Layout::OrderWithoutFlag => OrderRow::parse_from(&line, 14, false),
            Layout::Codes if line.blank_at(21) => {
                Ok(OrderRow { code: line.columns(14, 20).trim_end(), long: line.columns_from(22).trim(), ..OrderRow::default() })
            }
            Layout::Codes => Err((21, format!("{} where a blank should be", excerpt(line.columns(21, 21))))),
        };
        let row = match row {
            Ok(row) => row,
            Err((column, what)) => {
                let finding = Finding::warning(file, line.number, what).at(column).mend(mend);
                sink.finding(line.overlong_finding(file).unwrap_or(finding));
                continue;
            }
        };
        let Some(code) = key_of(row.code, form, Place { file, line: line.number, column: 14 }, sink) else { continue };
        let short = (layout != Layout::Codes).then(|| row.short.to_owned());
        let status = (layout == Layout::Order).then_some(row.status);
        let row = Row { status, short, long: row.long.to_owned() };
        addenda.entries.push(Entry { line: line.number, action, code: code.into_owned(), row });
    }
    Ok(addenda)
}

/// Which layout a file has, from its first lines. In order addenda the short title is padded, so that every line is 82 columns and more.
pub fn layout_of(head: &str) -> Option<Layout> {
    let labels = ["Add:", "Delete:", "Revise from:", "Revise to:"];
    let mut entries = head.lines().filter(|line| labels.iter().any(|label| line.starts_with(label))).peekable();
    let column = |line: &str, n: usize| line.as_bytes().get(n - 1).copied();
    let first = entries.peek()?;
    if matches!(column(first, 14), Some(b'0' | b'1')) && column(first, 15) == Some(b' ') {
        return Some(Layout::Order);
    }
    let padded = entries.all(|line| column(line, 82) == Some(b' ') && line.len() > 82);
    Some(if padded { Layout::OrderWithoutFlag } else { Layout::Codes })
}

/// Makes of one year's rows the next year's. What does not fit is a finding, and the rest is applied.
pub fn apply(rows: &mut BTreeMap<String, Row>, addenda: &Addenda, file: &str, sink: &mut dyn Sink) {
    let mut complain = |entry: &Entry, what: &str| {
        let what = format!("{}: {what}", entry.code);
        sink.finding(Finding::warning(file, entry.line, what).at(14).mend("do the addenda belong to the year after these rows?"));
    };
    for entry in &addenda.entries {
        let known = rows.get(&entry.code);
        match entry.action {
            Action::Add if known.is_some() => complain(entry, "added, but it is there already"),
            Action::Add => {
                rows.insert(entry.code.clone(), entry.row.clone());
            }
            Action::Delete | Action::ReviseFrom if known.is_none() => complain(entry, "deleted or revised, but it is not there"),
            Action::Delete | Action::ReviseFrom => {
                if known.is_some_and(|known| !agrees(known, &entry.row)) {
                    complain(entry, "its titles before are others than the addenda say");
                }
                if entry.action == Action::Delete {
                    rows.remove(&entry.code);
                }
            }
            Action::ReviseTo => match rows.get_mut(&entry.code) {
                Some(row) => {
                    row.long.clone_from(&entry.row.long);
                    row.short = entry.row.short.clone().or(row.short.take());
                    row.status = entry.row.status.or(row.status);
                }
                None => complain(entry, "revised, but it is not there"),
            },
        }
    }
}

/// Whether two rows say the same where both say something.
fn agrees(a: &Row, b: &Row) -> bool {
    let same = a.long == b.long && a.short.as_ref().zip(b.short.as_ref()).is_none_or(|(a, b)| a == b);
    same && a.status.zip(b.status).is_none_or(|(a, b)| a == b)
}

fn action_of(line: &Line<'_>) -> Option<(Action, &'static str)> {
    let mend = "the row stands from column 14 on, written as in the file that it changes; it was left out";
    let action = match line.columns(1, 13).trim_end() {
        "Add:" => Action::Add,
        "Delete:" => Action::Delete,
        "Revise from:" => Action::ReviseFrom,
        "Revise to:" => Action::ReviseTo,
        _ => return None,
    };
    Some((action, mend))
}

/// `  74719 codes in icd10cm_order_2026.txt`
fn total_of(text: &str) -> Option<(String, usize, String)> {
    let mut words = text.split_ascii_whitespace();
    let number = words.next()?.parse().ok()?;
    let what = words.next().filter(|what| matches!(*what, "codes" | "headers"))?;
    (words.next()? == "in").then_some((what.to_owned(), number, words.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Collected;

    const ORDER: &str = "\
Delete:      1 A047    Enterocolitis due to Clostridium difficile                   Enterocolitis due to Clostridium difficile\r
Add:         0 A047    Enterocolitis due to Clostridium difficile                   Enterocolitis due to Clostridium difficile\r
Add:         1 A0471   Enterocolitis due to Clostridium difficile, recurrent        Enterocolitis due to Clostridium difficile, recurrent\r
Revise from: 1 A7741   Ehrlichiosis chafeensis [E. chafeensis]                      Ehrlichiosis chafeensis [E. chafeensis]\r
Revise to:   1 A7741   Ehrlichiosis chaffeensis [E. chaffeensis]                    Ehrlichiosis chaffeensis [E. chaffeensis]\r
\r
Codes\r
  71486 codes in icd10cm_order_2017.txt\r
  71704 codes in icd10cm_order_2018.txt\r
";

    fn row(status: Status, title: &str) -> Row {
        Row { status: Some(status), short: Some(title.into()), long: title.into() }
    }

    #[test]
    fn one_year_becomes_the_next() {
        let mut sink = Collected::default();
        let addenda = read(&mut ORDER.as_bytes(), "addenda.txt", Layout::Order, CodeForm::Icd10Cm, &mut sink).unwrap();
        assert_eq!(addenda.entries.len(), 5);
        assert_eq!(addenda.totals[1], ("codes".to_owned(), 71_704, "icd10cm_order_2018.txt".to_owned()));
        let difficile = "Enterocolitis due to Clostridium difficile";
        let mut rows: BTreeMap<_, _> = [
            ("A047".to_owned(), row(Status::Valid, difficile)),
            ("A7741".to_owned(), row(Status::Valid, "Ehrlichiosis chafeensis [E. chafeensis]")),
        ]
        .into();
        apply(&mut rows, &addenda, "addenda.txt", &mut sink);
        assert_eq!(sink.findings, []);
        assert_eq!(rows["A047"].status, Some(Status::Header));
        assert_eq!(rows["A0471"], row(Status::Valid, "Enterocolitis due to Clostridium difficile, recurrent"));
        assert_eq!(rows["A7741"].long, "Ehrlichiosis chaffeensis [E. chaffeensis]");

        // Once more: nothing fits any longer, and every entry that does not is said.
        apply(&mut rows, &addenda, "addenda.txt", &mut sink);
        assert_eq!(sink.findings.iter().map(|f| f.line).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn layouts_show_in_the_first_entry() {
        assert_eq!(layout_of(ORDER), Some(Layout::Order));
        let pcs = "Revise from: 001     Central Nervous System, Bypass                               Central Nervous System, Bypass\r\n";
        assert_eq!(layout_of(pcs), Some(Layout::OrderWithoutFlag));
        let full = "Add:         00160ZB Bypass Cerebral Ventricle to Cereb Cistern, Open Approach_12 Bypass Cerebral Ventricle\r\n";
        assert_eq!(layout_of(full), Some(Layout::OrderWithoutFlag));
        assert_eq!(layout_of("Add:         A925    Zika virus disease\r\n"), Some(Layout::Codes));
        assert_eq!(layout_of("Codes\r\n"), None);
    }

    #[test]
    fn bad_lines_are_findings() {
        let mut sink = Collected::default();
        let text = "Add:         A925   Zika virus disease\r\nAdd:         925     Zika\r\nAdd:         A926    Zika\r\n";
        let addenda = read(&mut text.as_bytes(), "a.txt", Layout::Codes, CodeForm::Icd10Cm, &mut sink).unwrap();
        assert_eq!(addenda.entries.iter().map(|e| e.code.as_str()).collect::<Vec<_>>(), ["A926"]);
        assert_eq!(sink.findings.iter().map(|f| (f.line, f.column)).collect::<Vec<_>>(), [(1, 21), (2, 14)]);
    }
}
