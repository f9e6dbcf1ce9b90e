//! From what was typed to what is transferred: places become routes between opened sites. Looks, and writes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pintail_connect::Tuning;
use pintail_core::address::{Address, Place as Typed};
use pintail_core::name::{BookmarkName, BucketName, KeyPrefix, ObjectKey};
use pintail_store::object_store::List;
use pintail_transfer::name::{Name, Platform};
use pintail_transfer::plan::{Place, Route};
use pintail_transfer::prepare::{Job, What};
use pintail_transfer::site::{Ends, Remote, Site};

use super::both_ways;
use super::options::OnLinks;
use super::request::{Request, Verb};
use crate::ops::{App, Error};

/// The name of standard input and output in a plan.
const STDIO: &str = "-";

/// Why places cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlaceError {
    /// Neither end is in S3.
    #[error("neither {from} nor {to} is in S3")]
    BothLocal {
        /// The source.
        from: String,
        /// The target.
        to: String,
    },
    /// A folder was named, but not that folders are meant.
    #[error("{0} is a folder")]
    Folder(String),
    /// A name is needed for what comes from standard input, or a single object for what goes to standard output.
    #[error("standard input and output take one object with a full name")]
    Stdio,
    /// Two sources would have the same target.
    #[error("two sources would both become {0}")]
    SameTarget(String),
    /// Several sources need a folder.
    #[error("{0} is not a folder, and several things are to be copied there")]
    TargetNotAFolder(String),
    /// A file was named where a folder is needed.
    #[error("{0} is not a folder")]
    NotAFolder(String),
    /// A folder's place is taken by a symbolic link, which is not followed.
    #[error("{0} is a symbolic link")]
    TargetIsLink(String),
    /// A path is not Unicode.
    #[error("the name of {0} is not Unicode")]
    NotUnicode(String),
    /// Something else than a file was named: a pipe, a socket, a device.
    #[error("{0} is not a regular file")]
    NotAFile(String),
    /// Another process syncs the same pair.
    #[error("{one} and {other} are being synced by another process")]
    Busy {
        /// One side.
        one: String,
        /// The other.
        other: String,
    },
    /// A whole bucket was named without the slash that means what is in it.
    #[error("{0} is a whole bucket; {0}/ means everything in it")]
    WholeBucket(String),
}

/// Jobs, and what belongs to all of them.
pub(super) struct Opened {
    /// One for each thing that was named.
    pub(super) jobs: Vec<Job>,
    /// For each job, how its ends are called, as it was typed.
    pub(super) labels: Vec<Labels>,
    /// How the connection behaves that is written to; that of the source where the target is here.
    pub(super) tuning: Option<Tuning>,
}

/// How the ends of a route are called: what stands before a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Of the source.
    pub(crate) from: String,
    /// Of the target.
    pub(crate) to: String,
}

/// One end, opened.
#[derive(Clone)]
struct End {
    place: Place,
    site: Site,
    label: String,
}

impl End {
    fn local(path: &Path) -> Result<Self, Error> {
        let absolute = std::path::absolute(path).map_err(|source| Error::local("find", path, source))?;
        let text = absolute.to_str().ok_or_else(|| PlaceError::NotUnicode(path.display().to_string()))?;
        let typed = path.display().to_string();
        let label = match typed.as_str() {
            "" | "." | "./" => String::new(),
            text if text.ends_with('/') => text.to_owned(),
            text => format!("{text}/"),
        };
        Ok(Self { place: Place::Local(text.to_owned()), site: Site::Local(absolute), label })
    }

    async fn remote(
        app: &App,
        bookmark: &BookmarkName,
        bucket: BucketName,
        prefix: KeyPrefix,
    ) -> Result<Self, Error> {
        let connected = app.connect_to(bookmark).await?;
        let place = Place::Remote {
            bookmark: bookmark.to_string(),
            bucket: bucket.to_string(),
            prefix: prefix.to_string(),
        };
        let label = format!("{bookmark}:{bucket}/{prefix}");
        let site = Site::Remote(Remote {
            store: Arc::clone(&connected.store),
            bucket,
            prefix,
            pressure: Some(connected.s3.pressure()),
        });
        Ok(Self { place, site, label })
    }

    fn stdio() -> Self {
        Self { place: Place::Stdio, site: Site::Stdio, label: String::new() }
    }
}

/// Opens what a request names.
pub(super) async fn open(app: &App, request: &Request) -> Result<Opened, Error> {
    match (request.verb, &request.target) {
        (Verb::Rm, _) | (_, None) => removals(app, request).await,
        (Verb::Sync, Some(target)) => pair(app, request, target).await,
        (Verb::Cp | Verb::Mv, Some(target)) => copies(app, request, target).await,
    }
}

/// Opens the routes of a run again.
pub(super) async fn reopen(app: &App, routes: &[Route]) -> Result<(Vec<Ends>, Option<Tuning>), Error> {
    let mut ends = Vec::new();
    let mut tuning = None;
    for route in routes {
        let from = reopen_place(app, &route.from).await?;
        let to = reopen_place(app, &route.to).await?;
        for place in [&route.to, &route.from] {
            if let (None, Place::Remote { bookmark, .. }) = (&tuning, place) {
                tuning = Some(app.connect_to(&bookmark.parse()?).await?.tuning.clone());
            }
        }
        ends.push(Ends { from, to });
    }
    Ok((ends, tuning))
}

async fn reopen_place(app: &App, place: &Place) -> Result<Site, Error> {
    Ok(match place {
        Place::Local(path) => Site::Local(PathBuf::from(path)),
        Place::Remote { bookmark, bucket, prefix } => {
            End::remote(app, &bookmark.parse()?, bucket.parse()?, prefix.parse()?).await?.site
        }
        Place::Stdio => Site::Stdio,
    })
}

/// Returns how the ends of a run's routes are called.
pub(super) fn labels_of(routes: &[Route]) -> Vec<Labels> {
    let label = |place: &Place| match place {
        Place::Local(path) if path.ends_with('/') => path.clone(),
        Place::Local(path) => format!("{path}/"),
        Place::Remote { bookmark, bucket, prefix } => format!("{bookmark}:{bucket}/{prefix}"),
        Place::Stdio => String::new(),
    };
    routes.iter().map(|route| Labels { from: label(&route.from), to: label(&route.to) }).collect()
}

/// Where copies go.
enum Target {
    /// To standard output.
    Stdio,
    /// To this file.
    File(PathBuf),
    /// Into this folder.
    Folder(PathBuf),
    /// To this object.
    Object { bookmark: BookmarkName, bucket: BucketName, key: ObjectKey },
    /// Below this prefix.
    Prefix { bookmark: BookmarkName, bucket: BucketName, prefix: KeyPrefix },
}

impl Target {
    fn of(app: &App, request: &Request, place: &Typed) -> Result<Self, Error> {
        let several = request.sources.len() > 1;
        let target = match place {
            Typed::Stdio if several || request.recursive || request.verb == Verb::Mv => {
                return Err(PlaceError::Stdio.into());
            }
            Typed::Stdio => Self::Stdio,
            Typed::Local(path) => {
                let ends_open =
                    path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
                if path.is_dir() || ends_open || request.recursive || path.file_name().is_none() {
                    Self::Folder(path.clone())
                } else {
                    Self::File(path.clone())
                }
            }
            Typed::Remote(address) => {
                let bookmark = app.bookmark_of(address)?;
                let bucket = address.bucket()?;
                if address.is_folder() {
                    Self::Prefix { bookmark, bucket, prefix: address.key.clone() }
                } else if request.recursive {
                    let prefix = format!("{}/", address.key).parse()?;
                    Self::Prefix { bookmark, bucket, prefix }
                } else {
                    let (bucket, key) = address.object()?;
                    Self::Object { bookmark, bucket, key }
                }
            }
        };
        if several && matches!(target, Self::File(_) | Self::Object { .. }) {
            return Err(PlaceError::TargetNotAFolder(place.to_string()).into());
        }
        Ok(target)
    }

    fn is_local(&self) -> bool {
        matches!(self, Self::Stdio | Self::File(_) | Self::Folder(_))
    }

    /// Returns the end for one thing of this name, and the name it gets there.
    async fn one(&self, app: &App, name: &Name) -> Result<(End, Name), Error> {
        Ok(match self {
            Self::Stdio => (End::stdio(), named(STDIO)?),
            Self::File(path) => {
                let (folder, name) = split_path(path)?;
                (End::local(&folder)?, name)
            }
            Self::Folder(path) => (End::local(path)?, name.clone()),
            Self::Object { bookmark, bucket, key } => {
                let (prefix, name) = split_key(key)?;
                (End::remote(app, bookmark, bucket.clone(), prefix).await?, name)
            }
            Self::Prefix { bookmark, bucket, prefix } => {
                (End::remote(app, bookmark, bucket.clone(), prefix.clone()).await?, name.clone())
            }
        })
    }

    /// Returns the end for a whole tree, which keeps its own name there or has none.
    async fn tree(&self, app: &App, own: Option<&str>) -> Result<End, Error> {
        match self {
            Self::Folder(path) => {
                let Some(own) = own else { return End::local(path) };
                let below =
                    named(own)?.path(Platform::HERE).map_err(|why| Error::Prepare(refused(own, why)))?;
                let path = path.join(below);
                // A link there may lead anywhere, and nobody named it.
                if std::fs::symlink_metadata(&path).is_ok_and(|it| it.is_symlink()) {
                    return Err(PlaceError::TargetIsLink(path.display().to_string()).into());
                }
                End::local(&path)
            }
            Self::Prefix { bookmark, bucket, prefix } => {
                let prefix = match own {
                    Some(own) => format!("{prefix}{own}/").parse()?,
                    None => prefix.clone(),
                };
                End::remote(app, bookmark, bucket.clone(), prefix).await
            }
            Self::Stdio | Self::File(_) | Self::Object { .. } => Err(PlaceError::Stdio.into()),
        }
    }
}

fn refused(what: &str, why: pintail_transfer::name::NameRefusal) -> pintail_transfer::prepare::PrepareError {
    pintail_transfer::prepare::PrepareError::Refused { what: what.to_owned(), why }
}

fn named(text: &str) -> Result<Name, Error> {
    Name::new(text).map_err(|why| Error::Prepare(refused(text, why)))
}

/// Splits a file that was named into its folder and its name. The folder was chosen by the person, links included.
fn split_path(path: &Path) -> Result<(PathBuf, Name), Error> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let name = path.file_name().unwrap_or_default();
    let name = name.to_str().ok_or_else(|| PlaceError::NotUnicode(path.display().to_string()))?;
    Ok((folder, named(name)?))
}

/// Splits a key into the prefix up to its last slash and the rest. A slash at its end belongs to the rest.
fn split_key(key: &ObjectKey) -> Result<(KeyPrefix, Name), Error> {
    let text = key.as_str();
    let at = text[..text.len() - 1].rfind('/').map_or(0, |at| at + 1);
    Ok((text[..at].parse()?, named(&text[at..])?))
}

async fn copies(app: &App, request: &Request, place: &Typed) -> Result<Opened, Error> {
    let target = Target::of(app, request, place)?;
    let mut opened = Opened { jobs: Vec::new(), labels: Vec::new(), tuning: None };
    if let Target::Object { bookmark, .. } | Target::Prefix { bookmark, .. } = &target {
        // Before anything is looked at here: "sign in first" comes before all else.
        opened.tuning = Some(app.connect_to(bookmark).await?.tuning.clone());
    }
    for source in &request.sources {
        let (from, to, what) = match source {
            Typed::Stdio => {
                let Target::Object { .. } = &target else { return Err(PlaceError::Stdio.into()) };
                if request.verb == Verb::Mv {
                    return Err(PlaceError::Stdio.into());
                }
                let name = named(STDIO)?;
                let (to, to_name) = target.one(app, &name).await?;
                (End::stdio(), to, What::One { name, to: to_name })
            }
            Typed::Local(path) if target.is_local() => {
                let (from, to) = (path.display().to_string(), place.to_string());
                return Err(PlaceError::BothLocal { from, to }.into());
            }
            Typed::Local(path) => local_source(app, path, &target, request).await?,
            Typed::Remote(address) => {
                let tuning = app.connect(address).await?.tuning.clone();
                opened.tuning.get_or_insert(tuning);
                remote_source(app, address, &target, request.recursive).await?
            }
        };
        opened.push(from, to, what);
    }
    Ok(opened)
}

impl Opened {
    /// Keeps only some of the jobs.
    pub(super) fn keep(&mut self, keeps: impl Fn(&Job) -> bool) {
        let kept: Vec<bool> = self.jobs.iter().map(keeps).collect();
        let (mut jobs, mut labels) = (kept.iter(), kept.iter());
        self.jobs.retain(|_| jobs.next() == Some(&true));
        self.labels.retain(|_| labels.next() == Some(&true));
    }

    fn push(&mut self, from: End, to: End, what: What) {
        let route = Route { from: from.place, to: to.place };
        self.jobs.push(Job { route, ends: Ends { from: from.site, to: to.site }, what });
        self.labels.push(Labels { from: from.label, to: to.label });
    }
}

async fn local_source(
    app: &App,
    path: &Path,
    target: &Target,
    request: &Request,
) -> Result<(End, End, What), Error> {
    let text = path.as_os_str().to_string_lossy();
    // A link that is kept is one thing, wherever it leads; with a slash at its end the folder is meant that it leads to.
    let keeps = request.options.links == OnLinks::Keep && !text.ends_with('/');
    let looked = if keeps { std::fs::symlink_metadata(path) } else { std::fs::metadata(path) };
    let metadata = looked.map_err(|e| Error::local("read", path, e))?;
    if !metadata.is_dir() && !metadata.is_file() && !metadata.is_symlink() {
        return Err(PlaceError::NotAFile(path.display().to_string()).into());
    }
    if !metadata.is_dir() {
        let (folder, name) = split_path(path)?;
        let (to, to_name) = target.one(app, &name).await?;
        return Ok((End::local(&folder)?, to, What::One { name, to: to_name }));
    }
    if !request.recursive {
        return Err(PlaceError::Folder(path.display().to_string()).into());
    }
    // As with rsync: `folder/` means what is in it, `folder` means itself.
    let own = path.file_name().filter(|_| !text.ends_with('/'));
    let own = own.map(|name| name.to_str().ok_or_else(|| PlaceError::NotUnicode(path.display().to_string())));
    let to = target.tree(app, own.transpose()?).await?;
    Ok((End::local(path)?, to, What::Tree))
}

async fn remote_source(
    app: &App,
    address: &Address,
    target: &Target,
    recursive: bool,
) -> Result<(End, End, What), Error> {
    let bookmark = app.bookmark_of(address)?;
    if !recursive && address.is_folder() {
        return Err(PlaceError::Folder(address.to_string()).into());
    }
    if !recursive || !address.is_folder() && is_one(app, address).await? {
        let (bucket, key) = address.object()?;
        let (prefix, name) = split_key(&key)?;
        let (to, to_name) = target.one(app, &name).await?;
        let from = End::remote(app, &bookmark, bucket, prefix).await?;
        return Ok((from, to, What::One { name, to: to_name }));
    }
    let bucket = address.bucket()?;
    let key = address.key.as_str();
    // `folder/` means what is below it, `folder` means itself, as with local folders.
    let (prefix, own) = if address.is_folder() {
        (key.to_owned(), None)
    } else {
        (format!("{key}/"), Some(key.rsplit('/').next().unwrap_or_default()))
    };
    let to = target.tree(app, own).await?;
    let from = End::remote(app, &bookmark, bucket, prefix.parse()?).await?;
    Ok((from, to, What::Tree))
}

/// Tells whether nothing lies below an address that reads like an object's: then one object of that name is meant.
async fn is_one(app: &App, address: &Address) -> Result<bool, Error> {
    let store = &app.connect(address).await?.store;
    let prefix = format!("{}/", address.key).parse()?;
    let first = List { prefix, max: Some(1), ..List::default() };
    let page = store.list(&address.bucket()?, &first).await?;
    Ok(page.objects.is_empty())
}

async fn pair(app: &App, request: &Request, target: &Typed) -> Result<Opened, Error> {
    let [source] = &request.sources[..] else {
        return Err(Error::Usage("sync takes one source and one target".into()));
    };
    if let (Typed::Local(from), Typed::Local(to)) = (source, target) {
        let (from, to) = (from.display().to_string(), to.display().to_string());
        return Err(PlaceError::BothLocal { from, to }.into());
    }
    let mut opened = Opened { jobs: Vec::new(), labels: Vec::new(), tuning: None };
    for place in [target, source] {
        if let (None, Typed::Remote(address)) = (&opened.tuning, place) {
            opened.tuning = Some(app.connect(address).await?.tuning.clone());
        }
    }
    let (from, to) = (tree(app, source).await?, tree(app, target).await?);
    if let (Typed::Local(path), false) = (source, request.options.two_way) {
        // A folder that is not there is not an empty one: a mirror of it would delete everything.
        let metadata = std::fs::metadata(path).map_err(|e| Error::local("read", path, e))?;
        if !metadata.is_dir() {
            return Err(Error::Usage(format!(
                "{} is not a folder; `pintail cp` copies files",
                path.display()
            )));
        }
    }
    opened.push(from, to, What::Tree);
    if request.options.two_way {
        both_ways::settle(&mut opened);
    }
    Ok(opened)
}

/// Opens what is in a folder, however its name ends.
async fn tree(app: &App, place: &Typed) -> Result<End, Error> {
    match place {
        Typed::Stdio => Err(PlaceError::Stdio.into()),
        Typed::Local(path) => End::local(path),
        Typed::Remote(address) => {
            let (bookmark, bucket) = (app.bookmark_of(address)?, address.bucket()?);
            let prefix = if address.is_folder() {
                address.key.clone()
            } else {
                format!("{}/", address.key).parse()?
            };
            End::remote(app, &bookmark, bucket, prefix).await
        }
    }
}

/// Opens what begins with an address.
pub(super) async fn remote(app: &App, address: &Address) -> Result<Remote, Error> {
    let (bookmark, bucket) = (app.bookmark_of(address)?, address.bucket()?);
    let connected = app.connect_to(&bookmark).await?;
    let (store, pressure) = (Arc::clone(&connected.store), Some(connected.s3.pressure()));
    Ok(Remote { store, bucket, prefix: address.key.clone(), pressure })
}

/// Opens a folder to look into, however its name ends.
pub(super) async fn folder(app: &App, place: &Typed) -> Result<Site, Error> {
    if let Typed::Local(path) = place {
        let metadata = std::fs::metadata(path).map_err(|e| Error::local("read", path, e))?;
        if !metadata.is_dir() {
            return Err(PlaceError::NotAFolder(path.display().to_string()).into());
        }
    }
    Ok(tree(app, place).await?.site)
}

async fn removals(app: &App, request: &Request) -> Result<Opened, Error> {
    let mut opened = Opened { jobs: Vec::new(), labels: Vec::new(), tuning: None };
    for place in &request.sources {
        let Typed::Remote(address) = place else {
            return Err(Error::Usage(format!("{place} is not in S3; use your system's own program")));
        };
        let bucket = address.bucket()?;
        let connected = app.connect(address).await?;
        opened.tuning.get_or_insert_with(|| connected.tuning.clone());
        let bookmark = app.bookmark_of(address)?;
        let (prefix, what) = if request.recursive {
            // Names begin after the last slash, so that filters see whole ones.
            let text = address.key.as_str();
            let at = text.rfind('/').map_or(0, |at| at + 1);
            (text[..at].parse()?, What::Beginning(text[at..].to_owned()))
        } else {
            let (_, key) = address.object()?;
            let (prefix, name) = split_key(&key)?;
            (prefix, What::One { name: name.clone(), to: name })
        };
        let end = End::remote(app, &bookmark, bucket, prefix).await?;
        opened.push(end.clone(), end, what);
    }
    Ok(opened)
}

/// Checks what `rm` names before anything is opened.
///
/// # Errors
/// When an address cannot be meant.
pub(crate) fn check_removals(request: &Request) -> Result<(), Error> {
    for place in &request.sources {
        let Typed::Remote(address) = place else {
            return Err(Error::Usage(format!("{place} is not in S3; use your system's own program")));
        };
        address.bucket()?;
        if request.recursive {
            if address.key.as_str().is_empty() && !address.inside {
                return Err(PlaceError::WholeBucket(address.to_string()).into());
            }
            continue;
        }
        if address.is_folder() {
            return Err(PlaceError::Folder(address.to_string()).into());
        }
        address.object()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split_at_their_last_slash() {
        for (key, prefix, name) in
            [("k", "", "k"), ("a/b", "a/", "b"), ("a//b", "a//", "b"), ("a/b/", "a/", "b/"), ("/", "", "/")]
        {
            let (found, rest) = split_key(&key.parse().unwrap()).unwrap();
            assert_eq!((found.as_str(), rest.as_str()), (prefix, name), "{key}");
        }
    }
}
