//! Which entries take part: options that `cp`, `mv`, `sync` and `rm` share.

use clap::{ArgAction, ArgMatches, FromArgMatches};
use jiff::Timestamp;
use pintail_core::address::Place;

use crate::cli::Failure;
use crate::ops::Error;
use crate::ops::transfer::engine::filter::{NameList, Separator};
use crate::ops::transfer::options::{Options, Pattern};
use crate::ops::transfer::words;

/// Which entries take part.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "What takes part")]
pub(in crate::cli::commands) struct Selection {
    #[command(flatten)]
    patterns: Patterns,
    /// Read rules as those of `.gitignore` from files of this name in every local folder.
    #[arg(long = "ignore-file", value_name = "NAME")]
    ignore_files: Vec<String>,
    /// Read `.gitignore` files: short for --ignore-file .gitignore.
    #[arg(long)]
    gitignore: bool,
    /// Leave smaller files out: 512k, 10M, 1.5G.
    #[arg(long, value_name = "SIZE", value_parser = words::size)]
    min_size: Option<u64>,
    /// Leave larger files out.
    #[arg(long, value_name = "SIZE", value_parser = words::size)]
    max_size: Option<u64>,
    /// Only what was modified since: an age such as 7d or 12h, or a date.
    #[arg(long, value_name = "AGE|DATE")]
    newer_than: Option<String>,
    /// Only what was modified before.
    #[arg(long, value_name = "AGE|DATE")]
    older_than: Option<String>,
    /// Only names that stand in a file, one a line, relative to the source; `-` is standard input. A name with a slash at its end means the folder; lines that begin with `#` are passed over, and `./#name` is a name.
    #[arg(long, value_name = "FILE")]
    files_from: Option<String>,
    /// The names of --files-from end with a NUL, as `find -print0` writes them.
    #[arg(short = '0', long = "null", requires = "files_from")]
    null: bool,
}

impl Selection {
    pub(in crate::cli::commands) fn apply(&self, options: &mut Options, now: Timestamp) -> Result<(), Error> {
        options.patterns.clone_from(&self.patterns.0);
        options.ignore_files.clone_from(&self.ignore_files);
        if self.gitignore {
            options.ignore_files.push(".gitignore".into());
        }
        options.size_min_bytes = self.min_size;
        options.size_max_bytes = self.max_size;
        let moment = |text: &Option<String>| text.as_deref().map(|text| words::moment(text, now)).transpose();
        options.modified_since = moment(&self.newer_than)?;
        options.modified_before = moment(&self.older_than)?;
        options.from_list = self.files_from.is_some();
        Ok(())
    }

    /// Reads the list of names, if there is one.
    pub(in crate::cli::commands) async fn names(
        &self,
        sources: &[Place],
    ) -> Result<Option<NameList>, Failure> {
        let Some(file) = self.files_from.clone() else { return Ok(None) };
        if file == "-" && sources.contains(&Place::Stdio) {
            return Err(Error::Usage("names and bytes cannot both come from standard input".into()).into());
        }
        let reading = tokio::task::spawn_blocking(move || {
            if file == "-" {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)
                    .map(|_| bytes)
                    .map_err(Error::Stdio)
            } else {
                std::fs::read(&file).map_err(|source| Error::local("read", file.as_ref(), source))
            }
        });
        let bytes = reading.await.map_err(std::io::Error::other)??;
        let separator = if self.null { Separator::Nul } else { Separator::Line };
        Ok(Some(NameList::parse(&bytes, separator).map_err(Error::NameList)?))
    }
}

/// `--include` and `--exclude` in the order in which they stand, which decides.
#[derive(Debug, Default)]
struct Patterns(Vec<Pattern>);

const INCLUDE: &str = "include";
const EXCLUDE: &str = "exclude";

impl clap::Args for Patterns {
    fn augment_args(command: clap::Command) -> clap::Command {
        let glob = |name: &'static str, help: &'static str| {
            clap::Arg::new(name).long(name).value_name("GLOB").action(ArgAction::Append).help(help)
        };
        command
            .arg(glob(
                INCLUDE,
                "Take in what matches: *.jpg in any folder, /top/*.txt from the top, folder/ with all below. Of several the last that matches decides; where there is only --include, all else is left out",
            ))
            .arg(glob(EXCLUDE, "Leave out what matches"))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Patterns {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found: Vec<(usize, Pattern)> = Vec::new();
        for (name, pattern) in
            [(INCLUDE, Pattern::Include as fn(String) -> Pattern), (EXCLUDE, Pattern::Exclude)]
        {
            let indices = matches.indices_of(name).into_iter().flatten();
            let values = matches.get_many::<String>(name).into_iter().flatten();
            found.extend(indices.zip(values.cloned().map(pattern)));
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(Self(found.into_iter().map(|(_, pattern)| pattern).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
