//! What machines are given: the role of an instance, the credentials of a container.

use std::fs;

use pintail_sandbox::Service;

use crate::cloud::Cloud;

/// behaviour: ways
#[test]
fn the_role_of_an_instance_is_used() {
    let cloud = Cloud::start();
    let address = cloud.summary().metadata_endpoint.clone();
    cloud.way("box", &["--way", "instance-metadata"]);
    cloud.env.run(["config", "set", "pintail.metadata.endpoint", &address]).succeeded();
    cloud.env.run(["ls", "box:"]).succeeded();
    let who = cloud.env.run(["whoami", "box", "--json"]).succeeded().json();
    assert_eq!((who["way"].as_str(), who["renews"].as_bool()), (Some("instance-metadata"), Some(true)));
    assert!(who["arn"].as_str().is_some_and(|arn| arn.contains("PintailInstance")), "{who}");
    // The environment names the service where the preferences do not.
    cloud.env.run(["config", "unset", "pintail.metadata.endpoint"]).succeeded();
    let named = cloud.env.pintail(["ls", "box:"]);
    named.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &address).output().succeeded();
    // A bookmark can come from a stranger, who may not answer for the machine.
    let stranger = cloud.env.run(["bookmark", "edit", "box", "--metadata-endpoint", &address]).exited(2);
    assert!(stranger.stderr.contains("169.254.169.254"), "{}", stranger.stderr);
}

/// behaviour: ways
#[test]
fn an_instance_without_a_role_or_a_service_says_so() {
    let cloud = Cloud::start();
    cloud.way("box", &["--way", "instance-metadata"]);
    let address = &cloud.summary().metadata_endpoint;
    cloud.env.run(["config", "set", "pintail.metadata.endpoint", address]).succeeded();
    cloud.sandbox().world().set_instance_role(false);
    let none = cloud.env.run(["ls", "box:"]).exited(1);
    assert!(none.stderr.contains("this instance has no role"), "{}", none.stderr);
    let before = cloud.sandbox().recorder().count(Service::Metadata, "token");
    let off = cloud.env.pintail(["ls", "box:"]).set("AWS_EC2_METADATA_DISABLED", "true").output().exited(1);
    assert!(off.stderr.contains("AWS_EC2_METADATA_DISABLED"), "{}", off.stderr);
    assert_eq!(cloud.sandbox().recorder().count(Service::Metadata, "token"), before, "nobody was asked");
}

/// behaviour: ways
#[test]
fn a_container_is_asked_with_its_token() {
    let cloud = Cloud::start();
    let door = cloud.summary().container.clone();
    let token = cloud.env.work().join("token");
    fs::write(&token, &door.token).expect("a file");
    let file = token.to_str().expect("text");
    cloud.way("task", &["--container-endpoint", &door.endpoint, "--container-token-file", file]);
    cloud.env.run(["ls", "task:"]).succeeded();
    fs::write(&token, "another").expect("a file");
    let wrong = cloud.env.run(["ls", "task:"]).exited(1);
    assert!(wrong.stderr.contains("did not accept the authorization token"), "{}", wrong.stderr);

    cloud.way("task", &["--way", "container-metadata"]);
    let none = cloud.env.run(["ls", "task:"]).exited(1);
    assert!(none.stderr.contains("no credential endpoint of a container is named"), "{}", none.stderr);
    let inside = cloud.env.pintail(["ls", "task:"]).set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &door.endpoint);
    inside.set("AWS_CONTAINER_AUTHORIZATION_TOKEN", &door.token).output().succeeded();
}

/// behaviour: ways
#[test]
fn the_token_of_the_environment_goes_to_no_endpoint_of_a_bookmark() {
    let cloud = Cloud::start();
    let door = cloud.summary().container.clone();
    cloud.way("task", &["--container-endpoint", &door.endpoint]);
    let asked = cloud.env.pintail(["ls", "task:"]).set("AWS_CONTAINER_AUTHORIZATION_TOKEN", &door.token);
    let refused = asked.output().exited(1);
    assert!(refused.stderr.contains("wants an authorization token"), "{}", refused.stderr);
}
