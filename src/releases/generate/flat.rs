//! CPT-shaped and HCPCS-shaped files with made-up codes and texts.
//!
//! The codes have the shapes of the real ones (category I five digits, II four and F, III four and T, PLA U, MAAA M, modifiers of two
//! characters; HCPCS a letter and four digits), the texts are syllables. No text of the AMA's or of CMS is in them.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Prng, Words};

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::new(File::create(path)?))
}

/// The n-th of `of` made-up codes: nine in ten of category I, the others of the four letters, in ascending order within each.
fn cpt_code(n: usize, of: usize) -> String {
    let numeric = of * 9 / 10;
    match n.checked_sub(numeric) {
        None => format!("{:05}", 10_000 + n * 89_999 / numeric.max(1)),
        Some(rest) => format!("{:04}{}", rest / 4, ['F', 'T', 'U', 'M'][rest % 4]),
    }
}

fn long_text(words: &Words, random: &mut Prng, n: usize) -> String {
    let more = 1 + random.below(8);
    let mut text = words.topic(n);
    for _ in 0..more {
        text = format!("{text}; {}", words.synonym(random, n));
    }
    text
}

/// Writes `LONGULT.txt` (tab-delimited), `LONGULF.txt` (fixed, 80 columns, continued) and `SHORTU.txt` (fixed) for the same codes into a
/// folder, with a notice at the top if asked, and gives back the codes with their long texts.
pub fn write_cpt(folder: &Path, seed: u64, codes: usize, notice: bool) -> io::Result<Vec<(String, String)>> {
    let (words, mut random) = (Words::new(seed), Prng::new(seed));
    std::fs::create_dir_all(folder)?;
    let mut tabs = create(&folder.join("LONGULT.txt"))?;
    let mut fixed = create(&folder.join("LONGULF.txt"))?;
    let mut short = create(&folder.join("SHORTU.txt"))?;
    if notice {
        for file in [&mut tabs, &mut fixed, &mut short] {
            write!(file, "Made-up codes for tests. Copyright nobody; no content of any licensed code set.\r\n")?;
        }
    }
    let mut written = Vec::with_capacity(codes);
    for n in 0..codes {
        let (code, text) = (cpt_code(n, codes), long_text(&words, &mut random, n));
        write!(tabs, "{code}\t{text}\r\n")?;
        for (i, part) in wrap(&text, 72).into_iter().enumerate() {
            write!(fixed, "{:<80}\r\n", format!("{code}{:02} {part}", i + 1))?;
        }
        let brief: String = words.topic(n).to_uppercase().chars().filter(char::is_ascii).take(28).collect();
        write!(short, "{:<34}\r\n", format!("{code} {brief}"))?;
        written.push((code, text));
    }
    for file in [tabs, fixed, short] {
        file.into_inner().map_err(io::IntoInnerError::into_error)?;
    }
    Ok(written)
}

/// Writes a HCPCS Level II file (fixed, 320 columns, record types 3 and 4, modifiers 7 and 8) and gives back the codes with their texts.
pub fn write_hcpcs(path: &Path, seed: u64, codes: usize, modifiers: usize) -> io::Result<Vec<(String, String)>> {
    let (words, mut random) = (Words::new(seed), Prng::new(seed));
    let mut out = create(path)?;
    let mut written = Vec::new();
    for n in 0..codes + modifiers {
        let is_modifier = n >= codes;
        let code = match n.checked_sub(codes) {
            None => format!("{}{:04}", char::from(b'A' + (n * 22 / codes.max(1)) as u8), n % 10_000),
            Some(m) => format!("{}{}", char::from(b'A' + (m / 26 % 26) as u8), char::from(b'A' + (m % 26) as u8)),
        };
        let text: String = long_text(&words, &mut random, n).chars().filter(char::is_ascii).collect();
        let brief: String = words.topic(n).chars().filter(char::is_ascii).take(28).collect();
        for (i, part) in wrap(&text, 80).into_iter().enumerate() {
            let kind = match (is_modifier, i) {
                (false, 0) => 3,
                (false, _) => 4,
                (true, 0) => 7,
                (true, _) => 8,
            };
            let field = if is_modifier { format!("   {code}") } else { code.clone() };
            let mut line = format!("{field}{:05}{kind}{part:<80}", (i + 1) * 100);
            if i == 0 {
                // Added and last changed on one day; every fiftieth is terminated.
                let ended = if n % 50 == 49 { "20241231" } else { "        " };
                line = format!("{:<268}20200101{:8}{ended}N", format!("{line}{brief:<28}"), "20200101");
                line = format!("{line:<320}");
            }
            write!(out, "{line}\r\n")?;
        }
        written.push((code, text));
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(written)
}

/// Breaks a text at blanks into lines of at most `width` characters; joined with blanks they give the text again.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
