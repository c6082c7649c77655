//! Between values and rows: the one place that knows columns by name.

use super::Error;
use super::model::{Action, Chosen, Event, Finding, Offer, Offered, Question, State, Verdict};
use crate::model::Relationship;
use rusqlite::{Connection, OptionalExtension, Row, params};

pub(super) const EVENT: &str = "SELECT e.id, e.action, e.who, e.at, e.why, r.fingerprint, o.digest, e.batch, e.records, e.outcome, e.chapter, \
     e.scenario, e.score, e.assignee, e.second, e.undoes, e.finding, e.code, e.codes, e.via \
     FROM event e LEFT JOIN release r ON r.id = e.release LEFT JOIN offer o ON o.id = e.offer ";

/// The events of a question, in order.
pub(super) fn events(c: &Connection, question: i64) -> Result<Vec<Event>, Error> {
    let mut statement = c.prepare_cached(&format!("{EVENT} WHERE e.question = ?1 ORDER BY e.id"))?;
    let rows = statement.query_and_then([question], |row| event(c, row))?;
    rows.collect()
}

fn event(c: &Connection, row: &Row<'_>) -> Result<Event, Error> {
    let id: i64 = row.get(0)?;
    let kind: String = row.get(1)?;
    let text = |at: usize| -> Result<String, rusqlite::Error> { Ok(row.get::<_, Option<String>>(at)?.unwrap_or_default()) };
    let action = match kind.as_str() {
        "asked" => Action::Asked { batch: text(7)?, records: count(row, 8)?, outcome: text(9)?, chapter: text(10)? },
        "decided" => Action::Decided(Verdict { targets: targets(c, id)?, scenario: row.get(11)?, score: row.get(12)? }),
        "approved" => Action::Approved,
        "rejected" => Action::Rejected,
        "flagged" => Action::Flagged,
        "commented" => Action::Commented,
        "assigned" => Action::Assigned { to: text(13)?, second: row.get(14)? },
        "undone" => Action::Undone { event: row.get::<_, Option<i64>>(15)?.unwrap_or(0) },
        "reexamined" => Action::Reexamined(match text(16)?.as_str() {
            "target-expired" => Finding::TargetExpired { code: text(17)?, successors: text(18)? },
            "source-changed" => Finding::SourceChanged,
            "map-changed" => Finding::MapChanged,
            "alternatives" => Finding::Alternatives { codes: text(18)? },
            _ => Finding::StillValid,
        }),
        other => return Err(Error::Damaged { what: format!("event {id} is of the unknown kind `{other}`") }),
    };
    Ok(Event { id, who: row.get(2)?, at: row.get(3)?, why: row.get(4)?, action, via: row.get(19)?, index: text(5)?, offer: text(6)? })
}

/// The codes of a verdict.
pub(super) fn targets(c: &Connection, event: i64) -> Result<Vec<Chosen>, Error> {
    let mut statement =
        c.prepare_cached("SELECT grp, code, display, relationship, map, row FROM target WHERE event = ?1 ORDER BY place")?;
    let rows = statement.query_and_then([event], |row| {
        let relationship: String = row.get(3)?;
        Ok(Chosen {
            group: row.get(0)?,
            code: row.get(1)?,
            display: row.get(2)?,
            relationship: Relationship::from_code(&relationship)
                .ok_or_else(|| Error::Damaged { what: format!("event {event} has the unknown relationship `{relationship}`") })?,
            map: row.get(4)?,
            row: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// SQL for the index under which an item `i` was last decided, approved or examined.
pub(super) const RELEASE_OF_ITEM: &str = "(SELECT e.release FROM event e WHERE e.question = i.question AND e.release IS NOT NULL \
     AND e.action IN ('decided', 'approved', 'reexamined') ORDER BY e.id DESC LIMIT 1)";

/// SQL for the codes of an event as [`Verdict::key`] writes them.
pub(super) fn key_of(event: &str) -> String {
    format!("(SELECT coalesce(group_concat(code, ' '), '') FROM (SELECT DISTINCT code FROM target WHERE event = {event} ORDER BY code))")
}

/// Writes an event and returns its number.
pub(super) fn insert_event(
    c: &Connection,
    question: i64,
    (who, at, why): (&str, &str, &str),
    action: &Action,
    context: (Option<i64>, Option<i64>),
) -> Result<i64, Error> {
    insert_event_via(c, question, (who, at, why, ""), action, context)
}

/// The same for an event that somebody else brings in a file.
pub(super) fn insert_event_via(
    c: &Connection,
    question: i64,
    (who, at, why, via): (&str, &str, &str, &str),
    action: &Action,
    (release, offer): (Option<i64>, Option<i64>),
) -> Result<i64, Error> {
    let mut asked = (None, None, None, None);
    let mut decided = (None, None);
    let mut assigned = (None, None);
    let mut undoes = None;
    let mut finding = (None, None, None);
    match action {
        Action::Asked { batch, records, outcome, chapter } => asked = (Some(batch), Some(signed(*records)), Some(outcome), Some(chapter)),
        Action::Decided(v) => decided = (v.scenario, v.score),
        Action::Assigned { to, second } => assigned = (Some(to), second.as_ref()),
        Action::Undone { event } => undoes = Some(event),
        Action::Reexamined(f) => {
            finding = match f {
                Finding::TargetExpired { code, successors } => (Some(f.code()), Some(code), Some(successors)),
                Finding::Alternatives { codes } => (Some(f.code()), None, Some(codes)),
                _ => (Some(f.code()), None, None),
            }
        }
        _ => {}
    }
    c.prepare_cached(
        "INSERT INTO event (question, action, who, at, why, release, offer, batch, records, outcome, chapter, scenario, score, assignee, \
         second, undoes, finding, code, codes, via) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20)",
    )?
    .execute(params![
        question,
        action.code(),
        who,
        at,
        why,
        release,
        offer,
        asked.0,
        asked.1,
        asked.2,
        asked.3,
        decided.0,
        decided.1,
        assigned.0,
        assigned.1,
        undoes,
        finding.0,
        finding.1,
        finding.2,
        via
    ])?;
    let id = c.last_insert_rowid();
    if let Action::Decided(verdict) = action {
        let mut statement = c.prepare_cached("INSERT INTO target VALUES (?1,?2,?3,?4,?5,?6,?7,?8)")?;
        for (place, t) in verdict.targets.iter().enumerate() {
            statement.execute(params![id, place as i64, t.group, t.code, t.display, t.relationship.code(), t.map, t.row])?;
        }
    }
    Ok(id)
}

/// Writes what the events amount to.
pub(super) fn put_state(c: &Connection, question: i64, systems: (&str, &str), s: &State) -> Result<(), Error> {
    c.prepare_cached(
        "INSERT INTO item VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18) ON CONFLICT (question) DO UPDATE SET \
         version=excluded.version, status=excluded.status, records=excluded.records, outcome=excluded.outcome, chapter=excluded.chapter, \
         score=excluded.score, assignee=excluded.assignee, second=excluded.second, author=excluded.author, approver=excluded.approver, \
         decision=excluded.decision, first_coding=excluded.first_coding, second_coding=excluded.second_coding, finding=excluded.finding, \
         at=excluded.at",
    )?
    .execute(params![
        question,
        s.version,
        s.status.code(),
        signed(s.records),
        systems.0,
        systems.1,
        s.outcome,
        s.chapter,
        s.verdict.as_ref().and_then(|v| v.score),
        s.assignee,
        s.second,
        s.author,
        s.approver,
        s.decision,
        s.first_coding,
        s.second_coding,
        s.finding.as_ref().map_or("", Finding::code),
        s.at
    ])?;
    Ok(())
}

/// SQLite counts with a sign.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count; NULL is none.
pub(super) fn count(row: &Row<'_>, at: usize) -> Result<u64, rusqlite::Error> {
    Ok(row.get::<_, Option<i64>>(at)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

pub(super) fn question(c: &Connection, id: i64) -> Result<Question, Error> {
    c.prepare_cached("SELECT source_system, code, target_system, text, facts, display FROM question WHERE id = ?1")?
        .query_row([id], |row| question_at(row, 0))
        .optional()?
        .ok_or(Error::NoItem { id })
}

/// The six columns of a question, from a place on.
pub(super) fn question_at(row: &Row<'_>, at: usize) -> Result<Question, rusqlite::Error> {
    Ok(Question {
        source_system: row.get(at)?,
        code: row.get(at + 1)?,
        target_system: row.get(at + 2)?,
        text: row.get(at + 3)?,
        facts: row.get(at + 4)?,
        display: row.get(at + 5)?,
    })
}

/// The number of a question, and whether it is new.
pub(super) fn put_question(c: &Connection, q: &Question) -> Result<(i64, bool), Error> {
    let key = params![q.source_system, q.code, q.target_system, q.text, q.facts];
    let found = c
        .prepare_cached("SELECT id FROM question WHERE source_system=?1 AND code=?2 AND target_system=?3 AND text=?4 AND facts=?5")?
        .query_row(key, |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok((id, false));
    }
    c.prepare_cached("INSERT INTO question (source_system, code, target_system, text, facts, display) VALUES (?1,?2,?3,?4,?5,?6)")?
        .execute(params![q.source_system, q.code, q.target_system, q.text, q.facts, q.display])?;
    Ok((c.last_insert_rowid(), true))
}

pub(super) fn put_release(c: &Connection, fingerprint: &str) -> Result<Option<i64>, Error> {
    if fingerprint.is_empty() {
        return Ok(None);
    }
    c.prepare_cached("INSERT INTO release (fingerprint) VALUES (?1) ON CONFLICT DO NOTHING")?.execute([fingerprint])?;
    Ok(Some(c.prepare_cached("SELECT id FROM release WHERE fingerprint = ?1")?.query_row([fingerprint], |r| r.get(0))?))
}

pub(super) fn put_offer(c: &Connection, offer: &Offer) -> Result<Option<i64>, Error> {
    if offer.scenarios.is_empty() {
        return Ok(None);
    }
    let lines = offer_lines(offer);
    let digest = blake3::hash(lines.as_bytes()).to_hex();
    c.prepare_cached("INSERT INTO offer (digest, lines) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![digest.as_str(), lines])?;
    Ok(Some(c.prepare_cached("SELECT id FROM offer WHERE digest = ?1")?.query_row([digest.as_str()], |r| r.get(0))?))
}

/// One line an option: scenario, group, code, relationship, score, map, row; tabs between.
pub(super) fn offer_lines(offer: &Offer) -> String {
    use std::fmt::Write as _;
    let mut lines = String::new();
    for (s, scenario) in offer.scenarios.iter().enumerate() {
        for (g, group) in scenario.iter().enumerate() {
            for o in group {
                let relationship = o.relationship.map_or("", Relationship::code);
                let score = o.score.map_or_else(String::new, |s| s.to_string());
                let _ = writeln!(lines, "{s}\t{g}\t{}\t{relationship}\t{score}\t{}\t{}", o.code, o.map, o.row);
            }
        }
    }
    lines
}

pub(super) fn offer_of_lines(lines: &str) -> Offer {
    let mut offer = Offer::default();
    for line in lines.lines() {
        let mut fields = line.split('\t');
        let mut next = || fields.next().unwrap_or_default();
        let (Ok(s), Ok(g)) = (next().parse::<usize>(), next().parse::<usize>()) else { continue };
        let option = Offered {
            code: next().to_owned(),
            relationship: Relationship::from_code(next()),
            score: next().parse().ok(),
            map: next().to_owned(),
            row: next().parse().unwrap_or(0),
        };
        // Lines are written in order, so each is in the last scenario and group or opens the next.
        if s == offer.scenarios.len() {
            offer.scenarios.push(Vec::new());
        }
        let Some(scenario) = offer.scenarios.get_mut(s) else { continue };
        if g == scenario.len() {
            scenario.push(Vec::new());
        }
        if let Some(group) = scenario.get_mut(g) {
            group.push(option);
        }
    }
    offer
}
