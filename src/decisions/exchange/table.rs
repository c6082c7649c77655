//! Delimited tables with a header, safe to open in a spreadsheet.

use super::{ExchangeError, Problem};
use crate::text::spreadsheet::{cell, text};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{Read, Write};

/// Writes rows under a header.
pub struct Writer<'w> {
    csv: csv::Writer<&'w mut dyn Write>,
}

impl<'w> Writer<'w> {
    pub fn new(to: &'w mut dyn Write, delimiter: u8, header: &[&str]) -> Result<Writer<'w>, ExchangeError> {
        let mut csv = csv::WriterBuilder::new().delimiter(delimiter).from_writer(to);
        csv.write_record(header)?;
        Ok(Writer { csv })
    }

    pub fn row<'c>(&mut self, cells: impl IntoIterator<Item = Cow<'c, str>>) -> Result<(), ExchangeError> {
        for c in cells {
            self.csv.write_field(cell(&c).as_bytes())?;
        }
        self.csv.write_record(None::<&[u8]>)?;
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), ExchangeError> {
        Ok(self.csv.flush()?)
    }
}

/// A table that was read: cells by the names of their columns.
pub struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<(u64, csv::StringRecord)>,
}

/// A row of it.
pub struct Row<'t> {
    table: &'t Table,
    pub line: u64,
    record: &'t csv::StringRecord,
}

impl Table {
    /// Reads a table; its text may be preceded by lines of remarks.
    ///
    /// Columns that are not `known` (a name, or the beginning of names if it ends in `*`) are a problem each; one that is `needed` must
    /// be there. Rows that cannot be read are a problem each.
    pub fn read(
        from: &mut dyn Read,
        delimiter: u8,
        needed: &[&str],
        known: &[&str],
        problems: &mut Vec<Problem>,
    ) -> Result<Table, ExchangeError> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)?;
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let (skipped, bytes) = after_remarks(bytes);
        let mut csv = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(bytes);
        let header = csv.byte_headers()?.clone();
        let mut columns = HashMap::new();
        for (at, name) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(name).trim().to_owned();
            let fits = |k: &&str| k.strip_suffix('*').map_or(**k == name, |stem| name.starts_with(stem));
            if !needed.iter().chain(known).any(fits) {
                problems.push(Problem { line: skipped + 1, what: format!("column `{name}` is not known and was left out") });
            }
            if columns.insert(name.clone(), at).is_some() {
                problems.push(Problem { line: skipped + 1, what: format!("column `{name}` is there twice; the last one was read") });
            }
        }
        if let Some(missing) = needed.iter().find(|n| !columns.contains_key(**n)) {
            return Err(ExchangeError::NotThis(format!("there is no column `{missing}`")));
        }
        let mut rows = Vec::new();
        let mut record = csv::ByteRecord::new();
        while csv.read_byte_record(&mut record)? {
            let line = skipped + record.position().map_or(0, csv::Position::line);
            if record.len() != header.len() {
                problems
                    .push(Problem { line, what: format!("{} cells under {} columns; the row was left out", record.len(), header.len()) });
                continue;
            }
            match csv::StringRecord::from_byte_record(record.clone()) {
                Ok(good) => rows.push((line, good)),
                Err(_) => problems.push(Problem { line, what: "not UTF-8; the row was left out (save the file as UTF-8)".to_owned() }),
            }
        }
        Ok(Table { columns, rows })
    }

    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, record)| Row { table: self, line: *line, record })
    }
}

impl Row<'_> {
    /// The text of a cell; empty if there is no such column.
    pub fn get(&self, column: &str) -> &str {
        self.table.columns.get(column).and_then(|&at| self.record.get(at)).map_or("", |c| text(c.trim_matches([' ', '\u{a0}'])))
    }

    pub fn owned(&self, column: &str) -> String {
        self.get(column).to_owned()
    }

    /// What is wrong with the first of these cells that is neither empty nor a number: taken for nothing, it would count falsely.
    pub fn not_a_number<N: std::str::FromStr>(&self, columns: &[&str]) -> Option<Problem> {
        let wrong = columns.iter().find(|c| !self.get(c).is_empty() && self.number::<N>(c).is_none())?;
        let what = format!("`{}` in the column `{wrong}` is no such number; the row was left out", self.get(wrong));
        Some(Problem { line: self.line, what })
    }

    pub fn number<N: std::str::FromStr>(&self, column: &str) -> Option<N> {
        self.get(column).trim().parse().ok()
    }
}

/// How many lines of remarks (`# ...`) stand before the header, and what follows them.
fn after_remarks(mut bytes: &[u8]) -> (u64, &[u8]) {
    let mut lines = 0;
    while bytes.first() == Some(&b'#') {
        let end = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes = &bytes[end..];
        lines += 1;
    }
    (lines, bytes)
}
