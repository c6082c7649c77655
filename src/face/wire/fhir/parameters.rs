//! Parameters: the one resource that every operation takes and gives.
//!
//! [R5 Parameters](https://hl7.org/fhir/R5/parameters.html). On the way in they come as a JSON body or as a query string and look alike
//! afterwards; a text from a query string stands for any primitive type, as the standard has it ([`Operations`]).
//!
//! [`Operations`]: https://hl7.org/fhir/R5/operations.html#executing

use super::{Json, outcome};
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};
use std::borrow::Cow;

/// What an operation was asked.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    pub parameter: Vec<Parameter>,
}

#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    pub value: Value,
}

/// What a parameter holds: `value[x]`, `resource` or `part`.
#[derive(Clone, Debug)]
pub enum Value {
    /// Any primitive but boolean and number, or anything at all from a query string.
    Text(String),
    Boolean(bool),
    Number(serde_json::Number),
    Coding(Coding),
    CodeableConcept(CodeableConcept),
    /// Any other complex type, and resources.
    Tree(serde_json::Value),
    Part(Vec<Parameter>),
    Nothing,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Coding {
    pub system: String,
    pub version: String,
    pub code: String,
    pub display: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct CodeableConcept {
    pub coding: Vec<Coding>,
    pub text: String,
}

impl Value {
    /// A primitive as text.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Boolean(b) => Some(Cow::Borrowed(if *b { "true" } else { "false" })),
            Value::Number(n) => Some(Cow::Owned(n.to_string())),
            _ => None,
        }
    }
}

/// Values that JSON writes as numbers.
const NUMBERS: &[&str] = &["valueInteger", "valueDecimal", "valuePositiveInt", "valueUnsignedInt", "valueInteger64"];

/// Why a body is no Parameters resource.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the body is not JSON that can be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the body is a {found}; send a Parameters resource")]
    OtherResource { found: String },
    #[error("the query string is not UTF-8 once its escapes are undone, or an escape is incomplete: `{0}`")]
    Query(String),
}

impl Parameters {
    /// Reads a body.
    pub fn from_json(body: &[u8]) -> Result<Parameters, Error> {
        #[derive(Deserialize)]
        struct Resource {
            #[serde(rename = "resourceType", default)]
            kind: String,
            #[serde(default)]
            parameter: Vec<Parameter>,
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match serde_json::from_slice::<Resource>(body) {
            Ok(resource) if resource.kind == "Parameters" => Ok(Parameters { parameter: resource.parameter }),
            Ok(resource) if resource.kind.is_empty() => Err(Error::OtherResource { found: "resource without resourceType".into() }),
            Ok(resource) => Err(Error::OtherResource { found: resource.kind }),
            Err(error) => Err(Error::Json(error)),
        }
    }

    /// Reads a query string. `system|code` in a parameter that may be a Coding is left to the one who asks for it.
    pub fn from_query(query: &str) -> Result<Parameters, Error> {
        let mut parameter = Vec::new();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (unescape(name)?, unescape(value)?);
            // Search result parameters say how to print, not what to ask (`_format`, `_summary`, `_pretty`); `_count` is asked for by name.
            parameter.push(Parameter { name, value: Value::Text(value) });
        }
        Ok(Parameters { parameter })
    }

    /// All parameters of a name.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Value> + 'p {
        self.parameter.iter().filter(move |p| p.name == name).map(|p| &p.value)
    }

    /// The only parameter of a name; an `Err` says that there is more than one.
    pub fn one<'p>(&'p self, name: &'p str) -> Result<Option<&'p Value>, outcome::Issue> {
        let mut all = self.all(name);
        let first = all.next();
        match all.next() {
            None => Ok(first),
            Some(_) => Err(outcome::Issue::error("invalid", format!("the parameter {name} may be given once")).at(name)),
        }
    }

    /// The only primitive of a name.
    pub fn text<'p>(&'p self, name: &'p str) -> Result<Option<Cow<'p, str>>, outcome::Issue> {
        match self.one(name)? {
            None => Ok(None),
            Some(value) => match value.text() {
                Some(text) => Ok(Some(text).filter(|t| !t.is_empty())),
                None => Err(outcome::Issue::error("invalid", format!("the parameter {name} must be a simple value")).at(name)),
            },
        }
    }

    /// The only boolean of a name.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, outcome::Issue> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(outcome::Issue::error("invalid", format!("{name} is `{other}`; say true or false")).at(name)),
        }
    }
}

/// Undoes the escapes of a query string: `+` and `%20`.
fn unescape(text: &str) -> Result<String, Error> {
    if !text.bytes().any(|b| b == b'%' || b == b'+') {
        return Ok(text.to_owned());
    }
    let wrong = || Error::Query(text.chars().take(80).collect());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
                (high * 16 + low) as u8
            }
            other => other,
        });
    }
    String::from_utf8(out).map_err(|_| wrong())
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Parameter, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Parameter;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a parameter: an object with name and one of value[x], resource, part")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Parameter, A::Error> {
                let (mut name, mut value) = (String::new(), Value::Nothing);
                while let Some(key) = members.next_key::<Cow<'de, str>>()? {
                    let is_value = key.starts_with("value") || key == "resource" || key == "part";
                    if is_value && !matches!(value, Value::Nothing) {
                        return Err(de::Error::custom(format!("the parameter {name} has two values")));
                    }
                    match &*key {
                        "name" => name = members.next_value()?,
                        "valueCoding" => value = Value::Coding(members.next_value()?),
                        "valueCodeableConcept" => value = Value::CodeableConcept(members.next_value()?),
                        "part" => value = Value::Part(members.next_value()?),
                        "resource" => value = Value::Tree(members.next_value()?),
                        _ if is_value => {
                            value = match members.next_value()? {
                                serde_json::Value::String(text) => Value::Text(text),
                                serde_json::Value::Bool(b) if key == "valueBoolean" => Value::Boolean(b),
                                serde_json::Value::Number(n) if NUMBERS.contains(&&*key) => Value::Number(n),
                                // A code that came as a number has lost its zeros on the way: 250.00 arrives as 250.0.
                                serde_json::Value::Number(_) | serde_json::Value::Bool(_) => {
                                    return Err(de::Error::custom(format!("{key} of the parameter {name} is written in quotes")));
                                }
                                tree => Value::Tree(tree),
                            }
                        }
                        _ => {
                            members.next_value::<de::IgnoredAny>()?;
                        }
                    }
                }
                if name.is_empty() {
                    return Err(de::Error::custom("a parameter without a name"));
                }
                Ok(Parameter { name, value })
            }
        }
        deserializer.deserialize_map(Seen)
    }
}

/// Writes a Parameters resource as a whole body.
pub fn body(inside: impl FnOnce(&mut Parts<'_>)) -> Vec<u8> {
    let mut json = Json::with_capacity(1024);
    write(&mut json, inside);
    json.into_bytes()
}

/// Writes a Parameters resource into a place where a resource may stand.
pub fn write(json: &mut Json, inside: impl FnOnce(&mut Parts<'_>)) {
    json.object(|o| {
        o.field("resourceType", "Parameters");
        // FHIR knows no empty arrays, but no operation answers nothing.
        o.key("parameter").array(|a| inside(&mut Parts { json: a }));
    });
}

/// A list of parameters in the making: `Parameters.parameter`, or the `part` of one.
pub struct Parts<'j> {
    json: &'j mut Json,
}

impl Parts<'_> {
    /// A parameter with a text in the given `value[x]`.
    pub fn text(&mut self, name: &'static str, kind: &'static str, text: &str) {
        self.json.object(|o| {
            o.field("name", name);
            o.field(kind, text);
        });
    }

    /// The same, left out where there is nothing.
    pub fn text_if(&mut self, name: &'static str, kind: &'static str, text: &str) {
        if !text.is_empty() {
            self.text(name, kind, text);
        }
    }

    pub fn boolean(&mut self, name: &'static str, value: bool) {
        self.json.object(|o| {
            o.field("name", name);
            o.key("valueBoolean").bool(value);
        });
    }

    pub fn coding(&mut self, name: &'static str, system: &str, code: &str, display: &str) {
        self.json.object(|o| {
            o.field("name", name);
            o.key("valueCoding").object(|c| write_coding(c, system, code, display));
        });
    }

    pub fn part(&mut self, name: &'static str, inside: impl FnOnce(&mut Parts<'_>)) {
        self.json.object(|o| {
            o.field("name", name);
            o.key("part").array(|a| inside(&mut Parts { json: a }));
        });
    }

    /// Any parameter: what stands beside its name is up to the caller.
    pub fn with(&mut self, name: &'static str, inside: impl FnOnce(&mut Json)) {
        self.json.object(|o| {
            o.field("name", name);
            inside(o);
        });
    }

    pub fn resource(&mut self, name: &'static str, inside: impl FnOnce(&mut Json)) {
        self.with(name, |o| inside(o.key("resource")));
    }

    /// The parts under a name, with own extensions before them.
    pub fn part_with(&mut self, name: &'static str, extensions: impl FnOnce(&mut Json), inside: impl FnOnce(&mut Parts<'_>)) {
        self.json.object(|o| {
            o.field("name", name);
            extensions(o);
            o.key("part").array(|a| inside(&mut Parts { json: a }));
        });
    }
}

pub(super) fn write_coding(json: &mut Json, system: &str, code: &str, display: &str) {
    json.field_if("system", system);
    json.field("code", code);
    json.field_if("display", display);
}

pub(super) fn write_concept(json: &mut Json, concept: &CodeableConcept) {
    if !concept.coding.is_empty() {
        json.key("coding").array(|a| {
            for coding in &concept.coding {
                a.object(|c| {
                    c.field_if("system", &coding.system);
                    c.field_if("version", &coding.version);
                    c.field_if("code", &coding.code);
                    c.field_if("display", &coding.display);
                });
            }
        });
    }
    json.field_if("text", &concept.text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_and_query_look_alike() {
        let body = br#"{"resourceType":"Parameters","parameter":[
            {"name":"url","valueUri":"http://x/y"},{"name":"reverse","valueBoolean":true},{"name":"count","valueInteger":5},
            {"name":"coding","valueCoding":{"system":"s","code":"c","userSelected":true}},
            {"name":"dependency","part":[{"name":"attribute","valueUri":"age"},{"name":"value","valueString":"3"}]}]}"#;
        let from_body = Parameters::from_json(body).unwrap();
        let from_query = Parameters::from_query("url=http%3A%2F%2Fx%2Fy&reverse=true&&empty=&plus=a+b").unwrap();
        for p in [&from_body, &from_query] {
            assert_eq!(p.text("url").unwrap().unwrap(), "http://x/y");
            assert_eq!(p.boolean("reverse").unwrap(), Some(true));
        }
        assert_eq!(from_body.text("count").unwrap().unwrap(), "5");
        assert!(matches!(from_body.one("coding").unwrap(), Some(Value::Coding(c)) if c.system == "s" && c.code == "c"));
        assert!(matches!(from_body.one("dependency").unwrap(), Some(Value::Part(parts)) if parts.len() == 2));
        assert_eq!(from_query.text("empty").unwrap(), None);
        assert_eq!(from_query.text("plus").unwrap().unwrap(), "a b");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong: [(&[u8], &str); 8] = [
            (b"{", "not JSON"),
            (b"[]", "without resourceType"),
            (br#"{"resourceType":"Patient"}"#, "is a Patient"),
            (br#"{}"#, "without resourceType"),
            (br#"{"resourceType":"Parameters","parameter":[{"valueString":"x"}]}"#, "without a name"),
            (br#"{"resourceType":"Parameters","parameter":[{"name":"a","valueString":"x","valueCode":"y"}]}"#, "two values"),
            (br#"{"resourceType":"Parameters","parameter":[{"name":"code","valueCode":250.00}]}"#, "in quotes"),
            (br#"{"resourceType":"Parameters","parameter":[{"name":"code","valueCode":true}]}"#, "in quotes"),
        ];
        for (body, says) in wrong {
            let error = Parameters::from_json(body).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        for bad in ["a=%", "a=%f", "a=%zz", "a=%ff%fe"] {
            assert!(Parameters::from_query(bad).is_err(), "{bad}");
        }
        let twice = Parameters::from_query("code=a&code=b&flag=perhaps").unwrap();
        assert!(twice.text("code").is_err());
        assert!(twice.boolean("flag").is_err());
    }
}
