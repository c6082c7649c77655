//! Numbers that are codes by chance. Of the numbers of four digits two in three are codes of ICD-9-CM without their dot, and so most years,
//! bed numbers and ZIP codes are. So the numbers of a column are held against others from where they lie: if as many of those are codes, that
//! these are says nothing.

use super::evidence::{Codes, is_code};
use crate::engine::Engine;
use crate::index::CodeSystem;
use std::collections::BTreeMap;

/// Numbers that are drawn of each shape.
const DRAWN: u64 = 100;
/// So many rows have to be numbers for the column to be one of numbers.
const MOSTLY: f64 = 0.85;
/// Measurements have more values than this; of less with a dot no more can be asked than that they are codes.
const FEW: usize = 10;
/// So many of the values of a column of codes are codes.
const OF_CODES: f64 = 0.9;
/// It has to be so many times likelier that the column holds codes than that it holds numbers.
const TIMES: f64 = 20.0;

/// How a number is written: digits in all, those of them behind the dot, and whether `.0` was added to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    digits: usize,
    decimals: usize,
    added: bool,
}

impl Shape {
    /// The shape of a number and its digits; `None` for what is none, or longer than any code.
    fn of(value: &[u8]) -> Option<(Shape, u64)> {
        let value = std::str::from_utf8(value).ok()?.trim();
        let (number, added) = value.strip_suffix(".0").map_or((value, false), |number| (number, true));
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{decimals}");
        let is_one = !whole.is_empty() && digits.len() <= 7 && digits.bytes().all(|b| b.is_ascii_digit());
        let shape = Shape { digits: digits.len(), decimals: decimals.len(), added };
        is_one.then(|| digits.parse().ok())?.map(|number| (shape, number))
    }

    fn write(self, number: u64) -> String {
        let mut text = format!("{number:0width$}", width = self.digits);
        if self.decimals > 0 {
            text.insert(self.digits - self.decimals, '.');
        }
        if self.added { text + ".0" } else { text }
    }
}

/// Whether the values of a column are numbers of which others from where they lie are as often codes of a system.
pub(super) fn are_codes_by_chance(engine: &Engine, values: &[(&[u8], u64)], codes: &Codes<'_>, best: &str) -> bool {
    let Some((system, found)) = codes.systems.iter().find(|(system, _)| system.alias() == best) else { return false };
    let mut shapes: BTreeMap<Shape, Vec<(u64, bool)>> = BTreeMap::new();
    let (mut all, mut rows, mut whole) = (0, 0, 0);
    for ((value, n), code) in values.iter().zip(found) {
        all += n;
        if let Some((shape, number)) = Shape::of(value) {
            rows += n;
            whole += if shape.decimals == 0 { *n } else { 0 };
            shapes.entry(shape).or_default().push((number, code.is_some()));
        }
    }
    let is_most = |some: u64| some as f64 >= MOSTLY * all as f64;
    if !is_most(rows) || (!is_most(whole) && shapes.values().map(Vec::len).sum::<usize>() < FEW) {
        return false;
    }
    // By how much likelier each number makes it (Bayes): of codes nearly all are codes, of numbers as many as of those that are drawn.
    let likelier: f64 = shapes
        .iter()
        .map(|(shape, numbers)| {
            let chance = chance(engine, *system, *shape, numbers).clamp(0.01, 0.99);
            let of = |is_code: bool| if is_code { OF_CODES / chance } else { (1.0 - OF_CODES) / (1.0 - chance) };
            numbers.iter().map(|(_, is_code)| of(*is_code).ln()).sum::<f64>()
        })
        .sum();
    likelier < TIMES.ln()
}

/// How many of the numbers between the lowest and the highest are codes.
fn chance(engine: &Engine, system: CodeSystem<'_>, shape: Shape, numbers: &[(u64, bool)]) -> f64 {
    let lowest = numbers.iter().map(|(n, _)| *n).min().unwrap_or(0);
    let highest = numbers.iter().map(|(n, _)| *n).max().unwrap_or(0);
    let between = highest - lowest + 1;
    let drawn: Vec<u64> = match between {
        // Steps of the golden section come to no number twice in a row and have no digit in common, as even ones would.
        DRAWN.. => (1..=DRAWN).map(|i| lowest + ((i as f64 * 0.618_033_988_749_895).fract() * between as f64) as u64).collect(),
        _ => (lowest..=highest).collect(),
    };
    let codes = drawn.iter().filter(|n| is_code(engine, system, &shape.write(**n))).count();
    codes as f64 / drawn.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were_written() {
        for (value, digits, decimals) in [("0250", 4, 0), ("401.9", 4, 1), ("9.0", 1, 0), ("25000.0", 5, 0), ("250.00", 5, 2), ("7", 1, 0)]
        {
            let (shape, number) = Shape::of(value.as_bytes()).unwrap();
            assert_eq!((shape.digits, shape.decimals, &*shape.write(number)), (digits, decimals, value));
        }
        for value in ["V58.61", "", ".5", "12345678", "1e5", "-4", "4.0.1"] {
            assert!(Shape::of(value.as_bytes()).is_none(), "{value}");
        }
    }
}
