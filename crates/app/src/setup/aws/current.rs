//! What an account holds of what a sign-in needs. Only reads.

use std::collections::BTreeMap;

use pintail_core::name::AccountId;
use pintail_identity::sts::CallerIdentity;
use serde_json::Value;

use super::policies::{self, issuer_name};
use crate::admin::AdminError;
use crate::admin::iam::{AttachedPolicy, Iam, Provider, Role};
use crate::setup::desired::AccountWish;
use crate::setup::plan::Facts;
use crate::setup::print::Known;

/// What an account holds.
#[derive(Clone, Debug)]
pub(crate) struct AwsCurrent {
    /// The account that the credential belongs to.
    pub(crate) account: AccountId,
    /// The providers that are the wanted one, or look like it.
    pub(crate) providers: Vec<Provider>,
    /// The role.
    pub(crate) role: Option<Role>,
    /// The role's trust policy; `Null` where there is no role or it is no JSON.
    pub(crate) trust: Value,
    /// The role's inline policies.
    pub(crate) inline: BTreeMap<String, Value>,
    /// The managed policies that are attached to the role.
    pub(crate) attached: Vec<AttachedPolicy>,
    /// The documents of those of them that the account owns, by ARN.
    pub(crate) managed: BTreeMap<String, Value>,
}

impl AwsCurrent {
    /// Returns what files for other hands need to know.
    pub(crate) fn known(&self, wish: &AccountWish, facts: &Facts) -> Known {
        let arn = policies::provider_arn(wish.partition, self.account.as_str(), &facts.issuer);
        Known {
            account: Some(self.account.clone()),
            provider_exists: self.providers.iter().any(|provider| provider.arn == arn),
        }
    }

    /// An account that holds nothing.
    pub(crate) fn empty(account: AccountId) -> Self {
        Self {
            account,
            providers: Vec::new(),
            role: None,
            trust: Value::Null,
            inline: BTreeMap::new(),
            attached: Vec::new(),
            managed: BTreeMap::new(),
        }
    }
}

/// Reads an account. `caller` is what `GetCallerIdentity` says of the credential behind `iam`.
///
/// # Errors
/// When the credential belongs to another account or partition than the wished one, when IAM has no room for the documents
/// that are wished for, and when IAM refuses or cannot be asked.
pub(crate) async fn read(
    iam: &Iam,
    caller: &CallerIdentity,
    wish: &AccountWish,
    facts: &Facts,
) -> Result<AwsCurrent, AdminError> {
    policies::check(wish, facts).map_err(AdminError::TooLong)?;
    let account = check_caller(caller, wish)?;
    let mut current = AwsCurrent::empty(account);
    let wanted = issuer_name(&facts.issuer);
    for arn in iam.provider_arns().await? {
        let name = arn.split_once(":oidc-provider/").map_or("", |(_, name)| name);
        if (name == wanted || super::near_miss::of_provider(name, wanted, facts).is_some())
            && let Some(provider) = iam.provider(&arn).await?
        {
            current.providers.push(provider);
        }
    }
    let Some(role) = iam.role(&wish.role).await? else { return Ok(current) };
    current.trust = serde_json::from_str(&role.trust).unwrap_or(Value::Null);
    current.role = Some(role);
    for name in iam.role_policies(&wish.role).await? {
        if let Some(text) = iam.role_policy(&wish.role, &name).await? {
            let document = serde_json::from_str(&text).unwrap_or(Value::Null);
            current.inline.insert(name, document);
        }
    }
    current.attached = iam.attached_role_policies(&wish.role).await?;
    for policy in &current.attached {
        if is_own(&policy.arn, &current.account)
            && let Some(text) = iam.managed_policy(&policy.arn).await?
        {
            let document = serde_json::from_str(&text).unwrap_or(Value::Null);
            current.managed.insert(policy.arn.clone(), document);
        }
    }
    Ok(current)
}

/// Tells whether a managed policy belongs to the account: AWS's own have `aws` in the account's place.
fn is_own(arn: &str, account: &AccountId) -> bool {
    arn.split(':').nth(4) == Some(account.as_str())
}

fn check_caller(caller: &CallerIdentity, wish: &AccountWish) -> Result<AccountId, AdminError> {
    let elsewhere = |expected: String, actual: &str| AdminError::OtherAccount {
        expected,
        actual: actual.to_owned(),
        caller: caller.arn.clone(),
    };
    if let Some(wanted) = &wish.account
        && wanted.as_str() != caller.account
    {
        return Err(elsewhere(format!("account {wanted}"), &format!("account {}", caller.account)));
    }
    let partition = caller.arn.split(':').nth(1).unwrap_or_default();
    if partition != wish.partition.name() {
        return Err(elsewhere(format!("partition {}", wish.partition), &format!("partition {partition}")));
    }
    caller.account.parse().map_err(|_| AdminError::Unusable {
        service: "STS",
        operation: "GetCallerIdentity".into(),
        why: "its account has no twelve digits".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::aws::policies::testing::{facts, wish};

    #[test]
    fn a_credential_of_another_account_or_partition_is_named() {
        let caller = |account: &str, partition: &str| CallerIdentity {
            arn: format!("arn:{partition}:iam::{account}:user/admin"),
            account: account.into(),
            user_id: None,
        };
        assert!(check_caller(&caller("123456789012", "aws"), &wish()).is_ok());
        for (account, partition, said) in [
            ("210987654321", "aws", "account 210987654321, not account 123456789012"),
            ("123456789012", "aws-cn", "partition aws-cn, not partition aws"),
        ] {
            let error = check_caller(&caller(account, partition), &wish()).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        assert!(facts().client_id.is_some());
    }
}
