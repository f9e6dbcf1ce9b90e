//! Profiles of the AWS configuration as places.
//!
//! A place names its profile and leaves credentials and roles in the AWS files, so that a change there counts at once.
//! Region, endpoint and style are read as the profile has them today.

use super::{Foreign, Imported, Skipped, Way};
use crate::aws_config::SharedConfig;

/// Returns every profile that leads to credentials; the others are named with the reason.
pub fn read(config: &SharedConfig) -> Imported {
    let mut imported = Imported::default();
    for name in config.profiles() {
        match config.resolve(name) {
            Ok(resolved) => {
                let mut place = Foreign::new(name, Way::AwsProfile(name.to_owned()));
                place.endpoint = resolved.s3_endpoint;
                place.region = resolved.region;
                place.path_style = resolved.path_style;
                if resolved.use_fips {
                    place.note("use_fips_endpoint was not carried over");
                }
                if resolved.use_dualstack {
                    place.note("use_dualstack_endpoint was not carried over");
                }
                if resolved.ca_bundle.is_some() {
                    place.note("ca_bundle was not carried over");
                }
                imported.found.push(place);
            }
            Err(error) => {
                imported.skipped.push(Skipped { name: name.to_owned(), kind: error.to_string() });
            }
        }
    }
    imported
}
