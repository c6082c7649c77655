//! `xwalk validate`: is it a code, valid, on this date?

use super::page::Paint;
use super::{Session, Verdict, options, subjects};
use crate::face::wire::ValidateAnswer;
use std::fmt::Write as _;

/// Is it a code, valid, on this date? If not: why, and what instead
#[derive(clap::Args)]
pub struct Args {
    /// The code system
    #[arg(long, short)]
    system: String,
    /// Codes; `-` takes them from standard input, one a line
    #[arg(required = true, value_name = "CODE")]
    codes: Vec<String>,
    /// The day on which it must be valid (date of service)
    #[arg(long)]
    date: Option<String>,
    /// What the record calls it; a text that is none of its names is a warning
    #[arg(long, value_name = "TEXT")]
    display: Option<String>,
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    let date = options::day("--date", args.date.as_deref())?;
    let engine = session.engine()?;
    let system = engine.system(&args.system)?;
    let mut out = session.output();
    let verdict = subjects::each(&args.codes, &mut out, |code, out| {
        let answer = engine.validate(system, code, date, args.display.as_deref());
        let wire = ValidateAnswer::of(&answer, date);
        out.answer(&wire, |paint| text(&wire, paint))?;
        Ok(Verdict::settled_if(wire.valid))
    })?;
    out.finish()?;
    Ok(verdict)
}

fn text(a: &ValidateAnswer<'_>, paint: Paint) -> String {
    let mut page = String::new();
    let status = if a.valid { paint.good(a.status) } else { paint.bad(a.status) };
    let _ = write!(page, "{}  {status}", paint.strong(a.code));
    if let Some(display) = a.display {
        let _ = write!(page, "  {display}");
    }
    if let (true, Some(from)) = (a.valid, a.valid_from) {
        let to = a.valid_to.map_or_else(String::new, |to| format!(" to {}", to.0));
        let _ = write!(page, "  {}", paint.dim(&format!("from {}{to}", from.0)));
    }
    page.push('\n');
    for issue in &a.issues {
        let severity = match issue.severity {
            "error" => paint.bad(issue.severity),
            "warning" => paint.doubtful(issue.severity),
            other => paint.dim(other),
        };
        let _ = writeln!(page, "  {severity}: {}", issue.message);
        page.push_str(&super::translate::suggestions(&issue.suggestions, paint));
    }
    page
}
