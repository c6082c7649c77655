//! The strength of a map: how a target concept relates to its source concept.
//!
//! FHIR R5 [`ConceptMapRelationship`](https://hl7.org/fhir/R5/valueset-concept-map-relationship.html) and R4
//! [`ConceptMapEquivalence`](https://hl7.org/fhir/R4/valueset-concept-map-equivalence.html). The two are crossed: R4 says what the
//! *target* is (`wider`: the target is wider), R5 what the *source* is (`source-is-narrower-than-target`). Both tables stand here and
//! nowhere else. "Relationship" in xwalk is never an RF2 relationship row; those are parents.

/// How a target relates to its source: the codes of FHIR R5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Relationship {
    /// The concepts mean the same.
    Equivalent = 0,
    /// The source is more specific; translating loses detail.
    SourceIsNarrowerThanTarget = 1,
    /// The source is more general; the target says more than was recorded.
    SourceIsBroaderThanTarget = 2,
    /// Related, in a way nobody has stated. A GEM row flagged *approximate* is this, unless a hierarchy proves more.
    RelatedTo = 3,
    /// Stated to be unrelated: never a translation.
    NotRelatedTo = 4,
}

impl Relationship {
    pub const ALL: [Relationship; 5] = [
        Relationship::Equivalent,
        Relationship::SourceIsNarrowerThanTarget,
        Relationship::SourceIsBroaderThanTarget,
        Relationship::RelatedTo,
        Relationship::NotRelatedTo,
    ];

    /// The code in FHIR R5.
    pub fn code(self) -> &'static str {
        match self {
            Relationship::Equivalent => "equivalent",
            Relationship::SourceIsNarrowerThanTarget => "source-is-narrower-than-target",
            Relationship::SourceIsBroaderThanTarget => "source-is-broader-than-target",
            Relationship::RelatedTo => "related-to",
            Relationship::NotRelatedTo => "not-related-to",
        }
    }

    pub fn from_code(code: &str) -> Option<Relationship> {
        Relationship::ALL.into_iter().find(|r| r.code() == code)
    }

    /// The `equivalence` code in FHIR R4.
    pub fn r4_equivalence(self) -> &'static str {
        match self {
            Relationship::Equivalent => "equivalent",
            Relationship::SourceIsNarrowerThanTarget => "wider",
            Relationship::SourceIsBroaderThanTarget => "narrower",
            Relationship::RelatedTo => "relatedto",
            Relationship::NotRelatedTo => "disjoint",
        }
    }

    /// Reads an R4 `equivalence`. `unmatched` is no relationship but a declared hole (a row without target), so it gives `None`.
    pub fn from_r4_equivalence(code: &str) -> Option<Relationship> {
        Some(match code {
            "equivalent" | "equal" => Relationship::Equivalent,
            "wider" | "subsumes" => Relationship::SourceIsNarrowerThanTarget,
            "narrower" | "specializes" => Relationship::SourceIsBroaderThanTarget,
            "relatedto" | "inexact" => Relationship::RelatedTo,
            "disjoint" => Relationship::NotRelatedTo,
            _ => return None,
        })
    }

    /// The same map read from target to source.
    pub fn inverse(self) -> Relationship {
        match self {
            Relationship::SourceIsNarrowerThanTarget => Relationship::SourceIsBroaderThanTarget,
            Relationship::SourceIsBroaderThanTarget => Relationship::SourceIsNarrowerThanTarget,
            same => same,
        }
    }

    /// One map after another: equivalent is neutral, narrower after narrower and broader after broader stay, unrelated stays
    /// unrelated, everything else is merely related.
    pub fn then(self, next: Relationship) -> Relationship {
        match (self, next) {
            (Relationship::NotRelatedTo, _) | (_, Relationship::NotRelatedTo) => Relationship::NotRelatedTo,
            (Relationship::Equivalent, other) | (other, Relationship::Equivalent) => other,
            (a, b) if a == b => a,
            _ => Relationship::RelatedTo,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Relationship> {
        Relationship::ALL.get(usize::from(byte)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r4_and_r5_words_cross() {
        assert_eq!(Relationship::SourceIsNarrowerThanTarget.r4_equivalence(), "wider");
        assert_eq!(Relationship::SourceIsBroaderThanTarget.r4_equivalence(), "narrower");
        for r in Relationship::ALL {
            assert_eq!(Relationship::from_code(r.code()), Some(r));
            assert_eq!(Relationship::from_r4_equivalence(r.r4_equivalence()), Some(r));
            assert_eq!(r.inverse().inverse(), r);
            assert_eq!(Relationship::from_byte(r as u8), Some(r));
        }
    }

    #[test]
    fn composition_is_associative_and_inverts() {
        for a in Relationship::ALL {
            assert_eq!(a.then(Relationship::Equivalent), a);
            for b in Relationship::ALL {
                assert_eq!(a.then(b).inverse(), b.inverse().then(a.inverse()));
                for c in Relationship::ALL {
                    assert_eq!(a.then(b).then(c), a.then(b.then(c)));
                }
            }
        }
    }
}
