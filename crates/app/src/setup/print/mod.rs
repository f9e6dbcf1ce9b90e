//! A setup as files, for shops where changes go through others: templates, a script, or what to click.
//!
//! Pure: the same wish, facts and documents that the plan is made of, written for other hands. Nothing is left for a person to
//! compute; the client ID, which Entra chooses, is the one value that may have to be copied, and each file says from where.

pub(crate) mod cli;
pub(crate) mod cloudformation;
mod hcl;
pub(crate) mod parts;
pub(crate) mod portal;
mod shell;
pub(crate) mod terraform;

use clap::ValueEnum;
use pintail_core::name::{AccountId, Tenant};

use self::parts::EntraParts;
use super::aws::policies::{self, TooLong};
use super::desired::{AccountWish, Desired, IssuerWish};
use super::plan::Facts;

/// What to write a setup as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrintKind {
    /// A CloudFormation template for each AWS account.
    Cloudformation,
    /// Terraform for both clouds.
    Terraform,
    /// A shell script with the commands of both clouds.
    Cli,
    /// What to click in both portals.
    Portal,
}

/// A file to write or show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrintedFile {
    /// Its name, without folder.
    pub(crate) name: String,
    /// What stands in it.
    pub(crate) text: String,
    /// It is a program.
    pub(crate) executable: bool,
}

/// What is known of an account beyond the wish, because somebody could look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Its number.
    pub(crate) account: Option<AccountId>,
    /// It has the identity provider already.
    pub(crate) provider_exists: bool,
}

/// Why a setup cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrintError {
    /// What to click cannot be said without the account's number, which stands in what is typed.
    #[error("the number of AWS account {number} is not known")]
    AccountUnknown {
        /// Which of the wish's accounts, from 1.
        number: usize,
    },
    /// IAM has no room for a document.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// Returns what can be known of the issuer without asking anybody. `None` where a tenant is named by its domain.
pub(crate) fn facts_offline(desired: &Desired) -> Option<Facts> {
    match &desired.issuer {
        IssuerWish::Other(other) => Some(Facts {
            issuer: other.url.clone(),
            tenant: None,
            tenant_name: None,
            client_id: Some(other.client_id.clone()),
        }),
        IssuerWish::Entra(wish) => {
            let Tenant::Guid(tenant) = &wish.tenant else { return None };
            let authority = wish.authority.as_ref().map_or(GLOBAL, |url| url.as_str());
            Some(Facts {
                issuer: format!("{}/{tenant}/v2.0", authority.trim_end_matches('/')),
                tenant: Some(tenant.clone()),
                tenant_name: None,
                client_id: None,
            })
        }
    }
}

/// The authority of the global cloud (Microsoft identity platform, "National clouds").
const GLOBAL: &str = "https://login.microsoftonline.com";

/// Writes a setup. `known` stands beside the wish's accounts; fewer entries mean that nobody looked.
///
/// # Errors
/// When IAM has no room for what is wished, or an account's number is needed and not known.
pub(crate) fn render(
    kind: PrintKind,
    desired: &Desired,
    facts: &Facts,
    known: &[Known],
) -> Result<Vec<PrintedFile>, PrintError> {
    for wish in &desired.accounts {
        policies::check(wish, facts)?;
    }
    let unknown = Known::default();
    let accounts: Vec<Account<'_>> = (0..)
        .zip(&desired.accounts)
        .map(|(index, wish)| Account { index, wish, known: known.get(index).unwrap_or(&unknown) })
        .collect();
    let entra = desired.issuer.entra().map(|wish| EntraParts::of(wish, &desired.bookmark.name));
    if let (PrintKind::Portal, Some(unknown)) = (kind, accounts.iter().find(|one| one.number().is_none())) {
        return Err(PrintError::AccountUnknown { number: unknown.index + 1 });
    }
    let print = Print { desired, facts, accounts, entra };
    Ok(match kind {
        PrintKind::Cloudformation => cloudformation::files(&print),
        PrintKind::Terraform => terraform::files(&print),
        PrintKind::Cli => vec![cli::file(&print)],
        PrintKind::Portal => vec![portal::file(&print)],
    })
}

/// Everything that the kinds write from.
struct Print<'a> {
    desired: &'a Desired,
    facts: &'a Facts,
    accounts: Vec<Account<'a>>,
    /// What the tenant is to hold, where it is set up as well.
    entra: Option<EntraParts>,
}

/// An account to write.
struct Account<'a> {
    index: usize,
    wish: &'a AccountWish,
    known: &'a Known,
}

impl Print<'_> {
    /// The value of the tag on everything.
    fn mark(&self) -> &str {
        self.desired.bookmark.name.as_str()
    }

    /// The beginning of file names.
    fn stem(&self) -> String {
        self.mark().to_owned()
    }
}

impl Account<'_> {
    /// Its number, where it is known.
    fn number(&self) -> Option<&str> {
        self.known.account.as_ref().or(self.wish.account.as_ref()).map(AccountId::as_str)
    }

    /// A word that tells it from the other accounts: its number, or its place in the wish.
    fn label(&self) -> String {
        self.number().map_or_else(|| format!("account-{}", self.index + 1), str::to_owned)
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
