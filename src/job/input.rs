//! Where records come from: a file or standard input, decompressed, brought to UTF-8 where it is UTF-16, and handed over in blocks.
//!
//! Single-byte encodings are not decoded: delimiters and codes are ASCII in all of them, and so the record's own bytes stay as they came.

use super::Error;
use encoding_rs::Encoding;
use flate2::bufread::GzDecoder;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

/// What encoding and dialect are detected from.
const SAMPLE: usize = 1 << 16;

/// How the text is encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TextEncoding {
    Utf8,
    Utf16 { big_endian: bool },
    SingleByte(&'static Encoding),
}

impl TextEncoding {
    pub fn name(self) -> &'static str {
        match self {
            TextEncoding::Utf8 => "UTF-8",
            TextEncoding::Utf16 { big_endian: false } => "UTF-16LE",
            TextEncoding::Utf16 { big_endian: true } => "UTF-16BE",
            TextEncoding::SingleByte(e) => e.name(),
        }
    }

    /// Text of a record, whose single bytes are not decoded under way.
    pub fn decode(self, bytes: &[u8]) -> std::borrow::Cow<'_, str> {
        match self {
            TextEncoding::SingleByte(encoding) => encoding.decode_without_bom_handling(bytes).0,
            _ => String::from_utf8_lossy(bytes),
        }
    }

    /// A text as the record's own bytes are. What the encoding has no byte for becomes a question mark.
    pub fn encode(self, text: &str) -> std::borrow::Cow<'_, [u8]> {
        match self {
            TextEncoding::SingleByte(encoding) if !text.is_ascii() => {
                let mut utf8 = [0; 4];
                let mut bytes = Vec::with_capacity(text.len());
                for c in text.chars() {
                    let (byte, _, is_unknown) = encoding.encode(c.encode_utf8(&mut utf8));
                    bytes.extend_from_slice(if is_unknown { b"?" } else { &byte });
                }
                bytes.into()
            }
            _ => text.as_bytes().into(),
        }
    }

    fn named(label: &str) -> Option<TextEncoding> {
        let encoding = Encoding::for_label(label.as_bytes())?;
        match encoding.name() {
            "UTF-8" => Some(TextEncoding::Utf8),
            "UTF-16LE" => Some(TextEncoding::Utf16 { big_endian: false }),
            "UTF-16BE" => Some(TextEncoding::Utf16 { big_endian: true }),
            _ => (encoding.is_single_byte() && encoding.is_ascii_compatible()).then_some(TextEncoding::SingleByte(encoding)),
        }
    }

    /// By the byte order mark, by where zeros stand, by being UTF-8; what is left is Windows-1252.
    fn detect(sample: &[u8]) -> TextEncoding {
        match sample {
            [0xff, 0xfe, ..] => return TextEncoding::Utf16 { big_endian: false },
            [0xfe, 0xff, ..] => return TextEncoding::Utf16 { big_endian: true },
            _ => {}
        }
        let zeros = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
        let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
        // Text with codes in it is mostly ASCII; a stray NUL is damage, zeros in every second place are an encoding.
        if half > 1 && odd > half / 2 && even < half / 8 {
            return TextEncoding::Utf16 { big_endian: false };
        }
        if half > 1 && even > half / 2 && odd < half / 8 {
            return TextEncoding::Utf16 { big_endian: true };
        }
        match std::str::from_utf8(sample) {
            Err(e) if e.error_len().is_some() && !mostly_utf8(sample) => TextEncoding::SingleByte(encoding_rs::WINDOWS_1252),
            _ => TextEncoding::Utf8,
        }
    }
}

/// More well-formed sequences of several bytes than malformed ones: UTF-8 with some damage.
fn mostly_utf8(sample: &[u8]) -> bool {
    let (mut good, mut bad) = (0usize, 0usize);
    for chunk in sample.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad
}

/// What is known of the input when it has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct InputFacts {
    pub name: String,
    /// As stored, compressed or not.
    pub bytes: u64,
    /// BLAKE3 of these.
    pub hash: String,
    pub encoding: &'static str,
    pub compression: Option<&'static str>,
    /// It came through a pipe.
    pub piped: bool,
}

/// The input, opened and looked at.
pub(super) struct Input {
    path: PathBuf,
    reader: Box<dyn Read + Send>,
    pub encoding: TextEncoding,
    compression: Option<&'static str>,
    /// The first bytes, as UTF-8 if they were UTF-16.
    pub sample: Vec<u8>,
    metadata: Option<Metadata>,
    tally: std::sync::Arc<std::sync::Mutex<(blake3::Hasher, u64)>>,
}

impl Input {
    pub fn open(path: &Path, encoding: Option<&str>) -> Result<Input, Error> {
        let name = display_name(path);
        let stdin = path.as_os_str() == "-";
        let (raw, metadata): (Box<dyn Read + Send>, _) = if stdin {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
            let metadata = file.metadata().map_err(|e| Error::io("open", path, e))?;
            if metadata.is_dir() {
                return Err(Error::Io { what: "read", path: name, source: io::Error::other("it is a folder; name a file") });
            }
            (Box::new(file), Some(metadata))
        };
        let tally = std::sync::Arc::new(std::sync::Mutex::new((blake3::Hasher::new(), 0)));
        let mut raw = BufReader::with_capacity(1 << 16, Hashing { inner: raw, tally: tally.clone() });
        let magic = raw.fill_buf().map_err(|e| Error::io("read", path, e))?;
        let (mut reader, compression): (Box<dyn Read + Send>, _) = if magic.starts_with(&[0x1f, 0x8b]) {
            (Box::new(Gzip { member: Some(GzDecoder::new(raw)) }), Some("gzip"))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            (Box::new(zstd::Decoder::with_buffer(raw).map_err(|e| Error::io("read", path, e))?), Some("zstd"))
        } else {
            (Box::new(raw), None)
        };
        let mut sample = Vec::new();
        (&mut reader).take(SAMPLE as u64).read_to_end(&mut sample).map_err(|e| Error::io("read", path, e))?;
        if let Some(what) = no_records(&sample) {
            return Err(Error::Encoding { file: name, what: what.to_owned() });
        }
        let encoding = match encoding {
            None => TextEncoding::detect(&sample),
            Some(label) => match (TextEncoding::named(label), TextEncoding::detect(&sample)) {
                // A label does not always say in which order the bytes are; a mark or the zeros do.
                (Some(TextEncoding::Utf16 { .. }), found @ TextEncoding::Utf16 { .. }) => found,
                (Some(named), _) => named,
                (None, _) => {
                    let what = format!("no encoding `{label}` here; UTF-8, UTF-16 and single-byte ones such as windows-1252 are read");
                    return Err(Error::Encoding { file: name, what });
                }
            },
        };
        let reader: Box<dyn Read + Send> = Box::new(Cursor::new(sample.clone()).chain(reader));
        let (reader, sample): (Box<dyn Read + Send>, _) = match encoding {
            TextEncoding::Utf16 { big_endian } => {
                let mut text = Vec::new();
                let mut begin = FromUtf16::new(Cursor::new(&sample), big_endian);
                begin.may_be_torn = true;
                if let Err(e) = begin.read_to_end(&mut text) {
                    return Err(Error::Encoding { file: name, what: format!("{e}; mend or fetch the file again") });
                }
                (Box::new(FromUtf16::new(reader, big_endian)), text)
            }
            _ => (reader, sample),
        };
        let path = path.to_owned();
        Ok(Input { path, reader, encoding, compression, sample, metadata, tally })
    }

    /// Bytes as stored, if that can be known before reading.
    pub fn size(&self) -> Option<u64> {
        self.metadata.as_ref().map(Metadata::len)
    }

    /// How many bytes have been read, for progress.
    pub fn read_so_far(&self) -> std::sync::Arc<std::sync::Mutex<(blake3::Hasher, u64)>> {
        self.tally.clone()
    }

    /// After the last block: that the file is still the one that was opened, and what it was.
    pub fn finish(self) -> Result<InputFacts, Error> {
        let name = display_name(&self.path);
        let (hash, bytes) = {
            let tally = self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (tally.0.finalize().to_hex().to_string(), tally.1)
        };
        if let Some(then) = &self.metadata {
            let now = std::fs::metadata(&self.path).map_err(|e| Error::io("look at", &self.path, e))?;
            let regular = then.is_file();
            if regular && (now.len() != then.len() || now.modified().ok() != then.modified().ok() || bytes != then.len()) {
                return Err(Error::Changed { file: name });
            }
        }
        let piped = !self.metadata.as_ref().is_some_and(Metadata::is_file);
        Ok(InputFacts { name, bytes, hash, encoding: self.encoding.name(), compression: self.compression, piped })
    }

    /// Passes over text that is done; what is read of the file for it is counted and hashed.
    pub fn skip(&mut self, text: u64) -> Result<(), Error> {
        let passed = io::copy(&mut (&mut self.reader).take(text), &mut io::sink()).map_err(|e| Error::io("read", &self.path, e))?;
        if passed < text {
            return Err(Error::Changed { file: display_name(&self.path) });
        }
        Ok(())
    }

    /// Reads until the buffer is full or the input ends; how many bytes, and whether nothing comes after them.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<(usize, bool), Error> {
        let before = self.tally.lock().map(|t| t.1).unwrap_or(0);
        let mut at = 0;
        while at < buffer.len() {
            match self.reader.read(&mut buffer[at..]) {
                Ok(0) => return Ok((at, true)),
                Ok(n) => at += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.unreadable(e, before)),
            }
        }
        Ok((at, false))
    }

    fn unreadable(&self, e: io::Error, before: u64) -> Error {
        match e.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => {
                let what = format!("unreadable after byte {before}: {e}; nothing was kept, mend or fetch the file again");
                Error::Encoding { file: display_name(&self.path), what }
            }
            _ => Error::io("read", &self.path, e),
        }
    }

    /// ASCII without NUL: records need no look at their encoding.
    pub fn is_clean(&self, text: &[u8]) -> bool {
        let ascii = matches!(self.encoding, TextEncoding::SingleByte(_)) || text.is_ascii();
        ascii && memchr::memchr(0, text).is_none()
    }
}

/// What a file is whose first bytes say that it has no records to read as text, and what to do about it.
fn no_records(sample: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 7] = [
        (b"PK\x03\x04", "a ZIP archive (or a spreadsheet, which is one); unpack it, or save the sheet as CSV"),
        (b"BZh", "compressed with bzip2; unpack it, or compress it with gzip or zstd"),
        (b"\xfd7zXZ\0", "compressed with xz; unpack it, or compress it with gzip or zstd"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
        (b"PAR1", "a Parquet file; say so (--records parquet)"),
        (b"ARROW1", "an Arrow IPC file; say so (--records arrow)"),
        (b"\xd0\xcf\x11\xe0", "a spreadsheet or document of an old kind; save it as CSV"),
    ];
    KINDS.iter().find(|(magic, _)| sample.starts_with(magic)).map(|(_, what)| *what)
}

/// The name as messages and reports give it: without the folders, which may name a patient or a project.
pub(super) fn display_name(path: &Path) -> String {
    match path.file_name() {
        Some(_) if path.as_os_str() == "-" => String::from("standard input"),
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    }
}

/// Counts and hashes what is read.
struct Hashing<R> {
    inner: R,
    tally: std::sync::Arc<std::sync::Mutex<(blake3::Hasher, u64)>>,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let mut tally = self.tally.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        tally.0.update(&buffer[..n]);
        tally.1 += n as u64;
        Ok(n)
    }
}

/// The members of a gzip file, one behind the other. Zeros behind the last are padding, as `gzip` has it (tapes have blocks).
struct Gzip<R> {
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut member) = self.member.take() {
            let read = member.read(buffer);
            if buffer.is_empty() || !matches!(read, Ok(0)) {
                self.member = Some(member);
                return read;
            }
            let mut rest = member.into_inner();
            let mut is_padded = false;
            let more = loop {
                let bytes = match rest.fill_buf() {
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                    bytes => bytes?,
                };
                let zeros = bytes.iter().take_while(|b| **b == 0).count();
                if zeros == 0 {
                    break !bytes.is_empty();
                }
                is_padded = true;
                rest.consume(zeros);
            };
            if more && is_padded {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "there is more behind the zeros that follow a gzip member"));
            }
            self.member = more.then(|| GzDecoder::new(rest));
        }
        Ok(0)
    }
}

/// UTF-16 to UTF-8. What is not UTF-16 is an error: it could not be written again as it came.
struct FromUtf16<R> {
    inner: R,
    big_endian: bool,
    raw: Vec<u8>,
    text: Vec<u8>,
    given: usize,
    end: bool,
    /// Bytes that are done.
    passed: u64,
    /// It is the beginning of a text, and may end within a character.
    may_be_torn: bool,
}

impl<R: Read> FromUtf16<R> {
    fn new(inner: R, big_endian: bool) -> FromUtf16<R> {
        FromUtf16 { inner, big_endian, raw: Vec::new(), text: Vec::new(), given: 0, end: false, passed: 0, may_be_torn: false }
    }

    fn more(&mut self) -> io::Result<()> {
        let kept = self.raw.len();
        self.raw.resize(kept + (1 << 15), 0);
        let n = self.inner.read(&mut self.raw[kept..])?;
        self.raw.truncate(kept + n);
        self.end = n == 0;
        self.text.clear();
        self.given = 0;
        let unit =
            |pair: &[u8]| if self.big_endian { u16::from_be_bytes([pair[0], pair[1]]) } else { u16::from_le_bytes([pair[0], pair[1]]) };
        let mut whole = self.raw.len() & !1;
        // The first half of a pair waits for the second.
        if (!self.end || self.may_be_torn) && whole >= 2 && (0xd800..0xdc00).contains(&unit(&self.raw[whole - 2..])) {
            whole -= 2;
        }
        let mut utf8 = [0; 4];
        let mut at = self.passed;
        for c in char::decode_utf16(self.raw[..whole].chunks_exact(2).map(unit)) {
            let c = c.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, format!("byte {at} of the text is not UTF-16 ({e})")))?;
            at += 2 * c.len_utf16() as u64;
            self.text.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes());
        }
        self.raw.drain(..whole);
        self.passed += whole as u64;
        if self.end && !self.raw.is_empty() && !self.may_be_torn {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "half a UTF-16 character at the end"));
        }
        Ok(())
    }
}

impl<R: Read> Read for FromUtf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.end {
            self.more()?;
        }
        let n = buffer.len().min(self.text.len() - self.given);
        buffer[..n].copy_from_slice(&self.text[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_detected() {
        let utf16 = |s: &str| s.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let detect = |b: &[u8]| TextEncoding::detect(b).name();
        assert_eq!(detect(b"id,dx\n1,250.00\n"), "UTF-8");
        assert_eq!(detect("id,dx,Ménière\n".as_bytes()), "UTF-8");
        assert_eq!(detect(b"id,dx,M\xe9ni\xe8re\n"), "windows-1252");
        assert_eq!(detect(&utf16("id,dx\n1,250.00\n")), "UTF-16LE");
        assert_eq!(detect(&utf16("\u{feff}id,dx")), "UTF-16LE");
        assert_eq!(detect(b"\xfe\xff\0i\0d"), "UTF-16BE");
        assert_eq!(detect(b"id,dx\n1,\0\0\0\n"), "UTF-8");
        assert_eq!(detect("Ménière Ménière \u{e9}".as_bytes().iter().chain(b"\xff").copied().collect::<Vec<_>>().as_slice()), "UTF-8");
        assert_eq!(detect(b""), "UTF-8");
    }

    #[test]
    fn named_utf16_has_the_order_that_its_bytes_say() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.csv");
        std::fs::write(&file, "\u{feff}id,dx1\n".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>()).unwrap();
        for label in ["utf-16", "utf-16le", "utf-16be"] {
            let input = Input::open(&file, Some(label)).unwrap();
            assert_eq!((input.encoding.name(), &input.sample[..]), ("UTF-16BE", "\u{feff}id,dx1\n".as_bytes()), "{label}");
        }
    }

    #[test]
    fn single_byte_text_comes_back_as_it_came() {
        let encoding = TextEncoding::named("windows-1252").unwrap();
        let every: Vec<u8> = (1..=255).collect();
        assert_eq!(encoding.encode(&encoding.decode(&every)), every);
        assert_eq!(encoding.encode("\u{416}"), &b"?"[..]);
    }

    #[test]
    fn utf16_in_any_pieces() {
        let text = "id,x\n1,Ménière 𝄞 ok\n".repeat(3000);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for piece in [1, 3, 7, 1 << 15] {
            struct Pieces<'a>(&'a [u8], usize);
            impl Read for Pieces<'_> {
                fn read(&mut self, b: &mut [u8]) -> io::Result<usize> {
                    let n = self.1.min(b.len());
                    (&mut self.0).read(&mut b[..n])
                }
            }
            let mut out = String::new();
            FromUtf16::new(Pieces(&bytes, piece), true).read_to_string(&mut out).unwrap();
            assert_eq!(out, text);
        }
        assert!(FromUtf16::new(&[0xd8u8, 0, 0, 65][..], true).read_to_string(&mut String::new()).is_err());
        assert!(FromUtf16::new(&[0u8, 65, 0][..], true).read_to_string(&mut String::new()).is_err());
    }
}
