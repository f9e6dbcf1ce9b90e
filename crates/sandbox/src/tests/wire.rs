//! A connection to S3 on which a test writes and reads what it likes: half a request, half an answer.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::bench::{Bench, Key};

pub(super) struct Wire {
    stream: TcpStream,
    /// What came and was not taken yet.
    came: Vec<u8>,
}

impl Wire {
    /// Connects and sends the head of a signed request.
    pub(super) async fn open(
        bench: &Bench,
        key: &Key,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Wire {
        let region = bench.sandbox.summary().region.clone();
        let (url, all) = bench.signed_in(&region, key, method, path, headers, body);
        let port = url.port().unwrap();
        let target = url.query().map_or_else(|| url.path().to_owned(), |q| format!("{}?{q}", url.path()));
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n");
        for (name, value) in &all {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        Wire { stream, came: Vec::new() }
    }

    /// The same with all of its body.
    pub(super) async fn send_all(bench: &Bench, key: &Key, method: &str, path: &str, body: &[u8]) -> Wire {
        let mut wire = Wire::open(bench, key, method, path, &[], body).await;
        wire.send(body).await;
        wire
    }

    /// Sends bytes. A connection that is gone shows when it is read.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    async fn read_more(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.came.extend_from_slice(&buffer[..count]);
                true
            }
        }
    }

    /// The status and the length that the answer promises; nothing where the connection ends instead.
    pub(super) async fn head(&mut self) -> Option<(u16, usize)> {
        let end = loop {
            if let Some(end) = self.came.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.read_more().await {
                assert!(self.came.is_empty(), "half a head");
                return None;
            }
        };
        let head = String::from_utf8(self.came.drain(..end + 4).collect()).unwrap().to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        Some((status, length.map_or(0, |length| length.parse().unwrap())))
    }

    /// Reads exactly so many bytes of the body.
    pub(super) async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.came.len() < count {
            assert!(self.read_more().await, "{} of {count} bytes came", self.came.len());
        }
        self.came.drain(..count).collect()
    }

    /// Reads until the connection ends; whether that was by a reset.
    pub(super) async fn is_reset(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        loop {
            match self.stream.read(&mut buffer).await {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// Reads until the connection ends.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        while self.read_more().await {}
        std::mem::take(&mut self.came)
    }
}
