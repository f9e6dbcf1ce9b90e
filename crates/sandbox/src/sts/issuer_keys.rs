//! The published keys of an issuer, fetched through its discovery document as AWS does it, and kept.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::clock::after;
use crate::jose::Jwt;
use crate::locked;
use crate::web;

/// Keys are read again after a day even if nothing unknown turns up.
const KEPT_S: i64 = 86_400;
/// AWS takes no issuer with more RSA keys than this.
const RSA_KEYS_LIMIT: usize = 100;

/// Keys by issuer.
#[derive(Debug, Default)]
pub(crate) struct IssuerKeys {
    kept: Mutex<HashMap<String, (Timestamp, Vec<Value>)>>,
}

/// Why no key could be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// Nobody answers at the issuer's address, or not in time.
    Unreachable,
    /// The issuer answers, but no fitting key is there.
    NoKey,
}

impl IssuerKeys {
    /// Finds the key that a token names, asking the issuer when it is not among the kept ones.
    pub(super) async fn find(&self, issuer: &str, jwt: &Jwt, now: Timestamp) -> Result<Value, KeyFault> {
        let kept = locked(&self.kept).get(issuer).filter(|(read, _)| after(*read, KEPT_S) > now).cloned();
        if let Some(key) = kept.and_then(|(_, keys)| pick(&keys, jwt)) {
            return Ok(key);
        }
        let keys = fetch(issuer).await?;
        let key = pick(&keys, jwt);
        locked(&self.kept).insert(issuer.to_owned(), (now, keys));
        key.ok_or(KeyFault::NoKey)
    }
}

fn pick(keys: &[Value], jwt: &Jwt) -> Option<Value> {
    let id = jwt.header["kid"].as_str()?;
    keys.iter().find(|key| key["kid"] == id).cloned()
}

async fn fetch(issuer: &str) -> Result<Vec<Value>, KeyFault> {
    let configuration = read(&format!("{issuer}/.well-known/openid-configuration")).await?;
    if configuration["issuer"] != issuer {
        return Err(KeyFault::NoKey);
    }
    let address = configuration["jwks_uri"].as_str().ok_or(KeyFault::NoKey)?;
    let set = read(address).await?;
    let keys = set["keys"].as_array().cloned().ok_or(KeyFault::NoKey)?;
    let rsa_count = keys.iter().filter(|key| key["kty"] == "RSA").count();
    if rsa_count > RSA_KEYS_LIMIT { Err(KeyFault::NoKey) } else { Ok(keys) }
}

async fn read(address: &str) -> Result<Value, KeyFault> {
    let url = Url::parse(address).map_err(|_| KeyFault::NoKey)?;
    let response = match web::send(Method::GET, &url, &[], Bytes::new()).await {
        Ok(response) => response,
        // Other machines are out of reach on purpose: to the caller they have no key, as for AWS a private host.
        Err(web::WebError::NotLoopback(_)) => return Err(KeyFault::NoKey),
        Err(error) => {
            tracing::debug!(%error, "issuer does not answer");
            return Err(KeyFault::Unreachable);
        }
    };
    if response.status() != StatusCode::OK {
        return Err(KeyFault::NoKey);
    }
    serde_json::from_slice(response.body()).map_err(|_| KeyFault::NoKey)
}
