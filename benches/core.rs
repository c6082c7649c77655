//! The hot paths of the core beside what one would otherwise use on the same data: `HashMap`, `BTreeMap`, SQLite in memory.
//!
//! `cargo bench --bench core`. Data: the 2018 diagnosis GEM if it has been fetched, else the embedded one; codes uniformly at random.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use xwalk::engine::{Asked, Engine, TranslatorOptions};
use xwalk::index::Index;
use xwalk::releases::{self, generate::Prng};

/// As many codes as a run asks for, so that no cache line stays warm by accident.
const QUESTIONS: usize = 1 << 16;

fn engine() -> Engine {
    let dirs = releases::Dirs::from_env();
    let found = releases::index(&dirs, &mut |_| (), &|note| eprintln!("{note}")).expect("an index");
    Engine::new(Arc::new(Index::open(found.path(), xwalk::text::VERSION).expect("an index")))
}

fn questions(codes: &[String]) -> Vec<&str> {
    let mut random = Prng::new(7);
    (0..QUESTIONS).map(|_| codes[random.draw() as usize % codes.len()].as_str()).collect()
}

/// Reads a title where it lies: what a title costs is the place in memory that nobody looked at for a while.
fn end_of(title: &str) -> usize {
    title.as_bytes().last().map_or(0, |b| usize::from(*b))
}

fn core(c: &mut Criterion) {
    let engine = engine();
    let target = engine.index().system("icd10cm").expect("ICD-10-CM");
    let titles: Vec<(String, String)> =
        target.concepts().map(|x| (x.code().to_owned(), x.display().unwrap_or_default().to_owned())).collect();
    let map = engine.map("gem-icd9cm-icd10cm").expect("the diagnosis GEM");
    let mut targets: BTreeMap<String, Vec<(String, u16)>> = BTreeMap::new();
    for row in map.rows() {
        let (Some(source), flags) = (row.source(), row.gem_flags().map_or(0, |f| f.to_number())) else { continue };
        let target = row.target().map_or("", |t| t.code()).to_owned();
        targets.entry(source.code().to_owned()).or_default().push((target, flags));
    }

    let codes: Vec<String> = titles.iter().map(|(code, _)| code.clone()).collect();
    let asked = questions(&codes);
    let mut group = c.benchmark_group("lookup");
    group.throughput(Throughput::Elements(QUESTIONS as u64));
    group.bench_function("xwalk", |b| {
        b.iter(|| {
            asked.iter().filter_map(|code| engine.lookup(target, black_box(code), None).concept?.display()).map(end_of).sum::<usize>()
        });
    });
    // What people ask for: the code as its system prints it, its title, whether it is billable.
    group.bench_function("xwalk, with code and whether it is billable", |b| {
        let answer = |code: &&str| {
            let concept = engine.lookup(target, black_box(code), None).concept?;
            Some(end_of(concept.code()) + end_of(concept.display()?) + usize::from(concept.is_valid_on(None)))
        };
        b.iter(|| asked.iter().filter_map(answer).sum::<usize>());
    });
    let hash: HashMap<&str, &str> = titles.iter().map(|(c, t)| (c.as_str(), t.as_str())).collect();
    group.bench_function("HashMap", |b| {
        b.iter(|| asked.iter().filter_map(|code| hash.get(black_box(*code))).map(|title| end_of(title)).sum::<usize>())
    });
    let tree: BTreeMap<&str, &str> = titles.iter().map(|(c, t)| (c.as_str(), t.as_str())).collect();
    group.bench_function("BTreeMap", |b| {
        b.iter(|| asked.iter().filter_map(|code| tree.get(black_box(*code))).map(|title| end_of(title)).sum::<usize>())
    });
    let db = sqlite(&titles, &targets);
    let mut select = db.prepare("SELECT title FROM code WHERE code = ?").expect("a statement");
    group.bench_function("SQLite", |b| {
        b.iter(|| {
            asked
                .iter()
                .filter_map(|code| select.query_row([black_box(*code)], |r| r.get::<_, String>(0)).ok())
                .map(|title| end_of(&title))
                .sum::<usize>()
        });
    });
    group.finish();

    let sources: Vec<String> = targets.keys().cloned().collect();
    let asked = questions(&sources);
    let translator =
        engine.translator(TranslatorOptions { from: "icd9cm".into(), to: "icd10cm".into(), ..Default::default() }).expect("a translator");
    let mut group = c.benchmark_group("translate");
    group.throughput(Throughput::Elements(QUESTIONS as u64));
    group.bench_function("xwalk", |b| {
        b.iter(|| asked.iter().map(|code| translator.translate(&Asked::code(black_box(code))).scenarios.len()).sum::<usize>());
    });
    let hash: HashMap<&str, &Vec<(String, u16)>> = targets.iter().map(|(c, t)| (c.as_str(), t)).collect();
    group.bench_function("HashMap, rows only", |b| b.iter(|| asked.iter().map(|code| hash[black_box(*code)].len()).sum::<usize>()));
    group.bench_function("BTreeMap, rows only", |b| b.iter(|| asked.iter().map(|code| targets[black_box(*code)].len()).sum::<usize>()));
    let mut select = db.prepare("SELECT target, flags FROM gem WHERE source = ?").expect("a statement");
    group.bench_function("SQLite, rows only", |b| {
        b.iter(|| {
            let rows = |code: &str| -> usize {
                let mut rows = select.query([code]).expect("rows");
                let mut n = 0;
                while let Ok(Some(row)) = rows.next() {
                    n += usize::from(row.get::<_, String>(0).is_ok());
                }
                n
            };
            asked.iter().copied().map(rows).sum::<usize>()
        });
    });
    group.finish();

    let mut group = c.benchmark_group("compile");
    group.sample_size(10);
    let inputs: Vec<_> = releases::from_user(&releases::Dirs { data: None, cache: None })
        .expect("embedded releases")
        .iter()
        .map(releases::Source::input)
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    group.bench_function("embedded data", |b| {
        b.iter_batched(
            || folder.path().join("index"),
            |path| xwalk::compile::build(&inputs, &path).expect("a build").rows,
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn sqlite(titles: &[(String, String)], targets: &BTreeMap<String, Vec<(String, u16)>>) -> rusqlite::Connection {
    let mut db = rusqlite::Connection::open_in_memory().expect("SQLite");
    db.execute_batch(
        "CREATE TABLE code (code TEXT PRIMARY KEY, title TEXT) WITHOUT ROWID;
         CREATE TABLE gem (source TEXT, n INTEGER, target TEXT, flags INTEGER, PRIMARY KEY (source, n)) WITHOUT ROWID;",
    )
    .expect("tables");
    let all = db.transaction().expect("a transaction");
    for (code, title) in titles {
        all.execute("INSERT INTO code VALUES (?, ?)", (code, title)).expect("a row");
    }
    for (source, rows) in targets {
        for (n, (target, flags)) in rows.iter().enumerate() {
            all.execute("INSERT INTO gem VALUES (?, ?, ?, ?)", (source, n as i64, target, flags)).expect("a row");
        }
    }
    all.commit().expect("a commit");
    db
}

criterion_group!(benches, core);
criterion_main!(benches);
