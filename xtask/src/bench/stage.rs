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
use std::time::Duration;

use pintail_testkit::bench::Issuer;
use tempfile::TempDir;

use super::contestants::{BUCKET, Keys, Place};
use super::wire::Counts;
use super::work::Work;
use crate::process::{self, Server};
use crate::seaweedfs::{self, Settings};
use crate::tools::Tools;

/// The rate of a line, in megabits a second.
pub(crate) const LINE_MBIT_PER_S: u64 = 1000;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    Answerer,
    SeaweedFs,
}

impl Peer {
    /// Both, by name.
    pub(crate) const ALL: [(&'static str, Self); 2] =
        [("answerer", Self::Answerer), ("seaweedfs", Self::SeaweedFs)];

    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answerer => "answerer",
            Self::SeaweedFs => "seaweedfs",
        }
    }
}

/// A place, and what counts the requests there.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) peer: Peer,
    pub(crate) place: Place,
    line_counts: Option<u16>,
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
    upstreams: BTreeMap<Peer, (String, Keys)>,
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
        let mut stage = Self {
            lines: Vec::new(),
            servers: vec![server],
            folder,
            tools,
            pintail: pintail.to_owned(),
            xtask: xtask.to_owned(),
            answerer,
            upstreams: BTreeMap::from([(Peer::Answerer, (format!("http://127.0.0.1:{answerer}"), keys))]),
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
            let settings =
                Settings { name: "seaweedfs", folder: &path, issuer: &issuer, credential_seconds: 3600 };
            let (server, started) = seaweedfs::start(tools, &settings)?;
            stage.servers.push(server);
            let keys =
                Keys { access_key_id: started.root_access_key, secret_access_key: started.root_secret_key };
            stage.upstreams.insert(Peer::SeaweedFs, (started.url, keys));
            process::quietly(stage.s5cmd(Peer::SeaweedFs)?.args(["mb", &format!("s3://{BUCKET}")]))?;
        }
        Ok(stage)
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
        let (url, keys) = self.upstreams.get(&peer).ok_or("this server does not run")?.clone();
        let name = format!("{}-{rtt_ms}", peer.name());
        let (url, line_counts) = if rtt_ms == 0 {
            (url, None)
        } else {
            let upstream = url.rsplit(':').next().unwrap_or_default();
            let arguments =
                ["line".to_owned(), upstream.to_owned(), rtt_ms.to_string(), LINE_MBIT_PER_S.to_string()];
            let mut line =
                Server::start(&format!("line-{name}"), &self.xtask, &arguments, self.folder.path())?;
            let ports = line.first_line(PATIENCE)?;
            self.lines.push(line);
            (format!("http://127.0.0.1:{}", port(&ports, 0)?), Some(port(&ports, 1)?))
        };
        let home = self.path("home");
        self.bookmark(&name, &url, &keys, &home)?;
        let place = Place { url, keys, bookmark: name, home, rtt_ms };
        Ok(Measured { peer, place, line_counts })
    }

    /// Ends the lines; the servers go on.
    pub(crate) fn end_lines(&mut self) {
        self.lines.clear();
    }

    fn bookmark(&self, name: &str, url: &str, keys: &Keys, home: &Path) -> Result<(), String> {
        let pintail = || {
            let mut command = Command::new(&self.pintail);
            command.env_clear().env("HOME", home).env("PINTAIL_HOME", home).env("PINTAIL_KEYCHAIN", "file");
            command
        };
        let sts = format!("http://127.0.0.1:{}/", self.answerer);
        let mut add = pintail();
        add.args(["bookmark", "add", name, "--access-key-id", &keys.access_key_id, "--endpoint", url]);
        add.args(["--sts-endpoint", &sts, "--region", "us-east-1", "--path-style", "true", "--force"]);
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
        let (url, keys) = self.upstreams.get(&peer).ok_or("this server does not run")?;
        let mut command = Command::new(self.tools.get("s5cmd")?);
        command.env_clear().env("HOME", self.path("home")).env("AWS_REGION", "us-east-1");
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
            Peer::SeaweedFs => {
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
            Peer::SeaweedFs => {
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
        let root = self.path(&format!("tree-{}-{}", work.files, work.bytes()));
        if root.exists() {
            return Ok(root);
        }
        let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
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
            written.map_err(|error| failed(&path, error))?;
        }
        Ok(root)
    }

    /// Sums of the objects below a prefix, as the answering peer tells them.
    pub(crate) fn sums(&self, prefix: &str) -> Result<String, String> {
        self.order(&format!("sums?prefix={BUCKET}/{prefix}"), "")
    }

    /// The requests since the last time this was asked; nothing where nobody counts.
    pub(crate) fn counts(&self, measured: &Measured) -> Result<Option<Counts>, String> {
        let text = match (measured.peer, measured.line_counts) {
            (Peer::Answerer, _) => self.order("counts", "")?,
            (Peer::SeaweedFs, Some(port)) => post(port, "/", "")?,
            (Peer::SeaweedFs, None) => return Ok(None),
        };
        serde_json::from_str(&text).map(Some).map_err(|error| error.to_string())
    }

    fn order(&self, what: &str, body: &str) -> Result<String, String> {
        post(self.answerer, &format!("/-/{what}"), body)
    }
}

fn port(line: &str, index: usize) -> Result<u16, String> {
    let port = line.split_whitespace().nth(index).and_then(|port| port.parse().ok());
    port.ok_or_else(|| format!("a server said {line:?}"))
}

/// Posts to a server of ours and returns its answer.
pub(crate) fn post(port: u16, path: &str, body: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("a server of the bench does not answer: {error}");
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
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
