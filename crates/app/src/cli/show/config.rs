//! Properties.

use std::io;

use pintail_core::setting::{Honoured, Setting, Source};
use serde::Serialize;

use super::facts;
use crate::cli::render::table::{Align, table};
use crate::cli::render::text::{harmless, harmless_words};
use crate::cli::render::{Output, Style};
use crate::ops::config::{Line, Place};

#[derive(Serialize)]
struct JsonLine<'a> {
    name: &'a str,
    value: Option<&'a str>,
    source: Option<&'static str>,
    known: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    honoured: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong: Option<&'a str>,
}

fn json_line(line: &Line) -> JsonLine<'_> {
    JsonLine {
        name: &line.name,
        value: line.value.as_deref(),
        source: line.source.map(place),
        known: line.setting.is_some(),
        honoured: line.setting.map(|setting| honoured(setting.honoured).0),
        effect: line.setting.map(|setting| setting.effect),
        wrong: line.wrong.as_deref(),
    }
}

fn place(source: Source) -> &'static str {
    match source {
        Source::Bookmark => "bookmark",
        Source::Profile => "profile",
        Source::Preferences => "preferences",
        Source::BuiltIn => "built in",
    }
}

/// One word for programs, and one sentence for people.
fn honoured(honoured: Honoured) -> (&'static str, &'static str) {
    match honoured {
        Honoured::Yes => ("yes", "yes"),
        Honoured::NotYet => ("not_yet", "not yet: it is checked and kept, and changes nothing"),
        Honoured::No => ("no", "no: see the effect"),
    }
}

/// Lists properties.
pub(in crate::cli) fn properties(output: &Output, lines: &[Line]) -> io::Result<()> {
    if output.is_json() {
        return lines.iter().try_for_each(|line| output.json_line(&json_line(line)));
    }
    let row = |line: &Line| {
        let note = match (&line.wrong, line.setting.map(|setting| setting.honoured)) {
            (Some(wrong), _) => wrong.clone(),
            (None, None) => "not known".to_owned(),
            (None, Some(Honoured::Yes)) => String::new(),
            (None, Some(Honoured::NotYet)) => "not honoured yet".to_owned(),
            (None, Some(Honoured::No)) => "has no effect here".to_owned(),
        };
        vec![
            harmless(&line.name).to_string(),
            line.value.as_deref().map_or_else(|| "-".to_owned(), |value| harmless(value).to_string()),
            line.source.map_or("-", place).to_owned(),
            harmless(&note).to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    if rows.is_empty() {
        output.say("nothing is set; `pintail config ls --all` shows what can be");
        return Ok(());
    }
    output.text_line(&table(&[Align::Left; 4], &rows))
}

/// Shows the value of a property, and nothing else.
pub(in crate::cli) fn property(output: &Output, line: &Line) -> io::Result<()> {
    if let Some(wrong) = &line.wrong {
        output.say(&format!("{} {}", output.talk_style(Style::Bad, "warning:"), harmless_words(wrong)));
    }
    output.data(&json_line(line), || harmless(line.value.as_deref().unwrap_or_default()).to_string())
}

#[derive(Serialize)]
struct Set<'a> {
    event: &'static str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// Says that the preferences changed.
pub(in crate::cli) fn property_set(
    output: &Output,
    name: &str,
    value: Option<&str>,
    setting: Option<&Setting>,
) -> io::Result<()> {
    if output.is_json() {
        let event = if value.is_some() { "property_set" } else { "property_unset" };
        return output.json_line(&Set { event, name, value });
    }
    let shown = harmless(name);
    output.say(&match value {
        Some(value) => format!("{shown} is {} in the preferences", harmless(value)),
        None => format!("{shown} is no longer in the preferences"),
    });
    if let Some(setting) = setting.filter(|setting| setting.honoured != Honoured::Yes) {
        output.say(&format!(
            "{} honoured: {}",
            output.talk_style(Style::Strong, "note:"),
            honoured(setting.honoured).1
        ));
    }
    Ok(())
}

#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    line: JsonLine<'a>,
    aliases: &'a [&'static str],
    takes: String,
    default: Option<&'static str>,
    places: Vec<PlaceLine<'a>>,
}

#[derive(Serialize)]
struct PlaceLine<'a> {
    place: &'static str,
    name: Option<&'a str>,
    value: Option<&'a str>,
}

/// Tells everything about a property.
pub(in crate::cli) fn property_explained(output: &Output, line: &Line, places: &[Place]) -> io::Result<()> {
    let Some(setting) = line.setting else { return property(output, line) };
    let said = |(source, said): &'_ Place| match said {
        Some((name, value)) if name == setting.name => format!("{} {}", place(*source), shown(value)),
        Some((name, value)) => format!("{} {} (as {name})", place(*source), shown(value)),
        None => format!("{} -", place(*source)),
    };
    let explained = Explained {
        line: json_line(line),
        aliases: setting.aliases,
        takes: setting.kind.to_string(),
        default: setting.default,
        places: places
            .iter()
            .map(|(source, said)| PlaceLine {
                place: place(*source),
                name: said.as_ref().map(|(name, _)| name.as_str()),
                value: said.as_ref().map(|(_, value)| value.as_str()),
            })
            .collect(),
    };
    output.data(&explained, || {
        let mut pairs = vec![("name", setting.name.to_owned()), ("effect", setting.effect.to_owned())];
        pairs.push(("takes", setting.kind.to_string()));
        pairs.push(("default", setting.default.unwrap_or("-").to_owned()));
        if !setting.aliases.is_empty() {
            pairs.push(("also called", setting.aliases.join(", ")));
        }
        pairs.push(("honoured", honoured(setting.honoured).1.to_owned()));
        pairs.push(("order", places.iter().map(said).collect::<Vec<_>>().join(", then ")));
        pairs.push(("value", line.value.as_deref().map_or_else(|| "-".to_owned(), shown)));
        pairs.extend(line.source.map(|source| ("from", place(source).to_owned())));
        pairs.extend(line.wrong.clone().map(|wrong| ("wrong", wrong)));
        facts(output, &pairs)
    })
}

fn shown(value: &str) -> String {
    if value.is_empty() { "(empty)".to_owned() } else { value.to_owned() }
}
