//! Who of an issuer may take a role, where the trust policy lists subjects: one more, or one less.
//!
//! Pure: a document in, a plan out. Other issuers than Entra have no assignment that we could change; there the list of subjects (`sub`) is the door.

use serde_json::Value;

use super::change::Change;
use super::current::AwsCurrent;
use super::near_miss::{federated_of, texts};
use super::policies::{federated, issuer_name};
use crate::setup::desired::AccountWish;
use crate::setup::plan::{self as shared, Facts, Kept, Plan, Side, Step};

/// Why a list of subjects cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubjectsError {
    /// There is no such role, or it does not trust the issuer.
    #[error("role {role} does not trust {issuer}")]
    NotTrusted {
        /// The role.
        role: String,
        /// The issuer.
        issuer: String,
    },
    /// The trust policy lists no subjects, so that everybody who signs in to the application gets in.
    #[error("role {role} lists no subjects: everybody who signs in to the application may take it")]
    Everybody {
        /// The role.
        role: String,
    },
    /// Without subjects, everybody could take the role.
    #[error(
        "{subject} is the last subject of role {role}, and without any the role would be open to everybody"
    )]
    Last {
        /// The role.
        role: String,
        /// The subject.
        subject: String,
    },
    /// The list has no room.
    #[error(transparent)]
    TooLong(#[from] super::policies::TooLong),
}

/// Plans to let one more subject take a role.
///
/// # Errors
/// When the role does not trust the issuer, lists no subjects, or has no room for another one.
pub(crate) fn grant(
    wish: &AccountWish,
    facts: &Facts,
    current: &AwsCurrent,
    subject: &str,
) -> Result<Plan, SubjectsError> {
    edit(wish, facts, current, subject, true)
}

/// Plans to no longer let a subject take a role.
///
/// # Errors
/// When the role does not trust the issuer, lists no subjects, or would be open to everybody.
pub(crate) fn revoke(
    wish: &AccountWish,
    facts: &Facts,
    current: &AwsCurrent,
    subject: &str,
) -> Result<Plan, SubjectsError> {
    edit(wish, facts, current, subject, false)
}

fn edit(
    wish: &AccountWish,
    facts: &Facts,
    current: &AwsCurrent,
    subject: &str,
    add: bool,
) -> Result<Plan, SubjectsError> {
    let role = wish.role.clone();
    let ours = federated(wish.partition, current.account.as_str(), facts);
    let key = format!("{}:sub", issuer_name(&facts.issuer));
    let mut to = current.trust.clone();
    let list = statement_of(&mut to, &ours)
        .ok_or_else(|| SubjectsError::NotTrusted { role: role.clone(), issuer: facts.issuer.clone() })?
        .get_mut("Condition")
        .and_then(|conditions| conditions.get_mut("StringEquals"))
        .and_then(|equals| equals.get_mut(&key))
        .ok_or_else(|| SubjectsError::Everybody { role: role.clone() })?;
    let written = subject.replace('$', "${$}");
    let mut subjects = texts(Some(list));
    let side = Side::Aws { account: current.account.to_string() };
    if subjects.contains(&written) == add {
        let what = format!("{subject} {} role {role}", if add { "may take" } else { "may not take" });
        return Ok(Plan { kept: vec![Kept { side, what }], ..Plan::default() });
    }
    if add {
        subjects.push(written);
    } else {
        subjects.retain(|known| *known != written);
        if subjects.is_empty() {
            return Err(SubjectsError::Last { role, subject: subject.to_owned() });
        }
    }
    *list = subjects.into();
    let count = super::policies::characters(&to);
    if count > super::policies::TRUST_MAX_CHARS {
        return Err(SubjectsError::TooLong(super::policies::TooLong {
            what: format!("the trust policy of role {role}"),
            actual: format!("{count} characters"),
            limit: super::policies::TRUST_MAX_CHARS,
        }));
    }
    let step = Step {
        id: format!("aws.{}.trust", current.account),
        side,
        what: format!("{} {subject} take the role {role}", if add { "Let" } else { "No longer let" }),
        why: "the trust policy lists the subjects that get in".into(),
        undo: "puts the earlier trust policy back".into(),
        change: shared::Change::Aws(Change::SetTrust { role, from: current.trust.clone(), to }),
    };
    Ok(Plan { steps: vec![step], ..Plan::default() })
}

/// Returns the statement that trusts a provider.
fn statement_of<'a>(document: &'a mut Value, federated: &str) -> Option<&'a mut Value> {
    let trusts = |statement: &Value| {
        let object = statement.as_object();
        object.is_some_and(|object| federated_of(object).iter().any(|principal| principal == federated))
    };
    match document.get_mut("Statement")? {
        Value::Array(all) => all.iter_mut().find(|statement| trusts(statement)),
        one => trusts(one).then_some(one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::aws::policies::{self, testing};
    use crate::setup::desired::People;

    fn current(people: People) -> (AccountWish, AwsCurrent) {
        let wish = AccountWish { people, ..testing::wish() };
        let facts = testing::facts();
        let mut current = AwsCurrent::empty("123456789012".parse().unwrap());
        let ours = federated(wish.partition, "123456789012", &facts);
        current.trust = policies::trust(&wish, &facts.issuer, &ours, "client");
        (wish, current)
    }

    fn new_trust(plan: &Plan) -> String {
        match &plan.steps[0].change {
            shared::Change::Aws(Change::SetTrust { to, .. }) => to.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_subject_comes_and_goes() {
        let (wish, mut current) = current(People::Subjects(vec!["ann".into()]));
        let facts = testing::facts();
        let granted = grant(&wish, &facts, &current, "a$b").unwrap();
        assert!(new_trust(&granted).contains(r#":sub":["ann","a${$}b"]"#), "{}", new_trust(&granted));
        assert!(grant(&wish, &facts, &current, "ann").unwrap().steps.is_empty());
        assert!(revoke(&wish, &facts, &current, "bob").unwrap().steps.is_empty());
        assert!(matches!(revoke(&wish, &facts, &current, "ann"), Err(SubjectsError::Last { .. })));
        current.trust = serde_json::from_str(&new_trust(&granted)).unwrap();
        assert!(new_trust(&revoke(&wish, &facts, &current, "ann").unwrap()).contains(r#":sub":["a${$}b"]"#));
    }

    #[test]
    fn a_role_that_is_open_or_not_ours_is_not_narrowed_by_the_way() {
        let (wish, mut current) = current(People::AppAssignment);
        let facts = testing::facts();
        assert!(matches!(grant(&wish, &facts, &current, "ann"), Err(SubjectsError::Everybody { .. })));
        current.trust = Value::Null;
        assert!(matches!(grant(&wish, &facts, &current, "ann"), Err(SubjectsError::NotTrusted { .. })));
    }

    #[test]
    fn a_list_without_room_is_refused_with_the_numbers() {
        let many = (0..60).map(|n| format!("{n:030}")).collect();
        let (wish, current) = current(People::Subjects(many));
        let error = grant(&wish, &testing::facts(), &current, "one-more").unwrap_err().to_string();
        assert!(error.contains("more than the 2048"), "{error}");
    }
}
