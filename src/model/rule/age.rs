//! Ages in completed units, and what can be told of one against a limit.

use super::{Comparison, Truth};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum AgeUnit {
    Day = 0,
    Month = 1,
    Year = 2,
}

impl AgeUnit {
    pub(super) fn from_byte(byte: u8) -> Option<AgeUnit> {
        [AgeUnit::Day, AgeUnit::Month, AgeUnit::Year].get(usize::from(byte)).copied()
    }
}

/// An age as recorded: completed units, to as many decimals as were written. `12y` lies in [12, 13) years, `11.99y` in [11.99, 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Age {
    /// In units of the last decimal: 1199 for 11.99.
    pub(super) value: u64,
    pub(super) decimals: u8,
    pub(super) unit: AgeUnit,
}

/// Everything is compared in thousandths of a unit.
const SCALE: u64 = 1000;
/// More than anybody's age in any unit; keeps the arithmetic far from overflow.
const MOST_UNITS: u64 = 100_000;

/// As [`Age::parse`] reads it: `12 years`.
impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.in_words())
    }
}

impl Age {
    /// `value` counts the last decimal. `None` for more than three decimals or an absurd size.
    pub fn new(value: u64, decimals: u8, unit: AgeUnit) -> Option<Age> {
        (decimals <= 3 && value <= MOST_UNITS * 10u64.pow(u32::from(decimals))).then_some(Age { value, decimals, unit })
    }

    /// Reads `28d`, `3m`, `12y`, `2w`, `11.99 years`. A number without a unit is not an age.
    pub fn parse(text: &str) -> Option<Age> {
        let text = text.trim();
        let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        Age::from_parts(&text[..split], text[split..].trim())
    }

    pub(super) fn from_parts(number: &str, unit: &str) -> Option<Age> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut value = [whole, fraction].concat().parse::<u64>().ok()?;
        let decimals = u8::try_from(fraction.len()).ok()?;
        let (unit, times) = match unit.to_ascii_lowercase().as_str() {
            "d" | "day" | "days" => (AgeUnit::Day, 1),
            "w" | "week" | "weeks" => (AgeUnit::Day, 7),
            "m" | "mo" | "month" | "months" => (AgeUnit::Month, 1),
            "y" | "yr" | "year" | "years" => (AgeUnit::Year, 1),
            _ => return None,
        };
        value = value.checked_mul(times)?;
        Age::new(value, decimals, unit)
    }

    /// The same quantity with the precision that its digits claim: `12.0 years` as a limit means 12.
    pub(super) fn trimmed(mut self) -> Age {
        while self.decimals > 0 && self.value.is_multiple_of(10) {
            self.value /= 10;
            self.decimals -= 1;
        }
        self
    }

    pub(super) fn in_words(self) -> String {
        let unit = match self.unit {
            AgeUnit::Day => "days",
            AgeUnit::Month => "months",
            AgeUnit::Year => "years",
        };
        let tens = 10u64.pow(u32::from(self.decimals));
        match self.decimals {
            0 => format!("{} {unit}", self.value),
            d => format!("{}.{:0width$} {unit}", self.value / tens, self.value % tens, width = usize::from(d)),
        }
    }

    fn grain(self) -> u64 {
        SCALE / 10u64.pow(u32::from(self.decimals))
    }

    /// Where the true age lies, in thousandths of the unit: the first value, and the first beyond.
    fn span(self) -> (u64, u64) {
        (self.value * self.grain(), (self.value + 1) * self.grain())
    }

    /// Whether this age is less than, or ... the limit, counted in completed grains of the limit; see the module `rule`.
    pub(super) fn compare(self, comparison: Comparison, limit: Age) -> Truth {
        let ((from, beyond), grain) = match (self.unit, limit.unit) {
            (AgeUnit::Day, AgeUnit::Day) | (AgeUnit::Month, AgeUnit::Month) | (AgeUnit::Year, AgeUnit::Year) => {
                (self.span(), limit.grain())
            }
            (AgeUnit::Year, AgeUnit::Month) => (in_months(self.span()), limit.grain()),
            (AgeUnit::Month, AgeUnit::Year) => (self.span(), limit.grain() * 12),
            (AgeUnit::Day, AgeUnit::Month) => (days_to_months(self.span()), limit.grain()),
            (AgeUnit::Day, AgeUnit::Year) => (days_to_months(self.span()), limit.grain() * 12),
            (AgeUnit::Month, AgeUnit::Day) => (months_to_days(self.span()), limit.grain()),
            (AgeUnit::Year, AgeUnit::Day) => (months_to_days(in_months(self.span())), limit.grain()),
        };
        let (least, most) = (from / grain, (beyond - 1) / grain);
        let decide = |always: bool, ever: bool| match (always, ever) {
            (true, _) => Truth::True,
            (_, false) => Truth::False,
            _ => Truth::Unknown,
        };
        let limit = limit.value;
        match comparison {
            Comparison::Less => decide(most < limit, least < limit),
            Comparison::LessOrEqual => decide(most <= limit, least <= limit),
            Comparison::Greater => decide(least > limit, most > limit),
            Comparison::GreaterOrEqual => decide(least >= limit, most >= limit),
            Comparison::Equal => decide(least == limit && most == limit, least <= limit && limit <= most),
        }
    }
}

fn in_months((from, beyond): (u64, u64)) -> (u64, u64) {
    (from * 12, beyond * 12)
}

/// The months that certainly passed, and those that certainly have not, in so many days.
fn days_to_months((from, beyond): (u64, u64)) -> (u64, u64) {
    let mut passed = from / (31 * SCALE);
    while most_days(passed + 1) * SCALE <= from {
        passed += 1;
    }
    let mut ahead = passed;
    while fewest_days(ahead) * SCALE < beyond {
        ahead += 1;
    }
    (passed * SCALE, ahead * SCALE)
}

/// The days in so many months, at the least and at the most.
fn months_to_days((from, beyond): (u64, u64)) -> (u64, u64) {
    (fewest_days(from / SCALE) * SCALE, most_days(beyond.div_ceil(SCALE)) * SCALE)
}

/// The shortest and the longest run of 0 to 11 calendar months. The longest avoid February, so a leap day adds nothing to them.
const FEWEST: [u64; 12] = [0, 28, 59, 89, 120, 150, 181, 212, 242, 273, 303, 334];
const MOST: [u64; 12] = [0, 31, 62, 92, 123, 153, 184, 215, 245, 276, 306, 337];

/// No run of so many calendar months is shorter: every fourth year is a leap year, but for one in a century.
fn fewest_days(months: u64) -> u64 {
    let years = months / 12;
    years * 365 + (years / 4).saturating_sub(1) + FEWEST[(months % 12) as usize]
}

/// No run of so many calendar months is longer: a leap day for every four years begun.
fn most_days(months: u64) -> u64 {
    let years = months / 12;
    years * 365 + years.div_ceil(4) + MOST[(months % 12) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{Span, civil::date};

    #[test]
    fn bounds_hold_for_every_birthday() {
        // The calendar itself is the oracle: every day of birth in a leap cycle, every count of months up to 101 years.
        for start in 0..(366 * 5) {
            let born = date(1896, 1, 1).checked_add(Span::new().days(start * 11)).unwrap();
            for months in (0..1212i64).step_by(7).chain(0..30) {
                let then = born.checked_add(Span::new().months(months)).unwrap();
                let days = born.until((jiff::Unit::Day, then)).unwrap().get_days() as u64;
                let months = months as u64;
                assert!(fewest_days(months) <= days, "{born} {months}");
                assert!(days <= most_days(months), "{born} {months}");
            }
        }
    }

    #[test]
    fn ages_as_written() {
        for (text, value, decimals, unit) in [
            ("28d", 28, 0, AgeUnit::Day),
            ("3m", 3, 0, AgeUnit::Month),
            ("12y", 12, 0, AgeUnit::Year),
            (" 11.99 years ", 1199, 2, AgeUnit::Year),
            ("2w", 14, 0, AgeUnit::Day),
            ("0.5Y", 5, 1, AgeUnit::Year),
        ] {
            assert_eq!(Age::parse(text), Age::new(value, decimals, unit), "{text}");
        }
        for bad in ["", "12", "y", "-3y", "1.2.3y", "12 parsecs", "1.2345y", "99999999999999999999y", ".5y", "１２y"] {
            assert_eq!(Age::parse(bad), None, "{bad}");
        }
    }
}
