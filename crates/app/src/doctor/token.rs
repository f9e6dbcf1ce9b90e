//! Pure: what an ID token says, held against what AWS will test.
//!
//! A token is read here without being checked: it was checked when it came, or an admin was sent its claims. Nothing of its
//! signature is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use pintail_core::secret::Secret;
use serde_json::{Map, Value};

use super::finding::{Finding, Line};
use super::issuer_facts::Difference;

/// The claim that lists the roles that a token is good for.
pub(crate) const ROLES: &str = "https://aws.amazon.com/roles";
/// The claim with session tags, nested or the beginning of flattened ones.
const TAGS: &str = "https://aws.amazon.com/tags";
/// The longest token that STS takes, in characters.
const LENGTH_MAX: usize = 20_000;
/// The most tags that a session takes.
const TAGS_MAX: usize = 50;
/// STS lets times be off by this much.
const SLACK_S: i64 = 5 * 60;

/// A token as far as a diagnosis needs it.
#[derive(Clone, Debug)]
pub(crate) struct TokenAtHand {
    /// The claims.
    pub(crate) claims: Map<String, Value>,
    /// The key that signed it.
    pub(crate) kid: Option<String>,
    /// The algorithm.
    pub(crate) algorithm: Option<String>,
    /// Its length in characters; `None` where only the claims are at hand.
    pub(crate) length: Option<usize>,
    /// The token itself, for an exchange.
    pub(crate) secret: Option<Secret>,
    /// The person, as the issuer names them.
    pub(crate) person: Option<String>,
}

/// A text that is neither a token nor claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither a token of three parts nor a JSON object of claims")]
pub(crate) struct NoToken;

impl TokenAtHand {
    /// Reads a token in its three parts.
    pub(crate) fn of_token(text: &Secret) -> Result<Self, NoToken> {
        let whole = text.expose().trim();
        let parts: Vec<&str> = whole.split('.').collect();
        let [header, payload, _] = parts[..] else { return Err(NoToken) };
        let object = |part: &str| -> Option<Map<String, Value>> {
            let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        let (header, claims) = (object(header).ok_or(NoToken)?, object(payload).ok_or(NoToken)?);
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            kid: text("kid"),
            algorithm: text("alg"),
            length: Some(whole.chars().count()),
            secret: Some(Secret::new(whole)),
            person: person(&claims),
            claims,
        })
    }

    /// Reads claims alone: a JSON object.
    pub(crate) fn of_claims(text: &str) -> Result<Self, NoToken> {
        let whole: Map<String, Value> = serde_json::from_str(text).map_err(|_| NoToken)?;
        // A bundle has them inside.
        let claims = match whole.get("claims") {
            Some(Value::Object(claims)) if whole.contains_key("format") => claims.clone(),
            _ => whole,
        };
        let person = person(&claims);
        Ok(Self { claims, kid: None, algorithm: None, length: None, secret: None, person })
    }

    /// Returns a claim that is a text.
    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// Returns a claim that is one text or a list of texts.
    pub(crate) fn list(&self, claim: &str) -> Vec<String> {
        match self.claims.get(claim) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns what AWS compares with the provider's client IDs: `azp`, else the audience.
    pub(crate) fn audience_for_aws(&self) -> String {
        match self.text("azp") {
            Some(party) => party.to_owned(),
            None => self.list("aud").join(" "),
        }
    }

    fn time(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        #[expect(clippy::cast_possible_truncation, reason = "a time in seconds")]
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }
}

fn person(claims: &Map<String, Value>) -> Option<String> {
    ["preferred_username", "upn", "email"]
        .iter()
        .find_map(|claim| claims.get(*claim).and_then(Value::as_str))
        .map(str::to_owned)
}

/// What the token is held against.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// The issuer, where it is known.
    pub(crate) issuer: Option<String>,
    /// The client ID.
    pub(crate) client_id: Option<String>,
    /// The tenant's ID, where it is known.
    pub(crate) tenant: Option<String>,
    /// The role that is asked for.
    pub(crate) role: Option<String>,
    /// The bookmark.
    pub(crate) bookmark: String,
}

/// Judges the claims that AWS tests.
pub(crate) fn claims(token: &TokenAtHand, expected: &Expected, now: Timestamp) -> Finding {
    let iss = token.text("iss").unwrap_or_default();
    let audience = token.audience_for_aws();
    let audiences = token.list("aud");
    let now_s = now.as_second();
    let mut evidence = Vec::new();
    if let Some(issuer) = &expected.issuer {
        evidence.push(Line::same("iss", issuer, iss));
    }
    if let Some(client) = &expected.client_id {
        evidence.push(Line::same(if token.text("azp").is_some() { "azp" } else { "aud" }, client, &audience));
    }
    if let Some(tenant) = &expected.tenant {
        evidence.push(Line::same("tid", tenant, token.text("tid").unwrap_or_default()));
    }
    let exp = token.time("exp");
    let left = exp.map(|exp| exp - now_s);
    evidence.push(Line::new(
        "exp",
        "in the future",
        left.map_or_else(|| "missing".into(), |left| format!("{left} s from now")),
        left.is_some_and(|left| left > -SLACK_S),
    ));
    for claim in ["iat", "nbf"] {
        let Some(time) = token.time(claim) else { continue };
        evidence.push(Line::new(
            claim,
            "not in the future",
            format!("{} s ago", now_s - time),
            time - now_s < SLACK_S,
        ));
    }
    let missing: Vec<&str> = ["iss", "sub", "aud", "iat", "exp"]
        .into_iter()
        .filter(|claim| !token.claims.contains_key(*claim))
        .collect();
    for claim in &missing {
        evidence.push(Line::new(*claim, "present", "missing", false));
    }
    let holds = |what: &str| evidence.iter().filter(|line| line.what == what).all(|line| line.holds);
    let login = format!("Sign in again: `pintail login {}`.", expected.bookmark);
    let finding = if !missing.is_empty() {
        Finding::broken(
            "claims",
            format!("the token has no {}", missing.join(", ")),
            "AWS takes no token without iss, sub, aud, iat and exp",
            "Ask the issuer's admin for an ID token with these claims.",
        )
    } else if !holds("iss") {
        let difference = expected.issuer.as_deref().and_then(|issuer| Difference::between(issuer, iss));
        let words = difference.map_or("the address", Difference::words);
        Finding::broken(
            "claims",
            format!("the token's issuer is {iss}"),
            format!("what differs from the one expected is {words}; AWS looks for a provider of exactly this issuer"),
            match difference {
                Some(Difference::Version) => "Ask your Entra admin: sign in at the v2.0 endpoint; an access token of an API with `requestedAccessTokenVersion` 1 is not the token to use.".to_owned(),
                _ => login,
            },
        )
    } else if !holds("azp") || !holds("aud") {
        Finding::broken(
            "claims",
            format!("the token is for {audience}, not for the application of the bookmark"),
            "AWS compares azp, or aud where there is none, with the provider's client IDs; an access token of another API does not pass",
            login,
        )
    } else if !holds("tid") {
        Finding::broken(
            "claims",
            format!("the token is of the tenant {}", token.text("tid").unwrap_or("?")),
            "guests have to sign in at the tenant that invited them, not at their own",
            format!(
                "Name the tenant by its ID: `pintail bookmark edit {} --tenant {}`.",
                expected.bookmark,
                expected.tenant.as_deref().unwrap_or("TENANT")
            ),
        )
    } else if !holds("exp") {
        Finding::broken(
            "claims",
            format!("the token is over since {} s", left.map_or(0, i64::abs)),
            "STS answers ExpiredTokenException",
            login,
        )
        .mended_by_sign_in()
    } else if !holds("iat") || !holds("nbf") {
        Finding::broken(
            "claims",
            "the token begins in the future",
            "this machine's clock is behind, or the issuer's is ahead",
            "Set this machine's clock by the network: `sudo timedatectl set-ntp true`.",
        )
    } else if audiences.len() > 1 && token.text("azp").is_none() {
        Finding::broken(
            "claims",
            format!("the token has {} audiences and no azp", audiences.len()),
            "AWS cannot tell which of them it is for, and refuses it",
            "Ask the issuer's admin for tokens with one audience, or with azp.",
        )
    } else {
        Finding::ok(
            "claims",
            format!("iss {iss}, {} {audience}", if token.text("azp").is_some() { "azp" } else { "aud" }),
        )
    };
    finding.with(evidence)
}

/// Judges size, groups, roles and tags.
pub(crate) fn shape(token: &TokenAtHand, expected: &Expected) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(length) = token.length
        && length >= LENGTH_MAX
    {
        findings.push(Finding::broken(
            "token-shape",
            format!("the token has {length} characters"),
            format!("STS takes no token of more than {LENGTH_MAX}; lists of groups make them long"),
            "Ask your Entra admin to take the groups claim out of the app registration: AWS cannot test it anyway.",
        ));
    }
    if let Some(finding) = roles(token, expected) {
        findings.push(finding);
    }
    findings.extend(tags(token));
    if groups_left_out(token) {
        findings.push(
            Finding::info(
                "token-shape",
                "the person is in too many groups: the token names a place to ask instead",
            )
            .means("AWS does not see groups either way; choose people by assignment to the application"),
        );
    } else if !token.list("groups").is_empty() {
        findings.push(
            Finding::info("token-shape", format!("the token lists {} groups", token.list("groups").len()))
                .means("AWS cannot test them: a trust policy with `:groups` never matches"),
        );
    }
    if findings.is_empty() {
        let size =
            token.length.map_or_else(|| "claims alone".to_owned(), |length| format!("{length} characters"));
        findings.push(Finding::ok("token-shape", size));
    }
    findings
}

/// Returns the roles that the token lists; `None` where it has no such claim.
pub(crate) fn listed_roles(token: &TokenAtHand) -> Option<Vec<String>> {
    let value = token.claims.get(ROLES).filter(|value| !value.is_null())?;
    let roles = match value {
        Value::String(text) => text.split(';').map(str::to_owned).collect(),
        _ => token.list(ROLES),
    };
    Some(roles.iter().map(|role: &String| role.trim().to_owned()).filter(|role| !role.is_empty()).collect())
}

fn roles(token: &TokenAtHand, expected: &Expected) -> Option<Finding> {
    let listed = listed_roles(token)?;
    let role = expected.role.as_deref()?;
    if listed.iter().any(|one| one == role) {
        return None;
    }
    let shown = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
    Some(
        Finding::broken(
            "token-shape",
            "the token lists the roles it is good for, and the bookmark's role is not among them",
            "STS refuses it before it looks at the trust policy (InvalidIdentityToken); the ARN has to match exactly",
            format!("Ask your Entra admin to add {role} to the claim {ROLES} for you, or choose a listed role: `pintail roles {}`.", expected.bookmark),
        )
        .with(vec![Line::new(ROLES, role, shown, false)]),
    )
}

fn tags(token: &TokenAtHand) -> Option<Finding> {
    let broken = |seen: String| {
        Some(Finding::broken(
            "token-shape",
            seen,
            "STS refuses a token whose tags it cannot read",
            "Ask your Entra admin: session tags are claims https://aws.amazon.com/tags/principal_tags/KEY with one text of at most 256 characters each.",
        ))
    };
    let flattened: Vec<(&str, &Value)> = token
        .claims
        .iter()
        .filter_map(|(claim, value)| {
            Some((claim.strip_prefix(TAGS)?.strip_prefix("/principal_tags/")?, value))
        })
        .collect();
    let nested = token.claims.get(TAGS);
    if let Some(value) = nested {
        let Some(all) = value.get("principal_tags").and_then(Value::as_object) else {
            return broken(format!("the claim {TAGS} has no object `principal_tags`"));
        };
        for (key, value) in all {
            let one = value.as_array().is_some_and(|items| items.len() == 1 && items[0].is_string());
            if !one {
                return broken(format!("the session tag {key} is no list of one text"));
            }
        }
        if all.len() > TAGS_MAX {
            return broken(format!("the token has {} session tags, and {TAGS_MAX} are allowed", all.len()));
        }
    }
    for (key, value) in &flattened {
        let Some(text) = value.as_str() else { return broken(format!("the session tag {key} is no text")) };
        if text.chars().count() > 256 || key.chars().count() > 128 {
            return broken(format!(
                "the session tag {key} is longer than 128 characters in its key or 256 in its value"
            ));
        }
    }
    if flattened.len() > TAGS_MAX {
        return broken(format!("the token has {} session tags, and {TAGS_MAX} are allowed", flattened.len()));
    }
    None
}

fn groups_left_out(token: &TokenAtHand) -> bool {
    token.claims.get("hasgroups").is_some()
        || token.claims.get("_claim_names").and_then(|names| names.get("groups")).is_some()
}

/// Returns the names of the keys of a set.
pub(crate) fn kids(keys: &Value) -> impl Iterator<Item = &str> {
    let all = keys.get("keys").and_then(Value::as_array);
    all.into_iter().flatten().filter_map(|key| key.get("kid")?.as_str())
}

/// Says that a token was signed with a key that is not where AWS looks; `is_own` where it is the application's own.
pub(crate) fn unpublished_key(kid: &str, jwks: &str, is_own: bool) -> Finding {
    let seen = format!("the key {kid} that signed the token is not published at {jwks}");
    let said = "\"Couldn't retrieve verification key from your identity provider\"";
    if is_own {
        return Finding::broken(
            "signing-key",
            seen,
            format!(
                "the application has a signing key of its own (claims mapping), published where AWS does not look: {said}"
            ),
            "Ask your Entra admin: remove the custom signing key of the enterprise application, and set `api.acceptMappedClaims` to true in the app registration instead.",
        );
    }
    Finding::broken(
        "signing-key",
        seen,
        format!("nobody can check such a token, AWS neither: {said}"),
        "Try again in a minute, as keys are replaced now and then; if it stays, ask the issuer's admin to publish the key.",
    )
}

/// Judges whether AWS finds the key that signed the token.
pub(crate) fn signing_key(token: &TokenAtHand, keys: &Value, jwks: &str) -> Finding {
    let Some(kid) = token.kid.as_deref() else {
        return match token.length {
            None => Finding::not_run(
                "signing-key",
                "only the claims of the token are at hand",
                "Give the whole token: `--token FILE`.",
            ),
            Some(_) => Finding::broken(
                "signing-key",
                "the token does not name the key that signed it",
                "AWS finds a key by its kid only",
                "Ask the issuer's admin to sign with a key that has a kid.",
            ),
        };
    };
    let algorithm = token.algorithm.as_deref().unwrap_or("none");
    let known: Vec<&str> = kids(keys).collect();
    let evidence = vec![
        Line::new("kid", "one of the published keys", kid, known.contains(&kid)),
        Line::new(
            "alg",
            "RS256 to RS512 or ES256 to ES512",
            algorithm,
            matches!(algorithm, "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "ES512"),
        ),
    ];
    let finding = if !evidence[0].holds {
        unpublished_key(kid, jwks, true)
    } else if !evidence[1].holds {
        Finding::broken(
            "signing-key",
            format!("the token is signed with {algorithm}"),
            "AWS checks RS256 to RS512 and ES256 to ES512 only",
            "Ask the issuer's admin to sign ID tokens with RS256.",
        )
    } else {
        Finding::ok("signing-key", format!("signed with {algorithm} by a published key"))
    };
    finding.with(evidence)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::Level;
    use super::*;

    const ISSUER: &str = "https://login.microsoftonline.com/5affffff-0000-4000-8000-00000000000a/v2.0";
    const ROLE: &str = "arn:aws:iam::123456789012:role/S3";

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn expected() -> Expected {
        Expected {
            issuer: Some(ISSUER.into()),
            client_id: Some("client-1".into()),
            tenant: Some("5affffff-0000-4000-8000-00000000000a".into()),
            role: Some(ROLE.into()),
            bookmark: "lab".into(),
        }
    }

    fn token(changes: &[(&str, Value)]) -> TokenAtHand {
        let mut claims = json!({
            "iss": ISSUER, "sub": "subject", "aud": "client-1", "tid": "5affffff-0000-4000-8000-00000000000a",
            "iat": 1_799_999_900_i64, "nbf": 1_799_999_900_i64, "exp": 1_800_003_500_i64,
        });
        for (claim, value) in changes {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(*claim)),
                value => claims[*claim] = value.clone(),
            }
        }
        TokenAtHand::of_claims(&claims.to_string()).unwrap()
    }

    #[test]
    fn each_claim_that_aws_tests_is_judged() {
        for (changes, level, part) in [
            (vec![], Level::Ok, "aud client-1"),
            (vec![("azp", json!("client-1"))], Level::Ok, "azp client-1"),
            (vec![("iss", json!(format!("{ISSUER}/")))], Level::Broken, "issuer is"),
            (
                vec![("iss", json!("https://sts.windows.net/5affffff-0000-4000-8000-00000000000a/"))],
                Level::Broken,
                "sts.windows.net",
            ),
            (vec![("aud", json!("other"))], Level::Broken, "for other"),
            (vec![("azp", json!("other"))], Level::Broken, "for other"),
            (vec![("tid", json!("6b"))], Level::Broken, "tenant 6b"),
            (vec![("exp", json!(1_799_990_000_i64))], Level::Broken, "is over"),
            (vec![("exp", json!(1_799_999_900_i64))], Level::Ok, "aud"),
            (vec![("nbf", json!(1_800_001_000_i64))], Level::Broken, "in the future"),
            (vec![("sub", Value::Null)], Level::Broken, "no sub"),
            (vec![("exp", Value::Null)], Level::Broken, "no exp"),
        ] {
            let finding = claims(&token(&changes), &expected(), now());
            assert_eq!(finding.level, level, "{changes:?}: {finding:?}");
            assert!(finding.seen.contains(part), "{changes:?}: {}", finding.seen);
        }
        let two = Expected { client_id: None, ..expected() };
        let two = claims(&token(&[("aud", json!(["a", "b"]))]), &two, now());
        assert!(two.seen.contains("2 audiences"), "{two:?}");
    }

    #[test]
    fn roles_tags_and_groups_are_judged() {
        let tag = "https://aws.amazon.com/tags/principal_tags/Team";
        for (changes, level, part) in [
            (vec![], Level::Ok, "claims alone"),
            (vec![(ROLES, json!([ROLE]))], Level::Ok, ""),
            (vec![(ROLES, json!(format!("arn:x ; {ROLE}")))], Level::Ok, ""),
            (vec![(ROLES, json!(["arn:aws:iam::123456789012:role/s3"]))], Level::Broken, "not among them"),
            (vec![(ROLES, json!([]))], Level::Broken, "not among them"),
            (vec![(tag, json!("blue"))], Level::Ok, ""),
            (vec![(tag, json!(["blue"]))], Level::Broken, "Team is no text"),
            (vec![(tag, json!("x".repeat(257)))], Level::Broken, "longer than"),
            (vec![(TAGS, json!({"principal_tags": {"Team": ["blue"]}}))], Level::Ok, ""),
            (vec![(TAGS, json!({"principal_tags": {"Team": "blue"}}))], Level::Broken, "list of one text"),
            (vec![(TAGS, json!("blue"))], Level::Broken, "principal_tags"),
            (vec![("groups", json!(["a", "b"]))], Level::Info, "2 groups"),
            (vec![("_claim_names", json!({"groups": "src1"}))], Level::Info, "too many groups"),
        ] {
            let findings = shape(&token(&changes), &expected());
            assert_eq!(findings[0].level, level, "{changes:?}: {findings:?}");
            assert!(findings[0].seen.contains(part), "{changes:?}: {findings:?}");
        }
        let long = TokenAtHand { length: Some(20_001), ..token(&[]) };
        assert!(shape(&long, &expected())[0].seen.contains("20001 characters"));
    }

    #[test]
    fn a_key_of_the_applications_own_is_found_out() {
        let keys = json!({ "keys": [{ "kid": "k1" }] });
        let signed = |kid: &str, alg: &str| TokenAtHand {
            kid: Some(kid.into()),
            algorithm: Some(alg.into()),
            length: Some(1000),
            ..token(&[])
        };
        assert_eq!(signing_key(&signed("k1", "RS256"), &keys, "u").level, Level::Ok);
        assert!(signing_key(&signed("k2", "RS256"), &keys, "u").means.contains("signing key of its own"));
        assert!(signing_key(&signed("k1", "EdDSA"), &keys, "u").seen.contains("EdDSA"));
        assert_eq!(signing_key(&token(&[]), &keys, "u").level, Level::NotRun);
    }

    #[test]
    fn a_token_is_read_without_its_signature() {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!(
            "{}.{}.c2ln",
            part(json!({"alg": "RS256", "kid": "k"})),
            part(json!({"sub": "s", "upn": "alice"}))
        );
        let read = TokenAtHand::of_token(&Secret::new(format!(" {text}\n"))).unwrap();
        assert_eq!((read.kid.as_deref(), read.person.as_deref()), (Some("k"), Some("alice")));
        assert_eq!(read.length, Some(text.len()));
        assert!(!format!("{read:?}").contains("c2ln"));
        assert!(TokenAtHand::of_token(&Secret::new("a.b")).is_err());
        assert!(TokenAtHand::of_claims("[]").is_err());
    }
}
