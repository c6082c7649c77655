//! `xwalk translate`: what is it over there?

use super::page::{Ink, Paint, Table, count};
use super::{Session, Verdict, options, subjects};
use crate::engine::{Age, Asked, Facts, Policy, Sex, TranslatorOptions};
use crate::face::wire::{Group, Hop, Origin, Repair, Scenario, Suggestion, Target, TranslateAnswer};
use crate::model::rule;
use anyhow::{Result, anyhow, bail};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What is it over there? Every way the maps give, where it comes from, and whether it may be taken as it is
#[derive(clap::Args)]
pub struct Args {
    /// The code system of the codes
    #[arg(long)]
    from: String,
    /// The code system to translate to
    #[arg(long)]
    to: String,
    /// Codes; `-` takes them from standard input, one a line
    #[arg(required = true, value_name = "CODE")]
    codes: Vec<String>,
    /// Only by this map: ID or ID|VERSION (`xwalk index info` lists them)
    #[arg(long, value_name = "ID")]
    map: Option<String>,
    /// Read maps from target to source: candidates, never automatic
    #[arg(long)]
    reverse: bool,
    /// The day on which the code must be valid (date of service)
    #[arg(long)]
    date: Option<String>,
    /// The day on which the target must be valid: expired targets are followed to their successors
    #[arg(long, value_name = "DATE")]
    target_date: Option<String>,
    /// For map rules that ask: 28d, 3m, 12y
    #[arg(long)]
    age: Option<String>,
    /// For map rules that ask: female or male
    #[arg(long)]
    sex: Option<String>,
    /// A co-existing finding for map rules that ask: snomed|CODE; or ATTRIBUTE=VALUE for FHIR dependsOn; repeatable
    #[arg(long, value_name = "SYSTEM|CODE")]
    with: Vec<String>,
    /// The findings given by --with are all there are, so that a finding not among them is absent
    #[arg(long)]
    with_complete: bool,
    /// The record's own words, for --policy text
    #[arg(long)]
    text: Option<String>,
    /// How to settle a choice: review (not at all), text, unspecified, first, decision
    #[arg(long, default_value = "review", value_name = "NAME")]
    policy: String,
    /// Reviewers' decisions, for --policy decision
    #[arg(long, value_name = "DB", env = "XWALK_DECISIONS", hide_env_values = true)]
    decisions: Option<PathBuf>,
    /// By how much the best option must lead under --policy text, 0 to 1
    #[arg(long, value_name = "NUMBER")]
    margin: Option<f32>,
    /// Take nothing but exact answers without a person
    #[arg(long)]
    strict: bool,
    /// Answer a code that no map has from its nearest ancestor that some map has; such answers are never automatic
    #[arg(long)]
    ancestor: bool,
    /// Print all targets, however many
    #[arg(long)]
    all: bool,
}

/// More targets than this are counted and not printed as text, unless all are asked for. JSON is always complete.
const MOST_TARGETS: usize = 24;

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    let date = options::day("--date", args.date.as_deref())?;
    let facts = facts(&args)?;
    let policy = Policy::from_code(&args.policy).ok_or_else(|| {
        let known = Policy::ALL.map(Policy::code).join(", ");
        anyhow!("there is no policy `{}`; there is {known}", args.policy)
    })?;
    if args.margin.is_some_and(|margin| !(0.0..=1.0).contains(&margin)) {
        bail!("--margin is a share, 0 to 1");
    }
    if policy == Policy::Text && args.text.is_none() {
        bail!("--policy text compares the options with the record's own words; give them (--text TEXT)");
    }
    let options = TranslatorOptions {
        from: args.from,
        to: args.to,
        map: args.map,
        reverse: args.reverse,
        target_date: options::day("--target-date", args.target_date.as_deref())?,
        policy,
        strict: args.strict,
        margin: args.margin,
        ancestor: args.ancestor,
        any_day: false,
    };
    let opened = session.engine()?;
    let engine = options::deciding(&opened, args.decisions.as_deref(), policy == Policy::Decision)?;
    if args.decisions.is_some() && policy != Policy::Decision {
        session.warn("the decisions are not asked: they are with --policy decision");
    }
    engine.unknown_findings(&facts).iter().for_each(|unknown| session.warn(&format!("--with: {unknown}")));
    let translator = engine.translator(options)?;
    let mut out = session.output();
    let most = if args.all { usize::MAX } else { MOST_TARGETS };
    let verdict = subjects::each(&args.codes, &mut out, |code, out| {
        let answer = translator.translate(&Asked { code, date, facts: &facts, text: args.text.as_deref() });
        let wire = TranslateAnswer::of(&answer);
        out.answer(&wire, |paint| text(&wire, paint, most))?;
        Ok(Verdict::settled_if(wire.automatic || wire.picked.is_some()))
    })?;
    out.finish()?;
    Ok(verdict)
}

/// What is known of the patient. What cannot be read is not repeated: these are private data.
fn facts(args: &Args) -> Result<Facts> {
    let mut facts = Facts { findings_complete: args.with_complete, ..Facts::default() };
    if let Some(age) = &args.age {
        let age = Age::parse(age).ok_or_else(|| anyhow!("--age is no age: give a number and a unit, like 28d, 3m or 12y"))?;
        facts = facts.with_age(age);
    }
    if let Some(sex) = &args.sex {
        facts.sex = Some(Sex::parse(sex).ok_or_else(|| anyhow!("--sex is neither female nor male; leave it out if it is not known"))?);
    }
    for with in &args.with {
        match (with.split_once('|'), with.split_once('=')) {
            (Some((system, code)), _) if crate::model::System::find(system).is_some_and(|s| s.alias == "snomed") => {
                let id = rule::finding(code);
                facts
                    .findings
                    .push(id.ok_or_else(|| anyhow!("--with: a SNOMED CT code is digits and a check digit, like snomed|248152002"))?);
            }
            // An attribute may be a canonical with its version: `http://example.org/p|2=left`.
            (_, Some((attribute, value))) => facts.properties.push((attribute.to_owned(), value.to_owned())),
            _ => bail!("--with takes snomed|CODE (map rules ask for SNOMED CT findings only) or ATTRIBUTE=VALUE"),
        }
    }
    if let Some(why) = facts.contradiction() {
        bail!("the facts contradict each other: {why}");
    }
    Ok(facts)
}

fn text(a: &TranslateAnswer<'_>, paint: Paint, most: usize) -> String {
    let mut page = String::new();
    say_repairs(&mut page, &a.repairs, paint);
    let outcome = match (a.automatic, a.outcome) {
        (true, outcome) => paint.good(outcome),
        (false, outcome @ ("invalid-code" | "unknown-system" | "not-valid-on-date")) => paint.bad(outcome),
        (false, outcome) => paint.doubtful(outcome),
    };
    let _ = write!(page, "{}  {outcome}", paint.strong(a.source.code));
    if let Some(display) = a.source.display {
        let _ = write!(page, "  {display}");
    }
    page.push('\n');
    let mut left = most;
    let mut table = Table::default();
    let picked = |s: usize, g: usize| a.picked.as_ref().filter(|p| p.scenario == s).and_then(|p| p.options.get(g).copied());
    for (s, scenario) in a.scenarios.iter().enumerate() {
        scenario_rows(&mut table, (s, a.scenarios.len()), scenario, &|g| picked(s, g), &mut left, paint);
    }
    page.push_str(&table.print(paint));
    let all: usize = a.scenarios.iter().flat_map(|s| &s.groups).map(|g| g.options.len()).sum();
    if all > most {
        let _ = writeln!(page, "  {}", paint.dim(&format!("... and {} more of {all} targets (--all prints them)", all - most)));
    }
    if let Some(p) = &a.picked {
        let margin = p.margin.map_or_else(String::new, |m| format!(", ahead by {m:.2}"));
        let decision = p.decision.map_or_else(String::new, |d| format!(" {d}"));
        let _ = writeln!(page, "  {}", paint.good(&format!("picked by policy {}{decision}{margin}: {}", p.policy, a.codes.join(" "))));
    }
    for need in &a.needs {
        let _ = writeln!(page, "  {} {}  {}", paint.doubtful("needs"), need.fact, paint.dim(need.rule));
    }
    if !a.message.is_empty() {
        let _ = writeln!(page, "  {}", a.message);
    }
    page.push_str(&suggestions(&a.nearest, paint));
    page
}

/// One reading of the source. Numbered if there are several; several groups are headed by how many codes it takes.
fn scenario_rows(
    table: &mut Table,
    (at, of): (usize, usize),
    scenario: &Scenario<'_>,
    picked: &dyn Fn(usize) -> Option<usize>,
    left: &mut usize,
    paint: Paint,
) {
    if *left == 0 {
        return;
    }
    let several = scenario.groups.len() > 1;
    let mut indent = 2;
    if of > 1 || scenario.groups.iter().any(|g| g.options.len() > 1) || several {
        let number = if of > 1 { format!("reading {} of {of}: ", at + 1) } else { String::new() };
        let what = match scenario.groups.as_slice() {
            [group] if group.options.len() == 1 => "one code".to_owned(),
            [group] => format!("one of {} codes", group.options.len()),
            groups => format!("{} codes together", groups.len()),
        };
        table.line(format!("  {}", paint.dim(&format!("{number}{what}"))));
        indent += 2;
    }
    for (g, group) in scenario.groups.iter().enumerate() {
        group_rows(table, indent, several, group, picked(g), left, paint);
    }
}

fn group_rows(table: &mut Table, indent: usize, together: bool, group: &Group<'_>, picked: Option<usize>, left: &mut usize, paint: Paint) {
    let several = group.options.len() > 1;
    if together && several && *left > 0 {
        table.line(format!("{:indent$}{}", "", paint.dim(&format!("+ one of {}", group.options.len()))));
    }
    for (i, option) in group.options.iter().enumerate().take(*left) {
        let mark = match (picked == Some(i), together) {
            (true, _) => "* ",
            (false, true) if !several => "+ ",
            (false, true) => "  ",
            (false, false) => "",
        };
        let indent = indent + if together && several { 2 } else { 0 };
        target_rows(table, indent, mark, option, paint);
    }
    *left = left.saturating_sub(group.options.len());
}

fn target_rows(table: &mut Table, indent: usize, mark: &str, target: &Target<'_>, paint: Paint) {
    let ink = if target.relationship == "equivalent" { Ink::Good } else { Ink::Plain };
    let mut remarks = Vec::new();
    if target.status != "valid" {
        remarks.push(target.status.to_owned());
    }
    if target.reversed {
        remarks.push("read backwards".to_owned());
    }
    if target.denied {
        remarks.push("denied by another row".to_owned());
    }
    if let Some(ancestor) = &target.ancestor {
        remarks.push(format!("by its ancestor {}", ancestor.code));
    }
    if let Some(score) = target.score {
        remarks.push(format!("{score:.2}"));
    }
    table.row(
        indent,
        vec![
            (format!("{mark}{}", target.code), Ink::Strong),
            (target.relationship.to_owned(), ink),
            (target.display.unwrap_or("").to_owned(), Ink::Plain),
            (origin(&target.origin), Ink::Dim),
            (remarks.join(", "), Ink::Doubtful),
        ],
    );
    let below = indent + 4;
    for hop in &target.hops {
        table.line(format!("{:below$}{}", "", paint.dim(&hop_in_words(hop))));
    }
    let origin = &target.origin;
    let said = [("rule", origin.rule), ("advice", origin.advice), ("product", origin.product), ("remark", origin.comment)];
    for (name, text) in said {
        if !text.is_empty() {
            table.line(format!("{:below$}{}", "", paint.dim(&format!("{name}: {text}"))));
        }
    }
}

/// `gem-icd9cm-icd10cm|2018:1532`
fn origin(origin: &Origin<'_>) -> String {
    match (origin.map, origin.version, origin.row) {
        (Some(map), Some(version), Some(row)) => format!("{map}|{version}:{row}"),
        (Some(map), Some(version), None) => format!("{map}|{version} for all others"),
        _ => origin.decision.map_or_else(|| origin.kind.to_owned(), |d| format!("decision {d}")),
    }
}

fn hop_in_words(hop: &Hop<'_>) -> String {
    let effective = hop.effective.map_or_else(String::new, |day| format!("on {}, ", day.0));
    format!("from {} to {} ({effective}{})", hop.from, hop.to, origin(&hop.origin))
}

/// How the given text was made into a code, said before everything else.
pub fn say_repairs(page: &mut String, repairs: &[Repair<'_>], paint: Paint) {
    for r in repairs {
        let _ = writeln!(page, "{}", paint.doubtful(&format!("`{}` read as `{}` ({})", r.given, r.used, r.kind)));
    }
}

/// Codes that may have been meant, aligned.
pub fn suggestions(suggestions: &[Suggestion<'_>], paint: Paint) -> String {
    const MOST: usize = 10;
    let mut table = Table::default();
    for s in suggestions.iter().take(MOST) {
        let why = match (s.kind, s.effective) {
            ("other-system", _) => format!("in {}", s.system),
            (kind, Some(day)) => format!("{kind}, {}", day.0),
            (kind, None) => kind.to_owned(),
        };
        table.row(4, vec![(s.code.to_owned(), Ink::Strong), (s.display.unwrap_or("").to_owned(), Ink::Plain), (why, Ink::Dim)]);
    }
    let mut page = table.print(paint);
    if suggestions.len() > MOST {
        let more = count(suggestions.len() - MOST, "more code", "more codes");
        let _ = writeln!(page, "    {}", paint.dim(&format!("... and {more}")));
    }
    page
}
