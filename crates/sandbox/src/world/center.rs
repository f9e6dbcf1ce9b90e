//! IAM Identity Center's state: registered clients, sign-ins under way, tokens, and who may be what where.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

/// The scope that lets a client list accounts and fetch credentials, and renew its token.
pub(crate) const ACCESS_SCOPE: &str = "sso:account:access";

/// An account of the organisation as the access portal shows it.
#[derive(Clone, Debug)]
pub(crate) struct PortalAccount {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) email: String,
}

/// A person's permission set in an account, and the role it stands for there.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) username: String,
    pub(crate) account_id: String,
    pub(crate) permission_set: String,
    /// The name of the role, `AWSReservedSSO_…`.
    pub(crate) role_name: String,
}

/// A client that registered itself.
#[derive(Clone)]
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) expires: Timestamp,
    /// Empty for a client of the old kind, which gets no refresh token.
    pub(crate) scopes: Vec<String>,
    /// Empty means device code alone, as before grant types could be named.
    pub(crate) grant_types: Vec<String>,
    pub(crate) redirect_uris: Vec<String>,
}

/// How far a sign-in got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Pending,
    Approved { username: String },
    Declined,
    Redeemed,
}

/// A device sign-in.
#[derive(Clone)]
pub(crate) struct DeviceGrant {
    pub(crate) client_id: String,
    pub(crate) user_code: String,
    pub(crate) expires: Timestamp,
    pub(crate) last_poll: Option<Timestamp>,
    pub(crate) progress: Progress,
}

/// A checked authorize request.
#[derive(Clone)]
pub(crate) struct CodeRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    /// The S256 challenge.
    pub(crate) challenge: String,
}

/// An authorization code that was handed out.
#[derive(Clone)]
pub(crate) struct CodeGrant {
    pub(crate) request: CodeRequest,
    pub(crate) username: String,
    pub(crate) expires: Timestamp,
    pub(crate) redeemed: bool,
}

/// What a page in a browser is for.
#[derive(Clone)]
pub(crate) enum Errand {
    Code(CodeRequest),
    Device { device_code: String },
}

/// A page shown to a person who has not finished.
#[derive(Clone)]
pub(crate) struct PendingPage {
    pub(crate) errand: Errand,
    /// Set once the password was right.
    pub(crate) username: Option<String>,
}

/// An access or a refresh token.
#[derive(Clone)]
pub(crate) struct CenterToken {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) expires: Timestamp,
    /// Tokens of one sign-in end together.
    pub(crate) session: String,
    /// When the sign-in itself ends, whatever is renewed.
    pub(crate) session_ends: Timestamp,
}

/// Everything of the instance.
#[derive(Default)]
pub(crate) struct Center {
    pub(crate) accounts: Vec<PortalAccount>,
    pub(crate) assignments: Vec<Assignment>,
    /// By client ID.
    pub(crate) clients: HashMap<String, Registration>,
    /// By device code.
    pub(crate) devices: HashMap<String, DeviceGrant>,
    pub(crate) codes: HashMap<String, CodeGrant>,
    pub(crate) pending: HashMap<String, PendingPage>,
    pub(crate) access_tokens: HashMap<String, CenterToken>,
    pub(crate) refresh_tokens: HashMap<String, CenterToken>,
}

impl Center {
    /// The accounts in which somebody may be something, by ID.
    pub(crate) fn accounts_of(&self, username: &str) -> Vec<&PortalAccount> {
        let found: BTreeMap<&str, &PortalAccount> = self
            .accounts
            .iter()
            .filter(|account| self.assigned(username, &account.id).next().is_some())
            .map(|account| (account.id.as_str(), account))
            .collect();
        found.into_values().collect()
    }

    /// What somebody may be in an account.
    pub(crate) fn assigned<'a>(
        &'a self,
        username: &'a str,
        account_id: &'a str,
    ) -> impl Iterator<Item = &'a Assignment> {
        self.assignments.iter().filter(move |assignment| {
            assignment.username.eq_ignore_ascii_case(username) && assignment.account_id == account_id
        })
    }

    /// Ends a sign-in: its tokens are worth nothing from now on.
    pub(crate) fn end(&mut self, session: &str) {
        self.access_tokens.retain(|_, token| token.session != session);
        self.refresh_tokens.retain(|_, token| token.session != session);
    }

    /// Ends every sign-in of a person.
    pub(crate) fn revoke(&mut self, username: &str) {
        self.access_tokens.retain(|_, token| !token.username.eq_ignore_ascii_case(username));
        self.refresh_tokens.retain(|_, token| !token.username.eq_ignore_ascii_case(username));
    }
}
