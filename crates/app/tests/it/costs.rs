//! What a transfer would cost: `docs/behaviour.md`, section costs. Nothing is asked of any service for it.

use std::fs;

use serde_json::Value;

use crate::cloud::{Cloud, home};

fn planned(lines: Vec<Value>) -> Value {
    lines.into_iter().find(|line| line["event"] == "planned").expect("a plan")
}

/// behaviour: costs
#[test]
fn a_dry_run_at_amazon_says_what_it_would_cost() {
    let env = home();
    env.run(["bookmark", "add", "open", "--anonymous", "--region", "eu-central-1"]).succeeded();
    fs::write(env.work().join("file"), "text").expect("a file");
    let command = ["cp", "file", "open:somewhere-at-amazon/key", "--dry-run"];
    let said = env.run(command).succeeded();
    assert!(said.stderr.contains("an estimate from list prices of eu-central-1"), "{}", said.stderr);
    let cost =
        planned(env.run(command.into_iter().chain(["--json"])).succeeded().json_lines())["cost"].take();
    assert_eq!((&cost["region"], &cost["currency"]), (&"eu-central-1".into(), &"USD".into()), "{cost}");
    assert_eq!((&cost["requests"], &cost["traffic"]), (&0.000_005_4.into(), &0.0.into()), "{cost}");
    // By prices of one's own.
    let own = "version = 1\ncurrency = \"EUR\"\n[region.eu-central-1]\nthousand-writes = 2000\nthousand-reads = 1\ngib-out = 1\n";
    fs::write(env.work().join("prices"), own).expect("a file");
    let all = command.into_iter().chain(["--json", "--prices", "prices"]);
    let cost = planned(env.run(all).succeeded().json_lines())["cost"].take();
    assert_eq!((&cost["requests"], &cost["currency"]), (&2.0.into(), &"EUR".into()), "{cost}");
    fs::write(env.work().join("prices"), "thousand = 1").expect("a file");
    env.run(command.into_iter().chain(["--prices", "prices"])).exited(1);
}

/// behaviour: costs
#[test]
fn of_other_services_no_cost_is_said() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("file"), "text").expect("a file");
    let target = format!("lab:{bucket}/key");
    let plan = planned(env.run(["cp", "file", &target, "--dry-run", "--json"]).succeeded().json_lines());
    assert!(plan.get("cost").is_none(), "{plan}");
    assert!(!env.run(["cp", "file", &target, "--dry-run"]).succeeded().stderr.contains("estimate"));
}
