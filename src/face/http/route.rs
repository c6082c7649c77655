//! Which address belongs to which room. Addresses are few and fixed, so a `match` says it all.

use crate::face::wire::fhir::Version;
use axum::http::Method;

use super::reply::{Failure, Spelling};
use super::tokens::Role;

/// Where a request belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'p> {
    Live,
    Ready,
    Metrics,
    OpenApi,
    Docs,
    Reload,
    Own(Own),
    Fhir(Version, Fhir<'p>),
    /// Something that another face serves, or nothing.
    Elsewhere,
}

/// The operations of the own API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Lookup,
    Validate,
    Subsumes,
    Translate,
    Search,
    Systems,
    Maps,
    Convert,
}

/// The interactions of FHIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fhir<'p> {
    Metadata,
    Versions,
    /// A batch Bundle, posted to the root.
    Batch,
    Read(Kind, &'p str),
    Search(Kind),
    /// An operation on a type, or on the instance with this id.
    Operation(Operation, Option<&'p str>),
    /// An address that the standard may know and this service does not.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    CodeSystem,
    ConceptMap,
    ValueSet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Lookup,
    ValidateCode,
    Subsumes,
    Translate,
    ValueSetValidateCode,
    Expand,
    /// Of `url` in its entries, the type says whether it names a code system or a value set.
    BatchValidateCode(Kind),
}

/// The names of operations as metrics and audit have them; [`Route::number`] counts in this order.
pub(super) const NAMES: [&str; 26] = [
    "health/live",
    "health/ready",
    "metrics",
    "openapi",
    "docs",
    "admin/reload",
    "v1/lookup",
    "v1/validate",
    "v1/subsumes",
    "v1/translate",
    "v1/search",
    "v1/systems",
    "v1/maps",
    "v1/convert",
    "fhir/metadata",
    "fhir/batch",
    "fhir/read",
    "fhir/search",
    "fhir/CodeSystem/$lookup",
    "fhir/CodeSystem/$validate-code",
    "fhir/CodeSystem/$subsumes",
    "fhir/ConceptMap/$translate",
    "fhir/ValueSet/$validate-code",
    "fhir/ValueSet/$expand",
    "fhir/ValueSet/$batch-validate-code",
    "other",
];

impl<'p> Route<'p> {
    /// Finds the room of a path.
    pub fn of(path: &'p str) -> Route<'p> {
        if let Some(rest) = path.strip_prefix("/fhir/") {
            let (version, rest) = rest.split_once('/').unwrap_or((rest, ""));
            return match Version::from_name(version) {
                Some(version) => Route::Fhir(version, Fhir::of(rest)),
                None => Route::Elsewhere,
            };
        }
        if let Some(question) = path.strip_prefix("/v1/") {
            return match question {
                "lookup" => Route::Own(Own::Lookup),
                "validate" => Route::Own(Own::Validate),
                "subsumes" => Route::Own(Own::Subsumes),
                "translate" => Route::Own(Own::Translate),
                "search" => Route::Own(Own::Search),
                "systems" => Route::Own(Own::Systems),
                "maps" => Route::Own(Own::Maps),
                "convert" => Route::Own(Own::Convert),
                _ => Route::Elsewhere,
            };
        }
        match path {
            "/health/live" => Route::Live,
            "/health/ready" => Route::Ready,
            "/metrics" => Route::Metrics,
            "/openapi.json" => Route::OpenApi,
            "/docs" => Route::Docs,
            "/admin/reload" => Route::Reload,
            _ => Route::Elsewhere,
        }
    }

    /// Its place in [`NAMES`].
    pub fn number(&self) -> usize {
        match self {
            Route::Live => 0,
            Route::Ready => 1,
            Route::Metrics => 2,
            Route::OpenApi => 3,
            Route::Docs => 4,
            Route::Reload => 5,
            Route::Own(own) => match own {
                Own::Lookup => 6,
                Own::Validate => 7,
                Own::Subsumes => 8,
                Own::Translate => 9,
                Own::Search => 10,
                Own::Systems => 11,
                Own::Maps => 12,
                Own::Convert => 13,
            },
            Route::Fhir(_, fhir) => match fhir {
                Fhir::Metadata | Fhir::Versions => 14,
                Fhir::Batch => 15,
                Fhir::Read(..) => 16,
                Fhir::Search(_) => 17,
                Fhir::Operation(operation, _) => match operation {
                    Operation::Lookup => 18,
                    Operation::ValidateCode => 19,
                    Operation::Subsumes => 20,
                    Operation::Translate => 21,
                    Operation::ValueSetValidateCode => 22,
                    Operation::Expand => 23,
                    Operation::BatchValidateCode(_) => 24,
                },
                Fhir::Unknown => 25,
            },
            Route::Elsewhere => 25,
        }
    }

    /// What a token must allow; `None`: anyone may ask whether the service is alive.
    pub fn role(&self) -> Option<Role> {
        match self {
            // The workbench has a door of its own: a browser sends no token with a page. The description of the API holds no data.
            Route::Live | Route::Ready | Route::OpenApi | Route::Docs | Route::Elsewhere => None,
            // What a client reads to learn how to authenticate, and which code systems there are: FHIR clients do so before they show a token.
            Route::Fhir(_, Fhir::Metadata | Fhir::Versions) => None,
            Route::Metrics | Route::Reload => Some(Role::Admin),
            _ => Some(Role::Read),
        }
    }

    /// Refuses a method that the room does not have.
    pub fn check_method(&self, method: &Method) -> Result<(), Failure> {
        let allow = match self {
            Route::Live | Route::Ready | Route::Metrics | Route::OpenApi | Route::Docs => "GET, HEAD",
            Route::Own(Own::Systems | Own::Maps) => "GET, HEAD",
            Route::Fhir(_, Fhir::Metadata | Fhir::Versions | Fhir::Read(..) | Fhir::Search(_)) => "GET, HEAD",
            Route::Reload | Route::Own(Own::Convert) | Route::Fhir(_, Fhir::Batch) => "POST",
            Route::Fhir(_, Fhir::Operation(Operation::BatchValidateCode(_), _)) => "POST",
            Route::Own(_) | Route::Fhir(_, Fhir::Operation(..)) => "GET, HEAD, POST",
            Route::Fhir(_, Fhir::Unknown) | Route::Elsewhere => return Ok(()),
        };
        let fits = match *method {
            Method::GET | Method::HEAD => allow.starts_with("GET"),
            Method::POST => allow.ends_with("POST"),
            _ => false,
        };
        if fits { Ok(()) } else { Err(Failure::method(allow)) }
    }

    pub fn spelling(&self) -> Spelling {
        if matches!(self, Route::Fhir(..)) { Spelling::Fhir } else { Spelling::Problem }
    }
}

impl<'p> Fhir<'p> {
    fn of(rest: &'p str) -> Fhir<'p> {
        let mut segments = rest.split('/');
        let (first, second, third, more) = (segments.next().unwrap_or(""), segments.next(), segments.next(), segments.next());
        if more.is_some() {
            return Fhir::Unknown;
        }
        // `$` may come escaped.
        let operation = |name: &'p str| name.strip_prefix('$').or_else(|| name.strip_prefix("%24"));
        let kind = match (first, second) {
            ("", None) => return Fhir::Batch,
            ("metadata", None) => return Fhir::Metadata,
            ("$versions" | "%24versions", None) => return Fhir::Versions,
            ("CodeSystem", _) => Kind::CodeSystem,
            ("ConceptMap", _) => Kind::ConceptMap,
            ("ValueSet", _) => Kind::ValueSet,
            _ => return Fhir::Unknown,
        };
        match (second.map(|s| (s, operation(s))), third.map(operation)) {
            (None | Some(("", None)), None) => Fhir::Search(kind),
            (Some((_, Some(name))), None) => kind.operation(name).map_or(Fhir::Unknown, |o| Fhir::Operation(o, None)),
            (Some((id, None)), None) => Fhir::Read(kind, id),
            (Some((id, None)), Some(Some(name))) => kind.operation(name).map_or(Fhir::Unknown, |o| Fhir::Operation(o, Some(id))),
            _ => Fhir::Unknown,
        }
    }
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::CodeSystem => "CodeSystem",
            Kind::ConceptMap => "ConceptMap",
            Kind::ValueSet => "ValueSet",
        }
    }

    fn operation(self, name: &str) -> Option<Operation> {
        Some(match (self, name) {
            (Kind::CodeSystem, "lookup") => Operation::Lookup,
            (Kind::CodeSystem, "validate-code") => Operation::ValidateCode,
            (Kind::CodeSystem, "subsumes") => Operation::Subsumes,
            (Kind::CodeSystem | Kind::ValueSet, "batch-validate-code") => Operation::BatchValidateCode(self),
            (Kind::ConceptMap, "translate") => Operation::Translate,
            (Kind::ValueSet, "validate-code") => Operation::ValueSetValidateCode,
            (Kind::ValueSet, "expand") => Operation::Expand,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let of = |path| Route::of(path);
        assert_eq!(of("/v1/lookup"), Route::Own(Own::Lookup));
        assert_eq!(of("/fhir/r5/metadata"), Route::Fhir(Version::R5, Fhir::Metadata));
        assert_eq!(of("/fhir/r4"), Route::Fhir(Version::R4, Fhir::Batch));
        assert_eq!(of("/fhir/r4/"), Route::Fhir(Version::R4, Fhir::Batch));
        assert_eq!(of("/fhir/r4/ConceptMap/%24translate"), Route::Fhir(Version::R4, Fhir::Operation(Operation::Translate, None)));
        assert_eq!(of("/fhir/r4/ConceptMap/gem/$translate"), Route::Fhir(Version::R4, Fhir::Operation(Operation::Translate, Some("gem"))));
        assert_eq!(of("/fhir/r4/CodeSystem/icd9cm"), Route::Fhir(Version::R4, Fhir::Read(Kind::CodeSystem, "icd9cm")));
        assert_eq!(of("/fhir/r4/CodeSystem"), Route::Fhir(Version::R4, Fhir::Search(Kind::CodeSystem)));
        for unknown in ["/fhir/r4/Patient/1", "/fhir/r4/CodeSystem/$expand", "/fhir/r4/CodeSystem/a/b/c", "/fhir/r4/CodeSystem/$lookup/x"] {
            assert_eq!(of(unknown), Route::Fhir(Version::R4, Fhir::Unknown), "{unknown}");
        }
        for elsewhere in ["/", "/fhir/r3/metadata", "/v1/", "/v1/lookup/", "/review"] {
            assert_eq!(of(elsewhere), Route::Elsewhere, "{elsewhere}");
        }
    }

    #[test]
    fn every_name_is_used_once() {
        let paths = ["/health/live", "/v1/convert", "/fhir/r4/ValueSet/$expand", "/fhir/r5/CodeSystem/$batch-validate-code", "/nothing"];
        let names = ["health/live", "v1/convert", "fhir/ValueSet/$expand", "fhir/ValueSet/$batch-validate-code", "other"];
        for (path, name) in paths.into_iter().zip(names) {
            assert_eq!(NAMES[Route::of(path).number()], name);
        }
    }
}
