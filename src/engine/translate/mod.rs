//! What is it over there?
//!
//! A [`Translator`] is prepared once for a pair of systems and answers any number of codes: it resolves the code (repairs are said), asks
//! the date, takes the rows of the first map that has any for the source, brings them into scenarios, groups and options, follows expired
//! targets where a target date was given, names the outcome, and lets a policy pick if one was chosen.

mod beside;
mod beyond;
mod decided;
mod fold;
mod pick;
mod scenarios;
mod seventh;
mod turns;

use super::answer::{Message, Origin, Outcome, Policy, Repair, Scenario, Scenarios, Target, TargetState, Translation, coverage};
use super::search::{SearchOptions, Searcher};
use super::suggest::{self, Resolved};
use super::{Engine, Refusal, succession};
use crate::index::{CodeSystem, Concept, ConceptMap, Now};
use crate::model::rule::Facts;
use crate::model::{Date, MapKind, Relationship, Status, compare_versions};
use decided::Decided;
pub use decided::Upheld;
use scenarios::Reading;
pub(super) use scenarios::together;
use smallvec::SmallVec;
use std::cmp::Ordering;

/// What to translate, and how.
#[derive(Clone, Debug, Default)]
pub struct TranslatorOptions {
    /// Any name of the source system.
    pub from: String,
    /// Any name of the target system.
    pub to: String,
    /// Only this map: `id`, `id|version`, or its URL.
    pub map: Option<String>,
    /// Read maps from target to source: the answers are candidates, never automatic.
    pub reverse: bool,
    /// When the target must be valid: expired targets are followed to their successors.
    pub target_date: Option<Date>,
    pub policy: Policy,
    /// Nothing but exact answers is automatic.
    pub strict: bool,
    /// By how much the best option must lead under [`Policy::Text`]; `None`: the margin that search was calibrated with.
    pub margin: Option<f32>,
    /// Answer a source without rows from its nearest ancestor that has some; the answer says so and is never automatic.
    pub ancestor: bool,
    /// Answers are kept, and given for other days as well ([`Translator::turns`]): what they say names no day that was asked, and tells of
    /// no doubt about it where there is an answer.
    pub any_day: bool,
}

/// One question to a [`Translator`].
#[derive(Clone, Copy)]
pub struct Asked<'q> {
    pub code: &'q str,
    /// When the source code must be valid: the date of service.
    pub date: Option<Date>,
    pub facts: &'q Facts,
    /// The record's own words.
    pub text: Option<&'q str>,
}

impl<'q> Asked<'q> {
    /// A bare code.
    pub fn code(code: &'q str) -> Asked<'q> {
        static NOTHING: std::sync::LazyLock<Facts> = std::sync::LazyLock::new(Facts::default);
        Asked { code, date: None, facts: &NOTHING, text: None }
    }
}

/// Translates codes of one system into another. Share it between threads.
pub struct Translator<'e> {
    engine: &'e Engine,
    source: CodeSystem<'e>,
    target: CodeSystem<'e>,
    /// The same systems in the engine beside this one, where only that one has releases of them.
    listed_source: Option<CodeSystem<'e>>,
    listed_target: Option<CodeSystem<'e>>,
    /// The maps to ask, the first that has rows answers; with whether it is read backwards.
    maps: Vec<ConceptMap<'e>>,
    /// Pairs of maps over a third system, where no map leads from source to target.
    chains: Vec<(ConceptMap<'e>, ConceptMap<'e>)>,
    /// The system of co-existing findings.
    findings: Option<CodeSystem<'e>>,
    /// Weighs options by the record's own words.
    searcher: Searcher<'e>,
    options: TranslatorOptions,
}

/// Among maps of one pair, the greatest answers first: by the manifest's precedence, then the newest version.
pub(super) fn by_precedence(a: ConceptMap<'_>, b: ConceptMap<'_>) -> Ordering {
    a.meta().precedence.cmp(&b.meta().precedence).then_with(|| compare_versions(a.version(), b.version()))
}

/// The maps that answer, the first first. An older version of a map never answers for a newer one: what the newer one dropped, it dropped.
fn in_order(mut maps: Vec<ConceptMap<'_>>) -> Vec<ConceptMap<'_>> {
    maps.sort_by(|a, b| by_precedence(*b, *a));
    let mut seen: Vec<&str> = Vec::new();
    maps.retain(|m| {
        !seen.contains(&m.id()) && {
            seen.push(m.id());
            true
        }
    });
    maps
}

impl<'e> Translation<'e> {
    fn take(&mut self, reading: Reading<'e>) {
        (self.scenarios, self.needs, self.outcome) = (reading.scenarios, reading.needs, reading.outcome);
        if !reading.message.is_empty() {
            self.message = reading.message;
        }
    }
}

impl<'e> Translator<'e> {
    pub(super) fn new(engine: &'e Engine, options: TranslatorOptions) -> Result<Translator<'e>, Refusal> {
        let (source, target) = (engine.system(&options.from)?, engine.system(&options.to)?);
        // Read backwards, the map leads from the asked target to the asked source.
        let (from, to) = if options.reverse { (target, source) } else { (source, target) };
        let fits = |m: &ConceptMap<'_>| m.source() == from && m.target() == to;
        let maps = match &options.map {
            Some(name) => {
                let map = engine.map(name)?;
                if !fits(&map) {
                    return Err(Refusal::MapDoesNotFit {
                        map: map.id().to_owned(),
                        source_system: map.source().alias().to_owned(),
                        target_system: map.target().alias().to_owned(),
                        from: from.alias().to_owned(),
                        to: to.alias().to_owned(),
                    });
                }
                vec![map]
            }
            None => {
                let maps: Vec<_> = engine.index().maps().filter(|m| fits(m) && m.kind() != MapKind::Succession).collect();
                in_order(maps)
            }
        };
        let chains = if maps.is_empty() && !options.reverse && source != target {
            beyond::chains(engine.index(), source, target)
        } else {
            Vec::new()
        };
        let findings = engine.index().system("snomed");
        let findings =
            findings.filter(|own| !own.releases().is_empty()).or(engine.beside().and_then(|e| e.index().system("snomed"))).or(findings);
        // Of words alone: a searcher that hops asks translators.
        let words = SearchOptions {
            limit: beyond::MOST_CANDIDATES,
            billable: true,
            date: options.target_date,
            text_only: true,
            ..Default::default()
        };
        let searcher = engine.searcher(target, words)?;
        let (listed_source, listed_target) = (beside::listed(engine, source), beside::listed(engine, target));
        Ok(Translator { engine, source, target, listed_source, listed_target, maps, chains, findings, searcher, options })
    }

    pub fn source(&self) -> CodeSystem<'e> {
        self.source
    }
    pub fn target(&self) -> CodeSystem<'e> {
        self.target
    }
    pub fn options(&self) -> &TranslatorOptions {
        &self.options
    }
    /// The maps that are asked, in order.
    pub fn maps(&self) -> &[ConceptMap<'e>] {
        &self.maps
    }

    /// The code that a text is read as, and what had to be repaired for it. Spellings of one code are one question: everything else that
    /// [`translate`](Translator::translate) says of them is the same.
    pub(crate) fn spelling(&self, text: &str) -> Option<(Concept<'e>, Vec<Repair>)> {
        let read = self.read(text);
        read.concept.map(|concept| (concept, read.repairs))
    }

    fn read(&self, text: &str) -> Resolved<'e> {
        let listed = self.listed_source.filter(|listed| listed.concept_as_given(text).is_none());
        match listed.and(self.source.concept(text)) {
            // What no release lists and a row names is a code for this map.
            Some(named) => named.into(),
            None => suggest::resolve(self.listed_source.unwrap_or(self.source), text),
        }
    }

    /// Translates one code.
    pub fn translate(&self, asked: &Asked<'_>) -> Translation<'e> {
        // As the releases have it, wherever they are.
        let found = self.listed_source.unwrap_or(self.source).concept_as_given(asked.code);
        // Before anything is written: while the processor waits for where the rows lie, it lays out the answer.
        let first = found.map_or(0, |(source, _)| self.first_speaking(source));
        let mut t = Translation {
            source_system: self.source,
            given: asked.code.into(),
            source: None,
            target_system: self.target,
            outcome: Outcome::Unmapped,
            automatic: false,
            scenarios: Scenarios::new(),
            denials: Vec::new(),
            picked: None,
            needs: Vec::new(),
            repairs: Vec::new(),
            nearest: Vec::new(),
            map: None,
            message: Message::None,
        };
        match found {
            Some((source, is_printed)) => {
                t.source = Some(source);
                if !is_printed {
                    t.repairs.extend(suggest::dot_left_out(asked.code, source));
                }
            }
            None => self.look_closer(asked, &mut t),
        }
        let Some(source) = t.source else { return t };
        if let Some(date) = asked.date.filter(|&date| source.is_listed() && source.status_on(date).is_none_or(|s| s == Status::Inactive)) {
            t.outcome = Outcome::NotValidOnDate;
            t.nearest = succession::replacements(source.system().index(), source, Some(date));
            let doubt = self.source.gap_on(date).and_then(|_| coverage(self.source, date, &self.day_in_words(Some(date))));
            let doubt = doubt.map_or_else(String::new, |d| format!("; {d}"));
            t.message = format!("{} is not valid on {}{doubt}", source.code(), self.day_in_words(Some(date))).into();
            return t;
        }
        let mut denied = Vec::new();
        if self.options.policy == Policy::Decision {
            match self.by_decision(source.code(), asked, &mut t) {
                Decided::Settled => return t,
                Decided::Open(denials) => denied = denials,
            }
        }
        // Why a decision was not used; the maps may have something to say as well.
        let held = std::mem::replace(&mut t.message, Message::None);
        if self.source == self.target && self.maps.is_empty() {
            self.as_it_is(source, asked.date, &mut t);
        } else {
            self.by_maps(first, source, asked, &mut t);
        }
        if t.outcome == Outcome::Unmapped {
            self.beyond_rows(source, asked, &mut t);
        }
        if t.outcome == Outcome::Unmapped {
            self.without_rows(source, asked.date, &mut t);
        }
        self.tell_as_listed(&mut t);
        if let Some(date) = self.options.target_date {
            self.follow(date, &mut t);
        }
        for &concept in &denied {
            scenarios::deny(&mut t.scenarios, concept);
        }
        self.settle(asked.date, &mut t);
        if t.outcome == Outcome::Choice {
            if let Some(text) = asked.text.filter(|text| !text.trim().is_empty()) {
                pick::weigh(&self.searcher, text, &mut t);
            }
            pick::pick(&self.options, &mut t);
        }
        if t.outcome == Outcome::Unmapped {
            self.by_text(source, asked.text, &mut t);
        }
        if let Some(date) = asked.date.filter(|_| t.message.is_empty() && !self.options.any_day) {
            t.message = Message::of_coverage(self.source, date);
        }
        if t.message.is_empty() {
            t.message = held;
        } else if !held.is_empty() {
            t.message = format!("{held}; {}", t.message).into();
        }
        t
    }

    /// How messages name the day that was asked, which is today if none was.
    fn day_in_words(&self, asked: Option<Date>) -> String {
        match asked {
            Some(_) if self.options.any_day => String::from("the day of its record"),
            _ => asked.unwrap_or_else(super::today).to_string(),
        }
    }

    /// What is no code may be one after a repair, or near to some.
    #[cold]
    fn look_closer(&self, asked: &Asked<'_>, t: &mut Translation<'e>) {
        let found = self.read(asked.code);
        if found.concept.is_some() {
            (t.source, t.repairs) = (found.concept, found.repairs);
            return;
        }
        let system = self.listed_source.unwrap_or(self.source);
        t.outcome = Outcome::InvalidCode;
        t.nearest = suggest::suggestions(system, asked.code, &found);
        let (code, system, elsewhere) = (asked.code.trim(), self.source.alias(), suggest::but_one_of(&t.nearest));
        t.message = format!("`{code}` is not a code of {system}{elsewhere}").into();
        // Reviewers settle these too: a local code, or one that was mistyped the same way a thousand times.
        if self.options.policy == Policy::Decision && matches!(self.by_decision(code, asked, t), Decided::Settled) {
            return;
        }
        // Of a system without a release nobody knows the codes; what its maps say of those that they do not name holds for this one.
        let is_unlisted = self.listed_source.is_none() && self.source.releases().is_empty();
        let may_be_one = is_unlisted && !code.is_empty() && !self.options.reverse;
        let why = std::mem::replace(&mut t.message, Message::None);
        if may_be_one && self.by_unmapped_rule(code, None, asked, t) {
            t.nearest.clear();
            return self.settle(asked.date, t);
        }
        t.message = why;
    }

    /// Records of mixed systems hold codes of the target system too: such a code stands for itself, without a person if it may be
    /// recorded on the day asked, else today. A header does not, in any system.
    fn as_it_is(&self, source: Concept<'e>, date: Option<Date>, t: &mut Translation<'e>) {
        let status = date.map_or(source.status(), |d| source.status_on(d));
        if source.is_listed() && status != Some(Status::Header) {
            let target = scenarios::target(source, Relationship::Equivalent, 1, Origin::Same);
            t.scenarios = Scenarios::from_buf([Scenario::of([target])]);
            t.outcome = Outcome::Exact;
        }
    }

    /// The place of the first map that has rows for the source.
    fn first_speaking(&self, source: Concept<'e>) -> usize {
        let speaks = |map: &ConceptMap<'e>| beside::in_index(map.source().index(), source).is_some_and(|own| scenarios::speaks(*map, own));
        self.maps.iter().position(|map| self.options.reverse || speaks(map)).unwrap_or(self.maps.len())
    }

    /// The first map that has rows for the source answers; no map before the `first` has any.
    fn by_maps(&self, first: usize, source: Concept<'e>, asked: &Asked<'_>, t: &mut Translation<'e>) {
        t.map = self.maps.first().copied();
        for (at, &map) in self.maps.iter().enumerate() {
            t.denials.extend(scenarios::denials(map, source, self.options.reverse, scenarios::When(asked.date)));
            if at < first {
                continue;
            }
            if let Some(reading) = self.reading(map, source, asked) {
                t.map = Some(map);
                return t.take(reading);
            }
        }
    }

    fn reading(&self, map: ConceptMap<'e>, source: Concept<'e>, asked: &Asked<'_>) -> Option<Reading<'e>> {
        let when = scenarios::When(asked.date);
        let source = beside::in_index(map.source().index(), source)?;
        if self.options.reverse {
            return scenarios::reversed(map, source, when);
        }
        let mut reading = scenarios::of_rows(map, source, when, asked.facts, self.findings)?;
        // A GEM names whole codes.
        if map.kind() != MapKind::Gem {
            seventh::spell_out(&mut reading, self.options.target_date);
        }
        Some(reading)
    }

    /// Says why there is nothing: a header, a pair without a map, or a map without the code.
    fn without_rows(&self, source: Concept<'e>, date: Option<Date>, t: &mut Translation<'e>) {
        let status = date.map_or(source.status(), |d| source.status_on(d));
        if status == Some(Status::Header) {
            t.outcome = Outcome::InvalidCode;
            t.message = format!("{} is a header; translate one of the codes below it", source.code()).into();
            t.nearest = suggest::children(source, date);
            return;
        }
        if let Some(&map) = self.maps.first() {
            if t.message.is_empty() {
                let (when, day) = (scenarios::When(date), self.day_in_words(date));
                let ended = self.maps.iter().find_map(|map| scenarios::none_holds(*map, source, when, &day));
                t.message = ended.filter(|_| !self.options.reverse).map_or(Message::NoRow(map, source), Message::from);
            }
            if source.is_expired() {
                t.nearest = succession::replacements(source.system().index(), source, date);
                let successors = if t.nearest.is_empty() { "and no successor is known" } else { "and what took its place has none either" };
                t.message = format!("{}; {} has expired, {successors}", t.message, source.code()).into();
            }
            return;
        }
        if !self.chains.is_empty() && !t.message.is_empty() {
            return;
        }
        let (from, to) = (self.source.alias(), self.target.alias());
        if self.source == self.target {
            t.message = format!("{} is named by a map, but no loaded release of {from} lists it", source.code()).into();
            return;
        }
        let other_way =
            self.other_way().map_or_else(String::new, |map| format!("; {} leads the other way (ask in reverse for candidates)", map.id()));
        t.message = format!("no map leads from {from} to {to}{other_way}").into();
    }

    fn other_way(&self) -> Option<ConceptMap<'e>> {
        let (from, to) = if self.options.reverse { (self.source, self.target) } else { (self.target, self.source) };
        self.engine.index().maps().find(|m| m.source() == from && m.target() == to && m.kind() != MapKind::Succession)
    }

    /// Replaces targets that are no codes on the target date by their successors, each with its hops.
    fn follow(&self, date: Date, t: &mut Translation<'e>) {
        for group in t.scenarios.iter_mut().flat_map(|s| &mut s.groups) {
            if group.options.iter().all(|o| o.concept.is_valid_on(Some(date))) {
                group.options.iter_mut().for_each(|o| o.state = TargetState::Valid);
                continue;
            }
            let mut followed: SmallVec<[Target<'e>; 1]> = SmallVec::with_capacity(group.options.len());
            for mut option in std::mem::take(&mut group.options) {
                option.state = state(option.concept, Some(date));
                let ways = if option.state == TargetState::Valid {
                    Vec::new()
                } else {
                    succession::successors(option.concept.system().index(), option.concept, Some(date))
                };
                if ways.is_empty() && !followed.iter().any(|f| f.concept == option.concept) {
                    followed.push(option);
                    continue;
                }
                for way in ways {
                    let Some(last) = way.last() else { continue };
                    if followed.iter().any(|f| f.concept == last.to) {
                        continue;
                    }
                    let mut next = option.clone();
                    next.concept = last.to;
                    next.state = TargetState::Valid;
                    next.relationship = way.iter().fold(option.relationship, |r, hop| r.then(hop.relationship));
                    next.hops.extend(way);
                    followed.push(next);
                }
            }
            followed.iter_mut().enumerate().for_each(|(i, o)| o.priority = u16::try_from(i + 1).unwrap_or(u16::MAX));
            group.options = followed;
        }
    }

    /// Names the outcome of what the maps gave, and whether it may be taken without a person. `asked` is the day of the source.
    fn settle(&self, asked: Option<Date>, t: &mut Translation<'e>) {
        if t.scenarios.is_empty() || t.outcome == Outcome::NeedsFacts {
            return;
        }
        fold::equals(&mut t.scenarios);
        t.outcome = outcome(&t.scenarios);
        let dated = self.options.target_date;
        if let Some(date) = dated.filter(|_| t.targets().all(|o| o.state != TargetState::Valid)) {
            t.outcome = Outcome::NotValidOnDate;
            let code = t.targets().next().map_or("", |o| o.concept.code()).to_owned();
            t.message = format!("the target {code} is not valid on {date}, and no successor is known").into();
            return;
        }
        let may = match t.outcome {
            Outcome::Exact => true,
            Outcome::Approximate | Outcome::Combination => !self.options.strict,
            _ => false,
        };
        let (mut automatic, mut denied, mut lapsed) = (may, None, None);
        for target in t.targets() {
            automatic = automatic && vouched(target) && self.is_recordable(target, asked);
            if target.denied {
                denied = denied.or(Some(target.concept));
            }
            if target.state != TargetState::Valid && !self.is_all_there_is(target) {
                lapsed = lapsed.or(Some((target.concept, target.state)));
            }
        }
        t.automatic = automatic;
        if t.outcome == Outcome::Choice || !t.message.is_empty() {
            return;
        }
        t.message = match (denied, lapsed, dated) {
            (Some(target), ..) => Message::Denied(target),
            (None, Some((target, _)), Some(date)) => format!("{} is not valid on {date}", target.code()).into(),
            (None, Some((target, state)), None) => Message::NotRecordable(target, state),
            (None, None, _) => return,
        };
    }

    /// Whether a target is enough of a code to be taken without a person: on the target date, where there is one. Without one the map's
    /// word is taken for codes that have expired or become headers since (the answer says so), but not for what no release lists.
    fn is_recordable(&self, target: &Target<'_>, asked: Option<Date>) -> bool {
        match (self.options.target_date, target.origin) {
            (Some(_), _) => target.state == TargetState::Valid,
            (None, Origin::Same) => target.concept.is_valid_on(asked),
            (None, _) => target.state != TargetState::Unlisted || self.is_all_there_is(target),
        }
    }

    /// Whether a target is named by a map alone because no release of its system is loaded at all.
    fn is_all_there_is(&self, target: &Target<'_>) -> bool {
        target.state == TargetState::Unlisted && target.concept.system().releases().is_empty() && self.listed_target.is_none()
    }
}

/// Why a code cannot be recorded on a date (none: today), if it cannot. Where no release of its system is loaded at all, what names it is
/// all there is.
pub fn lapse(concept: Concept<'_>, date: Option<Date>) -> Option<TargetState> {
    let state = state(concept, date);
    let is_all_there_is = state == TargetState::Unlisted && concept.system().releases().is_empty();
    (state != TargetState::Valid && !is_all_there_is).then_some(state)
}

/// Whether the map says it of the source itself, from source to target, and nobody denies it: what else is found is for a person.
fn vouched(target: &Target<'_>) -> bool {
    let of_itself = !target.reversed && target.ancestor.is_none() && is_one_map(target);
    of_itself && !target.denied && !beyond::guesses(target) && is_whole(target)
}

/// Whether no second map stands between source and target: successors within the target system do not count.
fn is_one_map(target: &Target<'_>) -> bool {
    target.hops.iter().all(|h| h.row.map().kind() == MapKind::Succession)
}

/// Whether the row asks for nothing beside its target: a product that is no code of the target system must be seen by a person.
fn is_whole(target: &Target<'_>) -> bool {
    target.origin.row().is_none_or(|row| row.map().kind() != MapKind::Table || row.detail().product.is_empty())
}

/// What the shape of the answer is called.
fn outcome(scenarios: &[Scenario<'_>]) -> Outcome {
    let [scenario] = scenarios else { return Outcome::Choice };
    if scenario.groups.iter().any(|g| g.options.len() != 1) {
        return Outcome::Choice;
    }
    match &scenario.groups[..] {
        [group] if group.options[0].relationship == Relationship::Equivalent => Outcome::Exact,
        [_] => Outcome::Approximate,
        _ => Outcome::Combination,
    }
}

/// Whether a target is still a code: on a date, else by the newest release.
fn state(concept: Concept<'_>, date: Option<Date>) -> TargetState {
    match (concept.now(), date) {
        (Now::Unlisted, _) => TargetState::Unlisted,
        (Now::Valid, None) => TargetState::Valid,
        (Now::Header, None) => TargetState::Header,
        (Now::Gone, None) => TargetState::Expired,
        (_, Some(date)) => match concept.status_on(date) {
            Some(Status::Valid) => TargetState::Valid,
            Some(Status::Header) => TargetState::Header,
            Some(Status::Inactive) | None => TargetState::Expired,
        },
    }
}

/// Repairs in one line, for messages and logs of codes (codes are not private).
pub fn repairs_in_words(repairs: &[Repair]) -> String {
    repairs.iter().map(|r| format!("`{}` read as `{}`", r.given, r.used)).collect::<Vec<_>>().join(", ")
}
