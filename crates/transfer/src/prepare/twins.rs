//! Names that would be one file at a target: by the rules of the platform, and by what the disk there does.

use crate::local::folding;
use crate::name::Twins;
use crate::site::Site;

use super::Rules;

/// Returns what watches for them, `None` where the target is no folder.
pub(super) fn of(site: &Site, rules: &Rules) -> Option<Twins> {
    let Site::Local(root) = site else { return None };
    let twins = Twins::new(rules.platform);
    Some(if folding::folds(root) { twins.on_a_folding_disk() } else { twins })
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::Arc;

    use pintail_core::seam::{ManualClock, SeededRandom};
    use pintail_store::object_store::{ObjectStore, Put};
    use pintail_store::{MemoryStore, Payload};

    use super::super::{Answer, Context, Job, Talk, What, copy, mirror, two_way};
    use super::*;
    use crate::entry::Entry;
    use crate::filter::Filter;
    use crate::local::Links;
    use crate::local::walk::Folders;
    use crate::name::{NameRefusal, Platform};
    use crate::plan::{Cutting, Place, Plan, Refusal, Route, Task};
    use crate::policy::mirror::{DeleteLimit, Mirror};
    use crate::policy::{Comparison, Existing};
    use crate::site::{Ends, Remote};

    struct Silent;

    impl Talk for Silent {
        fn seen(&self, _: u64) {}

        fn ask(&self, _: &Entry, _: &Entry) -> Answer {
            Answer::Abort
        }
    }

    /// Steps in words: what is taken, what is a twin.
    fn lines(plan: &Plan) -> Vec<String> {
        let line = |step: crate::plan::Step| match &step.task {
            Task::Download => format!("take {}", step.name),
            Task::Refuse(Refusal::Name(NameRefusal::Twin)) => format!("twin {}", step.name),
            other => format!("{other:?} {}", step.name),
        };
        plan.steps().map(|step| line(step.expect("a plan is read as it was written").1)).collect()
    }

    #[tokio::test]
    async fn a_disk_that_folds_has_twins_on_every_platform() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("stick");
        std::fs::create_dir(&root).unwrap();
        let clock = Arc::new(ManualClock::new("2026-11-27T12:00:00Z".parse().unwrap()));
        let store: Arc<dyn ObjectStore> =
            Arc::new(MemoryStore::new("eu-west-1".parse().unwrap(), Arc::clone(&clock) as _));
        let bucket: pintail_core::name::BucketName = "bucket".parse().unwrap();
        store.create_bucket(&bucket).await.unwrap();
        for key in ["A", "a", "b/x", "B/y"] {
            let payload = Payload::from_bytes("x");
            store.put(&bucket, &key.parse().unwrap(), payload, &Put::default()).await.unwrap();
        }
        let remote = Remote { store, bucket, prefix: "".parse().unwrap(), pressure: None };
        let from = Place::Remote { bookmark: "work".into(), bucket: "bucket".into(), prefix: "".into() };
        let to = Place::Local(root.display().to_string());
        let ends = Ends { from: Site::Remote(remote), to: Site::Local(root.clone()) };
        let job = Job { route: Route { from, to }, ends, what: What::Tree };
        let rules = Rules {
            filter: Filter::default(),
            ignore_files: Vec::new(),
            links: Links::Skip,
            folders: Folders::None,
            existing: Existing::Overwrite,
            comparison: Comparison::default(),
            takes: false,
            platform: Platform::Linux,
            cutting: Cutting { one_request_max_bytes: 1 << 20, part_bytes: 8 << 20, copy_max_bytes: 5 << 30 },
            spool: folder.path().join("spool"),
            connections_max: 4,
            page: None,
        };
        let random = SeededRandom::new(1);
        let context = Context { clock: &*clock, random: &random, talk: &Silent };
        let jobs = [job.clone()];
        let plan = copy(&jobs, &rules, context).await.unwrap().plan;
        let all = ["take A", "take B/y", "take a", "take b/x"];
        if !folding::folds(&root) {
            assert_eq!(lines(&plan), all);
        }
        folding::pretended::add(&root);
        let folded = ["take A", "take B/y", "twin a", "twin b/x"];
        assert_eq!(lines(&copy(&jobs, &rules, context).await.unwrap().plan), folded);
        let mirrored =
            mirror(&job, &Mirror::default(), DeleteLimit::default(), &rules, context).await.unwrap();
        assert_eq!(lines(&mirrored.plan), folded);
        let base = folder.path().join("base");
        let (both, _) = two_way(&job, &base, DeleteLimit::default(), &rules, context).await.unwrap();
        assert_eq!(lines(&both.plan), folded);
    }
}
