//! What both ways of assuming a role share: parameter limits, session policies, the credential itself.

use std::collections::BTreeMap;

use crate::clock::iso_seconds;
use crate::locked;
use crate::params::Params;
use crate::policy::Document;
use crate::query::{Refused, element};
use crate::server::Inbound;
use crate::world::Core;
use crate::world::account::{Account, Role, Session};
use crate::world::sessions::{Grant, grant};

const DEFAULT_DURATION_S: i64 = 3600;
const POLICY_LIMIT: usize = 2048;
const POLICY_ARNS_LIMIT: usize = 10;
/// The space that session policies and tags share once packed. AWS does not tell its own figure.
const PACKED_LIMIT_BYTES: usize = 2048;

/// The checked parameters of a call.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) role_arn: String,
    pub(super) session_name: String,
    pub(super) duration_s: i64,
    pub(super) policies: Vec<String>,
    pub(super) policy_arns: Vec<String>,
}

impl Wish {
    pub(super) fn read(params: &Params) -> Result<Wish, Refused> {
        let role_arn = bounded(params, "RoleArn", 20, 2048)?;
        let session_name = bounded(params, "RoleSessionName", 2, 64)?;
        if !session_name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
            let pattern = r"satisfy regular expression pattern: [\w+=,.@-]*";
            return Err(Refused::constraint("roleSessionName", Some(&session_name), pattern));
        }
        let duration_s = match params.get("DurationSeconds") {
            None => DEFAULT_DURATION_S,
            Some(text) => {
                let seconds = text.parse::<i64>().map_err(|_| {
                    Refused::new(400, "MalformedInput", "The DurationSeconds is not a number")
                })?;
                if seconds < 900 {
                    return Err(Refused::constraint(
                        "durationSeconds",
                        Some(text),
                        "have value greater than or equal to 900",
                    ));
                }
                if seconds > 43_200 {
                    return Err(Refused::constraint(
                        "durationSeconds",
                        Some(text),
                        "have value less than or equal to 43200",
                    ));
                }
                seconds
            }
        };
        let policies: Vec<String> = params.get("Policy").map(str::to_owned).into_iter().collect();
        let policy_arns: Vec<String> =
            params.members("PolicyArns", ".arn").into_iter().map(str::to_owned).collect();
        if policy_arns.len() > POLICY_ARNS_LIMIT {
            return Err(Refused::constraint(
                "policyArns",
                Some("[...]"),
                "have length less than or equal to 10",
            ));
        }
        let length = policies.iter().chain(&policy_arns).map(String::len).sum::<usize>();
        if length > POLICY_LIMIT {
            return Err(Refused::constraint("policy", Some("..."), "have length less than or equal to 2048"));
        }
        for policy in &policies {
            Document::permission(policy).map_err(|error| Refused::malformed_policy(&error))?;
        }
        Ok(Wish { role_arn, session_name, duration_s, policies, policy_arns })
    }

    /// The account number inside the role ARN.
    pub(super) fn account(&self) -> Result<&str, Refused> {
        let invalid = || Refused::validation("Request ARN is invalid");
        let mut parts = self.role_arn.splitn(6, ':');
        let fixed = [parts.next(), parts.next(), parts.next(), parts.next()];
        let (account, resource) = (parts.next().ok_or_else(invalid)?, parts.next().ok_or_else(invalid)?);
        let fits = fixed == [Some("arn"), Some("aws"), Some("iam"), Some("")]
            && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && resource
                .strip_prefix("role/")
                .is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace));
        if fits { Ok(account) } else { Err(invalid()) }
    }

    /// Finds the role in the account.
    pub(super) fn role<'a>(&self, account: &'a Account) -> Option<&'a Role> {
        account.roles_seen().find(|role| role.arn == self.role_arn)
    }

    pub(super) fn check_duration(&self, role: &Role) -> Result<(), Refused> {
        if self.duration_s > i64::from(role.max_session_s) {
            return Err(Refused::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        Ok(())
    }

    /// The documents that narrow the session, and how much of the packed space they and the tags take.
    pub(super) fn session_policies(
        &self,
        account: &Account,
        tags: &BTreeMap<String, String>,
    ) -> Result<(Vec<String>, usize), Refused> {
        let mut documents = self.policies.clone();
        for arn in &self.policy_arns {
            let document = account.managed_document(arn).ok_or_else(|| {
                Refused::validation(format!("The policy {arn} does not exist or is not attachable."))
            })?;
            documents.push(document);
        }
        let size = self.policies.iter().chain(&self.policy_arns).map(String::len).sum::<usize>()
            + tags.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let percent = size * 100 / PACKED_LIMIT_BYTES;
        if percent > 100 {
            return Err(Refused::new(
                400,
                "PackedPolicyTooLarge",
                format!("Packed policy consumes {percent}% of allotted space, please use smaller policy."),
            ));
        }
        Ok((documents, percent))
    }
}

/// A required text between two lengths.
pub(super) fn bounded(
    params: &Params,
    name: &str,
    shortest: usize,
    longest: usize,
) -> Result<String, Refused> {
    let mut field = name.to_owned();
    field[..1].make_ascii_lowercase();
    let value = params.raw(name).ok_or_else(|| Refused::constraint(&field, None, "not be null"))?;
    let shown = if value.len() > 100 { "..." } else { value };
    if value.chars().count() < shortest {
        return Err(Refused::constraint(
            &field,
            Some(shown),
            &format!("have length greater than or equal to {shortest}"),
        ));
    }
    if value.chars().count() > longest {
        return Err(Refused::constraint(
            &field,
            Some(shown),
            &format!("have length less than or equal to {longest}"),
        ));
    }
    Ok(value.to_owned())
}

/// What a new session knows besides its policies.
pub(super) struct Origin {
    pub(super) context: BTreeMap<String, Vec<String>>,
    pub(super) source_identity: Option<String>,
}

/// Makes the credential, remembers it, and writes the part of the answer common to both calls.
pub(super) fn issue(
    core: &Core,
    inbound: &Inbound,
    wish: &Wish,
    role: &Role,
    session_policies: Vec<String>,
    origin: Origin,
) -> String {
    let (access_key_id, session) = grant(
        core,
        &mut locked(&core.account),
        inbound.now,
        Grant {
            session_policies,
            context: origin.context,
            source_identity: origin.source_identity,
            ..Grant::role(role, &wish.session_name, wish.duration_s.min(core.lifetimes.role_session_max_s))
        },
    );
    format!(
        "{}<AssumedRoleUser>{}{}</AssumedRoleUser>",
        credentials(&access_key_id, &session),
        element("AssumedRoleId", &session.user_id),
        element("Arn", &session.arn),
    )
}

/// The `Credentials` element of every answer that gives some.
pub(super) fn credentials(access_key_id: &str, session: &Session) -> String {
    format!(
        "<Credentials>{}{}{}{}</Credentials>",
        element("AccessKeyId", access_key_id),
        element("SecretAccessKey", &session.secret_access_key),
        element("SessionToken", &session.session_token),
        element("Expiration", &iso_seconds(session.expires)),
    )
}
