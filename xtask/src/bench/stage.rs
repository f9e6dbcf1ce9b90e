//! Where measuring takes place: servers, lines in front of them, a home for pintail, and what is needed to fill and empty them.
//!
//! Everything ends when the stage is dropped, also after an interrupt; its folder goes with it. Filling and proving goes past
//! the lines: by orders to the answering peer, and by s5cmd on SeaweedFS, which is nobody's client of ours.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use pintail_testkit::bench::Issuer;
use tempfile::TempDir;

use super::contestants::{BUCKET, Keys, Place};
use super::line::check::{self, Checked};
use super::wire::Counts;
use super::work::Work;
use crate::process::{self, Server};
use crate::seaweedfs::{self, Settings, free_ports};
use crate::tools::Tools;

/// The rate of a line, in megabits a second.
pub(crate) const LINE_MBIT_PER_S: u64 = 1000;

const PATIENCE: Duration = Duration::from_secs(30);

/// What SeaweedFS may keep of deleted objects, in memory more often than not.
const SENT_MAX_BYTES: u64 = 2 << 30;

/// When all files of the bench were written, as they say, in seconds since 1970: in November 2023.
const OLD_S: u64 = 1_700_000_000;

/// A server that is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Answerer,
    SeaweedFs,
    /// The sandbox of pintail itself, to see what it costs beside the answering peer.
    Sandbox,
}

impl Peer {
    /// All, by name.
    pub(crate) const ALL: [(&'static str, Self); 3] =
        [("answerer", Self::Answerer), ("seaweedfs", Self::SeaweedFs), ("sandbox", Self::Sandbox)];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answerer => "answerer",
            Self::SeaweedFs => "seaweedfs",
            Self::Sandbox => "sandbox",
        }
    }
}

/// A place, and what counts the requests there.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) peer: Peer,
    pub(crate) place: Place,
    line_counts: Option<u16>,
    /// The processes that serve there, lines included.
    processes: Vec<u32>,
}

/// A server that answers to S3.
#[derive(Debug, Clone)]
struct Upstream {
    url: String,
    keys: Keys,
    region: String,
    process: u32,
}

/// The servers, and a folder for everything.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    // Lines end before servers, and servers before their folder goes.
    lines: Vec<Server>,
    servers: Vec<Server>,
    folder: TempDir,
    tools: &'a Tools,
    pintail: PathBuf,
    /// A release build of this program, which is the peer, the line and what measures.
    pub(crate) xtask: PathBuf,
    answerer: u16,
    /// Where SeaweedFS tells what it counted, and what it had counted when that was asked last.
    metrics: Option<(u16, Counts)>,
    upstreams: BTreeMap<Peer, Upstream>,
    /// What was sent to SeaweedFS since its bucket was made: it keeps the bytes of what is deleted.
    sent_bytes: u64,
    runs: u64,
}

impl<'a> Stage<'a> {
    /// Starts the servers. The answering peer always runs: it also says who one is when pintail takes a key.
    pub(crate) fn set(
        tools: &'a Tools,
        pintail: &Path,
        xtask: &Path,
        below: &Path,
        peers: &[Peer],
    ) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("pintail-bench-").tempdir_in(below);
        let folder = folder.map_err(|error| format!("{}: {error}", below.display()))?;
        let path = folder.path().to_owned();
        fs::create_dir_all(path.join("home/tmp")).map_err(|error| error.to_string())?;
        println!("start: answerer");
        let mut server = Server::start("answerer", xtask, &["answer".to_owned()], &path)?;
        let answerer = port(&server.first_line(PATIENCE)?, 0)?;
        let keys = Keys {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
        };
        let region = "us-east-1".to_owned();
        let upstream = Upstream {
            url: format!("http://127.0.0.1:{answerer}"),
            keys,
            region: region.clone(),
            process: server.id(),
        };
        let mut stage = Self {
            lines: Vec::new(),
            servers: vec![server],
            folder,
            tools,
            pintail: pintail.to_owned(),
            xtask: xtask.to_owned(),
            answerer,
            metrics: None,
            upstreams: BTreeMap::from([(Peer::Answerer, upstream)]),
            sent_bytes: 0,
            runs: 0,
        };
        if peers.contains(&Peer::SeaweedFs) {
            println!("start: seaweedfs");
            // It is asked with keys only; nobody ever signs in at this issuer.
            let issuer = Issuer {
                url: "http://127.0.0.1:9/".to_owned(),
                jwks_uri: "http://127.0.0.1:9/keys".to_owned(),
                tenant: String::new(),
                clients: BTreeMap::new(),
                client_secret: String::new(),
                certificate_key_file: PathBuf::new(),
                short_id_token_seconds: 0,
            };
            // Its other ports are looked for from another place.
            let [metrics] = free_ports::<1>(7)?;
            let settings = Settings {
                name: "seaweedfs",
                folder: &path,
                issuer: &issuer,
                credential_seconds: 3600,
                metrics_port: Some(metrics),
            };
            let (server, started) = seaweedfs::start(tools, &settings)?;
            let keys =
                Keys { access_key_id: started.root_access_key, secret_access_key: started.root_secret_key };
            let upstream = Upstream { url: started.url, keys, region, process: server.id() };
            stage.servers.push(server);
            stage.upstreams.insert(Peer::SeaweedFs, upstream);
            stage.metrics = Some((metrics, Counts::new()));
            stage.make_bucket()?;
        }
        if peers.contains(&Peer::Sandbox) {
            stage.start_sandbox(&path)?;
        }
        Ok(stage)
    }

    /// Makes the bucket of SeaweedFS. The first objects wait until it has made its volumes, which is not the first contestant's
    /// fault.
    fn make_bucket(&self) -> Result<(), String> {
        process::quietly(self.s5cmd(Peer::SeaweedFs)?.args(["mb", &format!("s3://{BUCKET}")]))?;
        for work in super::work::items("small-up", 0.02) {
            self.fill(Peer::SeaweedFs, "first/", &work)?;
            self.empty(Peer::SeaweedFs, "first/")?;
            self.fell(&work);
        }
        Ok(())
    }

    /// Takes note of bytes that were sent to a server, whose bucket is empty now; SeaweedFS gives room back with a bucket only.
    pub(crate) fn sent(&mut self, peer: Peer, bytes: u64) -> Result<(), String> {
        if peer != Peer::SeaweedFs {
            return Ok(());
        }
        self.sent_bytes += bytes;
        if self.sent_bytes > SENT_MAX_BYTES {
            self.sent_bytes = 0;
            process::quietly(self.s5cmd(peer)?.args(["rb", &format!("s3://{BUCKET}")]))?;
            self.make_bucket()?;
        }
        Ok(())
    }

    fn start_sandbox(&mut self, folder: &Path) -> Result<(), String> {
        println!("start: sandbox");
        let arguments = ["sandbox", "--json", "--no-bookmark"].map(str::to_owned);
        let mut server = Server::start("sandbox", &self.pintail, &arguments, folder)?;
        let line = server.first_line(PATIENCE)?;
        let ready: serde_json::Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let upstream = Upstream {
            url: text(&ready["s3_endpoint"]),
            keys: Keys {
                access_key_id: text(&ready["key_user"]["access_key_id"]),
                secret_access_key: text(&ready["key_user"]["secret_access_key"]),
            },
            region: text(&ready["region"]),
            process: server.id(),
        };
        self.servers.push(server);
        self.upstreams.insert(Peer::Sandbox, upstream);
        process::quietly(self.s5cmd(Peer::Sandbox)?.args(["mb", &format!("s3://{BUCKET}")]))
    }

    /// The folder for trees and outputs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A name that no run had before.
    pub(crate) fn next_run(&mut self) -> String {
        self.runs += 1;
        format!("run-{}", self.runs)
    }

    /// A place at a server behind a line of this round trip; without a line for 0.
    pub(crate) fn measured(&mut self, peer: Peer, rtt_ms: u64) -> Result<Measured, String> {
        let Upstream { url, keys, region, process } =
            self.upstreams.get(&peer).ok_or("this server does not run")?.clone();
        let name = format!("{}-{rtt_ms}", peer.name());
        let (mut line_counts, mut processes, mut url) = (None, vec![process], url);
        if rtt_ms > 0 {
            let upstream = url.rsplit(':').next().unwrap_or_default();
            let (line, ports) = self.line(&name, upstream, rtt_ms, "tcp")?;
            processes.push(line.id());
            self.lines.push(line);
            url = format!("http://127.0.0.1:{}", ports.0);
            line_counts = Some(ports.1);
        }
        let home = self.path("home");
        self.bookmark(&name, &url, &keys, &region, &home)?;
        let place = Place { url, keys, region, bookmark: name, home, rtt_ms };
        Ok(Measured { peer, place, line_counts, processes })
    }

    /// A line before a port of this machine, its own port, and that of its counts.
    fn line(
        &self,
        name: &str,
        upstream: &str,
        rtt_ms: u64,
        windows: &str,
    ) -> Result<(Server, (u16, u16)), String> {
        let (rtt, rate) = (rtt_ms.to_string(), LINE_MBIT_PER_S.to_string());
        let arguments = ["line", upstream, &rtt, &rate, windows].map(str::to_owned);
        let mut line = Server::start(&format!("line-{name}"), &self.xtask, &arguments, self.folder.path())?;
        let ports = line.first_line(PATIENCE)?;
        Ok((line, (port(&ports, 0)?, port(&ports, 1)?)))
    }

    /// Measures what lines of this round trip come to, before a server that costs nothing.
    pub(crate) fn check(&self, rtt_ms: u64) -> Result<Checked, String> {
        let failed = |error: std::io::Error| format!("a line of {rtt_ms} ms: {error}");
        let upstream = check::peer().map_err(failed)?.to_string();
        let (open, open_ports) = self.line(&format!("open-{rtt_ms}"), &upstream, rtt_ms, "open")?;
        let (_usual, usual_ports) = self.line(&format!("usual-{rtt_ms}"), &upstream, rtt_ms, "tcp")?;
        let cpu_s = || cpu_ms(open.id()) / 1000.0;
        check::measure(open_ports.0, usual_ports.0, rtt_ms, LINE_MBIT_PER_S, &cpu_s).map_err(failed)
    }

    /// Ends the lines; the servers go on.
    pub(crate) fn end_lines(&mut self) {
        self.lines.clear();
    }

    fn bookmark(&self, name: &str, url: &str, keys: &Keys, region: &str, home: &Path) -> Result<(), String> {
        let pintail = || {
            let mut command = Command::new(&self.pintail);
            command.env_clear().env("HOME", home).env("PINTAIL_HOME", home).env("PINTAIL_KEYCHAIN", "file");
            command
        };
        let sts = format!("http://127.0.0.1:{}/", self.answerer);
        let mut add = pintail();
        add.args(["bookmark", "add", name, "--access-key-id", &keys.access_key_id, "--endpoint", url]);
        add.args(["--sts-endpoint", &sts, "--region", region, "--path-style", "true", "--force"]);
        process::quietly(&mut add)?;
        let mut login = pintail();
        login.args(["login", name]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = login.spawn().map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            writeln!(stdin, "{}", keys.secret_access_key).map_err(|error| error.to_string())?;
        }
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("pintail login {name}: {said}")) }
    }

    /// The bench's own hand at a server, past every line.
    pub(crate) fn s5cmd(&self, peer: Peer) -> Result<Command, String> {
        let Upstream { url, keys, region, .. } =
            self.upstreams.get(&peer).ok_or("this server does not run")?;
        let mut command = Command::new(self.tools.get("s5cmd")?);
        command.env_clear().env("HOME", self.path("home")).env("AWS_REGION", region);
        command.env("AWS_ACCESS_KEY_ID", &keys.access_key_id);
        command.env("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key);
        command.args(["--endpoint-url", url]);
        Ok(command)
    }

    /// Puts the objects of a work below a prefix.
    pub(crate) fn fill(&self, peer: Peer, prefix: &str, work: &Work) -> Result<(), String> {
        match peer {
            Peer::Answerer => {
                let lines: String = work.all().map(|(path, size)| format!("{size} {path}\n")).collect();
                self.order(&format!("make?prefix={BUCKET}/{prefix}"), &lines).map(drop)
            }
            Peer::SeaweedFs | Peer::Sandbox => {
                let tree = self.tree(work)?;
                let mut copy = self.s5cmd(peer)?;
                // A line for each of a million files would be kept in memory.
                copy.args(["--log", "error", "cp"])
                    .arg(format!("{}/", tree.display()))
                    .arg(format!("s3://{BUCKET}/{prefix}"));
                process::quietly(&mut copy)
            }
        }
    }

    /// Takes everything below a prefix away.
    pub(crate) fn empty(&self, peer: Peer, prefix: &str) -> Result<(), String> {
        match peer {
            Peer::Answerer => self.order(&format!("drop?prefix={BUCKET}/{prefix}"), "").map(drop),
            Peer::SeaweedFs | Peer::Sandbox => {
                // Nothing there is what is wanted as well.
                let mut remove = self.s5cmd(peer)?;
                let _ = process::quietly(remove.args([
                    "--log",
                    "error",
                    "rm",
                    &format!("s3://{BUCKET}/{prefix}*"),
                ]));
                Ok(())
            }
        }
    }

    /// The files of a work, made once.
    pub(crate) fn tree(&self, work: &Work) -> Result<PathBuf, String> {
        let root = self.path(&work.tree_name());
        if root.exists() {
            return Ok(root);
        }
        let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(OLD_S);
        for (path, size_bytes) in work.all() {
            let path = root.join(path);
            let folder = path.parent().unwrap_or(&root);
            fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            let mut file = fs::File::create(&path).map_err(|error| failed(&path, error))?;
            let mut written = Ok(());
            let pattern = super::pattern::Pattern::of(&path.to_string_lossy(), size_bytes);
            pattern.range(0, size_bytes, &mut |bytes| {
                written = file.write_all(bytes);
                written.is_ok()
            });
            // As most files are, they are older than their copies, which is how some clients see that nothing changed.
            written.and_then(|()| file.set_modified(old)).map_err(|error| failed(&path, error))?;
        }
        Ok(root)
    }

    /// Takes the files of a work away again.
    pub(crate) fn fell(&self, work: &Work) {
        let _ = fs::remove_dir_all(self.path(&work.tree_name()));
    }

    /// Sums of the objects below a prefix, as the answering peer tells them.
    pub(crate) fn sums(&self, prefix: &str) -> Result<String, String> {
        self.order(&format!("sums?prefix={BUCKET}/{prefix}"), "")
    }

    /// The requests since the last time this was asked; nothing where nobody counts.
    pub(crate) fn counts(&mut self, measured: &Measured) -> Result<Option<Counts>, String> {
        let text = match (measured.peer, measured.line_counts) {
            (Peer::Answerer, _) => self.order("counts", "")?,
            (_, Some(port)) => post(port, "/", "")?,
            (Peer::SeaweedFs, None) => {
                let Some((port, before)) = &mut self.metrics else { return Ok(None) };
                let now = counters(&request(*port, "GET", "/metrics", "")?);
                let since = now.iter().map(|(kind, count)| {
                    (kind.clone(), count.saturating_sub(before.get(kind).copied().unwrap_or(0)))
                });
                let since = since.filter(|(_, count)| *count > 0).collect();
                *before = now;
                return Ok(Some(since));
            }
            (Peer::Sandbox, None) => return Ok(None),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| error.to_string())
    }

    /// The CPU time that everything which serves at a place has taken so far, in milliseconds.
    pub(crate) fn server_cpu_ms(measured: &Measured) -> f64 {
        measured.processes.iter().map(|&id| cpu_ms(id)).sum()
    }

    fn order(&self, what: &str, body: &str) -> Result<String, String> {
        post(self.answerer, &format!("/-/{what}"), body)
    }
}

/// What SeaweedFS counted, by the kinds it has.
fn counters(metrics: &str) -> Counts {
    let mut counts = Counts::new();
    for line in metrics.lines().filter(|line| line.starts_with("SeaweedFS_s3_request_total{")) {
        let kind = line.split("type=\"").nth(1).and_then(|rest| rest.split('"').next());
        let count = line.rsplit(' ').next().and_then(|count| count.parse::<f64>().ok());
        if let (Some(kind), Some(count)) = (kind, count) {
            *counts.entry(kind.to_lowercase()).or_default() += count as u64;
        }
    }
    counts
}

/// The CPU time of a process, in milliseconds; nothing where it is gone.
fn cpu_ms(id: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // Behind the name, which may hold anything: the state is the first field, user and system time the twelfth and thirteenth.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|&at| fields.get(at)?.parse::<u64>().ok()).sum();
    // Linux tells user space of a hundred ticks a second, whatever it counts in.
    ticks as f64 * 10.0
}

fn port(line: &str, index: usize) -> Result<u16, String> {
    let port = line.split_whitespace().nth(index).and_then(|port| port.parse().ok());
    port.ok_or_else(|| format!("a server said {line:?}"))
}

/// Posts to a server of ours and returns its answer.
pub(crate) fn post(port: u16, path: &str, body: &str) -> Result<String, String> {
    request(port, "POST", path, body)
}

fn request(port: u16, method: &str, path: &str, body: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("a server of the bench does not answer: {error}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(failed)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(format!("a server of the bench says {:?}", answer.lines().next())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_buckets_and_codes() {
        let text = "# TYPE SeaweedFS_s3_request_total counter\n\
            SeaweedFS_s3_request_total{bucket=\"a\",code=\"200\",type=\"PUT\"} 2\n\
            SeaweedFS_s3_request_total{bucket=\"b\",code=\"200\",type=\"PUT\"} 1e+03\n\
            SeaweedFS_s3_request_total{bucket=\"b\",code=\"404\",type=\"LIST\"} 1\n\
            SeaweedFS_s3_bucket_size{bucket=\"b\"} 7\n";
        assert_eq!(counters(text), Counts::from([("put".to_owned(), 1002), ("list".to_owned(), 1)]));
    }

    #[test]
    fn a_process_has_taken_time() {
        let mut sum = 0_u64;
        while cpu_ms(std::process::id()) < 30.0 {
            sum = (0..1_000_000).fold(sum, |sum, number| std::hint::black_box(sum ^ number));
        }
        assert!(cpu_ms(u32::MAX) < f64::EPSILON, "{sum}");
    }
}
