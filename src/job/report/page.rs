//! The page: one file, nothing fetched, readable on a screen and on paper. What it shows is the [`Document`], and by which bytes of
//! `report.json` it says so; it computes nothing.

use super::style::{self, percent, percents, thousands};
use super::{AskedPart, ColumnPart, Document, FilePart};
use crate::job::RejectReason;
use maud::{Markup, html};

/// Colour and meaning of each outcome; settled ones are cool, unsettled ones warm. Every colour stands beside its name.
const OUTCOMES: [(&str, &str, &str); 10] = [
    ("exact", "#0b6e4f", "one target, equivalent"),
    ("approximate", "#3a8fb7", "one target, not identical"),
    ("combination", "#6c5fa8", "several codes together"),
    ("choice", "#e0a100", "alternatives remain"),
    ("needs-facts", "#d9772b", "a rule waits for age, sex or a finding"),
    ("not-valid-on-date", "#b8623e", "a code at another time"),
    ("no-map", "#8a5a44", "the map says there is none"),
    ("unmapped", "#9a9a9a", "no map has it"),
    ("invalid-code", "#c0392b", "not a code of its system"),
    ("unknown-system", "#7b241c", "no such code system"),
];

/// `json` is the BLAKE3 of `report.json`: who signs the page, signs that too.
pub(super) fn page(d: &Document, json: &str) -> String {
    let body = html! {
        (head(d))
        (cards(d))
        (ledger(d))
        (outcomes(d))
        (invalid_targets(d))
        (unsettled(d))
        (chapters(d))
        (repairs(d))
        (duplicates(d))
        (sample(d))
        (identities(d, json))
        (sign_off(d))
    };
    style::page(&format!("Conversion report: {}", d.input.name), body)
}

fn head(d: &Document) -> Markup {
    let good = matches!(d.verdict.as_str(), "settled" | "passed");
    let sentence = match d.verdict.as_str() {
        "settled" => "Every record was converted and every code settled.",
        "unsettled" => "Something is left for people: see the unsettled codes and the rejected records.",
        "invalid-targets" => "Every code is settled, but some were given targets that are no codes.",
        "no-records" => "There is not one record: is it the right file?",
        "all-rejected" => "Every record was rejected; the ledger says why.",
        "no-codes" => "There are records, but not one code: is it the right column?",
        "passed" => "All thresholds hold.",
        _ => "A threshold does not hold.",
    };
    let by_policy: Vec<String> = d.policies.iter().map(|(policy, n)| format!("{} by policy {policy}", thousands(*n))).collect();
    html! {
        h1 { "Conversion report" }
        p.dim { (d.input.name) " to " (d.output.name) ", " (d.run.started.replace('T', " ").trim_end_matches('Z')) " UTC, xwalk " (d.xwalk) }
        p { span class={ "verdict " (if good { "good" } else { "bad" }) } { (d.verdict) } "  " (sentence)
            @if !by_policy.is_empty() { " Not by the map alone: " (by_policy.join(", ")) "." }
            @if d.invalid_targets.codes > 0 { " " b { (thousands(d.invalid_targets.codes)) " codes were given targets that are no codes." } }
        }
        @if !d.thresholds.is_empty() {
            table {
                thead { tr { th { "Threshold" } th.num { "at most" } th.num { "found" } th { "" } } }
                tbody { @for t in &d.thresholds {
                    @let [at_most, found] = percents(t.at_most, t.found);
                    tr { td { (t.what) } td.num { (at_most) } td.num { (found) } td { (if t.passed { "holds" } else { "does not hold" }) } }
                } }
            }
        }
    }
}

fn cards(d: &Document) -> Markup {
    let card = |number: String, what: &str| html! { div.card { b { (number) } span.dim { (what) } } };
    html! {
        div.cards {
            (card(thousands(d.records.came), "records in"))
            (card(thousands(d.records.went), "records out"))
            (card(thousands(d.records.rejected), "records rejected"))
            @if d.codes.codes == 0 { (card(String::from("0"), "codes")) } @else { (card(percent(d.codes.coverage), "of codes settled")) }
        }
    }
}

fn ledger(d: &Document) -> Markup {
    html! {
        h2 { "Ledger" }
        p { (thousands(d.records.came)) " records in = " (thousands(d.records.went)) " out + " (thousands(d.records.rejected)) " rejected. "
            (thousands(d.codes.codes)) " codes in = the sum of all outcomes. Both were counted in two places and agree." }
        @if d.codes.codes > 0 { p { "Settled: " (thousands(d.codes.settled)) " of " (thousands(d.codes.codes)) " codes (" (percent(d.codes.coverage)) "), "
            (thousands(d.codes.settled_distinct)) " of " (thousands(d.codes.distinct)) " distinct codes (" (percent(d.codes.coverage_distinct)) "). "
            "Read the two together: few frequent codes make the first, the long tail makes the second."
            @if d.codes.rejected > 0 { (thousands(d.codes.rejected)) " of the codes, " (thousands(d.codes.rejected_settled))
                " of them settled, stand in records that were rejected for another: these are not in the output. " }
            @if d.codes.crowded { " So many distinct values came that the rarest were counted together." } } }
        @if let Some(longest) = &d.records.longest {
            p { (thousands(d.records.line_breaks)) " line breaks stand within fields; the longest record has " (thousands(longest.lines))
                " lines, from line " (longest.line) ". If no field of the file should have several lines, a quote has swallowed records." }
        }
        @if !d.records.reasons.is_empty() {
            table {
                thead { tr { th { "Rejected because of" } th.num { "records" } } }
                tbody { @for (reason, n) in &d.records.reasons { tr { td { (in_words(reason)) } td.num { (thousands(*n)) } } } }
            }
            @if d.records.rejected_lines > d.records.rejected { p { "They have " (thousands(d.records.rejected_lines)) " lines." } }
        }
        div.wide { table {
            thead { tr { th { "Column" } th { "from" } th { "to" } th { "policy" } th.num { "blank" } th.num { "codes" } th.num { "settled" } th.num { "" }
                @if d.codes.rejected > 0 { th.num { "in rejected records / settled" } } } }
            tbody { @for c in &d.columns {
                tr {
                    td { (c.column) } td { (c.from) } td { (c.to) } td { (c.policy) @if c.strict { ", strict" } @for asked in asked(c) { ", " (asked) } }
                    td.num { (thousands(c.blank)) } td.num { (thousands(c.codes)) } td.num { (thousands(c.settled)) }
                    td.num { @if c.codes > 0 { (percent(c.settled as f64 / c.codes as f64)) } }
                    @if d.codes.rejected > 0 { td.num { (thousands(c.rejected)) " / " (thousands(c.rejected_settled)) } }
                }
            } }
        } }
        @let job = facts(d);
        @if !job.is_empty() { p.dim { (job.join(", ")) "." } }
        @for (what, n) in &d.facts_not_understood { p.dim { (thousands(*n)) " cells of the " (what) " column were not understood; rules that ask for it waited."
            @if what == "age" && d.job.age_unit.is_none() { " What bare numbers count has to be said (--age-unit)." } } }
        @if !d.unknown_systems.is_empty() { p { "What the system column has where it names no code system (--values says what its values mean):" }
            ul { @for (what, n) in &d.unknown_systems { li { (what) ": " (thousands(*n)) " codes" } } } }
    }
}

/// What the job asked of a column beyond what each has.
fn asked(c: &ColumnPart) -> Vec<String> {
    let AskedPart { values, target_date, reverse, split, margin, score } = &c.asked;
    let mut asked = vec![match c.unsettled.as_str() {
        "source" => String::from("unsettled codes stay"),
        "reject" => String::from("unsettled codes reject their record"),
        _ => String::from("unsettled codes leave a blank"),
    }];
    asked.extend(target_date.as_ref().map(|day| format!("targets of {day}")));
    asked.extend(reverse.then(|| String::from("maps read in reverse")));
    asked.extend(split.as_ref().map(|text| format!("several codes parted by \u{201c}{}\u{201d}", text.escape_debug())));
    asked.extend(score.map(|score| format!("score at least {score}")));
    asked.extend(margin.map(|margin| format!("margin at least {margin}")));
    asked.extend(values.iter().map(|(value, system)| format!("{value} is {system}")));
    asked
}

/// Which columns were facts, and whose decisions were asked.
fn facts(d: &Document) -> Vec<String> {
    let j = &d.job;
    let named = [("date", &j.date), ("age", &j.age), ("age unit", &j.age_unit), ("sex", &j.sex), ("text", &j.text)];
    let mut facts: Vec<String> = named.into_iter().filter_map(|(what, name)| Some(format!("{what}: {}", name.as_ref()?))).collect();
    if !j.key.is_empty() {
        facts.push(format!("key: {}", j.key.join(" + ")));
    }
    facts.extend(j.decisions.as_ref().map(|found| {
        let file = found.file.as_ref().map_or_else(String::new, |f| format!(" of {f}"));
        format!("decisions{file}, BLAKE3 {}", found.digest)
    }));
    facts
}

fn outcomes(d: &Document) -> Markup {
    let all = d.codes.codes.max(1) as f64;
    let of = |name: &str| d.outcomes.iter().find(|o| o.outcome == name).filter(|o| o.codes > 0);
    // Where each bar begins, and how wide it is.
    let mut at = 0.0;
    let mut bars = Vec::new();
    for (name, colour, _) in OUTCOMES {
        if let Some(o) = of(name) {
            let width = 1000.0 * o.codes as f64 / all;
            bars.push((name, colour, o.codes, at, width));
            at += width;
        }
    }
    html! {
        h2 { "What became of the codes" }
        svg viewBox="0 0 1000 34" role="img" aria-label="Codes by outcome" {
            @for (name, colour, codes, at, width) in bars {
                rect x=(format!("{at:.2}")) y="4" width=(format!("{width:.2}")) height="26" fill=(colour) { title { (name) ": " (thousands(codes)) } }
            }
        }
        table {
            thead { tr { th { "Outcome" } th { "" } th.num { "codes" } th.num { "share" } th.num { "distinct" } th.num { "settled" } } }
            tbody { @for (name, colour, meaning) in OUTCOMES {
                @if let Some(o) = of(name) {
                    tr {
                        td { span.swatch style={ "background:" (colour) } {} (name) } td.dim { (meaning) @if name == "choice" && o.settled > 0 { "; where settled, a policy or a reviewer picked" } }
                        td.num { (thousands(o.codes)) } td.num { (percent(o.codes as f64 / all)) } td.num { (thousands(o.distinct)) } td.num { (thousands(o.settled)) }
                    }
                }
            } }
        }
        @for (policy, n) in &d.policies { p.dim { (thousands(*n)) " codes were settled by the policy " (policy) "." } }
    }
}

fn invalid_targets(d: &Document) -> Markup {
    let found = &d.invalid_targets;
    html! {
        @if found.codes > 0 {
            h2 { "Targets that are no codes" }
            p { (thousands(found.codes)) " codes (" (thousands(found.distinct)) " distinct) were settled with a target that may not be recorded: "
                @for (i, (state, n)) in found.states.iter().enumerate() { @if i > 0 { ", " } (thousands(*n)) " " (state_in_words(state)) }
                ". The map is of an earlier time than the codes. A target date (--target-date) follows such targets to their successors." }
            div.wide { table {
                thead { tr { th { "Code" } th { "" } th { "target" } th { "" } th { "is" } th.num { "codes" } } }
                tbody { @for t in &found.listed {
                    tr { td.mono { (t.code) } td { (t.display) } td.mono { (t.target) } td { (t.target_display) } td.nowrap { (t.state) } td.num { (thousands(t.codes)) } }
                } }
            } }
            p.dim { (of_all(found.listed.len(), found.all, "codes.csv")) }
        }
    }
}

/// How much of a list the page shows.
fn of_all(shown: usize, all: u64, file: &str) -> String {
    if (shown as u64) < all {
        return format!("The {shown} most frequent of {}; {file} has all of them.", thousands(all));
    }
    format!("These are all of them; they are in {file} too.")
}

fn state_in_words(state: &str) -> &str {
    match state {
        "header" => "headers now, too general to be recorded",
        "expired" => "expired",
        "unlisted" => "in no release loaded",
        other => other,
    }
}

fn unsettled(d: &Document) -> Markup {
    let most = d.unsettled.first().map_or(1, |u| u.codes).max(1) as f64;
    html! {
        h2 { "Unsettled codes, the most frequent first" }
        @if d.unsettled.is_empty() { p { "None." } } @else {
            div.wide { table {
                thead { tr { th { "Code" } th { "" } th { "outcome" } th.num { "codes" } th.bar { "" } th { "may be" } } }
                tbody { @for u in &d.unsettled {
                    tr {
                        td.mono { (u.code) } td { (u.display) @if !u.message.is_empty() { " " span.dim { (u.message) } } } td.nowrap { (u.outcome) } td.num { (thousands(u.codes)) }
                        td.bar { svg viewBox="0 0 120 12" aria-hidden="true" { rect x="0" y="1" height="10" width=(format!("{:.1}", 120.0 * u.codes as f64 / most)) fill="#e0a100" {} } }
                        td.mono.options { (u.options) }
                    }
                } }
            } }
            p.dim { (of_all(d.unsettled.len(), d.unsettled_all, "review.csv")) " A + B are needed together, A / B are alternatives, | parts whole readings." }
        }
    }
}

fn chapters(d: &Document) -> Markup {
    let most = d.chapters.iter().map(|c| c.before.max(c.after)).max().unwrap_or(1).max(1) as f64;
    let height = 34 * d.chapters.len() + 4;
    html! {
        @if !d.chapters.is_empty() {
            h2 { "Chapters before and after" }
            p.dim { span.swatch style="background:#9fb3c4" {} "source codes  " span.swatch style="background:#3a8fb7" {} "target codes; what is unsettled has none" }
            svg viewBox={ "0 0 1000 " (height) } role="img" aria-label="Codes by chapter before and after" {
                @for (i, c) in d.chapters.iter().enumerate() {
                    @let y = 34 * i;
                    text x="250" y=(y + 19) text-anchor="end" { (c.chapter) }
                    rect x="260" y=(y + 4) height="11" width=(format!("{:.1}", 600.0 * c.before as f64 / most)) fill="#9fb3c4" {}
                    rect x="260" y=(y + 16) height="11" width=(format!("{:.1}", 600.0 * c.after as f64 / most)) fill="#3a8fb7" {}
                    text x="870" y=(y + 19) { (thousands(c.before)) " / " (thousands(c.after)) }
                }
            }
        }
    }
}

fn repairs(d: &Document) -> Markup {
    let meaning = |kind: &str| match kind {
        "blank" => "blanks around or inside",
        "case" => "lower case",
        "dot" => "the dot left out, added, or in another place",
        "letter" => "a letter O for a zero, I or l for a one",
        "leading-zero" => "zeros in front, lost or added",
        "quoted" => "its system's name before it, or its term behind it",
        _ => "zeros at the end, lost or added",
    };
    html! {
        @if !d.repairs.is_empty() {
            h2 { "What was repaired" }
            table {
                thead { tr { th { "Repair" } th { "" } th.num { "codes" } th.num { "distinct" } } }
                tbody { @for r in &d.repairs { tr { td { (r.kind) } td.dim { (meaning(&r.kind)) } td.num { (thousands(r.codes)) } td.num { (thousands(r.distinct)) } } } }
            }
            table {
                thead { tr { th { "Given" } th { "read as" } th { "" } th.num { "codes" } } }
                tbody { @for r in &d.repaired {
                    tr { td.mono { "\u{201c}" (r.given) "\u{201d}" } td.mono { (r.used) } td.dim { (r.kinds.join(", ")) } td.num { (thousands(r.codes)) } }
                } }
            }
            p.dim { (of_all(d.repaired.len(), d.repaired_all, "repairs.csv")) }
        }
    }
}

fn sample(d: &Document) -> Markup {
    html! {
        @if !d.sample.records.is_empty() {
            h2 { "Sample for manual check" }
            p.dim { "Of each outcome some records, drawn by lot (seed " (d.sample.seed) "): look them up in the input by line." }
            table {
                thead { tr { th { "Outcome" } th.num { "line" } th { "column" } th { "code" } th { "target" } th { "checked" } } }
                tbody { @for s in &d.sample.records {
                    tr { td.nowrap { (s.outcome) } td.num { (s.line) } td { (s.column) }
                        td { span.mono { (s.code) } " " span.dim { (s.display) } } td { span.mono { (s.target) } " " span.dim { (s.target_display) } } td { "\u{2610}" } }
                } }
            }
        }
    }
}

fn duplicates(d: &Document) -> Markup {
    html! {
        @if let Some(found) = &d.duplicates {
            h2 { "Duplicates" }
            p { (thousands(found.records)) " records came before, byte by byte. " (thousands(found.pairs)) " codes stood under the same key ("
                (found.key.join(", ")) ") before. Nothing was left out for it; duplicates.csv says where." }
        }
    }
}

/// The reason for a reject as people say it.
fn in_words(reason: &str) -> &str {
    RejectReason::ALL.iter().find(|r| r.code() == reason).map_or(reason, |r| r.in_words())
}

fn identities(d: &Document, json: &str) -> Markup {
    let file = |what: &str, f: &FilePart| {
        html! { tr { td { (what) } td { (f.name) @if let Some(e) = &f.encoding { span.dim { ", " (e) } } @if let Some(c) = &f.compression { span.dim { ", " (c) } }
                @if f.piped { span.dim { ", through a pipe" } } }
        td.num { (thousands(f.bytes)) } td.mono.hash { (f.blake3) } } }
    };
    html! {
        h2 { "Identities" }
        table {
            thead { tr { th { "" } th { "File" } th.num { "bytes" } th { "BLAKE3" } } }
            tbody {
                (file("input", &d.input)) (file("output", &d.output))
                @if let Some(r) = &d.rejects { (file("rejects", r)) }
                tr { td { "report" } td { "report.json" } td {} td.mono.hash { (json) } }
                tr { td { "index" } td { "fingerprint" } td {} td.mono.hash { (d.index.fingerprint) } }
            }
        }
        table {
            thead { tr { th { "Release" } th { "version" } th { "SHA-256 of its files" } } }
            tbody { @for r in &d.index.releases { tr { td { (r.of) } td { (r.version) } td.mono.hash { (r.sha256) } } } }
        }
        p.dim { (thousands(d.records.came)) " records in " (format!("{:.1}", d.run.seconds)) " seconds, " (thousands(d.run.records_per_second)) " a second." }
    }
}

fn sign_off(d: &Document) -> Markup {
    html! {
        h2 { "Sign-off" }
        p { "I have looked at this report, at the rejected records, at the unsettled codes and at the sample. The verdict is: " b { (d.verdict) } "." }
        div.sign { div { "Name" } div { "Role" } div { "Date and signature" } }
    }
}
