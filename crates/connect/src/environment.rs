//! The environment, read once: the only file that looks at variables, folders of the user and the terminal.
//!
//! Everything below takes what it needs from an [`Environment`], so that a test or another front end can pass its own.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use pintail_core::secret::Secret;
use pintail_identity::source::CredentialProcess;

use crate::OtherPrograms;

/// What the outside says that is not on the command line.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Where state is kept.
    pub folders: Folders,
    /// `PINTAIL_BOOKMARK`: the bookmark that `s3://…` means.
    pub default_bookmark: Option<String>,
    /// `PINTAIL_LOG`: a level (`error`, `warn`, `info`, `debug`, `trace`) for talk on standard error.
    pub log: Option<String>,
    /// `SHELL`: the person's shell, whose language printed variables are in.
    pub shell: Option<String>,
    /// `BROWSER`: programs to open addresses with, in the order to try.
    pub browser: Option<String>,
    /// Whether a window could open: `DISPLAY` or `WAYLAND_DISPLAY` is set, or the system needs neither.
    pub has_display: bool,
    /// `SSH_CONNECTION` is set: a browser opened here would not be in front of the person.
    pub is_remote: bool,
    /// The proxy for `https` addresses: `HTTPS_PROXY` or `ALL_PROXY`, capital letters or small ones.
    pub https_proxy: Option<String>,
    /// The proxy for `http` addresses: `http_proxy` (small letters only: a CGI caller controls the others).
    pub http_proxy: Option<String>,
    /// `NO_PROXY`: hosts reached without a proxy.
    pub no_proxy: Option<String>,
    /// `PINTAIL_CA_BUNDLE` or `AWS_CA_BUNDLE`: a PEM file of certificates to trust instead of the system's.
    pub ca_bundle: Option<PathBuf>,
    /// The terminal.
    pub terminal: Terminal,
    /// `PINTAIL_KEYCHAIN`: which keychain to use (`auto`, `secret-service`, `keyutils`, `file`, `plain`).
    pub keychain: Option<String>,
    /// `PINTAIL_LOG_FILE`: where talk of the log goes instead of standard error.
    pub log_file: Option<PathBuf>,
    /// What of the above a command that is started without this environment has to be told.
    pub told: Overrides,
    /// The bus a Secret Service would be on: `DBUS_SESSION_BUS_ADDRESS`, or its usual socket.
    pub session_bus: Option<String>,
    /// The person's home folder, which `~` in paths stands for.
    pub home: Option<PathBuf>,
    /// What the AWS command line and SDKs would find here.
    pub aws: AwsEnvironment,
    /// Where other programs of the user keep their files, for imports.
    pub others: OtherPrograms,
    /// Which machine of an array this is, where a scheduler says so.
    pub worker: Option<WorkerPlace>,
}

/// Which machine of an array this is: `JOB_COMPLETION_INDEX` of Kubernetes; `AWS_BATCH_JOB_ARRAY_INDEX` of AWS Batch, with
/// `AWS_BATCH_JOB_ARRAY_SIZE`; `SLURM_ARRAY_TASK_ID` of Slurm, with `SLURM_ARRAY_TASK_MIN`, `…_STEP` and `…_COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerPlace {
    /// From 0.
    pub index: u64,
    /// Of how many. Kubernetes does not say it.
    pub count: Option<u64>,
}

impl WorkerPlace {
    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let number = |name: &str| variable(name)?.trim().parse::<u64>().ok();
        if let Some(index) = number("JOB_COMPLETION_INDEX") {
            return Some(Self { index, count: None });
        }
        if let Some(index) = number("AWS_BATCH_JOB_ARRAY_INDEX") {
            return Some(Self { index, count: number("AWS_BATCH_JOB_ARRAY_SIZE") });
        }
        // Slurm numbers its tasks as the person wished: `--array=3-9:2`.
        let id = number("SLURM_ARRAY_TASK_ID")?;
        let step = number("SLURM_ARRAY_TASK_STEP").filter(|step| *step > 0).unwrap_or(1);
        let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
        Some(Self { index: id.checked_sub(first)? / step, count: number("SLURM_ARRAY_TASK_COUNT") })
    }
}

/// The variables of the AWS command line and SDKs that say where credentials are.
#[derive(Clone, Debug, Default)]
pub struct AwsEnvironment {
    /// `AWS_CONFIG_FILE`, else `~/.aws/config`.
    pub config_file: Option<PathBuf>,
    /// `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub credentials_file: Option<PathBuf>,
    /// `~/.aws/sso/cache`: where the AWS command line keeps its sign-ins at IAM Identity Center.
    pub sso_cache: Option<PathBuf>,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Secret>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`: a path at the ECS agent.
    pub container_path: Option<String>,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub container_address: Option<String>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub container_token: Option<Secret>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
    pub container_token_file: Option<PathBuf>,
    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`.
    pub metadata_address: Option<String>,
    /// `AWS_EC2_METADATA_DISABLED` is `true`: the metadata service of the instance must not be asked.
    pub metadata_disabled: bool,
    /// `AWS_PROFILE`, else `AWS_DEFAULT_PROFILE`: the profile of AWS's tools.
    pub profile: Option<String>,
    /// `AWS_ENDPOINT_URL_IAM`, else `AWS_ENDPOINT_URL`: where IAM is.
    pub iam_address: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`, else `AWS_ENDPOINT_URL`: where STS is.
    pub sts_address: Option<String>,
    /// `AWS_ENDPOINT_URL_ACCESSANALYZER`, else `AWS_ENDPOINT_URL`: where IAM Access Analyzer is.
    pub analyzer_address: Option<String>,
    /// `AWS_ENDPOINT_URL_SSO`: the access portal of IAM Identity Center.
    pub portal_address: Option<String>,
    /// `AWS_ENDPOINT_URL_SSO_OIDC`: the sign-in service of IAM Identity Center.
    pub center_address: Option<String>,
    /// Which credential programs this process runs inside of.
    pub credential_process: Option<String>,
    /// Those of [`AwsEnvironment::TELLING`] that are set, with their values. None of them holds a secret.
    pub telling: Vec<(&'static str, String)>,
}

/// What a command line says in place of variables: a program that calls us may not pass variables on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// In place of `PINTAIL_HOME`.
    pub home: Option<PathBuf>,
    /// In place of `PINTAIL_KEYCHAIN`.
    pub keychain: Option<String>,
    /// In place of `PINTAIL_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
}

/// The folders of one user, or of one `PINTAIL_HOME`.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Bookmarks and settings: what a person would back up.
    pub config: PathBuf,
    /// Encrypted secrets and what is learnt: may be lost at the price of a sign-in.
    pub state: PathBuf,
    /// The key of the encrypted secrets, kept apart from them.
    pub data: PathBuf,
    /// Sockets, gone with the session.
    pub runtime: PathBuf,
    /// Where desktop entries of the user live (`XDG_DATA_HOME`), for the scheme handler.
    pub desktop_data: PathBuf,
    /// Where the desktop's own choices live (`XDG_CONFIG_HOME`), for the scheme handler.
    pub desktop_config: PathBuf,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Standard input is a terminal.
    pub stdin: bool,
    /// Standard output is a terminal.
    pub stdout: bool,
    /// Standard error is a terminal.
    pub stderr: bool,
    /// Colours are wanted: `NO_COLOR` is not set and `TERM` is not `dumb`.
    pub colour: bool,
    /// `CLICOLOR_FORCE` is set and `NO_COLOR` is not: colours even where there is no terminal.
    pub colour_forced: bool,
}

/// No place for state could be found.
#[derive(Debug, thiserror::Error)]
#[error("no home folder is known; set PINTAIL_HOME to a folder for Pintail's state")]
pub struct NoHome;

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// When neither `PINTAIL_HOME` nor a home folder is set.
    pub fn read() -> Result<Self, NoHome> {
        Self::read_with(Overrides::default())
    }

    /// Reads the environment of this process, except for what is said in place of it.
    ///
    /// # Errors
    /// When no place for state is known.
    pub fn read_with(overrides: Overrides) -> Result<Self, NoHome> {
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_lowercase()));
        let home = etcetera::home_dir().ok();
        let has_window_system = variable("DISPLAY").is_some() || variable("WAYLAND_DISPLAY").is_some();
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        let told = Overrides {
            home: overrides.home.or_else(|| variable("PINTAIL_HOME").map(PathBuf::from)).map(absolute),
            keychain: overrides.keychain.or_else(|| text("PINTAIL_KEYCHAIN")),
            ca_bundle: overrides
                .ca_bundle
                .or_else(|| variable("PINTAIL_CA_BUNDLE").map(PathBuf::from))
                .map(absolute),
        };
        Ok(Self {
            folders: Folders::of(told.home.as_deref())?,
            default_bookmark: text("PINTAIL_BOOKMARK"),
            log: text("PINTAIL_LOG"),
            shell: text("SHELL"),
            browser: text("BROWSER"),
            has_display: has_window_system || cfg!(any(target_os = "macos", windows)),
            is_remote: variable("SSH_CONNECTION").is_some(),
            https_proxy: either("HTTPS_PROXY").or_else(|| either("ALL_PROXY")),
            http_proxy: text("http_proxy").or_else(|| either("ALL_PROXY")),
            no_proxy: either("NO_PROXY"),
            ca_bundle: told.ca_bundle.clone().or_else(|| variable("AWS_CA_BUNDLE").map(PathBuf::from)),
            terminal: Terminal {
                stdin: std::io::stdin().is_terminal(),
                stdout: std::io::stdout().is_terminal(),
                stderr: std::io::stderr().is_terminal(),
                colour: variable("NO_COLOR").is_none() && text("TERM").as_deref() != Some("dumb"),
                colour_forced: variable("NO_COLOR").is_none()
                    && text("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            },
            keychain: told.keychain.clone(),
            told,
            log_file: variable("PINTAIL_LOG_FILE").map(PathBuf::from),
            session_bus: text("DBUS_SESSION_BUS_ADDRESS").or_else(|| {
                let socket = Path::new(&text("XDG_RUNTIME_DIR")?).join("bus");
                socket.exists().then(|| format!("unix:path={}", socket.display()))
            }),
            aws: AwsEnvironment::read(home.as_deref()),
            home,
            others: others(),
            worker: WorkerPlace::of(&text),
        })
    }

    /// Returns the path that a text in a bookmark or a configuration file means: `~` at its beginning is the home folder.
    pub fn path(&self, text: &str) -> PathBuf {
        expanded(Path::new(text), self.home.as_deref())
    }

    /// As [`Environment::path`], for a program that is started elsewhere.
    pub fn absolute(&self, text: &str) -> PathBuf {
        let path = self.path(text);
        std::path::absolute(&path).unwrap_or(path)
    }
}

impl AwsEnvironment {
    /// Variables that decide for other tools which credentials and which services they use: `pintail doctor` names them.
    pub const TELLING: [&'static str; 14] = [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CA_BUNDLE",
        "AWS_REGION",
    ];

    fn read(home: Option<&Path>) -> Self {
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        let file = |name: &str, usual: &str| match variable(name) {
            Some(path) => Some(expanded(Path::new(&path), home)),
            None => home.map(|home| home.join(usual)),
        };
        let address = |name: &str| text(name).or_else(|| text("AWS_ENDPOINT_URL"));
        Self {
            config_file: file("AWS_CONFIG_FILE", ".aws/config"),
            credentials_file: file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
            sso_cache: home.map(|home| home.join(".aws/sso/cache")),
            access_key_id: text("AWS_ACCESS_KEY_ID"),
            secret_access_key: text("AWS_SECRET_ACCESS_KEY").map(Secret::new),
            session_token: text("AWS_SESSION_TOKEN").map(Secret::new),
            container_path: text("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
            container_address: text("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            container_token: text("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
            container_token_file: variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
            metadata_address: text("AWS_EC2_METADATA_SERVICE_ENDPOINT"),
            metadata_disabled: text("AWS_EC2_METADATA_DISABLED")
                .is_some_and(|value| value.eq_ignore_ascii_case("true")),
            profile: text("AWS_PROFILE").or_else(|| text("AWS_DEFAULT_PROFILE")),
            iam_address: address("AWS_ENDPOINT_URL_IAM"),
            sts_address: address("AWS_ENDPOINT_URL_STS"),
            analyzer_address: address("AWS_ENDPOINT_URL_ACCESSANALYZER"),
            portal_address: text("AWS_ENDPOINT_URL_SSO"),
            center_address: text("AWS_ENDPOINT_URL_SSO_OIDC"),
            credential_process: text(CredentialProcess::MARKER),
            telling: Self::TELLING.iter().filter_map(|name| Some((*name, text(name)?))).collect(),
        }
    }
}

/// Puts the home folder in the place of `~` at the beginning of a path.
fn expanded(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

impl Environment {
    /// Makes surroundings that know nothing but a folder for their state: no proxy, no terminal, no browser, and the encrypted
    /// file as keychain.
    #[must_use]
    pub fn in_folder(home: &Path) -> Self {
        Self {
            folders: Folders {
                config: home.join("config"),
                state: home.join("state"),
                data: home.join("data"),
                runtime: home.join("run"),
                desktop_data: home.join("share"),
                desktop_config: home.join("config"),
            },
            default_bookmark: None,
            log: None,
            shell: None,
            worker: None,
            told: Overrides::default(),
            browser: None,
            has_display: false,
            is_remote: false,
            https_proxy: None,
            http_proxy: None,
            no_proxy: None,
            ca_bundle: None,
            terminal: Terminal {
                stdin: false,
                stdout: false,
                stderr: false,
                colour: false,
                colour_forced: false,
            },
            keychain: Some("file".to_owned()),
            log_file: None,
            session_bus: None,
            home: None,
            aws: AwsEnvironment::default(),
            others: OtherPrograms::default(),
        }
    }

    /// Returns the program that a name or path of a command stands for, as a shell would find it.
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let path = self.path(name);
        if path.components().count() > 1 {
            return path.is_file().then_some(path);
        }
        let folders = variable("PATH")?;
        std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// Returns this program by a path that outlives an update: the one on `PATH` that leads here, else the file itself, which a
    /// package manager may keep in a folder with the version in its name.
    pub fn program(&self) -> std::io::Result<PathBuf> {
        let program = std::env::current_exe()?;
        let (Some(path), Some(name)) = (variable("PATH"), program.file_name()) else { return Ok(program) };
        let here = std::fs::canonicalize(&program)?;
        let leads_here = |path: &PathBuf| std::fs::canonicalize(path).is_ok_and(|found| found == here);
        let mut named = std::env::split_paths(&path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name));
        Ok(named.find(leads_here).unwrap_or(program))
    }
}

impl Folders {
    fn of(home: Option<&Path>) -> Result<Self, NoHome> {
        let desktop = etcetera::base_strategy::Xdg::new().ok();
        if let Some(home) = home {
            return Ok(Self {
                config: home.join("config"),
                state: home.join("state"),
                data: home.join("data"),
                runtime: home.join("run"),
                desktop_data: desktop.as_ref().map_or_else(|| home.join("share"), BaseStrategy::data_dir),
                desktop_config: desktop
                    .as_ref()
                    .map_or_else(|| home.join("config"), BaseStrategy::config_dir),
            });
        }
        let desktop = desktop.ok_or(NoHome)?;
        let base = etcetera::choose_base_strategy().map_err(|_| NoHome)?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir()).join("pintail");
        Ok(Self {
            config: base.config_dir().join("pintail"),
            data: base.data_dir().join("pintail"),
            runtime: base.runtime_dir().map_or_else(|| state.join("run"), |dir| dir.join("pintail")),
            state,
            desktop_data: desktop.data_dir(),
            desktop_config: desktop.config_dir(),
        })
    }
}

fn others() -> OtherPrograms {
    let path = |name: &str| variable(name).map(PathBuf::from);
    OtherPrograms {
        home: path("HOME").or_else(|| path("USERPROFILE")),
        app_data: path("APPDATA"),
        local_app_data: path("LOCALAPPDATA"),
        rclone: path("RCLONE_CONFIG"),
        config: path("XDG_CONFIG_HOME"),
        aws_config: path("AWS_CONFIG_FILE"),
        aws_credentials: path("AWS_SHARED_CREDENTIALS_FILE"),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one door to the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_of_an_array_knows_its_place() {
        let of = |set: &[(&str, &str)]| {
            let place = WorkerPlace::of(&|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            });
            place.map(|place| (place.index, place.count))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("JOB_COMPLETION_INDEX", "3")]), Some((3, None)));
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "0"), ("AWS_BATCH_JOB_ARRAY_SIZE", "8")];
        assert_eq!(of(&batch), Some((0, Some(8))));
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "7"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "4"),
        ];
        assert_eq!(of(&slurm), Some((2, Some(4))));
        assert_eq!(of(&slurm[..1]), Some((7, None)));
        assert_eq!(of(&[("JOB_COMPLETION_INDEX", "x")]), None);
    }

    #[test]
    fn a_tilde_at_the_beginning_is_the_home_folder() {
        let home = Some(Path::new("/home/alice"));
        for (text, expected) in [
            ("~", "/home/alice"),
            ("~/.aws/token", "/home/alice/.aws/token"),
            ("/etc/~/x", "/etc/~/x"),
            ("~bob/x", "~bob/x"),
            ("x", "x"),
        ] {
            assert_eq!(expanded(Path::new(text), home), Path::new(expected), "{text}");
        }
        assert_eq!(expanded(Path::new("~/x"), None), Path::new("~/x"));
    }
}
