//! The pasted address: for a browser that cannot reach this machine, as over SSH or out of a container.
//!
//! The person lets the browser run into its last, unreachable page and copies the address from there. Lines are read
//! until one is the answer; each other line is reported, so that the person can be told.

use std::fmt;
use std::io;

use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use zeroize::Zeroizing;

use super::answer::ADDRESS_BYTES_MAX;
use super::{Arrival, Expected, Ignored, Notice, RedirectError, RedirectReceiver, Whose};

/// Takes the answer from lines of text.
///
/// A terminal in line mode passes on at most 4,095 bytes a line; who reads from one must switch that off or say so.
pub struct Pasted<R> {
    redirect_uri: String,
    lines: R,
    expected: Option<Expected>,
    ignored: Ignored,
}

impl<R> fmt::Debug for Pasted<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pasted").field("redirect_uri", &self.redirect_uri).finish_non_exhaustive()
    }
}

impl<R: AsyncBufRead + Send + Unpin> Pasted<R> {
    /// Reads from `lines`. `redirect_uri` is any address registered at the issuer, such as `http://localhost`.
    pub fn new(redirect_uri: impl Into<String>, lines: R) -> Self {
        Self { redirect_uri: redirect_uri.into(), lines, expected: None, ignored: Ignored::default() }
    }

    /// Reads one line, cut where no address goes on; `None` at the end of the input.
    async fn line(&mut self) -> io::Result<Option<Zeroizing<String>>> {
        let mut line = Zeroizing::new(Vec::new());
        loop {
            let chunk = self.lines.fill_buf().await?;
            if chunk.is_empty() && line.is_empty() {
                return Ok(None);
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(chunk.len());
            let room = (ADDRESS_BYTES_MAX + 1).saturating_sub(line.len());
            line.extend_from_slice(&chunk[..taken.min(room)]);
            let last = end.is_some() || chunk.is_empty();
            let used = taken + usize::from(end.is_some());
            self.lines.consume(used);
            if last {
                // A whole empty line is a line too: `Some` of an empty text.
                return Ok(Some(Zeroizing::new(String::from_utf8_lossy(&line).into_owned())));
            }
        }
    }

    async fn wait(&mut self, notice: &(dyn Fn(Notice) + Send + Sync)) -> Result<Arrival, RedirectError> {
        let expected = self.expected.clone().expect("listen is called before receive");
        loop {
            let line = self.line().await.map_err(RedirectError::Io)?.ok_or(RedirectError::NoInput)?;
            match expected.judge(&line) {
                Whose::Ours | Whose::OursRefused => {
                    return Ok(Arrival::unanswered(Secret::new(line.as_str())));
                }
                Whose::Foreign => self.ignored.note(Notice::Foreign, notice)?,
                Whose::Nobodys if line.trim().is_empty() => {}
                Whose::Nobodys => self.ignored.note(Notice::NoAnswer, notice)?,
            }
        }
    }
}

impl<R: AsyncBufRead + Send + Unpin> RedirectReceiver for Pasted<R> {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    fn listen(&mut self, expected: &Expected) -> Result<(), RedirectError> {
        self.expected = Some(expected.clone());
        Ok(())
    }

    fn receive<'a>(
        &'a mut self,
        notice: &'a (dyn Fn(Notice) + Send + Sync),
    ) -> BoxFuture<'a, Result<Arrival, RedirectError>> {
        Box::pin(self.wait(notice))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::{Either, Loopback, LoopbackOptions};
    use super::*;

    async fn paste(text: &[u8]) -> (Result<Arrival, RedirectError>, Vec<Notice>) {
        let mut pasted = Pasted::new("http://localhost", text);
        pasted.listen(&Expected::new(Secret::new("the-state"))).unwrap();
        let noted = Mutex::new(Vec::new());
        let arrival = pasted.receive(&|notice| noted.lock().unwrap().push(notice)).await;
        (arrival, noted.into_inner().unwrap())
    }

    #[tokio::test]
    async fn lines_are_read_until_one_is_the_answer() {
        let text = b"\n  \nhello\nhttp://localhost/?code=old&state=other\n \"http://localhost/?code=c&state=the-state\"\r\nmore";
        let (arrival, noted) = paste(text).await;
        let address = arrival.unwrap().address;
        assert_eq!(address.expose().trim(), "\"http://localhost/?code=c&state=the-state\"");
        assert_eq!(noted, [Notice::NoAnswer, Notice::Foreign]);
    }

    #[tokio::test]
    async fn an_answer_without_a_line_end_counts_and_the_end_of_input_is_said() {
        assert!(paste(b"http://localhost/?code=c&state=the-state").await.0.is_ok());
        assert!(matches!(paste(b"").await.0, Err(RedirectError::NoInput)));
        assert!(matches!(paste(b"nothing\n").await.0, Err(RedirectError::NoInput)));
    }

    #[tokio::test]
    async fn an_endless_line_is_not_kept() {
        let mut text = vec![b'x'; 10 * ADDRESS_BYTES_MAX];
        text.extend_from_slice(b"\n?code=c&state=the-state\n");
        let (arrival, noted) = paste(&text).await;
        assert!(arrival.is_ok());
        assert_eq!(noted, [Notice::NoAnswer]);
    }

    #[tokio::test]
    async fn a_pasted_address_serves_beside_a_loopback_server() {
        let text: &[u8] = b"http://localhost:1/?code=c&state=the-state\n";
        let loopback = Loopback::bind(&LoopbackOptions::default()).unwrap();
        let port = loopback.port();
        let mut either = Either(loopback, Pasted::new("ignored", text));
        assert_eq!(either.redirect_uri(), format!("http://localhost:{port}/"));
        either.listen(&Expected::new(Secret::new("the-state"))).unwrap();
        assert!(either.receive(&|_| {}).await.is_ok());
    }

    #[tokio::test]
    async fn a_terminal_that_is_closed_leaves_the_loopback_server_waiting() {
        let loopback = Loopback::bind(&LoopbackOptions::default()).unwrap();
        let port = loopback.port();
        let nothing: &[u8] = b"";
        let mut either = Either(loopback, Pasted::new("ignored", nothing));
        either.listen(&Expected::new(Secret::new("the-state"))).unwrap();
        let browser = async move {
            use tokio::io::AsyncWriteExt;
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let request = format!("GET /?code=c&state=the-state HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        };
        let notice = |_| {};
        let (arrival, _stream) = tokio::join!(either.receive(&notice), browser);
        assert!(arrival.is_ok());
    }
}
