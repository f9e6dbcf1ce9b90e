//! Client assertions (`private_key_jwt`): a JWT signed with a certificate that the app registered.

use jiff::Timestamp;

use super::errors::Refusal;
use crate::jose::{Jwt, verify_rsa_der};
use crate::world::directory::App;

pub(super) fn check(token: &str, app: &App, authority: &str, now: Timestamp) -> Result<(), Refusal> {
    let fault = |number, text: &str| Refusal::new(number, "invalid_client", text);
    let jwt = Jwt::parse(token).ok_or_else(|| fault(50_027, "JWT token is invalid or malformed."))?;
    let named =
        ["x5t#S256", "x5t", "kid"].iter().find_map(|name| jwt.header[*name].as_str()).unwrap_or_default();
    let certificate = app.certificates.iter().find(|certificate| certificate.thumbprint == named).ok_or_else(|| {
        fault(700_027, "The certificate with identifier used to sign the client assertion is not registered on application.")
    })?;
    if !verify_rsa_der(&jwt, &certificate.public_key_der) {
        return Err(fault(700_027, "Client assertion failed signature validation."));
    }
    if jwt.claims["iss"] != app.client_id.as_str() || jwt.claims["sub"] != app.client_id.as_str() {
        return Err(fault(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter.",
        ));
    }
    if !jwt.claims["aud"].as_str().is_some_and(|audience| audience.starts_with(authority)) {
        return Err(fault(700_023, "Client assertion audience claim does not match Realm issuer."));
    }
    if jwt.claims["exp"].as_i64().is_none_or(|expires| expires <= now.as_second()) {
        return Err(fault(700_024, "Client assertion is not within its valid time range."));
    }
    Ok(())
}
