//! One code system: what its releases say, put together and laid out in columns.

use super::arena::{Interned, Texts, hash};
use super::terms::SystemTerms;
use super::{hierarchy, validity};
use crate::index::terms::{Blob, ShorthandWriter};
use crate::index::{self, ALWAYS, ConceptColumns, DesignationRecord, NoteRecord, ReleaseMeta, SystemColumns, SystemMeta, ValidityRecord};
use crate::model::{CodeForm, Date, DesignationUse, NoteKind, Status, Validity, compare_versions};
use crate::read::{At, ConceptRow, Finding, Severity, SystemRelease};
use hashbrown::HashTable;
use rayon::prelude::*;
use std::collections::HashMap;
use zerocopy::little_endian::U32;

/// As many releases of one system as one word has bits.
const MOST_RELEASES: usize = 64;

/// What is known of a system so far. Codes are numbered in the order in which they were met.
pub(super) struct SystemBuilder {
    pub alias: String,
    pub uri: String,
    pub title: String,
    form: CodeForm,
    releases: Vec<ReleaseMeta>,
    keys: Interned,
    /// The code that was met last.
    last: Option<u32>,
    /// By code: in which releases it is valid, a header, inactive; a bit a release.
    listed: Vec<[u64; 3]>,
    /// Rows that say their own time.
    dated: Vec<(u32, Validity)>,
    /// By the system's conversion table: a code, the one that came after it, and the day on which this came into force.
    succeeded: Vec<(u32, u32, Date)>,
    designations: Vec<DesignationEntry>,
    /// By code: its designation that was met last, of the first [`FEW`].
    last_designation: Vec<u32>,
    /// The further ones of codes that have more.
    crowd: HashTable<u32>,
    texts: Texts,
    languages: Vec<String>,
    parents: Vec<ParentEdge>,
    /// The files that these stand in.
    files: Vec<String>,
    notes: Vec<(u32, NoteKind, u32)>,
    note_texts: Texts,
    note_table: HashTable<u32>,
    findings: Vec<Finding>,
}

/// A parent, and where it is said.
struct ParentEdge {
    child: u32,
    parent: u32,
    file: u16,
    line: u32,
    column: u32,
}

struct DesignationEntry {
    code: u32,
    text: u32,
    usage: DesignationUse,
    language: u8,
    releases: u64,
    /// The one of the same code that was met before. A code has few, and releases tell of the codes in one order: looking at them is
    /// looking at what lies side by side, where a table of all would be asked at random.
    before: u32,
}

/// No designation.
const NONE: u32 = u32::MAX;
/// So many designations of a code are looked at one by one. Some codes have tens of thousands, if only to keep a service busy.
const FEW: usize = 32;

/// A system ready to be written.
pub(super) struct Finished {
    pub meta: SystemMeta,
    pub columns: SystemColumns,
    pub places: Places,
    pub findings: Vec<Finding>,
    /// Abbreviations that its titles teach.
    pub shorthand: ShorthandWriter,
}

/// Where the codes of a system went. The rows of maps still count codes in the order in which they were met.
#[derive(Default)]
pub(super) struct Places {
    /// By that number: the place among the sorted keys.
    pub place: Vec<u32>,
    /// By place: the key of a code that no release lists although the system has releases.
    pub unlisted: HashMap<u32, String>,
    texts: Texts,
    form: CodeForm,
}

impl Places {
    /// The code at a place among the sorted keys, for a message: it is looked for.
    pub fn code(&self, place: u32) -> String {
        let number = self.place.iter().position(|p| *p == place);
        number.map_or_else(String::new, |number| self.form.code(self.texts.get(number as u32)))
    }
}

impl SystemBuilder {
    pub fn new(alias: &str, form: CodeForm) -> SystemBuilder {
        SystemBuilder {
            alias: alias.to_owned(),
            uri: String::new(),
            title: String::new(),
            form,
            releases: Vec::new(),
            keys: Interned::default(),
            last: None,
            listed: Vec::new(),
            dated: Vec::new(),
            succeeded: Vec::new(),
            designations: Vec::new(),
            last_designation: Vec::new(),
            crowd: HashTable::new(),
            texts: Texts::default(),
            languages: vec![String::new()],
            parents: Vec::new(),
            files: Vec::new(),
            notes: Vec::new(),
            note_texts: Texts::default(),
            note_table: HashTable::new(),
            findings: Vec::new(),
        }
    }

    /// A release, new or one that already has files.
    pub fn release(&mut self, release: &SystemRelease, file: &str, sha256: &str) -> usize {
        if self.uri.is_empty() {
            self.uri.clone_from(&release.uri);
        }
        if self.title.is_empty() {
            self.title.clone_from(&release.title);
        }
        let found = self.releases.iter().position(|r| r.version == release.version);
        let at = found.unwrap_or_else(|| {
            self.releases.push(ReleaseMeta { version: release.version.clone(), from: release.from, to: release.to, files: Vec::new() });
            self.releases.len() - 1
        });
        let entry = (file.to_owned(), sha256.to_owned());
        if !self.releases[at].files.contains(&entry) {
            self.releases[at].files.push(entry);
        }
        if at == MOST_RELEASES {
            self.findings.push(Finding {
                file: file.to_owned(),
                line: 0,
                column: 0,
                severity: Severity::Error,
                what: format!("more than {MOST_RELEASES} releases of {}; the others are left out", self.alias),
                mend: "build from fewer releases".into(),
            });
        }
        at
    }

    /// The number of a code, new or not.
    pub fn code(&mut self, code: &str) -> u32 {
        let mut buffer = [0; 16];
        let key = self.form.key(code, &mut buffer);
        // What is said of a code mostly stands together, and releases tell of the codes in one order.
        let guesses = self.last.map_or(0..0, |last| last..self.keys.texts.len().min(last as usize + 2) as u32);
        let number = guesses.into_iter().find(|guess| self.keys.texts.get(*guess) == key).unwrap_or_else(|| self.keys.intern(key));
        self.last = Some(number);
        if self.listed.len() < self.keys.texts.len() {
            self.listed.push([0; 3]);
            self.last_designation.push(NONE);
        }
        number
    }

    /// The number of a code that was met.
    pub fn known(&self, code: &str) -> Option<u32> {
        self.keys.find(self.form.key(code, &mut [0; 16]))
    }

    /// How many codes were met so far.
    pub fn len(&self) -> usize {
        self.keys.texts.len()
    }

    /// All of them, as the system prints them.
    pub fn codes(&self) -> Vec<String> {
        (0..self.len() as u32).map(|number| self.form.code(self.keys.texts.get(number))).collect()
    }

    pub fn has_no_release(&self) -> bool {
        self.releases.is_empty()
    }

    /// Takes over the codes of the same system as maps alone have named them; gives the number of each.
    pub fn adopt(&mut self, other: &SystemBuilder) -> Vec<u32> {
        debug_assert!(other.releases.is_empty(), "two collectors have read releases of {}", self.alias);
        (0..other.len() as u32).map(|number| self.code(other.keys.texts.get(number))).collect()
    }

    /// The codes met so far that some release lists as valid.
    pub fn valid_codes(&self, wanted: impl Fn(&str) -> bool) -> Vec<u32> {
        let valid = |code: &u32| self.listed[*code as usize][Status::Valid as usize] != 0;
        (0..self.listed.len() as u32).filter(valid).filter(|code| wanted(self.keys.texts.get(*code))).collect()
    }

    pub fn concept(&mut self, release: usize, row: ConceptRow<'_>) {
        let code = self.code(row.code);
        if row.from.is_some() || row.to.is_some() {
            self.dated.push((code, Validity { from: row.from, to: row.to, status: row.status }));
        } else if release < MOST_RELEASES {
            self.listed[code as usize][row.status as usize] |= 1 << release;
        }
    }

    /// From `day` on `new` stands in the place of `old`.
    pub fn succeeded(&mut self, old: u32, new: u32, day: Date) {
        self.succeeded.push((old, new, day));
    }

    pub fn designation(&mut self, release: usize, code: &str, usage: DesignationUse, language: &str, text: &str) {
        if text.is_empty() || release >= MOST_RELEASES {
            return;
        }
        let code = self.code(code);
        let language = self.language(language);
        let texts = &self.texts;
        let same = |e: &DesignationEntry| e.code == code && e.usage == usage && e.language == language && texts.get(e.text) == text;
        let (mut at, mut few) = (self.last_designation[code as usize], 0);
        while let Some(e) = self.designations.get_mut(at as usize) {
            if same(e) {
                e.releases |= 1 << release;
                return;
            }
            (at, few) = (e.before, few + 1);
        }
        let new = self.designations.len() as u32;
        let before = if few < FEW {
            std::mem::replace(&mut self.last_designation[code as usize], new)
        } else {
            let all = &self.designations;
            if let Some(&at) = self.crowd.find(hash((code, usage, text)), |&at| same(&all[at as usize])) {
                self.designations[at as usize].releases |= 1 << release;
                return;
            }
            let hash_of = |e: &DesignationEntry| hash((e.code, e.usage, texts.get(e.text)));
            self.crowd.insert_unique(hash((code, usage, text)), new, |&at| hash_of(&all[at as usize]));
            NONE
        };
        let text = self.texts.push(text);
        self.designations.push(DesignationEntry { code, text, usage, language, releases: 1 << release, before });
    }

    fn language(&mut self, language: &str) -> u8 {
        let at = self.languages.iter().position(|l| l == language).unwrap_or_else(|| {
            self.languages.push(language.to_owned());
            self.languages.len() - 1
        });
        // More languages than a byte counts are one: nobody's text is lost for it.
        u8::try_from(at).unwrap_or(u8::MAX)
    }

    pub fn parent(&mut self, code: &str, parent: &str, file: &str, at: At) {
        let (child, parent) = (self.code(code), self.code(parent));
        self.last = Some(child);
        if self.files.last().is_none_or(|last| last != file) {
            self.files.push(file.to_owned());
        }
        let file = u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX);
        self.parents.push(ParentEdge { child, parent, file, line: u32::try_from(at.line).unwrap_or(u32::MAX), column: at.column });
    }

    pub fn note(&mut self, code: &str, kind: NoteKind, text: &str) {
        let code = self.code(code);
        let (all, texts) = (&self.notes, &self.note_texts);
        let hash_of_note = hash((code, kind, text));
        let same = |&at: &u32| {
            let (c, k, t) = all[at as usize];
            (c, k) == (code, kind) && texts.get(t) == text
        };
        if self.note_table.find(hash_of_note, same).is_some() {
            return;
        }
        let at = self.notes.len() as u32;
        let text = self.note_texts.push(text);
        self.notes.push((code, kind, text));
        let (all, texts) = (&self.notes, &self.note_texts);
        self.note_table.insert_unique(hash_of_note, at, |&at| {
            let (c, k, t) = all[at as usize];
            hash((c, k, texts.get(t)))
        });
    }

    /// Sorts, closes, lays out.
    pub fn finish(mut self) -> Result<Finished, index::Error> {
        self.make_headers();
        let n = self.keys.texts.len();
        let order = self.keys.texts.sorted();
        let mut places = vec![0u32; n];
        order.iter().enumerate().for_each(|(place, &code)| places[code as usize] = place as u32);

        let mut columns = SystemColumns::default();
        for &code in &order {
            let key = self.keys.texts.get(code);
            columns.keys.push(key.to_owned());
        }
        // The order of the releases by date; `rank[r]` is where release r stands in it.
        let mut by_date: Vec<usize> = (0..self.releases.len().min(MOST_RELEASES)).collect();
        let release = |r: usize| &self.releases[r];
        by_date.sort_by(|&a, &b| {
            let (a, b) = (release(a), release(b));
            let by_version = || compare_versions(&a.version, &b.version).then_with(|| a.version.cmp(&b.version));
            a.from.cmp(&b.from).then_with(by_version)
        });
        let periods = validity::periods(&by_date.iter().map(|&r| (self.releases[r].from, self.releases[r].to)).collect::<Vec<_>>());
        self.say_undated(&by_date);
        let time = Time { by_date: &by_date, periods: &periods };
        let mut lists = ValidityLists::default();
        self.lay_validity(&order, time, &mut lists, &mut columns);
        self.lay_designations(&places, time, &mut lists, &mut columns);
        columns.validities = std::mem::take(&mut lists.columns);
        let (designations, starts) = (std::mem::take(&mut columns.designations), std::mem::take(&mut columns.text_starts));
        let texts = std::mem::take(&mut columns.texts);
        // What a category includes is a name for it, as its inclusion terms are.
        let includes = self.notes.iter().filter(|(_, kind, _)| *kind == NoteKind::Includes);
        let mut includes: Vec<(u32, String)> =
            includes.map(|(code, _, text)| (places[*code as usize], self.note_texts.get(*text).to_owned())).collect();
        includes.sort_unstable();
        let (terms, codes) = rayon::join(
            || lay_terms(&designations, &starts, &texts, &includes),
            || {
                self.lay_hierarchy(&order, &places, &mut columns);
                self.lay_notes(&places, &mut columns);
                columns.code_slots = index::code_slots(&columns.keys);
                index::code_automaton(&self.alias, &columns.keys)
            },
        );
        columns.codes_fst = codes?;
        (columns.designations, columns.text_starts, columns.texts) = (designations, starts, texts);
        let (blob, shorthand) = terms?;
        (columns.terms_fst, columns.terms) = (blob.words, blob.terms);

        let mut places = Places { place: places, unlisted: HashMap::new(), texts: std::mem::take(&mut self.keys.texts), form: self.form };
        if !self.releases.is_empty() {
            let (keys, form) = (&columns.keys, self.form);
            let nowhere = lists.numbers.get(&Vec::new()).copied();
            let unlisted = columns.concept_validity.iter().zip(keys).enumerate().filter(|(_, (v, _))| Some(v.get()) == nowhere);
            // `S02.0XX?` stands for the codes with each last character, its neighbours here (`engine::translate` spells them out).
            let is_open = |place: usize, key: &str| {
                let stem = key.strip_suffix('?');
                let beside = [place.checked_sub(1), Some(place + 1)].into_iter().flatten().filter_map(|at| keys.get(at));
                stem.is_some_and(|stem| beside.into_iter().any(|other| other.len() == key.len() && other.starts_with(stem)))
            };
            places.unlisted = unlisted
                .filter(|(place, (_, key))| !is_open(*place, key))
                .map(|(place, (_, key))| (place as u32, form.code(key)))
                .collect();
        }
        let releases = by_date.iter().map(|&r| std::mem::take(&mut self.releases[r])).collect();
        let meta = SystemMeta { alias: self.alias, uri: self.uri, title: self.title, form: self.form, releases, languages: self.languages };
        Ok(Finished { meta, columns, places, findings: self.findings, shorthand })
    }

    /// ICD releases that list only codes that may be recorded (ICD-9-CM, codes files) imply their headings: the prefixes. Where another
    /// release of the system names its headings, only those are taken, because not every prefix of ICD-10 is one.
    fn make_headers(&mut self) {
        let shortest = match self.form {
            CodeForm::Icd9Cm | CodeForm::Icd10Cm | CodeForm::Icd10Pcs => 3,
            CodeForm::Icd9Proc => 2,
            _ => return,
        };
        let header = Status::Header as usize;
        let with_headers = self.listed.iter().fold(0, |all, l| all | l[header]);
        let without = self.listed.iter().fold(0, |all, l| all | l[Status::Valid as usize]) & !with_headers;
        if without == 0 {
            return;
        }
        for code in 0..self.keys.texts.len() as u32 {
            let key = self.keys.texts.get(code).to_owned();
            let releases = self.listed[code as usize][Status::Valid as usize] & without;
            // An ICD-9-CM E code has four characters before its dot.
            let shortest = shortest + usize::from(self.form == CodeForm::Icd9Cm && key.starts_with('E'));
            let longest = if self.form == CodeForm::Icd10Pcs { 3 } else { key.len().saturating_sub(1) };
            if releases == 0 {
                continue;
            }
            for length in shortest..=longest {
                let Some(prefix) = key.get(..length) else { continue };
                let known = self.keys.find(prefix);
                if with_headers != 0 && known.is_none_or(|k| self.listed[k as usize][header] == 0) {
                    continue;
                }
                let at = match known {
                    Some(at) => at,
                    None => self.code(prefix),
                };
                let free = releases & !self.listed[at as usize][Status::Valid as usize];
                self.listed[at as usize][header] |= free;
            }
        }
    }

    /// Of several releases without dates nobody knows when the older ones held.
    fn say_undated(&mut self, by_date: &[usize]) {
        for pair in by_date.windows(2).filter(|pair| self.releases[pair[1]].from.is_none()) {
            let (older, newer) = (&self.releases[pair[0]], &self.releases[pair[1]]);
            let what = format!("{0} {1} has no date: {0} {2} speaks for all time", self.alias, older.version, newer.version);
            self.findings.push(Finding {
                file: older.files.first().map_or_else(String::new, |(file, _)| file.clone()),
                line: 0,
                column: 0,
                severity: Severity::Note,
                what,
                mend: "what only the older lists counts as retired; say `from` in a manifest to know when each was valid".into(),
            });
        }
    }

    fn lay_validity(&mut self, order: &[u32], time: Time<'_>, lists: &mut ValidityLists, columns: &mut SystemColumns) {
        self.dated.sort_unstable();
        self.dated.dedup();
        let (began, turned) = self.within_years(time);
        for &code in order {
            let mut intervals = self.listed_intervals(code, time);
            if let (Some(first), Some(&day)) = (intervals.first_mut(), began.get(&code)) {
                first.from = Some(day);
            }
            if let Some(&(release, day)) = turned.get(&code) {
                validity::turn(&mut intervals, release, day);
            }
            let first = self.dated.partition_point(|(c, _)| *c < code);
            intervals.extend(self.dated[first..].iter().take_while(|(c, _)| *c == code).map(|(_, v)| *v));
            // Listed, but only by releases of which nobody knows when they held.
            if intervals.is_empty() && self.listed[code as usize].iter().any(|releases| *releases != 0) {
                intervals.push(Validity { from: None, to: None, status: Status::Inactive });
            }
            intervals.sort_unstable();
            columns.concept_validity.push(U32::new(lists.number(intervals)));
        }
    }

    fn listed_intervals(&self, code: u32, time: Time<'_>) -> Vec<Validity> {
        let listed = self.listed[code as usize];
        time.intervals(|bit| Status::ALL.into_iter().find(|&s| listed[s as usize] & bit != 0))
    }

    /// What changed within a year: the day on which codes came into force, and for the headers that codes became with it, the release that
    /// first says so, and the day.
    fn within_years(&self, time: Time<'_>) -> (HashMap<u32, Date>, HashMap<u32, (Date, Date)>) {
        let (mut began, mut turned) = (HashMap::new(), HashMap::new());
        for &(old, new, day) in &self.succeeded {
            let first = self.listed_intervals(new, time).into_iter().next();
            let Some(release) = first.and_then(|first| validity::began(time.periods, &first, day)) else { continue };
            let earliest = began.entry(new).or_insert(day);
            *earliest = day.min(*earliest);
            if self.is_prefix_tree() && self.keys.texts.get(new).starts_with(self.keys.texts.get(old)) {
                turned.insert(old, (release, day));
            }
        }
        (began, turned)
    }

    fn lay_designations(&mut self, places: &[u32], time: Time<'_>, lists: &mut ValidityLists, columns: &mut SystemColumns) {
        let newest = |e: &DesignationEntry| time.by_date.iter().rposition(|&r| e.releases & (1 << r) != 0).map(|at| at as u8);
        // The display of a concept is its first designation: the best kind, of the newest release.
        let key = |e: &DesignationEntry| (places[e.code as usize], e.usage.display_rank(), std::cmp::Reverse(newest(e)), e.language);
        let mut entries: Vec<_> = self.designations.par_iter().map(|e| (key(e), e)).collect();
        entries.par_sort_unstable_by(|(a, x), (b, y)| a.cmp(b).then_with(|| self.texts.get(x.text).cmp(self.texts.get(y.text))));
        let mut entries = entries.into_iter().peekable();
        let mut of_concept: Vec<&DesignationEntry> = Vec::new();
        // The titles of a concept by kind, and in which releases there is one of them.
        let mut kinds: Vec<(DesignationUse, u8, u64)> = Vec::new();
        for place in 0..places.len() as u32 {
            columns.text_starts.push(U32::new(columns.texts.len() as u32));
            columns.texts.extend_from_slice(self.form.code(&columns.keys[place as usize]).as_bytes());
            of_concept.clear();
            while let Some((_, e)) = entries.next_if(|(key, _)| key.0 == place) {
                of_concept.push(e);
            }
            kinds.clear();
            for e in of_concept.iter().filter(|e| e.usage.is_title()) {
                match kinds.iter_mut().find(|(usage, language, _)| (*usage, *language) == (e.usage, e.language)) {
                    Some((.., releases)) => *releases |= e.releases,
                    None => kinds.push((e.usage, e.language, e.releases)),
                }
            }
            for e in &of_concept {
                // Dated only if another text of the same kind stood in its place: a kind that only some releases print says nothing of time.
                let kind = kinds.iter().find(|(usage, language, _)| (*usage, *language) == (e.usage, e.language));
                let all = kind.map_or(e.releases, |(.., releases)| *releases);
                let validity = if all == e.releases {
                    ALWAYS
                } else {
                    lists.number(time.intervals(|bit| (e.releases & bit != 0).then_some(Status::Valid)))
                };
                columns.designations.records.push(DesignationRecord {
                    text: U32::new(columns.texts.len() as u32),
                    validity: U32::new(validity),
                    usage: e.usage as u8,
                    language: e.language,
                });
                columns.texts.extend_from_slice(self.texts.get(e.text).as_bytes());
            }
            columns.designations.close();
        }
    }

    fn lay_hierarchy(&mut self, order: &[u32], places: &[u32], columns: &mut SystemColumns) {
        let mut parents: Vec<Vec<u32>> = vec![Vec::new(); order.len()];
        if self.is_prefix_tree() {
            for (place, &code) in order.iter().enumerate() {
                let key = self.keys.texts.get(code);
                let listed = |k: u32| self.listed[k as usize] != [0; 3];
                let parent = (1..key.len()).rev().find_map(|l| self.keys.find(key.get(..l)?).filter(|&k| listed(k)));
                parents[place].extend(parent.map(|p| places[p as usize]));
            }
        } else {
            for edge in &self.parents {
                parents[places[edge.child as usize] as usize].push(places[edge.parent as usize]);
            }
        }
        let h = hierarchy::close(parents);
        for &(child, parent) in &h.cyclic {
            let code = |place: u32| self.form.code(self.keys.texts.get(order[place as usize]));
            let edge = (order[child as usize], order[parent as usize]);
            let said = self.parents.iter().find(|e| (e.child, e.parent) == edge);
            let file = said.and_then(|edge| self.files.get(usize::from(edge.file)));
            self.findings.push(Finding {
                file: file.unwrap_or(&self.alias).clone(),
                line: said.map_or(0, |edge| edge.line.into()),
                column: said.map_or(0, |edge| edge.column),
                severity: Severity::Warning,
                what: format!("{} is its own ancestor by way of its parent {}", code(child), code(parent)),
                mend: "the edge was left out; correct the hierarchy of the release".into(),
            });
        }
        lay(&h.parents, &mut columns.parents);
        lay(&h.children, &mut columns.children);
        lay(&h.ancestors, &mut columns.ancestors);
    }

    /// ICD codes stand below the longest code that they begin with.
    fn is_prefix_tree(&self) -> bool {
        matches!(self.form, CodeForm::Icd9Cm | CodeForm::Icd9Proc | CodeForm::Icd10Cm | CodeForm::Icd10Pcs)
    }

    fn lay_notes(&mut self, places: &[u32], columns: &mut SystemColumns) {
        // Within one concept and kind the notes keep the order of the tabular, which is that of their numbers.
        self.notes.sort_by_key(|&(code, kind, text)| (places[code as usize], kind, text));
        let mut notes = self.notes.iter().peekable();
        for place in 0..places.len() as u32 {
            while let Some(&(_, kind, text)) = notes.next_if(|(code, ..)| places[*code as usize] == place) {
                columns.notes.records.push(NoteRecord { text: U32::new(columns.note_text.len() as u32), kind: kind as u8 });
                columns.note_text.extend_from_slice(self.note_texts.get(text).as_bytes());
            }
            columns.notes.close();
        }
    }
}

/// The releases of a system in time.
#[derive(Clone, Copy)]
struct Time<'a> {
    /// Numbers of releases, the oldest first.
    by_date: &'a [usize],
    periods: &'a [validity::Period],
}

impl Time<'_> {
    /// When what was so; asked by the bit of each release.
    fn intervals(&self, status_of: impl Fn(u64) -> Option<Status>) -> Vec<Validity> {
        validity::intervals(self.periods, |i| status_of(1 << self.by_date[i]))
    }
}

/// Lists of intervals, each kept once: most codes share theirs with thousands.
#[derive(Default)]
struct ValidityLists {
    numbers: HashMap<Vec<Validity>, u32>,
    columns: ConceptColumns<ValidityRecord>,
}

impl ValidityLists {
    fn number(&mut self, list: Vec<Validity>) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(list).or_insert_with_key(|list| {
            self.columns.records.extend(list.iter().map(ValidityRecord::of));
            self.columns.close();
            next
        })
    }
}

/// The words of all designations, as they have just been laid, and of what is included; concepts side by side.
fn lay_terms(
    designations: &ConceptColumns<DesignationRecord>,
    starts: &[U32],
    texts: &[u8],
    includes: &[(u32, String)],
) -> Result<(Blob, ShorthandWriter), index::Error> {
    let concepts = designations.offsets.len() - 1;
    let part = concepts.div_ceil(PARTS).max(1);
    let parts: Vec<SystemTerms> = (0..concepts.div_ceil(part))
        .into_par_iter()
        .map(|n| {
            let mut terms = SystemTerms::new();
            for ordinal in n * part..((n + 1) * part).min(concepts) {
                let end = starts.get(ordinal + 1).map_or(texts.len(), |next| next.get() as usize);
                let of_concept = designations.offsets[ordinal].get() as usize..designations.offsets[ordinal + 1].get() as usize;
                let mut records = designations.records[of_concept].iter().peekable();
                while let Some(record) = records.next() {
                    let end = records.peek().map_or(end, |next| next.text.get() as usize);
                    let text = std::str::from_utf8(&texts[record.text.get() as usize..end]);
                    if let (Some(usage), Ok(text)) = (DesignationUse::from_byte(record.usage), text) {
                        terms.push(ordinal as u32, usage, text)?;
                    }
                }
                let first = includes.partition_point(|(place, _)| (*place as usize) < ordinal);
                for (_, text) in includes[first..].iter().take_while(|(place, _)| *place as usize == ordinal) {
                    terms.push(ordinal as u32, DesignationUse::InclusionTerm, text)?;
                    if let Some(bare) = crate::text::without_parentheses(text) {
                        terms.push(ordinal as u32, DesignationUse::InclusionTerm, &bare)?;
                    }
                }
            }
            Ok(terms)
        })
        .collect::<Result<_, index::terms::Error>>()?;
    let mut parts = parts.into_iter();
    let mut all = parts.next().unwrap_or_default();
    parts.try_for_each(|part| all.merge(part))?;
    Ok(all.finish()?)
}

/// Into so many parts the concepts of a system are divided to be read side by side. Each part meets most words of the vocabulary anew.
const PARTS: usize = 4;

fn lay(lists: &[Vec<u32>], columns: &mut ConceptColumns<U32>) {
    for list in lists {
        columns.records.extend(list.iter().map(|&o| U32::new(o)));
        columns.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn designations_stand_once_however_many_a_code_has() {
        for n in [FEW - 1, FEW, FEW + 1, 10 * FEW] {
            let mut system = SystemBuilder::new("local", CodeForm::AsWritten);
            for version in ["1", "2"] {
                let release = SystemRelease { system: "local".into(), version: version.into(), ..SystemRelease::default() };
                let release = system.release(&release, "local.json", "");
                for code in ["a", "b"] {
                    (0..n).for_each(|n| system.designation(release, code, DesignationUse::Synonym, "", &format!("word {n}")));
                    system.designation(release, code, DesignationUse::Long, "", &format!("title of {version}"));
                }
            }
            let Ok(Finished { columns, .. }) = system.finish() else { panic!("a system of {n}") };
            assert_eq!(columns.designations.records.len(), 2 * (n + 2), "{n}");
            let dated = columns.designations.records.iter().filter(|r| r.validity.get() != ALWAYS).count();
            assert_eq!(dated, 4, "each title stood in the place of the other");
        }
    }
}
