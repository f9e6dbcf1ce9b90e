//! A CloudFormation template for each account: identity provider, role, policies.
//!
//! Pure: a wish in, a template out. CloudFormation computes values, never the keys of a map, and condition keys hold the issuer: so the template is one for this
//! issuer, with the client ID as its parameter (CloudFormation User Guide, "Intrinsic function reference").

use serde_json::{Map, Value, json};

use super::{Account, Print, PrintedFile};
use crate::setup::aws::policies::{self, Permissions, issuer_name};
use crate::setup::aws::{INLINE_POLICY, MARK};

/// Stands for the provider's ARN until it is a reference.
const PROVIDER: &str = "{provider}";
/// Stands for the client ID until it is a reference.
const CLIENT: &str = "{client}";

pub(super) fn files(print: &Print<'_>) -> Vec<PrintedFile> {
    let one = |account: &Account<'_>| PrintedFile {
        name: format!("{}-{}.template.json", print.stem(), account.label()),
        text: format!("{:#}\n", template(print, account)),
        executable: false,
    };
    print.accounts.iter().map(one).collect()
}

fn template(print: &Print<'_>, account: &Account<'_>) -> Value {
    let (wish, facts) = (account.wish, print.facts);
    let tags = json!([{ "Key": MARK, "Value": print.mark() }]);
    let mut resources = Map::new();
    let built_in = policies::is_built_in(facts);
    let provider = if built_in {
        Value::from(policies::federated(wish.partition, "", facts))
    } else if account.known.provider_exists {
        let arn = format!(
            "arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{}",
            issuer_name(&facts.issuer)
        );
        json!({ "Fn::Sub": arn })
    } else {
        let properties =
            json!({ "Url": facts.issuer, "ClientIdList": [{ "Ref": "ClientId" }], "Tags": tags });
        resources
            .insert("Provider".into(), json!({ "Type": "AWS::IAM::OIDCProvider", "Properties": properties }));
        json!({ "Ref": "Provider" })
    };
    let trust = policies::trust(wish, &facts.issuer, PROVIDER, CLIENT);
    let references = [(PROVIDER, provider), (CLIENT, json!({ "Ref": "ClientId" }))];
    let mut role = json!({
        "RoleName": wish.role,
        "Path": wish.role_path,
        "Description": crate::setup::aws::description(facts),
        "MaxSessionDuration": wish.session_s,
        "AssumeRolePolicyDocument": referring(&trust, &references),
        "Tags": tags,
    });
    // `render` checked that there is room.
    match policies::permissions(wish) {
        Ok(Permissions::Inline(document)) => {
            role["Policies"] = json!([{ "PolicyName": INLINE_POLICY, "PolicyDocument": document }]);
        }
        Ok(Permissions::Managed(documents)) => {
            let managed = crate::setup::aws::managed(wish, "", &documents, &Default::default());
            let mut arns = Vec::new();
            for (number, managed) in (1..).zip(managed) {
                let name = format!("Places{number}");
                let properties = json!({
                    "ManagedPolicyName": managed.name,
                    "Path": managed.path,
                    "PolicyDocument": managed.document,
                });
                let resource = json!({ "Type": "AWS::IAM::ManagedPolicy", "Properties": properties });
                resources.insert(name.clone(), resource);
                arns.push(json!({ "Ref": name }));
            }
            role["ManagedPolicyArns"] = arns.into();
        }
        Err(_) => {}
    }
    resources.insert("Role".into(), json!({ "Type": "AWS::IAM::Role", "Properties": role }));
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": description(print, account),
        "Parameters": { "ClientId": client_id(print) },
        "Resources": resources,
        "Outputs": {
            "RoleArn": {
                "Description": "The role that people take; it goes into their bookmark",
                "Value": { "Fn::GetAtt": ["Role", "Arn"] },
            },
        },
    })
}

fn description(print: &Print<'_>, account: &Account<'_>) -> String {
    let mut text = format!(
        "Amazon S3 for people who sign in at {}, through the role {} (bookmark {}, account {}).",
        print.facts.issuer,
        account.wish.role,
        print.mark(),
        account.label(),
    );
    if account.known.provider_exists && !policies::is_built_in(print.facts) {
        text.push_str(
            " The account has the identity provider already: add the client ID there under Audiences, this template does not.",
        );
    }
    // CloudFormation takes 1024 bytes.
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn client_id(print: &Print<'_>) -> Value {
    let mut parameter = json!({
        "Type": "String",
        "Description": "Application (client) ID, from the overview of the app registration in Entra",
        "AllowedPattern": "^[!-~]{1,255}$",
        "ConstraintDescription": "1 to 255 visible ASCII characters",
    });
    if let Some(client_id) = &print.facts.client_id {
        parameter["Default"] = client_id.as_str().into();
    }
    parameter
}

/// Puts references in the place of what stands for them. Policy variables look like CloudFormation's own, which are read inside of
/// `Fn::Sub` alone.
fn referring(value: &Value, references: &[(&str, Value)]) -> Value {
    match value {
        Value::String(text) => match references.iter().find(|(stands_for, _)| stands_for == text) {
            Some((_, reference)) => reference.clone(),
            None => value.clone(),
        },
        Value::Array(items) => {
            items.iter().map(|item| referring(item, references)).collect::<Vec<_>>().into()
        }
        Value::Object(object) => {
            let one = |(key, value): (&String, &Value)| (key.clone(), referring(value, references));
            object.iter().map(one).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
