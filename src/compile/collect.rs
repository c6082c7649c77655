//! Takes what the readers say and keeps it by system and by map.

use super::form_of;
use super::map::MapBuilder;
use super::system::SystemBuilder;
use crate::model::{DesignationUse, NoteKind, System};
use crate::read::{
    At, CodeRange, ConceptRow, Finding, MapHandle, MapRelease, Severity, Sink, SystemHandle, SystemRelease, TargetRow, Unmapped,
};

/// The systems and maps of all files read so far.
#[derive(Default)]
pub(super) struct Collector {
    pub systems: Vec<SystemBuilder>,
    pub maps: Vec<MapBuilder>,
    pub findings: Vec<Finding>,
    file: String,
    /// The file that is being read, or the member of it.
    member: String,
    sha256: String,
    precedence: i32,
    /// A map of this format stands in one file.
    is_whole: bool,
    /// What a [`SystemHandle`] stands for: a system, and one of its releases.
    handles: Vec<(usize, usize)>,
}

impl Collector {
    /// What follows comes from this file.
    pub fn begin_file(&mut self, file: &str, sha256: &str, precedence: i32, is_whole: bool) {
        self.file = file.to_owned();
        self.member = file.to_owned();
        self.sha256 = sha256.to_owned();
        self.precedence = precedence;
        self.is_whole = is_whole;
    }

    /// Joins what was read side by side. Releases of one system are read by one collector; the other may know it by its maps' codes.
    pub fn with(mut self, other: Collector) -> Collector {
        let adopted: Vec<(usize, Vec<u32>)> = other
            .systems
            .into_iter()
            .map(|system| match self.systems.iter().position(|own| own.alias == system.alias) {
                Some(at) => (at, self.systems[at].adopt(&system)),
                None => {
                    let numbers = (0..system.len() as u32).collect();
                    self.systems.push(system);
                    (self.systems.len() - 1, numbers)
                }
            })
            .collect();
        self.maps.extend(other.maps.into_iter().map(|map| {
            let (source, target) = (&adopted[map.systems.0], &adopted[map.systems.1]);
            map.renumbered((source.0, target.0), &source.1, &target.1)
        }));
        self.findings.extend(other.findings);
        self
    }

    /// The system of an alias, new if need be.
    fn system_of(&mut self, name: &str) -> usize {
        let known = System::find(name);
        let alias = known.map_or(name, |s| s.alias);
        self.systems.iter().position(|s| s.alias == alias).unwrap_or_else(|| {
            let mut system = SystemBuilder::new(alias, form_of(alias));
            if let Some(known) = known {
                system.uri = known.uri.to_owned();
                system.title = known.title.to_owned();
            } else if alias.contains("://") || alias.starts_with("urn:") {
                // What a map calls a system that nobody knows, it is called.
                system.uri = alias.to_owned();
            }
            self.systems.push(system);
            self.systems.len() - 1
        })
    }
}

impl Sink for Collector {
    fn begin(&mut self, file: &str) {
        self.member = file.to_owned();
    }

    fn system(&mut self, release: &SystemRelease) -> SystemHandle {
        let system = self.system_of(&release.system);
        let at = self.systems[system].release(release, &self.file, &self.sha256);
        if !self.handles.contains(&(system, at)) {
            self.handles.push((system, at));
        }
        let handle = self.handles.iter().position(|h| *h == (system, at)).unwrap_or_default();
        SystemHandle(handle as u32)
    }

    fn map(&mut self, release: &MapRelease) -> MapHandle {
        let (source, target) = (self.system_of(&release.source), self.system_of(&release.target));
        let is_called = |m: &&MapBuilder| m.meta.id == release.id && m.meta.version == release.version;
        if let Some(known) = self.maps.iter().find(is_called) {
            let other_map = known.systems != (source, target) || known.meta.url != release.url;
            let other_file = self.is_whole && known.meta.files.iter().all(|(_, sha256)| *sha256 != self.sha256);
            if other_map || other_file {
                let elsewhere = known.meta.files.last().map_or("", |(file, _)| file);
                self.findings.push(Finding {
                    file: self.member.clone(),
                    line: 0,
                    column: 0,
                    severity: Severity::Warning,
                    what: format!("a map {}|{} stands in {elsewhere} too, and says other things there", release.id, release.version),
                    mend: "between the same systems their rows are put together; leave one out, or give it another id or version".into(),
                });
            }
        }
        // Of one name, but between other systems: another map.
        let found = self.maps.iter().position(|m| is_called(&m) && m.systems == (source, target));
        let at = found.unwrap_or_else(|| {
            let aliases = (self.systems[source].alias.clone(), self.systems[target].alias.clone());
            self.maps.push(MapBuilder::new(release, aliases, (source, target), self.precedence));
            self.maps.len() - 1
        });
        self.maps[at].file(&self.file, &self.sha256);
        if let Unmapped::Fixed { code, .. } = &release.unmapped {
            // An answer must be able to name it, whether or not a row or a release does.
            self.systems[target].code(code);
        }
        MapHandle(at as u32)
    }

    fn system_uri(&mut self, alias: &str, uri: &str) {
        let (at, uri) = (self.system_of(alias), uri.trim_end_matches(['/', '#']));
        let known = &mut self.systems[at].uri;
        if known.is_empty() {
            *known = uri.to_owned();
        } else if known != uri {
            let what = format!("{alias} stands for {uri} here and for {known} elsewhere");
            self.findings.push(Finding {
                file: self.member.clone(),
                line: 0,
                column: 0,
                severity: Severity::Warning,
                what,
                mend: "taken for one system; give one of the two another prefix".into(),
            });
        }
    }

    fn concept(&mut self, system: SystemHandle, row: ConceptRow<'_>) {
        let (system, release) = self.handles[system.0 as usize];
        self.systems[system].concept(release, row);
    }

    fn designation(&mut self, system: SystemHandle, code: &str, usage: DesignationUse, language: &str, text: &str) {
        let (system, release) = self.handles[system.0 as usize];
        self.systems[system].designation(release, code, usage, language, text);
    }

    fn parent(&mut self, system: SystemHandle, code: &str, parent: &str, at: At) {
        let (system, _) = self.handles[system.0 as usize];
        self.systems[system].parent(code, parent, &self.member, at);
    }

    fn note(&mut self, system: SystemHandle, code: &str, kind: NoteKind, text: &str) {
        let (system, _) = self.handles[system.0 as usize];
        self.systems[system].note(code, kind, text);
    }

    fn target(&mut self, map: MapHandle, row: &TargetRow<'_>) {
        let map = &mut self.maps[map.0 as usize];
        let source = self.systems[map.systems.0].code(row.source);
        let target = row.target.map(|target| self.systems[map.systems.1].code(target));
        map.row(source, target, row, &self.member, &mut self.findings);
        if let (Some(day), Some(target)) = (row.detail.from.filter(|_| map.is_succession()), target) {
            self.systems[map.systems.1].succeeded(source, target, day);
        }
    }

    fn row_left_out(&mut self, map: MapHandle, source: &str, group: u16, at: At) {
        self.maps[map.0 as usize].row_left_out(source, group, at, &self.member);
    }

    fn target_of_range(&mut self, map: MapHandle, range: CodeRange<'_>, row: &TargetRow<'_>) {
        let map = &mut self.maps[map.0 as usize];
        let same_system = map.systems.0 == map.systems.1;
        let sources = self.systems[map.systems.0].valid_codes(|key| range.contains(key));
        let target = row.target.map(|target| self.systems[map.systems.1].code(target));
        for source in sources.into_iter().filter(|source| !same_system || Some(*source) != target) {
            map.row(source, target, row, &self.member, &mut self.findings);
            if let (Some(day), Some(target)) = (row.detail.from.filter(|_| map.is_succession()), target) {
                self.systems[map.systems.1].succeeded(source, target, day);
            }
        }
    }

    fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }
}
