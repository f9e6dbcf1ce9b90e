//! Where in a document's text a finding is: the path as the service spells it, and the span of the element.
//!
//! Pure: a text and a path in, positions out.

use serde_json::{Value, json};

/// One step into a document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// The location of an element; that of the whole document when the path leads nowhere.
pub(super) fn location(text: &str, path: &[Step]) -> Value {
    let bytes = text.as_bytes();
    let begin = skip_space(bytes, 0);
    let mut span = (begin, value_end(bytes, begin));
    for step in path {
        match within(bytes, span.0, step) {
            Some(inner) => span = inner,
            None => break,
        }
    }
    let steps: Vec<Value> = path
        .iter()
        .map(|step| match step {
            Step::Key(name) => json!({ "value": name }),
            Step::Index(index) => json!({ "index": index }),
        })
        .collect();
    json!({"path": steps, "span": {"start": position(text, span.0), "end": position(text, span.1)}})
}

/// Line (from 1), column (from 0) and offset of a place in the text.
pub(super) fn position(text: &str, at: usize) -> Value {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    json!({"line": line, "column": before.len() - line_start, "offset": before.len()})
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// The end of the value that begins here; the document is known to be JSON.
fn value_end(bytes: &[u8], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at) - 1,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b':' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
        if depth == 0 && bytes.get(at - 1) == Some(&b'"') {
            return at;
        }
    }
    at
}

fn string_end(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'"' => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The span of a member of the object or the list that begins here.
fn within(bytes: &[u8], begin: usize, step: &Step) -> Option<(usize, usize)> {
    let is_object = match bytes.get(begin)? {
        b'{' => true,
        b'[' => false,
        _ => return None,
    };
    let mut at = skip_space(bytes, begin + 1);
    let mut index = 0;
    while !matches!(bytes.get(at)?, b'}' | b']') {
        let mut wanted = *step == Step::Index(index);
        if is_object {
            let end = string_end(bytes, at);
            let name: String = serde_json::from_slice(&bytes[at..end]).ok()?;
            wanted = *step == Step::Key(name);
            at = skip_space(bytes, skip_space(bytes, end) + 1);
        }
        let end = value_end(bytes, at);
        if wanted {
            return Some((at, end));
        }
        index += 1;
        at = skip_space(bytes, end);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_in_the_text() {
        let text = "{\n  \"a\": [1, {\"b,\": \"x]\"}, true],\n \"c\": {}}";
        let span = |path: &[Step]| {
            let location = location(text, path);
            let at = |name: &str| location["span"][name]["offset"].as_u64().unwrap() as usize;
            text[at("start")..at("end")].to_owned()
        };
        let key = |name: &str| Step::Key(name.to_owned());
        assert_eq!(span(&[key("a"), Step::Index(0)]), "1");
        assert_eq!(span(&[key("a"), Step::Index(1), key("b,")]), "\"x]\"");
        assert_eq!(span(&[key("a"), Step::Index(2)]), "true");
        assert_eq!(span(&[key("c")]), "{}");
        assert_eq!(span(&[]), text);
        assert_eq!(
            location(text, &[key("c")])["span"]["start"],
            json!({"line": 3, "column": 6, "offset": 40})
        );
    }
}
