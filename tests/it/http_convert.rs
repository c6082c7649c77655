//! `/v1/convert`: the job of `xwalk convert`, to the byte, and what it refuses.

use crate::http::{Reply, exchange, post, serve_engine};
use crate::{cli, golden};
use std::fmt::Write as _;

const PATH: &str = "/v1/convert?from=icd9cm&to=icd10cm&code=dx";

fn records(rows: usize) -> String {
    let codes = ["250.00", "25000", "249.51", "365.70", "806.00", "nonsense", "", "V54.12"];
    let mut text = String::from("id,dx,note\n");
    for row in 0..rows {
        let _ = writeln!(text, "{row},{},\"a, b\"", codes[row % codes.len()]);
    }
    text
}

fn ledger(reply: &Reply) -> &str {
    reply.header("xwalk-ledger").unwrap_or_else(|| panic!("no ledger: {}", reply.head))
}

#[test]
fn a_file_is_converted_as_on_the_command_line() {
    let service = serve_engine(golden::engine(), |_| ());
    let folder = tempfile::tempdir().expect("a folder");
    // Many pieces of many blocks.
    let text = records(60_000);
    let (input, output) = (folder.path().join("in.csv"), folder.path().join("out.csv"));
    std::fs::write(&input, &text).expect("written");
    for policy in ["review", "first"] {
        let options = ["--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "--policy", policy];
        let ran = cli::xwalk().arg("convert").arg(&input).arg("-o").arg(&output).args(options).output().expect("a run");
        assert_eq!(ran.status.code(), Some(1), "some stay unsettled: {}", String::from_utf8_lossy(&ran.stderr));
        let reply = post(&service, &format!("{PATH}&policy={policy}"), "text/csv", &text);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/csv")), "{}", reply.head);
        assert!(reply.body == std::fs::read_to_string(&output).expect("the output"), "{policy}: other bytes than the command line's");
        // An eighth is blank.
        assert!(ledger(&reply).starts_with("in=60000, out=60000, rejected=0, codes=52500, settled="), "{}", reply.head);
    }
}

#[test]
fn other_formats_rejects_and_report() {
    let service = serve_engine(golden::engine(), |_| ());
    let ndjson = post(&service, "/v1/convert?from=icd9cm&to=icd10cm&code=/dx", "application/x-ndjson", "{\"dx\":\"250.00\"}\n");
    assert_eq!(ndjson.status, 200, "{}", ndjson.body);
    assert!(ndjson.body.contains("\"dx_target\":\"E11.9\""), "{}", ndjson.body);
    assert_eq!(ndjson.header("content-type"), Some("application/x-ndjson"), "the type of what was written");
    assert_eq!(post(&service, PATH, "application/octet-stream", "dx\n250.00\n").header("content-type"), Some("text/csv"));
    let tabs = post(&service, PATH, "text/tab-separated-values", "id\tdx\n1\t250.00\n");
    assert!(tabs.body.contains("1\t250.00\tE11.9\t"), "{}", tabs.body);
    // A record with a field too many is not lost: it is counted, and given back on demand.
    let text = "id,dx\n1,250.00\n2,250.00,surplus\n";
    let records = post(&service, PATH, "text/csv", text);
    assert_eq!(ledger(&records), "in=2, out=1, rejected=1, codes=1, settled=1");
    let rejects = post(&service, &format!("{PATH}&answer=rejects"), "text/csv", text);
    assert_eq!(rejects.body, "line,reason,record\n3,fields,\"2,250.00,surplus\"\n");
    let none = post(&service, &format!("{PATH}&answer=rejects"), "text/csv", "id,dx\n1,250.00\n");
    assert_eq!(none.body, "line,reason,record\n");
    let report = post(&service, &format!("{PATH}&answer=report"), "text/csv", text).json();
    assert_eq!((&report["schema"], &report["records"]["rejected"]), (&"xwalk-report/1".into(), &1.into()), "{report}");
}

#[test]
fn what_cannot_be_converted_says_why() {
    let service = serve_engine(golden::engine(), |c| c.limits.file = 10_000);
    let small = "id,dx\n1,250.00\n";
    let large = records(2_000);
    for (path, media, body, status, says) in [
        ("/v1/convert?from=icd9cm&to=icd10cm&code=dy", "text/csv", small, 400, "no column `dy`"),
        ("/v1/convert?from=icd9cm&to=icd10cm", "text/csv", small, 400, "code is needed"),
        ("/v1/convert?from=nowhere&to=icd10cm&code=dx", "text/csv", small, 404, "no code system"),
        ("/v1/convert?from=icd9cm&to=icd10cm&code=dx&map=nothing", "text/csv", small, 404, "no map"),
        ("/v1/convert?to=icd10cm&code=dx", "text/csv", small, 400, "from_column"),
        ("/v1/convert?from=icd9cm&to=icd10cm&code=dx&colour=red", "text/csv", small, 400, "colour"),
        ("/v1/convert?from=icd9cm&to=icd10cm&code=dx&records=parquet", "text/csv", small, 400, "records"),
        (PATH, "text/csv", "250.00\n", 400, "header=false"),
        (PATH, "text/csv", "PAR1....", 415, "xwalk convert"),
        (PATH, "text/csv", "", 400, "the file is empty"),
        (PATH, "application/x-ndjson", "", 400, "empty"),
        (PATH, "application/pdf", small, 415, "text/csv"),
        (PATH, "text/csv", &large, 413, "10000 bytes"),
    ] {
        let reply = post(&service, path, media, body);
        assert_eq!(reply.status, status, "{path} {media}: {}", reply.body);
        assert!(reply.json()["detail"].as_str().is_some_and(|d| d.contains(says)), "{path} {media}: {}", reply.body);
    }
    // Of what the command line would be told to say, the parameters.
    let quoted = "401.9\t\"ok\"\n".repeat(9_000);
    let text = format!("dx\tnote\n{quoted}401.9\t\"open\n401.9\t\"x\"\n");
    let refused = post(&serve_engine(golden::engine(), |_| ()), PATH, "text/tab-separated-values", &text);
    let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(
        refused.status == 400 && detail.starts_with("a quotation that begins in line 9002") && detail.contains("quote=none"),
        "{detail}"
    );
    // A quotation that nobody closes, and bytes that are no text, are records among the rejects.
    for body in [format!("id,dx\n1,\"{}", "x".repeat(9_000)), String::from("id,dx\n1,250.00\0\n")] {
        let reply = post(&service, PATH, "text/csv", &body);
        assert_eq!((reply.status, ledger(&reply)), (200, "in=1, out=0, rejected=1, codes=0, settled=0"), "{}", reply.body);
    }
    let request = |body: &[u8]| {
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    for bomb in [&[0x1f, 0x8b, 8, 0, 0][..], &[0x28, 0xb5, 0x2f, 0xfd, 0]] {
        assert_eq!(exchange(service.address, &request(bomb)).status, 415, "compressed files are not unfolded");
    }
    let none = serve_engine(golden::engine(), |c| c.limits.conversions = 0);
    let refused = post(&none, PATH, "text/csv", small);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")));
}

#[test]
fn who_sends_slowly_keeps_no_place() {
    use std::io::Write;
    let service = serve_engine(golden::engine(), |c| {
        c.limits.conversions = 1;
        c.limits.files = 1_000;
    });
    let slow: Vec<std::net::TcpStream> = (0..3)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(service.address).expect("a connection");
            let head = format!("POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\ndx\n{:300}", "");
            stream.write_all(head.as_bytes()).expect("written");
            stream
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(post(&service, PATH, "text/csv", "dx\n250.00\n").status, 200);
    assert_eq!(post(&service, PATH, "text/csv", &records(20)).status, 503, "all files together are too large");
    drop(slow);
    let again = || post(&service, PATH, "text/csv", &records(20)).status == 200;
    assert!(
        (0..100).any(|_| again() || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            false
        }),
        "the room is given back"
    );
}
