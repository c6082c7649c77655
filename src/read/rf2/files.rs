//! Which file of a release is what, by its name (Release File Specification 3.3, "File naming convention").

/// Whether a file holds every version of a component, or the newest of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    Snapshot,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Concept,
    Description,
    TextDefinition,
    Relationship,
    Language,
    Association,
    Map,
}

impl Kind {
    /// The pattern of the file's name, for messages.
    pub fn pattern(self) -> &'static str {
        match self {
            Kind::Concept => "sct2_Concept",
            Kind::Description => "sct2_Description",
            Kind::TextDefinition => "sct2_TextDefinition",
            Kind::Relationship => "sct2_Relationship",
            Kind::Language => "der2_cRefset_Language",
            Kind::Association => "der2_cRefset_Association",
            Kind::Map => "der2_...Refset_...Map",
        }
    }
}

/// What a file's name says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    pub kind: Kind,
    /// `None` for a Delta, which says nothing without what went before.
    pub form: Option<Form>,
    /// Country or namespace, which tells packages apart: `int`, `us1000124`; empty if the name has none.
    pub package: String,
    /// `20250301`; empty if the name ends otherwise.
    pub date: String,
}

/// Reads the last part of a path; `None` for files that this reader has no use for.
pub(super) fn file_name(path: &str) -> Option<FileName> {
    let name = path.rsplit('/').next()?.to_ascii_lowercase();
    let stem = name.strip_suffix(".txt")?;
    // A leading x marks a beta release.
    let stem = stem.strip_prefix('x').unwrap_or(stem);
    let parts: Vec<&str> = stem.split('_').collect();
    let kind = match parts.as_slice() {
        ["sct2", "concept", ..] => Kind::Concept,
        ["sct2", "description", ..] => Kind::Description,
        ["sct2", "textdefinition", ..] => Kind::TextDefinition,
        ["sct2", "relationship", ..] => Kind::Relationship,
        ["der2", refset, what, ..] if refset.ends_with("refset") => match what {
            w if w.starts_with("language") => Kind::Language,
            w if w.starts_with("association") => Kind::Association,
            w if ["simplemap", "extendedmap", "complexmap"].iter().any(|m| w.starts_with(m)) => Kind::Map,
            _ => return None,
        },
        _ => return None,
    };
    let has = |word: &str| parts.iter().any(|p| p.contains(word));
    let form = match (has("snapshot"), has("full")) {
        (true, _) => Some(Form::Snapshot),
        (_, true) => Some(Form::Full),
        _ => None,
    };
    let date = parts.last().filter(|p| p.len() == 8 && p.bytes().all(|b| b.is_ascii_digit())).unwrap_or(&"").to_string();
    let package = if parts.len() >= 5 && !date.is_empty() { parts[parts.len() - 2] } else { "" }.to_owned();
    Some(FileName { kind, form, package, date })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (path, expect) in [
            ("a/Snapshot/Terminology/sct2_Concept_Snapshot_INT_20250101.txt", Some((Kind::Concept, Some(Form::Snapshot)))),
            ("sct2_Description_Full-en_US1000124_20250301.txt", Some((Kind::Description, Some(Form::Full)))),
            ("xsct2_Relationship_Snapshot_INT_20250101.txt", Some((Kind::Relationship, Some(Form::Snapshot)))),
            ("sct2_StatedRelationship_Snapshot_INT_20250101.txt", None),
            ("sct2_RelationshipConcreteValues_Snapshot_INT_20250101.txt", None),
            ("der2_cRefset_LanguageSnapshot-en_INT_20250101.txt", Some((Kind::Language, Some(Form::Snapshot)))),
            ("der2_cRefset_AssociationFull_INT_20250101.txt", Some((Kind::Association, Some(Form::Full)))),
            ("der2_iisssccRefset_ExtendedMapSnapshot_US1000124_20250301.txt", Some((Kind::Map, Some(Form::Snapshot)))),
            ("der2_sRefset_SimpleMapDelta_INT_20250101.txt", Some((Kind::Map, None))),
            ("der2_ssRefset_ModuleDependencySnapshot_INT_20250101.txt", None),
            ("Readme_en_20250101.txt", None),
        ] {
            assert_eq!(file_name(path).map(|f| (f.kind, f.form)), expect, "{path}");
        }
        let file = file_name("sct2_Concept_Snapshot_INT_20250101.txt").unwrap();
        assert_eq!((file.package.as_str(), file.date.as_str()), ("int", "20250101"));
        assert_eq!(file_name("sct2_Concept_Snapshot.txt").unwrap().package, "");
    }
}
