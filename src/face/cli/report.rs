//! `xwalk report`: signing off a conversion report, looking whether anything changed since, comparing two.

use super::page::{Ink, Paint, Table, thousands};
use super::{Session, Verdict};
use crate::job::report::{self, Change, Diff, Found, Places, Verified};
use anyhow::Result;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Sign off the report of a conversion, verify that nothing changed since, compare two runs
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Bind your name to the hashes of input, output, report and index. What is not at hand is not looked at, and the signature says so
    Sign {
        /// The report's folder
        dir: PathBuf,
        /// Who signs
        #[arg(long)]
        by: String,
        /// As what
        #[arg(long)]
        role: String,
        #[command(flatten)]
        files: Files,
    },
    /// Whether anything changed since it was signed; exit code 1 if so, if something is not to be found, or if nobody signed.
    /// With --index also whether that is the index that answered
    Verify {
        dir: PathBuf,
        #[command(flatten)]
        files: Files,
    },
    /// What became something else from one run to another, code by code, whether codes and records came as often, and whether the same
    /// was written for unsettled codes; exit code 1 if anything differs. What maps and relationships are called is not compared
    Diff {
        before: PathBuf,
        after: PathBuf,
        /// Print all changes, however many
        #[arg(long)]
        all: bool,
    },
}

// Where the files of the run are.
#[derive(clap::Args)]
struct Files {
    /// Where the input is [default: beside the report]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where the output is [default: beside the report]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the rejects are [default: in the report or beside it]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
}

impl Files {
    fn places(&self) -> Places<'_> {
        Places { input: self.input.as_deref(), output: self.output.as_deref(), rejects: self.rejects.as_deref(), ..Places::default() }
    }
}

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    match args.command {
        Command::Sign { dir, by, role, files } => {
            let signature = report::sign(&dir, &by, &role, files.places())?;
            let text = |paint: Paint| {
                let mut text = format!("{} by {}, {}, at {}\n", paint.good("signed"), signature.name, signature.role, signature.at);
                for what in &signature.not_looked_at {
                    let said = format!("the {what} was not at hand and not looked at (--{what} FILE); the signature says so");
                    let _ = writeln!(text, "{}", paint.doubtful(&said));
                }
                text
            };
            session.output().only(&signature, text)?;
            Ok(Verdict::Settled)
        }
        Command::Verify { dir, files } => {
            let (index, index_is_named) = session.index_at_hand()?;
            let verified = report::verify(&dir, Places { index: index.as_deref(), index_is_named, ..files.places() })?;
            session.output().only(&verified, |paint| verified_text(&verified, paint))?;
            Ok(Verdict::settled_if(verified.holds()))
        }
        Command::Diff { before, after, all } => {
            let diff = report::diff(&before, &after)?;
            session.output().only(&diff, |paint| diff_text(&diff, if all { usize::MAX } else { 40 }, paint))?;
            Ok(Verdict::settled_if(diff.is_none()))
        }
    }
}

fn verified_text(v: &Verified, paint: Paint) -> String {
    let mut page = match &v.signature {
        Some(s) => format!("signed by {}, {}, at {}\n", s.name, s.role, s.at),
        None => format!("{}\n", paint.doubtful("nobody has signed this report")),
    };
    let mut table = Table::default();
    for (what, found) in &v.found {
        let (word, ink) = match found {
            Found::Same => ("same", Ink::Good),
            Found::Changed => ("CHANGED", Ink::Doubtful),
            Found::Missing => ("MISSING", Ink::Doubtful),
            Found::Added => ("ADDED", Ink::Doubtful),
            Found::NotLookedAt => ("NOT FOUND beside the report: name it", Ink::Doubtful),
            Found::Piped => ("went through a pipe: name the file if it was kept", Ink::Dim),
            Found::Another => ("another answers now: name the one that was used to compare it (--index FILE)", Ink::Dim),
            Found::NotCompared => ("not compared: none is at hand", Ink::Dim),
        };
        table.row(2, vec![(what.clone(), Ink::Plain), (word.to_owned(), ink)]);
    }
    page.push_str(&table.print(paint));
    page
}

fn diff_text(d: &Diff, most: usize, paint: Paint) -> String {
    let mut page = String::new();
    let mut list = |title: &str, changes: &[Change]| {
        if changes.is_empty() {
            return;
        }
        let _ = writeln!(page, "{} {title}", thousands(changes.len() as u64));
        let mut table = Table::default();
        for c in changes.iter().take(most) {
            let count = format!("{} / {}", thousands(c.count_before), thousands(c.count_after));
            let values = [(&c.code, Ink::Strong), (&c.before, Ink::Dim), (&c.after, Ink::Plain), (&count, Ink::Dim)];
            table.row(2, values.map(|(text, ink)| (text.clone(), ink)).to_vec());
        }
        page.push_str(&table.print(paint));
        if changes.len() > most {
            let _ = writeln!(page, "  ... and {} more (--all prints them)", thousands((changes.len() - most) as u64));
        }
    };
    list("codes became something else (before, after)", &d.changed);
    list("codes only before", &d.only_before);
    list("codes only after", &d.only_after);
    let often = match d.other_counts {
        0 => String::new(),
        n => format!(", {} of them more or less often", thousands(n)),
    };
    let _ = writeln!(page, "{} codes became the same{often}", thousands(d.same));
    for (outcome, (before, after)) in d.outcomes.iter().filter(|(_, (before, after))| before != after) {
        let _ = writeln!(page, "{outcome}: {} codes before, {} after", thousands(*before), thousands(*after));
    }
    for (column, (before, after)) in &d.unsettled {
        let _ = writeln!(page, "unsettled codes of {column}: {before} before, {after} after");
    }
    for ((before, after), what) in d.records.iter().zip(["in", "out", "rejected"]).filter(|((before, after), _)| before != after) {
        let _ = writeln!(page, "records {what}: {} before, {} after", thousands(*before), thousands(*after));
    }
    if d.not_compared != (0, 0) {
        let (before, after) = (thousands(d.not_compared.0), thousands(d.not_compared.1));
        let _ = writeln!(
            page,
            "{before} texts that are no codes before, {after} after: reports do not show them, so they cannot be compared one by one"
        );
    }
    page
}
