//! A sheet of a workbook as rows of texts, as far as its cells show them.

use calamine::{CellErrorType, Data, Range, Reader as _};
use std::io::Cursor;

use crate::model::Date;

/// The sheet of this name, or the first one; else what is wrong.
pub fn sheet(bytes: &[u8], name: Option<&str>) -> Result<Range<Data>, String> {
    let unreadable = |error| format!("this is an archive, or a workbook that cannot be read: {error}");
    let mut book = calamine::open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
    let names = book.sheet_names();
    let found = match name {
        Some(name) => names.iter().find(|n| n.trim().eq_ignore_ascii_case(name.trim())),
        None => names.first(),
    };
    match found {
        Some(name) => {
            let mut cells = book.worksheet_range(name).map_err(unreadable)?;
            // What wrote the file may not have computed its formulas: such a cell is not empty, nobody knows what it shows.
            let formulas = book.worksheet_formula(name).unwrap_or_default();
            let (top, left) = formulas.start().unwrap_or_default();
            for (row, column, _) in formulas.used_cells() {
                let at = (top + row as u32, left + column as u32);
                let is_within = cells.start().is_some_and(|start| start.0 <= at.0 && start.1 <= at.1);
                if is_within && cells.get_value(at).is_none_or(|cell| matches!(cell, Data::Empty)) {
                    cells.set_value(at, Data::Error(CellErrorType::GettingData));
                }
            }
            Ok(cells)
        }
        None => Err(format!("the workbook has no sheet {}; it has: {}", name.unwrap_or_default(), names.join(", "))),
    }
}

/// The rows with their numbers as the spreadsheet counts them, each from its first column on: a sheet begins where its first cell is filled.
pub fn rows(sheet: &Range<Data>) -> impl Iterator<Item = (u64, Vec<Data>)> {
    let (first, left) = sheet.start().unwrap_or_default();
    let blank = move || std::iter::repeat_n(Data::Empty, left as usize);
    (u64::from(first) + 1..).zip(sheet.rows().map(move |cells| blank().chain(cells.iter().cloned()).collect()))
}

/// What a cell says. A number shows without the zeros that mean nothing to it; with more digits than a spreadsheet keeps, as it would show
/// it, so that nobody takes it for an id.
pub fn text(cell: &Data, date: &str) -> String {
    match cell {
        Data::Float(number) if number.abs() >= 1e15 => format!("{number:E}"),
        Data::Int(number) if number.unsigned_abs() >= 1_000_000_000_000_000 => format!("{:E}", *number as f64),
        Data::DateTime(at) if at.is_datetime() => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            Date::new(year as i16, month as i8, day as i8).map_or_else(|_| cell.to_string(), |day| day.strftime(date).to_string())
        }
        _ => cell.to_string(),
    }
}
