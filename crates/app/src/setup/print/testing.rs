//! Wishes that tests print.

use std::collections::{BTreeMap, BTreeSet};

use pintail_core::name::Tenant;

use super::super::aws::policies::testing as aws;
use super::super::desired::{BookmarkWish, Desired, EntraWish, ExtraClaim, IssuerWish, OtherIssuer};

/// Returns a tenant and an account with a bucket.
pub(super) fn entra() -> Desired {
    Desired {
        issuer: IssuerWish::Entra(EntraWish {
            tenant: Tenant::Guid(aws::TENANT.into()),
            authority: None,
            app_name: "Pintail".into(),
            redirects: vec!["http://localhost".into()],
            device_code: false,
            assignment_required: true,
            groups: vec!["S3 users".into()],
            users: Vec::new(),
            claims: BTreeSet::from([ExtraClaim::Email, ExtraClaim::Amr]),
            aws_claims: BTreeMap::new(),
        }),
        accounts: vec![aws::wish()],
        bookmark: BookmarkWish { name: "contoso".parse().unwrap(), start: None },
    }
}

/// Returns another issuer and an account with a bucket.
pub(super) fn other() -> Desired {
    let issuer =
        OtherIssuer { url: "https://sso.example/realms/a".into(), client_id: "pintail".parse().unwrap() };
    Desired { issuer: IssuerWish::Other(issuer), ..entra() }
}
