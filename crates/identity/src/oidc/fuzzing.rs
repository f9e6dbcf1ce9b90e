//! Doors for the fuzzer, which sees what is public only: a token behind its signature, which no fuzzer can make. Not for use.

use super::claims::Claims;
use super::token_check::Unchecked;

/// Takes any text apart as an ID token, and reads its claims as if its signature were right. Tells how far that went: not a
/// token, a token, or one whose claims can be read.
pub fn id_token(text: &str) -> u8 {
    let Ok(token) = Unchecked::parse(text) else { return 0 };
    let _ = token.kid();
    let Ok(claims) = Claims::parse(token.into_payload()) else { return 1 };
    let _ = (claims.aws_roles(), claims.groups(), claims.app_roles(), claims.names().count());
    2
}
