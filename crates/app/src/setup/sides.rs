//! Both clouds as a run finds them: the issuer by discovery, the tenant through Graph, each account through IAM.

use pintail_core::name::{AccountId, Tenant};
use pintail_identity::oidc::{Authority, AuthorityError, Driver, KnownIssuer, Metadata};
use std::sync::Arc;
use url::Url;

use super::aws::{self, AwsCurrent};
use super::desired::{AccountWish, Desired, EntraWish, IssuerWish};
use super::entra::{self, EntraCurrent, Learned};
use super::plan::{Change, Facts, Kept, NearMiss, Plan, Reversal, Side, Step};
use super::print::Known;
use super::{SetupError, SetupTalk, Told};
use crate::admin::aws::AdminAccount;
use crate::admin::graph::{Graph, ServicePrincipal};
use crate::admin::graph_token::{self, AdminSignIn, GraphToken, Wanted};
use crate::admin::{self, AdminError};
use crate::ops::sign_in::Options;
use crate::ops::{App, Error};
use pintail_connect::SystemRandom;

/// How the admin proves who they are.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    /// To Graph.
    pub(crate) by: AdminSignIn,
    /// How sign-ins are shown.
    pub(crate) options: Options,
}

/// The issuer, known.
#[derive(Clone, Debug)]
pub(crate) struct Discovered {
    /// What both sides need to know of it.
    pub(crate) facts: Facts,
    /// The authority, by the tenant's GUID at Entra.
    pub(crate) authority: Authority,
    /// What it says about itself.
    pub(crate) metadata: Metadata,
}

/// Both clouds.
#[derive(Debug)]
pub(crate) struct Sides {
    /// What both sides know of each other.
    pub(crate) facts: Facts,
    /// The issuer.
    pub(crate) issuer: Discovered,
    /// The tenant, where it is set up as well.
    pub(crate) entra: Option<EntraSide>,
    /// The accounts, in the order of the wish.
    pub(crate) accounts: Vec<AccountSide>,
}

/// A tenant.
#[derive(Debug)]
pub(crate) struct EntraSide {
    /// What it holds.
    pub(crate) current: EntraCurrent,
    /// What the run knows of the application by now.
    pub(crate) learned: Learned,
    door: GraphDoor,
}

/// The way to a tenant's Graph.
#[derive(Debug)]
pub(crate) struct GraphDoor {
    /// Graph.
    pub(crate) graph: Graph,
    token: GraphToken,
    authority: Authority,
    tenant: String,
    base: Url,
}

/// An AWS account.
#[derive(Debug)]
pub(crate) struct AccountSide {
    /// What is wanted there.
    pub(crate) wish: AccountWish,
    /// Its services.
    pub(crate) admin: AdminAccount,
    /// What it holds.
    pub(crate) current: AwsCurrent,
}

impl AccountSide {
    /// Returns the account's number.
    pub(crate) fn account(&self) -> &AccountId {
        &self.current.account
    }

    /// Returns the ARN that the role has, or will have.
    pub(crate) fn role_arn(&self) -> String {
        let (wish, account) = (&self.wish, self.account());
        format!("arn:{}:iam::{account}:role{}{}", wish.partition, wish.role_path, wish.role)
    }
}

impl EntraSide {
    /// Makes a change.
    ///
    /// # Errors
    /// When Graph refuses.
    pub(crate) async fn apply(&mut self, change: &entra::Change) -> Result<(), AdminError> {
        entra::apply(&self.door.graph, change, &mut self.learned).await
    }
}

/// Asks the issuer who it is.
///
/// # Errors
/// When it cannot be asked, or is another one than is wanted.
pub(crate) async fn discover(app: &App, issuer: &IssuerWish) -> Result<Discovered, Error> {
    let unusable = |error: AuthorityError| Error::Setup(SetupError::Authority(error));
    let (authority, client_id) = match issuer {
        IssuerWish::Entra(wish) => (authority_of(wish, &wish.tenant).map_err(unusable)?, None),
        IssuerWish::Other(wish) => {
            (Authority::issuer(&wish.url).map_err(unusable)?, Some(wish.client_id.clone()))
        }
    };
    let http = app.plain_http()?;
    let silent = |_: pintail_identity::oidc::Event<'_>| {};
    let driver = Driver::new(http.as_ref(), app.clock(), app.random(), &silent);
    let mut known = KnownIssuer::default();
    let metadata = driver.discover(&authority, &mut known).await?.clone();
    let exact = metadata.issuer.issuer().unwrap_or_default().to_owned();
    let tenant = metadata.issuer.tenant().map(str::to_owned);
    let authority = match (issuer, &tenant) {
        // From now on by the GUID, which no other tenant ever has.
        (IssuerWish::Entra(wish), Some(tenant)) => {
            authority_of(wish, &Tenant::Guid(tenant.clone())).map_err(unusable)?
        }
        _ => authority,
    };
    let facts = Facts { issuer: exact, tenant, tenant_name: None, client_id };
    Ok(Discovered { facts, authority, metadata })
}

fn authority_of(wish: &EntraWish, tenant: &Tenant) -> Result<Authority, AuthorityError> {
    match &wish.authority {
        None => Ok(Authority::entra(tenant.clone())),
        Some(url) => Authority::entra_at(url.as_str(), tenant.clone()),
    }
}

impl GraphDoor {
    /// Opens the way to a tenant's Graph, with permissions to read.
    ///
    /// # Errors
    /// When the issuer tells no Graph, or there is no token.
    pub(crate) async fn open(
        app: &App,
        issuer: &Discovered,
        wish: Option<&EntraWish>,
        admin: &Admin,
        talk: &dyn SetupTalk,
    ) -> Result<Self, Error> {
        let no_graph = || SetupError::NoGraph { issuer: issuer.facts.issuer.clone() };
        let base =
            issuer.metadata.userinfo_endpoint.as_ref().and_then(Graph::base_of).ok_or_else(no_graph)?;
        let tenant = issuer.facts.tenant.clone().ok_or_else(no_graph)?;
        let mut permissions = vec!["Application.Read.All", "Organization.Read.All", "User.Read"];
        if let Some(wish) = wish {
            if !wish.groups.is_empty() {
                permissions.push("Group.Read.All");
            }
            if wish.users.iter().any(|user| user != super::desired::ME) {
                permissions.push("User.ReadBasic.All");
            }
            if !wish.aws_claims.is_empty() {
                permissions.push("Policy.Read.All");
            }
        }
        let wanted = Wanted {
            authority: &issuer.authority,
            tenant: &tenant,
            graph: &base,
            by: admin.by,
            options: &admin.options,
        };
        talk.told(Told::SignIn { what: "to read the tenant" }).map_err(Error::Stdio)?;
        let token = graph_token::obtain(app, &wanted, &permissions, talk.sign_in()).await?;
        let graph = graph_of(app, &base, &token)?;
        Ok(Self { graph, token, authority: issuer.authority.clone(), tenant, base })
    }

    /// Asks for permissions to change things.
    ///
    /// # Errors
    /// When they are not given.
    pub(crate) async fn widen(
        self,
        app: &App,
        permissions: &[&str],
        admin: &Admin,
        talk: &dyn SetupTalk,
    ) -> Result<Self, Error> {
        let wanted = Wanted {
            authority: &self.authority,
            tenant: &self.tenant,
            graph: &self.base,
            by: admin.by,
            options: &admin.options,
        };
        let token = self.token.widened(app, &wanted, permissions, talk.sign_in()).await?;
        Ok(Self { graph: graph_of(app, &self.base, &token)?, token, ..self })
    }
}

fn graph_of(app: &App, base: &Url, token: &GraphToken) -> Result<Graph, Error> {
    let http = app.plain_http()?;
    Ok(Graph::new(http, Arc::new(SystemRandom), base.clone(), token.token.clone()))
}

/// Tells which permissions the steps of a plan need.
pub(crate) fn permissions<'a>(changes: impl Iterator<Item = &'a entra::Change>) -> Vec<&'static str> {
    use entra::Change as C;
    let mut needed = Vec::new();
    let mut need = |permission| {
        if !needed.contains(&permission) {
            needed.push(permission);
        }
    };
    for change in changes {
        match change {
            C::CreateApp { .. }
            | C::UpdateApp { .. }
            | C::CreatePrincipal { .. }
            | C::UpdatePrincipal { .. } => {
                need("Application.ReadWrite.All");
            }
            C::Consent { .. } | C::WidenConsent { .. } => need("DelegatedPermissionGrant.ReadWrite.All"),
            C::CreateClaims { .. } | C::UpdateClaims { .. } => {
                need("Policy.ReadWrite.ApplicationConfiguration");
            }
            C::LinkClaims { .. } => {
                need("Policy.ReadWrite.ApplicationConfiguration");
                need("Application.ReadWrite.All");
            }
            C::Assign { .. } | C::Unassign { .. } => need("AppRoleAssignment.ReadWrite.All"),
        }
    }
    needed
}

impl Sides {
    /// Reads both clouds. Nothing is changed.
    ///
    /// # Errors
    /// When one of them cannot be asked, or is another one than is wanted.
    pub(crate) async fn read(
        app: &App,
        desired: &Desired,
        admin: &Admin,
        talk: &dyn SetupTalk,
    ) -> Result<Self, Error> {
        let issuer = discover(app, &desired.issuer).await?;
        let mut facts = issuer.facts.clone();
        let mut entra = None;
        if let IssuerWish::Entra(wish) = &desired.issuer {
            let door = GraphDoor::open(app, &issuer, Some(wish), admin, talk).await?;
            talk.told(Told::Reading { what: "the tenant" }).map_err(Error::Stdio)?;
            let current = entra::read(&door.graph, wish, &desired.bookmark.name).await?;
            check_tenant(&facts, &current)?;
            facts.tenant_name = current.organization.as_ref().map(|organization| organization.name.clone());
            let client_id = current.app.as_ref().and_then(|(app, _)| app.app_id().parse().ok());
            facts.client_id.clone_from(&client_id);
            let principal_id = current.principal.as_ref().map(ServicePrincipal::id);
            let policy_id = current.own_policy.as_ref().map(|policy| policy.id.clone());
            let learned = Learned { client_id, principal_id, policy_id };
            entra = Some(EntraSide { current, learned, door });
        }
        let mut accounts: Vec<AccountSide> = Vec::new();
        for wish in &desired.accounts {
            let side = read_account(app, wish, &facts, talk).await?;
            if accounts.iter().any(|other| other.account() == side.account()) {
                return Err(SetupError::SameAccount { account: side.account().to_string() }.into());
            }
            accounts.push(side);
        }
        Ok(Self { facts, issuer, entra, accounts })
    }

    /// Makes the plan.
    pub(crate) fn plan(&self, desired: &Desired) -> Plan {
        let mut plan = Plan::default();
        if let (Some(side), Some(wish)) = (&self.entra, desired.issuer.entra()) {
            plan.append(entra::plan(wish, &desired.bookmark.name, &side.current));
        }
        for side in &self.accounts {
            let mark = desired.bookmark.name.as_str();
            plan.append(aws::plan(&side.wish, &self.facts, &side.current, mark));
        }
        plan
    }

    /// Has Amazon's own checks look at the documents of a plan.
    pub(crate) async fn looked_at(&self, plan: &Plan) -> Vec<NearMiss> {
        let mut found = Vec::new();
        for side in &self.accounts {
            found.extend(aws::looked_at(&side.admin.analyzer, side.account().as_str(), plan).await);
        }
        found
    }

    /// Plans taking away what bears the bookmark's mark.
    pub(crate) fn removal(&self, desired: &Desired) -> (Vec<Reversal>, Vec<Kept>) {
        let (mut reversals, mut kept) = (Vec::new(), Vec::new());
        // In the opposite order of the setup: first nobody gets in, then the application goes.
        for side in self.accounts.iter().rev() {
            let mark = desired.bookmark.name.as_str();
            let (more, stays) = super::rollback::account_removal(side, &self.facts, mark);
            reversals.extend(more);
            kept.extend(stays);
        }
        if let Some(side) = &self.entra {
            let (more, stays) = entra::removal(&desired.bookmark.name, &side.current);
            reversals.extend(more);
            kept.extend(stays);
        }
        (reversals, kept)
    }

    /// Makes sure that everybody who is to be assigned is known.
    ///
    /// # Errors
    /// With the names that are not.
    pub(crate) fn check_people(&self) -> Result<(), SetupError> {
        let unfound = self.entra.iter().flat_map(|side| &side.current.unfound);
        let names: Vec<_> = unfound.map(|unfound| format!("{:?}", unfound.name)).collect();
        if names.is_empty() { Ok(()) } else { Err(SetupError::Nobody { names }) }
    }

    /// Asks for the permissions that the steps need.
    ///
    /// # Errors
    /// When they are not given.
    pub(crate) async fn permit(
        mut self,
        app: &App,
        steps: &[Step],
        admin: &Admin,
        talk: &dyn SetupTalk,
    ) -> Result<Self, Error> {
        let changes = steps.iter().filter_map(|step| match &step.change {
            Change::Entra(change) => Some(change),
            Change::Aws(_) => None,
        });
        let permissions = permissions(changes);
        if let Some(side) = self.entra.take() {
            let door = match permissions.is_empty() {
                true => side.door,
                false => side.door.widen(app, &permissions, admin, talk).await?,
            };
            self.entra = Some(EntraSide { door, ..side });
        }
        Ok(self)
    }

    /// Asks for the permissions that it needs to take things back in the tenant.
    ///
    /// # Errors
    /// When they are not given.
    pub(crate) async fn permit_reversals(
        mut self,
        app: &App,
        reversals: &[Reversal],
        admin: &Admin,
        talk: &dyn SetupTalk,
    ) -> Result<Self, Error> {
        let undos = reversals.iter().filter_map(|reversal| match &reversal.undo {
            super::plan::Undo::Entra(undo) => Some(undo),
            super::plan::Undo::Aws(_) => None,
        });
        let undos: Vec<_> = undos.collect();
        if undos.is_empty() {
            return Ok(self);
        }
        let permissions = super::rollback::permissions(undos.into_iter());
        if let Some(side) = self.entra.take() {
            let door = side.door.widen(app, &permissions, admin, talk).await?;
            self.entra = Some(EntraSide { door, ..side });
        }
        Ok(self)
    }

    /// Returns Graph, where the tenant is set up as well.
    pub(crate) fn graph(&self) -> Option<&Graph> {
        self.entra.as_ref().map(|side| &side.door.graph)
    }

    /// Finds the side of an account.
    pub(crate) fn account(&self, number: &str) -> Option<&AccountSide> {
        self.accounts.iter().find(|side| side.account().as_str() == number)
    }

    /// Returns a side's name for people.
    pub(crate) fn name_of(&self, side: &Side) -> String {
        match side {
            Side::Entra => {
                let tenant = self.facts.tenant.clone().unwrap_or_default();
                match &self.facts.tenant_name {
                    Some(name) => format!("Entra tenant {name} ({tenant})"),
                    None => format!("Entra tenant {tenant}"),
                }
            }
            Side::Aws { account } => match self.account(account) {
                Some(side) => format!("AWS account {account}, as {}", side.admin.caller.arn),
                None => format!("AWS account {account}"),
            },
        }
    }
}

async fn read_account(
    app: &App,
    wish: &AccountWish,
    facts: &Facts,
    talk: &dyn SetupTalk,
) -> Result<AccountSide, Error> {
    talk.told(Told::Reading { what: "the AWS account" }).map_err(Error::Stdio)?;
    let admin = admin::aws::connect(app, wish).await?;
    let current = aws::read(&admin.iam, &admin.caller, wish, facts).await?;
    Ok(AccountSide { wish: wish.clone(), admin, current })
}

/// Looks who would act in an account, and whether it has the provider already. What cannot be seen is not known.
pub(crate) async fn look_at(app: &App, wish: &AccountWish, facts: &Facts) -> Known {
    let looked = async {
        let admin = admin::aws::connect(app, wish).await?;
        aws::read(&admin.iam, &admin.caller, wish, facts).await
    };
    match looked.await {
        Ok(current) => current.known(wish, facts),
        Err(error) => {
            tracing::debug!(%error, "an account could not be looked at");
            Known::default()
        }
    }
}

fn check_tenant(facts: &Facts, current: &EntraCurrent) -> Result<(), Error> {
    let Some(organization) = &current.organization else {
        let why = "it tells no tenant".to_owned();
        let service = admin::graph::SERVICE;
        return Err(AdminError::Unusable { service, operation: "GET /organization".into(), why }.into());
    };
    match &facts.tenant {
        Some(wanted) if !wanted.eq_ignore_ascii_case(&organization.id) => {
            Err(SetupError::OtherTenant { wanted: wanted.clone(), actual: organization.id.clone() }.into())
        }
        _ => Ok(()),
    }
}
