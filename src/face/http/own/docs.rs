//! The page for people: what the OpenAPI document says, readable without anything from another host.

use super::openapi::DOCUMENT;
use crate::face::http::reply;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use std::sync::LazyLock;

const STYLE: &str = "
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff }
code { font: 14px/1.4 ui-monospace, monospace }
h2 { margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #ddd }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #161616 } a { color: #9cf } }
";

pub(in crate::face::http) fn page() -> Response<Body> {
    static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
        // The document is ours and tested; a page about nothing would be seen at once.
        let document = serde_json::from_str(DOCUMENT).unwrap_or(Value::Null);
        Bytes::from(render(&document).into_string())
    });
    let mut response = Response::new(Body::from(PAGE.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, reply::HTML);
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

fn text<'d>(value: &'d Value, key: &str) -> &'d str {
    value[key].as_str().unwrap_or("")
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn render(document: &Value) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { (text(&document["info"], "title")) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (text(&document["info"], "title")) }
                p { (text(&document["info"], "description")) " For programs: " a href="/openapi.json" { "openapi.json" } "." }
                p { "Try: " code { "curl 'http://localhost:8484/v1/translate?from=icd9cm&to=icd10cm&code=250.00'" } }
                @for (path, methods) in members(&document["paths"]) {
                    h2 { code { (path) } }
                    @for (method, operation) in members(methods) {
                        (render_operation(method, operation))
                    }
                }
                h2 { "Answers" }
                p { "What is refused has a status from 400 and a Problem (RFC 9457) that says what to mend." }
                @for (name, schema) in members(&document["components"]["schemas"]) {
                    h3 id=(name) { (name) }
                    @if !text(schema, "description").is_empty() { p { (text(schema, "description")) } }
                    table {
                        tr { th { "Field" } th { "Holds" } }
                        @for (field, of) in members(&schema["properties"]) {
                            tr { td { code { (field) } } td { (kind(of)) } }
                        }
                    }
                }
            }
        }
    }
}

fn render_operation(method: &str, operation: &Value) -> Markup {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let answer = &operation["responses"]["200"];
    html! {
        h3 { (method.to_uppercase()) ": " (text(operation, "summary")) }
        @if !parameters.is_empty() {
            table {
                tr { th { "Parameter" } th {} th { "Meaning" } }
                @for parameter in parameters {
                    tr {
                        td { code { (text(parameter, "name")) } }
                        td { @if parameter["required"] == true { "needed" } }
                        td {
                            (text(parameter, "description"))
                            @if let Some(names) = parameter["schema"]["enum"].as_array() {
                                ": " @for (at, name) in names.iter().filter_map(Value::as_str).enumerate() {
                                    @if at > 0 { ", " } code { (name) }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if let Some(body) = operation["requestBody"]["description"].as_str() { p { "Body: " (body) "." } }
        p {
            "Answer: " (text(answer, "description"))
            @for (media, content) in members(&answer["content"]) {
                "; " code { (media) }
                @if content["schema"]["$ref"].is_string() { " " (kind(&content["schema"])) }
            }
            "."
        }
    }
}

/// What a field holds, in a few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
        return html! { a href=(format!("#{name}")) { (name) } };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    html! {
        (types.join(" or "))
        @if schema["items"]["$ref"].is_string() { " of " (kind(&schema["items"])) }
        @if let Some(names) = schema["enum"].as_array() {
            @for (at, name) in names.iter().filter_map(Value::as_str).enumerate() { @if at > 0 { ", " } code { (name) } }
        }
        @if !text(schema, "description").is_empty() { " " (text(schema, "description")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_told_once_and_nothing_is_asked_of_other_hosts() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let page = render(&document).into_string();
        for (path, _) in members(&document["paths"]) {
            assert_eq!(page.matches(&format!("<h2><code>{path}</code></h2>")).count(), 1, "{path}");
        }
        for (name, _) in members(&document["components"]["schemas"]) {
            assert_eq!(page.matches(&format!("<h3 id=\"{name}\">")).count(), 1, "{name}");
        }
        assert!(!page.contains("src=") && !page.contains("href=\"http") && !page.contains("<script"), "{page}");
    }
}
