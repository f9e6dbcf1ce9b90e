//! What a transfer would cost: `docs/behaviour.md`, section costs. Nothing is asked of any service for it.

use std::fs;

use serde_json::Value;

use crate::amazon::{Amazon, REGION};
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

/// A mebibyte, so that traffic can be counted in them.
const MIB: usize = 1 << 20;

/// Prices by which a write costs 1, a read a thousandth, and a mebibyte out of the region 1.
const OWN: &str = "version = 1\ncurrency = \"EUR\"\n[region.eu-central-1]\nthousand-writes = 1000\nthousand-reads = 1\ngib-out = 1024\n";

/// behaviour: costs
#[test]
fn every_command_that_transfers_says_what_it_would_cost() {
    let cloud = Cloud::signed_in();
    let amazon = Amazon::with(&cloud);
    let (env, bucket) = (&cloud.env, cloud.summary().public_bucket.clone());
    env.run(["bookmark", "add", "open", "--anonymous", "--region", REGION]).succeeded();
    let world = cloud.sandbox().world();
    for (key, size) in [("there/a", MIB), ("there/b", 2 * MIB), ("there/same", 1), ("there/sub/c", MIB)] {
        world.put_object(&bucket, key, vec![7; size]);
    }
    fs::create_dir_all(env.work().join("tree")).expect("a folder");
    for (name, size) in [("new", MIB), ("more", 10)] {
        fs::write(env.work().join("tree").join(name), vec![7; size]).expect("a file");
    }
    fs::write(env.work().join("prices"), OWN).expect("a file");
    let (there, other) = (format!("open:{bucket}/there/"), format!("open:{bucket}/other/"));
    // What is written besides the lists, what is read, and how many mebibytes leave the region.
    let commands: [(&[&str], u64, u64, f64); 9] = [
        (&["cp", "-r", "tree/", &there], 2, 0, 0.0),
        (&["mv", "-r", "tree/", &there], 2, 0, 0.0),
        (&["sync", "tree", &there], 2, 0, 0.0),
        (&["sync", "tree", &there, "--delete", "--max-delete", "100%"], 2, 0, 0.0),
        (&["sync", &there, "down"], 0, 4, 4.000_000_953_674_316),
        (&["mv", "-r", &there, "down/"], 0, 4, 4.000_000_953_674_316),
        (&["sync", "--two-way", "tree", &there], 2, 4, 4.000_000_953_674_316),
        (&["mv", "-r", &there, &other], 4, 0, 0.0),
        (&["rm", "-r", &there], 0, 0, 0.0),
    ];
    for (words, writes, reads, mebibytes) in commands {
        let run = |more: &[&str]| {
            let all = words.iter().copied().chain(["--dry-run"]).chain(more.iter().copied());
            amazon.reached_by(env.pintail(all)).output().succeeded()
        };
        let plan = planned(run(&["--json", "--prices", "prices"]).json_lines());
        // Lists are counted as writes are.
        let writes = writes + plan["seen"]["pages"].as_u64().expect("a number");
        let requests = &plan["requests"];
        assert_eq!(
            (&requests["writes"], &requests["reads"]),
            (&writes.into(), &reads.into()),
            "{words:?}: {plan}"
        );
        let cost = &plan["cost"];
        assert_eq!(
            (&cost["region"], &cost["currency"]),
            (&REGION.into(), &"EUR".into()),
            "{words:?}: {plan}"
        );
        let near = |value: &Value, expected: f64| (value.as_f64().expect("a number") - expected).abs() < 1e-6;
        assert!(near(&cost["requests"], writes as f64 + reads as f64 / 1000.0), "{words:?}: {cost}");
        assert!(near(&cost["traffic"], mebibytes), "{words:?}: {cost}");
        let said = run(&[]).stderr;
        assert!(said.contains("an estimate from list prices of eu-central-1"), "{words:?}: {said}");
    }
    // Nothing of all that was done.
    assert_eq!(world.keys(&bucket).iter().filter(|key| key.starts_with("there/")).count(), 4);
    assert!(!env.work().join("down").exists() && env.work().join("tree/new").exists());
    // Where a place is not Amazon's, nobody knows: also when the other one is.
    cloud.bookmark("lab", &[]);
    let mixed = ["cp", "-r", &there, &format!("lab:{}/mixed/", cloud.bucket()), "--dry-run", "--json"];
    let plan = planned(amazon.reached_by(env.pintail(mixed)).output().succeeded().json_lines());
    assert!(plan.get("cost").is_none(), "{plan}");
}
