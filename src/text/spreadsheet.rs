//! Texts as cells of a table that somebody may open in a spreadsheet: never a formula, and back again.

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A text as a cell: never a formula.
pub fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) || text.starts_with('\'') { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// A cell as a text.
pub fn text(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(FORMULA) || rest.starts_with('\'')).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_never_formulas_and_come_back_as_they_were() {
        for t in ["", "=cmd|' /C calc'!A0", "+1", "-1", "@x", "'", "''", "'=x", "plain", "\tx", "a=b", "\u{ff1d}x"] {
            let c = cell(t);
            assert!(!c.starts_with(FORMULA), "{t}");
            assert_eq!(text(&c), t);
        }
        assert_eq!(text("'tis"), "'tis", "what others wrote stays");
    }
}
