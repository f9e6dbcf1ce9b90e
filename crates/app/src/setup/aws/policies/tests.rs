//! Documents of wishes, text by text.

use proptest::prelude::*;

use super::testing::{CLIENT, TENANT, facts, place, wish};
use super::*;

fn trust_of(wish: &AccountWish) -> Value {
    let facts = facts();
    trust(wish, &facts.issuer, &federated(wish.partition, "123456789012", &facts), &client_id(&facts))
}

fn inline(wish: &AccountWish) -> Value {
    match permissions(wish).unwrap() {
        Permissions::Inline(document) => document,
        Permissions::Managed(documents) => panic!("{} documents", documents.len()),
    }
}

/// behaviour: setup-policies
#[test]
fn the_plainest_trust_policy_tests_the_audience() {
    let name = format!("login.microsoftonline.com/{TENANT}/v2.0");
    assert_eq!(
        trust_of(&wish()),
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "SignIn",
                "Effect": "Allow",
                "Principal": { "Federated": format!("arn:aws:iam::123456789012:oidc-provider/{name}") },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": { "StringEquals": { format!("{name}:aud"): CLIENT } },
            }],
        })
    );
}

#[test]
fn every_wish_adds_its_condition() {
    let name = format!("login.microsoftonline.com/{TENANT}/v2.0");
    let full = AccountWish {
        people: People::Subjects(vec!["a$1".into(), "b".into()]),
        require_mfa: true,
        honest_session_names: true,
        session_tags: true,
        ..wish()
    };
    let document = trust_of(&full);
    let (statement, tags) = (&document["Statement"][0], &document["Statement"][1]);
    assert_eq!(statement["Action"], "sts:AssumeRoleWithWebIdentity");
    assert_eq!(tags["Action"], json!(["sts:TagSession", "sts:SetSourceIdentity"]));
    assert_eq!(tags["Condition"], json!({ "StringEquals": { format!("{name}:aud"): CLIENT } }));
    assert_eq!(
        statement["Condition"],
        json!({
            "StringEquals": {
                format!("{name}:aud"): CLIENT,
                format!("{name}:sub"): ["a${$}1", "b"],
                "sts:RoleSessionName": format!("${{{name}:sub}}"),
            },
            "ForAnyValue:StringEquals": { format!("{name}:amr"): "mfa" },
        })
    );
    let listed = AccountWish { people: People::RolesClaim, ..wish() };
    assert_eq!(
        trust_of(&listed)["Statement"][0]["Condition"]["Bool"],
        json!({ "sts:RoleAuthorizedByIdp": "true" })
    );
}

#[test]
fn google_is_named_without_a_provider() {
    let facts = Facts { issuer: "https://accounts.google.com".into(), tenant: None, ..facts() };
    assert!(is_built_in(&facts));
    assert_eq!(federated(Partition::Aws, "123456789012", &facts), "accounts.google.com");
}

#[test]
fn a_bucket_is_read_and_written_whole() {
    assert_eq!(
        inline(&wish())["Statement"],
        json!([
            { "Sid": "FindBuckets", "Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": "arn:aws:s3:::data" },
            { "Sid": "ListToWrite", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"], "Resource": "arn:aws:s3:::data" },
            { "Sid": "ReadAndWrite", "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], "Resource": "arn:aws:s3:::data/*" },
        ])
    );
}

/// behaviour: setup-policies
#[test]
fn prefixes_are_listed_and_reached_alone() {
    let mut wish = AccountWish {
        partition: Partition::China,
        list_all_buckets: true,
        places: vec![
            place("logs", "2026/", Access::Read),
            place("logs", "a*b?$", Access::Read),
            place("drop", "in", Access::ReadWrite),
        ],
        ..wish()
    };
    wish.places[2].kms_key = Some("arn:aws-cn:kms:cn-north-1:123456789012:key/k1".into());
    assert_eq!(
        inline(&wish)["Statement"],
        json!([
            { "Sid": "SeeBuckets", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" },
            { "Sid": "FindBuckets", "Effect": "Allow", "Action": "s3:GetBucketLocation", "Resource": ["arn:aws-cn:s3:::drop", "arn:aws-cn:s3:::logs"] },
            { "Sid": "ListPrefixes1", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions"], "Resource": "arn:aws-cn:s3:::drop", "Condition": { "StringLike": { "s3:prefix": "in/*" } } },
            { "Sid": "ListPrefixes2", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:ListBucketVersions"], "Resource": "arn:aws-cn:s3:::logs", "Condition": { "StringLike": { "s3:prefix": ["2026/*", "a${*}b${?}${$}/*"] } } },
            { "Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion"], "Resource": ["arn:aws-cn:s3:::logs/2026/*", "arn:aws-cn:s3:::logs/a${*}b${?}${$}", "arn:aws-cn:s3:::logs/a${*}b${?}${$}/*"] },
            { "Sid": "ReadAndWrite", "Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], "Resource": ["arn:aws-cn:s3:::drop/in", "arn:aws-cn:s3:::drop/in/*"] },
            { "Sid": "Key1", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "arn:aws-cn:kms:cn-north-1:123456789012:key/k1", "Condition": { "StringEquals": { "kms:ViaService": "s3.cn-north-1.amazonaws.com.cn" } } },
        ])
    );
}

/// behaviour: setup-policies
#[test]
fn what_has_no_room_as_an_inline_policy_becomes_managed_ones() {
    let many = |count: usize| AccountWish {
        places: (0..count)
            .map(|n| place("data", &format!("team-{n:04}/{}/", "x".repeat(40)), Access::Read))
            .collect(),
        ..wish()
    };
    let Permissions::Managed(documents) = permissions(&many(100)).unwrap() else { panic!("inline") };
    assert!(documents.len() > 1);
    for document in &documents {
        assert!(characters(document) <= MANAGED_MAX_CHARS, "{}", characters(document));
        let sids: Vec<&str> = document["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["Sid"].as_str().unwrap())
            .collect();
        assert_eq!(sids.iter().collect::<BTreeSet<_>>().len(), sids.len(), "{sids:?}");
    }
    let all = documents.iter().map(Value::to_string).collect::<String>();
    for n in 0..100 {
        assert_eq!(all.matches(&format!("team-{n:04}/")).count(), 2, "{n}");
    }
    let error = check(&many(1000), &facts()).unwrap_err();
    assert!(error.to_string().contains("more than the 10 that IAM takes"), "{error}");
}

#[test]
fn a_trust_policy_without_room_is_refused_with_the_numbers() {
    let subjects = |count: usize| (0..count).map(|n| format!("{n:043}")).collect();
    let full = AccountWish { people: People::Subjects(subjects(20)), ..wish() };
    assert_eq!(check(&full, &facts()), Ok(()));
    let over = AccountWish { people: People::Subjects(subjects(60)), ..wish() };
    let error = check(&over, &facts()).unwrap_err().to_string();
    assert!(
        error.starts_with("the trust policy of role PintailS3 with its 60 subjects would have "),
        "{error}"
    );
    assert!(error.ends_with("more than the 2048 that IAM takes"), "{error}");
}

proptest! {
    #[test]
    fn no_wish_leaves_the_audience_untested_or_names_a_wildcard_of_its_own(
        prefix in "[a-z*?$/]{0,12}", write in any::<bool>(), mfa in any::<bool>(), tags in any::<bool>(),
        subjects in proptest::collection::vec("[!-~]{1,20}", 0..3),
    ) {
        let access = if write { Access::ReadWrite } else { Access::Read };
        let people = if subjects.is_empty() { People::AppAssignment } else { People::Subjects(subjects) };
        let wish = AccountWish {
            places: vec![place("data", &prefix, access)], require_mfa: mfa, session_tags: tags, people, ..wish()
        };
        let document = trust_of(&wish);
        for statement in document["Statement"].as_array().unwrap() {
            let equals = statement["Condition"]["StringEquals"].as_object().unwrap();
            prop_assert!(equals.iter().any(|(key, value)| key.ends_with(":aud") && value == CLIENT));
        }
        for statement in inline(&wish)["Statement"].as_array().unwrap() {
            for text in match &statement["Resource"] { Value::Array(all) => all.clone(), one => vec![one.clone()] } {
                let text = text.as_str().unwrap().to_owned();
                let unescaped = text.replace("${*}", "").replace("${?}", "").replace("${$}", "");
                // The one wildcard of ours stands at the end, after a slash.
                prop_assert!(!unescaped.trim_end_matches("/*").contains(['*', '?', '$']), "{}", text);
                prop_assert!(text.starts_with("arn:aws:s3:::data"), "{}", text);
            }
        }
    }
}
