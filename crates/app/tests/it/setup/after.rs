//! What comes after a setup: who may use it, what exists, and taking it away.

use super::{Ground, events};

/// behaviour: setup
#[test]
fn people_are_let_in_and_out() {
    let ground = Ground::new();
    ground.set_up();
    let app = ground.cloud.world().apps().remove(0).client_id;
    let alice = ground.cloud.summary().users[0].username.clone();
    let group = ground.cloud.summary().users_group.clone();
    let assigned = || ground.cloud.world().assigned_to_app(&app);
    let count = assigned().len();
    ground.run(&["grant", &group, "--bookmark", "team", "--yes"]).succeeded();
    assert_eq!(assigned().len(), count + 1, "{:?}", assigned());
    crate::cloud::sign_in(&ground.env, "team", &mut ground.person(&alice)).succeeded();
    ground.cloud.recorder().clear();
    ground.run(&["grant", &group, "--yes"]).succeeded();
    assert_eq!(ground.writes(), [], "the only setup is meant, and the group is in already");
    let whole = ground.setup(&["--dry-run", "--user", "me", "--group", &group]).succeeded().json_lines();
    assert!(events(&whole, "plan_step").is_empty(), "{whole:?}");
    // A run of the saved wish agrees as well.
    let saved = ground.run(&["--bookmark", "team", "--dry-run"]).succeeded().json_lines();
    assert!(events(&saved, "plan_step").is_empty(), "{saved:?}");

    ground.run(&["revoke", &group, "--yes"]).succeeded();
    assert_eq!(assigned().len(), count);
    let saved = ground.run(&["--bookmark", "team", "--dry-run"]).succeeded().json_lines();
    assert!(events(&saved, "plan_step").is_empty(), "{saved:?}");
    let nobody = ground.run(&["revoke", "Nobody at all", "--yes"]).exited(6);
    assert!(nobody.stderr.contains("Nobody at all"), "{}", nobody.stderr);
    ground.run(&["grant", &alice, "--yes"]).succeeded();
    assert_eq!(assigned().len(), count + 1);
}

/// behaviour: setup
#[test]
fn what_exists_is_shown_and_taken_away_by_its_mark() {
    let ground = Ground::new();
    let before = ground.state();
    ground.set_up();
    let shown = ground.run(&["show"]).succeeded().json_lines();
    let client = ground.cloud.world().apps().remove(0).client_id;
    assert_eq!(shown[0]["client_id"], client.as_str());
    assert!(events(&shown, "kept").len() >= 6, "{shown:?}");
    let text = ground.env.run(["setup", "show"]).succeeded();
    assert!(text.stdout.contains(&client) && text.stdout.contains("nothing would change"), "{}", text.stdout);

    ground.cloud.recorder().clear();
    let dry = ground.run(&["remove", "--dry-run"]).succeeded();
    assert!(dry.stdout.contains("plan_undo"), "{}", dry.stdout);
    assert_eq!(ground.writes(), []);
    ground.run(&["remove", "--yes"]).succeeded();
    assert_eq!(ground.state(), before);
    ground.env.run(["whoami", "team"]).exited(6);
    ground.run(&["show", "--bookmark", "team"]).exited(2);
}
