//! What an ID token says about a person and a sign-in.
//!
//! Reading only: a claim of the wrong type is refused here, and whether the claims may be believed is
//! [`token_check`](super::token_check)'s. `Debug` shows nothing that names a person.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::untrusted::{Personal, WORD_CHARS_MAX, printable};

/// The claim that lists the roles an issuer lets a token assume at AWS.
pub const AWS_ROLES: &str = "https://aws.amazon.com/roles";

const SUBJECT_CHARS_MAX: usize = 255;

/// The claims of an ID token.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// `iss`.
    pub issuer: String,
    /// `sub`: who signed in, at Entra for this client ID only.
    pub subject: Personal,
    /// `aud`, always as a list.
    pub audiences: Vec<String>,
    /// `azp`: the client the token was issued to.
    pub authorized_party: Option<String>,
    /// `exp`: the token ends.
    pub expires_at: Timestamp,
    /// `iat`: the token was issued.
    pub issued_at: Timestamp,
    /// `nbf`: the token starts.
    pub not_before: Option<Timestamp>,
    /// `auth_time`: the person proved who they are.
    pub authenticated_at: Option<Timestamp>,
    /// `nonce`.
    pub(super) nonce: Option<String>,
    /// `at_hash`.
    pub(super) access_token_hash: Option<String>,
    /// `tid`: Entra's tenant.
    pub tenant: Option<String>,
    /// `oid`: the person in Entra's directory.
    pub object_id: Option<Personal>,
    /// `preferred_username`: for display only, since it may change hands.
    pub preferred_username: Option<Personal>,
    /// `name`: for display only.
    pub name: Option<Personal>,
    /// `email`: for display only.
    pub email: Option<Personal>,
    /// `amr`: how the person proved who they are.
    pub methods: Vec<String>,
    /// `login_hint`: the best hint for a later sign-in or sign-out.
    pub login_hint: Option<Personal>,
    /// `sid`: the session at the issuer.
    pub session_id: Option<String>,
    /// `uti`: Entra's name of the token, for its support.
    pub token_id: Option<String>,
    /// Whether Entra left the groups out because there are too many.
    pub groups_left_out: bool,
    all: Map<String, Value>,
}

/// A claim that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It is required and not there.
    #[error("the claim \"{claim}\" is missing")]
    Missing {
        /// The claim's name.
        claim: &'static str,
    },
    /// It is of another type than the specification says.
    #[error("the claim \"{claim}\" is not {wanted}")]
    Malformed {
        /// The claim's name.
        claim: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
}

impl Claims {
    /// Reads the claims of a token's payload.
    pub(super) fn parse(payload: Map<String, Value>) -> Result<Self, ClaimError> {
        let reader = Reader(&payload);
        let subject = reader.required("sub", Reader::text)?;
        // OpenID Connect Core 2 allows 255 ASCII characters. One that had to be escaped could meet another.
        if subject.is_empty() || printable(subject, SUBJECT_CHARS_MAX) != subject {
            return Err(ClaimError::Malformed {
                claim: "sub",
                wanted: "a text of 1 to 255 printable characters",
            });
        }
        Ok(Self {
            issuer: reader.required("iss", Reader::text)?.to_owned(),
            subject: Personal::cut(subject, SUBJECT_CHARS_MAX),
            audiences: reader.audiences()?,
            authorized_party: reader.text("azp")?.map(str::to_owned),
            expires_at: reader.required("exp", Reader::time)?,
            issued_at: reader.required("iat", Reader::time)?,
            not_before: reader.time("nbf")?,
            authenticated_at: reader.time("auth_time")?,
            nonce: reader.text("nonce")?.map(str::to_owned),
            access_token_hash: reader.text("at_hash")?.map(str::to_owned),
            tenant: reader.text("tid")?.map(str::to_owned),
            object_id: reader.personal("oid"),
            preferred_username: reader.personal("preferred_username").or_else(|| reader.personal("upn")),
            name: reader.personal("name"),
            email: reader.personal("email"),
            methods: reader.list("amr"),
            login_hint: reader.personal("login_hint"),
            session_id: reader.lenient("sid"),
            token_id: reader.lenient("uti"),
            groups_left_out: reader.groups_left_out(),
            all: payload,
        })
    }

    /// Returns the AWS roles that the issuer lets this token assume, empty when the issuer does not say: the claim
    /// `https://aws.amazon.com/roles`, a list or one text with `;` between.
    pub fn aws_roles(&self) -> Vec<String> {
        match self.all.get(AWS_ROLES) {
            Some(Value::String(text)) => {
                text.split(';').map(str::trim).filter(|role| !role.is_empty()).map(str::to_owned).collect()
            }
            _ => Reader(&self.all).list(AWS_ROLES),
        }
    }

    /// Returns the groups, empty when the issuer lists none or left them out.
    pub fn groups(&self) -> Vec<String> {
        Reader(&self.all).list("groups")
    }

    /// Returns the app roles of the claim `roles`.
    pub fn app_roles(&self) -> Vec<String> {
        Reader(&self.all).list("roles")
    }

    /// Returns any claim as it stands in the token, unescaped and possibly naming a person.
    pub fn raw(&self, claim: &str) -> Option<&Value> {
        self.all.get(claim)
    }

    /// Returns the names of all claims, for a diagnosis that shows no values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.keys().map(String::as_str)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("tenant", &self.tenant)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("token_id", &self.token_id)
            .finish_non_exhaustive()
    }
}

/// Reads claims strictly where a decision hangs on them, leniently where they are only shown.
struct Reader<'a>(&'a Map<String, Value>);

impl<'a> Reader<'a> {
    fn required<T>(
        &self,
        claim: &'static str,
        read: impl Fn(&Self, &'static str) -> Result<Option<T>, ClaimError>,
    ) -> Result<T, ClaimError> {
        read(self, claim)?.ok_or(ClaimError::Missing { claim })
    }

    fn text(&self, claim: &'static str) -> Result<Option<&'a str>, ClaimError> {
        match self.0.get(claim) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ClaimError::Malformed { claim, wanted: "a text" }),
        }
    }

    fn time(&self, claim: &'static str) -> Result<Option<Timestamp>, ClaimError> {
        const WANTED: &str = "a number of seconds";
        let value = match self.0.get(claim) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        // RFC 7519 allows fractions. They are cut: a second never decides.
        let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64));
        seconds
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .map(Some)
            .ok_or(ClaimError::Malformed { claim, wanted: WANTED })
    }

    fn audiences(&self) -> Result<Vec<String>, ClaimError> {
        const MALFORMED: ClaimError =
            ClaimError::Malformed { claim: "aud", wanted: "a text or a list of texts" };
        match self.0.get("aud") {
            None | Some(Value::Null) => Err(ClaimError::Missing { claim: "aud" }),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(Value::Array(many)) => many
                .iter()
                .map(|one| one.as_str().map(str::to_owned).ok_or(MALFORMED))
                .collect::<Result<Vec<_>, _>>(),
            Some(_) => Err(MALFORMED),
        }
    }

    fn personal(&self, claim: &str) -> Option<Personal> {
        self.0.get(claim)?.as_str().map(Personal::new)
    }

    fn lenient(&self, claim: &str) -> Option<String> {
        self.0.get(claim)?.as_str().map(|text| printable(text, WORD_CHARS_MAX))
    }

    fn list(&self, claim: &str) -> Vec<String> {
        match self.0.get(claim) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }

    fn groups_left_out(&self) -> bool {
        let elsewhere = self.0.get("_claim_names").and_then(|names| names.get("groups")).is_some();
        let flag = self.0.get("hasgroups");
        elsewhere || flag.is_some_and(|flag| flag == &Value::Bool(true) || flag == "true")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn payload() -> Value {
        json!({
            "iss": "https://idp.example", "sub": "s-1", "aud": "client", "exp": 1_800_000_000, "iat": 1_799_996_400.75,
            "preferred_username": "ada@contoso.com", "name": "Ada", "oid": "o-1", "email": "ada@contoso.com",
            "login_hint": "opaque", "amr": ["pwd", "mfa"], "uti": "token-1", "sid": "session-1", "groups": ["g1", "g2"],
        })
    }

    fn parse(payload: Value) -> Result<Claims, ClaimError> {
        let Value::Object(map) = payload else { panic!("the test hands in an object") };
        Claims::parse(map)
    }

    #[test]
    fn claims_are_read_and_none_that_names_a_person_is_in_debug() {
        let claims = parse(payload()).unwrap();
        assert_eq!(claims.audiences, ["client"]);
        assert_eq!(claims.issued_at.as_second(), 1_799_996_400);
        assert_eq!(claims.methods, ["pwd", "mfa"]);
        assert_eq!(claims.groups(), ["g1", "g2"]);
        assert!(!claims.groups_left_out);
        assert_eq!(claims.email.as_ref().map(Personal::expose), Some("ada@contoso.com"));
        let debug = format!("{claims:?}");
        for personal in ["s-1", "ada", "Ada", "o-1", "opaque", "g1"] {
            assert!(!debug.contains(personal), "{personal} in {debug}");
        }
        assert!(debug.contains("token-1"));
    }

    #[test]
    fn what_decides_is_read_strictly() {
        for claim in ["iss", "sub", "aud", "exp", "iat"] {
            let mut without = payload();
            without.as_object_mut().unwrap().remove(claim);
            assert_eq!(parse(without), Err(ClaimError::Missing { claim }));
            let mut wrong = payload();
            wrong[claim] = json!({ "an": "object" });
            assert!(matches!(parse(wrong), Err(ClaimError::Malformed { claim: seen, .. }) if seen == claim));
        }
        for (claim, value) in [
            ("sub", json!("")),
            ("sub", json!("a\u{1b}")),
            ("aud", json!(["a", 1])),
            ("exp", json!("soon")),
            ("exp", json!(1e300)),
        ] {
            let mut wrong = payload();
            wrong[claim] = value;
            assert!(matches!(parse(wrong), Err(ClaimError::Malformed { .. })), "{claim}");
        }
    }

    #[test]
    fn aws_roles_come_as_a_list_or_as_one_text() {
        for roles in [
            json!(["arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"]),
            json!("arn:aws:iam::1:role/a; arn:aws:iam::1:role/b;"),
        ] {
            let mut with = payload();
            with[AWS_ROLES] = roles;
            assert_eq!(parse(with).unwrap().aws_roles(), ["arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b"]);
        }
        assert!(parse(payload()).unwrap().aws_roles().is_empty());
    }

    #[test]
    fn groups_that_were_left_out_are_noted() {
        for (claim, value) in [
            ("hasgroups", json!(true)),
            ("hasgroups", json!("true")),
            ("_claim_names", json!({ "groups": "src1" })),
        ] {
            let mut with = payload();
            with[claim] = value;
            assert!(parse(with).unwrap().groups_left_out, "{claim}");
        }
    }
}
