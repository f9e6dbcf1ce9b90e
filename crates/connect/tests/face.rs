//! The library face against the sandbox: a person signs in, and other people's S3 code works with it.
#![cfg(all(feature = "aws-sdk", feature = "object-store"))]

use std::error::Error as _;
use std::process::Command;
use std::sync::Arc;

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use futures_util::TryStreamExt;
use object_store::{CredentialProvider, ObjectStore, ObjectStoreExt};
use pintail_connect::face::{CredentialUnavailable, PintailCredentials};
use pintail_connect::{Access, BookmarkName, Connector, Environment, Settings, fresh};
use pintail_core::connection::property;
use pintail_core::credential::StaticCredential;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use pintail_identity::oidc::{
    Browser, BrowserError, Driver, KnownIssuer, Loopback, LoopbackOptions, SignInOptions,
};
use pintail_sandbox::{Options, Sandbox, visitor::Visitor};
use tempfile::TempDir;

/// A person's machine and the cloud it reaches.
struct Stage {
    sandbox: Sandbox,
    connector: Connector,
    name: BookmarkName,
    home: TempDir,
}

/// A person who signs in by themselves, as a real browser in front of one would.
#[derive(Debug)]
struct Played(Arc<Visitor>);

impl Browser for Played {
    fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
        let (visitor, url) = (Arc::clone(&self.0), url.clone());
        tokio::spawn(async move { visitor.sign_in(url.expose()).await.expect("the person signs in") });
        Box::pin(async { Ok(()) })
    }
}

impl Stage {
    async fn set() -> Self {
        let sandbox = Sandbox::start(Options::default()).await.expect("a sandbox");
        let home = tempfile::tempdir().expect("a folder");
        let connector = Connector::new(Environment::in_folder(home.path()));
        let name: BookmarkName = "work".parse().expect("a name");
        let summary = sandbox.summary();
        let authority = url::Url::parse(&summary.issuer).expect("an address").origin().ascii_serialization();
        let settings = Settings {
            custom: vec![
                (property::TENANT, summary.tenant.clone()),
                (property::AUTHORITY, authority),
                (property::CLIENT_ID, summary.client_id.clone()),
                (property::ROLE, summary.role_arn.clone()),
                (property::REGION, summary.region.clone()),
                (property::S3_ENDPOINT, summary.s3_endpoint.clone()),
                (property::STS_ENDPOINT, summary.sts_endpoint.clone()),
            ],
            ..Settings::default()
        };
        connector.add_bookmark(&name, &settings, false).expect("a bookmark");
        Self { sandbox, connector, name, home }
    }

    async fn sign_in(&self) {
        let identity = self.connector.identity(&self.name).await.expect("an identity");
        let person = &self.sandbox.summary().users[0];
        let browser = Played(Arc::new(Visitor::new(&person.username, &person.password)));
        let mut redirect = Loopback::bind(&LoopbackOptions::default()).expect("a port");
        let events = |_: pintail_identity::oidc::Event<'_>| {};
        let driver =
            Driver::new(identity.http.as_ref(), self.connector.clock(), self.connector.random(), &events);
        let options = SignInOptions { scopes: identity.scopes.clone(), ..SignInOptions::default() };
        let mut known = KnownIssuer::default();
        let tokens = driver.sign_in(&identity.client, &options, &mut redirect, &browser, &mut known).await;
        let session = self.connector.role_session(&self.name).await.expect("a session");
        session.session.sign_in(fresh(tokens.expect("a sign-in"))).await.expect("a sign-in that is kept");
    }

    async fn access(&self) -> Access {
        self.connector.access(&self.name).await.expect("an access")
    }

    /// Runs one of this crate's examples, as the person who signed in, and returns what it says.
    async fn example(&self, name: &str, arguments: &[&str]) -> String {
        let tests = std::env::current_exe().expect("a test program");
        // Cargo puts examples beside the folder of test programs.
        let program = tests.ancestors().nth(2).expect("a target folder").join("examples").join(name);
        let program = program.with_extension(std::env::consts::EXE_EXTENSION);
        let mut command = Command::new(&program);
        command.args(arguments).env("PINTAIL_HOME", self.home.path()).env("PINTAIL_KEYCHAIN", "file");
        // Nothing of the machine that runs the tests leads elsewhere.
        for foreign in ["AWS_CA_BUNDLE", "PINTAIL_CA_BUNDLE"] {
            command.env_remove(foreign);
        }
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        // The sandbox answers on this thread.
        let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic");
        let ended = ended.unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(ended.status.success(), "{name}: {}", said(&ended.stderr));
        said(&ended.stdout)
    }

    /// The same place for somebody without a credential.
    async fn anonymous(&self) -> PintailCredentials {
        let access = self.access().await;
        let mut connection = access.connection.as_ref().clone();
        connection.way = pintail_core::connection::Way::Anonymous;
        let source = Arc::new(StaticCredential::anonymous());
        Access::of_source(access.name, Arc::new(connection), source).into()
    }
}

fn unavailable<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a CredentialUnavailable {
    error.source().and_then(|source| source.downcast_ref()).expect("our error as its source")
}

// behaviour: library
#[tokio::test]
async fn object_store_works_with_the_sign_in_and_with_its_renewal() {
    let stage = Stage::set().await;
    stage.sign_in().await;
    let bucket = stage.sandbox.world().buckets().remove(0);
    let credentials = PintailCredentials::from(stage.access().await);
    let store = credentials.amazon_s3(&bucket).expect("a bucket").build().expect("a store");

    let path = object_store::path::Path::parse("face/grüße & co.txt").expect("a path");
    store.put(&path, "hello".into()).await.expect("an upload");
    assert_eq!(
        stage.sandbox.world().object(&bucket, "face/grüße & co.txt").as_deref(),
        Some(b"hello".as_slice())
    );
    let listed: Vec<_> = store.list(None).try_collect().await.expect("a listing");
    let mut listed: Vec<_> = listed.iter().map(|object| object.location.to_string()).collect();
    let mut there = stage.sandbox.world().keys(&bucket);
    listed.sort();
    there.sort();
    assert_eq!(listed, there);

    // A provider that kept a credential of its own would go on with the one that is over.
    let before = credentials.credential().await.expect("a credential");
    stage.sandbox.world().expire_sessions();
    store.head(&path).await.expect_err("the credential is over");
    credentials.access().source.refused(&before);
    store.head(&path).await.expect("a new credential");
    stage.sandbox.stop().await;
}

#[tokio::test]
async fn the_sdk_gets_the_credential_its_end_and_no_text_of_it() {
    let stage = Stage::set().await;
    stage.sign_in().await;
    let credentials = PintailCredentials::from(stage.access().await);
    let ours = credentials.credential().await.expect("a credential");
    let given = credentials.provide_credentials().await.expect("a credential");
    let theirs = credentials.get_credential().await.expect("a credential");
    let token = ours.session_token.as_ref().map(Secret::expose);
    assert_eq!(given.access_key_id(), ours.access_key_id);
    assert_eq!(given.secret_access_key(), ours.secret_access_key.expose());
    assert_eq!((given.session_token(), theirs.token.as_deref()), (token, token));
    assert_eq!(theirs.secret_key, ours.secret_access_key.expose());
    let end = given.expiry().expect("an end").duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let ours_end = ours.expires_at.expect("an end").as_second();
    assert_eq!(i64::try_from(end.as_secs()).expect("a time"), ours_end);

    // The SDK keeps a provider across threads.
    let shared: Arc<dyn ProvideCredentials> = Arc::new(credentials.clone());
    let text = format!("{shared:?} {credentials:?} {given:?} {theirs:?}");
    for secret in [ours.secret_access_key.expose(), token.expect("a temporary credential")] {
        assert!(!text.contains(secret), "{text}");
    }
    stage.sandbox.stop().await;
}

// behaviour: library
#[tokio::test]
async fn without_a_sign_in_nobody_goes_on_with_another_credential() {
    let stage = Stage::set().await;
    let credentials = PintailCredentials::from(stage.access().await);
    let error = credentials.provide_credentials().await.expect_err("nobody is signed in");
    // "Not loaded" would let a chain of providers go on.
    assert!(matches!(error, CredentialsError::ProviderError(_)), "{error:?}");
    assert!(unavailable(&error).needs_sign_in());
    let mut chain = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push(cause.to_string());
        next = cause.source();
    }
    assert!(chain.iter().any(|text| text == "bookmark work has no credential"), "{chain:?}");

    let error = credentials.get_credential().await.expect_err("nobody is signed in");
    assert!(matches!(error, object_store::Error::Unauthenticated { .. }), "{error:?}");
    assert!(unavailable(&error).needs_sign_in());
    stage.sandbox.stop().await;
}

#[tokio::test]
async fn anonymous_access_has_no_credential_but_a_store() {
    let stage = Stage::set().await;
    let credentials = stage.anonymous().await;
    let error = credentials.provide_credentials().await.expect_err("there is none");
    assert!(matches!(error, CredentialsError::InvalidConfiguration(_)), "{error:?}");
    assert!(matches!(unavailable(&error), CredentialUnavailable::Anonymous { .. }));
    assert!(!unavailable(&error).needs_sign_in());
    let error = credentials.get_credential().await.expect_err("there is none");
    assert!(matches!(unavailable(&error), CredentialUnavailable::Anonymous { .. }), "{error:?}");

    let bucket = stage.sandbox.summary().public_bucket.clone();
    let store = credentials.amazon_s3(&bucket).expect("a bucket").build().expect("a store");
    let listed: Vec<_> = store.list(None).try_collect().await.expect("a public listing");
    assert_eq!(listed.len(), stage.sandbox.world().keys(&bucket).len());
    assert!(credentials.amazon_s3("Not/A/Bucket").is_err());
    stage.sandbox.stop().await;
}

#[tokio::test]
async fn the_examples_do_what_they_say() {
    let stage = Stage::set().await;
    stage.sign_in().await;
    let bucket = stage.sandbox.world().buckets().remove(0);
    let key = "face/listed-by-the-example";
    assert!(stage.sandbox.world().put_object(&bucket, key, "hello"));
    let listed = stage.example("object_store", &["work", &bucket]).await;
    assert!(listed.lines().any(|line| line.trim() == format!("5 {key}")), "{listed}");
    assert_eq!(listed.lines().count(), stage.sandbox.world().keys(&bucket).len());

    let ours = PintailCredentials::from(stage.access().await).credential().await.expect("a credential");
    let shown = stage.example("aws_sdk", &["work"]).await;
    // The very credential that this process has: one exchange serves both.
    assert!(shown.contains(&ours.access_key_id), "{shown}");
    assert!(!shown.contains(ours.secret_access_key.expose()), "{shown}");
    stage.sandbox.stop().await;
}

#[test]
fn opening_can_be_done_on_any_thread() {
    fn sent<T: Send>(_: &T) {}
    sent(&PintailCredentials::open("work"));
}
