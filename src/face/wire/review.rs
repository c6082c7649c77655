//! Items of the review queue, as every face prints them.

use crate::decisions::{self, Action, Agreement, Coverage, Entry, Event, Held, Tally, Verdict};
use serde::Serialize;

/// An item of the queue.
#[derive(Serialize)]
pub struct ItemWire<'a> {
    pub id: i64,
    pub source: Code<'a>,
    pub target_system: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub facts: &'a str,
    pub records: u64,
    pub outcome: &'a str,
    pub chapter: &'a str,
    pub status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub assignee: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub second: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub author: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub approver: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
    /// Why translations do not use the answer, although it is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<VerdictWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventWire<'a>>,
    pub version: i64,
}

#[derive(Serialize)]
pub struct Code<'a> {
    pub system: &'a str,
    pub code: &'a str,
    pub display: &'a str,
}

/// A reviewer's answer.
#[derive(Serialize)]
pub struct VerdictWire<'a> {
    pub no_map: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<u16>,
    pub targets: Vec<TargetWire<'a>>,
}

#[derive(Serialize)]
pub struct TargetWire<'a> {
    pub group: u16,
    pub code: &'a str,
    pub display: &'a str,
    pub relationship: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub map: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    pub row: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[derive(Serialize)]
pub struct EventWire<'a> {
    pub id: i64,
    pub at: &'a str,
    pub who: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub via: &'a str,
    pub action: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub why: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub index: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<VerdictWire<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoes: Option<i64>,
}

impl<'a> VerdictWire<'a> {
    fn of(verdict: &'a Verdict) -> VerdictWire<'a> {
        let target = |t: &'a decisions::Chosen| TargetWire {
            group: t.group,
            code: &t.code,
            display: &t.display,
            relationship: t.relationship.code(),
            map: &t.map,
            row: t.row,
        };
        VerdictWire { no_map: verdict.is_no_map(), scenario: verdict.scenario, targets: verdict.targets.iter().map(target).collect() }
    }
}

impl<'a> ItemWire<'a> {
    /// A line of the queue.
    pub fn line(e: &'a Entry, held: &'a Held) -> ItemWire<'a> {
        ItemWire {
            id: e.id,
            source: Code { system: &e.question.source_system, code: &e.question.code, display: &e.question.display },
            target_system: &e.question.target_system,
            text: &e.question.text,
            facts: &e.question.facts,
            records: e.records,
            outcome: &e.outcome,
            chapter: &e.chapter,
            status: e.status.code(),
            assignee: &e.assignee,
            second: &e.second,
            author: &e.author,
            approver: &e.approver,
            finding: (!e.finding.is_empty()).then(|| e.finding.clone()),
            held: held.why(e.id),
            answer: None,
            events: Vec::new(),
            version: e.version,
        }
    }

    /// An item with its answer and everything that was done to it.
    pub fn whole(item: &'a decisions::Item, events: &'a [Event], held: &'a Held) -> ItemWire<'a> {
        let (q, s) = (&item.question, &item.state);
        let event = |e: &'a Event| EventWire {
            id: e.id,
            at: &e.at,
            who: &e.who,
            via: &e.via,
            action: e.action.code(),
            why: &e.why,
            index: &e.index,
            answer: if let Action::Decided(v) = &e.action { Some(VerdictWire::of(v)) } else { None },
            undoes: if let Action::Undone { event } = e.action { Some(event) } else { None },
        };
        ItemWire {
            id: item.id,
            source: Code { system: &q.source_system, code: &q.code, display: &q.display },
            target_system: &q.target_system,
            text: &q.text,
            facts: &q.facts,
            records: s.records,
            outcome: &s.outcome,
            chapter: &s.chapter,
            status: s.status.code(),
            assignee: &s.assignee,
            second: &s.second,
            author: &s.author,
            approver: &s.approver,
            finding: s.finding.as_ref().map(ToString::to_string),
            held: held.why(item.id),
            answer: s.verdict.as_ref().map(VerdictWire::of),
            events: events.iter().map(event).collect(),
            version: s.version,
        }
    }
}

/// How far a queue is done.
#[derive(Serialize)]
pub struct StatsWire {
    pub items: u64,
    pub records: u64,
    /// That translations use.
    pub settled_items: u64,
    pub settled_records: u64,
    /// Approved, and not used: none of the settled.
    pub held_items: u64,
    pub held_records: u64,
    /// Shares, 0 to 1.
    pub items_share: f64,
    pub records_share: f64,
    pub by_status: Vec<StatusWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coded_twice: Option<AgreementWire>,
}

#[derive(Serialize)]
pub struct StatusWire {
    pub status: &'static str,
    pub items: u64,
    pub records: u64,
}

#[derive(Serialize)]
pub struct AgreementWire {
    pub items: u64,
    pub same: u64,
    pub share: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kappa: Option<f64>,
}

impl StatsWire {
    pub fn of(coverage: Coverage, tallies: &[Tally], agreement: Agreement) -> StatsWire {
        StatsWire {
            items: coverage.items,
            records: coverage.records,
            settled_items: coverage.settled_items,
            settled_records: coverage.settled_records,
            held_items: coverage.held_items,
            held_records: coverage.held_records,
            items_share: coverage.of_items(),
            records_share: coverage.of_records(),
            by_status: tallies.iter().map(|t| StatusWire { status: t.status.code(), items: t.items, records: t.records }).collect(),
            coded_twice: agreement.share().map(|share| AgreementWire {
                items: agreement.items,
                same: agreement.same,
                share,
                kappa: agreement.kappa,
            }),
        }
    }
}
