//! `xwalk token`: who may ask the service.

use super::{Session, Verdict, options};
use crate::face::http::tokens::{self, Role, Tokens};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Make, list and remove the tokens of `xwalk serve --tokens`
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Make a token: it is printed once and kept nowhere, the file has only its hash
    Add {
        /// Whose it is, for the audit log
        name: String,
        /// The file of tokens; made if it is not there
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
        /// What it allows: read, review, admin (each with what the ones before it allow)
        #[arg(long, default_value = "read", value_parser = ["read", "review", "admin"])]
        role: String,
        /// The last day on which it holds [default: until it is removed]
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
    /// Names, roles and last days
    List {
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
    /// Take a token back; a running service follows at SIGHUP
    Remove {
        name: String,
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
    },
}

pub fn run(args: Args, _session: &Session) -> Result<Verdict> {
    match args.what {
        What::Add { name, tokens, role, expires } => {
            let role = Role::from_code(&role).context("a role is read, review or admin")?;
            let token = tokens::add(&tokens, &name, role, options::day("--expires", expires.as_deref())?)?;
            println!("{token}");
        }
        What::List { tokens } => {
            for entry in Tokens::read(&tokens)?.entries() {
                println!("{}\t{}\t{}", entry.name, entry.role.code(), entry.expires.as_deref().unwrap_or("-"));
            }
        }
        What::Remove { name, tokens } => tokens::remove(&tokens, &name)?,
    }
    Ok(Verdict::Settled)
}
