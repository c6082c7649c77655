//! Versions of releases: which is the newer.

use std::cmp::Ordering;

/// `2013` < `2018`, `9` < `10`, `2024` < `2024-04`: runs of digits as numbers, the rest as text.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (Some(x), Some(y)) = (a.first(), b.first()) else { return a.len().cmp(&b.len()) };
        if x.is_ascii_digit() && y.is_ascii_digit() {
            let ((m, rest_a), (n, rest_b)) = (number(a), number(b));
            match m.len().cmp(&n.len()).then_with(|| m.cmp(n)) {
                Ordering::Equal => (a, b) = (rest_a, rest_b),
                unequal => return unequal,
            }
        } else {
            match x.cmp(y) {
                Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
                unequal => return unequal,
            }
        }
    }
}

/// The digits at the head of a text, without zeros before them, and what follows.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let zeros = text.iter().take_while(|b| **b == b'0').count();
    let end = zeros + text[zeros..].iter().take_while(|b| b.is_ascii_digit()).count();
    (&text[zeros..end], &text[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_people_do() {
        for (a, b) in [("2013", "2018"), ("9", "10"), ("2024", "2024-04"), ("2024-04", "2025"), ("v9", "v10"), ("1.2", "1.10")] {
            assert_eq!(compare_versions(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(compare_versions(b, a), Ordering::Greater, "{b} {a}");
        }
        assert_eq!(compare_versions("2018", "2018"), Ordering::Equal);
    }
}
