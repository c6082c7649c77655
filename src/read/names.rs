//! What other people's files call the code systems: UMLS source abbreviations, OMOP vocabularies, CURIE prefixes, URIs.

use crate::model::System;

/// The alias of a system that a file names in its own way, and the version that the name carries (`ICD10CM_2024`).
///
/// A name that nobody knows is its own alias: a URI as it is, anything else in lower case.
pub(crate) fn system_alias(name: &str) -> (String, String) {
    let name = name.trim();
    if let Some(system) = known(name) {
        return (system.to_owned(), String::new());
    }
    if name.contains("://") || name.starts_with("urn:") {
        // A canonical may carry its version behind a bar.
        return match name.split_once('|') {
            Some((uri, version)) => (system_alias(uri).0, version.to_owned()),
            None => (name.to_owned(), String::new()),
        };
    }
    // `SNOMEDCT_US_2023_09_01`, `ICD10CM_2024`, `ICD10CM2024`: parts that begin with a digit are a version, from the right.
    let mut base = name;
    while let Some(at) = base.rfind(['_', '-', '.']).filter(|at| base[at + 1..].starts_with(|c: char| c.is_ascii_digit())) {
        base = &base[..at];
        if let Some(system) = known(base) {
            return (system.to_owned(), name[at + 1..].replace('_', "-"));
        }
    }
    let digits = base.len() - base.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    for length in [8, 6, 4] {
        if digits >= length
            && let Some(system) = known(&base[..base.len() - length])
        {
            return (system.to_owned(), base[base.len() - length..].to_owned());
        }
    }
    (base.to_ascii_lowercase(), name[base.len()..].trim_start_matches(['_', '-', '.']).replace('_', "-"))
}

fn known(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches(['/', '#']);
    if let Some(system) = System::find(name) {
        return Some(system.alias);
    }
    // Names in use elsewhere, beside those of the system table.
    Some(match name.to_ascii_lowercase().as_str() {
        "snomedct" | "snomed_ct" | "sctid" | "http://snomed.info/id" | "https://snomed.info/id" => "snomed",
        "cpt4" | "http://purl.bioontology.org/ontology/cpt" => "cpt",
        "icd10cm" | "http://purl.bioontology.org/ontology/icd10cm" => "icd10cm",
        "icd9cm" | "http://purl.bioontology.org/ontology/icd9cm" => "icd9cm",
        "http://purl.bioontology.org/ontology/snomedct" => "snomed",
        "http://purl.bioontology.org/ontology/icd10pcs" => "icd10pcs",
        "https://icd.who.int/browse10/2019/en" | "http://purl.bioontology.org/ontology/icd10" => "icd10",
        "http://purl.bioontology.org/ontology/hcpcs" => "hcpcs",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        for (name, alias, version) in [
            ("SNOMEDCT_US", "snomed", ""),
            ("SNOMEDCT_US_2023_09_01", "snomed", "2023-09-01"),
            ("ICD10CM_2024", "icd10cm", "2024"),
            ("ICD10CM2024", "icd10cm", "2024"),
            ("ICD10_2010", "icd10", "2010"),
            ("ICD10", "icd10", ""),
            ("CPT4", "cpt", ""),
            ("http://snomed.info/sct|http://snomed.info/sct/731000124108", "snomed", "http://snomed.info/sct/731000124108"),
            ("http://snomed.info/id/", "snomed", ""),
            ("http://example.org/Local", "http://example.org/Local", ""),
            ("http://example.org/Local|3", "http://example.org/Local", "3"),
            ("MONDO", "mondo", ""),
            ("Payer_2.1", "payer", "2.1"),
            ("urn:oid:2.16.840.1.113883.6.90", "icd10cm", ""),
        ] {
            assert_eq!(system_alias(name), (alias.to_owned(), version.to_owned()), "{name}");
        }
    }
}
