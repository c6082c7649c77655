//! JSON, appended to a buffer as it is said.
//!
//! The answers to the frequent questions are about half a kilobyte, and a service answers a hundred thousand of them a second: building
//! a tree of them first would cost more than finding the answer. Everything else that is rare may well use `serde_json`.

/// A JSON text in the making. Objects and arrays close themselves; commas take care of themselves.
#[derive(Debug, Default)]
pub struct Json {
    out: Vec<u8>,
    /// Something stands before in this object or array.
    comma: bool,
}

impl Json {
    pub fn with_capacity(bytes: usize) -> Json {
        Json { out: Vec::with_capacity(bytes), comma: false }
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    fn begin(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
    }

    pub fn object(&mut self, inside: impl FnOnce(&mut Json)) {
        self.nested(b'{', b'}', inside);
    }

    pub fn array(&mut self, inside: impl FnOnce(&mut Json)) {
        self.nested(b'[', b']', inside);
    }

    fn nested(&mut self, open: u8, close: u8, inside: impl FnOnce(&mut Json)) {
        self.begin();
        self.out.push(open);
        self.comma = false;
        inside(self);
        self.out.push(close);
        self.comma = true;
    }

    /// The name of a member; its value comes next. Names are those of a standard and need no escapes.
    pub fn key(&mut self, name: &'static str) -> &mut Json {
        self.begin();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.comma = false;
        self
    }

    pub fn string(&mut self, text: &str) {
        self.begin();
        self.out.push(b'"');
        escape(text.as_bytes(), &mut self.out);
        self.out.push(b'"');
        self.comma = true;
    }

    pub fn bool(&mut self, value: bool) {
        self.raw(if value { b"true" } else { b"false" });
    }

    pub fn number(&mut self, value: impl std::fmt::Display) {
        self.raw(value.to_string().as_bytes());
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, json: &[u8]) {
        self.begin();
        self.out.extend_from_slice(json);
        self.comma = true;
    }

    /// A value from a tree.
    pub fn value(&mut self, value: &serde_json::Value) {
        self.raw(value.to_string().as_bytes());
    }

    /// A member from a tree, under a name that is not ours.
    pub fn member(&mut self, name: &str, value: &serde_json::Value) {
        self.string(name);
        self.out.push(b':');
        self.comma = false;
        self.value(value);
    }

    /// A member that is a text.
    pub fn field(&mut self, name: &'static str, text: &str) {
        self.key(name).string(text);
    }

    /// The same, left out where there is nothing: FHIR knows no empty strings.
    pub fn field_if(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            self.field(name, text);
        }
    }
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(&text[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nests_and_puts_commas() {
        let mut json = Json::default();
        json.object(|o| {
            o.field("a", "x\"y\\z\n\u{1}");
            o.field_if("b", "");
            o.key("c").array(|a| {
                a.bool(true);
                a.number(1.5);
                a.object(|_| {});
            });
            o.key("d").object(|d| d.field("e", ""));
        });
        let text = String::from_utf8(json.into_bytes()).unwrap();
        assert_eq!(text, "{\"a\":\"x\\\"y\\\\z\\n\\u0001\",\"c\":[true,1.5,{}],\"d\":{\"e\":\"\"}}");
    }

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(text in ".*") {
            let mut json = Json::default();
            json.string(&text);
            prop_assert_eq!(serde_json::from_slice::<String>(&json.into_bytes()).unwrap(), text);
        }
    }
}
