//! What one run of the program works with: the index that is meant, how to print, whom to tell what.

use super::output::{Format, Output};
use super::page::Paint;
use crate::engine::Engine;
use crate::index::Index;
use crate::read::Severity;
use crate::releases::{self, Dirs};
use crate::text;
use anyhow::Context;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// What may stand with every command.
#[derive(clap::Args)]
pub struct GlobalArgs {
    /// Answer from this index [default: embedded, fetched and own releases, compiled into the cache on first use]
    #[arg(long, global = true, value_name = "FILE", env = "XWALK_INDEX", hide_env_values = true, help_heading = "Global options")]
    index: Option<PathBuf>,
    /// How to print answers: for people, as one JSON document, or as one JSON object a line
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    format: Format,
    /// When to colour text; NO_COLOR and CLICOLOR are kept
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Global options")]
    color: When,
    /// Say nothing on standard error but errors
    #[arg(long, short, global = true, help_heading = "Global options")]
    quiet: bool,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum When {
    /// On a terminal
    #[default]
    Auto,
    Always,
    Never,
}

/// One run of the program.
pub struct Session {
    global: GlobalArgs,
    dirs: Dirs,
}

/// An engine, and what keeps its index alive.
pub struct Opened {
    engine: Engine,
    file: PathBuf,
    /// A temporary index goes with this; after the engine, which has it mapped.
    _kept: Option<releases::Index>,
}

impl std::ops::Deref for Opened {
    type Target = Engine;
    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Opened {
    /// Where the index lies.
    pub fn path(&self) -> &std::path::Path {
        &self.file
    }

    /// The same, to be read by people.
    pub fn file(&self) -> String {
        self.file.display().to_string()
    }
}

impl Session {
    pub(super) fn new(global: GlobalArgs) -> Session {
        Session { global, dirs: Dirs::from_env() }
    }

    pub fn dirs(&self) -> &Dirs {
        &self.dirs
    }

    /// Opens the index that is meant. The first use of a set of releases compiles it, which is said.
    pub fn engine(&self) -> anyhow::Result<Opened> {
        let (file, kept) = match &self.global.index {
            Some(file) => (file.clone(), None),
            None => {
                let kept = self.cached()?;
                (kept.path().to_owned(), Some(kept))
            }
        };
        let index = open(&file)?;
        Ok(Opened { engine: Engine::new(Arc::new(index)), file, _kept: kept })
    }

    /// The fingerprint of the index that is meant, and whether somebody named it; one that nobody named may not be there.
    pub fn index_at_hand(&self) -> anyhow::Result<(Option<String>, bool)> {
        let named = self.global.index.is_some();
        match self.engine() {
            Ok(opened) => Ok((Some(opened.index().fingerprint()), named)),
            Err(_) if !named => Ok((None, false)),
            Err(e) => Err(e),
        }
    }

    /// Opens the index that is meant, as often as it is called: a service takes up a new one while it runs.
    #[cfg(feature = "serve")]
    pub fn opener(&self) -> Box<dyn Fn() -> Result<Engine, String> + Send + Sync> {
        let (file, dirs) = (self.global.index.clone(), self.dirs.clone());
        Box::new(move || {
            let kept = match &file {
                Some(_) => None,
                None => Some(releases::index(&dirs, &mut |_| {}, &|_| {}).map_err(|e| e.to_string())?),
            };
            let file = file.as_deref().or_else(|| kept.as_ref().map(releases::Index::path)).unwrap_or(std::path::Path::new(""));
            // A temporary index stays readable as long as it is mapped.
            Ok(Engine::new(Arc::new(open(file).map_err(|e| format!("{e:#}"))?)))
        })
    }

    fn cached(&self) -> anyhow::Result<releases::Index> {
        let mut came = |report: crate::compile::Report| {
            let bad = report.findings_from(Severity::Warning).count();
            let findings = match bad {
                0 => String::new(),
                n => format!("; {n} findings, `xwalk index build -o FILE` prints them"),
            };
            self.say(&format!("compiled {} codes and {} map rows{findings}", report.concepts, report.rows));
        };
        let index = releases::index(&self.dirs, &mut came, &|what| self.say(what))?;
        for note in index.notes() {
            self.warn(note);
        }
        Ok(index)
    }

    /// Where answers go.
    pub fn output(&self) -> Output {
        Output::new(self.global.format, self.paint(&std::io::stdout()))
    }

    /// The colours of standard error.
    pub fn error_paint(&self) -> Paint {
        self.paint(&std::io::stderr())
    }

    fn paint(&self, stream: &impl anstream::stream::RawStream) -> Paint {
        Paint(match self.global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
        })
    }

    /// Tells a person at a terminal what goes on; programs are not bothered.
    pub fn say(&self, what: &str) {
        if std::io::stderr().is_terminal() {
            self.warn(what);
        }
    }

    /// Tells whoever reads standard error what they should know.
    pub fn warn(&self, what: &str) {
        if !self.global.quiet {
            let dim = self.paint(&std::io::stderr());
            // Nobody may be reading; answers matter more.
            let _ = writeln!(std::io::stderr(), "{}", dim.dim(&format!("xwalk: {what}")));
        }
    }

    pub(super) fn complain(&self, what: &str) {
        let paint = self.paint(&std::io::stderr());
        let _ = writeln!(std::io::stderr(), "{} {what}", paint.bad("xwalk: error:"));
    }
}

/// Opens an index file by name.
pub fn open(file: &std::path::Path) -> anyhow::Result<Index> {
    Index::open(file, text::VERSION).with_context(|| format!("cannot answer from {}", file.display()))
}
