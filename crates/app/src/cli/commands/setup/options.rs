//! What is wanted, as options: each says what a key of the file says, and wins over it.

use std::path::PathBuf;

use pintail_core::name::BookmarkName;

use crate::cli::Failure;
use crate::ops::{App, Error};
use crate::setup::desired::Draft;
use crate::setup::saved;

/// What is wanted.
#[derive(Debug, Default, clap::Args)]
pub(super) struct WishOptions {
    /// The TOML file that says what is wanted; options win over it.
    #[arg(long, short, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The tenant, by its ID or a domain.
    #[arg(long, value_name = "TENANT", help_heading = "Entra")]
    tenant: Option<String>,
    /// Another cloud than the global one, by the address of its authority.
    #[arg(long, value_name = "URL", help_heading = "Entra")]
    authority: Option<String>,
    /// The name of the application.
    #[arg(long, value_name = "NAME", help_heading = "Entra")]
    app_name: Option<String>,
    /// A group that may use it, by its name or ID. May stand several times.
    #[arg(long, value_name = "GROUP", help_heading = "Entra")]
    group: Vec<String>,
    /// A user that may use it, by NAME@DOMAIN or ID, or `me`. May stand several times.
    #[arg(long, value_name = "USER", help_heading = "Entra")]
    user: Vec<String>,
    /// Everybody in the tenant may use it, assigned or not.
    #[arg(long, conflicts_with_all = ["group", "user"], help_heading = "Entra")]
    everybody: bool,
    /// How answers come back: `loopback`, `cyberduck`, `mountain-duck`, `pintail`, or an address. `loopback` is always there.
    #[arg(long, value_name = "REDIRECT", help_heading = "Entra")]
    redirect: Vec<String>,
    /// Allow sign-in by device code.
    #[arg(long, help_heading = "Entra")]
    device_code: bool,
    /// A claim that the token carries: amr, email, groups, login_hint. May stand several times.
    #[arg(long, value_name = "CLAIM", help_heading = "Entra")]
    claim: Vec<String>,
    /// Another issuer than Entra, by its address exactly as its tokens have it; only AWS is set up then.
    #[arg(long, value_name = "URL", conflicts_with_all = ["tenant", "authority"], requires = "client_id", help_heading = "Another issuer")]
    issuer: Option<String>,
    /// The application's ID at that issuer.
    #[arg(long, value_name = "ID", requires = "issuer", help_heading = "Another issuer")]
    client_id: Option<String>,
    /// A subject (`sub`) that may take the role. May stand several times.
    #[arg(long, value_name = "SUBJECT", help_heading = "Another issuer")]
    subject: Vec<String>,
    /// Everybody that the issuer gives a token for this application may take the role.
    #[arg(long, conflicts_with = "subject", help_heading = "Another issuer")]
    everybody_signed_in: bool,
    /// The AWS account that the credential has to belong to.
    #[arg(long, value_name = "ACCOUNT", help_heading = "AWS")]
    account: Option<String>,
    /// The profile of AWS's tools to set up with; without it the environment's credential is used.
    #[arg(long, value_name = "PROFILE", conflicts_with = "aws_bookmark", help_heading = "AWS")]
    aws_profile: Option<String>,
    /// The bookmark to set up with.
    #[arg(long, value_name = "BOOKMARK", help_heading = "AWS")]
    aws_bookmark: Option<String>,
    /// The region.
    #[arg(long, value_name = "REGION", help_heading = "AWS")]
    region: Option<String>,
    /// The name of the role.
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    role_name: Option<String>,
    /// A bucket or a part of one: `data`, `s3://data/in/`. May stand several times.
    #[arg(long, value_name = "PLACE", help_heading = "AWS")]
    bucket: Vec<String>,
    /// The buckets may be read only.
    #[arg(long, help_heading = "AWS")]
    read_only: bool,
    /// How long a session may live, in hours.
    #[arg(long, value_name = "HOURS", help_heading = "AWS")]
    session_hours: Option<i64>,
    /// Only those who signed in with a second factor.
    #[arg(long, help_heading = "AWS")]
    require_mfa: bool,
    /// The role may see the names of all buckets.
    #[arg(long, help_heading = "AWS")]
    list_all_buckets: bool,
    /// Where IAM is, if not at Amazon.
    #[arg(long, value_name = "URL", help_heading = "AWS")]
    iam_endpoint: Option<String>,
    /// Where STS is, if not at Amazon.
    #[arg(long, value_name = "URL", help_heading = "AWS")]
    sts_endpoint: Option<String>,
    /// Where S3 is, if not at Amazon.
    #[arg(long, value_name = "URL", help_heading = "AWS")]
    s3_endpoint: Option<String>,
    /// The name of the bookmark to hand out.
    #[arg(long, value_name = "NAME", help_heading = "Bookmark")]
    bookmark: Option<String>,
    /// The bucket and folder that the bookmark starts in.
    #[arg(long, value_name = "PATH", help_heading = "Bookmark")]
    path: Option<String>,
}

impl WishOptions {
    /// Returns the bookmark that is named.
    pub(super) fn bookmark(&self) -> Result<Option<BookmarkName>, Failure> {
        super::bookmark_name(self.bookmark.as_deref())
    }

    /// Returns the setup that is gone on with: one that is kept, when neither a tenant nor an issuer is named.
    pub(super) fn continues(&self, app: &App) -> Option<BookmarkName> {
        if self.tenant.is_some() || self.issuer.is_some() {
            return None;
        }
        let name: BookmarkName = self.bookmark.as_deref()?.parse().ok()?;
        saved::path(app, &name).exists().then_some(name)
    }

    /// Puts the options into a draft.
    pub(super) fn apply(&self, draft: &mut Draft) -> Result<(), Failure> {
        if draft.accounts() > 1 && self.says_of_an_account() {
            let what = "the file has several accounts: options for one of them would be for the first only";
            return Err(Error::Usage(what.to_owned()).into());
        }
        let texts = [
            ("entra.tenant", &self.tenant),
            ("entra.authority", &self.authority),
            ("entra.app-name", &self.app_name),
            ("issuer.url", &self.issuer),
            ("issuer.client-id", &self.client_id),
            ("aws.account", &self.account),
            ("aws.profile", &self.aws_profile),
            ("aws.bookmark", &self.aws_bookmark),
            ("aws.region", &self.region),
            ("aws.role", &self.role_name),
            ("bookmark.name", &self.bookmark),
            ("bookmark.path", &self.path),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                draft.say(key, text);
            }
        }
        if self.aws_profile.is_some() {
            draft.unsay("aws.bookmark");
        }
        if self.aws_bookmark.is_some() {
            draft.unsay("aws.profile");
        }
        let lists = [
            ("entra.groups", &self.group),
            ("entra.users", &self.user),
            ("entra.claims", &self.claim),
            ("aws.buckets", &self.bucket),
            ("aws.people", &self.subject),
        ];
        for (key, list) in lists {
            if !list.is_empty() {
                draft.say_list(key, list.iter().map(String::as_str));
            }
        }
        if !self.redirect.is_empty() {
            let own = ["loopback"].into_iter();
            draft.say_list("entra.redirects", own.chain(self.redirect.iter().map(String::as_str)));
        }
        if self.everybody {
            draft.say_flag("entra.assignment-required", false);
        }
        if self.everybody_signed_in {
            draft.say("aws.people", "assigned");
        }
        if self.read_only {
            draft.say("aws.access", "read");
        }
        for (key, flag) in [
            ("entra.device-code", self.device_code),
            ("aws.require-mfa", self.require_mfa),
            ("aws.list-all-buckets", self.list_all_buckets),
        ] {
            if flag {
                draft.say_flag(key, true);
            }
        }
        if let Some(hours) = self.session_hours {
            draft.say_number("aws.session-hours", hours);
        }
        let endpoints = [("iam", &self.iam_endpoint), ("sts", &self.sts_endpoint), ("s3", &self.s3_endpoint)];
        let endpoints: Vec<_> =
            endpoints.into_iter().filter_map(|(name, url)| Some((name, url.as_deref()?))).collect();
        if !endpoints.is_empty() {
            draft.say_table("aws.endpoints", &endpoints);
        }
        Ok(())
    }

    fn says_of_an_account(&self) -> bool {
        let texts = [
            &self.account,
            &self.aws_profile,
            &self.aws_bookmark,
            &self.region,
            &self.role_name,
            &self.iam_endpoint,
            &self.sts_endpoint,
            &self.s3_endpoint,
        ];
        texts.into_iter().any(Option::is_some)
            || !self.bucket.is_empty()
            || !self.subject.is_empty()
            || self.session_hours.is_some()
            || self.read_only
            || self.require_mfa
            || self.list_all_buckets
            || self.everybody_signed_in
    }
}
