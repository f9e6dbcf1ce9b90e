//! The access portal: which accounts and permission sets somebody has, and the credentials of one.

use http::StatusCode;
use serde_json::{Value, json};

use super::Fault;
use crate::locked;
use crate::params::Params;
use crate::server::Inbound;
use crate::world::Core;
use crate::world::center::{Center, CenterToken};
use crate::world::sessions::{Grant, grant};

const BEARER: &str = "x-amz-sso_bearer_token";
const MOST_RESULTS: usize = 100;
const DEFAULT_RESULTS: usize = 20;

/// Performs one action; `None` is an answer without a body.
pub(super) fn call(core: &Core, inbound: &Inbound, operation: &str) -> Result<Option<Value>, Fault> {
    let bearer = inbound.header(BEARER).unwrap_or_default();
    core.recorder.secret(bearer);
    let mut center = locked(&core.center);
    let token = signed_in(core, &center, inbound, bearer)?;
    inbound.name_caller(&token.username);
    let query = inbound.query();
    match operation {
        "ListAccounts" => accounts(&center, &query, &token.username).map(Some),
        "ListAccountRoles" => roles(&center, &query, &token.username).map(Some),
        "GetRoleCredentials" => credentials(core, &center, inbound, &query, &token.username).map(Some),
        _ => {
            center.end(&token.session);
            Ok(None)
        }
    }
}

fn signed_in(core: &Core, center: &Center, inbound: &Inbound, bearer: &str) -> Result<CenterToken, Fault> {
    center
        .access_tokens
        .get(bearer)
        .filter(|token| token.expires > inbound.now)
        .filter(|token| locked(&core.directory).user(&token.username).is_some_and(|user| user.enabled))
        .cloned()
        .ok_or_else(|| {
            let text = "Session token not found or invalid";
            Fault::new(StatusCode::UNAUTHORIZED, "UnauthorizedException", text)
        })
}

fn invalid(message: &str) -> Fault {
    Fault::new(StatusCode::BAD_REQUEST, "InvalidRequestException", message)
}

fn no_access() -> Fault {
    Fault::new(StatusCode::FORBIDDEN, "ForbiddenException", "No access")
}

/// One page of a list, and the token of the next: the position where it starts.
fn paged<T>(query: &Params, items: Vec<T>) -> Result<(Vec<T>, Option<String>), Fault> {
    let limit = match query.get("max_result").map(str::parse::<usize>) {
        None => DEFAULT_RESULTS,
        Some(Ok(limit)) if (1..=MOST_RESULTS).contains(&limit) => limit,
        Some(_) => return Err(invalid("Invalid max_result provided")),
    };
    let start =
        match query.get("next_token").map(|token| token.strip_prefix("page-").map(str::parse::<usize>)) {
            None => 0,
            Some(Some(Ok(start))) if start < items.len() => start,
            Some(_) => return Err(invalid("Invalid next_token provided")),
        };
    let next = (start + limit < items.len()).then(|| format!("page-{}", start + limit));
    Ok((items.into_iter().skip(start).take(limit).collect(), next))
}

fn accounts(center: &Center, query: &Params, username: &str) -> Result<Value, Fault> {
    let (page, next) = paged(query, center.accounts_of(username))?;
    let list: Vec<Value> = page
        .into_iter()
        .map(|account| {
            json!({"accountId": account.id, "accountName": account.name, "emailAddress": account.email})
        })
        .collect();
    Ok(json!({"nextToken": next, "accountList": list}))
}

fn account_id(query: &Params) -> Result<&str, Fault> {
    query
        .get("account_id")
        .filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| invalid("Invalid account ID provided"))
}

fn roles(center: &Center, query: &Params, username: &str) -> Result<Value, Fault> {
    let account_id = account_id(query)?;
    let names: Vec<&str> =
        center.assigned(username, account_id).map(|assignment| assignment.permission_set.as_str()).collect();
    if names.is_empty() {
        return Err(no_access());
    }
    let (page, next) = paged(query, names)?;
    let list: Vec<Value> =
        page.into_iter().map(|name| json!({"roleName": name, "accountId": account_id})).collect();
    Ok(json!({"nextToken": next, "roleList": list}))
}

fn credentials(
    core: &Core,
    center: &Center,
    inbound: &Inbound,
    query: &Params,
    username: &str,
) -> Result<Value, Fault> {
    let account_id = account_id(query)?;
    let set = query.get("role_name").ok_or_else(|| invalid("Invalid role name provided"))?;
    let assignment = center
        .assigned(username, account_id)
        .find(|assignment| assignment.permission_set == set)
        .ok_or_else(no_access)?;
    let mut account = locked(&core.account);
    let role = account
        .roles
        .get(&assignment.role_name)
        .or_else(|| account.foreign_roles.get(&assignment.role_name))
        .cloned()
        .ok_or_else(no_access)?;
    let seconds = core.lifetimes.sso_credential_s;
    let (access_key_id, session) =
        grant(core, &mut account, inbound.now, Grant::role(&role, username, seconds));
    Ok(json!({"roleCredentials": {
        "accessKeyId": access_key_id,
        "secretAccessKey": session.secret_access_key,
        "sessionToken": session.session_token,
        "expiration": session.expires.as_millisecond(),
    }}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let page = |query: &str| {
            paged(&Params::parse(query.as_bytes()), (0..5).collect::<Vec<_>>()).map_err(|fault| fault.code)
        };
        assert_eq!(page("").unwrap(), (vec![0, 1, 2, 3, 4], None));
        assert_eq!(page("max_result=2").unwrap(), (vec![0, 1], Some("page-2".into())));
        assert_eq!(page("max_result=2&next_token=page-4").unwrap(), (vec![4], None));
        for wrong in ["max_result=0", "max_result=101", "max_result=x", "next_token=x", "next_token=page-5"] {
            assert_eq!(page(wrong).unwrap_err(), "InvalidRequestException", "{wrong}");
        }
    }
}
