//! Where answers go: text for people, one JSON document, or one JSON object a line.

use super::page::Paint;
use crate::face::wire;
use serde::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned, for people
    #[default]
    Text,
    /// One document: an array with one answer per subject
    Json,
    /// One answer a line
    Ndjson,
}

/// Standard output in the format that was asked for.
pub struct Output {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    paint: Paint,
    answers: u64,
}

impl Output {
    pub(super) fn new(format: Format, paint: Paint) -> Output {
        Output { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), format, paint, answers: 0 }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// One answer of several: `text` is asked only where text is wanted.
    pub fn answer(&mut self, answer: &impl Serialize, text: impl FnOnce(Paint) -> String) -> io::Result<()> {
        match self.format {
            Format::Text => self.out.write_all(text(self.paint).as_bytes())?,
            Format::Ndjson => {
                wire::write(&mut self.out, answer, false)?;
                self.out.write_all(b"\n")?;
            }
            Format::Json => {
                self.out.write_all(if self.answers == 0 { b"[\n" } else { b",\n" })?;
                wire::write(&mut self.out, answer, true)?;
            }
        }
        self.answers += 1;
        Ok(())
    }

    /// The only answer: one JSON object, pretty or in a line.
    pub fn only(mut self, answer: &impl Serialize, text: impl FnOnce(Paint) -> String) -> io::Result<()> {
        match self.format {
            Format::Text => self.out.write_all(text(self.paint).as_bytes())?,
            Format::Ndjson => wire::write(&mut self.out, answer, false)?,
            Format::Json => wire::write(&mut self.out, answer, true)?,
        }
        if self.format != Format::Text {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }

    /// Text that is no answer, where text is wanted.
    pub fn text(&mut self, text: impl FnOnce(Paint) -> String) -> io::Result<()> {
        if self.format == Format::Text { self.out.write_all(text(self.paint).as_bytes()) } else { Ok(()) }
    }

    /// Closes a document of several answers.
    pub fn finish(mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.out.write_all(if self.answers == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
