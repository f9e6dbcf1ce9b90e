//! Places of other programs, read from their configuration: rclone, s3cmd, and the AWS command line.
//!
//! Each reader takes the bytes of a file and returns [`Foreign`] descriptions, which know nothing of bookmarks. What a
//! description cannot carry over is said in its notes, and what is no S3 at all is named among the skipped; neither is an
//! error. A value that breaks its rule is noted and left out, so that one odd remote does not hide the others.

pub mod aws;
pub mod rclone;
pub mod s3cmd;

use std::str::FromStr;

use url::Url;

use crate::connection::place;
use crate::credential::Credential;
use crate::foreign_text::TextError;
use crate::name::{NameError, Partition, Region, RoleArn};
use crate::retry::Retry;
use crate::web_address;

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// The places on S3, in the order of the file.
    pub found: Vec<Foreign>,
    /// What else it holds.
    pub skipped: Vec<Skipped>,
}

/// A place on S3 as another program knows it. Its `Debug` shows no secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// Its name there. Any text.
    pub name: String,
    /// How requests are signed.
    pub way: Way,
    /// A role that the credentials are exchanged for first.
    pub role: Option<RoleArn>,
    /// The external ID of that role.
    pub external_id: Option<String>,
    /// Where S3 is, if it is not Amazon's.
    pub endpoint: Option<Url>,
    /// The region.
    pub region: Option<Region>,
    /// Buckets stand in the path. `None`: as the endpoint suggests.
    pub path_style: Option<bool>,
    /// What could not be carried over, each a sentence without a full stop. They repeat keys and texts of the file, printable.
    pub notes: Vec<String>,
}

/// How requests are signed.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// With keys that the file holds.
    Keys(Credential),
    /// With what a profile of the AWS configuration gives.
    AwsProfile(String),
    /// With what the environment gives: variables, the default profile, a container, an instance.
    Environment,
    /// Not at all.
    Anonymous,
}

/// Something in a file that is no place on S3, or none that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its name. Any text.
    pub name: String,
    /// What it is, such as a type of rclone, or why it was skipped; printable.
    pub kind: String,
}

/// Why a file cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is no text of moderate size.
    #[error("the file cannot be read")]
    Text(#[from] TextError),
    /// A line of it breaks the grammar.
    #[error("line {line}: {problem}: {text}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
        /// Its beginning, in quotes, printable, and without what may be a key.
        text: String,
    },
    /// rclone's file is encrypted with a password.
    #[error("the rclone configuration is encrypted; \"rclone config show\" prints it in the clear")]
    Encrypted,
    /// The file holds nothing of its kind.
    #[error("this is no file of {program}: {problem}")]
    Nothing {
        /// Whose file was expected.
        program: &'static str,
        /// What is missing.
        problem: &'static str,
    },
}

impl ImportError {
    /// Says what would have to change: the file.
    pub fn retry(&self) -> Retry {
        Retry::Never
    }
}

impl Foreign {
    fn new(name: &str, way: Way) -> Self {
        Self {
            name: name.to_owned(),
            way,
            role: None,
            external_id: None,
            endpoint: None,
            region: None,
            path_style: None,
            notes: Vec::new(),
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Parses a name, or notes why it is left out.
    fn parsed<T: FromStr<Err = NameError>>(&mut self, key: &str, text: Option<&str>) -> Option<T> {
        let text = text.filter(|text| !text.is_empty())?;
        text.parse().map_err(|error| self.note(format!("{key} was left out: {error}"))).ok()
    }

    /// Parses an address that may lack its scheme, or notes why it is left out.
    fn address(&mut self, key: &str, text: &str, scheme: &str) -> Option<Url> {
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("{scheme}://{}", text.trim_matches('/'))
        };
        let url = web_address::parse(&full).ok();
        if url.is_none() {
            self.note(format!("{key} was left out: it is no http or https address"));
        }
        url
    }
}

/// Reads an address as one of Amazon's own, which needs no endpoint, with the region in its name. `None` for any other, and for
/// one that says more: a bucket, other addresses, validated cryptography.
fn amazon(url: &Url) -> Option<Option<Region>> {
    if url.port().is_some() || url.path() != "/" {
        return None;
    }
    let host = place::amazon(&url.host_str()?.to_ascii_lowercase())?;
    let more = host.bucket.is_some() || host.dual_stack || host.fips;
    let usual = Some(host.partition.default_region()).filter(|_| host.partition != Partition::Aws);
    (!more).then(|| host.region.or(usual))
}

/// Reads a switch as Go and Python programs write it.
fn flag(text: Option<&str>) -> Option<bool> {
    match text?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "t" | "y" => Some(true),
        "false" | "no" | "off" | "0" | "f" | "n" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
