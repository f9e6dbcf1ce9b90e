//! What is wanted, as a TOML file that reads as the same.
//!
//! Pure. Only what differs from what is read without it is written, except where a reader of the file would ask.

use std::fmt::Write as _;

use super::draft::VERSION;
use super::{Access, AccountWish, CredentialFrom, Desired, Endpoints, EntraWish, IssuerWish, People};

impl Desired {
    /// Writes the file.
    pub(crate) fn to_toml(&self) -> String {
        let mut text = format!("version = {VERSION}\n");
        match &self.issuer {
            IssuerWish::Entra(wish) => entra(&mut text, wish),
            IssuerWish::Other(wish) => {
                text.push_str("\n[issuer]\n");
                line(&mut text, "url", &quoted(&wish.url));
                line(&mut text, "client-id", &quoted(wish.client_id.as_str()));
            }
        }
        for wish in &self.accounts {
            account(&mut text, wish, self.issuer.entra().is_some());
        }
        text.push_str("\n[bookmark]\n");
        line(&mut text, "name", &quoted(self.bookmark.name.as_str()));
        if let Some(start) = &self.bookmark.start {
            line(&mut text, "path", &quoted(start));
        }
        text
    }
}

fn entra(text: &mut String, wish: &EntraWish) {
    text.push_str("\n[entra]\n");
    line(text, "tenant", &quoted(&wish.tenant.to_string()));
    if let Some(authority) = &wish.authority {
        line(text, "authority", &quoted(authority.as_str()));
    }
    line(text, "app-name", &quoted(&wish.app_name));
    line(text, "redirects", &list(&wish.redirects));
    line(text, "device-code", &wish.device_code.to_string());
    line(text, "assignment-required", &wish.assignment_required.to_string());
    if !wish.groups.is_empty() {
        line(text, "groups", &list(&wish.groups));
    }
    if !wish.users.is_empty() {
        line(text, "users", &list(&wish.users));
    }
    if !wish.claims.is_empty() {
        line(text, "claims", &list(wish.claims.iter().map(|claim| claim.name())));
    }
    if !wish.aws_claims.is_empty() {
        text.push_str("\n[entra.aws-claims]\n");
        for (tag, attribute) in &wish.aws_claims {
            line(text, &quoted(tag), &quoted(&format!("user.{attribute}")));
        }
    }
}

fn account(text: &mut String, wish: &AccountWish, is_entra: bool) {
    text.push_str("\n[[aws]]\n");
    if let Some(account) = &wish.account {
        line(text, "account", &quoted(account.as_str()));
    }
    match &wish.credential {
        CredentialFrom::Environment => {}
        CredentialFrom::Profile(name) => line(text, "profile", &quoted(name)),
        CredentialFrom::Bookmark(name) => line(text, "bookmark", &quoted(name.as_str())),
    }
    if wish.partition != wish.region.partition() {
        line(text, "partition", &quoted(wish.partition.name()));
    }
    line(text, "region", &quoted(wish.region.as_str()));
    line(text, "role", &quoted(&wish.role));
    if wish.role_path != "/" {
        line(text, "role-path", &quoted(&wish.role_path));
    }
    line(text, "session-hours", &(wish.session_s / 3600).to_string());
    places(text, wish);
    match &wish.people {
        People::AppAssignment if is_entra => {}
        People::AppAssignment => line(text, "people", &quoted("assigned")),
        People::RolesClaim => line(text, "people", &quoted("roles-claim")),
        People::Subjects(subjects) => line(text, "people", &list(subjects)),
    }
    for (key, said, usual) in [
        ("list-all-buckets", wish.list_all_buckets, false),
        ("require-mfa", wish.require_mfa, false),
        ("honest-session-names", wish.honest_session_names, true),
        ("session-tags", wish.session_tags, false),
    ] {
        if said != usual {
            line(text, key, &said.to_string());
        }
    }
    endpoints(text, &wish.endpoints);
}

/// The access that most places have is said once.
fn places(text: &mut String, wish: &AccountWish) {
    let reading = wish.places.iter().filter(|place| place.access == Access::Read).count();
    let usual = if reading * 2 > wish.places.len() { Access::Read } else { Access::ReadWrite };
    line(text, "access", &quoted(access(usual)));
    let places = wish.places.iter().map(|place| {
        let address = quoted(&place.address());
        let mut more = String::new();
        if place.access != usual {
            let _ = write!(more, ", access = {}", quoted(access(place.access)));
        }
        if let Some(key) = &place.kms_key {
            let _ = write!(more, ", kms-key = {}", quoted(key));
        }
        if more.is_empty() { address } else { format!("{{ place = {address}{more} }}") }
    });
    let places: Vec<_> = places.collect();
    line(text, "buckets", &format!("[{}]", places.join(", ")));
}

fn endpoints(text: &mut String, endpoints: &Endpoints) {
    let all = [("iam", &endpoints.iam), ("sts", &endpoints.sts), ("s3", &endpoints.s3)];
    let said: Vec<_> = all
        .iter()
        .filter_map(|(name, url)| url.as_ref().map(|url| format!("{name} = {}", quoted(url.as_str()))))
        .collect();
    if !said.is_empty() {
        line(text, "endpoints", &format!("{{ {} }}", said.join(", ")));
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Read => "read",
        Access::ReadWrite => "read-write",
    }
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<_> = texts.into_iter().map(|text| quoted(text.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

/// Writes a basic string. JSON's escapes are all TOML's as well; TOML escapes one more character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}
