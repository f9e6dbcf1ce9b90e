//! A real Secret Service stores a secret and returns it, to this test and to nobody else.

use pintail_testkit::bench::Bench;
use pintail_testkit::environment::TestEnv;
use pintail_testkit::keychain::Keychain;

const SECRET: &str = "a secret for the keychain of the bench";

#[test]
fn a_secret_is_stored_and_returned() {
    let bench = Bench::load();
    let keychain = Keychain::start(&bench);
    let mut env = TestEnv::new(bench.tool("secret-tool"));
    keychain.adopt(&mut env);
    env.secret("keychain secret", SECRET);
    let store = env.pintail(["store", "--label=bench", "service", "pintail", "user", "alice"]);
    let _ = store.stdin(SECRET).output().succeeded();
    let found = env.pintail(["lookup", "service", "pintail", "user", "alice"]).stdout_is_secret();
    assert_eq!(found.output().succeeded().stdout, SECRET);
    let files = keychain.files();
    assert!(!files.is_empty(), "the keyring is on disk");

    let other = Keychain::start(&bench);
    other.adopt(&mut env);
    let _ = env.pintail(["lookup", "service", "pintail", "user", "alice"]).output().exited(1);
}
