//! What was asked for: places and options, and the form in which a run keeps them.
//!
//! Pure. The form is one JSON object with a `version`; no secret can be in it, since places are reached by the names of bookmarks.

use pintail_core::address::{Address, Place};
use serde::{Deserialize, Serialize};

use super::options::Options;

/// The version of the form.
const VERSION: u32 = 1;

/// What is done with the places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verb {
    /// They are copied.
    Cp,
    /// They are copied, and the sources are deleted.
    Mv,
    /// The target becomes what the source is, or both sides become the same.
    Sync,
    /// They are deleted.
    Rm,
}

impl Verb {
    /// Returns the command's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cp => "cp",
            Self::Mv => "mv",
            Self::Sync => "sync",
            Self::Rm => "rm",
        }
    }

    /// Says what was done: `copied`, `moved`, `deleted`.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Cp | Self::Sync => "copied",
            Self::Mv => "moved",
            Self::Rm => "deleted",
        }
    }

    /// Says what is to be done: `copy`, `move`, `delete`.
    pub(crate) fn deed(self) -> &'static str {
        match self {
            Self::Cp | Self::Sync => "copy",
            Self::Mv => "move",
            Self::Rm => "delete",
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// What is done.
    pub(crate) verb: Verb,
    /// With what.
    pub(crate) sources: Vec<Place>,
    /// Where to; `None` for `rm`.
    pub(crate) target: Option<Place>,
    /// Folders with everything below them.
    pub(crate) recursive: bool,
    /// How.
    pub(crate) options: Options,
}

/// Why a kept request cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeptError {
    /// It is of a version that this program does not know.
    #[error("the request is of version {0}, which this program cannot read")]
    Version(u32),
    /// It is no request.
    #[error("the request cannot be read")]
    Form(#[source] serde_json::Error),
    /// A place in it cannot be read.
    #[error("the request names a place that cannot be read")]
    Place(#[source] pintail_core::address::AddressError),
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    command: Verb,
    sources: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    options: Options,
}

#[derive(Deserialize)]
struct KeptVersion {
    version: u32,
}

impl Request {
    /// Cuts a request for deletions so that one address that cannot be listed does not stop the others: single objects, which need no look, go together, every
    /// beginning goes by itself.
    pub(crate) fn removals(self) -> Vec<Self> {
        if !self.recursive || self.sources.len() < 2 {
            return vec![self];
        }
        let alone = |place: Place| Self { sources: vec![place], ..self.clone() };
        self.sources.iter().cloned().map(alone).collect()
    }

    /// Returns the form that a run keeps.
    pub(crate) fn kept(&self) -> String {
        let kept = Kept {
            version: VERSION,
            command: self.verb,
            sources: self.sources.iter().map(ToString::to_string).collect(),
            target: self.target.as_ref().map(ToString::to_string),
            recursive: self.recursive,
            options: self.options.clone(),
        };
        serde_json::to_string(&kept).expect("texts and numbers make JSON")
    }

    /// Reads the form that a run keeps.
    pub(crate) fn read(text: &str) -> Result<Self, KeptError> {
        // First the version alone: a newer form may look otherwise.
        let KeptVersion { version } = serde_json::from_str(text).map_err(KeptError::Form)?;
        if version != VERSION {
            return Err(KeptError::Version(version));
        }
        let kept: Kept = serde_json::from_str(text).map_err(KeptError::Form)?;
        let place = |text: &String| text.parse::<Place>().map_err(KeptError::Place);
        Ok(Self {
            verb: kept.command,
            sources: kept.sources.iter().map(place).collect::<Result<_, _>>()?,
            target: kept.target.as_ref().map(place).transpose()?,
            recursive: kept.recursive,
            options: kept.options,
        })
    }

    /// Says it in one line, as it could be typed but for its options: `cp photos lab:bucket/`.
    pub(crate) fn line(&self) -> String {
        let mut line = self.verb.name().to_owned();
        let more = self.sources.len().saturating_sub(3);
        for place in self.sources.iter().take(3) {
            line.push_str(&format!(" {place}"));
        }
        if more > 0 {
            line.push_str(&format!(" (and {more} more)"));
        }
        if let Some(target) = &self.target {
            line.push_str(&format!(" {target}"));
        }
        line
    }

    /// Returns the addresses among its places.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.sources.iter().chain(&self.target).filter_map(|place| match place {
            Place::Remote(address) => Some(address),
            Place::Local(_) | Place::Stdio => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_kept() {
        let request = Request {
            verb: Verb::Mv,
            sources: vec!["photos/".parse().unwrap(), "work:bucket/a b".parse().unwrap()],
            target: Some("lab:bucket/x/".parse().unwrap()),
            recursive: true,
            options: Options { verify: true, ..Options::default() },
        };
        let kept = request.kept();
        assert!(kept.starts_with("{\"version\":1,\"command\":\"mv\","), "{kept}");
        assert_eq!(Request::read(&kept).unwrap(), request);
        assert_eq!(request.line(), "mv photos/ work:bucket/a b lab:bucket/x/");
    }

    #[test]
    fn a_newer_form_is_not_guessed_at() {
        assert!(matches!(Request::read(r#"{"version":2,"what":"ever"}"#), Err(KeptError::Version(2))));
        assert!(matches!(Request::read("cp a b"), Err(KeptError::Form(_))));
        let unknown = r#"{"version":1,"command":"cp","sources":[],"options":{"sideways":true}}"#;
        assert!(matches!(Request::read(unknown), Err(KeptError::Form(_))));
    }
}
