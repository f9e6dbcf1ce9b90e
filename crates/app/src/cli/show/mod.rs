//! What is shown for each result: one JSON line for programs, text for people.

mod aws_config;
mod batch;
mod bookmark;
mod config;
mod credentials;
mod demo;
mod doctor;
mod explain;
mod holder;
mod lend;
mod listing;
mod object;
mod policy;
mod profile;
mod roles;
mod setup;
mod share;
mod sign_in;
mod transfer;

use serde::Serialize;

pub(super) use aws_config::{aws_config, confirm_aws_config};
pub(super) use batch::{
    Jobs, batch_created, batch_job, batch_kubernetes, batch_plan, batch_progress, batch_report_saved,
    batch_role, batch_task,
};
pub(super) use bookmark::{ask_secret, bookmark, bookmark_added, bookmark_removed, bookmarks};
pub(super) use config::{properties, property, property_explained, property_set};
pub(super) use credentials::{credential, one_line};
pub(super) use demo::{demo_end, demo_step, sandbox_ready};
pub(super) use doctor::{checks, diagnosis, sign_in_failed};
pub(super) use explain::{answers, nothing_recognised};
pub(super) use holder::{Asking, holder, holder_signed_in};
pub(super) use lend::{console, env, env_unset, keys_until, serving};
pub(super) use listing::Listing;
pub(super) use object::{bucket_made, bucket_removed, presigned, stat};
pub(super) use policy::{CaseTalk, is_bad, looked, tested, trust};
pub(super) use profile::{
    profile, profile_candidate, profile_changed, profile_checked, profile_exported, profile_installed,
    profiles,
};
pub(super) use roles::{center_roles, fixed_role, roles};
pub(super) use setup::{
    SetupProgress, removal_plan, rollback_plan, rolled_back, setup_done, setup_edited, setup_not_tried,
    setup_plan, setup_printed, setup_saved, setup_state, setup_tenant, wrong_setup_answer,
};
pub(super) use share::{
    PinWarning, bookmark_changed, bookmark_file, default_bookmark, exported, first_use, import_plan,
    imported, led_elsewhere, nothing_found, recent_places, shared, taken, wrong_answer,
};
pub(super) use sign_in::{SignInTalk, scheme_installed, scheme_removed, signed_in, signed_out, who};
pub(super) use transfer::{
    Tally, TransferFace, VerifyFace, cancelled, clean_report, confirm_deletions, delete_failed,
    deletions_refused, dry_run, orphan_count, orphan_list, quiet, removal_report, report, round,
    round_failed, runs, shown_run, verified, waits_for_sign_in, watch_notice, watching,
};

use super::render::text::{harmless, harmless_words};
use super::render::{Output, Style};
use crate::explain::{Exit, Explanation};

/// An error as a program sees it.
#[derive(Serialize)]
struct FailureLine<'a> {
    event: &'static str,
    code: u8,
    message: &'a str,
    causes: &'a [String],
    next: &'a [String],
}

/// Shows what went wrong and what to do, and returns how the run ends.
pub(super) fn failure(output: &Output, explanation: &Explanation) -> Exit {
    if output.is_json() {
        let _ = output.json_line(&FailureLine {
            event: "error",
            code: explanation.exit.number(),
            message: &explanation.message,
            causes: &explanation.causes,
            next: &explanation.next,
        });
    }
    let mut text =
        format!("{} {}", output.talk_style(Style::Bad, "error:"), harmless_words(&explanation.message));
    for cause in &explanation.causes {
        text.push_str(&format!(
            "\n  {} {}",
            output.talk_style(Style::Faint, "because:"),
            harmless_words(cause)
        ));
    }
    for next in &explanation.next {
        text.push_str(&format!("\n{} {}", output.talk_style(Style::Strong, "next:"), harmless_words(next)));
    }
    output.insist(&text);
    explanation.exit
}

/// Tells a program that the command line was wrong. The words for people are on standard error already.
pub(super) fn usage_line(output: &Output, message: &str) {
    let code = Exit::Usage.number();
    let _ = output.json_line(&FailureLine { event: "error", code, message, causes: &[], next: &[] });
}

/// Lays out names and values, one pair a line.
fn facts(output: &Output, pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = pairs
        .iter()
        .map(|(name, value)| {
            let padded = format!("{name:width$}");
            format!("{}  {}", output.data_style(Style::Faint, &padded), harmless(value))
        })
        .collect();
    lines.join("\n")
}
