//! The command line: grammar and output, one file per command.
//!
//! A command is a module with an `Args` (what may be typed) and a `run` (ask the engine, print what it says); adding one is its `mod`
//! line and its line in `commands!`. What all commands share is in `session` (the index that is meant), `subjects` (arguments or
//! standard input), `output` (text, JSON, NDJSON) and `page` (columns and colours for people).
//!
//! Exit codes: 0 all settled, 1 something left unsettled or invalid, 2 could not run. A reader that closes the pipe has had enough: 0.

#[cfg(feature = "serve")]
mod audit;
mod completions;
mod convert;
mod fetch;
mod generate;
mod index;
mod lookup;
mod man;
mod options;
mod output;
mod page;
mod profile;
mod report;
mod review;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod session;
mod subjects;
mod subsumes;
#[cfg(feature = "serve")]
mod token;
mod translate;
mod validate;

pub use session::Session;

use clap::Parser;
use std::io;
use std::process::ExitCode;

/// Whether everything that was asked is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Settled,
    /// Something is left for a person, or is invalid.
    Unsettled,
}

impl Verdict {
    pub fn settled_if(settled: bool) -> Verdict {
        if settled { Verdict::Settled } else { Verdict::Unsettled }
    }

    pub fn and(self, other: Verdict) -> Verdict {
        Verdict::settled_if(self == Verdict::Settled && other == Verdict::Settled)
    }
}

macro_rules! commands {
    ($($(#[$attribute:meta])* $variant:ident => $module:ident),* $(,)?) => {
        #[derive(clap::Subcommand)]
        #[allow(clippy::large_enum_variant, reason = "one is made, once")]
        enum Command { $($(#[$attribute])* $variant($module::Args)),* }

        impl Command {
            fn run(self, session: &Session) -> anyhow::Result<Verdict> {
                match self { $($(#[$attribute])* Command::$variant(args) => $module::run(args, session)),* }
            }
        }
    };
}

commands! {
    Lookup => lookup,
    Validate => validate,
    Subsumes => subsumes,
    Translate => translate,
    Search => search,
    Convert => convert,
    Profile => profile,
    Report => report,
    Review => review,
    Index => index,
    Fetch => fetch,
    #[cfg(feature = "serve")]
    Serve => serve,
    #[cfg(feature = "serve")]
    Token => token,
    #[cfg(feature = "serve")]
    Audit => audit,
    Completions => completions,
    Man => man,
    Generate => generate,
}

/// Translate, validate and look up medical codes: ICD-9-CM, ICD-10-CM, ICD-10-PCS, SNOMED CT, CPT, HCPCS and the maps between them.
#[derive(Parser)]
#[command(name = "xwalk", version, after_help = AFTER_HELP, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: session::GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Systems: icd9cm (diagnoses), icd9proc (volume 3), icd10cm, icd10pcs, snomed, cpt, hcpcs, loinc, rxnorm; canonical URIs, OIDs and HL7 v2 \
names (I9C, I10, SCT, C4 ...) name the same.

Exit codes: 0 all settled; 1 something left unsettled or invalid; 2 could not run.

Environment: XDG_DATA_HOME (what `xwalk fetch` keeps, your own releases), XDG_CACHE_HOME (compiled indexes), XWALK_INDEX (as --index), \
NO_COLOR.";

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let session = Session::new(cli.global);
    match cli.command.run(&session) {
        Ok(Verdict::Settled) => ExitCode::SUCCESS,
        Ok(Verdict::Unsettled) => ExitCode::from(1),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            session.complain(&in_words(&error));
            ExitCode::from(2)
        }
    }
}

/// An error and its causes, but for those that it has already quoted.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !words.contains(&cause) {
            words.push_str(": ");
            words.push_str(&cause);
        }
    }
    words
}

/// Whether the reader of our output has gone.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe))
}

/// The grammar as a value, for completions and the manual.
fn grammar() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_grammar_is_sound() {
        super::grammar().debug_assert();
    }
}
