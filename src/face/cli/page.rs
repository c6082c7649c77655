//! Columns and colours for people.

pub(crate) use crate::job::report::style::{percent, percents, thousands};
use std::fmt::Write as _;

/// Colours, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, style: anstyle::Style, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
    fn colour(self, colour: anstyle::AnsiColor, text: &str) -> String {
        self.with(anstyle::Style::new().fg_color(Some(colour.into())), text)
    }
    /// A code, a heading.
    pub fn strong(self, text: &str) -> String {
        self.with(anstyle::Style::new().bold(), text)
    }
    /// What one may skip.
    pub fn dim(self, text: &str) -> String {
        self.with(anstyle::Style::new().dimmed(), text)
    }
    pub fn good(self, text: &str) -> String {
        self.colour(anstyle::AnsiColor::Green, text)
    }
    /// What a person should look at.
    pub fn doubtful(self, text: &str) -> String {
        self.colour(anstyle::AnsiColor::Yellow, text)
    }
    pub fn bad(self, text: &str) -> String {
        self.colour(anstyle::AnsiColor::Red, text)
    }
}

/// How a cell is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Strong,
    Dim,
    Good,
    Doubtful,
}

/// Lines of which the cells stand below each other; other lines may stand between them.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
}

enum Line {
    Cells { indent: usize, cells: Vec<(String, Ink)> },
    Whole(String),
}

/// A column wider than this does not push the next one out for everybody.
const WIDEST: usize = 76;

impl Table {
    pub fn row(&mut self, indent: usize, cells: Vec<(String, Ink)>) {
        self.lines.push(Line::Cells { indent, cells });
    }

    /// A line across all columns; painted already.
    pub fn line(&mut self, text: String) {
        self.lines.push(Line::Whole(text));
    }

    pub fn print(&self, paint: Paint) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for line in &self.lines {
            let Line::Cells { indent, cells } = line else { continue };
            for (i, (text, _)) in cells.iter().enumerate() {
                let width = text.chars().count() + if i == 0 { *indent } else { 0 };
                match widths.get_mut(i) {
                    Some(w) => *w = (*w).max(width.min(WIDEST)),
                    None => widths.push(width.min(WIDEST)),
                }
            }
        }
        let mut page = String::new();
        for line in &self.lines {
            match line {
                Line::Whole(text) => page.push_str(text),
                Line::Cells { indent, cells } => {
                    page.extend(std::iter::repeat_n(' ', *indent));
                    let last = cells.iter().rposition(|(text, _)| !text.is_empty()).unwrap_or(0);
                    for (i, (text, ink)) in cells.iter().enumerate().take(last + 1) {
                        let taken = text.chars().count() + if i == 0 { *indent } else { 0 };
                        page.push_str(&painted(paint, *ink, text));
                        if i < last {
                            let _ = write!(page, "{:1$}", "", widths[i].saturating_sub(taken) + 2);
                        }
                    }
                }
            }
            page.push('\n');
        }
        page
    }
}

fn painted(paint: Paint, ink: Ink, text: &str) -> String {
    match ink {
        Ink::Plain => text.to_owned(),
        Ink::Strong => paint.strong(text),
        Ink::Dim => paint.dim(text),
        Ink::Good => paint.good(text),
        Ink::Doubtful => paint.doubtful(text),
    }
}

/// `3 codes`, `1 code`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number as u64), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::default();
        let cell = |text: &str| (text.to_owned(), Ink::Plain);
        table.row(2, vec![cell("E08.65"), cell("Ménière"), cell("x")]);
        table.line("between".to_owned());
        table.row(0, vec![cell("A"), cell("long enough"), cell("y")]);
        table.row(0, vec![cell("B"), cell("no end"), cell("")]);
        assert_eq!(table.print(Paint(false)), "  E08.65  Ménière      x\nbetween\nA         long enough  y\nB         no end\n");
    }

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
    }
}
