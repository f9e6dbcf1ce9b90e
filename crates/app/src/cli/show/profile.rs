//! Connection profiles.

use std::io;
use std::path::Path;

use pintail_connect::{Before, Installed, Listed, Origin, Profiles};
use pintail_core::connection::profile_check::{Finding, Severity};
use pintail_core::profile::{ProfileId, WayName};
use serde::Serialize;

use super::facts;
use crate::cli::render::table::{Align, table};
use crate::cli::render::text::{harmless, harmless_words};
use crate::cli::render::{Output, Style};
use crate::explain::explain;
use crate::ops::Error;
use crate::ops::profiles::{self, Candidate, From, Named, Row};

#[derive(Serialize)]
struct Line<'a> {
    vendor: &'a str,
    protocol: String,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<&'static str>,
    from: &'static str,
    enabled: bool,
    deprecated: bool,
}

#[derive(Serialize)]
struct BrokenLine {
    error: String,
}

fn from(origin: &Origin) -> &'static str {
    match origin {
        Origin::Builtin => "built in",
        Origin::Installed(_) => "installed",
    }
}

/// Lists profiles; a file that is none is listed with the reason.
pub(in crate::cli) fn profiles(
    output: &Output,
    profiles: &Profiles,
    all: &[Result<Listed, pintail_connect::Error>],
    word: Option<&str>,
    deprecated_too: bool,
) -> io::Result<()> {
    let word = word.map(str::to_lowercase);
    let mut rows = Vec::new();
    let mut broken = Vec::new();
    for one in all {
        let listed = match one {
            Ok(listed) => listed,
            Err(error) if output.is_json() => {
                output.json_line(&BrokenLine { error: reason(error) })?;
                continue;
            }
            Err(error) => {
                broken.push(reason(error));
                continue;
            }
        };
        let effective = profiles.effective(&listed.profile);
        let has = |word: &String| {
            [&effective.vendor, &effective.description].iter().any(|it| it.to_lowercase().contains(word))
        };
        if effective.deprecated && !deprecated_too || !word.as_ref().is_none_or(has) {
            continue;
        }
        let way = effective.way().map(WayName::as_str);
        if output.is_json() {
            output.json_line(&Line {
                vendor: &effective.vendor,
                protocol: effective.protocol.to_string(),
                name: &effective.description,
                way,
                from: from(&listed.origin),
                enabled: listed.enabled,
                deprecated: effective.deprecated,
            })?;
            continue;
        }
        let mut state = vec![from(&listed.origin)];
        state.extend((!listed.enabled).then_some("disabled"));
        state.extend(effective.deprecated.then_some("deprecated"));
        let other = || format!("for {}, not S3", effective.protocol);
        rows.push(vec![
            harmless(&effective.vendor).to_string(),
            harmless(&effective.description).to_string(),
            way.map_or_else(other, str::to_owned),
            state.join(", "),
        ]);
    }
    if !rows.is_empty() {
        output.text_line(&table(&[Align::Left; 4], &rows))?;
    }
    for reason in broken {
        output.say(&format!("{} {reason}", output.talk_style(Style::Bad, "broken:")));
    }
    Ok(())
}

fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    harmless_words(&text)
}

#[derive(Serialize)]
struct Full<'a> {
    vendor: &'a str,
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    way: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    enabled: bool,
    values: Vec<Row>,
    properties: Vec<Property>,
    asks: Vec<String>,
    unknown_keys: Vec<String>,
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

/// Shows one profile.
pub(in crate::cli) fn profile(output: &Output, named: &Named) -> io::Result<()> {
    let effective = &named.effective;
    let properties = profiles::properties(effective);
    let full = Full {
        vendor: &effective.vendor,
        protocol: effective.protocol.to_string(),
        way: effective.way().map(WayName::as_str),
        from: named.origin.as_ref().map(from),
        enabled: named.enabled,
        values: profiles::rows(&named.profile, effective),
        properties: properties.into_iter().map(|(name, value)| Property { name, value }).collect(),
        asks: profiles::asks(effective),
        unknown_keys: profiles::unknown_keys(&named.profile),
    };
    output.data(&full, || {
        let row = |row: &Row| {
            let from = if row.from == From::Profile { "profile" } else { "parent" };
            vec![harmless(&row.key).to_string(), harmless(&row.value).to_string(), from.to_owned()]
        };
        let mut rows: Vec<Vec<String>> = full.values.iter().map(row).collect();
        rows.extend(full.properties.iter().map(|property| {
            vec![
                harmless(&property.name).to_string(),
                harmless(&property.value).to_string(),
                "profile".to_owned(),
            ]
        }));
        let mut pairs = Vec::new();
        match full.way {
            Some(way) => pairs.push(("way in", way.to_owned())),
            None => pairs.push(("way in", format!("none: it is a profile for {}, not S3", full.protocol))),
        }
        if !full.asks.is_empty() {
            pairs.push(("asks for", full.asks.join(", ")));
        }
        if !full.unknown_keys.is_empty() {
            pairs.push(("kept, not known", full.unknown_keys.join(", ")));
        }
        format!("{}\n\n{}", table(&[Align::Left; 3], &rows), facts(output, &pairs))
    })
}

/// Says what a profile to be installed names.
pub(in crate::cli) fn profile_candidate(output: &Output, candidate: &Candidate) {
    if output.is_json() {
        return;
    }
    let effective = &candidate.effective;
    let id = candidate.profile.id();
    let mut pairs =
        vec![("profile", effective.description.clone()), ("protocol", id.protocol), ("vendor", id.vendor)];
    pairs.extend(
        effective.default_hostname.clone().filter(|_| !effective.asks_hostname).map(|host| ("host", host)),
    );
    pairs.extend(effective.oauth_authorization_url.clone().map(|url| ("sign-in", url)));
    pairs.extend(effective.oauth_token_url.clone().map(|url| ("tokens", url)));
    pairs.extend(effective.property("pintail.issuer").map(|text| ("issuer", text.to_owned())));
    pairs.extend(effective.oauth_redirect_url.clone().map(|url| ("redirect", url)));
    pairs.extend(effective.sts_endpoint.clone().map(|url| ("STS", url)));
    output.say(&facts(output, &pairs));
    for finding in candidate.findings.iter().filter(|finding| finding.severity() > Severity::Note) {
        output.say(&finding_text(output, finding));
    }
}

#[derive(Serialize)]
struct InstalledLine<'a> {
    event: &'static str,
    vendor: &'a str,
    protocol: &'a str,
    name: &'a str,
    before: &'static str,
    written: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect: Option<&'a str>,
    findings: Vec<FindingLine>,
}

#[derive(Serialize)]
struct FindingLine {
    severity: &'static str,
    text: String,
}

/// Says that a profile was installed, or would be.
pub(in crate::cli) fn profile_installed(
    output: &Output,
    candidate: &Candidate,
    installed: Option<&Installed>,
) -> io::Result<()> {
    let effective = &candidate.effective;
    let id = candidate.profile.id();
    let before = installed.map_or(candidate.before, |installed| installed.before);
    if output.is_json() {
        return output.json_line(&InstalledLine {
            event: "profile_installed",
            vendor: &id.vendor,
            protocol: &id.protocol,
            name: &effective.description,
            before: match before {
                Before::Nothing => "nothing",
                Before::Same => "same",
                Before::Another => "another",
            },
            written: installed.is_some(),
            path: installed.map(|installed| installed.path.display().to_string()),
            host: effective.default_hostname.as_deref(),
            authorization_url: effective.oauth_authorization_url.as_deref(),
            redirect: effective.oauth_redirect_url.as_deref(),
            findings: candidate.findings.iter().map(finding_line).collect(),
        });
    }
    let vendor = harmless(&id.vendor);
    output.say(&match (installed.is_some(), before) {
        (true, Before::Nothing) => format!("installed the profile {vendor}"),
        (true, Before::Same) => format!("the profile {vendor} was there already, the same"),
        (true, Before::Another) => format!("replaced the profile {vendor}"),
        (false, Before::Nothing) => format!("would install the profile {vendor}"),
        (false, Before::Same) => format!("the profile {vendor} is there already, the same"),
        (false, Before::Another) => format!("would replace the profile {vendor}"),
    });
    Ok(())
}

fn finding_line(finding: &Finding) -> FindingLine {
    FindingLine { severity: severity(finding), text: finding.to_string() }
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn finding_text(output: &Output, finding: &Finding) -> String {
    let style = match finding.severity() {
        Severity::Error => Style::Bad,
        Severity::Warning => Style::Strong,
        Severity::Note => Style::Faint,
    };
    let word = output.data_style(style, &format!("{}:", severity(finding)));
    format!("{word} {}", harmless_words(&finding.to_string()))
}

#[derive(Serialize)]
struct Checked {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    ok: bool,
    findings: Vec<FindingLine>,
}

/// Shows what is wrong with a file.
pub(in crate::cli) fn profile_checked(
    output: &Output,
    path: &Path,
    judged: &Result<(ProfileId, Vec<Finding>), Error>,
) -> io::Result<()> {
    let shown = path.display().to_string();
    match judged {
        Ok((id, findings)) => {
            let ok = !findings.iter().any(|finding| finding.severity() == Severity::Error);
            let line = Checked {
                path: shown.clone(),
                vendor: Some(id.vendor.clone()),
                ok,
                findings: findings.iter().map(finding_line).collect(),
            };
            output.data(&line, || {
                let mut lines =
                    vec![format!("{}: {}", harmless(&shown), if ok { "ok" } else { "not in order" })];
                lines.extend(findings.iter().map(|finding| format!("  {}", finding_text(output, finding))));
                lines.join("\n")
            })
        }
        Err(error) => {
            let explanation = explain(error);
            let parts: Vec<String> = std::iter::once(explanation.message).chain(explanation.causes).collect();
            let text = parts.join(": ");
            let finding = FindingLine { severity: "error", text: text.clone() };
            let line = Checked { path: shown.clone(), vendor: None, ok: false, findings: vec![finding] };
            output.data(&line, || {
                let word = output.data_style(Style::Bad, "error:");
                format!("{}: not in order\n  {word} {}", harmless(&shown), harmless_words(&text))
            })
        }
    }
}

#[derive(Serialize)]
struct Changed<'a> {
    event: &'static str,
    vendor: &'a str,
    protocol: &'a str,
}

/// Says what happened to a profile.
pub(in crate::cli) fn profile_changed(
    output: &Output,
    event: &'static str,
    word: &str,
    id: &ProfileId,
) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&Changed { event, vendor: &id.vendor, protocol: &id.protocol });
    }
    output.say(&format!("{word} the profile {}", harmless(&id.vendor)));
    Ok(())
}

#[derive(Serialize)]
struct Exported<'a> {
    event: &'static str,
    vendor: &'a str,
    path: String,
}

/// Says where a profile was written.
pub(in crate::cli) fn profile_exported(output: &Output, vendor: &str, path: &Path) -> io::Result<()> {
    let path = path.display().to_string();
    if output.is_json() {
        return output.json_line(&Exported { event: "profile_exported", vendor, path });
    }
    output.say(&format!("wrote {}", harmless(&path)));
    Ok(())
}
