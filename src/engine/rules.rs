//! The rows of one source under their rules: which code each group gives, for what is known of the patient.
//!
//! SNOMED CT *Mapping Guide*, "Map groups, priorities and rules": in every group the rows are tried by priority, and the first true rule
//! gives the target; an empty target means that the group gives no code; the groups are taken together. Two things are ours, because the
//! guide speaks of a coder who can always look: a rule that is *unknown* stops its group and says which facts it waits for, and a rule
//! that could not be read waits for a person.

use crate::model::rule::{Facts, IsA, Need, Program, Truth};
use smallvec::SmallVec;
use std::ops::Range;

/// What a group needs to know of a row.
#[derive(Clone, Copy, Debug)]
pub struct RuleRow<'a> {
    pub group: u16,
    /// The smallest is tried first. Rows of one priority are alternatives.
    pub priority: u16,
    pub has_target: bool,
    /// When it holds. A rule that could not be read is never decided by machine.
    pub rule: Program<'a>,
}

impl RuleRow<'_> {
    /// Rows of one turn are tried together, OTHERWISE after its equals.
    fn turn(&self) -> (u16, u16, bool) {
        (self.group, self.priority, self.rule.is_otherwise())
    }
}

/// Places in the slice of rows that was asked.
pub type Places = SmallVec<[usize; 2]>;

/// What one group gives. Numbers are places in the slice of rows that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVerdict {
    pub group: u16,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This row's target.
    Target(usize),
    /// This row holds and has no target: no code from this group.
    NoCode(usize),
    /// No row's rule holds: the group says nothing of such a patient.
    NoRule,
    /// Undecided at these rows for want of facts. `open` are the rows that may still give the answer: the undecided ones and all after.
    Needs { needs: Vec<(usize, Need)>, open: Places },
    /// Several rows of one priority hold.
    Choice(Places),
}

/// Decides every group of one source, in the order of the group numbers (which may have gaps). The rows come as an index keeps them, in the
/// order in which they are tried: by group, by priority, and OTHERWISE after its equals.
pub fn decide<'r>(rows: &'r [RuleRow<'r>], facts: &'r Facts, is_a: IsA<'r>) -> impl Iterator<Item = GroupVerdict> + 'r {
    let mut start = 0;
    rows.chunk_by(|a, b| a.group == b.group).map(move |group| {
        let places = start..start + group.len();
        start = places.end;
        GroupVerdict { group: group[0].group, verdict: decide_group(rows, places, facts, is_a) }
    })
}

fn decide_group(rows: &[RuleRow<'_>], group: Range<usize>, facts: &Facts, is_a: IsA<'_>) -> Verdict {
    let truth = |place: &usize| rows[*place].rule.truth(facts, is_a);
    let mut tried = group.start;
    for level in rows[group.clone()].chunk_by(|a, b| a.turn() == b.turn()) {
        let places = tried..tried + level.len();
        let mut holding = Places::new();
        for place in places.clone() {
            match truth(&place) {
                Truth::True => holding.push(place),
                Truth::False => {}
                Truth::Unknown => {
                    let needs = places.flat_map(|place| rows[place].rule.needs(facts, is_a).into_iter().map(move |need| (place, need)));
                    let open = (tried..group.end).filter(|place| truth(place) != Truth::False);
                    return Verdict::Needs { needs: needs.collect(), open: open.collect() };
                }
            }
        }
        match holding[..] {
            [] => tried = places.end,
            [row] if rows[row].has_target => return Verdict::Target(row),
            _ if holding.iter().all(|&row| !rows[row].has_target) => return Verdict::NoCode(holding[0]),
            _ => return Verdict::Choice(holding),
        }
    }
    Verdict::NoRule
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rule::{Age, Rule, Sex};

    /// One row per line: group, priority, target or `-`, rule; then the verdict for the facts.
    fn check(rows: &str, facts: &Facts, expect: &str) {
        let parsed: Vec<(u16, u16, String, Option<Rule>)> = rows
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| {
                let mut words = line.splitn(4, ' ');
                let mut next = || words.next().unwrap().to_owned();
                (next().parse().unwrap(), next().parse().unwrap(), next(), Rule::parse(&next()).ok())
            })
            .collect();
        let rows: Vec<RuleRow<'_>> = parsed
            .iter()
            .map(|(group, priority, target, rule)| RuleRow {
                group: *group,
                priority: *priority,
                has_target: target != "-",
                rule: rule.as_ref().map_or(Program::new(&[]), Rule::as_program),
            })
            .collect();
        assert!(rows.is_sorted_by_key(RuleRow::turn), "{expect}");
        let got: Vec<String> = decide(&rows, facts, &|_, _| false)
            .map(|GroupVerdict { group, verdict }| {
                let names = |rows: &[usize]| rows.iter().map(|&r| parsed[r].2.as_str()).collect::<Vec<_>>().join("|");
                let said = match verdict {
                    Verdict::Target(row) => names(&[row]),
                    Verdict::NoCode(_) => "no code".to_owned(),
                    Verdict::NoRule => "no rule".to_owned(),
                    Verdict::Choice(rows) => format!("choice {}", names(&rows)),
                    Verdict::Needs { needs, open } => {
                        format!("{} of {}", needs.iter().map(|(_, n)| n.to_string()).collect::<Vec<_>>().join(", "), names(&open))
                    }
                };
                format!("{group}: {said}")
            })
            .collect();
        assert_eq!(got.join("; "), expect);
    }

    fn nothing() -> Facts {
        Facts::default()
    }
    fn aged(age: &str) -> Facts {
        nothing().with_age(Age::parse(age).unwrap())
    }
    fn of(sex: Sex) -> Facts {
        Facts { sex: Some(sex), ..nothing() }
    }

    #[test]
    fn one_plain_row() {
        check("1 1 A TRUE", &nothing(), "1: A");
        check("1 1 - TRUE", &nothing(), "1: no code");
    }

    #[test]
    fn a_male_rule_without_sex_waits_and_never_falls_through() {
        let rows = "1 1 M IFA 248153007 |Male|
                    1 2 F IFA 248152002 |Female|
                    1 3 X OTHERWISE TRUE";
        check(rows, &nothing(), "1: sex of M|F|X");
        check(rows, &aged("30y"), "1: sex of M|F|X");
        check(rows, &of(Sex::Male), "1: M");
        check(rows, &of(Sex::Female), "1: F");
    }

    #[test]
    fn ages_cut_at_the_boundary() {
        let rows = "1 1 P IFA 445518008 |Age at onset| < 28.0 days
                    1 2 C IFA 445518008 |Age at onset| < 12.0 years
                    1 3 A OTHERWISE TRUE";
        for (age, code) in [("27d", "P"), ("28d", "C"), ("11.99y", "C"), ("12y", "A")] {
            check(rows, &aged(age), &format!("1: {code}"));
        }
        check(rows, &nothing(), "1: age at onset of P|C|A");
        // 0 months leaves open whether below 28 days, but not whether below 12 years.
        check(rows, &aged("0m"), "1: age at onset of P|C|A");
    }

    #[test]
    fn groups_are_taken_together_each_on_its_own() {
        let rows = "1 1 A TRUE
                    2 1 B IFA 248152002 |Female|
                    2 2 - OTHERWISE TRUE
                    7 1 C TRUE";
        check(rows, &of(Sex::Female), "1: A; 2: B; 7: C");
        check(rows, &of(Sex::Male), "1: A; 2: no code; 7: C");
        check(rows, &nothing(), "1: A; 2: sex of B|-; 7: C");
    }

    #[test]
    fn an_unreadable_rule_waits_for_a_person() {
        check("1 1 A IFA who knows\n1 2 B OTHERWISE TRUE", &of(Sex::Male), "1: a person to read the rule of A|B");
        // What came before it and holds is not held up by it.
        check("1 1 A TRUE\n1 2 B IFA who knows", &nothing(), "1: A");
    }

    #[test]
    fn rows_of_one_priority_are_alternatives() {
        check("1 1 A TRUE\n1 1 B TRUE", &nothing(), "1: choice A|B");
        check("1 1 B IFA 248153007\n1 1 X OTHERWISE TRUE", &of(Sex::Male), "1: B");
        check("1 1 B IFA 248153007\n1 1 X OTHERWISE TRUE", &nothing(), "1: sex of B|X");
        check("1 1 B IFA 248153007\n1 1 X OTHERWISE TRUE", &of(Sex::Female), "1: X");
    }

    #[test]
    fn no_rule_holds() {
        check("1 1 M IFA 248153007 |Male|", &of(Sex::Female), "1: no rule");
        check("1 1 M IFA 248153007 |Male|\n2 2 B TRUE", &of(Sex::Female), "1: no rule; 2: B");
    }

    mod properties {
        use super::*;
        use proptest::prelude::*;

        /// The mapping guide's sentence, read once per group, with every rule decided.
        fn by_the_guide(rows: &[(u16, u16, bool, u8)], sex: Sex) -> Vec<(u16, Option<(u16, bool)>)> {
            let mut groups: Vec<u16> = rows.iter().map(|r| r.0).collect();
            groups.sort();
            groups.dedup();
            groups
                .into_iter()
                .map(|group| {
                    let first =
                        rows.iter().filter(|r| r.0 == group).filter(|r| r.3 >= 2 || (r.3 == 0) == (sex == Sex::Female)).min_by_key(|r| r.1);
                    (group, first.map(|r| (r.1, r.2)))
                })
                .collect()
        }

        proptest! {
            #[test]
            fn with_all_facts_the_first_true_row_of_each_group_wins(
                rows in prop::collection::vec((1u16..5, any::<bool>(), 0u8..4), 1..12), female: bool,
            ) {
                // Priorities unique, in the order of the list.
                let mut rows: Vec<(u16, u16, bool, u8)> = rows.into_iter().enumerate().map(|(i, (g, t, r))| (g, i as u16 + 1, t, r)).collect();
                rows.sort();
                let sex = if female { Sex::Female } else { Sex::Male };
                let rules = ["IFA 248152002", "IFA 248153007", "TRUE", "OTHERWISE TRUE"].map(|r| Rule::parse(r).unwrap());
                let asked: Vec<RuleRow<'_>> = rows
                    .iter()
                    .map(|&(group, priority, has_target, rule)| RuleRow {
                        group, priority, has_target, rule: rules[usize::from(rule)].as_program(),
                    })
                    .collect();
                let got: Vec<(u16, Option<(u16, bool)>)> = decide(&asked, &of(sex), &|_, _| false)
                    .map(|v| (v.group, match v.verdict {
                        Verdict::Target(row) => Some((rows[row].1, true)),
                        Verdict::NoCode(row) => Some((rows[row].1, false)),
                        _ => None,
                    }))
                    .collect();
                prop_assert_eq!(got, by_the_guide(&rows, sex));
                // Knowing nothing, a group is either decided in the same way or waits.
                for v in decide(&asked, &Facts::default(), &|_, _| false) {
                    let decided = match v.verdict {
                        Verdict::Target(row) => Some((rows[row].1, true)),
                        Verdict::NoCode(row) => Some((rows[row].1, false)),
                        Verdict::Needs { .. } => continue,
                        _ => None,
                    };
                    let known = by_the_guide(&rows, sex).into_iter().find(|(group, _)| *group == v.group);
                    prop_assert_eq!(known, Some((v.group, decided)));
                }
            }
        }
    }
}
