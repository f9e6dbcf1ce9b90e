//! What went wrong with profiles and properties.

use super::{Exit, Explanation};
use crate::ops::Error;
use crate::ops::config::ConfigError;
use crate::ops::profiles::ProfilesError;

/// Explains what went wrong with a profile.
pub(super) fn explain(whole: &Error, error: &ProfilesError) -> Explanation {
    let (exit, next) = match error {
        ProfilesError::Unknown { near, .. } => {
            (Exit::NotFound, meant(near, "`pintail profile ls --all` lists what there is."))
        }
        ProfilesError::Builtin(vendor) => {
            (Exit::Failed, format!("`pintail profile disable {vendor}` takes it out of what is offered."))
        }
        ProfilesError::OtherProtocol { .. } => (
            Exit::Failed,
            "Use it with a program for that protocol; `--force` keeps the file here all the same.".to_owned(),
        ),
        ProfilesError::NotFetched(_) => (
            Exit::Usage,
            "Give an https address without a password (http only on this machine), or fetch the file yourself and give its path."
                .to_owned(),
        ),
        ProfilesError::Status { status, .. } if status.is_redirection() => {
            (Exit::Failed, "Give the address that it leads to.".to_owned())
        }
        ProfilesError::Status { .. } | ProfilesError::Fetch { .. } => {
            (Exit::Failed, "Check the address, or fetch the file yourself and give its path.".to_owned())
        }
    };
    Explanation::new(whole, exit, [next])
}

/// Explains what went wrong with a property.
pub(super) fn config(whole: &Error, error: &ConfigError) -> Explanation {
    let (exit, next) = match error {
        ConfigError::Unknown { near, .. } => (
            Exit::NotFound,
            meant(near, "`pintail config ls --all` lists what there is; `config set --force` sets any name."),
        ),
        ConfigError::NotSet(name) => (Exit::NotFound, format!("`pintail config explain {name}` tells more.")),
        ConfigError::Secret(_) => (
            Exit::Usage,
            "Give it to `pintail bookmark add … --client-secret`, which keeps it in the keychain.".to_owned(),
        ),
        ConfigError::Value(_) => (Exit::Usage, "Correct the value; nothing was written.".to_owned()),
    };
    Explanation::new(whole, exit, [next])
}

fn meant(near: &[String], otherwise: &str) -> String {
    if near.is_empty() {
        otherwise.to_owned()
    } else {
        format!("Did you mean {}? {otherwise}", near.join(", "))
    }
}
