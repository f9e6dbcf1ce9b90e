//! A wish and facts that tests begin with.

use crate::setup::desired::{Access, AccountWish, CredentialFrom, Endpoints, People, PlaceWish};
use crate::setup::plan::Facts;
use pintail_core::name::Partition;

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const CLIENT: &str = "99999999-8888-7777-6666-555555555555";

/// Returns an account with one bucket to read and write.
pub(crate) fn wish() -> AccountWish {
    AccountWish {
        account: Some("123456789012".parse().unwrap()),
        partition: Partition::Aws,
        credential: CredentialFrom::Environment,
        region: "eu-central-1".parse().unwrap(),
        role: "PintailS3".into(),
        role_path: "/".into(),
        session_s: 43_200,
        places: vec![place("data", "", Access::ReadWrite)],
        list_all_buckets: false,
        people: People::AppAssignment,
        require_mfa: false,
        honest_session_names: false,
        session_tags: false,
        endpoints: Endpoints::default(),
    }
}

/// Returns a place without a key.
pub(crate) fn place(bucket: &str, prefix: &str, access: Access) -> PlaceWish {
    PlaceWish { bucket: bucket.parse().unwrap(), prefix: prefix.parse().unwrap(), access, kms_key: None }
}

/// Returns what is known of a tenant with an application.
pub(crate) fn facts() -> Facts {
    Facts {
        issuer: format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        tenant: Some(TENANT.into()),
        tenant_name: Some("Contoso".into()),
        client_id: Some(CLIENT.parse().unwrap()),
    }
}
