//! A release of the size of SNOMED CT: compiling and opening it, asking for kinds, and translating under rules.
//!
//! `cargo bench --bench snomed` (Linux; some 2 GB of scratch space in the temporary folder). The release is generated
//! ([`xwalk::releases::generate`]): 360,000 active concepts, 1.6 million descriptions, 1.2 million is-a rows, 250,000 extended map rows. Questions
//! are drawn uniformly at random, each another place of the file, unless said otherwise; rivals answer the same questions from the same rows.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use xwalk::compile::{self, Bytes, Content, Input};
use xwalk::engine::{Age, Asked, Engine, Facts, Sex, TranslatorOptions};
use xwalk::index::{Concept, Index};
use xwalk::model::rule::Rule;
use xwalk::read::Format;
use xwalk::releases::generate::{self, Prng, Shape};

const QUESTIONS: usize = 1 << 16;

fn snomed(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let release = folder.path().join("release");
    let started = Instant::now();
    let written = generate::write_rf2(&release, &Shape::edition(1)).expect("a release");
    eprintln!("generated in {:.1} s: {written:?}", started.elapsed().as_secs_f32());
    let index = compiled(&release, &folder.path().join("index.xwalk"));
    let engine = Engine::new(Arc::new(index));
    subsumes(c, &engine);
    translate(c, &engine);
}

fn compiled(release: &Path, out: &Path) -> Index {
    let input = Input {
        id: "rf2".into(),
        file: "release".into(),
        format: Format::Rf2,
        content: Content::SelfDescribed,
        sha256: String::new(),
        bytes: Bytes::Path(release.to_owned()),
        member: None,
        precedence: 0,
    };
    for _ in 0..3 {
        let started = Instant::now();
        let report = compile::build(std::slice::from_ref(&input), out).expect("a build");
        let seconds = started.elapsed().as_secs_f32();
        eprintln!("compiled in {seconds:.1} s: {} codes, {} rows, {} MB on disk", report.concepts, report.rows, report.size >> 20);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    eprintln!("{}", status.lines().find(|l| l.starts_with("VmHWM")).unwrap_or("peak memory unknown"));
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let started = Instant::now();
            Index::open(out, xwalk::text::VERSION).expect("an index");
            started.elapsed()
        })
        .collect();
    times.sort();
    eprintln!("opened in {:?} (median of 20)", times[10]);
    Index::open(out, xwalk::text::VERSION).expect("an index")
}

fn subsumes(c: &mut Criterion, engine: &Engine) {
    let snomed = engine.index().system("snomed").expect("SNOMED CT");
    let mut random = Prng::new(2);
    let concepts: Vec<Concept<'_>> = snomed.concepts().filter(|c| c.is_valid_on(None)).collect();
    // Half of the pairs are true: a concept and one of its ancestors.
    let pairs: Vec<(Concept<'_>, Concept<'_>)> = (0..QUESTIONS)
        .map(|i| {
            let a = concepts[random.below(concepts.len())];
            let above: Vec<_> = a.ancestors().collect();
            let b = if i % 2 == 0 && !above.is_empty() { above[random.below(above.len())] } else { concepts[random.below(concepts.len())] };
            (a, b)
        })
        .collect();
    let mut group = c.benchmark_group("subsumes");
    group.throughput(Throughput::Elements(QUESTIONS as u64));
    group.bench_function("xwalk", |b| b.iter(|| pairs.iter().filter(|(a, b)| black_box(a).is_a(*b)).count()));
    let codes: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.code(), b.code())).collect();
    group.bench_function("xwalk, by code", |b| {
        b.iter(|| codes.iter().filter(|(a, b)| engine.subsumes(snomed, black_box(a), b).is_ok_and(|s| s.code() != "not-subsumed")).count());
    });
    let parents: HashMap<u32, Vec<u32>> = concepts.iter().map(|c| (c.ordinal(), c.parents().map(|p| p.ordinal()).collect())).collect();
    group.sample_size(10);
    group.bench_function("HashMap of parents, walked", |b| {
        b.iter(|| pairs.iter().filter(|(a, b)| walk(&parents, black_box(a.ordinal()), b.ordinal())).count());
    });
    group.finish();
}

fn walk(parents: &HashMap<u32, Vec<u32>>, from: u32, to: u32) -> bool {
    let (mut open, mut seen) = (vec![from], std::collections::HashSet::new());
    while let Some(next) = open.pop() {
        if next == to {
            return true;
        }
        open.extend(parents.get(&next).into_iter().flatten().filter(|p| seen.insert(**p)));
    }
    false
}

fn translate(c: &mut Criterion, engine: &Engine) {
    let map = engine.map("rf2-6011000124106").expect("the ICD-10-CM map");
    let mut random = Prng::new(3);
    let mut rows: HashMap<&str, Vec<(u16, u16, &str, &str)>> = HashMap::new();
    for row in map.rows() {
        let target = row.target().map_or("", |t| t.code());
        let source = row.source().expect("a source").code();
        rows.entry(source).or_default().push((row.group(), row.priority(), row.detail().rule, target));
    }
    let mut sources: Vec<&str> = rows.keys().copied().collect();
    sources.sort();
    let asked: Vec<&str> = (0..QUESTIONS).map(|_| sources[random.below(sources.len())]).collect();
    let facts = Facts { sex: Some(Sex::Female), findings_complete: true, ..Facts::default() }.with_age(Age::parse("40y").expect("an age"));
    let options = TranslatorOptions { from: "snomed".into(), to: "icd10cm".into(), ..TranslatorOptions::default() };
    let translator = engine.translator(options).expect("a translator");
    let mut group = c.benchmark_group("translate under rules");
    group.throughput(Throughput::Elements(QUESTIONS as u64));
    group.bench_function("xwalk", |b| {
        let answer = |code: &&str| translator.translate(&Asked { facts: &facts, ..Asked::code(black_box(code)) }).targets().count();
        b.iter(|| asked.iter().map(answer).sum::<usize>());
    });
    // A column of records: a thousand codes, the n-th an n-th as often as the first, each text where its record was just read.
    let often = zipf(&asked[..1000], &mut random);
    group.bench_function("xwalk, a thousand codes asked again and again", |b| {
        let answer = |code: &String| translator.translate(&Asked { facts: &facts, ..Asked::code(black_box(code)) }).targets().count();
        b.iter(|| often.iter().map(answer).sum::<usize>());
    });
    // What a program does that keeps the rules as text: finds the rows, parses and evaluates each rule.
    group.bench_function("HashMap of rows, rules parsed each time", |b| {
        let true_rows = |code: &&str| {
            let holds = |rule: &str| {
                Rule::parse(rule).is_ok_and(|r| r.as_program().truth(&facts, &|_, _| false) == xwalk::model::rule::Truth::True)
            };
            rows[black_box(*code)].iter().filter(|(_, _, rule, _)| holds(rule)).count()
        };
        b.iter(|| asked.iter().map(true_rows).sum::<usize>());
    });
    group.finish();
}

/// Draws codes so that the n-th comes an n-th as often as the first.
fn zipf(codes: &[&str], random: &mut Prng) -> Vec<String> {
    let sums: Vec<f64> = (1..=codes.len())
        .scan(0.0, |sum, n| {
            *sum += 1.0 / n as f64;
            Some(*sum)
        })
        .collect();
    let draw = |random: &mut Prng| random.below(1 << 30) as f64 / f64::from(1 << 30) * sums[codes.len() - 1];
    (0..QUESTIONS)
        .map(|_| {
            let drawn = draw(random);
            codes[sums.partition_point(|sum| *sum <= drawn)].to_owned()
        })
        .collect()
}

criterion_group!(benches, snomed);
criterion_main!(benches);
