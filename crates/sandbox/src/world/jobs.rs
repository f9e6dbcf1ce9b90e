//! Hands on what goes on in the service by itself: batch jobs, archives, expiry.

use jiff::Timestamp;

use super::World;
use super::storage::Blob;
use crate::clock::after;
use crate::locked;
use crate::s3::lifecycle;

impl World {
    /// Returns the batch jobs by ID, the oldest first, each with its state.
    pub fn jobs(&self) -> Vec<(String, String)> {
        locked(&self.core.jobs).states()
    }

    /// Returns the tags of an object, in their order; `None` without the object.
    pub fn object_tags(&self, bucket: &str, key: &str) -> Option<Vec<(String, String)>> {
        self.look(bucket, key, |blob| blob.tags.clone())
    }

    /// Returns the storage class of an object, `None` without the object.
    pub fn storage_class(&self, bucket: &str, key: &str) -> Option<String> {
        self.look(bucket, key, |blob| {
            blob.headers.storage_class.clone().unwrap_or_else(|| "STANDARD".to_owned())
        })
    }

    /// Returns until when an archived object that was restored can be read.
    pub fn restored_until(&self, bucket: &str, key: &str) -> Option<Timestamp> {
        self.look(bucket, key, |blob| blob.headers.restored_until)?
    }

    /// Moves an object to a storage class, as a lifecycle rule would; returns whether there is one.
    pub fn set_storage_class(&self, bucket: &str, key: &str, class: &str) -> bool {
        let mut storage = locked(&self.core.storage);
        let Some(bucket) = storage.buckets.get_mut(bucket) else { return false };
        let Some((_, blob)) = bucket.current(key) else { return false };
        let mut new = Blob::clone(&blob);
        new.headers.storage_class = Some(class.to_owned());
        crate::s3::replace_blob(bucket, key, &blob, new);
        true
    }

    /// Carries out what the lifecycle rules of a bucket let expire within so many days from now; returns how many objects that were.
    pub fn run_lifecycle(&self, bucket: &str, days: u32) -> usize {
        let then = after(self.core.clock.now(), i64::from(days) * 24 * 3600);
        let mut storage = locked(&self.core.storage);
        storage.buckets.get_mut(bucket).map_or(0, |bucket| lifecycle::expire(bucket, then, &self.core.ids))
    }

    /// Adds a lifecycle rule by which objects below a prefix expire after so many days; returns whether there is such a bucket.
    pub fn add_lifecycle_rule(&self, bucket: &str, id: &str, prefix: &str, days: i32) -> bool {
        let mut storage = locked(&self.core.storage);
        let Some(bucket) = storage.buckets.get_mut(bucket) else { return false };
        bucket.lifecycle.push(lifecycle::expiring(id, prefix, days));
        true
    }

    /// Returns the names of the lifecycle rules of a bucket, in their order.
    pub fn lifecycle_rules(&self, bucket: &str) -> Vec<String> {
        let storage = locked(&self.core.storage);
        let rules = storage.buckets.get(bucket).map(|bucket| &bucket.lifecycle[..]).unwrap_or_default();
        rules.iter().map(|rule| rule.id.clone().unwrap_or_default()).collect()
    }

    fn look<T>(&self, bucket: &str, key: &str, at: impl FnOnce(&Blob) -> T) -> Option<T> {
        let storage = locked(&self.core.storage);
        let (_, blob) = storage.buckets.get(bucket)?.current(key)?;
        Some(at(&blob))
    }
}
