//! Our own sandbox in this process, for tests that are not async themselves.
//!
//! It runs on a runtime of its own. When it ends, every secret that it handed out or was handed is put on record, so
//! that the leak scan knows them.

use std::ops::Deref;

use pintail_sandbox::{Options, Sandbox};
use tokio::runtime::Runtime;

use crate::record;

/// A running sandbox; dereferences to [`Sandbox`]. Ends when dropped.
#[derive(Debug)]
pub struct Cloud {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
}

impl Cloud {
    /// Starts a sandbox with its usual people, role and buckets.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a sandbox with these options.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_with(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
        let sandbox = runtime.block_on(Sandbox::start(options));
        let sandbox = sandbox.unwrap_or_else(|error| panic!("the sandbox does not start: {error}"));
        Self { runtime, sandbox: Some(sandbox) }
    }

    /// Puts every secret that the sandbox knows by now on record.
    pub fn record_secrets(&self) {
        for secret in self.recorder().secrets() {
            record::secret("sandbox", &secret);
        }
    }
}

impl Deref for Cloud {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        self.sandbox.as_ref().unwrap_or_else(|| unreachable!("it is taken on drop only"))
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.record_secrets();
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cloud;
    use crate::person::Person;
    use crate::raw::{self, Discovery};

    #[test]
    fn a_person_signs_in_at_the_sandboxs_page() {
        let cloud = Cloud::start();
        let summary = cloud.summary();
        let user = &summary.users[0];
        let mut person = Person::new(&user.username).with_password(&user.password);
        let url = Discovery::read(&summary.issuer).authorize_url(&summary.client_id, raw::REDIRECT);
        let redirect = person.authorize(url.as_str()).expect("a redirect");
        let code = raw::query(&redirect, "code").expect("a code");
        let discovery = Discovery::read(&summary.issuer);
        let tokens = discovery.redeem(&summary.client_id, raw::REDIRECT, &code).json();
        let claims = raw::claims(tokens["id_token"].as_str().unwrap_or_else(|| panic!("no ID token")));
        assert_eq!(claims["tid"], summary.tenant.as_str());
        assert!(!cloud.recorder().secrets().is_empty());
    }
}
