//! What a record says beside its codes: date of service, age, sex, its own words, and which system its codes are of.
//!
//! An answer may depend on all of it, so [`RowFacts`] also makes the part of the memo's key that stands for them: a day only by
//! those between which it lies on which some answer becomes another, a text only by its hash.

use super::Error;
use super::input::TextEncoding;
use super::ledger::RejectReason;
use super::spec::Job;
use crate::engine::{Age, Facts, Sex};
use crate::model::Date;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Distinct dates kept; there are 36,525 days in a century.
const MOST_DATES: usize = 1 << 16;

/// Where the facts stand, and those of the record at hand.
#[derive(Default)]
pub(super) struct RowFacts {
    date_at: Option<usize>,
    age_at: Option<usize>,
    age_unit: Option<String>,
    sex_at: Option<usize>,
    text_at: Option<usize>,
    dates: Dates,
    pub date: Option<Date>,
    pub facts: Facts,
    pub text: Option<String>,
    /// What of the facts an answer depends on.
    pub key: Vec<u8>,
}

impl RowFacts {
    /// Finds the columns that the job names.
    pub fn new(job: &Job, mut place: impl FnMut(&str) -> Result<usize, Error>) -> Result<RowFacts, Error> {
        let mut optional = |name: &Option<String>| name.as_deref().map(&mut place).transpose();
        Ok(RowFacts {
            date_at: optional(&job.date)?,
            age_at: optional(&job.age)?,
            age_unit: job.age_unit.clone(),
            sex_at: optional(&job.sex)?,
            text_at: optional(&job.text)?,
            ..RowFacts::default()
        })
    }

    /// Once it is known what is asked: the days on which an answer may become another.
    pub fn prepare(&mut self, turns: impl FnOnce() -> Vec<Date>) {
        if self.date_at.is_some() {
            self.dates = Dates::new(turns());
        }
    }

    /// The places of the facts.
    pub fn places(&self) -> impl Iterator<Item = usize> {
        [self.date_at, self.age_at, self.sex_at, self.text_at].into_iter().flatten()
    }

    /// Reads the facts of a record; `field` gives the value at a place. Cells that are not understood are counted by fact.
    pub fn read<'d>(
        &mut self,
        encoding: TextEncoding,
        field: impl Fn(usize) -> Cow<'d, [u8]>,
        not_understood: &mut BTreeMap<String, u64>,
    ) -> Result<(), RejectReason> {
        let mut count = |what: &str| *not_understood.entry(what.to_owned()).or_default() += 1;
        self.key.clear();
        if let Some(place) = self.date_at {
            let (date, class) = self.dates.find(&field(place)).ok_or(RejectReason::Date)?;
            self.date = date;
            self.key.extend_from_slice(&(class as u16).to_le_bytes());
            if self.dates.is_many {
                self.key.extend_from_slice(&((class >> 16) as u16).to_le_bytes());
            }
        }
        if let Some(place) = self.sex_at {
            let cell = field(place);
            let text = String::from_utf8_lossy(&cell);
            self.facts.sex = Sex::parse(&text);
            if self.facts.sex.is_none() && !text.trim().is_empty() {
                count("sex");
            }
            self.key.push(self.facts.sex.map_or(0, |s| s as u8 + 1));
        }
        if let Some(place) = self.age_at {
            let cell = field(place);
            let text = String::from_utf8_lossy(&cell);
            let text = text.trim();
            let bare = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let age = match &self.age_unit {
                Some(unit) if bare => Age::parse(&format!("{text} {unit}")),
                _ => Age::parse(text),
            };
            (self.facts.age_at_onset, self.facts.current_age) = (age, age);
            if age.is_none() && !text.is_empty() {
                count("age");
            }
            let key = if age.is_some() { &text.as_bytes()[..text.len().min(255)] } else { b"" };
            self.key.push(key.len() as u8);
            self.key.extend_from_slice(key);
        }
        if let Some(place) = self.text_at {
            let cell = field(place);
            let text = encoding.decode(&cell);
            self.key.extend_from_slice(&xxhash_rust::xxh3::xxh3_128(text.as_bytes()).to_le_bytes());
            self.text = Some(text.into_owned()).filter(|t| !t.trim().is_empty());
        }
        Ok(())
    }
}

/// A date, if one was given, and between which turns it lies.
type DateClass = (Option<Date>, u32);

/// Dates of service. What an answer depends on is not the day, but between which releases, and times of rows, it lies.
#[derive(Default)]
struct Dates {
    /// Days on which an answer may become another, in order.
    turns: Vec<Date>,
    /// More than two bytes of a key tell from each other.
    is_many: bool,
    known: HashMap<Box<[u8]>, Option<DateClass>, foldhash::fast::FixedState>,
}

impl Dates {
    fn new(mut turns: Vec<Date>) -> Dates {
        turns.sort_unstable();
        turns.dedup();
        let is_many = turns.len() >= usize::from(u16::MAX);
        Dates { turns, is_many, known: HashMap::default() }
    }

    /// The date and its class; `None` for what is no date. A blank is no date given.
    fn find(&mut self, cell: &[u8]) -> Option<DateClass> {
        if let Some(known) = self.known.get(cell) {
            return *known;
        }
        let text = String::from_utf8_lossy(cell);
        let found = match text.trim() {
            "" => Some((None, 0)),
            text => date(text).map(|d| (Some(d), self.turns.partition_point(|t| *t <= d) as u32 + 1)),
        };
        if self.known.len() >= MOST_DATES {
            self.known.clear();
        }
        self.known.insert(cell.into(), found);
        found
    }
}

/// A date as extracts have it: `2014-03-31`, with or without a time, `20140331`, `3/31/2014` (month first, as in US claims), `31-MAR-2014`
/// (Oracle), `31MAR2014` (SAS).
pub(super) fn date(text: &str) -> Option<Date> {
    let day = text.split(' ').next().unwrap_or(text);
    // `OCT` has a T too.
    let day = day.find('T').filter(|at| *at >= 8).map_or(day, |at| &day[..at]);
    let number = |t: &str| t.parse::<i16>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit()));
    let of = |y: &str, m: &str, d: &str| Date::new(number(y)?, i8::try_from(number(m)?).ok()?, i8::try_from(number(d)?).ok()?).ok();
    if day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()) {
        return of(&day[..4], &day[4..6], &day[6..]);
    }
    if day.contains(|c: char| c.is_ascii_alphabetic()) {
        let named = Date::strptime("%d-%b-%Y", day).or_else(|_| Date::strptime("%d%b%Y", day)).ok()?;
        // A year of two digits is no year.
        return Some(named).filter(|d| d.year() >= 1000);
    }
    let parts: Vec<&str> = day.split(['-', '/']).collect();
    match parts[..] {
        [y, m, d] if y.len() == 4 => of(y, m, d),
        [m, d, y] if y.len() == 4 && day.contains('/') => of(y, m, d),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_as_extracts_have_them() {
        for text in [
            "2014-03-31",
            "2014-03-31T12:00:00Z",
            "20140331T120000",
            "2014-03-31 00:00:00.000",
            "20140331",
            "3/31/2014",
            "03/31/2014",
            "2014/3/31",
            "31-Mar-2014",
            "31-MAR-2014 00:00:00",
            "31MAR2014",
        ] {
            assert_eq!(date(text), Date::new(2014, 3, 31).ok(), "{text}");
        }
        assert_eq!((date("1-Oct-2015"), date("01OCT2015")), (Date::new(2015, 10, 1).ok(), Date::new(2015, 10, 1).ok()));
        for text in [
            "31.03.2014",
            "31/03/2014",
            "2014-02-30",
            "14-03-31",
            "x",
            "2014-03",
            "99999999",
            "31-Mar-14",
            "31-Foo-2014",
            "Mar-2014",
            "MAR",
            "T",
            "éMAR2014",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
