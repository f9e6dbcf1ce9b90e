//! Taking back: what the rollback file says was done, or everything that bears a bookmark's mark.
//!
//! In reverse order, each thing noted once it is back, so that a rollback that was cut off is run again.

use std::path::Path;

use pintail_core::name::BookmarkName;

use super::aws::{self, MARK};
use super::desired::Desired;
use super::entra;
use super::journal::{Journal, Record};
use super::plan::{Facts, Kept, Reversal, Side, Undo};
use super::sides::{self, AccountSide, Admin, GraphDoor, Sides};
use super::{SetupError, SetupTalk, Told};
use crate::admin::aws::AdminAccount;
use crate::admin::{self, AdminError};
use crate::ops::{App, Error, sign_in};

/// The accounts and the tenant, reached to take things back there.
#[derive(Debug)]
pub(crate) struct Reached {
    graph: Option<GraphDoor>,
    accounts: Vec<AdminAccount>,
}

impl Reached {
    /// Reaches what a rollback file touches, the way the last run did.
    ///
    /// # Errors
    /// When one of them cannot be reached, or an account of the file is none of the wish.
    pub(crate) async fn of(
        app: &App,
        record: &Record,
        path: &Path,
        admin: &Admin,
        talk: &dyn SetupTalk,
    ) -> Result<Self, Error> {
        let unusable = |why: String| SetupError::Journal { path: path.to_owned(), why };
        let wish = record.wish.as_ref().ok_or_else(|| unusable("it says of no run".to_owned()))?;
        let mut accounts: Vec<AdminAccount> = Vec::new();
        if !record.accounts().is_empty() {
            for account in &wish.accounts {
                accounts.push(admin::aws::connect(app, account).await?);
            }
        }
        for wanted in record.accounts() {
            if !accounts.iter().any(|account| account.caller.account == wanted) {
                let why =
                    format!("something was done in account {wanted}, which no credential of it reaches now");
                return Err(unusable(why).into());
            }
        }
        let graph = match record.touches_entra() {
            true => Some(open_graph(app, wish, &record.open, admin, talk).await?),
            false => None,
        };
        Ok(Self { graph, accounts })
    }

    async fn reverse(&self, reversal: &Reversal) -> Result<(), AdminError> {
        match (&reversal.undo, &reversal.side) {
            (Undo::Entra(undo), _) => match &self.graph {
                Some(door) => entra::undo(&door.graph, undo).await,
                None => Err(AdminError::NoApplication),
            },
            (Undo::Aws(undo), Side::Aws { account }) => {
                let reached = self.accounts.iter().find(|reached| reached.caller.account == *account);
                aws::undo(&reached.ok_or(AdminError::NoApplication)?.iam, undo).await
            }
            (Undo::Aws(_), Side::Entra) => Err(AdminError::NoApplication),
        }
    }
}

async fn open_graph(
    app: &App,
    wish: &Desired,
    open: &[(u64, Reversal)],
    admin: &Admin,
    talk: &dyn SetupTalk,
) -> Result<GraphDoor, Error> {
    let issuer = sides::discover(app, &wish.issuer).await?;
    let door = GraphDoor::open(app, &issuer, None, admin, talk).await?;
    let undos = open.iter().filter_map(|(_, reversal)| match &reversal.undo {
        Undo::Entra(undo) => Some(undo),
        Undo::Aws(_) => None,
    });
    door.widen(app, &permissions(undos), admin, talk).await
}

/// Tells which permissions it needs to take things back.
pub(super) fn permissions<'a>(undos: impl Iterator<Item = &'a entra::Undo>) -> Vec<&'static str> {
    use entra::Undo as U;
    let mut needed = vec!["Application.ReadWrite.All"];
    for undo in undos {
        let permission = match undo {
            U::DeleteApp { .. }
            | U::PatchApp { .. }
            | U::DeletePrincipal { .. }
            | U::PatchPrincipal { .. } => "Application.ReadWrite.All",
            U::DeleteConsent { .. } | U::PatchConsent { .. } => "DelegatedPermissionGrant.ReadWrite.All",
            U::DeleteClaims { .. } | U::PatchClaims { .. } | U::UnlinkClaims { .. } => {
                "Policy.ReadWrite.ApplicationConfiguration"
            }
            U::Unassign { .. } | U::Assign { .. } => "AppRoleAssignment.ReadWrite.All",
        };
        if !needed.contains(&permission) {
            needed.push(permission);
        }
    }
    needed
}

/// Takes back what a rollback file says, the last thing first.
///
/// # Errors
/// When something is refused; what is back by then is noted.
pub(crate) async fn roll_back(
    record: &Record,
    reached: &Reached,
    journal: &mut Journal,
    talk: &dyn SetupTalk,
) -> Result<(), Error> {
    for (n, reversal) in &record.open {
        reached.reverse(reversal).await?;
        journal.undone(*n)?;
        talk.told(Told::Undone(reversal)).map_err(Error::Stdio)?;
    }
    Ok(())
}

/// Takes away what bears the bookmark's mark.
///
/// # Errors
/// When something is refused.
pub(crate) async fn remove(sides: &Sides, reversals: &[Reversal], talk: &dyn SetupTalk) -> Result<(), Error> {
    for reversal in reversals {
        match (&reversal.undo, &reversal.side) {
            (Undo::Entra(undo), _) => {
                entra::undo(sides.graph().ok_or(AdminError::NoApplication)?, undo).await?;
            }
            (Undo::Aws(undo), Side::Aws { account }) => {
                let side = sides.account(account).ok_or(AdminError::NoApplication)?;
                aws::undo(&side.admin.iam, undo).await?;
            }
            (Undo::Aws(_), Side::Entra) => return Err(AdminError::NoApplication.into()),
        }
        talk.told(Told::Undone(reversal)).map_err(Error::Stdio)?;
    }
    Ok(())
}

/// Plans taking away what bears the mark in an account. What was there before the setup stays, and is told.
pub(crate) fn account_removal(side: &AccountSide, facts: &Facts, mark: &str) -> (Vec<Reversal>, Vec<Kept>) {
    let (mut reversals, mut kept) = (Vec::new(), Vec::new());
    let account = side.account().to_string();
    let here = Side::Aws { account: account.clone() };
    let mut reverse = |id: &str, what: String, undo: aws::Undo| {
        let (id, undo) = (format!("aws.{account}.{id}"), Undo::Aws(undo));
        reversals.push(Reversal { id, side: here.clone(), what, undo });
    };
    let is_ours = |tags: &admin::iam::Tags| tags.get(MARK).is_some_and(|value| value == mark);
    let marked = Some(mark.to_owned());
    if let Some(role) = &side.current.role {
        if is_ours(&role.tags) {
            let what = format!("delete the role {} with its policies", role.arn);
            reverse("role", what, aws::Undo::DeleteRole { role: role.name.clone(), mark: marked.clone() });
        } else {
            kept.push(Kept { side: here.clone(), what: format!("role {}, which no setup made", role.arn) });
        }
    }
    for provider in &side.current.providers {
        if is_ours(&provider.tags) {
            let what = format!("delete the identity provider {}", provider.arn);
            reverse(
                "provider",
                what,
                aws::Undo::DeleteProvider { arn: provider.arn.clone(), mark: marked.clone() },
            );
        } else if let Some(client_id) = &facts.client_id
            && provider.client_ids.iter().any(|known| known == client_id.as_str())
        {
            let what = format!(
                "identity provider {} with the client ID {client_id}, which no setup made",
                provider.arn
            );
            kept.push(Kept { side: here.clone(), what });
        }
    }
    (reversals, kept)
}

/// Removes what is kept here of a setup: the wish, and the bookmarks with their sign-in, where a setup made them.
///
/// # Errors
/// When a file cannot be removed.
pub(crate) async fn forget(app: &App, name: &BookmarkName) -> Result<Vec<BookmarkName>, Error> {
    super::saved::forget(app, name)?;
    let mut gone = Vec::new();
    for known in app.bookmarks().names()? {
        let is_one_of_them = known == *name || known.as_str().starts_with(&format!("{name}-"));
        if is_one_of_them && super::hand_out::is_made_by_a_setup(app, &known) {
            sign_in::forget(app, &known).await?;
            app.forget_bookmark(&known)?;
            gone.push(known);
        }
    }
    Ok(gone)
}
