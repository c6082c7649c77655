//! The run: places checked, records pumped through, the ledger balanced, and only then everything put in place.

use super::duplicates::Duplicates;
#[cfg(feature = "parquet")]
use super::format::columnar::Table;
use super::format::delimited::Delimited;
use super::format::dialect::Dialect;
use super::format::ndjson::{self, Ndjson};
use super::input::{Input, InputFacts, TextEncoding, display_name};
use super::ledger::Ledger;
use super::output::{self, Output, OutputFacts, OutputState, Stopped, part_of};
use super::pump::{self, Reader};
use super::report::Document;
use super::spec::{CodeColumn, Job, RecordFormat};
use super::work::{Layout, Work, appended};
use super::{Error, places, resume};
use crate::engine::Engine;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What came of a job.
#[derive(Clone, Debug)]
pub struct Run {
    pub input: InputFacts,
    pub output: OutputFacts,
    pub rejects: Option<OutputFacts>,
    /// Where rejects are, if there are any.
    pub rejects_at: Option<PathBuf>,
    pub ledger: Ledger,
    /// What came again; looked for where the job names a key.
    pub duplicates: Option<Duplicates>,
    /// Fingerprint of the index that answered.
    pub index: String,
    /// Digest of the reviewers' decisions that were asked.
    pub decisions: Option<String>,
    /// What [`Job::resume`] knows the run by; empty where it cannot be gone on with.
    pub identity: String,
    /// What was converted, by whom and how, in words: column, systems, policy.
    pub columns: Vec<ColumnFacts>,
    pub format: RecordFormat,
    pub started: jiff::Timestamp,
    pub seconds: f64,
    /// What the report says, if one was written.
    pub document: Option<Box<Document>>,
}

/// One code column of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnFacts {
    pub column: String,
    /// Alias, `text`, or `by COLUMN`.
    pub from: String,
    /// Alias.
    pub to: String,
    /// The maps that were asked, `id|version`, in order.
    pub maps: Vec<String>,
    /// What the job says of it.
    pub spec: CodeColumn,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub bytes: u64,
    /// `None`: standard input.
    pub of: Option<u64>,
    pub records: u64,
}

/// Runs a job to its end.
///
/// # Errors
/// Everything that keeps the whole from being done; then nothing is in place. Bad records and unsettled codes are no errors, they are
/// in the [`Run::ledger`].
pub fn convert(job: &Job, engine: &Engine, progress: &mut dyn FnMut(Progress)) -> Result<Run, Error> {
    let clock = Instant::now();
    job.check()?;
    let job = &places::checked(job)?;
    let format = job.records();
    let (source, mut work) = prepare(job, engine, format)?;
    let stage = Stage::begin(job, &mut work, engine)?;
    match source.run(job, format, &mut work, &stage, progress).and_then(|done| balance(done, job, engine, format, &mut work)) {
        Ok((output, mut run)) => {
            run.seconds = clock.elapsed().as_secs_f64();
            // The answers have been given, and the report takes room, too.
            let rejects = work.rejects.take();
            drop(work);
            run.document = stage.publish(job, engine, &run, output, rejects)?.map(Box::new);
            Ok(run)
        }
        Err(stopped) => {
            let (error, output) = *stopped;
            if !stage.goes_on(&error) {
                output.into_iter().for_each(Output::discard);
                work.discard();
                stage.discard();
            }
            Err(error)
        }
    }
}

/// Where records come from, looked at but not read.
enum Source {
    Text(Input, Reader),
    #[cfg(feature = "parquet")]
    Table(Table),
}

/// Files that are complete, and not yet in their places.
type Done = (InputFacts, Output, OutputFacts);

/// Looks at the input until its layout is known, and finds the columns in it.
fn prepare<'e>(job: &Job, engine: &'e Engine, format: RecordFormat) -> Result<(Source, Work<'e>), Error> {
    let file = display_name(&job.input);
    if matches!(format, RecordFormat::Parquet | RecordFormat::Arrow) {
        return prepare_table(job, engine, format);
    }
    let mut input = Input::open(&job.input, job.encoding.as_deref())?;
    if matches!(format, RecordFormat::Ndjson) {
        input.encoding = ndjson::encoding(job, input.encoding)?;
        if input.sample.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::Empty { file });
        }
        let layout = Layout { header: None, dialect: &|name| Dialect::Json(appended(name)) };
        let work = Work::new(job, engine, &layout, input.encoding)?;
        return Ok((Source::Text(input, Reader::Ndjson(Ndjson::new(job))), work));
    }
    let (d, header) = Delimited::detect(job, format, &input.sample, input.encoding, &file)?;
    let (delimiter, quote) = (d.delimiter, d.quote);
    let layout = Layout { header: Some(&header), dialect: &|_| Dialect::Delimited { delimiter, quote } };
    let work = Work::new(job, engine, &layout, input.encoding)?;
    Ok((Source::Text(input, Reader::Delimited(d)), work))
}

#[cfg(feature = "parquet")]
fn prepare_table<'e>(job: &Job, engine: &'e Engine, format: RecordFormat) -> Result<(Source, Work<'e>), Error> {
    if job.output.as_os_str() == "-" {
        return Err(Error::Unsupported { what: format!("{} is written to a file, not to a pipe; name one", format.code()) });
    }
    let table = Table::open(job, format)?;
    let layout = Layout { header: Some(&table.header()), dialect: &|_| Dialect::Cells };
    let work = Work::new(job, engine, &layout, TextEncoding::Utf8)?;
    Ok((Source::Table(table), work))
}

#[cfg(not(feature = "parquet"))]
fn prepare_table<'e>(_: &Job, _: &'e Engine, format: RecordFormat) -> Result<(Source, Work<'e>), Error> {
    Err(Error::Unsupported { what: format!("this xwalk was built without {} (feature `parquet`)", format.code()) })
}

impl Source {
    /// Reads, converts and writes everything.
    fn run(
        self,
        job: &Job,
        format: RecordFormat,
        work: &mut Work<'_>,
        stage: &Stage,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Done, Stopped> {
        match self {
            #[cfg(feature = "parquet")]
            Source::Table(table) => {
                let output = stage.output(job, TextEncoding::Utf8, work).map_err(|e| Box::new((e, None)))?;
                table.run(job, format, output, work, progress)
            }
            Source::Text(mut input, mut reader) => {
                let _ = format;
                let output = stage.output(job, input.encoding, work).map_err(|e| Box::new((e, None)))?;
                if work.text > 0 {
                    reader.begun();
                    if let Err(e) = input.skip(work.text) {
                        return Err(Box::new((e, Some(output))));
                    }
                }
                let (input, mut output) = pump::pump(job, input, output, &mut reader, work, progress)?;
                if let Err(e) = reader.check(work) {
                    return Err(Box::new((e, Some(output))));
                }
                match input.finish().and_then(|input| Ok((input, output.finish()?))) {
                    Ok((input, facts)) => Ok((input, output, facts)),
                    Err(e) => Err(Box::new((e, Some(output)))),
                }
            }
        }
    }
}

/// Holds the ledger against itself, and says what came of the run.
fn balance(
    (input, output, facts): Done,
    job: &Job,
    engine: &Engine,
    format: RecordFormat,
    work: &mut Work<'_>,
) -> Result<(Output, Run), Stopped> {
    work.settle_counts();
    let checked = (|| {
        work.ledger.check(work.seen)?;
        work.replace_stale_rejects()?;
        Ok((work.rejects.as_mut().map(Output::finish).transpose()?, work.repetitions()?))
    })();
    match checked {
        Err(e) => Err(Box::new((e, Some(output)))),
        Ok((rejects, duplicates)) => {
            let run = Run {
                input,
                output: facts,
                rejects,
                rejects_at: places::rejects(job),
                columns: work.column_facts(),
                ledger: std::mem::take(&mut work.ledger),
                duplicates,
                index: engine.index().fingerprint(),
                decisions: engine.overlay().map(|decisions| decisions.digest()),
                identity: work.identity.clone(),
                format,
                started: work.started.parse().unwrap_or_else(|_| jiff::Timestamp::now()),
                seconds: 0.0,
                document: None,
            };
            Ok((output, run))
        }
    }
}

/// Whoever goes on until all is done has to learn that it is: the report in its place is of this very run, and so is the output.
fn refuse_if_done(job: &Job, identity: &str) -> Result<(), Error> {
    let found = job.report.as_deref().and_then(|report| super::report::document(report).ok());
    let Some(document) = found.filter(|d| d.run.identity == identity) else { return Ok(()) };
    let is_there = |path: &Path, hash: &str| super::report::hash_of(path).is_ok_and(|found| found.as_deref() == Some(hash));
    let rejects = document.rejects.as_ref().zip(places::rejects(job));
    let is_done = is_there(&job.output, &document.output.blake3) && rejects.is_none_or(|(part, path)| is_there(&path, &part.blake3));
    if is_done { Err(Error::Done(Box::new(document))) } else { Ok(()) }
}

/// What stands beside the places of output and report until they are complete.
struct Stage {
    /// The report, until it is renamed into its place.
    report: Option<PathBuf>,
    /// Keeps others from writing into it.
    lock: Option<File>,
    /// Where it is noted how far the run is.
    state: Option<PathBuf>,
    /// How far an earlier run had come.
    begun: Option<OutputState>,
    since: Instant,
    checkpoint: Duration,
}

impl Stage {
    /// Takes up what a killed run left, or clears it away.
    fn begin(job: &Job, work: &mut Work<'_>, engine: &Engine) -> Result<Stage, Error> {
        let report = job.report.as_deref().map(part_of);
        let mut stage =
            Stage { report, lock: None, state: resume::place(job), begun: None, since: Instant::now(), checkpoint: job.checkpoint };
        work.started = jiff::Timestamp::now().to_string();
        if stage.state.is_some() {
            output::check_free(&job.output)?;
        }
        if let Some(rejects) = places::rejects(job) {
            output::check_free(&rejects)?;
        }
        places::check_report_free(job)?;
        places::check_leavings(job)?;
        let Some(place) = &stage.state else {
            stage.lock(job)?;
            places::clear_rejects(job);
            stage.clear()?;
            return Ok(stage);
        };
        let piped = job.input.as_os_str() == "-";
        work.identity = if piped { String::new() } else { resume::identity(job, engine)? };
        if job.resume {
            if piped {
                return Err(Error::Unsupported {
                    what: String::from("--resume needs an input that can be read again; standard input cannot"),
                });
            }
            let found = resume::read(place, &work.identity)?;
            if found.is_none() {
                refuse_if_done(job, &work.identity)?;
            }
            if let (Some(_), Some(report), Some(staged)) = (&found, &job.report, &stage.report)
                && report.join("report.json").is_file()
            {
                // The run was killed between two renames; its report waits for its output again.
                let _ = std::fs::remove_dir_all(staged);
                std::fs::rename(report, staged).map_err(|e| Error::io("rename to", staged, e))?;
            }
            // What may come again is gathered in files without a name, which went with the run.
            if let Some((state, output)) = found.filter(|(state, _)| state.text > 0 && job.key.is_empty())
                && work.resume(state)?
            {
                stage.begun = Some(output);
            }
        }
        if let Some(report) = job.report.as_ref().filter(|r| r.exists()) {
            return Err(Error::Exists { what: "the report folder", path: report.display().to_string() });
        }
        stage.lock(job)?;
        if stage.begun.is_none() {
            places::clear_rejects(job);
            stage.clear()?;
        }
        Ok(stage)
    }

    /// Makes the folder of the report to be, for this run alone.
    fn lock(&mut self, job: &Job) -> Result<(), Error> {
        if let (Some(staged), Some(place)) = (&self.report, &job.report) {
            self.lock = Some(places::lock_report(staged, place)?);
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), Error> {
        self.report.as_deref().map_or(Ok(()), places::clear_report)
    }

    /// The output, begun or gone on with.
    fn output(&self, job: &Job, encoding: TextEncoding, work: &mut Work<'_>) -> Result<Output, Error> {
        if let Some(begun) = &self.begun {
            match Output::resume(&job.output, encoding, job.sync, begun)? {
                Some(output) => return Ok(output),
                // What was noted is not there: from the beginning, then.
                None => work.restart(),
            }
        }
        // The note first: what stands beside the output without one is not ours.
        if let Some(place) = &self.state {
            resume::begin(place, &work.state())?;
            resume::complete(place, &OutputState::default())?;
        }
        let output = Output::create(&job.output, encoding, job.sync)?;
        if job.remove_old {
            output.remove_old()?;
        }
        Ok(output)
    }

    /// The report first, the output last: where the output stands, everything does.
    fn publish(&self, job: &Job, engine: &Engine, run: &Run, output: Output, rejects: Option<Output>) -> Result<Option<Document>, Error> {
        let document = match self.report.as_ref().map(|folder| super::report::write(folder, job, engine, run)).transpose() {
            Ok(document) => document,
            Err(e) => {
                if !self.goes_on(&e) {
                    output.discard();
                    rejects.into_iter().for_each(Output::discard);
                    self.discard();
                }
                return Err(e);
            }
        };
        rejects.map_or(Ok(()), Output::publish)?;
        if let (Some(folder), Some(place)) = (&self.report, &job.report) {
            places::end_report(folder, place)?;
        }
        output.publish()?;
        if let Some(state) = &self.state {
            resume::clear(state);
        }
        Ok(document)
    }

    /// Whether what was written stays for a run that goes on (`--resume`). After a full or failing disk it can, if something was noted. What a
    /// run had gone on with already is kept whatever came after it: it may be hours of work.
    fn goes_on(&self, error: &Error) -> bool {
        match error {
            Error::Changed { .. } => false,
            _ if self.begun.is_some() => true,
            Error::DiskFull { .. } | Error::Io { .. } => self.state.is_some() && self.since.elapsed() >= self.checkpoint,
            _ => false,
        }
    }

    fn discard(&self) {
        if let Some(staged) = &self.report {
            let _ = std::fs::remove_dir_all(staged);
        }
        if let Some(state) = &self.state {
            resume::clear(state);
        }
    }
}
