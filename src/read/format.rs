//! The formats by their names in a manifest, and the one place that sends a file to its reader.

use super::{MapRelease, Sink, SystemRelease, athena, fhir, nlm_icd9_snomed, rf2, sssom, table, umls};
use super::{cpt, gem, hcpcs, icd_codes, icd_order, icd9, icd10cm_code_list, icd10cm_conversion, icd10cm_tabular};
use crate::model::DesignationUse;
use std::io::{self, BufRead};

/// How a release file is written. The names are those of `format = "..."` in a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    IcdOrder,
    IcdCodes,
    IcdAddenda,
    Icd10cmTabular,
    Icd10cmCodeList,
    Icd9TitlesLong,
    Icd9TitlesShort,
    Gem,
    Icd10cmConversion,
    Hcpcs,
    Cpt,
    Rf2,
    Athena,
    NlmIcd9Snomed,
    Fhir,
    FhirPackage,
    Sssom,
    Umls,
    Table,
    /// Published beside the data and kept by `fetch`; there is nothing in it to compile.
    Document,
}

const NAMES: &[(Format, &str)] = &[
    (Format::IcdOrder, "icd10-order"),
    (Format::IcdCodes, "icd10-codes"),
    (Format::IcdAddenda, "icd10-addenda"),
    (Format::Icd10cmTabular, "icd10cm-tabular"),
    (Format::Icd10cmCodeList, "icd10cm-code-list"),
    (Format::Icd9TitlesLong, "icd9-titles-long"),
    (Format::Icd9TitlesShort, "icd9-titles-short"),
    (Format::Gem, "gem"),
    (Format::Icd10cmConversion, "icd10cm-conversion"),
    (Format::Hcpcs, "hcpcs"),
    (Format::Cpt, "cpt"),
    (Format::Rf2, "rf2"),
    (Format::Athena, "athena"),
    (Format::NlmIcd9Snomed, "nlm-icd9-snomed"),
    (Format::Fhir, "fhir"),
    (Format::FhirPackage, "fhir-package"),
    (Format::Sssom, "sssom"),
    (Format::Umls, "umls"),
    (Format::Table, "table"),
    (Format::Document, "document"),
];

impl Format {
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(f, _)| *f == self).map_or("", |(_, name)| name)
    }

    pub fn from_name(name: &str) -> Option<Format> {
        NAMES.iter().find(|(_, n)| *n == name).map(|(format, _)| *format)
    }

    /// Every name, for messages.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    /// Whether a release of this format is several files that only make sense together.
    pub fn is_folder(self) -> bool {
        matches!(self, Format::Rf2 | Format::Athena | Format::Umls | Format::FhirPackage)
    }
}

/// What a manifest entry says of a file before it is read.
#[derive(Clone, Copy, Debug)]
pub enum Given<'g> {
    System(&'g SystemRelease),
    Map(&'g MapRelease),
    /// A map, and what the columns of its table are.
    Table(&'g MapRelease, &'g table::Layout),
    /// The file says it itself.
    Nothing,
}

/// Reads one file by its format.
pub fn read(format: Format, input: &mut dyn BufRead, file: &str, given: Given<'_>, sink: &mut dyn Sink) -> io::Result<()> {
    match (format, given) {
        (Format::IcdOrder, Given::System(given)) => icd_order::read(input, file, given, sink),
        (Format::IcdCodes, Given::System(given)) => icd_codes::read(input, file, given, sink),
        (Format::Icd10cmTabular, Given::System(given)) => icd10cm_tabular::read(input, file, given, sink),
        (Format::Icd10cmCodeList, Given::System(given)) => icd10cm_code_list::read(input, file, given, sink),
        (Format::Icd9TitlesLong, Given::System(given)) => icd9::read(input, file, given, DesignationUse::Long, sink),
        (Format::Icd9TitlesShort, Given::System(given)) => icd9::read(input, file, given, DesignationUse::Short, sink),
        (Format::Gem, Given::Map(given)) => gem::read(input, file, given, sink),
        (Format::NlmIcd9Snomed, Given::Nothing) => nlm_icd9_snomed::read(input, file, sink),
        (Format::Fhir, Given::Nothing) => fhir::read(input, file, sink),
        (Format::Sssom, Given::Nothing) => sssom::read(input, file, sink),
        (Format::Table, Given::Table(given, layout)) => table::read(input, file, given, layout, sink),
        (Format::Icd10cmConversion, Given::Map(given)) => icd10cm_conversion::read(input, file, given, sink),
        (Format::Hcpcs, Given::System(given)) => hcpcs::read(input, file, given, sink),
        (Format::Cpt, Given::System(given)) => cpt::read(input, file, given, sink),
        (Format::IcdAddenda, _) => {
            let what = "addenda say what changed from the year before, and are no release; name the order or codes file of that year";
            Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{file}: {what}")))
        }
        (format, given) => {
            let given = match given {
                Given::System(_) => "a code system",
                Given::Map(_) => "a map",
                Given::Table(..) => "a map and the layout of a table",
                Given::Nothing => "nothing",
            };
            let what = format!("the format {} cannot be read with {given} given", format.name());
            Err(io::Error::new(io::ErrorKind::InvalidInput, what))
        }
    }
}

/// Reads a release of several files ([`Format::is_folder`]): a folder or an archive.
pub fn read_folder(format: Format, path: &std::path::Path, given: Given<'_>, sink: &mut dyn Sink) -> io::Result<()> {
    match (format, given) {
        (Format::Rf2, Given::Nothing) => rf2::read(&[path], &rf2::Options::default(), sink),
        (Format::Athena, Given::Nothing) => athena::read(path, sink),
        (Format::Umls, Given::Nothing) => umls::read(path, sink),
        (Format::FhirPackage, Given::Nothing) => fhir::read_package(path, sink),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("the format {} is not read from a folder", format.name()))),
    }
}
