//! A record is answered by the rows and codes of its own day, whatever days came before it.

use super::{Lots, Place, read};
use crate::kit;
use xwalk::compile::{Content, Input};
use xwalk::engine::{Asked, Engine, TranslatorOptions};
use xwalk::job::{self, CodeColumn, Job, Run};
use xwalk::model::{Date, MapKind};
use xwalk::read::{Format, MapRelease, Unmapped};

/// A table of source, target, relationship, and the days from and to which a row holds.
fn table(id: &str, (source, target): (&str, &str), unmapped: Unmapped, rows: &str) -> Input {
    let release = MapRelease {
        id: id.into(),
        url: String::new(),
        title: String::new(),
        version: "1".into(),
        source: source.into(),
        target: target.into(),
        kind: MapKind::Table,
        from: None,
        to: None,
        unmapped,
    };
    let layout = toml::from_str("header = false\ncolumns = { source = 1, target = 2, relationship = 3, from = 4, to = 5 }").unwrap();
    Input { content: Content::Table(release, layout), ..kit::system(id, "", "", "", Format::Table, rows) }
}

fn converted(engine: &Engine, text: &str, change: impl FnOnce(&mut Job)) -> (Place, Run) {
    let place = Place::with("in.csv", text);
    let mut job = Job { date: Some("day".into()), report: Some(place.path("report")), ..place.job() };
    change(&mut job);
    let run = job::convert(&job, engine, &mut |_| {}).unwrap();
    (place, run)
}

#[test]
fn a_row_answers_for_its_own_time() {
    let rows = "a,I10,equivalent,2010-01-01,2012-12-31\na,I15.9,equivalent,2013-01-01,2014-12-31\n";
    let engine = kit::engine(&[table("payer", ("local", "there"), Unmapped::None, rows)]);
    let days = [("2011-05-05", "I10"), ("2013-05-05", "I15.9"), ("2014-05-05", "I15.9"), ("2009-05-05", ""), ("2012-12-31", "I10")];
    let text: String = days.iter().map(|(day, _)| format!("{day},a\n")).collect();
    let (place, _) = converted(&engine, &format!("day,dx\n{text}"), |job| {
        (job.columns[0].from, job.columns[0].to, job.columns[0].map) = (Some("local".into()), "there".into(), Some("payer".into()));
    });
    let out = read(&place.output);
    let targets: Vec<&str> = out.lines().skip(1).map(|line| line.split(',').nth(2).unwrap()).collect();
    assert_eq!(targets, days.map(|(_, target)| target), "{out}");
    // What is said of it holds for every record that it is counted for.
    let review = read(&place.path("report/review.csv"));
    assert!(review.contains(",no row of payer|1 for a holds on the day of its record; the last one held until 2014-12-31,"), "{review}");
}

/// Rows at random, from a day, to a day, both or neither; days that lie around these.
struct Random {
    lots: Lots,
}

impl Random {
    fn day(&mut self) -> Date {
        Date::new(2012 + self.lots.below(6) as i16, 1 + self.lots.below(12) as i8, 1 + 9 * self.lots.below(4) as i8).unwrap()
    }

    fn rows(&mut self, sources: &str, targets: &[&str]) -> String {
        (0..12).map(|n| self.rows_of(&format!("{sources}{n}"), targets)).collect()
    }

    fn rows_of(&mut self, source: &str, targets: &[&str]) -> String {
        let mut rows = String::new();
        for _ in 0..self.lots.below(5) {
            let target = targets[self.lots.below(targets.len())];
            let (a, b) = (self.day(), self.day());
            let (from, to) = (a.min(b).to_string(), a.max(b).to_string());
            let (from, to) = [(&*from, &*to), (&*from, ""), ("", &*to), ("", "")][self.lots.below(4)];
            let relationship = ["equivalent", "related-to", "not-related-to"][self.lots.below(7) % 3];
            rows += &format!("{source},{target},{relationship},{from},{to}\n");
        }
        rows
    }
}

/// Direct maps, chains of two, maps read backwards, the map that another sends to, and codes that stand for themselves.
fn random(seed: u64) -> (Engine, String) {
    let mut random = Random { lots: Lots(seed) };
    let order = |codes: &[&str]| kit::order(&codes.iter().map(|code| (*code, 1u8, "Something")).collect::<Vec<_>>());
    let release = |version: &str, codes: &[&str]| {
        kit::system(&format!("icd10cm-{version}"), "icd10cm", version, &format!("{version}-10-01"), Format::IcdOrder, &order(codes))
    };
    let mids: Vec<String> = (0..12).map(|n| format!("m{n}")).collect();
    let mids: Vec<&str> = mids.iter().map(String::as_str).collect();
    let icd = ["A00.0", "A00.1", "B00.0", "B00.1"];
    let other = Unmapped::OtherMap("spare".into());
    let engine = kit::engine(&[
        // Years between the two are not loaded, and answered by both.
        release("2012", &["A000", "A001", "B000"]),
        release("2015", &["A000", "A001", "B001"]),
        table("one", ("local", "mid"), Unmapped::None, &random.rows("c", &mids)),
        table("two", ("mid", "icd10cm"), Unmapped::None, &random.rows("m", &icd)),
        table("first", ("payer", "icd10cm"), other, &random.rows("c", &icd)),
        table("spare", ("payer", "icd10cm"), Unmapped::None, &random.rows("c", &icd)),
        table("onward", ("icd10cm", "last"), Unmapped::None, &icd.map(|code| random.rows_of(code, &["y", "z"])).concat()),
    ]);
    let mut text = String::from("day,kind,dx\n");
    for _ in 0..4000 {
        let code = match random.lots.below(3) {
            0 => icd[random.lots.below(4)].to_owned(),
            _ => format!("{}{}", ["c", "m"][random.lots.below(2)], random.lots.below(12)),
        };
        let day = match random.lots.below(9) {
            0 => String::new(),
            1 => random.day().yesterday().unwrap().to_string(),
            2 => random.day().tomorrow().unwrap().to_string(),
            _ => random.day().to_string(),
        };
        text += &format!("{day},{},{code}\n", ["local", "payer", "mid", "icd10cm"][random.lots.below(4)]);
    }
    (engine, text)
}

/// What `translate` says of each record, in the columns that `convert` appends but for the map.
fn slow(engine: &Engine, text: &str, options: &dyn Fn(&str) -> TranslatorOptions) -> Vec<[String; 3]> {
    let mut records = csv::Reader::from_reader(text.as_bytes());
    let answer = |record: csv::StringRecord| {
        let translator = engine.translator(options(&record[1])).unwrap();
        let t = translator.translate(&Asked { date: record[0].parse().ok(), ..Asked::code(&record[2]) });
        let chosen = t.chosen().0;
        let untaken = chosen.is_empty() && matches!(t.outcome.code(), "exact" | "approximate" | "combination");
        [
            chosen.iter().map(|c| c.concept.code()).collect::<Vec<_>>().join(" "),
            format!("{}{}", if untaken { "unsettled-" } else { "" }, t.outcome.code()),
            chosen.iter().map(|c| c.relationship.code()).collect::<Vec<_>>().join(" "),
        ]
    };
    records.records().map(|record| answer(record.unwrap())).collect()
}

fn fast(place: &Place) -> Vec<[String; 3]> {
    let out = read(&place.output);
    let mut records = csv::Reader::from_reader(out.as_bytes());
    records.records().map(|record| record.unwrap()).map(|r| [3, 4, 5].map(|at| r[at].to_owned())).collect()
}

#[test]
fn random_days_equal_a_loop_of_translate() {
    for seed in 1..=6 {
        let (engine, text) = random(seed);
        let mut outcomes = std::collections::BTreeSet::new();
        let ways: [(&str, &str, Option<&str>, bool); 8] = [
            ("local", "icd10cm", None, false),
            ("payer", "icd10cm", None, false),
            ("payer", "icd10cm", Some("first"), false),
            ("mid", "icd10cm", None, false),
            ("icd10cm", "icd10cm", None, false),
            ("icd10cm", "last", None, false),
            ("icd10cm", "mid", None, true),
            ("local", "mid", None, false),
        ];
        for (from, to, map, reverse) in ways {
            let options = |_: &str| TranslatorOptions {
                from: from.into(),
                to: to.into(),
                map: map.map(str::to_owned),
                reverse,
                ..TranslatorOptions::default()
            };
            let (place, _) = converted(&engine, &text, |job| {
                let named = CodeColumn { name: "dx".into(), from: Some(from.into()), to: to.into(), ..CodeColumn::default() };
                job.columns = vec![CodeColumn { map: map.map(str::to_owned), reverse, ..named }];
            });
            let expected = slow(&engine, &text, &options);
            assert_eq!(fast(&place), expected, "{from} to {to} by {map:?}, seed {seed}");
            outcomes.extend(expected.into_iter().map(|[_, outcome, _]| outcome));
            // Nothing of a record is in the review but its codes.
            let review = read(&place.path("report/review.csv"));
            assert!(!["; 201", "valid on 201", "holds on 201"].iter().any(|said| review.contains(said)), "{review}");
        }
        // The system by record: any may turn up.
        let (place, _) = converted(&engine, &text, |job| {
            (job.columns[0].from, job.columns[0].from_column) = (None, Some("kind".into()));
        });
        let by_column = |from: &str| TranslatorOptions { from: from.into(), to: "icd10cm".into(), ..TranslatorOptions::default() };
        assert_eq!(fast(&place), slow(&engine, &text, &by_column), "by column, seed {seed}");
        for outcome in ["exact", "choice", "unmapped", "not-valid-on-date"] {
            assert!(outcomes.contains(outcome), "{outcomes:?}");
        }
    }
}

/// More days than two bytes can number.
#[test]
fn rows_of_very_many_days() {
    let first = Date::new(1800, 1, 1).unwrap();
    let day = |n: i64| first.checked_add(jiff::Span::new().days(n)).unwrap();
    let rows: String = (0..70_000).map(|n| format!("a,t{},equivalent,{1},{1}\n", n % 7, day(n))).collect();
    let engine = kit::engine(&[table("daily", ("local", "there"), Unmapped::None, &rows)]);
    let days = [5, 5 + 65_536, 65_535, 69_999, 0, 5];
    let text: String = days.iter().map(|&n| format!("{},a\n", day(n))).collect();
    let (place, _) = converted(&engine, &format!("day,dx\n{text}"), |job| {
        (job.columns[0].from, job.columns[0].to) = (Some("local".into()), "there".into());
    });
    let out = read(&place.output);
    let targets: Vec<String> = out.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().to_owned()).collect();
    assert_eq!(targets, days.map(|n| format!("t{}", n % 7)));
}
