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
