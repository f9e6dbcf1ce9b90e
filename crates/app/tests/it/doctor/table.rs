//! The planted faults, side by side with what the doctor has to say first.
//!
//! The three messages of the page that people follow are among them: "Not authorized to perform
//! sts:AssumeRoleWithWebIdentity", "Request ARN is invalid", "The security token included in the request is invalid".

use bytes::Bytes;
use pintail_sandbox::{Effect, Platform, Service};
use serde_json::json;

use super::planted::Side::{Aws, Bookmark, Entra, Machine, S3};
use super::planted::{Planted, broken, each, warning};

const OTHER_ID: &str = "00000000-0000-4000-8000-000000000000";

const MACHINE: &[Planted] = &[
    warning("keys in the environment", Machine, "environment", "AWS_ACCESS_KEY_ID", |scene| {
        scene.set("AWS_ACCESS_KEY_ID", "AKIAEXAMPLEEXAMPLE12");
        scene.set("AWS_SECRET_ACCESS_KEY", "an-old-secret");
    }),
    warning("an AWS profile that is not there", Machine, "environment", "could not be found", |scene| {
        scene.set("AWS_PROFILE", "gone");
    }),
    warning(
        "a token file that is not there",
        Machine,
        "environment",
        "names a file that is not there",
        |scene| {
            scene.set("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token");
        },
    ),
    warning(
        "another endpoint in the environment",
        Machine,
        "environment",
        "send their requests there",
        |scene| {
            scene.set("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        },
    ),
    warning("a profile whose program is gone", Machine, "aws-files", "/nowhere/pintail", |scene| {
        scene.stage.aws_file(
            "config",
            "[profile old]\ncredential_process = /nowhere/pintail credentials old\n",
            0o600,
        );
    }),
    warning("stale keys in [default]", Machine, "aws-files", "temporary keys (…1234)", |scene| {
        let old = scene.stage.aws_text("credentials");
        let stale = "[default]\naws_access_key_id = ASIAEXAMPLE1234\naws_secret_access_key = s\naws_session_token = t\n";
        scene.stage.aws_file("credentials", &format!("{old}{stale}"), 0o600);
    }),
    warning("keys that others can read", Machine, "aws-files", "chmod 600", |scene| {
        let text = scene.stage.aws_text("credentials");
        scene.stage.aws_file("credentials", &text, 0o644);
    }),
    warning("~/.aws that cannot be read", Machine, "aws-files", "cannot be read", |scene| {
        scene.without_admin();
        scene.stage.aws_file("config", "[profile\nregion\n", 0o600);
    }),
    warning("a browser that is not there", Machine, "browser", "no-such-browser", |scene| {
        scene.set("BROWSER", "no-such-browser");
    }),
    broken("a keychain that does not exist", Machine, "key-store", "PINTAIL_KEYCHAIN", |scene| {
        scene.set("PINTAIL_KEYCHAIN", "keychian");
    }),
    broken("no session bus for the keychain", Machine, "key-store", "does not keep a secret", |scene| {
        scene.set("PINTAIL_KEYCHAIN", "secret-service");
    }),
    broken("a redirect whose port is taken", Machine, "loopback", "cannot be taken", |scene| {
        let port = scene.taken_port();
        scene.bookmark(&["--redirect", &format!("http://localhost:{port}/")]);
    }),
    broken(
        "an address scheme nobody handles",
        Machine,
        "scheme",
        "pintail scheme install --ducks",
        |scene| {
            scene.bookmark(&["--redirect", "x-cyberduck-action://oauth"]);
        },
    ),
    broken("a CA bundle that is not there", Machine, "network", "PINTAIL_CA_BUNDLE", |scene| {
        scene.set("PINTAIL_CA_BUNDLE", "/nowhere/ca.pem");
    }),
    broken("a proxy that is not there", Machine, "proxy", "is not reached", |scene| {
        scene.set("http_proxy", "http://127.0.0.1:9");
        scene.bookmark(&["--endpoint", "http://s3.example.invalid/"]);
    }),
    broken("a host without an address", Bookmark, "resolve", "has no address", |scene| {
        scene.bookmark(&["--endpoint", "http://s3.example.invalid/"]);
    }),
    broken("an endpoint without TLS called by https", Bookmark, "tls", "does not speak TLS", |scene| {
        let endpoint = scene.stage.cloud.summary().s3_endpoint.replace("http://", "https://");
        scene.bookmark(&["--endpoint", &endpoint]);
    }),
    broken("a clock that is an hour behind", Machine, "clock", "60 min behind", |scene| {
        for service in [Service::Issuer, Service::Sts, Service::S3] {
            scene.fault(service, "*", Effect::SkewClock(3600));
        }
    }),
    broken("one service's clock is off", S3, "clock", "the other services agree", |scene| {
        scene.fault(Service::S3, "*", Effect::SkewClock(-2000));
    }),
];

const BOOKMARK: &[Planted] = &[
    broken("Request ARN is invalid: a user's", Bookmark, "bookmark", "the ARN of a user", |scene| {
        scene.stage.edit_bookmark(|text| text.replace(":role/", ":user/"));
    }),
    broken("Request ARN is invalid: a session's", Bookmark, "bookmark", "Request ARN is invalid", |scene| {
        scene
            .stage
            .edit_bookmark(|text| text.replace(":iam::", ":sts::").replace(":role/", ":assumed-role/"));
    }),
    broken("Request ARN is invalid: a space", Bookmark, "bookmark", "a space in it", |scene| {
        scene.stage.edit_bookmark(|text| text.replace(":role/Pintail", ":role/Pin tail"));
    }),
    broken("Request ARN is invalid: the provider's", Bookmark, "bookmark", "identity provider", |scene| {
        scene
            .stage
            .edit_bookmark(|text| text.replace(":role/PintailSandbox", ":oidc-provider/login.example"));
    }),
    broken("a bookmark that is no bookmark", Bookmark, "bookmark", "lab", |scene| {
        scene.stage.edit_bookmark(|_| "<plist>".to_owned());
    }),
    broken("a bookmark changed behind one's back", Bookmark, "pins", "leads elsewhere", |scene| {
        let tenant = scene.stage.cloud.summary().tenant.clone();
        scene.stage.edit_bookmark(|text| text.replace(&tenant, OTHER_ID));
    }),
    broken("another STS behind one's back", Bookmark, "pins", "STS", |scene| {
        let endpoint = scene.stage.cloud.summary().sts_endpoint.clone();
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        scene.stage.edit_bookmark(|text| text.replace(&endpoint, "http://127.0.0.1:9"));
    }),
    broken(
        "a region of another partition",
        Bookmark,
        "sts",
        "The security token included in the request is invalid",
        |scene| {
            scene.bookmark(&["--region", "cn-north-1"]);
        },
    ),
    broken(
        "Request ARN is invalid: another partition's role",
        Bookmark,
        "sts",
        "Request ARN is invalid",
        |scene| {
            let role = scene.stage.cloud.summary().role_arn.replace("arn:aws:", "arn:aws-cn:");
            scene.bookmark(&["--role-arn", &role]);
        },
    ),
    broken("an STS that is not there", Bookmark, "sts", "is not reached", |scene| {
        scene.bookmark(&["--sts-endpoint", "http://127.0.0.1:9/"]);
    }),
    broken("an STS that is something else", Bookmark, "exchange", "--sts-endpoint", |scene| {
        let elsewhere = scene.stage.cloud.authority();
        scene.bookmark(&["--sts-endpoint", &elsewhere]);
    }),
    broken("an S3 that is not there", Bookmark, "bucket", "is not reached", |scene| {
        scene.bookmark(&["--endpoint", "http://127.0.0.1:9/"]);
    }),
];

const ENTRA: &[Planted] = &[
    broken("an unknown tenant", Entra, "discovery", "no tenant", |scene| {
        scene.bookmark(&["--tenant", OTHER_ID]);
    }),
    broken("a domain that is misspelt", Entra, "discovery", "AADSTS90002", |scene| {
        scene.bookmark(&["--tenant", "sandbx.example"]);
    }),
    broken("an authority that is not there", Entra, "discovery", "is not reached", |scene| {
        scene.bookmark(&["--authority", "http://127.0.0.1:9"]);
    }),
    broken("an authority that is something else", Entra, "discovery", "no discovery document", |scene| {
        scene.fault(
            Service::Issuer,
            "discovery",
            Effect::ReplaceBody(Bytes::from_static(b"<html>hotel network</html>")),
        );
    }),
    broken("a tenant of another cloud", Entra, "discovery", "another cloud", |scene| {
        let body = r#"{"error":"invalid_tenant","error_description":"AADSTS90038: Tenant 'x' is in the national cloud 'US Government'."}"#;
        scene.fault(Service::Issuer, "discovery", Effect::ReplaceBody(Bytes::from_static(body.as_bytes())));
    }),
    broken(
        "a national cloud asked at the global one",
        Entra,
        "issuer",
        "login.microsoftonline.us",
        |scene| {
            scene.discovery(|document| document["cloud_instance_name"] = json!("microsoftonline.us"));
        },
    ),
    broken("an issuer with a slash", Entra, "issuer", "a slash at the end", |scene| {
        scene.discovery(|document| {
            let issuer = format!("{}/", document["issuer"].as_str().unwrap_or_default());
            document["issuer"] = json!(issuer);
        });
    }),
    broken("an issuer of version 1", Entra, "issuer", "the version", |scene| {
        let tenant = scene.stage.cloud.summary().tenant.clone();
        scene.discovery(|document| document["issuer"] = json!(format!("https://sts.windows.net/{tenant}/")));
    }),
    broken("an app of one tenant through common", Entra, "client", "AADSTS50194", |scene| {
        scene.bookmark(&["--tenant", "common"]);
    }),
    broken("a client ID nobody knows", Entra, "client", "AADSTS700016", |scene| {
        scene.bookmark(&["--client-id", OTHER_ID]);
    }),
    broken("a client ID that is none", Entra, "client", "a GUID", |scene| {
        scene.bookmark(&["--client-id", "pintail"]);
    }),
    broken("a redirect that is not registered", Entra, "redirect", "AADSTS50011", |scene| {
        scene.app(|app| app.redirect_uris = vec![(Platform::Mobile, "pintail://oauth".into())]);
    }),
    broken("a redirect of another case", Entra, "redirect", "case", |scene| {
        scene.app(|app| app.redirect_uris = vec![(Platform::Mobile, "http://localhost/Callback".into())]);
        scene.bookmark(&["--redirect", "http://localhost/callback"]);
    }),
    broken("127.0.0.1 in place of localhost", Entra, "redirect", "http://localhost only", |scene| {
        scene.bookmark(&["--redirect", "http://127.0.0.1/"]);
    }),
    broken("no redirect at all", Entra, "redirect", "no redirect address at all", |scene| {
        scene.app(|app| app.redirect_uris.clear());
    }),
    broken("a redirect under Web", Entra, "client-kind", "AADSTS7000218", |scene| {
        scene.app(|app| app.redirect_uris = vec![(Platform::Web, "http://localhost".into())]);
    }),
    broken(
        "a redirect under Single-page application",
        Entra,
        "client-kind",
        "Single-page application",
        |scene| {
            scene.app(|app| app.redirect_uris = vec![(Platform::Spa, "http://localhost".into())]);
        },
    ),
    broken("an application that is disabled", Entra, "client", "AADSTS7000112", |scene| {
        scene.app(|app| app.enabled = false);
    }),
    broken(
        "an application with a signing key of its own",
        Entra,
        "signing-key",
        "acceptMappedClaims",
        |scene| {
            let client = scene.stage.cloud.summary().client_id.clone();
            scene.stage.cloud.sandbox().world().set_own_signing_key(&client, true).expect("a key");
        },
    ),
    broken("keys that cannot be fetched", Entra, "keys", "Couldn't retrieve verification key", |scene| {
        scene.fault(Service::Issuer, "keys", Effect::status(500, "server_error", "away"));
    }),
    broken("a set without keys", Entra, "keys", "RSA or EC", |scene| {
        scene.fault(Service::Issuer, "keys", Effect::ReplaceBody(Bytes::from_static(b"{\"keys\":[]}")));
    }),
    broken("a sign-in that was revoked", Entra, "sign-in", "50173", |scene| {
        let alice = scene.stage.cloud.summary().users[0].username.clone();
        scene.stage.cloud.sandbox().world().revoke_sign_ins(&alice);
    }),
    broken("a person who is not assigned", Entra, "sign-in", "50105", |scene| {
        let client = scene.stage.cloud.summary().client_id.clone();
        scene.stage.cloud.sandbox().world().unassign_all(&client);
    }),
    broken("a person who is disabled", Entra, "sign-in", "50057", |scene| {
        scene.alice(|alice| alice.enabled = false);
    }),
    broken("Conditional Access", Entra, "sign-in", "53003", |scene| {
        scene.alice(|alice| alice.blocked_by = Some(53_003));
    }),
    broken("a list of roles without the role", Entra, "token-shape", "not among them", |scene| {
        scene.claim("https://aws.amazon.com/roles", json!(["arn:aws:iam::123456789012:role/Another"]));
    }),
    broken("a session tag that is a list", Entra, "token-shape", "Team", |scene| {
        scene.claim("https://aws.amazon.com/tags/principal_tags/Team", json!(["blue", "red"]));
    }),
    broken("a token with hundreds of groups", Entra, "token-shape", "20000", |scene| {
        let groups: Vec<String> =
            (0..500).map(|number| format!("00000000-0000-4000-8000-{number:012}")).collect();
        scene.claim("groups", json!(groups));
    }),
];

const AWS: &[Planted] = &[
    broken("no provider in the account", Aws, "provider", "No OpenIDConnect provider found", |scene| {
        scene.provider(None, &[]);
    }),
    broken("a provider with a slash", Aws, "provider", "a slash at the end", |scene| {
        let (issuer, client) =
            (scene.stage.cloud.summary().issuer.clone(), scene.stage.cloud.summary().client_id.clone());
        scene.provider(Some(&format!("{issuer}/")), &[&client]);
    }),
    broken("a provider of version 1", Aws, "provider", "the version", |scene| {
        let (tenant, client) =
            (scene.stage.cloud.summary().tenant.clone(), scene.stage.cloud.summary().client_id.clone());
        scene.provider(Some(&format!("https://sts.windows.net/{tenant}/")), &[&client]);
    }),
    broken("a provider in capital letters", Aws, "provider", "capital letters", |scene| {
        let (summary, name) = (scene.stage.cloud.summary().clone(), scene.provider_name());
        scene.provider(Some(&format!("http://{}", name.replace("/v2.0", "/V2.0"))), &[&summary.client_id]);
    }),
    broken("a provider of another tenant", Aws, "provider", "the tenant", |scene| {
        let (authority, client) =
            (scene.stage.cloud.authority(), scene.stage.cloud.summary().client_id.clone());
        scene.provider(Some(&format!("{authority}/{OTHER_ID}/v2.0")), &[&client]);
    }),
    broken("Incorrect token audience", Aws, "provider", "Incorrect token audience", |scene| {
        let issuer = scene.stage.cloud.summary().issuer.clone();
        scene.provider(Some(&issuer), &[OTHER_ID]);
    }),
    broken("Not authorized: no such role", Aws, "role", "letter by letter", |scene| {
        let role = scene.stage.cloud.summary().role_arn.replace("Sandbox", "Sandbx");
        scene.bookmark(&["--role-arn", &role]);
    }),
    broken(
        "Not authorized: the role's path is missing",
        Aws,
        "role",
        "the path belongs to the ARN",
        |scene| {
            scene.role(|role| {
                role.path = "/team/".into();
                role.arn = role.arn.replace(":role/", ":role/team/");
            });
        },
    ),
    broken("Not authorized: another audience", Aws, "trust", ":aud fails", |scene| {
        scene.condition("StringEquals", "aud", OTHER_ID);
    }),
    broken("Not authorized: another person", Aws, "trust", ":sub fails", |scene| {
        scene.condition("StringEquals", "sub", "somebody-else");
    }),
    broken("Not authorized: a condition on groups", Aws, "trust", "never holds", |scene| {
        scene.condition("StringEquals", "groups", OTHER_ID);
    }),
    broken("Not authorized: MFA without amr", Aws, "trust", "optional claim `amr`", |scene| {
        scene.condition("ForAnyValue:StringEquals", "amr", "mfa");
    }),
    broken("Not authorized: e-mail that the token lacks", Aws, "trust", "optional claim `email`", |scene| {
        scene.condition("StringEquals", "email", "alice@sandbox.example");
    }),
    broken("Not authorized: another provider is trusted", Aws, "trust", "Principal.Federated", |scene| {
        let arn = "arn:aws:iam::123456789012:oidc-provider/accounts.google.com";
        scene.trust(|statement| statement["Principal"]["Federated"] = json!(arn));
    }),
    broken(
        "Not authorized: the condition names a provider with a slash",
        Aws,
        "trust",
        "belongs to another provider",
        |scene| {
            let name = scene.provider_name();
            scene.condition("StringEquals", &format!("{name}/:aud"), OTHER_ID);
        },
    ),
    broken("Not authorized: the action is AssumeRole", Aws, "trust", "set Action", |scene| {
        scene.trust(|statement| statement["Action"] = json!("sts:AssumeRole"));
    }),
    broken("Not authorized: tags without TagSession", Aws, "trust", "sts:TagSession", |scene| {
        scene.claim("https://aws.amazon.com/tags/principal_tags/Team", json!("blue"));
        scene.trust(|statement| statement["Action"] = json!("sts:AssumeRoleWithWebIdentity"));
    }),
    broken(
        "Not authorized: a source identity without its action",
        Aws,
        "trust",
        "sts:SetSourceIdentity",
        |scene| {
            scene.claim("https://aws.amazon.com/source_identity", json!("alice"));
            scene.trust(|statement| {
                statement["Action"] = json!(["sts:AssumeRoleWithWebIdentity", "sts:TagSession"]);
            });
        },
    ),
    broken("Not authorized: a statement denies", Aws, "trust", "denies", |scene| {
        scene.role(|role| {
            let mut policy: serde_json::Value = serde_json::from_str(&role.trust_policy).expect("a policy");
            let principal = policy["Statement"][0]["Principal"].clone();
            let deny = json!({ "Sid": "Nobody", "Effect": "Deny", "Principal": principal, "Action": "sts:AssumeRoleWithWebIdentity" });
            policy["Statement"].as_array_mut().expect("statements").push(deny);
            role.trust_policy = policy.to_string();
        });
    }),
    broken("Not authorized: the session's name is prescribed", Aws, "trust", "--session-name", |scene| {
        scene.condition("StringEquals", "sts:RoleSessionName", "somebody");
    }),
    broken("Not authorized, and nobody may read IAM", Aws, "exchange", "only IAM can tell", |scene| {
        scene.without_admin();
        scene.condition("StringEquals", "aud", OTHER_ID);
    }),
    broken("Not authorized, and IAM lets the token in", Aws, "exchange", "control policy", |scene| {
        scene.fault(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"),
        );
    }),
    warning("sessions shorter than asked", Aws, "role", "max-session-duration 43200", |scene| {
        scene.bookmark(&["--duration", "43200"]);
        scene.role(|role| role.max_session_s = 3600);
    }),
    warning("a trust policy without an audience", Aws, "trust", "aud", |scene| {
        let name = scene.provider_name();
        scene.trust(|statement| {
            if let Some(all) = statement["Condition"]["StringEquals"].as_object_mut() {
                all.remove(&format!("{name}:aud"));
            }
        });
    }),
    broken("STS switched off in the region", Aws, "exchange", "not active", |scene| {
        scene.fault(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(403, "RegionDisabledException", "STS is not activated in this region"),
        );
    }),
    broken("AWS cannot reach the issuer", Aws, "exchange", "could not reach the issuer", |scene| {
        scene.fault(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(400, "IDPCommunicationError", "could not be reached"),
        );
    }),
    broken("the issuer took the sign-in back", Aws, "exchange", "taken back", |scene| {
        scene.fault(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(403, "IDPRejectedClaim", "rejected"),
        );
    }),
    broken("session policy and tags too large", Aws, "exchange", "do not fit together", |scene| {
        scene.fault(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(400, "PackedPolicyTooLarge", "110 percent"),
        );
    }),
    broken("a token that STS finds expired", Aws, "exchange", "clocks is off", |scene| {
        scene.fault(
            Service::Sts,
            "AssumeRoleWithWebIdentity",
            Effect::status(400, "ExpiredTokenException", "Token expired"),
        );
    }),
    broken(
        "The security token included in the request is invalid",
        Aws,
        "identity",
        "the client ID has nothing to do with it",
        |scene| {
            let text = "The security token included in the request is invalid";
            scene.without_admin();
            scene.fault(Service::Sts, "GetCallerIdentity", Effect::status(403, "InvalidClientTokenId", text));
        },
    ),
];

const DATA: &[Planted] = &[
    broken("no policy allows listing", Aws, "permissions", "allow s3:ListBucket", |scene| {
        scene.permissions(json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]));
    }),
    broken("the policy is for another bucket", Aws, "permissions", "s3:ListBucket", |scene| {
        scene.permissions(json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::other", "arn:aws:s3:::other/*"] }]));
    }),
    broken("objects without the /*", Aws, "permissions", "s3:GetObject", |scene| {
        let bucket = scene.stage.bucket();
        scene.permissions(
            json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::{bucket}") }]),
        );
    }),
    broken("no listing, and nobody may read IAM", Aws, "list", "s3:ListBucket", |scene| {
        scene.without_admin();
        scene.permissions(json!([{ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" }]));
    }),
    broken("no reading, and nobody may read IAM", Aws, "get", "s3:GetObject", |scene| {
        scene.without_admin();
        scene.permissions(json!([{ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*" }]));
    }),
    broken("a key that the role may not use", S3, "get", "kms:Decrypt", |scene| {
        let text = "User: x is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-central-1:1:key/k because no identity-based policy allows the kms:Decrypt action";
        scene.fault(Service::S3, "GetObject", Effect::status(403, "AccessDenied", text));
    }),
    broken("a bucket with a key that the role may not use", S3, "write", "kms:GenerateDataKey", |scene| {
        let bucket = scene.stage.bucket();
        scene.without_admin();
        scene.arguments.push("--write".into());
        scene.permissions(json!([{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }]));
        let key = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-4000-8000-000000000000";
        scene.stage.cloud.sandbox().world().set_bucket_kms_key(&bucket, Some(key));
    }),
    broken("a bucket policy that denies", S3, "list", "the bucket policy", |scene| {
        let bucket = scene.stage.bucket();
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": "s3:ListBucket", "Resource": format!("arn:aws:s3:::{bucket}"),
        }] });
        assert!(scene.stage.cloud.sandbox().world().set_bucket_policy(&bucket, Some(&policy.to_string())));
    }),
    broken("a bucket that is not there", S3, "bucket", "there is no bucket", |scene| {
        scene.bookmark(&["--path", "no-such-bucket-here"]);
    }),
    broken("nothing may be written", Aws, "write", "s3:PutObject", |scene| {
        scene.without_admin();
        scene.arguments.push("--write".into());
        scene.permissions(
            json!([{ "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*" }]),
        );
    }),
    broken("an S3 out of order", S3, "list", "Try again in a minute", |scene| {
        scene.fault(Service::S3, "ListObjectsV2", Effect::slow_down());
    }),
    broken("an S3 that does not know the key", S3, "bucket", "does not take the credential", |scene| {
        scene.fault(
            Service::S3,
            "*",
            Effect::status(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            ),
        );
    }),
];

#[test]
fn faults_of_the_machine_are_named_first() {
    each(MACHINE);
}

#[test]
fn faults_of_the_bookmark_are_named_first() {
    each(BOOKMARK);
}

#[test]
fn faults_at_entra_are_named_first() {
    each(ENTRA);
}

#[test]
fn faults_at_aws_are_named_first() {
    each(AWS);
}

#[test]
fn faults_of_the_data_are_named_first() {
    each(DATA);
}

#[test]
fn there_are_enough_of_them_and_none_twice() {
    let all: Vec<&Planted> = [MACHINE, BOOKMARK, ENTRA, AWS, DATA].into_iter().flatten().collect();
    let names: std::collections::BTreeSet<&str> = all.iter().map(|planted| planted.name).collect();
    assert_eq!(names.len(), all.len());
    assert!(all.len() >= 80, "{}", all.len());
    let sides: std::collections::BTreeSet<_> = all.iter().map(|planted| planted.side).collect();
    assert_eq!(sides.len(), 5);
    for message in
        ["Not authorized", "Request ARN is invalid", "The security token included in the request is invalid"]
    {
        assert!(names.iter().any(|name| name.starts_with(message)), "{message}");
    }
}
