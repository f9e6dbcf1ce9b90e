//! `$filter`: the part of OData's language that Graph takes for directory objects.
//!
//! Pure: text in, a test over JSON out. Comparisons of texts mind no case, as the directory's do.

use serde_json::Value;

use super::errors::GraphError;

/// A test that an object passes or not.
#[derive(Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Eq(String, Value),
    Ne(String, Value),
    StartsWith(String, String),
    EndsWith(String, String),
    /// One member of a list passes the inner test, whose property is the member itself: an empty name.
    Any(String, Box<Filter>),
}

/// What a resource lets itself be asked for.
pub(super) struct Asked<'a> {
    /// The type's name in messages.
    pub(super) resource: &'a str,
    pub(super) filterable: &'a [&'a str],
    /// Whether the request is an advanced query: `ConsistencyLevel: eventual` with `$count=true`.
    pub(super) advanced: bool,
}

impl Filter {
    /// Reads a filter.
    pub(super) fn parse(text: &str, asked: &Asked<'_>) -> Result<Filter, GraphError> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, at: 0, variable: None };
        let filter = parser.either()?;
        if parser.at != tokens.len() {
            return Err(clause(text));
        }
        filter.check(asked)?;
        Ok(filter)
    }

    fn check(&self, asked: &Asked<'_>) -> Result<(), GraphError> {
        let unsupported = |property: &str| {
            GraphError::new(
                400,
                "Request_UnsupportedQuery",
                &format!(
                    "Unsupported or invalid query filter clause specified for property '{property}' of resource '{}'.",
                    asked.resource
                ),
            )
        };
        let known = |property: &String| {
            if asked.filterable.contains(&property.as_str()) { Ok(()) } else { Err(unsupported(property)) }
        };
        match self {
            Filter::And(left, right) | Filter::Or(left, right) => {
                left.check(asked)?;
                right.check(asked)
            }
            Filter::Not(inner) if asked.advanced => inner.check(asked),
            Filter::Eq(property, _) | Filter::StartsWith(property, _) => known(property),
            Filter::Ne(property, _) | Filter::EndsWith(property, _) if asked.advanced => known(property),
            Filter::Any(property, _) => known(property),
            Filter::Not(_) => Err(unsupported("not")),
            Filter::Ne(property, _) | Filter::EndsWith(property, _) => Err(unsupported(property)),
        }
    }

    pub(super) fn passes(&self, object: &Value) -> bool {
        let of = |property: &str| {
            if property.is_empty() {
                object
            } else {
                property.split('/').fold(object, |value, name| &value[name])
            }
        };
        let text = |property: &str| of(property).as_str().unwrap_or_default().to_ascii_lowercase();
        match self {
            Filter::And(left, right) => left.passes(object) && right.passes(object),
            Filter::Or(left, right) => left.passes(object) || right.passes(object),
            Filter::Not(inner) => !inner.passes(object),
            Filter::Eq(property, wanted) => same(of(property), wanted),
            Filter::Ne(property, wanted) => !same(of(property), wanted),
            Filter::StartsWith(property, start) => text(property).starts_with(&start.to_ascii_lowercase()),
            Filter::EndsWith(property, end) => text(property).ends_with(&end.to_ascii_lowercase()),
            Filter::Any(property, inner) => {
                of(property).as_array().is_some_and(|members| members.iter().any(|one| inner.passes(one)))
            }
        }
    }
}

fn same(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::String(value), Value::String(wanted)) => value.eq_ignore_ascii_case(wanted),
        _ => value == wanted,
    }
}

fn clause(text: &str) -> GraphError {
    GraphError::new(400, "BadRequest", &format!("Invalid filter clause: '{text}'."))
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
    Colon,
}

fn tokens(text: &str) -> Result<Vec<Token>, GraphError> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        tokens.push(match character {
            ' ' => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            ':' => Token::Colon,
            '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        // A quote is written twice within a text.
                        Some('\'') if rest.peek() == Some(&'\'') => {
                            rest.next();
                            value.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => value.push(other),
                        None => return Err(clause(text)),
                    }
                }
                Token::Text(value)
            }
            other => {
                let mut word = other.to_string();
                while let Some(next) = rest.peek().filter(|next| !" (),:'".contains(**next)) {
                    word.push(*next);
                    rest.next();
                }
                Token::Word(word)
            }
        });
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The name that stands for a list's member within `any`.
    variable: Option<String>,
}

impl Parser<'_> {
    fn either(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, GraphError> {
        let mut left = self.one()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, GraphError> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.take(&Token::Open) {
            let inner = self.either()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        let name = self.name()?;
        match name.to_ascii_lowercase().as_str() {
            "startswith" | "endswith" if self.take(&Token::Open) => {
                let property = self.property()?;
                self.expect(&Token::Comma)?;
                let Some(Token::Text(text)) = self.next() else { return Err(clause(&name)) };
                self.expect(&Token::Close)?;
                Ok(if name.eq_ignore_ascii_case("startswith") {
                    Filter::StartsWith(property, text)
                } else {
                    Filter::EndsWith(property, text)
                })
            }
            lowered if lowered.ends_with("/any") => {
                self.expect(&Token::Open)?;
                let variable = self.name()?;
                self.expect(&Token::Colon)?;
                let outer = self.variable.replace(variable);
                let inner = self.either()?;
                self.variable = outer;
                self.expect(&Token::Close)?;
                Ok(Filter::Any(name[..name.len() - 4].to_owned(), Box::new(inner)))
            }
            _ => {
                let property = self.resolve(name);
                let operator = self.name()?;
                let value = match self.next() {
                    Some(Token::Text(text)) => Value::String(text),
                    Some(Token::Word(word)) => match word.as_str() {
                        "true" => Value::Bool(true),
                        "false" => Value::Bool(false),
                        "null" => Value::Null,
                        // GUIDs and dates may stand without quotes.
                        other => Value::String(other.to_owned()),
                    },
                    _ => return Err(clause(&property)),
                };
                match operator.as_str() {
                    "eq" => Ok(Filter::Eq(property, value)),
                    "ne" => Ok(Filter::Ne(property, value)),
                    other => Err(clause(other)),
                }
            }
        }
    }

    fn property(&mut self) -> Result<String, GraphError> {
        let name = self.name()?;
        Ok(self.resolve(name))
    }

    fn resolve(&self, name: String) -> String {
        if self.variable.as_ref() == Some(&name) { String::new() } else { name }
    }

    fn name(&mut self) -> Result<String, GraphError> {
        match self.next() {
            Some(Token::Word(word)) => Ok(word),
            other => Err(clause(&format!("{other:?}"))),
        }
    }

    fn word(&mut self, wanted: &str) -> bool {
        self.take(&Token::Word(wanted.to_owned()))
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), GraphError> {
        if self.take(wanted) { Ok(()) } else { Err(clause(&format!("{:?}", self.tokens.get(self.at)))) }
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ASKED: Asked<'_> = Asked {
        resource: "Application",
        filterable: &["displayName", "appId", "tags", "accountEnabled"],
        advanced: false,
    };

    #[test]
    fn filters_select() {
        let object = json!({"displayName": "Pintail's app", "appId": "a-b", "tags": ["x", "pintail-setup"], "accountEnabled": true});
        for (text, passes) in [
            ("displayName eq 'pintail''s app'", true),
            ("displayName eq 'Pintail'", false),
            ("startswith(displayName,'Pin')", true),
            ("startsWith(displayName, 'x')", false),
            ("appId eq a-b", true),
            ("tags/any(t:t eq 'pintail-setup')", true),
            ("tags/any(t: startswith(t, 'pin')) and accountEnabled eq true", true),
            ("tags/any(t:t eq 'other') or displayName eq null", false),
            ("(appId eq 'x' or appId eq 'a-b') and accountEnabled eq true", true),
        ] {
            assert_eq!(Filter::parse(text, &ASKED).unwrap().passes(&object), passes, "{text}");
        }
    }

    #[test]
    fn what_graph_does_not_take_is_refused() {
        for (text, code) in [
            ("notes eq 'x'", "Request_UnsupportedQuery"),
            ("displayName ne 'x'", "Request_UnsupportedQuery"),
            ("not startswith(displayName,'x')", "Request_UnsupportedQuery"),
            ("displayName eq 'x", "BadRequest"),
            ("displayName eq", "BadRequest"),
            ("displayName like 'x'", "BadRequest"),
            ("displayName eq 'x' displayName", "BadRequest"),
        ] {
            assert_eq!(Filter::parse(text, &ASKED).unwrap_err().code, code, "{text}");
        }
        let advanced = Asked { advanced: true, ..ASKED };
        assert!(Filter::parse("displayName ne 'x'", &advanced).unwrap().passes(&json!({"displayName": "y"})));
    }
}
