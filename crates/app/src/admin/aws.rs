//! One AWS account as an admin: whose credential acts there, where its services are, and who it is.

use std::sync::Arc;

use pintail_core::connection::{Connection, StsEndpoint as SaidSts};
use pintail_core::credential::CredentialSource;
use pintail_core::name::Region;
use pintail_core::retry::Schedule;
use pintail_core::seam::{Clock, HttpClient};
use pintail_identity::sts::{CallerIdentity, EndpointChoice, ExchangeSeams, StsEndpoint, caller_identity};
use url::Url;

use super::AdminError;
use super::analyzer::Analyzer;
use super::aws_query::AwsSeams;
use super::iam::Iam;
use crate::ops::App;
use crate::setup::desired::{AccountWish, CredentialFrom};
use pintail_connect::SystemRandom;

/// What acts in an account.
#[derive(Clone, Debug)]
pub(crate) struct AdminCredential {
    /// What signs.
    pub(crate) source: Arc<dyn CredentialSource>,
    /// The network, as the bookmark or the AWS profile reaches it.
    pub(crate) http: Arc<dyn HttpClient>,
    /// Where the AWS profile says IAM is.
    pub(crate) iam: Option<Url>,
    /// Where the bookmark or the AWS profile says STS is.
    pub(crate) sts: Option<Url>,
}

/// An account with everything behind it alive.
#[derive(Debug)]
pub(crate) struct AdminAccount {
    /// Its IAM.
    pub(crate) iam: Iam,
    /// What looks at policies.
    pub(crate) analyzer: Analyzer,
    /// Who acts there.
    pub(crate) caller: CallerIdentity,
}

/// Finds the credential that acts in an account. Nobody is asked yet.
///
/// # Errors
/// When the bookmark, the AWS profile or the environment cannot be used.
pub(crate) async fn aws_credentials(
    app: &App,
    from: &CredentialFrom,
    region: &Region,
) -> Result<AdminCredential, AdminError> {
    let (access, iam) = match from {
        CredentialFrom::Bookmark(name) => (app.access(name).await?, None),
        CredentialFrom::Environment => {
            let tools = app.aws_tools(None, region, None)?;
            (tools.access, tools.iam_endpoint)
        }
        CredentialFrom::Profile(profile) => {
            let tools = app.aws_tools(Some(profile), region, None)?;
            (tools.access, tools.iam_endpoint)
        }
    };
    let http = app.http(&access.connection)?;
    Ok(AdminCredential { source: access.source, http, iam, sts: sts_of(&access.connection) })
}

/// Connects to an account and asks who acts there.
///
/// The wish's endpoints come first, then those of the environment, then those of the AWS profile, then Amazon's own.
///
/// # Errors
/// When there is no credential, an endpoint cannot be used, or STS does not say who it is.
pub(crate) async fn connect(app: &App, wish: &AccountWish) -> Result<AdminAccount, AdminError> {
    let credential = aws_credentials(app, &wish.credential, &wish.region).await?;
    let aws = &app.environment().aws;
    let seams = AwsSeams {
        http: Arc::clone(&credential.http),
        clock: app.shared_clock(),
        random: Arc::new(SystemRandom),
        credentials: Arc::clone(&credential.source),
    };
    let of_environment = |text: &Option<String>| text.as_deref().and_then(|text| Url::parse(text).ok());
    let iam_url = wish.endpoints.iam.clone().or_else(|| of_environment(&aws.iam_address)).or(credential.iam);
    let sts_url = wish.endpoints.sts.clone().or_else(|| of_environment(&aws.sts_address)).or(credential.sts);
    let choice = sts_url.map_or(EndpointChoice::Regional, EndpointChoice::Custom);
    let caller = caller(&seams, &choice, &wish.region).await?;
    // Where IAM is somebody else's, its companion is not Amazon's.
    let analyzer_url = of_environment(&aws.analyzer_address).or_else(|| iam_url.clone());
    let analyzer = Analyzer::new(seams.clone(), &wish.region, analyzer_url);
    Ok(AdminAccount { iam: Iam::new(seams, wish.partition, iam_url), analyzer, caller })
}

async fn caller(
    seams: &AwsSeams,
    choice: &EndpointChoice,
    region: &Region,
) -> Result<CallerIdentity, AdminError> {
    let service = "STS";
    let endpoint = StsEndpoint::new(choice, region).map_err(|error| AdminError::Unusable {
        service,
        operation: "GetCallerIdentity".into(),
        why: error.to_string(),
    })?;
    let credential = seams.credentials.credential().await;
    let credential = credential
        .map_err(|source| AdminError::Credential { service, source })?
        .ok_or(AdminError::Anonymous { service })?;
    let clock: &dyn Clock = &*seams.clock;
    let doors = ExchangeSeams { http: &*seams.http, clock, random: &*seams.random };
    caller_identity(doors, &endpoint, &credential, Schedule::INTERACTIVE).await.map_err(AdminError::Caller)
}

fn sts_of(connection: &Connection) -> Option<Url> {
    match &connection.sts_endpoint {
        SaidSts::Custom(url) => Some(url.clone()),
        SaidSts::Regional | SaidSts::Global => None,
    }
}
