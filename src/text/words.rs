//! Text to words.

use std::borrow::Cow;

use hashbrown::HashMap;

use super::spelling::{self, Spelled};

/// Longer words are cut: nothing medical is longer, and a question may be anything.
const LONGEST: usize = 48;

/// A word of a text in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    /// Where it stands in the source, in bytes.
    pub start: usize,
    pub end: usize,
}

/// The words of a text. Holds its buffers, so that one value serves millions of titles.
#[derive(Clone, Debug, Default)]
pub struct Words {
    letters: String,
    spans: Vec<Span>,
    /// The raw word being gathered.
    raw: String,
    /// `non`, waiting for the word it negates.
    non: Option<usize>,
    /// Normal forms found before. Millions of titles have thousands of words.
    known: HashMap<Box<str>, Box<str>>,
}

/// Normal forms remembered at most.
const MOST_KNOWN: usize = 1 << 16;

#[derive(Clone, Copy, Debug)]
struct Span {
    from: u32,
    to: u32,
    start: usize,
    end: usize,
}

impl Words {
    pub fn new() -> Words {
        Words::default()
    }

    /// The words of `text`, replacing those held before.
    pub fn read(&mut self, text: &str) -> &mut Words {
        self.read_at_most(text, usize::MAX)
    }

    /// As [`read`](Words::read), stopping after `most` words.
    pub fn read_at_most(&mut self, text: &str, most: usize) -> &mut Words {
        self.letters.clear();
        self.spans.clear();
        self.non = None;
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() && self.spans.len() < most {
            match word_end(text, at, &mut self.raw) {
                Some(end) => at = self.word(text, at, end),
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
        if let Some(start) = self.non.take() {
            self.push("non", start, start + 3);
        }
        // The last one read may have been two words.
        self.spans.truncate(most);
        self
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub fn get(&self, i: usize) -> Option<Word<'_>> {
        let span = self.spans.get(i)?;
        Some(Word { text: &self.letters[span.from as usize..span.to as usize], start: span.start, end: span.end })
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = Word<'_>> {
        self.spans.iter().map(|s| Word { text: &self.letters[s.from as usize..s.to as usize], start: s.start, end: s.end })
    }

    /// The words with single blanks between them.
    pub fn joined(&self) -> String {
        self.iter().map(|w| w.text).collect::<Vec<_>>().join(" ")
    }

    /// Takes the raw word `self.raw` that stands at `start..end` and returns where reading goes on.
    fn word(&mut self, text: &str, start: usize, mut end: usize) -> usize {
        let bytes = text.as_bytes();
        let mut raw = std::mem::take(&mut self.raw);
        // `w/o`, `d/t`: letters around a slash that mean something together only.
        if raw.len() <= 2 && bytes.get(end) == Some(&b'/') {
            let letters = bytes[end + 1..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            if (1..=2).contains(&letters) {
                let right = text[end + 1..end + 1 + letters].to_ascii_lowercase();
                if let Some(meaning) = spelling::slashed(&raw, &right) {
                    end += 1 + letters;
                    for word in meaning {
                        self.push(word, start, end);
                    }
                    self.raw = raw;
                    return end;
                }
            }
        }
        // `1,000` is one number.
        while raw.bytes().all(|b| b.is_ascii_digit()) && bytes.get(end) == Some(&b',') {
            let digits = bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
            if digits != 3 {
                break;
            }
            raw.push_str(&text[end + 1..end + 4]);
            end += 4;
        }
        // `24hrs` and `type2` are two words; `3rd`, `b12` and `2a` are one.
        let letters = raw.bytes().take_while(u8::is_ascii_alphabetic).count();
        let digits = raw.bytes().take_while(u8::is_ascii_digit).count();
        let tail = &raw[letters.max(digits)..];
        let splits = (digits > 0 && tail.len() >= 2 && tail.bytes().all(|b| b.is_ascii_alphabetic()) && !spelling::is_ordinal_suffix(tail))
            || (letters >= 3 && !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()));
        if splits {
            let cut = raw.len() - tail.len();
            // Where letters were folded (`½`) or left out, nobody can say where in the source the cut is: both stand at the whole.
            let as_written = text[start..end].is_ascii() && end - start == raw.len();
            let (first_end, second_start) = if as_written { (start + cut, start + cut) } else { (end, start) };
            self.simple(text, &raw[..cut], start, first_end);
            self.simple(text, &raw[cut..], second_start, end);
        } else {
            self.simple(text, &raw, start, end);
        }
        self.raw = raw;
        end
    }

    fn simple(&mut self, text: &str, raw: &str, start: usize, end: usize) {
        if let Some(at) = self.non.take() {
            // "non" and "or" stand alone, as in "insulin dependent or non".
            if spelling::is_stop(raw) {
                self.push("non", at, at + 3);
            } else {
                let joined = format!("non{raw}");
                return self.canonical(text, &joined, at, end);
            }
        }
        if raw == "non" {
            self.non = Some(start);
            return;
        }
        self.canonical(text, raw, start, end);
    }

    fn canonical(&mut self, text: &str, raw: &str, start: usize, end: usize) {
        let previous = self.spans.last().map(|s| &self.letters[s.from as usize..s.to as usize]);
        // A capital A inside a title is a name (hepatitis A); a small one, or the first word, is an article unless what precedes says not.
        let name = raw == "a"
            && previous.is_some()
            && (text.as_bytes().get(start) == Some(&b'A') || end == text.len() || previous.is_some_and(spelling::takes_letter));
        if spelling::is_stop(raw) && !name {
            return;
        }
        // The form of a short word or a number may hang on its neighbour; that of any other is always the same.
        let lasting = raw.len() >= 4;
        if let Some(word) = self.known.get(raw).filter(|_| lasting) {
            let from = self.letters.len() as u32;
            self.letters.push_str(word);
            self.spans.push(Span { from, to: self.letters.len() as u32, start, end });
            return;
        }
        let word = match spelling::canonical(raw, previous) {
            Spelled::Same => Cow::Borrowed(raw),
            Spelled::As(word) => Cow::Borrowed(word),
            Spelled::New(word) => Cow::Owned(word),
        };
        if lasting && self.known.len() < MOST_KNOWN {
            self.known.insert(raw.into(), (&*word).into());
        }
        self.push(&word, start, end);
    }

    fn push(&mut self, word: &str, start: usize, end: usize) {
        let from = self.letters.len() as u32;
        self.letters.push_str(word);
        self.spans.push(Span { from, to: self.letters.len() as u32, start, end });
    }
}

/// A fully specified name without the semantic tag (`(disorder)`) that it ends in: nobody asks for that. SNOMED CT Editorial Guide,
/// *Semantic tag*.
pub fn without_tag(fully_specified: &str) -> &str {
    match fully_specified.rfind(" (") {
        Some(at) if fully_specified.ends_with(')') => &fully_specified[..at],
        _ => fully_specified,
    }
}

/// A text without what it has in parentheses, where that leaves anything: in ICD these are nonessential modifiers, "supplementary words
/// that may be present or absent in the statement of a disease" (ICD-10-CM Official Guidelines, I.A.7). `None` where there are none.
pub fn without_parentheses(text: &str) -> Option<String> {
    if !text.contains('(') {
        return None;
    }
    let mut depth = 0usize;
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept.contains(char::is_alphanumeric).then_some(kept)
}

/// Gathers the word that begins at `at` into `raw`, folded, and returns its end; `None` where no word begins.
fn word_end(text: &str, at: usize, raw: &mut String) -> Option<usize> {
    raw.clear();
    let bytes = text.as_bytes();
    let mut i = at;
    while let Some(&b) = bytes.get(i) {
        if b.is_ascii_alphanumeric() {
            if raw.len() < LONGEST {
                raw.push(b.to_ascii_lowercase() as char);
            }
            i += 1;
            continue;
        }
        let c = text[i..].chars().next()?;
        if matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`') && !raw.is_empty() {
            // A possessive falls away; any other apostrophe joins: O'Brien.
            let rest = &bytes[i + c.len_utf8()..];
            let ends = |n: usize| rest.get(n).is_none_or(|b| !b.is_ascii_alphanumeric() && *b < 128);
            if rest.first().is_some_and(|b| b.eq_ignore_ascii_case(&b's')) && ends(1) {
                return Some(i + c.len_utf8() + 1);
            }
            if ends(0) {
                return Some(i);
            }
            i += c.len_utf8();
            continue;
        }
        if b < 128 || !spelling::fold(c, raw, LONGEST) {
            break;
        }
        i += c.len_utf8();
    }
    (!raw.is_empty()).then_some(i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expect: &str) {
        assert_eq!(Words::new().read(text).joined(), expect, "{text}");
    }

    #[test]
    fn words() {
        check("Alzheimer's disease", "alzheimer disease");
        check("Sjögren’s syndrome", "sjogren syndrome");
        check("Ménière's disease, left ear", "meniere disease left ear");
        check("Fractures of the femurs", "fracture femur");
        check("Diabetes w/o complications", "diabetes without complication");
        check("pain d/t device, s/p CABG", "pain device status post cabg");
        check("ulcer w/ hemorrhage", "ulcer with hemorrhage");
        check("non-Hodgkin lymphoma", "nonhodgkin lymphoma");
        check("Non pressure ulcer", "nonpressure ulcer");
        check("Type II or III open fracture", "type 2 3 open fracture");
        check("Type I diabetes", "type 1 diabetes");
        check("second degree burn, 3rd digit", "2 degree burn 3 digit");
        check("Acute hepatitis A", "acute hepatitis a");
        check("hepatitis a virus", "hepatitis a virus");
        check("a cut of a finger", "cut finger");
        check("Local salmonella inf NOS", "local salmonella inf unspecified");
        check("Anom digestive syst NEC", "anom digestive syst other");
        check("anaemia, oedema, haemorrhage of oesophagus", "anemia edema hemorrhage esophagus");
        check("tumour, foetal diarrhoea", "tumor fetal diarrhea");
        check("gastroesophageal, gastro-oesophageal, gastrooesophageal", "gastroesophageal gastro esophageal gastroesophageal");
        check("lymphoedema, angioedema, angiooedema", "lymphedema angioedema angioedema");
        check("24hrs after 1,000 grams", "24 hour after 1000 gram");
        check("O'Brien", "obrien");
        check("COVID19", "covid 19");
        check("", "");
        check("-- ...", "");
        check("of the", "");
        check("non", "non");
    }

    #[test]
    fn what_stands_in_parentheses_may_be_left_out() {
        assert_eq!(without_parentheses("Essential (primary) hypertension").as_deref(), Some("Essential  hypertension"));
        assert_eq!(without_parentheses("hypertension (arterial (benign)) (primary)").as_deref(), Some("hypertension  "));
        assert_eq!(without_parentheses("Pneumonia"), None);
        assert_eq!(without_parentheses("(A) (B)"), None);
    }

    #[test]
    fn positions_point_at_the_source() {
        let mut words = Words::new();
        let text = "Sjögren’s w/o eyes";
        words.read(text);
        let parts: Vec<_> = words.iter().map(|w| (w.text, &text[w.start..w.end])).collect();
        assert_eq!(parts, [("sjogren", "Sjögren’s"), ("without", "w/o"), ("eye", "eyes")]);
    }

    #[test]
    fn other_scripts_are_words_too() {
        check("грипп А", "грипп а");
        check("糖尿病", "糖尿病");
        check("🙂 fever 🙂", "fever");
        check("ﬁbrosis", "fibrosis");
    }

    proptest! {
        /// What has been normalised stays as it is: a word is its own normal form.
        #[test]
        fn a_normal_word_is_its_own_normal_form(text in "[ -~äöéßæœ]{0,60}") {
            let mut words = Words::new();
            words.read(&text);
            for word in words.clone().iter() {
                // Words whose meaning hangs on a neighbour have none here.
                if word.text == "a" || word.text == "non" { continue; }
                let again = Words::new().read(word.text).joined();
                prop_assert_eq!(&again, word.text, "from {}", text);
            }
        }

        #[test]
        fn positions_are_in_order_and_on_letters(text in "\\PC{0,80}") {
            let mut words = Words::new();
            words.read(&text);
            let mut last = 0;
            for word in words.iter() {
                prop_assert!(word.start >= last || word.start == words.get(0).unwrap().start || word.end >= last);
                prop_assert!(text.get(word.start..word.end).is_some());
                prop_assert!(!word.text.is_empty());
                last = word.start;
            }
        }

        #[test]
        fn case_accents_and_hyphens_do_not_matter(word in "[b-z]{4,12}", other in "[b-z]{4,12}") {
            let plain = Words::new().read(&format!("{word} {other}")).joined();
            let loud = Words::new().read(&format!("{}-{}", word.to_uppercase(), other)).joined();
            prop_assert_eq!(plain, loud);
        }
    }
}
