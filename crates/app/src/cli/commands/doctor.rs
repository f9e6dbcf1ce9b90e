//! `pintail doctor`

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pintail_core::secret::Secret;
use zeroize::Zeroizing;

use super::bookmark_name;
use super::login::accept;
use crate::cli::{Failure, Outcome, render::Output, show};
use crate::doctor::checks::Selection;
use crate::doctor::token::TokenAtHand;
use crate::doctor::{self, Admin, Level, Request, SignInFailure};
use crate::explain::Exit;
use crate::ops::policy::refuse_token;
use crate::ops::{App, Error, sign_in};

/// Find the broken link between you and your data, and say how to mend it
///
/// Looks at this machine, the issuer, the sign-in, STS, IAM and S3, in this order, and names what to mend first. Nothing is changed. What
/// an admin has to do is said in one sentence to forward.
///
/// Why a role does not let you in, only IAM tells: give an admin's credential (--aws-profile), or the policies themselves.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The bookmark to look at. Without one, and without a default, this machine alone.
    bookmark: Option<String>,
    /// Sign in first where nobody is, unless the checks before the sign-in find something broken.
    #[arg(long)]
    login: bool,
    /// With --login: print the address instead of opening a browser.
    #[arg(long, requires = "login")]
    no_browser: bool,
    /// Write a scratch object, read it and delete it.
    #[arg(long)]
    write: bool,
    /// Where in S3 to look, in place of the bookmark's own path.
    #[arg(long, value_name = "BUCKET/FOLDER")]
    place: Option<String>,
    /// Run these checks only, and those they need.
    #[arg(long, value_name = "CHECK,…", value_delimiter = ',', help_heading = "Checks")]
    only: Vec<String>,
    /// Leave these checks out.
    #[arg(long, value_name = "CHECK,…", value_delimiter = ',', help_heading = "Checks")]
    skip: Vec<String>,
    /// List the checks.
    #[arg(long, help_heading = "Checks")]
    list: bool,
    /// Read IAM with this AWS profile.
    #[arg(long, value_name = "NAME", group = "admin", help_heading = "As an admin")]
    aws_profile: Option<String>,
    /// Read IAM with this bookmark.
    #[arg(long, value_name = "NAME", group = "admin", help_heading = "As an admin")]
    aws_bookmark: Option<String>,
    /// Read IAM with the keys, or the default profile, of AWS's environment.
    #[arg(long, group = "admin", help_heading = "As an admin")]
    aws_environment: bool,
    /// Hold the token against this trust policy; `-` reads standard input.
    #[arg(long, value_name = "FILE", help_heading = "As an admin")]
    trust_policy: Option<PathBuf>,
    /// Try these permission policies in place of the role's own.
    #[arg(long, value_name = "FILE", help_heading = "As an admin")]
    permission_policy: Vec<PathBuf>,
    /// Take this ID token in place of the one of the sign-in.
    #[arg(long, value_name = "FILE", conflicts_with = "claims", help_heading = "As an admin")]
    token: Option<PathBuf>,
    /// Take these claims (JSON, or a bundle) in place of a token.
    #[arg(long, value_name = "FILE", help_heading = "As an admin")]
    claims: Option<PathBuf>,
    /// Write what was found to a file for support, without secrets and people's names.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

impl Args {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        if self.list {
            show::checks(output)?;
            return Ok(Exit::Done);
        }
        let selection = Selection::of(&self.only, &self.skip).map_err(|name| unknown(&name))?;
        let mut request = self.request(app)?;
        if self.login
            && let Some(name) = &request.name
            && app.connection(name).is_ok_and(|connection| connection.web_identity().is_some())
            && !signed_in(app, name).await
            && can_be_signed_in(app, &request).await
        {
            accept(app, output, name, false).await?;
            let options = sign_in::Options {
                method: sign_in::Method::Redirect,
                open_browser: !self.no_browser,
                account: None,
                fresh: false,
                trust: false,
                timeout: Duration::from_secs(300),
            };
            // Why it fails is what the checks find out.
            if let Err(error) = sign_in::sign_in(app, name, options, &show::SignInTalk::new(output)).await {
                show::sign_in_failed(output, &error);
                request.sign_in_failure = Some(SignInFailure::of(&error));
            }
        }
        let report = doctor::examine(app, &request, &selection).await;
        if let Some(path) = &self.bundle {
            let name = request.name.as_ref();
            let connection = name.and_then(|name| app.connection(name).ok());
            let text = doctor::bundle::text(&report, name, connection.as_ref(), app.environment(), app.now());
            write(path, &text)?;
        }
        show::diagnosis(output, &report, self.bundle.as_deref())?;
        Ok(report.exit())
    }

    fn request(&self, app: &App) -> Result<Request, Error> {
        let given = self.token.is_some() || self.claims.is_some();
        let name = match &self.bookmark {
            Some(text) => Some(bookmark_name(app, Some(text.clone()))?),
            // An admin who was sent a token looks at that; who has no bookmark yet, at the machine.
            None if given => None,
            None => app.default_bookmark().ok(),
        };
        let admin = match (&self.aws_profile, &self.aws_bookmark) {
            (Some(profile), _) => Admin::Profile(profile.clone()),
            (_, Some(bookmark)) => Admin::Bookmark(bookmark.parse()?),
            _ if self.aws_environment => Admin::Environment,
            _ => Admin::Own,
        };
        let place = self.place.as_deref().map(place).transpose()?;
        let read = |path: &PathBuf| read(path).map(|text| text.to_string());
        Ok(Request {
            name,
            write: self.write,
            place,
            admin,
            trust_policy: self.trust_policy.as_ref().map(read).transpose()?,
            permission_policies: self.permission_policy.iter().map(read).collect::<Result<_, _>>()?,
            token: self.token_at_hand()?,
            sign_in_failure: None,
        })
    }

    fn token_at_hand(&self) -> Result<Option<TokenAtHand>, Error> {
        let unusable =
            |path: &Path, error| Error::Usage(format!("{} holds no token: {error}", path.display()));
        if let Some(path) = &self.token {
            refuse_token(path)?;
            let text = read(path)?;
            let token = TokenAtHand::of_token(&Secret::new(text.trim())).map_err(|e| unusable(path, e))?;
            return Ok(Some(token));
        }
        let Some(path) = &self.claims else { return Ok(None) };
        TokenAtHand::of_claims(&read(path)?).map(Some).map_err(|error| unusable(path, error))
    }
}

/// Tells whether a sign-in could end well: a page that shows an error would be waited for in vain.
async fn can_be_signed_in(app: &App, request: &Request) -> bool {
    let before = ["loopback", "scheme", "issuer", "redirect", "client-kind", "keys"].map(str::to_owned);
    let Ok(before) = Selection::of(&before, &[]) else { return true };
    doctor::examine(app, request, &before).await.count(Level::Broken) == 0
}

/// Tells whether the sign-in that is kept can be used.
async fn signed_in(app: &App, name: &pintail_core::name::BookmarkName) -> bool {
    let Ok(identity) = app.identity(name).await else { return false };
    let Ok(session) = identity.any_session() else { return false };
    session.session.id_token().await.is_ok()
}

fn unknown(name: &str) -> Error {
    let known = doctor::checks::CHECKS.iter().map(|check| check.id);
    let near = crate::ops::nearest::nearest(name, known);
    let near = if near.is_empty() { String::new() } else { format!("; near: {}", near.join(", ")) };
    Error::Usage(format!("there is no check {name:?}{near} (`pintail doctor --list` shows them)"))
}

fn place(text: &str) -> Result<(pintail_core::name::BucketName, pintail_core::name::KeyPrefix), Error> {
    let bare = text.strip_prefix("s3://").unwrap_or(text).trim_start_matches('/');
    let (bucket, prefix) = bare.split_once('/').unwrap_or((bare, ""));
    Ok((bucket.parse()?, prefix.parse()?))
}

/// Reads a file, or standard input for `-`.
fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    /// No policy and no token is larger.
    const SIZE_MAX: u64 = 1 << 20;
    let mut text = Zeroizing::new(String::new());
    if path == Path::new("-") {
        std::io::stdin().take(SIZE_MAX).read_to_string(&mut text).map_err(Error::Stdio)?;
    } else {
        let file = fs::File::open(path).map_err(|error| Error::local("read", path, error))?;
        file.take(SIZE_MAX).read_to_string(&mut text).map_err(|error| Error::local("read", path, error))?;
    }
    Ok(text)
}

/// Writes the bundle as a whole, readable by its owner alone.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let failed = |error| Error::local("write", path, error);
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".pintail-bundle-").tempfile_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
