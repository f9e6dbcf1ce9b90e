//! What STS reads out of an ID token once its signature holds: the identity, and AWS's own claims.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::query::Refused;

const TAGS: &str = "https://aws.amazon.com/tags";
const ROLES: &str = "https://aws.amazon.com/roles";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";
const TAG_LIMIT: usize = 50;

/// The claims that STS cares about.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub(super) subject: String,
    /// `azp`, or `aud` where there is none.
    pub(super) audience: String,
    /// `aud` as it stands.
    pub(super) audiences: Vec<String>,
    pub(super) amr: Vec<String>,
    pub(super) email: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) transitive_tags: BTreeSet<String>,
    pub(super) source_identity: Option<String>,
    /// The roles the issuer grants; `None` when it does not say.
    pub(super) roles: Option<Vec<String>>,
}

pub(super) fn invalid(message: impl Into<String>) -> Refused {
    Refused::new(400, "InvalidIdentityToken", message)
}

impl Identity {
    pub(super) fn read(claims: &Value) -> Result<Identity, Refused> {
        let audiences = texts(&claims["aud"]);
        let party = claims["azp"].as_str().map(str::to_owned);
        let audience = match (party, audiences.as_slice()) {
            (Some(party), _) => party,
            (None, [single]) => single.clone(),
            (None, []) => return Err(missing("aud")),
            (None, _) => return Err(invalid("Multiple audiences in the token require the azp claim")),
        };
        let mut tags = BTreeMap::new();
        let mut transitive_tags: BTreeSet<String> =
            texts(&claims[TAGS]["transitive_tag_keys"]).into_iter().collect();
        if let Some(nested) = claims[TAGS]["principal_tags"].as_object() {
            for (key, value) in nested {
                tags.extend(texts(value).into_iter().next().map(|value| (key.clone(), value)));
            }
        }
        for (name, value) in claims.as_object().into_iter().flatten() {
            let Some(rest) = name.strip_prefix(TAGS) else { continue };
            if let (Some(key), Some(value)) = (rest.strip_prefix("/principal_tags/"), value.as_str()) {
                tags.insert(key.to_owned(), value.to_owned());
            } else if rest == "/transitive_tag_keys" {
                transitive_tags.extend(texts(value));
            }
        }
        if tags.len() > TAG_LIMIT || tags.iter().any(|(key, value)| key.len() > 128 || value.len() > 256) {
            return Err(invalid("The session tags in the token exceed their limits"));
        }
        Ok(Identity {
            subject: claims["sub"].as_str().ok_or_else(|| missing("sub"))?.to_owned(),
            audience,
            audiences,
            amr: texts(&claims["amr"]),
            email: claims["email"].as_str().map(str::to_owned),
            tags,
            transitive_tags,
            source_identity: claims[SOURCE_IDENTITY].as_str().map(str::to_owned),
            roles: roles(&claims[ROLES]),
        })
    }
}

pub(super) fn missing(claim: &str) -> Refused {
    invalid(format!("Missing a required claim: {claim}"))
}

/// One text or the texts of a list.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// An array, or one text with `;` between; null counts as absent.
fn roles(value: &Value) -> Option<Vec<String>> {
    if value.is_null() {
        return None;
    }
    let entries = texts(value);
    Some(entries.iter().flat_map(|entry| entry.split(';')).map(|arn| arn.trim().to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn audience_is_the_authorized_party_first() {
        let read = |claims: Value| {
            Identity::read(&claims).map(|identity| identity.audience).map_err(|refused| refused.message)
        };
        assert_eq!(read(json!({"sub": "s", "aud": "a"})).unwrap(), "a");
        assert_eq!(read(json!({"sub": "s", "aud": "a", "azp": "p"})).unwrap(), "p");
        assert_eq!(read(json!({"sub": "s", "aud": ["a", "b"], "azp": "p"})).unwrap(), "p");
        assert!(read(json!({"sub": "s", "aud": ["a", "b"]})).is_err());
        assert_eq!(read(json!({"sub": "s"})).unwrap_err(), "Missing a required claim: aud");
        assert_eq!(read(json!({"aud": "a"})).unwrap_err(), "Missing a required claim: sub");
    }

    #[test]
    fn tags_come_nested_or_flat() {
        let nested = json!({"sub": "s", "aud": "a", TAGS: {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}});
        let flat = json!({"sub": "s", "aud": "a", format!("{TAGS}/principal_tags/team"): "red", format!("{TAGS}/transitive_tag_keys"): ["team"]});
        for claims in [nested, flat] {
            let identity = Identity::read(&claims).unwrap();
            assert_eq!(identity.tags["team"], "red");
            assert!(identity.transitive_tags.contains("team"));
        }
    }

    #[test]
    fn roles_claim_forms() {
        assert_eq!(roles(&Value::Null), None);
        assert_eq!(roles(&json!("a; b")), Some(vec!["a".into(), "b".into()]));
        assert_eq!(roles(&json!(["a", 1, " b "])), Some(vec!["a".into(), "b".into()]));
        assert_eq!(roles(&json!([])), Some(vec![]));
    }
}
