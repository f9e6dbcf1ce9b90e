//! Remotes of rclone, from `rclone.conf`.
//!
//! `[name]` opens a remote; keys end at the first `=` or `:`; `#` and `;` begin comment lines; values may stand in
//! backquotes. Keys of S3 remotes are not obscured as passwords of other remotes are. A file that `rclone config
//! encryption` made begins with a marker and is refused.

use std::collections::BTreeMap;

use super::{Foreign, ImportError, Imported, Skipped, Way, amazon, flag};
use crate::credential::Credential;
use crate::foreign_text::{decode, lines, shown};
use crate::secret::Secret;

/// What stands in the first line of an encrypted file that is no comment.
const ENCRYPTED: &str = "RCLONE_ENCRYPT_V";

/// Keys that say nothing a bookmark would need: rclone's own habits of transfer, and what every client finds out.
const WITHOUT_LOSS: [&str; 16] = [
    "type",
    "provider",
    "env_auth",
    "access_key_id",
    "secret_access_key",
    "session_token",
    "region",
    "endpoint",
    "profile",
    "role_arn",
    "role_external_id",
    "force_path_style",
    "no_check_bucket",
    "chunk_size",
    "upload_concurrency",
    "upload_cutoff",
];

/// Providers whose buckets rclone looks for in the path.
const PATH_STYLE: [&str; 5] = ["Ceph", "Minio", "Other", "Rclone", "SeaweedFS"];

type Remote = BTreeMap<String, Secret>;

/// Reads a configuration file of rclone.
///
/// # Errors
/// When it is no text, is encrypted, or a line is neither `[name]` nor `key = value`.
pub fn read(file: &[u8]) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    for (name, remote) in remotes(decode(file)?)? {
        if name.is_empty() {
            imported.skipped.push(Skipped { name, kind: "no name".to_owned() });
            continue;
        }
        match remote.get("type").map(Secret::expose) {
            Some("s3") => imported.found.push(place(&name, &remote)),
            Some(kind) => imported.skipped.push(Skipped { name, kind: kind.escape_debug().to_string() }),
            None => imported.skipped.push(Skipped { name, kind: "no type".to_owned() }),
        }
    }
    Ok(imported)
}

fn remotes(text: &str) -> Result<Vec<(String, Remote)>, ImportError> {
    let mut remotes: Vec<(String, Remote)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut open: Option<usize> = None;
    for (number, line) in (1..).zip(lines(text)) {
        let fault = |problem| ImportError::Line { line: number, problem, text: shown(line) };
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim();
            open = Some(*places.entry(name).or_insert_with(|| {
                remotes.push((name.to_owned(), Remote::new()));
                remotes.len() - 1
            }));
            continue;
        }
        if open.is_none() && line.starts_with(ENCRYPTED) {
            return Err(ImportError::Encrypted);
        }
        let (_, remote) = open
            .and_then(|at| remotes.get_mut(at))
            .ok_or_else(|| fault("a line stands before the first [remote]"))?;
        let end = line.find(['=', ':']).filter(|end| *end > 0);
        let end = end.ok_or_else(|| fault("a line is neither [remote] nor key = value"))?;
        let value = line[end + 1..].trim();
        let value = value.strip_prefix('`').and_then(|v| v.strip_suffix('`')).unwrap_or(value);
        remote.insert(line[..end].trim().to_owned(), Secret::new(value));
    }
    Ok(remotes)
}

fn place(name: &str, remote: &Remote) -> Foreign {
    let value = |key: &str| remote.get(key).map(Secret::expose).filter(|text| !text.is_empty());
    let mut notes = Vec::new();
    let way = match (value("access_key_id"), value("secret_access_key")) {
        // rclone asks the environment only where no keys are given.
        (Some(id), Some(secret)) => Way::Keys(Credential {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            session_token: value("session_token").map(Secret::new),
            expires_at: None,
        }),
        _ if flag(value("env_auth")) == Some(true) => match value("profile") {
            Some(profile) => Way::AwsProfile(profile.to_owned()),
            None => Way::Environment,
        },
        (None, None) => Way::Anonymous,
        _ => {
            notes.push(
                "only one of access_key_id and secret_access_key is there; neither was used".to_owned(),
            );
            Way::Anonymous
        }
    };
    let mut place = Foreign::new(name, way);
    place.notes = notes;
    let provider = value("provider").unwrap_or("Other");
    place.endpoint = value("endpoint").and_then(|text| place.address("endpoint", text, "https"));
    let by_host = place.endpoint.as_ref().and_then(amazon);
    if by_host.is_some() {
        place.endpoint = None;
    }
    if place.endpoint.is_none() && !matches!(provider, "AWS" | "Other") {
        place.note(format!("the provider {provider:?} has no endpoint in the file; name one"));
    }
    // `other-v2-signature` is rclone's word for the signature that came before.
    place.region = match value("region") {
        Some("other-v2-signature") => {
            place.note(
                "region = other-v2-signature asks for signatures of version 2; only version 4 is there",
            );
            None
        }
        text => place.parsed("region", text),
    };
    if place.region.is_none() {
        place.region = place.parsed("location_constraint", value("location_constraint"));
    }
    place.region = place.region.or_else(|| by_host.flatten());
    // rclone's default is path style, and most providers have a quirk that turns it off; these have none.
    place.path_style = match flag(value("force_path_style")) {
        Some(style) => Some(style),
        None => (PATH_STYLE.contains(&provider) && place.endpoint.is_some()).then_some(true),
    };
    place.role = place.parsed("role_arn", value("role_arn"));
    place.external_id = value("role_external_id").map(str::to_owned);
    if flag(value("v2_auth")) == Some(true) {
        place.note("v2_auth asks for signatures of version 2; only version 4 is there");
    }
    for key in remote.keys() {
        let is_said = matches!(key.as_str(), "v2_auth" | "location_constraint") || value(key).is_none();
        if !is_said && !WITHOUT_LOSS.contains(&key.as_str()) {
            place.note(format!("{key:?} was not carried over"));
        }
    }
    place
}
