//! Properties and preferences: `docs/behaviour.md`, section config.

use std::fs;

use pintail_sandbox::{Effect, Fault, Service};
use pintail_testkit::environment::TestEnv;

use crate::cloud::{Cloud, home};
use crate::copying::bytes;

fn with_bookmark() -> TestEnv {
    let env = home();
    let keys = ["--tenant", "contoso.com", "--client-id", "11111111-2222-3333-4444-555555555555"];
    let role = ["--role-arn", "arn:aws:iam::123456789012:role/Mine", "--region", "eu-west-1"];
    env.run(["bookmark", "add", "work"].iter().chain(&keys).chain(&role)).succeeded();
    env
}

/// behaviour: config
#[test]
fn a_property_is_set_found_and_taken_out() {
    let env = with_bookmark();
    let file = env.home().join("config/default.properties");
    fs::write(&file, "# mine\nunheard.of = x\n").expect("a file");
    env.run(["config", "get", "duration_seconds"]).succeeded();
    env.run(["config", "set", "duration_seconds", "3600"]).succeeded();
    let text = fs::read_to_string(&file).expect("a file");
    assert!(
        text.starts_with("# mine\nunheard.of = x\n") && text.contains("s3.assumerole.durationseconds"),
        "{text}"
    );
    assert_eq!(env.run(["config", "get", "s3.assumerole.durationseconds"]).succeeded().stdout, "3600\n");
    let listed = env.run(["config", "ls", "--json"]).succeeded();
    let names: Vec<_> = listed.json_lines().iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["s3.assumerole.durationseconds", "unheard.of"]);
    env.run(["config", "unset", "duration_seconds"]).succeeded();
    env.run(["config", "unset", "duration_seconds"]).exited(6);
    assert_eq!(fs::read_to_string(&file).expect("a file"), "# mine\nunheard.of = x\n");
}

/// behaviour: config, precedence
#[test]
fn the_strongest_place_decides_and_is_named() {
    let env = with_bookmark();
    let explain =
        |key: &str| env.run(["config", "explain", key, "--bookmark", "work", "--json"]).succeeded().json();
    env.run(["config", "set", "pintail.tenant", "other.example"]).succeeded();
    let tenant = explain("pintail.tenant");
    assert_eq!((&tenant["value"], &tenant["source"]), (&"contoso.com".into(), &"bookmark".into()));
    assert_eq!(
        tenant["places"][2],
        serde_json::json!({"place": "preferences", "name": "pintail.tenant", "value": "other.example"})
    );
    let one = env.run(["config", "get", "pintail.tenant", "--json"]).succeeded().json();
    assert_eq!((&one["value"], &one["source"]), (&"other.example".into(), &"preferences".into()));
    let built_in = explain("pintail.sts.endpoint");
    assert_eq!((&built_in["value"], &built_in["source"]), (&"regional".into(), &"built in".into()));
    let text = env.run(["config", "explain", "external_id"]).succeeded();
    assert!(
        text.stdout.contains("pintail.external_id") && text.stdout.contains("bookmark -, then profile -"),
        "{}",
        text.stdout
    );
    env.run(["config", "get", "pintail.tenant", "--bookmark", "nothing"]).exited(6);
}

/// behaviour: config
#[test]
fn what_cannot_be_is_not_set() {
    let env = with_bookmark();
    let wrong = env.run(["config", "set", "connection.retry", "often"]).exited(2);
    assert!(wrong.stderr.contains("a whole number from 0 to 20"), "{}", wrong.stderr);
    let unknown = env.run(["config", "set", "s3.locaton", "eu-west-1"]).exited(6);
    assert!(unknown.stderr.contains("Did you mean s3.location"), "{}", unknown.stderr);
    for name in ["OAuth Client Secret", "my.password"] {
        env.run(["config", "set", name, "hunter2", "--force"]).exited(2);
    }
    assert!(!env.home().join("config/default.properties").exists());
    env.run(["config", "set", "s3.locaton", "-x", "--force"]).succeeded();
    assert_eq!(env.run(["config", "get", "s3.locaton"]).succeeded().stdout, "-x\n");
    // A wrong value by hand is told of.
    fs::write(
        env.home().join("config/default.properties"),
        "connection.retry=often\nOAuth\\ Client\\ Secret=hunter2\n",
    )
    .expect("a file");
    let listed = env.run(["config", "ls"]).succeeded();
    assert!(
        listed.stdout.contains("it has to be") && !listed.stdout.contains("hunter2"),
        "{}",
        listed.stdout
    );
}

/// behaviour: config
#[test]
fn what_is_honoured_arrives_at_the_service() {
    let cloud = Cloud::signed_in();
    let (env, bucket) = (&cloud.env, cloud.bucket());
    let recorder = cloud.sandbox().recorder();
    for (name, value) in [
        ("s3.listing.chunksize", "2"),
        ("s3.delete.multiple.partition", "1"),
        ("connection.retry", "1"),
        ("s3.upload.multipart.threshold", "6000000"),
        ("s3.upload.multipart.size", "5242880"),
        ("s3.url.expire.seconds", "60"),
    ] {
        env.run(["config", "set", name, value]).succeeded();
        let explained = env.run(["config", "explain", name, "--json"]).succeeded().json();
        assert_eq!(explained["honoured"], "yes", "{name}");
    }
    for number in 0..5 {
        cloud.sandbox().world().put_object(&bucket, &format!("many/{number}"), "x");
    }
    let folder = format!("lab:{bucket}/many/");
    recorder.clear();
    assert_eq!(env.run(["ls", &folder]).succeeded().stdout.lines().count(), 5);
    assert_eq!(recorder.count(Service::S3, "ListObjectsV2"), 3, "two names a page");
    env.run(["rm", "--recursive", &folder]).succeeded();
    assert_eq!(recorder.count(Service::S3, "DeleteObjects"), 5, "one object a request");

    for (size, parts) in [(5_999_999, 0), (6_000_000, 2)] {
        fs::write(env.work().join("up"), bytes(size)).expect("a file");
        recorder.clear();
        env.run(["cp", "up", &format!("lab:{bucket}/up")]).succeeded();
        assert_eq!(recorder.count(Service::S3, "UploadPart"), parts, "{size}");
        assert_eq!(cloud.object(&bucket, "up").expect("the object").len(), size);
    }
    let link = env.pintail(["presign", &format!("lab:{bucket}/up")]).stdout_is_secret().output().succeeded();
    assert!(link.stdout.contains("X-Amz-Expires=60&"), "a link of a minute");

    cloud.sandbox().faults().add(Fault::new(Service::S3, "ListObjectsV2", Effect::slow_down()).always());
    recorder.clear();
    env.run(["ls", &format!("lab:{bucket}/")]).exited(1);
    assert_eq!(recorder.count(Service::S3, "ListObjectsV2"), 2, "one more attempt");
    cloud.sandbox().faults().clear();

    fs::write(env.home().join("config/default.properties"), "connection.retry=often\n").expect("a file");
    let wrong = env.run(["ls", &folder]).exited(2);
    assert!(
        wrong.stderr.contains("connection.retry") && wrong.stderr.contains("config ls"),
        "{}",
        wrong.stderr
    );
}
