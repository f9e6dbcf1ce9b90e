//! Names parsed once, at the edge: afterwards a value of these types is known to be well formed.
//!
//! Every type keeps the text as given (after the normalisation its documentation states), prints it with `Display`,
//! and is made with [`FromStr`](std::str::FromStr). A refusal is a [`NameError`] that repeats the text and names the rule.

mod aws;
mod bookmark;
mod entra;
mod s3;

use std::fmt;

pub use aws::{AccountId, Partition, Region, RoleArn, SessionName};
pub use bookmark::BookmarkName;
pub use entra::{ClientId, Tenant};
pub use s3::{BucketName, KeyPrefix, ObjectKey};

/// A text that is not a name of the kind it was given for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {}: {rule}", Quoted(.text))]
pub struct NameError {
    /// What the text was meant to be, such as "bucket name".
    pub kind: &'static str,
    /// The text as given.
    pub text: String,
    /// The rule it breaks, as a sentence without a full stop.
    pub rule: &'static str,
}

impl NameError {
    fn new(kind: &'static str, text: &str, rule: &'static str) -> Self {
        Self { kind, text: text.to_owned(), rule }
    }
}

/// Shows a text in double quotes with control characters escaped and cut to a length a terminal line can take.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_CHARS_MAX: usize = 200;
        f.write_str("\"")?;
        for c in self.0.chars().take(SHOWN_CHARS_MAX) {
            write!(f, "{}", c.escape_debug())?;
        }
        f.write_str(if self.0.chars().nth(SHOWN_CHARS_MAX).is_some() { "…\"" } else { "\"" })
    }
}

/// Declares a name type around a `String`: `Display`, `AsRef<str>`, ordering and hashing by text.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}
use name_type;
