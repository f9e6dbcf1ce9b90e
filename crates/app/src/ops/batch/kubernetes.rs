//! Indexed Jobs of Kubernetes, one pod a shard: the manifest is printed, applying it is the person's.
//!
//! Pure: a command line and wishes in, YAML out. Every pod runs the same command with `--shard auto/N` at its end and knows its number from
//! `JOB_COMPLETION_INDEX`. It signs in with the token of its service account, by the variables that EKS sets for roles of service accounts
//! (`AWS_ROLE_ARN`, `AWS_WEB_IDENTITY_TOKEN_FILE`). Bookmarks that the command names are made in each pod before it starts, of the profile that reads
//! that token: nothing of this machine goes there.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::num::NonZeroU32;

use pintail_core::address::Address;
use pintail_core::name::{Region, RoleArn};

/// Where a token of the service account lies, as EKS has it.
const TOKEN_FOLDER: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
/// Where Pintail keeps its state in a pod.
const HOME: &str = "/var/lib/pintail";
/// Where the configuration of AWS's tools lies in a pod.
const AWS_FOLDER: &str = "/etc/pintail";
/// The profile in it.
const PROFILE: &str = "pod";

/// A Job to print.
#[derive(Clone, Debug)]
pub(crate) struct JobWish<'a> {
    /// What each pod does: the arguments of `pintail`, beginning with the subcommand.
    pub(crate) command: &'a [String],
    /// Into how many parts the work is cut.
    pub(crate) shards: NonZeroU32,
    /// How many pods run at once, all without.
    pub(crate) parallelism: Option<NonZeroU32>,
    /// The image, which has `pintail` in its path.
    pub(crate) image: &'a str,
    /// The name of the Job.
    pub(crate) name: &'a str,
    /// The namespace, that of whoever applies it without.
    pub(crate) namespace: Option<&'a str>,
    /// The service account.
    pub(crate) service_account: &'a str,
    /// The role that the service account's token is exchanged for.
    pub(crate) role: &'a RoleArn,
    /// The region.
    pub(crate) region: &'a Region,
    /// What each pod asks for.
    pub(crate) resources: Resources<'a>,
    /// How often one shard is tried again.
    pub(crate) retries: u32,
}

/// What a pod asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resources<'a> {
    /// Processors, as `2` or `500m`.
    pub(crate) cpu: &'a str,
    /// Memory, as `512Mi`.
    pub(crate) memory: &'a str,
}

/// Why no manifest can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KubernetesError {
    /// There is nothing to run.
    #[error("no command is given")]
    NoCommand,
    /// The command cannot be cut into shards.
    #[error("{0:?} cannot be cut into shards")]
    Command(String),
    /// The command says which shard already.
    #[error("the command names a shard already")]
    Shard,
    /// A name breaks Kubernetes' rule for names.
    #[error(
        "{0:?} is no name in Kubernetes: small letters, digits and hyphens, 63 at the most, beginning and ending with a letter or digit"
    )]
    Name(String),
    /// Kubernetes takes no more.
    #[error("{0} shards are more than an indexed Job takes, 100,000")]
    TooMany(u32),
}

/// Writes the manifest.
///
/// # Errors
/// When the command cannot be cut into shards, or a name is none.
pub(crate) fn job(wish: &JobWish<'_>) -> Result<String, KubernetesError> {
    let verb = wish.command.first().ok_or(KubernetesError::NoCommand)?;
    if !matches!(verb.as_str(), "cp" | "mv" | "sync" | "batch") {
        return Err(KubernetesError::Command(verb.clone()));
    }
    // Both sides, and everything from then on, are one work for one process.
    let whole = |word: &&String| matches!(word.as_str(), "--two-way" | "--watch");
    if let Some(option) = wish.command.iter().take_while(|word| *word != "--").find(whole) {
        return Err(KubernetesError::Command(format!("{verb} {option}")));
    }
    if wish.command.iter().any(|word| word == "--shard" || word.starts_with("--shard=")) {
        return Err(KubernetesError::Shard);
    }
    for name in [Some(wish.name), Some(wish.service_account), wish.namespace].into_iter().flatten() {
        if !is_name(name) {
            return Err(KubernetesError::Name(name.to_owned()));
        }
    }
    let shards = wish.shards.get();
    // The most that works with a limit of retries for each index (Kubernetes documentation, "Jobs").
    if shards > 100_000 {
        return Err(KubernetesError::TooMany(shards));
    }
    let mut yaml = Yaml::default();
    config_map(wish, &mut yaml);
    yaml.text.push_str("---\n");
    indexed_job(wish, shards, &mut yaml);
    Ok(yaml.text)
}

/// The configuration of AWS's tools, in which a profile names role and token.
fn config_map(wish: &JobWish<'_>, yaml: &mut Yaml) {
    yaml.line(0, "apiVersion: v1");
    yaml.line(0, "kind: ConfigMap");
    metadata(wish, yaml);
    yaml.line(0, "data:");
    yaml.line(1, "config: |");
    yaml.line(2, &format!("[profile {PROFILE}]"));
    yaml.line(2, &format!("role_arn = {}", wish.role.as_str()));
    yaml.line(2, &format!("web_identity_token_file = {TOKEN_FOLDER}/token"));
    yaml.line(2, &format!("region = {}", wish.region));
}

fn metadata(wish: &JobWish<'_>, yaml: &mut Yaml) {
    yaml.line(0, "metadata:");
    yaml.pair(1, "name", wish.name);
    if let Some(namespace) = wish.namespace {
        yaml.pair(1, "namespace", namespace);
    }
    yaml.line(1, "labels:");
    yaml.pair(2, "app.kubernetes.io/name", "pintail");
}

fn indexed_job(wish: &JobWish<'_>, shards: u32, yaml: &mut Yaml) {
    let parallelism = wish.parallelism.map_or(shards, |limit| limit.get().min(shards));
    yaml.line(0, "apiVersion: batch/v1");
    yaml.line(0, "kind: Job");
    metadata(wish, yaml);
    yaml.line(0, "spec:");
    yaml.line(1, "completionMode: Indexed");
    yaml.line(1, &format!("completions: {shards}"));
    yaml.line(1, &format!("parallelism: {parallelism}"));
    yaml.line(1, &format!("backoffLimitPerIndex: {}", wish.retries));
    // One shard that fails for good does not take the others with it.
    yaml.line(1, &format!("maxFailedIndexes: {shards}"));
    yaml.line(1, "template:");
    yaml.line(2, "metadata:");
    yaml.line(3, "labels:");
    yaml.pair(4, "app.kubernetes.io/name", "pintail");
    yaml.line(2, "spec:");
    yaml.line(3, "restartPolicy: Never");
    yaml.pair(3, "serviceAccountName", wish.service_account);
    yaml.line(3, "securityContext:");
    yaml.line(4, "runAsNonRoot: true");
    yaml.line(4, "runAsUser: 65532");
    yaml.line(4, "fsGroup: 65532");
    let bookmarks = bookmarks(wish.command);
    if !bookmarks.is_empty() {
        yaml.line(3, "initContainers:");
    }
    for (number, bookmark) in bookmarks.iter().enumerate() {
        let words = ["bookmark", "add", bookmark, "--aws-profile", PROFILE, "--force"].map(str::to_owned);
        container(wish, &format!("bookmark-{}", number + 1), &words, yaml);
    }
    yaml.line(3, "containers:");
    let mut words = wish.command.to_vec();
    // What follows two hyphens is no option any more.
    let at = words.iter().position(|word| word == "--").unwrap_or(words.len());
    words.splice(at..at, ["--shard".to_owned(), format!("auto/{shards}")]);
    container(wish, "pintail", &words, yaml);
    yaml.line(3, "volumes:");
    yaml.line(4, "- name: home");
    yaml.line(5, "emptyDir: {}");
    yaml.line(4, "- name: aws-config");
    yaml.line(5, "configMap:");
    yaml.pair(6, "name", wish.name);
    yaml.line(4, "- name: aws-iam-token");
    yaml.line(5, "projected:");
    yaml.line(6, "sources:");
    yaml.line(7, "- serviceAccountToken:");
    yaml.line(9, "audience: sts.amazonaws.com");
    yaml.line(9, "expirationSeconds: 86400");
    yaml.line(9, "path: token");
}

fn container(wish: &JobWish<'_>, name: &str, words: &[String], yaml: &mut Yaml) {
    yaml.item(4, "name", name);
    yaml.pair(5, "image", wish.image);
    yaml.line(5, "command:");
    yaml.line(6, "- pintail");
    yaml.line(5, "args:");
    for word in words {
        // `$(NAME)` in an argument would be replaced by a variable, and of every two dollars one is left.
        yaml.line(6, &format!("- {}", quoted(&word.replace('$', "$$"))));
    }
    yaml.line(5, "env:");
    for (name, value) in [
        ("PINTAIL_HOME", HOME),
        ("PINTAIL_KEYCHAIN", "file"),
        ("AWS_CONFIG_FILE", &format!("{AWS_FOLDER}/config")),
        ("AWS_ROLE_ARN", wish.role.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &format!("{TOKEN_FOLDER}/token")),
        ("AWS_REGION", wish.region.as_str()),
    ] {
        yaml.item(6, "name", name);
        yaml.pair(7, "value", value);
    }
    yaml.line(5, "resources:");
    for kind in ["requests", "limits"] {
        yaml.line(6, &format!("{kind}:"));
        yaml.pair(7, "cpu", wish.resources.cpu);
        yaml.pair(7, "memory", wish.resources.memory);
    }
    yaml.line(5, "securityContext:");
    yaml.line(6, "allowPrivilegeEscalation: false");
    yaml.line(6, "capabilities:");
    yaml.line(7, "drop: [\"ALL\"]");
    yaml.line(5, "volumeMounts:");
    for (name, path, read_only) in
        [("home", HOME, false), ("aws-config", AWS_FOLDER, true), ("aws-iam-token", TOKEN_FOLDER, true)]
    {
        yaml.item(6, "name", name);
        yaml.pair(7, "mountPath", path);
        if read_only {
            yaml.line(7, "readOnly: true");
        }
    }
}

/// The bookmarks that a command names in its addresses.
fn bookmarks(command: &[String]) -> BTreeSet<String> {
    let values = command.iter().skip(1).map(|word| match word.split_once('=') {
        Some((option, value)) if option.starts_with("--") => value,
        _ => word.as_str(),
    });
    let named = values.filter_map(|word| {
        let address: Address = word.parse().ok()?;
        Some(address.bookmark?.to_string())
    });
    named.collect()
}

fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Lines with their depth.
#[derive(Default)]
struct Yaml {
    text: String,
}

impl Yaml {
    fn line(&mut self, depth: usize, text: &str) {
        let _ = writeln!(self.text, "{:width$}{text}", "", width = depth * 2);
    }

    fn pair(&mut self, depth: usize, key: &str, value: &str) {
        self.line(depth, &format!("{key}: {}", quoted(value)));
    }

    fn item(&mut self, depth: usize, key: &str, value: &str) {
        self.line(depth, &format!("- {key}: {}", quoted(value)));
    }
}

/// Writes a text in double quotes, which in YAML can hold every text: what JSON escapes, YAML reads.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            // YAML has letters that end a line, and others that cannot stand in a document.
            '\u{85}' | '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(letter));
            }
            control if control.is_control() => {
                let _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn printed(command: &[String], name: &str, shards: u32) -> Result<String, KubernetesError> {
        job(&JobWish {
            command,
            shards: NonZeroU32::new(shards).unwrap(),
            parallelism: NonZeroU32::new(4),
            image: "registry.example/pintail:1",
            name,
            namespace: None,
            service_account: "mover",
            role: &"arn:aws:iam::123456789012:role/mover".parse().unwrap(),
            region: &"eu-central-1".parse().unwrap(),
            resources: Resources { cpu: "1", memory: "256Mi" },
            retries: 3,
        })
    }

    #[test]
    fn a_job_has_a_pod_for_each_shard() {
        let yaml = printed(&words("cp -r work:data/in/ other:data/out/ -- x"), "move", 8).unwrap();
        for line in [
            "  completionMode: Indexed",
            "  completions: 8",
            "  parallelism: 4",
            "  backoffLimitPerIndex: 3",
            "      restartPolicy: Never",
            "            - \"auto/8\"",
            "        - name: \"bookmark-1\"",
            "        - name: \"bookmark-2\"",
        ] {
            assert!(yaml.contains(&format!("{line}\n")), "{line}\n{yaml}");
        }
        let shard = yaml.find("\"--shard\"").unwrap();
        assert!(shard < yaml.find("- \"--\"\n").unwrap() && !yaml.contains('\t'));
    }

    #[test]
    fn what_cannot_be_printed_is_named() {
        let cp = words("cp a work:b/c");
        for (command, name, shards, expected) in [
            (vec![], "x", 2, KubernetesError::NoCommand),
            (words("ls work:"), "x", 2, KubernetesError::Command("ls".into())),
            (words("cp a b --shard=1/2"), "x", 2, KubernetesError::Shard),
            (cp.clone(), "Move", 2, KubernetesError::Name("Move".into())),
            (cp.clone(), "-a", 2, KubernetesError::Name("-a".into())),
            (cp, "x", 100_001, KubernetesError::TooMany(100_001)),
        ] {
            assert_eq!(printed(&command, name, shards), Err(expected));
        }
    }

    #[test]
    fn every_text_is_quoted() {
        assert_eq!(quoted("a\"b\\c\n\u{7}\u{2028}é"), "\"a\\\"b\\\\c\\n\\x07\\u2028é\"");
        let odd = ["cp", "$(HOME)", "work:b/é: #x", "work:b/a$$b/", "$$(X)", "$"].map(str::to_owned);
        let yaml = printed(&odd, "x", 1).unwrap();
        // Kubernetes makes one of every two, wherever they stand.
        for word in ["work:b/a$$$$b/", "$$$$(X)", "$$"] {
            assert!(yaml.contains(&format!("- \"{word}\"\n")), "{word}: {yaml}");
        }
        assert!(yaml.contains("- \"$$(HOME)\"\n") && yaml.contains("- \"work:b/é: #x\"\n"), "{yaml}");
    }
}
