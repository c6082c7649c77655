//! `xwalk review`: the queue of what no rule can settle, on the command line.

mod exchange;
mod print;

use super::{Session, Verdict};
use crate::decisions::{self, Action, Approved, By, Filter, Held, Status, Store, Usage};
use crate::engine::Engine;
use crate::face::wire::review::{ItemWire, StatsWire};
use crate::model::Relationship;
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::sync::Arc;

/// Settle what no rule can: list the queue, decide, approve, exchange decisions
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// The queue, the items first that settle the most records
    List(List),
    /// One item: what is asked, what is on offer, what was done
    Show(Show),
    /// Put codes into the queue by hand
    Add(Add),
    /// Answer an item: codes, options by number, no map, a flag, or take back your last action
    Decide(Decide),
    /// Approve (or reject) another person's answers
    Approve(Approve),
    /// Share items out among people
    Assign(Assign),
    /// Both coverages, statuses, agreement of blind coders; what is settled here is what the next run settles
    Stats(Stats),
    /// Put a job's review.csv, or decisions in another format, into the file; makes the file if there is none
    Import(exchange::Import),
    /// Write decisions in another format
    Export(exchange::Export),
    /// Look at approved decisions with the eyes of this index; what no longer holds is flagged
    Reexamine(Acting),
    /// Whether authors may approve their own answers
    Rules(Rules),
    /// Copy the file while it is in use
    Backup(Backup),
}

/// Where the decisions are.
#[derive(clap::Args)]
struct File {
    /// The decisions file
    #[arg(long, value_name = "DB", env = "XWALK_DECISIONS", hide_env_values = true)]
    decisions: PathBuf,
}

/// Who acts.
#[derive(clap::Args)]
struct Acting {
    #[command(flatten)]
    file: File,
    /// Who does it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
}

/// Which items.
#[derive(clap::Args)]
struct Filtering {
    /// Source system
    #[arg(long, value_name = "S")]
    from: Option<String>,
    /// Target system
    #[arg(long, value_name = "S")]
    to: Option<String>,
    /// unreviewed, proposed, approved, flagged, rejected, no-map; may be given more than once
    #[arg(long, value_name = "STATUS")]
    status: Vec<String>,
    /// Why it is open: choice, needs-facts, unmapped ...
    #[arg(long)]
    outcome: Option<String>,
    /// The outermost ancestor of the source, by its code
    #[arg(long)]
    chapter: Option<String>,
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// What an examination found
    #[arg(long, value_parser = Filter::FINDINGS)]
    finding: Option<String>,
    /// Answers of a score below this
    #[arg(long, value_name = "SCORE", value_parser = score)]
    score_below: Option<f64>,
    /// Codes that begin with this
    #[arg(long, value_name = "PREFIX")]
    code: Option<String>,
    /// Approved answers that translations with this index do not use: `list` says why
    #[arg(long)]
    held: bool,
}

impl Filtering {
    /// `held` is asked for what is held back only if that is the filter.
    fn filter(&self, held: impl FnOnce() -> anyhow::Result<Arc<Held>>) -> anyhow::Result<Filter> {
        let alias = |name: &Option<String>| {
            let name = name.clone().unwrap_or_default();
            crate::model::System::find(&name).map_or(name, |s| s.alias.to_owned())
        };
        let status = |code: &String| {
            Status::from_code(code).with_context(|| format!("no status `{code}`; there are {}", Status::ALL.map(Status::code).join(", ")))
        };
        let filter = Filter {
            source_system: alias(&self.from),
            target_system: alias(&self.to),
            status: self.status.iter().map(status).collect::<Result<_, _>>()?,
            outcome: self.outcome.clone().unwrap_or_default(),
            chapter: self.chapter.clone().unwrap_or_default(),
            assignee: self.assignee.clone().unwrap_or_default(),
            finding: self.finding.clone().unwrap_or_default(),
            score_below: self.score_below,
            code: self.code.clone().unwrap_or_default().to_uppercase(),
            among: None,
        };
        Ok(if self.held { held()?.among(&filter) } else { filter })
    }
}

#[derive(clap::Args)]
struct Look {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    filter: Filtering,
}

#[derive(clap::Args)]
struct Stats {
    #[command(flatten)]
    look: Look,
    /// As a run with this target date: answers with a code that is not valid then are held back
    #[arg(long, value_name = "DAY")]
    target_date: Option<crate::model::Date>,
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    look: Look,
    /// At most so many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u64,
    /// After so many
    #[arg(long, default_value_t = 0, value_name = "N")]
    skip: u64,
}

#[derive(clap::Args)]
struct Show {
    #[command(flatten)]
    file: File,
    /// Numbers of items
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<i64>,
    /// As this person may see it
    #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
    by: String,
}

#[derive(clap::Args)]
struct Add {
    #[command(flatten)]
    acting: Acting,
    #[arg(long, value_name = "S")]
    from: String,
    #[arg(long, value_name = "S")]
    to: String,
    #[arg(required = true, value_name = "CODE")]
    codes: Vec<String>,
    /// The record's own words
    #[arg(long, default_value = "")]
    text: String,
    /// How many records each settles
    #[arg(long, default_value_t = 1, value_name = "N")]
    records: u64,
}

#[derive(clap::Args)]
struct Decide {
    #[command(flatten)]
    acting: Acting,
    #[arg(value_name = "ITEM")]
    item: i64,
    #[command(flatten)]
    answer: Answer,
    /// Of the codes to the source [default: as the map says]
    #[arg(long, value_name = "RELATIONSHIP")]
    relationship: Option<String>,
    /// With --pick: which scenario, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    scenario: usize,
    /// A remark
    #[arg(long, default_value = "", value_name = "TEXT")]
    why: String,
    /// The version of the item that you have seen; if somebody was faster, nothing is changed
    #[arg(long, value_name = "N")]
    seen: Option<i64>,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Answer {
    /// These codes, all together
    #[arg(long, value_name = "CODE", num_args = 1..)]
    codes: Vec<String>,
    /// The option with this number, one for each group of the scenario
    #[arg(long, value_name = "N", num_args = 1..)]
    pick: Vec<usize>,
    /// There is no map
    #[arg(long)]
    no_map: bool,
    /// Somebody else should look
    #[arg(long)]
    flag: bool,
    /// Take back your last action
    #[arg(long)]
    undo: bool,
}

#[derive(clap::Args)]
struct Approve {
    #[command(flatten)]
    acting: Acting,
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<i64>,
    /// Say no instead
    #[arg(long)]
    reject: bool,
    /// A remark
    #[arg(long, default_value = "", value_name = "TEXT")]
    why: String,
}

#[derive(clap::Args)]
struct Assign {
    #[command(flatten)]
    acting: Acting,
    #[command(flatten)]
    filter: Filtering,
    /// To whom
    #[arg(required = true, value_name = "NAME")]
    people: Vec<String>,
    /// Each item to two people, who do not see each other's answers
    #[arg(long)]
    blind: bool,
}

#[derive(clap::Args)]
struct Rules {
    #[command(flatten)]
    acting: Acting,
    /// Whether authors may approve their own answers; without it, says what holds
    #[arg(long, value_enum)]
    self_approval: Option<Allowed>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Allowed {
    Allowed,
    Forbidden,
}

#[derive(clap::Args)]
struct Backup {
    #[command(flatten)]
    file: File,
    #[arg(value_name = "FILE")]
    to: PathBuf,
}

fn score(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|score: &f64| (0.0..=1.0).contains(score)).ok_or("scores are numbers from 0 to 1, like 0.5")
}

pub fn run(args: Args, session: &Session) -> anyhow::Result<Verdict> {
    match args.what {
        What::List(list) => print::list(&list, session),
        What::Show(show) => print::show(&show, session),
        What::Stats(stats) => print::stats(&stats, session),
        What::Add(add) => run_add(&add, session),
        What::Decide(decide) => run_decide(&decide, session),
        What::Approve(approve) => run_approve(&approve, session),
        What::Assign(assign) => run_assign(&assign, session),
        What::Import(import) => exchange::import(&import, session),
        What::Export(export) => exchange::export(&export, session),
        What::Reexamine(acting) => run_reexamine(&acting, session),
        What::Rules(rules) => run_rules(&rules, session),
        What::Backup(backup) => {
            if backup.to.exists() {
                bail!("{} exists; name another file", backup.to.display());
            }
            Store::read(&backup.file.decisions)?.backup(&backup.to)?;
            Ok(Verdict::Settled)
        }
    }
}

fn run_add(add: &Add, session: &Session) -> anyhow::Result<Verdict> {
    let engine = session.engine()?;
    let store = Store::create(&add.acting.file.decisions)?;
    let facts = crate::engine::Facts::default();
    let mut asked = Vec::new();
    for code in &add.codes {
        let one = decisions::ask(&engine, &add.from, &add.to, code, &add.text, &facts, add.records)?;
        if one.outcome == crate::engine::Outcome::InvalidCode.code() {
            session.warn(&format!("`{}` is not a code of {} that a map can be asked for", one.question.code, one.question.source_system));
        }
        asked.push(one);
    }
    let index = engine.index().fingerprint();
    let added = store.ask(By { who: &add.acting.by, why: "", index: &index }, "by hand", asked)?;
    session.say(&format!("{} new items, {} were there", added.new, added.known));
    Ok(Verdict::Settled)
}

fn run_decide(decide: &Decide, session: &Session) -> anyhow::Result<Verdict> {
    let store = Store::open(&decide.acting.file.decisions)?;
    let (id, who) = (decide.item, decide.acting.by.as_str());
    let item = store.item(id, who)?;
    let relationship = match &decide.relationship {
        None => None,
        Some(code) => Some(Relationship::from_code(code).with_context(|| {
            let codes: Vec<&str> = Relationship::ALL.into_iter().map(Relationship::code).filter(|c| *c != "not-related-to").collect();
            format!("no relationship `{code}`; there are {}", codes.join(", "))
        })?),
    };
    let by = |index| By { who, why: &decide.why, index };
    let answer = &decide.answer;
    let done = if answer.undo {
        store.undo(id, decide.seen, by(""))?
    } else if answer.flag {
        store.act(id, decide.seen, by(""), Action::Flagged)?
    } else {
        let engine = session.engine()?;
        let index = engine.index().fingerprint();
        let translation = decisions::offered(&engine, &item.question);
        let verdict = if answer.no_map {
            decisions::Verdict::no_map()
        } else if answer.pick.is_empty() {
            let codes: Vec<_> = answer.codes.iter().map(|c| (c.clone(), relationship)).collect();
            decisions::by_codes(&engine, &item.question, &codes)?
        } else {
            let translation = translation.as_ref().context("nothing is on offer for this item; give --codes")?;
            let picks: Option<Vec<usize>> = answer.pick.iter().map(|n| n.checked_sub(1)).collect();
            let scenario = decide.scenario.checked_sub(1).context("scenarios are counted from 1")?;
            let mut verdict = decisions::pick(translation, scenario, &picks.context("options are counted from 1")?)?;
            if let Some(relationship) = relationship {
                verdict.targets.iter_mut().for_each(|t| t.relationship = relationship);
            }
            verdict
        };
        for doubt in decisions::doubts(&engine, &item.question, &verdict) {
            session.warn(&doubt);
        }
        let offer = translation.as_ref().map(decisions::Offer::of);
        store.act_with(id, decide.seen, by(&index), Action::Decided(verdict), offer.as_ref())?
    };
    let events = store.history(id, who)?;
    let nothing = Held::default();
    let wire = ItemWire::whole(&done.item, &events, &nothing);
    session.output().only(&wire, |paint| print::item(&wire, paint))?;
    Ok(Verdict::Settled)
}

fn run_approve(approve: &Approve, session: &Session) -> anyhow::Result<Verdict> {
    let store = Store::open(&approve.acting.file.decisions)?;
    let by = By { who: &approve.acting.by, why: &approve.why, index: "" };
    let action = || if approve.reject { Action::Rejected } else { Action::Approved };
    let mut verdict = Verdict::Settled;
    for &id in &approve.items {
        // One that cannot be approved does not keep the others from it.
        match store.act(id, None, by, action()) {
            Ok(_) => {}
            Err(error) if error.is_of_item() => {
                session.warn(&format!("item {id}: {error}"));
                verdict = Verdict::Unsettled;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(verdict)
}

fn run_assign(assign: &Assign, session: &Session) -> anyhow::Result<Verdict> {
    let store = Arc::new(Store::open(&assign.acting.file.decisions)?);
    let people: Vec<&str> = assign.people.iter().map(String::as_str).collect();
    let by = By { who: &assign.acting.by, ..By::default() };
    let filter = assign.filter.filter(|| held(&*session.engine()?, &store, None))?;
    let count = decisions::share_out(&store, &filter, &people, assign.blind, by)?;
    session.say(&format!("{count} items assigned"));
    Ok(Verdict::Settled)
}

fn run_reexamine(acting: &Acting, session: &Session) -> anyhow::Result<Verdict> {
    let engine = session.engine()?;
    let store = Store::open(&acting.file.decisions)?;
    let r = decisions::reexamine(&store, &engine, &acting.by)?;
    session.warn(&format!(
        "{} still valid, {} with an expired target, {} with a changed source, {} where the map says something else, {} with alternatives that \
         an older xwalk took for needed together; {} were decided under this index. `xwalk review list --finding any` lists what to look at \
         again",
        r.still_valid, r.target_expired, r.source_changed, r.map_changed, r.alternatives, r.current
    ));
    Ok(Verdict::settled_if(r.doubtful() == 0))
}

fn run_rules(rules: &Rules, session: &Session) -> anyhow::Result<Verdict> {
    let store = match rules.self_approval {
        None => Store::read(&rules.acting.file.decisions)?,
        Some(allowed) => {
            let store = Store::open(&rules.acting.file.decisions)?;
            store.set_self_approval(By { who: &rules.acting.by, ..By::default() }, allowed == Allowed::Allowed)?;
            store
        }
    };
    let allowed = if store.self_approval()? { "may" } else { "may not" };
    session.warn(&format!("authors {allowed} approve their own answers"));
    Ok(Verdict::Settled)
}

/// The approved answers that translations with this index do not use.
fn held(engine: &Engine, store: &Arc<Store>, target_date: Option<crate::model::Date>) -> anyhow::Result<Arc<Held>> {
    let approved = Arc::new(Approved::frozen(Arc::clone(store))?);
    Ok(Usage::new(engine, approved, target_date).held()?)
}

/// Both coverages of a filter.
fn stats_of(store: &Store, filter: &Filter, held: &Held) -> anyhow::Result<StatsWire> {
    Ok(StatsWire::of(store.coverage(filter, held)?, &store.tallies(filter)?, store.agreement()?))
}
