//! Descriptions and the language refsets that say which of them a language prefers.

use std::io::{self, BufRead};

use hashbrown::{HashMap, HashSet};

use super::{Newest, concept_id, ids, is_active, orphan};
use crate::model::{DesignationUse, NoteKind};
use crate::read::SystemHandle;
use crate::read::tabular::{Findings, rows};

/// What the language refsets say of each description: a bit per refset. 16 bytes a description, 36 MB for a national edition.
#[derive(Default)]
pub(super) struct Preferences {
    /// Refsets in the order in which they were met; the bit is the place.
    refsets: Vec<u64>,
    preferred: HashMap<u64, u32>,
    us: HashSet<u64>,
    gb: HashSet<u64>,
}

impl Preferences {
    pub fn read(&mut self, input: &mut dyn BufRead, newest: &mut Option<Newest>, findings: &mut Findings<'_>) -> io::Result<()> {
        let columns = ["id", "effectiveTime", "active", "refsetId", "referencedComponentId", "acceptabilityId"];
        rows(input, columns, findings, &mut |row, findings| {
            let [id, time, _, refset, description, acceptability] = row.fields;
            if !Newest::takes(newest, id, time, row.line, findings) || is_active(&row, findings) != Some(true) {
                return;
            }
            let (Ok(refset), Ok(description)) = (refset.parse::<u64>(), description.parse::<u64>()) else {
                findings.warn(
                    "ids that are no numbers",
                    row.line,
                    row.columns[3],
                    "refset or description id is no number",
                    "the row is left out",
                );
                return;
            };
            match refset {
                ids::LANGUAGE_US => drop(self.us.insert(description)),
                ids::LANGUAGE_GB => drop(self.gb.insert(description)),
                _ => {}
            }
            if acceptability != ids::PREFERRED {
                return;
            }
            let slot = self.refsets.iter().position(|&r| r == refset).unwrap_or_else(|| {
                self.refsets.push(refset);
                self.refsets.len() - 1
            });
            if slot < 32 {
                *self.preferred.entry(description).or_default() |= 1 << slot;
            } else {
                findings.warn(
                    "language refsets beyond 32",
                    row.line,
                    row.columns[3],
                    format!("refset {refset} is the 33rd"),
                    "name those to read",
                );
            }
        })
    }

    /// The best place in `order` (then by id) of the refsets that prefer a description.
    fn rank(&self, description: u64, order: &[u64]) -> Option<(usize, u64)> {
        let bits = self.preferred.get(&description)?;
        let place = |&refset: &u64| (order.iter().position(|&o| o == refset).unwrap_or(usize::MAX), refset);
        (0..self.refsets.len()).filter(|slot| bits & (1 << slot) != 0).map(|slot| place(&self.refsets[slot])).min()
    }

    /// The language as a BCP 47 tag: a dialect where only one of the two English refsets knows the description.
    fn language<'a>(&self, description: u64, code: &'a str) -> &'a str {
        match (code, self.us.contains(&description), self.gb.contains(&description)) {
            ("en", true, false) if !self.gb.is_empty() => "en-US",
            ("en", false, true) if !self.us.is_empty() => "en-GB",
            ("en", ..) => "",
            (other, ..) => other,
        }
    }
}

/// Takes the descriptions, and settles which of a concept's terms is *the* preferred one.
///
/// The first refset of `order` decides for every concept for which it prefers a synonym; for the others the next one does. Terms that only
/// a later refset prefers must therefore wait until all have been seen: in an edition in two dialects some 30,000 of them.
pub(super) struct Terms<'a> {
    pub system: SystemHandle,
    pub preferences: Preferences,
    pub order: &'a [u64],
    /// Concepts for which the first refset of the order prefers a synonym.
    settled: HashSet<u64>,
    waiting: Vec<Waiting>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    concept: u64,
    rank: (usize, u64),
    language: String,
    term: String,
}

impl<'a> Terms<'a> {
    pub fn new(system: SystemHandle, preferences: Preferences, order: &'a [u64]) -> Terms<'a> {
        Terms { system, preferences, order, settled: HashSet::new(), waiting: Vec::new() }
    }

    pub fn read(
        &mut self,
        input: &mut dyn BufRead,
        concepts: &HashMap<u64, bool>,
        newest: &mut Option<Newest>,
        findings: &mut Findings<'_>,
    ) -> io::Result<()> {
        let columns = ["id", "effectiveTime", "active", "conceptId", "languageCode", "typeId", "term"];
        rows(input, columns, findings, &mut |row, findings| {
            let [id, time, _, concept, language, kind, term] = row.fields;
            if !Newest::takes(newest, id, time, row.line, findings) || is_active(&row, findings) != Some(true) {
                return;
            }
            let Some(key) = concept_id(concept).filter(|key| concepts.is_empty() || concepts.contains_key(key)) else {
                return orphan(findings, row.line, row.columns[3], concept);
            };
            if term.is_empty() {
                return findings.warn(
                    "empty terms",
                    row.line,
                    row.columns[6],
                    format!("description {id} has no term"),
                    "the row is left out",
                );
            }
            let description = id.parse::<u64>().unwrap_or(0);
            let language = self.preferences.language(description, language);
            let usage = match kind {
                ids::FULLY_SPECIFIED_NAME => DesignationUse::FullySpecifiedName,
                ids::DEFINITION => return findings.sink.note(self.system, concept, NoteKind::Note, term),
                ids::SYNONYM => match self.preferences.rank(description, self.order) {
                    Some((0, _)) => {
                        self.settled.insert(key);
                        DesignationUse::Preferred
                    }
                    Some(rank) => {
                        let (language, term) = (language.to_owned(), term.to_owned());
                        return self.waiting.push(Waiting { concept: key, rank, language, term });
                    }
                    None => DesignationUse::Synonym,
                },
                other => {
                    let what = format!("{other} is no type of description that is known");
                    return findings.warn("unknown types of description", row.line, row.columns[5], what, "the row is left out");
                }
            };
            findings.sink.designation(self.system, concept, usage, language, term);
        })
    }

    /// Hands out the terms that waited: preferred where no better refset has spoken, whatever the language.
    pub fn finish(mut self, sink: &mut dyn crate::read::Sink) {
        self.waiting.sort();
        for of_one in self.waiting.chunk_by(|a, b| a.concept == b.concept) {
            let (best, is_settled) = (of_one[0].rank, self.settled.contains(&of_one[0].concept));
            for w in of_one {
                let usage = if w.rank == best && !is_settled { DesignationUse::Preferred } else { DesignationUse::Synonym };
                sink.designation(self.system, &w.concept.to_string(), usage, &w.language, &w.term);
            }
        }
    }
}
