//! What a setup would do: steps with their reasons and their way back, what stays as it is, and what looks nearly right.
//!
//! Pure: a plan is a value. It is shown, written as JSON and played step by step; nothing happens by making one.

use pintail_core::name::ClientId;
use serde::{Deserialize, Serialize};

use super::{aws, entra};

/// What both sides know of each other once it is known: from discovery, from what exists, or from a step that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The issuer exactly as `iss` has it.
    pub(crate) issuer: String,
    /// The tenant's GUID, at Entra.
    pub(crate) tenant: Option<String>,
    /// The tenant's name for people.
    pub(crate) tenant_name: Option<String>,
    /// The application's ID, once there is an application.
    pub(crate) client_id: Option<ClientId>,
}

/// One of the clouds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    /// The tenant.
    Entra,
    /// An AWS account.
    Aws {
        /// Its number.
        account: String,
    },
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The same in every run: `entra.app`, `aws.123456789012.provider`.
    pub(crate) id: String,
    /// Where.
    pub(crate) side: Side,
    /// What is done, as a sentence without a full stop.
    pub(crate) what: String,
    /// Why it is needed.
    pub(crate) why: String,
    /// What a rollback does about it.
    pub(crate) undo: String,
    /// The same for the machine.
    pub(crate) change: Change,
}

/// What a step changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// In the tenant.
    Entra(entra::Change),
    /// In an AWS account.
    Aws(aws::Change),
}

/// What takes a change back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Undo {
    /// In the tenant.
    Entra(entra::Undo),
    /// In an AWS account.
    Aws(aws::Undo),
}

/// One thing to take back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reversal {
    /// The step it takes back.
    pub(crate) id: String,
    /// Where.
    pub(crate) side: Side,
    /// What is done, as a sentence without a full stop.
    pub(crate) what: String,
    /// The same for the machine.
    pub(crate) undo: Undo,
}

/// Something that exists and is as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Kept {
    /// Where.
    pub(crate) side: Side,
    /// What.
    pub(crate) what: String,
}

/// Something that looks like what is wanted and does not work, or weakens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct NearMiss {
    /// Where.
    pub(crate) side: Side,
    /// What is there.
    pub(crate) seen: String,
    /// What it leads to.
    pub(crate) means: String,
    /// What to do about it.
    pub(crate) next: String,
}

/// Everything that a setup would do, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// What would change.
    pub(crate) steps: Vec<Step>,
    /// What stays.
    pub(crate) kept: Vec<Kept>,
    /// What looks nearly right.
    pub(crate) near_misses: Vec<NearMiss>,
}

impl Plan {
    /// Puts another plan behind this one.
    pub(crate) fn append(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.kept.extend(other.kept);
        self.near_misses.extend(other.near_misses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plan_stands_behind_another() {
        let kept = |what: &str| Kept { side: Side::Entra, what: what.into() };
        let mut plan = Plan { kept: vec![kept("one")], ..Plan::default() };
        plan.append(Plan { kept: vec![kept("other")], ..Plan::default() });
        assert_eq!(plan.kept, [kept("one"), kept("other")]);
    }
}
