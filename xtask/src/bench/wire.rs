//! HTTP as far as the bench needs it to answer and to count: heads of requests, framed bodies, and what a request asks of S3.
//!
//! Pure: bytes in, values out. The answering peer and the line both stand on it; the clients under measurement share nothing
//! with it.

use std::collections::BTreeMap;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// The path without its query, still percent-encoded.
    pub(crate) path: String,
    /// The query without its question mark, still percent-encoded.
    pub(crate) query: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head from the start of `bytes`: the head and its length, or nothing while it is incomplete.
    ///
    /// # Errors
    /// When it is not the head of an HTTP/1.1 request.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, String> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is no text".to_owned())?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1")) = (words.next(), words.next(), words.next())
        else {
            return Err("no request of HTTP/1.1".to_owned());
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let head = Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: headers.collect(),
        };
        Ok(Some((head, end + 4)))
    }

    /// The value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The headers whose names begin with `prefix`.
    pub(crate) fn headers_from<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a (String, String)> {
        self.headers.iter().filter(move |(name, _)| name.starts_with(prefix))
    }

    /// The decoded value of a parameter; empty where it has none.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| decode(value))
        })
    }

    /// How the body that follows is framed.
    pub(crate) fn framing(&self) -> Framing {
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return Framing::Chunked(Chunks::default());
        }
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        Framing::Length(length.unwrap_or(0))
    }

    /// Whether what the body carries is itself in signed or summed chunks (`aws-chunked`).
    pub(crate) fn in_aws_chunks(&self) -> bool {
        self.header("x-amz-content-sha256").is_some_and(|sum| sum.starts_with("STREAMING-"))
    }

    /// What the request asks, as it is counted.
    pub(crate) fn kind(&self) -> Kind {
        let has = |name: &str| self.parameter(name).is_some();
        let key = self.path.trim_start_matches('/').split_once('/').is_some_and(|(_, key)| !key.is_empty());
        match (self.method.as_str(), key) {
            ("GET", true) if has("uploadId") => Kind::Other,
            ("GET", true) => Kind::Get,
            ("GET", false) if self.path.trim_matches('/').is_empty() || has("location") => Kind::Other,
            ("GET", false) if has("uploads") => Kind::Other,
            ("GET", false) => Kind::List,
            ("HEAD", true) => Kind::Head,
            ("PUT", true) if self.header("x-amz-copy-source").is_some() => Kind::Copy,
            ("PUT", true) if has("partNumber") => Kind::Part,
            ("PUT", true) => Kind::Put,
            ("POST", true) if has("uploads") => Kind::CreateUpload,
            ("POST", true) if has("uploadId") => Kind::CompleteUpload,
            ("DELETE", true) if has("uploadId") => Kind::AbortUpload,
            ("DELETE", true) => Kind::Delete,
            ("POST", false) if has("delete") => Kind::DeleteMany,
            _ => Kind::Other,
        }
    }
}

/// What a request asks of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Put,
    Get,
    Head,
    List,
    Copy,
    Delete,
    DeleteMany,
    CreateUpload,
    Part,
    CompleteUpload,
    AbortUpload,
    Other,
}

impl Kind {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Copy => "copy",
            Self::Delete => "delete",
            Self::DeleteMany => "delete-many",
            Self::CreateUpload => "create-upload",
            Self::Part => "part",
            Self::CompleteUpload => "complete-upload",
            Self::AbortUpload => "abort-upload",
            Self::Other => "other",
        }
    }
}

/// How a body is framed, and what of it is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked(Chunks),
}

impl Framing {
    /// Whether nothing more is to come.
    pub(crate) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_done(),
        }
    }

    /// Takes the body's bytes from the start of `bytes`, gives what they carry to `sink`, and returns how many it took.
    pub(crate) fn take(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<usize, String> {
        match self {
            Self::Length(left) => {
                let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                sink(&bytes[..taken]);
                Ok(taken)
            }
            Self::Chunked(chunks) => chunks.take(bytes, sink),
        }
    }
}

/// Reads a body in chunks: HTTP's own, and AWS's, whose sizes have signatures behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chunks {
    state: ChunkState,
    line: Vec<u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum ChunkState {
    #[default]
    Size,
    Data(u64),
    AfterData,
    Trailer,
    Done,
}

impl Chunks {
    /// Whether the last chunk and its trailers were read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// As [`Framing::take`].
    pub(crate) fn take(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) -> Result<usize, String> {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.state {
                ChunkState::Done => break,
                ChunkState::Data(left) => {
                    let taken = (bytes.len() - at).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    sink(&bytes[at..at + taken]);
                    at += taken;
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = ChunkState::AfterData;
                    }
                }
                ChunkState::Size | ChunkState::AfterData | ChunkState::Trailer => {
                    let byte = bytes[at];
                    at += 1;
                    if byte != b'\n' {
                        self.line.push(byte);
                        if self.line.len() > 16 * 1024 {
                            return Err("a chunk's line without an end".to_owned());
                        }
                        continue;
                    }
                    let line = std::mem::take(&mut self.line);
                    self.end_line(line.strip_suffix(b"\r").unwrap_or(&line))?;
                }
            }
        }
        Ok(at)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), String> {
        self.state = match self.state {
            ChunkState::Size => {
                let digits = line.split(|&byte| byte == b';').next().unwrap_or_default();
                let digits = std::str::from_utf8(digits).unwrap_or_default().trim();
                let size = u64::from_str_radix(digits, 16).map_err(|_| format!("no size: {digits:?}"))?;
                if size == 0 { ChunkState::Trailer } else { ChunkState::Data(size) }
            }
            ChunkState::AfterData => ChunkState::Size,
            // An empty line ends the trailers.
            _ if line.is_empty() => ChunkState::Done,
            _ => ChunkState::Trailer,
        };
        Ok(())
    }
}

/// Counts the requests in what a client sends, piece by piece.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    head: Vec<u8>,
    body: Option<Framing>,
    lost: bool,
}

impl Counter {
    /// Looks at the next piece and gives each request that begins in it to `sink`. A stream that is no HTTP is not counted.
    pub(crate) fn look(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(Kind)) {
        while !bytes.is_empty() && !self.lost {
            if let Some(body) = &mut self.body {
                match body.take(bytes, &mut |_| ()) {
                    Ok(taken) => bytes = &bytes[taken..],
                    Err(_) => self.lost = true,
                }
                if self.body.as_ref().is_some_and(Framing::is_done) {
                    self.body = None;
                }
                continue;
            }
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            match Head::parse(&self.head) {
                Ok(None) => {
                    self.lost = self.head.len() > 64 * 1024;
                    return;
                }
                Ok(Some((head, length))) => {
                    sink(head.kind());
                    let framing = head.framing();
                    self.body = (!framing.is_done()).then_some(framing);
                    self.head.clear();
                    bytes = &bytes[length - before..];
                }
                Err(_) => self.lost = true,
            }
        }
    }
}

/// How many requests of each kind there were.
pub(crate) type Counts = BTreeMap<String, u64>;

/// Decodes percent-encoding, and a plus as the space it stands for in queries.
pub(crate) fn decode(text: &str) -> String {
    decoded(text, true)
}

/// Decodes percent-encoding in a path, where a plus is a plus.
pub(crate) fn decode_path(text: &str) -> String {
    decoded(text, false)
}

fn decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = hex.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, value) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 2;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            _ => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let text = format!("{text}\r\n\r\n");
        Head::parse(text.as_bytes()).expect("a head").expect("all of it").0
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        assert_eq!(Head::parse(b"GET / HTTP/1.1\r\nHost: a\r\n"), Ok(None));
        assert!(Head::parse(b"\x16\x03\x01\r\n\r\n").is_err());
        let head = head("PUT /b/a%20b?x=1%2F2&y HTTP/1.1\r\nContent-Length: 12\r\nX-Amz-Meta-Mtime: 1.5");
        assert_eq!((head.path.as_str(), head.header("content-length")), ("/b/a%20b", Some("12")));
        assert_eq!((head.parameter("x"), head.parameter("y")), (Some("1/2".into()), Some(String::new())));
        assert_eq!(head.framing(), Framing::Length(12));
        assert_eq!(head.headers_from("x-amz-meta-").count(), 1);
        assert_eq!((decode("a+b%2Bc%"), decode_path("a+b%2Bc%")), ("a b+c%".into(), "a+b+c%".into()));
    }

    #[test]
    fn kinds_are_told_apart() {
        for (line, kind) in [
            ("GET /b?list-type=2&prefix=a HTTP/1.1", Kind::List),
            ("GET /b/ HTTP/1.1", Kind::List),
            ("GET / HTTP/1.1", Kind::Other),
            ("GET /b?location HTTP/1.1", Kind::Other),
            ("GET /b/k HTTP/1.1", Kind::Get),
            ("HEAD /b/k HTTP/1.1", Kind::Head),
            ("PUT /b/k HTTP/1.1", Kind::Put),
            ("PUT /b/k HTTP/1.1\r\nx-amz-copy-source: /b/a", Kind::Copy),
            ("PUT /b/k?partNumber=1&uploadId=u HTTP/1.1", Kind::Part),
            ("POST /b/k?uploads HTTP/1.1", Kind::CreateUpload),
            ("POST /b/k?uploadId=u HTTP/1.1", Kind::CompleteUpload),
            ("DELETE /b/k?uploadId=u HTTP/1.1", Kind::AbortUpload),
            ("DELETE /b/k HTTP/1.1", Kind::Delete),
            ("POST /b?delete HTTP/1.1", Kind::DeleteMany),
        ] {
            assert_eq!(head(line).kind(), kind, "{line}");
        }
    }

    #[test]
    fn chunks_are_read_in_any_pieces() {
        let text = b"3;chunk-signature=abc\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nx-sum: 1\r\n\r\nNEXT";
        for size in 1..text.len() {
            let (mut chunks, mut out, mut taken) = (Chunks::default(), Vec::new(), 0);
            for piece in text.chunks(size) {
                taken += chunks.take(piece, &mut |bytes| out.extend_from_slice(bytes)).expect("chunks");
            }
            assert!(chunks.is_done());
            assert_eq!((out.as_slice(), taken), (b"abc0123456789abcdef".as_slice(), text.len() - 4));
        }
        assert!(Chunks::default().take(b"zz\r\n", &mut |_| ()).is_err());
    }

    #[test]
    fn requests_are_counted_in_any_pieces() {
        let text = b"PUT /b/k HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcGET /b/k HTTP/1.1\r\n\r\n\
            PUT /b/k HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nGE\r\n0\r\n\r\nHEAD /b/k HTTP/1.1\r\n\r\n";
        for size in 1..text.len() {
            let (mut counter, mut kinds) = (Counter::default(), Vec::new());
            for piece in text.chunks(size) {
                counter.look(piece, &mut |kind| kinds.push(kind));
            }
            assert_eq!(kinds, [Kind::Put, Kind::Get, Kind::Put, Kind::Head], "in pieces of {size}");
        }
        let mut counter = Counter::default();
        counter.look(b"\x16\x03\x01 not http \r\n\r\n", &mut |kind| panic!("{kind:?}"));
    }
}
