//! What STS answers, read in any dialect.
//!
//! AWS answers XML in its namespace; SeaweedFS, MinIO and Ceph leave out the namespace or whole elements, order them
//! differently, or write times another way; AWS can also speak JSON. The reader therefore turns any of them into a flat list
//! of paths and texts (`Fields`) and looks up what it needs by the end of a path.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use pintail_core::credential::Credential;
use pintail_core::secret::Secret;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use zeroize::Zeroizing;

/// The largest answer that is read. A session token has no bound by contract; the largest seen are a few kilobytes.
pub const ANSWER_MAX_BYTES: usize = 256 << 10;
const DEPTH_MAX: usize = 16;
const FIELDS_MAX: usize = 512;

/// An answer of 200 that is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The credential was over when it came.
    #[error("the credential ended at {expires_at}, before it came")]
    AlreadyOver {
        /// Its end.
        expires_at: Timestamp,
    },
    /// The time of the credential's end is in no known form.
    #[error("the credential's end is not a time")]
    BadExpiration,
    /// The answer lacks something without which it is of no use.
    #[error("the answer has no {0}")]
    Missing(&'static str),
    /// The answer is larger, deeper or longer than any honest one.
    #[error("the answer is larger than any answer of STS")]
    TooLarge,
    /// The answer is neither XML nor JSON.
    #[error("the answer is neither XML nor JSON")]
    Unreadable,
}

/// The session of a role, as AWS names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumedRole {
    /// `arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// The role's unique ID and the session's name.
    pub id: Option<String>,
}

/// What a successful `AssumeRole…` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssumeRoleAnswer {
    /// The credential, with its end.
    pub credential: Credential,
    /// The session. SeaweedFS does not say.
    pub assumed_role: Option<AssumedRole>,
    /// The subject of the token.
    pub subject: Option<String>,
    /// The audience STS found.
    pub audience: Option<String>,
    /// The provider. Documented as the issuer, measured as the provider's ARN: opaque.
    pub provider: Option<String>,
    /// How full the space for policies and tags is, in per cent.
    pub packed_policy_size_percent: Option<u32>,
    /// The source identity the token set.
    pub source_identity: Option<String>,
    /// For AWS support.
    pub request_id: Option<String>,
}

/// What `GetCallerIdentity` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Who, as an ARN.
    pub arn: String,
    /// The account.
    pub account: String,
    /// The unique ID.
    pub user_id: Option<String>,
}

/// Reads a successful answer to `AssumeRole`, `AssumeRoleWithWebIdentity` or `GetSessionToken`.
///
/// # Errors
/// When it holds no whole credential.
pub fn assume_role(body: &[u8]) -> Result<AssumeRoleAnswer, AnswerError> {
    let fields = Fields::read(body)?;
    let needed = |name: &'static str| {
        let value = fields.find(&["Credentials", name]).filter(|value| !value.is_empty());
        value.ok_or(AnswerError::Missing(name))
    };
    let expires_at = read_time(needed("Expiration")?).ok_or(AnswerError::BadExpiration)?;
    let own = |name: &str| fields.find(&[name]).map(ToOwned::to_owned);
    Ok(AssumeRoleAnswer {
        credential: Credential {
            access_key_id: needed("AccessKeyId")?.to_owned(),
            secret_access_key: Secret::new(needed("SecretAccessKey")?),
            session_token: Some(Secret::new(needed("SessionToken")?)),
            expires_at: Some(expires_at),
        },
        assumed_role: fields.find(&["AssumedRoleUser", "Arn"]).map(|arn| AssumedRole {
            arn: arn.to_owned(),
            id: fields.find(&["AssumedRoleUser", "AssumedRoleId"]).map(ToOwned::to_owned),
        }),
        subject: own("SubjectFromWebIdentityToken"),
        audience: own("Audience"),
        provider: own("Provider"),
        packed_policy_size_percent: fields.find(&["PackedPolicySize"]).and_then(|size| size.parse().ok()),
        source_identity: own("SourceIdentity"),
        request_id: own("RequestId"),
    })
}

/// Reads a successful answer to `GetCallerIdentity`.
///
/// # Errors
/// When it names nobody.
pub fn caller_identity(body: &[u8]) -> Result<CallerIdentity, AnswerError> {
    let fields = Fields::read(body)?;
    let needed = |name| fields.find(&[name]).map(ToOwned::to_owned).ok_or(AnswerError::Missing(name));
    Ok(CallerIdentity { arn: needed("Arn")?, account: needed("Account")?, user_id: needed("UserId").ok() })
}

/// Reads a time: RFC 3339 with or without fraction and offset (UTC without), or seconds since 1970.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(seconds) = text.parse::<f64>() {
        // A credential's end lies in this century; anything else is no count of seconds.
        return (0.0..4.2e9)
            .contains(&seconds)
            .then(|| Timestamp::from_millisecond((seconds * 1e3) as i64).ok())?;
    }
    TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()
}

/// An answer as paths of element names and their texts, in the answer's order. Texts may be secret, and are wiped.
pub(super) struct Fields(Vec<Field>);

/// The path of names to a text, and the text.
type Field = (Vec<String>, Zeroizing<String>);

impl Fields {
    /// Reads XML or JSON, whichever it is.
    pub(super) fn read(body: &[u8]) -> Result<Self, AnswerError> {
        if body.len() > ANSWER_MAX_BYTES {
            return Err(AnswerError::TooLarge);
        }
        let text = std::str::from_utf8(body).map_err(|_| AnswerError::Unreadable)?;
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with('{') {
            let value = serde_json::from_str(text).map_err(|_| AnswerError::Unreadable)?;
            let mut fields = Vec::new();
            flatten(&value, &mut Vec::new(), &mut fields)?;
            Ok(Self(fields))
        } else if text.starts_with('<') {
            read_xml(text).map(Self)
        } else {
            Err(AnswerError::Unreadable)
        }
    }

    /// Returns the first text whose path ends with these names.
    pub(super) fn find(&self, end: &[&str]) -> Option<&str> {
        let ends = |path: &[String]| {
            path.len() >= end.len()
                && path[path.len() - end.len()..].iter().map(String::as_str).eq(end.iter().copied())
        };
        self.0.iter().find(|(path, _)| ends(path)).map(|(_, text)| text.trim())
    }
}

fn read_xml(text: &str) -> Result<Vec<Field>, AnswerError> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut texts: Vec<Zeroizing<String>> = Vec::new();
    let mut fields = Vec::new();
    loop {
        match reader.read_event().map_err(|_| AnswerError::Unreadable)? {
            Event::Start(start) => {
                if path.len() == DEPTH_MAX {
                    return Err(AnswerError::TooLarge);
                }
                path.push(name_of(start.local_name().as_ref()));
                texts.push(Zeroizing::default());
            }
            Event::Text(part) => push(&mut texts, &part.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(part) => push(&mut texts, &part.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => {
                let c = match &*reference {
                    "amp" => '&',
                    "apos" => '\'',
                    "gt" => '>',
                    "lt" => '<',
                    "quot" => '"',
                    _ => match reference.resolve_char_ref() {
                        Ok(Some(c)) => c,
                        _ => return Err(AnswerError::Unreadable),
                    },
                };
                push(&mut texts, c.encode_utf8(&mut [0; 4]));
            }
            Event::End(_) => {
                let Some(text) = texts.pop() else { return Err(AnswerError::Unreadable) };
                if fields.len() == FIELDS_MAX {
                    return Err(AnswerError::TooLarge);
                }
                fields.push((path.clone(), text));
                path.pop();
            }
            // No honest answer defines entities, and they are what XML bombs are made of.
            Event::DocType(_) => return Err(AnswerError::Unreadable),
            Event::Eof if path.is_empty() => return Ok(fields),
            Event::Eof => return Err(AnswerError::Unreadable),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

fn name_of(name: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(name.as_ref()).into_owned()
}

fn push(texts: &mut [Zeroizing<String>], part: &str) {
    if let Some(text) = texts.last_mut() {
        text.push_str(part);
    }
}

fn flatten(
    value: &serde_json::Value,
    path: &mut Vec<String>,
    fields: &mut Vec<Field>,
) -> Result<(), AnswerError> {
    use serde_json::Value;
    if path.len() > DEPTH_MAX || fields.len() >= FIELDS_MAX {
        return Err(AnswerError::TooLarge);
    }
    let mut child = |name: &str, value, path: &mut Vec<String>| {
        path.push(name.to_owned());
        flatten(value, path, fields)?;
        path.pop();
        Ok(())
    };
    match value {
        Value::Object(members) => members.iter().try_for_each(|(name, value)| child(name, value, path)),
        Value::Array(items) => items.iter().try_for_each(|value| child("member", value, path)),
        Value::String(text) => {
            fields.push((path.clone(), Zeroizing::new(text.clone())));
            Ok(())
        }
        Value::Number(number) => {
            fields.push((path.clone(), Zeroizing::new(number.to_string())));
            Ok(())
        }
        Value::Bool(_) | Value::Null => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) const AWS: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <Audience>9b1f5f0a-client</Audience>
    <AssumedRoleUser>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:alice@contoso.com</AssumedRoleId>
      <Arn>arn:aws:sts::123456789012:assumed-role/S3Reader/alice@contoso.com</Arn>
    </AssumedRoleUser>
    <Provider>arn:aws:iam::123456789012:oidc-provider/login.microsoftonline.com/x/v2.0</Provider>
    <Credentials>
      <AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp&amp;IEXAMPLE</SessionToken>
      <Expiration>2026-11-23T13:00:00Z</Expiration>
    </Credentials>
    <SubjectFromWebIdentityToken>AAAAsub</SubjectFromWebIdentityToken>
    <PackedPolicySize>6</PackedPolicySize>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"#;

    #[test]
    fn the_answer_of_aws_is_read_whole() {
        let answer = assume_role(AWS.as_bytes()).unwrap();
        assert_eq!(answer.credential.access_key_id, "ASIAIOSFODNN7EXAMPLE");
        assert!(answer.credential.session_token.unwrap().expose().ends_with("ijQyp&IEXAMPLE"));
        assert_eq!(answer.credential.expires_at.unwrap().to_string(), "2026-11-23T13:00:00Z");
        let role = answer.assumed_role.unwrap();
        assert_eq!(role.arn, "arn:aws:sts::123456789012:assumed-role/S3Reader/alice@contoso.com");
        assert_eq!(role.id.as_deref(), Some("AROACLKWSDQRAOEXAMPLE:alice@contoso.com"));
        assert_eq!(answer.packed_policy_size_percent, Some(6));
        assert_eq!(answer.subject.as_deref(), Some("AAAAsub"));
        assert_eq!(answer.request_id.as_deref(), Some("c6104cbe-af31-11e0-8154-cbc7ccf896c7"));
    }

    #[test]
    fn other_dialects_are_read_too() {
        let credentials =
            "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>";
        for (dialect, body) in [
            (
                "SeaweedFS: no AssumedRoleUser",
                format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials>{credentials}<Expiration>2026-11-23T13:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"),
            ),
            (
                "no namespace, other order, fraction and offset",
                format!("<R><Credentials><Expiration>2026-11-23T14:00:00.000+01:00</Expiration>{credentials}</Credentials></R>"),
            ),
            (
                "prefix of a namespace, no offset",
                format!("<s:R xmlns:s=\"urn:x\"><s:Credentials><Expiration>2026-11-23T13:00:00</Expiration>{credentials}</s:Credentials></s:R>"),
            ),
            (
                "CDATA and comments",
                format!("<!-- c --><R><Credentials><Expiration><![CDATA[2026-11-23 13:00:00Z]]></Expiration>{credentials}</Credentials></R>"),
            ),
            (
                "JSON with seconds",
                r#"{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T","Expiration":1.7954388E9}}}}"#.to_owned(),
            ),
        ] {
            let answer = assume_role(body.as_bytes()).unwrap_or_else(|error| panic!("{dialect}: {error}"));
            assert_eq!(answer.credential.access_key_id, "A", "{dialect}");
            assert_eq!(answer.credential.expires_at.unwrap().to_string(), "2026-11-23T13:00:00Z", "{dialect}");
            assert_eq!(answer.assumed_role, None, "{dialect}");
        }
    }

    #[test]
    fn answers_without_a_whole_credential_are_refused() {
        for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
            let body =
                AWS.replace(&format!("<{name}>"), "<Other>").replace(&format!("</{name}>"), "</Other>");
            assert_eq!(assume_role(body.as_bytes()), Err(AnswerError::Missing(name)));
        }
        let body = AWS.replace("2026-11-23T13:00:00Z", "tomorrow");
        assert_eq!(assume_role(body.as_bytes()), Err(AnswerError::BadExpiration));
        assert_eq!(assume_role(b"<html><body>Proxy"), Err(AnswerError::Unreadable));
        assert_eq!(assume_role(b"not xml"), Err(AnswerError::Unreadable));
        assert_eq!(assume_role(b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"), Err(AnswerError::Unreadable));
        assert_eq!(assume_role("<a>".repeat(100).as_bytes()), Err(AnswerError::TooLarge));
        assert_eq!(assume_role(&vec![b'<'; ANSWER_MAX_BYTES + 1]), Err(AnswerError::TooLarge));
    }

    #[test]
    fn callers_are_read() {
        let body = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:sts::1:assumed-role/R/a</Arn><UserId>AROA:a</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
        let caller = caller_identity(body.as_bytes()).unwrap();
        assert_eq!(caller.account, "123456789012");
        assert_eq!(caller.user_id.as_deref(), Some("AROA:a"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = assume_role(&body);
        }

        #[test]
        fn no_damage_makes_the_reader_panic(at in 0..AWS.len(), with in any::<u8>(), cut in 0..AWS.len()) {
            let mut body = AWS.as_bytes().to_vec();
            body[at] = with;
            let _ = assume_role(&body);
            let _ = assume_role(&body[..cut]);
        }

        #[test]
        fn the_order_of_elements_does_not_matter(order in Just(vec![0, 1, 2, 3]).prop_shuffle(), first in any::<bool>()) {
            let parts = [
                "<AccessKeyId>A</AccessKeyId>", "<SecretAccessKey>S</SecretAccessKey>",
                "<SessionToken>T</SessionToken>", "<Expiration>2026-11-23T13:00:00Z</Expiration>",
            ];
            let credentials: String = order.iter().map(|&n| parts[n]).collect();
            let (before, after) = if first { ("", "<Audience>x</Audience>") } else { ("<Audience>x</Audience>", "") };
            let body = format!("<R>{before}<Credentials>{credentials}</Credentials>{after}</R>");
            let answer = assume_role(body.as_bytes()).unwrap();
            prop_assert_eq!(answer.credential.access_key_id, "A");
            prop_assert_eq!(answer.audience.as_deref(), Some("x"));
        }
    }
}
