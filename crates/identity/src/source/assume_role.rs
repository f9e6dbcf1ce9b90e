//! `AssumeRole` from any other source: keys, a process, another role. Chains have any depth.

use std::sync::Arc;

use pintail_core::credential::{Credential, CredentialSource};
use pintail_core::name::SessionName;
use pintail_core::retry::Retry;
use pintail_core::seam::{BoxFuture, HttpError, HttpErrorKind};

use super::mfa::{Mfa, after};
use super::{Provider, ProviderContext, ProviderError, STS_MAX};
use crate::oidc::untrusted::printable;
use crate::sts::{AssumeRoleRequest, ExchangeError, Exchanged, MfaProof, StsEndpoint, assume_role};

/// The role, and all that is said when asking for it.
pub type AssumeRoleConfig = AssumeRoleRequest;

/// The most tags of a session (STS API reference, `Tags`).
const TAGS_MAX: usize = 50;

/// Fetches a session of a role with another source's credential.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    context: ProviderContext,
    base: Arc<dyn CredentialSource>,
    request: AssumeRoleRequest,
    mfa: Option<Mfa>,
}

impl AssumeRole {
    /// Goes from `base` into a role, with a code of the device where one is given.
    ///
    /// # Errors
    /// When STS would not take the external ID or the tags.
    pub fn new(
        context: ProviderContext,
        base: Arc<dyn CredentialSource>,
        request: AssumeRoleConfig,
        mfa: Option<Mfa>,
    ) -> Result<Self, ProviderError> {
        if let Some(id) = &request.external_id {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
            if !(2..=1224).contains(&id.len()) || !id.bytes().all(good) {
                let what = format!("{:?} is not an external ID", printable(id, 100));
                return Err(ProviderError::new(what, Retry::Never));
            }
        }
        check_tags(&request.tags)?;
        Ok(Self { context, base, request, mfa })
    }

    async fn fetch_now(&self) -> Result<Credential, ProviderError> {
        let what = format!("STS gave no session of role {}", self.request.role);
        let base = base_credential(&*self.base, &what).await?;
        let ask = async |base: &Credential, proof: Option<&MfaProof>| {
            let asked = assume_role(self.context.sts(), base, &self.request, proof);
            within(&self.request.endpoint, asked).await
        };
        if let Some(mfa) = &self.mfa {
            let proof = mfa.proof().await?;
            let exchanged = ask(&base, Some(&proof)).await;
            return exchanged.map(|done| done.credential).map_err(|error| {
                say_refused(&*self.base, &base, &error);
                mfa.failed(&what, error)
            });
        }
        let error = match ask(&base, None).await {
            Ok(exchanged) => return Ok(exchanged.credential),
            Err(error) => error,
        };
        let failed = |error: ExchangeError| ProviderError::new(&*what, after(&error)).because(error);
        if !say_refused(&*self.base, &base, &error) {
            return Err(failed(error));
        }
        let next = base_credential(&*self.base, &what).await?;
        if next.access_key_id == base.access_key_id {
            return Err(failed(error));
        }
        ask(&next, None).await.map(|exchanged| exchanged.credential).map_err(failed)
    }
}

impl Provider for AssumeRole {
    fn fetch(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(self.fetch_now())
    }

    fn needs_person(&self) -> bool {
        self.mfa.is_some()
    }
}

/// Reads a tag, written `key=value`.
///
/// # Errors
/// When there is no `=`, or STS would not take the key or the value.
pub fn tag(text: &str) -> Result<(String, String), ProviderError> {
    let (key, value) = text.split_once('=').ok_or_else(|| {
        let what = format!("session tag {:?} is not key=value", printable(text, 100));
        ProviderError::new(what, Retry::Never)
    })?;
    let tag = (key.trim().to_owned(), value.trim().to_owned());
    check_tags(std::slice::from_ref(&tag))?;
    Ok(tag)
}

/// Checks tags as STS does (API reference, `Tag`): sizes, characters, and no key twice whatever its case.
fn check_tags(tags: &[(String, String)]) -> Result<(), ProviderError> {
    let fail = |what: String| Err(ProviderError::new(what, Retry::Never));
    if tags.len() > TAGS_MAX {
        return fail(format!("{} session tags are more than the {TAGS_MAX} that STS takes", tags.len()));
    }
    let good = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c));
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in tags {
        let shown = printable(key, 128);
        if !(1..=128).contains(&key.chars().count()) || !good(key) {
            return fail(format!("{shown:?} is not the key of a session tag"));
        }
        if value.chars().count() > 256 || !good(value) {
            return fail(format!("the value of session tag {shown:?} is not one that STS takes"));
        }
        if !seen.insert(key.to_lowercase()) {
            return fail(format!("session tag {shown:?} is given twice"));
        }
    }
    Ok(())
}

/// Names a session after the second it is asked for, for those who gave it no name.
///
/// The name is the client's choice, so it carries nothing about the person or the machine.
pub fn session_name_at(now: jiff::Timestamp) -> SessionName {
    format!("pintail-{}", now.as_second()).parse().expect("letters, a hyphen and digits are a session name")
}

/// Returns the credential to ask with.
pub(super) async fn base_credential(
    base: &dyn CredentialSource,
    what: &str,
) -> Result<Arc<Credential>, ProviderError> {
    match base.credential().await {
        Ok(Some(credential)) => Ok(credential),
        Ok(None) => {
            let what = format!("{what}: anonymous access has no credential to ask with");
            Err(ProviderError::new(what, Retry::Never))
        }
        Err(error) => {
            let what = format!("{what}: there is no credential to ask with");
            Err(ProviderError::new(what, error.retry).because(error))
        }
    }
}

/// Tells the base that STS refused its credential, if that is what happened.
pub(super) fn say_refused(
    base: &dyn CredentialSource,
    credential: &Credential,
    error: &ExchangeError,
) -> bool {
    let refused = error.retry() == Retry::AfterRenewal;
    if refused {
        base.refused(credential);
    }
    refused
}

/// Gives a call its time.
pub(super) async fn within(
    endpoint: &StsEndpoint,
    asked: impl Future<Output = Result<Exchanged, ExchangeError>>,
) -> Result<Exchanged, ExchangeError> {
    tokio::time::timeout(STS_MAX, asked).await.unwrap_or_else(|_| {
        let host = endpoint.url().host_str().unwrap_or_default().to_owned();
        Err(ExchangeError::Http(HttpError { kind: HttpErrorKind::Timeout, host, source: None }))
    })
}

#[cfg(test)]
mod tests;
