//! The Secret Service of a real desktop holds the sign-in.

use pintail_testkit::bench::Bench;
use pintail_testkit::keychain::Keychain;

use crate::cloud::Cloud;

/// behaviour: keeping
#[test]
fn the_sign_in_is_kept_in_the_secret_service() {
    let bench = Bench::load();
    let keychain = Keychain::start(&bench);
    let mut cloud = Cloud::start();
    keychain.adopt(&mut cloud.env);
    cloud.env.set("PINTAIL_KEYCHAIN", "auto");
    let signed_in = cloud.sign_in("lab", 0).succeeded().json_lines().pop().expect("a line");
    assert_eq!(signed_in["keychain"], "the Secret Service", "{signed_in}");
    cloud.env.run(["ls", "lab:"]).succeeded();
    assert!(!cloud.env.home().join("state/secrets").exists(), "nothing is in the file");
    cloud.env.run(["logout", "lab"]).succeeded();
    cloud.env.run(["whoami", "lab"]).exited(4);
}
