//! The description of `/v1`: an OpenAPI 3.1 document for programs, and a page for people, which asks nothing of other hosts.

use super::super::reply::{self, JSON};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

const DOCUMENT: &str = include_str!("openapi.json");
const PAGE: &str = include_str!("docs.html");

pub(in crate::face::http) fn document() -> Response<Body> {
    reply::ok(JSON, DOCUMENT.as_bytes().to_vec())
}

pub(in crate::face::http) fn page() -> Response<Body> {
    let mut response = reply::ok(HeaderValue::from_static("text/html; charset=utf-8"), PAGE.as_bytes().to_vec());
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
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
            assert!(PAGE.contains(path.as_str()), "the page does not tell of {path}");
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
