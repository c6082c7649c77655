use super::*;

const RULES: &[&str] = &[
    "TRUE",
    "OTHERWISE TRUE",
    "IFA 445518008 |Age at onset of clinical finding| >= 12.0 years",
    "IFA 424144002 |Current chronological age| < 28.0 days",
    "IFA 248152002 |Female|",
    "IFA 248153007 | Male (finding) |",
    "IFA 138875005 |Made-up finding|",
    "IFA 445518008 |Age at onset| >= 12.0 years AND IFA 445518008 |Age at onset| < 19.0 years",
    "IFA 445518008 |Age| > 1.5 months AND IFA 248152002 |Female| AND IFA 138875005 |x|",
    "gender=female AND IFA 138875005",
    "http://example.org/laterality=left AND right",
];

fn no_kinds(_: u64, _: u64) -> bool {
    false
}

fn truth(rule: &str, facts: &Facts) -> Truth {
    Rule::parse(rule).unwrap().as_program().truth(facts, &no_kinds)
}

fn aged(age: &str) -> Facts {
    Facts::default().with_age(Age::parse(age).unwrap())
}

#[test]
fn findings_are_ids_that_can_be() {
    assert_eq!([finding("248152002"), finding(" 248152002 |Female| ")], [Some(FEMALE); 2]);
    for slip in ["248152003", "284152002", "", "|Female|", "female", "9999999999999999999999"] {
        assert_eq!(finding(slip), None, "{slip}");
    }
}

#[test]
fn conjunction_is_kleenes() {
    use Truth::*;
    for (a, b, and) in [
        (True, True, True),
        (True, False, False),
        (True, Unknown, Unknown),
        (False, True, False),
        (False, False, False),
        (False, Unknown, False),
        (Unknown, True, Unknown),
        (Unknown, False, False),
        (Unknown, Unknown, Unknown),
    ] {
        assert_eq!(a.and(b), and, "{a:?} AND {b:?}");
    }
}

#[test]
fn rules_read_and_print_back() {
    for (text, canonical) in RULES.iter().zip([
        "TRUE",
        "OTHERWISE TRUE",
        "IFA 445518008 >= 12 years",
        "IFA 424144002 < 28 days",
        "IFA 248152002",
        "IFA 248153007",
        "IFA 138875005",
        "IFA 445518008 >= 12 years AND IFA 445518008 < 19 years",
        "IFA 445518008 > 1.5 months AND IFA 248152002 AND IFA 138875005",
        "gender=female AND IFA 138875005",
        "http://example.org/laterality=\"left AND right\"",
    ]) {
        let rule = Rule::parse(text).unwrap();
        assert_eq!(rule.as_program().to_string(), canonical, "{text}");
        assert_eq!(Rule::parse(canonical).unwrap(), rule, "{text}");
        assert_eq!(Program::new(rule.program()), rule.as_program(), "{text}");
    }
}

#[test]
fn odd_spellings_mean_the_same() {
    for (odd, plain) in [
        ("  true ", "TRUE"),
        ("Otherwise  true", "OTHERWISE TRUE"),
        ("ifa 248152002", "IFA 248152002 |Female|"),
        ("IFA 445518008>=12years", "IFA 445518008 |x| >= 12.0 years"),
        ("IFA 445518008 |Age|>= 12.000 Years", "IFA 445518008 |x| >= 12.0 years"),
        ("IFA\t445518008 |a < b| >= 2 weeks", "IFA 445518008 >= 14 days"),
        ("IFA 138875005 |A AND B (disorder)|", "IFA 138875005"),
        ("IFA 138875005 |A | B|", "IFA 138875005"),
        ("IFA 138875005 |A| AND |B| AND IFA 248152002 |Female|", "IFA 138875005 AND IFA 248152002"),
        ("IFA 138875005 |\"Quoted\" – Ménière's ½|", "IFA 138875005"),
        ("IFA 138875005 || AND IFA 248152002 | |", "IFA 138875005 AND IFA 248152002"),
        ("IFA 445518008 ≥ 1 year", "IFA 445518008 >= 1 years"),
    ] {
        assert_eq!(Rule::parse(odd).unwrap(), Rule::parse(plain).unwrap(), "{odd}");
    }
}

#[test]
fn what_is_not_the_language_is_an_error_with_its_place() {
    for (text, at, what) in [
        ("", 0, "a condition is expected"),
        ("   ", 3, "a condition is expected"),
        ("PERHAPS", 0, "\"PERHAPS\" is not part"),
        ("IFA", 3, "a concept id is expected"),
        ("IFA 248152003 |Female|", 4, "248152003 is not a SNOMED CT id"),
        ("IFA 138875005 |open", 14, "not closed"),
        ("IFA 445518008 |Age|", 19, "an age needs a comparison"),
        ("IFA 445518008 |Age| >= years", 23, "a number and days"),
        ("IFA 445518008 |Age| >= 12 moons", 23, "a number and days"),
        ("IFA 138875005 |Finding| > 3 days", 4, "only ages"),
        ("IFA 248152002 |Female| > 3 days", 4, "only ages"),
        ("IFA 248152002 |Female| OR IFA 248153007 |Male|", 23, "AND or the end"),
        ("IFA 138875005 |Finding| XOR 73211009 |Other|", 24, "AND or the end"),
        ("TRUE AND", 8, "a condition is expected"),
        ("OTHERWISE", 9, "TRUE is expected"),
        ("OTHERWISE TRUE AND IFA 248152002", 0, "stands alone"),
        ("IFA 248152002 AND OTHERWISE TRUE", 18, "stands alone"),
        ("IFA 4455180080445518008044 |long|", 4, "is not a SNOMED CT id"),
    ] {
        let Err(error) = Rule::parse(text) else { panic!("{text} was read") };
        assert!(error.what.contains(what), "{text}: {error}");
        assert_eq!(error.at, at, "{text}: {error}");
    }
}

#[test]
fn ages_at_the_boundary() {
    use Truth::*;
    for (age, limit, expect) in [
        ("27d", "< 28.0 days", True),
        ("28d", "< 28.0 days", False),
        ("28d", ">= 28.0 days", True),
        ("27d", ">= 28.0 days", False),
        ("28d", "<= 28.0 days", True),
        ("28d", "> 28.0 days", False),
        ("29d", "> 28.0 days", True),
        ("11.99y", ">= 12.0 years", False),
        ("12y", ">= 12.0 years", True),
        ("11.99y", "< 12.0 years", True),
        ("12y", "< 12.0 years", False),
        ("11y", "< 12.0 years", True),
        ("12.99y", "<= 12.0 years", True),
        ("13y", "<= 12.0 years", False),
        ("12y", "< 12.5 years", Unknown),
        ("12.4y", "< 12.5 years", True),
        ("12.5y", "< 12.5 years", False),
        ("143m", "< 12.0 years", True),
        ("144m", "< 12.0 years", False),
        ("144m", "> 12.0 years", False),
        ("156m", "> 12.0 years", True),
        ("1y", "< 18.0 months", Unknown),
        ("0y", "< 12.0 months", True),
        ("2y", ">= 18.0 months", True),
        ("1.5y", ">= 18.0 months", True),
        ("0m", "< 28.0 days", Unknown),
        ("1m", "< 28.0 days", False),
        ("1m", ">= 29.0 days", Unknown),
        ("27d", "< 1.0 months", True),
        ("28d", "< 1.0 months", Unknown),
        ("31d", ">= 1.0 months", True),
        ("364d", "< 1.0 years", True),
        ("365d", "< 1.0 years", Unknown),
        ("366d", "< 1.0 years", False),
        ("0y", "< 28.0 days", Unknown),
        ("1y", "< 28.0 days", False),
        ("0d", "< 1.0 days", True),
        ("12y", "= 12.0 years", True),
        ("13y", "= 12.0 years", False),
        ("1y", "= 18 months", Unknown),
    ] {
        assert_eq!(truth(&format!("IFA 445518008 {limit}"), &aged(age)), expect, "{age} {limit}");
        assert_eq!(truth(&format!("IFA 424144002 {limit}"), &aged(age)), expect, "{age} {limit}");
    }
}

#[test]
fn the_two_ages_are_told_apart() {
    let facts = Facts { current_age: Age::parse("40y"), ..Facts::default() };
    assert_eq!(truth("IFA 424144002 |Current| >= 12.0 years", &facts), Truth::True);
    assert_eq!(truth("IFA 445518008 |Onset| >= 12.0 years", &facts), Truth::Unknown);
}

#[test]
fn findings_hold_by_subsumption_and_only_a_complete_list_denies() {
    let kind_of = |child: u64, parent: u64| (child, parent) == (73211009, 138875005);
    let rule = Rule::parse("IFA 138875005 |Anything|").unwrap();
    let mut facts = Facts::default();
    assert_eq!(rule.as_program().truth(&facts, &kind_of), Truth::Unknown);
    assert_eq!(rule.as_program().needs(&facts, &kind_of), [Need::Finding(138875005)]);
    facts.findings = vec![73211009];
    assert_eq!(rule.as_program().truth(&facts, &kind_of), Truth::True);
    facts.findings = vec![116680003];
    assert_eq!(rule.as_program().truth(&facts, &kind_of), Truth::Unknown);
    facts.findings_complete = true;
    assert_eq!(rule.as_program().truth(&facts, &kind_of), Truth::False);
    facts.findings = vec![MALE];
    assert_eq!(truth("IFA 248152002 |Female|", &facts), Truth::False);
}

#[test]
fn a_rule_names_what_it_waits_for() {
    let rule = "IFA 445518008 |Age| >= 12.0 years AND IFA 445518008 |Age| < 19.0 years AND IFA 248152002 |Female|";
    let needs = |facts: &Facts| Rule::parse(rule).unwrap().as_program().needs(facts, &no_kinds);
    assert_eq!(needs(&Facts::default()), [Need::AgeAtOnset, Need::Sex]);
    assert_eq!(needs(&aged("15y")), [Need::Sex]);
    // One false condition decides: nothing else is asked for.
    assert_eq!(needs(&aged("20y")), []);
    assert_eq!(needs(&Facts { sex: Some(Sex::Male), ..Facts::default() }), []);
    assert_eq!(needs(&Facts { sex: Some(Sex::Female), ..Facts::default() }), [Need::AgeAtOnset]);
}

#[test]
fn properties_compare_to_the_letter() {
    let facts = Facts { properties: vec![("gender".into(), "female".into())], ..Facts::default() };
    assert_eq!(truth("gender=female", &facts), Truth::True);
    assert_eq!(truth("gender=male", &facts), Truth::False);
    assert_eq!(truth("laterality=left", &facts), Truth::Unknown);
    assert_eq!(truth("laterality=left AND gender=male", &facts), Truth::False);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// The rule's text read in the plainest way there is: split at AND, look at the words. Shares no code with the parser.
    fn interpret(text: &str, age: Option<u64>, sex: Option<Sex>, findings: &[u64], complete: bool) -> Truth {
        let mut any_unknown = false;
        for part in text.split(" AND ") {
            let words: Vec<&str> = part.split_whitespace().collect();
            let holds = match words.as_slice() {
                ["TRUE"] | ["OTHERWISE", "TRUE"] => Some(true),
                ["IFA", "445518008" | "424144002", sign, number, "years"] => age.map(|age| {
                    let (age, limit) = (age as f64, number.parse::<f64>().unwrap());
                    match *sign {
                        "<" => age < limit,
                        "<=" => age <= limit,
                        ">" => age > limit,
                        ">=" => age >= limit,
                        _ => unreachable!(),
                    }
                }),
                ["IFA", "248152002"] => sex.map(|s| s == Sex::Female),
                ["IFA", "248153007"] => sex.map(|s| s == Sex::Male),
                ["IFA", id] => {
                    let found = findings.iter().any(|f| &f.to_string() == id);
                    if found || complete { Some(found) } else { None }
                }
                _ => unreachable!("{text}"),
            };
            match holds {
                Some(false) => return Truth::False,
                Some(true) => {}
                None => any_unknown = true,
            }
        }
        if any_unknown { Truth::Unknown } else { Truth::True }
    }

    fn condition() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("TRUE".to_owned()),
            (prop::sample::select(vec!["445518008", "424144002"]), prop::sample::select(vec!["<", "<=", ">", ">="]), 0u64..40)
                .prop_map(|(id, sign, limit)| format!("IFA {id} {sign} {limit}.0 years")),
            prop::sample::select(vec!["248152002", "248153007", "73211009", "138875005", "116680003"]).prop_map(|id| format!("IFA {id}")),
        ]
    }

    proptest! {
        /// Must show of issue 3: rule program = direct interpretation of the text.
        #[test]
        fn program_is_direct_interpretation(
            conditions in prop::collection::vec(condition(), 1..5),
            age in prop::option::of(0u64..40),
            sex in prop::option::of(prop::sample::select(vec![Sex::Female, Sex::Male])),
            findings in prop::sample::subsequence(vec![73211009u64, 138875005, 116680003], 0..3),
            complete: bool,
        ) {
            let text = conditions.join(" AND ");
            let mut facts = Facts { sex, findings: findings.clone(), findings_complete: complete, ..Facts::default() };
            if let Some(age) = age {
                facts = facts.with_age(Age::new(age, 0, AgeUnit::Year).unwrap());
            }
            let rule = Rule::parse(&text).unwrap();
            let program = Program::new(rule.program());
            let got = program.truth(&facts, &no_kinds);
            prop_assert_eq!(got, interpret(&text, age, sex, &findings, complete), "{}", text);
            prop_assert_eq!(program.needs(&facts, &no_kinds).is_empty(), got != Truth::Unknown);
        }

        /// More is known of `11.99y` than of `11y`, and of days than of nothing: a finer age never contradicts a decision.
        #[test]
        fn a_finer_age_never_contradicts(months in 0u64..400, limit in 0u64..40, half: bool, sign in prop::sample::select(vec!["<", "<=", ">", ">=", "="])) {
            let rule = format!("IFA 445518008 {sign} {limit}.{} years", if half { 5 } else { 0 });
            let coarse = truth(&rule, &aged(&format!("{}y", months / 12)));
            let fine = truth(&rule, &aged(&format!("{months}m")));
            prop_assert!(coarse == Truth::Unknown || coarse == fine, "{} {} {:?} {:?}", rule, months, coarse, fine);
        }

        #[test]
        fn any_bytes_evaluate_and_what_is_no_rule_is_never_true(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let program = Program::new(&bytes);
            let is_readable = program.clauses().all(|clause| clause != Clause::Unreadable);
            prop_assert!(is_readable || program.truth(&aged("12y"), &no_kinds) != Truth::True);
            prop_assert!(!program.to_string().is_empty());
        }

        #[test]
        fn any_text_is_refused_or_reads(text in ".{0,60}", which in 0..RULES.len(), cut in 0usize..200) {
            let _ = Rule::parse(&text);
            let mixed: String = RULES[which].chars().take(cut).chain(text.chars()).collect();
            if let Err(error) = Rule::parse(&mixed) {
                prop_assert!(error.at <= mixed.len());
            }
        }
    }
}

#[test]
fn facts_that_cannot_be_true_of_one_patient() {
    let age = |text: &str| Age::parse(text);
    let facts = |sex: Option<Sex>, findings: &[u64], onset: &str, now: &str, properties: &[(&str, &str)]| Facts {
        sex,
        findings: findings.to_vec(),
        age_at_onset: age(onset),
        current_age: age(now),
        properties: properties.iter().map(|(a, v)| ((*a).to_owned(), (*v).to_owned())).collect(),
        ..Facts::default()
    };
    for (facts, can_be) in [
        (facts(None, &[], "", "", &[]), true),
        (facts(Some(Sex::Female), &[FEMALE], "1y", "12m", &[("a", "1"), ("b", "2"), ("a", "1")]), true),
        (facts(Some(Sex::Female), &[MALE], "", "", &[]), false),
        (facts(Some(Sex::Male), &[FEMALE], "", "", &[]), false),
        (facts(None, &[MALE, FEMALE], "", "", &[]), false),
        (facts(None, &[], "3y", "1y", &[]), false),
        (facts(None, &[], "3y", "30y", &[]), true),
        (facts(None, &[], "", "", &[("a", "1"), ("b", "2"), ("a", "2")]), false),
    ] {
        assert_eq!(facts.contradiction().is_none(), can_be, "{:?}", facts.contradiction());
    }
}
