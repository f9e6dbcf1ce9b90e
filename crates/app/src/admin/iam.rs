//! IAM: providers, roles and their policies, as the IAM API Reference (version 2010-05-08) has them.
//!
//! What does not exist is `None`, and removing what is gone already is no error; every other no is the caller's. Documents are
//! handed out URL-decoded, lists whole.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use pintail_core::name::Partition;
use serde::{Deserialize, Serialize};
use url::Url;

use super::aws_query::{AwsClient, AwsEndpoint, AwsSeams};
use super::xml::Element;
use super::{AdminError, absent_is_none};

const VERSION: &str = "2010-05-08";
/// No list that this module asks for has more pages: 1000 members each, and quotas far below that.
const PAGES_MAX: usize = 100;

/// Tags, as keys and values.
pub(crate) type Tags = BTreeMap<String, String>;

/// An OpenID Connect provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Provider {
    /// `arn:PARTITION:iam::ACCOUNT:oidc-provider/HOST/PATH`.
    pub(crate) arn: String,
    /// The issuer as IAM tells it: without `https://`.
    pub(crate) name: String,
    /// The client IDs that are taken.
    pub(crate) client_ids: Vec<String>,
    /// The certificates that are asked for where the issuer's is not one that AWS knows.
    pub(crate) thumbprints: Vec<String>,
    /// Its tags.
    pub(crate) tags: Tags,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    /// Its name without path.
    pub(crate) name: String,
    /// `/`, or `/a/b/`.
    pub(crate) path: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// The trust policy, decoded.
    pub(crate) trust: String,
    /// The longest session it gives.
    pub(crate) max_session_s: u32,
    /// What people wrote about it.
    pub(crate) description: Option<String>,
    /// The policy that bounds it.
    pub(crate) boundary: Option<String>,
    /// Its tags.
    pub(crate) tags: Tags,
}

/// A role to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NewRole {
    /// Its name without path.
    pub(crate) name: String,
    /// `/`, or `/a/b/`.
    pub(crate) path: String,
    /// The trust policy.
    pub(crate) trust: String,
    /// The longest session it gives, 3600 to 43200.
    pub(crate) max_session_s: u32,
    /// What people read about it, at most 1000 characters.
    pub(crate) description: Option<String>,
    /// Its tags.
    pub(crate) tags: Tags,
}

/// A managed policy that is attached to a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AttachedPolicy {
    /// Its name.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
}

/// IAM of one account, as the owner of a credential may see and change it.
#[derive(Debug)]
pub(crate) struct Iam {
    client: AwsClient,
}

impl Iam {
    /// Makes a client of a partition's IAM, or of one that somebody named. Nothing is asked yet.
    pub(crate) fn new(seams: AwsSeams, partition: Partition, custom: Option<Url>) -> Self {
        Self { client: AwsClient::new(seams, AwsEndpoint::iam(partition, custom)) }
    }

    /// Returns the client, for its patience.
    pub(crate) fn client(&self) -> &AwsClient {
        &self.client
    }

    async fn call(&self, action: &str, fields: &[(&str, &str)]) -> Result<Element, AdminError> {
        self.call_with(action, fields, Vec::new()).await
    }

    async fn call_with(
        &self,
        action: &str,
        fields: &[(&str, &str)],
        more: Vec<(String, String)>,
    ) -> Result<Element, AdminError> {
        let own = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let fields: Vec<_> = own.chain(more).collect();
        self.client.call(VERSION, action, &fields).await
    }

    /// Carries out a removal; what is gone already is as good.
    async fn remove(&self, action: &str, fields: &[(&str, &str)]) -> Result<(), AdminError> {
        absent_is_none(self.call(action, fields).await).map(|_| ())
    }

    /// Reads all pages of a list.
    async fn pages(&self, action: &str, role: &str) -> Result<Vec<Element>, AdminError> {
        let mut pages = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let mut fields = vec![("RoleName", role)];
            fields.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let page = self.call(action, &fields).await?;
            let more = page.value("IsTruncated") == Some("true");
            marker = page.value("Marker").filter(|_| more).map(str::to_owned);
            pages.push(page);
            if marker.is_none() {
                return Ok(pages);
            }
            if pages.len() == PAGES_MAX {
                return Err(self.client.unusable(action, "the list has no end"));
            }
        }
    }

    fn needed<'a>(&self, action: &str, element: &'a Element, name: &str) -> Result<&'a str, AdminError> {
        element.value(name).ok_or_else(|| self.client.unusable(action, &format!("it has no {name}")))
    }

    fn document(&self, action: &str, element: &Element, name: &str) -> Result<String, AdminError> {
        let encoded = self.needed(action, element, name)?;
        let decoded = percent_decode_str(encoded).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| self.client.unusable(action, &format!("its {name} is no UTF-8")))
    }

    // Providers ------------------------------------------------------------------------------------------------------

    /// Lists the ARNs of all providers.
    ///
    /// # Errors
    /// When IAM refuses or cannot be asked.
    pub(crate) async fn provider_arns(&self) -> Result<Vec<String>, AdminError> {
        let result = self.call("ListOpenIDConnectProviders", &[]).await?;
        let arns = result.members("OpenIDConnectProviderList").filter_map(|member| member.value("Arn"));
        Ok(arns.map(str::to_owned).collect())
    }

    /// Returns a provider.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn provider(&self, arn: &str) -> Result<Option<Provider>, AdminError> {
        let action = "GetOpenIDConnectProvider";
        let result = self.call(action, &[("OpenIDConnectProviderArn", arn)]).await;
        let Some(result) = absent_is_none(result)? else { return Ok(None) };
        let url = self.needed(action, &result, "Url")?;
        Ok(Some(Provider {
            arn: arn.to_owned(),
            name: url.strip_prefix("https://").unwrap_or(url).to_owned(),
            client_ids: result.members("ClientIDList").map(|member| member.text().to_owned()).collect(),
            thumbprints: result.members("ThumbprintList").map(|member| member.text().to_owned()).collect(),
            tags: read_tags(&result),
        }))
    }

    /// Makes a provider and returns its ARN.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`]; `EntityAlreadyExists` where there is one.
    pub(crate) async fn create_provider(
        &self,
        issuer: &str,
        client_ids: &[String],
        tags: &Tags,
    ) -> Result<String, AdminError> {
        let action = "CreateOpenIDConnectProvider";
        let mut more = numbered("ClientIDList.member", client_ids);
        more.extend(tag_fields(tags));
        let result = self.call_with(action, &[("Url", issuer)], more).await?;
        Ok(self.needed(action, &result, "OpenIDConnectProviderArn")?.to_owned())
    }

    /// Removes a provider.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn delete_provider(&self, arn: &str) -> Result<(), AdminError> {
        self.remove("DeleteOpenIDConnectProvider", &[("OpenIDConnectProviderArn", arn)]).await
    }

    /// Has a provider take a client ID. One that it takes already is no error.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn add_client_id(&self, arn: &str, client_id: &str) -> Result<(), AdminError> {
        let fields = [("OpenIDConnectProviderArn", arn), ("ClientID", client_id)];
        self.call("AddClientIDToOpenIDConnectProvider", &fields).await.map(|_| ())
    }

    /// Has a provider no longer take a client ID.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn remove_client_id(&self, arn: &str, client_id: &str) -> Result<(), AdminError> {
        let fields = [("OpenIDConnectProviderArn", arn), ("ClientID", client_id)];
        self.remove("RemoveClientIDFromOpenIDConnectProvider", &fields).await
    }

    // Roles ----------------------------------------------------------------------------------------------------------

    /// Returns a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn role(&self, name: &str) -> Result<Option<Role>, AdminError> {
        let action = "GetRole";
        let result = self.call(action, &[("RoleName", name)]).await;
        absent_is_none(result)?.map(|result| self.read_role(action, &result)).transpose()
    }

    fn read_role(&self, action: &str, result: &Element) -> Result<Role, AdminError> {
        let role = result.child("Role").ok_or_else(|| self.client.unusable(action, "it has no Role"))?;
        let needed = |name| self.needed(action, role, name);
        Ok(Role {
            name: needed("RoleName")?.to_owned(),
            path: needed("Path")?.to_owned(),
            arn: needed("Arn")?.to_owned(),
            trust: self.document(action, role, "AssumeRolePolicyDocument")?,
            // Left out by IAM where it is the usual hour.
            max_session_s: role
                .value("MaxSessionDuration")
                .and_then(|text| text.parse().ok())
                .unwrap_or(3600),
            description: role.value("Description").map(str::to_owned),
            boundary: role
                .child("PermissionsBoundary")
                .and_then(|boundary| boundary.value("PermissionsBoundaryArn"))
                .map(str::to_owned),
            tags: read_tags(role),
        })
    }

    /// Makes a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`]; `EntityAlreadyExists` where there is one.
    pub(crate) async fn create_role(&self, role: &NewRole) -> Result<Role, AdminError> {
        let action = "CreateRole";
        let seconds = role.max_session_s.to_string();
        let mut fields = vec![
            ("RoleName", role.name.as_str()),
            ("Path", role.path.as_str()),
            ("AssumeRolePolicyDocument", role.trust.as_str()),
            ("MaxSessionDuration", seconds.as_str()),
        ];
        fields.extend(role.description.as_deref().map(|text| ("Description", text)));
        let result = self.call_with(action, &fields, tag_fields(&role.tags)).await?;
        self.read_role(action, &result)
    }

    /// Sets the longest session of a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn update_role(&self, name: &str, max_session_s: u32) -> Result<(), AdminError> {
        let seconds = max_session_s.to_string();
        let fields = [("RoleName", name), ("MaxSessionDuration", seconds.as_str())];
        self.call("UpdateRole", &fields).await.map(|_| ())
    }

    /// Replaces the trust policy of a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn update_trust(&self, name: &str, document: &str) -> Result<(), AdminError> {
        let fields = [("RoleName", name), ("PolicyDocument", document)];
        self.call("UpdateAssumeRolePolicy", &fields).await.map(|_| ())
    }

    /// Removes a role, which must have no policies any more.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn delete_role(&self, name: &str) -> Result<(), AdminError> {
        self.remove("DeleteRole", &[("RoleName", name)]).await
    }

    // Policies of a role ---------------------------------------------------------------------------------------------

    /// Lists the names of a role's inline policies.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`]; `NoSuchEntity` where there is no such role.
    pub(crate) async fn role_policies(&self, role: &str) -> Result<Vec<String>, AdminError> {
        let pages = self.pages("ListRolePolicies", role).await?;
        let names = pages.iter().flat_map(|page| page.members("PolicyNames"));
        Ok(names.map(|name| name.text().to_owned()).collect())
    }

    /// Returns the document of an inline policy.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn role_policy(&self, role: &str, policy: &str) -> Result<Option<String>, AdminError> {
        let action = "GetRolePolicy";
        let result = self.call(action, &[("RoleName", role), ("PolicyName", policy)]).await;
        absent_is_none(result)?.map(|result| self.document(action, &result, "PolicyDocument")).transpose()
    }

    /// Sets an inline policy.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn put_role_policy(
        &self,
        role: &str,
        policy: &str,
        document: &str,
    ) -> Result<(), AdminError> {
        let fields = [("RoleName", role), ("PolicyName", policy), ("PolicyDocument", document)];
        self.call("PutRolePolicy", &fields).await.map(|_| ())
    }

    /// Removes an inline policy.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn delete_role_policy(&self, role: &str, policy: &str) -> Result<(), AdminError> {
        self.remove("DeleteRolePolicy", &[("RoleName", role), ("PolicyName", policy)]).await
    }

    /// Lists the managed policies that are attached to a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`]; `NoSuchEntity` where there is no such role.
    pub(crate) async fn attached_role_policies(&self, role: &str) -> Result<Vec<AttachedPolicy>, AdminError> {
        let pages = self.pages("ListAttachedRolePolicies", role).await?;
        let members = pages.iter().flat_map(|page| page.members("AttachedPolicies"));
        Ok(members
            .filter_map(|member| {
                let arn = member.value("PolicyArn")?.to_owned();
                Some(AttachedPolicy { name: member.value("PolicyName").unwrap_or_default().to_owned(), arn })
            })
            .collect())
    }

    /// Returns the document of a managed policy, in the version that counts.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn managed_policy(&self, arn: &str) -> Result<Option<String>, AdminError> {
        let result = absent_is_none(self.call("GetPolicy", &[("PolicyArn", arn)]).await)?;
        let Some(result) = result else { return Ok(None) };
        let policy = result.child("Policy").unwrap_or(&result);
        let version = self.needed("GetPolicy", policy, "DefaultVersionId")?.to_owned();
        let action = "GetPolicyVersion";
        let result = self.call(action, &[("PolicyArn", arn), ("VersionId", version.as_str())]).await;
        let Some(result) = absent_is_none(result)? else { return Ok(None) };
        let version = result.child("PolicyVersion").unwrap_or(&result);
        self.document(action, version, "Document").map(Some)
    }

    /// Makes a managed policy and returns its ARN.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`]; `EntityAlreadyExists` where there is one of that name.
    pub(crate) async fn create_policy(
        &self,
        name: &str,
        path: &str,
        document: &str,
        tags: &Tags,
    ) -> Result<String, AdminError> {
        let action = "CreatePolicy";
        let fields = [("PolicyName", name), ("Path", path), ("PolicyDocument", document)];
        let result = self.call_with(action, &fields, tag_fields(tags)).await?;
        let policy = result.child("Policy").unwrap_or(&result);
        Ok(self.needed(action, policy, "Arn")?.to_owned())
    }

    /// Removes a managed policy, which must not be attached any more.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn delete_policy(&self, arn: &str) -> Result<(), AdminError> {
        self.remove("DeletePolicy", &[("PolicyArn", arn)]).await
    }

    /// Attaches a managed policy to a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn attach_role_policy(&self, role: &str, arn: &str) -> Result<(), AdminError> {
        self.call("AttachRolePolicy", &[("RoleName", role), ("PolicyArn", arn)]).await.map(|_| ())
    }

    /// Detaches a managed policy from a role.
    ///
    /// # Errors
    /// As [`Iam::provider_arns`].
    pub(crate) async fn detach_role_policy(&self, role: &str, arn: &str) -> Result<(), AdminError> {
        self.remove("DetachRolePolicy", &[("RoleName", role), ("PolicyArn", arn)]).await
    }
}

fn numbered(name: &str, values: &[String]) -> Vec<(String, String)> {
    (1..).zip(values).map(|(number, value)| (format!("{name}.{number}"), value.clone())).collect()
}

fn tag_fields(tags: &Tags) -> Vec<(String, String)> {
    let tags = (1..).zip(tags);
    tags.flat_map(|(number, (key, value))| {
        [
            (format!("Tags.member.{number}.Key"), key.clone()),
            (format!("Tags.member.{number}.Value"), value.clone()),
        ]
    })
    .collect()
}

fn read_tags(element: &Element) -> Tags {
    let tag = |member: &Element| {
        let value = member.value("Value").unwrap_or_default();
        Some((member.value("Key")?.to_owned(), value.to_owned()))
    };
    element.members("Tags").filter_map(tag).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pintail_core::seam::ScriptedHttp;

    use super::super::aws_query::testing::scripted;
    use super::*;

    fn iam() -> (Iam, Arc<ScriptedHttp>) {
        let (seams, http) = scripted();
        (Iam::new(seams, Partition::Aws, None), http)
    }

    fn yes(action: &str, result: &str) -> String {
        format!(
            "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        )
    }

    const ABSENT: &str =
        "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>gone</Message></Error></ErrorResponse>";

    #[tokio::test]
    async fn a_role_is_read_with_its_document_decoded() {
        let (iam, http) = iam();
        let role = "<Role><Path>/team/</Path><RoleName>R</RoleName><RoleId>AROA</RoleId><Arn>arn:aws:iam::123456789012:role/team/R</Arn><AssumeRolePolicyDocument>%7B%22a%22%3A%22b+c%20d%22%7D</AssumeRolePolicyDocument><Tags><member><Key>pintail:setup</Key><Value>work</Value></member></Tags></Role>";
        http.answer(200, yes("GetRole", role));
        let role = iam.role("R").await.unwrap().unwrap();
        assert_eq!(role.trust, r#"{"a":"b+c d"}"#);
        assert_eq!((role.max_session_s, role.path.as_str()), (3600, "/team/"));
        assert_eq!(role.tags["pintail:setup"], "work");
        http.answer(404, ABSENT);
        assert_eq!(iam.role("R").await.unwrap(), None);
    }

    #[tokio::test]
    async fn lists_are_read_to_their_end() {
        let (iam, http) = iam();
        let page = |name: &str, more: &str| {
            yes("ListRolePolicies", &format!("<PolicyNames><member>{name}</member></PolicyNames>{more}"))
        };
        http.answer(200, page("a", "<IsTruncated>true</IsTruncated><Marker>m/1</Marker>"));
        http.answer(200, page("b", "<IsTruncated>false</IsTruncated>"));
        assert_eq!(iam.role_policies("R").await.unwrap(), ["a", "b"]);
        assert!(String::from_utf8_lossy(&http.requests()[1].body).ends_with("&RoleName=R&Marker=m%2F1"));
    }

    #[tokio::test]
    async fn what_is_gone_already_needs_no_removal() {
        let (iam, http) = iam();
        http.answer(404, ABSENT);
        iam.delete_role("R").await.unwrap();
        http.answer(404, ABSENT);
        assert!(iam.update_trust("R", "{}").await.is_err());
    }

    #[tokio::test]
    async fn a_provider_is_made_with_client_ids_and_tags() {
        let (iam, http) = iam();
        let arn = "arn:aws:iam::123456789012:oidc-provider/login.example/v2.0";
        let told = format!("<OpenIDConnectProviderArn>{arn}</OpenIDConnectProviderArn>");
        http.answer(200, yes("CreateOpenIDConnectProvider", &told));
        let tags = Tags::from([("k".to_owned(), "v".to_owned())]);
        let made = iam.create_provider("https://login.example/v2.0", &["c1".to_owned()], &tags).await;
        assert_eq!(made.unwrap(), arn);
        let body = String::from_utf8_lossy(&http.requests()[0].body).into_owned();
        assert!(
            body.ends_with("&Url=https%3A%2F%2Flogin.example%2Fv2.0&ClientIDList.member.1=c1&Tags.member.1.Key=k&Tags.member.1.Value=v"),
            "{body}"
        );
        let got =
            "<Url>login.example/v2.0</Url><ClientIDList><member>c1</member></ClientIDList><ThumbprintList/>";
        http.answer(200, yes("GetOpenIDConnectProvider", got));
        let provider = iam.provider(arn).await.unwrap().unwrap();
        assert_eq!(
            (provider.name.as_str(), provider.client_ids.as_slice()),
            ("login.example/v2.0", &["c1".to_owned()][..])
        );
    }

    #[tokio::test]
    async fn a_managed_policy_is_read_in_the_version_that_counts() {
        let (iam, http) = iam();
        http.answer(200, yes("GetPolicy", "<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>"));
        http.answer(
            200,
            yes("GetPolicyVersion", "<PolicyVersion><Document>%7B%7D</Document></PolicyVersion>"),
        );
        assert_eq!(iam.managed_policy("arn:aws:iam::aws:policy/X").await.unwrap().as_deref(), Some("{}"));
        assert!(String::from_utf8_lossy(&http.requests()[1].body).ends_with("&VersionId=v3"));
    }
}
