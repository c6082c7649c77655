//! Code systems: what they are called, and how their codes are written.

/// A code system as it is known to everyone: one alias used on every face, its canonical URI, its OID, its HL7 v2 table 0396 names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct System {
    pub alias: &'static str,
    pub title: &'static str,
    pub uri: &'static str,
    pub oid: &'static str,
    /// HL7 v2 table 0396 mnemonics and other names in use.
    pub names: &'static [&'static str],
    pub form: CodeForm,
}

/// The systems that need no introduction. Any other system is known by the alias and URI that its release gives.
///
/// ICD-10 (WHO) is not ICD-10-CM: same shape, other codes.
pub const SYSTEMS: &[System] = &[
    System {
        alias: "icd9cm",
        title: "ICD-9-CM diagnoses (volumes 1 and 2)",
        uri: "http://hl7.org/fhir/sid/icd-9-cm",
        oid: "2.16.840.1.113883.6.103",
        names: &["I9C", "I9CDX", "I9", "I9CM", "icd9", "icd-9", "icd-9-cm", "icd9dx"],
        form: CodeForm::Icd9Cm,
    },
    System {
        alias: "icd9proc",
        title: "ICD-9-CM procedures (volume 3)",
        uri: "http://hl7.org/fhir/sid/icd-9-cm-procedure",
        oid: "2.16.840.1.113883.6.104",
        names: &["I9CP", "icd9sg", "icd9pcs", "icd-9-proc", "icd9pr"],
        form: CodeForm::Icd9Proc,
    },
    System {
        alias: "icd10cm",
        title: "ICD-10-CM",
        uri: "http://hl7.org/fhir/sid/icd-10-cm",
        oid: "2.16.840.1.113883.6.90",
        names: &["I10C", "I10", "icd-10-cm", "icd10dx"],
        form: CodeForm::Icd10Cm,
    },
    System {
        alias: "icd10pcs",
        title: "ICD-10-PCS",
        uri: "http://www.cms.gov/Medicare/Coding/ICD10",
        oid: "2.16.840.1.113883.6.4",
        names: &["I10P", "icd-10-pcs", "http://hl7.org/fhir/sid/icd-10-pcs"],
        form: CodeForm::Icd10Pcs,
    },
    System {
        alias: "icd10",
        title: "ICD-10 (WHO)",
        uri: "http://hl7.org/fhir/sid/icd-10",
        oid: "2.16.840.1.113883.6.3",
        names: &["I10WHO", "icd-10"],
        form: CodeForm::Icd10Cm,
    },
    System {
        alias: "snomed",
        title: "SNOMED CT",
        uri: "http://snomed.info/sct",
        oid: "2.16.840.1.113883.6.96",
        names: &["SCT", "SNOMEDCT", "snomedct_us", "snomed-ct"],
        form: CodeForm::SctId,
    },
    System {
        alias: "cpt",
        title: "CPT",
        uri: "http://www.ama-assn.org/go/cpt",
        oid: "2.16.840.1.113883.6.12",
        names: &["C4", "CPT4", "cpt-4"],
        form: CodeForm::FiveCharacters,
    },
    System {
        alias: "hcpcs",
        title: "HCPCS Level II",
        uri: "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        oid: "2.16.840.1.113883.6.285",
        names: &["HCPCS", "HCPC", "HCPT", "http://www.nlm.nih.gov/research/umls/hcpcs"],
        form: CodeForm::FiveCharacters,
    },
    System {
        alias: "loinc",
        title: "LOINC",
        uri: "http://loinc.org",
        oid: "2.16.840.1.113883.6.1",
        names: &["LN", "LNC"],
        form: CodeForm::AsWritten,
    },
    System {
        alias: "rxnorm",
        title: "RxNorm",
        uri: "http://www.nlm.nih.gov/research/umls/rxnorm",
        oid: "2.16.840.1.113883.6.88",
        names: &["RXNORM", "RxNorm"],
        form: CodeForm::AsWritten,
    },
];

impl System {
    /// Finds a system by alias, canonical URI, OID (bare or `urn:oid:`) or HL7 v2 name, letters of either case.
    pub fn find(name: &str) -> Option<&'static System> {
        let name = name.trim();
        let oid = name.strip_prefix("urn:oid:").unwrap_or(name);
        SYSTEMS.iter().find(|s| {
            s.alias.eq_ignore_ascii_case(name)
                || s.oid == oid
                || s.uri.trim_end_matches('/') == name.trim_end_matches('/')
                || s.names.iter().any(|n| n.eq_ignore_ascii_case(name))
        })
    }
}

/// How the codes of a system are written.
///
/// Three spellings are told apart. The *key* is what indexes are sorted by (ICD: upper case, no dot). The *code* is the system's own
/// printed form (ICD-9-CM and ICD-10-CM: with the dot). What a user gives may be neither; [`CodeForm::key`] accepts exactly those
/// spellings that mean the same code by the system's own rules, and anything beyond that is a repair and is said (`engine::validate`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CodeForm {
    /// Compared to the letter.
    #[default]
    AsWritten = 0,
    /// `250.00`, `V54.12`, `E880.9`: dot after three characters, after four in an E code.
    Icd9Cm = 1,
    /// `00.10`: dot after two digits.
    Icd9Proc = 2,
    /// `E11.9`, `S72.001A`: dot after three characters.
    Icd10Cm = 3,
    /// Seven characters, no dot.
    Icd10Pcs = 4,
    /// Digits ending in a Verhoeff check digit.
    SctId = 5,
    /// CPT and HCPCS: five characters, or a modifier of two; letters upper case.
    FiveCharacters = 6,
}

impl CodeForm {
    pub(crate) fn from_byte(byte: u8) -> Option<CodeForm> {
        use CodeForm::*;
        [AsWritten, Icd9Cm, Icd9Proc, Icd10Cm, Icd10Pcs, SctId, FiveCharacters].get(usize::from(byte)).copied()
    }

    /// After how many characters the dot stands in codes that begin so and go on behind it; `None`: there is none.
    pub(crate) fn dot_after(self, first: u8) -> Option<usize> {
        match self {
            CodeForm::Icd9Cm if first == b'E' => Some(4),
            CodeForm::Icd9Cm | CodeForm::Icd10Cm => Some(3),
            CodeForm::Icd9Proc => Some(2),
            _ => None,
        }
    }

    /// Where the dot stands in a code with this key; `None`: nowhere.
    fn dot(self, key: &str) -> Option<usize> {
        let after = self.dot_after(*key.as_bytes().first()?)?;
        (key.len() > after && key.is_char_boundary(after)).then_some(after)
    }

    /// The printed form of a key: `25000` to `250.00`. What has not the system's form gets no dot (`#N/A` in a map); what merely
    /// follows a code does not matter (`S060X0?` is `S06.0X0?`).
    pub fn code(self, key: &str) -> String {
        let code = key.bytes().take_while(|b| b.is_ascii_digit() || b.is_ascii_uppercase()).count();
        match self.dot(key).filter(|&dot| dot < code && self.fits(&key[..code])) {
            Some(dot) => format!("{}.{}", &key[..dot], &key[dot..]),
            None => key.to_owned(),
        }
    }

    /// The key of a code as printed, dotted or not. The text is taken at its word: a dot in the wrong place, lower case or a blank
    /// give a key that no index holds (so the question of repair arises where it can be answered).
    pub fn key<'a>(self, code: &'a str, buffer: &'a mut [u8; 16]) -> &'a str {
        if !matches!(self, CodeForm::Icd9Cm | CodeForm::Icd9Proc | CodeForm::Icd10Cm) || code.len() > buffer.len() {
            return code;
        }
        let Some(at) = code.find('.') else { return code };
        let bytes = code.as_bytes();
        buffer[..at].copy_from_slice(&bytes[..at]);
        buffer[at..bytes.len() - 1].copy_from_slice(&bytes[at + 1..]);
        match std::str::from_utf8(&buffer[..bytes.len() - 1]) {
            Ok(key) if self.dot(key) == Some(at) && !key.contains('.') => key,
            _ => code,
        }
    }

    /// Whether a text from which [`CodeForm::key`] made this key is the printed form itself, not a code whose dot was left out.
    pub(crate) fn is_printed(self, code: &str, key: &str) -> bool {
        code.len() == key.len() + usize::from(self.dot(key).is_some())
    }

    /// Whether a key has the shape of this system's codes, headers included. A shape proves nothing: `V10.00` fits two systems.
    pub fn fits(self, key: &str) -> bool {
        let b = key.as_bytes();
        let digits = |b: &[u8]| b.iter().all(u8::is_ascii_digit);
        match self {
            CodeForm::AsWritten => !key.is_empty(),
            CodeForm::Icd9Cm => match b.first() {
                Some(b'E') => (4..=5).contains(&b.len()) && digits(&b[1..]),
                Some(b'V') => (3..=5).contains(&b.len()) && digits(&b[1..]),
                _ => (3..=5).contains(&b.len()) && digits(b),
            },
            CodeForm::Icd9Proc => (2..=4).contains(&b.len()) && digits(b),
            // Letter, then mostly a digit, but `C4A` since 2009 and `QA0` since FY2026: a letter in second or third place, not in both.
            CodeForm::Icd10Cm => {
                (3..=7).contains(&b.len())
                    && b[0].is_ascii_uppercase()
                    && (b[1].is_ascii_digit() || b[2].is_ascii_digit())
                    && b[1..].iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
            }
            CodeForm::Icd10Pcs => {
                (3..=7).contains(&b.len()) && b.iter().all(|c| (c.is_ascii_digit() || c.is_ascii_uppercase()) && !matches!(c, b'I' | b'O'))
            }
            CodeForm::SctId => (6..=18).contains(&b.len()) && digits(b) && verhoeff(b),
            CodeForm::FiveCharacters => matches!(b.len(), 2 | 5) && b.iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()),
        }
    }
}

/// Whether a string of digits ends in its Verhoeff check digit (SNOMED CT Release File Specification 6.2: SCTID check digit).
pub fn verhoeff(digits: &[u8]) -> bool {
    verhoeff_sum(digits.iter().rev().copied(), 0) == Some(0)
}

/// The digit that makes `digits` followed by it pass [`verhoeff`].
pub fn verhoeff_digit(digits: &[u8]) -> Option<u8> {
    const INVERSE: [u8; 10] = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9];
    Some(b'0' + INVERSE[usize::from(verhoeff_sum(digits.iter().rev().copied(), 1)?)])
}

fn verhoeff_sum(digits: impl Iterator<Item = u8>, start: usize) -> Option<u8> {
    // The dihedral group of the pentagon, and the permutation applied by position.
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a - 5 + 5 - (b - 5)) % 5,
    };
    const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    digits.enumerate().try_fold(0u8, |sum, (i, digit)| {
        let mut d = digit.checked_sub(b'0').filter(|d| *d < 10)?;
        for _ in 0..(i + start) % 8 {
            d = STEP[usize::from(d)];
        }
        Some(times(sum, d))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_systems() {
        for (name, alias) in [
            ("icd10cm", "icd10cm"),
            ("ICD-10-CM", "icd10cm"),
            ("http://hl7.org/fhir/sid/icd-10-cm", "icd10cm"),
            ("urn:oid:2.16.840.1.113883.6.90", "icd10cm"),
            ("2.16.840.1.113883.6.103", "icd9cm"),
            ("I9C", "icd9cm"),
            ("sct", "snomed"),
            ("C4", "cpt"),
            ("http://hl7.org/fhir/sid/icd-10", "icd10"),
        ] {
            assert_eq!(System::find(name).map(|s| s.alias), Some(alias), "{name}");
        }
        assert_eq!(System::find("icd11"), None);
    }

    #[test]
    fn dots() {
        for (form, key, code) in [
            (CodeForm::Icd9Cm, "25000", "250.00"),
            (CodeForm::Icd9Cm, "V5412", "V54.12"),
            (CodeForm::Icd9Cm, "E8809", "E880.9"),
            (CodeForm::Icd9Cm, "E880", "E880"),
            (CodeForm::Icd9Proc, "0010", "00.10"),
            (CodeForm::Icd10Cm, "S72001A", "S72.001A"),
            (CodeForm::Icd10Cm, "I10", "I10"),
            (CodeForm::Icd10Pcs, "0016070", "0016070"),
        ] {
            assert_eq!(form.code(key), code);
            assert_eq!(form.key(code, &mut [0; 16]), key);
            assert_eq!(form.key(key, &mut [0; 16]), key);
        }
        for (text, printed) in [("#N/A", "#N/A"), ("1-Oct", "1-Oct"), ("A00-A09", "A00-A09"), ("NONE", "NONE"), ("S060X0?", "S06.0X0?")] {
            assert_eq!(CodeForm::Icd10Cm.code(text), printed);
        }
        for misplaced in ["25.000", "2500.0", "250..0", "."] {
            assert_eq!(CodeForm::Icd9Cm.key(misplaced, &mut [0; 16]), misplaced);
        }
    }

    #[test]
    fn shapes_of_icd10cm() {
        for key in ["A00", "I10", "C4A", "M1A00X0", "QA00101", "S72001A", "T814XXA"] {
            assert!(CodeForm::Icd10Cm.fits(key), "{key}");
        }
        for other in ["A0", "250", "25000", "a00", "A0.1", "PAIN", "A0000000", ""] {
            assert!(!CodeForm::Icd10Cm.fits(other), "{other}");
        }
    }

    #[test]
    fn check_digits() {
        for id in ["900000000000003001", "138875005", "116680003", "445518008", "248152002", "447562003", "6011000124106"] {
            assert!(verhoeff(id.as_bytes()), "{id}");
            let (body, digit) = id.as_bytes().split_at(id.len() - 1);
            assert_eq!(verhoeff_digit(body), Some(digit[0]), "{id}");
        }
        assert!(!verhoeff(b"138875006"));
        assert!(!verhoeff(b"13887500x"));
    }
}
