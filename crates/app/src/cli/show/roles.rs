//! Roles to choose from.

use std::io;

use pintail_connect::{OfferedCenterRole, OfferedRole};
use pintail_core::connection::{Connection, Way};
use pintail_core::name::BookmarkName;
use serde::Serialize;

use crate::cli::render::table::{Align, table};
use crate::cli::render::text::harmless_words;
use crate::cli::render::{Output, Style};

#[derive(Serialize)]
struct Line<'a> {
    role: &'a str,
    account: &'a str,
    name: &'a str,
    chosen: bool,
}

/// Lists the roles; the one in use is marked.
pub(in crate::cli) fn roles(output: &Output, offered: &[OfferedRole]) -> io::Result<()> {
    let mut rows = Vec::new();
    for OfferedRole { role, chosen } in offered {
        let (account, name) = (role.account().as_str(), role.role_name());
        if output.is_json() {
            output.json_line(&Line { role: role.as_str(), account, name, chosen: *chosen })?;
        } else {
            let mark = if *chosen { "*" } else { " " };
            rows.push(vec![mark.to_owned(), account.to_owned(), name.to_owned(), role.to_string()]);
        }
    }
    if output.is_json() {
        return Ok(());
    }
    if rows.is_empty() {
        output.say("the sign-in offers no role; ask your admin, or name one: `pintail bookmark edit NAME --role-arn ARN`");
        return Ok(());
    }
    output.text_line(&table(&[Align::Left; 4], &rows))?;
    if !offered.iter().any(|offered| offered.chosen) {
        let option = output.talk_style(Style::Code, "--role NAME");
        output.say(&format!("choose one with {option}; the choice is remembered"));
    }
    Ok(())
}

/// Lists the one role of a bookmark by a way in that offers none, and says what decides.
pub(in crate::cli) fn fixed_role(
    output: &Output,
    name: &BookmarkName,
    connection: &Connection,
) -> io::Result<()> {
    let way = connection.way.name();
    let style = |code: String| output.talk_style(Style::Code, &code);
    if let Some(role) = connection.role() {
        roles(output, &[OfferedRole { role: role.clone(), chosen: true }])?;
        let edit = style(format!("pintail bookmark edit {name} --role-arn ARN"));
        output
            .say(&format!("the way in ({way}) takes the role that the bookmark names; another one: {edit}"));
        return Ok(());
    }
    let whoami = style(format!("pintail whoami {name}"));
    output.say(&match &connection.way {
        Way::AwsProfile { .. } => {
            format!("the role, if any, is that of the profile in the AWS configuration; {whoami} tells it")
        }
        Way::Anonymous => format!("the way in ({way}) has no roles: requests are not signed"),
        _ => format!("the way in ({way}) has no roles to choose from; {whoami} tells whose credential it is"),
    });
    Ok(())
}

#[derive(Serialize)]
struct CenterLine<'a> {
    role: &'a str,
    account: &'a str,
    account_name: &'a str,
    name: &'a str,
    chosen: bool,
}

/// Lists the roles of a portal, `ACCOUNT/NAME`; the one in use is marked.
pub(in crate::cli) fn center_roles(output: &Output, offered: &[OfferedCenterRole]) -> io::Result<()> {
    let mut rows = Vec::new();
    for OfferedCenterRole { role, account_name, chosen } in offered {
        let text = role.to_string();
        if output.is_json() {
            let (account, name) = (role.account.as_str(), role.role_name.as_str());
            output.json_line(&CenterLine { role: &text, account, account_name, name, chosen: *chosen })?;
        } else {
            let mark = if *chosen { "*" } else { " " };
            rows.push(vec![mark.to_owned(), harmless_words(&text), harmless_words(account_name)]);
        }
    }
    if output.is_json() {
        return Ok(());
    }
    if rows.is_empty() {
        output.say("the portal offers no role; ask your admin to assign one");
        return Ok(());
    }
    output.text_line(&table(&[Align::Left; 3], &rows))?;
    if !offered.iter().any(|offered| offered.chosen) {
        let option = output.talk_style(Style::Code, "--role ACCOUNT/NAME");
        output.say(&format!("choose one with {option}; the choice is remembered"));
    }
    Ok(())
}
