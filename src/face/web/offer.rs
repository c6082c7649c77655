//! What is on offer for an item: scenarios to choose from, in each one option of every group; and what a form's picks of it mean.

use super::{Problem, action::Form, layout};
use crate::decisions::{self, Item, offered};
use crate::engine::{Engine, Outcome, Scenario, Target, TargetState, Translation};
use crate::index::Concept;
use crate::model::Relationship;
use maud::{Markup, html};

/// Options have keys up to here; more of them are reached by the next nine (`0`), or by narrowing the list.
const KEYS: usize = 9;
/// Longer lists get a box to narrow them.
const LONG: usize = 12;

/// Everything on offer; `kept` are the picks of a form that could not be saved, `answer` is what stands and is marked.
pub fn options(translation: Option<&Translation<'_>>, kept: &Form, answer: Option<&decisions::Verdict>) -> Markup {
    let Some(t) = translation else {
        return html! { p.hint { "No map is asked for this item; search finds the target." } };
    };
    let several = t.scenarios.len() > 1;
    let count = t.targets().count();
    let mut number = 0;
    html! {
        section.options aria-labelledby="offer" {
            div.title-line {
                h2 #offer { "On offer" @if count > 1 { " " small { (count) " codes" } } }
                @if count > LONG {
                    label.narrow-box { span { kbd { "o" } " Only those with" } input #narrow type="search" autocomplete="off" spellcheck="false" placeholder="words, in any order"; }
                }
                @if count > KEYS { span.hint data-window { kbd { "0" } " next nine" } }
            }
            @if t.scenarios.is_empty() {
                p.hint { @if t.message.is_empty() { (t.outcome.code()) } @else { (t.message) } }
                @if t.outcome == Outcome::NoMap { p.hint { "The map itself says that there is none." } }
            }
            @for need in &t.needs { p.hint { "A rule waits for: " (need.fact) } }
            @for (s, scenario) in t.scenarios.iter().enumerate() {
                @let answer = answer.filter(|v| v.scenario.is_none_or(|chosen| usize::from(chosen) == s));
                (one_scenario(s, scenario, several, &mut number, kept, answer))
            }
        }
    }
}

fn one_scenario(
    s: usize,
    scenario: &Scenario<'_>,
    several: bool,
    number: &mut usize,
    kept: &Form,
    answer: Option<&decisions::Verdict>,
) -> Markup {
    let groups = scenario.groups.len();
    let combined = groups > 1;
    html! {
        fieldset.scenario data-scenario=(s) data-groups=(groups) {
            @if several || combined {
                legend {
                    label {
                        input type="radio" name="scenario" value=(s) checked[!several || kept.first("scenario") == s.to_string()];
                        span {
                            @if several { "Reading " (s + 1) } @else { "One reading" }
                            @if combined { ": " strong { (groups) " codes together" } ", one of each group" } @else { ": one code" }
                        }
                    }
                }
            } @else { input type="hidden" name="scenario" value=(s); legend.hidden { "One of these" } }
            @for (g, group) in scenario.groups.iter().enumerate() {
                @let name = if combined { format!("Group {}", g + 1) } else { "Options".to_owned() };
                div.group role="radiogroup" aria-label=(name) {
                    @if combined { h3 { (name) @if group.options.len() == 1 { " " small { "no choice" } } } }
                    @let mut above: Option<Concept<'_>> = None;
                    @for (o, option) in group.options.iter().enumerate() {
                        @let parent = option.concept.parents().next();
                        @if parent.is_some() && parent != above { (layout::place(option.concept)) }
                        @let () = above = parent;
                        @let () = *number += 1;
                        @let field = format!("pick-{s}-{g}");
                        @let picked = kept.first(&field) == o.to_string() || combined && group.options.len() == 1;
                        @let answers = answer.is_some_and(|v| v.targets.iter().any(|t| t.code == option.concept.code()));
                        (one(option, (&field, o), *number, picked, answers))
                    }
                }
            }
        }
    }
}

fn one(t: &Target<'_>, (name, value): (&str, usize), number: usize, picked: bool, answers: bool) -> Markup {
    let c = t.concept;
    html! {
        div.option {
            label {
                input type="radio" name=(name) value=(value) data-code=(c.code()) checked[picked];
                kbd.number { @if number <= KEYS { (number) } }
                span.code { (c.code()) }
                span.title { (c.display().unwrap_or("(no title)")) }
            }
            p.facts {
                @if answers { strong.answers { "the answer" } }
                span.relationship { (t.relationship.code()) }
                @match t.state {
                    TargetState::Valid => span.good { "billable" },
                    TargetState::Header => span.bad { "header, not billable" },
                    TargetState::Expired => span.bad { "expired" },
                    TargetState::Unlisted => span.bad { "in no loaded release" },
                }
                (layout::validity(c))
                @if let Some(row) = t.origin.row() {
                    span { (row.map().id()) " " (row.map().version()) ", line " (row.line()) }
                    @if let Some(flags) = row.gem_flags() { span title="approximate, no map, combination, scenario, choice list" { "flags " (flags) } }
                    @let detail = row.detail();
                    @if !detail.rule.is_empty() { span { (detail.rule) } }
                    @if !detail.advice.is_empty() { span { (detail.advice) } }
                }
                @if let Some(score) = t.score { span { "fits the words " (format!("{score:.2}")) } }
                @for hop in &t.hops { span { "by " (hop.from.code()) " to " (hop.to.code()) } }
                @if t.reversed { span.bad { "map read backwards" } }
                @if t.denied { span.bad { "denied by another row" } }
                @if let Some(a) = t.ancestor { span.bad { "row of its ancestor " (a.code()) } }
            }
            (layout::notes(c))
        }
    }
}

/// The verdict that a form's picks amount to: codes ticked in a search, else one option of each group of a scenario.
pub fn verdict(engine: &Engine, item: &Item, form: &Form) -> Result<decisions::Verdict, Problem> {
    let relationship = Relationship::from_code(form.first("relationship"));
    let codes: Vec<(String, Option<Relationship>)> = form.all("code").map(|c| (c.to_owned(), relationship)).collect();
    if !codes.is_empty() {
        return Ok(decisions::by_codes(engine, &item.question, &codes)?);
    }
    let nothing = || Problem::BadRequest("nothing is picked: pick an option (1-9), search (/), or say that there is no map (n)".to_owned());
    let translation = offered(engine, &item.question).ok_or_else(nothing)?;
    let groups = |s: usize| translation.scenarios.get(s).map_or(0, |scenario| scenario.groups.len());
    let pick = |s: usize, g: usize| form.first(&format!("pick-{s}-{g}")).parse::<usize>().ok();
    let picked = |s: usize| (0..groups(s)).map(|g| pick(s, g)).collect::<Option<Vec<usize>>>().filter(|picks| !picks.is_empty());
    let scenario = match form.first("scenario").parse::<usize>() {
        Ok(chosen) => chosen,
        // Nobody pressed the radio of a scenario: the one that is picked whole is meant.
        Err(_) => (0..translation.scenarios.len()).find(|&s| picked(s).is_some()).ok_or_else(nothing)?,
    };
    let Some(options) = picked(scenario) else {
        let missing: Vec<String> = (0..groups(scenario)).filter(|&g| pick(scenario, g).is_none()).map(|g| (g + 1).to_string()).collect();
        return Err(match groups(scenario) {
            0 | 1 => nothing(),
            n => Problem::BadRequest(format!("this reading needs {n} codes together; still to pick: group {}", missing.join(", "))),
        });
    };
    let mut verdict = decisions::pick(&translation, scenario, &options)?;
    if let Some(relationship) = relationship {
        verdict.targets.iter_mut().for_each(|t| t.relationship = relationship);
    }
    Ok(verdict)
}
