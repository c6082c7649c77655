//! Parquet and Arrow IPC give what delimited text gives.
#![cfg(feature = "parquet")]

use super::{Place, appended, claims, column, converted, run};
use arrow_array::builder::{BinaryBuilder, ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryArray, Date32Array, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use std::path::Path;
use std::sync::Arc;
use xwalk::job::{Error, RejectReason, Unsettled};

fn write(path: &Path, batches: &[RecordBatch]) {
    let file = std::fs::File::create(path).unwrap();
    if path.extension().unwrap() == "parquet" {
        let mut w = parquet::arrow::ArrowWriter::try_new(file, batches[0].schema(), None).unwrap();
        batches.iter().for_each(|b| w.write(b).unwrap());
        w.close().unwrap();
    } else {
        let mut w = arrow_ipc::writer::FileWriter::try_new(file, &batches[0].schema()).unwrap();
        batches.iter().for_each(|b| w.write(b).unwrap());
        w.finish().unwrap();
    }
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).unwrap();
    if path.extension().unwrap() == "parquet" {
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        reader.map(Result::unwrap).collect()
    } else {
        arrow_ipc::reader::FileReader::try_new(file, None).unwrap().map(Result::unwrap).collect()
    }
}

/// The values of the last four columns, as delimited text has them.
fn last_four(batches: &[RecordBatch]) -> String {
    let mut out = String::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values: Vec<&str> = (batch.num_columns() - 4..batch.num_columns())
                .map(|c| batch.column(c).as_string::<i32>())
                .map(|c| if c.is_null(row) { "" } else { c.value(row) })
                .collect();
            out += &(values.join(",") + "\n");
        }
    }
    out
}

#[test]
fn tables_equal_delimited_text() {
    let text = claims(20_000, 7);
    let dated = |job: &mut xwalk::job::Job| job.date = Some("day".into());
    let (out, expected) = converted(&text, dated);
    let mut columns: Vec<Vec<String>> = vec![Vec::new(); 4];
    for record in csv::Reader::from_reader(text.as_bytes()).records() {
        record.unwrap().iter().enumerate().for_each(|(i, v)| columns[i].push(v.to_owned()));
    }
    let array = |i: usize, from: usize, to: usize| Arc::new(StringArray::from(columns[i][from..to].to_vec())) as ArrayRef;
    let batches: Vec<RecordBatch> = [(0, 7_777), (7_777, 20_000)]
        .map(|(a, b)| RecordBatch::try_from_iter(["id", "dx", "day", "note"].into_iter().zip((0..4).map(|i| array(i, a, b)))).unwrap())
        .to_vec();
    for name in ["in.parquet", "in.arrow"] {
        let place = Place::with(name, "");
        write(&place.input, &batches);
        let mut job = place.job();
        dated(&mut job);
        job.report = Some(place.path("report"));
        let run = run(&job).unwrap();
        let back = read(&place.output);
        assert_eq!(last_four(&back), appended(&out), "{name}");
        assert_eq!(run.ledger.columns, expected.ledger.columns);
        assert_eq!(back[0].schema().field(4).name(), "dx_target");
        assert_eq!(back[0].column(0).as_string::<i32>().value(0), "0", "the columns of the record stay");
        assert_eq!(place.files(), [name, &format!("out-{name}"), "report"]);
    }
}

#[test]
fn codes_of_other_types() {
    let place = Place::with("in.parquet", "");
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(4019), None, Some(25000), Some(1)]));
    let words: DictionaryArray<Int32Type> = vec![Some("401.9"), Some("250.00"), None, Some("401.9")].into_iter().collect();
    let mut lists = ListBuilder::new(StringBuilder::new());
    for codes in [&["401.9", "250.00"][..], &[], &["V5412"], &["401.9"]] {
        codes.iter().for_each(|c| lists.values().append_value(c));
        lists.append(true);
    }
    // 2014-03-31, none, 2014-03-31, and after the end of ICD-9-CM.
    let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(16_160), None, Some(16_160), Some(20_000)]));
    let lists: ArrayRef = Arc::new(lists.finish());
    let fields = [("number", &numbers), ("list", &lists), ("day", &days)].map(|(n, a)| Field::new(n, a.data_type().clone(), true));
    let mut fields = fields.to_vec();
    fields.push(Field::new("word", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![numbers, lists, days, Arc::new(words)]).unwrap();
    write(&place.input, &[batch]);
    let mut job = place.job();
    let mut list = column("list");
    (list.split, list.unsettled) = (Some("|".into()), Unsettled::Reject);
    let mut word = column("word");
    // What parts the codes of one column is nothing to another.
    word.split = Some(";".into());
    (job.columns, job.date) = (vec![column("number"), word, list], Some("day".into()));
    let run = run(&job).unwrap();
    let back = read(&place.output);
    let text = |name: &str| {
        let values = back[0].column_by_name(name).unwrap().as_string::<i32>();
        values.iter().map(|v| v.unwrap_or("-").to_owned()).collect::<Vec<_>>().join(" ")
    };
    // The third record has a choice, the fourth codes that had ended; both are rejected.
    assert_eq!(text("number_target"), "I10 -");
    assert_eq!(text("word_target"), "I10 E11.9");
    assert_eq!(text("list_target"), "I10|E11.9 -");
    assert_eq!((run.ledger.records_in, run.ledger.records_out), (4, 2));
    assert_eq!(run.ledger.rejected[&RejectReason::Unsettled], 2);
    let rejects = super::read(&place.path("out-in.parquet.rejects.csv"));
    assert!(rejects.contains("3,unsettled,\"{\"\"number\"\":\"\"25000\"\""), "{rejects}");
}

/// What is there and has no text is not blank: a cell that were passed over would be a code lost in silence.
#[test]
fn bytes_that_are_no_text_are_rejected() {
    let place = Place::with("in.parquet", "");
    let codes: ArrayRef =
        Arc::new(BinaryArray::from_opt_vec(vec![Some(b"250.00"), Some(b"250.0\xff"), None, Some(b"401.9"), Some(b"401.9")]));
    let mut lists = ListBuilder::new(BinaryBuilder::new());
    for codes in [&[Some(&b"401.9"[..]), None, Some(b"250.00")][..], &[], &[None], &[Some(b"\xc3")], &[Some(b"401.9")]] {
        codes.iter().for_each(|c| lists.values().append_option(*c));
        lists.append(true);
    }
    write(&place.input, &[RecordBatch::try_from_iter([("dx", codes), ("list", Arc::new(lists.finish()) as ArrayRef)]).unwrap()]);
    let mut list = column("list");
    list.split = Some(";".into());
    let run = run(&xwalk::job::Job { columns: vec![column("dx"), list], ..place.job() }).unwrap();
    assert_eq!((run.ledger.records_in, run.ledger.records_out), (5, 3));
    assert_eq!(run.ledger.rejected.into_iter().collect::<Vec<_>>(), [(RejectReason::Encoding, 2)]);
    let back = read(&place.output);
    let targets = |name: &str| {
        back[0].column_by_name(name).unwrap().as_string::<i32>().iter().map(|v| v.unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(targets("dx_target"), ["E11.9", "-", "I10"]);
    assert_eq!(targets("list_target"), ["I10;;E11.9", "-", "I10"]);
    let rejects = super::read(&place.path("out-in.parquet.rejects.csv"));
    assert!(rejects.contains("\n2,encoding,") && rejects.contains("\n4,encoding,"), "{rejects}");
}

/// Spark and pandas write times so. The day is that in UTC; of a zone by another name it is not known, and that is said.
#[test]
fn times_in_a_zone_with_a_name() {
    use arrow_array::TimestampMicrosecondArray;
    // 2014-03-31 10:00, and a time before ICD-9-CM codes end.
    let batch = |zone: &str| {
        let times = TimestampMicrosecondArray::from(vec![1_396_260_000_000_000, 1_450_000_000_000_000]).with_timezone(zone);
        let codes = StringArray::from(vec!["250.00", "250.00"]);
        RecordBatch::try_from_iter([("dx", Arc::new(codes) as ArrayRef), ("at", Arc::new(times) as ArrayRef)]).unwrap()
    };
    let place = Place::with("in.parquet", "");
    write(&place.input, &[batch("UTC")]);
    let mut job = place.job();
    job.date = Some("at".into());
    job.columns[0].unsettled = Unsettled::Reject;
    let done = run(&job).unwrap();
    assert_eq!((done.ledger.records_in, done.ledger.records_out), (2, 1));
    // December 2015: ICD-9-CM had ended. The record is told whole.
    let rejects = super::read(&place.path("out-in.parquet.rejects.csv"));
    assert!(rejects.contains("2015-12-13T"), "{rejects}");
    let place = Place::with("in.parquet", "");
    write(&place.input, &[batch("America/New_York")]);
    let error = run(&xwalk::job::Job { date: Some("at".into()), ..place.job() }).unwrap_err().to_string();
    assert!(error.contains("column at") && error.contains("America/New_York"), "{error}");
}

#[test]
fn an_arrow_stream_is_said_to_be_one() {
    let place = Place::with("in.arrow", "");
    let batch = RecordBatch::try_from_iter([("dx", Arc::new(StringArray::from(vec!["250.00"])) as ArrayRef)]).unwrap();
    let file = std::fs::File::create(&place.input).unwrap();
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let error = run(&place.job()).unwrap_err().to_string();
    assert!(error.contains("it is an Arrow stream"), "{error}");
}

#[test]
fn tables_that_are_none() {
    for (name, bytes) in [("in.parquet", &b"PAR1 not really"[..]), ("in.parquet", b""), ("in.arrow", b"id,dx\n")] {
        let place = Place::with(name, bytes);
        let error = run(&place.job()).unwrap_err();
        assert!(matches!(error, Error::Encoding { .. }), "{error}");
        assert!(error.to_string().contains("unreadable"), "{error}");
        assert_eq!(place.files(), [name]);
    }
    let place = Place::with("in.parquet", "");
    let mut job = place.job();
    job.output = "-".into();
    assert!(run(&job).unwrap_err().to_string().contains("not to a pipe"));
}

#[test]
fn what_has_no_text_is_not_said_to_be_empty() {
    use xwalk::job::profile::{Kind, page, profile};
    let codes: ArrayRef = Arc::new(StringArray::from(vec!["401.9"; 30]));
    let inner = arrow_array::StructArray::from(vec![(Arc::new(Field::new("code", DataType::Utf8, true)), codes.clone())]);
    let batch = RecordBatch::try_from_iter([("dx", codes), ("claim", Arc::new(inner) as ArrayRef)]).unwrap();
    for name in ["in.parquet", "in.arrow"] {
        let place = Place::with(name, "");
        write(&place.input, std::slice::from_ref(&batch));
        let job = xwalk::job::Job { input: place.input.clone(), ..Default::default() };
        let found = profile(&job, super::engine(), None).unwrap();
        assert_eq!((found.columns[0].kind, found.columns[1].kind, found.columns[1].blank), (Kind::Code, Kind::NotLookedAt, 0), "{name}");
        assert!(page::page(&found).contains("not-looked-at"));
    }
}

#[test]
fn lists_of_several_codes_need_to_be_told_apart() {
    let lists = |rows: &[&[Option<&str>]]| {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for codes in rows {
            codes.iter().for_each(|code| lists.values().append_option(*code));
            lists.append(true);
        }
        RecordBatch::try_from_iter([("dx", Arc::new(lists.finish()) as ArrayRef)]).unwrap()
    };
    let place = Place::with("in.parquet", "");
    write(&place.input, &[lists(&[&[Some("250"), Some("00")]])]);
    let error = run(&place.job()).unwrap_err().to_string();
    assert_eq!(error, "column dx: it has lists of several codes; say what joins them in what is appended (--split)");
    assert_eq!(place.files(), ["in.parquet"]);
    write(&place.input, &[lists(&[&[Some("250.00")], &[], &[None, Some("401.9")]])]);
    assert_eq!(run(&place.job()).unwrap().ledger.settled(), 2);
}

/// A Parquet file of one column of codes and one of times as Spark and Impala wrote them: days since 1970 and nanoseconds of the day.
fn write_int96(path: &Path, times: &[Option<(i32, u64)>]) {
    use parquet::data_type::{ByteArray, ByteArrayType, Int96, Int96Type};
    use parquet::file::writer::SerializedFileWriter;
    let schema = "message m { REQUIRED BYTE_ARRAY dx (UTF8); OPTIONAL INT96 at; }";
    let schema = Arc::new(parquet::schema::parser::parse_message_type(schema).unwrap());
    let mut file = SerializedFileWriter::new(std::fs::File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = file.next_row_group().unwrap();
    let mut codes = group.next_column().unwrap().unwrap();
    codes.typed::<ByteArrayType>().write_batch(&vec![ByteArray::from("250.00"); times.len()], None, None).unwrap();
    codes.close().unwrap();
    let int96 = |(day, nanoseconds): (i32, u64)| {
        let mut time = Int96::new();
        time.set_data(nanoseconds as u32, (nanoseconds >> 32) as u32, (day + 2_440_588) as u32);
        time
    };
    let values: Vec<Int96> = times.iter().flatten().map(|time| int96(*time)).collect();
    let defined: Vec<i16> = times.iter().map(|time| i16::from(time.is_some())).collect();
    let mut at = group.next_column().unwrap().unwrap();
    at.typed::<Int96Type>().write_batch(&values, Some(&defined), None).unwrap();
    at.close().unwrap();
    group.close().unwrap();
    file.close().unwrap();
}

/// As nanoseconds, years before 1678 and after 2261 would come out as others.
#[test]
fn times_of_far_years_stay_what_they_are() {
    use arrow_array::types::{TimestampMicrosecondType, TimestampNanosecondType};
    const NOON: u64 = 43_200_000_000_000;
    const DAY: i64 = 86_400_000_000;
    // 9999-12-31, 0001-01-01, 2014-03-31 and none.
    let place = Place::with("in.parquet", "");
    write_int96(&place.input, &[Some((2_932_896, 0)), Some((-719_162, NOON)), Some((16_160, 1000)), None]);
    let done = run(&xwalk::job::Job { date: Some("at".into()), ..place.job() }).unwrap();
    assert_eq!(done.ledger.records_out, 4);
    let back = read(&place.output);
    let times = back[0].column_by_name("at").unwrap().as_primitive::<TimestampMicrosecondType>().iter().collect::<Vec<_>>();
    assert_eq!(times, [Some(2_932_896 * DAY), Some(-719_162 * DAY + DAY / 2), Some(16_160 * DAY + 1), None]);
    let outcomes = back[0].column_by_name("dx_outcome").unwrap().as_string::<i32>();
    assert_eq!(outcomes.iter().flatten().collect::<Vec<_>>(), ["not-valid-on-date", "approximate", "approximate", "approximate"]);
    // Within these years nothing is rounded.
    let place = Place::with("in.parquet", "");
    write_int96(&place.input, &[Some((16_160, 1))]);
    run(&place.job()).unwrap();
    let back = read(&place.output);
    let times = back[0].column_by_name("at").unwrap().as_primitive::<TimestampNanosecondType>();
    assert_eq!(times.value(0), 16_160 * DAY * 1000 + 1);
    let place = Place::with("in.parquet", "");
    write_int96(&place.input, &[Some((16_160, 1)), Some((2_932_896, 0))]);
    let error = run(&place.job()).unwrap_err().to_string();
    assert!(error.contains("column at") && error.contains("parts of a microsecond"), "{error}");
    assert_eq!(place.files(), ["in.parquet"]);
}

/// Whole seconds in a zone: Parquet has milliseconds in UTC, and the zone stands in the schema that Arrow's writers leave beside it.
#[test]
fn times_in_seconds_keep_their_zone() {
    use arrow_array::TimestampMillisecondArray;
    use arrow_schema::TimeUnit;
    use parquet::arrow::arrow_writer::ArrowWriterOptions;
    use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
    use parquet::file::metadata::KeyValue;
    let write = |path: &Path, zone: &str| {
        // The evening of 2015-09-30, eight hours west of Greenwich: the last day of ICD-9-CM.
        let times = TimestampMillisecondArray::from(vec![1_443_672_000_000]).with_timezone("UTC");
        let codes = StringArray::from(vec!["250.00"]);
        let batch = RecordBatch::try_from_iter([("dx", Arc::new(codes) as ArrayRef), ("at", Arc::new(times) as ArrayRef)]).unwrap();
        let schema = batch.schema();
        let fields = schema.fields().iter().map(|f| match f.data_type() {
            DataType::Timestamp(..) => {
                Arc::new(f.as_ref().clone().with_data_type(DataType::Timestamp(TimeUnit::Second, Some(zone.into()))))
            }
            _ => f.clone(),
        });
        let note = KeyValue::new(ARROW_SCHEMA_META_KEY.into(), encode_arrow_schema(&Schema::new(fields.collect::<Vec<_>>())));
        let properties = parquet::file::properties::WriterProperties::builder().set_key_value_metadata(Some(vec![note])).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new_with_options(file, batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let dated = |place: &Place| xwalk::job::Job { date: Some("at".into()), ..place.job() };
    for (zone, outcome) in [("-08:00", "approximate"), ("+00:00", "not-valid-on-date")] {
        let place = Place::with("in.parquet", "");
        write(&place.input, zone);
        run(&dated(&place)).unwrap();
        let back = read(&place.output);
        let kept = DataType::Timestamp(TimeUnit::Millisecond, Some(zone.into()));
        assert_eq!(*back[0].column_by_name("at").unwrap().data_type(), kept);
        assert_eq!(back[0].column_by_name("dx_outcome").unwrap().as_string::<i32>().value(0), outcome, "{zone}");
    }
    let place = Place::with("in.parquet", "");
    write(&place.input, "America/New_York");
    let error = run(&dated(&place)).unwrap_err().to_string();
    assert!(error.contains("column at") && error.contains("America/New_York"), "{error}");
    // Neither does a profile take such times for days, or for nothing.
    let found = xwalk::job::profile::profile(&place.job(), super::engine(), None).unwrap();
    assert_eq!(found.columns[1].kind, xwalk::job::profile::Kind::NotLookedAt);
}

/// A file of Arrow's C++ writer, whose pages have checksums: the codes 250.00, 401.9 and 428.0.
const CHECKED: &[u8] = b"PAR1\x15\x00\x15D\x15D\x15\xf2\xba\xd2\x8e\n\x1c\x15\x06\x15\x00\x15\x06\x15\x06\x1c\x00\x00\x00\x02\x00\
\x00\x00\x06\x01\x06\x00\x00\x00250.00\x05\x00\x00\x00401.9\x05\x00\x00\x00428.0\x15\x04\x19,5\x00\x18\x06schema\x15\x02\x00\
\x15\x0c%\x02\x18\x02dx%\x00L\x1c\x00\x00\x00\x16\x06\x19\x1c\x19\x1c&\x00\x1c\x15\x0c\x19%\x06\x00\x19\x18\x02dx\x15\x00\x16\x06\
\x16v\x16v&\x08I\x1c\x15\x00\x15\x00\x15\x02\x00<\x16 \x19\x06\x19&\x00\x06\x00\x00\x00\x16v\x16\x06&\x08\x16v\x00( \
parquet-cpp-arrow version 26.0.1\x19\x1c\x1c\x00\x00\x00\x84\x00\x00\x00PAR1";

/// A code that became another on its way is not converted.
#[test]
fn pages_that_contradict_their_checksum_are_refused() {
    let place = Place::with("in.parquet", CHECKED);
    assert_eq!(run(&place.job()).unwrap().ledger.records_out, 3);
    let mut damaged = CHECKED.to_vec();
    let code = damaged.windows(5).position(|bytes| bytes == b"401.9").unwrap();
    damaged[code + 2] = b'2';
    let place = Place::with("in.parquet", damaged);
    let error = run(&place.job()).unwrap_err().to_string();
    assert!(error.contains("unreadable") && error.contains("checksum"), "{error}");
    assert_eq!(place.files(), ["in.parquet"]);
}

/// Days, UUIDs and JSON stay what they are, so do the notes of the file and each column's compression.
#[test]
fn what_parquet_says_of_its_columns_stays() {
    use arrow_array::{Date64Array, FixedSizeBinaryArray};
    use arrow_schema::extension::{Json, Uuid};
    use parquet::basic::{Compression, LogicalType, Type};
    use parquet::file::metadata::{KeyValue, ParquetMetaData};
    use parquet::file::properties::WriterProperties;
    let place = Place::with("in.parquet", "");
    let uuids = FixedSizeBinaryArray::try_from_iter([[7u8; 16], [9; 16]].iter()).unwrap();
    let days = || Arc::new(Date64Array::from(vec![0, 86_400_000]));
    let inner = arrow_schema::Fields::from(vec![Field::new("day", DataType::Date64, true)]);
    let nested = arrow_array::StructArray::new(inner.clone(), vec![days()], None);
    let columns: [(Field, ArrayRef); 5] = [
        (Field::new("dx", DataType::Utf8, true), Arc::new(StringArray::from(vec!["250.00", "401.9"]))),
        (Field::new("in", DataType::Struct(inner), true), Arc::new(nested)),
        (Field::new("day", DataType::Date64, true), days()),
        (Field::new("id", DataType::FixedSizeBinary(16), true).with_extension_type(Uuid), Arc::new(uuids)),
        (Field::new("more", DataType::Utf8, true).with_extension_type(Json::default()), Arc::new(StringArray::from(vec!["{}", "[1]"]))),
    ];
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let spark = "org.apache.spark.sql.parquet.row.metadata";
    let notes = [("owner", "me"), ("geo", "{}"), (spark, "the columns before")];
    let properties = WriterProperties::builder()
        .set_coerce_types(true)
        .set_column_compression("dx".into(), Compression::SNAPPY)
        .set_column_compression("more".into(), Compression::ZSTD(Default::default()))
        .set_key_value_metadata(Some(notes.map(|(key, value)| KeyValue::new(key.into(), value.to_owned())).to_vec()));
    let file = std::fs::File::create(&place.input).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    run(&place.job()).unwrap();
    let metadata = |path: &Path| -> ParquetMetaData {
        let mut reader = parquet::file::metadata::ParquetMetaDataReader::new();
        reader.try_parse(&std::fs::File::open(path).unwrap()).unwrap();
        reader.finish().unwrap()
    };
    let (before, after) = (metadata(&place.input), metadata(&place.output));
    for (was, is) in before.row_group(0).columns().iter().zip(after.row_group(0).columns()) {
        let what = |c: &parquet::file::metadata::ColumnChunkMetaData| {
            (c.column_path().string(), c.column_type(), c.column_descr().logical_type_ref().cloned(), c.compression())
        };
        assert_eq!(what(was), what(is));
    }
    let types: Vec<_> =
        after.row_group(0).columns().iter().take(5).map(|c| (c.column_type(), c.column_descr().logical_type_ref().cloned())).collect();
    assert_eq!(types[1..3], [(Type::INT32, Some(LogicalType::Date)), (Type::INT32, Some(LogicalType::Date))]);
    assert_eq!((&types[3].1, &types[4].1), (&Some(LogicalType::Uuid), &Some(LogicalType::Json)));
    let notes = after.file_metadata().key_value_metadata().unwrap();
    let note = |key: &str| notes.iter().find(|note| note.key == key).and_then(|note| note.value.as_deref());
    assert_eq!((note("owner"), note("geo")), (Some("me"), Some("{}")));
    // By this Spark would see the columns before, and none of those that were appended.
    assert_eq!(note(spark), None);
}

/// Such files are sound, and need no mending.
#[test]
fn what_is_compressed_otherwise_is_said() {
    // The compression of the one column in the footer: LZ4_RAW.
    let mut bytes = CHECKED.to_vec();
    let codec = bytes.windows(5).rposition(|bytes| bytes == b"dx\x15\x00\x16").unwrap() + 3;
    bytes[codec] = 14;
    let error = run(&Place::with("in.parquet", bytes).job()).unwrap_err().to_string();
    assert!(error.contains("compressed with lz4, which is not read; write it with snappy, gzip or zstd"), "{error}");
}

/// What is there and has no text is not said to be blank.
#[test]
fn cells_without_a_text_are_counted() {
    use xwalk::job::profile::{Kind, profile};
    let codes = (0..50).map(|i| Some(if i % 5 == 0 { &b"250.0\xff"[..] } else { b"250.00" }));
    let blobs = BinaryArray::from_opt_vec(vec![Some(&b"\xff\xfe"[..]); 50]);
    let batch = [("dx", Arc::new(BinaryArray::from_opt_vec(codes.collect())) as ArrayRef), ("blob", Arc::new(blobs))];
    let place = Place::with("in.parquet", "");
    write(&place.input, &[RecordBatch::try_from_iter(batch).unwrap()]);
    let found = profile(&place.job(), super::engine(), None).unwrap();
    let (dx, blob) = (&found.columns[0], &found.columns[1]);
    assert_eq!((dx.kind, dx.filled, dx.blank, blob.kind), (Kind::Code, 50, 0, Kind::NotLookedAt), "{dx:?}");
    assert!(dx.damage.iter().any(|d| (d.kind, d.rows) == ("no-text", 10)), "{:?}", dx.damage);
}
