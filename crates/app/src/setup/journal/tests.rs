//! Rollback files as runs leave them, whole and cut off.

use pintail_core::name::ClientId;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::setup::entra::{self, Learned};
use crate::setup::plan::Change;

fn step(id: &str, change: entra::Change) -> Step {
    Step {
        id: id.into(),
        side: Side::Entra,
        what: format!("make {id}"),
        why: "because".into(),
        undo: format!("unmake {id}"),
        change: Change::Entra(change),
    }
}

fn app() -> Step {
    step("entra.app", entra::Change::CreateApp { body: json!({ "notes": "n" }) })
}

fn consent() -> Step {
    step("entra.consent", entra::Change::Consent { scope: "openid".into() })
}

fn undo(step: &Step) -> Undo {
    let Change::Entra(change) = &step.change else { panic!("a step in the tenant") };
    let client_id: ClientId = "11111111-2222-3333-4444-555555555555".parse().unwrap();
    Undo::Entra(entra::undo_of(change, &Learned { client_id: Some(client_id), ..Learned::default() }))
}

fn wish() -> Desired {
    let mut draft = Draft::default();
    draft.say("entra.tenant", "contoso.com");
    draft.say_list("aws.buckets", ["data"]);
    draft.read().unwrap()
}

fn facts() -> Facts {
    Facts { issuer: "https://i".into(), tenant: Some("t".into()), tenant_name: None, client_id: None }
}

/// Writes a file of two steps, the second one cut off.
fn written(folder: &Path) -> PathBuf {
    let path = folder.join("work.rollback.jsonl");
    let mut journal = Journal::open(&path, &"work".parse().unwrap()).unwrap();
    journal.run("2026-11-27T12:00:00Z".parse().unwrap(), &wish(), &facts()).unwrap();
    let n = journal.intend(&app(), undo(&app())).unwrap();
    journal.done(n, undo(&app())).unwrap();
    journal.intend(&consent(), undo(&consent())).unwrap();
    path
}

fn ids(record: &Record) -> Vec<&str> {
    record.open.iter().map(|(_, reversal)| reversal.id.as_str()).collect()
}

#[test]
fn what_was_begun_is_taken_back_last_first_whether_its_end_was_seen_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let record = Record::read(&path).unwrap().unwrap();
    assert_eq!(ids(&record), ["entra.consent", "entra.app"]);
    assert_eq!(record.open[0].1.what, "unmake entra.consent");
    assert_eq!(record.wish.as_ref(), Some(&wish()));
    assert!(!record.is_finished && record.touches_entra() && record.accounts().is_empty());
}

#[test]
fn a_second_run_goes_on_and_a_new_one_begins_when_everything_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let name = "work".parse().unwrap();
    let mut journal = Journal::open(&path, &name).unwrap();
    let n = journal.intend(&consent(), undo(&consent())).unwrap();
    assert_eq!(n, 2, "numbers go on");
    journal.finished(true).unwrap();
    assert!(Record::read(&path).unwrap().unwrap().is_finished);
    for (n, _) in Record::read(&path).unwrap().unwrap().open {
        journal.undone(n).unwrap();
    }
    assert!(Record::read(&path).unwrap().unwrap().open.is_empty());
    Journal::open(&path, &name).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1, "it begins anew");
    let other = Journal::open(&written(folder.path()), &"other".parse().unwrap());
    assert!(matches!(other, Err(Error::Setup(SetupError::Journal { .. }))));
}

#[test]
fn a_line_that_was_cut_off_says_nothing_and_spoils_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path());
    let whole = fs::read(&path).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    fs::write(&path, &whole[..last + 20]).unwrap();
    assert_eq!(ids(&Record::read(&path).unwrap().unwrap()), ["entra.app"]);
    let mut journal = Journal::open(&path, &"work".parse().unwrap()).unwrap();
    journal.intend(&consent(), undo(&consent())).unwrap();
    assert_eq!(ids(&Record::read(&path).unwrap().unwrap()), ["entra.consent", "entra.app"]);
}

#[test]
fn other_files_and_newer_ones_are_told_apart() {
    for (text, why) in [
        ("", "it is empty"),
        ("{}\n", "another format"),
        ("{\"event\":\"head\",\"format\":\"x\",\"version\":1,\"bookmark\":\"work\"}\n", "another format"),
        (
            "{\"event\":\"head\",\"format\":\"pintail-setup-rollback\",\"version\":2,\"bookmark\":\"work\"}\n",
            "version 2",
        ),
        (
            "{\"event\":\"head\",\"format\":\"pintail-setup-rollback\",\"version\":1,\"bookmark\":\"work\"}\nx\n{}\n",
            "line 2 cannot be read",
        ),
    ] {
        let error = Record::of(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert!(Record::read(Path::new("nowhere.jsonl")).unwrap().is_none());
}

proptest! {
    #[test]
    fn a_file_that_is_cut_anywhere_loses_only_its_last_line(cut in 0.0f64..1.0) {
        let folder = tempfile::tempdir().unwrap();
        let whole = fs::read_to_string(written(folder.path())).unwrap();
        let end = (whole.len() as f64 * cut) as usize;
        let text = &whole[..(0..=end).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or(0)];
        let lines = text.matches('\n').count();
        match Record::of(text) {
            Ok(record) => prop_assert_eq!(record.open.len(), lines.saturating_sub(2).div_ceil(2)),
            Err(why) => prop_assert!(lines == 0, "{}", why),
        }
    }
}
