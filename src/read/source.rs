//! Where bytes come from: a file, a folder, or bytes at hand; plain or inside .zip, .gz or .zst.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Seek};
use std::path::Path;

/// Visits the files of a release, each with its name and its decompressed bytes, in the order of their names.
///
/// The name is the path as given, with the members of an archive behind it (`cms_2017_dx.zip/icd10cm_order_2017.txt`); it is what
/// findings carry. `wanted` is asked first, so that members nobody wants are not decompressed. An error names the file.
pub fn visit_path(
    path: &Path,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>,
) -> io::Result<()> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    visit_inside(path, &name, wanted, visit)
}

/// The same for bytes at hand; `name` decides how they are unpacked.
pub fn visit_bytes(
    name: &str,
    bytes: &[u8],
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>,
) -> io::Result<()> {
    visit_reader(name, Cursor::new(bytes), wanted, visit)
}

fn visit_inside(
    path: &Path,
    name: &str,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>,
) -> io::Result<()> {
    if path.is_dir() {
        let mut entries = std::fs::read_dir(path)
            .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect::<io::Result<Vec<_>>>())
            .map_err(|e| at(name, e))?;
        entries.sort();
        for entry in entries {
            let inner = entry.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            visit_inside(&entry, &format!("{name}/{inner}"), wanted, visit)?;
        }
        return Ok(());
    }
    let file = File::open(path).map_err(|e| at(name, e))?;
    visit_reader(name, BufReader::with_capacity(1 << 17, file), wanted, visit)
}

fn visit_reader<R: BufRead + Seek>(
    name: &str,
    mut reader: R,
    wanted: &dyn Fn(&str) -> bool,
    visit: &mut dyn FnMut(&str, &mut dyn BufRead) -> io::Result<()>,
) -> io::Result<()> {
    let lower = name.to_ascii_lowercase();
    let unpacked = |suffix: usize| name[..name.len() - suffix].to_owned();
    // A workbook is a zip too, but one file to its reader.
    if lower.ends_with(".zip") {
        let mut archive = zip::ZipArchive::new(reader).map_err(|e| at(name, e.into()))?;
        let mut members: Vec<(String, usize)> = Vec::new();
        for i in 0..archive.len() {
            let member = archive.by_index_raw(i).map_err(|e| at(name, e.into()))?;
            if member.is_file() {
                members.push((member.name().to_owned(), i));
            }
        }
        members.sort();
        for (member, i) in members {
            let inner = format!("{name}/{member}");
            if wanted(&inner) {
                let file = archive.by_index(i).map_err(|e| at(&inner, e.into()))?;
                visit(&inner, &mut BufReader::with_capacity(1 << 17, file)).map_err(|e| at(&inner, e))?;
            }
        }
        Ok(())
    } else if lower.ends_with(".gz") {
        let name = unpacked(3);
        if wanted(&name) {
            let gz = flate2::bufread::MultiGzDecoder::new(reader);
            visit(&name, &mut BufReader::with_capacity(1 << 17, gz)).map_err(|e| at(&name, e))?;
        }
        Ok(())
    } else if lower.ends_with(".zst") {
        let name = unpacked(4);
        if wanted(&name) {
            let zst = zstd::Decoder::with_buffer(reader).map_err(|e| at(&name, e))?;
            visit(&name, &mut BufReader::with_capacity(1 << 17, zst)).map_err(|e| at(&name, e))?;
        }
        Ok(())
    } else if wanted(name) {
        visit(name, &mut reader).map_err(|e| at(name, e))
    } else {
        Ok(())
    }
}

/// An error that says which file it is about, once.
fn at(name: &str, error: io::Error) -> io::Error {
    let text = error.to_string();
    if text.starts_with(name.split('/').next().unwrap_or(name)) {
        return error;
    }
    io::Error::new(error.kind(), format!("{name}: {text}"))
}

/// Everything a reader still has; for formats that cannot be read as a stream (workbooks, XML held whole, JSON).
#[allow(dead_code)]
pub(crate) fn read_to_vec(input: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    Ok(bytes)
}
