//! Credentials that AWS's own tools would use here, without a bookmark: for admins who set bookmarks up.

use std::sync::Arc;

use pintail_core::connection::{Connection, SessionWish, StsEndpoint, Way};
use pintail_core::name::{BookmarkName, Region};
use pintail_identity::source::{MfaCode, NoMfa};
use url::Url;

use super::metadata;
use crate::{Access, Connector, Error, NoCredential};

/// The profile that AWS's tools use where none is named.
const USUAL: &str = "default";

/// What AWS's tools would use.
#[derive(Clone, Debug)]
pub struct AwsTools {
    /// The credentials, and how to reach the network. Its bookmark is a name for messages, none of the collection.
    pub access: Access,
    /// The profile that was taken; `None` for keys of the environment.
    pub profile: Option<String>,
    /// Where the profile says IAM is.
    pub iam_endpoint: Option<Url>,
}

impl Connector {
    /// Prepares what AWS's tools would use: a profile where one is named, else the keys of the environment, else the profile of
    /// `AWS_PROFILE`, else the one called `default`. Nobody is asked for a credential yet; `code` asks for the codes of MFA
    /// devices.
    ///
    /// # Errors
    /// When the configuration cannot be read, or the profile cannot be used.
    pub fn aws_tools(
        &self,
        profile: Option<&str>,
        region: &Region,
        code: Option<Arc<dyn MfaCode>>,
    ) -> Result<AwsTools, Error> {
        let aws = &self.environment.aws;
        let named = profile.map(str::to_owned);
        let profile = match (named, &aws.access_key_id) {
            (Some(named), _) => named,
            (None, Some(_)) => return self.environment_keys(region),
            (None, None) => aws.profile.clone().unwrap_or_else(|| USUAL.to_owned()),
        };
        let name = label(&profile);
        let said = connection(Way::AwsProfile { profile: profile.clone() }, region);
        let (connection, resolved) = self.with_aws_profile(&name, said)?;
        let iam_endpoint = resolved.as_ref().and_then(|resolved| resolved.iam_endpoint.clone());
        let code = code.unwrap_or_else(|| Arc::new(NoMfa));
        let way = self.join_way(&name, connection, resolved, None, code)?;
        Ok(AwsTools { access: way.access(), profile: Some(profile), iam_endpoint })
    }

    fn environment_keys(&self, region: &Region) -> Result<AwsTools, Error> {
        let name = label("environment");
        let connection = Arc::new(connection(Way::AwsProfile { profile: "environment".into() }, region));
        let source = metadata::environment(&self.environment.aws).map_err(|error| NoCredential {
            name: name.clone(),
            connection: Arc::clone(&connection),
            source: Arc::new(error),
        })?;
        Ok(AwsTools {
            access: Access::of_source(name, connection, source),
            profile: None,
            iam_endpoint: None,
        })
    }
}

/// Returns what stands for a profile where messages name a bookmark.
fn label(profile: &str) -> BookmarkName {
    let fixed = || "aws-profile".parse().expect("letters and a hyphen are a name");
    profile.parse().unwrap_or_else(|_| fixed())
}

fn connection(way: Way, region: &Region) -> Connection {
    Connection {
        way,
        wish: SessionWish::default(),
        read_only: false,
        sts_endpoint: StsEndpoint::Regional,
        region: region.clone(),
        region_said: true,
        s3_endpoint: None,
        path_style: None,
        dual_stack: false,
        fips: false,
        requester_pays: false,
        signin_endpoint: None,
        default_path: None,
        ca_bundle: None,
    }
}
