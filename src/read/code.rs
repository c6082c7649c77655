//! The code of a row: has it the shape of its system, and has it been there before?

use super::lines::excerpt;
use super::{At, Finding, Sink};
use crate::model::{CodeForm, System};
use hashbrown::HashMap;
use std::borrow::Cow;
use std::fmt::Write;

/// How a release's codes are written; systems that nobody knows are taken at their word.
pub(crate) fn form_of(system: &str) -> CodeForm {
    System::find(system).map_or(CodeForm::AsWritten, |s| s.form)
}

/// Where a row stands, for its findings.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub file: &'a str,
    pub line: u64,
    pub column: u32,
}

/// The key of a code as a release writes it: without its dot, upper case.
///
/// Lower case is read as meant and said (a Note); a text that is no code of the system's shape is refused with a Warning. What was
/// taken off is for the caller to keep.
pub(crate) fn key_of<'a>(written: &'a str, form: CodeForm, place: Place<'_>, sink: &mut dyn Sink) -> Option<Cow<'a, str>> {
    if form.fits(written) {
        return Some(Cow::Borrowed(written));
    }
    let upper = written.to_ascii_uppercase();
    let key = form.key(&upper, &mut [0; 16]).to_owned();
    if !form.fits(&key) {
        let what = if written.is_empty() {
            "no code in this row".to_owned()
        } else {
            format!("{} is not written like a code of this system", excerpt(written))
        };
        sink.finding(
            Finding::warning(place.file, place.line, what)
                .at(place.column)
                .mend("check the row against the published file; it was left out"),
        );
        return None;
    }
    if written.bytes().any(|b| b.is_ascii_lowercase()) {
        let what = format!("{} is in lower case; read as {}", excerpt(written), form.code(&key));
        sink.finding(Finding::note(place.file, place.line, what).at(place.column).mend("the system writes its codes in upper case"));
    }
    Some(Cow::Owned(key))
}

/// Folds the codes of tables that people keep, where case and blanks mean nothing: ` v58.69 ` is V58.69. Counts what it did, for one
/// finding of the whole file.
#[derive(Default)]
pub(crate) struct Folding {
    count: u64,
    first: Vec<At>,
    example: String,
}

impl Folding {
    /// The code without blanks around it and in upper case, if that is a code of its system. Systems whose codes nobody knows are taken at
    /// their word, and so is a text that is no code either way.
    pub fn code<'a>(&mut self, written: &'a str, form: CodeForm, at: At) -> Cow<'a, str> {
        let trimmed = written.trim();
        if form == CodeForm::AsWritten || (trimmed.len() == written.len() && !written.bytes().any(|b| b.is_ascii_lowercase())) {
            return Cow::Borrowed(written);
        }
        let upper = trimmed.to_ascii_uppercase();
        if !form.fits(form.key(&upper, &mut [0; 16])) {
            return Cow::Borrowed(trimmed);
        }
        if self.count == 0 {
            self.example = format!("{} as {upper}", excerpt(written));
        }
        self.count += 1;
        if self.first.len() < 3 && self.first.last().is_none_or(|last| last.line != at.line) {
            self.first.push(at);
        }
        Cow::Owned(upper)
    }

    /// Says what was folded.
    pub fn finish(self, file: &str, sink: &mut dyn Sink) {
        let Some(&At { line, column }) = self.first.first() else { return };
        let lines = self.first.iter().map(|at| at.line.to_string()).collect::<Vec<_>>().join(", ");
        let what = format!("{} codes in lower case or with blanks around them, the first in line {lines}: {}", self.count, self.example);
        sink.finding(Finding::note(file, line, what).at(column).mend("read as meant; the system writes its codes in upper case"));
    }
}

/// What is wrong with an id of SNOMED CT; nothing with codes of other systems.
pub(crate) fn bad_sct_id(form: CodeForm, code: &str) -> Option<String> {
    (form == CodeForm::SctId && !form.fits(code)).then(|| format!("{} is not a SNOMED CT id: its check digit is wrong", excerpt(code)))
}

/// The rows of one file so far, to notice those that come again.
#[derive(Default)]
pub(crate) struct Seen {
    rows: HashMap<u128, (u64, u64), foldhash::fast::FixedState>,
    scratch: String,
}

impl Seen {
    /// Whether a row is new. If a row with this key was there before, says so: as a repetition if it says the same, as a
    /// contradiction if not. The first row counts.
    pub fn is_new(&mut self, key: std::fmt::Arguments<'_>, content: &str, place: Place<'_>, sink: &mut dyn Sink) -> bool {
        self.scratch.clear();
        let _ = self.scratch.write_fmt(key);
        let hash = xxhash_rust::xxh3::xxh3_64(content.as_bytes());
        let (line, before) = match self.rows.entry(xxhash_rust::xxh3::xxh3_128(self.scratch.as_bytes())) {
            hashbrown::hash_map::Entry::Vacant(entry) => {
                entry.insert((place.line, hash));
                return true;
            }
            hashbrown::hash_map::Entry::Occupied(entry) => *entry.get(),
        };
        let finding = if before == hash {
            Finding::note(place.file, place.line, format!("{} stands in line {line} already", excerpt(&self.scratch)))
                .mend("remove the repetition")
        } else {
            Finding::warning(
                place.file,
                place.line,
                format!("{} stands in line {line} already, and says otherwise there", excerpt(&self.scratch)),
            )
            .mend("keep the one that is right; the first was taken")
        };
        sink.finding(finding.at(place.column));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Collected;

    #[test]
    fn case_and_blanks_fold_where_the_system_knows_its_codes() {
        let mut folding = Folding::default();
        for (line, written, form, code) in [
            (2, "V58.69", CodeForm::Icd9Cm, "V58.69"),
            (3, "v58.69", CodeForm::Icd9Cm, "V58.69"),
            (3, "e11.00", CodeForm::Icd10Cm, "E11.00"),
            (4, " E11.9", CodeForm::Icd10Cm, "E11.9"),
            (5, "j1100", CodeForm::FiveCharacters, "J1100"),
            (6, "none of it", CodeForm::Icd10Cm, "none of it"),
            (7, " aB ", CodeForm::AsWritten, " aB "),
        ] {
            assert_eq!(folding.code(written, form, At { line, column: 2 }), code);
        }
        let mut sink = Collected::default();
        folding.finish("t.csv", &mut sink);
        let said: Vec<_> = sink.findings.iter().map(|f| (f.line, f.column, f.what.as_str())).collect();
        let what = "4 codes in lower case or with blanks around them, the first in line 3, 4, 5: 'v58.69' as V58.69";
        assert_eq!(said, [(3, 2, what)]);
    }
}
