//! The AWS command line's configuration: a bookmark takes its credentials from a profile there, and what it leaves open itself.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use pintail_core::aws_config::{Resolved, SharedConfig};
use pintail_core::connection::{Connection, StsEndpoint, Way};
use pintail_core::foreign_text::FILE_SIZE_MAX;
use pintail_core::name::BookmarkName;

use crate::{Connector, Error};

impl Connector {
    /// Reads the AWS configuration of this person.
    ///
    /// # Errors
    /// When a file is there and cannot be read or understood.
    pub fn aws_config(&self, name: &BookmarkName) -> Result<SharedConfig, Error> {
        let aws = &self.environment.aws;
        let config = aws.config_file.as_deref().map(read).transpose()?.flatten();
        let credentials = aws.credentials_file.as_deref().map(read).transpose()?.flatten();
        SharedConfig::parse(config.as_deref(), credentials.as_deref())
            .map_err(|source| Error::AwsConfig { name: name.clone(), source })
    }

    /// Reads the AWS profile of a bookmark that names one, and fills in what the bookmark leaves open.
    pub(super) fn with_aws_profile(
        &self,
        name: &BookmarkName,
        mut connection: Connection,
    ) -> Result<(Connection, Option<Resolved>), Error> {
        let Way::AwsProfile { profile } = &connection.way else { return Ok((connection, None)) };
        let resolved = self
            .aws_config(name)?
            .resolve(profile)
            .map_err(|source| Error::AwsProfile { name: name.clone(), source })?;
        if let (false, Some(region)) = (connection.region_said, &resolved.region) {
            connection.region = region.clone();
        }
        if connection.s3_endpoint.is_none() {
            connection.s3_endpoint.clone_from(&resolved.s3_endpoint);
        }
        // `sts_regional_endpoints = legacy` asks the global host, whose tokens do not work everywhere; those of a region do.
        if let (StsEndpoint::Regional, Some(url)) = (&connection.sts_endpoint, &resolved.sts_endpoint) {
            connection.sts_endpoint = StsEndpoint::Custom(url.clone());
        }
        connection.path_style = connection.path_style.or(resolved.path_style);
        connection.dual_stack |= resolved.use_dualstack;
        connection.fips |= resolved.use_fips;
        if connection.ca_bundle.is_none() {
            connection.ca_bundle.clone_from(&resolved.ca_bundle);
        }
        Ok((connection, Some(resolved)))
    }
}

/// Reads a file of the configuration, `None` where there is none. One that is too large is cut where it is refused.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let failed = |error| Error::local("read", path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_SIZE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}
