//! Fields of a query string or a form body, in the order they came.

use url::form_urlencoded;

/// Decoded name–value pairs.
#[derive(Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Params {
        Params(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of that name; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// The first value of that name, even if empty.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// AWS's lists: `Prefix.member.1`, `Prefix.member.2`, … with an optional tail such as `.arn`.
    pub(crate) fn members(&self, prefix: &str, tail: &str) -> Vec<&str> {
        (1..).map_while(|n| self.raw(&format!("{prefix}.member.{n}{tail}"))).collect()
    }
}
