//! Opening the person's own browser.
//!
//! A seam with one real implementation, [`SystemBrowser`], and [`NoBrowser`] for machines without one. No shell is
//! involved and the environment is not read: the value of `$BROWSER` is handed in. The address is an argument of the
//! opener's process, as it must be; it holds nothing that redeems a code. Waiting for the browser is somebody else's.

use std::fmt;
use std::io;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pintail_core::seam::BoxFuture;
use pintail_core::secret::Secret;
use tokio::sync::oneshot;

/// Opens addresses for the person.
///
/// Contract: returns soon, with an error when it is known that nothing opened; success means only that an opener took
/// the address. The address goes nowhere else.
pub trait Browser: Send + Sync + fmt::Debug {
    /// Opens an http or https address.
    fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>>;
}

/// Why no browser opened. Every case is mended by showing the address to the person.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The address is not http or https.
    #[error("the address is not one for a browser")]
    NotForBrowsers,
    /// No opener worked; this is what the last one said.
    #[error("\"{opener}\" did not open the browser")]
    Failed {
        /// The program that was tried last.
        opener: String,
        /// Why it was not started; `None` when it started and failed.
        source: Option<io::Error>,
    },
    /// There is none here.
    #[error("there is no browser here")]
    NoBrowser,
}

/// A machine without a browser: the person opens the address elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBrowser;

impl Browser for NoBrowser {
    fn open<'a>(&'a self, _url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
        Box::pin(async { Err(BrowserError::NoBrowser) })
    }
}

/// The browser that the system or the person has chosen.
#[derive(Clone, Debug)]
pub struct SystemBrowser {
    openers: Vec<Opener>,
}

/// A program and its arguments, `%s` standing for the address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Opener(Vec<String>);

/// An opener that fails does so within this; one that still runs by then is a browser in the foreground.
const FAILING_MAX: Duration = Duration::from_millis(1500);

impl SystemBrowser {
    /// Uses the openers of `$BROWSER`, handed in as it stands (`firefox:chromium --new-window %s`), and after them those
    /// of the system.
    pub fn new(browser_variable: Option<&str>) -> Self {
        let chosen = browser_variable.into_iter().flat_map(|list| list.split(':')).filter_map(Opener::parse);
        Self { openers: chosen.chain(Opener::of_the_system()).collect() }
    }

    async fn try_each(&self, url: &Secret) -> Result<(), BrowserError> {
        // Anything else could be an option of the opener or a program of its own.
        if !(url.expose().starts_with("https://") || url.expose().starts_with("http://")) {
            return Err(BrowserError::NotForBrowsers);
        }
        let mut last = BrowserError::NoBrowser;
        for opener in &self.openers {
            match opener.run(url).await {
                Ok(()) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Browser for SystemBrowser {
    fn open<'a>(&'a self, url: &'a Secret) -> BoxFuture<'a, Result<(), BrowserError>> {
        Box::pin(self.try_each(url))
    }
}

impl Opener {
    /// Reads one entry of `$BROWSER`: words without quoting, as other programs read it.
    fn parse(entry: &str) -> Option<Self> {
        let words: Vec<String> = entry.split_whitespace().map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    fn of_the_system() -> Vec<Self> {
        let openers: &[&str] = if cfg!(target_os = "macos") {
            &["open"]
        } else if cfg!(windows) {
            &["rundll32 url.dll,FileProtocolHandler"]
        } else {
            // `wslview` exists only where Linux runs inside Windows, whose browser is then the person's.
            &["wslview", "xdg-open"]
        };
        openers.iter().filter_map(|entry| Self::parse(entry)).collect()
    }

    /// Returns the program and its arguments for an address, which comes last unless `%s` gives it a place.
    fn command(&self, url: &str) -> (&str, Vec<String>) {
        let (program, words) =
            self.0.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
        let placed = words.iter().any(|word| word.contains("%s"));
        // `%%` is a plain `%`; the address itself is full of `%` and is put in last.
        let mut arguments: Vec<String> = words
            .iter()
            .map(|word| word.split("%%").map(|part| part.replace("%s", url)).collect::<Vec<_>>().join("%"))
            .collect();
        if !placed {
            arguments.push(url.to_owned());
        }
        (program, arguments)
    }

    async fn run(&self, url: &Secret) -> Result<(), BrowserError> {
        let (program, arguments) = self.command(url.expose());
        let failed = |source| BrowserError::Failed { opener: program.to_owned(), source };
        let child = start(program, &arguments).map_err(|source| failed(Some(source)))?;
        match tokio::time::timeout(FAILING_MAX, ended(child)).await {
            Ok(Ok(false)) => Err(failed(None)),
            _ => Ok(()),
        }
    }
}

/// Starts a program that outlives this one and shares neither its terminal nor its signals.
fn start(program: &str, arguments: &[String]) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// Waits on a thread of its own, so that the child is collected even if nobody listens any more; tells whether it
/// succeeded.
fn ended(mut child: Child) -> oneshot::Receiver<bool> {
    let (tell, told) = oneshot::channel();
    std::thread::spawn(move || {
        let succeeded = child.wait().is_ok_and(|status| status.success());
        let _ = tell.send(succeeded);
    });
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://login.example/authorize?state=the-state&a=%20b";

    fn openers(variable: &str) -> Vec<(String, Vec<String>)> {
        SystemBrowser::new(Some(variable))
            .openers
            .iter()
            .map(|opener| {
                let (program, arguments) = opener.command(URL);
                (program.to_owned(), arguments)
            })
            .collect()
    }

    #[test]
    fn the_variable_lists_openers_that_come_before_the_systems() {
        let all = openers("firefox::chromium --new-window %s:odd --title=100%% --url=%s");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(all[0], ("firefox".into(), words(&[URL])));
        assert_eq!(all[1], ("chromium".into(), words(&["--new-window", URL])));
        assert_eq!(all[2], ("odd".into(), words(&["--title=100%", &format!("--url={URL}")])));
        assert!(all.len() > 3, "the system's openers come last");
        assert_eq!(openers("").len(), all.len() - 3);
    }

    #[cfg(unix)]
    mod with_programs {
        use super::*;
        use std::fs;
        use std::os::unix::fs::PermissionsExt;
        use std::path::Path;

        /// Writes a program that stands for a browser.
        fn program(folder: &Path, name: &str, lines: &str) -> String {
            let path = folder.join(name);
            fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path.display().to_string()
        }

        fn only(entries: &[&str]) -> SystemBrowser {
            SystemBrowser { openers: entries.iter().filter_map(|entry| Opener::parse(entry)).collect() }
        }

        #[tokio::test]
        async fn the_first_opener_that_works_gets_the_address_as_one_argument() {
            let folder = tempfile::tempdir().unwrap();
            let failing = program(folder.path(), "failing", "exit 3");
            let out = folder.path().join("out");
            let working = program(
                folder.path(),
                "working",
                &format!("printf '%s|' \"$#\" \"$@\" > '{}'", out.display()),
            );
            let browser = only(&["does-not-exist-here", &failing, &working]);
            browser.open(&Secret::new(URL)).await.unwrap();
            assert_eq!(fs::read_to_string(out).unwrap(), format!("1|{URL}|"));
        }

        #[tokio::test]
        async fn a_failure_names_the_opener_and_not_the_address() {
            let folder = tempfile::tempdir().unwrap();
            let failing = program(folder.path(), "failing", "exit 3");
            let error = only(&[&failing]).open(&Secret::new(URL)).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("failing") && !shown.contains("login.example"), "{shown}");
            let missing = only(&["does-not-exist-here"]).open(&Secret::new(URL)).await.unwrap_err();
            assert!(matches!(missing, BrowserError::Failed { source: Some(_), .. }));
            assert!(matches!(only(&[]).open(&Secret::new(URL)).await, Err(BrowserError::NoBrowser)));
        }

        #[tokio::test]
        async fn only_web_addresses_are_opened() {
            let browser = only(&["true"]);
            for bad in ["--help", "file:///etc/passwd", "javascript:1", "pintail://x", ""] {
                let refused = browser.open(&Secret::new(bad)).await;
                assert!(matches!(refused, Err(BrowserError::NotForBrowsers)), "{bad}");
            }
        }

        #[tokio::test(start_paused = true)]
        async fn a_browser_in_the_foreground_counts_as_open() {
            let folder = tempfile::tempdir().unwrap();
            let fifo = folder.path().join("fifo");
            // It waits for a writer that comes after the check.
            let line = format!("mkfifo '{0}' && read line < '{0}'", fifo.display());
            let foreground = program(folder.path(), "foreground", &line);
            only(&[&foreground]).open(&Secret::new(URL)).await.unwrap();
            drop(std::thread::spawn(move || fs::write(fifo, "\n")));
        }
    }
}
