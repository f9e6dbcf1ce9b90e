//! The demo: the product's main job, from sign-in to bytes and back, on the small cloud inside this program.
//!
//! It uses the same operations as every command; only the person at the browser is played. State lives in a temporary folder.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use pintail_core::address::{Address, Place};
use pintail_core::name::BookmarkName;
use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use pintail_identity::oidc::{Browser, BrowserError};
use pintail_sandbox::{Sandbox, visitor::Visitor};
use pintail_transfer::entry::Entry as TransferEntry;
use pintail_transfer::execute::{Progress, StepEnd};
use pintail_transfer::prepare::Answer;
use tempfile::TempDir;

use super::list::{self, Entry};
use super::sandbox::{settings, start};
use super::sign_in::{self, Event, Method, Options, Talk, Who};
use super::transfer::options::Options as TransferOptions;
use super::transfer::{self, Ended, Face, Labels, Request, Told, Verb};
use super::{App, Error};
use pintail_connect::Settings;
use pintail_connect::{Environment, Folders};

/// Something that was done.
#[derive(Debug)]
pub(crate) struct Step {
    /// What, in a few words.
    pub(crate) title: &'static str,
    /// What was seen.
    pub(crate) seen: Vec<String>,
    /// What that proves.
    pub(crate) proves: &'static str,
}

/// Large enough to travel in parts, small enough to wait for.
const FILE_BYTES: usize = 20 << 20;

/// Runs the demo and gives each step to `sink` when it is done.
pub(crate) async fn run(
    app: &App,
    sink: &mut (dyn FnMut(Step) -> io::Result<()> + Send),
) -> Result<(), Error> {
    let home = tempfile::Builder::new()
        .prefix("pintail-demo-")
        .tempdir()
        .map_err(|source| Error::local("make a folder in", &std::env::temp_dir(), source))?;
    let sandbox = start(0, false, None).await?;
    let stage = Stage { app: App::new(surroundings(app.environment(), &home)), home, sandbox };
    let outcome = stage.play(sink).await;
    stage.sandbox.stop().await;
    outcome
}

/// Returns the surroundings of the demo: state in a folder of its own, nothing in the person's keychain.
fn surroundings(real: &Environment, home: &TempDir) -> Environment {
    let at = |name: &str| home.path().join(name);
    Environment {
        folders: Folders {
            config: at("config"),
            state: at("state"),
            data: at("data"),
            runtime: at("run"),
            ..real.folders.clone()
        },
        default_bookmark: None,
        https_proxy: None,
        http_proxy: None,
        ca_bundle: None,
        keychain: Some("file".to_owned()),
        ..real.clone()
    }
}

struct Stage {
    app: App,
    home: TempDir,
    sandbox: Sandbox,
}

impl Stage {
    async fn play(&self, sink: &mut (dyn FnMut(Step) -> io::Result<()> + Send)) -> Result<(), Error> {
        let lab: BookmarkName = "demo".parse()?;
        let mut tell = |step: Step| sink(step).map_err(Error::Stdio);
        tell(self.cloud())?;
        let who = self.sign_in(&lab, settings(self.sandbox.summary())).await?;
        tell(self.signed_in(&who))?;
        tell(exchanged(&who))?;
        tell(self.list(&lab).await?)?;
        tell(self.there_and_back(&lab).await?)?;
        tell(self.renew(&lab).await?)?;
        tell(self.refuse().await?)?;
        tell(self.sign_out(&lab).await?)
    }

    fn cloud(&self) -> Step {
        let summary = self.sandbox.summary();
        Step {
            title: "A small cloud on this machine",
            seen: vec![
                format!("issuer {}", summary.issuer),
                format!("STS, IAM and S3 {}", summary.s3_endpoint),
                format!("role {}", summary.role_arn),
            ],
            proves: "an Entra-like issuer, IAM, STS and S3 run inside this program; nothing outside is asked",
        }
    }

    async fn sign_in(&self, name: &BookmarkName, settings: Settings) -> Result<Who, Error> {
        self.app.add_bookmark(name, &settings, false)?;
        let alice = &self.sandbox.summary().users[0];
        let browser = Played(Arc::new(Visitor::new(&alice.username, &alice.password)));
        let options = Options {
            method: Method::Redirect,
            open_browser: false,
            account: None,
            fresh: false,
            trust: false,
            timeout: Duration::from_secs(60),
        };
        sign_in::sign_in_with(&self.app, name, options, &browser, &Silent).await
    }

    fn signed_in(&self, who: &Who) -> Step {
        let name = &self.sandbox.summary().users[0].name;
        Step {
            title: "Sign-in",
            seen: vec![
                format!(
                    "{name} typed name and password into the issuer's page; the answer came back to this machine"
                ),
                format!("the ID token says {}", who.person.as_deref().unwrap_or("nothing")),
            ],
            proves: "OpenID Connect with PKCE; signature, issuer, audience, nonce and tenant of the token were checked",
        }
    }

    async fn list(&self, name: &BookmarkName) -> Result<Step, Error> {
        let address: Address = format!("{name}:").parse()?;
        let mut seen = Vec::new();
        list::list(&self.app, &address, false, &mut |entry| {
            if let Entry::Bucket(bucket) = entry {
                seen.push(bucket.name.to_string());
            }
            Ok(())
        })
        .await?;
        Ok(Step {
            title: "Buckets",
            seen: vec![seen.join(", ")],
            proves: "the temporary credential signs requests that S3 accepts",
        })
    }

    async fn there_and_back(&self, name: &BookmarkName) -> Result<Step, Error> {
        let mut content = vec![0; FILE_BYTES];
        self.app.random().fill(&mut content);
        let (up, down) = (self.home.path().join("photo.raw"), self.home.path().join("photo-again.raw"));
        fs::write(&up, &content).map_err(|source| Error::local("write", &up, source))?;
        let bucket = self.sandbox.world().buckets().remove(0);
        let there: Place = format!("{name}:{bucket}/demo/photo.raw").parse()?;
        let mut by_checksum = true;
        for (from, to) in [(Place::Local(up), there.clone()), (there, Place::Local(down.clone()))] {
            let report = self.copy(from, to).await?.report?;
            by_checksum &= report.proved == report.done;
            if let Some(error) = report.first_failure {
                return Err(error.into());
            }
        }
        let back = fs::read(&down).map_err(|source| Error::local("read", &down, source))?;
        if back != content {
            return Err(Error::Different { what: "the demo's file".into() });
        }
        Ok(Step {
            title: "20 MiB to S3 and back",
            seen: vec![
                "up in parts, each with a checksum that S3 checked; down in ranges".into(),
                format!(
                    "compared byte by byte: the same{}",
                    if by_checksum { "; and S3's own checksum of the whole agrees" } else { "" }
                ),
            ],
            proves: "what was sent is what is stored, and what is stored is what came back",
        })
    }

    async fn copy(&self, from: Place, to: Place) -> Result<Ended, Error> {
        let request = Request {
            verb: Verb::Cp,
            sources: vec![from],
            target: Some(to),
            recursive: false,
            options: TransferOptions::default(),
        };
        let planned = transfer::plan(&self.app, request, None, &Unseen).await?;
        transfer::carry_out(&self.app, planned, &Unseen).await
    }

    async fn renew(&self, name: &BookmarkName) -> Result<Step, Error> {
        self.sandbox.world().expire_sessions();
        self.list(name).await?;
        Ok(Step {
            title: "The credential ends",
            seen: vec![
                "S3 said ExpiredToken; a new credential was fetched, and the request sent again".into(),
            ],
            proves: "work goes on when a credential ends, without a second sign-in",
        })
    }

    /// Narrows the session to reading, and tries to write.
    async fn refuse(&self) -> Result<Step, Error> {
        let name: BookmarkName = "demo-read-only".parse()?;
        let narrow = Settings { read_only: true, ..settings(self.sandbox.summary()) };
        self.sign_in(&name, narrow).await?;
        let bucket = self.sandbox.world().buckets().remove(0);
        let file = self.home.path().join("photo.raw");
        let report =
            self.copy(Place::Local(file), format!("{name}:{bucket}/demo/forbidden").parse()?).await?.report?;
        let refused = report.first_failure.map(|error| error.to_string());
        let Some(refused) =
            refused.filter(|_| self.sandbox.world().object(&bucket, "demo/forbidden").is_none())
        else {
            return Err(Error::Different { what: "the permission of a read-only session".into() });
        };
        Ok(Step {
            title: "A read-only session",
            seen: vec![refused],
            proves: "`--read-only` narrows the session at STS: whoever holds the credential cannot write with it",
        })
    }

    async fn sign_out(&self, name: &BookmarkName) -> Result<Step, Error> {
        sign_in::sign_out(&self.app, name, false).await?;
        let left = match sign_in::who_am_i(&self.app, name).await {
            Err(error) if error.no_credential().is_some() => "no sign-in is left".to_owned(),
            Err(error) => return Err(error),
            Ok(_) => return Err(Error::Different { what: "the sign-in after its removal".into() }),
        };
        Ok(Step {
            title: "Sign-out",
            seen: vec![left],
            proves: "tokens and credentials are gone from this machine",
        })
    }
}

fn exchanged(who: &Who) -> Step {
    let left = who.until.map(|until| until.duration_since(who.now).as_secs() / 60).unwrap_or_default();
    Step {
        title: "Exchange",
        seen: vec![format!("role {} of account {}, for {left} minutes", who.role.role_name(), who.account)],
        proves: "STS fetched the issuer's keys, checked the token, and the role's trust policy admits it",
    }
}

/// A person who signs in without being shown.
#[derive(Debug)]
struct Played(Arc<Visitor>);

impl Browser for Played {
    fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
        let (visitor, url) = (Arc::clone(&self.0), url.clone());
        // As a real browser, it goes on by itself while the sign-in waits for its answer.
        tokio::spawn(async move {
            if let Err(error) = visitor.sign_in(url.expose()).await {
                tracing::warn!(%error, "the person of the demo could not sign in");
            }
        });
        Box::pin(async { Ok(()) })
    }
}

/// Nobody to talk to.
struct Silent;

impl Talk for Silent {
    fn event(&self, _event: Event<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Nobody who watches: what came of a copy is in its report.
struct Unseen;

impl Face for Unseen {
    fn seen(&self, _entries: u64) {}
    fn ask(&self, _names: &Labels, _source: &TransferEntry, _target: &TransferEntry) -> Answer {
        Answer::Skip
    }
    fn ended(&self, _told: Told<'_>, _end: &StepEnd) {}
    fn bytes(&self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
    fn tick(&self, _progress: &Progress) {}
}
