//! How long a search takes: median, 99th percentile and the slowest, one thread, each question asked once after a warm-up.
//!
//! `cargo bench --bench search` asks the development sets of `../shared/eval` (all four mixed) of ICD-10-CM in the index that a user has;
//! `cargo bench --bench search -- --snomed` asks a generated release of the size of SNOMED CT (1.6 million descriptions), with terms of its
//! own: whole, shortened, with typing errors. `-- --hops` allows the way over other systems' titles, which `--text-only` turns off.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use xwalk::engine::Engine;
use xwalk::engine::search::{SearchOptions, Searcher};
use xwalk::index::Index;
use xwalk::releases::{self, generate};

fn main() {
    let wants = |name: &str| std::env::args().any(|a| a == name);
    let options = SearchOptions { text_only: !wants("--hops"), ..SearchOptions::default() };
    let folder = tempfile::tempdir().expect("a folder");
    if wants("--snomed") {
        let engine = snomed(folder.path());
        let searcher = engine.searcher(engine.system("snomed").expect("SNOMED CT"), options).expect("a searcher");
        report("SNOMED CT size", &searcher, &generated(&searcher));
        return;
    }
    let found = releases::index(&releases::Dirs::from_env(), &mut |_| (), &|note| eprintln!("{note}")).expect("an index");
    let engine = Engine::new(Arc::new(Index::open(found.path(), xwalk::text::VERSION).expect("an index")));
    let searcher = engine.searcher(engine.system("icd10cm").expect("ICD-10-CM"), options).expect("a searcher");
    let mut mixed: Vec<(u64, String)> = Vec::new();
    for set in ["corrupted", "crossvintage", "shorthand", "synonym"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/eval").join(format!("{set}.tsv"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("{set}: no {}", path.display());
            continue;
        };
        let queries: Vec<String> = text.lines().skip(1).filter_map(|line| Some(line.split('\t').nth(2)?.to_owned())).collect();
        report(set, &searcher, &queries);
        mixed.extend(queries.into_iter().enumerate().map(|(i, q)| ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), q)));
    }
    mixed.sort();
    report("mixed", &searcher, &mixed.into_iter().map(|(_, q)| q).collect::<Vec<_>>());
    let awkward: Vec<String> =
        ["a", "of the", "....", "🙂", "مرض السكري", "x".repeat(10_000).as_str(), &"acute mi ".repeat(1_200), &"zz ".repeat(3_300)]
            .map(str::to_owned)
            .to_vec();
    report("awkward", &searcher, &awkward);
}

fn report(name: &str, searcher: &Searcher<'_>, queries: &[String]) {
    queries.iter().take(500).for_each(|query| drop(searcher.search(query)));
    let mut times: Vec<Duration> = queries
        .iter()
        .map(|query| {
            let started = Instant::now();
            drop(searcher.search(query));
            started.elapsed()
        })
        .collect();
    times.sort();
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    println!("{name}: {} questions, median {:.2?}, 99th percentile {:.2?}, slowest {:.2?}", times.len(), at(0.5), at(0.99), at(1.0));
}

fn snomed(folder: &Path) -> Engine {
    let release = folder.join("release");
    generate::write_rf2(&release, &generate::Shape::edition(1)).expect("a release");
    let (sources, _) = releases::from_files(&[release]).expect("a release");
    let inputs: Vec<_> = sources.iter().map(releases::Source::input).collect();
    let out = folder.join("index");
    xwalk::compile::build(&inputs, &out).expect("a build");
    Engine::new(Arc::new(Index::open(&out, xwalk::text::VERSION).expect("an index")))
}

/// Terms of the release as people would type them.
fn generated(searcher: &Searcher<'_>) -> Vec<String> {
    let mut random = generate::Prng::new(9);
    let system = searcher.system();
    (0..3_000)
        .filter_map(|i| {
            let concept = system.at(random.below(system.len() as usize) as u32)?;
            let terms: Vec<&str> = concept.designations().map(|d| d.text).collect();
            let term = *terms.get(random.below(terms.len().max(1)))?;
            let mut words: Vec<String> = term.split(' ').map(str::to_owned).collect();
            match i % 4 {
                0 => {}
                1 if words.len() > 2 => drop(words.remove(random.below(words.len()))),
                2 => words.iter_mut().for_each(|w| *w = w.chars().take(5).collect()),
                _ => {
                    let at = random.below(words.len());
                    let letters: Vec<char> = words[at].chars().collect();
                    if letters.len() > 4 {
                        let cut = 1 + random.below(letters.len() - 2);
                        words[at] = letters.iter().enumerate().filter(|(n, _)| *n != cut).map(|(_, c)| *c).collect();
                    }
                }
            }
            Some(words.join(" "))
        })
        .collect()
}
