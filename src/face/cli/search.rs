//! `xwalk search`: which concept did they mean?

use super::page::{Ink, Paint, Table};
use super::{Session, Verdict, options, subjects};
use crate::engine::search::SearchOptions;
use crate::face::wire::SearchAnswer;
use std::fmt::Write as _;

/// Which concept did they mean? The likeliest first, each with what matched and why
#[derive(clap::Args)]
pub struct Args {
    /// The code system to search
    #[arg(long, short)]
    system: String,
    /// Texts, one question each (quote them); `-` takes them from standard input, one a line
    #[arg(required = true, value_name = "TEXT")]
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
    /// The last word may be unfinished, as while somebody types
    #[arg(long)]
    complete: bool,
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    let options = SearchOptions {
        limit: args.limit,
        date: options::day("--date", args.date.as_deref())?,
        billable: args.billable,
        under: args.under,
        complete: args.complete,
    };
    let engine = session.engine()?;
    let searcher = engine.searcher(engine.system(&args.system)?, options)?;
    let mut out = session.output();
    let verdict = subjects::each(&args.texts, &mut out, |query, out| {
        let matches = searcher.search(query);
        let wire = SearchAnswer::of(query, searcher.system().alias(), &matches);
        out.answer(&wire, |paint| text(&wire, paint))?;
        Ok(Verdict::settled_if(!matches.is_empty()))
    })?;
    out.finish()?;
    Ok(verdict)
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
        if m.display != Some(m.matched) && m.matched != m.code {
            why = if why.is_empty() { format!("by {}", m.matched) } else { format!("by {}: {why}", m.matched) };
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
