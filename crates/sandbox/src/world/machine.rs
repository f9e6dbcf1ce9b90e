//! What a machine in the cloud has: metadata tokens, the credentials of its role and of its container, and
//! the one-time tokens of the console's sign-in.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::Core;
use super::account::Session;
use super::sessions::{Grant, grant};
use crate::clock::after;
use crate::locked;
use crate::random::Ids;

/// A role's credentials are replaced this long before they end.
const REPLACED_BEFORE_S: i64 = 300;

/// The instance, its container, and what was handed out to them.
pub(crate) struct Machine {
    pub(crate) instance_id: String,
    /// What a container must send as `Authorization`.
    pub(crate) container_token: String,
    pub(crate) metadata_v1: bool,
    pub(crate) has_role: bool,
    /// Metadata tokens and when they end.
    pub(crate) tokens: HashMap<String, Timestamp>,
    pub(crate) instance: Option<Kept>,
    pub(crate) task: Option<Kept>,
    /// Console sign-in tokens: when they end and whose they are.
    pub(crate) signin_tokens: HashMap<String, (Timestamp, String)>,
}

/// Credentials that stay the same until shortly before they end.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) access_key_id: String,
    pub(crate) session: Arc<Session>,
    pub(crate) since: Timestamp,
}

impl Machine {
    pub(crate) fn new(ids: &Ids, metadata_v1: bool) -> Machine {
        Machine {
            instance_id: format!("i-0{}", &ids.hex(8)),
            container_token: ids.token(48),
            metadata_v1,
            has_role: true,
            tokens: HashMap::new(),
            instance: None,
            task: None,
            signin_tokens: HashMap::new(),
        }
    }
}

impl Core {
    /// The credentials of the role that a machine has, fresh enough; `None` when the role is gone.
    pub(crate) fn machine_credentials(
        &self,
        kept: Option<&Kept>,
        role_name: &str,
        session_name: &str,
        seconds: i64,
        now: Timestamp,
    ) -> Option<Kept> {
        let mut account = locked(&self.account);
        // A short life is replaced half-way, or the replacement would never be late enough.
        let replaced_before = REPLACED_BEFORE_S.min(seconds / 2);
        let alive = |kept: &&Kept| {
            after(kept.session.expires, -replaced_before) > now
                && account.sessions.contains_key(&kept.access_key_id)
        };
        if let Some(kept) = kept.filter(alive) {
            return Some(kept.clone());
        }
        let role = account.roles.get(role_name)?.clone();
        let (access_key_id, session) =
            grant(self, &mut account, now, Grant::role(&role, session_name, seconds));
        Some(Kept { access_key_id, session, since: now })
    }
}
