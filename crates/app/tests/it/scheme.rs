//! A custom scheme, end to end: Chromium hands the answer to the desktop, the desktop to `pintail handle-url`, and that to the process
//! that waits.

use pintail_testkit::bench::Bench;
use pintail_testkit::browser::Visit;
use pintail_testkit::scheme::Desktop;

use crate::cloud::home;
use crate::seaweedfs::bookmark;

#[test]
fn an_answer_comes_back_by_its_scheme() {
    let bench = Bench::load();
    let desktop = Desktop::start(&bench);
    let mut env = home();
    desktop.adopt(&mut env);
    env.run(["scheme", "install", "--ducks"]).succeeded();
    assert_eq!(desktop.handler(&bench, "x-cyberduck-action"), "pintail-handler.desktop");
    for (number, redirect) in ["x-cyberduck-action://oauth", "pintail://oauth"].into_iter().enumerate() {
        bookmark(&env, &bench, "weed", bench.seaweedfs(), "public", &["--redirect", redirect]);
        let mut login = env.pintail(["login", "weed", "--no-browser", "--json"]).start();
        let open = login.next_event("open");
        let mut variables = desktop.variables();
        // The handler finds the waiting process by its home.
        variables.push(("PINTAIL_HOME".to_owned(), env.home().display().to_string()));
        let done = env.folder().join(format!("signed-in-{number}"));
        let visit = Visit::by("alice").headed(&variables, &done);
        let url = open["url"].as_str().expect("an address").to_owned();
        let bench_again = Bench::load();
        let visiting = std::thread::spawn(move || visit.open(&bench_again, &url));
        login.finish().succeeded();
        std::fs::write(&done, "").expect("a file");
        visiting.join().expect("the visit ends");
        env.run(["ls", "weed:"]).succeeded();
    }
    env.run(["scheme", "uninstall"]).succeeded();
    assert_eq!(desktop.handler(&bench, "pintail"), "");
}

#[test]
fn an_answer_nobody_waits_for_is_said_so() {
    let env = home();
    let output = env.run([
        "handle-url",
        "pintail://oauth?code=a-code-that-nobody-waits-for&state=unknown-state-of-nobody",
    ]);
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(!output.stderr.contains("a-code-that-nobody-waits-for"), "{}", output.stderr);
    assert!(output.stderr.contains("pintail login"), "{}", output.stderr);
}
