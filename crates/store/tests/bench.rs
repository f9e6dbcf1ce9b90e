//! The promises, kept on servers that we did not write. Needs the bench: run through `cargo xtask test`.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod support;

mod seaweedfs {
    use std::sync::Arc;

    use pintail_store::ObjectStore;
    use pintail_store::conformance::Capabilities;
    use pintail_store::transport::TlsTrust;
    use pintail_testkit::bench::Bench;

    use crate::support::{Service, store};

    /// What SeaweedFS 4.48 does otherwise than S3 (seen by running this suite without the exceptions).
    const CAPABILITIES: Capabilities = Capabilities {
        // `a//b` becomes `a/b`, a leading `/` is dropped, `.` and `..` are refused.
        verbatim_keys: false,
        // Its folders are entries of their own: they sort as such and hold no bytes.
        byte_order: false,
        filled_folders: false,
        replaced_parts_vanish: false,
        // The second page of uploads is always empty.
        lists_uploads: false,
        ..Capabilities::ALL
    };

    mod over_http {
        async fn service() -> std::sync::Arc<dyn pintail_store::ObjectStore> {
            super::open(false)
        }

        pintail_store::conformance_cases!(service, super::CAPABILITIES);
    }

    mod over_tls {
        async fn service() -> std::sync::Arc<dyn pintail_store::ObjectStore> {
            super::open(true)
        }

        pintail_store::conformance_cases!(service, super::CAPABILITIES);
    }

    fn open(tls: bool) -> Arc<dyn ObjectStore> {
        let bench = Bench::load();
        let server = bench.seaweedfs();
        let (url, trust) = match tls {
            false => (&server.url, TlsTrust::System),
            true => {
                let ca = server.ca_file.as_ref().expect("the bench has a CA");
                let url = server.tls_url.as_ref().expect("the bench serves TLS");
                (url, TlsTrust::Bundle(std::fs::read(ca).unwrap()))
            }
        };
        Arc::new(store(&Service {
            url,
            region: &server.region,
            access_key_id: &server.root_access_key,
            secret_access_key: &server.root_secret_key,
            trust,
        }))
    }
}
