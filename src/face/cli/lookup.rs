//! `xwalk lookup`: what is this code?

use super::page::{Ink, Paint, Table, count};
use super::{Session, Verdict, options, subjects};
use crate::face::wire::{LookupAnswer, Period};
use std::fmt::Write as _;

/// What is this code? Names, place in the hierarchy, times of validity, notes
#[derive(clap::Args)]
pub struct Args {
    /// The code system
    #[arg(long, short)]
    system: String,
    /// Codes; `-` takes them from standard input, one a line
    #[arg(required = true, value_name = "CODE")]
    codes: Vec<String>,
    /// As it was on this day
    #[arg(long)]
    date: Option<String>,
    /// Print everything, however long
    #[arg(long)]
    all: bool,
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    let date = options::day("--date", args.date.as_deref())?;
    let engine = session.engine()?;
    let system = engine.system(&args.system)?;
    let mut out = session.output();
    let verdict = subjects::each(&args.codes, &mut out, |code, out| {
        let answer = engine.lookup(system, code, date);
        let wire = LookupAnswer::of(&answer);
        out.answer(&wire, |paint| text(&wire, paint, if args.all { usize::MAX } else { 20 }))?;
        Ok(Verdict::settled_if(wire.found))
    })?;
    out.finish()?;
    Ok(verdict)
}

fn text(a: &LookupAnswer<'_>, paint: Paint, most: usize) -> String {
    let mut page = String::new();
    super::translate::say_repairs(&mut page, &a.repairs, paint);
    if !a.found {
        let _ = writeln!(page, "{}  {}", paint.strong(a.code), paint.bad(&format!("no code of {}", a.system)));
        page.push_str(&super::translate::suggestions(&a.nearest, paint));
        return page;
    }
    let kind = if a.billable { paint.good("billable") } else { paint.doubtful("not billable") };
    let _ = writeln!(page, "{}  {}  {kind}", paint.strong(a.code), a.display.unwrap_or("(no title)"));
    let mut table = Table::default();
    let mut list = |name: &str, rows: Vec<Vec<(String, Ink)>>| {
        let shown = rows.len().min(most);
        let hidden = rows.len() - shown;
        for (i, row) in rows.into_iter().take(shown).enumerate() {
            let mut cells = vec![(if i == 0 { name.to_owned() } else { String::new() }, Ink::Dim)];
            cells.extend(row);
            table.row(2, cells);
        }
        if hidden > 0 {
            table.row(2, vec![(String::new(), Ink::Dim), (format!("... and {hidden} more (--all prints them)"), Ink::Dim)]);
        }
    };
    list("valid", a.validity.iter().map(|p| vec![(period(p), Ink::Plain), (p.status.to_owned(), Ink::Dim)]).collect());
    let concepts = |concepts: &[crate::face::wire::CodeAndDisplay<'_>]| -> Vec<Vec<(String, Ink)>> {
        concepts.iter().map(|c| vec![(format!("{}  {}", c.code, c.display.unwrap_or("")), Ink::Plain)]).collect()
    };
    list("parent", concepts(&a.parents));
    list(&format!("below: {}", count(a.children.len(), "code", "codes")), concepts(&a.children));
    let names = a.designations.iter().filter(|d| Some(d.text) != a.display);
    list("names", names.map(|d| vec![(d.text.to_owned(), Ink::Plain), (d.usage.to_owned(), Ink::Dim)]).collect());
    for (kind, texts) in &a.notes.0 {
        list(kind.code(), texts.iter().map(|t| vec![((*t).to_owned(), Ink::Plain)]).collect());
    }
    page.push_str(&table.print(paint));
    page
}

/// `2015-10-01 to 2017-09-30`
pub fn period(p: &Period) -> String {
    match (p.from, p.to) {
        (None, None) => "always".to_owned(),
        (Some(from), None) => format!("from {}", from.0),
        (None, Some(to)) => format!("to {}", to.0),
        (Some(from), Some(to)) => format!("{} to {}", from.0, to.0),
    }
}
