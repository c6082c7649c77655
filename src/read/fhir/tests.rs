use super::*;
use crate::model::{DesignationUse, Relationship, Status};
use crate::read::{Collected, Unmapped};

fn collected(text: &str) -> Collected {
    let mut sink = Collected::default();
    read(&mut text.as_bytes(), "map.json", &mut sink).unwrap();
    sink
}

fn rows(sink: &Collected) -> Vec<(u64, &str, Option<&str>, Relationship)> {
    sink.targets.iter().map(|t| (t.line, t.source.as_str(), t.target.as_deref(), t.relationship)).collect()
}

/// Of a package counts what lies in its folder itself, and only what is of these types.
#[test]
fn packages() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("package/package.json", r#"{"name": "example", "version": "1.0.0", "fhirVersions": ["4.0.1"]}"#);
    write("package/.index.json", r#"{"files": [{"filename": "ConceptMap-local.json", "resourceType": "ConceptMap"}]}"#);
    write("package/ConceptMap-local.json", R4);
    write("package/StructureDefinition-x.json", r#"{"resourceType": "StructureDefinition"}"#);
    write("package/torn.json", "{\"resourceType\": \"CodeSystem\",\n");
    write("package/example/ConceptMap-example.json", R4);
    write("other/ConceptMap-other.json", R4);
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    tar.append_dir_all("", folder.path()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let packed = elsewhere.path().join("example-1.0.0.tgz");
    std::fs::write(&packed, tar.into_inner().unwrap().finish().unwrap()).unwrap();
    for path in [packed.as_path(), folder.path()] {
        let mut sink = Collected::default();
        read_package(path, &mut sink).unwrap();
        assert_eq!(sink.maps.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["local"], "{path:?}");
        let torn: Vec<_> = sink.findings.iter().filter(|f| f.file.ends_with("/package/torn.json")).map(|f| (f.line, f.severity)).collect();
        assert_eq!(torn, [(2, Severity::Error)], "{:?}", sink.findings);
        let others = sink.findings.last().unwrap();
        let what = "2 resources are CodeSystem or ConceptMap, 1 are neither";
        assert_eq!((others.severity, others.what.as_str()), (Severity::Note, what));
    }
    std::fs::remove_dir_all(folder.path().join("package")).unwrap();
    let mut sink = Collected::default();
    read_package(folder.path(), &mut sink).unwrap();
    assert_eq!((sink.maps.len(), sink.findings[0].severity), (0, Severity::Error), "{:?}", sink.findings);
}

const R4: &str = r#"{
  "resourceType": "ConceptMap", "id": "local", "url": "http://example.org/cm/local", "version": "2", "title": "Local",
  "group": [{
    "element": [
      {"code": "a", "display": "Alpha", "target": [
        {"code": "I10", "equivalence": "equivalent", "display": "Ten"},
        {"code": "I11", "equivalence": "wider", "comment": "is wider",
         "dependsOn": [{"property": "http://example.org/sex", "system": "http://example.org/s", "value": "female"}, {"property": "age", "value": "12"}],
         "product": [{"property": "laterality", "value": "left"}]}]},
      {"code": "b", "target": [{"equivalence": "unmatched", "comment": "none"}]},
      {"code": "c", "target": [{"code": "I12", "equivalence": "sort-of"}]},
      {"code": "d"},
      {"target": [{"code": "I13", "equivalence": "equal"}]}
    ],
    "unmapped": {"mode": "fixed", "code": "R69", "display": "Unknown"},
    "source": "http://example.org/local", "target": "http://hl7.org/fhir/sid/icd-10-cm"
  }]
}"#;

#[test]
fn r4_with_what_a_group_is_after_its_elements() {
    let sink = collected(R4);
    let map = &sink.maps[0];
    assert_eq!((map.id.as_str(), map.version.as_str(), map.url.as_str()), ("local", "2", "http://example.org/cm/local"));
    assert_eq!((map.source.as_str(), map.target.as_str()), ("http://example.org/local", "icd10cm"));
    assert_eq!(map.unmapped, Unmapped::Fixed { code: "R69".into(), display: "Unknown".into(), relationship: Relationship::RelatedTo });
    assert_eq!(
        rows(&sink),
        [
            (1, "a", Some("I10"), Relationship::Equivalent),
            (2, "a", Some("I11"), Relationship::SourceIsNarrowerThanTarget),
            (3, "b", None, Relationship::NotRelatedTo),
            (4, "c", Some("I12"), Relationship::RelatedTo),
        ]
    );
    assert_eq!(sink.targets[1].rule, "http://example.org/sex=http://example.org/s|female AND age=12");
    assert_eq!(sink.targets[1].product, "laterality=left");
    assert_eq!((sink.targets[0].source_display.as_str(), sink.targets[0].target_display.as_str()), ("Alpha", "Ten"));
    assert_eq!(sink.targets[2].comment, "none");
    let said: Vec<&str> = sink.findings.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "row 4: \"sort-of\" is no relationship of FHIR R4 or R5",
            "row 5: d has neither a target nor noMap",
            "row 6: an element has no code"
        ]
    );
}

#[test]
fn r5_words_holes_and_modes() {
    let sink = collected(
        r#"{"resourceType": "ConceptMap", "url": "http://example.org/cm/five", "group": [
          {"source": "http://snomed.info/sct|http://snomed.info/sct/731000124108", "target": "http://hl7.org/fhir/sid/icd-10-cm", "element": [
            {"code": "138875005", "noMap": true},
            {"code": "116680003", "target": [{"code": "A00", "relationship": "source-is-narrower-than-target",
              "dependsOn": [{"attribute": "sex", "valueCode": "male"}, {"attribute": "age", "valueQuantity": {"comparator": ">", "value": 12.5, "unit": "a"}},
                            {"attribute": "x", "valueCoding": {"system": "s", "code": "c"}}],
              "product": [{"attribute": "smoker", "valueBoolean": true}]}]}],
           "unmapped": {"mode": "other-map", "otherMap": "http://example.org/cm/other"}},
          {"source": "s", "target": "t", "element": [], "unmapped": {"mode": "use-source-code", "relationship": "related-to"}},
          {"target": "t", "element": [{"code": "lost", "target": [{"code": "x"}]}]}]}"#,
    );
    assert_eq!(sink.maps.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["five-1", "five-2"]);
    assert_eq!(sink.maps[0].unmapped, Unmapped::OtherMap("http://example.org/cm/other".into()));
    assert_eq!(sink.maps[1].unmapped, Unmapped::UseSourceCode(Relationship::RelatedTo));
    assert_eq!(sink.targets[0].target, None);
    assert_eq!(sink.targets[1].rule, "sex=male AND age=>12.5 a AND x=s|c");
    assert_eq!(sink.targets[1].product, "smoker=true");
    assert_eq!(sink.targets.len(), 2);
    assert!(sink.findings[0].what.contains("group 3 names no source system"), "{}", sink.findings[0]);
}

/// Half of a combination is no translation.
#[test]
fn a_product_of_the_target_system_is_a_further_group() {
    let sink = collected(
        r#"{"resourceType": "ConceptMap", "id": "m", "group": [{"source": "s", "target": "http://hl7.org/fhir/sid/icd-10-cm", "element": [
          {"code": "a", "target": [
            {"code": "E11.22", "relationship": "equivalent", "product": [
              {"attribute": "with", "valueCoding": {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "N18.30", "display": "Kidney"}},
              {"attribute": "side", "valueCode": "left"}]},
            {"code": "E11.9", "relationship": "equivalent"}]},
          {"code": "b", "target": [{"code": "E10.22", "equivalence": "equal", "product": [
              {"property": "with", "system": "urn:oid:2.16.840.1.113883.6.90", "value": "N18.4"}]}]}]}]}"#,
    );
    let rows: Vec<_> =
        sink.targets.iter().map(|t| (t.line, t.target.as_deref().unwrap(), t.scenario, t.group, t.product.as_str())).collect();
    assert_eq!(
        rows,
        [
            (1, "E11.22", 1, 1, "side=left"),
            (1, "N18.30", 1, 2, "side=left"),
            (2, "E11.9", 0, 0, ""),
            (3, "E10.22", 1, 1, ""),
            (3, "N18.4", 1, 2, ""),
        ]
    );
    assert_eq!(sink.targets[1].target_display, "Kidney");
}

#[test]
fn an_item_that_is_not_as_fhir_has_it_costs_only_itself() {
    let sink = collected(
        r#"{"resourceType": "ConceptMap", "id": "m", "group": [{"source": "s", "target": "t", "element": [
          {"code": "a", "target": [{"code": "x"}]}, {"code": 2, "target": [{"code": "y"}]}, {"code": null}, 7,
          {"code": "b", "target": [{"code": 3}]}, {"code": "c", "target": [{"code": "z"}]}]}]}"#,
    );
    let rows: Vec<_> = sink.targets.iter().map(|t| (t.line, t.source.as_str())).collect();
    assert_eq!(rows, [(1, "a"), (6, "c")]);
    let said: Vec<_> = sink.findings.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].starts_with("row 2: an item with the code 2 is not as FHIR has it: "), "{}", said[0]);
    let sink = collected(
        r#"{"resourceType": "CodeSystem", "url": "u", "concept": [
          {"code": "top", "concept": [{"code": 1}, {"code": "low"}]}, {"code": null}, {"code": "last"}]}"#,
    );
    assert_eq!(sink.concepts.iter().map(|c| c.code.as_str()).collect::<Vec<_>>(), ["top", "low", "last"]);
    assert_eq!(sink.findings.len(), 2);
}

#[test]
fn what_is_no_resource_is_said() {
    let torn = &R4[..R4.find("\"c\"").unwrap()];
    let sink = collected(torn);
    assert_eq!(sink.targets.len(), 0, "nothing is announced before the whole is known to be JSON");
    assert_eq!(sink.findings.len(), 1);
    assert!(sink.findings[0].line > 8 && sink.findings[0].column > 0, "{}", sink.findings[0]);
    for (text, what) in [
        ("{}", "neither CodeSystem nor ConceptMap"),
        ("[]", "0 resources are CodeSystem or ConceptMap"),
        ("3", "not readable"),
        ("", "not readable"),
        (r#"{"resourceType": "Bundle", "entry": []}"#, "0 resources are CodeSystem or ConceptMap"),
        (r#"{"resourceType": "ValueSet"}"#, "\"ValueSet\""),
        (r#"{"resourceType": "ConceptMap", "group": 3}"#, "not readable"),
        (r#"{"resourceType": "CodeSystem", "concept": []}"#, "no url"),
    ] {
        assert!(collected(text).findings[0].what.contains(what), "{text}: {}", collected(text).findings[0]);
    }
}

#[test]
fn a_code_system_with_nesting_status_and_words() {
    let sink = collected(
        r#"{"resourceType": "CodeSystem", "url": "http://example.org/local", "version": "1", "name": "Local", "content": "fragment", "concept": [
          {"code": "top", "display": "Top", "property": [{"code": "notSelectable", "valueBoolean": true}], "concept": [
            {"code": "low", "display": "Low", "definition": "The lower one.", "designation": [
               {"language": "de", "value": "Tief"}, {"use": {"system": "http://snomed.info/sct", "code": "900000000000003001"}, "value": "Low (thing)"}]}]},
          {"code": "old", "property": [{"code": "status", "valueCode": "retired"}, {"code": "parent", "valueCode": "top"}]},
          {"display": "nobody", "concept": [{"code": "child"}]}]}"#,
    );
    let concepts: Vec<_> = sink.concepts.iter().map(|c| (c.code.as_str(), c.status)).collect();
    assert_eq!(concepts, [("top", Status::Header), ("low", Status::Valid), ("old", Status::Inactive), ("child", Status::Valid)]);
    let parents: Vec<_> = sink.parents.iter().map(|p| (p.code.as_str(), p.parent.as_str())).collect();
    assert_eq!(parents, [("low", "top"), ("old", "top")]);
    assert_eq!(sink.designation("low", DesignationUse::FullySpecifiedName), Some("Low (thing)"));
    assert!(sink.designations.iter().any(|d| d.language == "de" && d.text == "Tief"));
    assert_eq!(sink.notes[0].text, "The lower one.");
    assert_eq!(sink.findings.len(), 2);
}

#[test]
fn a_long_map_streams() {
    let mut text = String::from(r#"{"resourceType":"ConceptMap","url":"u","group":[{"source":"s","target":"t","element":["#);
    for i in 0..50_000 {
        if i > 0 {
            text.push(',');
        }
        text.push_str(&format!(r#"{{"code":"s{i}","target":[{{"code":"t{i}","relationship":"equivalent"}}]}}"#));
    }
    text.push_str("]}]}");
    let sink = collected(&text);
    assert_eq!((sink.targets.len(), sink.findings.len()), (50_000, 0));
    assert_eq!((sink.targets[49_999].line, sink.targets[49_999].source.as_str()), (50_000, "s49999"));
}

/// What servers give: a Bundle from a search, one resource a line from a bulk export.
#[test]
fn bundles_and_resources_line_by_line() {
    let map = |id: &str, code: &str| {
        format!(
            r#"{{"resourceType": "ConceptMap", "id": "{id}", "group": [{{"source": "http://a", "target": "http://b",
            "element": [{{"code": "{code}", "target": [{{"code": "x", "equivalence": "equal"}}]}}]}}]}}"#
        )
    };
    let system = r#"{"resourceType": "CodeSystem", "url": "http://a", "concept": [{"code": "1"}]}"#;
    let patient = r#"{"resourceType": "Patient"}"#;
    let bundle = format!(
        "{{\"resourceType\": \"Bundle\", \"entry\": [\n{{\"resource\": {}}},\n{{\"resource\": {system}}},\n{{\"resource\": {patient}}},{{}}]}}",
        map("m", "1")
    );
    let lines = format!("{}\n{system}\n{patient}\n{}\n", map("m", "1").replace('\n', " "), map("n", "2").replace('\n', " "));
    let odd = collected(&bundle.replace(r#""equal""#, r#""sort-of""#));
    assert!(odd.findings.iter().any(|f| f.severity == Severity::Warning && f.line == 3), "{:?}", odd.findings);
    let list = format!("\n[{},\n{system}, {patient}]\n", map("m", "1"));
    for (text, maps) in [(bundle, vec!["m"]), (lines, vec!["m", "n"]), (list, vec!["m"])] {
        let sink = collected(&text);
        assert_eq!(sink.maps.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), maps, "{text}");
        assert_eq!((sink.targets.len(), sink.concepts.len()), (maps.len(), 1));
        assert_eq!(sink.targets[0].source, "1");
        let said: Vec<_> = sink.findings.iter().map(|f| (f.severity, f.what.as_str())).collect();
        let read = maps.len() + 1;
        assert_eq!(said, [(Severity::Note, format!("{read} resources are CodeSystem or ConceptMap, 1 are neither").as_str())]);
    }
    let sink = collected(&format!("{{\"resourceType\": \"Bundle\", \"entry\": [{{\"resource\": {patient}}}]}}"));
    assert_eq!((sink.findings[0].severity, sink.maps.len()), (Severity::Error, 0));
    // A line that is no ConceptMap costs itself, and is said with its place.
    let sink = collected(&format!("{system}\n{{\"resourceType\": \"ConceptMap\", \"group\": 1}}\n"));
    assert_eq!((sink.concepts.len(), sink.findings.len(), sink.findings[0].line), (1, 1, 2), "{:?}", sink.findings);
}
