//! What a release file is, told from its first bytes; from its name only what bytes cannot tell.
//!
//! The name decides for workbooks (compressed), for RRF files (no header), and gives the version, which hardly any of these files says
//! inside. Fixed columns are tried on the first lines: a layout that nine lines in ten follow is the one. What nothing fits is not
//! guessed at.

use super::icd_addenda;
use super::icd_order::OrderRow;
use super::lines::{Line, Lines};
use super::{Format, cpt, hcpcs};
use crate::model::{CodeForm, GemFlags};

/// How much of the beginning of a file [`recognise`] wants to see.
pub const HEAD: usize = 1 << 16;

/// What a file is, as far as it tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    pub format: Format,
    pub content: Content,
    /// The year or the update that the name gives: `2026`, `April 2024`, `32`.
    pub version: Option<String>,
}

/// What a file is a release of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Alias of the code system.
    System(&'static str),
    /// Aliases of source and target.
    Map(&'static str, &'static str),
    /// The file says it itself.
    Itself,
}

/// Recognises a file by its first bytes (decompressed, [`HEAD`] of them or the whole) and its name.
pub fn recognise(name: &str, head: &[u8]) -> Option<Recognised> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let (format, content) = by_magic(base, head).or_else(|| by_text(base, head))?;
    Some(Recognised { format, content, version: version_in(base) })
}

fn by_magic(base: &str, head: &[u8]) -> Option<(Format, Content)> {
    let lower = base.to_ascii_lowercase();
    if head.starts_with(b"%PDF") {
        return Some((Format::Document, Content::Itself));
    }
    if head.starts_with(b"PK\x03\x04") {
        let conversion = lower.ends_with(".xlsx") && lower.contains("conversion");
        return conversion.then_some((Format::Icd10cmConversion, Content::Map("icd10cm", "icd10cm")));
    }
    let holds = |text: &str| memchr::memmem::find(head, text.as_bytes()).is_some();
    let first = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start().first();
    match first {
        Some(b'<') => holds("<ICD10CM.tabular").then_some((Format::Icd10cmTabular, Content::System("icd10cm"))),
        // Where keys are sorted, the codes of a large resource come before its type.
        Some(b'{' | b'[') if ["resourceType", "concept", "element"].iter().any(|key| holds(&format!("\"{key}\""))) => {
            Some((Format::Fhir, Content::Itself))
        }
        _ => None,
    }
}

fn by_text(base: &str, head: &[u8]) -> Option<(Format, Content)> {
    let sample = Sample::of(head);
    let first = sample.lines.first()?.to_ascii_lowercase();
    let header = |columns: &[&str]| columns.iter().all(|c| first.split(['\t', ',']).any(|f| f.trim_matches('"') == *c));
    if header(&["id", "effectivetime", "active", "moduleid"]) {
        return Some((Format::Rf2, Content::Itself));
    }
    if ["concept_name", "concept_id_1", "concept_synonym_name", "vocabulary_concept_id"].iter().any(|c| header(&[c])) {
        return Some((Format::Athena, Content::Itself));
    }
    if header(&["icd_code", "snomed_cid"]) {
        return Some((Format::NlmIcd9Snomed, Content::Itself));
    }
    let after_comments = sample.lines.iter().find(|line| !line.starts_with('#')).map_or(first.as_str(), String::as_str);
    if ["subject_id", "predicate_id", "object_id"].iter().all(|c| after_comments.split(['\t', ',']).any(|f| f.trim_matches('"') == *c)) {
        return Some((Format::Sssom, Content::Itself));
    }
    if base.to_ascii_uppercase().ends_with(".RRF") && first.contains('|') {
        return Some((Format::Umls, Content::Itself));
    }
    if let Some(layout) = icd_addenda::layout_of(&sample.lines.join("\n")) {
        let pcs = layout == icd_addenda::Layout::OrderWithoutFlag
            || sample
                .lines
                .iter()
                .filter_map(|line| line.get(13..14))
                .any(|first| layout != icd_addenda::Layout::Order && ("0"..="9").contains(&first));
        return Some((Format::IcdAddenda, Content::System(if pcs { "icd10pcs" } else { "icd10cm" })));
    }
    gem(&sample).or_else(|| sample.order()).or_else(|| sample.records()).or_else(|| sample.titles()).or_else(|| sample.code_list())
}

/// The first lines of a file, blank ones left out.
struct Sample {
    lines: Vec<String>,
}

impl Sample {
    const LINES: usize = 400;

    fn of(head: &[u8]) -> Sample {
        // A head that was cut ends within a line, which then proves nothing.
        let whole = if head.len() >= HEAD { &head[..memchr::memrchr(b'\n', head).map_or(head.len(), |at| at + 1)] } else { head };
        let mut input = whole;
        let mut reader = Lines::new(&mut input);
        let mut lines = Vec::new();
        while let Ok(Some(line)) = reader.next() {
            if !line.is_blank() {
                lines.push(line.text.into_owned());
            }
            if lines.len() == Sample::LINES {
                break;
            }
        }
        Sample { lines }
    }

    /// Whether nine lines in ten are so.
    fn mostly(&self, is: impl FnMut(&Line<'_>) -> bool) -> bool {
        mostly(&self.lines, is)
    }

    /// The codes in the first `width` columns.
    fn codes(&self, width: usize) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(move |line| line.get(..width.min(line.len()))).map(str::trim_end)
    }

    fn order(&self) -> Option<(Format, Content)> {
        let order = self.mostly(|line| OrderRow::parse(line).is_ok_and(|row| icd10(row.code)));
        let pcs = self.lines.iter().filter_map(|line| line.get(6..)).any(|code| code.starts_with(|c: char| c.is_ascii_digit()));
        order.then_some((Format::IcdOrder, Content::System(if pcs { "icd10pcs" } else { "icd10cm" })))
    }

    /// A code in some columns, a blank, a title: codes files of ICD-10, descriptions of ICD-9-CM.
    fn titles(&self) -> Option<(Format, Content)> {
        let lower = self.lines.iter().any(|line| line.bytes().any(|b| b.is_ascii_lowercase()));
        let layout = |width: usize, fits: fn(&str) -> bool| {
            self.mostly(|line| {
                let title = line.columns_from(width + 2);
                fits(line.columns(1, width).trim_end()) && line.blank_at(width + 1) && !title.is_empty() && !title.starts_with(' ')
            })
        };
        let longest = |width: usize| self.lines.iter().filter_map(|line| line.get(width + 1..)).map(|title| title.trim_end().len()).max();
        if layout(7, icd10) {
            let pcs = self.codes(7).any(|code| code.starts_with(|c: char| c.is_ascii_digit()));
            return Some((Format::IcdCodes, Content::System(if pcs { "icd10pcs" } else { "icd10cm" })));
        }
        for (width, system, fits) in
            [(5, "icd9cm", (|code| CodeForm::Icd9Cm.fits(code)) as fn(&str) -> bool), (4, "icd9proc", |code| CodeForm::Icd9Proc.fits(code))]
        {
            if lower && layout(width, fits) {
                // CMS abbreviates to 24 characters.
                let format = if longest(width) <= Some(24) { Format::Icd9TitlesShort } else { Format::Icd9TitlesLong };
                return Some((format, Content::System(system)));
            }
        }
        None
    }

    /// Files that may begin with a notice: HCPCS and CPT.
    fn records(&self) -> Option<(Format, Content)> {
        let first = |is: &dyn Fn(&Line<'_>) -> bool| self.lines.iter().take(100).position(|line| is(&as_line(line)));
        if let Some(at) = first(&hcpcs::is_record)
            && mostly(&self.lines[at..], hcpcs::is_record)
        {
            return Some((Format::Hcpcs, Content::System("hcpcs")));
        }
        let at = first(&|line| cpt::Layout::of(line).is_some())?;
        let layout = cpt::Layout::of(&as_line(&self.lines[at]))?;
        mostly(&self.lines[at..], |line| layout.fits(line)).then_some((Format::Cpt, Content::System("cpt")))
    }

    fn code_list(&self) -> Option<(Format, Content)> {
        let is = |line: &Line<'_>| {
            let text = line.text.trim();
            let chapter = text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
            let mut buffer = [0; 16];
            chapter || text.split('-').all(|code| CodeForm::Icd10Cm.fits(CodeForm::Icd10Cm.key(code, &mut buffer)))
        };
        self.mostly(is).then_some((Format::Icd10cmCodeList, Content::System("icd10cm")))
    }
}

fn gem(sample: &Sample) -> Option<(Format, Content)> {
    let first = sample.lines.first()?.to_ascii_lowercase();
    let csv = first.contains("flags") || (first.contains("approximate") && first.contains("scenario"));
    let rows: Vec<Vec<&str>> = if csv {
        sample.lines[1..].iter().map(|line| line.split(',').map(|field| field.trim_matches(['"', ' '])).take(2).collect()).collect()
    } else {
        let flagged = |line: &Line<'_>| {
            let fields: Vec<_> = line.text.split_ascii_whitespace().collect();
            fields.len() == 3 && GemFlags::parse(fields[2]).is_some()
        };
        // Nothing else looks like this, while a damaged line of it looks like a record of CPT: half of the lines will do.
        if sample.lines.iter().filter(|line| flagged(&as_line(line))).count() * 2 <= sample.lines.len() {
            return None;
        }
        sample.lines.iter().map(|line| line.split_ascii_whitespace().take(2).collect()).collect()
    };
    let column = |i: usize| rows.iter().filter_map(|row| row.get(i).copied()).filter(|code| !code.starts_with("No")).collect::<Vec<_>>();
    let (sources, targets) = (column(0), column(1));
    let all = |codes: &[&str], form: CodeForm| {
        !codes.is_empty() && codes.iter().filter(|c| form.fits(&c.to_ascii_uppercase())).count() * 10 >= codes.len() * 9
    };
    for (nine, ten, nine_form, ten_form) in
        [("icd9cm", "icd10cm", CodeForm::Icd9Cm, CodeForm::Icd10Cm), ("icd9proc", "icd10pcs", CodeForm::Icd9Proc, CodeForm::Icd10Pcs)]
    {
        if all(&sources, nine_form) && all(&targets, ten_form) {
            return Some((Format::Gem, Content::Map(nine, ten)));
        }
        if all(&sources, ten_form) && all(&targets, nine_form) {
            return Some((Format::Gem, Content::Map(ten, nine)));
        }
    }
    None
}

fn icd10(code: &str) -> bool {
    CodeForm::Icd10Cm.fits(code) || CodeForm::Icd10Pcs.fits(code)
}

fn mostly(lines: &[String], mut is: impl FnMut(&Line<'_>) -> bool) -> bool {
    let fitting = lines.iter().filter(|line| is(&as_line(line))).count();
    fitting > 0 && fitting * 10 >= lines.len() * 9
}

fn as_line(text: &str) -> Line<'_> {
    Line::from_text(text)
}

/// `icd10cm_order_2018.txt`: `2018`; `icd10cm-order-April-2024.txt` and `HCPC2024_APR_ANWEB.txt`: `April 2024`; `CMS32_DESC_LONG_DX.txt`: `32`.
fn version_in(base: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
    let words: Vec<&str> = base.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let digits = |word: &str, from: usize| word.get(from..).is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    for (i, word) in words.iter().enumerate() {
        let year = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if year.len() == 4 && (year.starts_with("19") || year.starts_with("20")) && digits(year, 0) {
            let is_before = |month: &&&str| {
                i > 0 && words[i - 1].len() >= 3 && month.to_ascii_lowercase().starts_with(&words[i - 1].to_ascii_lowercase())
            };
            // `April-1-2026`
            let day = i > 1 && words[i - 1].len() <= 2 && digits(words[i - 1], 0);
            let dated = |month: &&&str| day && month.eq_ignore_ascii_case(words[i - 2]);
            // `HCPC2024_APR`
            let is_after = |month: &&&str| {
                let next = words.get(i + 1).filter(|next| next.len() >= 3);
                next.is_some_and(|next| month.to_ascii_lowercase().starts_with(&next.to_ascii_lowercase()))
            };
            let month = MONTHS.iter().find(|m| is_before(m) || dated(m) || is_after(m));
            return Some(month.map_or(year.to_owned(), |month| format!("{month} {year}")));
        }
        if word.starts_with("CMS") && digits(word, 3) {
            return Some(word[3..].to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_their_bytes() {
        use Content::*;
        for (name, head, format, content) in [
            ("x.xml", "<?xml version=\"1.0\"?>\n<ICD10CM.tabular>", Format::Icd10cmTabular, System("icd10cm")),
            ("x.json", "\u{feff} {\"resourceType\": \"ConceptMap\"", Format::Fhir, Itself),
            ("x.json", "{\"group\": [{\"element\": [{\"code\": \"A00\"", Format::Fhir, Itself),
            ("a.txt", "id\teffectiveTime\tactive\tmoduleId\tdefinitionStatusId\n", Format::Rf2, Itself),
            ("CONCEPT.csv", "concept_id\tconcept_name\tdomain_id\n", Format::Athena, Itself),
            ("n.txt", "ICD_CODE\tICD_NAME\tIS_CURRENT_ICD\tSNOMED_CID\n", Format::NlmIcd9Snomed, Itself),
            ("s.csv", "subject_id,predicate_id,object_id\n", Format::Sssom, Itself),
            ("list.json", "[{\"resourceType\": \"ConceptMap\"}]", Format::Fhir, Itself),
            ("s.tsv", "#curie_map:\n#  a: b\nsubject_id\tpredicate_id\tobject_id\n", Format::Sssom, Itself),
            ("MRMAP.RRF", "C1306694|MTHICD9_2006|\n", Format::Umls, Itself),
            (
                "o.txt",
                "00001 A00     0 Cholera                                                      Cholera\r\n",
                Format::IcdOrder,
                System("icd10cm"),
            ),
            ("c.txt", "S72001A Fracture\nI10     Essential (primary) hypertension\n", Format::IcdCodes, System("icd10cm")),
            ("c.txt", "0016070 Bypass Cerebral Ventricle\n", Format::IcdCodes, System("icd10pcs")),
            ("d.txt", "0010  Cholera due to vibrio cholerae\n", Format::Icd9TitlesLong, System("icd9cm")),
            ("d.txt", "0010  Cholera d/t vib cholerae\n", Format::Icd9TitlesShort, System("icd9cm")),
            ("d.txt", "0001 Therapeutic ultrasound of vessels of head and neck\n", Format::Icd9TitlesLong, System("icd9proc")),
            ("g.txt", "25000 E119    10000\r\n36570 NoDx    11000\r\n", Format::Gem, Map("icd9cm", "icd10cm")),
            ("g.txt", "25000 E119    10000\r\n25001 E109  1\r\n36570 NoDx    11000\r\n", Format::Gem, Map("icd9cm", "icd10cm")),
            ("g.txt", "T8853XD v5889 10000\r\nE119    25000 10000\r\n", Format::Gem, Map("icd10cm", "icd9cm")),
            ("g.txt", "0001  6A750Z4 10000\r\n0002  0270346 10000\r\n", Format::Gem, Map("icd9proc", "icd10pcs")),
            ("g.txt", "0016070 0231  10000\r\n", Format::Gem, Map("icd10pcs", "icd9proc")),
            ("g.csv", "\"icd10cm\",\"icd9cm\",\"flags\"\n\"A000\",\"0010\",\"00000\"\n", Format::Gem, Map("icd10cm", "icd9cm")),
            ("a.txt", "Add:         A925    Zika virus disease\n", Format::IcdAddenda, System("icd10cm")),
            ("l.txt", "1\r\nA00-A09\r\nA00\r\nA00.0\r\n", Format::Icd10cmCodeList, System("icd10cm")),
            ("LONGULT.txt", "A notice of three lines\n99998\tMade-up procedure\n", Format::Cpt, System("cpt")),
            ("LONGULF.txt", "9999801 Made-up procedure\n", Format::Cpt, System("cpt")),
            ("SHORTU.txt", "99998 MADE-UP PROCEDURE\n", Format::Cpt, System("cpt")),
        ] {
            let found = recognise(name, head.as_bytes()).map(|r| (r.format, r.content));
            assert_eq!(found, Some((format, content)), "{name} {head}");
        }
        for (name, head) in [
            ("notes.txt", "This is a letter.\nIt has two lines.\n"),
            ("x.xlsx", "PK\u{3}\u{4}..."),
            ("release_package_information.json", "{\"effectiveTime\": \"20250301\"}"),
            ("records.csv", "id,code,date\n1,25000,2014-01-01\n"),
            ("x.xml", "<?xml version=\"1.0\"?>\n<ICD10CM.index>"),
            ("empty", ""),
        ] {
            assert_eq!(recognise(name, head.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn versions_by_names() {
        for (name, version) in [
            ("icd10cm_order_2018.txt", Some("2018")),
            ("icd10cm-order-April-2024.txt", Some("April 2024")),
            ("icd10cm-order-Jan-2021.txt", Some("January 2021")),
            ("icd10c-tabular-April-1-2026.xml", Some("April 2026")),
            ("CMS32_DESC_LONG_DX.txt", Some("32")),
            ("2018_I9gem.txt", Some("2018")),
            ("HCPC2020_ANWEB_w_disclaimer.txt", Some("2020")),
            ("HCPC2024_APR_ANWEB_v2.txt", Some("April 2024")),
            ("gem_i9pcs.txt", None),
            ("sct2_Concept_Snapshot_INT_20260301.txt", None),
        ] {
            assert_eq!(version_in(name).as_deref(), version, "{name}");
        }
    }
}
