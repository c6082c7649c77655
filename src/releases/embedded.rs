//! The releases that the binary carries: the files of `vocab/` and `crosswalks/`, as they stand there (compressed).
//!
//! The table below and the manifests name the same files, and every file hashes to what its manifest says; a test holds both, so that
//! opening needs neither. All of it is in the public domain. SNOMED CT and CPT content is never embedded.

use super::Error;
use super::manifest::{Manifest, Release};

/// The two folders, in the order in which they are read.
pub const FOLDERS: [&str; 2] = ["vocab", "crosswalks"];

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        /// Path from the project's root, and bytes.
        static FILES: &[(&str, &[u8])] = &[$(($path, include_bytes!(concat!("../../", $path)))),*];
    };
}

files![
    "vocab/CMS32_DESC_LONG_DX.txt.zst",
    "vocab/CMS32_DESC_LONG_SG.txt.zst",
    "vocab/CMS32_DESC_SHORT_DX.txt.zst",
    "vocab/CMS32_DESC_SHORT_SG.txt.zst",
    "vocab/code-list-April-2026.txt.zst",
    "vocab/icd10c-tabular-April-1-2026.xml.zst",
    "vocab/icd10cm-codes-2024.txt.zst",
    "vocab/icd10cm-order-2025.txt.zst",
    "vocab/icd10pcs_codes_2024.txt.zst",
    "vocab/icd10pcs_codes_April_2024.txt.zst",
    "crosswalks/2013_I10gem.txt.zst",
    "crosswalks/2013_I9gem.txt.zst",
    "crosswalks/gem_i9pcs.txt.zst",
];

static MANIFESTS: [(&str, &str); 2] = [
    ("vocab/manifest.toml", include_str!("../../vocab/manifest.toml")),
    ("crosswalks/manifest.toml", include_str!("../../crosswalks/manifest.toml")),
];

/// Every release that this version of xwalk knows, embedded or to be fetched, with the folder (`vocab`, `crosswalks`) it belongs to.
pub fn releases() -> Result<Vec<(&'static str, Release)>, Error> {
    let mut all = Vec::new();
    for (folder, (name, text)) in FOLDERS.into_iter().zip(MANIFESTS) {
        all.extend(Manifest::parse(name, text)?.releases.into_iter().map(|release| (folder, release)));
    }
    Ok(all)
}

/// The bytes of an embedded file: `file("vocab", "icd10cm-order-2025.txt.zst")`.
pub fn file(folder: &str, name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(path, _)| path.split_once('/') == Some((folder, name))).map(|(_, bytes)| *bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Read as _;

    use super::*;
    use crate::releases::{sha256_hex, test_releases};

    #[test]
    fn manifests_and_table_name_the_same_files_and_hashes_agree() {
        let mut listed = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for (folder, release) in releases().expect("embedded manifests are good") {
            assert!(ids.insert(release.id.clone()), "{} stands in both manifests", release.id);
            assert!(release.license.is_some(), "{} has no licence", release.id);
            let Some(name) = &release.file else { continue };
            assert!(release.source_note.is_some(), "{} does not say where it comes from", release.id);
            let bytes = file(folder, name).unwrap_or_else(|| panic!("{folder}/{name} is in the manifest, but not embedded"));
            assert_eq!(Some(sha256_hex(bytes)), release.sha256, "{folder}/{name}");
            let mut content = Vec::new();
            zstd::Decoder::new(bytes).expect("zstd").read_to_end(&mut content).expect("zstd");
            assert_eq!(Some(sha256_hex(&content)), release.content_sha256, "{folder}/{name}, unpacked");
            assert!(listed.insert(format!("{folder}/{name}")));
        }
        assert_eq!(listed, FILES.iter().map(|(path, _)| (*path).to_owned()).collect());
        let total: usize = FILES.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(total < 5_000_000, "the binary would carry {total} bytes of data");
    }

    #[test]
    fn every_published_file_at_hand_is_known() {
        let Some(folder) = test_releases() else { return };
        let sums = std::fs::read_to_string(folder.join("SHA256SUMS")).expect("SHA256SUMS");
        let known = releases().expect("embedded manifests are good");
        for (hash, path) in sums.lines().filter_map(|line| line.split_once("  ./")) {
            let entries: Vec<_> = known.iter().filter(|(_, r)| r.mirror.as_deref() == Some(path)).collect();
            assert!(!entries.is_empty(), "{path} is in no manifest");
            for (_, release) in entries {
                assert_eq!(release.fetch_sha256.as_deref(), Some(hash), "{}", release.id);
                if let Some(url) = &release.url {
                    assert_eq!(url.replace("%20", " "), format!("https://{path}"), "{}", release.id);
                } else {
                    assert!(release.page.is_some(), "{} has neither an address nor a page", release.id);
                }
                if let Some(member) = &release.member {
                    let archive = std::fs::File::open(folder.join(path)).expect(path);
                    let archive = zip::ZipArchive::new(archive).expect(path);
                    assert_eq!(
                        archive.file_names().filter(|n| n.as_ref().is_ok_and(|n| n.ends_with(member.as_str()))).count(),
                        1,
                        "{}: {member}",
                        release.id
                    );
                }
            }
        }
    }
}
