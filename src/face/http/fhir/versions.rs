//! Which release of a code system is meant, and the day that stands for it.
//!
//! An index holds all releases of a system as one, each code with the time in which it is valid; so a release is asked by a day on which it
//! was in use. A version is said in the question (`version`, `systemVersion`, `Coding.version`, `uri|version`), in a value set's include,
//! or for the whole request by the parameters of the terminology ecosystem: `system-version` (where nothing else says one),
//! `check-system-version` (any other is refused) and `force-system-version` (it takes the place of what value sets say).

use super::super::reply::Failure;
use super::clip;
use crate::engine::{Engine, today};
use crate::face::wire::fhir::outcome::Issue;
use crate::face::wire::fhir::parameters::Parameters;
use crate::index::{CodeSystem, Concept, ReleaseMeta};
use crate::model::Date;

/// A code system that was named, and which release of it, if one was.
#[derive(Clone, Copy)]
pub(super) struct Named<'c> {
    pub engine: &'c Engine,
    pub system: CodeSystem<'c>,
    pub release: Option<&'c ReleaseMeta>,
}

impl<'c> Named<'c> {
    /// The release with this version among those of the system; `None`: there is none.
    pub fn of(engine: &'c Engine, system: CodeSystem<'c>, version: Option<&str>) -> Result<Option<Named<'c>>, Failure> {
        let Some(version) = version else { return Ok(Some(Named { engine, system, release: None })) };
        let Some(release) = system.releases().iter().find(|r| r.version == version) else { return Ok(None) };
        let named = Named { engine, system, release: Some(release) };
        if !named.is_newest() && named.day().is_none() {
            let what = format!("version '{}' of '{}' says no date and cannot be told from the later ones", clip(version), system.uri());
            return Err(Failure::from(Issue::error("not-supported", what).tx("not-found").at("version")));
        }
        Ok(Some(named))
    }

    fn is_newest(&self) -> bool {
        self.release.is_none_or(|r| self.system.version() == r.version)
    }

    /// A day on which the release that was asked for was in use; `None`: the newest, or whichever it is.
    pub fn day(&self) -> Option<Date> {
        let release = self.release.filter(|_| !self.is_newest())?;
        // Of the first the beginning may be unknown: the day before the second.
        release.from.or_else(|| self.after(release)?.from?.yesterday().ok())
    }

    /// The same where the newest release, too, was asked for by name, and a day makes a difference: it is in use today, unless it has yet to
    /// begin or has ended.
    pub fn day_in_use(&self) -> Option<Date> {
        let Some(release) = self.release.filter(|_| self.is_newest()) else { return self.day() };
        let today = today();
        match (release.from, release.to) {
            (None, None) => None,
            (from, to) => Some(today.min(to.unwrap_or(today)).max(from.unwrap_or(Date::MIN))),
        }
    }

    fn after(&self, release: &ReleaseMeta) -> Option<&'c ReleaseMeta> {
        let releases = self.system.releases();
        releases.get(releases.iter().position(|r| r.version == release.version)? + 1)
    }

    /// The day to ask about, for who also gives a date: it has to lie in the time of the release.
    pub fn on(&self, date: Option<Date>) -> Result<Option<Date>, Failure> {
        let (Some(release), Some(date)) = (self.release, date) else { return Ok(date.or(self.day())) };
        let is_before = release.from.is_some_and(|from| date < from) && self.system.releases().len() > 1;
        let is_after = self.after(release).and_then(|next| next.from).is_some_and(|next| date >= next);
        if is_before || is_after {
            let what = format!("version '{}' of '{}' was not in use on that date; give one of the two", release.version, self.system.uri());
            return Err(Failure::from(Issue::error("invalid", what).at("date")));
        }
        Ok(Some(date))
    }

    /// The version that answers: the one asked for, that of a date, or the newest.
    pub fn version(&self, date: Option<Date>) -> &'c str {
        let of_date = || {
            let (releases, date) = (self.system.releases(), date?);
            let begun = releases.iter().rev().find(|r| r.from.is_some_and(|from| from <= date));
            begun.or(releases.first().filter(|r| r.from.is_some_and(|from| date < from)))
        };
        self.release.or_else(of_date).map_or(self.system.version(), |r| &r.version)
    }

    /// Whether the release that was asked for lists a code.
    pub fn lists(&self, concept: Concept<'_>) -> bool {
        self.day().is_none_or(|day| concept.status_on(day).is_some())
    }
}

/// Versions that hold for the whole request.
#[derive(Default)]
pub(super) struct Pins(Vec<Pin>);

struct Pin {
    kind: Kind,
    system: String,
    version: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Default,
    Check,
    Force,
}

/// Who says a version.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    ByQuestion,
    BySet,
}

impl Pins {
    pub fn read(p: &Parameters) -> Result<Pins, Failure> {
        let mut pins = Vec::new();
        for parameter in &p.parameter {
            let kind = match parameter.name.as_str() {
                "system-version" => Kind::Default,
                "check-system-version" => Kind::Check,
                "force-system-version" => Kind::Force,
                _ => continue,
            };
            let text = parameter.value.text().unwrap_or_default();
            let Some((system, version)) = text.split_once('|').filter(|(s, v)| !s.is_empty() && !v.is_empty()) else {
                return Err(Failure::from(
                    Issue::error("invalid", format!("{} is written system|version", parameter.name)).at(parameter.name.clone()),
                ));
            };
            pins.push(Pin { kind, system: system.to_owned(), version: version.to_owned() });
        }
        Ok(Pins(pins))
    }

    /// The version to use of a system, for which the question or a value set may have stated one.
    pub fn choose<'p>(&'p self, system: CodeSystem<'_>, stated: Option<&'p str>, said: Said) -> Result<Option<&'p str>, Failure> {
        if self.0.is_empty() {
            return Ok(stated);
        }
        let of = |kind| {
            let mut all = self.0.iter().filter(|p| p.kind == kind && system.index().system(&p.system) == Some(system));
            all.next().map(|p| p.version.as_str())
        };
        let (forced, checked) = (of(Kind::Force), of(Kind::Check));
        let chosen = match forced {
            Some(forced) if said == Said::BySet => Some(forced),
            _ => stated.or(forced).or(of(Kind::Default)).or(checked),
        };
        match [forced, checked].into_iter().flatten().find(|pin| chosen.is_some_and(|c| c != *pin)) {
            None => Ok(chosen),
            Some(pin) => {
                let what = format!(
                    "The version '{}' is not allowed for system '{}': required to be '{}' by a version-check parameter",
                    clip(chosen.unwrap_or_default()),
                    system.uri(),
                    clip(pin)
                );
                Err(Failure::from(Issue::error("exception", what).tx("version-error").message_id("VALUESET_VERSION_CHECK")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{self, Bytes, Content, Input};
    use crate::index::Index;
    use crate::read::{Format, SystemRelease};
    use std::sync::Arc;

    /// ICD-10-CM of two years: A00.1 came with the second.
    fn engine() -> Engine {
        let release = |version: &str, from: &str, codes: &[&str]| {
            let lines: String = codes.iter().map(|c| format!("00001 {c:<7} 1 {0:<60} {0}\r\n", "Cholera")).collect();
            Input {
                id: version.to_owned(),
                file: version.to_owned(),
                format: Format::IcdOrder,
                content: Content::System(SystemRelease {
                    system: "icd10cm".to_owned(),
                    version: version.to_owned(),
                    from: from.parse().ok(),
                    ..SystemRelease::default()
                }),
                sha256: String::new(),
                bytes: Bytes::Embedded(Box::leak(lines.into_bytes().into_boxed_slice())),
                member: None,
                precedence: 0,
            }
        };
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("index");
        let inputs = [release("2024", "2023-10-01", &["A000"]), release("2025", "2024-10-01", &["A000", "A001"])];
        compile::build(&inputs, &out).unwrap();
        Engine::new(Arc::new(Index::from_bytes(std::fs::read(&out).unwrap(), crate::text::VERSION).unwrap()))
    }

    fn day(text: &str) -> Option<Date> {
        text.parse().ok()
    }

    #[test]
    fn a_release_is_asked_by_a_day_and_answers_with_its_version() {
        let engine = engine();
        let system = engine.system("icd10cm").unwrap();
        let of = |version| Named::of(&engine, system, version).unwrap();
        let (old, new, any) = (of(Some("2024")).unwrap(), of(Some("2025")).unwrap(), of(None).unwrap());
        assert!(of(Some("2023")).is_none());
        assert_eq!((old.day(), new.day(), any.day()), (day("2023-10-01"), None, None));
        let later = system.concept("A00.1").unwrap();
        assert_eq!((old.lists(later), new.lists(later), any.lists(later)), (false, true, true));
        assert_eq!((old.version(None), new.version(None), any.version(None)), ("2024", "2025", "2025"));
        assert_eq!((any.version(day("2024-01-01")), any.version(day("2020-01-01"))), ("2024", "2024"));
        assert_eq!((old.day_in_use(), any.day_in_use()), (day("2023-10-01"), None));
        assert!(new.day_in_use().is_some_and(|d| d >= day("2024-10-01").unwrap()), "the newest, named, is that of today");
        assert_eq!(old.on(day("2024-05-05")).unwrap(), day("2024-05-05"));
        assert!(old.on(day("2025-05-05")).is_err() && new.on(day("2024-05-05")).is_err());
    }

    #[test]
    fn pins_say_which_version() {
        let engine = engine();
        let system = engine.system("icd10cm").unwrap();
        let pins = |query: &str| Pins::read(&Parameters::from_query(query).unwrap()).unwrap();
        let uri = system.uri();
        let cases = [
            ("", None, Said::ByQuestion, Some(None)),
            ("system-version", None, Said::BySet, Some(Some("2024"))),
            ("system-version", Some("2025"), Said::BySet, Some(Some("2025"))),
            ("check-system-version", None, Said::BySet, Some(Some("2024"))),
            ("check-system-version", Some("2025"), Said::BySet, None),
            ("force-system-version", Some("2025"), Said::BySet, Some(Some("2024"))),
            ("force-system-version", Some("2025"), Said::ByQuestion, None),
            ("force-system-version", None, Said::ByQuestion, Some(Some("2024"))),
        ];
        for (name, stated, said, wanted) in cases {
            let pins = if name.is_empty() { Pins::default() } else { pins(&format!("{name}={uri}|2024")) };
            assert_eq!(pins.choose(system, stated, said).ok(), wanted, "{name} {stated:?}");
        }
        assert_eq!(pins("system-version=urn:other|1").choose(system, None, Said::BySet).unwrap(), None);
        assert!(Pins::read(&Parameters::from_query("system-version=2024").unwrap()).is_err());
    }
}
