//! What all pages share: head, bar, help, small pieces.

use super::door::Session;
use crate::decisions::{Coverage, Status};
use crate::index::Concept;
pub(crate) use crate::job::report::style::thousands;
use crate::model::NoteKind;
use maud::{DOCTYPE, Markup, html};

/// A page; `session` is who looks at it, if anybody has signed in.
pub fn page(title: &str, session: Option<&Session>, body: Markup) -> Markup {
    frame(title, session, session.is_some(), body)
}

fn frame(title: &str, session: Option<&Session>, ways: bool, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - xwalk" }
                link rel="icon" href="/review/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/review/style.css";
                script src="/review/script.js" defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header.bar {
                    a.home href="/review" { "xwalk " span { "review" } }
                    @if ways {
                        nav aria-label="Pages" {
                            a href="/review" { "Queue" }
                            a href="/review/search" { "Search" }
                            a href="/review/progress" { "Progress" }
                        }
                    }
                    @if let Some(session) = session {
                        span.spacer {}
                        button.link type="button" data-help { kbd { "?" } " Keys" }
                        form.inline method="post" action="/review/sign-out" {
                            input type="hidden" name="csrf" value=(session.secret);
                            span.who { (session.name()) }
                            button.link type="submit" { "Sign out" }
                        }
                    }
                }
                (body)
                (help())
            }
        }
    }
}

/// A page that only says something, and leads on.
pub fn bare(title: &str, what: &str) -> axum::response::Response {
    super::html(frame(
        title,
        None,
        true,
        html! {
            main #main.narrow {
                h1 { (title) }
                p role="alert" { (what) }
                p { a href="/review" { "To the queue" } }
            }
        },
    ))
}

const KEYS: [(&str, &str); 15] = [
    ("j / k", "next, previous item (in the queue: line down, up)"),
    ("Enter", "open the line of the queue"),
    ("1 - 9", "pick the option with this number"),
    ("0", "put the numbers on the next nine options"),
    ("o", "narrow a long list of options by words"),
    ("a", "save what is picked; with nothing picked, approve the answer"),
    ("n", "there is no map"),
    ("f", "flag for a second look"),
    ("x", "reject the answer"),
    ("/", "search; Enter takes the first hit, Shift+Enter adds it, arrows and Space others"),
    ("i", "show or hide all notes: includes, excludes ..."),
    ("c", "write a remark (Esc leaves the box)"),
    ("u", "take back your last action"),
    ("q", "to the queue"),
    ("?", "this list"),
];

fn help() -> Markup {
    html! {
        dialog #help aria-labelledby="help-title" {
            h2 #help-title { "Keys" }
            dl.keys { @for (key, what) in KEYS { dt { kbd { (key) } } dd { (what) } } }
            form method="dialog" { button type="submit" autofocus { "Close" } }
        }
    }
}

/// Both coverages, always in sight.
pub fn coverage(c: Coverage) -> Markup {
    html! {
        section.coverage aria-label="Coverage" {
            span.label { "Settled in this queue" }
            (meter("Codes", c.settled_items, c.items, c.of_items()))
            (meter("Records", c.settled_records, c.records, c.of_records()))
            @if c.held_items > 0 { a href="/review?status=held" { (held()) " " (thousands(c.held_items)) } }
        }
    }
}

fn meter(name: &str, part: u64, whole: u64, share: f64) -> Markup {
    html! {
        div.meter {
            span.label { (name) }
            strong { (format!("{:.1} %", share * 100.0)) }
            span.of { (thousands(part)) " of " (thousands(whole)) }
            progress value=(part) max=(whole.max(1)) aria-label=(name) {}
        }
    }
}

pub fn status(status: Status) -> Markup {
    html! { span class=(format!("status {}", status.code())) { (status.code()) } }
}

/// The mark of an approved answer that is not used.
pub fn held() -> Markup {
    html! { span.status.held { "held back" } }
}

/// The first characters of a text that is longer than that.
pub fn beginning(text: &str, characters: usize) -> Option<&str> {
    text.char_indices().nth(characters).map(|(end, _)| &text[..end])
}

/// Whether it is a code today, and since or until when.
pub fn validity(concept: Concept<'_>) -> Markup {
    html! {
        @if let Some(last) = concept.validity().next_back() {
            @match (last.from, last.to) {
                (_, Some(to)) => span { "a code until " (to) },
                // What the first loaded release lists may be much older.
                (Some(from), None) if Some(from) != concept.system().coverage().0 => span { "from " (from) },
                _ => {},
            }
        }
    }
}

/// Where a code stands: its ancestors, the outermost first.
pub fn place(concept: Concept<'_>) -> Markup {
    let mut path: Vec<Concept<'_>> = Vec::new();
    let mut here = concept;
    // A tree in ICD; where there are several parents, the first of them is enough to see where one is.
    while let Some(parent) = here.parents().next().filter(|_| path.len() < 12) {
        path.push(parent);
        here = parent;
    }
    path.reverse();
    html! {
        @if !path.is_empty() {
            ol.place aria-label="Place in the hierarchy" {
                @for p in &path { li title=(p.display().unwrap_or("")) { (p.code()) " " span { (p.display().unwrap_or("")) } } }
            }
        }
    }
}

/// Includes, excludes and the other notes of a code and of what stands above it.
pub fn notes(concept: Concept<'_>) -> Markup {
    let mut groups: Vec<(NoteKind, Vec<(&str, &str)>)> = Vec::new();
    for c in std::iter::once(concept).chain(concept.parents()) {
        for note in c.notes() {
            let from = if c == concept { "" } else { c.code() };
            match groups.iter_mut().find(|(kind, _)| *kind == note.kind) {
                Some((_, list)) => list.push((note.text, from)),
                None => groups.push((note.kind, vec![(note.text, from)])),
            }
        }
    }
    let inclusion: Vec<&str> =
        concept.designations().filter(|d| d.usage == crate::model::DesignationUse::InclusionTerm).map(|d| d.text).collect();
    html! {
        @if !groups.is_empty() || !inclusion.is_empty() {
            details.notes {
                summary {
                    @let kinds = (!inclusion.is_empty()).then_some("inclusion terms").into_iter().chain(groups.iter().map(|(kind, _)| in_words(*kind)));
                    @for (at, kind) in kinds.enumerate() { @if at > 0 { ", " } (kind) }
                }
                dl {
                    @if !inclusion.is_empty() { dt { "inclusion terms" } @for text in &inclusion { dd { (text) } } }
                    @for (kind, list) in &groups {
                        dt { (in_words(*kind)) }
                        @for (text, from) in list { dd { (text) @if !from.is_empty() { " " small { "(" (from) ")" } } } }
                    }
                }
            }
        }
    }
}

fn in_words(kind: NoteKind) -> &'static str {
    match kind {
        NoteKind::Includes => "includes",
        NoteKind::Excludes1 => "excludes 1",
        NoteKind::Excludes2 => "excludes 2",
        NoteKind::CodeFirst => "code first",
        NoteKind::UseAdditionalCode => "use additional code",
        NoteKind::CodeAlso => "code also",
        NoteKind::SeventhCharacterNote => "seventh character",
        NoteKind::SeventhCharacter => "seventh characters",
        NoteKind::Note => "note",
    }
}
