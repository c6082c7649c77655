#!/usr/bin/env python3
"""What the workbench writes and serves, in the hands of programs that nobody here wrote.

* `sssom` (the SSSOM working group's own) validates the export of decisions, reads and writes it; what it wrote is read back here and
  gives the same decisions.
* `reconciler` (a client of the Reconciliation Service API) asks `/reconcile` for words, and for codes of another system by a property.

Usage: review.py XWALK          Needs `pip install sssom reconciler`.
"""

import json, subprocess, sys, tempfile, warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from program import Program, check, stop

warnings.filterwarnings("ignore")


def main():
    folder = Path(tempfile.mkdtemp())
    program = Program(sys.argv[1], folder)

    def review(verb, *args, db="d.db", **more):
        return program.run("review", verb, "--decisions", db, *args, **more)

    # A combination, a code found by search, one without a map; a text with what a table must not stumble over.
    review("add", "--by", "job", "--from", "icd9cm", "--to", "icd10cm", "249.51", "770.5", "365.70")
    review("add", "--by", "job", "--from", "icd9cm", "--to", "icd10cm", "--text", '=cmd|"a\tb', "569.0")
    for item, answer in [("1", ["--pick", "2", "1"]), ("2", ["--codes", "J98.11"]), ("3", ["--no-map"]), ("4", ["--pick", "1"])]:
        review("decide", "--by", "ann", item, *answer, "--why", "as in the chart")
        review("approve", "--by", "bob", item)
    review("export", "--as", "sssom", "-o", "out.sssom.tsv")
    sssom(folder)
    review("import", "--by", "carl", "--as", "sssom", "again.sssom.tsv", db="again.db", expect=(0,))
    check(decisions(review, "d.db") == decisions(review, "again.db"), "what sssom wrote gives other decisions")
    print("outside: sssom accepts the export, and what it writes gives the same decisions")

    server, base = program.serve("--decisions", "d.db")
    try:
        reconcile(base + "/reconcile")
    finally:
        stop(server)
    print("outside: reconciler finds codes by words and by the maps")


def sssom(folder):
    from sssom.parsers import parse_sssom_table
    from sssom.validators import validate
    from sssom.writers import write_table
    from sssom.constants import DEFAULT_VALIDATION_TYPES

    mappings = parse_sssom_table(str(folder / "out.sssom.tsv"))
    check(len(mappings.df) == 5, f"sssom reads {len(mappings.df)} mappings, not 5")
    validate(mappings, DEFAULT_VALIDATION_TYPES, fail_on_error=True)
    predicates = set(mappings.df["predicate_id"])
    check(predicates <= {"skos:relatedMatch", "skos:exactMatch"}, f"{predicates}")
    with open(folder / "again.sssom.tsv", "w") as out:
        write_table(mappings, out)


def decisions(review, db):
    """Code, status, who, when and codes of every item."""
    items = json.loads(review("list", "--format", "json", db=db))
    shown = [json.loads(review("show", "--by", "x", str(i["id"]), "--format", "json", db=db))[0] for i in items]
    return sorted((i["source"]["code"], i.get("text", ""), i["status"], i["author"], i["approver"],
                   [t["code"] for t in i["answer"]["targets"]]) for i in shown)


def reconcile(endpoint):
    import pandas
    from reconciler import reconcile

    words = pandas.Series(["type 2 diabetes mellitus without complications", "old myocardial infarction"])
    found = reconcile(words, type_id="icd10cm", top_res=1, reconciliation_endpoint=endpoint)
    check(list(found["id"]) == ["icd10cm:E11.9", "icd10cm:I25.2"] and found["match"].all(), found.to_string())
    # The maps say what 250.00 and 401.9 are; the words need not.
    codes = pandas.DataFrame({"words": ["diabetes", "pressure"], "code": ["250.00", "401.9"]})
    found = reconcile(codes["words"], type_id="icd10cm", top_res="all", property_mapping={"icd9cm": codes["code"]}, reconciliation_endpoint=endpoint)
    check(list(found["id"]) == ["icd10cm:E11.9", "icd10cm:I10"] and found["match"].all(), found.to_string())


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"outside: FAILED: {failure}")
