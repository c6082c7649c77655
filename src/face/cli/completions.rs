//! `xwalk completions`: what the shell needs to complete commands and options.

use super::{Session, Verdict, grammar};
use std::io::Write;

/// Print completions for a shell: `xwalk completions bash > /etc/bash_completion.d/xwalk`
#[derive(clap::Args)]
pub struct Args {
    shell: clap_complete::Shell,
}

pub fn run(args: Args, _: &Session) -> anyhow::Result<Verdict> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut grammar(), "xwalk", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Verdict::Settled)
}
