//! Parquet and Arrow IPC (the file format): batches of columns in, the same batches and the appended columns out.
//!
//! A code or fact may stand in any type that has a text (text, dictionaries, numbers, dates); lists of codes are joined by the column's
//! `split`. Of the table nothing is changed but that rejected rows are left out. Such a file is written from one end to the other: a killed
//! run begins anew, with the same bytes.

mod times;

use super::super::input::{InputFacts, display_name};
use super::super::output::{Output, OutputFacts, Stopped};
use super::super::spec::{Job, RecordFormat};
use super::super::work::Work;
use super::super::{Error, Progress};
use crate::job::ledger::RejectReason;
use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, StringArray, new_empty_array};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_cast::{can_cast_types, cast};
use arrow_ipc::{reader::FileReader, writer::FileWriter};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter};
use parquet::basic::{Compression, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rows of a row group, which is in memory while it is written.
const GROUP: usize = 1 << 16;
/// Rows that are read at a time.
const BATCH: usize = 1 << 13;
/// Zones by name that need no table of zones. Of any other nobody knows which day it was.
const UTC: [&str; 5] = ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "Z"];

/// Notes of a Parquet file that describe its columns for one reader (Arrow, Spark, Avro, Iceberg, Protocol Buffers, Thrift), which would
/// not see by them what is appended.
const OF_SCHEMAS: [&str; 9] = [
    ARROW_SCHEMA_META_KEY,
    "org.apache.spark.sql.parquet.row.metadata",
    "parquet.avro.schema",
    "avro.schema",
    "iceberg.schema",
    "parquet.proto.class",
    "parquet.proto.descriptor",
    "thrift.class",
    "thrift.descriptor",
];

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// A table that is read.
pub(in super::super) struct Table {
    path: PathBuf,
    metadata: Metadata,
    schema: SchemaRef,
    batches: Batches,
    rows: Option<u64>,
    /// How a Parquet file is written: as this one was.
    properties: Box<WriterProperties>,
    hash: String,
}

impl Table {
    pub fn open(job: &Job, format: RecordFormat) -> Result<Table, Error> {
        let path = job.input.clone();
        if job.input.as_os_str() == "-" {
            return Err(Error::Unsupported { what: format!("{} is read from a file, not from a pipe; name one", format.code()) });
        }
        let fail = |e| Error::io("open", &path, e);
        let mut file = File::open(&path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        let mut hash = blake3::Hasher::new();
        io::copy(&mut file, &mut hash).map_err(|e| Error::io("read", &path, e))?;
        let file = File::open(&path).map_err(fail)?;
        let broken = |e: ArrowError| damaged(&path, &e);
        let (schema, batches, rows, properties): (_, Batches, _, _) = match format {
            RecordFormat::Parquet => {
                let again = || file.try_clone().map_err(fail);
                let mut reader = ParquetRecordBatchReaderBuilder::try_new(again()?).map_err(|e| broken(e.into()))?;
                let schema = times::schema(&path, reader.schema(), reader.metadata(), again()?)?;
                if schema != *reader.schema() {
                    let options = ArrowReaderOptions::new().with_schema(schema.clone());
                    reader = ParquetRecordBatchReaderBuilder::try_new_with_options(again()?, options).map_err(|e| broken(e.into()))?;
                }
                let rows = reader.metadata().file_metadata().num_rows() as u64;
                let properties = Box::new(as_it_was(reader.metadata(), &schema));
                let batches = reader.with_batch_size(BATCH).build().map_err(|e| broken(e.into()))?;
                (schema, Box::new(batches), Some(rows), properties)
            }
            _ => {
                let reader = FileReader::try_new_buffered(file, None).map_err(broken)?;
                (reader.schema(), Box::new(reader), None, Box::default())
            }
        };
        Ok(Table { path, metadata, schema, batches, rows, properties, hash: hash.finalize().to_hex().to_string() })
    }

    pub fn header(&self) -> Vec<String> {
        self.schema.fields().iter().map(|f| f.name().clone()).collect()
    }

    /// The places of columns that have no text (structs, say).
    pub fn without_text(&self) -> Vec<usize> {
        let fields = self.schema.fields().iter().enumerate();
        fields.filter(|(_, field)| !has_text(field.data_type())).map(|(place, _)| place).collect()
    }

    /// Shows every row, as one text and by its values.
    pub fn each(mut self, show: &mut Show<'_>) -> Result<InputFacts, Error> {
        for batch in &mut self.batches {
            let batch = batch.map_err(|e| damaged(&self.path, &e))?;
            // What has no text is not looked at.
            let texts: Vec<Option<StringArray>> = batch.columns().iter().map(|c| text(c, " ").ok()).collect();
            let mut fields = vec![vec![Some(&b""[..]); texts.len()]; batch.num_rows()];
            for (at, texts) in texts.iter().enumerate() {
                let Some(texts) = texts else { continue };
                texts.iter().enumerate().for_each(|(row, value)| fields[row][at] = Some(value.unwrap_or_default().as_bytes()));
                without_text(batch.column(at), texts).for_each(|row| fields[row][at] = None);
            }
            fields.iter().enumerate().for_each(|(row, fields)| show(&row_text(&batch, row), fields));
        }
        let bytes = self.metadata.len();
        Ok(InputFacts { name: display_name(&self.path), bytes, hash: self.hash, encoding: "UTF-8", compression: None, piped: false })
    }

    /// Converts the whole table. After a failure the output comes back, as far as it was written.
    pub fn run(
        self,
        job: &Job,
        format: RecordFormat,
        output: Output,
        work: &mut Work<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(InputFacts, Output, OutputFacts), Stopped> {
        let shared = Shared(Arc::new(Mutex::new(Written { output: Some(output), failed: None })));
        let done = self.rows(job, format, &shared, work, progress);
        let mut written = shared.lock();
        let output = written.output.take();
        // What stopped the file is the cause; what the writer of the format made of it is only how we learn of it.
        match (written.failed.take().map_or(done, Err), output) {
            (Ok(input), Some(mut output)) => match output.finish() {
                Ok(facts) => Ok((input, output, facts)),
                Err(e) => Err(Box::new((e, Some(output)))),
            },
            (Ok(_), None) => Err(Box::new((Error::Unbalanced { what: String::from("the output is lost") }, None))),
            (Err(e), output) => Err(Box::new((e, output))),
        }
    }

    fn rows(
        mut self,
        job: &Job,
        format: RecordFormat,
        shared: &Shared,
        work: &mut Work<'_>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<InputFacts, Error> {
        let added = work.appended_texts();
        let mut fields: Vec<_> = self.schema.fields().iter().cloned().collect();
        fields.extend(added.iter().map(|name| Arc::new(Field::new(name, DataType::Utf8, true))));
        let schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        let unwritten = |e: ArrowError| Error::io("write", &job.output, io::Error::other(e));
        let mut writer = Writer::new(format, shared.clone(), &schema, *self.properties).map_err(unwritten)?;
        let size = self.metadata.len();
        for batch in &mut self.batches {
            let batch = batch.map_err(|e| damaged(&self.path, &e))?;
            let batch = convert(&batch, &schema, added.len(), work)?;
            writer.write(&batch).map_err(unwritten)?;
            let records = work.ledger.records_in;
            let bytes = self.rows.map_or(0, |all| (size as f64 * records as f64 / all.max(1) as f64) as u64);
            progress(Progress { bytes, of: Some(size), records });
        }
        writer.finish().map_err(unwritten)?;
        let name = display_name(&self.path);
        let now = std::fs::metadata(&self.path).map_err(|e| Error::io("look at", &self.path, e))?;
        if now.len() != size || now.modified().ok() != self.metadata.modified().ok() {
            return Err(Error::Changed { file: name });
        }
        Ok(InputFacts { name, bytes: size, hash: self.hash, encoding: "UTF-8", compression: None, piped: false })
    }
}

/// A Parquet file is written as the one that was read: its notes, and each column's compression.
fn as_it_was(read: &ParquetMetaData, schema: &Schema) -> WriterProperties {
    let columns = read.row_groups().first().map_or(&[][..], |group| group.columns());
    let first = columns.first().map_or(Compression::SNAPPY, |c| c.compression());
    // A day in milliseconds is no type of Parquet's: it came as a day, and goes as one.
    let mut leaves = Vec::new();
    schema.fields().iter().for_each(|field| put_leaves(field.data_type(), &mut leaves));
    let has_days = columns.iter().zip(leaves).any(|(c, leaf)| c.column_type() == Type::INT32 && *leaf == DataType::Date64);
    let mut notes = read.file_metadata().key_value_metadata().cloned().unwrap_or_default();
    notes.retain(|note| !OF_SCHEMAS.contains(&&*note.key));
    let properties = WriterProperties::builder()
        .set_compression(first)
        .set_coerce_types(has_days)
        .set_key_value_metadata(Some(notes))
        .set_max_row_group_row_count(Some(GROUP));
    columns.iter().fold(properties, |p, c| p.set_column_compression(c.column_path().clone(), c.compression())).build()
}

/// The types of what Parquet has a column for.
fn put_leaves<'t>(of: &'t DataType, leaves: &mut Vec<&'t DataType>) {
    match of {
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) | DataType::Map(inner, _) => {
            put_leaves(inner.data_type(), leaves);
        }
        DataType::Struct(fields) => fields.iter().for_each(|field| put_leaves(field.data_type(), leaves)),
        leaf => leaves.push(leaf),
    }
}

/// Whether values of a type have a text.
fn has_text(of: &DataType) -> bool {
    match of {
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => has_text(inner.data_type()),
        // Whether a zone is known is not told by the type.
        DataType::Timestamp(..) => text(&new_empty_array(of), "").is_ok(),
        other => can_cast_types(other, &DataType::Utf8),
    }
}

fn damaged(path: &Path, e: &ArrowError) -> Error {
    let told = e.to_string();
    let what = if let Some((_, codec)) = told.split_once("Disabled feature at compile time: ") {
        format!("compressed with {codec}, which is not read; write it with snappy, gzip or zstd")
    } else if told.contains("decompression requires") {
        String::from(
            "unreadable: its columns are compressed, which is not read; write it without (`compression='uncompressed'`), or as Parquet",
        )
    } else if told.contains("correct footer") && is_stream(path) {
        String::from("unreadable: it is an Arrow stream, and only the file format is read; write it with a file writer, or as Parquet")
    } else {
        format!("unreadable: {told}; nothing was kept, mend or fetch the file again")
    };
    Error::Encoding { file: display_name(path), what }
}

/// A stream begins with the mark of its first message where a file has its magic. Arrow Columnar Format, *Encapsulated message format*.
fn is_stream(path: &Path) -> bool {
    let mut mark = [0; 4];
    File::open(path).and_then(|mut file| io::Read::read_exact(&mut file, &mut mark)).is_ok() && mark == [0xff; 4]
}

/// The rows of a batch that are not rejected, and what is appended to them.
fn convert(batch: &RecordBatch, schema: &SchemaRef, added: usize, work: &mut Work<'_>) -> Result<RecordBatch, Error> {
    let mut texts: Vec<Option<StringArray>> = vec![None; batch.num_columns()];
    let mut damaged = vec![false; batch.num_rows()];
    for place in work.places() {
        let name = schema.field(place).name();
        let wrong = |e: ArrowError| {
            let what = match schema.field(place).data_type() {
                DataType::Timestamp(_, Some(zone)) => {
                    format!("which day a time in {zone} is of is not known; write it in UTC or by its offset (+01:00), or write days")
                }
                _ => format!("it has no text ({e})"),
            };
            Error::Column { name: name.clone(), what }
        };
        let split = work.split(place);
        if split.is_none() && has_several(batch.column(place)).map_err(wrong)? {
            let what = String::from("it has lists of several codes; say what joins them in what is appended (--split)");
            return Err(Error::Column { name: name.clone(), what });
        }
        let of_column = text(batch.column(place), split.unwrap_or(" ")).map_err(wrong)?;
        without_text(batch.column(place), &of_column).for_each(|row| damaged[row] = true);
        texts[place] = Some(of_column);
    }
    let cell = |place: usize, row: usize| match &texts[place] {
        Some(texts) if texts.is_valid(row) => texts.value(row).as_bytes(),
        _ => b"",
    };
    let mut builders: Vec<StringBuilder> = (0..added).map(|_| StringBuilder::new()).collect();
    let mut kept = Vec::with_capacity(batch.num_rows());
    for (row, is_damaged) in damaged.into_iter().enumerate() {
        work.ledger.records_in += 1;
        work.first_line = work.ledger.records_in;
        let context = match is_damaged {
            true => Err(RejectReason::Encoding),
            false if work.has_context() => work.read_context(|place| Cow::Borrowed(cell(place, row))),
            false => Ok(()),
        };
        let outcome = context.map_err(Stop::Record).and_then(|()| {
            work.out.clear();
            let mut reject = false;
            for column in 0..work.columns() {
                let code = cell(work.place(column), row);
                reject |= work.code(column, code, Cow::Borrowed);
            }
            let record = if work.has_keys() { row_text(batch, row) } else { Vec::new() };
            work.note_repetitions(&record, |place| Cow::Borrowed(cell(place, row))).map_err(Stop::Run)?;
            work.draw(b"", 0);
            if reject { Err(Stop::Record(RejectReason::Unsettled)) } else { Ok(()) }
        });
        kept.push(outcome.is_ok());
        match outcome {
            Err(Stop::Run(e)) => return Err(e),
            Err(Stop::Record(reason)) => {
                let record = row_text(batch, row);
                work.reject(&record, 0, record.len(), reason)?;
            }
            Ok(()) => {
                work.ledger.records_out += 1;
                let mut rest = &work.out[..];
                for builder in &mut builders {
                    let Some((length, after)) = rest.split_first_chunk::<4>() else { break };
                    let (value, after) = after.split_at(u32::from_le_bytes(*length) as usize);
                    builder.append_option(std::str::from_utf8(value).ok().filter(|v| !v.is_empty()));
                    rest = after;
                }
            }
        }
    }
    work.out.clear();
    let lost = |e: ArrowError| Error::Unbalanced { what: format!("columns of a batch ({e})") };
    let batch = filter_record_batch(batch, &BooleanArray::from(kept)).map_err(lost)?;
    let mut columns = batch.columns().to_vec();
    columns.extend(builders.iter_mut().map(|b| Arc::new(b.finish()) as ArrayRef));
    RecordBatch::try_new(schema.clone(), columns).map_err(lost)
}

/// What keeps a row from being converted: something of its own, or something that ends the run.
enum Stop {
    Record(RejectReason),
    Run(Error),
}

/// The texts of a column; none of what is null, or has no text ([`without_text`]).
fn text(column: &ArrayRef, split: &str) -> Result<StringArray, ArrowError> {
    let Some(list) = as_list(column)? else {
        let column = match column.data_type() {
            DataType::Timestamp(_, Some(zone)) if UTC.iter().any(|utc| zone.eq_ignore_ascii_case(utc)) => &in_utc(column)?,
            _ => column,
        };
        return Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone());
    };
    let lists = list.as_list::<i32>();
    let mut texts = StringBuilder::new();
    for row in 0..lists.len() {
        if lists.is_null(row) {
            texts.append_null();
            continue;
        }
        let inner = lists.value(row);
        let values = cast(&inner, &DataType::Utf8)?;
        let values = values.as_string::<i32>();
        if without_text(&inner, values).next().is_some() {
            texts.append_null();
            continue;
        }
        // A null keeps its place; nothing is in a list of nulls.
        let values: Vec<&str> = values.iter().map(Option::unwrap_or_default).collect();
        texts.append_value(if values.iter().all(|v| v.is_empty()) { String::new() } else { values.join(split) });
    }
    Ok(texts.finish())
}

/// A column of lists, whatever their kind.
fn as_list(column: &ArrayRef) -> Result<Option<ArrayRef>, ArrowError> {
    Ok(match column.data_type() {
        DataType::List(_) => Some(column.clone()),
        DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => Some(cast(column, &DataType::List(inner.clone()))?),
        _ => None,
    })
}

/// Whether some row of a column is a list of several values.
fn has_several(column: &ArrayRef) -> Result<bool, ArrowError> {
    let lists = as_list(column)?;
    Ok(lists.is_some_and(|lists| lists.as_list::<i32>().iter().flatten().any(|list| list.len() - list.logical_null_count() > 1)))
}

/// Where a column has a value and its text none: bytes that are no UTF-8, a day beyond the calendar. Such a cell is not a blank one.
fn without_text(column: &ArrayRef, texts: &StringArray) -> impl Iterator<Item = usize> {
    let nulls = column.logical_nulls().filter(|_| texts.null_count() > 0);
    let rows = if texts.null_count() > 0 { texts.len() } else { 0 };
    (0..rows).filter(move |&row| texts.is_null(row) && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)))
}

/// Times in a zone that has a name, by their offset from UTC.
fn in_utc(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => cast(column, &DataType::Timestamp(*unit, Some("+00:00".into()))),
        _ => Ok(column.clone()),
    }
}

/// A row for the rejects, where it has to be one text: a JSON object of the values as they print.
fn row_text(batch: &RecordBatch, row: usize) -> Vec<u8> {
    let options = FormatOptions::default();
    let mut object = serde_json::Map::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let column = column.slice(row, 1);
        let column = in_utc(&column).unwrap_or(column);
        let value = match ArrayFormatter::try_new(&column, &options) {
            Ok(formatter) if column.is_valid(0) => formatter.value(0).to_string().into(),
            _ => serde_json::Value::Null,
        };
        object.insert(field.name().clone(), value);
    }
    serde_json::Value::Object(object).to_string().into_bytes()
}

/// Is shown a row: as one text, and by its values, of which some have no text ([`without_text`]).
type Show<'a> = dyn FnMut(&[u8], &[Option<&[u8]>]) + 'a;

enum Writer {
    Parquet(Box<ArrowWriter<Shared>>),
    Arrow(Box<FileWriter<Shared>>),
}

impl Writer {
    fn new(format: RecordFormat, shared: Shared, schema: &SchemaRef, properties: WriterProperties) -> Result<Writer, ArrowError> {
        Ok(match format {
            RecordFormat::Parquet => Writer::Parquet(Box::new(ArrowWriter::try_new(shared, schema.clone(), Some(properties))?)),
            _ => Writer::Arrow(Box::new(FileWriter::try_new(shared, schema)?)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        match self {
            Writer::Parquet(w) => Ok(w.write(batch)?),
            Writer::Arrow(w) => w.write(batch),
        }
    }

    fn finish(self) -> Result<(), ArrowError> {
        match self {
            Writer::Parquet(w) => Ok(w.close().map(drop)?),
            Writer::Arrow(mut w) => w.finish(),
        }
    }
}

struct Written {
    output: Option<Output>,
    failed: Option<Error>,
}

/// The output as the writers of the formats want it; they own what they write to.
#[derive(Clone)]
struct Shared(Arc<Mutex<Written>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.lock();
        let done = written.output.as_mut().map_or(Ok(()), |output| output.store(bytes));
        done.map(|()| bytes.len()).map_err(|e| {
            let told = io::Error::other(e.to_string());
            written.failed.get_or_insert(e);
            told
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
