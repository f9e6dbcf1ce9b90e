//! What bookmark, profile and preferences each say, and in which order they are asked.

use std::fmt;

use url::Url;

use super::{ConnectionError, property};
use crate::bookmark::Bookmark;
use crate::profile::Effective;
use crate::setting::{self, Source};
use crate::web_address;

/// The places in the order in which they are asked.
pub(super) const PLACES: [Source; 3] = [Source::Bookmark, Source::Profile, Source::Preferences];

/// What a connection is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The bookmark.
    pub bookmark: &'a Bookmark,
    /// What its profile says.
    pub profile: &'a Effective,
    /// The preferences, by property name.
    pub preferences: &'a dyn Fn(&str) -> Option<String>,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").field("profile", &self.profile.vendor).finish_non_exhaustive()
    }
}

impl Sources<'_> {
    /// Returns the value of a property: the bookmark's, else the profile's, else the preferences'. Within one place the own
    /// name comes first, then the aliases, then the key of Cyberduck's format that says the same. White space around it does
    /// not count, an empty one is none, and the default is not looked at.
    pub fn text(&self, key: &str) -> Option<String> {
        self.found(key).map(|(text, _)| text)
    }

    /// As [`Sources::text`], with the place that says it.
    pub(super) fn found(&self, key: &str) -> Option<(String, Source)> {
        PLACES.into_iter().find_map(|place| Some((self.at(place, key)?, place)))
    }

    /// Returns what one place says of a property.
    pub(super) fn at(&self, place: Source, key: &str) -> Option<String> {
        let filled = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if !setting::may_say(place, key) {
            return None;
        }
        let mut names = setting::find(key)?.names();
        let named = names.find_map(|name| {
            let text = match place {
                Source::Bookmark => self.bookmark.custom(name),
                Source::Profile => self.profile.property(name).map(str::to_owned),
                Source::Preferences => (self.preferences)(name),
                Source::BuiltIn => None,
            };
            text.and_then(filled)
        });
        named.or_else(|| match place {
            Source::Bookmark if key == property::REGION => self.bookmark.text("Region"),
            Source::Profile => self.key_of_profile(key),
            _ => None,
        })
    }

    /// Returns what the profile says of a property by a key of its own.
    fn key_of_profile(&self, key: &str) -> Option<String> {
        let profile = self.profile;
        match key {
            property::REGION => profile.region.clone(),
            property::STS_ENDPOINT => profile.sts_endpoint.clone(),
            property::REDIRECT => profile.oauth_redirect_url.clone(),
            property::CLIENT_ID => profile.oauth_client_id.value().map(str::to_owned),
            property::CLIENT_SECRET => profile.oauth_client_secret.value().map(str::to_owned),
            property::METADATA_ENDPOINT => {
                profile.context.clone().filter(|text| text.contains("://") && !is_usual_metadata(text))
            }
            _ => None,
        }
    }

    pub(super) fn flag(&self, what: &'static str, key: &str) -> Result<Option<bool>, ConnectionError> {
        match self.text(key) {
            None => Ok(None),
            Some(text) => setting::flag(&text).map(Some).ok_or(ConnectionError::Value { what, text }),
        }
    }

    pub(super) fn address(&self, what: &'static str, key: &str) -> Result<Option<Url>, ConnectionError> {
        self.text(key).map(|text| address(what, &text)).transpose()
    }

    pub(super) fn address_at(
        &self,
        place: Source,
        what: &'static str,
        key: &str,
    ) -> Result<Option<Url>, ConnectionError> {
        self.at(place, key).map(|text| address(what, &text)).transpose()
    }

    pub(super) fn words(&self, key: &str) -> Vec<String> {
        self.text(key).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    pub(super) fn needed(
        &self,
        what: &'static str,
        key: &'static str,
        option: &'static str,
    ) -> Result<String, ConnectionError> {
        self.text(key).ok_or(ConnectionError::Missing { what, key, option })
    }
}

/// Tells whether an address is that of every instance, with no role in it: profiles write it out, and it decides nothing.
fn is_usual_metadata(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        url.host_str() == Some("169.254.169.254") && url.port().is_none() && url.path().ends_with('/')
    })
}

/// Parses an address that this program may be sent to.
pub(super) fn address(what: &'static str, text: &str) -> Result<Url, ConnectionError> {
    web_address::parse(text).map_err(|error| ConnectionError::Value { what, text: error.shown })
}
