//! `pintail config ls|get|set|unset|explain`

use pintail_core::name::BookmarkName;

use super::bookmark_name;
use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::{App, Error, config};

/// Look at properties and change the preferences: what holds, where it stands, what it does
///
/// A bookmark's value wins over its profile's, that over the preferences', that over what is built in. The preferences are a
/// `default.properties`, as Cyberduck has one.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the properties that are set
    Ls {
        /// Also those that are not.
        #[arg(long)]
        all: bool,
        /// As they hold for this bookmark.
        #[arg(long, value_name = "NAME")]
        bookmark: Option<String>,
    },
    /// Print the value of a property
    Get {
        /// Its name.
        key: String,
        /// As it holds for this bookmark.
        #[arg(long, value_name = "NAME")]
        bookmark: Option<String>,
    },
    /// Set a property in the preferences
    Set {
        /// Its name.
        key: String,
        /// Its value.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Set it even though nothing here knows the name.
        #[arg(long)]
        force: bool,
    },
    /// Take a property out of the preferences
    Unset {
        /// Its name.
        key: String,
    },
    /// Tell what a property does, takes and is, and what each place says of it
    Explain {
        /// Its name.
        key: String,
        /// As it holds for this bookmark.
        #[arg(long, value_name = "NAME")]
        bookmark: Option<String>,
    },
}

impl Command {
    pub(crate) fn run(self, app: &App, output: &Output) -> Outcome {
        let named = |text: Option<String>| -> Result<Option<BookmarkName>, Error> {
            text.map(|text| bookmark_name(app, Some(text))).transpose()
        };
        match self {
            Self::Ls { all, bookmark } => {
                let bookmark = named(bookmark)?;
                show::properties(output, &config::list(app, bookmark.as_ref(), all)?)?;
            }
            Self::Get { key, bookmark } => {
                let bookmark = named(bookmark)?;
                show::property(output, &config::get(app, &key, bookmark.as_ref())?)?;
            }
            Self::Set { key, value, force } => {
                let name = config::set(app, &key, &value, force)?;
                let holds = config::get(app, &name, None).ok().and_then(|line| line.setting);
                show::property_set(output, &name, Some(&value), holds)?;
            }
            Self::Unset { key } => {
                if config::unset(app, &key)? {
                    show::property_set(output, &key, None, None)?;
                } else {
                    return Err(config::ConfigError::NotSet(key).into());
                }
            }
            Self::Explain { key, bookmark } => {
                let bookmark = named(bookmark)?;
                let (line, places) = config::explain(app, &key, bookmark.as_ref())?;
                show::property_explained(output, &line, &places)?;
            }
        }
        Ok(Exit::Done)
    }
}
