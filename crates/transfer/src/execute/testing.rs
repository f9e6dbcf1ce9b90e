//! A stage for steps: a store in memory, a folder, runs, and lives that end in the middle of a call.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_store::object_store::{self, ETag, ReadCondition};
use pintail_store::object_store::{
    Get, ListUploads, ObjectInfo, ObjectStore, PartNumber, Put, Traits, Upload, UploadPart,
};
use pintail_store::wrap::{Fault, Faults, Trace};
use pintail_store::{ErrorKind, MemoryStore, Operation, Payload, StoreError};

use super::flow::Flow;
use super::places::Places;
use super::running::{End, Halt, Record, Shared};
use super::step::{Done, StepFailure};
use super::{Context, Durability, Listener, Options, Progress, StepEnd, Stop};
use crate::entry::Tag;
use crate::journal::{Begun, Run, Runs, State};
use crate::name::Name;
use crate::plan::{Cutting, Place, PlanBuilder, Route, Step};
use crate::site::{Ends, Remote, Site};

pub(super) struct Silent;

impl Listener for Silent {
    fn ended(&self, _: &Step, _: &StepEnd) {}

    fn bytes(&self, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) struct Stage {
    pub(super) folder: tempfile::TempDir,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) bucket: BucketName,
    pub(super) clock: Arc<ManualClock>,
    pub(super) runs: Runs,
    pub(super) options: Options,
    pub(super) progress: Progress,
    pub(super) stop: Stop,
    random: SeededRandom,
}

pub(super) fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

pub(super) fn key(key: &str) -> ObjectKey {
    key.parse().unwrap()
}

/// Bytes that are the same nowhere.
pub(super) fn content(size_bytes: u64) -> Vec<u8> {
    (0..size_bytes).map(|at| (at * 7 + at / 251 + at / 65_537) as u8).collect()
}

impl Stage {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-27T12:00:00Z".parse::<Timestamp>().unwrap()));
        let store: Arc<dyn ObjectStore> =
            Arc::new(MemoryStore::new("eu-west-1".parse().unwrap(), Arc::<ManualClock>::clone(&clock)));
        let bucket: BucketName = "bucket".parse().unwrap();
        store.create_bucket(&bucket).await.unwrap();
        std::fs::create_dir(folder.path().join("local")).unwrap();
        let options = Options {
            one_request_max_bytes: 1 << 20,
            part_bytes: Some(5 << 20),
            connections_max: 4,
            memory_bytes: 64 << 20,
            storage_class: None,
            times: true,
            permissions: true,
            sync: Durability::None,
            bandwidth: None,
            errors_max: None,
            delete_batch_max: 1000,
            delete_despite_failures: false,
            keep_taken: false,
            verify: false,
        };
        Self {
            runs: Runs::new(folder.path().join("runs")),
            folder,
            store,
            bucket,
            clock,
            options,
            progress: Progress::default(),
            stop: Stop::default(),
            random: SeededRandom::new(7),
        }
    }

    pub(super) fn local(&self) -> PathBuf {
        self.folder.path().join("local")
    }

    /// A prefix of the bucket through a store, which may be a wrapper.
    pub(super) fn remote(&self, store: &Arc<dyn ObjectStore>, prefix: &str) -> Remote {
        let prefix: KeyPrefix = prefix.parse().unwrap();
        Remote { store: Arc::clone(store), bucket: self.bucket.clone(), prefix, pressure: None }
    }

    /// From `a/` to `b/` of the bucket.
    pub(super) fn ends(&self, store: &Arc<dyn ObjectStore>) -> Ends {
        Ends { from: Site::Remote(self.remote(store, "a/")), to: Site::Remote(self.remote(store, "b/")) }
    }

    pub(super) async fn put(&self, at: &str, data: impl Into<Bytes>) -> Tag {
        self.put_as(at, data, Traits::default()).await
    }

    pub(super) async fn put_as(&self, at: &str, data: impl Into<Bytes>, traits: Traits) -> Tag {
        let put = Put { traits, ..Put::default() };
        let stored = self.store.put(&self.bucket, &key(at), Payload::from_bytes(data), &put).await.unwrap();
        Tag::of(&stored.etag.unwrap())
    }

    /// Puts an object together of parts.
    pub(super) async fn put_in_parts(&self, at: &str, parts: &[&[u8]]) -> Tag {
        let (store, bucket) = (&self.store, &self.bucket);
        let upload = store.create_upload(bucket, &key(at), &Default::default()).await.unwrap();
        let mut done = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            done.push(self.put_part(&upload, u32::try_from(index).unwrap() + 1, part).await);
        }
        let parts = object_store::PartList::new(done).unwrap();
        let stored = store.complete_upload(&upload, &parts, &Default::default()).await.unwrap();
        Tag::of(&stored.etag.unwrap())
    }

    pub(super) async fn put_part(&self, upload: &Upload, number: u32, data: &[u8]) -> object_store::PartInfo {
        let number = PartNumber::new(number).unwrap();
        let payload = Payload::from_bytes(data.to_vec());
        self.store.upload_part(upload, number, payload, &UploadPart::default()).await.unwrap()
    }

    pub(super) async fn get(&self, at: &str) -> Option<(ObjectInfo, Bytes)> {
        let got = self.store.get(&self.bucket, &key(at), &Get::default()).await.ok()?;
        Some((got.info, got.body.collect(1 << 30).await.unwrap()))
    }

    pub(super) async fn uploads(&self) -> Vec<Upload> {
        let page = self.store.list_uploads(&self.bucket, &ListUploads::default()).await.unwrap();
        page.uploads.into_iter().map(|pending| pending.upload).collect()
    }

    /// Makes a run of one step between two ends.
    pub(super) fn run(&self, step: &Step) -> Run {
        self.run_of(std::slice::from_ref(step))
    }

    pub(super) fn run_of(&self, steps: &[Step]) -> Run {
        let place = |prefix: &str| Place::Remote {
            bookmark: "work".into(),
            bucket: "bucket".into(),
            prefix: prefix.into(),
        };
        let routes = vec![Route { from: place("a/"), to: place("b/") }];
        let cutting =
            Cutting { one_request_max_bytes: 1 << 20, part_bytes: 5 << 20, copy_max_bytes: 5 << 30 };
        let mut plan = PlanBuilder::in_memory(routes, cutting);
        steps.iter().for_each(|step| plan.push(step).unwrap());
        let plan = plan.finish().unwrap();
        self.runs.create(&plan, "cp", "0", &*self.clock, &self.random).unwrap()
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            clock: &*self.clock,
            random: &self.random,
            listener: &Silent,
            progress: &self.progress,
            stop: &self.stop,
        }
    }

    /// Brings everything that steps share; without a run there is no journal.
    pub(super) fn shared<'a>(
        &'a self,
        run: Option<&'a mut Run>,
        state: &'a mut State,
        ends: &Ends,
    ) -> Shared<'a> {
        let places = Places::new(4, 4);
        let record = match run {
            Some(run) => Record::new(Some(&mut run.journal), &mut run.state),
            None => Record::new(None, state),
        };
        Shared {
            options: &self.options,
            context: self.context(),
            record,
            flow: Flow::new(places.clone(), 0),
            places,
            routes: End::routes(std::slice::from_ref(ends)),
            halt: Halt::default(),
            sources: std::sync::Mutex::default(),
        }
    }

    /// Carries out one step without a journal.
    pub(super) async fn once<T>(&self, ends: &Ends, work: impl AsyncFnOnce(&Shared<'_>) -> T) -> T {
        let mut state = State::new([true]);
        let shared = self.shared(None, &mut state, ends);
        work(&shared).await
    }
}

/// What a life does with a step.
pub(super) trait Life {
    fn live<'a>(
        &'a self,
        shared: &'a Shared<'_>,
        ends: &'a Ends,
        step: &'a Step,
        begun: Option<Begun>,
    ) -> impl Future<Output = Result<Done, StepFailure>> + 'a;
}

/// Breaks every call of a step once in a way, each on a stage of its own; checks what comes of it, in a second life if the first one was killed.
pub(super) async fn sweep<P, C>(
    life: &impl Life,
    kind: &pintail_store::wrap::FaultKind,
    step: &Step,
    prepare: P,
    check: C,
) -> u64
where
    P: AsyncFn(&Stage),
    C: AsyncFn(&Stage, u64, &Result<Done, StepFailure>, &Trace),
{
    for nth in 1.. {
        let stage = Stage::new().await;
        prepare(&stage).await;
        let mut run = stage.run(step);
        let fault = Fault { operation: None, nth, kind: kind.clone() };
        let faults = Arc::new(Faults::new(Arc::clone(&stage.store), [fault]));
        let broken: Arc<dyn ObjectStore> = Arc::<Faults>::clone(&faults);
        let ends = stage.ends(&broken);
        let first = {
            let mut unused = State::default();
            let shared = stage.shared(Some(&mut run), &mut unused, &ends);
            // A call that hangs lets time pass; then the process is killed.
            tokio::time::timeout(Duration::from_secs(100_000), life.live(&shared, &ends, step, None)).await
        };
        let hit = faults.outstanding().is_empty();
        let trace = Arc::new(Trace::new(Arc::clone(&stage.store)));
        let outcome = match first {
            Ok(outcome) => outcome,
            Err(_) => {
                let id = run.id.clone();
                drop(run);
                let mut run = stage.runs.resume(&id, "0", &*stage.clock).unwrap();
                let begun = run.state.begun(0).cloned();
                let whole: Arc<dyn ObjectStore> = Arc::<Trace>::clone(&trace);
                let ends = stage.ends(&whole);
                let mut unused = State::default();
                let shared = stage.shared(Some(&mut run), &mut unused, &ends);
                life.live(&shared, &ends, step, begun).await
            }
        };
        check(&stage, nth, &outcome, &trace).await;
        if !hit {
            return nth - 1;
        }
    }
    0
}

/// A store that refuses single keys of a deletion, copies nothing, or says less of its objects than it could.
#[derive(Debug)]
pub(super) struct Odd {
    pub(super) inner: Arc<dyn ObjectStore>,
    /// Keys that a deletion of many refuses, how, and how often.
    pub(super) refused: std::sync::Mutex<Vec<(ObjectKey, ErrorKind, u32)>>,
    /// Calls that it does not offer.
    pub(super) lacks: Vec<Operation>,
    /// It tells no checksum, and as tags its own.
    pub(super) is_silent: bool,
    /// It tells versions, and reads none by its name: that takes a permission of its own.
    pub(super) has_versions: bool,
    /// What it makes of conditions in a deletion of many.
    pub(super) conditions: Conditions,
}

/// What a store makes of the states that a deletion of many names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conditions {
    /// It compares them.
    Checks,
    /// It does not look at them.
    Ignores,
    /// It refuses the whole request.
    RefusesAll(ErrorKind),
    /// It refuses each of those objects, and reading them where that is refused too.
    RefusesEach(ErrorKind),
}

impl Odd {
    pub(super) fn new(inner: &Arc<dyn ObjectStore>) -> Self {
        Self {
            inner: Arc::clone(inner),
            refused: Default::default(),
            lacks: Vec::new(),
            is_silent: false,
            has_versions: false,
            conditions: Conditions::Checks,
        }
    }

    fn offers(&self, operation: Operation) -> Result<(), StoreError> {
        let lacks = self.lacks.contains(&operation);
        if lacks { Err(StoreError::new(ErrorKind::Unsupported, operation)) } else { Ok(()) }
    }

    fn said(&self, mut info: ObjectInfo) -> ObjectInfo {
        if self.has_versions {
            info.version = Some("null".to_owned());
        }
        if !self.is_silent {
            return info;
        }
        let etag = info.etag.map(|tag| ETag::new(&format!("v-{tag}")));
        ObjectInfo { checksum: None, etag, ..info }
    }

    fn asked(&self, mut condition: ReadCondition) -> ReadCondition {
        if let (true, Some(tag)) = (self.is_silent, &condition.if_match) {
            condition.if_match = Some(ETag::new(tag.as_str().trim_start_matches("v-")));
        }
        condition
    }

    fn asked_of(&self, source: &object_store::CopySource) -> object_store::CopySource {
        let if_match = source.if_match.clone();
        let asked = self.asked(ReadCondition { if_match, ..ReadCondition::default() });
        object_store::CopySource { if_match: asked.if_match, ..source.clone() }
    }
}

type StoreResult<T> = Result<T, StoreError>;

#[async_trait::async_trait]
impl ObjectStore for Odd {
    async fn list_buckets(
        &self,
        options: &object_store::ListBuckets,
    ) -> StoreResult<object_store::BucketPage> {
        self.inner.list_buckets(options).await
    }

    async fn create_bucket(&self, bucket: &BucketName) -> StoreResult<()> {
        self.inner.create_bucket(bucket).await
    }

    async fn delete_bucket(&self, bucket: &BucketName) -> StoreResult<()> {
        self.inner.delete_bucket(bucket).await
    }

    async fn head_bucket(&self, bucket: &BucketName) -> StoreResult<object_store::BucketInfo> {
        self.inner.head_bucket(bucket).await
    }

    async fn list(
        &self,
        bucket: &BucketName,
        options: &object_store::List,
    ) -> StoreResult<object_store::ListPage> {
        self.inner.list(bucket, options).await
    }

    async fn head(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &object_store::Head,
    ) -> StoreResult<ObjectInfo> {
        if self.conditions == Conditions::RefusesEach(ErrorKind::PermissionDenied) {
            return Err(StoreError::new(ErrorKind::PermissionDenied, Operation::Head));
        }
        let options =
            object_store::Head { condition: self.asked(options.condition.clone()), ..options.clone() };
        Ok(self.said(self.inner.head(bucket, key, &options).await?))
    }

    async fn get(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &Get,
    ) -> StoreResult<object_store::Got> {
        if self.has_versions && options.version.is_some() {
            return Err(StoreError::new(ErrorKind::PermissionDenied, Operation::Get));
        }
        let options = Get { condition: self.asked(options.condition.clone()), ..options.clone() };
        let got = self.inner.get(bucket, key, &options).await?;
        Ok(object_store::Got { info: self.said(got.info), ..got })
    }

    async fn put(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        payload: Payload,
        options: &Put,
    ) -> StoreResult<object_store::Stored> {
        self.inner.put(bucket, key, payload, options).await
    }

    async fn delete(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &object_store::Delete,
    ) -> StoreResult<object_store::Deleted> {
        if options.if_match.is_some() {
            self.offers(Operation::Delete)?;
        }
        self.inner.delete(bucket, key, options).await
    }

    async fn delete_many(
        &self,
        bucket: &BucketName,
        items: &[object_store::DeleteItem],
    ) -> StoreResult<Vec<object_store::DeleteOutcome>> {
        self.offers(Operation::DeleteMany)?;
        let mut outcomes = Vec::new();
        for item in items {
            let item = match (&self.conditions, &item.if_match) {
                (Conditions::Checks, _) | (_, None) => item.clone(),
                (Conditions::Ignores, _) => object_store::DeleteItem::from(item.key.clone()),
                (Conditions::RefusesAll(kind), _) => {
                    return Err(StoreError::new(kind.clone(), Operation::DeleteMany));
                }
                (Conditions::RefusesEach(kind), _) => {
                    outcomes.push(Err(StoreError::new(kind.clone(), Operation::Delete)));
                    continue;
                }
            };
            let refused = {
                let mut refused = self.refused.lock().unwrap();
                refused.iter_mut().find(|(key, _, left)| *key == item.key && *left > 0).map(
                    |(_, kind, left)| {
                        *left -= 1;
                        StoreError::new(kind.clone(), Operation::DeleteMany)
                    },
                )
            };
            outcomes.push(match refused {
                Some(error) => Err(error),
                None => self.inner.delete_many(bucket, std::slice::from_ref(&item)).await?.remove(0),
            });
        }
        Ok(outcomes)
    }

    async fn copy(
        &self,
        source: &object_store::CopySource,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &object_store::Copy,
    ) -> StoreResult<object_store::Copied> {
        self.offers(Operation::Copy)?;
        self.inner.copy(&self.asked_of(source), bucket, key, options).await
    }

    async fn create_upload(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        options: &object_store::CreateUpload,
    ) -> StoreResult<Upload> {
        self.inner.create_upload(bucket, key, options).await
    }

    async fn upload_part(
        &self,
        upload: &Upload,
        number: PartNumber,
        payload: Payload,
        options: &UploadPart,
    ) -> StoreResult<object_store::PartInfo> {
        self.inner.upload_part(upload, number, payload, options).await
    }

    async fn upload_part_copy(
        &self,
        upload: &Upload,
        number: PartNumber,
        source: &object_store::CopySource,
        range: Option<object_store::ByteRange>,
    ) -> StoreResult<object_store::PartInfo> {
        self.offers(Operation::UploadPartCopy)?;
        self.inner.upload_part_copy(upload, number, &self.asked_of(source), range).await
    }

    async fn list_parts(
        &self,
        upload: &Upload,
        options: &object_store::ListParts,
    ) -> StoreResult<object_store::PartPage> {
        self.inner.list_parts(upload, options).await
    }

    async fn list_uploads(
        &self,
        bucket: &BucketName,
        options: &ListUploads,
    ) -> StoreResult<object_store::UploadPage> {
        self.inner.list_uploads(bucket, options).await
    }

    async fn complete_upload(
        &self,
        upload: &Upload,
        parts: &object_store::PartList,
        options: &object_store::CompleteUpload,
    ) -> StoreResult<object_store::Stored> {
        self.inner.complete_upload(upload, parts, options).await
    }

    async fn abort_upload(&self, upload: &Upload) -> StoreResult<()> {
        self.inner.abort_upload(upload).await
    }
}
