#!/usr/bin/env python3
"""What a conversion job shows to people, as they see it: its progress on a terminal, its pages in a browser and on paper.

The worked examples of tests/convert are run by the program; each report page, and the profile page of each input, is opened at the width of
a desk and of a hand, in light and in print: the browser complains of nothing and asks for nothing, nothing reaches beyond the page's width,
and the numbers of report.json stand on the page. A long job on a terminal shows how far it is, how fast, and how long it will take; in a log
it shows nothing of the kind.

Usage: report_page.py XWALK [--shots DIR]     XWALK: the program; DIR: where to put pictures and prints.
Needs Playwright (`pip install playwright`) and a Chromium ($CHROMIUM, else /usr/bin/chromium); downloads nothing.
"""

import argparse, fcntl, json, os, pty, re, shutil, struct, subprocess, sys, tempfile, termios
from pathlib import Path
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from program import Program, check

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
EXAMPLES = Path(__file__).resolve().parent.parent / "convert"
# Pixels at 96 to the inch; paper is A4 without its margins of 14 mm.
WIDTHS = {"desk": 1280, "hand": 390}
PAPER = round((210 - 28) / 25.4 * 96)


def say(what):
    print(f"report page: {what}", flush=True)


def thousands(number):
    return f"{number:,}"


def percent(share):
    return "> 99.99 %" if 99.99 < share * 100 < 100 else f"{share * 100:.2f} %"


def numbers(document):
    """What the page must say, by the document for programs: texts that stand together in one line of it."""
    records, codes = document["records"], document["codes"]
    yield document["verdict"]
    yield f"{thousands(records['in'])} records in = {thousands(records['out'])} out + {thousands(records['rejected'])} rejected"
    yield f"Settled: {thousands(codes['settled'])} of {thousands(codes['codes'])} codes ({percent(codes['coverage'])})"
    for outcome in document["outcomes"]:
        if outcome["codes"]:
            yield [outcome["outcome"], thousands(outcome["codes"]), percent(outcome["codes"] / codes["codes"]), thousands(outcome["settled"])]
    for column in document["columns"]:
        yield [column["column"], column["to"], thousands(column["codes"]), thousands(column["settled"])]
    for unsettled in document["unsettled"]:
        yield [unsettled["code"], unsettled["outcome"], thousands(unsettled["codes"])]
    for repair in document["repairs"]:
        yield [repair["kind"], thousands(repair["codes"])]
    for sampled in document["sample"]["records"]:
        yield [sampled["outcome"], str(sampled["line"]), sampled["target"]]
    for file in (document["input"], document["output"]):
        yield [file["name"], file["blake3"]]
    yield document["index"]["fingerprint"]


def seen(browser, file, shots, wanted=()):
    """Opens a page at every width, and prints it."""
    for name, width in WIDTHS.items():
        page = browser.new_page(viewport={"width": width, "height": 800})
        told = []
        page.on("console", lambda m: told.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: told.append(str(e)))
        page.on("request", lambda r: None if r.url.startswith(file.as_uri()) else told.append(f"asked for {r.url}"))
        page.goto(file.as_uri())
        within(page, f"{file.parent.name}/{file.name} at {width} pixels")
        lines = [" ".join(line.split()) for line in page.inner_text("body").replace("\t", " ").splitlines()]
        rows = [[" ".join(cell.split()) for cell in row] for row in page.eval_on_selector_all("tr", "rows => rows.map(r => [...r.cells].map(c => c.innerText))")]
        for text in wanted:
            if isinstance(text, str):
                check(any(text in line for line in lines), f"{file} does not say {text!r}")
            else:
                found = any(all(any(part in cell for cell in row) for part in text) for row in rows)
                check(found, f"{file} has no row with {text}")
        if shots:
            page.screenshot(path=str(shots / f"{file.parent.name}-{file.stem}-{name}.png"), full_page=True)
        if name == "desk":
            page.set_viewport_size({"width": PAPER, "height": 1000})
            page.emulate_media(media="print")
            within(page, f"{file.parent.name}/{file.name} on paper")
            if wanted:
                check(page.locator(".sign").is_visible(), "the place to sign is not printed")
            print_ = page.pdf(format="A4", print_background=True)
            check(print_.startswith(b"%PDF") and len(re.findall(rb"/Type\s*/Page\b", print_)) >= 1, "no page was printed")
            if shots:
                (shots / f"{file.parent.name}-{file.stem}.pdf").write_bytes(print_)
        check(told == [], f"{file} at {width} pixels: {told}")
        page.close()


def within(page, what):
    """Nothing reaches beyond the width; a table in a .wide box may, which scrolls by itself."""
    width = page.evaluate("() => document.documentElement.clientWidth")
    reach = page.evaluate("() => document.documentElement.scrollWidth")
    check(reach <= width, f"{what} reaches to {reach} of {width}: " + str(page.evaluate(
        "() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !e.closest('.wide'))"
        ".slice(0, 5).map(e => e.tagName + ' ' + (e.innerText || '').slice(0, 40))")))


def on_a_terminal(program, folder):
    """A job long enough to be watched, on a terminal of 80 columns; then the same with its words going into a file."""
    with open(folder / "long.csv", "w") as out:
        out.write("id,dx,note\n")
        codes = ["250.00", "4019", "V58.69", "414.01", "38.9", "E11.9"]
        for block in range(150):
            out.write("".join(f"{block * 10000 + i},{codes[i % 6]},{'plain words ' * 4}\n" for i in range(10000)))
    job = [program.path, "convert", "long.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx", "-o"]
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    running = subprocess.Popen(job + ["terminal.csv"], cwd=folder, env=program.env, stderr=slave, stdout=subprocess.DEVNULL)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 1 << 16)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(master)
    check(running.wait() == 1, f"the job ended with {running.returncode}")
    size = (folder / "long.csv").stat().st_size
    words = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    # Bytes so far of all, a bar, bytes a second, time left; in between it must have been neither empty nor full.
    bars = re.findall(r"([\d.]+) ([KMG]?i?B)/([\d.]+) (MiB) *(\S+?) +([\d.]+ [KMG]iB/s) (\d+[hms])", words)
    check(bars, f"no bar was shown: {words[-400:]!r}")
    total = f"{size / 1024 ** 2:.2f}"
    check(all(bar[2] == total for bar in bars), f"the bar is not of {total} MiB: {bars[:3]}")
    middle = [bar for bar in bars if bar[1] == "MiB" and 0 < float(bar[0]) < float(total)]
    check(middle, f"the bar did not move: {bars}")
    longest = max(len(line) for line in re.split(r"[\r\n]", words))
    check(longest <= 80, f"the bar has {longest} columns of 80")
    check(re.search(rb"\x1b\[2K|\x1b\[K|\x1b\[J", shown.rsplit(b"MiB/s", 1)[1]), "the bar is still there when the job is done")
    quiet = subprocess.run(job + ["log.csv"], cwd=folder, env=program.env, capture_output=True, text=True)
    check(quiet.returncode == 1 and "\x1b" not in quiet.stderr and "MiB/s" not in quiet.stderr, f"a bar in a log: {quiet.stderr!r}")
    check((folder / "terminal.csv").read_bytes() == (folder / "log.csv").read_bytes(), "whoever watches changes the output")
    say(f"on a terminal: {len(bars)} states of the bar, at the end {middle[-1][5]}; none in a log")


def main():
    args = argparse.ArgumentParser()
    args.add_argument("xwalk")
    args.add_argument("--shots", type=Path)
    args = args.parse_args()
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        folder = Path(folder)
        program = Program(args.xwalk, folder)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        examples = sorted(path.name for path in EXAMPLES.iterdir() if (path / "job.toml").is_file())
        check(len(examples) >= 4, f"the worked examples are {examples}")
        for name in examples:
            home = folder / name
            shutil.copytree(EXAMPLES / name, home, ignore=shutil.ignore_patterns("report", "out.*"))
            program.run("convert", "--job", "job.toml", folder=home)
            document = json.loads((home / "report" / "report.json").read_text())
            wanted = list(numbers(document))
            report = (home / "report" / "report.html").rename(home / "report.html")
            seen(browser, report, args.shots, wanted)
            source = document["input"]["name"]
            program.run("profile", source, "--page", "profile.html", folder=home)
            seen(browser, home / "profile.html", args.shots)
            say(f"{name}: {len(wanted)} numbers on the page at {', '.join(map(str, WIDTHS.values()))} pixels; printed")
        browser.close()
        on_a_terminal(program, folder)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"report page: FAILED: {failure}")
