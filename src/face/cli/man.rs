//! `xwalk man`: the manual pages, made from the grammar.

use super::{Session, Verdict, grammar};
use anyhow::anyhow;
use std::io::Write;

/// Print the manual page, of xwalk or of one command: `xwalk man translate | man -l -`
#[derive(clap::Args)]
pub struct Args {
    /// Words of the command: `translate`, `index build`
    command: Vec<String>,
}

pub fn run(args: Args, _: &Session) -> anyhow::Result<Verdict> {
    let mut command = grammar();
    command.build();
    for word in &args.command {
        let known = command.get_subcommands().map(|c| c.get_name().to_owned()).collect::<Vec<_>>().join(", ");
        let found = command.find_subcommand(word).cloned();
        command = found.ok_or_else(|| anyhow!("there is no command `{word}` here; there is {known}"))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    std::io::stdout().write_all(&page)?;
    Ok(Verdict::Settled)
}
