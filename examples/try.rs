use std::sync::Arc;
use xwalk::engine::*;
use xwalk::index::Index;
use xwalk::releases;
fn main() {
    let dirs = releases::Dirs::from_env();
    let t = std::time::Instant::now();
    let found = releases::index(
        &dirs,
        &mut |r| {
            eprintln!("built {} concepts {} rows {} findings {} bytes", r.concepts, r.rows, r.findings.len(), r.size);
            for f in r.findings.iter().take(30) {
                eprintln!("  {f}");
            }
        },
        &|n| eprintln!("{n}"),
    )
    .expect("index");
    eprintln!("{:?} {}", t.elapsed(), found.path().display());
    let t = std::time::Instant::now();
    let index = Index::open(found.path(), xwalk::text::VERSION).expect("open");
    eprintln!("open {:?}", t.elapsed());
    for s in index.systems() {
        eprintln!("{} {} {:?} {:?}", s.alias(), s.len(), s.releases().iter().map(|r| &r.version).collect::<Vec<_>>(), s.coverage());
    }
    for m in index.maps() {
        eprintln!("{:?} {}", m, m.len());
    }
    let t = std::time::Instant::now();
    let v = index.verify();
    eprintln!("verify {:?} {:?}", t.elapsed(), v);
    let mut sizes = index.sizes();
    sizes.sort_by_key(|s| std::cmp::Reverse(s.1));
    for s in sizes.iter().take(12) {
        eprintln!("{s:?}");
    }
    let e = Engine::new(Arc::new(index));
    let td = std::env::args().nth(1).and_then(|d| d.parse().ok());
    let tr =
        e.translator(TranslatorOptions { from: "icd9cm".into(), to: "icd10cm".into(), target_date: td, ..Default::default() }).unwrap();
    for c in ["250.00", "249.51", "806.00", "V54.12", "25000", " 250.00 ", "250", "999.99x", "38.9", "2500O", "0250.00", "995.92"] {
        let t = tr.translate(&Asked::code(c));
        println!(
            "{c:?} -> {} auto={} {:?} scenarios={} options={} {} {:?}",
            t.outcome.code(),
            t.automatic,
            t.source,
            t.scenarios.len(),
            t.targets().count(),
            t.message,
            t.repairs
        );
        for s in &t.scenarios {
            print!("   S");
            for g in &s.groups {
                print!(" [");
                for o in g.options.iter().take(4) {
                    print!(
                        "{:?}({:?}{}) ",
                        o.concept,
                        o.state,
                        o.hops.iter().map(|h| format!(" via {:?} {:?}", h.from, h.effective)).collect::<String>()
                    );
                }
                print!("]");
            }
            println!();
        }
        for n in t.nearest.iter().take(4) {
            println!("    ~ {:?} {:?} {}", n.concept, n.kind, n.distance);
        }
    }
}
