//! OperationOutcome: what went wrong, and how to mend it.
//!
//! `issue.code` is one of the standard's
//! [issue types](https://hl7.org/fhir/R5/valueset-issue-type.html), `details.coding` one of the terminology ecosystem's
//! [tx-issue-type](https://hl7.org/fhir/tools/CodeSystem-tx-issue-type.html) where that has a word for it.

use super::Json;
use crate::engine::Refusal;

/// The code system of [`Issue::tx`].
const TX_ISSUE_TYPE: &str = "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type";
/// The ecosystem's extension for the key of a message that clients may translate.
const MESSAGE_ID: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-message-id";

/// One issue of an OperationOutcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    pub severity: Severity,
    /// `invalid`, `not-found`, `too-costly` ...
    pub code: &'static str,
    /// A code of `tx-issue-type`; empty where it has none that fits.
    pub tx: &'static str,
    pub text: String,
    /// FHIRPath of the parameter at fault: `Coding.code`; empty if none is.
    pub expression: String,
    /// The ecosystem's key of the message; empty where it has none.
    pub message_id: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
    Information,
}

impl Severity {
    pub fn code(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

impl Issue {
    pub fn error(code: &'static str, text: impl Into<String>) -> Issue {
        Issue { severity: Severity::Error, code, tx: "", text: text.into(), expression: String::new(), message_id: "" }
    }

    pub fn with_severity(mut self, severity: Severity) -> Issue {
        self.severity = severity;
        self
    }

    pub fn tx(mut self, code: &'static str) -> Issue {
        self.tx = code;
        self
    }

    pub fn at(mut self, expression: impl Into<String>) -> Issue {
        self.expression = expression.into();
        self
    }

    pub fn message_id(mut self, id: &'static str) -> Issue {
        self.message_id = id;
        self
    }

    fn write(&self, json: &mut Json) {
        json.object(|o| {
            if !self.message_id.is_empty() {
                o.key("extension").array(|a| {
                    a.object(|e| {
                        e.field("url", MESSAGE_ID);
                        e.field("valueString", self.message_id);
                    });
                });
            }
            o.field("severity", self.severity.code());
            o.field("code", self.code);
            o.key("details").object(|d| {
                if !self.tx.is_empty() {
                    d.key("coding").array(|a| {
                        a.object(|c| {
                            c.field("system", TX_ISSUE_TYPE);
                            c.field("code", self.tx);
                        });
                    });
                }
                d.field_if("text", &self.text);
            });
            if !self.expression.is_empty() {
                o.key("expression").array(|a| a.string(&self.expression));
            }
        });
    }
}

impl From<&Refusal> for Issue {
    fn from(refusal: &Refusal) -> Issue {
        let text = refusal.to_string();
        match refusal {
            Refusal::UnknownSystem { .. } | Refusal::UnknownMap { .. } => Issue::error("not-found", text).tx("not-found"),
            Refusal::UnknownCode { .. } => Issue::error("code-invalid", text).tx("invalid-code").at("code"),
            _ => Issue::error("invalid", text),
        }
    }
}

/// Writes an OperationOutcome into a place where a resource may stand.
pub fn write(json: &mut Json, issues: &[Issue]) {
    json.object(|o| {
        o.field("resourceType", "OperationOutcome");
        o.key("issue").array(|a| issues.iter().for_each(|issue| issue.write(a)));
    });
}

/// An OperationOutcome as a whole body.
pub fn body(issues: &[Issue]) -> Vec<u8> {
    let mut json = Json::with_capacity(256);
    write(&mut json, issues);
    json.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_says_where_and_what() {
        let issue = Issue::error("code-invalid", "no \"x\"").tx("invalid-code").at("Coding.code");
        let text = String::from_utf8(body(&[issue])).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"code-invalid","details":{"coding":[{"system":"#,
                r#""http://hl7.org/fhir/tools/CodeSystem/tx-issue-type","code":"invalid-code"}],"text":"no \"x\""},"expression":["Coding.code"]}]}"#
            )
        );
    }
}
