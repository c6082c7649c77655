//! `xwalk generate`: made-up releases of any size, for benches. Hidden: nobody converts records with it.

use super::{Session, Verdict};
use crate::read::rf2::Form;
use crate::releases::generate::{self, Shape};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Write a made-up release: no real content, but the form, the forms of map rules and the awkward cases of real ones
#[derive(clap::Args)]
#[command(hide = true)]
pub struct Args {
    #[arg(value_enum)]
    kind: Kind,
    /// The folder to write into
    folder: PathBuf,
    /// The same seed and size give the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Concepts or codes; descriptions, is-a rows and map rows grow with them in the proportions of SNOMED CT
    #[arg(long, default_value_t = 360_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    concepts: u32,
    /// RF2: Full files too, beside Snapshot
    #[arg(long)]
    full: bool,
    /// RF2: a handful of what a release should not hold: cycles, orphan rows, bad ids, unreadable rules
    #[arg(long)]
    damage: bool,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    Rf2,
    Cpt,
    Hcpcs,
}

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    let cannot = || format!("cannot write into {}", args.folder.display());
    std::fs::create_dir_all(&args.folder).with_context(cannot)?;
    let codes = args.concepts as usize;
    let written = match args.kind {
        Kind::Rf2 => {
            let edition = Shape::edition(args.seed);
            let scaled = |n: usize| n * codes / edition.concepts;
            let shape = Shape {
                concepts: codes,
                descriptions: scaled(edition.descriptions),
                is_a: scaled(edition.is_a),
                map_rows: scaled(edition.map_rows),
                forms: if args.full { vec![Form::Snapshot, Form::Full] } else { vec![Form::Snapshot] },
                damage: args.damage,
                ..edition
            };
            format!("{:?}", generate::write_rf2(&args.folder, &shape).with_context(cannot)?)
        }
        Kind::Cpt => format!("{} codes", generate::write_cpt(&args.folder, args.seed, codes, true).with_context(cannot)?.len()),
        Kind::Hcpcs => {
            let path = args.folder.join("HCPC_generated.txt");
            format!("{} codes", generate::write_hcpcs(&path, args.seed, codes, codes / 20).with_context(cannot)?.len())
        }
    };
    session.warn(&written);
    Ok(Verdict::Settled)
}
