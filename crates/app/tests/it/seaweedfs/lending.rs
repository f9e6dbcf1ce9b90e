//! Other people's clients on a lent sign-in: each begins its work with one credential of ten seconds and ends it with another.
//!
//! Here all of them get it from the profile that `pintail aws-config` writes, by `credential_process`; in `endpoint`, from `pintail exec`. SeaweedFS refuses a credential
//! that is over, so work that goes on after its end proves that there is a new one; the exchanges are counted besides.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pintail_testkit::bench::Bench;
use pintail_testkit::environment::{Run, TestEnv};
use pintail_testkit::output::Output;
use pintail_testkit::person::Person;
use pintail_testkit::process::{Running, Signal};
use pintail_testkit::proxy::{Faults, Proxy};
use serde_json::Value;

use super::bookmark;
use crate::cloud::{home, sign_in};
use crate::copying::bytes;

mod endpoint;

/// What a connection is slowed down to, in bytes a second: what a client moves takes longer than a credential lives, also where
/// buffers take some of it at once.
const RATE: u64 = (1 << 20) / 3;
/// What it moves, in bytes.
const SIZE: usize = 16 << 20;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A home that is signed in, with the profile `short` for others, and a bucket.
struct Lending {
    bench: Bench,
    env: TestEnv,
    /// Stands before STS: each connection is an exchange.
    sts: Proxy,
    /// Stands before S3 and slows down what comes through.
    slow: Proxy,
    bucket: String,
    first: Value,
    exchanges_before: u64,
}

impl Lending {
    fn begin(bucket: &str) -> Self {
        let bench = Bench::load();
        let mut env = home();
        // What the client would find on a machine at Amazon.
        env.set("AWS_EC2_METADATA_DISABLED", "true");
        let url = &bench.seaweedfs_short().url;
        let sts = Proxy::before(url, Faults::default());
        let rate = Some(RATE);
        let slow = Proxy::before(
            url,
            Faults { bytes_per_second: rate, upload_bytes_per_second: rate, ..Faults::default() },
        );
        bookmark(&env, &bench, "short", bench.seaweedfs_short(), "public", &["--sts-endpoint", &sts.url()]);
        sign_in(&env, "short", &mut Person::new("alice")).succeeded();
        let _ = env.run(["mb", &format!("short:{bucket}")]);
        env.run(["aws-config", "short", "--yes"]).succeeded();
        let first = env.pintail(["credentials", "short"]).stdout_is_secret().output().succeeded().json();
        let exchanges_before = sts.connections();
        Self { bench, env, sts, slow, bucket: bucket.to_owned(), first, exchanges_before }
    }

    /// Prepares a run of a client.
    fn client<A: AsRef<str>>(&self, tool: &str, arguments: impl IntoIterator<Item = A>) -> Run<'_> {
        self.env.program(self.bench.tool(tool), arguments).deadline(PATIENCE)
    }

    /// Writes a folder of files, one megabyte each.
    fn folder(&self) -> Vec<u8> {
        let content = bytes(1 << 20);
        fs::create_dir(self.env.work().join("up")).expect("a folder");
        for number in 0..SIZE >> 20 {
            fs::write(self.env.work().join(format!("up/{number}")), &content).expect("a file");
        }
        content
    }

    /// Asserts that a client ended well, and that the credential it began with did not last for it.
    #[track_caller]
    fn outlived(&self, client: Output) -> Output {
        let client = client.succeeded();
        let end: Timestamp = self.first["Expiration"].as_str().expect("a time").parse().expect("a time");
        #[expect(clippy::disallowed_methods, reason = "the servers of the bench live in real time")]
        let now = Timestamp::now();
        assert!(now > end, "the client was done before the first credential ended");
        assert!(self.sts.connections() > self.exchanges_before, "no further exchange took place");
        client
    }

    /// Asserts that the object arrived whole.
    #[track_caller]
    fn arrived(&self, key: &str, content: &[u8]) {
        self.env.run(["cp", &format!("short:{}/{key}", self.bucket), "down"]).succeeded();
        assert!(fs::read(self.env.work().join("down")).expect("a file") == content, "{key}: the same bytes");
        fs::remove_file(self.env.work().join("down")).expect("a file");
    }
}

/// behaviour: credentials, aws-config
#[test]
fn aws_uploads_across_a_credentials_end() {
    let lending = Lending::begin("it-lent-aws");
    let content = bytes(SIZE);
    fs::write(lending.env.work().join("up"), &content).expect("a file");
    // One part after the other. The tool writes into the section that we wrote, and ours stays ours.
    let set = ["configure", "set", "s3.max_concurrent_requests", "1", "--profile", "short"];
    lending.client("aws", set).output().succeeded();
    let again = lending.env.run(["aws-config", "short", "--yes"]).succeeded();
    assert!(again.stderr.contains("nothing to change"), "{}{}", again.stdout, again.stderr);
    let (target, slow) = (format!("s3://{}/large", lending.bucket), lending.slow.url());
    let copy = ["--profile", "short", "--endpoint-url", &slow, "s3", "cp", "up", &target, "--no-progress"];
    lending.outlived(lending.client("aws", copy).output());
    lending.arrived("large", &content);
}

/// Signs request after request until the first credential is over and another one was seen.
const LOOP: &str = "
import boto3, sys, time
bucket, give_up, seen, end = sys.argv[1], time.time() + 60, {}, None
session = boto3.Session(profile_name='short')
s3 = session.client('s3')
while len(seen) < 2 or time.time() < end + 1:
    s3.put_object(Bucket=bucket, Key=str(len(seen)), Body=b'written')
    seen.setdefault(session.get_credentials().get_frozen_credentials().access_key, time.time())
    end = end or session.get_credentials()._expiry_time.timestamp()
    assert time.time() < give_up, 'never renewed'
print(len(seen))
";

/// behaviour: credentials, aws-config
#[test]
fn boto3_goes_on_across_a_credentials_end() {
    let lending = Lending::begin("it-lent-boto3");
    let output = lending.outlived(lending.client("python", ["-c", LOOP, &lending.bucket]).output());
    assert!(output.stdout.trim().parse::<u32>().is_ok_and(|seen| seen >= 2), "{}", output.stdout);
    lending.arrived("1", b"written");
}

/// behaviour: credentials, aws-config
#[test]
fn rclone_copies_across_a_credentials_end() {
    let lending = Lending::begin("it-lent-rclone");
    let content = lending.folder();
    let target = format!("weed:{}/up", lending.bucket);
    let copy = ["copy", "up", &target, "--transfers", "1", "--bwlimit", "1M", "--retries", "1"];
    let run = lending
        .client("rclone", copy)
        .set("RCLONE_CONFIG_WEED_TYPE", "s3")
        .set("RCLONE_CONFIG_WEED_PROVIDER", "SeaweedFS")
        .set("RCLONE_CONFIG_WEED_ENV_AUTH", "true")
        .set("RCLONE_CONFIG_WEED_PROFILE", "short")
        .set("RCLONE_CONFIG_WEED_ENDPOINT", &lending.bench.seaweedfs_short().url);
    lending.outlived(run.output());
    lending.arrived("up/15", &content);
}

/// behaviour: credentials, aws-config
#[test]
fn s5cmd_copies_across_a_credentials_end() {
    let lending = Lending::begin("it-lent-s5cmd");
    let content = lending.folder();
    let (target, slow) = (format!("s3://{}/up/", lending.bucket), lending.slow.url());
    let copy = ["--endpoint-url", &slow, "--numworkers", "1", "cp", "up/*", &target];
    // Its own option for profiles reads the file of static keys only; the variables of its SDK read ours.
    let run = || lending.client("s5cmd", copy).set("AWS_PROFILE", "short").set("AWS_SDK_LOAD_CONFIG", "1");
    lending.outlived(despite_late_arrivals(|| run().output()));
    lending.arrived("up/15", &content);
}

/// Runs s5cmd until nothing came too late. Its SDK signs until the last moment of a credential, and what arrives a moment after
/// that is refused for good: with ten-second credentials on a busy machine that happens to an object or two.
fn despite_late_arrivals(run: impl Fn() -> Output) -> Output {
    let mut output = run();
    for _ in 0..3 {
        let late = |line: &str| line.is_empty() || line.contains("InvalidAccessKeyId");
        if output.code() == Some(0) || !output.stderr.lines().all(late) {
            break;
        }
        output = run();
    }
    output
}

/// A bucket as a folder.
struct Mount {
    process: Running,
    folder: PathBuf,
}

impl Mount {
    fn begin(lending: &Lending, credential: &Value) -> Self {
        let text = |name: &str| credential[name].as_str().expect("a text").to_owned();
        Self::begin_with(
            lending,
            &[],
            &[
                ("AWS_ACCESS_KEY_ID", text("AccessKeyId")),
                ("AWS_SECRET_ACCESS_KEY", text("SecretAccessKey")),
                ("AWS_SESSION_TOKEN", text("SessionToken")),
            ],
        )
    }

    /// Mounts with further options and these variables.
    fn begin_with(lending: &Lending, more: &[&str], variables: &[(&str, String)]) -> Self {
        let folder = lending.env.work().join("mounted");
        fs::create_dir_all(&folder).expect("a folder");
        let url = format!("url={}", lending.bench.seaweedfs_short().url);
        let place = folder.to_string_lossy().into_owned();
        let options = ["-f", "-o", &url, "-o", "use_path_request_style", "-o", "enable_noobj_cache"];
        let all = [lending.bucket.as_str(), &place].into_iter().chain(options).chain(more.iter().copied());
        let mut run = lending.client("s3fs", all);
        for (name, value) in variables {
            run = run.set(name, value);
        }
        let process = run.start();
        let mount = Self { process, folder };
        let give_up = Instant::now() + PATIENCE;
        while !mount.is_there() {
            assert!(Instant::now() < give_up, "it was never mounted\n{}", mount.process.end_now().block());
            std::thread::yield_now();
        }
        mount
    }

    fn is_there(&self) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
        device(&self.folder).is_some_and(|device_here| Some(device_here) != device(&self.folder.join("..")))
    }

    fn end(self) {
        // Its way to unmount and leave.
        self.process.signal(Signal::TERM);
        let _ = self.process.finish();
    }
}

/// Of variables it takes a credential when it starts and never another one: a mount is as long as its credential, and the next
/// one goes on.
///
/// behaviour: credentials
#[test]
fn s3fs_goes_on_with_the_next_credential_when_it_is_mounted_again() {
    let lending = Lending::begin("it-lent-s3fs");
    let lend =
        || lending.env.pintail(["credentials", "short"]).stdout_is_secret().output().succeeded().json();
    let first = lend();
    let mount = Mount::begin(&lending, &first);
    fs::write(mount.folder.join("file"), "written through a mount").expect("a file");
    mount.end();
    lending.arrived("file", b"written through a mount");
    let give_up = Instant::now() + PATIENCE;
    let second = loop {
        let lent = lend();
        if lent["AccessKeyId"] != first["AccessKeyId"] {
            break lent;
        }
        assert!(Instant::now() < give_up, "never renewed");
    };
    let mount = Mount::begin(&lending, &second);
    assert_eq!(fs::read_to_string(mount.folder.join("file")).expect("a file"), "written through a mount");
    mount.end();
    assert!(lending.sts.connections() > lending.exchanges_before, "no further exchange took place");
}
