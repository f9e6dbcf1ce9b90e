//! What will be copied: looks at both sides and writes nothing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use pintail_core::address::{Address, Place};
use pintail_core::name::{BookmarkName, BucketName, KeyPrefix, ObjectKey};
use pintail_store::object_store::{Head, List, ListedObject, pages};
use pintail_store::{ErrorKind, Missing};

use super::target::file_path;
use super::{End, Object, Plan, Request, SkipReason, Skipped, Step};
use crate::ops::{App, Error};

/// How many targets are looked at side by side.
const LOOKS_AT_ONCE: usize = 16;

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PlanError {
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
    /// Source and target are the same object.
    #[error("{0} would be copied onto itself")]
    OntoItself(String),
    /// Several sources need a folder.
    #[error("{0} is not a folder, and several things are to be copied there")]
    TargetNotAFolder(String),
    /// A file's name is not Unicode, and keys are.
    #[error("the name of {0} is not Unicode")]
    NotUnicode(String),
    /// Something else than a file was named: a pipe, a socket, a device, or a file whose size the system does not tell.
    #[error("{0} is not a regular file")]
    NotAFile(String),
}

/// Makes the plan.
pub(crate) async fn plan(app: &App, request: &Request) -> Result<Plan, Error> {
    let target = Target::of(app, request)?;
    let mut plan = Plan { steps: Vec::new(), skipped: Vec::new(), keep_existing: request.keep_existing };
    for source in &request.sources {
        match source {
            Place::Local(path) => plan_local(&mut plan, path, &target, request.recursive)?,
            Place::Remote(address) => {
                plan_remote(app, &mut plan, address, &target, request.recursive).await?;
            }
            Place::Stdio => {
                let Target::Object(object) = &target else { return Err(PlanError::Stdio.into()) };
                plan.steps.push(Step { from: End::Stdio, to: End::Object(object.clone()), size_bytes: None });
            }
        }
    }
    check_targets(&plan)?;
    if request.keep_existing { leave_existing(app, plan).await } else { Ok(plan) }
}

/// Where things go.
enum Target {
    /// To standard output.
    Stdio,
    /// To this file.
    File(PathBuf),
    /// Into this folder.
    Folder(PathBuf),
    /// To this object.
    Object(Object),
    /// Below this prefix.
    Prefix { bookmark: BookmarkName, bucket: BucketName, prefix: KeyPrefix },
}

impl Target {
    fn of(app: &App, request: &Request) -> Result<Self, Error> {
        let several = request.sources.len() > 1;
        let target = match &request.target {
            Place::Stdio if several || request.recursive => return Err(PlanError::Stdio.into()),
            Place::Stdio => Self::Stdio,
            Place::Local(path) => {
                let ends_open =
                    path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR]);
                if path.is_dir() || ends_open || request.recursive {
                    Self::Folder(path.clone())
                } else {
                    Self::File(path.clone())
                }
            }
            Place::Remote(address) => {
                let bookmark = app.bookmark_of(address)?;
                let bucket = address.bucket()?;
                if address.is_folder() {
                    Self::Prefix { bookmark, bucket, prefix: address.key.clone() }
                } else if request.recursive {
                    let prefix = format!("{}/", address.key).parse()?;
                    Self::Prefix { bookmark, bucket, prefix }
                } else {
                    let (bucket, key) = address.object()?;
                    Self::Object(Object { bookmark, bucket, key, etag: None })
                }
            }
        };
        if several && matches!(target, Self::File(_) | Self::Object(_)) {
            return Err(PlanError::TargetNotAFolder(request.target.to_string()).into());
        }
        Ok(target)
    }

    /// Returns the end for something that has this name below its source.
    fn end(&self, name: &str) -> Result<End, SkipReason> {
        Ok(match self {
            Self::Stdio => End::Stdio,
            Self::File(path) => file_end(path),
            Self::Folder(root) => match file_path(name) {
                Ok(path) => End::File { root: root.clone(), path },
                Err(refusal) => return Err(SkipReason::Key(refusal)),
            },
            Self::Object(object) => End::Object(object.clone()),
            Self::Prefix { bookmark, bucket, prefix } => match format!("{prefix}{name}").parse() {
                Ok(key) => End::Object(Object {
                    bookmark: bookmark.clone(),
                    bucket: bucket.clone(),
                    key,
                    etag: None,
                }),
                Err(_) => return Err(SkipReason::TooLong),
            },
        })
    }

    fn is_remote(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Prefix { .. })
    }
}

/// Splits a file that was named into its folder and its name. The folder was chosen by the person, links included.
fn file_end(path: &Path) -> End {
    let root = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    End::File { root, path: path.file_name().map(PathBuf::from).unwrap_or_default() }
}

fn plan_local(plan: &mut Plan, path: &Path, target: &Target, recursive: bool) -> Result<(), Error> {
    if !target.is_remote() {
        let (from, to) = (path.display().to_string(), "the target".to_owned());
        return Err(PlanError::BothLocal { from, to }.into());
    }
    let metadata = std::fs::metadata(path).map_err(|e| Error::local("read", path, e))?;
    if !metadata.is_dir() && !metadata.is_file() {
        return Err(PlanError::NotAFile(path.display().to_string()).into());
    }
    if !metadata.is_dir() {
        let name = unicode(path.file_name().map(Path::new).unwrap_or(path))?;
        return add(plan, file_end(path), target, &name, Some(metadata.len()));
    }
    if !recursive {
        return Err(PlanError::Folder(path.display().to_string()).into());
    }
    // As with rsync: `folder/` means what is in it, `folder` means itself.
    let text = path.as_os_str().to_string_lossy();
    let named = path.file_name().filter(|_| !text.ends_with('/'));
    let start = match named {
        Some(name) => format!("{}/", unicode(Path::new(name))?),
        None => String::new(),
    };
    walk(plan, path, Path::new(""), &start, target)
}

fn walk(plan: &mut Plan, root: &Path, below: &Path, start: &str, target: &Target) -> Result<(), Error> {
    let folder = root.join(below);
    let mut skip = |path: &Path, why| plan.skipped.push(Skipped { what: path.display().to_string(), why });
    let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        // The folder that was named has to be readable; one below it is one of many things.
        Err(error) if below.as_os_str().is_empty() => return Err(Error::local("read", &folder, error)),
        Err(error) => {
            skip(&folder, SkipReason::Unreadable(error.to_string()));
            return Ok(());
        }
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = below.join(entry.file_name());
        let shown = root.join(&path);
        let mut skip = |why| plan.skipped.push(Skipped { what: shown.display().to_string(), why });
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                skip(SkipReason::Unreadable(error.to_string()));
                continue;
            }
        };
        if metadata.is_dir() {
            walk(plan, root, &path, start, target)?;
        } else if !metadata.is_file() {
            skip(SkipReason::NotAFile);
        } else if let Ok(name) = unicode(&path) {
            let name = format!("{start}{name}");
            add(plan, End::File { root: root.to_owned(), path }, target, &name, Some(metadata.len()))?;
        } else {
            skip(SkipReason::NotUnicode);
        }
    }
    Ok(())
}

/// Returns a relative path as a key has it: Unicode, with slashes.
fn unicode(path: &Path) -> Result<String, Error> {
    let parts: Option<Vec<&str>> = path.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/")).ok_or_else(|| PlanError::NotUnicode(path.display().to_string()).into())
}

async fn plan_remote(
    app: &App,
    plan: &mut Plan,
    address: &Address,
    target: &Target,
    recursive: bool,
) -> Result<(), Error> {
    let connected = app.connect(address).await?;
    let bookmark = app.bookmark_of(address)?;
    if !recursive {
        if address.is_folder() {
            return Err(PlanError::Folder(address.to_string()).into());
        }
        let (bucket, key) = address.object()?;
        let info = connected.store.head(&bucket, &key, &Head::default()).await?;
        let name = key.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let etag = info.etag.as_ref().map(|etag| etag.as_str().to_owned());
        let from = End::Object(Object { bookmark, bucket, key, etag });
        return add(plan, from, target, &name, Some(info.size_bytes));
    }
    let bucket = address.bucket()?;
    let key = address.key.as_str();
    // `folder/` means what is below it, `folder` means itself, as with local folders.
    let (prefix, start) = if address.is_folder() {
        (key.to_owned(), String::new())
    } else {
        (format!("{key}/"), format!("{}/", key.rsplit('/').next().unwrap_or_default()))
    };
    let options = List { prefix: prefix.parse()?, ..List::default() };
    let mut pages = std::pin::pin!(pages(Arc::clone(&connected.store), bucket.clone(), options));
    let mut found = false;
    while let Some(page) = pages.try_next().await? {
        for object in page.objects {
            found = true;
            let ListedObject { key, size_bytes, etag, .. } = object;
            let rest = key.as_str().strip_prefix(prefix.as_str()).unwrap_or_default();
            if size_bytes == 0 && (rest.is_empty() || rest.ends_with('/')) {
                let what = format!("{bookmark}:{bucket}/{key}");
                plan.skipped.push(Skipped { what, why: SkipReason::Placeholder });
                continue;
            }
            let name = format!("{start}{rest}");
            let etag = etag.map(|etag| etag.as_str().to_owned());
            let from = End::Object(Object { bookmark: bookmark.clone(), bucket: bucket.clone(), key, etag });
            add(plan, from, target, &name, Some(size_bytes))?;
        }
    }
    if !found && !key.is_empty() {
        // Says "not found" in the service's own words, or copies the object of exactly this name.
        let (bucket, key) = (bucket, prefix.trim_end_matches('/').parse::<ObjectKey>()?);
        let info = connected.store.head(&bucket, &key, &Head::default()).await?;
        let name = key.as_str().rsplit('/').next().unwrap_or_default().to_owned();
        let from = End::Object(Object { bookmark, bucket, key, etag: None });
        add(plan, from, target, &name, Some(info.size_bytes))?;
    }
    Ok(())
}

fn add(
    plan: &mut Plan,
    from: End,
    target: &Target,
    name: &str,
    size_bytes: Option<u64>,
) -> Result<(), Error> {
    match target.end(name) {
        Ok(to) => plan.steps.push(Step { from, to, size_bytes }),
        Err(why) => plan.skipped.push(Skipped { what: from.to_string(), why }),
    }
    Ok(())
}

fn check_targets(plan: &Plan) -> Result<(), PlanError> {
    let mut targets = HashSet::new();
    for step in &plan.steps {
        if let (End::Object(from), End::Object(to)) = (&step.from, &step.to)
            && (&from.bookmark, &from.bucket, &from.key) == (&to.bookmark, &to.bucket, &to.key)
        {
            return Err(PlanError::OntoItself(step.to.to_string()));
        }
        let target = step.to.to_string();
        if !targets.insert(target.clone()) {
            return Err(PlanError::SameTarget(target));
        }
    }
    Ok(())
}

/// Takes the steps out whose targets exist.
async fn leave_existing(app: &App, mut plan: Plan) -> Result<Plan, Error> {
    let steps = std::mem::take(&mut plan.steps);
    let mut looked = futures_util::stream::iter(steps)
        .map(|step| async {
            let exists = exists(app, &step.to).await?;
            Ok::<_, Error>((step, exists))
        })
        .buffered(LOOKS_AT_ONCE);
    while let Some((step, exists)) = looked.try_next().await? {
        if exists {
            plan.skipped.push(Skipped { what: step.to.to_string(), why: SkipReason::Exists });
        } else {
            plan.steps.push(step);
        }
    }
    drop(looked);
    Ok(plan)
}

async fn exists(app: &App, end: &End) -> Result<bool, Error> {
    match end {
        End::Stdio => Ok(false),
        End::File { root, path } => Ok(std::fs::symlink_metadata(root.join(path)).is_ok()),
        End::Object(object) => {
            let connected = app.connect_to(&object.bookmark).await?;
            match connected.store.head(&object.bucket, &object.key, &Head::default()).await {
                Ok(_) => Ok(true),
                Err(error) if *error.kind() == ErrorKind::NotFound(Missing::Object) => Ok(false),
                Err(error) => Err(error.into()),
            }
        }
    }
}
