//! `xwalk subsumes`: is A a kind of B?

use super::page::Paint;
use super::{Session, Verdict};
use crate::face::wire::SubsumesAnswer;
use std::fmt::Write as _;

/// How does A stand to B: the same, above it, below it, or neither?
#[derive(clap::Args)]
pub struct Args {
    /// The code system
    #[arg(long, short)]
    system: String,
    a: String,
    b: String,
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    let engine = session.engine()?;
    let system = engine.system(&args.system)?;
    let (a, b) = (engine.lookup(system, &args.a, None), engine.lookup(system, &args.b, None));
    let wire = SubsumesAnswer::of(&a, &b);
    session.output().only(&wire, |paint| text(&wire, paint))?;
    Ok(Verdict::settled_if(wire.outcome.is_some()))
}

fn text(answer: &SubsumesAnswer<'_>, paint: Paint) -> String {
    let mut page = String::new();
    for side in [&answer.a, &answer.b] {
        super::translate::say_repairs(&mut page, &side.repairs, paint);
        if !side.found {
            let _ = writeln!(page, "{}  {}", paint.strong(side.code), paint.bad(&format!("no code of {}", answer.system)));
            page.push_str(&super::translate::suggestions(&side.nearest, paint));
        }
    }
    let Some(outcome) = answer.outcome else { return page };
    let says = match outcome {
        "subsumes" => "is above",
        "subsumed-by" => "is a kind of",
        "equivalent" => "is the same as",
        _ => "is neither above nor below",
    };
    let side = |s: &crate::face::wire::Side<'_>| format!("{} {}", paint.strong(s.code), s.display.unwrap_or(""));
    let _ = writeln!(page, "{outcome}: {} {says} {}", side(&answer.a).trim_end(), side(&answer.b).trim_end());
    page
}
