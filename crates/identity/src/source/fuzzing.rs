//! Doors for the fuzzer, which sees what is public only: the JSON in which credentials come. Not for use.

use super::credential_json;

/// Reads any bytes as what a process and as what a metadata service wrote, and tells which of them is a credential.
pub fn credential_json(body: &[u8]) -> [bool; 2] {
    [credential_json::of_process(body).is_ok(), credential_json::of_metadata(body).is_ok()]
}
