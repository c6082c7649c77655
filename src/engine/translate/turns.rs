//! The days on which an answer may become another: whoever keeps answers keeps one for all days from one of them to the eve of the next.

use super::super::Engine;
use super::{Translator, succession};
use crate::index::{CodeSystem, ConceptMap, Index};
use crate::model::map::Unmapped;
use crate::model::{Date, MapKind};

impl Translator<'_> {
    /// In order. Between two of them [`Asked::date`](super::Asked) makes no difference, but for words that name it
    /// ([`TranslatorOptions::any_day`](super::TranslatorOptions)).
    pub fn turns(&self) -> Vec<Date> {
        let mut turns = Vec::new();
        for system in [Some(self.source), self.listed_source].into_iter().flatten() {
            of_system(system, &mut turns);
            succession::maps(system.index(), system).for_each(|map| of_map(map, &mut turns));
        }
        let others = self.maps.iter().filter_map(|map| match &map.meta().unmapped {
            Unmapped::OtherMap(name) => self.map_anywhere(name),
            _ => None,
        });
        let chained = self.chains.iter().flat_map(|&(one, two)| [one, two]);
        self.maps.iter().copied().chain(chained).chain(others).for_each(|map| of_map(map, &mut turns));
        in_order(turns)
    }
}

impl Engine {
    /// Those of every translator there may be.
    pub fn turns(&self) -> Vec<Date> {
        let mut turns = Vec::new();
        let mut of_index = |index: &Index| {
            index.systems().for_each(|system| of_system(system, &mut turns));
            index.maps().for_each(|map| of_map(map, &mut turns));
        };
        of_index(self.index());
        self.beside().into_iter().for_each(|beside| of_index(beside.index()));
        in_order(turns)
    }
}

/// When its codes began and ceased to be codes, and when what is loaded of it begins to speak for a date or ceases to.
fn of_system(system: CodeSystem<'_>, turns: &mut Vec<Date>) {
    for validity in system.concepts().flat_map(|c| c.validity()) {
        turns.extend(validity.from);
        turns.extend(validity.to.and_then(|to| to.tomorrow().ok()));
    }
    for from in system.releases().iter().filter_map(|release| release.from) {
        turns.push(from);
        turns.extend(from.with().year(from.year() + 1).build());
    }
}

/// When its rows begin and cease to hold.
fn of_map(map: ConceptMap<'_>, turns: &mut Vec<Date>) {
    // Those of RF2 maps have no times of their own.
    if map.kind() == MapKind::Rules {
        return;
    }
    for (from, to) in map.rows().map(|row| row.times()) {
        turns.extend(from);
        turns.extend(to.and_then(|to| to.tomorrow().ok()));
    }
}

fn in_order(mut turns: Vec<Date>) -> Vec<Date> {
    turns.sort_unstable();
    turns.dedup();
    turns
}
