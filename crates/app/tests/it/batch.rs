//! Batch jobs, shards and what is printed for Kubernetes: `docs/behaviour.md`, sections batch to kubernetes.

use std::fs;
use std::io::Write as _;

use pintail_sandbox::Service;
use pintail_testkit::output::Output;
use serde_json::{Value, json};

use crate::cloud::{Cloud, home};

/// A cloud in which Alice may hand roles on to jobs.
fn stage() -> Cloud {
    let cloud = Cloud::signed_in();
    let pass = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}]});
    assert!(cloud.sandbox().world().put_role_policy("PintailSandbox", "pass", &pass.to_string()));
    cloud
}

/// Makes the very role that `--print-role` says a command needs, and returns its ARN.
fn role(cloud: &Cloud, command: &[&str]) -> String {
    let printed = run(cloud, command, &["--print-role"]).succeeded().json();
    put_role(cloud, &printed["trust_policy"], &printed["permissions"])
}

fn put_role(cloud: &Cloud, trust: &Value, permissions: &Value) -> String {
    let world = cloud.sandbox().world();
    let mut role = world.role("PintailSandbox").expect("the sample role");
    role.name = "Batch".into();
    role.arn = format!("arn:aws:iam::{}:role/Batch", cloud.summary().account_id);
    role.trust_policy = trust.to_string();
    role.inline_policies.clear();
    role.attached_policies.clear();
    let arn = role.arn.clone();
    world.put_role(role);
    assert!(world.put_role_policy("Batch", "job", &permissions.to_string()));
    arn
}

fn run(cloud: &Cloud, command: &[&str], more: &[&str]) -> Output {
    cloud.env.run(["batch"].iter().chain(command).chain(more).chain(&["--json"]).copied())
}

/// Runs a command to its end with the role that it needs.
fn to_the_end(cloud: &Cloud, command: &[&str]) -> Output {
    let role = role(cloud, command);
    run(cloud, command, &["--job-role", &role, "--yes", "--wait", "--every", "0"])
}

fn last(output: &Output) -> Value {
    output.json_lines().pop().expect("a line")
}

fn put(cloud: &Cloud, keys: &[&str]) {
    for key in keys {
        assert!(cloud.sandbox().world().put_object(&cloud.bucket(), key, format!("about {key}")));
    }
}

/// behaviour: batch
#[test]
fn a_job_copies_with_the_rights_that_were_printed_and_tells_what_failed() {
    let cloud = stage();
    let (bucket, world) = (cloud.bucket(), cloud.sandbox().world());
    put(&cloud, &["in/a b,\"c\".txt", "in/ä/+x.txt", "in/skip.log", "in/cold.txt", "other.txt"]);
    assert!(world.set_storage_class(&bucket, "in/cold.txt", "GLACIER"));
    let place = |path: &str| format!("lab:{bucket}/{path}");
    let (from, to, jobs, reports) = (place("in/"), place("out/2026/"), place("jobs/"), place("reports/"));
    let command = [
        "copy",
        &from,
        "--to",
        &to,
        "--storage-class",
        "STANDARD_IA",
        "--exclude",
        "*.log",
        "--manifest",
        &jobs,
        "--report",
        &reports,
        "--description",
        "a try",
    ];
    let ended = to_the_end(&cloud, &command).exited(3);
    let lines = ended.json_lines();
    let (plan, created) = (&lines[0], &lines[1]);
    assert_eq!((&plan["event"], &plan["objects"], &plan["left_out"]), (&"plan".into(), &3.into(), &1.into()));
    assert_eq!(created["event"], "created");
    let states: Vec<&Value> =
        lines.iter().filter(|line| line["event"] == "progress").map(|line| &line["status"]).collect();
    assert_eq!(states.last().expect("one"), &&Value::from("Complete"));
    let job = lines.last().expect("a line");
    assert_eq!((&job["succeeded"], &job["failed"], &job["total"]), (&2.into(), &1.into(), &3.into()));
    assert_eq!(job["description"], "a try");
    for key in ["in/a b,\"c\".txt", "in/ä/+x.txt"] {
        let copy = format!("out/2026/{key}");
        assert_eq!(world.object(&bucket, &copy).expect("a copy"), format!("about {key}"));
        assert_eq!(world.storage_class(&bucket, &copy).as_deref(), Some("STANDARD_IA"));
    }
    assert!(world.object(&bucket, "out/2026/in/skip.log").is_none());
    // The list is kept where it was wished, and the report is told object by object.
    let list: Vec<String> =
        world.keys(&bucket).into_iter().filter(|key| key.starts_with("jobs/pintail-copy-")).collect();
    assert_eq!(list.len(), 1);
    let id = job["id"].as_str().expect("an ID");
    let failed = run(&cloud, &["report", id, "--failed", "--bookmark", "lab"], &[]).exited(3).json();
    assert_eq!((&failed["key"], &failed["code"]), (&"in/cold.txt".into(), &"InvalidObjectState".into()));
    let all = run(&cloud, &["report", id, "--bookmark", "lab"], &[]).exited(3).json_lines();
    assert_eq!(all.iter().filter(|task| task["succeeded"] == true).count(), 2);
    assert!(all.iter().any(|task| task["key"] == "in/a b,\"c\".txt"));
    cloud.env.run(["batch", "report", id, "--bookmark", "lab", "-o", "report.csv"]).exited(3);
    let saved = fs::read_to_string(cloud.env.work().join("report.csv")).expect("a file");
    assert_eq!(saved.lines().count(), 3, "{saved}");
    let text = cloud.env.run(["batch", "report", id, "--bookmark", "lab", "--failed"]).exited(3).stdout;
    assert!(
        text.contains("failed") && text.contains("in/cold.txt") && text.contains("InvalidObjectState"),
        "{text}"
    );
}

/// behaviour: batch, costs
#[test]
fn a_dry_run_counts_and_estimates_and_writes_nothing() {
    let cloud = stage();
    let bucket = cloud.bucket();
    put(&cloud, &["in/a", "in/b", "in/c/d"]);
    let (from, jobs) = (format!("lab:{bucket}/in/"), format!("lab:{bucket}/jobs/"));
    cloud.sandbox().recorder().clear();
    let command = ["tag", &from, "--tag", "team=birds", "--manifest", &jobs];
    let plan = run(&cloud, &command, &["--dry-run"]).succeeded().json();
    assert_eq!((&plan["operation"], &plan["objects"]), (&"tag".into(), &3.into()));
    assert_eq!(
        plan["bytes"],
        ["in/a", "in/b", "in/c/d"].map(|key| "about ".len() + key.len()).iter().sum::<usize>()
    );
    let estimate = &plan["estimate"];
    assert_eq!((&estimate["currency"], &estimate["as_of"]), (&"USD".into(), &"2026-09".into()));
    assert_eq!(estimate["batch"], 0.250_003);
    let text =
        cloud.env.run(["batch"].iter().chain(&command).chain(&["--dry-run"]).copied()).succeeded().stdout;
    assert!(text.contains("an estimate from list prices") && text.contains("2026-09"), "{text}");
    let writes = cloud
        .sandbox()
        .recorder()
        .calls()
        .into_iter()
        .filter(|call| call.method != "GET" && call.method != "HEAD");
    assert_eq!(writes.filter(|call| matches!(call.service, Service::S3 | Service::S3Control)).count(), 0);

    fs::write(cloud.env.work().join("prices.toml"), format!("version = 1\nas-of = \"2031-02\"\ncurrency = \"EUR\"\n[batch]\njob = 7\n[region.{}]\nthousand-writes = 3\n", cloud.summary().region)).expect("a file");
    let plan = run(&cloud, &command, &["--dry-run", "--prices", "prices.toml"]).succeeded().json();
    assert_eq!(
        (&plan["estimate"]["currency"], &plan["estimate"]["region_known"]),
        (&"EUR".into(), &true.into())
    );
    assert_eq!(plan["estimate"]["requests"], 0.009);
    fs::write(cloud.env.work().join("prices.toml"), "curency = \"EUR\"").expect("a file");
    let wrong = cloud
        .env
        .run(["batch"].iter().chain(&command).chain(&["--prices", "prices.toml"]).copied())
        .exited(1);
    assert!(wrong.stderr.contains("Did you mean currency"), "{}", wrong.stderr);
    // Nobody said yes, nobody named a role, nobody said where the list goes.
    let role = role(&cloud, &command);
    run(&cloud, &command, &["--job-role", &role]).exited(2);
    run(&cloud, &command, &["--yes"]).exited(2);
    run(&cloud, &command[..4], &["--yes", "--job-role", &role]).exited(2);
    run(&cloud, &["tag", &format!("lab:{bucket}"), "--tag", "a=b", "--manifest", &jobs], &["--dry-run"])
        .exited(2);
    assert_eq!(cloud.sandbox().world().jobs(), []);
    let nothing = run(&cloud, &command, &["--include", "none*", "--yes", "--job-role", &role]).succeeded();
    assert_eq!(last(&nothing)["objects"], 0);
    assert_eq!(cloud.sandbox().world().jobs(), []);
}

/// behaviour: batch
#[test]
fn a_job_waits_is_confirmed_cancelled_and_listed() {
    let cloud = stage();
    let bucket = cloud.bucket();
    put(&cloud, &["in/a"]);
    let (from, jobs) = (format!("lab:{bucket}/in/"), format!("lab:{bucket}/jobs/"));
    let command = ["tag", &from, "--tag", "a=b", "--manifest", &jobs];
    let role = role(&cloud, &command);
    let hold = || {
        let made =
            run(&cloud, &command, &["--job-role", &role, "--yes", "--hold", "--priority", "3"]).succeeded();
        last(&made)["id"].as_str().expect("an ID").to_owned()
    };
    let about = |verb: &str, id: &str, more: &[&str]| {
        run(&cloud, &[verb, id], &[&["--bookmark", "lab"], more].concat())
    };
    let (first, second) = (hold(), hold());
    let waits = last(&about("watch", &first, &["--every", "0"]).succeeded());
    assert_eq!((&waits["status"], &waits["priority"]), (&"Suspended".into(), &3.into()));
    assert_eq!(cloud.sandbox().world().object_tags(&bucket, "in/a"), Some(vec![]));
    let text = cloud.env.run(["batch", "show", &first, "--bookmark", "lab"]).succeeded();
    assert!(text.stderr.contains(&format!("pintail batch confirm {first}")), "{}", text.stderr);
    let changed = run(&cloud, &["priority", &first, "42", "--bookmark", "lab"], &[]).succeeded().json();
    assert_eq!(changed["priority"], 42);
    about("confirm", &first, &[]).succeeded();
    assert_eq!(last(&about("watch", &first, &["--every", "0"]).succeeded())["status"], "Complete");
    assert_eq!(cloud.sandbox().world().object_tags(&bucket, "in/a"), Some(vec![("a".into(), "b".into())]));
    let cancelled = about("cancel", &second, &["--reason", "not now"]).succeeded().json();
    assert_eq!((&cancelled["status"], &cancelled["reason"]), (&"Cancelled".into(), &"not now".into()));
    about("show", &second, &[]).exited(1);
    let late = cloud.env.run(["batch", "confirm", &second, "--bookmark", "lab"]).exited(1);
    assert!(late.stderr.contains("pintail batch show"), "{}", late.stderr);
    let listed = run(&cloud, &["ls", "--bookmark", "lab"], &[]).succeeded().json_lines();
    let ids: Vec<&str> = listed.iter().map(|job| job["id"].as_str().expect("an ID")).collect();
    assert_eq!(ids, [second.as_str(), first.as_str()]);
    let ended = run(&cloud, &["ls", "--bookmark", "lab", "--status", "Cancelled"], &[]).succeeded().json();
    assert_eq!(ended["id"], second.as_str());
    let table = cloud.env.run(["batch", "ls", "--bookmark", "lab"]).succeeded().stdout;
    assert!(table.contains("S3PutObjectTagging") && table.contains("Complete"), "{table}");
    about("show", "no-such-job-here", &[]).exited(6);
    about("show", "?", &[]).exited(2);
    about("report", &first, &[]).exited(1);
}

/// behaviour: batch
#[test]
fn a_job_that_may_not_is_told_apart_from_one_that_fails() {
    let cloud = Cloud::signed_in();
    let (bucket, world) = (cloud.bucket(), cloud.sandbox().world());
    put(&cloud, &["in/a"]);
    let (from, jobs) = (format!("lab:{bucket}/in/"), format!("lab:{bucket}/jobs/"));
    let command = ["delete-tags", &from, "--manifest", &jobs];
    let arn = role(&cloud, &command);
    let go = ["--job-role", &arn, "--yes", "--wait", "--every", "0"];
    let refused = cloud.env.run(["batch"].iter().chain(&command).chain(&go).copied()).exited(5);
    assert!(refused.stderr.contains("iam:PassRole"), "{}", refused.stderr);
    let pass = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:PassRole", "Resource": arn}]});
    assert!(world.put_role_policy("PintailSandbox", "pass", &pass.to_string()));
    run(&cloud, &command, &go).succeeded();
    assert!(world.set_trust_policy("Batch", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#));
    let failed = last(&run(&cloud, &command, &go).exited(1));
    assert_eq!(
        (&failed["status"], &failed["failures"][0]["code"]),
        (&"Failed".into(), &"RoleNotAssumable".into())
    );
    let elsewhere = ["--job-role", "arn:aws:iam::999999999999:role/x", "--account", "123456789012", "--yes"];
    run(&cloud, &command, &elsewhere).exited(2);
    // A read-only bookmark makes no job, and its lists are not written.
    cloud.env.run(["bookmark", "edit", "lab", "--read-only"]).succeeded();
    let before = world.keys(&bucket);
    run(&cloud, &command, &go).exited(5);
    assert_eq!(world.keys(&bucket), before);
    run(&cloud, &command, &["--dry-run"]).succeeded();
}

/// behaviour: batch-delete
#[test]
fn deletion_marks_objects_and_adds_a_rule_beside_those_that_are_there() {
    let cloud = stage();
    let (bucket, world) = (cloud.bucket(), cloud.sandbox().world());
    put(&cloud, &["old/a", "old/b", "kept"]);
    assert!(world.add_lifecycle_rule(&bucket, "theirs", "logs/", 30));
    let (from, jobs) = (format!("lab:{bucket}/old/"), format!("lab:{bucket}/jobs/"));
    let command = ["delete", &from, "--manifest", &jobs];
    let plan = run(&cloud, &command, &["--dry-run"]).succeeded().json();
    let rule = &plan["lifecycle"];
    assert_eq!((&rule["present"], &rule["other_rules"]), (&false.into(), &1.into()));
    assert!(rule["rule"].as_str().expect("a rule").contains("<Key>pintail-expire</Key>"), "{rule}");
    assert_eq!(world.lifecycle_rules(&bucket), ["theirs"], "a dry run adds no rule");
    to_the_end(&cloud, &command).succeeded();
    assert_eq!(world.lifecycle_rules(&bucket), ["theirs", "pintail-expire"]);
    assert!(world.object(&bucket, "old/a").is_some(), "not yet");
    assert_eq!(world.run_lifecycle(&bucket, 1), 2);
    assert!(world.object(&bucket, "old/a").is_none() && world.object(&bucket, "kept").is_some());
    put(&cloud, &["old/c"]);
    let again = run(&cloud, &command, &["--dry-run"]).succeeded().json();
    assert_eq!(again["lifecycle"]["present"], true);
    to_the_end(&cloud, &command).succeeded();
    assert_eq!(world.lifecycle_rules(&bucket).len(), 2);
    // What is marked is unmarked by the other job.
    to_the_end(&cloud, &["delete-tags", &from, "--manifest", &jobs]).succeeded();
    assert_eq!(world.run_lifecycle(&bucket, 9), 0);
}

/// behaviour: batch
#[test]
fn archived_objects_are_brought_back() {
    let cloud = stage();
    let (bucket, world) = (cloud.bucket(), cloud.sandbox().world());
    put(&cloud, &["cold/a", "cold/b"]);
    assert!(world.set_storage_class(&bucket, "cold/a", "DEEP_ARCHIVE"));
    let (from, jobs) = (format!("lab:{bucket}/cold/"), format!("lab:{bucket}/jobs/"));
    cloud.env.run(["cat", &format!("lab:{bucket}/cold/a")]).exited(1);
    let command =
        ["restore", &from, "--days", "3", "--tier", "standard", "--manifest", &jobs, "--include", "a"];
    let plan = run(&cloud, &command, &["--dry-run"]).succeeded().json();
    assert_eq!((&plan["objects"], &plan["estimate"]["retrieval"]), (&1.into(), &0.0001.into()));
    to_the_end(&cloud, &command).succeeded();
    assert!(world.restored_until(&bucket, "cold/a").is_some());
    assert_eq!(cloud.env.run(["cat", &format!("lab:{bucket}/cold/a")]).succeeded().stdout, "about cold/a");
}

/// behaviour: batch
#[test]
fn an_inventory_is_taken_as_it_is_or_cut_down() {
    let cloud = stage();
    let (bucket, world) = (cloud.bucket(), cloud.sandbox().world());
    put(&cloud, &["in/a", "in/b c", "in/d"]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let rows = format!(
        "\"{bucket}\",\"in/a\",\"6\"\n\"{bucket}\",\"in/b+c\",\"700\"\n\"{bucket}\",\"in/d\",\"8\"\n"
    );
    packed.write_all(rows.as_bytes()).expect("bytes");
    let packed = packed.finish().expect("bytes");
    let stock = json!({
        "sourceBucket": bucket, "destinationBucket": format!("arn:aws:s3:::{bucket}"), "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size", "files": [{"key": "stock/all/data/1.csv.gz", "size": packed.len(), "MD5checksum": "x"}],
    });
    world.put_object(&bucket, "stock/all/data/1.csv.gz", packed);
    world.put_object(&bucket, "stock/all/2026-11-27T01-00Z/manifest.json", stock.to_string());
    let manifest = format!("lab:{bucket}/stock/all/2026-11-27T01-00Z/manifest.json");
    let whole = ["tag", "--inventory", &manifest, "--tag", "all=1"];
    let ended = to_the_end(&cloud, &whole).succeeded().json_lines();
    assert_eq!(
        (&ended[0]["objects"], &ended[0]["bytes"], &ended[0]["manifest_bytes"]),
        (&3.into(), &714.into(), &Value::Null)
    );
    assert!(ended.last().expect("a line")["manifest"].as_str().expect("an ARN").ends_with("manifest.json"));
    assert_eq!(world.object_tags(&bucket, "in/b c"), Some(vec![("all".into(), "1".into())]));
    let uncounted = run(&cloud, &whole, &["--dry-run", "--no-count"]).succeeded().json();
    assert_eq!(uncounted["objects"], Value::Null);
    // With a filter the job gets a list of its own.
    let jobs = format!("lab:{bucket}/jobs/");
    let some =
        ["tag", "--inventory", &manifest, "--tag", "large=1", "--min-size", "0.5K", "--manifest", &jobs];
    let ended = to_the_end(&cloud, &some).succeeded().json_lines();
    assert_eq!((&ended[0]["objects"], &ended[0]["left_out"]), (&1.into(), &2.into()));
    assert_eq!(world.object_tags(&bucket, "in/b c"), Some(vec![("large".into(), "1".into())]));
    assert_eq!(world.object_tags(&bucket, "in/a"), Some(vec![("all".into(), "1".into())]));
    world.put_object(&bucket, "orc.json", stock.to_string().replace("CSV", "ORC"));
    let orc = cloud
        .env
        .run(["batch", "tag", "--inventory", &format!("lab:{bucket}/orc.json"), "--tag", "a=b", "--dry-run"])
        .exited(1);
    assert!(orc.stderr.contains("ORC"), "{}", orc.stderr);
}

/// behaviour: shards
#[test]
fn shards_are_disjoint_and_complete_wherever_they_are_asked_for() {
    let cloud = stage();
    let (bucket, env) = (cloud.bucket(), &cloud.env);
    let names: Vec<String> = (0..40).map(|number| format!("part-{number:02}")).collect();
    fs::write(env.work().join("names"), names.join("\n")).expect("a file");
    let from = format!("lab:{bucket}/in/");
    let jobs = format!("lab:{bucket}/jobs/");
    let counted = |variables: &[(&str, &str)], shard: &str| {
        let command = [
            "batch",
            "tag",
            &from,
            "--files-from",
            "names",
            "--tag",
            "a=b",
            "--manifest",
            &jobs,
            "--dry-run",
            "--json",
            "--shard",
            shard,
        ];
        let mut pintail = env.pintail(command);
        for (name, value) in variables {
            pintail = pintail.set(name, value);
        }
        pintail.output()
    };
    let objects = |output: Output| output.succeeded().json()["objects"].as_u64().expect("a number");
    let parts: Vec<u64> = (1..=3).map(|part| objects(counted(&[], &format!("{part}/3")))).collect();
    assert_eq!(parts.iter().sum::<u64>(), 40);
    assert!(parts.iter().all(|part| *part > 5), "{parts:?}");
    assert_eq!(objects(counted(&[("JOB_COMPLETION_INDEX", "1")], "auto/3")), parts[1]);
    assert_eq!(
        objects(counted(&[("AWS_BATCH_JOB_ARRAY_INDEX", "2"), ("AWS_BATCH_JOB_ARRAY_SIZE", "3")], "auto")),
        parts[2]
    );
    let slurm =
        [("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "3")];
    assert_eq!(objects(counted(&slurm, "auto")), parts[0]);
    counted(&[], "auto").exited(2);
    counted(&[("JOB_COMPLETION_INDEX", "1")], "auto").exited(2);
    counted(&[("JOB_COMPLETION_INDEX", "3")], "auto/3").exited(2);
    counted(&[], "4/3").exited(2);
    // The lists of all shards together are the whole.
    put(
        &cloud,
        &names
            .iter()
            .map(|name| format!("in/{name}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
    for part in ["1/2", "2/2"] {
        to_the_end(&cloud, &["tag", &from, "--tag", "a=b", "--manifest", &jobs, "--shard", part]).succeeded();
    }
    let lists = cloud.sandbox().world().keys(&bucket).into_iter().filter(|key| key.starts_with("jobs/"));
    let mut rows: Vec<String> = lists
        .map(|key| String::from_utf8(cloud.object(&bucket, &key).expect("a list").to_vec()).expect("text"))
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    rows.sort();
    assert_eq!(rows, names.iter().map(|name| format!("{bucket},in/{name}")).collect::<Vec<_>>());
}

/// behaviour: kubernetes
#[test]
fn a_job_for_kubernetes_is_printed_and_nothing_else_happens() {
    let env = home();
    let base = [
        "batch",
        "k8s",
        "--shards",
        "4",
        "--image",
        "registry.example/pintail:1",
        "--job-role",
        "arn:aws:iam::123456789012:role/mover",
        "--region",
        "eu-central-1",
    ];
    let copy = ["--", "cp", "-r", "work:data/a/", "work:out/"];
    let yaml = env.run(base.iter().chain(&copy).copied()).succeeded().stdout;
    assert!(
        yaml.starts_with("apiVersion: v1\nkind: ConfigMap\n")
            && yaml.contains("\n---\napiVersion: batch/v1\nkind: Job\n"),
        "{yaml}"
    );
    let line = env.run(base.iter().chain(&["--json"]).chain(&copy).copied()).succeeded().json();
    assert_eq!((&line["name"], &line["text"]), (&"pintail.yaml".into(), &yaml.as_str().into()));
    let wrong = env.run(base.iter().chain(&["--", "ls", "work:"]).copied()).exited(2);
    assert!(wrong.stderr.contains("next:"), "{}", wrong.stderr);
    env.run(base.iter().chain(&["--name", "Not_One"]).chain(&copy).copied()).exited(2);
    env.run(base).exited(2);
}
