//! The profile as a page: one file, nothing fetched. What it shows is the [`Profile`]; it computes nothing.

use super::{Column, Kind, MOST_MEMBERS, NO_UTF8, Profile};
use crate::job::report::style::{self, percent, thousands};
use maud::{Markup, html};

/// What is wrong with torn records.
pub fn misfit(p: &Profile) -> &'static str {
    match p.file.format {
        "ndjson" => "are no JSON objects, or have two members of one name",
        _ => "do not fit the header",
    }
}

/// Renders the page.
pub fn page(p: &Profile) -> String {
    let rows = p.records;
    let body = html! {
        h1 { "Profile of " (p.file.name) }
        p.dim { (p.file.format) ", " (p.file.encoding) @if let Some(c) = p.file.compression { ", " (c) }
            @if let Some(d) = p.file.delimiter { ", delimiter " code { (d.escape_default()) } } ", " (thousands(p.file.bytes)) " bytes" }
        div.cards {
            div.card { b { (thousands(rows)) } span.dim { "records" } }
            div.card { b { (thousands(p.columns.len() as u64)) } span.dim { "columns" } }
            div.card { b { (thousands(p.columns.iter().filter(|c| c.kind == Kind::Code).count() as u64)) } span.dim { "with codes" } }
            div.card { b { @if !p.duplicates.exact { "about " } (thousands(p.duplicates.records)) } span.dim { "exact duplicates" } }
        }
        @if p.torn + p.damaged > 0 {
            p { (thousands(p.torn)) " records " (misfit(p)) ", " (thousands(p.damaged)) " have bytes that are no text; a conversion rejects them."
                @if p.damaged > 0 && p.file.encoding == "UTF-8" { " " (NO_UTF8) "." } }
        }
        @if p.beyond > 0 {
            p { (thousands(p.beyond)) " values stand in members beyond the first " (thousands(MOST_MEMBERS as u64)) " names, and were not looked at." }
        }
        @if let Some(longest) = &p.longest {
            p { (thousands(p.line_breaks)) " line breaks stand within fields; the longest record has " (thousands(longest.lines)) " lines, from line "
                (longest.line) ". If no field of the file should have several lines, a quote has swallowed records." }
        }
        h2 { "Columns" }
        div.wide { table {
            thead { tr { th { "Column" } th { "holds" } th.num { "filled" } th style="width:130px" { "" } th.num { "distinct" } th.num { "longest" } } }
            tbody { @for c in &p.columns {
                @let share = c.filled as f64 / rows.max(1) as f64;
                tr { td { (c.name) } td { (c.kind.code()) @if let Some(s) = &c.system { " " b { (s) } } @if c.doubtful { " ?" } } td.num { @if c.kind != Kind::NotLookedAt { (percent(share)) } }
                    td { @if c.kind != Kind::NotLookedAt { (bar(share, "#3a8fb7")) } } td.num { @if !c.distinct_exact { "about " } (thousands(c.distinct)) } td.num { (c.longest) } }
            } }
        } }
        @for c in p.columns.iter().filter(|c| c.kind == Kind::Code || !c.damage.is_empty() || c.doubtful) { (column(c)) }
        h2 { "Proposed job file" }
        pre.mono { (p.job) }
        p.dim { "BLAKE3 of the file: " span.mono.hash { (p.file.blake3) } }
    };
    style::page(&format!("Profile: {}", p.file.name), body)
}

fn bar(share: f64, colour: &str) -> Markup {
    html! { svg viewBox="0 0 120 12" aria-hidden="true" {
        rect x="0" y="1" height="10" width="120" fill="#e8ecf0" {}
        rect x="0" y="1" height="10" width=(format!("{:.1}", 120.0 * share.clamp(0.0, 1.0))) fill=(colour) {}
    } }
}

fn column(c: &Column) -> Markup {
    html! {
        h2 { (c.name) @if let Some(s) = &c.system { ": " (s) @if c.doubtful { span.dim { ", doubtful" } } } }
        @if let Some(split) = c.split { p { "Several codes in a cell, with " code { (split.escape_default()) } " between them." } }
        @if let Some(by) = &c.told_apart_by {
            p { "Several systems in one column; " b { (by.column) } " tells them apart: "
                @for (i, (value, system)) in by.values.iter().enumerate() { @if i > 0 { ", " } code { (value) } " is " (system) } "."
                @if !by.unclear.is_empty() { " Beside codes of several systems: " (by.unclear.join(", ")) "." } }
        }
        @if let Some(on) = &c.on_the_day {
            p { "Of " (thousands(on.codes)) " codes looked at " (thousands(on.valid)) " are valid on the day in " b { (on.column) } "." }
        }
        @for doubt in &c.doubts { p { "Doubtful: " (doubt) "." } }
        @if let Some(l) = c.looked_at { p.dim { "Estimated: " (thousands(l.values)) " of " (thousands(l.of)) " values were looked at, the most frequent and some drawn from the others." } }
        @if !c.evidence.is_empty() {
            table {
                thead { tr { th { "System" } th.num { "its codes" } th style="width:130px" { "" } th.num { "only its" } th.num { "repaired" } th.num { "no headers" } th.num { "of distinct" } } }
                tbody { @for e in &c.evidence {
                    tr { td { (e.system) } td.num { (percent(e.codes)) } td { (bar(e.codes, "#3a8fb7")) } td.num { (percent(e.only_here)) }
                        td.num { (percent(e.repaired)) } td.num { (percent(e.recordable)) } td.num { (percent(e.codes_distinct)) } }
                } }
            }
            @if let Some(e) = c.evidence.first().filter(|e| e.valid.len() > 1) {
                p.dim { "Valid in " (e.system) " when each release began, or, where that is not known, ended: "
                    @for (i, v) in e.valid.iter().enumerate() { @if i > 0 { ", " } (v.release) " " (percent(v.share)) } "." }
            }
        }
        @if !c.damage.is_empty() {
            table {
                thead { tr { th { "Damage" } th { "" } th.num { "rows" } th.num { "distinct" } } }
                tbody { @for d in &c.damage { tr { td.nowrap { (d.kind) } td.dim { (d.what) } td.num { @if d.looked_at.is_some() { "about " } (thousands(d.rows)) }
                    td.num { @if d.distinct > 0 { (thousands(d.distinct)) } @if let Some(l) = d.looked_at { " of " (thousands(l.values)) " looked at" } } } } }
            }
        }
    }
}
