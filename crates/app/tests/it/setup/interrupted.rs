//! A setup that is cut off at every change in turn, and taken back from there.

use pintail_sandbox::{Effect, Fault, Service};

use super::Ground;

/// Every change of a whole setup, and which of its kind it is.
fn changes() -> Vec<(Service, String, u32)> {
    let ground = Ground::new();
    ground.set_up();
    let writes = ground.writes();
    let count = |index: usize| writes[..=index].iter().filter(|write| **write == writes[index]).count();
    let numbered = writes.iter().enumerate().map(|(index, (service, operation))| {
        (*service, operation.clone(), u32::try_from(count(index)).expect("few"))
    });
    numbered.filter(|(service, ..)| *service != Service::S3).collect()
}

/// Cuts a setup off at one change: the request, or only its answer, is lost however often it is sent.
fn cut_off(service: Service, operation: &str, n: u32, effect: &Effect) -> Ground {
    let ground = Ground::new();
    ground.cloud.faults().add(Fault::new(service, operation, effect.clone()).nth(n).always());
    let ended = ground.setup(&["--yes", "--no-browser"]);
    assert_ne!(ended.code(), Some(0), "{service:?} {operation} {n}: {}", ended.stderr);
    assert!(ground.cloud.faults().fired() > 0, "{service:?} {operation} {n}");
    ground.cloud.faults().clear();
    ground
}

/// behaviour: setup
#[test]
fn a_setup_that_was_cut_off_anywhere_is_run_again_and_ends_the_same() {
    let whole = Ground::new();
    whole.set_up();
    let changes = changes();
    assert!(changes.len() >= 6, "{changes:?}");
    for effect in [Effect::DropRequest, Effect::DropAnswer] {
        for (service, operation, n) in &changes {
            let ground = cut_off(*service, operation, *n, &effect);
            let again = ground.setup(&["--yes", "--no-browser"]).succeeded();
            let same = |state: String, of: &Ground| {
                state
                    .replace(&of.cloud.summary().issuer.replace("http://", ""), "ISSUER")
                    .replace(&of.cloud.summary().tenant, "TENANT")
                    .replace(&of.cloud.summary().account_id, "ACCOUNT")
            };
            assert_eq!(
                normal(&same(ground.state(), &ground)),
                normal(&same(whole.state(), &whole)),
                "{service:?} {operation} {n} {effect:?}"
            );
            assert!(again.stdout.contains("\"verified\""), "{}", again.stdout);
            ground.env.run(["ls", &format!("team:{}/", ground.bucket())]).succeeded();
        }
    }
}

/// Leaves out what is drawn by chance: ports, and names of buckets.
fn normal(state: &str) -> String {
    pintail_testkit::output::without_ports(state)
}

/// behaviour: setup
#[test]
fn a_rollback_from_anywhere_leaves_both_clouds_as_before() {
    for effect in [Effect::DropRequest, Effect::DropAnswer] {
        for (service, operation, n) in &changes() {
            let before = Ground::new().state();
            let ground = cut_off(*service, operation, *n, &effect);
            let shown = ground.run(&["--rollback", "--bookmark", "team", "--dry-run"]).succeeded();
            assert!(shown.stdout.contains("plan_undo"), "{}", shown.stdout);
            ground.run(&["--rollback", "--bookmark", "team", "--yes"]).succeeded();
            assert_eq!(ground.state(), before, "{service:?} {operation} {n} {effect:?}");
        }
    }
}

/// behaviour: setup
#[test]
fn a_whole_setup_is_taken_back_also_when_that_is_cut_off() {
    let undos = {
        let ground = Ground::new();
        ground.set_up();
        ground.cloud.recorder().clear();
        ground.run(&["--rollback", "--bookmark", "team", "--yes"]).succeeded();
        ground.writes()
    };
    assert!(undos.len() >= 5, "{undos:?}");
    for (index, (service, operation)) in undos.iter().enumerate() {
        let n = undos[..=index].iter().filter(|undo| **undo == undos[index]).count();
        let ground = Ground::new();
        let before = ground.state();
        ground.set_up();
        let file = ground.env.home().join("state/setup/team.rollback.jsonl");
        assert!(file.exists(), "{}", file.display());
        let file = file.to_string_lossy().into_owned();
        let fault = Fault::new(*service, operation, Effect::DropAnswer);
        ground.cloud.faults().add(fault.nth(u32::try_from(n).expect("few")).always());
        let ended = ground.run(&["--rollback", &file, "--yes"]);
        assert_ne!(ended.code(), Some(0), "{service:?} {operation} {n}: {}", ended.stderr);
        ground.cloud.faults().clear();
        ground.run(&["--rollback", &file, "--yes"]).succeeded();
        assert_eq!(ground.state(), before, "{service:?} {operation} {n}");
        ground.env.run(["whoami", "team"]).exited(6);
        let again = ground.run(&["--rollback", &file, "--yes"]).succeeded();
        assert!(again.stdout.contains("\"steps\":0"), "{}", again.stdout);
    }
}
