//! Reads the first form of a page: enough HTML for sign-in pages, and no more.
//!
//! Pages are served by issuers that the bench started, so this is no defence against hostile markup.

/// A form as a person would see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where it is sent; empty means the page's own address.
    pub action: String,
    /// Whether it is posted.
    pub post: bool,
    /// Its fields in order.
    pub fields: Vec<Field>,
}

/// One field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Name to send it under.
    pub name: String,
    /// Type, in lower case: `text`, `password`, `hidden`, `submit` …
    pub kind: String,
    /// Value it comes with.
    pub value: String,
}

/// Every form of a page, in order.
#[must_use]
pub fn forms(page: &str) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    let mut open = false;
    for tag in tags(page) {
        let name =
            tag.split(|letter: char| letter.is_whitespace() || letter == '/').next().unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "form" => {
                open = true;
                let post = attribute(tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
                forms.push(Form {
                    action: attribute(tag, "action").unwrap_or_default(),
                    post,
                    fields: Vec::new(),
                });
            }
            "" => open &= !tag.to_ascii_lowercase().starts_with("/form"),
            kind @ ("input" | "button") if open => {
                let default = if kind == "input" { "text" } else { "submit" };
                let field = Field {
                    name: attribute(tag, "name").unwrap_or_default(),
                    kind: attribute(tag, "type").unwrap_or_else(|| default.to_owned()).to_ascii_lowercase(),
                    value: attribute(tag, "value").unwrap_or_default(),
                };
                if let (Some(form), false) = (forms.last_mut(), field.name.is_empty()) {
                    form.fields.push(field);
                }
            }
            _ => {}
        }
    }
    forms
}

/// The target of the first link whose text contains one of these words.
#[must_use]
pub fn link(page: &str, words: &[&str]) -> Option<String> {
    for part in page.split("<a ").skip(1) {
        let (tag, rest) = part.split_once('>')?;
        let text = rest.split("</a>").next().unwrap_or_default().to_ascii_lowercase();
        if words.iter().any(|word| text.contains(word)) {
            return attribute(&format!("a {tag}"), "href");
        }
    }
    None
}

fn tags(page: &str) -> impl Iterator<Item = &str> {
    page.split('<').skip(1).filter_map(|part| part.split_once('>').map(|(tag, _)| tag))
}

fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag.split_once(char::is_whitespace)?.1.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|letter: char| letter.is_whitespace() || letter == '=').unwrap_or(rest.len());
        let name = &rest[..end];
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            (value, rest) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    after[1..].split_once(quote).unwrap_or_else(|| (&after[1..], ""))
                }
                _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
            };
            rest = rest.trim_start();
        } else if end == 0 {
            return None;
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescape(value));
        }
    }
    None
}

/// The words a person would read on a page, on one line, cut after some.
#[must_use]
pub fn words(page: &str) -> String {
    let body = page.split_once("</head>").map_or(page, |(_, body)| body);
    let texts = body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let text = unescape(&texts.collect::<Vec<_>>().join(" "));
    text.split_whitespace().take(80).collect::<Vec<_>>().join(" ")
}

/// Undoes the five escapes that every template engine writes.
#[must_use]
pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&#x2F;", "/")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::{forms, link};

    #[test]
    fn a_form_is_read_with_its_hidden_fields() {
        let page = r#"<h1>Hi</h1><form method="post" action="/a?b=1&amp;c=2"><input type=hidden name="x" value='1'/>
            <input required type="text" name="login"><button type="submit" name="go" value="yes">Go</button></form>
            <form action="/other"></form>"#;
        let forms = forms(page);
        assert_eq!(forms.len(), 2);
        assert_eq!((forms[0].action.as_str(), forms[0].post), ("/a?b=1&c=2", true));
        let fields: Vec<_> = forms[0].fields.iter().map(|f| (&*f.name, &*f.kind, &*f.value)).collect();
        assert_eq!(fields, [("x", "hidden", "1"), ("login", "text", ""), ("go", "submit", "yes")]);
    }

    #[test]
    fn a_link_is_found_by_its_words() {
        let page = r#"<a href="/start">Start</a> <a class="c" href="/abort?x=1">[ Cancel ]</a>"#;
        assert_eq!(link(page, &["cancel"]).as_deref(), Some("/abort?x=1"));
    }
}
