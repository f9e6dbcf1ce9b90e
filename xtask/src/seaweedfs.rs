//! Starts SeaweedFS as S3 and STS in one process, trusting the issuer of the bench.
//!
//! It cannot choose its own ports, and takes each given port and that port plus 10000. Ports are looked for below the
//! range the kernel gives out by itself, and the start is tried again where somebody else was faster.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pintail_testkit::bench::{Issuer, SeaweedFs};
use serde_json::{Value, json};

use crate::process::{self, Server};
use crate::tools::Tools;

const ROOT_ACCESS_KEY: &str = "benchrootaccesskey01";
const ROOT_SECRET_KEY: &str = "bench-root-secret-key-0123456789abcdef01";
const ACCOUNT: &str = "000000000000";

/// Signs the session tokens; base64 of 32 bytes.
const SIGNING_KEY: &str = "YmVuY2gtc2lnbmluZy1rZXktb2YtMzItYnl0ZXMhISE=";

/// How long it may take to answer. One second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(45);

const ATTEMPTS: usize = 4;

/// Bases of ports to try: base plus 10000 stays below 32768, where ports for outgoing connections begin.
const PORTS: std::ops::Range<u16> = 12000..22700;

/// What differs between instances.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) name: &'a str,
    pub(crate) folder: &'a Path,
    pub(crate) issuer: &'a Issuer,
    pub(crate) credential_seconds: u64,
    /// Where it tells its counters, if anywhere.
    pub(crate) metrics_port: Option<u16>,
}

/// Starts an instance and waits until it answers.
pub(crate) fn start(tools: &Tools, settings: &Settings<'_>) -> Result<(Server, SeaweedFs), String> {
    let weed = tools.get("weed")?;
    let folder = settings.folder.join(settings.name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let certificate = certificate(tools, &folder)?;
    let identities = json!({ "identities": [{
        "name": "root",
        "credentials": [{ "accessKey": ROOT_ACCESS_KEY, "secretKey": ROOT_SECRET_KEY }],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }]});
    write(&folder.join("s3.json"), &identities.to_string())?;
    write(&folder.join("iam.json"), &trust(settings).to_string())?;
    let mut problem = String::new();
    for attempt in 0..ATTEMPTS {
        let ports = free_ports::<6>(attempt)?;
        match attempt_start(weed, settings, &folder, &certificate, ports) {
            Ok(server) => return Ok((server, description(settings, &certificate, ports))),
            Err(reason) => problem = reason,
        }
    }
    Err(problem)
}

fn attempt_start(
    weed: &Path,
    settings: &Settings<'_>,
    folder: &Path,
    certificate: &Certificate,
    [master, volume, filer, admin, s3, https]: [u16; 6],
) -> Result<Server, String> {
    let data = folder.join(format!("data-{s3}"));
    fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments = vec![
        "-logtostderr=true".to_owned(),
        "mini".to_owned(),
        format!("-dir={}", path(&data)),
        "-ip=127.0.0.1".to_owned(),
        "-ip.bind=127.0.0.1".to_owned(),
        "-master.telemetry=false".to_owned(),
        "-admin.ui=false".to_owned(),
        "-webdav=false".to_owned(),
        "-s3.port.iceberg=0".to_owned(),
        "-s3.port.lance=0".to_owned(),
        format!("-master.port={master}"),
        format!("-volume.port={volume}"),
        format!("-filer.port={filer}"),
        format!("-admin.port={admin}"),
        format!("-s3.port={s3}"),
        format!("-s3.port.https={https}"),
        format!("-s3.cert.file={}", path(&certificate.certificate)),
        format!("-s3.key.file={}", path(&certificate.key)),
        format!("-s3.config={}", path(&folder.join("s3.json"))),
        format!("-s3.iam.config={}", path(&folder.join("iam.json"))),
        "-s3.iam.readOnly=false".to_owned(),
        "-s3.allowDeleteBucketNotEmpty=false".to_owned(),
        "-s3.autoCreateBucket=false".to_owned(),
    ];
    arguments.extend(settings.metrics_port.map(|port| format!("-metricsPort={port}")));
    let mut server = Server::start(settings.name, weed, &arguments, settings.folder)?;
    let url = format!("http://127.0.0.1:{s3}/").parse().map_err(|error| format!("{error}"))?;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && server.runs() {
        // 403 without credentials is its way to say that it is ready; 503 is said while it starts.
        if pintail_testkit::http::get(&url, &[]).is_ok_and(|answer| answer.status < 500) {
            return Ok(server);
        }
        process::pause(Duration::from_millis(100));
    }
    Err(format!("it did not answer:\n{}", server.log_tail()))
}

fn description(settings: &Settings<'_>, certificate: &Certificate, ports: [u16; 6]) -> SeaweedFs {
    SeaweedFs {
        url: format!("http://127.0.0.1:{}", ports[4]),
        tls_url: Some(format!("https://localhost:{}", ports[5])),
        ca_file: Some(certificate.authority.clone()),
        region: "us-east-1".to_owned(),
        root_access_key: ROOT_ACCESS_KEY.to_owned(),
        root_secret_key: ROOT_SECRET_KEY.to_owned(),
        credential_seconds: settings.credential_seconds,
        roles: roles().map(|role| (role.short.to_owned(), arn(role.name))).into_iter().collect(),
    }
}

struct Role {
    short: &'static str,
    name: &'static str,
    subjects: &'static [&'static str],
    policy: &'static str,
}

fn roles() -> [Role; 3] {
    [
        Role { short: "admin", name: "S3Admin", subjects: &["alice", "bob"], policy: "Admin" },
        Role { short: "read_only", name: "S3ReadOnly", subjects: &["alice", "bob"], policy: "ReadOnly" },
        Role { short: "carol_only", name: "CarolOnly", subjects: &["carol"], policy: "Admin" },
    ]
}

fn arn(role: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{role}")
}

fn trust(settings: &Settings<'_>) -> Value {
    let known = settings.issuer.clients.iter().filter(|(name, _)| *name != "unlisted");
    let clients: Vec<&String> = known.map(|(_, id)| id).collect();
    let roles = roles().map(|role| {
        json!({
            "roleName": role.name,
            "roleArn": arn(role.name),
            "trustPolicy": { "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": "bench" },
                "Action": ["sts:AssumeRoleWithWebIdentity"],
                "Condition": { "StringEquals": { "oidc:sub": role.subjects } },
            }]},
            "attachedPolicies": [role.policy],
        })
    });
    let policy = |name: &str, actions: &[&str]| {
        let statement = json!({ "Effect": "Allow", "Action": actions, "Resource": ["*"] });
        json!({ "name": name, "document": { "Version": "2012-10-17", "Statement": [statement] } })
    };
    json!({
        "sts": {
            "tokenDuration": format!("{}s", settings.credential_seconds),
            "maxSessionLength": "12h",
            "issuer": "seaweedfs-sts",
            "accountId": ACCOUNT,
            "signingKey": SIGNING_KEY,
        },
        "policy": { "defaultEffect": "Deny", "storeType": "memory" },
        "providers": [{ "name": "bench", "type": "oidc", "enabled": true, "config": {
            "issuer": settings.issuer.url,
            "clientIds": clients,
            "jwksUri": settings.issuer.jwks_uri,
            "jwksCacheTTLSeconds": 5,
        }}],
        "roles": roles,
        "policies": [policy("Admin", &["s3:*"]), policy("ReadOnly", &["s3:Get*", "s3:List*", "s3:Head*"])],
    })
}

struct Certificate {
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// Makes a certificate authority for this run and a server certificate from it.
fn certificate(tools: &Tools, folder: &Path) -> Result<Certificate, String> {
    let openssl = tools.get("openssl")?;
    let file = |name: &str| folder.join(name);
    let names = "subjectAltName=DNS:localhost,DNS:*.localhost,DNS:s3.pintail.test,DNS:*.s3.pintail.test,IP:127.0.0.1\n\
                 basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\n";
    write(&file("server.ext"), names)?;
    let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let mut authority = Command::new(openssl);
    authority.args(["req", "-x509", "-days", "30", "-subj", "/CN=Pintail bench CA"]).args(new_key);
    authority.args([
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "keyUsage=critical,keyCertSign",
    ]);
    process::quietly(authority.arg("-keyout").arg(file("ca.key")).arg("-out").arg(file("ca.crt")))?;
    let mut request = Command::new(openssl);
    request.args(["req", "-new", "-subj", "/CN=localhost"]).args(new_key);
    process::quietly(request.arg("-keyout").arg(file("server.key")).arg("-out").arg(file("server.csr")))?;
    let mut sign = Command::new(openssl);
    sign.args(["x509", "-req", "-days", "30", "-CAcreateserial"]).arg("-in").arg(file("server.csr"));
    sign.arg("-CA")
        .arg(file("ca.crt"))
        .arg("-CAkey")
        .arg(file("ca.key"))
        .arg("-extfile")
        .arg(file("server.ext"));
    process::quietly(sign.arg("-out").arg(file("server.crt")))?;
    Ok(Certificate { authority: file("ca.crt"), certificate: file("server.crt"), key: file("server.key") })
}

/// Finds ports that are free together with their neighbour 10000 above.
pub(crate) fn free_ports<const COUNT: usize>(attempt: usize) -> Result<[u16; COUNT], String> {
    let span = usize::from(PORTS.end - PORTS.start);
    // Runs at the same time start their search at different places.
    let start = (std::process::id() as usize * 53 + attempt * 997) % span;
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let candidates = (0..span).filter_map(|step| u16::try_from((start + step) % span).ok());
    let found =
        candidates.map(|offset| PORTS.start + offset).filter(|&port| free(port) && free(port + 10_000));
    let found: Vec<u16> = found.take(COUNT).collect();
    found.try_into().map_err(|_| "not enough free ports".to_owned())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::free_ports;

    #[test]
    fn ports_are_different_and_leave_room_for_their_neighbours() {
        let ports = free_ports::<6>(0).expect("ports");
        let different: std::collections::BTreeSet<_> = ports.iter().collect();
        assert_eq!(different.len(), 6);
        assert!(ports.iter().all(|&port| port < 22_768));
    }
}
