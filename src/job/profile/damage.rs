//! What happened to values on their way here: spreadsheets, exports, hands.

use super::columns::LookedAt;
use super::evidence::{Codes, Evidence};
use crate::model::Status;
use serde::Serialize;

/// One kind of damage in a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Damage {
    pub kind: &'static str,
    /// Estimated where not all values were looked at.
    pub rows: u64,
    /// Among the values that were looked at; 0 where they are not told apart.
    pub distinct: u64,
    /// Where these were not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<LookedAt>,
    /// What it is, and what becomes of it.
    pub what: &'static str,
}

/// Damage that a value shows by itself; most of it matters in codes only.
pub(super) fn of_texts(values: &[(&[u8], u64)], codes: bool) -> Vec<Damage> {
    type Test = fn(&str) -> bool;
    let kinds: [(&str, Test, bool, &str); 6] = [
        ("scientific-notation", is_scientific, true, "a spreadsheet took codes for numbers and lost digits; fetch the source again"),
        ("spreadsheet-date", is_spreadsheet_date, true, "a spreadsheet took codes for dates; fetch the source again"),
        ("placeholder", is_placeholder, true, "stands for nothing; it is queued as no code"),
        (
            "replacement-character",
            |v| v.contains('\u{fffd}'),
            false,
            "characters were lost in an earlier conversion; fetch the source again",
        ),
        ("other-date", is_other_date, false, "a date in an order that is not read as one; as --date it rejects the record"),
        ("mojibake", is_mojibake, false, "UTF-8 that was read as Windows-1252 and written again"),
    ];
    let found = kinds.into_iter().filter(|(_, _, only_codes, _)| codes || !only_codes).map(|(kind, test, _, what)| {
        let hits = values.iter().filter(|(v, _)| std::str::from_utf8(v).is_ok_and(|v| test(v.trim())));
        let (rows, distinct) = hits.fold((0, 0), |(rows, distinct), (_, n)| (rows + n, distinct + 1));
        Damage { kind, rows, distinct, looked_at: None, what }
    });
    found.filter(|d| d.rows > 0).collect()
}

/// In a column of dates: what no job reads as one ([`is_other_date`] apart).
pub(super) fn no_dates(values: &[(&[u8], u64)]) -> Option<Damage> {
    let is_none = |value: &str| crate::job::facts::date(value).is_none() && !is_other_date(value);
    let found = values.iter().filter(|(v, _)| !std::str::from_utf8(v).is_ok_and(|v| !is_none(v.trim())));
    let (rows, distinct) = found.fold((0, 0), |(rows, distinct), (_, n)| (rows + n, distinct + 1));
    (rows > 0).then_some(Damage { kind: "no-date", rows, distinct, looked_at: None, what: "no date; as --date it rejects the record" })
}

/// Values that have no text.
pub(super) fn no_text(rows: u64) -> Option<Damage> {
    let what = "bytes that are no UTF-8, or a day beyond the calendar; a conversion of the column rejects the record";
    (rows > 0).then_some(Damage { kind: "no-text", rows, distinct: 0, looked_at: None, what })
}

/// Damage that shows when the values are held against a system.
pub(super) fn of_codes(values: &[(&[u8], u64)], codes: &Codes<'_>, best: &Evidence, mixed: bool) -> Vec<Damage> {
    let mut damage: Vec<Damage> = codes
        .repairs(&best.system)
        .into_iter()
        .map(|(kind, (rows, distinct))| {
            let (kind, what) = match kind {
                None => ("header", "a category where a code should be, perhaps cut off; it is queued with the codes below it"),
                Some("dot") => ("dot", "the dot is left out or elsewhere; read as the one code that fits"),
                Some("case") => ("case", "lower case; read as upper case"),
                Some("blank") => ("blank", "blanks around or inside; passed over"),
                Some("letter") => ("letter", "a letter for a digit (O for 0, I for 1); read as the one code that fits"),
                Some("leading-zero") => ("leading-zero", "zeros in front, lost or added; read as the one code that fits"),
                Some("quoted") => ("quoted", "with its system's name before it or its term behind it; read as the code alone"),
                Some(other) => (other, "zeros at the end, lost or added; read as the one code that fits"),
            };
            Damage { kind, rows, distinct, looked_at: None, what }
        })
        .collect();
    // `428.0` is a code as it stands, `250.0` is none.
    let of_best = codes.systems.iter().find(|(system, _)| system.alias() == best.system).map(|(_, found)| found);
    let as_it_stands = |i: usize| {
        let code = of_best.and_then(|found| found[i].as_ref());
        code.is_some_and(|code| code.repairs.is_empty() && code.concept.status() != Some(Status::Header))
    };
    let is_number = |i: &usize| std::str::from_utf8(values[*i].0).is_ok_and(|v| is_decimal(v.trim()) && v.trim().ends_with(".0"));
    let numbers: Vec<usize> = (0..codes.rows.len()).filter(|i| is_number(i) && !as_it_stands(*i)).collect();
    if !numbers.is_empty() {
        damage.push(Damage {
            kind: "decimal-zero",
            rows: numbers.iter().map(|&i| codes.rows[i]).sum(),
            distinct: numbers.len() as u64,
            looked_at: None,
            what: "written as numbers: `250.0` may have been 250, 250.0 or 250.00; `25000.0` is read as 250.00",
        });
    }
    // In a mixed column what is no code of one system is one of the other.
    let nowhere = |i: &usize| codes.systems.iter().all(|(s, found)| (!mixed && s.alias() != best.system) || found[*i].is_none());
    let lost: Vec<usize> = (0..codes.rows.len()).filter(nowhere).filter(|&i| !values[i].0.trim_ascii().is_empty()).collect();
    if !lost.is_empty() {
        let rows = lost.iter().map(|&i| codes.rows[i]).sum();
        damage.push(Damage {
            kind: "no-code",
            rows,
            distinct: lost.len() as u64,
            looked_at: None,
            what: "not a code of the system; it is queued with the nearest codes",
        });
    }
    damage
}

fn is_decimal(value: &str) -> bool {
    value.contains('.') && value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// `1.5E+03`, `2E5` is a code of a kind too (`2E5` is none of any loaded system), so a sign or a dot has to be there.
fn is_scientific(value: &str) -> bool {
    let Some((mantissa, exponent)) = value.split_once(['e', 'E']) else { return false };
    let (sign, digits) = match exponent.strip_prefix(['+', '-']) {
        Some(digits) => (true, digits),
        None => (false, exponent),
    };
    let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (sign || mantissa.contains('.')) && number(mantissa) && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `5-Mar`, `Mar-05`.
fn is_spreadsheet_date(value: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let Some((a, b)) = value.split_once('-') else { return false };
    let month = |t: &str| MONTHS.contains(&t.to_ascii_lowercase().as_str());
    let number = |t: &str| (1..=4).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
    (number(a) && month(b)) || (month(a) && number(b))
}

/// `31.03.2014`, `31/03/2014`, `3/31/14`: three numbers, and none that a conversion takes for a date.
fn is_other_date(value: &str) -> bool {
    let day = value.split(' ').next().unwrap_or(value);
    let parts: Vec<&str> = day.split(['.', '/', '-']).collect();
    let short = |t: &str| t.len() <= 2 && t.parse::<u8>().is_ok_and(|n| (1..=31).contains(&n));
    let year = |t: &str| matches!(t.len(), 2 | 4) && t.bytes().all(|b| b.is_ascii_digit());
    matches!(parts[..], [d, m, y] if short(d) && short(m) && year(y)) && crate::job::facts::date(value).is_none()
}

pub(super) fn is_placeholder(value: &str) -> bool {
    const NOTHING: [&str; 19] = [
        "unk",
        "unknown",
        "n/a",
        "na",
        "nan",
        "<na>",
        "null",
        "(null)",
        "\\n",
        "none",
        "nil",
        "-",
        "--",
        "?",
        ".",
        "xxx",
        "#n/a",
        "#value!",
        "not available",
    ];
    NOTHING.contains(&value.to_ascii_lowercase().as_str())
}

fn is_mojibake(value: &str) -> bool {
    ["Ã¤", "Ã¶", "Ã¼", "Ã©", "Ã¨", "Ã±", "Ã§", "â€"].iter().any(|m| value.contains(m))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_codes() {
        for (value, test, expected) in [
            ("1.5E+03", is_scientific as fn(&str) -> bool, true),
            ("2E+05", is_scientific, true),
            ("E880.9", is_scientific, false),
            ("2E5", is_scientific, false),
            ("401E", is_scientific, false),
            ("5-Mar", is_spreadsheet_date, true),
            ("mar-05", is_spreadsheet_date, true),
            ("3-4", is_spreadsheet_date, false),
            ("N/A", is_placeholder, true),
            ("\\N", is_placeholder, true),
            ("E11.9", is_placeholder, false),
            ("31.03.2014", is_other_date, true),
            ("31/03/2014", is_other_date, true),
            ("3/31/14", is_other_date, true),
            ("3/31/2014", is_other_date, false),
            ("250.00", is_other_date, false),
            ("0002-1433-80", is_other_date, false),
            ("123-45-6789", is_other_date, false),
            ("MÃ©niÃ¨re", is_mojibake, true),
            ("Ménière", is_mojibake, false),
        ] {
            assert_eq!(test(value), expected, "{value}");
        }
    }
}
