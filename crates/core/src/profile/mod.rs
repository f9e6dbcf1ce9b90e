//! Connection profiles: how to reach one kind of service, in the `.cyberduckprofile` format.
//!
//! A profile file is an XML property list with one dictionary that says how it differs from its parent, the protocol.
//! A [`Profile`] is that document, with everything that is not ours, in its order. What it means is an [`Effective`]
//! profile: the parent's defaults below the profile's words, with variables replaced. `docs/formats.md` lists the keys
//! and rules. The profiles that come with the program are in [`builtin`].

pub mod builtin;
mod effective;
pub mod key;
mod substitute;
mod way;

use std::collections::HashMap;
use std::fmt;

pub use effective::{Answer, Configurable, Effective, Identity, Placeholders, Scheme};
pub use way::{Authorization, UnknownWay, WayName};

use crate::property_list::{self, Dictionary, PropertyListError, Value};

/// The largest profile file that is read, in bytes. Icons make some of them large.
pub const FILE_SIZE_MAX: usize = 4 << 20;

/// What names a profile: the protocol it is of, and the vendor that a bookmark's `Provider` points to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileId {
    /// The protocol's identifier, such as `s3`.
    pub protocol: String,
    /// The vendor, such as `aws-s3-sts-entra-oidc`.
    pub vendor: String,
}

impl ProfileId {
    /// Makes the identity of a profile for S3. A bookmark without `Provider` means the protocol's own, `s3`.
    pub fn s3(vendor: Option<&str>) -> Self {
        Self { protocol: "s3".to_owned(), vendor: vendor.unwrap_or("s3").to_owned() }
    }

    /// Returns the preference that disables the profile when it is `false`.
    pub fn preference(&self) -> String {
        format!("profiles.{}.{}.enabled", self.protocol, self.vendor).to_lowercase()
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.protocol, self.vendor)
    }
}

/// The protocol that a profile is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Amazon S3 and what speaks as it does.
    S3,
    /// Another one, by its identifier (`sftp`, `davs`, `googledrive`); kept and named, never used.
    Other(String),
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::S3 => "s3",
            Self::Other(name) => name,
        })
    }
}

/// Why a file is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A key that every profile has is missing or blank.
    #[error("the key {key} is missing, without which a file is no connection profile")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// Not a property list, one that is damaged, or one that hides what only an attacker hides.
    #[error("not a readable property list")]
    NotAPropertyList(#[source] PropertyListError),
    /// The profile has something that cannot be written.
    #[error("the profile cannot be written as a property list")]
    NotWritable(#[source] PropertyListError),
}

/// A profile as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    document: Dictionary,
}

impl Profile {
    /// Makes a profile with a name and a description for people, and nothing else.
    pub fn new(id: &ProfileId, description: &str) -> Self {
        let mut profile = Self { document: Dictionary::new() };
        profile.set_text(key::PROTOCOL, &id.protocol);
        profile.set_text(key::VENDOR, &id.vendor);
        profile.set_text(key::DESCRIPTION, description);
        profile
    }

    /// Reads a profile file, of whatever protocol.
    ///
    /// # Errors
    /// When it is no property list, or has no protocol or vendor.
    pub fn read(file: &[u8]) -> Result<Self, ProfileError> {
        let document = property_list::read(file, FILE_SIZE_MAX).map_err(ProfileError::NotAPropertyList)?;
        let profile = Self { document };
        match [key::PROTOCOL, key::VENDOR].into_iter().find(|key| profile.name_of(key).is_empty()) {
            Some(key) => Err(ProfileError::Missing { key }),
            None => Ok(profile),
        }
    }

    /// Writes the profile as an XML property list.
    ///
    /// # Errors
    /// When a text in it cannot stand in XML (a control character), or the file would be too large to be read.
    pub fn write(&self) -> Result<Vec<u8>, ProfileError> {
        property_list::write(&self.document, FILE_SIZE_MAX).map_err(ProfileError::NotWritable)
    }

    /// Returns what names the profile.
    pub fn id(&self) -> ProfileId {
        ProfileId { protocol: self.name_of(key::PROTOCOL), vendor: self.name_of(key::VENDOR) }
    }

    /// Returns the protocol.
    pub fn protocol(&self) -> Protocol {
        match self.name_of(key::PROTOCOL) {
            name if name == "s3" => Protocol::S3,
            name => Protocol::Other(name),
        }
    }

    fn name_of(&self, key: &str) -> String {
        self.text(key).unwrap_or_default().trim().to_owned()
    }

    /// Returns keys and values as they stand, in their order, also those that are not ours.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.document.iter()
    }

    /// Returns a text as it stands; a number or truth value as a text. An empty text is not an absent one.
    pub fn text(&self, key: &str) -> Option<String> {
        self.document.get(key)?.scalar()
    }

    /// Returns a truth value: `<true/>`, or a text or number that is `1` or `true` in any case. Every other scalar is
    /// false.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.text(key).map(|text| {
            let text = text.trim();
            text == "1" || text.eq_ignore_ascii_case("true")
        })
    }

    /// Returns a port; `None` also where the text is none.
    pub fn port(&self, key: &str) -> Option<u16> {
        self.text(key)?.trim().parse().ok().filter(|&port| port != 0)
    }

    /// Returns the texts of a list. A lone text is a list of one.
    pub fn texts(&self, key: &str) -> Option<Vec<String>> {
        match self.document.get(key)? {
            Value::Array(items) => Some(items.iter().filter_map(Value::scalar).collect()),
            value => value.scalar().map(|text| vec![text]),
        }
    }

    /// Returns the properties, which stand in a dictionary or in an array of `name=value`. An item without `=` is a
    /// name with an empty value; of a name that stands twice the last value counts.
    pub fn properties(&self) -> Vec<(String, String)> {
        let mut properties: Vec<(String, String)> = Vec::new();
        // Files come from strangers: a long list must not be searched for each of its items.
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut add = |name: &str, value: String| match places.get(name) {
            Some(&place) => properties[place].1 = value,
            None => {
                places.insert(name.to_owned(), properties.len());
                properties.push((name.to_owned(), value));
            }
        };
        match self.document.get(key::PROPERTIES) {
            Some(Value::Dictionary(entries)) => {
                for (name, value) in entries.iter() {
                    if let Some(value) = value.scalar() {
                        add(name, value);
                    }
                }
            }
            Some(Value::Array(items)) => {
                for item in items.iter().filter_map(Value::scalar) {
                    let (name, value) = item.split_once('=').unwrap_or((&item, ""));
                    add(name, value.to_owned());
                }
            }
            _ => {}
        }
        properties
    }

    /// Sets a text.
    pub fn set_text(&mut self, key: &str, text: &str) {
        self.document.insert(key, text.into());
    }

    /// Sets a truth value.
    pub fn set_flag(&mut self, key: &str, value: bool) {
        self.document.insert(key, Value::Boolean(value));
    }

    /// Sets a list of texts.
    pub fn set_texts(&mut self, key: &str, texts: &[&str]) {
        self.document.insert(key, Value::Array(texts.iter().map(|&text| text.into()).collect()));
    }

    /// Sets a property, or removes it. An array of properties stays an array.
    pub fn set_property(&mut self, name: &str, value: Option<&str>) {
        if let Some(Value::Array(items)) = self.document.get_mut(key::PROPERTIES) {
            let is_it = |item: &Value| item.scalar().is_some_and(|text| text.split('=').next() == Some(name));
            let place = items.iter().position(is_it).unwrap_or(items.len());
            items.retain(|item| !is_it(item));
            if let Some(value) = value {
                items.insert(place.min(items.len()), Value::String(format!("{name}={value}")));
            }
            return;
        }
        if !matches!(self.document.get(key::PROPERTIES), Some(Value::Dictionary(_))) {
            self.document.insert(key::PROPERTIES, Value::Dictionary(Dictionary::new()));
        }
        let Some(Value::Dictionary(entries)) = self.document.get_mut(key::PROPERTIES) else { return };
        match value {
            Some(value) => entries.insert(name, value.into()),
            None => entries.remove(name),
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &str) {
        self.document.remove(key);
    }

    /// Returns what the profile means: its words over the parent's defaults, with variables replaced by the
    /// preferences that `variable` looks up.
    pub fn effective(&self, variable: &dyn Fn(&str) -> Option<String>) -> Effective {
        Effective::of(self, variable)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn profile(body: &str) -> Profile {
        let file = format!(
            "<plist><dict><key>Protocol</key><string>s3</string><key>Vendor</key><string>v</string>{body}</dict></plist>"
        );
        Profile::read(file.as_bytes()).unwrap()
    }

    proptest! {
        #[test]
        fn any_profile_is_read_as_it_was_written(mut document in property_list::any_dictionary()) {
            document.insert("Protocol", "s3".into());
            document.insert("Vendor", "any".into());
            let profile = Profile { document };
            let file = profile.write().unwrap();
            let read = Profile::read(&file).unwrap();
            prop_assert_eq!(read.effective(&|_| None), profile.effective(&|_| None));
            prop_assert_eq!(read, profile);
        }
    }

    #[test]
    fn loose_types_are_understood() {
        let profile = profile(
            "<key>a</key><integer>443</integer><key>b</key><string> TRUE </string><key>c</key><integer>1</integer>
            <key>d</key><string>yes</string><key>e</key><array/><key>f</key><string/><key>g</key><string>70000</string>
            <key>h</key><array><string>x</string><integer>1</integer><dict/></array><key>i</key><string>one</string>",
        );
        assert_eq!([profile.port("a"), profile.port("g"), profile.port("f")], [Some(443), None, None]);
        assert_eq!(
            ["b", "c", "d", "e", "f", "absent"].map(|key| profile.flag(key)),
            [Some(true), Some(true), Some(false), None, Some(false), None]
        );
        assert_eq!(profile.text("f").as_deref(), Some(""));
        assert_eq!(profile.texts("h").unwrap(), ["x", "1"]);
        assert_eq!(profile.texts("i").unwrap(), ["one"]);
        assert_eq!(profile.texts("absent"), None);
    }

    #[test]
    fn properties_stand_in_a_dictionary_or_an_array() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut dictionary = profile(
            "<key>Properties</key><dict><key>a</key><true/><key>b</key><string>x=y</string><key>c</key><array/></dict>",
        );
        assert_eq!(dictionary.properties(), [pair("a", "true"), pair("b", "x=y")]);
        dictionary.set_property("b", Some("z"));
        dictionary.set_property("a", None);
        assert_eq!(dictionary.properties(), [pair("b", "z")]);

        let mut array = profile(
            "<key>Properties</key><array><string>a=1</string><string>b</string><string>c=x=y</string>
            <string>a=2</string></array>",
        );
        assert_eq!(array.properties(), [pair("a", "2"), pair("b", ""), pair("c", "x=y")]);
        array.set_property("b", Some("t"));
        array.set_property("d", Some("new"));
        array.set_property("a", None);
        assert_eq!(array.properties(), [pair("b", "t"), pair("c", "x=y"), pair("d", "new")]);
        assert!(matches!(array.document.get("Properties"), Some(Value::Array(_))));

        let mut none = profile("");
        none.set_property("a", Some(""));
        assert_eq!(none.properties(), [pair("a", "")]);
    }

    #[test]
    fn what_is_no_profile_is_named() {
        for (body, message) in [
            ("<dict><key>Vendor</key><string>v</string></dict>", "the key Protocol is missing"),
            (
                "<dict><key>Protocol</key><string> </string><key>Vendor</key><string>v</string></dict>",
                "Protocol",
            ),
            ("<dict><key>Protocol</key><string>s3</string></dict>", "the key Vendor is missing"),
            ("<dict><key>Protocol</key><array/><key>Vendor</key><string>v</string></dict>", "Protocol"),
            ("<array/>", "not a readable property list"),
        ] {
            let error = Profile::read(format!("<plist>{body}</plist>").as_bytes()).unwrap_err();
            assert!(error.to_string().contains(message), "{body}: {error}");
        }
    }

    #[test]
    fn a_profile_is_named_by_protocol_and_vendor() {
        let id = ProfileId::s3(Some("AWS-x"));
        let profile = Profile::new(&id, "Mine");
        assert_eq!((profile.id(), profile.protocol()), (id.clone(), Protocol::S3));
        assert_eq!(
            (id.to_string(), id.preference()),
            ("s3/AWS-x".into(), "profiles.s3.aws-x.enabled".into())
        );
        assert_eq!(ProfileId::s3(None).vendor, "s3");
        let other = Profile::new(&ProfileId { protocol: "sftp".into(), vendor: "x".into() }, "Files");
        assert_eq!(other.protocol().to_string(), "sftp");
    }
}
