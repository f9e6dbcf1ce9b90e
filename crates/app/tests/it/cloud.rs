//! The sandbox in this process and a home for the binary that points to it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pintail_sandbox::visitor::Visitor;
use pintail_sandbox::{Options, Sandbox, Service, Summary};
use pintail_testkit::environment::TestEnv;
use pintail_testkit::output::Output;
use pintail_testkit::person::Person;
use pintail_testkit::record;
use tokio::runtime::Runtime;

/// A small cloud and a home.
pub(crate) struct Cloud {
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    pub(crate) env: TestEnv,
}

/// Returns an empty home for the binary, with the encrypted file as its keychain: tests do not touch the machine's own.
pub(crate) fn home() -> TestEnv {
    let mut env = TestEnv::new(PathBuf::from(env!("CARGO_BIN_EXE_pintail")));
    env.set("PINTAIL_KEYCHAIN", "file");
    env
}

impl Cloud {
    /// Starts a sandbox with the usual world, and adds the bookmark `lab` for it.
    pub(crate) fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a sandbox of its own kind.
    pub(crate) fn start_with(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let sandbox = runtime.block_on(Sandbox::start(options)).expect("a sandbox");
        let cloud = Self { runtime, sandbox: Some(sandbox), env: home() };
        cloud.bookmark("lab", &[]);
        cloud
    }

    /// Starts a sandbox and signs Alice in to `lab`.
    pub(crate) fn signed_in() -> Self {
        let cloud = Self::start();
        cloud.sign_in("lab", 0);
        cloud
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.sandbox.as_ref().expect("taken on drop only")
    }

    pub(crate) fn summary(&self) -> &Summary {
        self.sandbox().summary()
    }

    /// Returns the address of the issuer without its path.
    pub(crate) fn authority(&self) -> String {
        let url: url::Url = self.summary().issuer.parse().expect("an address");
        url.origin().ascii_serialization()
    }

    /// Adds a bookmark for this cloud. Options in `more` come last and win.
    pub(crate) fn bookmark(&self, name: &str, more: &[&str]) -> Output {
        let summary = self.summary();
        let authority = self.authority();
        let mut arguments = vec!["bookmark", "add", name, "--force"];
        let defaults = [
            ("--tenant", summary.tenant.as_str()),
            ("--authority", &authority),
            ("--client-id", &summary.client_id),
            ("--role-arn", &summary.role_arn),
            ("--region", &summary.region),
            ("--endpoint", &summary.s3_endpoint),
            ("--sts-endpoint", &summary.sts_endpoint),
        ];
        for (option, value) in defaults {
            if !more.contains(&option) {
                arguments.extend([option, value]);
            }
        }
        arguments.extend(more);
        self.env.run(arguments).succeeded()
    }

    /// Returns the person of that number: 0 is Alice, who may do everything.
    pub(crate) fn person(&self, number: usize) -> Person {
        let user = &self.summary().users[number];
        Person::new(&user.username).with_password(&user.password)
    }

    /// Has a person open the address, sign in, and press "Cancel" wherever there is such a button.
    pub(crate) fn decline(&self, url: &str, number: usize) {
        let user = &self.summary().users[number];
        let visitor = Visitor::new(&user.username, &user.password).declining();
        self.runtime.block_on(visitor.sign_in(url)).expect("the answer arrives");
    }

    /// Signs a person in to a bookmark.
    pub(crate) fn sign_in(&self, bookmark: &str, person: usize) -> Output {
        sign_in(&self.env, bookmark, &mut self.person(person))
    }

    /// Waits until the sandbox has seen so many calls of an operation.
    pub(crate) fn wait_for(&self, service: Service, operation: &str, count: usize) {
        let end = Instant::now() + Duration::from_secs(30);
        while self.sandbox().recorder().count(service, operation) < count {
            assert!(Instant::now() < end, "no {operation} came");
            std::thread::yield_now();
        }
    }

    /// Returns the bytes of an object, as the service has them.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<bytes::Bytes> {
        self.sandbox().world().object(bucket, key)
    }

    /// Returns the name of the first bucket.
    pub(crate) fn bucket(&self) -> String {
        self.sandbox().world().buckets().remove(0)
    }
}

/// Signs a person in to a bookmark of a home, by the loopback redirect and without a browser.
pub(crate) fn sign_in(env: &TestEnv, bookmark: &str, person: &mut Person) -> Output {
    let mut login = env.pintail(["login", bookmark, "--no-browser", "--json"]).start();
    // A login that fails before it has an address to open says so and ends.
    while let Some(line) = login.next_line() {
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON lines");
        if event["event"] == "open" {
            // Where the listener refuses what the issuer sends, the command itself says why.
            let _ = person.sign_in(event["url"].as_str().expect("an address"));
            break;
        }
    }
    login.finish()
}

impl Drop for Cloud {
    fn drop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            for secret in sandbox.recorder().secrets() {
                record::secret("sandbox", &secret);
            }
            self.runtime.block_on(sandbox.stop());
        }
    }
}
