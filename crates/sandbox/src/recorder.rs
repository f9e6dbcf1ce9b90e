//! What the sandbox saw: one [`Call`] per request, free of secrets, and apart from them every secret
//! value that passed through, for a test that searches a program's outputs for leaks.

use std::collections::BTreeSet;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;

use crate::faults::Service;
use crate::locked;

/// One request as the sandbox saw it. Holds no query string, no header value that proves anything and no body.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Call {
    /// The service that was asked.
    pub service: Service,
    /// The operation's name: `token`, `AssumeRoleWithWebIdentity`, `GetObject`, …
    pub operation: String,
    /// The HTTP method.
    pub method: String,
    /// The path as sent, without its query.
    pub path: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// Who asked, where that was known: a username or an ARN.
    pub caller: Option<String>,
    /// The region the request was signed for.
    pub region: Option<String>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The status of the answer; `None` where the connection was cut instead.
    pub status: Option<u16>,
    /// Whether a scripted fault touched this request.
    pub faulted: bool,
    /// When it arrived, by the sandbox's clock.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
}

fn as_text<S: serde::Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

/// The record of every request and of every secret.
#[derive(Debug, Default)]
pub struct Recorder {
    calls: Mutex<Vec<Call>>,
    secrets: Mutex<Secrets>,
}

/// A set whose contents stay out of debug output.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Recorder {
    /// Returns every request so far, in the order they were answered.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.calls).clone()
    }

    /// Returns how often an operation of a service was asked for.
    pub fn count(&self, service: Service, operation: &str) -> usize {
        locked(&self.calls)
            .iter()
            .filter(|call| call.service == service && call.operation == operation)
            .count()
    }

    /// Forgets the requests, not the secrets.
    pub fn clear(&self) {
        locked(&self.calls).clear();
    }

    /// Returns every secret value issued or received so far: codes, verifiers, tokens, secret keys, passwords.
    pub fn secrets(&self) -> Vec<String> {
        locked(&self.secrets).0.iter().cloned().collect()
    }

    pub(crate) fn record(&self, call: Call) {
        tracing::debug!(
            service = call.service.name(),
            operation = call.operation,
            status = call.status,
            "answered"
        );
        locked(&self.calls).push(call);
    }

    /// Remembers a secret. Short values are left out: they would be found in any text.
    pub(crate) fn secret(&self, value: &str) {
        if value.len() >= 8 {
            locked(&self.secrets).0.insert(value.to_owned());
        }
    }
}
