//! Settles a choice by the policy that was asked for. What a policy picks it says; what it cannot settle stays a choice.

use super::super::answer::{Group, Picked, Policy, Scenario, Target, TargetState, Translation};
use super::super::search::{Searcher, asserted};
use super::{TranslatorOptions, vouched};

/// By how much the best must lead the next best under [`Policy::Text`] if nobody says otherwise: near ties go to a person. The smallest tenth
/// at which 99 of 100 picks among the neighbours of the right code were right on all three sets of titles (typing errors, other vintage,
/// shorthand), and 95 of 100 for synonyms; the table is in benches/README.md.
const DEFAULT_MARGIN: f32 = 0.4;

pub(super) fn pick(options: &TranslatorOptions, t: &mut Translation<'_>) {
    let policy = options.policy;
    let plain = |(scenario, options)| (scenario, options, None);
    t.picked = match policy {
        Policy::Review | Policy::Decision => None,
        Policy::First => first(&t.scenarios).map(plain),
        Policy::Unspecified => unspecified(&t.scenarios).map(plain),
        Policy::Text => by_score(&t.scenarios, options.margin.unwrap_or(DEFAULT_MARGIN)),
    }
    .map(|(scenario, options, margin)| Picked { scenario, options, policy, margin, decision: None });
}

/// Weighs every option by the record's own words and puts the best of each group first; `priority` keeps the map's order. Of a finding that
/// the record denies or doubts no word speaks for an option.
pub(super) fn weigh(searcher: &Searcher<'_>, text: &str, t: &mut Translation<'_>) {
    let concepts: Vec<_> = t.targets().map(|o| o.concept).collect();
    let text = asserted(text, &concepts);
    if text.trim().is_empty() {
        return;
    }
    let mut scores = searcher.weigh(&text, &concepts).into_iter();
    for group in t.scenarios.iter_mut().flat_map(|s| &mut s.groups) {
        group.options.iter_mut().for_each(|o| o.score = scores.next());
        group.options.sort_by(|a, b| b.score.unwrap_or(0.0).total_cmp(&a.score.unwrap_or(0.0)));
    }
}

/// The scenario whose best options fit the words best, if it leads the next scenario, and in every group the first option the second, by
/// the margin.
fn by_score(scenarios: &[Scenario<'_>], margin: f32) -> Option<(usize, Vec<usize>, Option<f32>)> {
    let score = |o: &Target<'_>| o.score.unwrap_or(0.0);
    // Of each scenario: how well its best options fit on average, which they are, and the smallest lead within a group.
    let mut settled = Vec::new();
    for (s, scenario) in scenarios.iter().enumerate() {
        let (mut picked, mut sum, mut lead) = (Vec::new(), 0.0, f32::INFINITY);
        for group in &scenario.groups {
            let mut usable = group.options.iter().enumerate().filter(|(_, o)| usable(o));
            let Some((best, option)) = usable.next() else { break };
            if let Some((_, next)) = usable.next() {
                lead = lead.min(score(option) - score(next));
            }
            sum += score(option);
            picked.push(best);
        }
        if picked.len() == scenario.groups.len() {
            settled.push((sum / picked.len() as f32, s, picked, lead));
        }
    }
    settled.sort_by(|a, b| b.0.total_cmp(&a.0));
    let next = settled.get(1).map(|other| other.0);
    let (best, s, picked, lead) = settled.into_iter().next()?;
    let lead = next.map_or(lead, |next| lead.min(best - next));
    // A lead of nothing over nothing is none.
    (best > 0.0 && lead.is_finite() && lead >= margin).then_some((s, picked, Some(lead)))
}

/// Whether a policy may take it: never a code that nobody can record, nor what a person must see (read backwards, over a second map, by an
/// ancestor, by a history that is not certain).
fn usable(target: &Target<'_>) -> bool {
    target.state == TargetState::Valid && vouched(target)
}

/// The first scenario in the map's order, in each of its groups the first option that is a code.
fn first(scenarios: &[Scenario<'_>]) -> Option<(usize, Vec<usize>)> {
    scenarios.iter().enumerate().find_map(|(s, scenario)| {
        let options: Option<Vec<usize>> = scenario.groups.iter().map(|g| g.options.iter().position(usable)).collect();
        options.map(|o| (s, o))
    })
}

/// The only scenario of which every group has one option, or one that is less specified than all others.
fn unspecified(scenarios: &[Scenario<'_>]) -> Option<(usize, Vec<usize>)> {
    let mut settled = scenarios.iter().enumerate().filter_map(|(s, scenario)| {
        let options: Option<Vec<usize>> = scenario.groups.iter().map(least_specified).collect();
        options.map(|o| (s, o))
    });
    let only = settled.next()?;
    settled.next().is_none().then_some(only)
}

fn least_specified(group: &Group<'_>) -> Option<usize> {
    if let [only] = &group.options[..] {
        return usable(only).then_some(0);
    }
    let counts: Vec<usize> = group
        .options
        .iter()
        .map(|o| if usable(o) { o.concept.display().map_or(0, |d| d.to_lowercase().matches("unspecified").count()) } else { 0 })
        .collect();
    let most = counts.iter().copied().max().filter(|&m| m > 0)?;
    let mut best = counts.iter().enumerate().filter(|(_, c)| **c == most);
    let only = best.next()?.0;
    best.next().is_none().then_some(only)
}
