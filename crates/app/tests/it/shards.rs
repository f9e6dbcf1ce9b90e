//! Transfers cut into shards: `docs/behaviour.md`, section shards.

use std::collections::BTreeSet;
use std::fs;

use pintail_sandbox::Service;

use crate::cloud::Cloud;

const FILES: usize = 24;
const SHARDS: usize = 3;

fn below(cloud: &Cloud, prefix: &str) -> BTreeSet<String> {
    let keys = cloud.sandbox().world().keys(&cloud.bucket());
    keys.iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect()
}

/// behaviour: shards
#[test]
fn all_shards_together_copy_everything_once() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let mut names = BTreeSet::new();
    for number in 0..FILES {
        let name = format!("{}/file-{number}", number % 4);
        let path = env.work().join("tree").join(&name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, "text").expect("a file");
        names.insert(name);
    }
    let shards: Vec<String> = (1..=SHARDS).map(|number| format!("{number}/{SHARDS}")).collect();
    let up = format!("lab:{bucket}/up/");
    let mut commands: Vec<(&str, Vec<&str>)> = vec![("up/", vec!["cp", "-r", "tree/", &up])];
    let within = format!("lab:{bucket}/within/");
    commands.push(("within/", vec!["sync", &up, &within]));
    let moved = format!("lab:{bucket}/moved/");
    commands.push(("moved/", vec!["mv", "-r", &within, &moved]));
    for (prefix, command) in commands {
        cloud.sandbox().recorder().clear();
        let mut sizes = Vec::new();
        for shard in &shards {
            env.run(command.iter().copied().chain(["--shard", shard])).succeeded();
            sizes.push(below(&cloud, prefix).len());
        }
        assert_eq!(below(&cloud, prefix), names, "{command:?}");
        assert!(0 < sizes[0] && sizes[0] < sizes[1] && sizes[1] < FILES, "each had its part: {sizes:?}");
        let recorder = cloud.sandbox().recorder();
        let writes = recorder.count(Service::S3, "PutObject") + recorder.count(Service::S3, "CopyObject");
        assert_eq!(writes, FILES, "{command:?}");
    }
    assert_eq!(below(&cloud, "within/").len(), 0, "what was moved is gone, once");
    // Deletions belong to the shard of their name, and single files to that of theirs.
    for name in &names {
        fs::remove_file(env.work().join("tree").join(name)).expect("it was there");
    }
    let left: Vec<usize> = shards
        .iter()
        .map(|shard| {
            env.run(["sync", "tree", &up, "--delete", "--max-delete", "100%", "--shard", shard]).succeeded();
            below(&cloud, "up/").len()
        })
        .collect();
    assert!(FILES > left[0] && left[0] > left[1] && left[1] > left[2] && left[2] == 0, "{left:?}");
    let ones: Vec<String> = (0..6).map(|number| format!("one-{number}")).collect();
    for one in &ones {
        fs::write(env.work().join(one), "text").expect("a file");
    }
    cloud.sandbox().recorder().clear();
    let target = format!("lab:{bucket}/ones/");
    for index in 0..SHARDS {
        let all = ["cp"].into_iter().chain(ones.iter().map(String::as_str)).chain([target.as_str()]);
        let run = env.pintail(all.chain(["--shard", "auto/3"]));
        run.set("JOB_COMPLETION_INDEX", index.to_string()).output().succeeded();
    }
    assert_eq!(below(&cloud, "ones/"), ones.into_iter().collect());
    assert_eq!(cloud.sandbox().recorder().count(Service::S3, "PutObject"), 6);
}

/// behaviour: shards
#[test]
fn what_is_no_shard_is_said_before_anything_happens() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    fs::create_dir(env.work().join("tree")).expect("a folder");
    fs::write(env.work().join("tree/file"), "text").expect("a file");
    let target = format!("lab:{bucket}/none/");
    for wrong in ["0/3", "4/3", "1", "auto/0", "auto"] {
        env.run(["cp", "-r", "tree/", &target, "--shard", wrong]).exited(2);
    }
    for other in ["--two-way", "--watch"] {
        env.run(["sync", "tree", &target, "--shard", "1/2", other]).exited(2);
    }
    assert!(below(&cloud, "none/").is_empty());
}

/// What the printed Job would run in each of its pods does the whole work, each name once.
///
/// behaviour: kubernetes
#[test]
fn the_pods_of_a_printed_job_do_the_work_together() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let names: BTreeSet<String> = (0..FILES).map(|number| format!("{}/it's {number}", number % 4)).collect();
    for name in &names {
        cloud.sandbox().world().put_object(&bucket, &format!("in/{name}"), "text");
    }
    let (from, to, moved) =
        (format!("lab:{bucket}/in/"), format!("lab:{bucket}/out $(HOME)/"), format!("lab:{bucket}/moved/"));
    for (verb, from, to) in [("cp", &from, &to), ("mv", &from, &moved), ("sync", &to, &from)] {
        let recursive = if verb == "sync" { &[][..] } else { &["-r"] };
        let printing = ["batch", "k8s", "--shards", "3", "--image", "registry.example/pintail:1"];
        let more =
            ["--job-role", "arn:aws:iam::123456789012:role/mover", "--region", "eu-central-1", "--", verb];
        let all =
            printing.into_iter().chain(more).chain(recursive.iter().copied()).chain([from.as_str(), to]);
        let yaml = env.run(all).succeeded().stdout;
        let arguments = arguments_of(&yaml, "pintail");
        assert_eq!(arguments.last().map(String::as_str), Some("auto/3"), "{arguments:?}");
        for index in 0..SHARDS {
            let pod = env.pintail(&arguments).set("JOB_COMPLETION_INDEX", index.to_string());
            pod.output().succeeded();
        }
    }
    for whole in ["--two-way", "--watch"] {
        let wish = ["batch", "k8s", "--shards", "3", "--image", "i", "--job-role"];
        let role = ["arn:aws:iam::123456789012:role/mover", "--region", "eu-central-1", "--", "sync", whole];
        let refused = env.run(wish.into_iter().chain(role).chain([from.as_str(), &to])).exited(2);
        assert!(refused.stderr.contains("cannot be cut into shards"), "{}", refused.stderr);
    }
    assert_eq!(below(&cloud, "out $(HOME)/"), names);
    assert_eq!(below(&cloud, "moved/"), names);
    assert_eq!(below(&cloud, "in/"), names, "they came back by the sync");
}

/// The arguments of a container, as Kubernetes reads them.
fn arguments_of(yaml: &str, container: &str) -> Vec<String> {
    let lines = yaml.lines().skip_while(|line| line.trim() != format!("- name: \"{container}\""));
    let lines = lines.skip_while(|line| line.trim() != "args:").skip(1);
    let lines = lines.map(str::trim).take_while(|line| line.starts_with("- "));
    let text = |line: &str| serde_json::from_str::<String>(&line[2..]).expect("a text in quotes");
    // Two dollars before a bracket are one.
    lines.map(|line| text(line).replace("$$(", "$(")).collect()
}
