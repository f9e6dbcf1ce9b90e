//! Text without its secrets: for what leaves the machine (a bundle for support) and for what was pasted from anywhere.
//!
//! A [`Redactor`] takes any text (a log, a configuration file, JSON, an address, a page) and returns it with secrets replaced.
//! It knows them in two ways: by the name that stands before them (`refresh_token`, `Authorization:`, `X-Amz…`), and by their
//! shape (`eyJ…`, `ASIA…`). In a bundle, what names a person is masked as well, and equal values stay recognisably equal.
//!
//! Kept on purpose, because support needs them: tenant, client ID, role ARN, trace, correlation and request IDs, error codes.
//!
//! It errs on the side of hiding. It cannot know a secret that has neither a telling name nor a telling shape: what is built
//! from typed values should leave secrets out to begin with, and run through here as a second net.

mod names;
mod people;
mod shapes;

use std::collections::HashMap;
use std::ops::Range;

/// What stands where a secret was.
pub const SECRET: &str = "[secret]";

/// How often a text is gone over at most. Two are usual: the second one finds nothing.
const PASSES_MAX: usize = 8;

/// Takes secrets out of texts; one for all texts of a bundle, so that a person has the same number in each.
#[derive(Debug)]
pub struct Redactor {
    people: Option<People>,
}

/// Who was met so far, and which folder is the person's own.
#[derive(Default)]
struct People {
    numbers: HashMap<String, usize>,
    home: Option<String>,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "People({})", self.numbers.len())
    }
}

impl People {
    /// Returns the mask of a person: the same for the same value, whatever its case.
    fn mask(&mut self, value: &str) -> String {
        let next = self.numbers.len() + 1;
        let number = *self.numbers.entry(value.to_lowercase()).or_insert(next);
        format!("[person {number}]")
    }
}

/// A piece of a text and what takes its place.
#[derive(Debug)]
struct Span {
    range: Range<usize>,
    with: String,
}

impl Redactor {
    /// Takes out tokens, codes, keys and passwords; people and folders stay.
    pub fn of_secrets() -> Self {
        Self { people: None }
    }

    /// Also masks e-mail addresses, user names, `sub` and `oid`, session names, and folders of people's homes (`~`). `home` is the
    /// person's own home folder, if it lies elsewhere than where the system puts them.
    pub fn for_bundle(home: Option<&str>) -> Self {
        let home =
            home.map(|home| home.trim_end_matches(['/', '\\']).to_owned()).filter(|home| home.len() > 1);
        Self { people: Some(People { home, ..People::default() }) }
    }

    /// Returns the text without its secrets. What is redacted already stays as it is, and JSON stays JSON.
    ///
    /// Costs a few passes over the text.
    pub fn text(&mut self, text: &str) -> String {
        let mut text = self.once(text);
        // What was hidden may have stood between a name and its value, or inside of one: until nothing changes any more.
        for _ in 1..PASSES_MAX {
            let again = self.once(&text);
            if again == text {
                break;
            }
            text = again;
        }
        text
    }

    fn once(&mut self, text: &str) -> String {
        let mut spans = names::secrets(text);
        spans.extend(shapes::secrets(text));
        if let Some(people) = &mut self.people {
            // What is hidden wholly needs no number.
            let hidden = joined(std::mem::take(&mut spans));
            spans = people::people(text, people, &hidden);
            spans.extend(hidden);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for span in joined(spans) {
            out.push_str(&text[at..span.range.start]);
            out.push_str(&span.with);
            at = span.range.end;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// Puts pieces in order and makes one of those that overlap, so that nothing shows between them.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
    let mut joined: Vec<Span> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.range.start < last.range.end => {
                if span.range.end > last.range.end {
                    last.range.end = span.range.end;
                    SECRET.clone_into(&mut last.with);
                }
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// Shows the end of an access key ID, which tells keys apart and opens nothing.
fn key_id(id: &str) -> String {
    const KEPT: usize = 4;
    if id.contains('…') || id.starts_with('[') {
        return id.to_owned();
    }
    match id.len().checked_sub(KEPT) {
        Some(hidden) if id.is_ascii() && hidden >= 8 => {
            let kind = if shapes::is_key_id(id) { &id[..4] } else { "" };
            format!("{kind}…{}", &id[hidden..])
        }
        _ => SECRET.to_owned(),
    }
}

#[cfg(test)]
mod tests;
