//! GEMs as re-issued in CSV: a header row, source, target, and the flags in one column, in five, or both.
//!
//! Seen on the pages of NBER and in packages: `"icd9cm","icd10cm","flags","approximate","no_map","combination","scenario","choice_list"`.
//! A spreadsheet in between takes the leading zeros off `flags`; they are put back, for the number is the same.

use super::Finding;
use super::gem::{Columns, Reader};
use super::lines::{decode, excerpt};
use crate::model::GemFlags;
use std::io::{self, BufRead};

const FLAG_NAMES: [&[&str]; 5] = [&["approximate"], &["nomap"], &["combination"], &["scenario"], &["choicelist", "choice"]];

pub(super) fn read(input: &mut dyn BufRead, reader: &mut Reader<'_>) -> io::Result<()> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
    let mut record = csv::ByteRecord::new();
    if !rows.read_byte_record(&mut record).map_err(io_error)? {
        return Ok(());
    }
    let Some(layout) = Layout::of(&record, reader) else { return Ok(()) };
    while rows.read_byte_record(&mut record).map_err(io_error)? {
        let line = record.position().map_or(0, csv::Position::line);
        let field = |i: usize| decode(record.get(i).unwrap_or_default().trim_ascii()).0;
        if record.iter().all(|f| f.trim_ascii().is_empty()) {
            continue;
        }
        let columns = Columns { source: layout.source as u32 + 1, target: layout.target as u32 + 1, flags: layout.flags_column() };
        match layout.flags(&field) {
            Ok(flags) => reader.row(line, &field(layout.source), &field(layout.target), flags, columns),
            Err(what) => {
                let finding = Finding::warning(reader.file, line, what).at(columns.flags);
                reader.sink.finding(finding.mend("compare with the published file; the row was left out"));
                reader.left_out(line, &field(layout.source), columns.source);
            }
        }
    }
    Ok(())
}

/// Which field is which.
struct Layout {
    source: usize,
    target: usize,
    flags: Option<usize>,
    split: Option<[usize; 5]>,
}

impl Layout {
    /// Reads the header row: flags by their names, and of the other columns the first is the source and the second the target, as in
    /// every GEM; their names are only asked whether the file runs the other way.
    fn of(header: &csv::ByteRecord, reader: &mut Reader<'_>) -> Option<Layout> {
        let names: Vec<String> = header
            .iter()
            .map(|f| decode(f).0.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect())
            .collect();
        let position = |accepted: &[&str]| names.iter().position(|n| accepted.contains(&n.as_str()));
        let flags = position(&["flags"]);
        let each = FLAG_NAMES.map(position);
        let split = each.iter().all(Option::is_some).then(|| each.map(Option::unwrap_or_default));
        let mut codes = (0..names.len()).filter(|i| flags != Some(*i) && !each.contains(&Some(*i)));
        let (source, target) = (codes.next(), codes.next());
        let (Some(source), Some(target), true) = (source, target, flags.is_some() || split.is_some()) else {
            let what = format!("header {} names no source, target and flags", excerpt(&names.join(",")));
            let mend = "expected: source, target, flags, or the five flags approximate, no_map, combination, scenario, choice_list";
            reader.sink.finding(Finding::error(reader.file, 1, what).at(1).mend(mend));
            return None;
        };
        let ten = |name: &str| name.contains("10") || name.contains("pcs");
        for (column, system) in [(source, &reader.given.source), (target, &reader.given.target)] {
            let name = &names[column];
            if name.contains("icd") && ten(name) != ten(system) {
                let what = format!("column {} where codes of {system} should be: the file runs the other way", excerpt(name));
                reader.sink.finding(
                    Finding::error(reader.file, 1, what).at(column as u32 + 1).mend("swap source and target of its manifest entry"),
                );
                return None;
            }
        }
        Some(Layout { source, target, flags, split })
    }

    fn flags_column(&self) -> u32 {
        self.flags.or(self.split.map(|s| s[0])).unwrap_or_default() as u32 + 1
    }

    fn flags<'r>(&self, field: &dyn Fn(usize) -> std::borrow::Cow<'r, str>) -> Result<GemFlags, String> {
        let parse = |digits: &str| GemFlags::parse(digits).ok_or_else(|| format!("{} are not the five flags of a GEM", excerpt(digits)));
        let whole = self.flags.map(|i| parse(&format!("{:0>5}", field(i)))).transpose()?;
        let split = self.split.map(|s| parse(&s.map(field).concat())).transpose()?;
        match (whole, split) {
            (Some(whole), Some(split)) if whole != split => Err(format!("flags {whole} in one column, {split} in five")),
            (Some(flags), _) | (None, Some(flags)) => Ok(flags),
            (None, None) => Err("no flags".to_owned()),
        }
    }
}

fn io_error(error: csv::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
