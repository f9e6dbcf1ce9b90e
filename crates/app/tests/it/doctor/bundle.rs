//! The bundle for support, and an admin who was sent it or has nothing but the policies.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::stage::{Diagnosis, Stage};

/// A bundle names the findings and the facts around them, and neither a secret nor a person.
#[test]
fn a_bundle_holds_no_secret() {
    let mut stage = Stage::start();
    stage.cloud.bookmark("lab", &["--duration", "43200", "--path", &stage.bucket()]);
    stage.cloud.env.set("HTTPS_PROXY", "http://alice:proxy-password@proxy.example.invalid:3128");
    stage.cloud.env.secret("proxy password", "proxy-password");
    let file = stage.cloud.env.work().join("bundle.json");
    let diagnosis = stage.run(&["doctor", "lab", "--bundle", "bundle.json", "--aws-profile", "admin"]);
    assert_eq!(diagnosis.summary["bundle"], "bundle.json");
    let text = fs::read_to_string(&file).expect("the bundle");
    assert_eq!(fs::metadata(&file).expect("the bundle").permissions().mode() & 0o077, 0, "its owner's alone");
    let bundle: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (bundle["format"].as_str(), bundle["version"].as_u64()),
        (Some("pintail-doctor-bundle"), Some(1))
    );
    assert_eq!(bundle["findings"].as_array().map(Vec::len), Some(diagnosis.findings.len()));
    assert_eq!(bundle["bookmark"]["web"]["client_id"], stage.cloud.summary().client_id);
    assert_eq!(bundle["environment"]["https_proxy"], "http://proxy.example.invalid:3128");
    let alice = &stage.cloud.summary().users[0];
    let world = stage.cloud.sandbox().world();
    let subject = world.subject(&stage.cloud.summary().client_id, &alice.username).expect("a subject");
    for hidden in [&alice.username, &alice.password, &subject] {
        assert!(!text.contains(hidden.as_str()), "{hidden} is in the bundle");
    }
    for secret in stage.cloud.sandbox().recorder().secrets() {
        assert!(!text.contains(&secret), "a secret is in the bundle: {secret:?}");
    }
    // The admin who is sent it looks at the claims in it.
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { "Federated": "arn:aws:iam::123456789012:oidc-provider/accounts.google.com" },
        "Action": "sts:AssumeRoleWithWebIdentity",
    }] });
    fs::write(stage.cloud.env.work().join("trust.json"), trust.to_string()).expect("a file");
    let only = "claims,trust";
    let sent =
        stage.run(&["doctor", "--claims", "bundle.json", "--trust-policy", "trust.json", "--only", only]);
    assert_eq!(sent.first(), Some("trust"), "{}", sent.text);
    let words = sent.words("trust");
    assert!(
        words.contains("lets in Federated arn:aws:iam::123456789012:oidc-provider/accounts.google.com"),
        "{words}"
    );
}

/// A trust policy can be pasted, and a permission policy given, in place of what IAM holds.
#[test]
fn policies_are_taken_from_files() {
    let mut stage = Stage::start();
    let role = stage.role();
    let healthy =
        stage.cloud.env.pintail(["doctor", "lab", "--trust-policy", "-", "--only", "trust", "--json"]);
    let healthy = Diagnosis::of(&healthy.stdin(&role.trust_policy).output());
    assert_eq!((healthy.first(), healthy.level("trust")), (None, "ok"), "{}", healthy.text);
    let evidence = healthy.finding("trust")["evidence"].as_array().cloned().unwrap_or_default();
    assert!(evidence.len() >= 3 && evidence.iter().all(|line| line["holds"] == true), "{evidence:?}");

    let mut wrong: Value = serde_json::from_str(&role.trust_policy).expect("a policy");
    let conditions = wrong["Statement"][0]["Condition"]["StringEquals"].as_object_mut().expect("conditions");
    for (key, value) in conditions.iter_mut() {
        if key.ends_with(":aud") {
            *value = json!("another-client");
        }
    }
    fs::write(stage.cloud.env.work().join("trust.json"), wrong.to_string()).expect("a file");
    let broken = stage.run(&["doctor", "lab", "--trust-policy", "trust.json", "--only", "trust"]);
    assert_eq!(broken.first(), Some("trust"), "{}", broken.text);
    let evidence = broken.finding("trust")["evidence"].as_array().cloned().unwrap_or_default();
    let failing: Vec<&Value> = evidence.iter().filter(|line| line["holds"] == false).collect();
    assert_eq!(failing.len(), 1, "{evidence:?}");
    assert_eq!(failing[0]["expected"], "another-client");
    assert_eq!(failing[0]["actual"], stage.cloud.summary().client_id);

    let narrow = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" } });
    fs::write(stage.cloud.env.work().join("narrow.json"), narrow.to_string()).expect("a file");
    let policy = stage.run(&["doctor", "lab", "--permission-policy", "narrow.json", "--only", "permissions"]);
    assert_eq!(policy.first(), Some("permissions"), "{}", policy.text);
    // A token that is typed is refused, and not shown again.
    let typed = format!("eyJ{}.e30.x", "a".repeat(100));
    let refused = stage.cloud.env.run(["doctor", "--token", &typed]).exited(2);
    assert!(
        !refused.stderr.contains(&typed) && refused.stderr.contains("command line"),
        "{}",
        refused.stderr
    );
    let none = stage.cloud.env.run(["doctor", "--token", "narrow.json"]);
    assert_eq!(none.code(), Some(2), "{}", none.stderr);
}
