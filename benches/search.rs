//! How long a search takes: median, 99th percentile and the slowest, one thread, each question asked once after a warm-up.
//!
//! `cargo bench --bench search` asks the development sets of `../shared/eval` (each, and all four mixed) of ICD-10-CM in the index that a user
//! has, and says how often the right code was first and among the first ten; `-- corrupted` asks one set only;
//! `cargo bench --bench search -- --snomed` asks a generated release of the size of SNOMED CT (1.6 million descriptions), with terms of its
//! own: whole, shortened, with typing errors. `-- --pruning` says instead how often the first answer, and the first ten, are those of scoring
//! every term (every seventh question). `-- --hops` allows the way over other systems' titles, which `--text-only` turns off.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use xwalk::engine::Engine;
use xwalk::engine::search::{Match, SearchOptions, Searcher};
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
    let searcher = engine.searcher(engine.system("icd10cm").expect("ICD-10-CM"), options.clone()).expect("a searcher");
    let only = SETS.into_iter().find(|set| wants(set));
    let mut mixed: Vec<(u64, Question)> = Vec::new();
    for set in SETS.into_iter().filter(|set| only.is_none_or(|only| *set == only)) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/eval").join(format!("{set}.tsv"));
        let Ok(text) = std::fs::read_to_string(&path) else {
            eprintln!("{set}: no {}", path.display());
            continue;
        };
        let questions: Vec<Question> = text.lines().skip(1).filter_map(Question::of_row).collect();
        if wants("--pruning") {
            let every = engine.searcher(searcher.system(), options.clone()).expect("a searcher").exhaustive();
            pruning(set, &searcher, &every, questions.iter().step_by(7));
            continue;
        }
        report(set, &searcher, &questions);
        mixed.extend(questions.into_iter().enumerate().map(|(i, q)| ((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), q)));
    }
    if only.is_some() || wants("--pruning") {
        return;
    }
    mixed.sort_by_key(|(shuffled, _)| *shuffled);
    report("mixed", &searcher, &mixed.into_iter().map(|(_, q)| q).collect::<Vec<_>>());
    let repeated = |text: &str| text.repeat(10_000 / text.len());
    let awkward: Vec<Question> =
        ["", "a", "7", "of the", "....", "🙂", "مرض السكري", "糖尿病", "\u{0}\u{1}\u{7f}\u{200e}", "Zuckerkrankheit mit Nierenbeteiligung"]
            .map(str::to_owned)
            .into_iter()
            .chain(
                [
                    "x",
                    "acute mi ",
                    "zz ",
                    "unspecified other ",
                    "pneumonoultramicroscopic ",
                    "fracture of left femur initial ",
                    "aaaaab aaaaba ",
                    "糖 ",
                    "1 ",
                ]
                .map(repeated),
            )
            .map(|text| Question { text, gold: Vec::new() })
            .collect();
    let typing = SearchOptions { complete: true, ..options.clone() };
    let with_hops = SearchOptions { text_only: false, ..typing.clone() };
    for (name, options) in [("awkward", options), ("awkward, unfinished", typing), ("awkward, unfinished, with hops", with_hops)] {
        report(name, &engine.searcher(searcher.system(), options).expect("a searcher"), &awkward);
    }
}

const SETS: [&str; 4] = ["corrupted", "crossvintage", "shorthand", "synonym"];

#[derive(Clone)]
struct Question {
    text: String,
    /// The codes that answer it, without dots; empty where nobody knows.
    gold: Vec<String>,
}

impl Question {
    /// `id, class, query, gold`.
    fn of_row(row: &str) -> Option<Question> {
        let mut cells = row.split('\t').skip(2);
        Some(Question { text: cells.next()?.to_owned(), gold: cells.next()?.split(' ').map(str::to_owned).collect() })
    }

    /// The place of the first right code.
    fn rank(&self, matches: &[Match<'_>]) -> Option<usize> {
        matches.iter().position(|m| self.gold.contains(&m.concept.code().replace('.', "")))
    }
}

fn report(name: &str, searcher: &Searcher<'_>, questions: &[Question]) {
    questions.iter().take(500).for_each(|q| drop(searcher.search(&q.text)));
    let (mut first, mut among_ten) = (0, 0);
    let mut times: Vec<Duration> = Vec::with_capacity(questions.len());
    for question in questions {
        let started = Instant::now();
        let matches = searcher.search(&question.text);
        times.push(started.elapsed());
        let rank = question.rank(&matches);
        first += usize::from(rank == Some(0));
        among_ten += usize::from(rank.is_some_and(|r| r < 10));
    }
    times.sort();
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied().unwrap_or_default();
    let recall = if questions.iter().any(|q| !q.gold.is_empty()) {
        let share = |n: usize| n as f64 / questions.len() as f64;
        format!(", recall at 1 {:.3}, at 10 {:.3}", share(first), share(among_ten))
    } else {
        String::new()
    };
    println!(
        "{name}: {} questions, median {:.2?}, 99th percentile {:.2?}, slowest {:.2?}{recall}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn pruning<'q>(name: &str, searcher: &Searcher<'_>, every: &Searcher<'_>, questions: impl Iterator<Item = &'q Question>) {
    let (mut asked, mut first, mut ten, mut lost) = (0, 0, 0, 0);
    for question in questions {
        let (pruned, all) = (searcher.search(&question.text), every.search(&question.text));
        let codes = |matches: &[Match<'_>]| matches.iter().map(|m| m.concept.code().to_owned()).collect::<Vec<_>>();
        let (pruned_codes, all_codes) = (codes(&pruned), codes(&all));
        asked += 1;
        first += usize::from(pruned_codes.first() == all_codes.first());
        ten += usize::from(pruned_codes == all_codes);
        lost += usize::from(question.rank(&all) == Some(0) && question.rank(&pruned) != Some(0));
    }
    println!("{name}: {asked} questions, same first answer {first}, same ten {ten}, right first answer lost {lost}");
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
fn generated(searcher: &Searcher<'_>) -> Vec<Question> {
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
            // Terms are made of few words, so many concepts share one: what was meant is known, what is right is not.
            Some(Question { text: words.join(" "), gold: Vec::new() })
        })
        .collect()
}
