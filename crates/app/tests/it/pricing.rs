//! What nobody has prices for: `docs/behaviour.md`, section costs.

use std::fs;

use crate::cloud::{Cloud, home};

/// Prices of one region, which is neither that of the sandbox nor the one whose prices stand in for others.
const OWN: &str = "version = 1\n[region.ap-south-1]\nthousand-writes = 1\nthousand-reads = 1\ngib-out = 1\n";

/// behaviour: costs
#[test]
fn no_cost_is_said_of_a_region_that_own_prices_do_not_have() {
    let env = home();
    fs::write(env.work().join("prices"), OWN).expect("a file");
    fs::write(env.work().join("file"), "text").expect("a file");
    for (name, region, known) in [("there", "ap-south-1", true), ("elsewhere", "eu-west-1", false)] {
        env.run(["bookmark", "add", name, "--anonymous", "--region", region]).succeeded();
        let target = format!("{name}:somewhere-at-amazon/key");
        let command = ["cp", "file", &target, "--dry-run", "--prices", "prices"];
        let said = env.run(command).succeeded().stderr;
        assert_eq!(said.contains("estimate"), known, "{said}");
        let lines = env.run(command.iter().chain(&["--json"]).copied()).succeeded().json_lines();
        let plan = lines.iter().find(|line| line["event"] == "planned").expect("a plan");
        assert_eq!(plan.get("cost").is_some(), known, "{plan}");
    }
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::write(env.work().join("prices"), OWN).expect("a file");
    let (from, jobs) = (format!("lab:{bucket}/in/"), format!("lab:{bucket}/jobs/"));
    let command = ["batch", "delete-tags", &from, "--manifest", &jobs, "--dry-run", "--prices", "prices"];
    let said = env.run(command).succeeded().stdout;
    assert!(said.contains("not known") && !said.contains("estimate"), "{said}");
    let plan = env.run(command.iter().chain(&["--json"]).copied()).succeeded().json();
    assert!(plan.get("estimate").is_none(), "{plan}");
}
