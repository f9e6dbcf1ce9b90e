//! Hidden properties: what each is called, takes and does, and which of several places decides.
//!
//! Cyberduck and Mountain Duck have properties that no dialog shows and that may stand in a bookmark, a profile or
//! `default.properties`. [`catalogue()`] lists those that mean something here, under Cyberduck's names, and our own; [`find`]
//! looks one up, [`Setting::check`] parses a value, [`Layers`] decides between the places. Nothing here reads a file.

mod catalogue;
mod layers;

use std::fmt;
use std::time::Duration;

use url::Url;

pub use catalogue::catalogue;
pub(crate) use layers::may_say;
pub use layers::{Found, Layers, Lookup, Source};

use crate::name::{ClientId, NameError, Region, RoleArn, SessionName, Tenant};
use crate::retry::Retry;
use crate::web_address;

/// One property.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name under which it is written.
    pub name: &'static str,
    /// Further names under which it is read.
    pub aliases: &'static [&'static str],
    /// What values it takes.
    pub kind: Kind,
    /// The value without any of the files; `None` where it is unset.
    pub default: Option<&'static str>,
    /// Whether Pintail does what it says.
    pub honoured: Honoured,
    /// What it does, as one sentence without a full stop.
    pub effect: &'static str,
}

/// Whether a property has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honoured {
    /// It has.
    Yes,
    /// It is checked and shown, and the code that it speaks to does not read it yet.
    NotYet,
    /// It never has: the effect says what happens instead.
    No,
}

/// What values a property takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text, also an empty one.
    Text,
    /// `true` or `false`, in any case, or `1` or `0`.
    Flag,
    /// A whole number within these bounds.
    Integer {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of bytes within these bounds.
    Bytes {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of seconds within these bounds.
    Seconds {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// A number of seconds within these bounds, or one of these words.
    SecondsOr {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
        /// The words.
        words: &'static [&'static str],
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An `http` or `https` address.
    Address,
    /// An `http` or `https` address, or one of these words.
    AddressOr(&'static [&'static str]),
    /// An address with any scheme.
    Redirect,
    /// Words, separated by white space.
    Words,
    /// The ARN of a role.
    Role,
    /// The name of a session of a role.
    SessionName,
    /// A region.
    Region,
    /// An Entra tenant.
    Tenant,
    /// The client ID of an application.
    ClientId,
}

/// A value of a property, parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A switch.
    Flag(bool),
    /// A number.
    Integer(u64),
    /// A number of bytes.
    Bytes(u64),
    /// A length of time.
    Duration(Duration),
    /// One of the words that the property knows.
    Choice(&'static str),
    /// An address.
    Address(Url),
    /// Words.
    Words(Vec<String>),
    /// A role.
    Role(RoleArn),
    /// The name of a session.
    SessionName(SessionName),
    /// A region.
    Region(Region),
    /// A tenant.
    Tenant(Tenant),
    /// A client ID.
    ClientId(ClientId),
}

/// A value that a property does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// It is none of those that it takes.
    #[error("{name} is {text:?}; it has to be {kind}")]
    Value {
        /// The property.
        name: &'static str,
        /// The value.
        text: String,
        /// What it takes.
        kind: Kind,
    },
    /// It is not a name of its kind.
    #[error("{name} cannot be used")]
    Name {
        /// The property.
        name: &'static str,
        /// Why.
        #[source]
        source: NameError,
    },
}

impl SettingError {
    /// Says what would have to change: the value.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text"),
            Self::Flag => f.write_str("true or false"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Bytes { min, max } => write!(f, "a number of bytes from {min} to {max}"),
            Self::Seconds { min, max } => write!(f, "a number of seconds from {min} to {max}"),
            Self::SecondsOr { min, max, words } => {
                write!(f, "a number of seconds from {min} to {max}, or {}", words.join(" or "))
            }
            Self::Choice([only]) => f.write_str(only),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Address => f.write_str("an http or https address without a password"),
            Self::AddressOr(words) => {
                write!(f, "an http or https address without a password, or {}", words.join(" or "))
            }
            Self::Redirect => f.write_str("an address"),
            Self::Words => f.write_str("words separated by spaces"),
            Self::Role => f.write_str("the ARN of a role"),
            Self::SessionName => f.write_str("the name of a session"),
            Self::Region => f.write_str("a region"),
            Self::Tenant => f.write_str("a tenant"),
            Self::ClientId => f.write_str("a client ID"),
        }
    }
}

/// Reads a switch: `true` or `1`, `false` or `0`, in any case and with white space around it. `None` for any other word, which
/// is never taken for either.
pub fn flag(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |words: [&str; 2]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match (is(["true", "1"]), is(["false", "0"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Returns the property of a name or alias, in the same case.
pub fn find(name: &str) -> Option<&'static Setting> {
    let by_name = catalogue().iter().find(|setting| setting.name == name);
    by_name.or_else(|| catalogue().iter().find(|setting| setting.aliases.contains(&name)))
}

impl Setting {
    /// Returns the names under which it is read, the one under which it is written first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Parses a value. White space around it does not count.
    ///
    /// # Errors
    /// When the property does not take it.
    pub fn check(&self, value: &str) -> Result<Value, SettingError> {
        const SHOWN_CHARS_MAX: usize = 200;
        let text = value.trim();
        let wrong = || {
            let text = match self.kind {
                Kind::Address | Kind::AddressOr(_) | Kind::Redirect => web_address::shown(text),
                _ => text.chars().take(SHOWN_CHARS_MAX).collect(),
            };
            SettingError::Value { name: self.name, text, kind: self.kind }
        };
        let fault = |source| SettingError::Name { name: self.name, source };
        let number = |min: u64, max: u64| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let parsed = if digits { text.parse().ok() } else { None };
            parsed.filter(|number| (min..=max).contains(number)).ok_or_else(wrong)
        };
        let word = |words: &'static [&'static str]| words.iter().copied().find(|word| *word == text);
        Ok(match self.kind {
            Kind::Text => Value::Text(text.to_owned()),
            Kind::Flag => Value::Flag(flag(text).ok_or_else(wrong)?),
            Kind::Integer { min, max } => Value::Integer(number(min, max)?),
            Kind::Bytes { min, max } => Value::Bytes(number(min, max)?),
            Kind::Seconds { min, max } => Value::Duration(Duration::from_secs(number(min, max)?)),
            Kind::SecondsOr { min, max, words } => match word(words) {
                Some(word) => Value::Choice(word),
                None => Value::Duration(Duration::from_secs(number(min, max)?)),
            },
            Kind::Choice(words) => Value::Choice(word(words).ok_or_else(wrong)?),
            Kind::Address => Value::Address(web_address::parse(text).map_err(|_| wrong())?),
            Kind::AddressOr(words) => match word(words) {
                Some(word) => Value::Choice(word),
                None => Value::Address(web_address::parse(text).map_err(|_| wrong())?),
            },
            Kind::Redirect => Value::Address(Url::parse(text).map_err(|_| wrong())?),
            Kind::Words => Value::Words(text.split_whitespace().map(str::to_owned).collect()),
            Kind::Role => Value::Role(text.parse().map_err(fault)?),
            Kind::SessionName => Value::SessionName(text.parse().map_err(fault)?),
            Kind::Region => Value::Region(text.parse().map_err(fault)?),
            Kind::Tenant => Value::Tenant(text.parse().map_err(fault)?),
            Kind::ClientId => Value::ClientId(text.parse().map_err(fault)?),
        })
    }
}

#[cfg(test)]
mod tests;
