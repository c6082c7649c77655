//! Options that several commands share, and how they are read.
//!
//! Days, ages and sexes are private data: a message about one that cannot be read does not repeat it.

use crate::model::Date;
use anyhow::{Result, anyhow};

/// `--date 2017-09-30`.
pub fn day(option: &str, text: Option<&str>) -> Result<Option<Date>> {
    text.map(|t| t.trim().parse::<Date>().map_err(|_| anyhow!("{option} is no day: give it as YYYY-MM-DD, like 2017-09-30"))).transpose()
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
