//! What a request to S3 looks like to policies, when a session of a role sends it.
//!
//! Pure: who and what come in, a [`Request`] goes out. Which keys there are is from the Service Authorization Reference (Amazon S3) and the
//! IAM User Guide (global condition keys; keys of OIDC federation that stay in the session: `aud`, `sub`, `amr`).

use std::net::IpAddr;

use jiff::Timestamp;

use super::request::{Caller, Context, Request, account_of};
use super::trust::{Claims, fill_provider_keys, fill_surroundings, key_prefix, source_identity, tags};

/// A session of a role, by whatever way it came to be.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// The ARN of the role, with its path.
    pub role: &'a str,
    /// The name of the session.
    pub name: &'a str,
    /// The unique ID of the role (`AROA…`), where it is known: without it there is no `aws:userid`.
    pub role_id: Option<&'a str>,
    /// The identity provider and the claims of the ID token, where the session began with one: its tags, its source identity, and the keys
    /// that stay.
    pub identity: Option<(&'a str, &'a Claims)>,
    /// When.
    pub now: Timestamp,
    /// Where the request comes from, where it is known.
    pub source_ip: Option<IpAddr>,
}

/// What of a request to S3 conditions can test, beside who sends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Parameters {
    /// The prefix that a listing is for; `None` where none is sent.
    pub prefix: Option<String>,
    /// The delimiter of a listing.
    pub delimiter: Option<String>,
    /// How many keys a listing asks for.
    pub max_keys: Option<u32>,
    /// The version of an object.
    pub version_id: Option<String>,
}

impl Session<'_> {
    /// Returns the keys that conditions and variables can read.
    pub fn context(&self, parameters: &S3Parameters) -> Context {
        let mut context = Context::new();
        context.set("aws:PrincipalArn", self.role);
        context.set("aws:PrincipalType", "AssumedRole");
        if let Some(account) = account_of(self.role) {
            context.set("aws:PrincipalAccount", account);
        }
        if let Some(id) = self.role_id {
            context.set("aws:userid", format!("{id}:{}", self.name));
        }
        context.set("aws:PrincipalIsAWSService", "false");
        context.set("aws:ViaAWSService", "false");
        if let Some((provider, claims)) = self.identity {
            context.set("aws:FederatedProvider", provider);
            if let Some(prefix) = key_prefix(provider) {
                context.set_provider(prefix);
                fill_provider_keys(&mut context, prefix, claims);
            }
            for (key, value) in tags(claims) {
                context.set(format!("aws:PrincipalTag/{key}"), value);
            }
            if let Some(identity) = source_identity(claims) {
                context.set("aws:SourceIdentity", identity);
            }
        }
        fill_surroundings(&mut context, self.now, self.source_ip);
        let listing = [("s3:prefix", &parameters.prefix), ("s3:delimiter", &parameters.delimiter)];
        for (key, value) in listing.into_iter().chain([("s3:VersionId", &parameters.version_id)]) {
            if let Some(value) = value {
                context.set(key, value);
            }
        }
        if let Some(count) = parameters.max_keys {
            context.set("s3:max-keys", count.to_string());
        }
        context
    }

    /// Returns who sends it.
    pub fn caller(&self) -> Caller {
        Caller::Session { role: self.role.to_owned(), name: Some(self.name.to_owned()) }
    }

    /// Returns the question whether the session may do an action on a bucket or object of its own account.
    pub fn request(&self, action: &str, resource: &str, parameters: &S3Parameters) -> Request {
        Request {
            caller: self.caller(),
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: None,
            context: self.context(parameters),
        }
    }
}

/// Returns the ARN of a bucket, or of an object in it.
///
/// The key is taken as it is: policies are compared with keys that are not encoded.
pub fn s3_arn(partition: &str, bucket: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("arn:{partition}:s3:::{bucket}/{key}"),
        None => format!("arn:{partition}:s3:::{bucket}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Kind, Named, Policy, PolicySet, evaluate};
    use super::*;

    const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/login.microsoftonline.com/t/v2.0";

    fn claims() -> Claims {
        let claims = json!({
            "aud": "resource", "azp": "client", "sub": "AAA", "email": "a@b", "amr": ["pwd", "mfa"],
            "https://aws.amazon.com/tags": {"principal_tags": {"team": ["birds"]}},
            "https://aws.amazon.com/source_identity": "ann",
        });
        claims.as_object().unwrap().clone()
    }

    fn session(claims: &Claims) -> Session<'_> {
        Session {
            role: "arn:aws:iam::111111111111:role/path/Reader",
            name: "ann",
            role_id: Some("AROAEXAMPLE"),
            identity: Some((PROVIDER, claims)),
            now: Timestamp::from_second(1_795_773_600).unwrap(),
            source_ip: Some("203.0.113.9".parse().unwrap()),
        }
    }

    #[test]
    fn a_session_keeps_what_stays_of_its_token() {
        let claims = claims();
        let parameters =
            S3Parameters { prefix: Some("birds/".into()), max_keys: Some(1), ..S3Parameters::default() };
        let context = session(&claims).context(&parameters);
        let prefix = "login.microsoftonline.com/t/v2.0";
        for (key, value) in [
            ("aws:PrincipalArn", Some("arn:aws:iam::111111111111:role/path/Reader")),
            ("aws:PrincipalAccount", Some("111111111111")),
            ("aws:PrincipalTag/team", Some("birds")),
            ("aws:userid", Some("AROAEXAMPLE:ann")),
            ("aws:SourceIdentity", Some("ann")),
            ("aws:SourceIp", Some("203.0.113.9")),
            ("aws:CurrentTime", Some("2026-11-27T10:00:00Z")),
            ("aws:EpochTime", Some("1795773600")),
            ("s3:prefix", Some("birds/")),
            ("s3:max-keys", Some("1")),
            ("s3:delimiter", None),
            (&format!("{prefix}:sub"), Some("AAA")),
            (&format!("{prefix}:aud"), Some("client")),
            (&format!("{prefix}:email"), None),
            (&format!("{prefix}:oaud"), None),
        ] {
            assert_eq!(context.single(key), value, "{key}");
        }
        assert_eq!(context.entry(&format!("{prefix}:amr")).unwrap().values, ["pwd", "mfa"]);
    }

    #[test]
    fn the_subject_is_a_variable_for_a_folder_of_ones_own() {
        let claims = claims();
        let text = r#"{"Version":"2012-10-17","Statement":[
            {"Sid":"Own","Effect":"Allow","Action":"s3:GetObject",
             "Resource":"arn:aws:s3:::home/${login.microsoftonline.com/t/v2.0:sub}/*"},
            {"Sid":"List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::home",
             "Condition":{"StringLike":{"s3:prefix":"${login.microsoftonline.com/t/v2.0:sub}/*"}}}]}"#;
        let policy = Named::new("home", Policy::parse(text, Kind::Identity).unwrap());
        let policies = PolicySet { identity: vec![policy], ..PolicySet::default() };
        let ask = |action: &str, key: Option<&str>, prefix: Option<&str>| {
            let parameters = S3Parameters { prefix: prefix.map(str::to_owned), ..S3Parameters::default() };
            let request = session(&claims).request(action, &s3_arn("aws", "home", key), &parameters);
            evaluate(&policies, &request).is_allow()
        };
        assert!(ask("s3:GetObject", Some("AAA/x:y/z"), None));
        assert!(!ask("s3:GetObject", Some("BBB/x"), None));
        assert!(ask("s3:ListBucket", None, Some("AAA/")));
        assert!(!ask("s3:ListBucket", None, None));
    }
}
