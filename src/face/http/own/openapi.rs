//! The description of `/v1` for programs: an OpenAPI 3.1 document. For people [`docs`](super::docs) makes a page of it.

use super::super::reply::{self, JSON};
use axum::body::Body;
use axum::http::Response;

pub(super) const DOCUMENT: &str = include_str!("openapi.json");

pub(in crate::face::http) fn document() -> Response<Body> {
    reply::ok(JSON, DOCUMENT.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::http::route::Route;
    use serde_json::Value;

    #[test]
    fn every_path_is_served_by_the_methods_it_names() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let route = Route::of(path);
            assert_ne!(route, Route::Elsewhere, "{path}");
            for method in methods.as_object().unwrap().keys() {
                let method = method.to_uppercase().parse().unwrap();
                assert!(route.check_method(&method).is_ok(), "{method} {path}");
            }
        }
    }

    #[test]
    fn every_parameter_is_known_to_its_handler() {
        use crate::face::http::limits::Limits;
        use crate::face::http::own::question::Question;
        use crate::face::http::route::Own;
        use crate::face::wire::fhir::parameters::Parameters;
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        for (path, own) in [
            ("/v1/lookup", Own::Lookup),
            ("/v1/validate", Own::Validate),
            ("/v1/subsumes", Own::Subsumes),
            ("/v1/translate", Own::Translate),
            ("/v1/search", Own::Search),
        ] {
            for (method, many) in [("get", false), ("post", true)] {
                let query: Vec<String> = document["paths"][path][method]["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|p| {
                        let value = match p["schema"]["type"].as_str() {
                            Some("boolean") => "true",
                            Some("integer" | "number") => "1",
                            Some("array") => "a=b",
                            _ if p["schema"]["format"] == "date" => "2020-01-01",
                            _ => match p["name"].as_str().unwrap() {
                                "age" => "3m",
                                "sex" => "male",
                                "policy" => "first",
                                _ => "x",
                            },
                        };
                        format!("{}={value}", p["name"].as_str().unwrap())
                    })
                    .collect();
                let parameters = Parameters::from_query(&query.join("&")).unwrap();
                assert!(Question::read(own, &parameters, many, &Limits::default()).is_ok(), "{method} {path}");
            }
        }
    }
}
