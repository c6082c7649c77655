//! The queue: what is open, the most useful first, and how far it is done.

use super::model::{Action, Question, Status};
use super::store::{By, Store};
use super::{Error, rows};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};

/// Which items. Empty fields do not filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub source_system: String,
    pub target_system: String,
    pub status: Vec<Status>,
    pub outcome: String,
    pub chapter: String,
    /// Assigned to this person, as either coder.
    pub assignee: String,
    /// Only items that a later release has put in doubt: a [`Finding`](super::Finding) code, or `any`.
    pub finding: String,
    pub score_below: Option<f64>,
    /// Only codes that begin with this.
    pub code: String,
}

/// One line of the queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    pub id: i64,
    pub version: i64,
    pub question: Question,
    pub status: Status,
    pub records: u64,
    pub outcome: String,
    pub chapter: String,
    pub score: Option<f64>,
    pub assignee: String,
    pub second: String,
    pub author: String,
    pub approver: String,
    pub finding: String,
    pub at: String,
}

/// How far the queue is done, by items and by the records that they settle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub items: u64,
    pub records: u64,
    pub settled_items: u64,
    pub settled_records: u64,
}

impl Coverage {
    /// Settled items of all items, 0 to 1.
    pub fn of_items(&self) -> f64 {
        share(self.settled_items, self.items)
    }
    /// Settled records of all records, 0 to 1.
    pub fn of_records(&self) -> f64 {
        share(self.settled_records, self.records)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A status and how much is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    pub status: Status,
    pub items: u64,
    pub records: u64,
}

impl Filter {
    fn sql(&self) -> (String, Vec<Value>) {
        let mut sql = String::from(" WHERE 1");
        let mut values: Vec<Value> = Vec::new();
        for (column, value) in [
            ("i.source_system", &self.source_system),
            ("i.target_system", &self.target_system),
            ("i.outcome", &self.outcome),
            ("i.chapter", &self.chapter),
        ] {
            if !value.is_empty() {
                sql.push_str(&format!(" AND {column} = ?"));
                values.push(value.clone().into());
            }
        }
        if !self.status.is_empty() {
            let marks = vec!["?"; self.status.len()].join(",");
            sql.push_str(&format!(" AND i.status IN ({marks})"));
            values.extend(self.status.iter().map(|s| Value::from(s.code().to_owned())));
        }
        if !self.assignee.is_empty() {
            sql.push_str(" AND (i.assignee = ? OR (i.second <> '' AND i.second = ?))");
            values.extend([Value::from(self.assignee.clone()), self.assignee.clone().into()]);
        }
        match self.finding.as_str() {
            "" => {}
            "any" => sql.push_str(" AND i.finding <> ''"),
            finding => {
                sql.push_str(" AND i.finding = ?");
                values.push(finding.to_owned().into());
            }
        }
        if let Some(below) = self.score_below {
            sql.push_str(" AND i.score < ?");
            values.push(below.into());
        }
        if !self.code.is_empty() {
            // As a range, so that the index on questions serves.
            sql.push_str(" AND q.code >= ? AND q.code < ?");
            values.extend([Value::from(self.code.clone()), format!("{}\u{10ffff}", self.code).into()]);
        }
        (sql, values)
    }

    fn is_for_tally(&self) -> bool {
        Filter { source_system: String::new(), target_system: String::new(), status: Vec::new(), ..self.clone() } == Filter::default()
    }
}

const COLUMNS: &str = "SELECT i.question, i.version, i.status, i.records, i.outcome, i.chapter, i.score, i.assignee, i.second, i.author, \
     i.approver, i.finding, i.at, q.source_system, q.code, q.target_system, q.text, q.facts, q.display \
     FROM item i JOIN question q ON q.id = i.question";

fn entry(row: &rusqlite::Row<'_>) -> Result<Entry, rusqlite::Error> {
    let status: String = row.get(2)?;
    Ok(Entry {
        id: row.get(0)?,
        version: row.get(1)?,
        status: Status::from_code(&status).unwrap_or_default(),
        records: rows::count(row, 3)?,
        outcome: row.get(4)?,
        chapter: row.get(5)?,
        score: row.get(6)?,
        assignee: row.get(7)?,
        second: row.get(8)?,
        author: row.get(9)?,
        approver: row.get(10)?,
        finding: row.get(11)?,
        at: row.get(12)?,
        question: rows::question_at(row, 13)?,
    })
}

impl Store {
    /// A page of the queue, the item first that settles the most records.
    pub fn queue(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Entry>, Error> {
        let (sql, mut values) = filter.sql();
        values.extend([Value::from(rows::signed(limit)), Value::from(rows::signed(offset))]);
        self.reading(|c| {
            let mut statement = c.prepare_cached(&format!("{COLUMNS}{sql} ORDER BY i.records DESC, i.question LIMIT ? OFFSET ?"))?;
            let entries = statement.query_map(params_from_iter(values), entry)?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
    }

    /// Every item of the filter, in the order of the queue, one page at a time in memory.
    pub fn each(&self, filter: &Filter, mut with: impl FnMut(Entry) -> Result<(), Error>) -> Result<(), Error> {
        let (sql, values) = filter.sql();
        self.reading(|c| {
            let mut statement = c.prepare(&format!("{COLUMNS}{sql} ORDER BY i.records DESC, i.question"))?;
            let mut rows = statement.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                with(entry(row)?)?;
            }
            Ok(())
        })
    }

    /// How many items a filter holds.
    pub fn count(&self, filter: &Filter) -> Result<u64, Error> {
        Ok(self.tallies(filter)?.iter().map(|t| t.items).sum())
    }

    /// What is in each status.
    pub fn tallies(&self, filter: &Filter) -> Result<Vec<Tally>, Error> {
        let (sql, values) = filter.sql();
        let query = if filter.is_for_tally() {
            format!("SELECT i.status, sum(i.items), sum(i.records) FROM tally i{sql} GROUP BY i.status")
        } else {
            let question = if filter.code.is_empty() { "" } else { " JOIN question q ON q.id = i.question" };
            format!("SELECT i.status, count(*), sum(i.records) FROM item i{question}{sql} GROUP BY i.status")
        };
        self.reading(|c| {
            let mut statement = c.prepare_cached(&query)?;
            let tallies = statement.query_map(params_from_iter(values), |row| {
                let status: String = row.get(0)?;
                Ok(Tally {
                    status: Status::from_code(&status).unwrap_or_default(),
                    items: rows::count(row, 1)?,
                    records: rows::count(row, 2)?,
                })
            })?;
            Ok(tallies.filter(|t| t.as_ref().is_ok_and(|t| t.items > 0) || t.is_err()).collect::<Result<_, _>>()?)
        })
    }

    /// Both coverages of a filter (its status does not count).
    pub fn coverage(&self, filter: &Filter) -> Result<Coverage, Error> {
        let all = Filter { status: Vec::new(), ..filter.clone() };
        let mut coverage = Coverage::default();
        for tally in self.tallies(&all)? {
            coverage.items += tally.items;
            coverage.records += tally.records;
            if tally.status.is_settled() {
                coverage.settled_items += tally.items;
                coverage.settled_records += tally.records;
            }
        }
        Ok(coverage)
    }

    /// The item after (or before) this one in the order of the queue, whether or not this one is still in the filter.
    pub fn neighbour(&self, filter: &Filter, id: i64, before: bool) -> Result<Option<i64>, Error> {
        let (sql, values) = filter.sql();
        let (compare, order) = if before {
            ("(i.records > ? OR (i.records = ? AND i.question < ?))", "i.records, i.question DESC")
        } else {
            ("(i.records < ? OR (i.records = ? AND i.question > ?))", "i.records DESC, i.question")
        };
        self.reading(|c| {
            let here: Option<i64> =
                c.prepare_cached("SELECT records FROM item WHERE question = ?")?.query_row([id], |row| row.get(0)).optional()?;
            let here = here.ok_or(Error::NoItem { id })?;
            let question = if filter.code.is_empty() { "" } else { " JOIN question q ON q.id = i.question" };
            let mut all = values;
            all.extend([Value::from(here), here.into(), id.into()]);
            let query = format!("SELECT i.question FROM item i{question}{sql} AND {compare} ORDER BY {order} LIMIT 1");
            Ok(c.prepare_cached(&query)?.query_row(params_from_iter(all), |row| row.get(0)).optional()?)
        })
    }

    /// The values that occur, for the filters of a face: of `outcome`, `chapter` or `assignee`.
    pub fn values(&self, of: Column) -> Result<Vec<String>, Error> {
        let column = match of {
            Column::Outcome => "outcome",
            Column::Chapter => "chapter",
            Column::Assignee => "assignee",
        };
        self.reading(|c| {
            let mut statement =
                c.prepare_cached(&format!("SELECT DISTINCT {column} FROM item WHERE {column} <> '' ORDER BY 1 LIMIT 200"))?;
            let values = statement.query_map([], |row| row.get(0))?;
            Ok(values.collect::<Result<_, _>>()?)
        })
    }
}

/// A column that filters by its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Outcome,
    Chapter,
    Assignee,
}

/// Shares the items of a filter out among people, in the order of the queue; blind: each item to two of them.
pub fn share_out(store: &Store, filter: &Filter, people: &[&str], blind: bool, by: By<'_>) -> Result<u64, Error> {
    if people.is_empty() || (blind && people.len() < 2) {
        return Err(if blind { Error::OneCoder } else { Error::Anonymous });
    }
    let mut items = Vec::new();
    store.each(filter, |entry| {
        items.push(entry.id);
        Ok(())
    })?;
    let person = |at: usize| people[at % people.len()].to_owned();
    let assigned = items.into_iter().enumerate().map(|(at, id)| {
        let second = blind.then(|| person(at + 1));
        (id, Action::Assigned { to: person(at), second })
    });
    store.act_on_all(by, assigned)
}
