//! What set-up prints, seen by other people's linters and run by other people's programs: `docs/behaviour.md`, section setup-print.

#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

mod arguments;
mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use pintail_testkit::bench::Bench;
use pintail_testkit::environment::TestEnv;
use serde_json::{Value, json};

use crate::cloud::home;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";

/// Wishes by name: the head of the file, and one or several accounts.
fn wishes() -> Vec<(&'static str, String)> {
    let entra =
        |more: &str| format!("version = 1\n[entra]\ntenant = \"{TENANT}\"\napp-name = \"Pintail\"\n{more}");
    let other = |url: &str, client: &str| {
        format!("version = 1\n[issuer]\nurl = \"{url}\"\nclient-id = \"{client}\"\n")
    };
    let aws = |more: &str| {
        format!(
            "[[aws]]\naccount = \"123456789012\"\nregion = \"eu-central-1\"\nrole = \"PintailS3\"\n{more}"
        )
    };
    let end = "[bookmark]\nname = \"contoso\"\n";
    let many: Vec<String> =
        (0..110).map(|n| format!("\"s3://data/team-{n:04}-{}/\"", "x".repeat(30))).collect();
    let wish = |name: &'static str, head: String, accounts: String| (name, head + &accounts + end);
    vec![
        wish("plain", entra(""), aws("buckets = [\"data\"]\n")),
        wish("read only", entra(""), aws("access = \"read\"\nbuckets = [\"data\", \"logs\"]\n")),
        wish(
            "prefixes",
            entra(""),
            aws("buckets = [\"s3://data/a/\", \"s3://data/b c/\", \"s3://logs/2026\"]\n"),
        ),
        wish(
            "key",
            entra(""),
            aws(
                "buckets = [{ place = \"s3://data\", access = \"read\", kms-key = \"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\" }, { place = \"s3://drop/in/\", kms-key = \"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab\" }]\n",
            ),
        ),
        wish("all buckets seen", entra(""), aws("buckets = [\"data\"]\nlist-all-buckets = true\n")),
        wish(
            "second factor",
            entra("claims = [\"email\", \"amr\"]\n"),
            aws("buckets = [\"data\"]\nrequire-mfa = true\n"),
        ),
        wish("honest names", entra(""), aws("buckets = [\"data\"]\nhonest-session-names = true\n")),
        wish(
            "odd characters",
            entra(
                "groups = [\"Größe & 'Co' ${x} `y` \\\"z\\\"\", \"aaaaaaaa-2222-3333-4444-555555555555\"]\nusers = [\"o'hara@contoso.com\", \"me\"]\n",
            ),
            aws("buckets = [\"s3://data/it's 100%{x}/\"]\n").replace("PintailS3", "Pintail+S3=,.@-_"),
        ),
        wish(
            "China",
            entra("authority = \"https://login.partner.microsoftonline.cn\"\n"),
            aws("buckets = [\"data\"]\n").replace("eu-central-1", "cn-north-1"),
        ),
        wish(
            "government",
            entra("authority = \"https://login.microsoftonline.us\"\n"),
            aws("buckets = [\"data\"]\n").replace("eu-central-1", "us-gov-west-1"),
        ),
        wish(
            "Keycloak",
            other("https://sso.example/realms/a", "pintail"),
            aws(
                "buckets = [\"data\"]\npeople = [\"3fa85f64-5717-4562-b3fc-2c963f66afa6\", \"auth0|5f7c\"]\n",
            ),
        ),
        wish(
            "Google",
            other("https://accounts.google.com", "1234-abc.apps.googleusercontent.com"),
            aws("people = \"assigned\"\nbuckets = [\"data\"]\n"),
        ),
        wish(
            "everything at Entra",
            entra(
                "redirects = [\"loopback\", \"cyberduck\", \"mountain-duck\", \"pintail\"]\ndevice-code = true\nassignment-required = false\nclaims = [\"email\", \"amr\", \"login_hint\", \"groups\"]\ngroups = [\"S3 users\"]\n[entra.aws-claims]\nDepartment = \"user.department\"\n",
            ),
            aws("session-tags = true\npeople = \"roles-claim\"\nbuckets = [\"data\"]\n"),
        ),
        wish(
            "more than fits inline",
            entra(""),
            aws(&format!("access = \"read\"\nbuckets = [{}]\n", many.join(", "))),
        ),
        wish(
            "two accounts",
            entra(""),
            aws("buckets = [\"data\"]\n")
                + &aws(
                    "profile = \"other\"\nbuckets = [\"logs\"]\nrole-path = \"/team/\"\nsession-hours = 1\n",
                )
                .replace("123456789012", "210987654321"),
        ),
    ]
}

/// Prints a wish with the real binary and returns the files by name.
fn printed(env: &TestEnv, kind: &str, wish: &str) -> BTreeMap<String, String> {
    let path = env.work().join("wish.toml");
    fs::write(&path, wish).unwrap();
    let arguments = ["setup", "--print", kind, "--file", path.to_str().unwrap(), "--json"];
    let lines = env.run(arguments).succeeded().json_lines();
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    lines.iter().map(|line| (text(line, "name"), text(line, "text"))).collect()
}

/// Writes files of all wishes into folders of their own and returns the paths.
fn written(env: &TestEnv, kind: &str) -> Vec<(&'static str, Vec<PathBuf>)> {
    let mut all = Vec::new();
    for (number, (name, wish)) in wishes().into_iter().enumerate() {
        let folder = env.work().join(format!("{kind}-{number}"));
        fs::create_dir(&folder).unwrap();
        let mut paths = Vec::new();
        for (file, text) in printed(env, kind, &wish) {
            let path = folder.join(file);
            fs::write(&path, text).unwrap();
            paths.push(path);
        }
        assert!(!paths.is_empty(), "{name}");
        all.push((name, paths));
    }
    all
}

/// Runs the parsers and linters of others.
fn read(bench: &Bench, env: &TestEnv, question: &Value) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/linters/read.py");
    let run = env.program(bench.tool("linter-python"), [script]).stdin(&question.to_string());
    run.output().succeeded().json()
}

/// behaviour: setup-print
#[test]
fn cfn_lint_has_nothing_to_say() {
    let bench = Bench::load();
    let env = home();
    let files: Vec<PathBuf> =
        written(&env, "cloudformation").into_iter().flat_map(|(_, paths)| paths).collect();
    assert!(files.len() > 14, "{files:?}");
    let paths = files.iter().map(|path| path.to_str().unwrap());
    let output =
        env.program(bench.tool("cfn-lint"), paths).deadline(std::time::Duration::from_secs(240)).output();
    let output = output.succeeded();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("", ""));
    // It does say something where there is something to say.
    let broken = env.work().join("broken.template.json");
    let text = fs::read_to_string(&files[0])
        .unwrap()
        .replace("\"MaxSessionDuration\": 43200", "\"MaxSessionDuration\": 99");
    fs::write(&broken, text).unwrap();
    assert_ne!(env.program(bench.tool("cfn-lint"), [broken.to_str().unwrap()]).output().code(), Some(0));
}

/// behaviour: setup-print
#[test]
fn the_policies_pass_a_policy_linter() {
    let bench = Bench::load();
    let env = home();
    let (mut policies, mut trusts) = (BTreeMap::new(), BTreeMap::new());
    for (name, paths) in written(&env, "cloudformation") {
        for path in paths {
            let template: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            for (resource, body) in template["Resources"].as_object().unwrap() {
                let properties = &body["Properties"];
                let label = |what: &str| format!("{name}: {} {resource} {what}", path.display());
                if let Some(document) = properties.get("PolicyDocument") {
                    policies.insert(label("policy"), document.to_string());
                }
                for policy in properties["Policies"].as_array().into_iter().flatten() {
                    policies.insert(label("inline"), policy["PolicyDocument"].to_string());
                }
                if let Some(document) = properties.get("AssumeRolePolicyDocument") {
                    trusts.insert(label("trust"), whole(document));
                }
            }
        }
    }
    assert!(policies.len() >= 15 && trusts.len() >= 15);
    let asked = json!({ "terraform": [], "policies": policies });
    for (name, findings) in read(&bench, &env, &asked)["policies"].as_object().unwrap() {
        assert_eq!(findings, &json!([]), "{name}");
    }
    // The linter does not know trust policies of OpenID Connect: it is asked about the rest of them. What it may say is that it
    // knows no condition key of the issuer, nor the one of 2026.
    let as_identity = |text: &String| {
        let mut document: Value = serde_json::from_str(text).unwrap();
        for statement in document["Statement"].as_array_mut().unwrap() {
            let statement = statement.as_object_mut().unwrap();
            assert!(statement.remove("Principal").is_some());
            statement.insert("Resource".into(), "arn:aws:iam::123456789012:role/PintailS3".into());
        }
        document.to_string()
    };
    let trusts: BTreeMap<&String, String> =
        trusts.iter().map(|(name, text)| (name, as_identity(text))).collect();
    let asked = json!({ "terraform": [], "policies": trusts });
    for (name, findings) in read(&bench, &env, &asked)["policies"].as_object().unwrap() {
        for finding in findings.as_array().unwrap() {
            let said = (finding[0].as_str().unwrap(), finding[1].as_str().unwrap());
            let own = [
                ":aud for action ",
                ":sub for action ",
                ":amr for action ",
                " sts:RoleAuthorizedByIdp for action ",
            ];
            assert!(
                said.0 == "UNKNOWN_CONDITION_FOR_ACTION" && own.iter().any(|key| said.1.contains(key)),
                "{name}: {said:?}"
            );
        }
    }
    // It does say something where there is something to say.
    let wrong = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:GetEverything", "Resource": "*" }] });
    let asked = json!({ "terraform": [], "policies": { "wrong": wrong.to_string() } });
    assert_ne!(read(&bench, &env, &asked)["policies"]["wrong"], json!([]));
}

/// A document with something in the place of references.
fn whole(document: &Value) -> String {
    fn filled(value: &Value) -> Value {
        match value {
            Value::Object(object)
                if object.len() == 1 && object.keys().all(|key| key == "Ref" || key.starts_with("Fn::")) =>
            {
                "a-reference".into()
            }
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| (key.clone(), filled(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(items) => items.iter().map(filled).collect::<Vec<_>>().into(),
            other => other.clone(),
        }
    }
    filled(document).to_string()
}

/// behaviour: setup-print
#[test]
fn terraform_is_read_and_has_documented_arguments_only() {
    let bench = Bench::load();
    let env = home();
    let all = written(&env, "terraform");
    let paths: Vec<&str> =
        all.iter().flat_map(|(_, paths)| paths).map(|path| path.to_str().unwrap()).collect();
    let told = read(&bench, &env, &json!({ "terraform": paths, "policies": {} }));
    let mut seen = BTreeSet::new();
    for (name, paths) in &all {
        let mut module = arguments::Module::default();
        for path in paths {
            module.add(&told["terraform"][path.to_str().unwrap()]);
        }
        seen.extend(module.check(name));
    }
    for resource in arguments::RESOURCES {
        assert!(seen.contains(resource), "no wish prints {resource}");
    }
}

/// behaviour: kubernetes
#[test]
fn a_job_for_kubernetes_is_yaml_that_says_what_was_asked() {
    let bench = Bench::load();
    let env = home();
    let odd = "work:data/it's a \"file\": #1 $(HOME) \\ é\u{2028}/";
    let arguments = [
        "batch",
        "k8s",
        "--shards",
        "12",
        "--parallelism",
        "5",
        "--image",
        "registry.example/pintail:1",
        "--job-role",
        "arn:aws:iam::123456789012:role/mover",
        "--region",
        "eu-central-1",
        "--name",
        "move",
        "--namespace",
        "data",
        "--",
        "cp",
        "-r",
        odd,
        "other:out/",
    ];
    let printed = env.run(arguments).succeeded().stdout;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/linters/read_yaml.py");
    let run = env.program(bench.tool("linter-python"), [script]).stdin(&printed);
    let documents: Value = serde_json::from_str(&run.output().succeeded().stdout).unwrap();
    let (config, job) = (&documents[0], &documents[1]);
    assert_eq!(
        (&config["kind"], &job["kind"], &job["apiVersion"]),
        (&"ConfigMap".into(), &"Job".into(), &"batch/v1".into())
    );
    let expected = "[profile pod]\nrole_arn = arn:aws:iam::123456789012:role/mover\n\
                    web_identity_token_file = /var/run/secrets/eks.amazonaws.com/serviceaccount/token\nregion = eu-central-1\n";
    assert_eq!(config["data"]["config"], expected);
    let spec = &job["spec"];
    assert_eq!(spec["completionMode"], "Indexed");
    assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(12), &json!(5)));
    assert_eq!((&spec["backoffLimitPerIndex"], &spec["maxFailedIndexes"]), (&json!(3), &json!(12)));
    assert_eq!(job["metadata"]["namespace"], "data");
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let container = &pod["containers"][0];
    // Kubernetes reads `$$` as one, and puts no variable there.
    let kept = odd.replace("$(", "$$(");
    assert_eq!(container["args"], json!(["cp", "-r", kept, "other:out/", "--shard", "auto/12"]));
    let variables: BTreeMap<&str, &str> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| (variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap()))
        .collect();
    assert_eq!(variables["AWS_ROLE_ARN"], "arn:aws:iam::123456789012:role/mover");
    let token = variables["AWS_WEB_IDENTITY_TOKEN_FILE"];
    let mounts = container["volumeMounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| token.starts_with(mount["mountPath"].as_str().unwrap())));
    let volumes: BTreeSet<&str> =
        pod["volumes"].as_array().unwrap().iter().map(|volume| volume["name"].as_str().unwrap()).collect();
    assert!(mounts.iter().all(|mount| volumes.contains(mount["name"].as_str().unwrap())));
    let source = &pod["volumes"][2]["projected"]["sources"][0]["serviceAccountToken"];
    assert_eq!((&source["audience"], &source["path"]), (&"sts.amazonaws.com".into(), &"token".into()));
    let made: Vec<&Value> =
        pod["initContainers"].as_array().unwrap().iter().map(|one| &one["args"][2]).collect();
    assert_eq!(made, ["other", "work"]);
    // What a pod does before its command works: the bookmark is made of the profile.
    let first =
        pod["initContainers"][0]["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    env.run(first).succeeded();
}
