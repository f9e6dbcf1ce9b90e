//! A peer that only answers: an S3 for measuring clients, as a process of its own so that its time is not theirs.
//!
//! It checks no signature and keeps no bytes; it counts, sums up what it is sent (CRC-64/NVME, which costs next to nothing) so
//! that an upload can be proved afterwards, and serves patterns for downloads. A thread a
//! connection, with blocking reads: nothing simpler serves a few dozen of them. Threads and their buffers go on to the next connection,
//! since some clients open hundreds, and their wall time is not to be made here.
//!
//! Paths below `/-/` are the bench's own and are not counted: `make` objects, `drop` them, tell their `sums`, tell and reset
//! the `counts`. It also says who one is, as STS does, because `pintail login` asks before it keeps a key.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

use crc_fast::{CrcAlgorithm, Digest};

use super::pattern::Pattern;
use super::wire::{Chunks, Counts, Head, Kind, decode, decode_path};
use super::world::{ListRequest, Object, Sum, World, escape, http_time, iso_time, unescape};

/// How much is read at once.
const BUFFER: usize = 256 * 1024;

/// The largest document or order that is kept whole: a million keys to make are 40 MB.
const DOCUMENT_MAX: usize = 256 << 20;

#[derive(Debug, Default)]
struct Shared {
    world: Mutex<World>,
    counts: Mutex<Counts>,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("no holder of this lock panics")
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("no holder of this lock panics")
    }
}

/// Serves until the process is ended; prints its port first.
pub(crate) fn serve() -> Result<bool, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    println!("{port}");
    let shared = Arc::new(Shared::default());
    let (sender, receiver) = mpsc::channel();
    let free = Arc::new(Threads { waiting: Mutex::new(receiver), idle: AtomicUsize::new(0) });
    for stream in listener.incoming().flatten() {
        // Each idle thread is counted for one connection.
        let claimed =
            free.idle.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |idle| idle.checked_sub(1)).is_ok();
        if claimed {
            if sender.send(stream).is_err() {
                return Err("no thread is left".to_owned());
            }
            continue;
        }
        let (shared, free) = (Arc::clone(&shared), Arc::clone(&free));
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        // A connection that no thread can be had for is closed, which the client sees.
        let _ = thread.spawn(move || serve_all(stream, &shared, &free));
    }
    Ok(true)
}

/// The threads that wait for a connection.
#[derive(Debug)]
struct Threads {
    waiting: Mutex<mpsc::Receiver<TcpStream>>,
    idle: AtomicUsize,
}

fn serve_all(first: TcpStream, shared: &Arc<Shared>, free: &Threads) {
    let (mut stream, mut buffer) = (first, vec![0; BUFFER]);
    loop {
        let _ = stream.set_nodelay(true);
        let mut connection = Connection { stream, buffer, start: 0, end: 0, shared: Arc::clone(shared) };
        let _ = connection.run();
        buffer = connection.buffer;
        drop(connection.stream);
        free.idle.fetch_add(1, Ordering::SeqCst);
        let next = free.waiting.lock().ok().and_then(|waiting| waiting.recv().ok());
        let Some(next) = next else { return };
        stream = next;
    }
}

#[expect(clippy::disallowed_methods, reason = "a server says the time, and nothing of ours depends on it")]
fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    shared: Arc<Shared>,
}

/// An answer; the body of a download follows from the pattern.
struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    download: Option<(Pattern, u64, u64)>,
    /// Only the head is sent.
    head_only: bool,
}

impl Answer {
    fn new(status: &'static str) -> Self {
        Self { status, headers: String::new(), body: Vec::new(), download: None, head_only: false }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    fn xml(text: String) -> Self {
        let mut answer = Self::new("200 OK").header("Content-Type", "application/xml");
        answer.body = text.into_bytes();
        answer
    }

    fn error(status: &'static str, code: &str) -> Self {
        let xml = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
        Self { status, ..Self::xml(xml) }
    }
}

impl Connection {
    fn run(&mut self) -> Result<(), String> {
        loop {
            let Some(head) = self.head()? else { return Ok(()) };
            let own = head.path.starts_with("/-/");
            let kind = head.kind();
            if !own {
                *self.shared.counts().entry(kind.name().to_owned()).or_default() += 1;
            }
            if head.header("expect").is_some_and(|wish| wish.eq_ignore_ascii_case("100-continue")) {
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|error| error.to_string())?;
            }
            let answer = if own {
                let body = self.document(&head)?;
                self.order(&head, &body)
            } else {
                self.answer(&head, kind)?
            };
            self.send(answer)?;
            if head.header("connection").is_some_and(|wish| wish.eq_ignore_ascii_case("close")) {
                return Ok(());
            }
        }
    }

    /// Reads the next head; nothing at the end of the connection.
    fn head(&mut self) -> Result<Option<Head>, String> {
        loop {
            if let Some((head, length)) = Head::parse(&self.buffer[self.start..self.end])? {
                self.start += length;
                return Ok(Some(head));
            }
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let read = self.stream.read(&mut self.buffer[self.end..]).map_err(|error| error.to_string())?;
            if read == 0 {
                return if self.end == 0 { Ok(None) } else { Err("a head that breaks off".to_owned()) };
            }
            self.end += read;
        }
    }

    /// Reads the body of a request, unframed, into `sink`.
    fn body(&mut self, head: &Head, sink: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        let mut outer = head.framing();
        let mut inner = head.in_aws_chunks().then(Chunks::default);
        let mut problem = None;
        while !outer.is_done() {
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
                let read = self.stream.read(&mut self.buffer).map_err(|error| error.to_string())?;
                if read == 0 {
                    return Err("a body that breaks off".to_owned());
                }
                self.end = read;
            }
            let taken = outer.take(&self.buffer[self.start..self.end], &mut |bytes| match &mut inner {
                None => sink(bytes),
                Some(chunks) => problem = chunks.take(bytes, sink).err().or_else(|| problem.take()),
            })?;
            self.start += taken;
        }
        problem.map_or(Ok(()), Err)
    }

    fn document(&mut self, head: &Head) -> Result<String, String> {
        let mut bytes = Vec::new();
        self.body(head, &mut |piece| {
            if bytes.len() < DOCUMENT_MAX {
                bytes.extend_from_slice(piece);
            }
        })?;
        String::from_utf8(bytes).map_err(|_| "a document that is no text".to_owned())
    }

    fn sum(&mut self, head: &Head) -> Result<Sum, String> {
        let (mut digest, mut size_bytes) = (Digest::new(CrcAlgorithm::Crc64Nvme), 0);
        self.body(head, &mut |bytes| {
            digest.update(bytes);
            size_bytes += bytes.len() as u64;
        })?;
        Ok(Sum { size_bytes, crc: digest.finalize() })
    }

    fn answer(&mut self, head: &Head, kind: Kind) -> Result<Answer, String> {
        let target = decode_path(head.path.trim_start_matches('/'));
        let upload = head.parameter("uploadId").unwrap_or_default();
        let metadata = || head.headers_from("x-amz-meta-").cloned().collect::<Vec<_>>().into_boxed_slice();
        Ok(match kind {
            Kind::Put => {
                let sum = self.sum(head)?;
                let object = Object { sum, pattern: None, modified_s: now_s(), metadata: metadata() };
                self.shared.world().put(&target, object);
                stored(sum)
            }
            Kind::Part => {
                let number = head.parameter("partNumber").and_then(|number| number.parse().ok());
                let sum = self.sum(head)?;
                if self.shared.world().part(&upload, number.unwrap_or(0), sum) {
                    stored(sum)
                } else {
                    Answer::error("404 Not Found", "NoSuchUpload")
                }
            }
            Kind::Get | Kind::Head => {
                self.body(head, &mut |_| ())?;
                let object = self.shared.world().object(&target).cloned();
                match object {
                    Some(object) => read(head, &object, kind == Kind::Head),
                    None => {
                        let missing = Answer::error("404 Not Found", "NoSuchKey");
                        Answer { head_only: kind == Kind::Head, ..missing }
                    }
                }
            }
            Kind::List => {
                self.body(head, &mut |_| ())?;
                Answer::xml(self.shared.world().list(&list_request(head, &target)))
            }
            Kind::Copy => {
                self.body(head, &mut |_| ())?;
                let source = head.header("x-amz-copy-source").unwrap_or_default();
                let source = decode_path(source.split('?').next().unwrap_or_default());
                let copied = self.shared.world().copy(source.trim_start_matches('/'), &target, now_s());
                match copied {
                    Some(object) => Answer::xml(format!(
                        "<CopyObjectResult><LastModified>{}</LastModified><ETag>{}</ETag>\
                         <ChecksumCRC64NVME>{}</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType></CopyObjectResult>",
                        iso_time(object.modified_s),
                        escape(&object.sum.tag()),
                        object.sum.text(),
                    )),
                    None => Answer::error("404 Not Found", "NoSuchKey"),
                }
            }
            Kind::Delete => {
                self.body(head, &mut |_| ())?;
                self.shared.world().delete(&target);
                Answer::new("204 No Content")
            }
            Kind::DeleteMany => {
                let document = self.document(head)?;
                Answer::xml(self.delete_many(target.trim_end_matches('/'), &document))
            }
            Kind::CreateUpload => {
                self.body(head, &mut |_| ())?;
                let id = self.shared.world().begin(&target, metadata());
                let (bucket, key) = target.split_once('/').unwrap_or_default();
                let mut answer = Answer::xml(format!(
                    "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>{bucket}</Bucket>\
                     <Key>{}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>",
                    escape(key)
                ));
                for name in ["x-amz-checksum-algorithm", "x-amz-checksum-type"] {
                    if let Some(value) = head.header(name) {
                        answer = answer.header(name, value);
                    }
                }
                answer
            }
            Kind::CompleteUpload => {
                let document = self.document(head)?;
                let numbers = document
                    .split("<PartNumber>")
                    .skip(1)
                    .filter_map(|rest| rest.split('<').next().and_then(|number| number.trim().parse().ok()));
                let numbers: Vec<u32> = numbers.collect();
                let (bucket, key) = target.split_once('/').unwrap_or_default();
                let completed = self.shared.world().complete(&upload, &numbers, now_s());
                match completed {
                    Some(object) => Answer::xml(format!(
                        "<CompleteMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Bucket>{bucket}</Bucket>\
                         <Key>{}</Key><ETag>{}</ETag><ChecksumCRC64NVME>{}</ChecksumCRC64NVME>\
                         <ChecksumType>FULL_OBJECT</ChecksumType></CompleteMultipartUploadResult>",
                        escape(key),
                        escape(&object.sum.tag()),
                        object.sum.text(),
                    )),
                    None => Answer::error("404 Not Found", "NoSuchUpload"),
                }
            }
            Kind::AbortUpload => {
                self.body(head, &mut |_| ())?;
                self.shared.world().abort(&upload);
                Answer::new("204 No Content")
            }
            Kind::Other => {
                let document = self.document(head)?;
                other(head, &target, &document)
            }
        })
    }

    fn delete_many(&self, bucket: &str, document: &str) -> String {
        let quiet = document.contains("<Quiet>true</Quiet>");
        let mut xml = String::from("<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        let mut world = self.shared.world();
        for escaped in document.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            world.delete(&format!("{bucket}/{}", unescape(escaped)));
            if !quiet {
                xml.push_str("<Deleted><Key>");
                xml.push_str(escaped);
                xml.push_str("</Key></Deleted>");
            }
        }
        xml.push_str("</DeleteResult>");
        xml
    }

    /// Carries out an order of the bench.
    fn order(&self, head: &Head, body: &str) -> Answer {
        let prefix = head.parameter("prefix").unwrap_or_default();
        let text = match head.path.as_str() {
            "/-/make" => {
                for line in body.lines() {
                    let Some((size, path)) = line.split_once(' ') else { continue };
                    let pattern = Pattern::of(path, size.parse().unwrap_or(0));
                    let sum = Sum { size_bytes: size.parse().unwrap_or(0), crc: pattern.sum() };
                    let object =
                        Object { sum, pattern: Some(pattern), modified_s: now_s(), metadata: Box::default() };
                    self.shared.world().put(&format!("{prefix}{path}"), object);
                }
                String::new()
            }
            "/-/drop" => {
                self.shared.world().drop_below(&prefix);
                String::new()
            }
            "/-/sums" => {
                let world = self.shared.world();
                let line = |(key, object): (&str, &Object)| {
                    let key = key.strip_prefix(prefix.as_str()).unwrap_or(key);
                    format!("{} {:016x} {key}\n", object.sum.size_bytes, object.sum.crc)
                };
                let mut text: String = world.below(&prefix).map(line).collect();
                if world.unfinished() > 0 {
                    text.push_str(&format!("unfinished {}\n", world.unfinished()));
                }
                text
            }
            "/-/counts" => {
                let counts = std::mem::take(&mut *self.shared.counts());
                serde_json::to_string(&counts).unwrap_or_default()
            }
            _ => return Answer::error("404 Not Found", "NoSuchOrder"),
        };
        Answer::xml(text)
    }

    fn send(&mut self, answer: Answer) -> Result<(), String> {
        let Answer { status, headers, body, download, head_only } = answer;
        let length = download.map_or(body.len() as u64, |(_, from, to)| to - from);
        let mut bytes = Vec::with_capacity(512 + body.len());
        let _ = write!(
            bytes,
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nx-amz-request-id: 1\r\nDate: {}\r\n\r\n",
            http_time(now_s())
        );
        if head_only {
            return self.stream.write_all(&bytes).map_err(|error| error.to_string());
        }
        bytes.extend_from_slice(&body);
        let mut result = Ok(());
        if let Some((pattern, from, to)) = download {
            // What is small goes out with the head, in one packet.
            let together = to - from <= 64 * 1024;
            if !together {
                self.stream.write_all(&bytes).map_err(|error| error.to_string())?;
                bytes.clear();
            }
            pattern.range(from, to, &mut |piece| {
                if together {
                    bytes.extend_from_slice(piece);
                } else {
                    result = self.stream.write_all(piece);
                }
                result.is_ok()
            });
        }
        result.and_then(|()| self.stream.write_all(&bytes)).map_err(|error| error.to_string())
    }
}

fn stored(sum: Sum) -> Answer {
    Answer::new("200 OK")
        .header("ETag", &sum.tag())
        .header("x-amz-checksum-crc64nvme", &sum.text())
        .header("x-amz-checksum-type", "FULL_OBJECT")
}

fn read(head: &Head, object: &Object, head_only: bool) -> Answer {
    let size = object.sum.size_bytes;
    let range = head.header("range").and_then(|range| byte_range(range, size));
    let (status, (from, to)) = range.map_or(("200 OK", (0, size)), |range| ("206 Partial Content", range));
    let mut answer = Answer::new(status)
        .header("ETag", &object.sum.tag())
        .header("Last-Modified", &http_time(object.modified_s))
        .header("Accept-Ranges", "bytes")
        .header("Content-Type", "application/octet-stream");
    for (name, value) in &object.metadata {
        answer = answer.header(name, value);
    }
    if range.is_some() {
        answer = answer.header("Content-Range", &format!("bytes {from}-{}/{size}", to.saturating_sub(1)));
    } else if head.header("x-amz-checksum-mode").is_some() {
        answer = answer
            .header("x-amz-checksum-crc64nvme", &object.sum.text())
            .header("x-amz-checksum-type", "FULL_OBJECT");
    }
    match (object.pattern, head_only) {
        (Some(pattern), _) => Answer { download: Some((pattern, from, to)), head_only, ..answer },
        (None, true) => {
            // The length is told without bytes to send.
            Answer { download: Some((Pattern::of("", size), from, to)), head_only, ..answer }
        }
        (None, false) => Answer::error("501 Not Implemented", "BytesAreNotKept"),
    }
}

/// Reads `bytes=FROM-TO`, `bytes=FROM-` and `bytes=-LAST`: from, and behind the last byte.
fn byte_range(text: &str, size: u64) -> Option<(u64, u64)> {
    let (from, to) = text.strip_prefix("bytes=")?.split_once('-')?;
    if from.is_empty() {
        return Some((size.saturating_sub(to.parse().ok()?), size));
    }
    let from: u64 = from.parse().ok()?;
    let to = if to.is_empty() { size } else { to.parse::<u64>().ok()?.checked_add(1)?.min(size) };
    (from < to).then_some((from, to))
}

fn list_request(head: &Head, target: &str) -> ListRequest {
    let parameter = |name: &str| head.parameter(name);
    let after = ["continuation-token", "start-after", "marker"].into_iter().find_map(parameter);
    ListRequest {
        bucket: target.trim_end_matches('/').to_owned(),
        prefix: parameter("prefix").unwrap_or_default(),
        delimiter: parameter("delimiter"),
        // A client that asked for encoded keys sends the token back as it was.
        after: after.map(|after| decode(&after)).unwrap_or_default(),
        max: parameter("max-keys").and_then(|max| max.parse().ok()).unwrap_or(1000).min(1000),
        version_2: parameter("list-type").is_some(),
        encoded: parameter("encoding-type").is_some(),
    }
}

fn other(head: &Head, target: &str, document: &str) -> Answer {
    if document.contains("Action=GetCallerIdentity") {
        return Answer::xml(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::123456789012:user/bench</Arn><UserId>AIDAIOSFODNN7EXAMPLE</UserId>\
             <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned(),
        );
    }
    let xml = match head.method.as_str() {
        "GET" if head.parameter("location").is_some() => "<LocationConstraint/>".to_owned(),
        "GET" if head.parameter("uploads").is_some() => {
            format!(
                "<ListMultipartUploadsResult><Bucket>{target}</Bucket><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>"
            )
        }
        "GET" => "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>".to_owned(),
        _ => String::new(),
    };
    let answer = Answer { head_only: head.method == "HEAD", ..Answer::xml(xml) };
    answer.header("x-amz-bucket-region", "us-east-1")
}

#[cfg(test)]
mod tests {
    use super::byte_range;

    #[test]
    fn ranges_are_read() {
        assert_eq!(byte_range("bytes=0-9", 100), Some((0, 10)));
        assert_eq!(byte_range("bytes=90-200", 100), Some((90, 100)));
        assert_eq!(byte_range("bytes=90-", 100), Some((90, 100)));
        assert_eq!(byte_range("bytes=-10", 100), Some((90, 100)));
        assert_eq!(byte_range("bytes=100-", 100), None);
        assert_eq!(byte_range("lines=1-2", 100), None);
    }
}
