//! JSON in one line, to the letter as serde_json writes it, but in a third of the time: an answer is mostly names of fields, which need no
//! escape, and titles, which hardly ever do; serde_json looks at every character of both on its own.
//!
//! Numbers with a fraction, texts with an escape and map keys are left to serde_json. Enums with fields are not written here: no answer has one.

use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple, Serializer};
use serde_json::Error;
use std::fmt::{Display, Write};

/// Appends a value as JSON.
pub fn append(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    value.serialize(Compact { out })
}

struct Compact<'o> {
    out: &'o mut Vec<u8>,
}

/// An array or object that is being written.
struct Open<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
    end: u8,
}

impl<'o> Open<'o> {
    fn new(out: &'o mut Vec<u8>, begin: u8, end: u8) -> Self {
        out.push(begin);
        Open { out, is_empty: true, end }
    }
    fn next(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }
    fn close(self) -> Result<(), Error> {
        self.out.push(self.end);
        Ok(())
    }
}

/// Whether a text has a control character, a quotation mark or a backslash. Eight characters are looked at together.
fn needs_escape(text: &str) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // By the highest bit of each byte: smaller than a limit of at most 0x80 (the limit is not passed by borrowing: then it is true anyway).
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word & (EACH << 7);
    let is = |word: u64, byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    let any = |word: u64| below(word, 0x20) | is(word, b'"') | is(word, b'\\');
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let found = words.iter().fold(0, |found, word| found | any(u64::from_le_bytes(*word)));
    found != 0 || rest.iter().any(|&b| b < 0x20 || b == b'"' || b == b'\\')
}

fn text(out: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if needs_escape(text) {
        return serde_json::to_writer(out, text);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

impl<'o> Serializer for Compact<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'o>;
    type SerializeTuple = Open<'o>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Open<'o>;
    type SerializeStruct = Open<'o>;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_bool(self, v: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if v { b"true" } else { b"false" });
        Ok(())
    }
    fn serialize_i8(self, v: i8) -> Result<(), Error> {
        self.serialize_i64(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<(), Error> {
        self.serialize_i64(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<(), Error> {
        self.serialize_i64(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<(), Error> {
        if v < 0 {
            self.out.push(b'-');
        }
        number(self.out, v.unsigned_abs());
        Ok(())
    }
    fn serialize_u8(self, v: u8) -> Result<(), Error> {
        self.serialize_u64(v.into())
    }
    fn serialize_u16(self, v: u16) -> Result<(), Error> {
        self.serialize_u64(v.into())
    }
    fn serialize_u32(self, v: u32) -> Result<(), Error> {
        self.serialize_u64(v.into())
    }
    fn serialize_u64(self, v: u64) -> Result<(), Error> {
        number(self.out, v);
        Ok(())
    }
    fn serialize_f32(self, v: f32) -> Result<(), Error> {
        serde_json::to_writer(self.out, &v)
    }
    fn serialize_f64(self, v: f64) -> Result<(), Error> {
        serde_json::to_writer(self.out, &v)
    }
    fn serialize_char(self, v: char) -> Result<(), Error> {
        text(self.out, v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> Result<(), Error> {
        text(self.out, v)
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Error> {
        serde_json::to_writer(self.out, v)
    }
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        text(self.out, variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(self, _: &'static str, _: u32, _: &'static str, _: &T) -> Result<(), Error> {
        Err(no_variants())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'o>, Error> {
        Ok(Open::new(self.out, b'[', b']'))
    }
    fn serialize_tuple(self, _: usize) -> Result<Open<'o>, Error> {
        Ok(Open::new(self.out, b'[', b']'))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Error> {
        Err(no_variants())
    }
    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self::SerializeTupleVariant, Error> {
        Err(no_variants())
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Open<'o>, Error> {
        Ok(Open::new(self.out, b'{', b'}'))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'o>, Error> {
        Ok(Open::new(self.out, b'{', b'}'))
    }
    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self::SerializeStructVariant, Error> {
        Err(no_variants())
    }
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        let mut said = compact_str::CompactString::default();
        write!(said, "{value}").map_err(Error::custom)?;
        text(self.out, &said)
    }
}

fn no_variants() -> Error {
    Error::custom("enums and tuples with fields have no place in an answer")
}

impl SerializeSeq for Open<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next();
        append(self.out, value)
    }
    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeTuple for Open<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, value)
    }
    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next();
        let key = serde_json::to_value(key)?;
        let key = key.as_str().ok_or_else(|| Error::custom("the name of a field is a text"))?;
        text(self.out, key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        append(self.out, value)
    }
    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = Error;
    #[inline]
    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        self.next();
        // A field's name is ours, or renamed by us: plain.
        self.out.reserve(name.len() + 3);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        append(self.out, value)
    }
    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,40}|[ -~]{0,40}|.{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((".{0,6}", inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    #[derive(serde::Serialize)]
    struct Fields {
        #[serde(rename = "use")]
        usage: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
        number: i32,
        score: f32,
        pair: (u8, char),
        unit: (),
    }

    proptest! {
        #[test]
        fn to_the_letter_as_serde_json(value in value()) {
            let mut out = Vec::new();
            append(&mut out, &value).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&value).unwrap());
        }
    }

    #[test]
    fn escapes_are_seen_in_every_place() {
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..0x80u8 {
                    let mut bytes = vec![b'x'; length];
                    bytes[at] = byte;
                    let text = String::from_utf8(bytes).unwrap();
                    assert_eq!(needs_escape(&text), byte < 0x20 || byte == b'"' || byte == b'\\', "{text:?}");
                }
            }
        }
        assert!(!needs_escape("Ménière's disease, \u{7f}\u{80}\u{7ff}\u{ffff}"));
    }

    #[test]
    fn structs_too() {
        let fields = Fields { usage: "a \"title\"\n", left_out: None, number: -7, score: 0.31, pair: (0, '\u{7f}'), unit: () };
        let mut out = Vec::new();
        append(&mut out, &fields).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&fields).unwrap());
    }

    #[test]
    fn a_number_for_a_name_is_refused() {
        let numbers = std::collections::BTreeMap::from([(1, json!(null))]);
        assert!(append(&mut Vec::new(), &numbers).is_err());
    }
}
