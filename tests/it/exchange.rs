//! Decisions in the formats of others, out of the program and in again.

use super::review::{Place, write};
use serde_json::Value;

#[test]
fn every_format_goes_out_and_comes_back() {
    let place = Place::new();
    place.two_items();
    place.settle("1", &["--pick", "2", "1", "--why", "=cmd|'/C calc'!A0"]);
    place.settle("2", &["--no-map"]);
    write(
        &place.path("CONCEPT.csv"),
        "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n\
         1\tClassical cholera\tCondition\tICD10CM\tx\t\tA00.0\t20150101\t20991231\t\n2\tCholera\tCondition\tICD10CM\tx\t\tA00.9\t20150101\t20991231\t\n",
    );
    for format in ["csv", "usagi", "snap2snomed", "sssom", "fhir-r4", "fhir-r5", "omop"] {
        let file = format!("out.{format}");
        let athena: &[&str] = if ["usagi", "omop"].contains(&format) { &["--concepts", "CONCEPT.csv"] } else { &[] };
        place.reviews("export", &[&["--as", format, "-o", &file], athena].concat());
        let text = std::fs::read_to_string(place.path(&file)).expect("an export");
        let cells = text.split(['\n', '\t', ',']).filter(|_| !format.starts_with("fhir"));
        assert!(cells.into_iter().all(|cell| !cell.trim_start_matches('"').starts_with(['=', '@', '+'])), "{format}: {text}");
        let again = format!("{format}.db");
        let import =
            ["review", "import", "--decisions", &again, "--by", "carl", "--as", format, "--from", "icd9cm", "--to", "icd10cm", &file];
        let (code, _, told) = place.run(&[&import[..], athena].concat());
        // Two rows without groups may be alternatives: they come back as a question.
        let grouped = !["snap2snomed", "omop"].contains(&format);
        assert_eq!(code, i32::from(!grouped), "{format}: {told}");
        let first = if grouped { ("001.1", "approved", "A00.9 A00.0") } else { ("001.1", "flagged", "") };
        let wanted = [first, ("001.8", "no-map", "")];
        let out = place.runs(&["review", "list", "--decisions", &again, "--format", "json"]);
        let mut listed: Vec<Value> = serde_json::from_str(&out).expect("JSON");
        listed.sort_by_key(|i| i["source"]["code"].as_str().map(str::to_owned));
        let held: Vec<(String, String, String)> = listed
            .iter()
            .map(|i| {
                let shown = place.runs(&["review", "show", "--decisions", &again, "--by", "x", &i["id"].to_string(), "--format", "json"]);
                let item: Value = serde_json::from_str::<Vec<Value>>(&shown).expect("JSON").remove(0);
                let targets = item["answer"]["targets"].as_array().cloned().unwrap_or_default();
                let mut codes: Vec<&str> = targets.iter().filter_map(|t| t["code"].as_str()).collect();
                // The order of the codes is not part of what every format can hold.
                codes.sort_by_key(|c| std::cmp::Reverse(*c));
                (i["source"]["code"].as_str().unwrap_or("").to_owned(), i["status"].as_str().unwrap_or("").to_owned(), codes.join(" "))
            })
            .collect();
        assert_eq!(held, wanted.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())), "{format}");
    }
}

/// What an ETL loads, row by row, and what becomes of it when it comes back.
#[test]
fn omop_s_map_goes_to_an_etl_and_comes_back() {
    let place = Place::new();
    place.two_items();
    place.reviews("add", &["--by", "boss", "--from", "icd9cm", "--to", "icd10cm", "001.9"]);
    place.settle("2", &["--codes", "A00.0"]);
    place.settle("3", &["--no-map"]);
    let concept =
        |id: u32, vocabulary: &str, code: &str| format!("{id}\tname\tCondition\t{vocabulary}\tx\t\t{code}\t19700101\t20991231\t\n");
    let head = "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\t\
         valid_end_date\tinvalid_reason\n";
    write(&place.path("CONCEPT.csv"), &[head, &concept(44_000_001, "ICD9CM", "001.8"), &concept(45_000_001, "ICD10CM", "A00.0")].concat());
    let out = |decisions: &str| {
        let file = format!("{decisions}.csv");
        place.runs(&["review", "export", "--decisions", decisions, "--as", "omop", "--concepts", "CONCEPT.csv", "-o", &file]);
        let mut lines: Vec<String> = std::fs::read_to_string(place.path(&file)).expect("a map").lines().map(str::to_owned).collect();
        lines[1..].sort_unstable();
        lines
    };
    let map = out("d.db");
    let day = map.get(1).and_then(|line| line.split(',').nth(6)).unwrap_or_default().to_owned();
    assert!(day.parse::<xwalk::model::Date>().is_ok(), "{map:?}");
    assert_eq!(
        map,
        [
            "source_code,source_concept_id,source_vocabulary_id,source_code_description,target_concept_id,target_vocabulary_id,\
             valid_start_date,valid_end_date,invalid_reason"
                .to_owned(),
            format!("001.8,44000001,ICD9CM,Cholera three,45000001,ICD10CM,{day},2099-12-31,"),
            format!("001.9,0,ICD9CM,Cholera NOS,0,ICD10CM,{day},2099-12-31,"),
        ]
    );
    // Two rows that an ETL may have added: one that is over, one of a concept that nobody knows.
    let more = format!("001.0,0,ICD9CM,,45000001,ICD10CM,{day},2020-01-01,D\n001.1,0,ICD9CM,,9,ICD10CM,{day},2099-12-31,\n");
    write(&place.path("back.csv"), &format!("{}\n{more}", map.join("\n")));
    let import = ["review", "import", "--decisions", "new.db", "--by", "etl", "--as", "omop", "back.csv"];
    let (code, _, told) = place.run(&import);
    assert!(code == 2 && told.contains("--concepts"), "{code}: {told}");
    let (code, _, told) = place.run(&[&import[..], &["--concepts", "CONCEPT.csv"]].concat());
    assert_eq!(code, 1, "{told}");
    for what in ["back.csv:4: marked as invalid", "back.csv:5: concept 9 is not in CONCEPT.csv", "2 new items, 0 were there, 2 answered"] {
        assert!(told.contains(what), "{what}\n{told}");
    }
    assert_eq!(out("new.db"), map, "nothing of it was lost or bent");
    for (code, answer) in [("001.8", "A00.0"), ("001.9", "no-map")] {
        let ask = ["translate", "--from", "icd9cm", "--to", "icd10cm", code, "--policy", "decision", "--decisions", "new.db"];
        let (_, out, error) = place.run(&[&ask[..], &["--format", "json"]].concat());
        let said: Value = serde_json::from_str(&out).expect("JSON");
        assert!(said[0]["picked"]["policy"] == "decision" && said[0].to_string().contains(answer), "{code}: {out}{error}");
    }
}
