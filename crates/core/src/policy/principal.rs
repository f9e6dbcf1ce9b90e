//! Whether a `Principal` or `NotPrincipal` names the caller, and how closely.
//!
//! Pure. How closely matters: a resource policy that names a session or a user itself needs nobody else's consent within
//! the account, one that names the role still leaves session policy and boundary their say, and one that names the account only lets
//! the account's own policies decide.

use super::document::{Principal, Principals};
use super::pattern::{Case, Pattern};
use super::request::{Caller, account_of};
use super::trace::{PartTrace, Wanted};

/// How closely a policy names the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// By the account.
    Account,
    /// By the role of the session.
    Role,
    /// As itself, or as everybody.
    Direct,
}

/// Evaluates the element for a caller.
pub(super) fn evaluate(principals: &Principals, caller: &Caller) -> (PartTrace, Option<Reach>) {
    let reach = principals.entries.iter().filter_map(|entry| reach(entry, caller)).max();
    let named = if principals.negated { is_spared(principals, caller) } else { reach.is_some() };
    let holds = named != principals.negated;
    let trace = PartTrace {
        element: if principals.negated { "NotPrincipal" } else { "Principal" },
        wanted: principals.entries.iter().map(|entry| wanted(entry.to_string())).collect(),
        actual: caller.to_string(),
        holds,
    };
    let reach = if principals.negated { Some(Reach::Direct) } else { reach };
    (trace, reach.filter(|_| holds))
}

fn wanted(text: String) -> Wanted {
    Wanted { value: Ok(text.clone()), written: text }
}

/// Whether `NotPrincipal` leaves this caller alone.
///
/// A session is spared where its role or itself is named together with its account: AWS checks the account first, and a list without it
/// denies the whole account. Source: IAM User Guide, "NotPrincipal with Deny".
fn is_spared(principals: &Principals, caller: &Caller) -> bool {
    let reaches: Vec<Reach> = principals.entries.iter().filter_map(|entry| reach(entry, caller)).collect();
    if principals.entries.contains(&Principal::Everyone) {
        return true;
    }
    match caller {
        Caller::Root { .. } => !reaches.is_empty(),
        Caller::Anonymous | Caller::Service { .. } | Caller::WebIdentity { .. } => {
            reaches.contains(&Reach::Direct)
        }
        Caller::User { .. } => reaches.contains(&Reach::Account) && reaches.contains(&Reach::Direct),
        Caller::Session { .. } => {
            reaches.contains(&Reach::Account)
                && (reaches.contains(&Reach::Role) || reaches.contains(&Reach::Direct))
        }
    }
}

fn reach(entry: &Principal, caller: &Caller) -> Option<Reach> {
    match (entry, caller) {
        // `{"AWS": "*"}` and `"*"` are the same, and measured: neither admits somebody with an ID token.
        (Principal::Everyone, Caller::WebIdentity { .. }) => None,
        (Principal::Everyone, _) => Some(Reach::Direct),
        (Principal::Federated(wanted), Caller::WebIdentity { provider }) => {
            // "*" is refused by IAM today, and older policies have it.
            (wanted == provider || wanted == "*").then_some(Reach::Direct)
        }
        (Principal::Service(wanted), Caller::Service { name }) => {
            wanted.eq_ignore_ascii_case(name).then_some(Reach::Direct)
        }
        (Principal::Aws(wanted), caller) => aws(wanted, caller),
        _ => None,
    }
}

fn aws(wanted: &str, caller: &Caller) -> Option<Reach> {
    let (Caller::Root { .. } | Caller::User { .. } | Caller::Session { .. }) = caller else { return None };
    let account = caller.account()?;
    let names_account = wanted == account
        || (account_of(wanted) == Some(account) && wanted.ends_with(":root") && wanted.starts_with("arn:"));
    if names_account {
        return Some(if matches!(caller, Caller::Root { .. }) { Reach::Direct } else { Reach::Account });
    }
    match caller {
        Caller::User { arn } => (wanted == arn).then_some(Reach::Direct),
        Caller::Session { role, .. } => {
            if caller.session_arn().is_some_and(|arn| arn == wanted) {
                Some(Reach::Direct)
            } else {
                (wanted == role).then_some(Reach::Role)
            }
        }
        _ => None,
    }
}

/// Whether a principal of a policy can only be written by mistake: a wildcard within an ARN, which fits nobody.
pub(super) fn is_partly_wild(entry: &Principal) -> bool {
    match entry {
        Principal::Aws(text) | Principal::Federated(text) | Principal::Service(text) => {
            text != "*" && Pattern::wild(text).is_wild() && !Pattern::wild(text).matches("", Case::Matters)
        }
        Principal::Everyone | Principal::Canonical(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "arn:aws:sts::111111111111:assumed-role/R/ann";
    const PROVIDER: &str = "arn:aws:iam::111111111111:oidc-provider/login.microsoftonline.com/t/v2.0";

    fn named(entry: Principal, caller: &str) -> Option<Reach> {
        let principals = Principals { negated: false, entries: vec![entry] };
        evaluate(&principals, &Caller::parse(caller).unwrap()).1
    }

    #[test]
    fn how_closely_a_caller_is_named() {
        let aws = |text: &str| Principal::Aws(text.to_owned());
        for (entry, caller, expected) in [
            (Principal::Everyone, SESSION, Some(Reach::Direct)),
            (Principal::Everyone, "*", Some(Reach::Direct)),
            (Principal::Everyone, PROVIDER, None),
            (aws("111111111111"), SESSION, Some(Reach::Account)),
            (aws("arn:aws:iam::111111111111:root"), SESSION, Some(Reach::Account)),
            (aws("arn:aws:iam::111111111111:root"), "arn:aws:iam::111111111111:root", Some(Reach::Direct)),
            (aws("arn:aws:iam::222222222222:root"), SESSION, None),
            (aws("arn:aws:iam::111111111111:role/R"), SESSION, Some(Reach::Role)),
            (aws("arn:aws:iam::111111111111:role/*"), SESSION, None),
            (aws(SESSION), SESSION, Some(Reach::Direct)),
            (
                aws("arn:aws:iam::111111111111:user/u"),
                "arn:aws:iam::111111111111:user/u",
                Some(Reach::Direct),
            ),
            (aws("111111111111"), "*", None),
            (aws("111111111111"), PROVIDER, None),
            (Principal::Federated(PROVIDER.into()), PROVIDER, Some(Reach::Direct)),
            (Principal::Federated(format!("{PROVIDER}/")), PROVIDER, None),
            (Principal::Federated(PROVIDER.into()), SESSION, None),
            (Principal::Service("ec2.amazonaws.com".into()), "ec2.amazonaws.com", Some(Reach::Direct)),
            (Principal::Canonical("abc".into()), SESSION, None),
        ] {
            assert_eq!(named(entry.clone(), caller), expected, "{entry} {caller}");
        }
    }

    #[test]
    fn not_principal_spares_a_session_only_with_its_account() {
        let holds = |entries: &[&str]| {
            let entries = entries.iter().map(|&text| Principal::Aws(text.to_owned())).collect();
            evaluate(&Principals { negated: true, entries }, &Caller::parse(SESSION).unwrap()).0.holds
        };
        assert!(holds(&[]));
        assert!(holds(&["arn:aws:iam::111111111111:role/R"]));
        assert!(holds(&["arn:aws:iam::111111111111:role/R", SESSION]));
        assert!(!holds(&["arn:aws:iam::111111111111:role/R", "111111111111"]));
        assert!(!holds(&[SESSION, "111111111111"]));
        assert!(holds(&["111111111111"]));
    }
}
