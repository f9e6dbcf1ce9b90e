//! The promises, kept on the sandbox: signatures, checksums and conditions are checked by code that shares none of ours.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

use std::sync::Arc;

use pintail_sandbox::{Options, Sandbox};
use pintail_store::ObjectStore;
use pintail_store::conformance::Capabilities;
use pintail_store::transport::TlsTrust;
use support::{Service, store};

/// What the sandbox does otherwise than S3.
const CAPABILITIES: Capabilities = Capabilities { ..Capabilities::ALL };

async fn service() -> Arc<dyn ObjectStore> {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let summary = sandbox.summary();
    let opened = store(&Service {
        url: &summary.s3_endpoint,
        region: &summary.region,
        access_key_id: &summary.admin.access_key_id,
        secret_access_key: &summary.admin.secret_access_key,
        trust: TlsTrust::System,
    });
    // Its listeners are tasks of the test's runtime and end with it.
    std::mem::forget(sandbox);
    Arc::new(opened)
}

pintail_store::conformance_cases!(service, CAPABILITIES);
