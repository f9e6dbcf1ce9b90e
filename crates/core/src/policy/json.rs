//! JSON as a policy author wrote it: members in their order, and a name that stands twice is still there twice.
//!
//! A map would keep the last of two `StringEquals` blocks and silently lose the first; here both are seen, so that the
//! reader of policies can say so.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in its shortest decimal form.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, with every member in its order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one document.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Returns a member of an object: the first of that name.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns the elements of an array; anything else is its own only element, as IAM reads it.
    pub(super) fn elements(&self) -> &[Self] {
        match self {
            Self::List(elements) => elements,
            other => std::slice::from_ref(other),
        }
    }

    /// Says what kind of value it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// Shows the value for an error: short values as they are, the others by their kind.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => shortened(text),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            other => other.kind().to_owned(),
        }
    }
}

/// The most characters of a wrong value that an error repeats.
const SHOWN_MAX: usize = 120;

/// Quotes a text, cut where it is long.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN_MAX {
        return format!("\"{text}\"");
    }
    let start: String = text.chars().take(SHOWN_MAX).collect();
    format!("\"{start}…\"")
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_two_members_of_one_name_are_seen_in_their_order() {
        let read = Json::parse(r#"{"a":1,"b":[true,null,"x",-2,1.5],"a":{}}"#).unwrap();
        let Json::Object(members) = &read else { panic!("{read:?}") };
        assert_eq!(members.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["a", "b", "a"]);
        assert_eq!(read.member("a"), Some(&Json::Number("1".into())));
        assert_eq!(read.member("b").unwrap().elements().len(), 5);
        assert_eq!(read.member("b").unwrap().elements()[4], Json::Number("1.5".into()));
        assert_eq!(read.member("c"), None);
    }

    #[test]
    fn a_value_in_an_error_is_short() {
        assert_eq!(Json::Text("a".repeat(500)).shown().chars().count(), SHOWN_MAX + 3);
        assert_eq!(Json::Object(vec![]).shown(), "an object");
    }

    #[test]
    fn what_is_nested_beyond_measure_ends_in_an_error() {
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
    }
}
