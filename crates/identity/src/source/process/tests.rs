//! Real programs: shells that say what credential programs say.

use std::sync::Arc;

use super::*;
use crate::source::testing::chain;

/// Long enough for any machine, and never waited for by a test that passes.
const LIMITS: ProcessLimits = ProcessLimits { time: Duration::from_secs(60), output_bytes: 4096 };

fn shell(script: &str, limits: ProcessLimits) -> CredentialProcess {
    let argv = ["sh", "-c", script, "word", "hunter2-argument"].map(ToOwned::to_owned).to_vec();
    CredentialProcess::new(argv, None, limits).unwrap()
}

#[tokio::test]
async fn the_json_on_standard_output_is_the_credential() {
    let script = r#"echo talk >&2; printf '{"Version":1,"AccessKeyId":"ASIA","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-11-23T13:00:00Z"}'"#;
    let provider = shell(script, LIMITS);
    let credential = provider.fetch().await.unwrap();
    assert_eq!(credential.expires_at.unwrap().to_string(), "2026-11-23T13:00:00Z");
    assert_eq!(format!("{provider:?}"), "CredentialProcess { program: \"sh\", .. }");
    let keys = shell(r#"printf '{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s"}'"#, LIMITS);
    assert_eq!(keys.fetch().await.unwrap().expires_at, None);
}

#[tokio::test]
async fn no_shell_reads_the_words() {
    let script = r#"printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"s"}' "$1""#;
    let argv = ["sh", "-c", script, "sh", "$HOME;*&'x'"].map(ToOwned::to_owned).to_vec();
    let provider = CredentialProcess::new(argv, None, LIMITS).unwrap();
    assert_eq!(provider.fetch().await.unwrap().access_key_id, "$HOME;*&'x'");
}

#[tokio::test]
async fn failures_are_named_with_the_last_line_made_printable() {
    for (script, expected) in [
        (
            "printf 'first\\nsign in \\033[31mfirst\\n\\n' >&2; exit 3",
            "credential program \"sh\" ended with exit code 3: sign in \\u{1b}[31mfirst",
        ),
        ("exit 1", "credential program \"sh\" ended with exit code 1"),
        ("kill -9 $$", "credential program \"sh\" was ended by signal 9"),
        (
            "echo '{\"Version\":2}'",
            "credential program \"sh\" printed no credential: its Version is 2, not 1",
        ),
        ("echo hunter2", "credential program \"sh\" printed no credential: it is not one JSON object"),
        ("while :; do echo hunter2hunter2; done", "credential program \"sh\" wrote more than 4096 bytes"),
    ] {
        let error = shell(script, LIMITS).fetch().await.unwrap_err();
        assert_eq!(chain(&error), expected);
        assert_eq!(error.retry, Retry::Never);
    }
    let argv = vec!["/nowhere/to/be/found".to_owned(), "hunter2".to_owned()];
    let error = CredentialProcess::new(argv, None, LIMITS).unwrap().fetch().await.unwrap_err();
    assert!(chain(&error).starts_with("credential program \"/nowhere/to/be/found\" could not be started"));
}

#[tokio::test]
async fn a_long_line_of_trouble_is_cut() {
    let script = "i=0; while [ $i -lt 3000 ]; do printf 'abcdefghij' >&2; i=$((i+1)); done; exit 1";
    let error = shell(script, LIMITS).fetch().await.unwrap_err();
    assert!(error.what.len() < 500 && error.what.ends_with('…'), "{}", error.what);
}

#[tokio::test]
async fn a_program_that_does_not_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("echo $$ > '{}'; exec sleep 600", file.display());
    let limits = ProcessLimits { time: Duration::from_secs(2), ..LIMITS };
    let error = shell(&script, limits).fetch().await.unwrap_err();
    assert_eq!(error.what, "credential program \"sh\" gave no credential within 2 s");
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    assert!(rustix::process::test_kill_process(pid).is_err(), "it was killed and waited for");
}

#[tokio::test]
async fn what_it_leaves_running_is_not_waited_for() {
    // The child in the background holds standard error until it ends by itself.
    let script = r#"sleep 5 >/dev/null & printf '{"Version":1,"AccessKeyId":"AKIA","SecretAccessKey":"s"}'"#;
    let started = tokio::time::Instant::now();
    assert_eq!(shell(script, LIMITS).fetch().await.unwrap().access_key_id, "AKIA");
    assert!(started.elapsed() < Duration::from_secs(4));
}

// behaviour: sources
#[tokio::test]
async fn a_program_inside_itself_is_refused() {
    let script =
        r#"printf '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"s"}' "$PINTAIL_CREDENTIAL_PROCESS""#;
    let inside = shell(script, LIMITS).fetch().await.unwrap().access_key_id;
    assert!(!inside.contains("hunter2"), "only a fingerprint is passed on");
    let argv = ["sh", "-c", script, "word", "hunter2-argument"].map(ToOwned::to_owned).to_vec();
    let error = CredentialProcess::new(argv.clone(), Some(&inside), LIMITS).unwrap_err();
    assert_eq!(chain(&error), "credential program \"sh\" asks for its own credential");
    // Another program may stand inside, and the first one not again inside that.
    let other = vec!["other".to_owned()];
    let second = CredentialProcess::new(other, Some(&inside), LIMITS).unwrap();
    assert!(CredentialProcess::new(argv, Some(&second.inside), LIMITS).is_err());
    let deep = (0..8).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    assert!(CredentialProcess::new(vec!["x".into()], Some(&deep), LIMITS).is_err());
    assert!(CredentialProcess::new(vec![], None, LIMITS).is_err());
    let nothing: Arc<dyn Provider> = Arc::new(second);
    assert!(!nothing.needs_person());
}
