//! How the values that are appended to a record are written, in each format.

use super::super::input::TextEncoding;

/// How appended values are written.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Dialect {
    Delimited {
        delimiter: u8,
        quote: Option<u8>,
    },
    /// With the names of the appended members.
    Json([String; 5]),
    /// Each with its length in front (32 bits, little-endian), for formats that take values apart again.
    #[cfg(feature = "parquet")]
    Cells,
}

impl Dialect {
    /// Appends the values of a code, and what parts them from the record and from each other.
    pub fn write(&self, values: &[&str], encoding: TextEncoding, out: &mut Vec<u8>) {
        for (at, value) in values.iter().enumerate() {
            match self {
                Dialect::Delimited { delimiter, quote } => {
                    out.push(*delimiter);
                    delimited(encoding.encode(value), *delimiter, *quote, out);
                }
                #[cfg(feature = "parquet")]
                Dialect::Cells => {
                    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
                    out.extend_from_slice(value.as_bytes());
                }
                Dialect::Json(names) => {
                    out.extend_from_slice(b",");
                    json_string(&names[at], out);
                    out.push(b':');
                    if value.is_empty() { out.extend_from_slice(b"null") } else { json_string(value, out) }
                }
            }
        }
    }
}

/// A field of delimited text, quoted if it has to be. Where quotes are only characters, what would break the record becomes a
/// blank; where blanks part fields, a `+`.
pub(in super::super) fn delimited(value: impl AsRef<[u8]>, delimiter: u8, quote: Option<u8>, out: &mut Vec<u8>) {
    let value = value.as_ref();
    let breaks = |b: u8| b == delimiter || b == b'\n' || b == b'\r';
    let instead = if delimiter == b' ' { b'+' } else { b' ' };
    match quote {
        Some(q) if value.iter().any(|b| breaks(*b) || *b == q) => {
            out.push(q);
            for &b in value {
                if b == q {
                    out.push(q);
                }
                out.push(b);
            }
            out.push(q);
        }
        None if value.iter().any(|b| breaks(*b)) => out.extend(value.iter().map(|&b| if breaks(b) { instead } else { b })),
        _ => out.extend_from_slice(value),
    }
}

fn json_string(value: &str, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_when_they_must_be() {
        let field = |value: &str, quote| {
            let mut out = Vec::new();
            delimited(value, b',', quote, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field("I10", Some(b'"')), "I10");
        assert_eq!(field("a,\"b\"", Some(b'"')), "\"a,\"\"b\"\"\"");
        assert_eq!(field("a,b", None), "a b");
        let mut out = Vec::new();
        delimited("E11.9 Z79.4", b' ', None, &mut out);
        assert_eq!(out, b"E11.9+Z79.4");
    }
}
