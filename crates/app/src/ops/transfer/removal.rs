//! Deletions: which addresses are planned together.

use pintail_core::address::Place;

use super::request::Request;
use super::sites;
use crate::ops::Error;

/// Checks what is to be deleted, before anything is connected or looked at.
///
/// # Errors
/// When an address cannot be meant.
pub(crate) fn check_removals(request: &Request) -> Result<(), Error> {
    sites::check_removals(request)
}

/// Cuts a request for deletions so that one address that cannot be listed does not stop the others: single objects, which need no look,
/// go together, every beginning goes by itself.
pub(crate) fn removals(request: Request) -> Vec<Request> {
    if !request.recursive || request.sources.len() < 2 {
        return vec![request];
    }
    let alone = |place: Place| Request { sources: vec![place], ..request.clone() };
    request.sources.iter().cloned().map(alone).collect()
}
