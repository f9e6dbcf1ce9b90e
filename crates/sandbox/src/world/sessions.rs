//! How a temporary credential comes into the world, whichever service hands it out.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::account::{Account, Actor, Role, Session};
use super::{Core, World};
use crate::authority::account_of;
use crate::clock::after;
use crate::locked;

/// What a new session shall be.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) of: Actor,
    pub(crate) user_id: String,
    pub(crate) arn: String,
    pub(crate) seconds: i64,
    pub(crate) mfa_at: Option<Timestamp>,
    pub(crate) session_policies: Vec<String>,
    pub(crate) context: BTreeMap<String, Vec<String>>,
    pub(crate) source_identity: Option<String>,
}

impl Grant {
    /// A plain session of a role.
    pub(crate) fn role(role: &Role, session_name: &str, seconds: i64) -> Grant {
        Grant {
            of: Actor::Role { arn: role.arn.clone(), name: role.name.clone() },
            user_id: format!("{}:{session_name}", role.id),
            arn: format!("arn:aws:sts::{}:assumed-role/{}/{session_name}", account_of(&role.arn), role.name),
            seconds,
            mfa_at: None,
            session_policies: Vec::new(),
            context: BTreeMap::new(),
            source_identity: None,
        }
    }
}

/// Makes the credential and remembers it; returns its access key ID and the rest.
pub(crate) fn grant(
    core: &Core,
    account: &mut Account,
    now: Timestamp,
    grant: Grant,
) -> (String, Arc<Session>) {
    let access_key_id = core.ids.aws_id("ASIA", 16);
    let session = Arc::new(Session {
        secret_access_key: core.ids.secret(30),
        session_token: format!("IQoJb3JpZ2luX2Vj{}", core.ids.secret(420)),
        expires: after(now, grant.seconds),
        of: grant.of,
        user_id: grant.user_id,
        arn: grant.arn,
        mfa_at: grant.mfa_at,
        session_policies: grant.session_policies,
        context: grant.context,
        source_identity: grant.source_identity,
    });
    core.recorder.secret(&session.secret_access_key);
    core.recorder.secret(&session.session_token);
    account.sessions.insert(access_key_id.clone(), Arc::clone(&session));
    (access_key_id, session)
}

impl World {
    /// Ends every session after so many of its calls of S3, those under way included: each further call is answered with `ExpiredToken`, long before the
    /// end that its holder was told. `None` takes the limit away, and counting starts anew.
    pub fn limit_session_calls(&self, calls_max: Option<u32>) {
        let mut account = locked(&self.core.account);
        account.session_calls_max = calls_max;
        account.session_calls.clear();
    }
}
