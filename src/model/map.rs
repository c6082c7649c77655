//! Concept maps (crosswalks): what one row of a release says.

use super::Relationship;
use std::fmt::Write;

/// What a map is for; decides how its rows are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MapKind {
    /// CMS general equivalence mapping: five flags, scenarios and choice lists.
    Gem = 0,
    /// RF2 extended or complex map: groups, priorities, rules.
    Rules = 1,
    /// A plain table: rows of one source are alternatives, unless the row names groups.
    Table = 2,
    /// From a code to the codes that took its place, in the same system: the ICD-10-CM conversion table, RF2 SAME AS and REPLACED BY.
    /// Never chosen as a translation between systems; it makes hops.
    Succession = 3,
}

impl MapKind {
    pub const ALL: [MapKind; 4] = [MapKind::Gem, MapKind::Rules, MapKind::Table, MapKind::Succession];
    pub fn code(self) -> &'static str {
        match self {
            MapKind::Gem => "gem",
            MapKind::Rules => "rules",
            MapKind::Table => "table",
            MapKind::Succession => "succession",
        }
    }
    pub fn from_code(code: &str) -> Option<MapKind> {
        MapKind::ALL.into_iter().find(|k| k.code() == code)
    }
    pub(crate) fn from_byte(byte: u8) -> Option<MapKind> {
        MapKind::ALL.get(usize::from(byte)).copied()
    }
}

/// The five flags of a GEM row, as printed: approximate, no map, combination, scenario, choice list.
///
/// CMS, *General Equivalence Mappings: Documentation for Technical Users*. The combination flag is not derived from the last two:
/// a few procedure rows carry a choice list digit without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GemFlags {
    pub approximate: bool,
    pub no_map: bool,
    pub combination: bool,
    /// 1-9: the whole reading of the source that this row belongs to; 0 outside a combination.
    pub scenario: u8,
    /// 1-9: the list of alternatives, of which a combination takes one each; 0 outside a combination.
    pub choice_list: u8,
}

impl GemFlags {
    /// Reads `10112`.
    pub fn parse(text: &str) -> Option<GemFlags> {
        let &[a, n, c, s, l] = text.as_bytes() else { return None };
        let flag = |b| match b {
            b'0' => Some(false),
            b'1' => Some(true),
            _ => None,
        };
        let digit = |b: u8| b.is_ascii_digit().then(|| b - b'0');
        Some(GemFlags { approximate: flag(a)?, no_map: flag(n)?, combination: flag(c)?, scenario: digit(s)?, choice_list: digit(l)? })
    }

    /// The five digits as printed, as a number (`10112`), the form kept in the index.
    pub fn to_number(self) -> u16 {
        u16::from(self.approximate) * 10_000
            + u16::from(self.no_map) * 1_000
            + u16::from(self.combination) * 100
            + u16::from(self.scenario) * 10
            + u16::from(self.choice_list)
    }

    pub fn from_number(number: u16) -> Option<GemFlags> {
        let digit = |unit: u16| (number / unit % 10) as u8;
        let flag = |unit| match digit(unit) {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        };
        Some(GemFlags {
            approximate: flag(10_000)?,
            no_map: flag(1_000)?,
            combination: flag(100)?,
            scenario: digit(10),
            choice_list: digit(1),
        })
    }
}

impl std::fmt::Display for GemFlags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = [self.approximate.into(), self.no_map.into(), self.combination.into(), self.scenario, self.choice_list];
        digits.iter().try_for_each(|digit| f.write_char(char::from(b'0' + digit)))
    }
}

/// What a map answers for a source that has no row: FHIR R5 `ConceptMap.group.unmapped.mode`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unmapped {
    #[default]
    None,
    UseSourceCode(Relationship),
    Fixed {
        code: String,
        display: String,
        relationship: Relationship,
    },
    OtherMap(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gem_flags_are_five_digits() {
        let flags = GemFlags::parse("10112").unwrap();
        assert!(flags.approximate && !flags.no_map && flags.combination);
        assert_eq!((flags.scenario, flags.choice_list), (1, 2));
        assert_eq!(flags.to_string(), "10112");
        assert_eq!(GemFlags::from_number(flags.to_number()), Some(flags));
        for bad in ["", "1011", "101122", "20112", "1x112", "1011é"] {
            assert_eq!(GemFlags::parse(bad), None, "{bad}");
        }
    }
}
