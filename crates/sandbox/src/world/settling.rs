//! IAM's eventual consistency, when it is asked for: a changed role or provider is seen as it was for a number of
//! calls. IAM itself always tells the newest state, as it mostly does at AWS.

use super::account::{Account, Provider, Role};

/// What somebody outside IAM still sees.
#[derive(Clone, Debug)]
pub(crate) struct Before<T> {
    left: u32,
    /// `None` where there was nothing.
    state: Option<T>,
}

impl Account {
    /// Keeps a role as it is, before it changes.
    pub(crate) fn remember_role(&mut self, name: &str) {
        if self.settle_calls > 0 && !self.roles_before.contains_key(name) {
            let before = Before { left: self.settle_calls, state: self.roles.get(name).cloned() };
            self.roles_before.insert(name.to_owned(), before);
        }
    }

    /// Keeps a provider as it is, before it changes.
    pub(crate) fn remember_provider(&mut self, arn: &str) {
        if self.settle_calls > 0 && !self.providers_before.contains_key(arn) {
            let before = Before { left: self.settle_calls, state: self.providers.get(arn).cloned() };
            self.providers_before.insert(arn.to_owned(), before);
        }
    }

    /// Counts one call of STS or S3: what changed long enough ago is seen from now on.
    pub(crate) fn settle(&mut self) {
        self.roles_before.retain(|_, before| before.left > 0);
        self.providers_before.retain(|_, before| before.left > 0);
        self.roles_before.values_mut().for_each(|before| before.left -= 1);
        self.providers_before.values_mut().for_each(|before| before.left -= 1);
    }

    /// The account's roles as STS and S3 see them.
    pub(crate) fn roles_seen(&self) -> impl Iterator<Item = &Role> {
        let before = self.roles_before.values().filter_map(|before| before.state.as_ref());
        self.roles.values().filter(|role| !self.roles_before.contains_key(&role.name)).chain(before)
    }

    /// The account's providers, with their ARNs, as STS sees them.
    pub(crate) fn providers_seen(&self) -> impl Iterator<Item = (&String, &Provider)> {
        let before =
            self.providers_before.iter().filter_map(|(arn, before)| Some((arn, before.state.as_ref()?)));
        self.providers.iter().filter(|(arn, _)| !self.providers_before.contains_key(*arn)).chain(before)
    }
}
