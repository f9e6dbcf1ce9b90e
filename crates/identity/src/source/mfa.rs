//! The second factor: who is asked for the code, and what happens where nobody can be.

use std::fmt;
use std::sync::Arc;

use pintail_core::retry::Retry;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;

use super::ProviderError;
use crate::oidc::untrusted::printable;
use crate::sts::{ExchangeError, MfaProof};

/// Asks the person for the code that an MFA device shows.
///
/// Contract: each call asks anew. A code is good for one call, so none is ever given twice.
pub trait MfaCode: Send + Sync + fmt::Debug {
    /// Asks for the code of the device with this ARN or number.
    fn code(&self, serial: &str) -> BoxFuture<'_, Result<Secret, ProviderError>>;
}

/// Nobody can be asked: programs that run for other programs, and jobs without a terminal.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMfa;

impl MfaCode for NoMfa {
    fn code(&self, serial: &str) -> BoxFuture<'_, Result<Secret, ProviderError>> {
        let what =
            format!("the code of MFA device {:?} is needed, and nobody can be asked", printable(serial, 256));
        let next = "Sign in once in a terminal, where the code can be typed; then run this again.";
        let error = ProviderError::new(what, Retry::AfterSignIn).with_next(next);
        Box::pin(async { Err(error) })
    }
}

/// A device, and who is asked for its code.
#[derive(Clone, Debug)]
pub struct Mfa {
    serial: String,
    code: Arc<dyn MfaCode>,
}

impl Mfa {
    /// Names a device by its ARN, or by the number printed on it.
    ///
    /// # Errors
    /// When it is not such a name (STS API reference, `SerialNumber`: 9 to 256 letters, digits and `_ + = / : , . @ -`).
    pub fn new(serial: &str, code: Arc<dyn MfaCode>) -> Result<Self, ProviderError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=/:,.@-".contains(&byte);
        if !(9..=256).contains(&serial.len()) || !serial.bytes().all(good) {
            let what =
                format!("{:?} is neither the ARN nor the number of an MFA device", printable(serial, 256));
            return Err(ProviderError::new(what, Retry::Never));
        }
        Ok(Self { serial: serial.to_owned(), code })
    }

    /// Asks for a code, and looks at it before STS does.
    pub(super) async fn proof(&self) -> Result<MfaProof, ProviderError> {
        let typed = self.code.code(&self.serial).await?;
        // Apps show codes in two groups of three.
        let code = Secret::new(typed.expose().trim().replace(' ', ""));
        if code.expose().len() != 6 || !code.expose().bytes().all(|byte| byte.is_ascii_digit()) {
            let what = format!("the code of MFA device {:?} is not six digits", self.serial);
            return Err(ProviderError::new(what, Retry::AfterSignIn));
        }
        Ok(MfaProof { serial: self.serial.clone(), code })
    }

    /// Makes the error of a call with a code. Another attempt needs another code, which only the person has.
    pub(super) fn failed(&self, what: &str, error: ExchangeError) -> ProviderError {
        let rejected = error.refusal().is_some_and(|refusal| {
            refusal.message.to_ascii_lowercase().contains("multifactorauthentication")
        });
        let (what, retry) = if rejected {
            (format!("STS did not accept the code of MFA device {:?}", self.serial), Retry::AfterSignIn)
        } else {
            (what.to_owned(), after(&error))
        };
        let failed = ProviderError::new(what, retry).because(error);
        if rejected {
            failed
                .with_next("Wait for the next code, and check the clock of the device and the device's name.")
        } else {
            failed
        }
    }
}

/// What would have to change. A renewal that has failed is not mended by another one at once.
pub(super) fn after(error: &ExchangeError) -> Retry {
    match error.retry() {
        Retry::AfterRenewal => Retry::Backoff,
        retry => retry,
    }
}
