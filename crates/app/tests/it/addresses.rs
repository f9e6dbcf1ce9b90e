//! Files that are taken from an address: `docs/behaviour.md`, sections sharing, profiles.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cloud::home;

const DUCK: &str = "<plist version=\"1.0\"><dict><key>Protocol</key><string>s3</string>\
    <key>Nickname</key><string>open-data</string><key>UUID</key><string>5b0f2c0e-7a54-4b8e-9a39-5d3c1f6e2a10</string><key>Username</key><string>anonymous</string>\
    <key>Hostname</key><string>s3.amazonaws.com</string></dict></plist>";

const PROFILE: &str = "<plist version=\"1.0\"><dict><key>Protocol</key><string>s3</string>\
    <key>Vendor</key><string>acme</string><key>Description</key><string>Acme</string></dict></plist>";

/// A server of files on this machine, until the test ends.
struct Server {
    origin: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Starts it; `answer` makes the whole answer to a path.
    fn start(answer: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                // Who goes away in the middle of a large answer has seen enough.
                let _ = serve(stream, &answer);
            }
        });
        Self { origin, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

fn serve(mut stream: TcpStream, answer: &impl Fn(&str) -> Vec<u8>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let path = text.split_whitespace().nth(1).unwrap_or_default();
    stream.write_all(&answer(path))
}

fn found(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn sent_on(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        .into_bytes()
}

/// Files, and every way in which there is none.
fn files(body: &'static str, elsewhere: String) -> Server {
    Server::start(move |path| match path.split('?').next().unwrap_or_default() {
        "/file" => found(body),
        "/near" => sent_on("/file"),
        "/away" => sent_on(&elsewhere),
        "/round" => sent_on("/round"),
        "/junk" => found("<html><body>Please sign in</body></html>"),
        "/large" => found(&" ".repeat((4 << 20) + 1)),
        _ => b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
    })
}

/// behaviour: sharing
#[test]
fn a_bookmark_is_added_from_an_address() {
    let env = home();
    let server = files(DUCK, String::new());
    env.run(["add", &server.url("/file?key=hunter2")]).succeeded();
    assert_eq!(env.run(["bookmark", "show", "open-data", "--json"]).succeeded().json()["name"], "open-data");
    let near = env.run(["add", &server.url("/near")]).succeeded();
    assert!(near.stderr.contains("already"), "{}", near.stderr);
}

/// behaviour: sharing
#[test]
fn an_address_that_leads_to_no_bookmark_says_why() {
    let env = home();
    let elsewhere = files(DUCK, String::new());
    let server = files(DUCK, elsewhere.url("/file"));
    for (path, words) in [
        ("/gone", "404"),
        ("/large", "longer than 4194304 bytes"),
        ("/away", "another one, which is not followed"),
        ("/round", "on and on"),
        ("/junk", "could not take anything"),
    ] {
        let refused = env.run(["add", &server.url(&format!("{path}?key=hunter2"))]).exited(1);
        assert!(refused.stderr.contains(words), "{path}: {}", refused.stderr);
        assert!(!refused.stderr.contains("hunter2"), "{path}: {}", refused.stderr);
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 0, "nobody else was asked");
    assert!(env.run(["bookmark", "ls", "--json"]).succeeded().json_lines().is_empty());
}

/// behaviour: profiles
#[test]
fn a_profile_is_installed_from_an_address() {
    let env = home();
    let elsewhere = files(PROFILE, String::new());
    let server = files(PROFILE, elsewhere.url("/file"));
    for path in ["/gone", "/large", "/away", "/near", "/junk"] {
        let refused = env.run(["profile", "install", &server.url(path)]).exited(1);
        assert!(!refused.stderr.is_empty(), "{path}");
    }
    assert_eq!(elsewhere.asked.load(Ordering::SeqCst), 0, "nobody else was asked");
    env.run(["profile", "install", &server.url("/file")]).succeeded();
    assert!(env.run(["profile", "ls", "acme"]).succeeded().stdout.contains("Acme"));
}
