//! What the tests of providers share.

use std::sync::Arc;

use pintail_core::seam::{ManualClock, ScriptedHttp, SeededRandom};
use url::Url;

use super::{ProviderContext, ProviderError};
use crate::sts::{EndpointChoice, StsEndpoint};

pub(super) const NOW: &str = "2026-11-23T12:00:00Z";

pub(super) const METADATA: &str = r#"{"Code":"Success","AccessKeyId":"ASIAINSTANCE","SecretAccessKey":"hunter2-secret","Token":"hunter2-token","Expiration":"2026-11-23T18:00:00Z"}"#;

pub(super) const STS: &str = "<R><Credentials><AccessKeyId>ASIANEW</AccessKeyId><SecretAccessKey>hunter2-secret</SecretAccessKey><SessionToken>hunter2-token</SessionToken><Expiration>2026-11-23T13:00:00Z</Expiration></Credentials></R>";

pub(super) fn context() -> (ProviderContext, Arc<ScriptedHttp>, Arc<ManualClock>) {
    let http = Arc::new(ScriptedHttp::default());
    let clock = Arc::new(ManualClock::new(NOW.parse().unwrap()));
    let context = ProviderContext {
        http: Arc::<ScriptedHttp>::clone(&http),
        clock: Arc::<ManualClock>::clone(&clock),
        random: Arc::new(SeededRandom::new(1)),
    };
    (context, http, clock)
}

pub(super) fn endpoint() -> StsEndpoint {
    StsEndpoint::new(&EndpointChoice::Regional, &"eu-central-1".parse().unwrap()).unwrap()
}

pub(super) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// The whole chain of an error, as a log would show it.
pub(super) fn chain(error: &ProviderError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    assert!(!text.contains("hunter2") && !format!("{error:?}").contains("hunter2"), "{error:?}");
    text
}
