//! What comes from others and what goes to them: reading a shared file or address, adding what it brings, and exporting.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use pintail_core::bookmark::Bookmark;
use pintail_core::connection::{Connection, Way};
use pintail_core::name::BookmarkName;
use pintail_core::profile::Profile;
use pintail_core::seam::{HttpClient, HttpRequest};
use pintail_core::share::{self, Bundle, Shareable};
use url::{Host, Url};

use crate::bookmarks::{complete, uuid};
use crate::foreign::with_cause;
use crate::{Connector, Error};

/// How many redirects within one origin are followed.
const REDIRECTS_MAX: usize = 3;

/// A bookmark that came in.
#[derive(Debug)]
pub struct Incoming {
    /// The name it has or would get.
    pub name: BookmarkName,
    /// The bookmark, without what names files of this machine.
    pub bookmark: Bookmark,
    /// What it means here, or what it lacks.
    pub meaning: Result<Connection, Error>,
    /// What is done with it.
    pub taking: Taking,
    /// Keys that were taken out.
    pub left_out: Vec<String>,
}

/// What is done with a bookmark that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is added.
    Add,
    /// It takes the place of the same one.
    Update,
    /// It is here already.
    Here,
}

impl Connector {
    /// Reads what somebody shared, from a file or an `https` address (`http` on this machine only).
    ///
    /// # Errors
    /// When it cannot be read, is larger than [`share::FILE_SIZE_MAX`], or brings nothing.
    pub async fn read_shared(&self, source: &str) -> Result<Bundle, Error> {
        let scheme = source.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let (from, bytes) = match scheme.as_deref() {
            Some("http" | "https") => self.fetch(source).await?,
            _ => (source.to_owned(), read_file(Path::new(source))?),
        };
        Bundle::read(&bytes).map_err(|source| Error::Shared { from, source })
    }

    async fn fetch(&self, text: &str) -> Result<(String, Vec<u8>), Error> {
        let (mut url, from) = checked(text)?;
        let problem = |problem: &str| Error::Fetch { from: from.clone(), problem: problem.to_owned() };
        let transport = self.transport(None)?;
        for _ in 0..=REDIRECTS_MAX {
            let mut request = HttpRequest::get(url.clone());
            request.response_limit_bytes = share::FILE_SIZE_MAX;
            let answer =
                transport.send(request).await.map_err(|error| fetching(&from, with_cause(&error)))?;
            if answer.status.is_success() {
                return Ok((from, answer.body.to_vec()));
            }
            let location = answer.headers.get("location").and_then(|value| value.to_str().ok());
            let next = location.filter(|_| answer.status.is_redirection());
            let Some(next) = next.and_then(|location| url.join(location).ok()) else {
                return Err(problem(&format!("the server answered {}", answer.status)));
            };
            if next.origin() != url.origin() {
                return Err(problem("the server sends on to another one, which is not followed"));
            }
            url = next;
        }
        Err(problem("the server sends on and on"))
    }

    /// Says what would be done with the bookmarks of somebody: nothing is written.
    ///
    /// # Errors
    /// When the collection cannot be read.
    pub fn plan_incoming(
        &self,
        bookmarks: Vec<Bookmark>,
        name: Option<&BookmarkName>,
        force: bool,
    ) -> Result<Vec<Incoming>, Error> {
        let mut taken = self.bookmarks().names()?;
        let here = self.identifiers()?;
        let mut plan = Vec::new();
        for mut bookmark in bookmarks {
            let left_out = share::without_local_files(&mut bookmark);
            let same = bookmark.text("UUID").and_then(|uuid| {
                here.iter().find(|(_, known)| known.eq_ignore_ascii_case(&uuid)).map(|(name, _)| name.clone())
            });
            let (name, taking) = match same {
                Some(name) if force => (name, Taking::Update),
                Some(name) => (name, Taking::Here),
                None => {
                    let wish = name
                        .cloned()
                        .unwrap_or_else(|| share::typable(&bookmark.text("Nickname").unwrap_or_default()));
                    let free = free_name(&wish, &taken);
                    taken.push(free.clone());
                    (free, Taking::Add)
                }
            };
            if bookmark.text("UUID").is_none() {
                bookmark.set("UUID", &uuid(self.random()));
            }
            let meaning = self.meaning(&name, &bookmark);
            plan.push(Incoming { name, bookmark, meaning, taking, left_out });
        }
        Ok(plan)
    }

    /// Adds or updates a bookmark that came in. One that does not say enough yet is kept as it is; what it leads to is pinned.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take_in(&self, incoming: &mut Incoming) -> Result<(), Error> {
        if incoming.taking == Taking::Here {
            return Ok(());
        }
        if let Ok(connection) = &incoming.meaning {
            // Only what other programs cannot do without: the file is somebody else's.
            if incoming.bookmark.text("Hostname").is_none() {
                complete(&mut incoming.bookmark, connection);
            }
        }
        self.bookmarks().save(&incoming.name, &incoming.bookmark)?;
        match &incoming.meaning {
            Ok(connection) => self.pin(&incoming.name, &incoming.bookmark, connection),
            Err(_) => Ok(()),
        }
    }

    /// Tells whether a bookmark of the collection says what one says that came in.
    pub fn is_same(&self, incoming: &Incoming) -> bool {
        let Ok(here) = self.bookmarks().load(&incoming.name) else { return false };
        match (self.meaning(&incoming.name, &here), &incoming.meaning) {
            // Who named the region is not what is meant: one that is taken over is written out.
            (Ok(here), Ok(there)) => Connection { region_said: there.region_said, ..here } == *there,
            _ => here == incoming.bookmark,
        }
    }

    fn identifiers(&self) -> Result<Vec<(BookmarkName, String)>, Error> {
        let bookmarks = self.bookmarks();
        let names = bookmarks.names()?.into_iter();
        Ok(names.filter_map(|name| Some((name.clone(), bookmarks.load(&name).ok()?.text("UUID")?))).collect())
    }

    /// Takes out of a bookmark of the collection what must not go to others. An access key never goes with it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn shareable(&self, name: &BookmarkName, keep_username: bool) -> Result<Shareable, Error> {
        let bookmark = self.bookmarks().load(name)?;
        let is_key = match self.meaning(name, &bookmark) {
            Ok(connection) => {
                matches!(connection.way, Way::Keys(_) | Way::AssumeRole { .. } | Way::SessionToken { .. })
            }
            Err(_) => true,
        };
        Ok(share::shareable(&bookmark, keep_username && !is_key))
    }

    /// Writes what goes to others: one bookmark as it is, several or one with profiles as a bundle.
    ///
    /// # Errors
    /// When a text in it cannot be written.
    pub fn shared_file(
        &self,
        bookmarks: Vec<Bookmark>,
        profiles: Vec<Profile>,
        path: &Path,
    ) -> Result<Vec<u8>, Error> {
        match (bookmarks.as_slice(), profiles.as_slice()) {
            ([bookmark], []) => {
                bookmark.write().map_err(|source| Error::Bookmark { path: path.to_owned(), source })
            }
            _ => Bundle { bookmarks, profiles }
                .write()
                .map_err(|source| Error::Shared { from: path.display().to_string(), source }),
        }
    }
}

/// Reads an address that a file may be fetched from, and how it is shown: a query may carry a key to the file.
fn checked(text: &str) -> Result<(Url, String), Error> {
    let url = Url::parse(text).map_err(|error| fetching("the address", error))?;
    let from = format!("{}{}", url.origin().ascii_serialization(), url.path());
    if url.scheme() == "http" && !is_loopback(&url) {
        return Err(fetching(&from, "an address outside this machine has to begin with https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fetching(&from, "the address has a user name or password in it"));
    }
    Ok((url, from))
}

fn fetching(from: &str, error: impl std::fmt::Display) -> Error {
    Error::Fetch { from: from.to_owned(), problem: error.to_string() }
}

pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // One more than allowed, so that the reader of the format says how much is too much.
        let limit = u64::try_from(share::FILE_SIZE_MAX).unwrap_or(u64::MAX).saturating_add(1);
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|error| Error::local("read", path, error))
}

/// Returns the name, or the first of `NAME-2`, `NAME-3`, … that is free. Names that differ by case only are not.
pub(crate) fn free_name(wish: &BookmarkName, taken: &[BookmarkName]) -> BookmarkName {
    let is_free = |name: &BookmarkName| {
        !taken.iter().any(|taken| taken.as_str().to_lowercase() == name.as_str().to_lowercase())
    };
    let base: String = wish.as_str().chars().take(58).collect();
    let mut next = (2..).filter_map(|number: u32| format!("{base}-{number}").parse().ok());
    if is_free(wish) {
        return wish.clone();
    }
    next.find(is_free).unwrap_or_else(|| wish.clone())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn a_taken_name_gets_a_number() {
        let name = |text: &str| text.parse::<BookmarkName>().unwrap();
        assert_eq!(free_name(&name("work"), &[]), name("work"));
        assert_eq!(free_name(&name("work"), &[name("Work")]), name("work-2"));
        assert_eq!(free_name(&name("work"), &[name("work"), name("work-2")]), name("work-3"));
    }

    #[test]
    fn the_same_identifier_is_the_same_bookmark() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let mut bookmark = Bookmark::new(&"Work-S3".parse().unwrap(), "0c6f7d3e-0000-4000-8000-000000000000");
        bookmark.set("Username", "anonymous");
        let plan = |force| connector.plan_incoming(vec![bookmark.clone()], None, force).unwrap().remove(0);
        let mut first = plan(false);
        assert_eq!(first.taking, Taking::Add);
        connector.take_in(&mut first).unwrap();
        assert_eq!((plan(false).taking, plan(true).taking), (Taking::Here, Taking::Update));
        assert!(connector.is_same(&plan(false)));
    }

    #[test]
    fn an_address_outside_needs_tls_and_no_user() {
        for (url, problem) in [
            ("http://example.org/x.duck?key=hunter2", "https"),
            ("https://alice:hunter2@example.org/x.duck", "user name"),
        ] {
            let error = checked(url).unwrap_err().to_string();
            assert!(error.contains(problem) && !error.contains("hunter2"), "{error}");
        }
        for url in ["http://127.0.0.1:1/x", "http://[::1]/x", "https://example.org/x?key=1"] {
            let (_, from) = checked(url).unwrap();
            assert!(!from.contains("key"), "{from}");
        }
    }
}
