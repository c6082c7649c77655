//! Settles a choice by the policy that was asked for. What a policy picks it says; what it cannot settle stays a choice.

use super::super::Engine;
use super::super::answer::{Group, Picked, Policy, Scenario, Target, TargetState, Translation};
use super::{Asked, TranslatorOptions};

pub(super) fn pick(_engine: &Engine, options: &TranslatorOptions, _asked: &Asked<'_>, t: &mut Translation<'_>) {
    let policy = options.policy;
    t.picked = match policy {
        Policy::Review | Policy::Decision | Policy::Text => None,
        Policy::First => first(&t.scenarios),
        Policy::Unspecified => unspecified(&t.scenarios),
    }
    .map(|(scenario, options)| Picked { scenario, options, policy, margin: None, decision: None });
}

/// Whether a policy may take it: a code that nobody can record is never picked.
fn usable(target: &Target<'_>) -> bool {
    target.state == TargetState::Valid && !target.reversed
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
