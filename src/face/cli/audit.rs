//! `xwalk audit`: is the service's log as it was written?

use super::{Session, Verdict};
use crate::face::http::audit;
use anyhow::Result;
use std::path::PathBuf;

/// Look at the audit log of `xwalk serve --audit`
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Check that nothing was changed, taken out or put in; prints the number and hash of the last line, to be noted elsewhere
    Verify { file: PathBuf },
}

pub fn run(args: Args, session: &Session) -> Result<Verdict> {
    let What::Verify { file } = args.what;
    match audit::verify(&file) {
        Ok(verified) => {
            println!("in order: {} lines, last hash {}", verified.lines, verified.hash);
            Ok(Verdict::Settled)
        }
        Err(broken @ audit::Error::Broken { .. }) => {
            session.warn(&broken.to_string());
            Ok(Verdict::Unsettled)
        }
        Err(error) => Err(error.into()),
    }
}
