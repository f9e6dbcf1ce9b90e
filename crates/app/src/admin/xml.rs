//! Answers of the query protocol as a tree of elements.
//!
//! Pure: a text in, a tree out; namespaces, attributes and white space around texts are left out.

use quick_xml::XmlVersion;
use quick_xml::events::Event;

/// No answer of IAM is nested deeper than half of this.
const DEPTH_MAX: usize = 32;

/// An element: its name, its own text, and what stands in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// The name without namespace.
    pub(crate) name: String,
    /// The text directly in it.
    text: String,
    /// The elements in it, in the order of the document.
    children: Vec<Element>,
}

impl Element {
    /// Reads a document and returns its root.
    ///
    /// # Errors
    /// When it is no XML, defines entities, or is nested too deeply; the text says which.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut reader = quick_xml::Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|_| "it is no XML")? {
                Event::Start(start) => {
                    if open.len() > DEPTH_MAX {
                        return Err("it is nested too deeply");
                    }
                    open.push(Self::named(&start));
                }
                Event::Empty(start) => last(&mut open).children.push(Self::named(&start)),
                Event::Text(part) => {
                    last(&mut open).text.push_str(&part.xml_content(XmlVersion::Implicit1_0));
                }
                Event::CData(part) => {
                    last(&mut open).text.push_str(&part.xml_content(XmlVersion::Implicit1_0));
                }
                Event::GeneralRef(reference) => {
                    let c = match &*reference {
                        "amp" => '&',
                        "apos" => '\'',
                        "gt" => '>',
                        "lt" => '<',
                        "quot" => '"',
                        _ => reference.resolve_char_ref().ok().flatten().ok_or("it names an entity")?,
                    };
                    last(&mut open).text.push(c);
                }
                Event::End(_) => {
                    let closed = open.pop().filter(|_| !open.is_empty()).ok_or("it is no XML")?;
                    last(&mut open).children.push(closed);
                }
                // No honest answer defines entities, and they are what XML bombs are made of.
                Event::DocType(_) => return Err("it defines entities"),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        let mut outside = open.pop().filter(|_| open.is_empty()).ok_or("it ends too early")?;
        match (outside.children.pop(), outside.children.is_empty()) {
            (Some(root), true) => Ok(root),
            _ => Err("it is no XML"),
        }
    }

    fn named(start: &quick_xml::events::BytesStart<'_>) -> Self {
        let name = start.local_name();
        let bytes: &[u8] = name.as_ref().as_ref();
        Self { name: String::from_utf8_lossy(bytes).into_owned(), ..Self::default() }
    }

    /// Returns the text without white space around it.
    pub(crate) fn text(&self) -> &str {
        self.text.trim()
    }

    /// Returns the first element of a name directly in this one.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Returns the first element of a name at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|child| if child.name == name { Some(child) } else { child.find(name) })
    }

    /// Takes the first element of a name out of this one.
    pub(crate) fn take(&mut self, name: &str) -> Option<Self> {
        let at = self.children.iter().position(|child| child.name == name)?;
        Some(self.children.swap_remove(at))
    }

    /// Returns the text of an element directly in this one; `None` where it is missing or empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.child(name).map(Self::text).filter(|text| !text.is_empty())
    }

    /// Returns the elements `member` of the list of a name.
    pub(crate) fn members(&self, list: &str) -> impl Iterator<Item = &Self> {
        let members = self.child(list).map(|list| list.children.as_slice()).unwrap_or_default();
        members.iter().filter(|child| child.name == "member")
    }
}

fn last(open: &mut [Element]) -> &mut Element {
    open.last_mut().expect("the outside is never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_a_tree() {
        let root = Element::read(
            "<?xml version=\"1.0\"?>\n<a xmlns=\"urn:x\"><!-- c --><L><member>1 &amp; 2</member><member><![CDATA[<3>]]></member></L><e/><deep><er>&#x41;</er></deep></a>\n",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        let texts: Vec<&str> = root.members("L").map(Element::text).collect();
        assert_eq!(texts, ["1 & 2", "<3>"]);
        assert_eq!(root.find("er").unwrap().text(), "A");
        assert_eq!(root.value("e"), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in [
            "",
            "no XML",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a>&b;</a>",
            &format!("{}{}", "<a>".repeat(99), "</a>".repeat(99)),
        ] {
            assert!(Element::read(text).is_err(), "{text}");
        }
    }
}
