//! NLM, *ICD-9-CM Diagnostic Codes to SNOMED CT Map* (and the one for procedures): the 1:1 and the 1:M file.
//!
//! Tab-separated with a header, `NULL` for empty cells. The columns `IP_USAGE`, `OP_USAGE` and `AVG_USAGE` say how often the *source*
//! is used; among the alternatives of a 1:M source `CORE_USAGE` of the *target* ranks. The map states no strength: one-to-one is a
//! cardinality, so every row is `related-to`.

use std::io::{self, BufRead};

use super::tabular::{Findings, rows};
use super::{MapRelease, Sink, TargetDetail, TargetRow, Unmapped};
use crate::model::system::verhoeff;
use crate::model::{MapKind, Relationship};

/// Reads one of the two files; both are parts of one map.
pub fn read(input: &mut dyn BufRead, file: &str, sink: &mut dyn Sink) -> io::Result<()> {
    let map = sink.map(&release(file));
    let columns = ["ICD_CODE", "ICD_NAME", "?IS_CURRENT_ICD", "?IS_NEC", "SNOMED_CID", "SNOMED_FSN", "?CORE_USAGE", "?AVG_USAGE"];
    let mut findings = Findings::new(file, sink);
    rows(input, columns, &mut findings, &mut |row, findings| {
        let [source, source_display, current, nec, target, target_display, core_usage, avg_usage] =
            row.fields.map(|f| if f == "NULL" { "" } else { f.trim() });
        if source.is_empty() {
            return findings.warn("rows without a code", row.line, row.columns[0], "there is no ICD code", "the row is left out");
        }
        let is_id = target.bytes().all(|b| b.is_ascii_digit()) && verhoeff(target.as_bytes());
        if !target.is_empty() && !is_id {
            let what = format!("{target:?} is not a SNOMED CT id: its check digit is wrong");
            findings.warn("bad SNOMED CT ids", row.line, row.columns[4], what, "the row is left out; compare with the published file");
            return findings.sink.row_left_out(map, source, 0, row.at(0));
        }
        let usage = match core_usage {
            "" => None,
            text => text.parse::<f32>().ok().filter(|usage| usage.is_finite()).or_else(|| {
                let what = format!("CORE_USAGE is {text:?}");
                findings.warn("usages that are no numbers", row.line, row.columns[6], what, "read without usage");
                None
            }),
        };
        let remarks = [
            (current == "0").then_some("not a current ICD-9-CM code".to_owned()),
            (nec == "1").then_some("not elsewhere classified".to_owned()),
            (!avg_usage.is_empty()).then(|| format!("usage of the source {avg_usage}")),
        ];
        let comment = remarks.into_iter().flatten().collect::<Vec<_>>().join("; ");
        findings.sink.target(
            map,
            &TargetRow {
                line: row.line,
                source,
                target: (!target.is_empty()).then_some(target),
                relationship: Relationship::RelatedTo,
                detail: TargetDetail { comment: &comment, source_display, target_display, usage, ..TargetDetail::default() },
                at: [row.at(0), row.at(4)],
                ..TargetRow::default()
            },
        );
    })?;
    findings.finish();
    Ok(())
}

fn release(file: &str) -> MapRelease {
    let name = file.rsplit('/').next().unwrap_or(file);
    // ICD9CM_SNOMED_MAP_1TO1_202512.txt, ICD9CM_SNOMED_PROC_MAP_..
    let version = name.split(|c: char| !c.is_ascii_digit()).rfind(|part| part.len() >= 6).unwrap_or("");
    let is_procedures = name.to_ascii_lowercase().contains("proc");
    let (source, of) = if is_procedures { ("icd9proc", "procedures") } else { ("icd9cm", "diagnoses") };
    MapRelease {
        id: format!("nlm-{source}-snomed"),
        url: String::new(),
        title: format!("NLM ICD-9-CM {of} to SNOMED CT"),
        version: version.to_owned(),
        source: source.to_owned(),
        target: "snomed".to_owned(),
        kind: MapKind::Table,
        from: None,
        to: None,
        unmapped: Unmapped::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::Collected;

    const HEADER: &str =
        "ICD_CODE\tICD_NAME\tIS_CURRENT_ICD\tIP_USAGE\tOP_USAGE\tAVG_USAGE\tIS_NEC\tSNOMED_CID\tSNOMED_FSN\tIS_1-1MAP\tCORE_USAGE\tIN_CORE";

    fn collected(rows: &str) -> Collected {
        let mut sink = Collected::default();
        read(&mut format!("{HEADER}\r\n{rows}").as_bytes(), "x.zip/ICD9CM_SNOMED_MAP_1TOM_202512.txt", &mut sink).unwrap();
        sink
    }

    #[test]
    fn one_to_many_with_usage_and_holes() {
        let sink = collected(
            "250.00\tmade-up name\t1\t1.5\t2.5\t2.0\t0\t11999999107\tx (finding)\t0\t0.25\t1\r\n\
             250.00\tmade-up name\t1\t1.5\t2.5\t2.0\tNULL\t138875005\ty \"so-called\"\t0\t0.75\t1\r\n\
             V99.9\tnothing\t0\tNULL\tNULL\tNULL\t1\tNULL\tNULL\tNULL\tNULL\tNULL\r\n",
        );
        assert_eq!(sink.findings.iter().map(|f| f.to_string()).collect::<Vec<_>>(), Vec::<String>::new());
        assert_eq!((sink.maps[0].version.as_str(), sink.maps[0].source.as_str()), ("202512", "icd9cm"));
        let rows: Vec<_> = sink.targets.iter().map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.usage)).collect();
        assert_eq!(
            rows,
            [(2, "250.00", Some("11999999107"), Some(0.25)), (3, "250.00", Some("138875005"), Some(0.75)), (4, "V99.9", None, None)]
        );
        assert_eq!(sink.targets[1].target_display, "y \"so-called\"");
        assert_eq!(sink.targets[2].comment, "not a current ICD-9-CM code; not elsewhere classified");
    }

    #[test]
    fn bad_rows_are_said_and_the_rest_is_read() {
        let sink = collected(
            "250.00\tn\t1\t\t\t\t0\t138875006\tx\t0\t0.25\t1\r\n\
             too\tfew\r\n\
             250.01\tn\t1\t\t\t\t0\t138875005\tx\t0\tmany\t1\r\n",
        );
        let places: Vec<_> = sink.findings.iter().map(|f| (f.line, f.column)).collect();
        assert_eq!(places, [(2, 8), (3, 3), (4, 11)]);
        assert_eq!(sink.targets.len(), 1);
        let mut sink = Collected::default();
        read(&mut "a\tb\r\n1\t2\r\n".as_bytes(), "f", &mut sink).unwrap();
        assert!(sink.findings[0].what.contains("no column ICD_CODE, ICD_NAME, SNOMED_CID"), "{}", sink.findings[0]);
    }
}
