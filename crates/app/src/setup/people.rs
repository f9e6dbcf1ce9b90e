//! Who may use what was set up: one more, or one less. In Entra by assignment, elsewhere by the subjects of the trust policy.

use super::SetupError;
use super::aws;
use super::desired::{Desired, IssuerWish, ME, People};
use super::entra;
use super::plan::Plan;
use super::sides::Sides;
use crate::admin::graph::{Directory, Graph, Principal, PrincipalKind};
use crate::ops::Error;

/// Plans to let somebody in, and changes the wish so that the next setup agrees.
///
/// # Errors
/// When a name is not known, or the issuer has no such list.
pub(crate) async fn grant(sides: &Sides, desired: &mut Desired, names: &[String]) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    match (&mut desired.issuer, &sides.entra, sides.graph()) {
        (IssuerWish::Entra(wish), Some(side), Some(graph)) => {
            if side.current.principal.is_none() {
                return Err(SetupError::NoApp { bookmark: desired.bookmark.name.clone() }.into());
            }
            for name in names {
                let somebody = somebody(graph, name).await?;
                let list = match somebody.kind {
                    PrincipalKind::Group => &mut wish.groups,
                    PrincipalKind::User => &mut wish.users,
                };
                if !list.contains(name) {
                    list.push(name.clone());
                }
                plan.steps.extend(entra::grant(&side.current, &somebody));
            }
        }
        _ => {
            for side in &sides.accounts {
                for name in names {
                    let granted = aws::grant(&side.wish, &sides.facts, &side.current, name);
                    plan.append(granted.map_err(SetupError::Subjects)?);
                }
            }
            edit_subjects(desired, |subjects| {
                for name in names.iter().filter(|name| !subjects.contains(name)).collect::<Vec<_>>() {
                    subjects.push(name.clone());
                }
            });
        }
    }
    Ok(plan)
}

/// Plans to no longer let somebody in, and changes the wish so that the next setup agrees.
///
/// # Errors
/// When nobody of a name is assigned, or the last subject would go.
pub(crate) fn revoke(sides: &Sides, desired: &mut Desired, names: &[String]) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    match (&mut desired.issuer, &sides.entra) {
        (IssuerWish::Entra(wish), Some(side)) => {
            for name in names {
                let people = &side.current.people;
                let known = people.iter().find(|one| one.name.eq_ignore_ascii_case(name) || one.id == *name);
                let id = known.map(|one| one.id.clone());
                let steps = entra::revoke(&side.current, |assignment| {
                    assignment.principal_name.eq_ignore_ascii_case(name)
                        || assignment.principal_id == *name
                        || id.as_ref() == Some(&assignment.principal_id)
                });
                if steps.is_empty()
                    && id.is_none()
                    && !wish.groups.contains(name)
                    && !wish.users.contains(name)
                {
                    return Err(SetupError::Nobody { names: vec![format!("{name:?}")] }.into());
                }
                plan.steps.extend(steps);
                wish.groups.retain(|known| !known.eq_ignore_ascii_case(name));
                wish.users.retain(|known| !known.eq_ignore_ascii_case(name));
                if wish.groups.is_empty() && wish.users.is_empty() && wish.assignment_required {
                    // A file that names nobody means the one who runs the setup.
                    wish.users.push(ME.to_owned());
                }
            }
        }
        _ => {
            for side in &sides.accounts {
                for name in names {
                    let revoked = aws::revoke(&side.wish, &sides.facts, &side.current, name);
                    plan.append(revoked.map_err(SetupError::Subjects)?);
                }
            }
            edit_subjects(desired, |subjects| subjects.retain(|known| !names.contains(known)));
        }
    }
    Ok(plan)
}

fn edit_subjects(desired: &mut Desired, edit: impl Fn(&mut Vec<String>)) {
    for account in &mut desired.accounts {
        if let People::Subjects(subjects) = &mut account.people {
            edit(subjects);
        }
    }
}

/// Finds a group or a user by what somebody typed. What has an `@` is a user.
async fn somebody(graph: &Graph, name: &str) -> Result<Principal, Error> {
    let kinds: &[PrincipalKind] = match name.contains('@') || name == ME {
        true => &[PrincipalKind::User],
        false => &[PrincipalKind::Group, PrincipalKind::User],
    };
    for kind in kinds {
        match entra::find_somebody(graph, name, *kind).await? {
            Directory::One(somebody) => return Ok(somebody),
            Directory::Several(several) => {
                let ids: Vec<_> = several.iter().map(|one| one.id.as_str()).collect();
                let names = vec![format!("{name:?} (several of that name: {})", ids.join(", "))];
                return Err(SetupError::Nobody { names }.into());
            }
            Directory::Nobody => {}
        }
    }
    Err(SetupError::Nobody { names: vec![format!("{name:?}")] }.into())
}
