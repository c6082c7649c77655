//! From the text of a rule to its clauses.

use super::{AGE_AT_ONSET, Age, CURRENT_AGE, Clause, Comparison, FEMALE, MALE, Sex};
use crate::model::system::verhoeff;

/// What in a rule could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at byte {at} of the rule)")]
pub struct RuleError {
    /// Byte in the text, from 0.
    pub at: usize,
    pub what: String,
}

/// Reads a rule and hands out its clauses in order.
pub(super) fn clauses<'a>(text: &'a str, take: &mut dyn FnMut(Clause<'a>)) -> Result<(), RuleError> {
    let mut parser = Parser { text, at: 0 };
    let mut first = true;
    loop {
        let start = parser.skip_blanks();
        let clause = parser.clause()?;
        let at_end = parser.skip_blanks() == text.len();
        if clause == Clause::Otherwise && !(first && at_end) {
            return Err(RuleError { at: start, what: "OTHERWISE TRUE stands alone in a rule".into() });
        }
        take(clause);
        if at_end {
            return Ok(());
        }
        if !parser.word("AND") {
            return Err(parser.error("AND or the end of the rule is expected here"));
        }
        first = false;
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, what: impl Into<String>) -> RuleError {
        RuleError { at: self.at, what: what.into() }
    }

    fn skip_blanks(&mut self) -> usize {
        self.at = self.text.len() - self.rest().trim_start().len();
        self.at
    }

    /// Takes a keyword in either case, if it stands here as a whole word.
    fn word(&mut self, word: &str) -> bool {
        self.skip_blanks();
        let found = starts_with_word(self.rest(), word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn clause(&mut self) -> Result<Clause<'a>, RuleError> {
        if self.rest().is_empty() {
            return Err(self.error("a condition is expected here"));
        }
        if self.word("TRUE") {
            return Ok(Clause::Always);
        }
        if self.word("OTHERWISE") {
            return if self.word("TRUE") { Ok(Clause::Otherwise) } else { Err(self.error("TRUE is expected after OTHERWISE")) };
        }
        if self.word("IFA") {
            return self.condition();
        }
        self.property()
    }

    fn condition(&mut self) -> Result<Clause<'a>, RuleError> {
        let start = self.skip_blanks();
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let id = &self.rest()[..digits];
        if !(6..=18).contains(&digits) || !verhoeff(id.as_bytes()) {
            let what = if digits == 0 { "a concept id is expected after IFA".into() } else { format!("{id} is not a SNOMED CT id") };
            return Err(self.error(what));
        }
        self.at += digits;
        self.skip_blanks();
        if self.rest().starts_with('|') {
            self.term()?;
        }
        let comparison = self.comparison()?;
        // At most 18 digits: always a u64.
        let id: u64 = id.parse().map_err(|_| RuleError { at: start, what: format!("{id} is not a SNOMED CT id") })?;
        let wants_none = |clause| match comparison {
            None => Ok(clause),
            Some(_) => {
                Err(RuleError { at: start, what: format!("{id} is compared, but only ages ({AGE_AT_ONSET}, {CURRENT_AGE}) can be") })
            }
        };
        match (id, comparison) {
            (AGE_AT_ONSET, Some((comparison, limit))) => Ok(Clause::AgeAtOnset(comparison, limit)),
            (CURRENT_AGE, Some((comparison, limit))) => Ok(Clause::CurrentAge(comparison, limit)),
            (AGE_AT_ONSET | CURRENT_AGE, None) => Err(self.error("an age needs a comparison, as in >= 12.0 years")),
            (FEMALE, _) => wants_none(Clause::Sex(Sex::Female)),
            (MALE, _) => wants_none(Clause::Sex(Sex::Male)),
            _ => wants_none(Clause::Finding(id)),
        }
    }

    /// Skips `|term|`. Terms may hold bars themselves, so the term ends at the first bar after which the rule can go on; but what looks
    /// like a condition is never taken for part of a term.
    fn term(&mut self) -> Result<(), RuleError> {
        let term = &self.rest()[1..];
        for (i, _) in term.match_indices('|') {
            if looks_like_a_rule(&term[..i]) {
                break;
            }
            let mut after = Parser { text: self.text, at: self.at + 1 + i + 1 };
            let goes_on = after.skip_blanks() == self.text.len()
                || matches!(after.comparison(), Ok(Some(_)))
                || after.word("AND") && {
                    after.skip_blanks();
                    starts_with_word(after.rest(), "IFA") || starts_with_word(after.rest(), "TRUE") || property(after.rest()).is_some()
                };
            if goes_on {
                self.at += 1 + i + 1;
                return Ok(());
            }
        }
        match term.find('|') {
            None => Err(self.error("the term is not closed with |")),
            // Let the caller say what is wrong behind the first bar.
            Some(i) => {
                self.at += 1 + i + 1;
                Ok(())
            }
        }
    }

    fn comparison(&mut self) -> Result<Option<(Comparison, Age)>, RuleError> {
        self.skip_blanks();
        let (comparison, len) = match self.rest().as_bytes() {
            [b'<', b'=', ..] => (Comparison::LessOrEqual, 2),
            [b'>', b'=', ..] => (Comparison::GreaterOrEqual, 2),
            [b'<', ..] => (Comparison::Less, 1),
            [b'>', ..] => (Comparison::Greater, 1),
            [b'=', ..] => (Comparison::Equal, 1),
            _ if self.rest().starts_with('≤') => (Comparison::LessOrEqual, '≤'.len_utf8()),
            _ if self.rest().starts_with('≥') => (Comparison::GreaterOrEqual, '≥'.len_utf8()),
            _ => return Ok(None),
        };
        self.at += len;
        self.skip_blanks();
        let number_len = self.rest().bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, tail) = self.rest().split_at(number_len);
        let blanks = tail.len() - tail.trim_start().len();
        let unit_len = tail[blanks..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = &tail[blanks..blanks + unit_len];
        match Age::from_parts(number, unit) {
            Some(limit) => {
                self.at += number_len + blanks + unit_len;
                Ok(Some((comparison, limit.trimmed())))
            }
            None => Err(self.error("a number and days, weeks, months or years are expected here")),
        }
    }

    /// FHIR `dependsOn`: `attribute=value`, up to an AND behind which another condition stands, or `attribute="value"`.
    fn property(&mut self) -> Result<Clause<'a>, RuleError> {
        let rest = self.rest();
        let Some((attribute, value_at)) = property(rest) else {
            let word = rest.split_whitespace().next().unwrap_or(rest);
            return Err(self.error(format!("{word:?} is not part of the rule language")));
        };
        let quoted = rest[value_at..].trim_start().strip_prefix('"').and_then(|inner| inner.split_once('"'));
        if let Some((value, after)) = quoted.filter(|(_, after)| after.trim().is_empty() || after.starts_with(" AND ")) {
            self.at = self.text.len() - after.len();
            return Ok(Clause::Property { attribute, value });
        }
        let mut end = rest.len();
        for (i, _) in rest[value_at..].match_indices(" AND ") {
            let after = rest[value_at + i + 5..].trim_start();
            if starts_with_word(after, "IFA") || starts_with_word(after, "TRUE") || property(after).is_some() {
                end = value_at + i;
                break;
            }
        }
        self.at += end;
        Ok(Clause::Property { attribute, value: rest[value_at..end].trim() })
    }
}

/// The attribute at the start of a text, and where its value begins. An attribute is one word (a code or a URI).
fn property(text: &str) -> Option<(&str, usize)> {
    let (attribute, _) = text.split_once('=')?;
    let name = attribute.trim();
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace) && !name.contains(['|', '<', '>']);
    is_name.then_some((name, attribute.len() + 1))
}

/// Whether a text between two bars holds a word of the language or an id.
fn looks_like_a_rule(text: &str) -> bool {
    let is_word = |word: &str| ["IFA", "OR", "NOT", "OTHERWISE"].contains(&word);
    text.contains('|')
        && text
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| is_word(word) || (word.len() >= 6 && word.bytes().all(|b| b.is_ascii_digit())))
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        && !text[word.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '=' || c == '_')
}
