//! What changes in the configuration file of AWS's tools.

use std::io;

use pintail_core::aws_config::edit::ProfileName;
use serde::Serialize;

use crate::cli::Failure;
use crate::cli::render::text::harmless;
use crate::cli::render::{Output, Style};
use crate::ops::Error;
use crate::ops::aws_config::Plan;

#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    path: String,
    profiles: Vec<&'a str>,
    changed: bool,
    written: bool,
    diff: Vec<String>,
}

/// Shows what was written, or would be.
pub(in crate::cli) fn aws_config(output: &Output, plan: &Plan, written: bool) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&Line {
            event: "aws_config",
            path: plan.path.display().to_string(),
            profiles: plan.profiles.iter().map(ProfileName::as_str).collect(),
            changed: plan.changes(),
            written,
            diff: changes(plan),
        });
    }
    let path = harmless(&plan.path.display().to_string()).to_string();
    if !plan.changes() {
        output.say(&format!("nothing to change in {path}"));
        return Ok(());
    }
    diff(output, plan)?;
    if written {
        output.say(&format!("{} {path}", output.talk_style(Style::Good, "wrote")));
        for profile in plan.profiles.iter().filter(|profile| plan.after.contains(profile.as_str())) {
            let next = output.talk_style(Style::Code, &format!("aws --profile {profile} s3 ls"));
            output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
        }
    }
    Ok(())
}

/// Shows what would change and asks whether to go on.
pub(in crate::cli) async fn confirm_aws_config(output: &Output, plan: &Plan) -> Result<bool, Failure> {
    let path = harmless(&plan.path.display().to_string()).to_string();
    if !output.is_json() {
        diff(output, plan)?;
        match output.confirm(&format!("write this to {path}?")).await.map_err(Error::Stdio)? {
            Some(true) => return Ok(true),
            Some(false) => {
                output.say("nothing was written");
                return Ok(false);
            }
            None => {}
        }
    }
    Err(Error::Usage(format!("{path} would change, and nobody can be asked; agree with --yes")).into())
}

fn diff(output: &Output, plan: &Plan) -> io::Result<()> {
    for line in changes(plan) {
        let style = match line.as_bytes().first() {
            Some(b'+') => Style::Good,
            Some(b'-') => Style::Bad,
            _ => Style::Faint,
        };
        output.text_line(&output.data_style(style, &harmless(&line).to_string()))?;
    }
    Ok(())
}

/// The lines that go and come, each below the header of its section. Lines that stay are not shown: they are other people's,
/// and some hold keys.
fn changes(plan: &Plan) -> Vec<String> {
    let before: Vec<&str> = plan.before.as_deref().unwrap_or_default().lines().collect();
    let after: Vec<&str> = plan.after.lines().collect();
    let mut shown = Vec::new();
    let mut header = "";
    let mut said = "";
    for (sign, line) in compare(&before, &after) {
        if line.starts_with('[') {
            header = line;
            // A header that itself comes or goes is seen where it does.
            said = if sign == ' ' { "" } else { line };
        }
        if sign != ' ' {
            if said != header {
                shown.push(format!("  {header}"));
                said = header;
            }
            shown.push(format!("{sign} {}", masked(line)));
        }
    }
    shown
}

/// Compares line by line: what stays, goes and comes, in order.
fn compare<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<(char, &'a str)> {
    let start = before.iter().zip(after).take_while(|(one, other)| one == other).count();
    let (old, new) = (&before[start..], &after[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    // The longest common part of the first and the second from each pair of places on.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            common[i][j] =
                if one == other { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let mut lines: Vec<(char, &str)> = before[..start].iter().map(|&line| (' ', line)).collect();
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push((' ', old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(('-', old[i]));
            i += 1;
        } else {
            lines.push(('+', new[j]));
            j += 1;
        }
    }
    lines.extend(before[before.len() - end..].iter().map(|&line| (' ', line)));
    lines
}

/// Hides the value of a key that holds a secret: with `--force` somebody's keys may go.
fn masked(line: &str) -> String {
    let Some((key, _)) = line.split_once('=') else { return line.to_owned() };
    let plain = key.to_ascii_lowercase();
    if ["secret", "token", "password"].iter().any(|word| plain.contains(word)) {
        return format!("{key}= …");
    }
    line.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> Vec<String> {
        changes(&Plan {
            path: "config".into(),
            profiles: Vec::new(),
            before: Some(before.to_owned()),
            after: after.to_owned(),
        })
    }

    #[test]
    fn changes_stand_below_their_section_and_nothing_else_is_shown() {
        let before =
            "[a]\naws_secret_access_key = abc\n[b]\nx = 1\ny = 2\n[c]\naws_secret_access_key = def\nz = 1\n";
        let after = "[a]\naws_secret_access_key = abc\n[b]\nx = 2\ny = 2\n[c]\nz = 1\n[d]\nw = 1\n";
        assert_eq!(
            shown(before, after),
            ["  [b]", "- x = 1", "+ x = 2", "  [c]", "- aws_secret_access_key = …", "+ [d]", "+ w = 1"]
        );
        assert!(shown(before, before).is_empty());
        assert_eq!(shown("", "[a]\n"), ["+ [a]"]);
    }
}
