//! The queue: what is open, the most useful first, and how far it is done.

use super::model::{Action, Question, Status};
use super::store::{By, Store};
use super::usage::Held;
use super::{Error, rows};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params_from_iter};
use std::sync::Arc;

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
    /// Only these items.
    pub among: Option<Arc<[i64]>>,
}

/// One line of the queue. While two people work blind on it, it says nothing of any answer.
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
    /// The codes of the answer with blanks between, of two coders who differ both, with `or` between; empty: no map; `None`: no answer that
    /// everybody may see.
    pub answer: Option<String>,
}

/// How far the queue is done, by items and by the records that they settle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub items: u64,
    pub records: u64,
    /// That translations use: what is held back is not among them.
    pub settled_items: u64,
    pub settled_records: u64,
    /// Approved, and not used.
    pub held_items: u64,
    pub held_records: u64,
}

impl Coverage {
    /// Of everything in a filter, and of what is held back of it.
    pub fn of(tallies: &[Tally], held: &[Tally]) -> Coverage {
        let sum = |of: fn(&Tally) -> u64| held.iter().filter(|t| t.status.is_settled()).map(of).sum();
        let mut coverage = Coverage { held_items: sum(|t| t.items), held_records: sum(|t| t.records), ..Coverage::default() };
        for tally in tallies {
            coverage.items += tally.items;
            coverage.records += tally.records;
            if tally.status.is_settled() {
                coverage.settled_items += tally.items;
                coverage.settled_records += tally.records;
            }
        }
        // Somebody may have acted between the two counts.
        coverage.settled_items = coverage.settled_items.saturating_sub(coverage.held_items);
        coverage.settled_records = coverage.settled_records.saturating_sub(coverage.held_records);
        coverage
    }
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
    /// What `finding` may be.
    pub const FINDINGS: [&'static str; 5] = ["any", "target-expired", "source-changed", "map-changed", "alternatives"];

    /// The conditions but for the status, and their values.
    fn conditions(&self) -> (String, Vec<Value>) {
        let mut sql = String::new();
        let mut values: Vec<Value> = Vec::new();
        for (column, value) in [
            ("source_system", &self.source_system),
            ("target_system", &self.target_system),
            ("outcome", &self.outcome),
            ("chapter", &self.chapter),
        ] {
            if !value.is_empty() {
                sql.push_str(&format!(" AND i.{column} = ?"));
                values.push(value.clone().into());
            }
        }
        if !self.assignee.is_empty() {
            sql.push_str(" AND (i.assignee = ? OR (i.second <> '' AND i.second = ?))");
            values.extend([Value::from(self.assignee.clone()), self.assignee.clone().into()]);
        }
        match self.finding.as_str() {
            "" => {}
            "any" => sql.push_str(" AND i.finding <> ''"),
            finding => {
                sql.push_str(" AND i.finding <> '' AND i.finding = ?");
                values.push(finding.to_owned().into());
            }
        }
        if let Some(below) = self.score_below {
            sql.push_str(" AND i.score < ?");
            values.push(below.into());
        }
        if !self.code.is_empty() {
            // As a range, so that the index on codes serves.
            sql.push_str(" AND q.code >= ? AND q.code < ?");
            values.extend([Value::from(self.code.clone()), format!("{}\u{10ffff}", self.code).into()]);
        }
        if let Some(among) = &self.among {
            // One value, however many there are.
            sql.push_str(" AND i.question IN (SELECT value FROM json_each(?))");
            let list: Vec<String> = among.iter().map(i64::to_string).collect();
            values.push(format!("[{}]", list.join(",")).into());
        }
        (sql, values)
    }

    /// Items of the filter as `SELECT`s to be joined by `UNION ALL`, one for each status: so SQLite walks each in the order of an index
    /// and merges them, where `status IN (...)` would sort them all. `more` is added to the conditions.
    fn selects(&self, columns: &str, more: &str, further: &[Value]) -> (String, Vec<Value>) {
        let (conditions, values) = self.conditions();
        let join = if self.code.is_empty() { "" } else { " JOIN question q ON q.id = i.question" };
        // Few items are in doubt; without statistics SQLite would rather walk the whole queue.
        let by = if self.finding.is_empty() { "" } else { " INDEXED BY item_by_finding" };
        let one = |status: &str| format!("SELECT {columns} FROM item i{by}{join} WHERE {status}{conditions}{more}");
        if self.status.is_empty() {
            return (one("1"), [values, further.to_vec()].concat());
        }
        let all = self.status.iter().flat_map(|s| [vec![Value::from(s.code().to_owned())], values.clone(), further.to_vec()].concat());
        (vec![one("i.status = ?"); self.status.len()].join(" UNION ALL "), all.collect())
    }

    fn is_for_tally(&self) -> bool {
        self.assignee.is_empty() && self.finding.is_empty() && self.code.is_empty() && self.score_below.is_none() && self.among.is_none()
    }
}

/// Not `sum`, which gives up where an older xwalk let a count in that is none.
const RECORDS: &str = "CAST(total(i.records) AS INTEGER)";

const COLUMNS: &str = "SELECT i.question, i.version, i.status, i.records, i.outcome, i.chapter, i.score, i.assignee, i.second, i.author, \
     i.approver, i.finding, i.at, q.source_system, q.code, q.target_system, q.text, q.facts, q.display, \
     i.first_coding, i.second_coding, i.decision, \
     (SELECT coalesce(group_concat(t.code, ' '), '') FROM target t WHERE t.event = i.decision)";

fn entry(row: &rusqlite::Row<'_>) -> Result<Entry, rusqlite::Error> {
    let status: String = row.get(2)?;
    let [first, second, decision]: [Option<i64>; 3] = [row.get(19)?, row.get(20)?, row.get(21)?];
    let asked = Entry {
        id: row.get(0)?,
        version: row.get(1)?,
        records: rows::count(row, 3)?,
        outcome: row.get(4)?,
        chapter: row.get(5)?,
        assignee: row.get(7)?,
        second: row.get(8)?,
        at: row.get(12)?,
        question: rows::question_at(row, 13)?,
        ..Entry::default()
    };
    // What was answered before two people were asked to work blind would tell them.
    if !asked.second.is_empty() && (first.is_none() || second.is_none()) {
        return Ok(asked);
    }
    let status = Status::from_code(&status).unwrap_or_default();
    let codes = |at| -> Result<String, rusqlite::Error> {
        Ok(Some(row.get(at)?).filter(|c: &String| !c.is_empty()).unwrap_or("no map".to_owned()))
    };
    let differ = status == Status::Flagged && decision.is_some() && (decision == first || decision == second) && codes(23)? != codes(24)?;
    Ok(Entry {
        status,
        score: row.get(6)?,
        author: if differ { format!("{}, {}", asked.assignee, asked.second) } else { row.get(9)? },
        approver: row.get(10)?,
        finding: row.get(11)?,
        answer: if differ { Some(format!("{} or {}", codes(23)?, codes(24)?)) } else { decision.map(|_| row.get(22)).transpose()? },
        ..asked
    })
}

impl Store {
    /// A page of the queue, the item first that settles the most records.
    pub fn queue(&self, filter: &Filter, offset: u64, limit: u64) -> Result<Vec<Entry>, Error> {
        let (selects, mut values) = filter.selects("i.question AS id, i.records AS records", "", &[]);
        values.extend([Value::from(rows::signed(limit)), Value::from(rows::signed(offset))]);
        self.reading(|c| {
            let mut statement = c.prepare_cached(&format!(
                "{COLUMNS}, {}, {} FROM ({selects} ORDER BY records DESC, id LIMIT ? OFFSET ?) page \
                 JOIN item i ON i.question = page.id JOIN question q ON q.id = page.id ORDER BY i.records DESC, i.question",
                rows::key_of("i.first_coding"),
                rows::key_of("i.second_coding")
            ))?;
            let entries = statement.query_map(params_from_iter(values), entry)?;
            Ok(entries.collect::<Result<_, _>>()?)
        })
    }

    /// The number of every item of the filter, in the order of the queue.
    pub fn ids(&self, filter: &Filter) -> Result<Vec<i64>, Error> {
        let (selects, values) = filter.selects("i.question AS id, i.records AS records", "", &[]);
        self.reading(|c| {
            let mut statement = c.prepare(&format!("{selects} ORDER BY records DESC, id"))?;
            let ids = statement.query_map(params_from_iter(values), |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    /// How many items a filter holds.
    pub fn count(&self, filter: &Filter) -> Result<u64, Error> {
        Ok(self.tallies(filter)?.iter().map(|t| t.items).sum())
    }

    /// What is in each status.
    pub fn tallies(&self, filter: &Filter) -> Result<Vec<Tally>, Error> {
        let (query, values) = if filter.is_for_tally() {
            let (conditions, values) = filter.conditions();
            (format!("SELECT i.status, sum(i.items), {RECORDS} FROM tally i WHERE 1{conditions} GROUP BY 1"), values)
        } else {
            let all = Filter { status: Vec::new(), ..filter.clone() };
            let (select, values) = all.selects(&format!("i.status, count(*), {RECORDS}"), "", &[]);
            (format!("{select} GROUP BY 1"), values)
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
            let tallies: Vec<Tally> = tallies.collect::<Result<_, _>>()?;
            let asked = |t: &Tally| t.items > 0 && (filter.status.is_empty() || filter.status.contains(&t.status));
            Ok(tallies.into_iter().filter(asked).collect())
        })
    }

    /// Both coverages of a filter (its status does not count).
    pub fn coverage(&self, filter: &Filter, held: &Held) -> Result<Coverage, Error> {
        let all = Filter { status: Vec::new(), ..filter.clone() };
        let of_held = if held.is_empty() { Vec::new() } else { self.tallies(&held.among(filter))? };
        Ok(Coverage::of(&self.tallies(&all)?, &of_held))
    }

    /// The item after (or before) this one in the order of the queue, whether or not this one is still in the filter.
    pub fn neighbour(&self, filter: &Filter, id: i64, before: bool) -> Result<Option<i64>, Error> {
        // Two steps, each a walk along an index: the rest of those that settle as many records, then those that settle fewer (or more).
        let (beside, beyond, order) = if before {
            ("i.records = ? AND i.question < ?", "i.records > ?", "records, id DESC")
        } else {
            ("i.records = ? AND i.question > ?", "i.records < ?", "records DESC, id")
        };
        self.reading(|c| {
            let here: Option<i64> =
                c.prepare_cached("SELECT records FROM item WHERE question = ?")?.query_row([id], |row| row.get(0)).optional()?;
            let here = here.ok_or(Error::NoItem { id })?;
            let first = |more: &str, further: &[Value]| {
                let (selects, values) = filter.selects("i.question AS id, i.records AS records", &format!(" AND {more}"), further);
                let mut statement = c.prepare_cached(&format!("{selects} ORDER BY {order} LIMIT 1"))?;
                statement.query_row(params_from_iter(values), |row| row.get::<_, i64>(0)).optional()
            };
            match first(beside, &[here.into(), id.into()])? {
                Some(next) => Ok(Some(next)),
                None => Ok(first(beyond, &[here.into()])?),
            }
        })
    }

    /// The values that occur, for the filters of a face.
    pub fn values(&self, of: Column) -> Result<Vec<String>, Error> {
        let query = match of {
            Column::Source => "SELECT DISTINCT source_system FROM tally WHERE items > 0 ORDER BY 1",
            Column::Target => "SELECT DISTINCT target_system FROM tally WHERE items > 0 ORDER BY 1",
            Column::Outcome => "SELECT DISTINCT outcome FROM tally WHERE items > 0 AND outcome <> '' ORDER BY 1",
            Column::Chapter => "SELECT DISTINCT chapter FROM tally WHERE items > 0 AND chapter <> '' ORDER BY 1",
            // From name to name along the index, instead of over every item.
            Column::Assignee => {
                "WITH RECURSIVE name (n) AS (SELECT min(assignee) FROM item WHERE assignee > '' \
                 UNION ALL SELECT (SELECT min(assignee) FROM item WHERE assignee > n) FROM name WHERE n IS NOT NULL) \
                 SELECT n FROM name WHERE n IS NOT NULL"
            }
        };
        self.reading(|c| {
            let mut statement = c.prepare_cached(query)?;
            let values = statement.query_map([], |row| row.get(0))?;
            Ok(values.collect::<Result<_, _>>()?)
        })
    }
}

/// A column that filters by its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Source,
    Target,
    Outcome,
    Chapter,
    Assignee,
}

/// Shares the items of a filter out among people, in the order of the queue; blind: each item to two of them.
pub fn share_out(store: &Store, filter: &Filter, people: &[&str], blind: bool, by: By<'_>) -> Result<u64, Error> {
    if people.is_empty() || (blind && people.len() < 2) {
        return Err(if blind { Error::OneCoder } else { Error::Anonymous });
    }
    let items = store.ids(filter)?;
    let person = |at: usize| people[at % people.len()].to_owned();
    let assigned = items.into_iter().enumerate().map(|(at, id)| {
        let second = blind.then(|| person(at + 1));
        (id, Action::Assigned { to: person(at), second })
    });
    store.act_on_all(by, assigned)
}
