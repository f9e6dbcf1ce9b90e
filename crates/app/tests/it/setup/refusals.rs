//! What a setup says when it may not, does not know, or is not told enough.

use std::fs;

use super::Ground;
use crate::cloud::home;

/// behaviour: setup
#[test]
fn without_enough_rights_the_role_is_named_and_nothing_is_lost() {
    let ground = Ground::new();
    let developer = ground.cloud.summary().developer_person.clone();
    ground.azure_cli(&developer);
    let refused = ground.setup(&["--yes", "--no-browser"]).exited(5);
    let all = format!("{}{}", refused.stdout, refused.stderr);
    assert!(all.contains("Cloud Application Administrator"), "{all}");
    // Somebody with the role goes on from there.
    ground.azure_cli(&ground.cloud.summary().admin_person.clone());
    ground.set_up();
    assert_eq!(ground.cloud.world().apps().len(), 1);
}

/// behaviour: setup
#[test]
fn an_azure_cli_of_another_tenant_is_passed_over_or_refused() {
    let ground = Ground::new();
    ground.azure_cli_with("99999999-0000-4000-8000-00000000000a", "somebody-elses-token-for-another-tenant");
    let refused = ground.setup(&["--dry-run", "--admin-sign-in", "az"]).exited(4);
    assert!(refused.stderr.contains("99999999-0000-4000-8000-00000000000a"), "{}", refused.stderr);
    let asked = ground.setup(&["--dry-run", "--no-browser"]).succeeded();
    assert!(asked.stdout.contains("\"open\""), "the admin signs in instead: {}", asked.stdout);
    let calls = ground.cloud.recorder().calls();
    assert!(calls.iter().all(|call| call.status != Some(401)), "the other tenant's token went nowhere");
}

/// behaviour: setup
#[test]
fn names_nobody_knows_stop_it_before_anything_is_changed() {
    let ground = Ground::new();
    let refused = ground.setup(&["--yes", "--group", "S3 usres"]).exited(6);
    assert!(refused.stderr.contains("S3 usres"), "{}", refused.stderr);
    assert_eq!(ground.writes(), []);
}

/// behaviour: setup
#[test]
fn a_bookmark_of_ones_own_is_not_replaced() {
    let ground = Ground::new();
    let add = ["bookmark", "add", "team", "--anonymous"];
    ground.env.run(add).succeeded();
    let refused = ground.setup(&["--yes"]).exited(2);
    assert!(refused.stderr.contains("team"), "{}", refused.stderr);
    assert_eq!(ground.writes(), []);
}

/// behaviour: setup
#[test]
fn what_is_missing_or_wrong_is_told_with_option_line_and_key() {
    let env = home();
    let missing = env.run(["setup"]).exited(2);
    for word in ["--tenant", "[entra]", "--bucket", "[[aws]]"] {
        assert!(missing.stderr.contains(word), "{word}: {}", missing.stderr);
    }
    let common = env.run(["setup", "--tenant", "common", "--bucket", "data"]).exited(2);
    assert!(common.stderr.contains("one issuer"), "{}", common.stderr);
    let file = "version = 1\n[entra]\ntenant = \"contoso.com\"\ngrups = [\"x\"]\n[[aws]]\nbuckets = [\"data\"]\nsession-hours = 40\n";
    fs::write(env.work().join("wish.toml"), file).expect("a file");
    let wrong = env.run(["setup", "--file", "wish.toml"]).exited(2);
    for word in ["wish.toml", "line 4", "groups", "line 7", "session-hours"] {
        assert!(wrong.stderr.contains(word), "{word}: {}", wrong.stderr);
    }
    let saved =
        ["setup", "--tenant", "contoso.com", "--bucket", "data", "--read-only", "--save", "saved.toml"];
    env.run(saved).succeeded();
    let text = fs::read_to_string(env.work().join("saved.toml")).expect("the file");
    assert!(text.contains("tenant = \"contoso.com\"") && text.contains("access = \"read\""), "{text}");
    let nothing = env.run(["setup", "show"]).exited(2);
    assert!(nothing.stderr.contains("pintail setup"), "{}", nothing.stderr);
}

/// behaviour: setup
#[test]
fn a_person_at_a_terminal_is_asked_for_what_is_missing() {
    let ground = Ground::new();
    let summary = ground.cloud.summary().clone();
    let authority = ground.authority();
    let words = [
        "setup",
        "--authority",
        &authority,
        "--iam-endpoint",
        &summary.iam_endpoint,
        "--sts-endpoint",
        &summary.sts_endpoint,
        "--s3-endpoint",
        &summary.s3_endpoint,
        "--bookmark",
        "asked",
        "--save",
        "asked.toml",
    ];
    let mut asking = ground.env.pintail(words).set("NO_COLOR", "1").start_on_terminal();
    asking.wait_for_question("Tenant");
    asking.type_in("common\n");
    asking.wait_for_question("one issuer");
    asking.wait_for_question("Tenant");
    asking.type_in(&format!("{}\n", summary.tenant));
    for (question, answer) in [
        ("Name of the application", "Data"),
        ("Groups", "S3 users"),
        ("Cyberduck", "y"),
        ("AWS profile", ""),
        ("Region", &summary.region),
        ("Name of the role", "two words"),
        ("no name of a role", ""),
        ("Name of the role", "DataReaders"),
        ("Buckets", "data, logs/2026/"),
        ("read only", "y"),
    ] {
        asking.wait_for_question(question);
        if question != "no name of a role" {
            asking.type_in(&format!("{answer}\n"));
        }
    }
    asking.finish().succeeded();
    let text = fs::read_to_string(ground.env.work().join("asked.toml")).expect("the file");
    for line in [
        "app-name = \"Data\"",
        "groups = [\"S3 users\"]",
        "x-mountainduck-action://oauth",
        "role = \"DataReaders\"",
        "access = \"read\"",
        "\"s3://logs/2026/\"",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

/// behaviour: setup
#[test]
fn what_is_printed_for_others_changes_nothing() {
    let ground = Ground::new();
    for kind in ["cloudformation", "terraform", "cli", "portal"] {
        let printed = ground.setup(&["--print", kind]).succeeded().json_lines();
        assert!(
            !printed.is_empty()
                && printed.iter().all(|line| line["text"].as_str().is_some_and(|text| !text.is_empty()))
        );
        let written = ground.setup(&["--print", kind, "--output", "printed"]).succeeded().json_lines();
        for line in &written {
            assert!(ground.env.work().join(line["path"].as_str().expect("a path")).exists());
        }
    }
    assert_eq!(ground.writes(), []);
}
