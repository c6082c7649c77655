//! Cuts a body into its subjects while it arrives: the elements of a JSON array, or the lines of NDJSON.
//!
//! Only as much of JSON is understood as it takes to find where an element ends; whether the element is good JSON is for its reader.

use std::ops::Range;

/// A body being cut.
pub(super) struct Splitter {
    buffer: Vec<u8>,
    /// Everything before is handed out.
    done: usize,
    /// Everything before is looked at.
    seen: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
    state: Shape,
    longest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Nothing but blanks so far.
    Unknown,
    Lines,
    /// In an array, an element may come, or the end.
    Array,
    /// After the last bracket.
    Ended,
}

/// What cannot be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    #[error("a subject is longer than {0} bytes")]
    TooLong(usize),
    #[error("something follows the end of the JSON array")]
    Trailing,
    #[error("the JSON array has no end")]
    Torn,
    #[error("an element of the JSON array is empty, or brackets do not match")]
    Unbalanced,
}

impl Splitter {
    /// No subject may be longer than `longest`.
    pub fn new(longest: usize) -> Splitter {
        Splitter { buffer: Vec::new(), done: 0, seen: 0, depth: 0, in_string: false, escaped: false, state: Shape::Unknown, longest }
    }

    /// More of the body has come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.done);
        self.seen -= self.done;
        self.done = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether answers are to be a JSON array too.
    pub fn is_array(&self) -> bool {
        matches!(self.state, Shape::Array | Shape::Ended)
    }

    /// Where the next whole subject is, until more is pushed; `None`: more of the body is needed. At the `end` of the body what is left
    /// is a line.
    pub fn next(&mut self, end: bool) -> Result<Option<Range<usize>>, Error> {
        if self.state == Shape::Unknown {
            let blanks = self.buffer[self.done..].iter().take_while(|b| b.is_ascii_whitespace() || matches!(b, 0xef | 0xbb | 0xbf)).count();
            self.done += blanks;
            self.seen = self.done;
            match self.buffer.get(self.done) {
                None => return Ok(None),
                Some(b'[') => {
                    self.state = Shape::Array;
                    self.done += 1;
                    self.seen = self.done;
                }
                Some(_) => self.state = Shape::Lines,
            }
        }
        match self.state {
            Shape::Lines => self.line(end),
            Shape::Array => self.element(end),
            Shape::Ended if self.buffer[self.seen..].iter().all(u8::is_ascii_whitespace) => Ok(None),
            Shape::Ended => Err(Error::Trailing),
            Shape::Unknown => Ok(None),
        }
    }

    /// The subject there.
    pub fn subject(&self, at: Range<usize>) -> &[u8] {
        self.buffer[at].trim_ascii()
    }

    fn line(&mut self, end: bool) -> Result<Option<Range<usize>>, Error> {
        loop {
            let from = self.done;
            let to = match memchr::memchr(b'\n', &self.buffer[self.seen..]) {
                Some(at) => self.seen + at,
                None if end && from < self.buffer.len() => self.buffer.len(),
                None => {
                    self.seen = self.buffer.len();
                    return if self.seen - from > self.longest { Err(Error::TooLong(self.longest)) } else { Ok(None) };
                }
            };
            if to - from > self.longest {
                return Err(Error::TooLong(self.longest));
            }
            self.done = (to + 1).min(self.buffer.len());
            self.seen = self.done;
            if !self.buffer[from..to].trim_ascii().is_empty() {
                return Ok(Some(from..to));
            }
            if self.done == self.buffer.len() {
                return Ok(None);
            }
        }
    }

    fn element(&mut self, end: bool) -> Result<Option<Range<usize>>, Error> {
        while let Some(&byte) = self.buffer.get(self.seen) {
            let at = self.seen;
            self.seen += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' => self.depth = self.depth.checked_sub(1).ok_or(Error::Unbalanced)?,
                b']' if self.depth > 0 => self.depth -= 1,
                b',' if self.depth == 0 => return self.cut(at, false),
                b']' => {
                    self.state = Shape::Ended;
                    let blank = self.buffer[self.done..at].trim_ascii().is_empty();
                    if blank {
                        self.done = self.seen;
                        return Ok(None);
                    }
                    return self.cut(at, true);
                }
                _ => {}
            }
        }
        if self.seen - self.done > self.longest {
            return Err(Error::TooLong(self.longest));
        }
        if end { Err(Error::Torn) } else { Ok(None) }
    }

    fn cut(&mut self, at: usize, last: bool) -> Result<Option<Range<usize>>, Error> {
        let from = self.done;
        self.done = at + 1;
        if at - from > self.longest {
            return Err(Error::TooLong(self.longest));
        }
        if self.buffer[from..at].trim_ascii().is_empty() && !last {
            return Err(Error::Unbalanced);
        }
        Ok(Some(from..at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Cuts a body that comes in pieces of `step` bytes.
    fn all(body: &[u8], step: usize) -> Result<Vec<String>, Error> {
        let mut splitter = Splitter::new(64);
        let mut found = Vec::new();
        for piece in body.chunks(step.max(1)) {
            splitter.push(piece);
            while let Some(at) = splitter.next(false)? {
                found.push(String::from_utf8_lossy(splitter.subject(at)).into_owned());
            }
        }
        while let Some(at) = splitter.next(true)? {
            found.push(String::from_utf8_lossy(splitter.subject(at)).into_owned());
        }
        Ok(found)
    }

    #[test]
    fn arrays_and_lines() {
        for step in [1, 2, 3, 1000] {
            assert_eq!(all(b" [\"a,]\\\"\", {\"b\": [1, 2]} ,3]\n", step).unwrap(), ["\"a,]\\\"\"", "{\"b\": [1, 2]}", "3"]);
            assert_eq!(all(b"\"a\"\n\n  {\"b\":\"\\n\"}\r\n\"c\"", step).unwrap(), ["\"a\"", "{\"b\":\"\\n\"}", "\"c\""]);
            assert_eq!(all(b"[]", step).unwrap(), [""; 0]);
            assert_eq!(all(b" \n ", step).unwrap(), [""; 0]);
            assert_eq!(all(b"\xef\xbb\xbf[1]", step).unwrap(), ["1"]);
        }
    }

    #[test]
    fn what_cannot_be_cut() {
        for step in [1, 7, 1000] {
            assert_eq!(all(b"[1,2", step), Err(Error::Torn));
            assert_eq!(all(b"[1,,2]", step), Err(Error::Unbalanced));
            assert_eq!(all(b"[1}]", step), Err(Error::Unbalanced));
            assert_eq!(all(b"[1] 2", step), Err(Error::Trailing));
            assert_eq!(all(&[b"\"", &[b'x'; 100][..]].concat(), step), Err(Error::TooLong(64)));
            assert_eq!(all(&[b"[\"", &[b'x'; 100][..]].concat(), step), Err(Error::TooLong(64)));
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(items in prop::collection::vec(".{0,8}", 0..8), step in 1usize..20) {
            let array = serde_json::to_string(&items).unwrap();
            let texts: Vec<String> = items.iter().map(|i| serde_json::to_string(i).unwrap()).collect();
            prop_assert_eq!(all(array.as_bytes(), step).unwrap(), texts.clone());
            let lines: String = texts.iter().map(|t| format!("{t}\n")).collect();
            prop_assert_eq!(all(lines.as_bytes(), step).unwrap(), texts);
        }
    }
}
