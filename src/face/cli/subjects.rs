//! The subjects of a question: arguments in their order, and where `-` stands, the lines of standard input.

use super::Verdict;
use super::output::Output;
use rayon::prelude::*;
use std::io::{BufRead, Write};

/// Asks `ask` of every subject in order. One answer per subject: an empty line is one too.
///
/// Standard input is streamed. Answers are flushed whenever the next line has not arrived yet, so that another program can converse
/// with this one line by line, and ten thousand lines in one go still take few system calls.
pub fn each(
    subjects: &[String],
    out: &mut Output,
    mut ask: impl FnMut(&str, &mut Output) -> anyhow::Result<Verdict>,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Settled;
    for subject in subjects {
        if subject != "-" {
            verdict = verdict.and(ask(subject, out)?);
            continue;
        }
        let mut input = std::io::BufReader::with_capacity(1 << 16, std::io::stdin().lock());
        let mut line = Vec::new();
        let mut first = true;
        loop {
            if !input.buffer().contains(&b'\n') {
                out.flush()?;
            }
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            verdict = verdict.and(ask(&text_of(&line, first), out)?);
            first = false;
        }
    }
    Ok(verdict)
}

/// As [`each`], where an answer takes so long that several threads are worth it: the lines that have arrived are asked about side by side
/// and said in their order.
pub fn each_side_by_side<A: Send>(
    subjects: &[String],
    out: &mut Output,
    ask: impl Fn(&str) -> A + Sync,
    mut say: impl FnMut(&str, A, &mut Output) -> anyhow::Result<Verdict>,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Settled;
    for subject in subjects {
        if subject != "-" {
            verdict = verdict.and(say(subject, ask(subject), out)?);
            continue;
        }
        let mut input = std::io::BufReader::with_capacity(1 << 16, std::io::stdin().lock());
        let mut first = true;
        let mut lines: Vec<String> = Vec::new();
        loop {
            let mut line = Vec::new();
            let end = input.read_until(b'\n', &mut line)? == 0;
            if !end {
                lines.push(text_of(&line, first).into_owned());
                first = false;
            }
            if (end || !input.buffer().contains(&b'\n')) && !lines.is_empty() {
                let answers: Vec<A> = lines.par_iter().map(|line| ask(line)).collect();
                for (line, answer) in lines.drain(..).zip(answers) {
                    verdict = verdict.and(say(&line, answer, out)?);
                }
                out.flush()?;
            }
            if end {
                break;
            }
        }
    }
    Ok(verdict)
}

/// A line without its end, and without the byte order mark that some editors put first.
fn text_of(line: &[u8], first: bool) -> std::borrow::Cow<'_, str> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = if first { line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line) } else { line };
    String::from_utf8_lossy(line)
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn ends_of_lines() {
        for (line, first, text) in [
            (&b"250.00\n"[..], false, "250.00"),
            (b"250.00\r\n", false, "250.00"),
            (b"250.00", false, "250.00"),
            (b" 250.00 \n", false, " 250.00 "),
            (b"\n", false, ""),
            (b"\xef\xbb\xbf250.00\n", true, "250.00"),
            (b"\xef\xbb\xbf250.00\n", false, "\u{feff}250.00"),
            (b"25\xff\n", false, "25\u{fffd}"),
        ] {
            assert_eq!(text_of(line, first), text);
        }
    }
}
