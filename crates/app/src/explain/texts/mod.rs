//! What each known error means, in words: one text a cause, whoever met it.
//!
//! The one table. An error of our own operations and one that was pasted by `pintail explain` end at the same text: the first
//! by its type, the second by what could be read of it. Texts are data; what they leave open (`{role}`, `{bucket}`) is filled in
//! from what is known, and stays a plain word where nothing is.

pub(super) mod client;
pub(super) mod denial;
pub(super) mod entra;
mod entra_accounts;
mod entra_apps;
mod entra_requests;
pub(super) mod graph;
pub(super) mod iam;
pub(super) mod oauth;
pub(super) mod own;
pub(super) mod s3;
mod s3_objects;
pub(super) mod sts;

/// An error in plain words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    /// Its name, for programs: stable.
    pub(crate) id: &'static str,
    /// What happened, as a fragment without a full stop.
    pub(crate) meaning: &'static str,
    /// What usually causes it in a set-up like ours, as a fragment.
    pub(crate) cause: &'static str,
    /// What mends it, in the imperative, the likeliest help first.
    pub(crate) next: &'static [&'static str],
    /// Who has to do it.
    pub(crate) who: Who,
    /// The doctor's checks that prove the cause, the most telling first.
    pub(crate) checks: &'static [Check],
}

const fn text(
    id: &'static str,
    meaning: &'static str,
    cause: &'static str,
    next: &'static [&'static str],
    who: Who,
    checks: &'static [Check],
) -> Text {
    Text { id, meaning, cause, next, who, checks }
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The person in front of the machine.
    You,
    /// Who administers the tenant.
    EntraAdmin,
    /// Who administers an OpenID Connect issuer, be it Entra or another.
    IssuerAdmin,
    /// Who administers the account of AWS, or the service that stands in for it.
    AwsAdmin,
    /// Who administers the network or the proxy.
    NetworkAdmin,
    /// Nobody: it passes.
    Nobody,
    /// Who makes the program.
    Makers,
}

impl Who {
    /// Returns the words for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::EntraAdmin => "the admin of Entra",
            Self::IssuerAdmin => "the admin of the issuer (at Microsoft: of Entra)",
            Self::AwsAdmin => "the admin of AWS",
            Self::NetworkAdmin => "the admin of the network",
            Self::Nobody => "nobody: it passes by itself",
            Self::Makers => "the makers of the program",
        }
    }

    /// Returns the word for programs.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::EntraAdmin => "entra-admin",
            Self::IssuerAdmin => "issuer-admin",
            Self::AwsAdmin => "aws-admin",
            Self::NetworkAdmin => "network-admin",
            Self::Nobody => "nobody",
            Self::Makers => "makers",
        }
    }
}

/// A check of the doctor, by the name that its `--only` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// The clock against those of the services.
    Clock,
    /// Proxy and TLS interception.
    Proxy,
    /// Listening on loopback.
    Loopback,
    /// A browser to open.
    Browser,
    /// The keychain.
    Keychain,
    /// Variables and AWS configuration that get in the way.
    Environment,
    /// The issuer's discovery document.
    Discovery,
    /// The issuer's name against the one configured.
    Issuer,
    /// The client ID is known.
    Client,
    /// The redirect address is accepted.
    Redirect,
    /// A public or a confidential client.
    ClientKind,
    /// The ID token is sound.
    Token,
    /// Its claims are those that AWS tests.
    Claims,
    /// The exchange at STS.
    Exchange,
    /// The OpenID Connect provider in IAM.
    Provider,
    /// The trust policy of the role.
    Trust,
    /// The role.
    Role,
    /// The permissions of the role.
    Permissions,
    /// Whose credential it is.
    Identity,
    /// The bucket's region.
    Region,
    /// Listing.
    List,
    /// Reading.
    Get,
    /// Writing.
    Put,
    /// The key that encrypts the bucket.
    Kms,
    /// Checksums.
    Checksum,
}

impl Check {
    /// Returns the name that is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Proxy => "proxy",
            Self::Loopback => "loopback",
            Self::Browser => "browser",
            Self::Keychain => "key-store",
            Self::Environment => "environment",
            Self::Discovery => "discovery",
            Self::Issuer => "issuer",
            Self::Client => "client",
            Self::Redirect => "redirect",
            Self::ClientKind => "client-kind",
            Self::Token => "token-shape",
            Self::Claims => "claims",
            Self::Exchange => "exchange",
            Self::Provider => "provider",
            Self::Trust => "trust",
            Self::Role => "role",
            Self::Permissions => "permissions",
            Self::Identity => "identity",
            Self::Region => "bucket",
            Self::List => "list",
            Self::Get => "get",
            Self::Put => "write",
            Self::Kms => "get",
            Self::Checksum => "checksums",
        }
    }
}

/// What is known of the case at hand, to be filled into a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The account, as "account 123456789012".
    pub(crate) account: Option<String>,
    /// The permission that is missing.
    pub(crate) action: Option<String>,
    /// The bucket.
    pub(crate) bucket: Option<String>,
    /// The client ID.
    pub(crate) client: Option<String>,
    /// The issuer.
    pub(crate) issuer: Option<String>,
    /// The redirect address.
    pub(crate) redirect: Option<String>,
    /// The region that is the right one.
    pub(crate) region: Option<String>,
    /// The role, by its ARN.
    pub(crate) role: Option<String>,
    /// The tenant.
    pub(crate) tenant: Option<String>,
    /// Who could not be reached.
    pub(crate) whom: Option<String>,
}

impl Known {
    /// Returns a text with what is known in place of its `{names}`.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                rest = after;
                break;
            };
            out.push_str(&self.value(name));
            rest = after;
        }
        out.push_str(rest);
        out
    }

    /// Returns the steps of a text, filled in.
    pub(crate) fn next(&self, text: &Text) -> Vec<String> {
        text.next.iter().map(|next| self.fill(next)).collect()
    }

    fn value(&self, name: &str) -> String {
        let or = |value: &Option<String>, word: &str| value.clone().unwrap_or_else(|| word.to_owned());
        match name {
            "account" => or(&self.account, "the role's account"),
            "action" => or(&self.action, "it needs"),
            "bucket" => or(&self.bucket, "the bucket"),
            "client" => or(&self.client, "CLIENT-ID"),
            "consent" => format!(
                "https://login.microsoftonline.com/{}/adminconsent?client_id={}",
                or(&self.tenant, "TENANT"),
                or(&self.client, "CLIENT-ID")
            ),
            "issuer" => or(&self.issuer, "the token's `iss`"),
            "provider" => {
                let issuer = or(&self.issuer, "ISSUER");
                issuer.trim_start_matches("https://").trim_start_matches("http://").to_owned()
            }
            "redirect" => or(&self.redirect, "http://localhost"),
            "region" => or(&self.region, "of the bucket"),
            "role" => or(&self.role, "the role"),
            // Behind words that stand alone as well.
            ": role" => self.role.as_ref().map(|role| format!(": {role}")).unwrap_or_default(),
            "whom" => or(&self.whom, "the service"),
            // A name that no text has: shown as it is, so that a test sees it.
            other => format!("{{{other}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn all() -> Vec<&'static Text> {
        let mut all: Vec<&Text> = Vec::new();
        all.extend(oauth::ALL.iter().map(|(_, text)| text));
        all.extend(sts::ALL);
        all.extend(denial::ALL);
        all.extend(s3::all());
        all.extend(iam::ALL.iter().map(|(_, _, text)| text));
        all.extend(graph::ALL.iter().map(|(_, _, text)| text));
        all.extend(client::ALL.iter().map(|(_, text)| text));
        all.extend(own::ALL.iter().map(|(_, text)| text));
        all
    }

    #[test]
    fn texts_are_sentences_a_person_can_act_on() {
        let entra =
            entra::rows().flat_map(|row| row.numbers.iter().map(|(number, _)| entra::text(*number).unwrap()));
        for text in all().into_iter().copied().chain(entra) {
            for fragment in [text.meaning, text.cause] {
                assert!(!fragment.is_empty() && !fragment.ends_with('.'), "{}: {fragment}", text.id);
            }
            assert!(!text.next.is_empty(), "{}", text.id);
            for next in text.next {
                let filled = Known::default().fill(next);
                assert!(
                    next.ends_with(['.', ':', '@']) && next.starts_with(char::is_uppercase),
                    "{}: {next}",
                    text.id
                );
                assert!(!filled.contains(['{', '}']), "{}: {filled}", text.id);
            }
        }
    }

    #[test]
    fn every_text_has_a_name_of_its_own() {
        let mut seen: BTreeMap<&str, &Text> = BTreeMap::new();
        for text in all() {
            assert!(
                text.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                "{}",
                text.id
            );
            if let Some(other) = seen.insert(text.id, text) {
                assert_eq!(other, text, "{}", text.id);
            }
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }

    #[test]
    fn what_would_prove_an_answer_is_a_check_of_the_doctor() {
        for check in all().into_iter().flat_map(|text| text.checks) {
            assert!(crate::doctor::checks::find(check.name()).is_some(), "{}", check.name());
        }
    }

    #[test]
    fn what_is_known_is_filled_in() {
        let known =
            Known { role: Some("arn:x".into()), issuer: Some("https://i/{role}".into()), ..Known::default() };
        assert_eq!(
            known.fill("{role} at {provider} in {account}: {x} {"),
            "arn:x at i/{role} in the role's account: {x} "
        );
    }
}
