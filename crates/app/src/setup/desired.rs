//! What an admin wants both clouds to look like: the types, and the rules that hold before anybody is asked.
//!
//! Pure: [`Draft`] takes what a TOML file, the command line and the dialogue say, and reads it into a [`Desired`] or into every
//! fault it has, each with its line and key. The keys are in `docs/formats.md`.

mod draft;
mod read;
mod rules;
#[cfg(test)]
mod tests;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use pintail_core::name::{
    AccountId, BookmarkName, BucketName, ClientId, KeyPrefix, Partition, Region, Tenant,
};
use url::Url;

pub(crate) use self::draft::{Draft, Fault, Faults, Problem};
pub(crate) use self::rules::named_redirect;

/// The one who runs the setup, in a list of users.
pub(crate) const ME: &str = "me";

/// Everything that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desired {
    /// Who signs people in.
    pub(crate) issuer: IssuerWish,
    /// The AWS accounts, at least one.
    pub(crate) accounts: Vec<AccountWish>,
    /// What is handed out at the end.
    pub(crate) bookmark: BookmarkWish,
}

/// Who signs people in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it in a run")]
pub(crate) enum IssuerWish {
    /// A tenant of Microsoft Entra ID, which is set up as well.
    Entra(EntraWish),
    /// Another issuer, which has the application already.
    Other(OtherIssuer),
}

impl IssuerWish {
    /// Returns the Entra side, where there is one.
    pub(crate) fn entra(&self) -> Option<&EntraWish> {
        match self {
            Self::Entra(wish) => Some(wish),
            Self::Other(_) => None,
        }
    }
}

/// What the tenant should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntraWish {
    /// A GUID or a verified domain, never one of the names that stand for many tenants.
    pub(crate) tenant: Tenant,
    /// Another authority than the global one, such as a national cloud or a sandbox.
    pub(crate) authority: Option<Url>,
    /// The name of the application, 1 to 120 characters.
    pub(crate) app_name: String,
    /// Redirect addresses of the platform "Mobile and desktop applications", names resolved.
    pub(crate) redirects: Vec<String>,
    /// Sign-in by device code is allowed ("Allow public client flows").
    pub(crate) device_code: bool,
    /// Only those who are assigned may sign in.
    pub(crate) assignment_required: bool,
    /// Groups to assign: display names or object IDs.
    pub(crate) groups: Vec<String>,
    /// Users to assign: user principal names, object IDs, or [`ME`].
    pub(crate) users: Vec<String>,
    /// Claims that the ID token carries beyond the usual ones.
    pub(crate) claims: BTreeSet<ExtraClaim>,
    /// Session tags: from the tag's key to the attribute of the user (`department`) that it is filled from.
    pub(crate) aws_claims: BTreeMap<String, String>,
}

/// A claim that Entra adds on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ExtraClaim {
    /// `amr`: how the person proved themselves, `mfa` among it.
    Amr,
    /// `email`.
    Email,
    /// `groups`: the object IDs of the groups assigned to the application.
    Groups,
    /// `login_hint`: what spares the person the choice of account next time.
    LoginHint,
}

impl ExtraClaim {
    /// All of them, by name.
    pub(crate) const ALL: [Self; 4] = [Self::Amr, Self::Email, Self::Groups, Self::LoginHint];

    /// Returns the claim's name in a token.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amr => "amr",
            Self::Email => "email",
            Self::Groups => "groups",
            Self::LoginHint => "login_hint",
        }
    }
}

/// An issuer that is not set up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherIssuer {
    /// Its address exactly as `iss` has it.
    pub(crate) url: String,
    /// The application's ID there.
    pub(crate) client_id: ClientId,
}

/// What one AWS account should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountWish {
    /// The account that the credential has to belong to. `None`: whichever it belongs to.
    pub(crate) account: Option<AccountId>,
    /// The separate cloud it is in.
    pub(crate) partition: Partition,
    /// Who acts there.
    pub(crate) credential: CredentialFrom,
    /// The region of the bookmark, and of STS.
    pub(crate) region: Region,
    /// The role's name.
    pub(crate) role: String,
    /// Its path, `/` at both ends.
    pub(crate) role_path: String,
    /// How long its sessions may live, 3600 to 43200 seconds.
    pub(crate) session_s: u32,
    /// What it reaches.
    pub(crate) places: Vec<PlaceWish>,
    /// It may see the names of all buckets of the account.
    pub(crate) list_all_buckets: bool,
    /// Who may take it.
    pub(crate) people: People,
    /// Only those who signed in with a second factor. Needs [`ExtraClaim::Amr`] at Entra, which reading adds.
    pub(crate) require_mfa: bool,
    /// Sessions are named after the token's subject, so that CloudTrail tells who it was.
    pub(crate) honest_session_names: bool,
    /// Tokens carry session tags.
    pub(crate) session_tags: bool,
    /// Other endpoints than Amazon's.
    pub(crate) endpoints: Endpoints,
}

/// Where the services of an account are, where it is not Amazon's own place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// IAM.
    pub(crate) iam: Option<Url>,
    /// STS.
    pub(crate) sts: Option<Url>,
    /// S3.
    pub(crate) s3: Option<Url>,
}

/// Where the admin's credential for an account comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CredentialFrom {
    /// The `AWS_*` variables, else the default profile.
    Environment,
    /// A profile of AWS's tools.
    Profile(String),
    /// A bookmark of Pintail.
    Bookmark(BookmarkName),
}

/// A bucket or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaceWish {
    /// The bucket.
    pub(crate) bucket: BucketName,
    /// Keys begin with it; empty for the whole bucket. Holds none of the characters that IAM reads as a pattern.
    pub(crate) prefix: KeyPrefix,
    /// What may be done there.
    pub(crate) access: Access,
    /// The ARN of the KMS key that its objects are encrypted with.
    pub(crate) kms_key: Option<String>,
}

/// What may be done in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// List and get.
    Read,
    /// And put and delete.
    ReadWrite,
}

/// Who may take a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum People {
    /// Whoever the issuer gives a token for the application: in Entra, those assigned to it.
    AppAssignment,
    /// These subjects (`sub`), at least one.
    Subjects(Vec<String>),
    /// Those whose token names the role in `https://aws.amazon.com/roles`.
    RolesClaim,
}

/// What is handed out at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BookmarkWish {
    /// The bookmark's name; also what everything made is marked with.
    pub(crate) name: BookmarkName,
    /// The bucket and folder to start in.
    pub(crate) start: Option<String>,
}
