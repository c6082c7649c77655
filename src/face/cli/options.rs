//! Options that several commands share, and how they are read.
//!
//! Days, ages and sexes are private data: a message about one that cannot be read does not repeat it.

use crate::decisions::{Approved, Examined, Store};
use crate::engine::Engine;
use crate::model::Date;
use anyhow::{Result, anyhow, bail};
use std::path::Path;
use std::sync::Arc;

/// `--date 2017-09-30`.
pub fn day(option: &str, text: Option<&str>) -> Result<Option<Date>> {
    text.map(|t| t.trim().parse::<Date>().map_err(|_| anyhow!("{option} is no day: give it as YYYY-MM-DD, like 2017-09-30"))).transpose()
}

/// `--delimiter ;`, `--delimiter tab`.
pub fn delimiter(text: &str) -> Result<char> {
    match text {
        "\\t" | "tab" => Ok('\t'),
        other => other.parse().map_err(|_| anyhow!("--delimiter is one character, or `tab`")),
    }
}

/// The engine, with what reviewers have approved by now if a policy wants it.
pub fn deciding(engine: &Engine, decisions: Option<&Path>, wanted: bool) -> Result<Engine> {
    match decisions {
        Some(db) if !db.is_file() => bail!("--decisions {}: there is no such file", db.display()),
        Some(db) if wanted => {
            let approved = Arc::new(Approved::frozen(Arc::new(Store::read(db)?))?);
            Ok(engine.clone().with_overlay(Arc::new(Examined::by(engine, approved))))
        }
        None if wanted => bail!("--policy decision needs the decisions; name them (--decisions DB)"),
        _ => Ok(engine.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn days() {
        assert_eq!(day("--date", None).unwrap(), None);
        assert_eq!(day("--date", Some("2017-09-30")).unwrap().unwrap().to_string(), "2017-09-30");
        for bad in ["30.9.2017", "2017-02-30", "", "2017"] {
            let message = day("--date", Some(bad)).unwrap_err().to_string();
            assert!(message.starts_with("--date is no day") && (bad.is_empty() || !message.contains(&format!("`{bad}`"))), "{message}");
        }
    }
}
