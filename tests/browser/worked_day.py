#!/usr/bin/env python3
"""A worked day in the review workbench, in a real browser, by keyboard alone.

A claims file with codes that the GEMs leave ambiguous is converted; the codes that nobody settled become a queue; Ann answers thirty of
them (one combination, one "no map", one by search, one taken back and answered anew), and one more with a code that no release lists; Bob
approves them; the job runs again with the decisions. What is settled then must be what the queue predicted, to the record: what is approved
and cannot be used is held back, and said to be. The report must name the decisions.

Usage: worked_day.py XWALK [--shots DIR]     XWALK: the program; DIR: where to put a picture of each page, light and dark.
Needs Playwright (`pip install playwright`) and a Chromium ($CHROMIUM, else /usr/bin/chromium); downloads nothing.
"""

import argparse, csv, json, os, sys, tempfile, time
from pathlib import Path
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from program import Program, check, stop

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
# ICD-9-CM codes that the embedded GEM leaves open, 34 of them; the first needs several codes together.
AMBIGUOUS = """249.51 806.00 770.5 569.0 804.23 948.30 202.93 250.80 873.9 300.16 801.43 934.8 V54.12 989.5 965.1 250.50 235.0 366.41
    200.40 654.82 279.8 813.02 707.03 806.24 733.13 289.7 673.83 903.8 945.30 235.8 V58.69 807.4 912.8 238.72""".split()
CLEAR = {"250.00": 300, "401.9": 200}
NO_MAP = {"365.70": 7}
SIZES = {"13inch": (1280, 800), "projector": (1024, 768)}


def say(what):
    print(f"worked day: {what}", flush=True)


def claims(path):
    with open(path, "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["claim", "dx"])
        number = 0
        counts = {code: 100 - at for at, code in enumerate(AMBIGUOUS)} | CLEAR | NO_MAP
        for code, count in counts.items():
            for _ in range(count):
                number += 1
                rows.writerow([number, code])
    return number


def settled(report):
    """Codes settled and codes in all, as the job's own document has them."""
    document = json.loads((report / "report.json").read_text())
    return sum(c["settled"] for c in document["columns"]), sum(c["codes"] for c in document["columns"])


def type_token(page, token):
    """The page puts the cursor there by itself, at times a moment after it is loaded."""
    page.wait_for_function("document.activeElement.id === 'token'")
    page.keyboard.type(token)


class Reviewer:
    """Somebody at the keyboard. Nothing here presses a mouse button."""

    def __init__(self, browser, base, token, shots, size=(1280, 800), scheme="light"):
        self.base, self.shots = base, shots
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        self.page = self.context.new_page()
        self.told = []
        # Whatever the browser complains of (a refused script, a broken style sheet) is a failure of the page.
        self.page.on("console", lambda m: self.told.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.told.append(str(e)))
        self.page.on("request", lambda r: None if r.url.startswith(base) else self.told.append(f"asked another host: {r.url}"))
        self.page.goto(base + "/review")
        type_token(self.page, token)
        self.press("Enter", "**/review")

    def press(self, key, leads_to=None):
        if leads_to is None:
            self.page.keyboard.press(key)
            return
        with self.page.expect_navigation(url=leads_to, timeout=15000):
            self.page.keyboard.press(key)

    def item(self):
        return int(self.page.url.split("/review/item/")[1].split("?")[0])

    def code(self):
        return self.page.locator("h1 .code").inner_text().strip()

    def picked(self):
        return self.page.locator("#picked").inner_text()

    def shot(self, name):
        if self.shots:
            self.page.screenshot(path=str(self.shots / f"{name}.png"))


def ann_answers(ann):
    """Thirty answers. Returns what she chose: codes (or [] for no map) by source code."""
    chosen = {}
    ann.press("j")
    ann.press("Enter", "**/review/item/*")
    ann.shot("item-combination")
    # The first has two readings; the first reading needs two codes, of which the second leaves no choice.
    check(ann.code() == "249.51", f"the queue begins with {ann.code()}, not with what settles the most records")
    ann.press("2")
    check(ann.picked() == "E08.319 + E08.65", f"picked: {ann.picked()}")
    ann.press("a", "**/review/item/*")
    chosen["249.51"] = ["E08.319", "E08.65"]

    # Taken back at once, from the next page; answered anew: the other reading, one code.
    ann.press("u", "**/review/item/*")
    check(ann.code() == "249.51" and ann.page.locator("section.source .status").inner_text() == "unreviewed", "taking back failed")
    ann.press("8")
    check(ann.picked() == "E08.39", f"picked: {ann.picked()}")
    ann.press("a", "**/review/item/*")
    chosen["249.51"] = ["E08.39"]

    # The combination: 806.00, reading 2 of 4, both groups.
    check(ann.code() == "806.00", ann.code())
    numbers = ann.page.locator(".scenario[data-scenario='1'] .option .number").all_inner_texts()
    ann.press(numbers[0])
    chosen["806.00"] = ann.picked().split(" + ")
    check(len(chosen["806.00"]) == 2 and "?" not in ann.picked(), f"a combination was picked in part: {ann.picked()}")
    ann.press("a", "**/review/item/*")

    # One by search, one without a map.
    by_search = ann.code()
    ann.press("/")
    ann.page.keyboard.type("pulmonary collapse")
    ann.press("Enter")
    ann.page.locator("#hits input:checked").wait_for()
    ann.shot("item-search")
    # A second code that is needed with it is found by other words, and the first one stays; taken alone, it does not.
    first = ann.picked()
    ann.press("/")
    ann.page.locator("#q").fill("E66.9")
    ann.page.locator("#hits input[data-code='E66.9']").wait_for()
    check(ann.picked() == first, f"the tick was lost while searching on: {ann.picked()!r}")
    ann.press("Shift+Enter")
    ann.page.locator("#hits input[data-code='E66.9']:checked").wait_for()
    check(ann.picked() == f"{first} + E66.9", f"picked: {ann.picked()!r}")
    ann.press("/")
    ann.page.locator("#q").fill("pulmonary collapse")
    ann.press("Enter")
    ann.page.locator("#hits input[data-code='E66.9']:not(:checked)").wait_for()
    check(ann.picked() == first, f"picked: {ann.picked()!r}")
    chosen[by_search] = ann.picked().split(" + ")
    ann.press("a", "**/review/item/*")
    without = ann.code()
    ann.press("n", "**/review/item/*")
    chosen[without] = []

    # The rest: the first option that may be recorded today; a long list is narrowed first.
    held = {}
    while len(chosen) < 30:
        code = ann.code()
        check(code not in chosen, f"{code} came up twice")
        if ann.page.locator(".group:not(:has(.good))").count():
            # A group of codes that no release lists any more. Ann answers the first such item with one of them all the same.
            if held:
                ann.press("j", "**/review/item/*")
                continue
            for number in ann.page.locator(".scenario").first.locator(".group").evaluate_all(
                    "groups => groups.map(g => g.querySelector('.option .number').textContent)"):
                ann.press(number)
            check(ann.picked() and "?" not in ann.picked(), f"{code}: picked {ann.picked()!r}")
            held[code] = ann.picked().split(" + ")
            ann.press("a", "**/review/**")
            check("translations will not use this answer" in ann.page.locator("form.done").inner_text(), "she is not told that it will not be used")
            ann.shot("item-after-one-that-is-not-used")
            continue
        if code == "V54.12":
            ann.shot("item-long")
            ann.press("o")
            ann.page.keyboard.type("left ulna torus upper")
            ann.press("Enter")
        # What is no code today is on offer too, and marked.
        ann.press(ann.page.locator(".option:visible:has(.good) .number").first.inner_text())
        if ann.page.locator("#decide[data-partly]").count():
            # A combination: one of each group of the reading that the first option belongs to.
            for group in range(1, ann.page.locator(".scenario:has(> legend input:checked) .group").count()):
                option = ann.page.locator(".scenario:has(> legend input:checked) .group").nth(group).locator(".option:has(.good) .number").first
                ann.press(option.inner_text())
        check(ann.picked() and "?" not in ann.picked(), f"{code}: picked {ann.picked()!r}")
        chosen[code] = ann.picked().split(" + ")
        ann.press("a", "**/review/**")
    check(len(held) == 1, "no item could be answered with a code that no release lists")
    return chosen, held


def bob_approves(bob, base, chosen):
    # Tab by tab with the keyboard: the address of a tab is what its link says.
    bob.page.goto(base + "/review?status=proposed")
    bob.shot("queue-to-approve")
    bob.press("j")
    bob.press("Enter", "**/review/item/*")
    approved = {}
    for at in range(len(chosen)):
        code = bob.code()
        answer = bob.page.locator(".answer li .code").all_inner_texts()
        if at == 0:
            bob.shot("item-to-approve")
        bob.press("a", "**/review**")
        approved[code] = answer
    return approved


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("xwalk")
    args.add_argument("--shots", type=Path)
    args = args.parse_args()
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        xwalk = Program(args.xwalk, folder)
        records = claims(folder / "claims.csv")
        job = ["claims.csv", "--from", "icd9cm", "--to", "icd10cm", "--code", "dx"]
        xwalk.run("convert", *job, "-o", "first.csv", "--report", "first")
        before, codes = settled(folder / "first")
        check(codes == records, f"{codes} codes of {records} records")
        say(f"{records} claims, {before} settled without a person")

        xwalk.run("review", "import", "--decisions", "d.db", "--by", "the job", "first/review.csv", expect=(0,))
        tokens = {name: xwalk.run("token", "add", name, "--role", role, "--tokens", "tokens").strip()
                  for name, role in [("ann", "review"), ("bob", "review"), ("eve", "read")]}
        server, base = xwalk.serve("--decisions", "d.db", "--tokens", "tokens", "--audit", "audit.log")
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                ann = Reviewer(browser, base, tokens["ann"], args.shots)
                ann.shot("queue")
                chosen, held = ann_answers(ann)
                say(f"Ann has answered {len(chosen)} items in {time.time() - began:.0f} s")
                # Her own answers are not hers to approve: there is no such button, and the service refuses it too.
                ann.page.goto(base + "/review?status=proposed")
                ann.press("j")
                ann.press("Enter", "**/review/item/*")
                check(ann.page.locator("button[value=approve]").count() == 0, "Ann may approve her own answer")

                bob = Reviewer(browser, base, tokens["bob"], args.shots)
                approved = bob_approves(bob, base, chosen | held)
                check(approved == chosen | held, f"Bob saw other answers than Ann gave: {approved} / {chosen | held}")
                say("Bob has approved them")
                bob.page.goto(base + "/review?status=held")
                check(bob.page.locator("table.queue td.code a").all_inner_texts() == list(held), "the tab of what is held back has something else")
                check("in no loaded release" in bob.page.locator("table.queue .finding").inner_text(), "the tab does not say why")
                bob.shot("queue-held-back")
                bob.press("j")
                bob.press("Enter", "**/review/item/*")
                check("translations do not use it" in bob.page.locator("section.source").inner_text(), "the item does not say why")
                bob.shot("item-held-back")

                eve = browser.new_page()
                eve.goto(base + "/review")
                type_token(eve, tokens["eve"])
                eve.keyboard.press("Enter")
                eve.locator("[role=alert]").wait_for()
                check("/review/sign-in" in eve.url, "a token that may only read came in")

                if args.shots:
                    pictures(browser, base, tokens["bob"], args.shots)
                for who in (ann, bob):
                    check(who.told == [], f"the browser complained: {who.told}")
                browser.close()
        finally:
            stop(server)

        # What the queue says it settles is what the next run settles, to the record.
        stats = json.loads(xwalk.run("review", "stats", "--decisions", "d.db", "--format", "json"))
        check(stats["settled_items"] == 30, f"{stats['settled_items']} items are settled")
        check(stats["held_items"] == 1, f"{stats['held_items']} items are held back")
        predicted = before + stats["settled_records"]
        xwalk.run("convert", *job, "-o", "second.csv", "--report", "second", "--policy", "decision", "--decisions", "d.db")
        after, _ = settled(folder / "second")
        check(after == predicted, f"{after} settled, {predicted} predicted")
        say(f"settled: {before} before, {after} after, as predicted ({before} + {stats['settled_records']}) of {records}")

        # Every record has what Ann chose, and the report names the decisions.
        with open(folder / "second.csv", newline="") as out:
            for row in csv.DictReader(out):
                if row["dx"] in chosen:
                    check(row["dx_target"].split() == chosen[row["dx"]], f"{row['dx']} became {row['dx_target']}, not {chosen[row['dx']]}")
                    check(row["dx_policy"] == "decision", f"{row['dx']}: {row}")
        codes_csv = (folder / "second" / "codes.csv").read_text()
        check(sum("decision" in line for line in codes_csv.splitlines()) == 30, "codes.csv does not name 30 decisions")
        check("decision" in (folder / "second" / "report.html").read_text(), "the report does not name the decisions")
        check("in order" in xwalk.run("audit", "verify", "audit.log"), "the audit log is not in order")
        audit = (folder / "audit.log").read_text()
        for action in ["review/sign-in", "review/decide", "review/no-map", "review/undo", "review/approve", "review/search"]:
            check(action in audit, f"{action} is not in the audit log")
    say(f"done in {time.time() - began:.0f} s")


def pictures(browser, base, token, shots):
    """Every page at each size, light and dark."""
    for size_name, size in SIZES.items():
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
            shot = lambda name: page.screenshot(path=str(shots / f"{name}-{size_name}-{scheme}.png"))
            page.goto(base + "/review/sign-in")
            shot("sign-in")
            type_token(page, token)
            page.keyboard.press("Enter")
            page.wait_for_url("**/review")
            for name, path in [("queue", "/review"), ("approved", "/review?status=approved"), ("search", "/review/search?q=heart+attack"),
                               ("progress", "/review/progress"), ("item-1", "/review/item/1"), ("item-2", "/review/item/2"), ("item-30", "/review/item/33")]:
                page.goto(base + path)
                shot(name)
            page.keyboard.press("?")
            shot("help")
            page.close()


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(f"worked day: FAILED: {failure}")
