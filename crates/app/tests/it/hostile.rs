//! Issuers that lie: every lie is refused, and the truth is not.

use pintail_testkit::bench::{Bench, Expectation};
use pintail_testkit::person::Person;

use crate::cloud::{home, sign_in};
use crate::seaweedfs::bookmark;

/// Refusals must come from us and not from STS, which is never asked with a token that was not believed.
#[test]
fn every_lie_is_refused() {
    let bench = Bench::load();
    let env = home();
    let mut lies = 0;
    for (name, case) in &bench.hostile().cases {
        if name.starts_with("refresh") {
            continue;
        }
        bookmark(&env, &bench, "liar", bench.seaweedfs(), "public", &["--issuer", &case.url]);
        let answered = name != "redirect-other-state";
        let output = if answered {
            sign_in(&env, "liar", &mut Person::new("alice"))
        } else {
            // An answer with another state is not ours: it must not end the wait, which ends by itself.
            let mut login =
                env.pintail(["login", "liar", "--no-browser", "--json", "--timeout", "5"]).start();
            let open = login.next_event("open");
            let _ = Person::new("alice").sign_in(open["url"].as_str().expect("an address"));
            login.finish()
        };
        // SeaweedFS does not know this issuer: what we believe ends at STS, with its own words.
        let reached_sts = output.stderr.contains("could not be exchanged");
        match case.expect {
            Expectation::Accept => assert!(reached_sts, "{name}: the truth is believed: {}", output.stderr),
            Expectation::Refuse => {
                lies += 1;
                assert!(!reached_sts, "{name}: the lie was believed: {}", output.stderr);
                assert!(
                    matches!(output.code(), Some(1 | 4 | 5)),
                    "{name}: {:?} {}",
                    output.code(),
                    output.stderr
                );
                assert!(!output.stderr.contains('\u{1b}'), "{name}: {:?}", output.stderr);
            }
            Expectation::Either => {}
        }
    }
    assert!(lies >= 20, "{lies} lies");
}

/// A renewal is believed no more than a sign-in: another person's token, another issuer's, or none at all.
///
/// The first token is honest and reaches STS, which does not know this issuer; the sign-in is kept, and the next command renews it.
#[test]
fn every_lie_of_a_renewal_is_refused() {
    let bench = Bench::load();
    let mut lies = 0;
    for (name, case) in &bench.hostile().cases {
        if !name.starts_with("refresh") && name != "honest" {
            continue;
        }
        let env = home();
        bookmark(&env, &bench, "liar", bench.seaweedfs(), "public", &["--issuer", &case.url]);
        sign_in(&env, "liar", &mut Person::new("alice")).exited(5);
        let output = env.run(["whoami", "liar"]);
        let reached_sts = output.stderr.contains("could not be exchanged");
        if name == "honest" {
            assert!(reached_sts, "{name}: the truth is believed: {}", output.stderr);
            continue;
        }
        lies += 1;
        assert!(!reached_sts, "{name}: the lie was believed: {}", output.stderr);
        assert!(matches!(output.code(), Some(1 | 4 | 5)), "{name}: {:?} {}", output.code(), output.stderr);
    }
    assert!(lies >= 5, "{lies} lies");
}
