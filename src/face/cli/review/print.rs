//! Queue and items, for people.

use super::super::page::{Ink, Paint, Table, thousands};
use super::{List, Session, Show, Stats, Verdict, held, stats_of};
use crate::decisions::{Store, offered};
use crate::face::wire::review::ItemWire;
use std::fmt::Write as _;
use std::sync::Arc;

pub fn list(list: &List, session: &Session) -> anyhow::Result<Verdict> {
    let store = Arc::new(Store::read(&list.look.file.decisions)?);
    let held = held(&*session.engine()?, &store, None)?;
    let filter = list.look.filter.filter(|| Ok(Arc::clone(&held)))?;
    let entries = store.queue(&filter, list.skip, list.limit)?;
    let mut out = session.output();
    let mut table = Table::default();
    for entry in &entries {
        out.answer(&ItemWire::line(entry, &held), |_| String::new())?;
        let q = &entry.question;
        let words = held.why(entry.id).unwrap_or(if q.display.is_empty() { &q.text } else { &q.display });
        let (status, ink) = match held.why(entry.id) {
            Some(_) => ("held back".to_owned(), Ink::Doubtful),
            None => (entry.status.code().to_owned(), if entry.status.is_settled() { Ink::Good } else { Ink::Doubtful }),
        };
        table.row(
            0,
            vec![
                (entry.id.to_string(), Ink::Dim),
                (thousands(entry.records), Ink::Plain),
                (q.code.clone(), Ink::Strong),
                (status, ink),
                (if entry.finding.is_empty() { entry.outcome.clone() } else { entry.finding.clone() }, Ink::Plain),
                (entry.author.clone(), Ink::Dim),
                (words.to_owned(), Ink::Plain),
            ],
        );
    }
    out.text(|paint| table.print(paint))?;
    out.finish()?;
    Ok(Verdict::settled_if(entries.iter().all(|e| e.status.is_settled() && held.why(e.id).is_none())))
}

pub fn show(show: &Show, session: &Session) -> anyhow::Result<Verdict> {
    let store = Arc::new(Store::read(&show.file.decisions)?);
    let engine = session.engine()?;
    let held = held(&engine, &store, None)?;
    let mut out = session.output();
    let mut verdict = Verdict::Settled;
    for &id in &show.items {
        let item = store.item(id, &show.by)?;
        let events = store.history(id, &show.by)?;
        let wire = ItemWire::whole(&item, &events, &held);
        let translation = offered(&engine, &item.question);
        out.answer(&wire, |paint| {
            let mut page = self::item(&wire, paint);
            for (s, scenario) in translation.iter().flat_map(|t| &t.scenarios).enumerate() {
                let _ = writeln!(page, "  {}", paint.strong(&format!("scenario {}", s + 1)));
                let mut table = Table::default();
                for (g, group) in scenario.groups.iter().enumerate() {
                    for (o, option) in group.options.iter().enumerate() {
                        let number =
                            if scenario.groups.len() > 1 { format!("group {} option {}", g + 1, o + 1) } else { format!("{}", o + 1) };
                        table.row(
                            4,
                            vec![
                                (number, Ink::Dim),
                                (option.concept.code().to_owned(), Ink::Strong),
                                (option.relationship.code().to_owned(), Ink::Dim),
                                (option.concept.display().unwrap_or("").to_owned(), Ink::Plain),
                            ],
                        );
                    }
                }
                page.push_str(&table.print(paint));
            }
            page
        })?;
        verdict = verdict.and(Verdict::settled_if(item.state.status.is_settled() && held.why(id).is_none()));
    }
    out.finish()?;
    Ok(verdict)
}

/// What is asked, how it stands, what was done.
pub fn item(w: &ItemWire<'_>, paint: Paint) -> String {
    let mut page = String::new();
    let _ = writeln!(page, "{}  {} {}", paint.dim(&format!("item {}", w.id)), paint.strong(w.source.code), w.source.display);
    let _ = writeln!(page, "  {} to {}, {} records, {}", w.source.system, w.target_system, thousands(w.records), w.status);
    if !w.text.is_empty() {
        let _ = writeln!(page, "  in the record: {}", w.text);
    }
    if let Some(finding) = &w.finding {
        let _ = writeln!(page, "  {}", paint.doubtful(&format!("examined again: {finding}")));
    }
    if let Some(why) = w.held {
        let _ = writeln!(page, "  {}", paint.doubtful(&format!("held back: {why}")));
    }
    match &w.answer {
        Some(answer) if answer.no_map => drop(writeln!(page, "  {}", paint.strong("no map"))),
        Some(answer) => {
            for t in &answer.targets {
                let _ = writeln!(page, "  {} {} {}", paint.good(t.code), t.display, paint.dim(t.relationship));
            }
        }
        None => {}
    }
    for e in &w.events {
        let _ = writeln!(page, "  {}", paint.dim(&format!("{} {} {} {}", e.at, e.who, e.action, e.why)));
    }
    page
}

pub fn stats(stats: &Stats, session: &Session) -> anyhow::Result<Verdict> {
    let store = Arc::new(Store::read(&stats.look.file.decisions)?);
    let held = held(&*session.engine()?, &store, stats.target_date)?;
    let wire = stats_of(&store, &stats.look.filter.filter(|| Ok(Arc::clone(&held)))?, &held)?;
    let done = wire.settled_items == wire.items;
    session.output().only(&wire, |paint| {
        let share = |part: u64, whole: u64, share: f64| format!("{} of {} ({:.1} %)", thousands(part), thousands(whole), share * 100.0);
        let mut table = Table::default();
        let mut row = |name: &str, value: String| table.row(0, vec![(name.to_owned(), Ink::Dim), (value, Ink::Plain)]);
        row("codes settled", share(wire.settled_items, wire.items, wire.items_share));
        row("records settled", share(wire.settled_records, wire.records, wire.records_share));
        for s in &wire.by_status {
            row(s.status, format!("{} items, {} records", thousands(s.items), thousands(s.records)));
        }
        if wire.held_items > 0 {
            let what = format!("{} items, {} records", thousands(wire.held_items), thousands(wire.held_records));
            row("approved, but held back", format!("{what}; `xwalk review list --held` says why"));
        }
        if let Some(a) = &wire.coded_twice {
            let kappa = a.kappa.map_or_else(String::new, |k| format!(", kappa {k:.3}"));
            row("coded twice, blind", format!("{} items, {:.1} % the same{kappa}", thousands(a.items), a.share * 100.0));
        }
        table.print(paint)
    })?;
    Ok(Verdict::settled_if(done))
}
