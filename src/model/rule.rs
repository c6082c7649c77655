//! Map rules: conditions on age, sex and co-existing findings, decided three-valued.
//!
//! A row of an RF2 extended map holds when its `mapRule` does (SNOMED CT *Release File Specification* 5.2.3.3, *Mapping Guide*
//! "Map rule"). The language, as seen in releases:
//!
//! ```text
//! rule      = "TRUE" | "OTHERWISE TRUE" | condition { "AND" condition }
//! condition = "IFA" id [ "|" term "|" ] [ comparison ]
//! comparison= ( "<" | "<=" | ">" | ">=" | "=" ) number ( "days" | "weeks" | "months" | "years" )
//! ```
//!
//! `445518008` (age at onset) and `424144002` (current age) need a comparison and nothing else may have one; `248152002` and `248153007`
//! are the sexes; any other id is a co-existing finding, true for the concept or a descendant of it. Terms are comments: they are
//! skipped, whatever they contain. FHIR `dependsOn` joins the same language as `attribute=value`, or `attribute="value"` ([`property_value`]).
//!
//! A rule is parsed once, when an index is built, and kept as a few bytes ([`Rule::program`]); [`Program`] evaluates those bytes where
//! they lie, without allocation. What is not known of a patient is [`Truth::Unknown`], never false: falling through to
//! `OTHERWISE TRUE` for want of a fact is the classic silent error of map engines.
//!
//! # Ages
//! An age is given as in a chart, in completed units: `12y` is someone between the twelfth and the thirteenth birthday, `11.99y` between
//! 11.99 and 12.00 years. A limit compares with the age in completed units of the limit: `<= 12.0 years` holds until the thirteenth
//! birthday, as people read it; a limit with decimals compares at its own last decimal. Years and months convert exactly, and so do
//! weeks and days. Between days and months only bounds exist (a month has 28 to 31 days): inside the bounds the answer is `Unknown`.
//! `27d` is below one month and `32d` is not; of `30d` nobody can tell.

mod age;
mod parse;

pub use age::{Age, AgeUnit};
pub use parse::RuleError;

/// Concepts of the rule language itself.
pub const AGE_AT_ONSET: u64 = 445518008;
pub const CURRENT_AGE: u64 = 424144002;
pub const FEMALE: u64 = 248152002;
pub const MALE: u64 = 248153007;

/// What is known of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Truth {
    True,
    False,
    /// The facts given do not decide it.
    Unknown,
}

impl Truth {
    /// Kleene's conjunction: one false decides, else one unknown leaves open.
    pub fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::False, _) | (_, Truth::False) => Truth::False,
            (Truth::True, Truth::True) => Truth::True,
            _ => Truth::Unknown,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::True } else { Truth::False }
    }
}

/// Administrative sex, in the two values that map rules ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sex {
    Female,
    Male,
}

impl Sex {
    /// Reads `female`, `f`, `male`, `m` in either case. Anything else is not a fact that a rule can use.
    pub fn parse(text: &str) -> Option<Sex> {
        match text.trim() {
            t if t.eq_ignore_ascii_case("female") || t.eq_ignore_ascii_case("f") => Some(Sex::Female),
            t if t.eq_ignore_ascii_case("male") || t.eq_ignore_ascii_case("m") => Some(Sex::Male),
            _ => None,
        }
    }
}

/// Reads the id of a co-existing finding, with or without its term between bars. Its check digit must fit: a slip is another finding, which no
/// rule asks for.
pub fn finding(code: &str) -> Option<u64> {
    let id = code.split('|').next().unwrap_or(code).trim();
    let is_id = (6..=18).contains(&id.len()) && super::system::verhoeff(id.as_bytes());
    is_id.then(|| id.parse().ok()).flatten()
}

/// What is known of the patient. The default knows nothing.
///
/// These are private data: they are compared and never printed; `Debug` says only which kinds of fact are there.
#[derive(Clone, Default, PartialEq)]
pub struct Facts {
    pub age_at_onset: Option<Age>,
    pub current_age: Option<Age>,
    pub sex: Option<Sex>,
    /// SNOMED CT concepts that the record holds beside the one to translate.
    pub findings: Vec<u64>,
    /// Whether `findings` is all there is. Only then is a finding that is not among them false; otherwise it is unknown.
    pub findings_complete: bool,
    /// Attribute and value, for FHIR `dependsOn`.
    pub properties: Vec<(String, String)>,
}

impl Facts {
    /// One age that serves as both, for callers who do not tell them apart (`--age`, an age column): a chart's age at the encounter in
    /// which the finding was recorded is the best statement there is of its onset.
    pub fn with_age(mut self, age: Age) -> Facts {
        self.age_at_onset = Some(age);
        self.current_age = Some(age);
        self
    }

    /// Why these facts cannot all be true of one patient, if so. Says no value: they are private.
    pub fn contradiction(&self) -> Option<&'static str> {
        let (female, male) = (self.findings.contains(&FEMALE), self.findings.contains(&MALE));
        let other = match self.sex {
            Some(Sex::Female) => male,
            Some(Sex::Male) => female,
            None => female && male,
        };
        if other {
            return Some("two facts say another sex each");
        }
        let ages = self.age_at_onset.zip(self.current_age);
        if ages.is_some_and(|(onset, now)| onset.compare(Comparison::Greater, now) == Truth::True) {
            return Some("the age at onset is above the current age");
        }
        let mut properties: Vec<&(String, String)> = self.properties.iter().collect();
        properties.sort_unstable();
        properties.windows(2).any(|w| w[0].0 == w[1].0 && w[0].1 != w[1].1).then_some("one attribute has two values")
    }

    fn sex(&self) -> Option<Sex> {
        self.sex.or_else(|| {
            self.findings.iter().find_map(|&id| match id {
                FEMALE => Some(Sex::Female),
                MALE => Some(Sex::Male),
                _ => None,
            })
        })
    }
}

impl std::fmt::Debug for Facts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Facts")
            .field("has_age_at_onset", &self.age_at_onset.is_some())
            .field("has_current_age", &self.current_age.is_some())
            .field("has_sex", &self.sex.is_some())
            .field("findings", &self.findings.len())
            .field("properties", &self.properties.len())
            .finish_non_exhaustive()
    }
}

/// A fact that a rule waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    AgeAtOnset,
    CurrentAge,
    Sex,
    /// Whether the record holds this finding or a kind of it.
    Finding(u64),
    /// A FHIR `dependsOn` attribute.
    Property(String),
    /// The rule, or a row beside it, could not be read, so a person must.
    Rule,
}

impl Need {
    /// One word for programs: `age`, `sex`, `finding`, `property`, `rule`.
    pub fn fact(&self) -> &'static str {
        match self {
            Need::AgeAtOnset | Need::CurrentAge => "age",
            Need::Sex => "sex",
            Need::Finding(_) => "finding",
            Need::Property(_) => "property",
            Need::Rule => "rule",
        }
    }
}

impl std::fmt::Display for Need {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Need::AgeAtOnset => write!(f, "age at onset"),
            Need::CurrentAge => write!(f, "current age"),
            Need::Sex => write!(f, "sex"),
            Need::Finding(id) => write!(f, "whether {id} or a kind of it is present"),
            Need::Property(attribute) => write!(f, "{attribute}"),
            Need::Rule => write!(f, "a person to read the rule"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
}

impl Comparison {
    const ALL: [Comparison; 5] =
        [Comparison::Less, Comparison::LessOrEqual, Comparison::Greater, Comparison::GreaterOrEqual, Comparison::Equal];
    fn sign(self) -> &'static str {
        match self {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Equal => "=",
        }
    }
}

/// One condition of a rule; all of them must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause<'a> {
    /// `TRUE`
    Always,
    /// `OTHERWISE TRUE`: true where it is reached, which is after every earlier row of its group was false.
    Otherwise,
    /// The limit's precision is that of its last decimal other than zero.
    AgeAtOnset(Comparison, Age),
    CurrentAge(Comparison, Age),
    Sex(Sex),
    /// The concept or a descendant.
    Finding(u64),
    Property {
        attribute: &'a str,
        value: &'a str,
    },
    /// What is no condition of the language.
    Unreadable,
}

/// Whether the first concept is the second or a kind of it.
pub type IsA<'a> = &'a dyn Fn(u64, u64) -> bool;

impl Clause<'_> {
    pub fn truth(&self, facts: &Facts, is_a: IsA<'_>) -> Truth {
        match *self {
            Clause::Always | Clause::Otherwise => Truth::True,
            Clause::Unreadable => Truth::Unknown,
            Clause::AgeAtOnset(comparison, limit) => facts.age_at_onset.map_or(Truth::Unknown, |age| age.compare(comparison, limit)),
            Clause::CurrentAge(comparison, limit) => facts.current_age.map_or(Truth::Unknown, |age| age.compare(comparison, limit)),
            Clause::Sex(sex) => facts.sex().map_or(Truth::Unknown, |given| (given == sex).into()),
            Clause::Finding(ancestor) => {
                if facts.findings.iter().any(|&id| id == ancestor || is_a(id, ancestor)) {
                    Truth::True
                } else if facts.findings_complete {
                    Truth::False
                } else {
                    Truth::Unknown
                }
            }
            Clause::Property { attribute, value } => {
                facts.properties.iter().find(|(given, _)| given == attribute).map_or(Truth::Unknown, |(_, given)| (given == value).into())
            }
        }
    }

    fn need(&self) -> Option<Need> {
        Some(match *self {
            Clause::Always | Clause::Otherwise => return None,
            Clause::AgeAtOnset(..) => Need::AgeAtOnset,
            Clause::CurrentAge(..) => Need::CurrentAge,
            Clause::Sex(_) => Need::Sex,
            Clause::Finding(id) => Need::Finding(id),
            Clause::Property { attribute, .. } => Need::Property(attribute.to_owned()),
            Clause::Unreadable => Need::Rule,
        })
    }
}

impl std::fmt::Display for Clause<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Clause::Always => write!(f, "TRUE"),
            Clause::Otherwise => write!(f, "OTHERWISE TRUE"),
            Clause::AgeAtOnset(comparison, limit) => write!(f, "IFA {AGE_AT_ONSET} {} {}", comparison.sign(), limit.in_words()),
            Clause::CurrentAge(comparison, limit) => write!(f, "IFA {CURRENT_AGE} {} {}", comparison.sign(), limit.in_words()),
            Clause::Sex(Sex::Female) => write!(f, "IFA {FEMALE}"),
            Clause::Sex(Sex::Male) => write!(f, "IFA {MALE}"),
            Clause::Finding(id) => write!(f, "IFA {id}"),
            Clause::Property { attribute, value } => write!(f, "{attribute}={}", property_value(value).unwrap_or(value.into())),
            Clause::Unreadable => write!(f, "{}", Need::Rule),
        }
    }
}

/// A value as a rule may hold it: in quotes if it would read otherwise (`left AND age=3`). `None`: it has quotes itself, and cannot be held.
pub fn property_value(value: &str) -> Option<std::borrow::Cow<'_, str>> {
    if !value.contains(" AND ") && !value.starts_with('"') && value.trim() == value {
        return Some(value.into());
    }
    (!value.contains('"')).then(|| format!("\"{value}\"").into())
}

/// A parsed rule that owns its program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    program: Vec<u8>,
}

impl Rule {
    /// Reads a rule. What the language does not know is an error with its place, never a guess.
    pub fn parse(text: &str) -> Result<Rule, RuleError> {
        let mut program = Vec::with_capacity(16);
        parse::clauses(text, &mut |clause| encode(&clause, &mut program))?;
        Ok(Rule { program })
    }

    /// The bytes for the index; see [`Program::new`].
    pub fn program(&self) -> &[u8] {
        &self.program
    }

    pub fn as_program(&self) -> Program<'_> {
        Program { bytes: &self.program }
    }
}

/// A rule as the bytes in which an index keeps it: the clauses, one after another.
///
/// A clause is a tag byte and its operands: numbers as LEB128, texts as a length and UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Program<'a> {
    bytes: &'a [u8],
}

impl<'a> Program<'a> {
    /// `TRUE`, and what holds where no rule is stated.
    pub const ALWAYS: Program<'static> = Program { bytes: &[tag::ALWAYS] };

    /// Takes bytes as a program. What is none, the empty one among them, is never decided by machine: it waits for a person.
    pub fn new(bytes: &'a [u8]) -> Program<'a> {
        Program { bytes }
    }

    /// The conditions; where the bytes are none, [`Clause::Unreadable`] ends them.
    pub fn clauses(&self) -> impl Iterator<Item = Clause<'a>> + use<'a> {
        let mut rest = Some(self.bytes);
        std::iter::from_fn(move || {
            let mut bytes = rest.take()?;
            let clause = decode(&mut bytes).unwrap_or(Clause::Unreadable);
            rest = Some(bytes).filter(|bytes| !bytes.is_empty() && clause != Clause::Unreadable);
            Some(clause)
        })
    }

    /// Whether this is `OTHERWISE TRUE`.
    pub fn is_otherwise(&self) -> bool {
        self.bytes == [tag::OTHERWISE]
    }

    pub fn truth(&self, facts: &Facts, is_a: IsA<'_>) -> Truth {
        let mut truth = Truth::True;
        for clause in self.clauses() {
            truth = truth.and(clause.truth(facts, is_a));
            if truth == Truth::False {
                break;
            }
        }
        truth
    }

    /// The facts that keep this rule from being decided; none unless its truth is [`Truth::Unknown`].
    pub fn needs(&self, facts: &Facts, is_a: IsA<'_>) -> Vec<Need> {
        if self.truth(facts, is_a) != Truth::Unknown {
            return Vec::new();
        }
        let mut needs = Vec::new();
        for clause in self.clauses().filter(|c| c.truth(facts, is_a) == Truth::Unknown) {
            needs.extend(clause.need().filter(|need| !needs.contains(need)));
        }
        needs
    }
}

/// The rule in its own language, without terms.
impl std::fmt::Display for Program<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, clause) in self.clauses().enumerate() {
            if i > 0 {
                write!(f, " AND ")?;
            }
            write!(f, "{clause}")?;
        }
        Ok(())
    }
}

/// Tag bytes. They stand in index files: append, never renumber.
mod tag {
    pub const ALWAYS: u8 = 0;
    pub const OTHERWISE: u8 = 1;
    pub const AGE_AT_ONSET: u8 = 2;
    pub const CURRENT_AGE: u8 = 3;
    pub const FEMALE: u8 = 4;
    pub const MALE: u8 = 5;
    pub const FINDING: u8 = 6;
    pub const PROPERTY: u8 = 7;
}

fn encode(clause: &Clause<'_>, out: &mut Vec<u8>) {
    let age = |out: &mut Vec<u8>, tag, comparison: Comparison, limit: Age| {
        out.extend([tag, comparison as u8, limit.unit as u8, limit.decimals]);
        write_number(limit.value, out);
    };
    match *clause {
        Clause::Always => out.push(tag::ALWAYS),
        Clause::Otherwise => out.push(tag::OTHERWISE),
        Clause::AgeAtOnset(comparison, limit) => age(out, tag::AGE_AT_ONSET, comparison, limit),
        Clause::CurrentAge(comparison, limit) => age(out, tag::CURRENT_AGE, comparison, limit),
        Clause::Sex(Sex::Female) => out.push(tag::FEMALE),
        Clause::Sex(Sex::Male) => out.push(tag::MALE),
        Clause::Finding(id) => {
            out.push(tag::FINDING);
            write_number(id, out);
        }
        Clause::Property { attribute, value } => {
            out.push(tag::PROPERTY);
            for text in [attribute, value] {
                write_number(text.len() as u64, out);
                out.extend(text.as_bytes());
            }
        }
        // No text is read as one.
        Clause::Unreadable => {}
    }
}

fn decode<'a>(rest: &mut &'a [u8]) -> Option<Clause<'a>> {
    Some(match take(rest)? {
        tag::ALWAYS => Clause::Always,
        tag::OTHERWISE => Clause::Otherwise,
        tag::AGE_AT_ONSET => {
            let (comparison, limit) = decode_limit(rest)?;
            Clause::AgeAtOnset(comparison, limit)
        }
        tag::CURRENT_AGE => {
            let (comparison, limit) = decode_limit(rest)?;
            Clause::CurrentAge(comparison, limit)
        }
        tag::FEMALE => Clause::Sex(Sex::Female),
        tag::MALE => Clause::Sex(Sex::Male),
        tag::FINDING => Clause::Finding(read_number(rest)?),
        tag::PROPERTY => Clause::Property { attribute: read_text(rest)?, value: read_text(rest)? },
        _ => return None,
    })
}

fn decode_limit(rest: &mut &[u8]) -> Option<(Comparison, Age)> {
    let comparison = *Comparison::ALL.get(usize::from(take(rest)?))?;
    let unit = AgeUnit::from_byte(take(rest)?)?;
    let decimals = take(rest)?;
    Some((comparison, Age::new(read_number(rest)?, decimals, unit)?))
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (&first, tail) = rest.split_first()?;
    *rest = tail;
    Some(first)
}

fn write_number(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut n = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest)?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return None;
        }
        n |= bits << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

fn read_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = usize::try_from(read_number(rest)?).ok()?;
    let (text, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests;
