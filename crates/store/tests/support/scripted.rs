//! A server that plays a script: it reads whole requests off real sockets, keeps them, and answers with what it was told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// One act of the script.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers, and keeps the connection.
    Answer(String),
    /// Answers as soon as it has the head of the request, and closes the connection.
    AnswerHead(String),
    /// Answers, and closes the connection after it, so that the next request finds it dead.
    AnswerThenClose(String),
    /// Answers once so many requests wait for their answers.
    AnswerTogether(Arc<Barrier>, String),
    /// Answers, and goes on with a space every ten seconds for ever.
    Trickle(String),
    /// Reads the request and closes the connection without a word.
    Close,
    /// Reads the request and says nothing more.
    Silence,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Default)]
struct Stage {
    acts: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

pub(crate) struct Scripted {
    pub(crate) port: u16,
    stage: Stage,
    task: tokio::task::JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stage = Stage { acts: Arc::new(Mutex::new(acts.into_iter().collect())), ..Stage::default() };
        let played = stage.clone();
        let task = tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(play(stream, connection, played.clone()));
            }
        });
        Self { port, stage, task }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.stage.seen.lock().unwrap().clone()
    }

    pub(crate) fn unplayed(&self) -> usize {
        self.stage.acts.lock().unwrap().len()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(mut stream: TcpStream, connection: usize, stage: Stage) {
    let mut buffer = Vec::new();
    while let Some(mut seen) = head(&mut stream, &mut buffer, connection).await {
        let early = match stage.acts.lock().unwrap().front() {
            Some(Act::AnswerHead(answer)) => Some(answer.clone()),
            _ => None,
        };
        if early.is_none() && body(&mut stream, &mut buffer, &mut seen).await.is_none() {
            return;
        }
        stage.seen.lock().unwrap().push(seen);
        if let Some(answer) = early {
            stage.acts.lock().unwrap().pop_front();
            stream.write_all(answer.as_bytes()).await.unwrap();
            // Closing with bytes unread would take the answer back.
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            return;
        }
        let act = stage.acts.lock().unwrap().pop_front().expect("the script has an act for every request");
        match act {
            Act::Answer(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            Act::AnswerTogether(all, answer) => {
                all.wait().await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            Act::AnswerThenClose(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                return;
            }
            Act::Close | Act::AnswerHead(_) => return,
            Act::Trickle(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                while stream.write_all(b" ").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_secs(10)).await;
                }
                return;
            }
            Act::Silence => std::future::pending().await,
        }
    }
}

async fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Seen> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(buffer[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    buffer.drain(..end + 4);
    Some(Seen { connection, line, headers, body: Vec::new() })
}

async fn body(stream: &mut TcpStream, buffer: &mut Vec<u8>, seen: &mut Seen) -> Option<()> {
    let length: usize = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = buffer.drain(..length).collect();
    Some(())
}

/// Writes an answer. `headers` are lines without their ends.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> Act {
    Act::Answer(text(status, headers, body))
}

pub(crate) fn text(status: &str, headers: &[&str], body: &str) -> String {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text + "\r\n" + body
}

/// Writes an error as S3 does.
pub(crate) fn refusal(status: &str, code: &str) -> Act {
    refusal_with(status, code, &[], "")
}

pub(crate) fn refusal_with(status: &str, code: &str, headers: &[&str], more: &str) -> Act {
    let body =
        format!("<Error><Code>{code}</Code><Message>words</Message>{more}<RequestId>RID</RequestId></Error>");
    answer(status, headers, &body)
}
