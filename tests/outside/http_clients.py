#!/usr/bin/env python3
"""Clients that nobody here wrote, against `xwalk serve`: fhirpy and fhirclient over FHIR, schemathesis over the own API.

    pip install fhirpy fhirclient schemathesis
    python3 tests/outside/http_clients.py target/release/xwalk

Exit code 0: all answers are right, and no document is broken. A client that is not installed is said, and skipped.
"""
import os, shutil, subprocess, sys, tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from program import Program, stop

HERE = os.path.dirname(os.path.abspath(__file__))
I9, CM = "http://hl7.org/fhir/sid/icd-9-cm", "http://hl7.org/fhir/sid/icd-10-cm"

def parameters(answer):
    return {p["name"]: p for p in answer["parameter"]}

def part(parameter, name):
    return next(p for p in parameter["part"] if p["name"] == name)

def with_fhirpy(base):
    from fhirpy import SyncFHIRClient
    from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound
    client = SyncFHIRClient(base)
    looked_up = parameters(client.execute("CodeSystem/$lookup", method="get", params={"system": CM, "code": "E11.9"}))
    assert looked_up["display"]["valueString"] == "Type 2 diabetes mellitus without complications", looked_up
    ask = {"system": I9, "code": "250.00", "targetsystem": CM}
    translated = parameters(client.execute("ConceptMap/$translate", method="get", params=ask))
    assert translated["result"]["valueBoolean"] is True
    assert part(translated["match"], "concept")["valueCoding"]["code"] == "E11.9", translated
    sent = {"resourceType": "Parameters", "parameter": [
        {"name": "url", "valueUri": CM}, {"name": "code", "valueCode": "E11"}]}
    checked = parameters(client.execute("CodeSystem/$validate-code", method="post", data=sent))
    assert checked["result"]["valueBoolean"] is False, "a header is not to be recorded"
    asked = {"url": CM, "code": "E66.811", "version": "2024"}
    checked = parameters(client.execute("CodeSystem/$validate-code", method="get", params=asked))
    assert checked["result"]["valueBoolean"] is False, "E66.811 came with the release of 2025"
    systems = client.resources("CodeSystem").search(url=CM).fetch()
    assert [s["url"] for s in systems] == [CM], systems
    assert client.reference("CodeSystem", "icd10cm").to_resource()["url"] == CM
    for path, params in [("CodeSystem/$lookup", {"system": CM, "code": "ZZZ"}), ("CodeSystem/$lookup", {"code": "1"})]:
        try:
            client.execute(path, method="get", params=params)
            raise SystemExit(f"{path} {params} was answered")
        except (OperationOutcome, ResourceNotFound):
            pass

def with_fhirclient(base):
    """Its models are R4's and strict: what does not fit the resource is an error."""
    from fhirclient import server
    from fhirclient.models import bundle, capabilitystatement, codesystem, conceptmap, operationoutcome, parameters as models, valueset
    remote = server.FHIRServer(None, base_uri=base)
    capabilitystatement.CapabilityStatement(remote.request_json("metadata"))
    codesystem.CodeSystem.read("icd10cm", remote)
    for path, model in [
        (f"CodeSystem/$lookup?system={CM}&code=E11.9", models.Parameters),
        (f"CodeSystem/$validate-code?url={CM}&code=e119&display=Plague", models.Parameters),
        (f"CodeSystem/$subsumes?system={CM}&codeA=E11&codeB=E11.9", models.Parameters),
        (f"ConceptMap/$translate?system={I9}&code=806.00&targetsystem={CM}", models.Parameters),
        (f"ConceptMap/$translate?system={I9}&code=365.70&targetsystem={CM}", models.Parameters),
        (f"ValueSet/$expand?url={CM}%3Ffhir_vs&filter=type%202%20diabetes&count=5", valueset.ValueSet),
        ("ConceptMap", bundle.Bundle),
    ]:
        model(remote.request_json(path))
    found = conceptmap.ConceptMap.where({"source-system": I9}).perform_resources(remote)
    assert found, "a map from ICD-9-CM"

def with_schemathesis(base):
    command = [shutil.which("schemathesis"), "--config-file", os.path.join(HERE, "schemathesis.toml"), "run", base + "/openapi.json",
               "--url", base, "--phases", "examples,fuzzing", "--max-examples", "25", "--request-timeout", "10", "--seed", "7",
               "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]
    subprocess.run(command, check=True, timeout=180)

def main():
    folder = tempfile.TemporaryDirectory()
    process, base = Program(sys.argv[1], Path(folder.name)).serve()
    try:
        for name, run, bases in [
            ("fhirpy", with_fhirpy, ["/fhir/r4", "/fhir/r5"]),
            ("fhirclient", with_fhirclient, ["/fhir/r4"]),
            ("schemathesis", with_schemathesis, [""]),
        ]:
            try:
                __import__(name)
            except ImportError:
                print(f"{name}: skipped, it is not installed")
                continue
            for path in bases:
                run(base + path)
                print(f"{name}: right answers from {path or '/v1'}")
        assert process.poll() is None, "the service ended"
    finally:
        stop(process)

if __name__ == "__main__":
    main()
