//! Setups: the plan, each step as it is done, what was tried, and what is handed out.

use std::io;
use std::path::{Path, PathBuf};

use pintail_core::name::{BookmarkName, ClientId};
use serde::Serialize;
use serde_json::{Value, json};

use super::SignInTalk;
use crate::cli::render::text::harmless;
use crate::cli::render::{Output, Style};
use crate::ops::sign_in::Talk;
use crate::setup::desired::Desired;
use crate::setup::hand_out::HandOut;
use crate::setup::journal::Record;
use crate::setup::plan::{Change, Kept, NearMiss, Plan, Reversal, Side, Step};
use crate::setup::print::PrintedFile;
use crate::setup::sides::{AccountSide, Sides};
use crate::setup::{SetupTalk, Told};

/// Tells the person how a setup goes.
pub(in crate::cli) struct SetupProgress<'a> {
    output: &'a Output,
    sign_in: SignInTalk<'a>,
}

impl<'a> SetupProgress<'a> {
    pub(in crate::cli) fn new(output: &'a Output) -> Self {
        Self { output, sign_in: SignInTalk::new(output) }
    }
}

/// A line that says no more than what happened.
#[derive(Serialize)]
struct StepLine<'a> {
    event: &'static str,
    id: &'a str,
    what: &'a str,
}

impl SetupTalk for SetupProgress<'_> {
    fn told(&self, told: Told<'_>) -> io::Result<()> {
        let output = self.output;
        match told {
            Told::Reading { what } => {
                output.say(&output.talk_style(Style::Faint, &format!("reading {what}…")));
                Ok(())
            }
            Told::SignIn { what } => {
                output.say(&output.talk_style(Style::Faint, &format!("a sign-in may be needed {what}")));
                Ok(())
            }
            Told::Waiting { what } => {
                output.say(&output.talk_style(Style::Faint, &format!("waiting for {what}…")));
                Ok(())
            }
            Told::Done(step) if output.is_json() => {
                output.json_line(&StepLine { event: "step_done", id: &step.id, what: &step.what })
            }
            Told::Done(step) => {
                let mark = output.talk_style(Style::Good, "done");
                output.say(&format!("{mark} {}", harmless(&step.what)));
                Ok(())
            }
            Told::Undone(reversal) if output.is_json() => {
                output.json_line(&StepLine { event: "step_undone", id: &reversal.id, what: &reversal.what })
            }
            Told::Undone(reversal) => {
                let mark = output.talk_style(Style::Good, "back");
                output.say(&format!("{mark} {}", harmless(&reversal.what)));
                Ok(())
            }
            Told::Works { bookmark, role, session, places } if output.is_json() => output.json_line(&json!({
                "event": "verified", "bookmark": bookmark.as_str(), "role": role.as_str(), "session": session,
                "places": places,
            })),
            Told::Works { bookmark, role, places, .. } => {
                let mark = output.talk_style(Style::Good, "works");
                output.say(&format!(
                    "{mark} {bookmark}: signed in, exchanged for {role}, listed {}",
                    harmless(&places.join(", "))
                ));
                Ok(())
            }
        }
    }

    fn sign_in(&self) -> &dyn Talk {
        &self.sign_in
    }
}

fn side_fields(side: &Side) -> (&'static str, Option<&str>) {
    match side {
        Side::Entra => ("entra", None),
        Side::Aws { account } => ("aws", Some(account)),
    }
}

#[derive(Serialize)]
struct PlanLine<'a> {
    event: &'static str,
    side: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(flatten)]
    rest: Value,
}

fn plan_line<'a>(event: &'static str, side: &'a Side, rest: Value) -> PlanLine<'a> {
    let (side, account) = side_fields(side);
    PlanLine { event, side, account, rest }
}

fn lines_of(step: &Step) -> Vec<String> {
    match &step.change {
        Change::Aws(change) => change.lines(),
        Change::Entra(_) => Vec::new(),
    }
}

/// Shows a plan.
pub(in crate::cli) fn setup_plan(output: &Output, sides: &Sides, plan: &Plan) -> io::Result<()> {
    if output.is_json() {
        for step in &plan.steps {
            let rest = json!({
                "id": step.id, "what": step.what, "why": step.why, "undo": step.undo, "lines": lines_of(step),
                "change": step.change,
            });
            output.json_line(&plan_line("plan_step", &step.side, rest))?;
        }
        for kept in &plan.kept {
            output.json_line(&plan_line("kept", &kept.side, json!({ "what": kept.what })))?;
        }
        for miss in &plan.near_misses {
            let rest = json!({ "seen": miss.seen, "means": miss.means, "next": miss.next });
            output.json_line(&plan_line("near_miss", &miss.side, rest))?;
        }
        return output.json_line(&json!({ "event": "plan", "steps": plan.steps.len() }));
    }
    for side in sides_of(plan) {
        output.text_line(&output.data_style(Style::Strong, &harmless(&sides.name_of(&side)).to_string()))?;
        for kept in plan.kept.iter().filter(|kept| kept.side == side) {
            kept_line(output, kept)?;
        }
        for step in plan.steps.iter().filter(|step| step.side == side) {
            step_lines(output, step)?;
        }
        for miss in plan.near_misses.iter().filter(|miss| miss.side == side) {
            miss_lines(output, miss)?;
        }
    }
    let count = plan.steps.len();
    output.text_line(&match count {
        0 => "nothing would change".to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    })
}

/// The sides of a plan, in the order in which they come.
fn sides_of(plan: &Plan) -> Vec<Side> {
    let all = plan.steps.iter().map(|step| &step.side);
    let all = all.chain(plan.kept.iter().map(|kept| &kept.side));
    let all = all.chain(plan.near_misses.iter().map(|miss| &miss.side));
    let mut sides: Vec<Side> = all.cloned().collect();
    sides.sort();
    sides.dedup();
    sides
}

fn kept_line(output: &Output, kept: &Kept) -> io::Result<()> {
    let mark = output.data_style(Style::Faint, "  =");
    output.text_line(&format!("{mark} {}", harmless(&kept.what)))
}

fn step_lines(output: &Output, step: &Step) -> io::Result<()> {
    let mark = output.data_style(Style::Good, "  +");
    output.text_line(&format!("{mark} {}", harmless(&step.what)))?;
    for line in lines_of(step) {
        output
            .text_line(&format!("      {}", output.data_style(Style::Faint, &harmless(&line).to_string())))?;
    }
    for (word, text) in [("why:", &step.why), ("undo:", &step.undo)] {
        let word = output.data_style(Style::Faint, word);
        output.text_line(&format!("      {word} {}", harmless(text)))?;
    }
    Ok(())
}

fn miss_lines(output: &Output, miss: &NearMiss) -> io::Result<()> {
    let mark = output.data_style(Style::Bad, "  !");
    output.text_line(&format!("{mark} {}: {}", harmless(&miss.seen), harmless(&miss.means)))?;
    let word = output.data_style(Style::Faint, "do:");
    output.text_line(&format!("      {word} {}", harmless(&miss.next)))
}

/// Shows what exists of a setup.
pub(in crate::cli) fn setup_state(
    output: &Output,
    sides: &Sides,
    desired: &Desired,
    plan: &Plan,
) -> io::Result<()> {
    if output.is_json() {
        output.json_line(&json!({
            "event": "setup", "bookmark": desired.bookmark.name.as_str(), "issuer": sides.facts.issuer,
            "tenant": sides.facts.tenant, "tenant_name": sides.facts.tenant_name,
            "client_id": sides.facts.client_id.as_ref().map(ClientId::as_str),
            "roles": sides.accounts.iter().map(AccountSide::role_arn).collect::<Vec<_>>(),
        }))?;
    } else {
        let mut pairs =
            vec![("bookmark", desired.bookmark.name.to_string()), ("issuer", sides.facts.issuer.clone())];
        pairs.extend(sides.facts.client_id.as_ref().map(|id| ("client ID", id.to_string())));
        pairs.extend(sides.accounts.iter().map(|side| ("role", side.role_arn())));
        output.text_line(&super::facts(output, &pairs))?;
    }
    setup_plan(output, sides, plan)
}

/// Shows what a rollback would take back.
pub(in crate::cli) fn rollback_plan(output: &Output, record: &Record) -> io::Result<()> {
    for (_, reversal) in &record.open {
        reversal_line(output, reversal)?;
    }
    end_of_reversals(output, record.open.len())
}

/// Shows what a removal would take away.
pub(in crate::cli) fn removal_plan(
    output: &Output,
    sides: &Sides,
    reversals: &[Reversal],
    kept: &[Kept],
) -> io::Result<()> {
    for reversal in reversals {
        reversal_line(output, reversal)?;
    }
    for kept in kept {
        if output.is_json() {
            output.json_line(&plan_line("kept", &kept.side, json!({ "what": kept.what })))?;
        } else {
            let side = sides.name_of(&kept.side);
            let mark = output.data_style(Style::Faint, "  =");
            output.text_line(&format!("{mark} {}: {}", harmless(&side), harmless(&kept.what)))?;
        }
    }
    end_of_reversals(output, reversals.len())
}

fn reversal_line(output: &Output, reversal: &Reversal) -> io::Result<()> {
    if output.is_json() {
        let rest = json!({ "id": reversal.id, "what": reversal.what });
        return output.json_line(&plan_line("plan_undo", &reversal.side, rest));
    }
    let side = match &reversal.side {
        Side::Entra => "Entra".to_owned(),
        Side::Aws { account } => format!("AWS {account}"),
    };
    let mark = output.data_style(Style::Bad, "  -");
    let id = output.data_style(Style::Faint, &reversal.id);
    output.text_line(&format!("{mark} {side}: {} {id}", harmless(&reversal.what)))
}

fn end_of_reversals(output: &Output, count: usize) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&json!({ "event": "plan", "steps": count }));
    }
    output.text_line(&match count {
        0 => "nothing to take back".to_owned(),
        1 => "1 thing to take back".to_owned(),
        count => format!("{count} things to take back"),
    })
}

/// Says that everything is back.
pub(in crate::cli) fn rolled_back(
    output: &Output,
    name: &BookmarkName,
    bookmarks: &[BookmarkName],
) -> io::Result<()> {
    let gone: Vec<_> = bookmarks.iter().map(BookmarkName::as_str).collect();
    if output.is_json() {
        return output
            .json_line(&json!({ "event": "taken_back", "setup": name.as_str(), "bookmarks": gone }));
    }
    output.say(&format!("{} the setup of {name} is taken back", output.talk_style(Style::Good, "done:")));
    if !gone.is_empty() {
        output.say(&format!("removed here: {}", gone.join(", ")));
    }
    Ok(())
}

/// Says where the wish was written.
pub(in crate::cli) fn setup_saved(output: &Output, file: &Path) -> io::Result<()> {
    let file = file.display().to_string();
    if output.is_json() {
        return output.json_line(&json!({ "event": "saved", "file": file }));
    }
    output.say(&format!("wrote {}", harmless(&file)));
    let next = output.talk_style(Style::Code, &format!("pintail setup --file {file}"));
    output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
    Ok(())
}

/// Shows a file for others to carry out, or says where it was written.
pub(in crate::cli) fn setup_printed(
    output: &Output,
    file: &PrintedFile,
    written: Option<&Path>,
) -> io::Result<()> {
    let path = written.map(|path| path.display().to_string());
    if output.is_json() {
        let text = path.is_none().then_some(&file.text);
        return output.json_line(&json!({ "event": "file", "name": file.name, "path": path, "text": text }));
    }
    match path {
        Some(path) => output.say(&format!("wrote {}", harmless(&path))),
        None => output.text_line(file.text.trim_end())?,
    }
    Ok(())
}

/// Says that nothing was tried.
pub(in crate::cli) fn setup_not_tried(output: &Output) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&json!({ "event": "not_verified" }));
    }
    output.say("not tried: whether the sign-in works, the first login tells");
    Ok(())
}

/// Says how many changes were made.
pub(in crate::cli) fn setup_edited(output: &Output, count: usize) -> io::Result<()> {
    if output.is_json() {
        return output.json_line(&json!({ "event": "setup_done", "changes": count }));
    }
    if count == 0 {
        output.say("nothing to do");
    }
    Ok(())
}

/// Says what to hand out, and how to take everything back.
pub(in crate::cli) fn setup_done(
    output: &Output,
    hand_outs: &[(&HandOut, Vec<PathBuf>)],
    rollback: &Path,
    nothing: bool,
) -> io::Result<()> {
    if output.is_json() {
        for (hand_out, files) in hand_outs {
            let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            output.json_line(&json!({
                "event": "handed_out", "bookmark": hand_out.name.as_str(), "account": hand_out.account, "files": files,
                "for_ducks": hand_out.for_ducks,
            }))?;
        }
        let rollback = rollback.display().to_string();
        return output
            .json_line(&json!({ "event": "setup_done", "changed": !nothing, "rollback": rollback }));
    }
    if nothing {
        output.say("nothing to do: both sides are as wanted");
        return Ok(());
    }
    for (hand_out, files) in hand_outs {
        for file in files {
            output.say(&format!("to hand out: {}", harmless(&file.display().to_string())));
        }
        if !hand_out.for_ducks {
            output.say(&output.talk_style(
                Style::Faint,
                "for Cyberduck and Mountain Duck as well: add --redirect cyberduck --redirect mountain-duck",
            ));
        }
        let next = output.talk_style(Style::Code, &format!("pintail ls {}:", hand_out.name));
        output.say(&format!("{} {next}", output.talk_style(Style::Strong, "next:")));
    }
    let undo = format!("pintail setup --rollback {}", rollback.display());
    output.say(&format!("to take everything back: {}", output.talk_style(Style::Code, &undo)));
    Ok(())
}

/// Says which tenant an answer means.
pub(in crate::cli) fn setup_tenant(output: &Output, said: &str, tenant: &str) {
    output.say(&format!("  {} is tenant {}", harmless(said), harmless(tenant)));
}

/// Says why an answer cannot be.
pub(in crate::cli) fn wrong_setup_answer(output: &Output, why: &str) {
    output.insist(&format!("  {}", harmless(why)));
}
