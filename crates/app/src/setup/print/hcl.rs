//! Terraform's language, as far as it is written here.
//!
//! Pure: values in, a text out.

use std::fmt::Write as _;

use serde_json::Value;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Hcl {
    /// A text, taken literally.
    Text(String),
    /// A reference or call, written as it stands.
    Raw(String),
    /// A truth value.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A list, one item a line where it has several.
    List(Vec<Hcl>),
    /// An object.
    Object(Vec<(String, Hcl)>),
    /// A function and its one argument.
    Call(String, Box<Hcl>),
}

impl Hcl {
    /// Makes a text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Makes a reference or call.
    pub(super) fn raw(text: impl Into<String>) -> Self {
        Self::Raw(text.into())
    }

    /// Makes a list of texts.
    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::List(texts.into_iter().map(Self::text).collect())
    }

    /// Makes a value of JSON.
    pub(super) fn json(value: &Value) -> Self {
        match value {
            Value::Null => Self::raw("null"),
            Value::Bool(flag) => Self::Flag(*flag),
            Value::Number(number) => Self::raw(number.to_string()),
            Value::String(text) => Self::text(text),
            Value::Array(items) => Self::List(items.iter().map(Self::json).collect()),
            Value::Object(object) => {
                let one = |(key, value): (&String, &Value)| (key.clone(), Self::json(value));
                Self::Object(object.iter().map(one).collect())
            }
        }
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth + 1);
        let end = "  ".repeat(depth);
        match self {
            Self::Text(text) => out.push_str(&quoted(text)),
            Self::Raw(text) => out.push_str(text),
            Self::Call(function, argument) => {
                let _ = write!(out, "{function}(");
                argument.write(out, depth);
                out.push(')');
            }
            Self::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::List(items) if items.len() < 2 => {
                out.push('[');
                items.iter().for_each(|item| item.write(out, depth));
                out.push(']');
            }
            Self::List(items) => {
                out.push_str("[\n");
                for item in items {
                    out.push_str(&indent);
                    item.write(out, depth + 1);
                    out.push_str(",\n");
                }
                let _ = write!(out, "{end}]");
            }
            Self::Object(members) => {
                out.push_str("{\n");
                for (key, value) in members {
                    let _ = write!(out, "{indent}{} = ", quoted(key));
                    value.write(out, depth + 1);
                    out.push('\n');
                }
                let _ = write!(out, "{end}}}");
            }
        }
    }
}

/// A block: its head, arguments and blocks inside.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Block {
    head: String,
    body: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Argument(String, Hcl),
    Block(Block),
    Comment(String),
}

impl Block {
    /// Begins a block: its kind, and its labels, which are words.
    pub(super) fn new(kind: &str, labels: &[&str]) -> Self {
        let labels: String = labels.iter().map(|label| format!(" \"{label}\"")).collect();
        Self { head: format!("{kind}{labels}"), body: Vec::new() }
    }

    /// Adds an argument.
    pub(super) fn with(mut self, name: &str, value: Hcl) -> Self {
        self.body.push(Part::Argument(name.to_owned(), value));
        self
    }

    /// Adds an argument where there is a value.
    pub(super) fn with_some(self, name: &str, value: Option<Hcl>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a block.
    pub(super) fn block(mut self, block: Self) -> Self {
        self.body.push(Part::Block(block));
        self
    }

    /// Adds a line of comment.
    pub(super) fn comment(mut self, text: &str) -> Self {
        self.body.push(Part::Comment(super::shell::comment(text)));
        self
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let inner = "  ".repeat(depth + 1);
        if self.body.is_empty() {
            let _ = writeln!(out, "{indent}{} {{}}", self.head);
            return;
        }
        let _ = writeln!(out, "{indent}{} {{", self.head);
        for (index, part) in self.body.iter().enumerate() {
            match part {
                Part::Argument(name, value) => {
                    let _ = write!(out, "{inner}{name} = ");
                    value.write(out, depth + 1);
                    out.push('\n');
                }
                Part::Block(block) => {
                    if index > 0 {
                        out.push('\n');
                    }
                    block.write(out, depth + 1);
                }
                Part::Comment(text) => {
                    let _ = writeln!(out, "{inner}# {text}");
                }
            }
        }
        let _ = writeln!(out, "{indent}}}");
    }
}

/// Writes blocks one after the other.
pub(super) fn document(blocks: &[Block]) -> String {
    let texts = blocks.iter().map(|block| {
        let mut out = String::new();
        block.write(&mut out, 0);
        out
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Quotes a text (HCL native syntax, "Quoted template expressions").
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if rest.peek() == Some(&'{') => out.extend([c, c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_literally() {
        assert_eq!(quoted("a\"b\\c\n${x} %{y} $ % {"), r#""a\"b\\c\n$${x} %%{y} $ % {""#);
        assert_eq!(quoted("\u{7}"), r#""\u0007""#);
    }

    #[test]
    fn blocks_are_written_as_terraform_formats_them() {
        let block = Block::new("resource", &["a_b", "c"])
            .with("one", Hcl::Number(1))
            .with("list", Hcl::texts(["x", "y"]))
            .block(Block::new("inner", &[]).with("ref", Hcl::raw("data.x.y.id")));
        assert_eq!(
            document(&[block]),
            "resource \"a_b\" \"c\" {\n  one = 1\n  list = [\n    \"x\",\n    \"y\",\n  ]\n\n  inner {\n    ref = data.x.y.id\n  }\n}\n"
        );
    }
}
