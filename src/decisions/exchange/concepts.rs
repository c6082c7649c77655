//! OMOP concept ids: formats of OHDSI know a code by nothing else.

use std::collections::HashMap;
use std::io::{self, BufRead};

/// Concept ids by vocabulary and code, from Athena's `CONCEPT.csv`.
#[derive(Clone, Debug, Default)]
pub struct Concepts {
    ids: HashMap<(String, String), u64>,
    codes: HashMap<u64, (String, String)>,
}

/// Our aliases and OMOP's `vocabulary_id`.
const VOCABULARIES: [(&str, &str); 9] = [
    ("icd9cm", "ICD9CM"),
    ("icd9proc", "ICD9Proc"),
    ("icd10cm", "ICD10CM"),
    ("icd10pcs", "ICD10PCS"),
    ("snomed", "SNOMED"),
    ("cpt", "CPT4"),
    ("hcpcs", "HCPCS"),
    ("loinc", "LOINC"),
    ("rxnorm", "RxNorm"),
];

/// OMOP's name of a system; a system of the user's own keeps its name.
pub fn vocabulary(alias: &str) -> &str {
    VOCABULARIES.iter().find(|(a, _)| *a == alias).map_or(alias, |(_, v)| v)
}

pub fn alias(vocabulary: &str) -> &str {
    VOCABULARIES.iter().find(|(_, v)| *v == vocabulary).map_or(vocabulary, |(a, _)| a)
}

impl Concepts {
    /// Reads `CONCEPT.csv` (tab-separated, no quotes), keeping only these systems. Of several concepts of one code (HCPCS gives codes anew)
    /// the one that is valid stands for it.
    pub fn read(from: &mut dyn BufRead, systems: &[&str]) -> io::Result<Concepts> {
        let mut concepts = Concepts::default();
        let mut line = String::new();
        from.read_line(&mut line)?;
        let header: Vec<&str> = line.trim_end().split('\t').collect();
        let place = |name: &str| {
            header
                .iter()
                .position(|h| *h == name)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("this CONCEPT.csv has no column {name}")))
        };
        let (id, vocabulary, code) = (place("concept_id")?, place("vocabulary_id")?, place("concept_code")?);
        let invalid = place("invalid_reason").ok();
        loop {
            line.clear();
            if from.read_line(&mut line)? == 0 {
                return Ok(concepts);
            }
            let cells: Vec<&str> = line.trim_end_matches(['\r', '\n']).split('\t').collect();
            let (Some(id), Some(v), Some(c)) = (cells.get(id).and_then(|c| c.parse().ok()), cells.get(vocabulary), cells.get(code)) else {
                continue;
            };
            let system = alias(v);
            if !systems.contains(&system) {
                continue;
            }
            let is_valid = invalid.and_then(|at| cells.get(at)).is_none_or(|reason| reason.is_empty());
            let known = concepts.id(system, c).filter(|_| !is_valid);
            concepts.insert(system, c, id);
            if let Some(better) = known {
                concepts.insert(system, c, better);
            }
        }
    }

    pub fn insert(&mut self, system: &str, code: &str, id: u64) {
        self.ids.insert((system.to_owned(), code.to_owned()), id);
        self.codes.insert(id, (system.to_owned(), code.to_owned()));
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn id(&self, system: &str, code: &str) -> Option<u64> {
        self.ids.get(&(system.to_owned(), code.to_owned())).copied()
    }

    /// System and code of an id.
    pub fn code(&self, id: u64) -> Option<(&str, &str)> {
        self.codes.get(&id).map(|(system, code)| (system.as_str(), code.as_str()))
    }
}
