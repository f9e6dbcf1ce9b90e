//! A bucket, a folder, and plans between them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use pintail_core::name::BucketName;
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_store::object_store::{ListedObject, Put, Traits};
use pintail_store::wrap::Trace;
use pintail_store::{MemoryStore, ObjectStore, Operation, Payload};
use pintail_transfer::entry::Entry;
use pintail_transfer::filter::Filter;
use pintail_transfer::local::Links;
use pintail_transfer::local::walk::Folders;
use pintail_transfer::name::{Name, Platform};
use pintail_transfer::plan::{Cutting, Place, Plan, Route, Task};
use pintail_transfer::policy::mirror::{DeleteLimit, Extra, Mirror};
use pintail_transfer::policy::{Comparison, Existing};
use pintail_transfer::prepare::{self, Answer, Context, Job, PrepareError, Prepared, Rules, Talk, What};
use pintail_transfer::site::{Ends, Remote, Site};

/// The moment of the stage, in seconds since 1970.
pub(crate) const NOW: i64 = 1_790_000_000;

pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) trace: Arc<Trace>,
    pub(crate) bucket: BucketName,
    pub(crate) rules: Rules,
    pub(crate) answers: Mutex<Vec<Answer>>,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Talk for Stage {
    fn seen(&self, _: u64) {}

    fn ask(&self, _: &Entry, _: &Entry) -> Answer {
        self.answers.lock().unwrap().pop().unwrap()
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOW).unwrap()));
        let memory = MemoryStore::new("eu-central-1".parse().unwrap(), Arc::clone(&clock) as _);
        let bucket: BucketName = "bucket".parse().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(memory.create_bucket(&bucket)).unwrap();
        let trace = Arc::new(Trace::new(Arc::new(memory)));
        let rules = Rules {
            filter: Filter::default(),
            ignore_files: Vec::new(),
            links: Links::Skip,
            folders: Folders::None,
            existing: Existing::Overwrite,
            comparison: Comparison::default(),
            takes: false,
            platform: Platform::Linux,
            cutting: Cutting {
                one_request_max_bytes: 16 << 20,
                part_bytes: 8 << 20,
                copy_max_bytes: 5 << 30,
            },
            spool: folder.path().join("spool"),
            connections_max: 16,
            page: None,
        };
        let store = Arc::clone(&trace) as Arc<dyn ObjectStore>;
        let answers = Mutex::default();
        Self { folder, clock, store, trace, bucket, rules, answers, runtime }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Writes a file with a time, counted from now.
    pub(crate) fn file(&self, name: &str, content: &str, seconds: i64) {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let at = UNIX_EPOCH + Duration::from_secs((NOW + seconds) as u64);
        File::options().write(true).open(&path).unwrap().set_modified(at).unwrap();
    }

    /// Writes an object, at the clock's time.
    pub(crate) fn object(&self, key: &str, content: &str) {
        self.object_with(key, content, None);
    }

    pub(crate) fn object_with(&self, key: &str, content: &str, mtime: Option<i64>) {
        let mtime = mtime.map(|seconds| ("mtime".to_owned(), (NOW + seconds).to_string()));
        let traits = Traits { metadata: mtime.into_iter().collect(), ..Traits::default() };
        let put = Put { traits, ..Put::default() };
        let payload = Payload::from_bytes(content.to_owned());
        self.runtime.block_on(self.store.put(&self.bucket, &key.parse().unwrap(), payload, &put)).unwrap();
    }

    /// Moves the clock of the store to a time, counted from now.
    pub(crate) fn at(&self, seconds: i64) {
        self.clock.set(Timestamp::from_second(NOW + seconds).unwrap());
    }

    pub(crate) fn local(&self) -> (Place, Site) {
        (Place::Local(self.root().display().to_string()), Site::Local(self.root()))
    }

    pub(crate) fn remote(&self, prefix: &str) -> (Place, Site) {
        let place =
            Place::Remote { bookmark: "work".into(), bucket: self.bucket.to_string(), prefix: prefix.into() };
        let remote = Remote {
            store: Arc::clone(&self.store),
            bucket: self.bucket.clone(),
            prefix: prefix.parse().unwrap(),
            pressure: None,
        };
        (place, Site::Remote(remote))
    }

    pub(crate) fn job(from: (Place, Site), to: (Place, Site), what: What) -> Job {
        Job { route: Route { from: from.0, to: to.0 }, ends: Ends { from: from.1, to: to.1 }, what }
    }

    pub(crate) fn up(&self) -> Job {
        Self::job(self.local(), self.remote("p/"), What::Tree)
    }

    pub(crate) fn down(&self) -> Job {
        Self::job(self.remote("p/"), self.local(), What::Tree)
    }

    pub(crate) fn context<'a>(&'a self, random: &'a SeededRandom) -> Context<'a> {
        Context { clock: &*self.clock, random, talk: self }
    }

    pub(crate) fn copy(&self, jobs: &[Job]) -> Result<Prepared, PrepareError> {
        let random = SeededRandom::new(1);
        self.runtime.block_on(prepare::copy(jobs, &self.rules, self.context(&random)))
    }

    pub(crate) fn mirror(&self, job: &Job, extra: Extra) -> Result<Prepared, PrepareError> {
        self.mirror_within(job, extra, DeleteLimit::default())
    }

    pub(crate) fn mirror_within(
        &self,
        job: &Job,
        extra: Extra,
        limit: DeleteLimit,
    ) -> Result<Prepared, PrepareError> {
        let random = SeededRandom::new(1);
        let mirror = Mirror { extra, ..Mirror::default() };
        self.runtime.block_on(prepare::mirror(job, &mirror, limit, &self.rules, self.context(&random)))
    }

    pub(crate) fn remove(&self, jobs: &[Job]) -> Result<Prepared, PrepareError> {
        let random = SeededRandom::new(1);
        self.runtime.block_on(prepare::remove(jobs, &self.rules, self.context(&random)))
    }

    /// Calls of one kind since the stage was set.
    pub(crate) fn calls(&self, operation: Operation) -> u64 {
        self.trace.counts_of(operation).calls
    }

    /// All keys and contents of the bucket.
    pub(crate) fn keys(&self) -> BTreeMap<String, ListedObject> {
        let list = pintail_store::object_store::List::default();
        let page = self.runtime.block_on(self.store.list(&self.bucket, &list)).unwrap();
        page.objects.into_iter().map(|object| (object.key.to_string(), object)).collect()
    }
}

/// A plan in words, one line a step.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    plan.steps()
        .map(|step| {
            let (_, step) = step.unwrap();
            let task = match &step.task {
                Task::Refuse(refusal) => format!("{refusal:?}").to_lowercase(),
                Task::Skip(skip) => format!("skip {skip:?}").to_lowercase(),
                task => format!("{task:?}").to_lowercase(),
            };
            let taken = if step.takes { ", taken" } else { "" };
            match &step.to {
                Some(to) => format!("{task} {} > {to}{taken}", step.name),
                None => format!("{task} {}{taken}", step.name),
            }
        })
        .collect()
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn time_of(path: &std::path::Path) -> SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}
