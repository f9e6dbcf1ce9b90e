//! Lifecycle rules of a bucket: read and written as a whole, with rules that this crate does not know kept letter by letter.
//!
//! S3 has no call for one rule: whoever adds one writes all of them (API Reference, "PutBucketLifecycleConfiguration"). So rules are carried as
//! the XML they came in.

use http::Method;
use http::header::{CONTENT_TYPE, HeaderName};
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::BucketName;

use super::call::{Call, Wanted};
use super::header;
use super::xml::{Malformed, Writer, walk};
use crate::error::{ErrorKind, Operation, Result};
use crate::s3::S3Store;

const ROOT: &str = "LifecycleConfiguration";
/// Which sizes the rules' transitions are about, which a later write has to repeat to keep it.
const TRANSITION_DEFAULT: HeaderName =
    HeaderName::from_static("x-amz-transition-default-minimum-object-size");

/// One rule, as S3 has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name within the bucket.
    pub id: Option<String>,
    /// The whole element, `<Rule>…</Rule>`.
    xml: String,
}

/// The rules of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// The rules, in their order.
    pub rules: Vec<Rule>,
    transition_default: Option<String>,
}

impl Rule {
    /// Makes the rule by which objects with a tag expire so many days after they were written.
    pub fn expiring(id: &str, tag: (&str, &str), days: u32) -> Self {
        let mut rule = Writer::bare("Rule");
        rule.text("ID", id);
        rule.within("Filter", |filter| {
            filter.within("Tag", |written| {
                written.text("Key", tag.0);
                written.text("Value", tag.1);
            });
        });
        rule.text("Status", "Enabled");
        rule.within("Expiration", |expiration| expiration.text("Days", &days.to_string()));
        Self { id: Some(id.to_owned()), xml: rule.finish() }
    }

    /// Returns the element as it stands in the document.
    pub fn xml(&self) -> &str {
        &self.xml
    }

    /// Tells whether it says the same, whatever the order of its parts and the space between them.
    fn says_the_same(&self, other: &Self) -> bool {
        let parts = |rule: &Self| {
            let mut parts = Vec::new();
            let read = walk(rule.xml.as_bytes(), |path, text| {
                // An element with others in it says nothing itself.
                if !text.trim().is_empty() {
                    parts.push((path.to_owned(), text.to_owned()));
                }
                Ok(())
            });
            parts.sort();
            read.ok().map(|_| parts)
        };
        parts(self).is_some_and(|own| parts(other).is_some_and(|theirs| own == theirs))
    }
}

impl Lifecycle {
    /// Returns the same rules with one more, in the place of the one of its name. `None` when it is there already.
    #[must_use]
    pub fn with(&self, rule: Rule) -> Option<Self> {
        let mut merged = self.clone();
        match merged.rules.iter_mut().find(|other| other.id.is_some() && other.id == rule.id) {
            Some(other) if other.says_the_same(&rule) => return None,
            Some(other) => *other = rule,
            None => merged.rules.push(rule),
        }
        Some(merged)
    }

    pub(super) fn parse(document: &[u8]) -> std::result::Result<Self, Malformed> {
        let root = walk(document, |_, _| Ok(()))?;
        if root != ROOT {
            return Err(Malformed::new(format!("it is a {root:?}")));
        }
        let text = std::str::from_utf8(document).map_err(|error| Malformed::new(error.to_string()))?;
        let mut rules = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("<Rule>") {
            let end = rest[start..].find("</Rule>").ok_or_else(|| Malformed::new("a rule does not end"))?;
            let xml = rest[start..start + end + "</Rule>".len()].to_owned();
            let mut id = None;
            walk(xml.as_bytes(), |path, text| {
                if path == "ID" {
                    id = Some(text.to_owned());
                }
                Ok(())
            })?;
            rules.push(Rule { id, xml });
            rest = &rest[start + end..];
        }
        // A rule that was not found would be lost by the next write.
        let mut counted = 0;
        walk(document, |path, _| {
            counted += usize::from(path == "Rule");
            Ok(())
        })?;
        if counted != rules.len() {
            return Err(Malformed::new("its rules are written in a way that cannot be kept"));
        }
        Ok(Self { rules, transition_default: None })
    }

    fn document(&self) -> String {
        let mut document = Writer::new(ROOT);
        self.rules.iter().for_each(|rule| document.raw(&rule.xml));
        document.finish()
    }
}

impl S3Store {
    /// Reads the lifecycle rules of a bucket; none where it has none.
    ///
    /// # Errors
    /// As for every call.
    pub async fn lifecycle(&self, bucket: &BucketName) -> Result<Lifecycle> {
        let call = Call::new(Operation::GetLifecycle, Method::GET)
            .bucket(bucket)
            .query([("lifecycle", "")])
            .wants(Wanted::Document);
        let reply = match self.perform(&call).await {
            Ok(reply) => reply,
            Err(failure) if failure.error.code() == Some("NoSuchLifecycleConfiguration") => {
                return Ok(Lifecycle::default());
            }
            Err(failure) => return Err(failure.error),
        };
        let read = Lifecycle::parse(reply.document());
        let lifecycle = read.map_err(|error| call.error(ErrorKind::BadAnswer).because(error))?;
        let transition_default = header::text(&reply.head.headers, TRANSITION_DEFAULT).map(str::to_owned);
        Ok(Lifecycle { transition_default, ..lifecycle })
    }

    /// Replaces all lifecycle rules of a bucket.
    ///
    /// S3 keeps no state of them to compare with: whoever else writes rules between the reading and this call is overwritten.
    ///
    /// # Errors
    /// As for every call.
    pub async fn set_lifecycle(&self, bucket: &BucketName, lifecycle: &Lifecycle) -> Result<()> {
        let document = lifecycle.document();
        let checksum = Checksum::of(Algorithm::Crc32, document.as_bytes());
        let call = Call::new(Operation::PutLifecycle, Method::PUT)
            .bucket(bucket)
            .query([("lifecycle", "")])
            .headers(|headers| {
                header::insert(headers, header::SDK_CHECKSUM_ALGORITHM, checksum.algorithm().name())?;
                header::insert(headers, header::checksum_name(checksum.algorithm()), checksum.to_string())?;
                if let Some(default) = &lifecycle.transition_default {
                    header::insert(headers, TRANSITION_DEFAULT, default)?;
                }
                header::insert(headers, CONTENT_TYPE, "application/xml")
            })?
            .document(document);
        self.perform(&call).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEIRS: &str = "<Rule><ID>old &amp; odd</ID><Filter><Prefix>logs/</Prefix></Filter><Status>Enabled</Status>\
                          <SomethingNew><X>1</X></SomethingNew></Rule>";

    #[test]
    fn rules_of_others_are_kept_letter_by_letter() {
        let document = format!(
            "<?xml version=\"1.0\"?>\n<LifecycleConfiguration xmlns=\"x\">\n {THEIRS}\n</LifecycleConfiguration>"
        );
        let read = Lifecycle::parse(document.as_bytes()).unwrap();
        assert_eq!(read.rules[0].id.as_deref(), Some("old & odd"));
        let ours = Rule::expiring("pintail", ("a", "b<c"), 1);
        let merged = read.with(ours.clone()).unwrap();
        let written = merged.document();
        assert!(written.contains(THEIRS) && written.contains(ours.xml()), "{written}");
        assert!(ours.xml().contains("<Value>b&lt;c</Value>"));
        let again = Lifecycle::parse(written.as_bytes()).unwrap();
        assert_eq!(again, merged);
        assert_eq!(again.with(ours), None, "it is there already");
        let other = again.with(Rule::expiring("pintail", ("a", "b<c"), 2)).unwrap();
        assert_eq!(other.rules.len(), 2);
    }

    #[test]
    fn a_rule_is_known_in_another_order_and_shape() {
        let shuffled = "<LifecycleConfiguration><Rule>\n <Expiration><Days>1</Days></Expiration><ID>p</ID>\
                        <Filter><Tag><Value>v</Value><Key>k</Key></Tag></Filter><Status>Enabled</Status></Rule></LifecycleConfiguration>";
        let read = Lifecycle::parse(shuffled.as_bytes()).unwrap();
        assert_eq!(read.with(Rule::expiring("p", ("k", "v"), 1)), None);
        assert!(read.with(Rule::expiring("p", ("k", "w"), 1)).is_some());
    }

    #[test]
    fn what_could_not_be_kept_is_refused() {
        for bad in [
            "<Other/>",
            "<LifecycleConfiguration><Rule x=\"1\"><ID>a</ID></Rule></LifecycleConfiguration>",
            "<LifecycleConfiguration><n:Rule><ID>a</ID></n:Rule></LifecycleConfiguration>",
            "<LifecycleConfiguration><Rule>",
        ] {
            assert!(Lifecycle::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert_eq!(Lifecycle::parse(b"<LifecycleConfiguration/>").unwrap(), Lifecycle::default());
    }
}
