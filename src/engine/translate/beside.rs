//! Codes that only another engine lists.
//!
//! A map that came along by itself knows the codes in its rows and nothing else: which codes there are, what they are called and when they
//! were valid is in the engine beside it ([`Engine::with_beside`]). So a code is understood as the releases over there have it, rows are
//! asked by the code, and targets are told as concepts of over there.
//!
//! [`Engine::with_beside`]: super::Engine::with_beside

use super::super::Engine;
use super::{Translation, Translator, state};
use crate::index::{CodeSystem, Concept, ConceptMap, Index};

/// The system beside an own one of which no release is loaded.
pub(super) fn listed<'e>(engine: &'e Engine, own: CodeSystem<'e>) -> Option<CodeSystem<'e>> {
    let beside = engine.beside().filter(|_| own.releases().is_empty())?;
    beside.index().system(own.alias()).filter(|system| !system.releases().is_empty())
}

/// The same code in an index; `None`: it does not know it.
pub(super) fn in_index<'e>(index: &'e Index, concept: Concept<'e>) -> Option<Concept<'e>> {
    if std::ptr::eq(index, concept.system().index()) {
        return Some(concept);
    }
    index.system(concept.system().alias())?.concept(concept.code())
}

impl<'e> Translator<'e> {
    /// A code of the target system that no row names.
    pub(super) fn target_concept(&self, code: &str) -> Option<Concept<'e>> {
        self.target.concept(code).or_else(|| self.listed_target?.concept(code))
    }

    /// A map of this engine, or of the one beside it.
    pub(super) fn map_anywhere(&self, name: &str) -> Option<ConceptMap<'e>> {
        self.engine.map(name).or_else(|refusal| self.engine.beside().map_or(Err(refusal), |beside| beside.map(name))).ok()
    }

    /// Tells targets as what they are where their system is listed.
    pub(super) fn tell_as_listed(&self, t: &mut Translation<'e>) {
        let Some(listed) = self.listed_target else { return };
        for target in t.scenarios.iter_mut().flat_map(|s| &mut s.groups).flat_map(|g| &mut g.options) {
            let is_own = std::ptr::eq(target.concept.system().index(), self.engine.index());
            if let Some(concept) = listed.concept(target.concept.code()).filter(|_| is_own) {
                (target.concept, target.state) = (concept, state(concept, None));
            }
        }
    }
}
