//! Any table of mappings: a separated file, or a sheet of a workbook, whose columns a short entry names.
//!
//! ```toml
//! [[release]]
//! id = "payer-2026"
//! map = "payer"
//! source = "icd9cm"
//! target = "icd10cm"
//! kind = "table"            # or gem, where `flags` are the five digits of a GEM; or succession
//! version = "2026"
//! format = "table"
//! file = "crosswalk.csv"
//! [release.table]
//! delimiter = ";"           # by default the comma; "tab" for a tab
//! quote = ""                # none; by default the double quote
//! sheet = "Crosswalk"       # of a workbook (.xlsx, .xls, .ods); by default its first one
//! skip = 2                  # lines above the header
//! header = false            # columns are then numbers from 1
//! columns = { source = "OLD", target = "NEW", relationship = "MATCH", comment = "NOTES" }
//! relationship = "equivalent"                                # of rows that do not say; by default related-to
//! relationships = { "1" = "equivalent", "B" = "related-to" } # what the words of the file mean
//! no_map = ["NONE"]         # targets that mean that there is none, beside empty ones
//! date = "%m/%d/%Y"         # by default 2026-10-01 and 20261001
//! ```
//!
//! Columns that can be named: `source`, `target`, `relationship`, `flags`, `scenario`, `group`, `priority`, `rule`, `advice`, `category`,
//! `comment`, `usage`, `source_display`, `target_display`, `from`, `to`. A row with a time answers only for records of that time, or, for a
//! record without a date, today.
//!
//! Spreadsheets damage codes in ways that can be seen: zeros lost in front, long ids in scientific notation. Such a code is not a code of
//! its system; the row is left out, and the finding says what was probably there. Nothing is repaired. Letter case and blanks around a
//! code are another matter: they are folded (`v58.69` is V58.69), and one finding says how often. In a workbook codes may be numbers, of
//! which the zeros at the end are lost as well (250.1 may have been 250.10): they are read as they show, and said.

mod workbook;

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use calamine::Data;
use serde::Deserialize;

use super::code::{Folding, bad_sct_id, form_of};
use super::source::read_to_vec;
use super::tabular::Findings;
use super::{At, MapHandle, MapRelease, Severity, Sink, TargetDetail, TargetRow};
use crate::model::system::verhoeff;
use crate::model::{CodeForm, Date, GemFlags, MapKind, Relationship};

/// What the entry says of the file's dialect and columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    pub delimiter: Option<String>,
    pub quote: Option<String>,
    pub sheet: Option<Box<str>>,
    pub skip: u64,
    pub header: Option<bool>,
    pub columns: BTreeMap<String, Column>,
    pub relationship: Option<String>,
    pub relationships: BTreeMap<String, String>,
    pub no_map: Vec<String>,
    pub date: Option<Box<str>>,
}

/// A column by its name in the header, or by its number from 1.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Column {
    Number(u32),
    Name(String),
}

const FIELDS: [&str; 16] = [
    "source",
    "target",
    "relationship",
    "flags",
    "scenario",
    "group",
    "priority",
    "rule",
    "advice",
    "category",
    "comment",
    "usage",
    "source_display",
    "target_display",
    "from",
    "to",
];

impl Layout {
    /// What in the layout itself cannot be meant; empty if it is sound.
    pub fn complaints(&self) -> Vec<String> {
        let mut all = Vec::new();
        for field in ["source", "target"] {
            if !self.columns.contains_key(field) {
                all.push(format!("columns names no {field}"));
            }
        }
        for name in self.columns.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            all.push(format!("columns names {name:?}, which is none of {}", FIELDS.join(", ")));
        }
        if self.header == Some(false) && self.columns.values().any(|c| matches!(c, Column::Name(_))) {
            all.push("without a header, columns are numbers from 1".into());
        }
        if self.columns.values().any(|c| *c == Column::Number(0)) {
            all.push("columns are numbered from 1".into());
        }
        for word in self.relationships.values().chain(&self.relationship).filter(|w| Relationship::from_code(w).is_none()) {
            let codes = Relationship::ALL.map(Relationship::code).join(", ");
            all.push(format!("{word:?} is no relationship; there are {codes}"));
        }
        for (name, text) in [("delimiter", &self.delimiter), ("quote", &self.quote)] {
            let is_tab = text.as_deref() == Some("tab");
            if text.as_ref().is_some_and(|t| t.len() > 1 && !is_tab) || (name == "delimiter" && text.as_deref() == Some("")) {
                all.push(format!("{name} is one ASCII character"));
            }
        }
        all
    }

    fn byte(text: &Option<String>, otherwise: u8) -> Option<u8> {
        match text.as_deref() {
            None => Some(otherwise),
            Some("tab") => Some(b'\t'),
            Some(text) => text.bytes().next(),
        }
    }
}

/// Reads a table.
pub fn read(input: &mut dyn BufRead, file: &str, given: &MapRelease, layout: &Layout, sink: &mut dyn Sink) -> io::Result<()> {
    let mut findings = Findings::new(file, sink);
    let complaints = layout.complaints();
    if !complaints.is_empty() {
        for what in complaints {
            findings.push(Severity::Error, 0, 0, what, "correct the entry in the manifest; the file is not read");
        }
        return Ok(());
    }
    let mut rows = Rows { given, layout, table: None };
    let first = input.fill_buf()?;
    if first.starts_with(b"PK\x03\x04") || first.starts_with(b"\xD0\xCF\x11\xE0") {
        read_workbook(&read_to_vec(input)?, &mut rows, &mut findings);
    } else {
        read_text(input, &mut rows, &mut findings)?;
    }
    if let Some(table) = rows.table {
        table.folding.finish(file, findings.sink);
    }
    findings.finish();
    Ok(())
}

fn read_text(input: &mut dyn BufRead, rows: &mut Rows<'_>, findings: &mut Findings<'_>) -> io::Result<()> {
    let layout = rows.layout;
    // What spreadsheets call Unicode text.
    let bom = encoding_rs::Encoding::for_bom(input.fill_buf()?).map(|(encoding, _)| encoding);
    let utf16 = bom.filter(|encoding| *encoding != encoding_rs::UTF_8);
    let decoded = match utf16 {
        Some(encoding) => encoding.decode(&read_to_vec(input)?).0.into_owned(),
        None => String::new(),
    };
    let mut decoded = decoded.as_bytes();
    let input: &mut dyn BufRead = if utf16.is_some() { &mut decoded } else { input };
    let mut above = Vec::new();
    for _ in 0..layout.skip {
        input.read_until(b'\n', &mut above)?;
    }
    // The csv crate leaves the LF of a CRLF to the next record, which then begins a line earlier than it does for people.
    let first = input.fill_buf()?;
    let behind = u64::from(memchr::memchr(b'\n', first).is_some_and(|at| at > 0 && first[at - 1] == b'\r'));
    let quote = Layout::byte(&layout.quote, b'"');
    let mut csv = csv::ReaderBuilder::new()
        .delimiter(Layout::byte(&layout.delimiter, b',').unwrap_or(b','))
        .quoting(quote.is_some())
        .quote(quote.unwrap_or(b'"'))
        .has_headers(false)
        .flexible(true)
        .from_reader(input);
    let mut record = csv::ByteRecord::new();
    let mut seen_header = false;
    while csv.read_byte_record(&mut record).map_err(io::Error::from)? {
        let line = layout.skip + record.position().map_or(0, csv::Position::line) + if seen_header { behind } else { 0 };
        seen_header = true;
        if !rows.take(line, &record, findings) {
            return Ok(());
        }
    }
    if !seen_header {
        findings.push(Severity::Error, 0, 0, "the file is empty".into(), "get it again");
    }
    Ok(())
}

fn read_workbook(bytes: &[u8], rows: &mut Rows<'_>, findings: &mut Findings<'_>) {
    let layout = rows.layout;
    let sheet = match workbook::sheet(bytes, layout.sheet.as_deref()) {
        Ok(sheet) => sheet,
        Err(what) => {
            return findings.push(Severity::Error, 0, 0, what, "correct the entry, or save the sheet as CSV UTF-8; the file is not read");
        }
    };
    let date = layout.date.as_deref().unwrap_or("%Y-%m-%d");
    let mut is_empty = true;
    for (line, cells) in workbook::rows(&sheet).filter(|(line, _)| *line > layout.skip) {
        is_empty = false;
        let record = csv::ByteRecord::from(cells.iter().map(|cell| workbook::text(cell, date)).collect::<Vec<_>>());
        // What only people read decides nothing.
        let words = ["advice", "category", "comment", "usage", "source_display", "target_display"];
        let is_error = |place: usize| place.checked_sub(1).and_then(|at| cells.get(at)).is_some_and(|cell| matches!(cell, Data::Error(_)));
        if let Some(table) = &rows.table
            && let Some((place, _)) = table.places.into_iter().zip(FIELDS).find(|(place, field)| !words.contains(field) && is_error(*place))
        {
            let what = format!("the cell shows {:?}: an error, or a formula that nobody has computed", text(&record[place - 1]));
            findings.warn("cells without a value", line, place, what, "the row is left out; open the file in a spreadsheet and save it");
            table.left_out(line, &record, findings);
            continue;
        }
        if !rows.take(line, &record, findings) {
            return;
        }
        for n in [0, 1] {
            let Some(table) = &rows.table else { continue };
            let cell = table.places[n].checked_sub(1).and_then(|at| cells.get(at));
            let number = cell.filter(|cell| matches!(cell, Data::Float(_) | Data::Int(_)));
            let code = number.map(|number| workbook::text(number, date));
            if let Some(code) = code.filter(|code| may_have_lost_zeros(table.forms[n], code)) {
                let what = format!("{code} is a number here: of zeros at its end nothing would be left");
                let mend = "read as it shows; format the column as text before it is filled";
                findings.warn("codes that are numbers", line, table.places[n], what, mend);
            }
        }
    }
    if is_empty {
        findings.push(Severity::Error, 0, 0, "the sheet is empty".into(), "name another `sheet` in the entry");
    }
}

/// Whether a number may be what is left of a longer code: 250.1 of 250.10, but not 250.11 or 25010. Zeros lost in front are [`damage`].
fn may_have_lost_zeros(form: CodeForm, number: &str) -> bool {
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    match form {
        CodeForm::Icd9Cm => before.len() == 3 && after.len() < 2,
        CodeForm::Icd9Proc => before.len() == 2 && after.len() < 2,
        _ => false,
    }
}

/// Takes the rows of a table one by one; the first is its header, if it has one.
struct Rows<'a> {
    given: &'a MapRelease,
    layout: &'a Layout,
    table: Option<Table<'a>>,
}

impl Rows<'_> {
    /// False: the header is not the one of the entry, and there is no use in the others.
    fn take(&mut self, line: u64, record: &csv::ByteRecord, findings: &mut Findings<'_>) -> bool {
        let table = match &mut self.table {
            Some(table) => table,
            None => {
                let has_header = self.layout.header != Some(false);
                let names: Vec<String> = record.iter().map(|name| text(name).trim_start_matches('\u{feff}').trim().to_owned()).collect();
                let Some(places) = places(self.layout, has_header.then_some(&names), line, findings) else { return false };
                let (map, forms) = (findings.sink.map(self.given), [form_of(&self.given.source), form_of(&self.given.target)]);
                let (given, layout, width) = (self.given, self.layout, names.len());
                let table = self.table.insert(Table { map, given, forms, layout, places, width, folding: Folding::default() });
                if has_header {
                    return true;
                }
                table
            }
        };
        table.row(line, record, findings);
        true
    }
}

/// Where the fields of [`FIELDS`] stand, from 1; 0 for those that the layout does not name.
fn places(layout: &Layout, header: Option<&Vec<String>>, line: u64, findings: &mut Findings<'_>) -> Option<[usize; FIELDS.len()]> {
    let mut places = [0; FIELDS.len()];
    let mut missing = Vec::new();
    for (place, field) in places.iter_mut().zip(FIELDS) {
        match (layout.columns.get(field), header) {
            (Some(Column::Number(n)), _) => *place = *n as usize,
            (Some(Column::Name(name)), Some(header)) => match header.iter().position(|h| h.eq_ignore_ascii_case(name)) {
                Some(i) => *place = i + 1,
                None => missing.push(name.as_str()),
            },
            _ => {}
        }
    }
    if missing.is_empty() {
        return Some(places);
    }
    let has = super::tabular::shown(&header.map_or(String::new(), |h| h.join(" ")));
    let what = format!("the header has no column {}; it has: {has}", missing.join(", "));
    findings.push(Severity::Error, line, 1, what, "the file is not read; name its columns as it does, or its delimiter");
    None
}

/// The text of a field: UTF-8 if it is, else what spreadsheets on Windows write.
fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    super::lines::decode(bytes).0
}

struct Table<'a> {
    map: MapHandle,
    given: &'a MapRelease,
    /// Of source and target.
    forms: [CodeForm; 2],
    layout: &'a Layout,
    places: [usize; FIELDS.len()],
    width: usize,
    folding: Folding,
}

impl Table<'_> {
    fn row(&mut self, line: u64, record: &csv::ByteRecord, findings: &mut Findings<'_>) {
        let is_empty = record.iter().all(|field| field.trim_ascii().is_empty());
        if !is_empty && self.told(line, record, findings).is_none() {
            self.left_out(line, record, findings);
        }
    }

    /// Tells which source has lost a row, as far as the row can be read.
    fn left_out(&self, line: u64, record: &csv::ByteRecord, findings: &mut Findings<'_>) {
        let fields = self.fields(record);
        let source = match self.forms[0] {
            CodeForm::AsWritten => fields[0].trim().to_owned(),
            _ => fields[0].trim().to_ascii_uppercase(),
        };
        let group = fields[5].trim().parse().ok().filter(|_| record.len() == self.width).unwrap_or(0);
        if !source.is_empty() && damage(self.forms[0], &source).is_none() && bad_sct_id(self.forms[0], &source).is_none() {
            findings.sink.row_left_out(self.map, &source, group, At { line, column: self.places[0] as u32 });
        }
    }

    /// The texts of the fields of [`FIELDS`], empty where the row has none.
    fn fields<'r>(&self, record: &'r csv::ByteRecord) -> [std::borrow::Cow<'r, str>; FIELDS.len()] {
        self.places.map(|place| text(place.checked_sub(1).and_then(|at| record.get(at)).unwrap_or(b"")))
    }

    /// Tells a row. `None`: it is left out, and said.
    fn told(&mut self, line: u64, record: &csv::ByteRecord, findings: &mut Findings<'_>) -> Option<()> {
        if record.len() != self.width {
            let what = format!("{} fields where the first line has {}", record.len(), self.width);
            return findings.leave_out(
                "lines with another number of fields",
                line,
                record.len().min(self.width) + 1,
                what,
                "left out; a delimiter within a field needs quotes",
            );
        }
        let fields = self.fields(record);
        let field = |n: usize| fields[n].trim();
        let [source, target, word, flags] = [0, 1, 2, 3].map(field);
        if source.is_empty() {
            return findings.leave_out("rows without a source", line, self.places[0], "there is no source code", "the row is left out");
        }
        let target = Some(target).filter(|t| !t.is_empty() && !self.layout.no_map.iter().any(|n| n.eq_ignore_ascii_case(t)));
        for (code, place) in [(Some(source), 0), (target, 1)] {
            if let Some(damage) = code.and_then(|code| damage(self.forms[place], code)) {
                let mend = "the row is left out; format the column as text and export the table again";
                return findings.leave_out("codes that a spreadsheet has damaged", line, self.places[place], damage, mend);
            }
            if let Some(what) = code.and_then(|code| bad_sct_id(self.forms[place], code)) {
                return findings.leave_out("bad SNOMED CT ids", line, self.places[place], what, "the row is left out; correct the id");
            }
        }
        let Some(relationship) = self.relationship(word) else {
            let what = format!("{word:?} is no relationship that the entry explains");
            return findings.leave_out(
                "unknown relationships",
                line,
                self.places[2],
                what,
                "left out; add it to `relationships` in the entry",
            );
        };
        let at = [0, 1].map(|n| At { line, column: self.places[n] as u32 });
        let source_code = self.folding.code(source, self.forms[0], at[0]);
        let target_code = target.map(|target| self.folding.code(target, self.forms[1], at[1]));
        let mut row = TargetRow { line, source: &source_code, target: target_code.as_deref(), relationship, at, ..TargetRow::default() };
        if !flags.is_empty() {
            let Some(flags) = GemFlags::parse(flags) else {
                let what = format!("{flags:?} are not the five flags of a GEM");
                return findings.leave_out("bad flags", line, self.places[3], what, "left out; were leading zeros lost?");
            };
            row.gem_flags = flags.to_number();
            row.relationship = if flags.approximate { Relationship::RelatedTo } else { Relationship::Equivalent };
            if flags.combination {
                (row.scenario, row.group) = (flags.scenario.into(), flags.choice_list.into());
            }
            if flags.no_map {
                row.target = None;
            }
        } else if self.given.kind == MapKind::Gem {
            return findings.leave_out(
                "rows without flags",
                line,
                self.places[3],
                "there are no flags",
                "left out; a GEM row needs its five flags",
            );
        }
        for (n, value) in [(4, &mut row.scenario), (5, &mut row.group), (6, &mut row.priority)] {
            match (field(n), field(n).parse()) {
                ("", _) => {}
                (_, Ok(number)) => *value = number,
                (given, Err(_)) => {
                    let (kind, what) = ("numbers that are none", format!("{} is {given:?}", FIELDS[n]));
                    // Without its place among the rules of a group a row would be tried first.
                    if self.given.kind == MapKind::Rules {
                        return findings.leave_out(kind, line, self.places[n], what, "the row is left out; correct the number");
                    }
                    findings.warn(kind, line, self.places[n], what, "read as if it were not there");
                }
            }
        }
        if !field(7).is_empty() {
            findings.check_rule(line, self.places[7], field(7));
        }
        let usage = match field(11) {
            "" => None,
            given => given.parse::<f32>().ok().filter(|u| u.is_finite()).or_else(|| {
                findings.warn(
                    "numbers that are none",
                    line,
                    self.places[11],
                    format!("usage is {given:?}"),
                    "read as if it were not there",
                );
                None
            }),
        };
        let (from, to) = (self.date(14, field(14), line, findings), self.date(15, field(15), line, findings));
        let (from, to) = (from?, to?);
        row.detail = TargetDetail {
            rule: field(7),
            advice: field(8),
            category: field(9),
            comment: field(10),
            source_display: field(12),
            target_display: field(13),
            from,
            to,
            usage,
            source_as_written: if source_code == source { "" } else { source },
            target_as_written: target.filter(|_| target_code.as_deref() != target).unwrap_or_default(),
            ..TargetDetail::default()
        };
        findings.sink.target(self.map, &row);
        Some(())
    }

    fn relationship(&self, word: &str) -> Option<Relationship> {
        let explained = self.layout.relationships.iter().find(|(given, _)| given.eq_ignore_ascii_case(word)).map(|(_, code)| code.as_str());
        match (word, explained) {
            ("", None) => Some(self.layout.relationship.as_deref().and_then(Relationship::from_code).unwrap_or(Relationship::RelatedTo)),
            (_, Some(code)) => Relationship::from_code(code),
            (word, None) => Relationship::from_code(word).or_else(|| Relationship::from_r4_equivalence(word)),
        }
    }

    /// `None`: a date that cannot be read; the row is then left out.
    fn date(&self, n: usize, given: &str, line: u64, findings: &mut Findings<'_>) -> Option<Option<Date>> {
        if given.is_empty() {
            return Some(None);
        }
        let formats = self.layout.date.as_deref().map_or(vec!["%Y-%m-%d", "%Y%m%d"], |format| vec![format]);
        let date = formats.iter().find_map(|format| Date::strptime(format, given).ok());
        if date.is_none() {
            let what = format!("{given:?} is no date of the form {}", formats.join(" or "));
            findings.warn("bad dates", line, self.places[n], what, "left out; say `date` in the entry");
        }
        date.map(Some)
    }
}

/// What a spreadsheet has done to a code, if that can be seen: the code fits its system only with zeros put in front, or it is an id in
/// scientific notation or rounded to fifteen digits.
fn damage(form: CodeForm, code: &str) -> Option<String> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let lost = |whole: String| Some(format!("{code:?} has lost zeros: it may have been {whole:?}"));
    let (before, after) = code.split_once('.').unwrap_or((code, ""));
    let width = match form {
        CodeForm::Icd9Cm => 3,
        CodeForm::Icd9Proc => 2,
        CodeForm::FiveCharacters => 5,
        CodeForm::Icd10Pcs => 7,
        CodeForm::SctId if code.contains(['E', 'e']) && code.parse::<f64>().is_ok() => {
            return Some(format!("{code:?} is an id in scientific notation; its digits are lost"));
        }
        CodeForm::SctId if digits(code) && code.len() > 15 && code.ends_with("00") && !verhoeff(code.as_bytes()) => {
            return Some(format!("{code:?} is an id rounded to fifteen digits"));
        }
        _ => return None,
    };
    let is_short = digits(before) && before.len() < width && (after.is_empty() || digits(after));
    // A modifier of two digits is a code as it is, and the headers of ICD-10-PCS have three characters.
    let is_code = match form {
        CodeForm::FiveCharacters => before.len() == 2 || !after.is_empty(),
        CodeForm::Icd10Pcs => before.len() <= 3 || !after.is_empty(),
        _ => false,
    };
    if is_short && !is_code { lost(format!("{}{code}", "0".repeat(width - before.len()))) } else { None }
}

#[cfg(test)]
mod tests;
