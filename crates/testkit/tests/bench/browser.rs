//! Chromium signs in at the OpenID Provider and delivers the redirect to a loopback listener.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use pintail_testkit::bench::Bench;
use pintail_testkit::browser::Visit;
use pintail_testkit::raw::{self, Discovery};

#[test]
fn a_browser_signs_in_and_delivers_the_redirect() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let redirect_uri = format!("http://localhost:{}/", listener.local_addr().expect("an address").port());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let page = "<title>Done</title>You may close this window.";
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
        }
    });
    let discovery = Discovery::read(&issuer.url);
    let url = discovery.authorize_url(issuer.client("public"), &redirect_uri);
    let landing = Visit::by("alice").open(&bench, url.as_str());
    assert!(landing.arrived, "{landing:?}");
    assert_eq!((landing.title.as_str(), landing.text.trim()), ("Done", "You may close this window."));
    let code = raw::query(&landing.url.parse().expect("a URL"), "code").expect("a code");
    let tokens = discovery.redeem(issuer.client("public"), &redirect_uri, &code).json();
    assert_eq!(raw::claims(tokens["id_token"].as_str().expect("an ID token"))["sub"], "alice");
}

#[test]
fn a_browser_approves_a_device() {
    let bench = Bench::load();
    let issuer = bench.issuer();
    let client = issuer.client("public");
    let discovery = Discovery::read(&issuer.url);
    let device = discovery.device_code(client);
    let text = |name: &str| device[name].as_str().expect("a text").to_owned();
    let visit = Visit::by("bob").with_user_code(&text("user_code"));
    let landing = visit.open(&bench, &text("verification_uri"));
    assert!(landing.text.contains("Sign-in Success"), "{landing:?}");
    let tokens = discovery.redeem_device(client, &text("device_code")).json();
    assert_eq!(raw::claims(tokens["id_token"].as_str().expect("an ID token"))["sub"], "bob");
}
