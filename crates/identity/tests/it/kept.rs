//! Real processes that share a credential in a keychain: a source's own, and one that must last.

use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pintail_core::credential::CredentialSource;
use pintail_core::retry::Schedule;
use pintail_core::seam::ManualClock;
use pintail_core::secret::Secret;
use pintail_identity::keychain::FileKeychain;
use pintail_identity::source::{
    AssumeRole, AssumeRoleConfig, ProviderContext, RenewingSource, entry_name, keys,
};
use pintail_identity::sts::{EndpointChoice, StsEndpoint};

use super::fakes::START;
use super::processes::{Home, Loopback, PORT_FILE, SystemRandom, said, session};

/// The port of the parent, if this process is a child.
fn parent() -> Option<u16> {
    std::fs::read_to_string(PORT_FILE).ok().map(|port| port.parse().unwrap())
}

fn later(hours: i64) -> Timestamp {
    START.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

fn role_source(folder: &Path, port: u16) -> RenewingSource {
    let url = format!("http://127.0.0.1:{port}/sts").parse().unwrap();
    let context = ProviderContext {
        http: Arc::new(Loopback),
        clock: Arc::new(ManualClock::new(later(0))),
        random: Arc::new(SystemRandom),
    };
    let request = AssumeRoleConfig {
        endpoint: StsEndpoint::new(&EndpointChoice::Custom(url), &"eu-central-1".parse().unwrap()).unwrap(),
        role: "arn:aws:iam::123456789012:role/R".parse().unwrap(),
        session_name: "pintail".parse().unwrap(),
        external_id: None,
        duration: None,
        policy: None,
        policy_arns: vec![],
        source_identity: None,
        tags: vec![],
        schedule: Schedule::INTERACTIVE,
    };
    let base = keys::keys("AKIAEXAMPLE", &Secret::new("secret"), None).unwrap();
    let provider = AssumeRole::new(context.clone(), base, request, None).unwrap();
    let keychain = Arc::new(FileKeychain::new(folder.join("data"), folder.join("state")));
    let entry = entry_name("role", &["AKIAEXAMPLE"]);
    RenewingSource::with_keychain(Arc::new(provider), context, keychain, entry, folder.join("locks"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_processes_share_one_session_of_a_role() {
    if let Some(port) = parent() {
        let credential = role_source(Path::new("."), port).credential().await.unwrap().unwrap();
        println!("child got {}", credential.access_key_id);
        return;
    }
    let home = Home::new().await;
    let test = "kept::twenty_processes_share_one_session_of_a_role";
    let children: Vec<Child> = (0..20).map(|_| home.child_of(test)).collect();
    for child in children {
        assert_eq!(said(child).await, "ASIA0001");
    }
    assert_eq!(home.asked(), (0, 1));
}

// behaviour: lent-life
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_processes_that_need_more_life_make_one_exchange() {
    let min_life = Duration::from_secs(20 * 3600);
    if let Some(port) = parent() {
        let session = session(Path::new("."), port, later(90));
        let credential = session.current_credential_for(min_life).await.unwrap();
        println!("child got {}", credential.access_key_id);
        return;
    }
    let home = Home::new().await;
    let port = std::fs::read_to_string(home.folder.path().join(PORT_FILE)).unwrap().parse().unwrap();
    let first = session(home.folder.path(), port, later(0)).current_credential_for(min_life).await.unwrap();
    assert_eq!(first.access_key_id, "ASIA0001");
    let test = "kept::fifty_processes_that_need_more_life_make_one_exchange";
    let children: Vec<Child> = (0..50).map(|_| home.child_of(test)).collect();
    for child in children {
        assert_eq!(said(child).await, "ASIA0002");
    }
    assert_eq!(home.asked(), (2, 2));
}
