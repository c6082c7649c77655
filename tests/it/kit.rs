//! What several rooms of the tests need: small made-up releases, and engines over them.

use std::sync::{Arc, OnceLock};
use xwalk::compile::{Bytes, Content, Input, Report};
use xwalk::engine::Engine;
use xwalk::index::Index;
use xwalk::model::MapKind;
use xwalk::model::map::Unmapped;
use xwalk::read::{Format, MapRelease, SystemRelease};
use xwalk::releases::{Dirs, Source};

/// A release of a system from text.
pub fn system(id: &str, system: &str, version: &str, from: &str, format: Format, text: &str) -> Input {
    Input {
        id: id.to_owned(),
        file: format!("{id}.txt"),
        format,
        content: Content::System(SystemRelease {
            system: system.to_owned(),
            version: version.to_owned(),
            from: from.parse().ok(),
            ..SystemRelease::default()
        }),
        sha256: String::new(),
        bytes: Bytes::Embedded(Box::leak(text.to_owned().into_bytes().into_boxed_slice())),
        member: None,
        precedence: 0,
    }
}

/// A map from text.
pub fn map(id: &str, (source, target): (&str, &str), version: &str, kind: MapKind, format: Format, text: &str) -> Input {
    Input {
        content: Content::Map(MapRelease {
            id: id.to_owned(),
            url: String::new(),
            title: String::new(),
            version: version.to_owned(),
            source: source.to_owned(),
            target: target.to_owned(),
            kind,
            from: None,
            to: None,
            unmapped: Unmapped::None,
        }),
        ..system(&format!("{id}-{version}"), source, version, "", format, text)
    }
}

/// A release that says itself what it is, from text.
pub fn of_itself(id: &str, format: Format, text: &str) -> Input {
    Input { content: Content::SelfDescribed, ..system(id, "", "", "", format, text) }
}

/// An ICD-10 order file: code, whether it may be recorded, title.
pub fn order<F: Copy + Into<u8>>(rows: &[(&str, F, &str)]) -> String {
    let line = |(at, (code, flag, title)): (usize, &(&str, F, &str))| {
        let flag: u8 = (*flag).into();
        format!("{:05} {code:<7} {flag} {title:<60.60} {title}\r\n", at + 1)
    };
    rows.iter().enumerate().map(line).collect()
}

/// Compiles in memory, as far as anyone can tell.
pub fn compile(inputs: &[Input]) -> (Vec<u8>, Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("index");
    let report = xwalk::compile::build(inputs, &file).expect("a build");
    (std::fs::read(&file).expect("the index"), report)
}

/// The releases that the binary carries.
pub fn embedded_inputs() -> Vec<Input> {
    xwalk::releases::from_user(&Dirs::default()).expect("embedded").iter().map(Source::input).collect()
}

/// Their index, as users have it who fetched nothing.
pub fn embedded() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| Index::from_bytes(embedded_bytes().to_vec(), xwalk::text::VERSION).expect("an index"))
}

pub fn embedded_bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| compile(&embedded_inputs()).0)
}

/// An engine, and what its build had to say.
pub fn built(inputs: &[Input]) -> (Engine, Report) {
    let (bytes, report) = compile(inputs);
    (Engine::new(Arc::new(Index::from_bytes(bytes, xwalk::text::VERSION).expect("an index"))), report)
}

pub fn engine(inputs: &[Input]) -> Engine {
    built(inputs).0
}
