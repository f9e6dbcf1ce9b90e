//! What the tenant holds of what is wanted.
//!
//! The application is found by our mark, else by its name, and among several of that name by a redirect address that is wanted.

use pintail_core::name::BookmarkName;

use super::{is_made_for, notes, policy_name};
use crate::admin::AdminError;
use crate::admin::graph::{
    Application, Assignment, Directory, Find, Grant, Graph, MappingPolicy, Organization, Principal,
    PrincipalKind, ServicePrincipal,
};
use crate::setup::desired::{EntraWish, ME};

/// What the tenant holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EntraCurrent {
    /// The tenant.
    pub(crate) organization: Option<Organization>,
    /// The application, and how it was told.
    pub(crate) app: Option<(Application, FoundBy)>,
    /// Other applications of the wanted name.
    pub(crate) same_name: Vec<Application>,
    /// The application in the tenant.
    pub(crate) principal: Option<ServicePrincipal>,
    /// Microsoft Graph itself, whose scopes are consented to.
    pub(crate) graph: ServicePrincipal,
    /// The consent for everybody.
    pub(crate) grant: Option<Grant>,
    /// Who is assigned.
    pub(crate) assignments: Vec<Assignment>,
    /// Whom the wish names.
    pub(crate) people: Vec<Principal>,
    /// Whom the wish names and nobody knows.
    pub(crate) unfound: Vec<Unfound>,
    /// The policies that fill the application's claims.
    pub(crate) linked_policies: Vec<MappingPolicy>,
    /// The policy of ours, whether it is linked or not.
    pub(crate) own_policy: Option<MappingPolicy>,
}

/// How the application was told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundBy {
    /// It bears our mark.
    Mark,
    /// It has the wanted name, or that and a wanted redirect address. It is somebody else's.
    Name,
}

/// A group or user that is not there, or not alone of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfound {
    /// The name as it is wanted.
    pub(crate) name: String,
    /// What it should be.
    pub(crate) kind: PrincipalKind,
    /// Those of that name, when there are several.
    pub(crate) several: Vec<Principal>,
}

/// Reads what the tenant holds. Nothing is changed.
///
/// # Errors
/// When Graph refuses or does not answer.
pub(crate) async fn read(
    graph: &Graph,
    wish: &EntraWish,
    bookmark: &BookmarkName,
) -> Result<EntraCurrent, AdminError> {
    let organization = graph.organization().await?;
    let (app, same_name) = find_app(graph, wish, bookmark).await?;
    let resource = graph.graph_principal().await?;
    let principal = match &app {
        Some((app, _)) => graph.service_principal(&app.app_id()).await?,
        None => None,
    };
    let (mut grant, mut assignments, mut linked_policies) = (None, Vec::new(), Vec::new());
    if let Some(principal) = &principal {
        grant = graph.grant(&principal.id(), &resource.id()).await?;
        assignments = graph.assignments(&principal.id()).await?;
    }
    let mut own_policy = None;
    if !wish.aws_claims.is_empty() {
        if let Some(principal) = &principal {
            linked_policies = graph.mapping_policies(&principal.id()).await?;
        }
        let name = policy_name(bookmark);
        own_policy = graph.all_mapping_policies().await?.into_iter().find(|policy| policy.name == name);
    }
    let (people, unfound) = find_people(graph, wish).await?;
    Ok(EntraCurrent {
        organization,
        app,
        same_name,
        principal,
        graph: resource,
        grant,
        assignments,
        people,
        unfound,
        linked_policies,
        own_policy,
    })
}

async fn find_app(
    graph: &Graph,
    wish: &EntraWish,
    bookmark: &BookmarkName,
) -> Result<(Option<(Application, FoundBy)>, Vec<Application>), AdminError> {
    let marked = graph.applications(Find::Tag(super::TAG)).await?;
    let named = graph.applications(Find::Name(&wish.app_name)).await?;
    Ok(choose(marked, named, wish, &notes(bookmark)))
}

/// Chooses the application among those with our mark and those of the wanted name.
pub(super) fn choose(
    marked: Vec<Application>,
    named: Vec<Application>,
    wish: &EntraWish,
    notes: &str,
) -> (Option<(Application, FoundBy)>, Vec<Application>) {
    let mut ours: Vec<_> = marked.into_iter().filter(|app| is_made_for(app, notes)).collect();
    // Of two that were made, people use the older one.
    ours.sort_by_key(|app| (app.created(), app.id()));
    let ours = ours.into_iter().next();
    // What bears the mark of another bookmark is that one's.
    let others = |app: &Application| !app.tags().iter().any(|tag| tag == super::TAG);
    let mut others: Vec<_> = named.into_iter().filter(others).collect();
    if let Some(ours) = ours {
        return (Some((ours, FoundBy::Mark)), others);
    }
    if others.len() == 1 {
        return (others.pop().map(|app| (app, FoundBy::Name)), others);
    }
    let has_redirect = |app: &Application| {
        app.redirects("publicClient").iter().any(|redirect| wish.redirects.contains(redirect))
    };
    let fitting: Vec<_> = others.iter().filter(|app| has_redirect(app)).map(Application::id).collect();
    match &fitting[..] {
        [one] => {
            let (mut chosen, others): (Vec<_>, Vec<_>) = others.into_iter().partition(|app| app.id() == *one);
            (chosen.pop().map(|app| (app, FoundBy::Name)), others)
        }
        _ => (None, others),
    }
}

async fn find_people(graph: &Graph, wish: &EntraWish) -> Result<(Vec<Principal>, Vec<Unfound>), AdminError> {
    let (mut people, mut unfound) = (Vec::new(), Vec::new());
    let groups = wish.groups.iter().map(|name| (name, PrincipalKind::Group));
    let users = wish.users.iter().map(|name| (name, PrincipalKind::User));
    for (name, kind) in groups.chain(users) {
        match find_somebody(graph, name, kind).await? {
            Directory::One(one) if people.contains(&one) => {}
            Directory::One(one) => people.push(one),
            Directory::Nobody => unfound.push(Unfound { name: name.clone(), kind, several: Vec::new() }),
            Directory::Several(several) => unfound.push(Unfound { name: name.clone(), kind, several }),
        }
    }
    Ok((people, unfound))
}

/// Finds a group or user as a wish names them.
pub(crate) async fn find_somebody(
    graph: &Graph,
    name: &str,
    kind: PrincipalKind,
) -> Result<Directory, AdminError> {
    match kind {
        PrincipalKind::Group => graph.find_group(name).await,
        PrincipalKind::User if name == ME => Ok(graph.me().await?.map_or(Directory::Nobody, Directory::One)),
        PrincipalKind::User => graph.find_user(name).await,
    }
}
