//! An object becomes another object: within the service where one credential reaches both, through this machine otherwise.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use pintail_core::checksum::Checksum;
use pintail_store::object_store::{
    ByteRange, CompleteUpload, Copy, CopySource, CreateUpload, ETag, Get, Head, ObjectInfo, ObjectStore,
    PartInfo, PartList, ReadCondition, WriteCondition,
};
use pintail_store::{ErrorKind, Payload, StoreError};

use super::upload::{part_size, ranged, ranges, taken};
use super::{Context, Copied, Object, PARTS_AT_ONCE, Proof};
use crate::ops::Error;

/// The largest object that S3 copies by one request: 5 GiB.
const ONE_COPY_MAX_BYTES: u64 = 5 << 30;

/// Copies within one service: no byte comes here.
pub(super) async fn within(
    store: &Arc<dyn ObjectStore>,
    from: &Object,
    to: &Object,
    condition: WriteCondition,
    context: Context<'_>,
) -> Result<Copied, Error> {
    let info = look(store, from).await?;
    let source = CopySource {
        bucket: from.bucket.clone(),
        key: from.key.clone(),
        version: info.version.clone(),
        if_match: info.etag.clone(),
    };
    let told = if info.size_bytes <= ONE_COPY_MAX_BYTES {
        let copied = store
            .copy(&source, &to.bucket, &to.key, &Copy { condition: condition.clone(), ..Copy::default() })
            .await;
        match copied {
            Ok(copied) => copied.checksum,
            Err(error) => return Err(why_not(store, to, &condition, error).await),
        }
    } else {
        in_parts(store, &source, &info, to, condition, context).await?;
        None
    };
    context.talk.advance(info.size_bytes);
    let made = match told {
        Some(checksum) => Some((Some(checksum), info.size_bytes)),
        None => look_at_copy(store, to).await?,
    };
    let whole = |sum: Option<Checksum>| sum.filter(|sum| sum.parts().is_none());
    let proof = match (whole(info.checksum), made) {
        // Not allowed to look: the service said that it copied, and that is all there is.
        (_, None) => Proof::Length,
        (_, Some((_, size_bytes))) if size_bytes != info.size_bytes => {
            return Err(Error::Different { what: to.key.to_string() });
        }
        (Some(read), Some((written, _))) => match whole(written)
            .filter(|sum| sum.algorithm() == read.algorithm())
        {
            Some(written) if written != read => return Err(Error::Different { what: to.key.to_string() }),
            Some(_) => Proof::Checksum,
            None => Proof::Length,
        },
        (None, Some(_)) => Proof::Length,
    };
    Ok(Copied { size_bytes: info.size_bytes, proof })
}

/// Tells checksum and size of a copy, `None` for those who may write there and not read.
async fn look_at_copy(
    store: &Arc<dyn ObjectStore>,
    to: &Object,
) -> Result<Option<(Option<Checksum>, u64)>, Error> {
    match store.head(&to.bucket, &to.key, &Head::default()).await {
        Ok(made) => Ok(Some((made.checksum, made.size_bytes))),
        Err(error) if *error.kind() == ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Tells a target that is taken from a source that changed: S3 refuses both with the same words.
async fn why_not(
    store: &Arc<dyn ObjectStore>,
    to: &Object,
    condition: &WriteCondition,
    error: StoreError,
) -> Error {
    let may_be_taken =
        *condition == WriteCondition::IfAbsent && *error.kind() == ErrorKind::PreconditionFailed;
    if may_be_taken && store.head(&to.bucket, &to.key, &Head::default()).await.is_ok() {
        return taken(error, condition, to);
    }
    error.into()
}

async fn in_parts(
    store: &Arc<dyn ObjectStore>,
    source: &CopySource,
    info: &ObjectInfo,
    to: &Object,
    condition: WriteCondition,
    context: Context<'_>,
) -> Result<(), Error> {
    let _guard = context.interrupt.guard();
    let options = CreateUpload { traits: info.traits.clone(), ..CreateUpload::default() };
    let upload = store.create_upload(&to.bucket, &to.key, &options).await?;
    let copying = futures_util::stream::iter(
        ranges(info.size_bytes, part_size(info.size_bytes, 128 << 20)).map(Ok::<_, Error>),
    )
    .map_ok(|(number, offset, length_bytes)| {
        let upload = &upload;
        async move {
            let range = Some(ByteRange::Slice { offset, length_bytes });
            let mut part = store.upload_part_copy(upload, number, source, range).await?;
            part.size_bytes = Some(length_bytes);
            Ok(part)
        }
    })
    .try_buffer_unordered(PARTS_AT_ONCE)
    .try_collect::<Vec<PartInfo>>();
    let complete = async {
        let mut parts = tokio::select! {
            copied = copying => copied?,
            () = context.interrupt.wait() => return Err(Error::Interrupted),
        };
        parts.sort_by_key(|part| part.number);
        let parts = PartList::new(parts).ok_or_else(|| Error::Usage("an upload without parts".into()))?;
        let options = CompleteUpload { condition, checksum: None };
        let completed = store.complete_upload(&upload, &parts, &options).await;
        completed.map(drop).map_err(|error| taken(error, &options.condition, to))
    };
    let result = complete.await;
    if result.is_err() {
        let _ = store.abort_upload(&upload).await;
    }
    result
}

/// Copies from one service to another: the bytes pass through this machine and are proved on both sides.
pub(super) async fn across(
    from_store: &Arc<dyn ObjectStore>,
    from: &Object,
    to_store: &Arc<dyn ObjectStore>,
    to: &Object,
    condition: WriteCondition,
    context: Context<'_>,
) -> Result<Copied, Error> {
    let info = look(from_store, from).await?;
    let slice = |offset: u64, length_bytes: u64| {
        let whole = offset == 0 && length_bytes == info.size_bytes;
        let get = Get {
            condition: ReadCondition { if_match: info.etag.clone(), ..ReadCondition::default() },
            version: info.version.clone(),
            range: (!whole).then_some(ByteRange::Slice { offset, length_bytes }),
            unchecked: false,
        };
        let (store, bucket, key) = (Arc::clone(from_store), from.bucket.clone(), from.key.clone());
        Payload::from_fn(length_bytes, move || {
            let (store, bucket, key, get) = (Arc::clone(&store), bucket.clone(), key.clone(), get.clone());
            let opened = async move { store.get(&bucket, &key, &get).await.map(|got| got.body) };
            Box::pin(
                futures_util::stream::once(opened)
                    .try_flatten()
                    .map(|piece| piece.map_err(std::io::Error::other)),
            )
        })
    };
    let stored =
        ranged(to_store, to, info.size_bytes, info.traits.clone(), condition, context, slice).await?;
    let proof = match (info.checksum, stored.checksum) {
        (Some(read), Some(written))
            if read.algorithm() == written.algorithm()
                && read.parts().is_none()
                && written.parts().is_none() =>
        {
            if read != written {
                return Err(Error::Different { what: to.key.to_string() });
            }
            Proof::Checksum
        }
        _ => Proof::Length,
    };
    Ok(Copied { size_bytes: info.size_bytes, proof })
}

async fn look(store: &Arc<dyn ObjectStore>, object: &Object) -> Result<ObjectInfo, Error> {
    let condition =
        ReadCondition { if_match: object.etag.as_deref().map(ETag::new), ..ReadCondition::default() };
    Ok(store.head(&object.bucket, &object.key, &Head { condition, ..Head::default() }).await?)
}
