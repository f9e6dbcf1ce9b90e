//! Plans carried out and taken back in the sandbox.

use std::sync::Arc;

use pintail_connect::SystemRandom;
use pintail_core::credential::{Credential, CredentialError, CredentialSource};
use pintail_core::seam::{BoxFuture, Clock, HttpClient};
use pintail_core::secret::Secret;
use pintail_identity::sts::CallerIdentity;
use pintail_sandbox::{Options, Sandbox};
use pintail_store::transport::{Transport, TransportOptions};
use serde_json::{Value, json};
use url::Url;

use super::policies::testing::{self, place};
use super::{AwsCurrent, Change as AwsChange, Undo, apply, looked_at, plan, read, undo};
use crate::admin::analyzer::Analyzer;
use crate::admin::aws_query::AwsSeams;
use crate::admin::iam::Iam;
use crate::setup::desired::{Access, AccountWish};
use crate::setup::plan::{Change, Facts, Step};

#[derive(Debug)]
struct Admin(Arc<Credential>);

impl CredentialSource for Admin {
    fn credential(&self) -> BoxFuture<'_, Result<Option<Arc<Credential>>, CredentialError>> {
        Box::pin(async move { Ok(Some(Arc::clone(&self.0))) })
    }

    fn refused(&self, _: &Credential) {}
}

struct Bench {
    sandbox: Sandbox,
    iam: Iam,
    analyzer: Analyzer,
    facts: Facts,
    wish: AccountWish,
    caller: CallerIdentity,
}

impl Bench {
    async fn start() -> Self {
        let sandbox = Sandbox::start(Options { empty: true, ..Options::default() }).await.unwrap();
        let summary = sandbox.summary();
        let credential = Credential {
            access_key_id: summary.admin.access_key_id.clone(),
            secret_access_key: Secret::new(summary.admin.secret_access_key.clone()),
            session_token: None,
            expires_at: None,
        };
        let seams = AwsSeams {
            http: Arc::new(Transport::new(TransportOptions::default()).unwrap()) as Arc<dyn HttpClient>,
            clock: Arc::new(pintail_connect::SystemClock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            credentials: Arc::new(Admin(Arc::new(credential))),
        };
        let wish = AccountWish { account: Some(summary.account_id.parse().unwrap()), ..testing::wish() };
        let facts = Facts { issuer: summary.issuer.clone(), ..testing::facts() };
        let caller = CallerIdentity {
            arn: format!("arn:aws:iam::{}:user/admin", summary.account_id),
            account: summary.account_id.clone(),
            user_id: None,
        };
        let at: Url = summary.iam_endpoint.parse().unwrap();
        let analyzer = Analyzer::new(seams.clone(), &"us-east-1".parse().unwrap(), Some(at.clone()));
        let iam = Iam::new(seams, wish.partition, Some(at));
        Self { iam, analyzer, facts, wish, caller, sandbox }
    }

    async fn now(&self) -> AwsCurrent {
        read(&self.iam, &self.caller, &self.wish, &self.facts).await.unwrap()
    }

    async fn steps(&self) -> Vec<Step> {
        plan(&self.wish, &self.facts, &self.now().await, "contoso").steps
    }

    async fn carry_out(&self, steps: &[Step]) -> Vec<Undo> {
        let mut undos = Vec::new();
        for step in steps {
            let Change::Aws(change) = &step.change else { panic!("{step:?}") };
            undos.push(apply(&self.iam, change, &self.facts).await.unwrap());
        }
        undos
    }

    async fn take_back(&self, undos: &[Undo]) {
        for one in undos.iter().rev() {
            let kept: Undo = serde_json::from_str(&serde_json::to_string(one).unwrap()).unwrap();
            undo(&self.iam, &kept).await.unwrap();
        }
    }

    /// Everything that the account holds, as text.
    async fn dump(&self) -> String {
        let world = self.sandbox.world();
        let mut told = String::new();
        for arn in world.providers() {
            told += &format!("{arn} {:?} {:?}\n", world.provider_client_ids(&arn), world.iam_tags(&arn));
        }
        for name in world.roles() {
            let role = world.role(&name).unwrap();
            told += &format!(
                "{} {} {:?} {} {:?} {:?}\n",
                role.arn,
                role.trust_policy,
                role.inline_policies,
                role.max_session_s,
                role.attached_policies,
                role.tags
            );
        }
        told
    }
}

fn many() -> AccountWish {
    let places = (0..100).map(|n| place("data", &format!("team-{n:04}/{}/", "x".repeat(40)), Access::Read));
    AccountWish { places: places.collect(), ..testing::wish() }
}

#[tokio::test]
async fn an_account_is_set_up_once_and_taken_back_to_what_it_was() {
    for wish in [testing::wish(), many()] {
        let mut bench = Bench::start().await;
        bench.wish = AccountWish { account: bench.wish.account.clone(), ..wish };
        let before = bench.dump().await;
        let steps = bench.steps().await;
        let undos = bench.carry_out(&steps).await;
        let after = bench.dump().await;
        assert_eq!(bench.steps().await, []);
        bench.carry_out(&steps).await;
        assert_eq!(bench.dump().await, after, "carrying out twice is the same as once");
        bench.take_back(&undos).await;
        assert_eq!(bench.dump().await, before);
        bench.take_back(&undos).await;
        assert_eq!(bench.dump().await, before, "taking back twice is the same as once");
    }
}

#[tokio::test]
async fn a_run_that_was_cut_off_ends_in_the_same_state() {
    let whole = Bench::start().await;
    let steps = whole.steps().await.len();
    for cut in 0..steps {
        let bench = Bench::start().await;
        let before = bench.dump().await;
        let first = bench.steps().await;
        let mut undos = bench.carry_out(&first[..cut]).await;
        // The step that was cut off happened, and nobody heard of it.
        let Change::Aws(lost) = &first[cut].change else { panic!() };
        undos.push(lost.way_back(&bench.facts));
        apply(&bench.iam, lost, &bench.facts).await.unwrap();
        undos.extend(bench.carry_out(&bench.steps().await).await);
        assert_eq!(bench.steps().await, [], "cut after {cut}");
        bench.take_back(&undos).await;
        assert_eq!(bench.dump().await, before, "cut after {cut}");
    }
}

#[tokio::test]
async fn what_was_there_before_is_there_again() {
    let bench = Bench::start().await;
    let world = bench.sandbox.world();
    world.put_provider(&bench.facts.issuer, &["another"]);
    bench.carry_out(&bench.steps().await).await;
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "AWS": format!("arn:aws:iam::{}:root", bench.caller.account) } }] });
    world.set_trust_policy(&bench.wish.role, &trust.to_string());
    world.put_role_policy(&bench.wish.role, super::INLINE_POLICY, &json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] }).to_string());
    let before = bench.dump().await;
    let undos = bench.carry_out(&bench.steps().await).await;
    assert_eq!(bench.steps().await, []);
    let changed: Value = serde_json::from_str(&world.role(&bench.wish.role).unwrap().trust_policy).unwrap();
    assert_eq!(changed["Statement"][1], trust["Statement"][0], "what others need stays");
    bench.take_back(&undos).await;
    assert_eq!(bench.dump().await, before);
}

#[tokio::test]
async fn the_documents_of_a_plan_are_looked_at() {
    let bench = Bench::start().await;
    let later = Facts { client_id: None, ..bench.facts.clone() };
    let mut plan = plan(&bench.wish, &later, &bench.now().await, "contoso");
    assert_eq!(looked_at(&bench.analyzer, &bench.caller.account, &plan).await, []);
    // They do say something where there is something to say.
    for step in &mut plan.steps {
        if let Change::Aws(AwsChange::PutPolicy { to, .. }) = &mut step.change {
            to["Statement"][0]["Action"] = json!("s3:GetEverything");
        }
    }
    let found = looked_at(&bench.analyzer, &bench.caller.account, &plan).await;
    assert!(!found.is_empty() && found[0].seen.contains("pintail-places"), "{found:?}");
}
