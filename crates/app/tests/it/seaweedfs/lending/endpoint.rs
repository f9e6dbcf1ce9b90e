//! Other people's clients at the credential endpoint: under `pintail exec`, each goes on across the end of its first credential.

use std::fs;
use std::process::Command;
use std::time::Instant;

use pintail_testkit::environment::Run;
use pintail_testkit::process::Signal;

use super::{Lending, Mount, PATIENCE, SIZE, despite_late_arrivals};
use crate::copying::bytes;

impl Lending {
    /// Prepares a run of a client under `pintail exec`. It has no profile to look at unless the options say so.
    fn exec(&self, options: &[&str], tool: &str, arguments: &[&str]) -> Run<'_> {
        let tool = self.bench.tool(tool).to_string_lossy().into_owned();
        let command = ["--", tool.as_str()];
        let all = ["exec", "short"].iter().chain(options).chain(&command).chain(arguments);
        self.env.pintail(all).deadline(PATIENCE)
    }
}

/// behaviour: exec
#[test]
fn aws_uploads_under_exec_across_a_credentials_end() {
    let lending = Lending::begin("it-exec-aws");
    let content = bytes(SIZE);
    fs::write(lending.env.work().join("up"), &content).expect("a file");
    // One part after the other. A default section without keys is no harm to the endpoint.
    let set = ["configure", "set", "default.s3.max_concurrent_requests", "1"];
    lending.client("aws", set).output().succeeded();
    let (target, slow) = (format!("s3://{}/large", lending.bucket), lending.slow.url());
    let copy = ["--endpoint-url", &slow, "s3", "cp", "up", &target, "--no-progress"];
    lending.outlived(lending.exec(&["--keep-aws-config"], "aws", &copy).output());
    lending.arrived("large", &content);
}

/// Signs request after request until the first credential is over and another one was seen.
const LOOP: &str = "
import boto3, sys, time
bucket, give_up, seen, end = sys.argv[1], time.time() + 60, {}, None
session = boto3.Session()
s3 = session.client('s3')
while len(seen) < 2 or time.time() < end + 1:
    s3.put_object(Bucket=bucket, Key=str(len(seen)), Body=b'written')
    seen.setdefault(session.get_credentials().get_frozen_credentials().access_key, time.time())
    end = end or session.get_credentials()._expiry_time.timestamp()
    assert time.time() < give_up, 'never renewed'
print(session.get_credentials().method, len(seen))
";

/// behaviour: exec
#[test]
fn boto3_goes_on_under_exec_across_a_credentials_end() {
    let lending = Lending::begin("it-exec-boto3");
    let output = lending.outlived(lending.exec(&[], "python", &["-c", LOOP, &lending.bucket]).output());
    let seen = output.stdout.trim().strip_prefix("container-role ").and_then(|seen| seen.parse::<u32>().ok());
    assert!(seen.is_some_and(|seen| seen >= 2), "{}", output.stdout);
    lending.arrived("1", b"written");
}

/// behaviour: exec
#[test]
fn rclone_copies_under_exec_across_a_credentials_end() {
    let lending = Lending::begin("it-exec-rclone");
    let content = lending.folder();
    let endpoint = &lending.bench.seaweedfs_short().url;
    let remote = format!("[weed]\ntype = s3\nprovider = SeaweedFS\nenv_auth = true\nendpoint = {endpoint}\n");
    fs::write(lending.env.work().join("rclone.conf"), remote).expect("a file");
    let target = format!("weed:{}/up", lending.bucket);
    let copy = ["--config", "rclone.conf", "copy", "up", &target, "--transfers", "1"];
    let more = ["--bwlimit", "1M", "--retries", "1"];
    lending.outlived(lending.exec(&[], "rclone", &[&copy[..], &more].concat()).output());
    lending.arrived("up/15", &content);
}

/// behaviour: exec
#[test]
fn s5cmd_copies_under_exec_across_a_credentials_end() {
    let lending = Lending::begin("it-exec-s5cmd");
    let content = lending.folder();
    let (target, slow) = (format!("s3://{}/up/", lending.bucket), lending.slow.url());
    let copy = ["--endpoint-url", &slow, "--numworkers", "1", "cp", "up/*", &target];
    lending.outlived(despite_late_arrivals(|| lending.exec(&[], "s5cmd", &copy).output()));
    lending.arrived("up/15", &content);
}

/// Asks until it is refused, and says with what words.
const UNTIL_REFUSED: &str = "
import boto3, subprocess, sys, time
pintail, aws, bucket, give_up = *sys.argv[1:4], time.time() + 60
s3 = boto3.Session().client('s3')
s3.list_objects_v2(Bucket=bucket)
subprocess.run([pintail, 'logout', 'short'], check=True, stdout=subprocess.DEVNULL)
while True:
    assert time.time() < give_up, 'never refused'
    try:
        s3.list_objects_v2(Bucket=bucket)
    except Exception as refused:
        print('boto3:', str(refused).replace('\\n', ' '))
        break
cli = subprocess.run([aws, 's3', 'ls'], capture_output=True, text=True)
assert cli.returncode != 0
print('aws:', cli.stderr.replace('\\n', ' '))
";

/// behaviour: exec, serve-credentials
#[test]
fn clients_say_what_to_do_when_the_sign_in_is_over() {
    let lending = Lending::begin("it-exec-over");
    let aws = lending.bench.tool("aws").to_string_lossy().into_owned();
    let script = ["-c", UNTIL_REFUSED, env!("CARGO_BIN_EXE_pintail"), &aws, &lending.bucket];
    let output = lending.exec(&[], "python", &script).output().succeeded();
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", output.stdout);
    for (line, client) in lines.into_iter().zip(["boto3: ", "aws: "]) {
        assert!(line.starts_with(client) && line.contains("pintail login short"), "{line}");
    }
}

/// The address of Amazon's container agent, on this machine's own loopback interface for as long as a test needs it.
struct AgentAddress {
    ours: bool,
}

impl AgentAddress {
    const ADDRESS: &str = "169.254.170.2/32";

    fn take() -> Self {
        let there = Command::new("ip").args(["-o", "addr", "show", "dev", "lo"]).output().expect("ip runs");
        if String::from_utf8_lossy(&there.stdout).contains(Self::ADDRESS) {
            return Self { ours: false };
        }
        let added = Command::new("ip").args(["addr", "add", Self::ADDRESS, "dev", "lo"]).output();
        let added = added.expect("ip runs");
        let why = String::from_utf8_lossy(&added.stderr).into_owned();
        assert!(added.status.success(), "putting {} on lo takes root: {why}", Self::ADDRESS);
        Self { ours: true }
    }
}

impl Drop for AgentAddress {
    fn drop(&mut self) {
        if self.ours {
            let _ = Command::new("ip").args(["addr", "del", Self::ADDRESS, "dev", "lo"]).output();
        }
    }
}

/// It knows no other endpoint than the one at Amazon's fixed address, and sends no token there.
///
/// behaviour: serve-credentials
#[test]
fn one_mount_of_s3fs_goes_on_across_a_credentials_end() {
    let lending = Lending::begin("it-link-s3fs");
    let _address = AgentAddress::take();
    let serve = ["serve-credentials", "short", "--link-local", "--json"];
    let mut serving = lending.env.pintail(serve).stdout_is_secret().start();
    let ready = serving.next_event("ready");
    let variable = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
    let path = ready["bookmarks"][0]["variables"][variable].as_str().expect("a path").to_owned();
    lending.env.secret("endpoint token", path.split('/').nth(1).expect("a token in the path"));

    let mount = Mount::begin_with(&lending, &["-o", "ecs"], &[(variable, path)]);
    fs::write(mount.folder.join("before"), "written with the first credential").expect("a file");
    // Two more exchanges: the credential that the mount began with is over, and so is the one after it.
    let (give_up, wanted) = (Instant::now() + PATIENCE, lending.sts.connections() + 2);
    let mut number = 0;
    while lending.sts.connections() < wanted {
        assert!(Instant::now() < give_up, "the mount asked for no further credential");
        fs::write(mount.folder.join("meanwhile"), format!("{number}")).expect("a file");
        number += 1;
    }
    fs::write(mount.folder.join("after"), "written with a later one").expect("a file");
    let before = fs::read_to_string(mount.folder.join("before")).expect("a file");
    assert_eq!(before, "written with the first credential");
    mount.end();
    serving.signal(Signal::TERM);
    serving.finish().exited(0);
    lending.arrived("after", b"written with a later one");
    lending.arrived("meanwhile", format!("{}", number - 1).as_bytes());
}
