//! The ICD-10-CM tabular list in XML, as NCHS publishes it each year and each April: hierarchy, titles, inclusion terms and notes.
//!
//! `chapter > section > diag`, and `diag` within `diag`. The XML prints 46,881 codes of the 98,186 of April 2026; the others are made
//! by the *seventh characters*: a `sevenChrDef` holds for the leaves below its diag (and for the diag itself if it has none), filled
//! up with the placeholder X to six characters (`T81.4` + `A` is `T81.4XXA`). Their titles are printed nowhere in the XML. They are
//! composed as CMS composes them in its order files (title, comma, text of the character), and handed on as
//! [`DesignationUse::Composed`]. A note of the form *7th characters D and S do not apply to codes in category S06 with 6th character
//! 7 ..., or 8 ...* is obeyed.
//!
//! Every `diag` is a header if it has children or seventh characters, and valid otherwise.
//!
//! Deliberately not here: chapters and sections. They have no code, so their titles and notes have nowhere to stand; nor has the table
//! of visual impairment under H54.

use super::code::{Place, Seen, form_of, key_of};
use super::lines::excerpt;
use super::{At, ConceptRow, Finding, Sink, SystemHandle, SystemRelease};
use crate::model::{CodeForm, DesignationUse, NoteKind, Status};
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use std::io::{self, BufRead, Read};

/// Reads one tabular as (part of) the release `given`.
pub fn read(input: &mut dyn BufRead, file: &str, given: &SystemRelease, sink: &mut dyn Sink) -> io::Result<()> {
    let system = sink.system(given);
    let mut xml = quick_xml::Reader::from_reader(Counted { input, lines: 0, column: 0, failed: None });
    let mut tabular = Tabular {
        file,
        system,
        form: form_of(&given.system),
        sink,
        open: Vec::new(),
        diags: Vec::new(),
        text: String::new(),
        seen: Seen::default(),
        character: String::new(),
    };
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let event = xml.read_event_into(&mut buffer);
        let at = xml.get_ref().at();
        match event {
            Ok(Event::Start(element)) => tabular.start(&element, at),
            Ok(Event::Empty(element)) => {
                tabular.start(&element, at);
                tabular.end(at);
            }
            Ok(Event::End(_)) => tabular.end(at),
            Ok(Event::Text(text)) => tabular.text.push_str(&text),
            Ok(Event::CData(text)) => tabular.text.push_str(&text),
            Ok(Event::GeneralRef(reference)) => tabular.reference(&reference, at),
            Ok(Event::Eof) => {
                if let Some(element) = tabular.open.last() {
                    let what = format!("the file ends within <{element}>");
                    tabular
                        .sink
                        .finding(Finding::error(file, at.line, what).at(at.column).mend("is it cut off? What was closed before was read"));
                }
                return Ok(());
            }
            Ok(_) => {}
            Err(error) => {
                if let Some(error) = xml.get_mut().failed.take() {
                    return Err(error);
                }
                let finding = Finding::error(file, at.line, format!("not well-formed XML: {error}")).at(at.column);
                tabular.sink.finding(finding.mend("compare with the published file; what stands before was read"));
                return Ok(());
            }
        }
    }
}

struct Tabular<'r> {
    file: &'r str,
    system: SystemHandle,
    form: CodeForm,
    sink: &'r mut dyn Sink,
    /// Names of the open elements, from the root on.
    open: Vec<String>,
    /// The open `diag`s, from the category on.
    diags: Vec<Diag>,
    /// Text since the last start of an element.
    text: String,
    /// Attribute `char` of the last `extension`.
    character: String,
    seen: Seen,
}

/// A `diag` whose end has not come yet.
#[derive(Default)]
struct Diag {
    /// Empty until its `name` was read, and if that was no code.
    code: String,
    title: String,
    has_children: bool,
    /// Its own `sevenChrDef`: character and text.
    seventh: Vec<(String, String)>,
    except: Option<Exception>,
}

impl Tabular<'_> {
    fn start(&mut self, element: &BytesStart<'_>, at: At) {
        let name = element.name().into_inner().to_owned();
        match name.as_str() {
            "diag" => {
                if let Some(parent) = self.diags.last_mut() {
                    parent.has_children = true;
                }
                self.diags.push(Diag::default());
            }
            "sevenChrDef" => {
                if let Some(diag) = self.diags.last().filter(|d| d.has_children) {
                    let what = format!("seventh characters of {} stand after its subdivisions; they do not reach them", diag.code);
                    self.sink.finding(warning(self.file, at, what).mend("compare with the published file"));
                }
            }
            "extension" => {
                let value = element.try_get_attribute("char").ok().flatten();
                self.character = value.and_then(|a| a.normalized_value(XmlVersion::Implicit1_0).ok()).unwrap_or_default().into_owned();
            }
            _ => {}
        }
        self.open.push(name);
        self.text.clear();
    }

    fn reference(&mut self, name: &str, at: At) {
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let character = match name.strip_prefix('#') {
            Some(code) => code.strip_prefix(['x', 'X']).map_or_else(|| number(code, 10), |hex| number(hex, 16)),
            None => quick_xml::escape::resolve_predefined_entity(name).and_then(|text| text.chars().next()),
        };
        match character {
            Some(character) => self.text.push(character),
            None => self.sink.finding(warning(self.file, at, format!("&{name}; is nothing that XML knows; left out"))),
        }
    }

    fn end(&mut self, at: At) {
        let Some(element) = self.open.pop() else { return };
        let parent = self.open.last().map_or("", String::as_str);
        if element == "diag" {
            self.end_of_diag(at);
            return;
        }
        // What stands directly in a chapter or a section is theirs, and not kept.
        let depth = self.open.iter().rev().position(|name| name == "diag");
        let (Some(depth), Some(diag)) = (depth, self.diags.last_mut()) else { return };
        let text = self.text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        self.text.clear();
        match (element.as_str(), parent, depth) {
            ("name", "diag", 0) => self.name_of_diag(&text, at),
            ("desc", "diag", 0) => {
                diag.title = text;
                if !diag.code.is_empty() && !diag.title.is_empty() {
                    self.sink.designation(self.system, &diag.code, DesignationUse::Long, "", &diag.title);
                }
            }
            ("extension", "sevenChrDef", 1) => {
                let character = std::mem::take(&mut self.character);
                if character.len() != 1 || !character.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
                    let what = format!("{} is no seventh character", excerpt(&character));
                    self.sink.finding(warning(self.file, at, what).mend("one letter or digit in the attribute 'char'"));
                    return;
                }
                note(self.sink, self.system, &diag.code, NoteKind::SeventhCharacter, &format!("{character}: {text}"));
                diag.seventh.push((character, text));
            }
            // Another wording for the character before it.
            ("note", "sevenChrDef", 1) => {
                let character = diag.seventh.last().map_or("", |(character, _)| character);
                note(self.sink, self.system, &diag.code, NoteKind::SeventhCharacter, &format!("{character}: {text}"));
            }
            ("note", "inclusionTerm", 1) if !diag.code.is_empty() && !text.is_empty() => {
                self.sink.designation(self.system, &diag.code, DesignationUse::InclusionTerm, "", &text);
            }
            ("note", "inclusionTerm", 1) => {}
            ("note", _, 1) => {
                let Some(kind) = note_kind(parent) else {
                    let what = format!("notes in <{parent}> of {} are of no known kind; left out", diag.code);
                    self.sink.finding(warning(self.file, at, what));
                    return;
                };
                if kind == NoteKind::Note && text.starts_with("7th character") && text.contains("do not apply") {
                    diag.except = Exception::parse(&text);
                    if diag.except.is_none() {
                        let what =
                            format!("{} limits seventh characters of {} in words that are not understood", excerpt(&text), diag.code);
                        let mend = "codes that the note rules out may have been made; compare with the order file of the year";
                        self.sink.finding(warning(self.file, at, what).mend(mend));
                    }
                }
                note(self.sink, self.system, &diag.code, kind, &text);
            }
            _ => {}
        }
    }

    fn name_of_diag(&mut self, written: &str, at: At) {
        let place = Place { file: self.file, line: at.line, column: at.column };
        let key = key_of(written, self.form, place, self.sink).map(|key| key.into_owned());
        let Some(key) = key.filter(|key| self.seen.is_new(format_args!("{key}"), &at.line.to_string(), place, self.sink)) else { return };
        if let [.., parent, _] = self.diags.as_slice()
            && !parent.code.is_empty()
        {
            self.sink.parent(self.system, &key, &parent.code, at);
        }
        if let Some(diag) = self.diags.last_mut() {
            diag.code = key;
        }
    }

    /// Now it is known whether the diag has children: its status, and the codes that its seventh characters make.
    fn end_of_diag(&mut self, at: At) {
        let Some(diag) = self.diags.pop() else { return };
        if diag.code.is_empty() {
            return;
        }
        let nearest = self.diags.iter().rev().map(|d| &d.seventh).find(|s| !s.is_empty());
        let seventh = if diag.seventh.is_empty() { nearest } else { Some(&diag.seventh) };
        let seventh = seventh.filter(|_| !diag.has_children);
        let status = if diag.has_children || seventh.is_some() { Status::Header } else { Status::Valid };
        self.sink.concept(self.system, ConceptRow { code: &diag.code, status, from: None, to: None });
        if diag.title.is_empty() {
            self.sink.finding(warning(self.file, at, format!("{} has no title", self.form.code(&diag.code))));
        }
        let Some(seventh) = seventh else { return };
        if diag.code.len() > 6 {
            let what = format!("{} has seven characters, and is to get another", self.form.code(&diag.code));
            self.sink.finding(warning(self.file, at, what).mend("compare with the published file"));
            return;
        }
        for (character, text) in seventh {
            let code = format!("{:X<6}{character}", diag.code);
            if self.diags.iter().chain([&diag]).filter_map(|d| d.except.as_ref()).any(|e| e.rules_out(&code)) {
                continue;
            }
            self.sink.concept(self.system, ConceptRow { code: &code, status: Status::Valid, from: None, to: None });
            self.sink.designation(self.system, &code, DesignationUse::Composed, "", &format!("{}, {text}", diag.title));
            self.sink.parent(self.system, &code, &diag.code, at);
        }
    }
}

fn warning(file: &str, at: At, what: String) -> Finding {
    Finding::warning(file, at.line, what).at(at.column)
}

fn note(sink: &mut dyn Sink, system: SystemHandle, code: &str, kind: NoteKind, text: &str) {
    if !code.is_empty() && !text.is_empty() {
        sink.note(system, code, kind, text);
    }
}

fn note_kind(element: &str) -> Option<NoteKind> {
    if element == "notes" {
        return Some(NoteKind::Note);
    }
    NoteKind::ALL.into_iter().find(|kind| kind.code() == element && *kind != NoteKind::SeventhCharacter)
}

/// "7th characters D and S do not apply to codes in category S06 with 6th character 7 - death ..., or 8 - death ..."
#[derive(Debug, PartialEq, Eq)]
struct Exception {
    category: String,
    sixth: Vec<u8>,
    seventh: Vec<u8>,
}

impl Exception {
    fn parse(note: &str) -> Option<Exception> {
        let (seventh, rest) = note.strip_prefix("7th character")?.split_once(" do not apply to codes in category ")?;
        let (category, sixth) = rest.split_once(" with 6th character ")?;
        let single = |text: &str| {
            let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 1);
            words.map(|word| word.as_bytes()[0]).filter(|b| b.is_ascii_uppercase() || b.is_ascii_digit()).collect::<Vec<_>>()
        };
        // A sixth character is followed by its meaning, or by nothing: "7 - death ..., or 8 - death ...".
        let exception = Exception { category: category.trim().to_owned(), sixth: single(sixth), seventh: single(seventh) };
        (!exception.sixth.is_empty() && !exception.seventh.is_empty()).then_some(exception)
    }

    fn rules_out(&self, code: &str) -> bool {
        let b = code.as_bytes();
        code.starts_with(&self.category) && b.len() == 7 && self.sixth.contains(&b[5]) && self.seventh.contains(&b[6])
    }
}

/// Counts the lines and bytes that the XML parser has taken, and keeps apart an error of reading from an error of XML.
struct Counted<'r> {
    input: &'r mut dyn BufRead,
    lines: u64,
    /// Bytes taken of the line at hand.
    column: u64,
    failed: Option<io::Error>,
}

impl Counted<'_> {
    /// Where the last byte stands that was taken: the end of the element that a finding is about.
    fn at(&self) -> At {
        At { line: self.lines + 1, column: u32::try_from(self.column.max(1)).unwrap_or(u32::MAX) }
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf().inspect_err(|e| {
            if e.kind() != io::ErrorKind::Interrupted {
                self.failed = Some(io::Error::new(e.kind(), e.to_string()));
            }
        })
    }

    fn consume(&mut self, n: usize) {
        if let Ok(held) = self.input.fill_buf() {
            let taken = &held[..n.min(held.len())];
            self.lines += memchr::memchr_iter(b'\n', taken).count() as u64;
            self.column = match memchr::memrchr(b'\n', taken) {
                Some(end) => (taken.len() - end - 1) as u64,
                None => self.column + taken.len() as u64,
            };
        }
        self.input.consume(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::{Collected, Severity};

    fn read_xml(body: &str) -> Collected {
        let mut sink = Collected::default();
        let given = SystemRelease { system: "icd10cm".into(), version: "2026".into(), ..SystemRelease::default() };
        read(&mut body.as_bytes(), "tabular.xml", &given, &mut sink).unwrap();
        sink
    }

    fn in_section(diags: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<ICD10CM.tabular><chapter><name>19</name><desc>Injury</desc><section id=\"S00-S09\"><desc>Head</desc>{diags}</section></chapter></ICD10CM.tabular>"
        )
    }

    fn codes(read: &Collected) -> Vec<(&str, Status)> {
        read.concepts.iter().map(|c| (c.code.as_str(), c.status)).collect()
    }

    #[test]
    fn hierarchy_terms_and_notes() {
        let read = read_xml(&in_section(
            "<diag><name>A00</name><desc>Cholera</desc><excludes1><note>not &lt;this&gt; &amp; caf&#233;</note></excludes1>\n\
             <diag><name>A00.0</name><desc>Cholera,\n biovar cholerae</desc><inclusionTerm><note>Classical cholera</note></inclusionTerm>\
             <notes><note> a  note </note></notes></diag></diag>",
        ));
        assert_eq!(read.findings, []);
        assert_eq!(codes(&read), [("A000", Status::Valid), ("A00", Status::Header)]);
        assert_eq!(read.designation("A000", DesignationUse::Long), Some("Cholera, biovar cholerae"));
        assert_eq!(read.designation("A000", DesignationUse::InclusionTerm), Some("Classical cholera"));
        assert_eq!(read.parents.iter().map(|p| (p.code.as_str(), p.parent.as_str())).collect::<Vec<_>>(), [("A000", "A00")]);
        let notes: Vec<_> = read.notes.iter().map(|n| (n.code.as_str(), n.kind, n.text.as_str())).collect();
        assert_eq!(notes, [("A00", NoteKind::Excludes1, "not <this> & café"), ("A000", NoteKind::Note, "a note")]);
    }

    const ENCOUNTER: &str = "<sevenChrDef><extension char=\"A\">initial encounter</extension><note>first visit</note><extension char=\"S\">sequela</extension></sevenChrDef>";

    #[test]
    fn seventh_characters_reach_the_leaves() {
        let read = read_xml(&in_section(&format!(
            "<diag><name>T81</name><desc>Complications</desc>{ENCOUNTER}\
             <diag><name>T81.4</name><desc>Infection</desc></diag>\
             <diag placeholder=\"true\"><name>T81.5X</name><desc>Other</desc><diag><name>T81.5X1</name><desc>Other, left</desc></diag></diag></diag>"
        )));
        assert_eq!(read.findings, []);
        let all = codes(&read);
        for code in ["T814XXA", "T814XXS", "T815X1A", "T815X1S"] {
            assert!(all.contains(&(code, Status::Valid)), "{code}");
        }
        assert_eq!(
            all.iter().filter(|(_, s)| *s == Status::Header).map(|(c, _)| *c).collect::<Vec<_>>(),
            ["T814", "T815X1", "T815X", "T81"]
        );
        assert_eq!(read.designation("T814XXA", DesignationUse::Composed), Some("Infection, initial encounter"));
        assert!(read.parents.iter().any(|p| p.code == "T814XXA" && p.parent == "T814"));
        let texts: Vec<_> = read.notes_of("T81").map(|n| n.text.as_str()).collect();
        assert_eq!(texts, ["A: initial encounter", "A: first visit", "S: sequela"]);
    }

    #[test]
    fn a_note_may_rule_seventh_characters_out() {
        let note = "7th characters D and S do not apply to codes in category S06 with 6th character 7 - death due to brain injury prior to regaining consciousness, or 8 - death due to other cause prior to regaining consciousness.";
        let rule = Exception::parse(note).unwrap();
        assert_eq!(rule, Exception { category: "S06".into(), sixth: b"78".to_vec(), seventh: b"DS".to_vec() });
        let read = read_xml(&in_section(&format!(
            "<diag><name>S06</name><desc>Injury</desc>{ENCOUNTER}<notes><note>{note}</note></notes>\
             <diag><name>S06.307</name><desc>Death</desc></diag><diag><name>S06.306</name><desc>Other</desc></diag></diag>"
        )));
        let valid: Vec<_> = codes(&read).into_iter().filter(|c| c.1 == Status::Valid).map(|c| c.0).collect();
        assert_eq!(valid, ["S06307A", "S06306A", "S06306S"]);
        let other = read_xml(&in_section(&format!(
            "<diag><name>S06</name><desc>Injury</desc>{ENCOUNTER}<notes><note>7th characters do not apply always</note></notes></diag>"
        )));
        assert_eq!(other.findings.len(), 1);
    }

    #[test]
    fn damage_is_found_and_the_rest_is_read() {
        let good = "<diag><name>A01</name><desc>Typhoid</desc></diag>";
        for (xml, severity, line, kept) in [
            (in_section(&format!("{good}<diag><name>A0</name><desc>x</desc></diag>")), Severity::Warning, 2, 1),
            (in_section(&format!("{good}\n{good}")), Severity::Warning, 3, 1),
            (in_section(&format!("{good}\n<diag><name>A02</name></diag>")), Severity::Warning, 3, 2),
            (in_section(&format!("{good}\n<diag><name>A02</wrong>")), Severity::Error, 3, 1),
            (in_section(&format!("{good}<diag><name>A02</name><desc>x &nbsp; y</desc></diag>")), Severity::Warning, 2, 2),
            (in_section(good).replace("</section></chapter></ICD10CM.tabular>", ""), Severity::Error, 2, 1),
        ] {
            let read = read_xml(&xml);
            let found: Vec<_> = read.findings.iter().map(|f| (f.severity, f.line)).collect();
            assert_eq!((found, read.concepts.len()), (vec![(severity, line)], kept), "{xml}");
        }
    }
}
