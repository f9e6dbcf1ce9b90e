//! A document as a tree, which the requests of S3 Control are read from.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::query::Refused;

/// One element with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

pub(super) fn malformed() -> Refused {
    let text = "The XML you provided was not well-formed or did not validate against our published schema";
    Refused::new(400, "MalformedXML", text)
}

impl Element {
    /// Reads a document.
    pub(super) fn parse(document: &[u8]) -> Result<Element, Refused> {
        let text = std::str::from_utf8(document).map_err(|_| malformed())?;
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        let named = |start: &BytesStart<'_>| Element {
            name: start.local_name().as_ref().to_owned(),
            ..Element::default()
        };
        loop {
            let closed = match reader.read_event().map_err(|_| malformed())? {
                Event::Start(start) => {
                    open.push(named(&start));
                    continue;
                }
                Event::Empty(start) => named(&start),
                Event::End(_) => open.pop().ok_or_else(malformed)?,
                Event::Text(piece) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&piece.xml10_content());
                    }
                    continue;
                }
                Event::GeneralRef(reference) => {
                    let name = reference.xml10_content();
                    let letter = match reference.resolve_char_ref().map_err(|_| malformed())? {
                        Some(letter) => letter.to_string(),
                        None => quick_xml::escape::resolve_predefined_entity(&name)
                            .ok_or_else(malformed)?
                            .to_owned(),
                    };
                    open.last_mut().ok_or_else(malformed)?.text.push_str(&letter);
                    continue;
                }
                Event::Eof => return Err(malformed()),
                _ => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Ok(closed),
            }
        }
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text at a path of names, if it is not empty.
    pub(super) fn at(&self, path: &str) -> Option<&str> {
        let element = path.split('/').try_fold(self, |element, name| element.child(name))?;
        Some(element.text.trim()).filter(|text| !text.is_empty())
    }

    /// The text at a path that has to be there.
    pub(super) fn needed(&self, path: &str) -> Result<&str, Refused> {
        self.at(path).ok_or_else(malformed)
    }

    /// Writes it, with everything in it.
    pub(super) fn write(&self) -> String {
        let inside: String = self.children.iter().map(Element::write).collect();
        let text = if self.children.is_empty() { crate::query::escape(&self.text) } else { String::new() };
        format!("<{0}>{text}{inside}</{0}>", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_and_written() {
        let text = "<A xmlns=\"x\"><B>1 &amp; 2</B>\n<C><member>a</member><member>b</member></C><D/></A>";
        let tree = Element::parse(text.as_bytes()).unwrap();
        assert_eq!((tree.at("B"), tree.at("D"), tree.at("C/member")), (Some("1 & 2"), None, Some("a")));
        assert_eq!(tree.write(), "<A><B>1 &amp; 2</B><C><member>a</member><member>b</member></C><D></D></A>");
        assert!(Element::parse(b"<A><B></A>").is_err() && Element::parse(b"").is_err());
    }
}
