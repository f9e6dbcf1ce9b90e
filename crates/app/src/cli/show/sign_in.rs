//! Signing in and out, and who one is.

use std::io;

use jiff::Timestamp;
use pintail_core::connection::WayName;
use pintail_core::name::BookmarkName;
use serde::Serialize;

use super::facts;
use crate::cli::render::text::{harmless, span, time};
use crate::cli::render::{Output, Style};
use crate::ops::scheme::Registration;
use crate::ops::sign_in::{Event, SignedOut, Talk, Who};

/// Tells the person what to do while a sign-in waits for them.
pub(in crate::cli) struct SignInTalk<'a> {
    output: &'a Output,
}

#[derive(Serialize)]
struct OpenLine<'a> {
    event: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
struct DeviceLine<'a> {
    event: &'static str,
    user_code: &'a str,
    url: &'a str,
    until: String,
}

#[derive(Serialize)]
struct NoteLine<'a> {
    event: &'static str,
    message: &'a str,
}

impl<'a> SignInTalk<'a> {
    pub(in crate::cli) fn new(output: &'a Output) -> Self {
        Self { output }
    }
}

impl Talk for SignInTalk<'_> {
    fn event(&self, event: Event<'_>) -> io::Result<()> {
        let output = self.output;
        match event {
            Event::Open { url, .. } if output.is_json() => output.json_line(&OpenLine { event: "open", url }),
            Event::Open { url, opened: true } => {
                output.say(
                    "opened the sign-in page in your browser; if it does not appear, open this address:",
                );
                output.say(&format!("  {}", output.talk_style(Style::Faint, &harmless(url).to_string())));
                Ok(())
            }
            Event::Open { url, opened: false } => {
                output.insist("open this address in a browser to sign in:");
                output.insist(&format!("  {}", output.talk_style(Style::Code, &harmless(url).to_string())));
                Ok(())
            }
            Event::DeviceCode { user_code, url, until } => {
                if output.is_json() {
                    let until = until.to_string();
                    return output.json_line(&DeviceLine { event: "device_code", user_code, url, until });
                }
                let code = output.talk_style(Style::Strong, &harmless(user_code).to_string());
                let page = output.talk_style(Style::Code, &harmless(url).to_string());
                output.insist(&format!("open {page} on any device and enter the code {code}"));
                output.insist(
                    "enter it only because you started this sign-in yourself, on the issuer's own page;",
                );
                output.insist("whoever sends you such a code wants to sign in as you");
                Ok(())
            }
            Event::Paste => {
                output.insist(
                    "when the browser ends on an address that does not load, paste that address here:",
                );
                Ok(())
            }
            Event::Warning { message } if output.is_json() => {
                output.json_line(&NoteLine { event: "warning", message })
            }
            Event::Warning { message } => {
                output.say(&format!("{} {}", output.talk_style(Style::Bad, "warning:"), harmless(message)));
                Ok(())
            }
        }
    }
}

#[derive(Serialize)]
struct WhoLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    bookmark: &'a str,
    way: &'static str,
    person: Option<&'a str>,
    issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    client_id: &'a str,
    account: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a str>,
    until: Option<String>,
    renews: bool,
    keychain: Option<&'a str>,
}

fn line<'a>(event: Option<&'static str>, name: &'a BookmarkName, who: &'a Who) -> WhoLine<'a> {
    WhoLine {
        event,
        bookmark: name.as_str(),
        way: WayName::WebIdentity.as_str(),
        person: who.person.as_deref(),
        issuer: &who.issuer,
        tenant: who.tenant.as_deref(),
        client_id: who.client_id.as_str(),
        account: who.account.as_str(),
        role: who.role.as_str(),
        session: who.session.as_deref(),
        until: who.until.map(|until| until.to_string()),
        renews: who.renews,
        keychain: who.keychain.as_deref(),
    }
}

/// Says that the sign-in worked.
pub(in crate::cli) fn signed_in(output: &Output, name: &BookmarkName, who: &Who) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&line(Some("signed_in"), name, who));
    }
    let person = who.person.as_deref().unwrap_or("somebody without a name");
    let until = who.until.map(|until| until_text(until, who.now)).unwrap_or_default();
    let renews = if who.renews { ", renews itself" } else { ", does not renew itself" };
    output.say(&format!(
        "{} as {} in role {} of account {}{until}{renews}",
        output.talk_style(Style::Good, "signed in"),
        output.talk_style(Style::Strong, &harmless(person).to_string()),
        who.role.role_name(),
        who.account,
    ));
    let next = output.talk_style(Style::Code, &format!("pintail ls {name}:"));
    output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
    Ok(())
}

pub(super) fn until_text(until: Timestamp, now: Timestamp) -> String {
    let left = u64::try_from(until.duration_since(now).as_secs()).unwrap_or(0);
    format!(" for {}", span(left))
}

/// Shows who is signed in.
pub(in crate::cli) fn who(output: &Output, name: &BookmarkName, who: &Who) -> io::Result<()> {
    output.data(&line(None, name, who), || {
        let mut pairs = vec![("person", who.person.clone().unwrap_or_else(|| "unknown".into()))];
        pairs.push(("issuer", who.issuer.clone()));
        pairs.extend(who.tenant.clone().map(|tenant| ("tenant", tenant)));
        pairs.push(("client ID", who.client_id.to_string()));
        pairs.push(("account", who.account.to_string()));
        pairs.push(("role", who.role.to_string()));
        pairs.extend(who.session.clone().map(|session| ("session", session)));
        pairs.extend(
            who.until.map(|until| ("until", format!("{} UTC,{}", time(until), until_text(until, who.now)))),
        );
        let renewal =
            if who.renews { "by itself, while the issuer allows" } else { "only by signing in again" };
        pairs.push(("renews", renewal.into()));
        pairs.extend(who.keychain.clone().map(|keychain| ("kept in", keychain)));
        facts(output, &pairs)
    })
}

#[derive(Serialize)]
struct SignedOutLine<'a> {
    event: &'static str,
    bookmark: &'a str,
    was_signed_in: bool,
    not_asked: &'a [String],
    sign_out_page: Option<&'a str>,
}

/// Says that a sign-in was removed.
pub(in crate::cli) fn signed_out(output: &Output, name: &BookmarkName, done: &SignedOut) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&SignedOutLine {
            event: "signed_out",
            bookmark: name.as_str(),
            was_signed_in: done.was_signed_in,
            not_asked: &done.not_asked,
            sign_out_page: done.page.as_ref().map(url::Url::as_str),
        });
    }
    output.say(if done.was_signed_in {
        "removed the sign-in and its credentials from this machine"
    } else {
        "there was no sign-in to remove"
    });
    for keychain in &done.not_asked {
        output.insist(&format!(
            "{keychain} could not be asked and may still hold a copy; sign out again when it can be"
        ));
    }
    if let Some(page) = &done.page {
        let page = output.talk_style(Style::Code, page.as_str());
        if done.opened {
            output.say(&format!("opened the issuer's sign-out page: {page}"));
        } else {
            output.say(&format!("your browser may still be signed in; to end that, open {page}"));
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct SchemeLine<'a> {
    event: &'static str,
    schemes: &'a [String],
}

/// Says that schemes are registered.
pub(in crate::cli) fn scheme_installed(output: &Output, done: &Registration) -> io::Result<()> {
    scheme(output, "scheme_installed", "this program now receives addresses that begin with", done)
}

/// Says that schemes are not registered any more.
pub(in crate::cli) fn scheme_removed(output: &Output, done: &Registration) -> io::Result<()> {
    scheme(output, "scheme_removed", "this program no longer receives addresses that begin with", done)
}

fn scheme(output: &Output, event: &'static str, words: &str, done: &Registration) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&SchemeLine { event, schemes: &done.schemes });
    }
    let schemes: Vec<String> = done.schemes.iter().map(|scheme| format!("{scheme}:")).collect();
    output.say(&format!("{words} {}", schemes.join(", ")));
    Ok(())
}
