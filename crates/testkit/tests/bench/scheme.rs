//! Chromium hands a custom scheme over to the program that is registered for it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use pintail_testkit::bench::Bench;
use pintail_testkit::browser::Visit;
use pintail_testkit::raw::{self, Discovery};
use pintail_testkit::scheme::Desktop;

#[test]
fn a_redirect_to_a_custom_scheme_reaches_its_handler_whole() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let discovery = Discovery::read(&issuer.url);
    let desktop = Desktop::start(&bench);
    for scheme in ["x-cyberduck-action", "pintail"] {
        let received = desktop.folder().join(format!("{scheme}.received"));
        let script = desktop.folder().join("handler.sh");
        // Written beside and renamed, so that whoever waits for the file finds it whole.
        let text = format!("#!/bin/sh\nprintf '%s' \"$1\" > {0}.new && mv {0}.new {0}\n", received.display());
        fs::write(&script, text).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("permissions");
        desktop.register(&bench, "handler", &format!("{} %u", script.display()), &[scheme]);
        assert_eq!(desktop.handler(&bench, scheme), "handler.desktop");
        let redirect_uri = format!("{scheme}://oauth");
        let url = discovery.authorize_url(issuer.client("public"), &redirect_uri);
        let visit = Visit::by("alice").headed(&desktop.variables(), &received);
        let landing = visit.open(&bench, url.as_str());
        assert!(landing.arrived, "{landing:?}");
        let redirect = fs::read_to_string(&received).expect("the redirect").parse().expect("a URL");
        assert_eq!(raw::query(&redirect, "state").as_deref(), Some(raw::STATE));
        let code = raw::query(&redirect, "code").expect("a code");
        assert_eq!(discovery.redeem(issuer.client("public"), &redirect_uri, &code).status, 200);
    }
}
