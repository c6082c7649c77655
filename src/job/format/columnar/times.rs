//! The times of a Parquet file that its reader would take for others: those of a zone in whole seconds, which Parquet keeps as milliseconds
//! in UTC beside a schema of Arrow's own that knows the zone; and INT96 (Spark, Impala) of years that nanoseconds do not reach.

use super::super::super::Error;
use super::super::super::input::display_name;
use arrow_ipc::convert::try_schema_from_ipc_buffer;
use arrow_schema::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};
use base64::Engine as _;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::basic::Type;
use parquet::column::reader::ColumnReader;
use parquet::data_type::Int96;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The schema by which the file has to be read so that no time is changed.
pub fn schema(path: &Path, read: &SchemaRef, metadata: &ParquetMetaData, file: File) -> Result<SchemaRef, Error> {
    let columns = metadata.file_metadata().schema_descr().columns();
    let far = match columns.iter().any(|c| c.physical_type() == Type::INT96) {
        true => far_times(path, file)?,
        false => vec![false; columns.len()],
    };
    let stored = stored(metadata);
    let mut far = far.into_iter();
    let fields = read.fields().iter().map(|f| mended(f, stored.as_ref().and_then(|s| child(s.fields(), f)), &mut far)).collect::<Fields>();
    Ok(Arc::new(Schema::new_with_metadata(fields, read.metadata().clone())))
}

/// The schema that Arrow's writers leave beside that of Parquet.
fn stored(metadata: &ParquetMetaData) -> Option<Schema> {
    let notes = metadata.file_metadata().key_value_metadata()?;
    let encoded = notes.iter().find(|note| note.key == ARROW_SCHEMA_META_KEY)?.value.as_ref()?;
    try_schema_from_ipc_buffer(&base64::prelude::BASE64_STANDARD.decode(encoded).ok()?).ok()
}

fn child<'f>(fields: &'f Fields, like: &Field) -> Option<&'f Field> {
    fields.iter().find(|f| f.name() == like.name()).map(AsRef::as_ref)
}

/// A field with the types of its times as they have to be. `far` says it of each leaf, in order.
fn mended(field: &FieldRef, stored: Option<&Field>, far: &mut dyn Iterator<Item = bool>) -> FieldRef {
    use DataType::{FixedSizeList, LargeList, List, Map, Struct, Timestamp};
    let inner = |inner: &FieldRef, far: &mut dyn Iterator<Item = bool>| {
        let stored = match stored.map(Field::data_type) {
            Some(List(f) | LargeList(f) | FixedSizeList(f, _) | Map(f, _)) => Some(f.as_ref()),
            _ => None,
        };
        mended(inner, stored, far)
    };
    let data_type = match (field.data_type(), stored.map(Field::data_type)) {
        (Struct(fields), of) => {
            let of = |f: &Field| if let Some(Struct(stored)) = of { child(stored, f) } else { None };
            Struct(fields.iter().map(|f| mended(f, of(f), far)).collect())
        }
        (List(f), _) => List(inner(f, far)),
        (LargeList(f), _) => LargeList(inner(f, far)),
        (FixedSizeList(f, n), _) => FixedSizeList(inner(f, far), *n),
        (Map(f, sorted), _) => Map(inner(f, far), *sorted),
        (leaf, stored) => match (far.next(), leaf, stored) {
            (Some(true), Timestamp(TimeUnit::Nanosecond, zone), _) => Timestamp(TimeUnit::Microsecond, zone.clone()),
            (_, Timestamp(unit, Some(_)), Some(Timestamp(_, Some(zone)))) => Timestamp(*unit, Some(zone.clone())),
            _ => leaf.clone(),
        },
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// By leaf column: whether it has times that are more nanoseconds from 1970 than a number of 64 bits holds (the years 1677 to 2262).
/// Microseconds reach them, unless there are parts of a microsecond too, or days that no calendar has.
fn far_times(path: &Path, file: File) -> Result<Vec<bool>, Error> {
    let unreadable = |e: ParquetError| super::damaged(path, &e.into());
    let reader = SerializedFileReader::new(file).map_err(unreadable)?;
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let (mut far, mut fine) = (vec![false; columns.len()], vec![false; columns.len()]);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(unreadable)?;
        for at in 0..columns.len() {
            if columns[at].physical_type() != Type::INT96 {
                continue;
            }
            each(group.get_column_reader(at).map_err(unreadable)?, &mut |time| {
                let nanoseconds = nanoseconds(time);
                far[at] |= i64::try_from(nanoseconds).is_err();
                fine[at] |= nanoseconds % 1000 != 0 || i64::try_from(nanoseconds / 1000).is_err();
            })
            .map_err(unreadable)?;
        }
    }
    match (0..columns.len()).find(|&at| far[at] && fine[at]) {
        None => Ok(far),
        Some(at) => Err(Error::Column {
            name: columns[at].path().string(),
            what: format!(
                "{} has times in it that no timestamp holds together: of years before 1678 or after 2261, and with parts of a microsecond; \
                 write them as text, or rounded",
                display_name(path)
            ),
        }),
    }
}

/// Since 1970. The first 64 bits of an INT96 are nanoseconds of the day, the others the day by Julian count.
fn nanoseconds(time: &Int96) -> i128 {
    const EPOCH: i128 = 2_440_588;
    const DAY: i128 = 86_400_000_000_000;
    let of_day = (u64::from(time.data()[1]) << 32) | u64::from(time.data()[0]);
    (i128::from(time.data()[2] as i32) - EPOCH) * DAY + i128::from(of_day as i64)
}

fn each(reader: ColumnReader, show: &mut dyn FnMut(&Int96)) -> Result<(), ParquetError> {
    const AT_ONCE: usize = 1 << 13;
    let ColumnReader::Int96ColumnReader(mut reader) = reader else { return Ok(()) };
    let (mut times, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        times.clear();
        defined.clear();
        repeated.clear();
        let (records, ..) = reader.read_records(AT_ONCE, Some(&mut defined), Some(&mut repeated), &mut times)?;
        times.iter().for_each(&mut *show);
        if records == 0 {
            return Ok(());
        }
    }
}
