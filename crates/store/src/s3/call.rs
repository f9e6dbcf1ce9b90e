//! A call before it is a request: what is asked, of what, with which body.
//!
//! A call is built once and becomes a request anew for every attempt, since place, credential, time and the form of the
//! body may change in between.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::sign::{append_path, encode_query};

use super::endpoint::Place;
use super::header::Unsendable;
use crate::error::{ErrorKind, Operation, StoreError};
use crate::object_store::ChecksumChoice;
use crate::payload::Payload;

/// What a call sends.
pub(super) enum CallBody<'a> {
    Empty,
    Document(Bytes),
    Payload(&'a Payload, ChecksumChoice),
}

/// What a call wants of the answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing: it is read and dropped, so that its connection can be used again.
    Nothing,
    /// A document, which may turn out to be an error though the status was 200.
    Document,
    /// The bytes as they come.
    Stream,
}

pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) bucket: Option<&'a BucketName>,
    pub(super) key: Option<&'a ObjectKey>,
    /// Encoded, without `?`.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: CallBody<'a>,
    pub(super) wanted: Wanted,
    /// Where it goes when not to S3 itself: S3 Control has hosts of its own. Its path is the call's.
    pub(super) elsewhere: Option<Arc<Place>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(operation: Operation, method: Method) -> Self {
        Self {
            operation,
            method,
            bucket: None,
            key: None,
            query: String::new(),
            headers: HeaderMap::new(),
            body: CallBody::Empty,
            wanted: Wanted::Nothing,
            elsewhere: None,
        }
    }

    pub(super) fn bucket(mut self, bucket: &'a BucketName) -> Self {
        self.bucket = Some(bucket);
        self
    }

    pub(super) fn object(mut self, bucket: &'a BucketName, key: &'a ObjectKey) -> Self {
        self.bucket = Some(bucket);
        self.key = Some(key);
        self
    }

    pub(super) fn query<'q>(mut self, pairs: impl IntoIterator<Item = (&'q str, &'q str)>) -> Self {
        self.query = encode_query(pairs);
        self
    }

    pub(super) fn wants(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    pub(super) fn document(mut self, document: String) -> Self {
        self.body = CallBody::Document(document.into());
        self
    }

    pub(super) fn payload(mut self, payload: &'a Payload, checksum: ChecksumChoice) -> Self {
        self.body = CallBody::Payload(payload, checksum);
        self
    }

    pub(super) fn elsewhere(mut self, place: Place) -> Self {
        self.elsewhere = Some(Arc::new(place));
        self
    }

    /// Lets `fill` write the headers.
    pub(super) fn headers(
        mut self,
        fill: impl FnOnce(&mut HeaderMap) -> Result<(), Unsendable>,
    ) -> Result<Self, StoreError> {
        match fill(&mut self.headers) {
            Ok(()) => Ok(self),
            Err(Unsendable(rule)) => Err(self.error(ErrorKind::InvalidArgument(rule))),
        }
    }

    /// Tells whether it is carried out only in a certain state of its object.
    pub(super) fn is_conditional(&self) -> bool {
        self.headers.contains_key(IF_MATCH) || self.headers.contains_key(IF_NONE_MATCH)
    }

    /// Returns path and query on the wire, and how long the path is in it.
    pub(super) fn target(&self, place: &Place) -> (String, usize) {
        let key = self.key.map_or("", ObjectKey::as_str);
        // Encoded characters take three bytes. Most keys have none or few of them.
        let mut target = String::with_capacity(place.path.len() + key.len() * 5 / 4 + self.query.len() + 8);
        target.push_str(&place.path);
        if self.key.is_some() || target.is_empty() {
            target.push('/');
        }
        append_path(&mut target, key);
        let path_length = target.len();
        if !self.query.is_empty() {
            target.push('?');
            target.push_str(&self.query);
        }
        (target, path_length)
    }

    /// Makes an error about this call.
    pub(super) fn error(&self, kind: ErrorKind) -> StoreError {
        let error = StoreError::new(kind, self.operation);
        match self.bucket {
            Some(bucket) => error.at(bucket, self.key),
            None => error,
        }
    }
}
