//! Tags of roles, providers and policies, with IAM's rules for them.

use super::paging::page;
use super::{limit_exceeded, no_such_entity, required};
use crate::params::Params;
use crate::query::{Refused, element};
use crate::world::account::Account;

type Tags = Vec<(String, String)>;

const MOST: usize = 50;

/// Reads and checks the tags that a call gives.
pub(super) fn read(params: &Params) -> Result<Tags, Refused> {
    let keys = params.members("Tags", ".Key");
    let values = params.members("Tags", ".Value");
    let tags: Tags =
        keys.into_iter().zip(values).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    for (at, (key, value)) in tags.iter().enumerate() {
        let field = |part: &str| format!("tags.{}.member.{part}", at + 1);
        if key.is_empty() || key.chars().count() > 128 {
            let rule = "have length less than or equal to 128, and greater than or equal to 1";
            return Err(Refused::constraint(&field("key"), Some(key), rule));
        }
        if value.chars().count() > 256 {
            return Err(Refused::constraint(
                &field("value"),
                Some("..."),
                "have length less than or equal to 256",
            ));
        }
        let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
        for (part, text) in [("key", key), ("value", value)] {
            if !text.chars().all(allowed) {
                let rule = r"satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*";
                return Err(Refused::constraint(&field(part), Some(text), rule));
            }
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Refused::new(
                400,
                "InvalidInput",
                "Tag keys beginning with \"aws:\" are reserved for system use.",
            ));
        }
        if tags[..at].iter().any(|(other, _)| other.eq_ignore_ascii_case(key)) {
            return Err(Refused::new(
                400,
                "InvalidInput",
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    if tags.len() > MOST { Err(too_many()) } else { Ok(tags) }
}

fn too_many() -> Refused {
    limit_exceeded("The number of tags has reached the maximum limit of 50.")
}

/// The `Tags` element of an answer; nothing where there are none.
pub(super) fn xml(tags: &[(String, String)]) -> String {
    let members: String = tags.iter().map(member).collect();
    if members.is_empty() { String::new() } else { format!("<Tags>{members}</Tags>") }
}

fn member((key, value): &(String, String)) -> String {
    format!("<member>{}{}</member>", element("Key", key), element("Value", value))
}

/// `TagRole`, `TagOpenIDConnectProvider`, `TagPolicy`.
pub(super) fn put(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let new = read(params)?;
    let tags = tagged(account, params)?;
    let mut changed = tags.clone();
    for (key, value) in new {
        match changed.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&key)) {
            Some(known) => *known = (key, value),
            None => changed.push((key, value)),
        }
    }
    if changed.len() > MOST {
        return Err(too_many());
    }
    *tags = changed;
    Ok(String::new())
}

/// `UntagRole`, `UntagOpenIDConnectProvider`, `UntagPolicy`; a key that is not there is no error.
pub(super) fn remove(account: &mut Account, params: &Params) -> Result<String, Refused> {
    let keys = params.members("TagKeys", "");
    tagged(account, params)?.retain(|(known, _)| !keys.iter().any(|key| key.eq_ignore_ascii_case(known)));
    Ok(String::new())
}

/// `ListRoleTags`, `ListOpenIDConnectProviderTags`, `ListPolicyTags`.
pub(super) fn list(account: &mut Account, params: &Params, action: &str) -> Result<String, Refused> {
    let mut tags = tagged(account, params)?.clone();
    tags.sort();
    let page = page(params, tags.iter().map(|tag| (tag.0.clone(), member(tag))).collect())?;
    Ok(format!("<{action}Result><Tags>{}</Tags>{}</{action}Result>", page.members, page.end))
}

/// The tags of what a call names.
fn tagged<'a>(account: &'a mut Account, params: &Params) -> Result<&'a mut Tags, Refused> {
    if params.raw("RoleName").is_some() {
        return super::roles::find(account, params).map(|role| &mut role.tags);
    }
    if params.raw("PolicyArn").is_some() {
        let arn = required(params, "PolicyArn", 2048)?;
        let missing = || no_such_entity(&format!("Policy {arn} does not exist or is not attachable."));
        return account.policies.get_mut(arn).map(|policy| &mut policy.tags).ok_or_else(missing);
    }
    super::providers::find(account, params).map(|provider| &mut provider.tags)
}
