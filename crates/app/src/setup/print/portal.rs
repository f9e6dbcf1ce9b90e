//! What to click in both portals, with every value filled in.
//!
//! Pure: a wish in, a text out. Names of menus are those of the Entra admin centre and of the IAM console in 2026. The client ID is the one value that nobody
//! can know beforehand: the text says where it is copied from and where it goes.

use std::fmt::Write as _;

use pintail_core::connection::property;
use serde_json::Value;

use super::parts::EntraParts;
use super::shell::quoted;
use super::{Account, Print, PrintedFile};
use crate::admin::iam::Tags;
use crate::setup::aws::policies::{self, Permissions};
use crate::setup::aws::{INLINE_POLICY, MARK};
use crate::setup::desired::{EntraWish, ExtraClaim, ME};

/// Stands for the client ID in texts.
const CLIENT: &str = "CLIENT-ID";

pub(super) fn file(print: &Print<'_>) -> PrintedFile {
    let mut text = format!("# Amazon S3 with a sign-in: {}\n\n", plain(print.mark()));
    let _ = writeln!(
        text,
        "Follow the steps in this order. Everything in `code` is typed or compared letter by letter.\n"
    );
    if let (Some(wish), Some(parts)) = (print.desired.issuer.entra(), &print.entra) {
        text.push_str(&entra(print, wish, parts));
    } else if let Some(client_id) = &print.facts.client_id {
        let _ = writeln!(
            text,
            "## The application\n\nIt exists at {} and has the client ID {}.\n",
            code(&print.facts.issuer),
            code(client_id.as_str())
        );
    }
    for account in &print.accounts {
        text.push_str(&aws(print, account));
    }
    text.push_str(&end(print));
    PrintedFile { name: format!("{}-portal.md", print.stem()), text, executable: false }
}

/// Writes a value so that Markdown shows it as it is.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{fence}{space}{line}{space}{fence}")
}

/// Writes a heading's text without what Markdown would read.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A list of steps, numbered.
struct Steps {
    text: String,
    number: u32,
}

impl Steps {
    fn new(heading: &str) -> Self {
        Self { text: format!("## {heading}\n\n"), number: 0 }
    }

    fn add(&mut self, step: &str) {
        self.number += 1;
        let _ = writeln!(self.text, "{}. {step}", self.number);
    }

    fn done(mut self, check: &str) -> String {
        let _ = writeln!(self.text, "\n**At the end** {check}\n");
        self.text
    }
}

fn entra(print: &Print<'_>, wish: &EntraWish, parts: &EntraParts) -> String {
    let tenant = print.facts.tenant.clone().unwrap_or_else(|| wish.tenant.to_string());
    let portal = match wish.authority.as_ref().and_then(|url| url.host_str()) {
        Some("login.microsoftonline.us") => "https://entra.microsoft.us",
        Some("login.partner.microsoftonline.cn" | "login.chinacloudapi.cn") => {
            "https://entra.microsoftonline.cn"
        }
        _ => "https://entra.microsoft.com",
    };
    let mut text = String::new();

    let mut steps = Steps::new("1. Register the application in Microsoft Entra ID");
    steps.add(&format!(
        "Open {portal} as a Cloud Application Administrator. Under *Settings* (the cog wheel) the directory has the ID {}.",
        code(&tenant)
    ));
    steps.add("Open *Entra ID > App registrations > New registration*.");
    steps.add(&format!("Name: {}.", code(&wish.app_name)));
    steps.add("Supported account types: *Accounts in this organizational directory only (Single tenant)*.");
    steps.add("Leave *Redirect URI* empty and choose *Register*.");
    text.push_str(&steps.done(&format!(
        "the *Overview* shows *Directory (tenant) ID* {} and, above it, *Application (client) ID*. Copy that one: it is the only \
         value to copy, and stands as {CLIENT} below.",
        code(&tenant)
    )));

    let mut steps = Steps::new("2. Let programs on people's machines sign in");
    steps.add("In the app registration open *Authentication > Add a platform > Mobile and desktop applications*. Not *Web*, not *Single-page application*.");
    for uri in &wish.redirects {
        steps.add(&format!("Under *Custom redirect URIs* enter {}.", code(uri)));
    }
    steps.add("Choose *Configure*.");
    let flows = if wish.device_code { "Yes" } else { "No" };
    steps.add(&format!(
        "Under *Advanced settings* set *Allow public client flows* to *{flows}* and choose *Save*."
    ));
    let uris: Vec<String> = wish.redirects.iter().map(|uri| code(uri)).collect();
    text.push_str(&steps.done(&format!(
        "the section *Mobile and desktop applications* lists {}, and there is no other platform.",
        uris.join(", ")
    )));

    text.push_str(&claims(wish, parts));

    let mut steps = Steps::new("4. Consent for everybody");
    steps.add("Open *API permissions > Add a permission > Microsoft Graph > Delegated permissions*.");
    let scopes: Vec<String> = parts.scopes.iter().map(|scope| code(scope)).collect();
    steps
        .add(&format!("Under *OpenId permissions* tick {} and choose *Add permissions*.", scopes.join(", ")));
    steps.add("Choose *Grant admin consent for …* and confirm.");
    text.push_str(&steps.done(&format!("the column *Status* says *Granted* beside {}.", scopes.join(", "))));

    text.push_str(&people(wish));
    if let Some((name, definition)) = &parts.claims {
        text.push_str(&session_tags(name, definition));
    }
    text
}

fn claims(wish: &EntraWish, parts: &EntraParts) -> String {
    let mut steps = Steps::new("3. Token and manifest");
    let claims: Vec<&str> =
        wish.claims.iter().filter(|claim| **claim != ExtraClaim::Groups).map(|claim| claim.name()).collect();
    if !claims.is_empty() {
        let claims: Vec<String> = claims.into_iter().map(code).collect();
        steps.add("Open *Token configuration > Add optional claim* and choose the token type *ID*.");
        steps.add(&format!(
            "Tick {} and choose *Add*. Where it offers to add Graph permissions, agree.",
            claims.join(", ")
        ));
    }
    if wish.claims.contains(&ExtraClaim::Groups) {
        steps.add("Choose *Add groups claim*, tick *Groups assigned to the application*, and choose *Add*.");
    }
    steps.add("Open *Manifest* (the tab *Microsoft Graph App Manifest*).");
    steps.add(&format!(
        "In {} set {} to {}.",
        code("\"api\""),
        code("\"requestedAccessTokenVersion\""),
        code("2")
    ));
    if !wish.aws_claims.is_empty() {
        steps.add(&format!(
            "In {} set {} to {}.",
            code("\"api\""),
            code("\"acceptMappedClaims\""),
            code("true")
        ));
    }
    let notes = parts.app["notes"].as_str().unwrap_or_default();
    steps.add(&format!("Set {} to {}.", code("\"tags\""), code(&parts.app["tags"].to_string())));
    steps.add(&format!("Set {} to {}.", code("\"notes\""), code(&Value::from(notes).to_string())));
    steps.add("Choose *Save*.");
    steps.done(
        "the manifest is saved without an error, and `pintail setup` will know the application as its own.",
    )
}

fn people(wish: &EntraWish) -> String {
    let mut steps = Steps::new("5. Who may sign in");
    steps.add(&format!("Open *Entra ID > Enterprise applications* and choose {}.", code(&wish.app_name)));
    let required = if wish.assignment_required { "Yes" } else { "No" };
    steps.add(&format!("Under *Properties* set *Assignment required?* to *{required}* and choose *Save*."));
    let users = wish.users.iter().map(|user| if user == ME { "yourself".to_owned() } else { code(user) });
    let who: Vec<String> = wish.groups.iter().map(|group| code(group)).chain(users).collect();
    if !who.is_empty() {
        steps.add("Open *Users and groups > Add user/group*.");
        for one in &who {
            steps.add(&format!("Under *Users and groups* find {one} and choose *Select*."));
        }
        steps.add("Choose *Assign*. (Groups need Entra ID P1; groups inside a group do not count.)");
    }
    let listed = if who.is_empty() { "nobody yet".to_owned() } else { who.join(", ") };
    steps.done(&format!("*Assignment required?* is *{required}*, and *Users and groups* lists {listed}."))
}

fn session_tags(name: &str, definition: &str) -> String {
    let mut steps = Steps::new("6. Session tags");
    steps.add("The portal has no page for claims policies of OpenID Connect applications. Open Graph Explorer (https://aka.ms/ge), sign in as the same administrator, and consent to `Policy.ReadWrite.ApplicationConfiguration` and `Application.ReadWrite.All`.");
    let body = serde_json::json!({ "definition": [definition], "displayName": name, "isOrganizationDefault": false });
    steps.add(&format!("POST `https://graph.microsoft.com/v1.0/policies/claimsMappingPolicies` with the body {}. The answer's `id` stands as POLICY-ID in the next step.", code(&body.to_string())));
    let link = serde_json::json!({ "@odata.id": "https://graph.microsoft.com/v1.0/policies/claimsMappingPolicies/POLICY-ID" });
    steps.add(&format!("POST `https://graph.microsoft.com/v1.0/servicePrincipals(appId='{CLIENT}')/claimsMappingPolicies/$ref` with the body {}.", code(&link.to_string())));
    steps.done(&format!("GET `https://graph.microsoft.com/v1.0/servicePrincipals(appId='{CLIENT}')/claimsMappingPolicies` lists {}.", code(name)))
}

fn aws(print: &Print<'_>, account: &Account<'_>) -> String {
    // `render` lets no such text be written without the account's number.
    let number = account.number().unwrap_or_default();
    let client = print.facts.client_id.as_ref().map_or(CLIENT, |id| id.as_str());
    let provider = match policies::is_built_in(print.facts) {
        true => String::new(),
        false => provider(print, account, number, client),
    };
    provider + &role(print, account, number, client)
}

fn provider(print: &Print<'_>, account: &Account<'_>, number: &str, client: &str) -> String {
    let issuer = &print.facts.issuer;
    let mut steps = Steps::new(&format!("AWS account {number}: the identity provider"));
    steps.add(&open(account, number));
    if account.known.provider_exists {
        let name = code(policies::issuer_name(issuer));
        steps.add(&format!("Open *Access management > Identity providers* and choose {name}."));
        steps.add(&format!(
            "Where {} is not listed under *Audiences*: choose *Actions > Add audience*, enter it and save.",
            code(client)
        ));
    } else {
        steps.add("Open *Access management > Identity providers > Add provider*, choose *OpenID Connect*.");
        steps.add(&format!("Provider URL: {} (no slash at the end).", code(issuer)));
        steps.add(&format!("Audience: {}.", code(client)));
        steps.add(&format!("Under *Add tags*: key {}, value {}.", code(MARK), code(print.mark())));
        steps.add(
            "Choose *Add provider*. If the console says that it exists: open it and add the audience under *Audiences > Actions > \
             Add audience*.",
        );
    }
    let arn = policies::provider_arn(account.wish.partition, number, issuer);
    steps.done(&format!("its page shows the ARN {} and the audience {}.", code(&arn), code(client)))
}

fn role(print: &Print<'_>, account: &Account<'_>, number: &str, client: &str) -> String {
    let (wish, facts) = (account.wish, print.facts);
    let federated = policies::federated(wish.partition, number, facts);
    let trust = policies::trust(wish, &facts.issuer, &federated, client);
    let description = crate::setup::aws::description(facts);
    let mut steps = Steps::new(&format!("AWS account {number}: the role"));
    if policies::is_built_in(facts) {
        steps.add(&open(account, number));
    }
    if wish.role_path == "/" {
        steps.add("Open *Access management > Roles > Create role* and choose *Custom trust policy*.");
        steps.add(&format!("{REPLACE}\n\n{}", block(&trust)));
        steps.add("Choose no permission policy (not `AmazonS3FullAccess`) and choose *Next*.");
        steps.add(&format!("Role name: {}. Description: {}.", code(&wish.role), code(&description)));
        steps.add(&format!("Tag: key {}, value {}. Choose *Create role*.", code(MARK), code(print.mark())));
        steps.add(&format!(
            "Open the role, choose *Edit* in its summary, set *Maximum session duration* to {}, and save.",
            duration(wish.session_s)
        ));
    } else {
        let command = format!(
            "aws iam create-role --role-name {} --path {} --description {} --max-session-duration {} --tags {} \
             --assume-role-policy-document {}",
            quoted(&wish.role),
            quoted(&wish.role_path),
            quoted(&description),
            wish.session_s,
            quoted(&format!("Key={MARK},Value={}", print.mark())),
            quoted(&trust.to_string()),
        );
        steps.add("The console's pages make roles with the path `/` only: open *CloudShell* (the terminal in the bar at the top).");
        steps.add(&format!("Run {}.", code(&command)));
        steps.add(&format!("Open *Access management > Roles* and choose {}.", code(&wish.role)));
    }
    // `render` checked that there is room.
    match policies::permissions(wish) {
        Ok(Permissions::Inline(document)) => {
            let how = "Choose *Add permissions > Create inline policy > JSON*.";
            steps.add(&format!("{how} {REPLACE}\n\n{}", block(&document)));
            steps.add(&format!("Policy name: {}. Choose *Create policy*.", code(INLINE_POLICY)));
        }
        Ok(Permissions::Managed(documents)) => {
            for managed in crate::setup::aws::managed(wish, number, &documents, &Tags::new()) {
                let how = "Open *Access management > Policies > Create policy > JSON*.";
                steps.add(&format!("{how} {REPLACE}\n\n{}", block(&managed.document)));
                steps.add(&format!(
                    "Policy name: {}. Choose *Create policy*, then attach it to the role by *Add permissions > Attach policies*.",
                    code(&managed.name)
                ));
            }
        }
        Err(_) => {}
    }
    steps.done(&format!(
        "the role's page shows the ARN {} and a maximum session duration of {}.",
        code(&role_arn(account, number)),
        duration(wish.session_s)
    ))
}

/// What to do with a document.
const REPLACE: &str = "Put this text in the place of what is there, and choose *Next*:";

fn role_arn(account: &Account<'_>, number: &str) -> String {
    let wish = account.wish;
    format!("arn:{}:iam::{number}:role{}{}", wish.partition, wish.role_path, wish.role)
}

/// Where the console of a partition is, and whose it should be.
fn open(account: &Account<'_>, number: &str) -> String {
    use pintail_core::name::Partition as P;
    let host = match account.wish.partition {
        P::China => "console.amazonaws.cn",
        P::UsGov => "console.amazonaws-us-gov.com",
        P::EuSovereign => "console.amazonaws-eusc.eu",
        _ => "console.aws.amazon.com",
    };
    let number = code(number);
    format!("Open https://{host}/iam/ in this account: the menu at the top right shows {number}.")
}

/// A document as a block of code inside of a numbered list.
fn block(document: &Value) -> String {
    let text = serde_json::to_string_pretty(document).unwrap_or_default();
    let lines: Vec<String> = text.lines().map(|line| format!("   {line}")).collect();
    format!("   ```json\n{}\n   ```\n", lines.join("\n"))
}

/// A length as the console offers or takes it.
fn duration(seconds: u32) -> String {
    match seconds {
        3600 => "*1 hour*".into(),
        seconds if [2, 4, 8, 12].map(|hours| hours * 3600).contains(&seconds) => {
            format!("*{} hours*", seconds / 3600)
        }
        seconds => format!("*Custom duration*, {} seconds", code(&seconds.to_string())),
    }
}

fn end(print: &Print<'_>) -> String {
    let client = print.facts.client_id.as_ref().map_or(CLIENT, |id| id.as_str());
    let entra = print.desired.issuer.entra();
    let mut text = String::from("## Give people their bookmark\n\n");
    for account in &print.accounts {
        let (wish, number) = (account.wish, account.number().unwrap_or_default());
        let issuer = match (entra, &print.facts.tenant) {
            (Some(_), Some(tenant)) => format!("--tenant {tenant}"),
            _ => format!("--issuer {}", quoted(&print.facts.issuer)),
        };
        let authority = entra.and_then(|wish| wish.authority.as_ref());
        let authority = authority.map(|url| format!(" --authority {url}")).unwrap_or_default();
        let email = entra.is_some_and(|wish| wish.claims.contains(&ExtraClaim::Email));
        // As `pintail setup` names the bookmarks that it hands out.
        let name = match print.accounts.len() {
            1 => print.mark().to_owned(),
            _ => format!("{}-{number}", print.mark()),
        };
        let mut commands = vec![format!(
            "pintail bookmark add {name} {issuer}{authority} --client-id {client}{} --role-arn {} --region {}",
            if email { " --scope email" } else { "" },
            quoted(&role_arn(account, number)),
            wish.region
        )];
        if wish.honest_session_names {
            commands.push(format!("pintail bookmark edit {name} --set {}=true", property::NAMED_BY_SUBJECT));
        }
        commands.push(format!("pintail login {name}"));
        let _ = writeln!(text, "```\n{}\n```\n", commands.join("\n"));
    }
    text.push_str("**At the end** `pintail login` says who signed in. Where it does not, `pintail doctor` names the broken link.\n");
    text
}
