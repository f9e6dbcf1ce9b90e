//! The pieces together: a small engine over the in-memory store, which dies at every moment and is taken up again.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where its ground gives way")]

use std::cell::Cell;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use jiff::Timestamp;
use pintail_core::checksum::{Algorithm, Checksum};
use pintail_core::name::{BucketName, ObjectKey};
use pintail_core::seam::{ManualClock, SeededRandom};
use pintail_store::object_store::{
    ByteRange, CompleteUpload, CreateUpload, ETag, Get, Head, ListUploads, ObjectStore, PartInfo, PartList,
    PartNumber, Put, Upload, UploadPart, WriteCondition,
};
use pintail_store::{MemoryStore, Payload};
use pintail_transfer::entry::{Meaning, Modified, Tag};
use pintail_transfer::journal::{Begun, Event, Outcome, Proof, Run, Runs};
use pintail_transfer::local::{Partial, Publish, Segment, Source, Target};
use pintail_transfer::name::{Name, Platform};
use pintail_transfer::parts::{Conditions, PART_MIN_BYTES, cut};
use pintail_transfer::plan::{Cutting, Place, PlanBuilder, Route, Step, Task};
use pintail_transfer::policy::Guard;

/// Three parts, the last one short.
const SIZE_BYTES: u64 = 2 * PART_MIN_BYTES + 1000;

/// The in-memory store never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().unwrap()
}

fn content() -> Vec<u8> {
    (0..SIZE_BYTES).map(|at| (at * 7 + at / 251) as u8).collect()
}

/// Dies when its moments are used up.
struct Moments(Cell<usize>);

impl Moments {
    /// A moment passes; `None` is the last one.
    fn pass(&self) -> Option<()> {
        let left = self.0.get().checked_sub(1)?;
        self.0.set(left);
        Some(())
    }
}

struct World {
    folder: tempfile::TempDir,
    store: Arc<dyn ObjectStore>,
    bucket: BucketName,
    runs: Runs,
    clock: ManualClock,
    /// Bytes that went over the line.
    moved: Cell<u64>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let store: Arc<dyn ObjectStore> = Arc::new(MemoryStore::new("eu-west-1".parse().unwrap(), clock));
        let bucket: BucketName = "bucket".parse().unwrap();
        now(store.create_bucket(&bucket)).unwrap();
        let runs = Runs::new(folder.path().join("runs"));
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        Self { folder, store, bucket, runs, clock, moved: Cell::new(0) }
    }

    fn local(&self) -> std::path::PathBuf {
        self.folder.path().join("local")
    }

    fn key(&self, name: &Name) -> ObjectKey {
        name.as_str().parse().unwrap()
    }

    /// Plans one step and carries it out, dying at a moment, then again until it is done.
    fn carry_out(&self, step: Step, first_life: usize, seed: u64) {
        let remote =
            Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: String::new() };
        let routes = vec![Route { from: Place::Local(self.local().to_str().unwrap().into()), to: remote }];
        let cutting =
            Cutting { one_request_max_bytes: 1, part_bytes: PART_MIN_BYTES, copy_max_bytes: 5 << 30 };
        let mut plan = PlanBuilder::in_memory(routes, cutting);
        plan.push(&step).unwrap();
        let plan = plan.finish().unwrap();
        let run = self.runs.create(&plan, "cp", "0", &self.clock, &SeededRandom::new(seed)).unwrap();
        let id = run.id.clone();
        let mut alive = Some(run);
        let mut life = first_life;
        loop {
            let run = alive.take().unwrap_or_else(|| self.runs.resume(&id, "0", &self.clock).unwrap());
            if self.live(run, &Moments(Cell::new(life)), seed).is_some() {
                break;
            }
            life = usize::MAX;
        }
        let recorded = self.runs.show(&id).unwrap();
        assert_eq!(recorded.state.ended().map(|(_, outcome)| outcome), Some(Outcome::Complete));
        assert_eq!((recorded.state.remaining().count(), recorded.state.leftovers().count()), (0, 0));
    }

    fn live(&self, mut run: Run, moments: &Moments, seed: u64) -> Option<()> {
        let left: Vec<_> = run.state.remaining().collect();
        for remaining in left {
            let step = run.plan.step(remaining.step).unwrap().unwrap();
            match step.task {
                Task::Upload => self.upload(&mut run, remaining.step, &step, remaining.begun, moments)?,
                _ => self.download(&mut run, remaining.step, &step, remaining.begun, moments, seed)?,
            }
            run.journal
                .append(&Event::Done {
                    step: remaining.step,
                    size_bytes: step.size_bytes,
                    proof: Some(Proof::Checksum),
                })
                .unwrap();
        }
        run.journal.append(&Event::Ended { at_ns: 0, outcome: Outcome::Complete }).unwrap();
        run.journal.sync().unwrap();
        Some(())
    }

    fn upload(
        &self,
        run: &mut Run,
        number: u64,
        step: &Step,
        begun: Option<Begun>,
        moments: &Moments,
    ) -> Option<()> {
        let path = self.local().join(step.name.path(Platform::Linux).unwrap());
        let key = self.key(step.target());
        if begun.is_none() && now(self.store.head(&self.bucket, &key, &Head::default())).is_ok() {
            // It died between the end of the upload and telling of it.
            return Some(());
        }
        let conditions = Conditions {
            one_request_max_bytes: 1,
            wished_part_bytes: Some(PART_MIN_BYTES),
            ..Conditions::default()
        };
        let size = cut(step.size_bytes, &conditions).unwrap();
        let (source, upload, mut parts) = match begun {
            Some(Begun::Upload { upload, part_bytes, algorithm, source: Some(seen), parts }) => {
                assert_eq!(part_bytes, size.part_bytes);
                let source = Source::reopen(&path, &seen).unwrap();
                // A part that is told of is relied on only if the file still gives its checksum.
                let parts: Vec<PartInfo> = parts
                    .into_iter()
                    .filter(|(part, done)| {
                        let offset = u64::from(part - 1) * part_bytes;
                        let expected = done.checksum.unwrap();
                        source.checksum(offset, done.size_bytes, expected.algorithm()).unwrap() == expected
                    })
                    .map(|(part, done)| PartInfo {
                        number: PartNumber::new(part).unwrap(),
                        etag: done.tag.etag(),
                        size_bytes: Some(done.size_bytes),
                        checksum: done.checksum,
                        last_modified: None,
                    })
                    .collect();
                let upload =
                    Upload { bucket: self.bucket.clone(), key: key.clone(), id: upload, checksum: algorithm };
                (source, upload, parts)
            }
            _ => {
                let source = Source::open(&path).unwrap();
                moments.pass()?;
                let upload =
                    now(self.store.create_upload(&self.bucket, &key, &CreateUpload::default())).unwrap();
                run.journal
                    .append(&Event::UploadBegun {
                        step: number,
                        upload: upload.id.clone(),
                        part_bytes: size.part_bytes,
                        algorithm: upload.checksum,
                        source: Some(*source.fingerprint()),
                    })
                    .unwrap();
                run.journal.sync().unwrap();
                (source, upload, Vec::new())
            }
        };
        for part in 1..=u32::try_from(size.parts).unwrap() {
            let part = PartNumber::new(part).unwrap();
            if parts.iter().any(|done| done.number == part) {
                continue;
            }
            moments.pass()?;
            let offset = u64::from(part.value() - 1) * size.part_bytes;
            let length = size.part_bytes.min(step.size_bytes - offset);
            let (payload, tally) = source.tallied_slice(offset, length, upload.checksum.unwrap());
            let mut info =
                now(self.store.upload_part(&upload, part, payload, &UploadPart::default())).unwrap();
            self.moved.set(self.moved.get() + length);
            info.size_bytes = Some(length);
            assert_eq!(info.checksum, tally.checksum(), "the service has what was read");
            run.journal
                .append(&Event::PartDone {
                    step: number,
                    number: part.value(),
                    size_bytes: length,
                    tag: Tag::of(&info.etag),
                    checksum: info.checksum,
                })
                .unwrap();
            moments.pass()?;
            parts.push(info);
        }
        source.check_unchanged().unwrap();
        parts.sort_by_key(|part| part.number);
        let parts = PartList::new(parts).unwrap();
        let condition = WriteCondition::IfAbsent;
        let checksum = parts.checksum();
        let options = CompleteUpload { condition, checksum };
        assert!(now(self.store.complete_upload(&upload, &parts, &options)).is_ok());
        Some(())
    }

    fn download(
        &self,
        run: &mut Run,
        number: u64,
        step: &Step,
        begun: Option<Begun>,
        moments: &Moments,
        seed: u64,
    ) -> Option<()> {
        let target = Target::open(&self.local()).unwrap();
        let path = step.target().path(Platform::Linux).unwrap();
        let key = self.key(&step.name);
        let info = now(self.store.head(&self.bucket, &key, &Head::default())).unwrap();
        let former = match begun {
            Some(Begun::Download { partial, size_bytes, segments, tag, .. }) => {
                assert_eq!(tag.map(|tag| tag.etag()), info.etag, "the object is what it was");
                let segments = segments.into_iter().map(|(offset, done)| Segment {
                    offset,
                    length_bytes: done.length_bytes,
                    checksum: done.checksum,
                });
                let partial = Partial::resume(&target, &path, &partial, size_bytes).unwrap();
                partial.map(|partial| {
                    let right = partial.verify(segments).unwrap();
                    (partial, right)
                })
            }
            _ => None,
        };
        let (partial, mut segments) = match former {
            Some(former) => former,
            None => {
                let partial = Partial::create(&target, &path, &SeededRandom::new(seed + 1)).unwrap();
                partial.writer().reserve(info.size_bytes).unwrap();
                run.journal
                    .append(&Event::DownloadBegun {
                        step: number,
                        partial: partial.temporary_name().to_owned(),
                        size_bytes: info.size_bytes,
                        tag: info.etag.as_ref().map(Tag::of),
                        version: None,
                    })
                    .unwrap();
                run.journal.sync().unwrap();
                (partial, Vec::new())
            }
        };
        for offset in (0..info.size_bytes).step_by(usize::try_from(PART_MIN_BYTES).unwrap()) {
            if segments.iter().any(|segment: &Segment| segment.offset == offset) {
                continue;
            }
            if moments.pass().is_none() {
                // A process that is killed takes nothing away.
                partial.keep();
                return None;
            }
            let length_bytes = PART_MIN_BYTES.min(info.size_bytes - offset);
            let range = Some(ByteRange::Slice { offset, length_bytes });
            let get = Get { range, unchecked: true, ..Get::default() };
            let mut got = now(self.store.get(&self.bucket, &key, &get)).unwrap();
            let mut hasher = pintail_core::checksum::Hasher::new(Algorithm::Crc64Nvme);
            let mut at = offset;
            while let Some(bytes) = now(got.body.next()) {
                let bytes = bytes.unwrap();
                partial.write_at(&bytes, at).unwrap();
                hasher.update(&bytes);
                at += bytes.len() as u64;
            }
            self.moved.set(self.moved.get() + length_bytes);
            let segment = Segment { offset, length_bytes, checksum: hasher.finish() };
            run.journal
                .append(&Event::SegmentDone {
                    step: number,
                    offset,
                    length_bytes,
                    checksum: segment.checksum,
                })
                .unwrap();
            segments.push(segment);
        }
        segments.sort_by_key(|segment| segment.offset);
        let whole = segments.iter().fold(Checksum::of(Algorithm::Crc64Nvme, b""), |sum, segment| {
            sum.followed_by(&segment.checksum, segment.length_bytes).unwrap()
        });
        assert_eq!(Some(whole), info.checksum, "what was written is what the service holds");
        let modified = Modified::from_ns(1_700_000_000_000_000_000, Meaning::Content);
        let publish = Publish { modified: Some(modified), ..Publish::default() };
        partial.publish(&target, &path, &step.guard, &publish).unwrap();
        Some(())
    }
}

#[test]
fn an_upload_that_dies_at_any_moment_goes_on_and_sends_nothing_twice_that_it_had_told_of() {
    for life in 0..8 {
        let world = World::new();
        fs::create_dir(world.local()).unwrap();
        fs::write(world.local().join("file"), content()).unwrap();
        let step = Step::new(Task::Upload, Name::new("file").unwrap(), SIZE_BYTES);
        world.carry_out(step, life, 5);
        let key: ObjectKey = "file".parse().unwrap();
        let got = now(world.store.get(&world.bucket, &key, &Get::default())).unwrap();
        let bytes = now(got.body.collect(64 << 20)).unwrap();
        assert!(bytes == content(), "life {life}");
        assert_eq!(world.moved.get(), SIZE_BYTES, "life {life}");
        let uploads = now(world.store.list_uploads(&world.bucket, &ListUploads::default())).unwrap();
        assert!(uploads.uploads.is_empty(), "life {life}");
    }
}

#[test]
fn a_download_that_dies_at_any_moment_goes_on_and_leaves_nothing_beside_its_file() {
    for life in 0..5 {
        let world = World::new();
        let key: ObjectKey = "a/file".parse().unwrap();
        let stored =
            now(world.store.put(&world.bucket, &key, Payload::from_bytes(content()), &Put::default()))
                .unwrap();
        let tag = stored.etag.as_ref().map(|etag: &ETag| Tag::of(etag));
        let step = Step {
            tag,
            guard: Guard::Absent,
            ..Step::new(Task::Download, Name::new("a/file").unwrap(), SIZE_BYTES)
        };
        world.carry_out(step, life, 6);
        assert!(fs::read(world.local().join("a/file")).unwrap() == content(), "life {life}");
        assert_eq!(names(&world.local().join("a")), ["file"], "life {life}");
        assert_eq!(world.moved.get(), SIZE_BYTES, "life {life}");
    }
}

fn names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
