//! Where bytes come from: a file, a folder, or bytes at hand; plain or inside .zip, .tgz, .gz or .zst.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Seek};
use std::path::Path;

/// Visits the files of a release, each with its name and its decompressed bytes, in the order of their names; the members of a .tgz, which is
/// one stream, in the order in which they stand there.
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
        let torn = |e: zip::result::ZipError| {
            let e = io::Error::from(e);
            at(name, io::Error::new(e.kind(), format!("{e}; is the archive cut off, or no zip? Get it again")))
        };
        let mut archive = zip::ZipArchive::new(reader).map_err(torn)?;
        let mut members: Vec<(String, usize)> = Vec::new();
        for i in 0..archive.len() {
            let member = archive.by_index_raw(i).map_err(|e| at(name, e.into()))?;
            if member.is_file() {
                members.push((member.name().map_err(torn)?.into_owned(), i));
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
    } else if is_tar(name) {
        let mut tar = tar::Archive::new(flate2::bufread::MultiGzDecoder::new(reader));
        for member in tar.entries().map_err(|e| at(name, e))? {
            let member = member.map_err(|e| at(name, e))?;
            let inner = format!("{name}/{}", String::from_utf8_lossy(&member.path_bytes()));
            if member.header().entry_type().is_file() && wanted(&inner) {
                visit(&inner, &mut BufReader::with_capacity(1 << 17, member)).map_err(|e| at(&inner, e))?;
            }
        }
        // The checksum stands behind the last member.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|e| at(name, e))?;
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

/// Whether a file is a compressed tar by its name.
pub(crate) fn is_tar(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    lower.ends_with(".tgz") || lower.ends_with(".tar.gz")
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
pub(crate) fn read_to_vec(input: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Longer than the field for names in a tar.
    static LONG_NAME: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("a/{}/codes.txt", "long".repeat(40)));
    const TEXT: &[u8] = b"A000    Cholera\nA001    Cholera, other\n";

    fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn gz_of(bytes: &[u8]) -> Vec<u8> {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gz.write_all(bytes).unwrap();
        gz.finish().unwrap()
    }

    fn tgz_of(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *bytes).unwrap();
        }
        gz_of(&tar.into_inner().unwrap())
    }

    fn visited(name: &str, bytes: &[u8], wanted: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
        let mut seen = Vec::new();
        visit_bytes(name, bytes, &|name| name.contains(wanted), &mut |name, input| {
            seen.push((name.to_owned(), read_to_vec(input)?));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn plain_and_packed_are_the_same() {
        let zst = zstd::encode_all(TEXT, 3).unwrap();
        for (name, bytes, inside) in [
            ("codes.txt", TEXT.to_vec(), "codes.txt"),
            ("codes.txt.gz", gz_of(TEXT), "codes.txt"),
            ("codes.txt.zst", zst, "codes.txt"),
            ("codes.ZIP", zip_of(&[("a/codes.txt", TEXT)]), "codes.ZIP/a/codes.txt"),
            ("codes.tgz", tgz_of(&[("a/codes.txt", TEXT)]), "codes.tgz/a/codes.txt"),
            ("codes.tar.gz", tgz_of(&[(&LONG_NAME, TEXT)]), &format!("codes.tar.gz/{}", &*LONG_NAME)),
        ] {
            assert_eq!(visited(name, &bytes, "codes").unwrap(), [(inside.to_owned(), TEXT.to_vec())], "{name}");
        }
        // Two gzip members in a row are one file.
        let twice = [gz_of(b"A000    Cholera\n"), gz_of(b"A001    Cholera, other\n")].concat();
        assert_eq!(visited("codes.txt.gz", &twice, "codes").unwrap()[0].1, TEXT);
    }

    #[test]
    fn members_come_by_name_and_only_the_wanted_ones() {
        let zip = zip_of(&[("b.txt", b"b"), ("x.pdf", b"%PDF"), ("a.txt", b"a")]);
        let names: Vec<_> = visited("r.zip", &zip, ".txt").unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["r.zip/a.txt", "r.zip/b.txt"]);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/r.zip"), zip).unwrap();
        std::fs::write(folder.path().join("a.txt"), b"first").unwrap();
        let mut names = Vec::new();
        visit_path(folder.path(), &|name| name.ends_with(".txt"), &mut |name, _| {
            names.push(name.split_once('/').map_or_else(String::new, |(_, inner)| inner.to_owned()));
            Ok(())
        })
        .unwrap();
        assert_eq!(names, ["a.txt", "sub/r.zip/a.txt", "sub/r.zip/b.txt"]);
    }

    /// Cut at any length, an archive gives an error that names it; never a panic, never the shorter text as if it were whole.
    #[test]
    fn archives_that_are_cut_off() {
        let zst = zstd::encode_all(TEXT, 3).unwrap();
        for (name, bytes) in [
            ("codes.txt.gz", gz_of(TEXT)),
            ("codes.txt.zst", zst),
            ("codes.zip", zip_of(&[("codes.txt", TEXT)])),
            ("codes.tgz", tgz_of(&[("codes.txt", TEXT), ("z.txt", TEXT)])),
        ] {
            for length in 1..bytes.len() {
                let error = visited(name, &bytes[..length], "codes").expect_err(name).to_string();
                assert!(error.starts_with("codes."), "{name} cut to {length}: {error}");
            }
        }
        let missing = visit_path(Path::new("/nowhere/codes.zip"), &|_| true, &mut |_, _| Ok(())).unwrap_err();
        assert!(missing.to_string().starts_with("codes.zip: "), "{missing}");
    }

    #[test]
    fn a_damaged_member_is_named() {
        let text = TEXT.repeat(50);
        let mut zip = zip_of(&[("good.txt", TEXT), ("z/codes.txt", &text)]);
        let at = memchr::memmem::find(&zip, b"z/codes.txt").unwrap() + 20;
        zip[at] ^= 0x55;
        let error = visited("r.zip", &zip, "codes").unwrap_err().to_string();
        assert!(error.starts_with("r.zip/z/codes.txt: "), "{error}");
    }
}
