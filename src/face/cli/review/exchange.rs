//! `xwalk review import` and `export`.

use super::{Acting, Look, Session, Verdict, held};
use crate::decisions::exchange::{self, Concepts, Context, Format, SystemName};
use crate::decisions::{By, Store};
use crate::engine::Engine;
use anyhow::{Context as _, bail};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FORMATS: &str = "csv, usagi, snap2snomed, sssom, fhir-r4, fhir-r5, omop";

#[derive(clap::Args)]
pub struct Import {
    #[command(flatten)]
    acting: Acting,
    /// The file; of a job's report (a folder), its review.csv
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// csv (own, and a job's review.csv), usagi, snap2snomed, sssom, fhir-r4, fhir-r5, omop
    #[arg(long = "as", default_value = "csv", value_name = "FORMAT")]
    exchange: String,
    /// Source system, where the file names none
    #[arg(long, value_name = "S")]
    from: Option<String>,
    /// Target system, where the file names none
    #[arg(long, value_name = "S")]
    to: Option<String>,
    /// Athena's CONCEPT.csv, for formats that know codes by OMOP concept id
    #[arg(long, value_name = "FILE")]
    concepts: Option<PathBuf>,
    /// Name of the run that asks; the same name again replaces its record counts [default: the file's name]
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,
    /// Let the file's answers take the place of settled ones
    #[arg(long)]
    replace: bool,
}

#[derive(clap::Args)]
pub struct Export {
    #[command(flatten)]
    look: Look,
    /// Where to; `-` is standard output
    #[arg(short, long, default_value = "-", value_name = "FILE")]
    output: PathBuf,
    /// csv, usagi, snap2snomed, sssom, fhir-r4, fhir-r5, omop
    ///
    /// csv and fhir hold everything but the history. snap2snomed and omop have no place for a record's words (answers for certain words are
    /// left out, and counted) nor for groups (a combination comes back as alternatives, flagged); omop has approved answers only. sssom has
    /// answers only. usagi and omop name codes by OMOP concept id (--concepts).
    #[arg(long = "as", default_value = "csv", value_name = "FORMAT")]
    exchange: String,
    /// Athena's CONCEPT.csv, for formats that know codes by OMOP concept id
    #[arg(long, value_name = "FILE")]
    concepts: Option<PathBuf>,
    /// The name of the set, a URI (SSSOM, FHIR)
    #[arg(long, value_name = "URI")]
    set: Option<String>,
}

pub fn import(args: &Import, session: &Session) -> anyhow::Result<Verdict> {
    let format = format(&args.exchange)?;
    let engine = session.engine()?;
    let alias = |name: &Option<String>| -> anyhow::Result<String> {
        // A system of the user's own need not be in the index.
        Ok(name.as_ref().map_or_else(String::new, |n| engine.system(n).map_or_else(|_| n.clone(), |s| s.alias().to_owned())))
    };
    let mut context = context(&engine, args.concepts.as_deref(), None)?;
    (context.source_system, context.target_system) = (alias(&args.from)?, alias(&args.to)?);
    let path = if args.file.is_dir() { args.file.join("review.csv") } else { args.file.clone() };
    let name = || path.display().to_string();
    let mut file = BufReader::new(File::open(&path).with_context(|| format!("cannot open {}", name()))?);
    let readout = exchange::read(&mut file, format, &context).with_context(name)?;
    let store = Store::create(&args.acting.file.decisions)?;
    let batch = args.batch.clone().unwrap_or_else(|| args.file.file_name().map_or_else(name, |n| n.to_string_lossy().into_owned()));
    let index = engine.index().fingerprint();
    let by = By { who: &args.acting.by, why: "", index: &index };
    let done = exchange::import(&store, readout, Some(&engine), &batch, by, args.replace)?;
    for problem in &done.problems {
        session.warn(&format!("{}:{}: {}", name(), problem.line, problem.what));
    }
    if done.proposed > 0 {
        session.warn(&format!(
            "{} answers that the file calls approved name nobody but their author as approver: taken in as proposed, for a second person to \
             approve (`xwalk review rules --self-approval allowed` lets authors approve their own)",
            done.proposed
        ));
    }
    if done.unasked > 0 {
        session.warn(&format!(
            "{} rows are no questions for review: of what code system they are, their records do not say; say it in the job (--values) and run \
             it again",
            done.unasked
        ));
    }
    session.warn(&format!(
        "{} new items, {} were there, {} answered, {} kept their settled answer, {} problems",
        done.new,
        done.known,
        done.decided,
        done.kept,
        done.problems.len()
    ));
    Ok(Verdict::settled_if(done.problems.is_empty() && done.kept == 0 && done.proposed == 0))
}

pub fn export(args: &Export, session: &Session) -> anyhow::Result<Verdict> {
    let format = format(&args.exchange)?;
    let engine = session.engine()?;
    let store = Arc::new(Store::read(&args.look.file.decisions)?);
    let filter = args.look.filter.filter(|| held(&engine, &store, None))?;
    let context = context(&engine, args.concepts.as_deref(), args.set.clone())?;
    let told = |written: exchange::Written| {
        if written.left_out > 0 {
            session.warn(&format!(
                "{} answers for certain words or facts were not written: {} has no place for those, and without them it would be an answer \
                 for every record of the code (csv, usagi, sssom and fhir have)",
                written.left_out,
                format.code()
            ));
        }
        if written.without_concept > 0 {
            session.warn(&format!(
                "{} codes have no OMOP concept id here and stand as concept 0, which Usagi takes for none; give Athena's CONCEPT.csv, with \
                 their vocabulary, by --concepts",
                written.without_concept
            ));
        }
        Verdict::settled_if(written.left_out == 0 && written.without_concept == 0)
    };
    if args.output == Path::new("-") {
        let mut out = BufWriter::new(std::io::stdout().lock());
        let written = exchange::export(&store, &filter, format, &context, &mut out)?;
        out.flush()?;
        return Ok(told(written));
    }
    // Whole or not at all.
    let folder = args.output.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).with_context(|| format!("cannot write in {}", folder.display()))?;
    let written = exchange::export(&store, &filter, format, &context, &mut BufWriter::new(temporary.as_file_mut()))?;
    temporary.as_file().sync_all()?;
    temporary.persist(&args.output).with_context(|| format!("cannot write {}", args.output.display()))?;
    session.say(&format!("{} items written", written.items));
    Ok(told(written))
}

fn format(code: &str) -> anyhow::Result<Format> {
    Format::from_code(code).with_context(|| format!("no format `{code}`; there are {FORMATS}"))
}

fn context(engine: &Engine, concepts: Option<&Path>, set: Option<String>) -> anyhow::Result<Context> {
    let systems: Vec<SystemName> = engine
        .index()
        .systems()
        .map(|s| SystemName { alias: s.alias().to_owned(), uri: s.uri().to_owned(), version: s.version().to_owned() })
        .collect();
    let concepts = match concepts {
        None => Concepts::default(),
        Some(path) => {
            let aliases: Vec<&str> = systems.iter().map(|s| s.alias.as_str()).collect();
            let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
            let concepts = Concepts::read(&mut BufReader::new(file), &aliases).with_context(|| path.display().to_string())?;
            if concepts.is_empty() {
                bail!("{} has no concept of the loaded systems", path.display());
            }
            concepts
        }
    };
    Ok(Context { systems, concepts, set: set.unwrap_or_default(), ..Context::default() })
}
