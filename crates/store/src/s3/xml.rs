//! Reading the XML of answers and writing that of requests.
//!
//! Services differ: with the namespace or without, elements in any order, some left out, some their own. So the
//! reader goes by local names and paths alone, and what it does not know it passes over.

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Deeper documents are none of S3's.
const DEPTH_MAX: usize = 16;

/// A document that is not well formed, or that lacks what the answer is about.
#[derive(Debug, thiserror::Error)]
#[error("the answer's XML is not understood: {0}")]
pub(super) struct Malformed(String);

impl Malformed {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(super) fn value(name: &str, text: &str) -> Self {
        Self(format!("{name} is {text:?}"))
    }
}

impl From<quick_xml::Error> for Malformed {
    fn from(error: quick_xml::Error) -> Self {
        Self(error.to_string())
    }
}

/// Visits every element as it ends, with its path below the root (`Contents/Key`) and its text; returns the root's name.
///
/// One text and one path buffer serve the whole document: a page of a thousand keys is read without an allocation
/// but those of the values kept.
pub(super) fn walk(
    document: &[u8],
    mut visit: impl FnMut(&str, &str) -> Result<(), Malformed>,
) -> Result<String, Malformed> {
    let document = std::str::from_utf8(document).map_err(|error| Malformed(error.to_string()))?;
    let mut reader = Reader::from_str(document.trim_start());
    let mut root = String::new();
    let mut depth = 0;
    let mut path = String::new();
    let mut text = String::new();
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Malformed::new("it is nested too deep"));
                }
                enter(&mut root, &mut path, depth, element.local_name().as_ref());
                text.clear();
            }
            Event::Empty(element) => {
                enter(&mut root, &mut path, depth + 1, element.local_name().as_ref());
                if depth > 0 {
                    visit(&path, "")?;
                }
                leave(&mut path);
                text.clear();
            }
            Event::End(_) => {
                if depth > 1 {
                    visit(&path, &text)?;
                }
                depth -= 1;
                leave(&mut path);
                text.clear();
            }
            Event::Text(piece) => text.push_str(&piece.xml10_content()),
            Event::CData(piece) => text.push_str(&piece.xml10_content()),
            Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
                Some(c) => text.push(c),
                None => {
                    let name = reference.xml10_content();
                    let Some(meaning) = resolve_predefined_entity(&name) else {
                        return Err(Malformed::value("an entity", &name));
                    };
                    text.push_str(meaning);
                }
            },
            Event::Comment(_) | Event::Decl(_) | Event::DocType(_) | Event::PI(_) => {}
            Event::Eof if depth == 0 && !root.is_empty() => return Ok(root),
            Event::Eof => return Err(Malformed::new("it ends too early")),
        }
    }
}

fn enter(root: &mut String, path: &mut String, depth: usize, name: &str) {
    if depth == 1 {
        name.clone_into(root);
        return;
    }
    if !path.is_empty() {
        path.push('/');
    }
    path.push_str(name);
}

fn leave(path: &mut String) {
    path.truncate(path.rfind('/').unwrap_or(0));
}

/// Writes a document: elements in the order they are added, texts escaped.
pub(super) struct Writer {
    document: String,
    root: &'static str,
}

impl Writer {
    pub(super) fn new(root: &'static str) -> Self {
        Self::in_namespace(root, "http://s3.amazonaws.com/doc/2006-03-01/")
    }

    /// Begins an element that will stand in a document of another.
    pub(super) fn bare(root: &'static str) -> Self {
        Self { document: format!("<{root}>"), root }
    }

    pub(super) fn in_namespace(root: &'static str, namespace: &str) -> Self {
        let mut document = String::with_capacity(256);
        let _ = write!(document, "<{root} xmlns=\"{namespace}\">");
        Self { document, root }
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        let _ = write!(self.document, "<{name}>");
        escape(&mut self.document, text);
        let _ = write!(self.document, "</{name}>");
    }

    pub(super) fn within(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        let _ = write!(self.document, "<{name}>");
        inner(self);
        let _ = write!(self.document, "</{name}>");
    }

    /// Adds elements that are written already.
    pub(super) fn raw(&mut self, xml: &str) {
        self.document.push_str(xml);
    }

    pub(super) fn finish(mut self) -> String {
        let _ = write!(self.document, "</{}>", self.root);
        self.document
    }
}

/// Tells whether XML 1.0 has a way to write a text: most control characters it has not.
pub(super) fn can_carry(text: &str) -> bool {
    !text
        .chars()
        .any(|c| matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}'))
}

/// Escapes a text. A line break or tab becomes a reference: written as itself it would be read as a space or changed.
fn escape(document: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => document.push_str("&lt;"),
            '>' => document.push_str("&gt;"),
            '&' => document.push_str("&amp;"),
            '"' => document.push_str("&quot;"),
            c if c.is_ascii_control() => {
                let _ = write!(document, "&#{};", c as u32);
            }
            c => document.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(document: &str) -> Result<(String, Vec<(String, String)>), Malformed> {
        let mut all = Vec::new();
        let root = walk(document.as_bytes(), |path, text| {
            all.push((path.to_owned(), text.to_owned()));
            Ok(())
        })?;
        Ok((root, all))
    }

    #[test]
    fn dialects_read_alike() {
        let expected: Vec<(String, String)> =
            [("C/Key", "a & b"), ("C/Empty", ""), ("C", "\n"), ("Last", "x")]
                .map(|(path, text)| (path.to_owned(), text.trim_matches('\n').to_owned()))
                .to_vec();
        for document in [
            "<R><C><Key>a &amp; b</Key><Empty/></C><Last>x</Last></R>",
            "<?xml version=\"1.0\"?>\n<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><C><Key>a &#38; b</Key><Empty></Empty></C><Last>x</Last></R>\n",
            "   <s3:R xmlns:s3=\"x\"><s3:C><s3:Key><![CDATA[a & b]]></s3:Key><s3:Empty a=\"1\"/></s3:C><s3:Last>x</s3:Last></s3:R>",
        ] {
            let (root, all) = seen(document).unwrap();
            assert_eq!(root, "R");
            assert_eq!(all, expected, "{document}");
        }
        assert_eq!(seen("<Empty/>").unwrap().0, "Empty");
    }

    #[test]
    fn broken_documents_are_told() {
        for document in
            ["", "   ", "not xml", "<R><Key>cut", "<R><a></b></R>", "<R>&unknown;</R>", &"<R>".repeat(40)]
        {
            assert!(seen(document).is_err(), "{document}");
        }
        assert!(walk(b"<R>\xff</R>", |_, _| Ok(())).is_err());
    }

    proptest! {
        #[test]
        fn texts_survive_writing_and_reading(text in "\\PC*|[\\x01-\\x7f<>&\"']*") {
            let mut writer = Writer::new("Delete");
            writer.within("Object", |inner| inner.text("Key", &text));
            let (_, all) = seen(&writer.finish()).unwrap();
            prop_assert_eq!(&all[0], &("Object/Key".to_owned(), text));
        }
    }
}
