//! The code of a row: has it the shape of its system, and has it been there before?

use super::lines::excerpt;
use super::{Finding, Sink};
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
