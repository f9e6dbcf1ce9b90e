//! A folder, a store and the runs between them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use jiff::Timestamp;
use pintail_core::name::{BucketName, KeyPrefix, ObjectKey};
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_store::object_store::{Get, List, ListUploads, ObjectStore, Put};
use pintail_store::{MemoryStore, Payload};
use pintail_transfer::diff::Side;
use pintail_transfer::entry::Tag;
use pintail_transfer::execute::{
    Context, Durability, ExecuteError, Listener, Options, Progress, Report, StepEnd, Stop, Work, execute,
};
use pintail_transfer::journal::{Run, RunId, Runs};
use pintail_transfer::name::Name;
use pintail_transfer::parts::PART_MIN_BYTES;
use pintail_transfer::plan::{Cutting, Place, Plan, PlanBuilder, Route, Step, Task};
use pintail_transfer::site::{Ends, Remote, Site};

/// Objects up to this size go by one request here.
pub(crate) const ONE_REQUEST_BYTES: u64 = 300_000;

/// Three parts, the last one short.
pub(crate) const LARGE_BYTES: u64 = 2 * PART_MIN_BYTES + 1000;

/// Two parts, the last one short.
pub(crate) const TWO_PARTS_BYTES: u64 = PART_MIN_BYTES + 1000;

/// Bytes that differ from place to place and from seed to seed.
pub(crate) fn content(size_bytes: u64, seed: u64) -> Vec<u8> {
    // Made once: a byte at a time takes long without optimization.
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| (0..LARGE_BYTES + 10_000).map(|at| (at * 7 + at / 251) as u8).collect());
    let from = (seed % 10_000) as usize;
    bytes[from..from + size_bytes as usize].to_vec()
}

/// Hears of every step.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) ends: Mutex<Vec<(String, String)>>,
    pub(crate) bytes: Mutex<Vec<u8>>,
    /// Refuses bytes after so many.
    pub(crate) bytes_max: Option<usize>,
}

impl Listener for Heard {
    fn ended(&self, step: &Step, end: &StepEnd) {
        let end = match end {
            StepEnd::Done { .. } => "done".to_owned(),
            StepEnd::Skipped => "skipped".to_owned(),
            StepEnd::Failed(error) => error.to_string(),
        };
        self.ends.lock().unwrap().push((step.name.to_string(), end));
    }

    fn bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut heard = self.bytes.lock().unwrap();
        if self.bytes_max.is_some_and(|max| heard.len() + bytes.len() > max) {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        heard.extend_from_slice(bytes);
        Ok(())
    }
}

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) memory: Arc<dyn ObjectStore>,
    pub(crate) bucket: BucketName,
    pub(crate) runs: Runs,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) random: SeededRandom,
    pub(crate) options: Options,
    pub(crate) heard: Heard,
    pub(crate) progress: Progress,
    pub(crate) stop: Stop,
    lives: AtomicU64,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_790_000_000).unwrap()));
        let memory: Arc<dyn ObjectStore> =
            Arc::new(MemoryStore::new("eu-west-1".parse().unwrap(), Arc::clone(&clock) as _));
        let bucket: BucketName = "bucket".parse().unwrap();
        memory.create_bucket(&bucket).await.unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        fs::create_dir(folder.path().join("local")).unwrap();
        Self {
            folder,
            memory,
            bucket,
            runs,
            clock,
            random: SeededRandom::new(7),
            options: options(),
            heard: Heard::default(),
            progress: Progress::default(),
            stop: Stop::default(),
            lives: AtomicU64::new(0),
        }
    }

    pub(crate) fn local(&self) -> PathBuf {
        self.folder.path().join("local")
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.local().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.local().join(name)).ok()
    }

    pub(crate) async fn put(&self, key: &str, bytes: &[u8]) -> Tag {
        let payload = Payload::from_bytes(bytes.to_vec());
        let stored =
            self.memory.put(&self.bucket, &key.parse().unwrap(), payload, &Put::default()).await.unwrap();
        Tag::of(&stored.etag.unwrap())
    }

    pub(crate) async fn got(&self, key: &str) -> Option<Vec<u8>> {
        let key: ObjectKey = key.parse().unwrap();
        let got = self.memory.get(&self.bucket, &key, &Get::default()).await.ok()?;
        Some(got.body.collect(64 << 20).await.unwrap().to_vec())
    }

    /// All keys, in order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let page = self.memory.list(&self.bucket, &List::default()).await.unwrap();
        page.objects.iter().map(|object| object.key.to_string()).collect()
    }

    pub(crate) async fn uploads(&self) -> usize {
        self.memory.list_uploads(&self.bucket, &ListUploads::default()).await.unwrap().uploads.len()
    }

    /// All files below the folder, unfinished ones too.
    pub(crate) fn files(&self) -> BTreeMap<String, u64> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.local()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    let name = entry.path().strip_prefix(self.local()).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, entry.metadata().unwrap().len());
                }
            }
        }
        files
    }

    /// The ends with another store in place of the plain one: route 0 goes up, route 1 comes down, route 2 within, route 3 to standard output.
    pub(crate) fn ends(&self, store: &Arc<dyn ObjectStore>) -> Vec<Ends> {
        let local = Site::Local(self.local());
        let remote = Site::Remote(Remote {
            store: Arc::clone(store),
            bucket: self.bucket.clone(),
            prefix: KeyPrefix::all(),
            pressure: None,
        });
        vec![
            Ends { from: local.clone(), to: remote.clone() },
            Ends { from: remote.clone(), to: local },
            Ends { from: remote.clone(), to: remote.clone() },
            Ends { from: remote, to: Site::Stdio },
        ]
    }

    pub(crate) fn plan(&self, steps: impl IntoIterator<Item = Step>) -> Plan {
        let local = Place::Local(self.local().to_str().unwrap().into());
        let remote =
            Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: String::new() };
        let routes = vec![
            Route { from: local.clone(), to: remote.clone() },
            Route { from: remote.clone(), to: local },
            Route { from: remote.clone(), to: remote.clone() },
            Route { from: remote, to: Place::Stdio },
        ];
        let cutting = Cutting {
            one_request_max_bytes: ONE_REQUEST_BYTES,
            part_bytes: PART_MIN_BYTES,
            copy_max_bytes: 5 << 30,
        };
        let mut plan = PlanBuilder::in_memory(routes, cutting);
        steps.into_iter().for_each(|step| plan.push(&step).unwrap());
        plan.finish().unwrap()
    }

    pub(crate) fn begin(&self, steps: impl IntoIterator<Item = Step>) -> Run {
        let plan = self.plan(steps);
        self.runs.create(&plan, "cp", "0", &*self.clock, &self.random).unwrap()
    }

    pub(crate) fn resume(&self, id: &RunId) -> Run {
        self.clock.advance(jiff::SignedDuration::from_secs(5));
        self.runs.resume(id, "0", &*self.clock).unwrap()
    }

    /// Carries a run out, or goes on with it.
    pub(crate) async fn live(
        &self,
        run: &mut Run,
        store: &Arc<dyn ObjectStore>,
    ) -> Result<Report, ExecuteError> {
        self.lives.fetch_add(1, Ordering::Relaxed);
        let ends = self.ends(store);
        let work =
            Work { plan: &run.plan, state: &mut run.state, journal: Some(&mut run.journal), ends: &ends };
        execute(work, &self.options, self.context()).await
    }

    /// Carries steps out in a run of their own.
    pub(crate) async fn carry_out(&self, steps: impl IntoIterator<Item = Step>) -> Report {
        let mut run = self.begin(steps);
        self.live(&mut run, &self.memory).await.unwrap()
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            clock: &*self.clock,
            random: &self.random,
            listener: &self.heard,
            progress: &self.progress,
            stop: &self.stop,
        }
    }
}

pub(crate) fn options() -> Options {
    Options {
        one_request_max_bytes: ONE_REQUEST_BYTES,
        part_bytes: Some(PART_MIN_BYTES),
        connections_max: 64,
        memory_bytes: 64 << 20,
        storage_class: None,
        times: true,
        permissions: false,
        sync: Durability::None,
        bandwidth: None,
        errors_max: None,
        delete_batch_max: 1000,
        delete_despite_failures: false,
        keep_taken: false,
        verify: false,
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn upload(text: &str, size_bytes: u64) -> Step {
    Step::new(Task::Upload, name(text), size_bytes)
}

pub(crate) fn download(text: &str, size_bytes: u64, tag: &Tag) -> Step {
    Step { route: 1, tag: Some(tag.clone()), ..Step::new(Task::Download, name(text), size_bytes) }
}

pub(crate) fn delete(text: &str, side: Side) -> Step {
    Step { guard: pintail_transfer::policy::Guard::None, ..Step::new(Task::Delete(side), name(text), 0) }
}
