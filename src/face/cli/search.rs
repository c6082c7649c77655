//! `xwalk search`: which concept did they mean?

use super::output::Output;
use super::page::{Ink, Paint, Table};
use super::{Session, Verdict, options, subjects};
use crate::engine::search::{SearchOptions, Supposition};
use crate::face::wire::{SearchAnswer, SuppositionWire};
use std::fmt::Write as _;

/// Which concept did they mean? The likeliest first, each with what matched and why
#[derive(clap::Args)]
pub struct Args {
    /// The code system to search
    #[arg(long, short, required_unless_present = "explain")]
    system: Option<String>,
    /// Texts, one question each (quote them); `-` takes them from standard input, one a line
    #[arg(required_unless_present = "explain", value_name = "TEXT")]
    texts: Vec<String>,
    /// At most so many concepts
    #[arg(long, default_value_t = 10, value_name = "N")]
    limit: usize,
    /// Only concepts of the releases that hold on this day
    #[arg(long)]
    date: Option<String>,
    /// Only codes that may be recorded
    #[arg(long)]
    billable: bool,
    /// Only this code and what stands below it
    #[arg(long, value_name = "CODE")]
    under: Option<String>,
    /// By the words of this system alone, never by way of another system's titles and a map
    #[arg(long)]
    text_only: bool,
    /// The last word, or the code, may be unfinished, as while somebody types
    #[arg(long)]
    complete: bool,
    /// Say what every rank is made of; without a TEXT, list the abbreviations and synonyms that search may suppose
    #[arg(long)]
    explain: bool,
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    let options = SearchOptions {
        limit: args.limit,
        date: options::day("--date", args.date.as_deref())?,
        billable: args.billable,
        under: args.under,
        complete: args.complete,
        text_only: args.text_only,
        explain: args.explain,
    };
    let engine = session.engine()?;
    let (Some(system), false) = (&args.system, args.texts.is_empty()) else { return list(&engine.suppositions(), session.output()) };
    let searcher = engine.searcher(engine.system(system)?, options)?;
    let mut out = session.output();
    let verdict = subjects::each_side_by_side(
        &args.texts,
        &mut out,
        |query| searcher.search(query),
        |query, matches, out| {
            let wire = SearchAnswer::of(query, searcher.system().alias(), &matches);
            out.answer(&wire, |paint| text(&wire, paint))?;
            Ok(Verdict::settled_if(!matches.is_empty()))
        },
    )?;
    out.finish()?;
    Ok(verdict)
}

fn list(suppositions: &[Supposition], mut out: Output) -> anyhow::Result<Verdict> {
    for s in suppositions {
        let wire = SuppositionWire::of(s);
        out.answer(&wire, |_| {
            let share = wire.share.map_or(String::new(), |share| format!(" {share:.2}"));
            format!("{} = {} ({}{share})\n", wire.phrase, wire.meaning, wire.kind)
        })?;
    }
    out.finish()?;
    Ok(Verdict::Settled)
}

fn text(a: &SearchAnswer<'_>, paint: Paint) -> String {
    let mut page = String::new();
    let _ = writeln!(page, "{}", paint.strong(a.query));
    if a.matches.is_empty() {
        let _ = writeln!(page, "  {}", paint.bad(&format!("nothing in {} matches", a.system)));
    }
    let mut table = Table::default();
    for m in &a.matches {
        let mut why = m.why.join(", ");
        if let Some(hop) = &m.hop {
            let together = if hop.together { ", with further codes" } else { "" };
            why = format!("{} {} {} ({} by {}{together})", hop.system, hop.code, hop.title, hop.relationship, hop.map);
        } else if m.display != Some(m.matched) && m.matched != m.code {
            why = if why.is_empty() { format!("by {}", m.matched) } else { format!("by {}: {why}", m.matched) };
        }
        let parts = m.parts.iter().map(|p| (p.value * p.weight, p)).filter(|(sum, _)| sum.abs() >= 0.005);
        let parts: Vec<String> = parts.map(|(sum, p)| format!("{} {sum:+.2}", p.feature)).collect();
        if !parts.is_empty() {
            why = [why, parts.join(", ")].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; ");
        }
        table.row(
            2,
            vec![
                (m.code.to_owned(), if m.billable { Ink::Strong } else { Ink::Plain }),
                (format!("{:.2}", m.score), Ink::Dim),
                (m.display.unwrap_or("").to_owned(), Ink::Plain),
                (why, Ink::Dim),
            ],
        );
    }
    page.push_str(&table.print(paint));
    page
}
