//! Which column has the date of service, and whether the codes were valid on it.

use super::Gathered;
use super::columns::{Column, Kind};
use crate::engine::Engine;
use crate::job::report::style::thousands;
use serde::Serialize;

/// Lives go back further than services: dates so many years apart are those of births.
const YEARS: i16 = 60;

/// Of the codes in some records: how many were valid on the day that another column has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnTheDay {
    /// The column of the day.
    pub column: String,
    pub codes: u64,
    pub valid: u64,
}

/// The columns of dates: those that may be of service, and those that are rather of birth.
pub(super) fn of_service_and_birth<'c>(columns: &'c [Column], gathered: &Gathered) -> (Vec<&'c Column>, Vec<&'c Column>) {
    columns.iter().filter(|c| c.kind == Kind::Date).partition(|column| !is_birth(column, gathered))
}

/// Whether a column of dates is rather one of birth: by its name, or because it spans lives.
fn is_birth(column: &Column, gathered: &Gathered) -> bool {
    let name = column.name.to_ascii_lowercase();
    if ["birth", "dob", "born", "geburt"].iter().any(|word| name.contains(word)) {
        return true;
    }
    let Some(&at) = gathered.places.get(&column.name) else { return false };
    let years = gathered.drawn.iter().filter_map(|row| Some(crate::job::facts::date(row.get(at)?)?.year()));
    let (first, last) = years.fold((i16::MAX, i16::MIN), |(first, last), year| (first.min(year), last.max(year)));
    last.saturating_sub(first) > YEARS
}

/// Looks at the codes of each column on the day that the job will take for theirs.
pub(super) fn look(engine: &Engine, columns: &mut [Column], gathered: &Gathered) {
    let (dates, _) = of_service_and_birth(columns, gathered);
    let [date] = dates[..] else { return };
    let date = date.name.clone();
    for column in columns.iter_mut().filter(|c| c.kind == Kind::Code) {
        column.on_the_day = on_the_day(engine, column, &date, gathered);
    }
    let found = columns.iter().filter(|c| !c.is_doubtful_anyway()).filter_map(|c| c.on_the_day.as_ref());
    let (codes, valid) = found.fold((0, 0), |(codes, valid), on| (codes + on.codes, valid + on.valid));
    // Then it is no date of service, or they are codes of another system.
    if let Some(date) = columns.iter_mut().find(|c| c.name == date && valid * 2 < codes) {
        date.doubts.push(format!("of {} codes looked at {} are valid on that day", thousands(codes), thousands(valid)));
        date.doubtful = true;
    }
}

fn on_the_day(engine: &Engine, column: &Column, date: &str, gathered: &Gathered) -> Option<OnTheDay> {
    let (at, date_at) = (*gathered.places.get(&column.name)?, *gathered.places.get(date)?);
    let by = column.told_apart_by.as_ref().and_then(|by| Some((*gathered.places.get(&by.column)?, &by.values)));
    let mut found = OnTheDay { column: date.to_owned(), codes: 0, valid: 0 };
    for row in &gathered.drawn {
        let Some(day) = row.get(date_at).and_then(|day| crate::job::facts::date(day)) else { continue };
        let system = match by {
            Some((by, values)) => row.get(by).and_then(|value| values.iter().find(|(v, _)| v == value)).map(|(_, system)| system),
            None => column.system.as_ref(),
        };
        let Some(system) = system.and_then(|system| engine.system(system).ok()) else { continue };
        let cell = row.get(at).map_or("", String::as_str);
        let codes = match column.split {
            Some(split) => cell.split(split).collect(),
            None => vec![cell],
        };
        let known = codes.into_iter().filter_map(|code| engine.lookup(system, code, None).concept);
        // A header is valid on no day.
        for code in known.filter(|code| code.validity().any(|v| v.status == crate::model::Status::Valid)) {
            found.codes += 1;
            found.valid += u64::from(code.is_valid_on(Some(day)));
        }
    }
    Some(found).filter(|found| found.codes > 0)
}
