//! What a finished process left: its exit, its two streams, and the block that snapshots show.

use std::process::ExitStatus;

use serde_json::Value;

/// A finished process.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command as typed, program name first.
    pub command: String,
    /// Exit status.
    pub status: ExitStatus,
    /// Standard output, wrong bytes replaced.
    pub stdout: String,
    /// Standard error, wrong bytes replaced.
    pub stderr: String,
}

impl Output {
    /// Exit code; `None` where a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Returns itself where the exit code is zero.
    ///
    /// # Panics
    /// Shows both streams otherwise.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert!(self.status.success(), "{}", self.block());
        self
    }

    /// Returns itself where the exit code is this one.
    ///
    /// # Panics
    /// Shows both streams otherwise.
    #[track_caller]
    pub fn exited(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{}", self.block());
        self
    }

    /// Standard output as one JSON document.
    ///
    /// # Panics
    /// Shows both streams where it is something else.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON: {error}\n{}", self.block()))
    }

    /// Standard output as one JSON document a line.
    ///
    /// # Panics
    /// Shows both streams where a line is something else.
    #[must_use]
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("not JSON: {error}: {line}\n{}", self.block()))
            })
            .collect()
    }

    /// Command, exit and both streams in one text.
    #[must_use]
    pub fn block(&self) -> String {
        let exit = match self.code() {
            Some(code) => code.to_string(),
            None => self.status.to_string(),
        };
        let section = |text: &str| match text {
            "" => String::from("\n"),
            text if text.ends_with('\n') => format!("\n{text}"),
            text => format!("\n{text}(no line end)\n"),
        };
        let (stdout, stderr) = (section(&self.stdout), section(&self.stderr));
        format!("$ {}\nexit: {exit}\n--- stdout ---{stdout}--- stderr ---{stderr}", self.command)
    }
}

/// Replaces `127.0.0.1:PORT` and `localhost:PORT` by the host with `[PORT]`, in an address or percent-encoded.
#[must_use]
pub fn without_ports(text: &str) -> String {
    let mut result = text.to_owned();
    for host in ["127.0.0.1:", "localhost:", "[::1]:", "127.0.0.1%3A", "localhost%3A"] {
        let mut rest = std::mem::take(&mut result);
        while let Some(at) = rest.find(host) {
            let after = at + host.len();
            result.push_str(&rest[..after]);
            let digits = rest[after..].bytes().take_while(u8::is_ascii_digit).count();
            if digits > 0 {
                result.push_str("[PORT]");
            }
            rest = rest[after + digits..].to_owned();
        }
        result.push_str(&rest);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::without_ports;

    #[test]
    fn ports_are_hidden_and_nothing_else() {
        let text =
            "http://127.0.0.1:8080/a http://localhost:1 redirect=http%3A%2F%2Flocalhost%3A9%2F localhost:x";
        let want = "http://127.0.0.1:[PORT]/a http://localhost:[PORT] redirect=http%3A%2F%2Flocalhost%3A[PORT]%2F localhost:x";
        assert_eq!(without_ports(text), want);
    }
}
