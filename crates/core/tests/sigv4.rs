//! Our signatures against botocore's (`vectors/sigv4.json`, made by `vectors/generate.py`).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use pintail_core::credential::Credential;
use pintail_core::secret::Secret;
use pintail_core::sign::{Payload, Scope, Signer, Target};
use serde_json::Value;

#[test]
fn every_signature_is_botocores() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/sigv4.json")).unwrap();
    let now = vectors["now"].as_str().unwrap().parse().unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 10);
    let signer = Signer::new();
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap_or_default();
        let name = text("name");
        let credential = Credential {
            access_key_id: text("access_key_id").into(),
            secret_access_key: Secret::new(text("secret_access_key")),
            session_token: case["session_token"].as_str().map(Secret::new),
            expires_at: None,
        };
        let (before_query, query) = text("url").split_once('?').unwrap_or_else(|| (text("url"), ""));
        let (_, rest) = before_query.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        let target = Target { method: text("method"), host, path, query };
        let scope = Scope { region: text("region"), service: text("service") };
        let mut headers = HeaderMap::new();
        for (name, value) in case["headers"].as_object().unwrap() {
            let name: HeaderName = name.parse().unwrap();
            if name != "x-amz-content-sha256" {
                headers.insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
            }
        }
        if text("kind") == "query" {
            let life = Duration::from_secs(case["expires_s"].as_u64().unwrap());
            let query = signer.presign(&credential, scope, target, &headers, life, now);
            assert_eq!(sorted(&query), sorted(text("signed_url").split_once('?').unwrap().1), "{name}");
        } else {
            let payload = match case["headers"]["x-amz-content-sha256"].as_str() {
                Some("UNSIGNED-PAYLOAD") => Payload::Unsigned,
                Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") => Payload::UnsignedChunksWithTrailer,
                _ => Payload::of(text("body").as_bytes()),
            };
            // A second attempt must not see the first one's headers.
            for _ in 0..2 {
                signer.sign(&credential, scope, target, &mut headers, payload, now);
                assert_eq!(headers["authorization"], text("authorization"), "{name}");
            }
        }
    }
}

fn sorted(query: &str) -> Vec<&str> {
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    pairs
}
