//! What every kind of file has to say.

use super::super::aws::policies::testing as aws;
use super::super::desired::{Access, CredentialFrom};
use super::testing::{entra, other};
use super::*;

fn text(kind: PrintKind, desired: &Desired) -> String {
    let facts = facts_offline(desired).unwrap();
    let files = render(kind, desired, &facts, &[]).unwrap();
    files.iter().map(|file| format!("== {}\n{}", file.name, file.text)).collect()
}

const ALL: [PrintKind; 4] =
    [PrintKind::Cloudformation, PrintKind::Terraform, PrintKind::Cli, PrintKind::Portal];

/// behaviour: setup-print
#[test]
fn every_kind_says_the_same_things() {
    for desired in [entra(), other()] {
        for kind in ALL {
            let text = text(kind, &desired);
            let issuer = match kind {
                PrintKind::Cli => "oidc-provider/",
                _ => "/v2.0:aud",
            };
            let issuer = if desired.issuer.entra().is_some() { issuer } else { "sso.example/realms/a" };
            for said in ["PintailS3", "s3:GetObject", "arn:aws:s3:::data/*", "43200", issuer, "contoso"] {
                let said = if kind == PrintKind::Portal && said == "43200" { "12 hours" } else { said };
                assert!(text.contains(said), "{kind:?} lacks {said}:\n{text}");
            }
            for never in ["AmazonS3FullAccess", "{provider}", "{client}"] {
                let warned = kind == PrintKind::Portal && never == "AmazonS3FullAccess";
                assert!(warned || !text.contains(never), "{kind:?} has {never}:\n{text}");
            }
        }
    }
}

#[test]
fn a_domain_needs_to_be_asked_first() {
    let mut desired = entra();
    let mut change = |tenant: &str, authority: Option<&str>| {
        let IssuerWish::Entra(wish) = &mut desired.issuer else { panic!() };
        wish.tenant = tenant.parse().unwrap();
        wish.authority = authority.map(|authority| authority.parse().unwrap());
        desired.clone()
    };
    assert_eq!(facts_offline(&change("contoso.com", None)), None);
    let desired = change(aws::TENANT, Some("https://login.microsoftonline.us"));
    let issuer = facts_offline(&desired).unwrap().issuer;
    assert_eq!(issuer, format!("https://login.microsoftonline.us/{}/v2.0", aws::TENANT));
}

#[test]
fn several_accounts_are_told_apart() {
    let mut desired = entra();
    let mut second = aws::wish();
    second.account = None;
    second.credential = CredentialFrom::Profile("other".into());
    desired.accounts.push(second);
    let terraform = text(PrintKind::Terraform, &desired);
    for said in [
        "provider = aws.account_1",
        "provider = aws.account_2",
        "== aws-123456789012.tf",
        "== aws-account-2.tf",
    ] {
        assert!(terraform.contains(said), "{said}:\n{terraform}");
    }
    let templates =
        render(PrintKind::Cloudformation, &desired, &facts_offline(&desired).unwrap(), &[]).unwrap();
    let names: Vec<&str> = templates.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["contoso-123456789012.template.json", "contoso-account-2.template.json"]);
    assert!(text(PrintKind::Cli, &desired).contains("export AWS_PROFILE='other'"));
}

#[test]
fn a_provider_that_is_there_is_not_made_again() {
    let desired = other();
    let facts = facts_offline(&desired).unwrap();
    let known = [Known { account: None, provider_exists: true }];
    let files = |kind| render(kind, &desired, &facts, &known).unwrap();
    assert!(!files(PrintKind::Cloudformation)[0].text.contains("AWS::IAM::OIDCProvider"));
    assert!(files(PrintKind::Terraform)[1].text.contains("data \"aws_iam_openid_connect_provider\""));
}

#[test]
fn what_has_no_room_is_refused_by_every_kind() {
    let mut desired = entra();
    desired.accounts[0].places =
        (0..2000).map(|n| aws::place("data", &format!("{n:060}/"), Access::Read)).collect();
    for kind in ALL {
        let error = render(kind, &desired, &facts_offline(&desired).unwrap(), &[]).unwrap_err();
        assert!(matches!(error, PrintError::TooLong(_)), "{error}");
    }
}

/// behaviour: setup-print
#[test]
fn the_portals_text_leaves_the_client_id_alone_to_copy() {
    let mut desired = entra();
    desired.accounts[0].honest_session_names = true;
    let portal = text(PrintKind::Portal, &desired);
    for said in [
        "enter `http://localhost`",
        "`arn:aws:iam::123456789012:role/PintailS3`",
        "*Assignment required?* to *Yes*",
        "--role-arn 'arn:aws:iam::123456789012:role/PintailS3' --region eu-central-1",
        "--set pintail.session_name.subject=true",
    ] {
        assert!(portal.contains(said), "{said}:\n{portal}");
    }
    let steps = portal.matches("\n1. ").count();
    assert_eq!(portal.matches("**At the end**").count(), steps + 1, "each part says what it ends with");
    desired.accounts[0].account = None;
    let facts = facts_offline(&desired).unwrap();
    let error = render(PrintKind::Portal, &desired, &facts, &[]).unwrap_err();
    assert_eq!(error, PrintError::AccountUnknown { number: 1 });
    let known = Known { account: Some("123456789012".parse().unwrap()), provider_exists: true };
    let files = render(PrintKind::Portal, &desired, &facts, &[known]).unwrap();
    assert!(files[0].text.contains("choose *Actions > Add audience*"), "{}", files[0].text);
}
