//! What comes from others and goes to them: bookmarks added, imported, exported; where they lead; places visited.

use std::io;
use std::path::Path;

use pintail_connect::{ImportPlan, Incoming, Pin, PinChange, PinWatch, RecentPlace, Taking};
use pintail_core::bookmark::Bookmark;
use pintail_core::connection::Connection;
use pintail_core::name::BookmarkName;
use serde::Serialize;

use super::bookmark::{Line, line, reason, way_facts};
use super::facts;
use crate::cli::render::table::{Align, table};
use crate::cli::render::text::{harmless, harmless_words};
use crate::cli::render::{Output, Style};
use crate::ops::Error;
use crate::ops::share::{Exported, Imported, Taken};

#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(flatten)]
    bookmark: Line<'a>,
}

/// Tells of bookmarks that lead elsewhere than they did, before anything is asked of a service.
#[derive(Debug)]
pub(in crate::cli) struct PinWarning {
    output: Output,
}

impl PinWarning {
    pub(in crate::cli) fn new(output: &Output) -> Self {
        Self { output: output.clone() }
    }
}

impl PinWatch for PinWarning {
    fn changed(&self, name: &BookmarkName, changes: &[PinChange]) {
        led_elsewhere(&self.output, name, changes);
    }
}

/// Warns that a bookmark leads elsewhere than it did.
pub(in crate::cli) fn led_elsewhere(output: &Output, name: &BookmarkName, changes: &[PinChange]) {
    if changes.is_empty() {
        return;
    }
    let warning = output.talk_style(Style::Bad, "warning:");
    output.insist(&format!("{warning} the bookmark {name} leads elsewhere than when it was taken:"));
    for change in changes {
        let (now, pinned) = (nothing_for_empty(&change.now), nothing_for_empty(&change.pinned));
        output.insist(&format!("  {} is {now} and was {pinned}", change.what));
    }
}

fn nothing_for_empty(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { harmless(text).to_string() }
}

/// Shows where a bookmark leads that is used for the first time.
pub(in crate::cli) fn first_use(output: &Output, name: &BookmarkName, connection: &Connection) {
    let pin = Pin::of(name, connection);
    output.say(&format!("the bookmark {name} is used for the first time, and leads here:"));
    let accounts = pin.accounts.join(", ");
    for (what, value) in [
        ("tenant or issuer", &pin.issuer),
        ("AWS account", &accounts),
        ("S3", &pin.s3_endpoint),
        ("STS", &pin.sts_endpoint),
    ] {
        if !value.is_empty() {
            output.say(&format!("  {what}: {}", harmless(value)));
        }
    }
}

/// Says that an answer cannot be.
pub(in crate::cli) fn wrong_answer(output: &Output, error: &dyn std::error::Error) {
    let mut text = error.to_string();
    if let Some(cause) = error.source() {
        text.push_str(&format!(": {cause}"));
    }
    output.insist(&format!("{} {}", output.talk_style(Style::Bad, "no:"), harmless_words(&text)));
}

/// Shows the file that a bookmark would be.
pub(in crate::cli) fn bookmark_file(output: &Output, bookmark: &Bookmark) -> Result<(), Error> {
    #[derive(Serialize)]
    struct FileLine {
        event: &'static str,
        file: String,
    }
    let path = Path::new("the bookmark").to_owned();
    let file = bookmark.write().map_err(|source| pintail_connect::Error::Bookmark { path, source })?;
    let file = String::from_utf8_lossy(&file).into_owned();
    let text = file.lines().map(harmless_words).collect::<Vec<_>>().join("\n");
    output.data(&FileLine { event: "bookmark_file", file }, || text).map_err(Error::Stdio)
}

/// Says that a bookmark was changed.
pub(in crate::cli) fn bookmark_changed(
    output: &Output,
    name: &BookmarkName,
    connection: &Connection,
) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&Event { event: "bookmark_changed", bookmark: line(name, connection) });
    }
    output.say(&format!("changed the bookmark {name}"));
    Ok(())
}

/// Says that no bookmark is like that.
pub(in crate::cli) fn nothing_found(output: &Output) {
    output.say("no bookmark has that");
}

/// Shows the default bookmark.
pub(in crate::cli) fn default_bookmark(output: &Output, name: Option<&BookmarkName>) -> io::Result<()> {
    #[derive(Serialize)]
    struct DefaultLine<'a> {
        name: Option<&'a str>,
    }
    if output.is_json() {
        return output.json_line(&DefaultLine { name: name.map(BookmarkName::as_str) });
    }
    match name {
        Some(name) => output.text_line(name.as_str()),
        None => {
            output.say("there is no default bookmark now");
            Ok(())
        }
    }
}

/// Lists the places visited last.
pub(in crate::cli) fn recent_places(output: &Output, places: &[RecentPlace]) -> io::Result<()> {
    for place in places.iter().filter(|_| output.is_json()) {
        output.json_line(place)?;
    }
    if output.is_json() {
        return Ok(());
    }
    if places.is_empty() {
        output.say("no place was visited yet");
        return Ok(());
    }
    let when = |at: &str| at.split('.').next().unwrap_or(at).trim_end_matches('Z').replace('T', " ");
    let rows: Vec<Vec<String>> = places
        .iter()
        .map(|place| vec![harmless(&when(&place.at)).to_string(), harmless(&place.place).to_string()])
        .collect();
    output.text_line(&table(&[Align::Left; 2], &rows))
}

/// Says what was exported, and what was left out.
pub(in crate::cli) fn exported(
    output: &Output,
    exported: &Exported,
    target: Option<&Path>,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct ExportedLine<'a> {
        event: &'static str,
        file: String,
        bookmarks: Vec<&'a str>,
        profiles: &'a [String],
        left_out: Vec<&'a String>,
    }
    if output.is_json() {
        return output.json_line(&ExportedLine {
            event: "exported",
            file: target.map(|path| path.display().to_string()).unwrap_or_default(),
            bookmarks: exported.bookmarks.iter().map(|(name, _)| name.as_str()).collect(),
            profiles: &exported.profiles,
            left_out: exported.bookmarks.iter().flat_map(|(_, keys)| keys).collect(),
        });
    }
    for (name, keys) in exported.bookmarks.iter().filter(|(_, keys)| !keys.is_empty()) {
        let keys: Vec<String> = keys.iter().map(|key| harmless(key).to_string()).collect();
        output.say(&format!("left out of {name}: {}", keys.join(", ")));
    }
    for profile in &exported.profiles {
        output.say(&format!("with the profile {}", harmless(profile)));
    }
    if let Some(target) = target {
        let file = target.display().to_string();
        output.say(&format!("wrote {}", harmless(&file)));
        let next = output.talk_style(Style::Code, &format!("pintail add {}", harmless(&file)));
        output.say(&format!("{} whoever gets it types {next}", output.talk_style(Style::Strong, "next:")));
    }
    Ok(())
}

#[derive(Serialize)]
struct IncomingLine<'a> {
    event: &'static str,
    name: &'a str,
    taking: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bookmark: Option<Line<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacks: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    left_out: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
}

fn taking(taking: Taking) -> &'static str {
    match taking {
        Taking::Add => "add",
        Taking::Update => "update",
        Taking::Here => "here",
    }
}

fn incoming_line<'a>(event: &'static str, incoming: &'a Incoming) -> IncomingLine<'a> {
    IncomingLine {
        event,
        name: incoming.name.as_str(),
        taking: taking(incoming.taking),
        from: None,
        file: None,
        bookmark: incoming.meaning.as_ref().ok().map(|connection| line(&incoming.name, connection)),
        lacks: incoming.meaning.as_ref().err().map(lacks),
        left_out: &incoming.left_out,
        notes: &[],
    }
}

fn lacks(error: &pintail_connect::Error) -> String {
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        text.push_str(&format!(": {cause}"));
    }
    harmless_words(&text)
}

/// Shows what `pintail add` would take: where each bookmark would sign in, and where data would go.
pub(in crate::cli) fn shared(output: &Output, taken: &Taken) -> io::Result<()> {
    for incoming in &taken.bookmarks {
        if output.is_json() {
            output.json_line(&incoming_line("shared_bookmark", incoming))?;
            continue;
        }
        let name = &incoming.name;
        output.say(&match incoming.taking {
            Taking::Add => format!("a bookmark, to be called {name}:"),
            Taking::Update => format!("a bookmark, to take the place of {name}:"),
            Taking::Here => format!("a bookmark that is here already, called {name}:"),
        });
        match &incoming.meaning {
            Ok(connection) => {
                let mut pairs = Vec::new();
                way_facts(connection, &mut pairs);
                let accounts = Pin::of(name, connection).accounts.join(", ");
                if !accounts.is_empty() {
                    pairs.push(("AWS account", accounts));
                }
                pairs.push(("S3", Pin::of(name, connection).s3_endpoint));
                pairs.push(("STS", Pin::of(name, connection).sts_endpoint));
                pairs.extend(connection.default_path.clone().map(|path| ("starts in", path)));
                for line in facts(output, &pairs).lines() {
                    output.say(&format!("  {line}"));
                }
            }
            Err(error) => output.say(&format!("  {}", lacks(error))),
        }
        if !incoming.left_out.is_empty() {
            output.say(&format!("  left out, since it names files: {}", incoming.left_out.join(", ")));
        }
    }
    for profile in &taken.profiles {
        #[derive(Serialize)]
        struct ProfileLine {
            event: &'static str,
            profile: String,
        }
        let profile = profile.id().to_string();
        if output.is_json() {
            output.json_line(&ProfileLine { event: "shared_profile", profile })?;
        } else {
            output.say(&format!("a connection profile: {}", harmless(&profile)));
        }
    }
    Ok(())
}

/// Says what `pintail add` took, and what to do with it.
pub(in crate::cli) fn taken(output: &Output, taken: &Taken) -> io::Result<()> {
    for incoming in &taken.bookmarks {
        if output.is_json() {
            output.json_line(&incoming_line("added", incoming))?;
            continue;
        }
        let name = &incoming.name;
        match incoming.taking {
            Taking::Add => output.say(&format!("added the bookmark {name}")),
            Taking::Update => output.say(&format!("updated the bookmark {name}")),
            Taking::Here => output.say(&format!("the bookmark {name} is here already")),
        }
        let next = match &incoming.meaning {
            Ok(connection) if connection.web_identity().is_some() => format!("pintail login {name}"),
            Ok(_) => format!("pintail ls {name}:"),
            Err(error) => {
                let error = Error::from(kept(&incoming.name, error));
                output.say(&reason(&error));
                format!("pintail bookmark edit {name} …")
            }
        };
        let next = output.talk_style(Style::Code, &next);
        output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
    }
    if !output.is_json() && !taken.profiles.is_empty() {
        output.say(&format!("installed {} connection profiles", taken.profiles.len()));
    }
    Ok(())
}

/// What a kept bookmark lacks, as an error of its own: the first one stays where it is.
fn kept(name: &BookmarkName, error: &pintail_connect::Error) -> pintail_connect::Error {
    match error {
        pintail_connect::Error::Connection { source, .. } => {
            pintail_connect::Error::Connection { name: name.clone(), source: source.clone() }
        }
        pintail_connect::Error::NoProfile { vendor, .. } => {
            pintail_connect::Error::NoProfile { name: name.clone(), vendor: vendor.clone() }
        }
        _ => pintail_connect::Error::WhichBookmark { known: vec![name.clone()] },
    }
}

/// Shows what an import would do, `with_keys` or without.
pub(in crate::cli) fn import_plan(output: &Output, plan: &ImportPlan, with_keys: bool) -> io::Result<()> {
    #[derive(Serialize)]
    struct AsideLine<'a> {
        event: &'static str,
        file: String,
        name: &'a str,
        reason: &'a str,
    }
    let mut rows = Vec::new();
    for planned in &plan.planned {
        let incoming = &planned.incoming;
        let from = planned.program.as_str();
        if output.is_json() {
            let file = Some(planned.file.display().to_string());
            let plain = incoming_line("planned", incoming);
            output.json_line(&IncomingLine { from: Some(from), file, notes: &planned.notes, ..plain })?;
            continue;
        }
        let what = match incoming.taking {
            Taking::Add => "add",
            Taking::Update => "update",
            Taking::Here => "already here",
        };
        let mut words = planned.notes.clone();
        if planned.keys.is_some() {
            let where_to = if with_keys {
                "its secret key goes into the keychain"
            } else {
                "its secret key stays in that file"
            };
            words.push(where_to.to_owned());
        }
        words.extend(incoming.meaning.as_ref().err().map(lacks));
        rows.push(vec![
            what.to_owned(),
            format!("{}:", incoming.name),
            from.to_owned(),
            harmless_words(&words.join("; ")),
        ]);
    }
    for aside in &plan.left_aside {
        if output.is_json() {
            let file = aside.file.display().to_string();
            let (name, reason) = (aside.name.as_str(), aside.reason.as_str());
            output.json_line(&AsideLine { event: "left_aside", file, name, reason })?;
            continue;
        }
        let name = if aside.name.is_empty() {
            aside.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        } else {
            aside.name.clone()
        };
        rows.push(vec![
            "skip".to_owned(),
            harmless(&name).to_string(),
            "-".to_owned(),
            harmless_words(&aside.reason),
        ]);
    }
    if output.is_json() {
        return Ok(());
    }
    if rows.is_empty() && plan.profiles.is_empty() {
        output.say("nothing to import was found; name a file or folder");
        return Ok(());
    }
    if !rows.is_empty() {
        output.text_line(&table(&[Align::Left; 4], &rows))?;
    }
    if !plan.profiles.is_empty() {
        output.say(&format!("{} connection profiles lie beside them", plan.profiles.len()));
    }
    Ok(())
}

/// Says what an import did.
pub(in crate::cli) fn imported(output: &Output, done: &Imported) -> io::Result<()> {
    #[derive(Serialize)]
    struct ImportedLine {
        event: &'static str,
        added: usize,
        updated: usize,
        here: usize,
        keys_left: usize,
        keys_kept: usize,
        profiles: usize,
    }
    let Imported { added, updated, here, keys_left, keys_kept, profiles } = *done;
    if output.is_json() {
        return output.json_line(&ImportedLine {
            event: "imported",
            added,
            updated,
            here,
            keys_left,
            keys_kept,
            profiles,
        });
    }
    output.say(&format!("added {added}, updated {updated}, already here {here}, profiles {profiles}"));
    if keys_left > 0 {
        output.say(&format!(
            "the secret keys of {keys_left} places were left in the files of the other programs; \
             `pintail login NAME` asks for one, `pintail bookmark import --with-keys` takes them"
        ));
    }
    if keys_kept > 0 {
        output.say(&format!("the secret keys of {keys_kept} places are in the keychain now"));
    }
    Ok(())
}
