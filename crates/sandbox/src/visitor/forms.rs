//! Reads the forms of a page the way a browser would, as far as plain forms go.

/// A form with the fields a person may fill.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: Vec<Field>,
    /// Submit buttons as name and value, in order.
    pub(super) buttons: Vec<(String, String)>,
}

/// An input of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) kind: String,
    pub(super) autocomplete: String,
}

/// Finds the forms of a page.
pub(super) fn parse(html: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    for tag in tags(html) {
        match tag.name.as_str() {
            "form" => {
                open = true;
                forms.push(Form { action: tag.attribute("action"), ..Form::default() });
            }
            "/form" => open = false,
            "input" | "button" if open => {
                let Some(form) = forms.last_mut() else { continue };
                let kind = tag.attribute("type").to_ascii_lowercase();
                if tag.name == "button" || kind == "submit" {
                    form.buttons.push((tag.attribute("name"), tag.attribute("value")));
                } else {
                    form.fields.push(Field {
                        name: tag.attribute("name"),
                        value: tag.attribute("value"),
                        kind: if kind.is_empty() { "text".to_owned() } else { kind },
                        autocomplete: tag.attribute("autocomplete"),
                    });
                }
            }
            _ => {}
        }
    }
    forms
}

/// The text of the element that complains, if a page has one.
pub(super) fn complaint(html: &str) -> Option<String> {
    let (_, rest) = html.split_once(r#"role="alert""#)?;
    let (_, rest) = rest.split_once('>')?;
    let (text, _) = rest.split_once('<')?;
    Some(unescape(text))
}

struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> String {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }
}

fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, tail) = tag(after);
        tags.push(tag);
        rest = tail;
    }
    tags
}

/// Reads one tag; attribute values may hold `>` inside quotes.
fn tag(text: &str) -> (Tag, &str) {
    let name_end = text.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(text.len());
    let mut tag = Tag { name: text[..name_end].to_ascii_lowercase(), attributes: Vec::new() };
    let mut rest = &text[name_end..];
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return (tag, "") };
        if first == '>' {
            return (tag, &rest[1..]);
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '>').unwrap_or(rest.len());
        if end == 0 {
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let name = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let (raw, tail) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    after[1..].split_once(quote).unwrap_or_else(|| (&after[1..], ""))
                }
                _ => {
                    after.split_at(after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len()))
                }
            };
            value = unescape(raw);
            rest = tail;
        }
        tag.attributes.push((name, value));
    }
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_as_a_browser_reads_them() {
        let html = r#"<p>x</p><form method="post" action="/a?b=1&amp;c=2"><input type=hidden name=flow value="a>b">
            <label>Name<input name='user' autocomplete="username" required></label>
            <button type="submit" name="do" value="go">Go</button></form><input name="outside">"#;
        let forms = parse(html);
        assert_eq!(forms.len(), 1);
        assert_eq!(forms[0].action, "/a?b=1&c=2");
        assert_eq!(forms[0].fields.len(), 2);
        assert_eq!(forms[0].fields[0].value, "a>b");
        assert_eq!(forms[0].fields[1].autocomplete, "username");
        assert_eq!(forms[0].buttons, [("do".to_owned(), "go".to_owned())]);
    }
}
