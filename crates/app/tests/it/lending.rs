//! Lending the sign-in to other tools: `docs/behaviour.md`, sections exec, serve-credentials, env, console.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pintail_sandbox::{Options, Service, SettableClock};
use pintail_testkit::environment::TestEnv;
use pintail_testkit::http::{self, Response};
use pintail_testkit::process::{Running, Signal};

use crate::cloud::{Cloud, sign_in};

/// Runs a script of the shell under `pintail exec lab`.
fn exec<'a>(options: &[&'a str], script: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["exec", "lab"];
    arguments.extend(options);
    arguments.extend(["--", "sh", "-c", script]);
    arguments
}

/// Reads `NAME=value` lines.
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Asks an endpoint as an SDK does.
fn ask(uri: &str, token: &str) -> Response {
    http::get(&uri.parse().expect("an address"), &[("authorization", token)]).expect("an answer")
}

/// Returns how many files a folder holds, none if it is not there.
fn files_below(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}

/// behaviour: exec
#[test]
fn a_command_is_told_of_the_endpoint_and_of_nothing_else() {
    let cloud = Cloud::signed_in();
    let mut run = cloud.env.pintail(exec(&[], "env; cat \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\""));
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ENDPOINT_URL_S3",
        "S3_ENDPOINT_URL",
    ] {
        run = run.set(name, "of-somebody-else");
    }
    let output = run.set("UNTOUCHED", "yes").stdout_is_secret().output().succeeded();
    let seen = variables(&output.stdout);
    assert!(!output.stdout.contains("of-somebody-else"), "{:?}", seen.keys());
    let uri = &seen["AWS_CONTAINER_CREDENTIALS_FULL_URI"];
    assert!(uri.starts_with("http://127.0.0.1:") && uri.ends_with("/lab"), "{uri}");
    let token = &seen["AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    assert!(token.len() == 43 && output.stdout.ends_with(token.as_str()), "the file holds the token alone");
    assert_eq!(seen["AWS_REGION"], cloud.summary().region);
    assert_eq!(seen["AWS_DEFAULT_REGION"], cloud.summary().region);
    assert_eq!(seen["AWS_ENDPOINT_URL_S3"], cloud.summary().s3_endpoint.trim_end_matches('/'));
    assert_eq!(seen["AWS_ENDPOINT_URL_STS"], cloud.summary().sts_endpoint.trim_end_matches('/'));
    assert_eq!(seen["AWS_EC2_METADATA_DISABLED"], "true");
    assert_eq!(seen["AWS_SHARED_CREDENTIALS_FILE"], "/dev/null");
    assert_eq!(seen["UNTOUCHED"], "yes");
    assert!(!seen.contains_key("AWS_ACCESS_KEY_ID") && !seen.contains_key("AWS_PROFILE"));
    assert_eq!(output.stderr, "", "nothing is said beside what the command says");
    assert_eq!(files_below(&cloud.env.home().join("run/lend")), 0, "the token went with the command");
    let gone = http::get(&uri.parse().expect("an address"), &[]);
    assert!(gone.is_err(), "the endpoint went with the command");
}

/// behaviour: exec
#[test]
fn the_endpoint_answers_while_the_command_runs() {
    let cloud = Cloud::signed_in();
    let script =
        "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI; echo $AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; read end";
    let mut running = cloud.env.pintail(exec(&["--keep-aws-config"], script)).start();
    let (uri, file) = (running.next_line().expect("a line"), running.next_line().expect("a line"));
    let metadata = fs::metadata(&file).expect("the token's file");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    let token = fs::read_to_string(&file).expect("the token");
    cloud.env.secret("endpoint token", &token);
    let answer = ask(&uri, &token);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let credential = answer.json();
    assert!(credential["AccessKeyId"].as_str().is_some_and(|id| id.starts_with("ASIA")));
    let text = |name: &str| credential[name].as_str().expect("a text").to_owned();
    assert!(cloud.sandbox().recorder().secrets().contains(&text("SecretAccessKey")), "the one STS gave");
    assert!(cloud.sandbox().recorder().secrets().contains(&text("Token")));
    assert!(cloud.summary().role_arn.contains(&text("AccountId")));
    let until: jiff::Timestamp = text("Expiration").parse().expect("a time");
    assert!(until > cloud.sandbox().world().now() && text("Expiration").ends_with('Z'));
    assert_eq!(ask(&uri, "wrong").status, 401);
    running.type_in("\n");
    running.finish().succeeded();
    assert!(!Path::new(&file).exists());
}

/// behaviour: exec
#[test]
fn codes_and_signals_pass_through() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    for code in [0, 1, 7, 255] {
        env.run(exec(&[], &format!("exit {code}"))).exited(code);
    }
    env.run(exec(&[], "kill -TERM $$")).exited(143);
    env.run(exec(&[], "kill -KILL $$")).exited(137);
    let missing = env.run(["exec", "lab", "--", "no-such-command-here"]).exited(127);
    assert!(missing.stderr.contains("no-such-command-here"), "{}", missing.stderr);
    fs::write(env.work().join("data"), "not a program").expect("a file");
    env.run(["exec", "lab", "--", "./data"]).exited(126);
    env.run(["exec", "lab"]).exited(2);
    env.run(["exec", "nowhere", "--", "true"]).exited(6);
    assert_eq!(files_below(&env.home().join("run/lend")), 0, "no token is left by any of them");
}

/// Sends a signal to `pintail` alone, not to its group.
fn signal_alone(running: &Running, signal: Signal) {
    let id = i32::try_from(running.id()).ok().and_then(rustix::process::Pid::from_raw).expect("an ID");
    rustix::process::kill_process(id, signal).expect("it runs");
}

/// behaviour: exec
#[test]
fn signals_to_pintail_reach_the_command_and_its_end_is_waited_for() {
    let cloud = Cloud::signed_in();
    // Outside the foreground of a terminal nobody else sends SIGINT and SIGQUIT to the command.
    let all = [
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
        (Signal::USR1, "USR1"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
    ];
    for (signal, name) in all {
        // The shell looks for a signal after each command; nothing blocks in it, and nothing outlives it that holds its output open.
        let script =
            format!("trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.02; done");
        let mut running = cloud.env.pintail(exec(&[], &script)).start();
        assert_eq!(running.next_line().as_deref(), Some("ready"));
        signal_alone(&running, signal);
        let output = running.finish().exited(9);
        assert!(output.stdout.contains(&format!("got {name}")), "{}", output.stdout);
    }
    // What the whole group gets, pintail survives.
    let script = "trap 'exit 11' INT; echo ready; while :; do sleep 0.02; done";
    let mut running = cloud.env.pintail(exec(&[], script)).start();
    assert_eq!(running.next_line().as_deref(), Some("ready"));
    running.signal(Signal::INT);
    running.finish().exited(11);
}

/// behaviour: exec
#[test]
fn a_signal_that_was_ignored_stays_ignored_for_the_command() {
    let cloud = Cloud::signed_in();
    let script = "trap '' HUP; exec \"$0\" exec lab -- sh -c 'kill -HUP $$; kill -HUP $PPID; echo alive'";
    let output = cloud.env.program("sh".as_ref(), ["-c", script, env!("CARGO_BIN_EXE_pintail")]).output();
    assert_eq!((output.code(), output.stdout.as_str()), (Some(0), "alive\n"), "{}", output.stderr);
}

/// behaviour: exec
#[test]
fn nothing_is_started_without_a_sign_in() {
    let cloud = Cloud::start();
    for options in [&[][..], &["--env"]] {
        let output = cloud.env.run(exec(options, "touch started")).exited(4);
        assert!(output.stderr.contains("pintail login lab"), "{}", output.stderr);
    }
    assert!(!cloud.env.work().join("started").exists());
    assert_eq!(files_below(&cloud.env.home().join("run/lend")), 0);
}

/// behaviour: exec
#[test]
fn plain_keys_are_in_variables_and_their_end_is_told() {
    let cloud = Cloud::signed_in();
    let run = cloud.env.pintail(exec(&["--env"], "env")).set("AWS_PROFILE", "other").stdout_is_secret();
    let output = run.output().succeeded();
    let seen = variables(&output.stdout);
    assert!(cloud.sandbox().recorder().secrets().contains(&seen["AWS_SECRET_ACCESS_KEY"]));
    assert!(cloud.sandbox().recorder().secrets().contains(&seen["AWS_SESSION_TOKEN"]));
    assert!(!seen.contains_key("AWS_PROFILE") && !seen.contains_key("AWS_CONFIG_FILE"));
    assert!(!seen.keys().any(|name| name.starts_with("AWS_CONTAINER")));
    assert!(output.stderr.contains("UTC and are not renewed"), "{}", output.stderr);
    let until: jiff::Timestamp = seen["AWS_CREDENTIAL_EXPIRATION"].parse().expect("a time");
    assert!(until > cloud.sandbox().world().now());
}

/// behaviour: exec
#[test]
fn the_command_has_the_terminal_to_itself() {
    let cloud = Cloud::signed_in();
    let inner = "test -t 0 && test -t 1 && test -t 2 && echo on a terminal; stty size; ps -o pgid= -p $$ -p $PPID | sort -u | wc -l; exit 5";
    let command =
        format!("stty rows 33 cols 77; '{}' exec lab -- sh -c '{inner}'", env!("CARGO_BIN_EXE_pintail"));
    let output = cloud.env.program("script".as_ref(), ["-qec", &command, "/dev/null"]).output();
    assert_eq!(output.code(), Some(5), "{}", output.stdout);
    assert!(output.stdout.contains("on a terminal"), "{}", output.stdout);
    assert!(output.stdout.contains("33 77"), "{}", output.stdout);
    let groups = output.stdout.lines().last().map(str::trim);
    assert_eq!(groups, Some("1"), "one process group: {}", output.stdout);
}

/// Starts `serve-credentials` and returns it with what it said when it was ready.
fn serve(env: &TestEnv, arguments: &[&str]) -> (Running, serde_json::Value) {
    let mut all = vec!["serve-credentials", "--json"];
    all.extend(arguments);
    let mut running = env.pintail(all).start();
    let ready = running.next_event("ready");
    (running, ready)
}

fn uri(ready: &serde_json::Value, number: usize) -> String {
    let variables = &ready["bookmarks"][number]["variables"];
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"].as_str().expect("an address").to_owned()
}

/// behaviour: serve-credentials
#[test]
fn credentials_are_served_until_a_signal_and_each_bookmark_has_its_path() {
    let cloud = Cloud::signed_in();
    cloud.bookmark("narrow", &["--read-only"]);
    let env = &cloud.env;
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let (running, ready) = serve(env, &["lab", "narrow", "lab"]);
        let file = ready["token_file"].as_str().expect("a path").to_owned();
        assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
        let token = fs::read_to_string(&file).expect("the token");
        env.secret("endpoint token", &token);
        assert_eq!(ready["bookmarks"].as_array().map(Vec::len), Some(2), "{ready}");
        assert_eq!(
            ready["bookmarks"][0]["variables"]["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
            file.as_str()
        );
        assert!(!ready.to_string().contains(&token), "the token is in its file only");
        let keys: Vec<_> = (0..2)
            .map(|number| ask(&uri(&ready, number), &token).json()["AccessKeyId"].as_str().map(str::to_owned))
            .collect();
        assert!(keys[0].is_some() && keys[1].is_some() && keys[0] != keys[1], "{keys:?}");
        assert_eq!(ask(&uri(&ready, 0), "").status, 401);
        running.signal(signal);
        running.finish().exited(0);
        assert!(!Path::new(&file).exists(), "the token went with the endpoint");
    }
}

/// behaviour: serve-credentials
#[test]
fn a_token_file_outlives_restarts_and_is_refused_if_others_could_read_it() {
    let cloud = Cloud::signed_in();
    let (env, file) = (&cloud.env, cloud.env.work().join("token"));
    let path = file.to_str().expect("Unicode").to_owned();
    let (first, _) = serve(env, &["lab", "--token-file", &path]);
    let made = fs::read_to_string(&file).expect("the token");
    first.signal(Signal::TERM);
    first.finish().exited(0);
    assert!(!file.exists(), "what was made is removed");
    fs::write(&file, &made).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("rights");
    for _ in 0..2 {
        let (running, ready) = serve(env, &["lab", "--token-file", "token"]);
        assert_eq!(ready["token_file"], path.as_str(), "told as an absolute path");
        assert_eq!(ask(&uri(&ready, 0), &made).status, 200);
        running.signal(Signal::TERM);
        running.finish().exited(0);
        assert_eq!(fs::read_to_string(&file).expect("it stays"), made);
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("rights");
    let refused = env.run(["serve-credentials", "lab", "--token-file", "token"]).exited(1);
    assert!(refused.stderr.contains("could be read by others"), "{}", refused.stderr);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let refused = env.run(["serve-credentials", "lab", "--port", &port]).exited(1);
    assert!(refused.stderr.contains("--port"), "{}", refused.stderr);
    assert_eq!(files_below(&env.home().join("run/lend")), 0);
}

/// behaviour: serve-credentials
#[test]
fn a_sign_in_that_is_needed_is_told_to_the_tool_and_taken_up_when_it_comes() {
    let cloud = Cloud::start();
    let (mut running, ready) = serve(&cloud.env, &["lab"]);
    running.wait_for_stderr("pintail login lab");
    let token = fs::read_to_string(ready["token_file"].as_str().expect("a path")).expect("the token");
    cloud.env.secret("endpoint token", &token);
    let answer = ask(&uri(&ready, 0), &token);
    assert_eq!((answer.status, &answer.json()["code"]), (403, &"SignInNeeded".into()), "{}", answer.text());
    let message = answer.json()["message"].as_str().expect("a text").to_owned();
    assert!(message.contains("`pintail login lab`") && !message.contains('\n'), "{message}");
    sign_in(&cloud.env, "lab", &mut cloud.person(0)).succeeded();
    assert_eq!(ask(&uri(&ready, 0), &token).status, 200);
    running.signal(Signal::TERM);
    running.finish().exited(0);
}

/// behaviour: serve-credentials
#[test]
fn a_credential_is_renewed_before_its_end_while_it_is_lent() {
    let clock = Arc::new(SettableClock::new(jiff::Timestamp::UNIX_EPOCH));
    clock.set(pintail_now());
    let options = Options { clock: Arc::clone(&clock) as Arc<_>, ..Options::default() };
    let cloud = Cloud::start_with(options);
    sign_in(&cloud.env, "lab", &mut cloud.person(0)).succeeded();
    // A role that does not exist yet, so that this bookmark makes requests, from which the new time is learnt, when the test wants it.
    let role = cloud.summary().role_arn.replace(role_name(&cloud.summary().role_arn), "LaterRole");
    cloud.bookmark("later", &["--role-arn", &role]);
    let (running, ready) = serve(&cloud.env, &["lab", "later"]);
    let token = fs::read_to_string(ready["token_file"].as_str().expect("a path")).expect("the token");
    cloud.env.secret("endpoint token", &token);
    let first = ask(&uri(&ready, 0), &token).json();
    assert_eq!(ask(&uri(&ready, 0), &token).json(), first, "the same for as long as it is good");
    let until: jiff::Timestamp = first["Expiration"].as_str().expect("a time").parse().expect("a time");
    clock.set(until + jiff::SignedDuration::from_secs(60));
    cloud.sandbox().recorder().clear();
    let end = Instant::now() + Duration::from_secs(30);
    while cloud.sandbox().recorder().count(Service::Sts, "AssumeRoleWithWebIdentity") == 0 {
        assert!(Instant::now() < end, "the other bookmark asks nobody");
        assert_ne!(ask(&uri(&ready, 1), &token).status, 200);
    }
    let second = ask(&uri(&ready, 0), &token);
    assert_eq!(second.status, 200, "{}", second.text());
    assert_ne!(second.json()["AccessKeyId"], first["AccessKeyId"]);
    let later: jiff::Timestamp =
        second.json()["Expiration"].as_str().expect("a time").parse().expect("a time");
    assert!(later > until);
    running.signal(Signal::TERM);
    running.finish().exited(0);
}

fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().expect("a name")
}

/// The time of this machine, which the sandbox starts at.
fn pintail_now() -> jiff::Timestamp {
    Cloud::start().sandbox().world().now()
}

/// behaviour: env
#[test]
fn a_shell_takes_the_variables_and_gives_them_back() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let script = "eval \"$(\"$0\" env lab)\"; env; eval \"$(\"$0\" env --unset)\"; echo after; env";
    let run = env.program("sh".as_ref(), ["-c", script, env!("CARGO_BIN_EXE_pintail")]);
    let run = run.set("SHELL", "/bin/zsh").set("AWS_PROFILE", "other").stdout_is_secret();
    let output = run.output().succeeded();
    assert!(output.stderr.contains("UTC and are not renewed"), "{}", output.stderr);
    let (before, after) = output.stdout.split_once("after\n").expect("both");
    let seen = variables(before);
    assert!(cloud.sandbox().recorder().secrets().contains(&seen["AWS_SECRET_ACCESS_KEY"]));
    assert_eq!(seen["AWS_ENDPOINT_URL_S3"], cloud.summary().s3_endpoint.trim_end_matches('/'));
    assert!(!seen.contains_key("AWS_PROFILE"), "a profile would win in some tools");
    assert!(!variables(after).keys().any(|name| name.starts_with("AWS_")), "{after}");
}

/// behaviour: env
#[test]
fn each_shell_has_its_own_lines_and_json_has_all() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let lines = |arguments: &[&str], shell: &str| {
        let run = env.pintail(["env", "lab"].iter().chain(arguments)).set("SHELL", shell);
        run.stdout_is_secret().output().succeeded().stdout
    };
    assert!(lines(&[], "/usr/bin/fish").contains("set -gx AWS_ACCESS_KEY_ID 'ASIA"));
    assert!(lines(&["--shell", "fish"], "/bin/sh").contains("set -gx AWS_REGION 'eu-central-1'"));
    assert!(lines(&["--shell", "powershell"], "/bin/sh").contains("$env:AWS_REGION = 'eu-central-1'"));
    assert!(lines(&["--shell", "sh"], "/bin/tcsh").contains("export AWS_REGION='eu-central-1'"));
    let unknown = env.pintail(["env", "lab"]).set("SHELL", "/bin/tcsh").output().exited(2);
    assert!(unknown.stderr.contains("--shell"), "{}", unknown.stderr);
    let json = env
        .pintail(["env", "lab", "--json"])
        .set("SHELL", "/bin/tcsh")
        .stdout_is_secret()
        .output()
        .succeeded()
        .json();
    assert_eq!(json["variables"]["AWS_REGION"], "eu-central-1");
    assert!(json["unset"].as_array().is_some_and(|names| names.contains(&"AWS_PROFILE".into())));
    assert!(json["until"].is_string());
    env.run(["logout", "lab"]).succeeded();
    let output = env.run(["env", "lab"]).exited(4);
    assert_eq!(output.stdout, "");
}

/// A federation service that answers one request, and tells the request's first line.
fn federation(status: &'static str, body: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/federation", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        lines.take_while(|line| !line.is_empty()).for_each(drop);
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        (&stream).write_all(answer.as_bytes()).expect("it listens");
        first
    });
    (address, asked)
}

/// Has the person use another federation service than AWS's.
fn federate(env: &TestEnv, address: &str) {
    env.run(["config", "set", "pintail.signin.endpoint", address]).succeeded();
}

/// behaviour: console
#[test]
fn the_console_opens_with_a_token_of_the_federation_service() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let (address, asked) = federation("200 OK", r#"{"SigninToken":"a-token-for-the-console/+"}"#);
    env.secret("SigninToken", "a-token-for-the-console/+");
    federate(env, &address);
    let run = env.pintail(["console", "lab", "--print", "--duration", "1h"]).stdout_is_secret();
    let output = run.output().succeeded();
    let url: url::Url = output.stdout.trim().parse().expect("an address");
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert!(output.stdout.starts_with(&address), "{}", output.stdout);
    assert_eq!(query["Action"], "login");
    assert_eq!(query["SigninToken"], "a-token-for-the-console/+");
    assert_eq!(query["Destination"], "https://console.aws.amazon.com/s3/home?region=eu-central-1");
    let line = asked.join().expect("one request");
    let target = line.split_whitespace().nth(1).expect("a target");
    let asked: url::Url = format!("http://localhost{target}").parse().expect("an address");
    let query: BTreeMap<_, _> = asked.query_pairs().into_owned().collect();
    assert_eq!((query["Action"].as_str(), query["SessionDuration"].as_str()), ("getSigninToken", "3600"));
    let session: serde_json::Value = serde_json::from_str(&query["Session"]).expect("JSON");
    let key = session["sessionKey"].as_str().expect("a key").to_owned();
    assert!(cloud.sandbox().recorder().secrets().contains(&key));
}

/// behaviour: console
#[test]
fn the_browser_is_sent_on_and_its_command_line_holds_no_secret() {
    let cloud = Cloud::signed_in();
    let env = &cloud.env;
    let (address, asked) = federation("200 OK", r#"{"SigninToken":"a-token-for-the-browser"}"#);
    env.secret("SigninToken", "a-token-for-the-browser");
    federate(env, &address);
    let browser = env.work().join("browser");
    // Keeps the address it was started with; the test goes there in its place.
    fs::write(&browser, "#!/bin/sh\necho \"$1\" > \"$0.new\"; mv \"$0.new\" \"$0.opened\"\n")
        .expect("a program");
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).expect("rights");
    let running = env.pintail(["console", "lab"]).set("BROWSER", browser.as_os_str()).start();
    let opened = env.work().join("browser.opened");
    let end = Instant::now() + Duration::from_secs(30);
    while !opened.exists() {
        assert!(Instant::now() < end, "no browser was started");
        std::thread::yield_now();
    }
    let local = fs::read_to_string(&opened).expect("an address");
    assert!(local.starts_with("http://127.0.0.1:") && !local.contains("a-token"), "{local}");
    let answer = http::get(&local.trim().parse().expect("an address"), &[]).expect("an answer");
    assert_eq!(answer.status, 303);
    assert!(answer.header("location").is_some_and(|url| url.contains("SigninToken=a-token-for-the-browser")));
    let output = running.finish().succeeded();
    assert!(output.stderr.contains("open in your browser"), "{}", output.stderr);
    assert!(!asked.join().expect("one request").contains("SessionDuration"), "AWS decides");
}

/// behaviour: console
#[test]
fn a_console_that_cannot_be_is_explained() {
    let cloud = Cloud::start();
    let env = &cloud.env;
    env.run(["console", "lab"]).exited(4);
    cloud.sign_in("lab", 0).succeeded();
    env.run(["console", "lab", "--duration", "13h"]).exited(2);
    env.run(["console", "lab", "--service", "../x"]).exited(2);
    let chained = cloud.summary().chained_role_arn.clone();
    cloud.bookmark("project", &["--second-role-arn", &chained, "--external-id", "pintail-project"]);
    let refused = env.run(["console", "project", "--duration", "1h"]).exited(2);
    assert!(refused.stderr.contains("second role"), "{}", refused.stderr);
    let (address, asked) = federation("400 Bad Request", "<html>no</html>");
    federate(env, &address);
    let refused = env.run(["console", "lab", "--print"]).exited(1);
    assert!(refused.stderr.contains("400"), "{}", refused.stderr);
    asked.join().expect("one request");
    cloud.bookmark("elsewhere", &[]);
    federate(env, "http://signin.example/federation");
    env.run(["console", "elsewhere", "--print"]).exited(2);
}
