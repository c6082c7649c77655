//! Made-up releases of any size, for tests and benches: RF2 (Snapshot, Full), CPT- and HCPCS-shaped files.
//!
//! Nothing in them is anybody's content: codes stand in a namespace that nobody owns, terms are made of syllables. What is real is the
//! form: file names, columns, check digits, partitions, the metadata concepts that RF2 itself is written in, every form of map rule, and
//! the awkward things that real releases hold. The same [`Shape`] gives the same bytes, and its Snapshot is the newest state of its Full.
//!
//! The hierarchy is shaped like the real one: about twelve levels, most concepts with several parents near each other, some forty
//! ancestors each. (Parents drawn at random would give thousands.)

mod flat;
mod prng;
mod words;

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::model::system::verhoeff_digit;
use crate::read::rf2::{Form, ids};

pub use flat::{write_cpt, write_hcpcs};
pub use prng::Prng;
pub use words::Words;

/// How large a release is to be, and how nasty.
#[derive(Clone, Debug)]
pub struct Shape {
    pub seed: u64,
    /// Active concepts; a tenth as many retired ones come on top.
    pub concepts: usize,
    /// Active descriptions of active concepts: a fully specified name, a preferred term, and synonyms as far as they go.
    pub descriptions: usize,
    /// Active is-a rows; at least one for every concept but the root.
    pub is_a: usize,
    /// Active rows of the ICD-10-CM extended map. The ICD-10 map has a tenth of that, so has a simple map.
    pub map_rows: usize,
    pub forms: Vec<Form>,
    /// Adds what a release should not hold: is-a cycles, rows about concepts that are not there, ids with a wrong check digit, rules that
    /// cannot be read. A handful each, counted in [`Written`].
    pub damage: bool,
}

impl Shape {
    /// A release of the size of a test.
    pub fn small(seed: u64) -> Shape {
        Shape { seed, concepts: 400, descriptions: 1_700, is_a: 1_100, map_rows: 500, forms: vec![Form::Snapshot], damage: false }
    }

    /// A release of the size of an edition of SNOMED CT.
    pub fn edition(seed: u64) -> Shape {
        Shape {
            seed,
            concepts: 360_000,
            descriptions: 1_600_000,
            is_a: 1_200_000,
            map_rows: 250_000,
            forms: vec![Form::Snapshot],
            damage: false,
        }
    }
}

/// What was written; the numbers are those of active rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub concepts: usize,
    pub retired: usize,
    pub descriptions: usize,
    pub is_a: usize,
    /// Of the ICD-10-CM map.
    pub map_rows: usize,
    pub history: usize,
    /// Rows that a reader must leave out and say so.
    pub orphans: usize,
    pub bad_ids: usize,
    pub unreadable_rules: usize,
    /// Is-a rows that close a cycle.
    pub cycles: usize,
}

/// The release that is described is that of this day; what went before has older dates.
pub const DATE: &str = "20260301";
const BEFORE: [&str; 3] = ["20240301", "20250301", "20250901"];
/// Seven digits that no organisation has been given.
const NAMESPACE: &str = "1999999";
const MODULE: &str = "11999999107";
const SIMPLE_MAP: &str = "21999999101";

/// Writes the files of a release into a folder, in the sub-folders of a published one.
pub fn write_rf2(folder: &Path, shape: &Shape) -> io::Result<Written> {
    let mut generator =
        Generator { shape, folder, random: Prng::new(shape.seed), words: Words::new(shape.seed), written: Written::default() };
    generator.concepts()?;
    generator.descriptions()?;
    generator.relationships()?;
    generator.maps()?;
    generator.history()?;
    Ok(generator.written)
}

/// The id of the n-th concept, counted from 0 (the root). Retired concepts follow the active ones.
pub fn concept_id(n: usize) -> String {
    component_id(n, "10")
}

/// Item, namespace, partition, check digit (Release File Specification 6, "SNOMED CT identifiers").
fn component_id(n: usize, partition: &str) -> String {
    let mut id = format!("{}{NAMESPACE}{partition}", n + 100);
    id.push(verhoeff_digit(id.as_bytes()).map_or('0', char::from));
    id
}

/// The same with a check digit that is wrong.
fn bad_id(n: usize) -> String {
    let mut id = concept_id(n);
    let last = id.pop().and_then(|c| c.to_digit(10)).unwrap_or(0);
    id.push(char::from(b'0' + ((last + 1) % 10) as u8));
    id
}

/// One file in one or both forms: old states go into the Full one only.
struct Out {
    snapshot: Option<BufWriter<File>>,
    full: Option<BufWriter<File>>,
}

impl Out {
    fn create(folder: &Path, forms: &[Form], sub: &str, name: &dyn Fn(&str) -> String, header: &str) -> io::Result<Out> {
        let open = |form: Form, word: &str| -> io::Result<Option<BufWriter<File>>> {
            if !forms.contains(&form) {
                return Ok(None);
            }
            let folder = folder.join(word).join(sub);
            std::fs::create_dir_all(&folder)?;
            let mut file = BufWriter::with_capacity(1 << 17, File::create(folder.join(name(word)))?);
            write!(file, "{header}\r\n")?;
            Ok(Some(file))
        };
        Ok(Out { snapshot: open(Form::Snapshot, "Snapshot")?, full: open(Form::Full, "Full")? })
    }

    fn old(&mut self, row: Arguments<'_>) -> io::Result<()> {
        self.full.as_mut().map_or(Ok(()), |file| write!(file, "{row}\r\n"))
    }

    fn now(&mut self, row: Arguments<'_>) -> io::Result<()> {
        self.snapshot.as_mut().map_or(Ok(()), |file| write!(file, "{row}\r\n"))?;
        self.full.as_mut().map_or(Ok(()), |file| write!(file, "{row}\r\n"))
    }

    fn finish(self) -> io::Result<()> {
        for file in [self.snapshot, self.full].into_iter().flatten() {
            file.into_inner().map_err(io::IntoInnerError::into_error)?;
        }
        Ok(())
    }
}

struct Generator<'a> {
    shape: &'a Shape,
    folder: &'a Path,
    random: Prng,
    words: Words,
    written: Written,
}

impl Generator<'_> {
    fn terminology(&self, what: &str, language: &str, header: &str) -> io::Result<Out> {
        let name = |form: &str| format!("sct2_{what}_{form}{language}_XW{NAMESPACE}_{DATE}.txt");
        Out::create(self.folder, &self.shape.forms, "Terminology", &name, header)
    }

    fn refset(&self, sub: &str, pattern: &str, what: &str, language: &str, columns: &str) -> io::Result<Out> {
        let name = |form: &str| format!("der2_{pattern}Refset_{what}{form}{language}_XW{NAMESPACE}_{DATE}.txt");
        let header = format!("id\teffectiveTime\tactive\tmoduleId\trefsetId\treferencedComponentId\t{columns}");
        Out::create(self.folder, &self.shape.forms, &format!("Refset/{sub}"), &name, &header)
    }

    fn retired(&self) -> usize {
        self.shape.concepts / 10
    }

    fn date(&mut self) -> &'static str {
        self.random.pick(&BEFORE)
    }

    fn concepts(&mut self) -> io::Result<()> {
        let mut out = self.terminology("Concept", "", "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId")?;
        let status = "900000000000074008";
        for n in 0..self.shape.concepts + self.retired() {
            let id = concept_id(n);
            let is_active = n < self.shape.concepts;
            let since = self.date();
            if !is_active {
                out.old(format_args!("{id}\t20200101\t1\t{MODULE}\t{status}"))?;
            } else if self.random.below(20) == 0 {
                // Retired once by mistake, and back.
                out.old(format_args!("{id}\t20200101\t1\t{MODULE}\t{status}"))?;
                out.old(format_args!("{id}\t20210101\t0\t{MODULE}\t{status}"))?;
            }
            out.now(format_args!("{id}\t{since}\t{}\t{MODULE}\t{status}", u8::from(is_active)))?;
        }
        if self.shape.damage {
            for n in 0..3 {
                out.now(format_args!("{}\t{DATE}\t1\t{MODULE}\t{status}", bad_id(n)))?;
                self.written.bad_ids += 1;
            }
        }
        self.written.concepts = self.shape.concepts;
        self.written.retired = self.retired();
        out.finish()
    }

    fn descriptions(&mut self) -> io::Result<()> {
        let header = "id\teffectiveTime\tactive\tmoduleId\tconceptId\tlanguageCode\ttypeId\tterm\tcaseSignificanceId";
        let mut out = self.terminology("Description", "-en", header)?;
        let mut language = self.refset("Language", "c", "Language", "-en", "acceptabilityId")?;
        let case = "900000000000448009";
        let total = self.shape.concepts + self.retired();
        let mut serial = 0;
        for n in 0..total {
            let concept = concept_id(n);
            let topic = self.words.topic(n);
            // As many as are left, spread over the concepts that are left; retired ones have a name and a term.
            let count = match self.shape.concepts.checked_sub(n) {
                Some(0) | None => 2,
                Some(left) => (self.shape.descriptions.saturating_sub(self.written.descriptions) / left).clamp(2, 12),
            };
            for i in 0..count {
                let id = component_id(serial, "11");
                serial += 1;
                let since = self.date();
                let (kind, term) = match i {
                    0 => (ids::FULLY_SPECIFIED_NAME, format!("{topic} ({})", self.words.tag(n))),
                    1 => (ids::SYNONYM, topic.clone()),
                    _ => (ids::SYNONYM, self.words.synonym(&mut self.random, n)),
                };
                if self.random.below(30) == 0 {
                    out.old(format_args!("{id}\t20200101\t1\t{MODULE}\t{concept}\ten\t{kind}\t{term} (misspelt)\t{case}"))?;
                }
                out.now(format_args!("{id}\t{since}\t1\t{MODULE}\t{concept}\ten\t{kind}\t{term}\t{case}"))?;
                let acceptability = if i < 2 { ids::PREFERRED } else { ids::ACCEPTABLE };
                let us = ids::LANGUAGE_US;
                language.now(format_args!("{}\t{since}\t1\t{MODULE}\t{us}\t{id}\t{acceptability}", self.random.uuid()))?;
                // Every tenth concept is called otherwise in Great Britain.
                if n % 10 == 0 && (i == 0 || i == 2 || (count == 2 && i == 1)) {
                    let gb = ids::LANGUAGE_GB;
                    language.now(format_args!("{}\t{since}\t1\t{MODULE}\t{gb}\t{id}\t{}", self.random.uuid(), ids::PREFERRED))?;
                }
            }
            if n < self.shape.concepts {
                self.written.descriptions += count;
                if n % 50 == 0 {
                    // A description that is no more.
                    let id = component_id(serial, "11");
                    serial += 1;
                    let kind = ids::SYNONYM;
                    out.old(format_args!("{id}\t20200101\t1\t{MODULE}\t{concept}\ten\t{kind}\t{topic} once\t{case}"))?;
                    out.now(format_args!("{id}\t20210101\t0\t{MODULE}\t{concept}\ten\t{kind}\t{topic} once\t{case}"))?;
                }
            }
        }
        if self.shape.damage {
            let (id, nobody, kind) = (component_id(serial, "11"), concept_id(total + 7), ids::SYNONYM);
            out.now(format_args!("{id}\t{DATE}\t1\t{MODULE}\t{nobody}\ten\t{kind}\torphan\t{case}"))?;
            self.written.orphans += 1;
        }
        out.finish()?;
        language.finish()
    }

    /// The parents of the n-th concept: one a third of the way to the root, others beside it.
    fn parents(&mut self, n: usize, count: usize) -> Vec<usize> {
        let main = (n - 1) / 3;
        let mut parents = vec![main];
        for _ in 1..count {
            let beside = main.saturating_sub(1 + self.random.below(5));
            if !parents.contains(&beside) {
                parents.push(beside);
            }
        }
        parents
    }

    fn relationships(&mut self) -> io::Result<()> {
        let header =
            "id\teffectiveTime\tactive\tmoduleId\tsourceId\tdestinationId\trelationshipGroup\ttypeId\tcharacteristicTypeId\tmodifierId";
        let mut out = self.terminology("Relationship", "", header)?;
        let tail = "900000000000011006\t900000000000451002";
        let (is_a, finding_site) = (ids::IS_A, "363698007");
        let mut serial = 0;
        let mut next_id = move || {
            serial += 1;
            component_id(serial, "12")
        };
        for n in 1..self.shape.concepts {
            let child = concept_id(n);
            let left = self.shape.concepts - n;
            // The first concepts have fewer places for parents; what they lack, later ones get.
            let due = self.shape.is_a.saturating_sub(self.written.is_a);
            let count = (due / left + usize::from(self.random.below(left) < due % left)).max(1);
            for parent in self.parents(n, count) {
                let (id, since, parent) = (next_id(), self.date(), concept_id(parent));
                if self.random.below(20) == 0 {
                    out.old(format_args!("{id}\t20200101\t1\t{MODULE}\t{child}\t{parent}\t0\t{is_a}\t{tail}"))?;
                    out.old(format_args!("{id}\t20210101\t0\t{MODULE}\t{child}\t{parent}\t0\t{is_a}\t{tail}"))?;
                }
                out.now(format_args!("{id}\t{since}\t1\t{MODULE}\t{child}\t{parent}\t0\t{is_a}\t{tail}"))?;
                self.written.is_a += 1;
            }
            if n % 10 == 0 {
                // An is-a that is no more, and a relationship that is not is-a.
                let (id, parent) = (next_id(), concept_id(self.random.below(n)));
                out.old(format_args!("{id}\t20200101\t1\t{MODULE}\t{child}\t{parent}\t0\t{is_a}\t{tail}"))?;
                out.now(format_args!("{id}\t20210101\t0\t{MODULE}\t{child}\t{parent}\t0\t{is_a}\t{tail}"))?;
                out.now(format_args!("{}\t{DATE}\t1\t{MODULE}\t{child}\t{parent}\t1\t{finding_site}\t{tail}", next_id()))?;
            }
        }
        if self.shape.damage && self.shape.concepts > 20 {
            // A concept above its own grandparent, and one that names a parent that is not there.
            let (child, parent) = (concept_id(1), concept_id(13));
            out.now(format_args!("{}\t{DATE}\t1\t{MODULE}\t{child}\t{parent}\t0\t{is_a}\t{tail}", next_id()))?;
            self.written.cycles += 1;
            let nobody = concept_id(self.shape.concepts * 2 + 7);
            out.now(format_args!("{}\t{DATE}\t1\t{MODULE}\t{child}\t{nobody}\t0\t{is_a}\t{tail}", next_id()))?;
            self.written.orphans += 1;
        }
        out.finish()
    }

    fn maps(&mut self) -> io::Result<()> {
        let columns = "mapGroup\tmapPriority\tmapRule\tmapAdvice\tmapTarget\tcorrelationId\tmapCategoryId";
        let mut out = self.refset("Map", "iissscc", "ExtendedMap", "", columns)?;
        let (icd10cm, icd10) = (ids::MAP_ICD10CM.to_string(), ids::MAP_ICD10.to_string());
        let per_concept = (self.shape.concepts / self.shape.map_rows.max(1)).max(1);
        for (refset, rows) in [(&icd10cm, self.shape.map_rows), (&icd10, self.shape.map_rows / 10)] {
            let mut count = 0;
            // Concepts in a scattered order, so that mapped ones stand at every level.
            let mut at = 0;
            while count < rows {
                let n = (at * 7 * per_concept + 3) % self.shape.concepts;
                at += 1;
                let concept = concept_id(n);
                for row in self.entry(rows - count) {
                    let (since, id) = (self.date(), self.random.uuid());
                    let MapRow { group, priority, rule, target, category } = row;
                    let advice = match (target.is_empty(), rule.as_str()) {
                        (true, _) => "MAP SOURCE CONCEPT CANNOT BE CLASSIFIED WITH AVAILABLE DATA".to_owned(),
                        (_, "TRUE" | "OTHERWISE TRUE") => format!("ALWAYS {target}"),
                        _ => format!("IF PATIENT FITS CHOOSE {target}"),
                    };
                    if self.random.below(25) == 0 {
                        out.old(format_args!(
                            "{id}\t20200101\t0\t{MODULE}\t{refset}\t{concept}\t1\t1\tTRUE\tALWAYS Z99.9\tZ99.9\t447561005\t{category}"
                        ))?;
                    }
                    out.now(format_args!("{id}\t{since}\t1\t{MODULE}\t{refset}\t{concept}\t{group}\t{priority}\t{rule}\t{advice}\t{target}\t447561005\t{category}"))?;
                    count += 1;
                }
            }
            if refset == &icd10cm {
                self.written.map_rows = count;
            }
        }
        if self.shape.damage {
            for rule in ["IFA", "IFA 445518008 |Age| >= many years", "IFA 248152003 |Wrong check digit|"] {
                let (id, concept) = (self.random.uuid(), concept_id(self.shape.concepts - 1));
                out.now(format_args!("{id}\t{DATE}\t1\t{MODULE}\t{icd10cm}\t{concept}\t9\t1\t{rule}\t\tZ99.9\t447561005\t447637006"))?;
                self.written.unreadable_rules += 1;
            }
            let (id, nobody) = (self.random.uuid(), concept_id(self.shape.concepts * 2 + 7));
            out.now(format_args!("{id}\t{DATE}\t1\t{MODULE}\t{icd10cm}\t{nobody}\t1\t1\tTRUE\t\tZ99.9\t447561005\t447637006"))?;
            self.written.orphans += 1;
        }
        out.finish()?;
        let mut simple = self.refset("Map", "s", "SimpleMap", "", "mapTarget")?;
        for n in 0..self.shape.map_rows / 10 {
            let (id, concept) = (self.random.uuid(), concept_id(n % self.shape.concepts));
            simple.now(format_args!("{id}\t{DATE}\t1\t{MODULE}\t{SIMPLE_MAP}\t{concept}\tL{n:05}"))?;
        }
        simple.finish()
    }

    /// The rows of one concept, in every form that the mapping guide knows.
    fn entry(&mut self, most: usize) -> Vec<MapRow> {
        let classified = "447637006";
        let random = &mut self.random;
        let mut target = || format!("{}{:02}.{}", char::from(b'A' + random.below(26) as u8), random.below(100), random.below(10));
        let (a, b, c) = (target(), target(), target());
        let row = |group, priority, rule: &str, target: &str| MapRow {
            group,
            priority,
            rule: rule.to_owned(),
            target: target.to_owned(),
            category: if target.is_empty() { "447638001" } else { classified },
        };
        let finding = concept_id(self.random.below(self.shape.concepts));
        let years = 1 + self.random.below(80);
        let onset = "445518008 |Age at onset of clinical finding (observable entity)|";
        let current = "424144002 |Current chronological age (observable entity)|";
        let mut rows = match self.random.below(20) {
            0..=9 => vec![row(1, 1, "TRUE", &a)],
            10 => vec![row(1, 1, "TRUE", "")],
            11 => vec![row(1, 1, "TRUE", &a), row(2, 1, "TRUE", &b)],
            // A gap in the group numbers.
            12 => vec![row(1, 1, "TRUE", &a), row(3, 1, "TRUE", &b), row(4, 1, "TRUE", &c)],
            13 => vec![
                row(1, 1, "IFA 248152002 |Female (finding)|", &a),
                row(1, 2, "IFA 248153007 |Male (finding)|", &b),
                row(1, 3, "OTHERWISE TRUE", ""),
            ],
            14 => vec![row(1, 1, &format!("IFA {onset} < 28.0 days"), &a), row(1, 2, "OTHERWISE TRUE", &b)],
            15 => vec![
                row(1, 1, &format!("IFA {onset} >= {years}.0 years AND IFA {onset} < {}.0 years", years + 7), &a),
                row(1, 2, "OTHERWISE TRUE", &b),
            ],
            16 => vec![row(1, 1, &format!("IFA {current} <= 18.0 months"), &a), row(1, 2, &format!("IFA {current} > 18.0 months"), &b)],
            17 => vec![
                row(1, 1, &format!("IFA {finding} |{} | \"quoted\" AND more (disorder)|", self.words.topic(years)), &a),
                row(1, 2, "OTHERWISE TRUE", &b),
            ],
            18 => vec![
                row(1, 1, &format!("IFA {finding} |x| AND IFA 248152002 |Female| AND IFA {onset} > {years}.0 years"), &a),
                row(1, 2, &format!("ifa {finding}"), &b),
                row(1, 3, "OTHERWISE TRUE", &c),
            ],
            // A code from one group, none from the other.
            _ => vec![row(1, 1, "TRUE", &a), row(2, 1, "IFA 248153007 |Male|", &b), row(2, 2, "OTHERWISE TRUE", "")],
        };
        rows.truncate(most);
        rows
    }

    /// Every retired concept has a past: replaced (at times by another retired one), the same as another, one of several, or nothing.
    fn history(&mut self) -> io::Result<()> {
        let mut out = self.refset("Content", "c", "Association", "", "targetComponentId")?;
        let first = self.shape.concepts;
        for n in first..first + self.retired() {
            let source = concept_id(n);
            let some = self.random.below(self.shape.concepts);
            let associations: Vec<(u64, usize)> = match n % 6 {
                0 | 1 => vec![(ids::REPLACED_BY, some)],
                2 => vec![(ids::SAME_AS, some)],
                // The one before it, which is retired too: a chain.
                3 => vec![(ids::REPLACED_BY, n - 1)],
                4 => vec![(ids::POSSIBLY_EQUIVALENT_TO, some), (ids::POSSIBLY_EQUIVALENT_TO, (some + 1) % first)],
                _ if n % 12 == 5 => vec![(ids::ALTERNATIVE, some)],
                _ => vec![],
            };
            for (refset, target) in associations {
                let (id, target) = (self.random.uuid(), concept_id(target));
                out.now(format_args!("{id}\t{DATE}\t1\t{MODULE}\t{refset}\t{source}\t{target}"))?;
                self.written.history += 1;
            }
        }
        out.finish()
    }
}

struct MapRow {
    group: u16,
    priority: u16,
    rule: String,
    target: String,
    category: &'static str,
}

#[cfg(test)]
mod tests;
