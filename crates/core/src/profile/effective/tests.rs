//! What profiles mean, key by key.

use super::*;

fn effective(set: impl Fn(&mut Profile)) -> Effective {
    let mut profile = Profile::new(&ProfileId::s3(Some("v")), "");
    set(&mut profile);
    profile.effective(&|name| (name == "oauth.handler.scheme").then(|| "x-pintail".to_owned()))
}

#[test]
fn nothing_said_is_the_protocol() {
    let plain = effective(|_| {});
    assert_eq!((plain.description.as_str(), plain.name.as_str()), ("v", "v"));
    assert_eq!(plain.default_hostname.as_deref(), Some("s3.amazonaws.com"));
    assert_eq!((plain.default_port, plain.scheme), (Some(443), Some(Scheme::Https)));
    assert_eq!(plain.schemes, ["s3", "https"]);
    assert_eq!(plain.authorization, Authorization::Signature4);
    assert_eq!((&plain.oauth_client_id, &plain.oauth_client_secret), (&Answer::Ask, &Answer::Ask));
    assert!(plain.oauth_pkce && plain.configurable.password && !plain.configurable.oauth);
    assert_eq!(plain.placeholders.username.as_deref(), Some("Access Key ID"));
    assert_eq!((plain.sts_endpoint.as_deref(), plain.region.as_deref()), (None, None));
    assert_eq!(plain.way(), Some(WayName::Keys));
}

#[test]
fn blank_is_absent_for_most_keys_and_an_answer_for_some() {
    let blank = effective(|profile| {
        for key in [
            key::NAME,
            key::DEFAULT_HOSTNAME,
            key::DEFAULT_PORT,
            key::SCHEME,
            key::AUTHORIZATION,
            key::STS_ENDPOINT,
            key::REGION,
            key::OAUTH_CLIENT_ID,
            key::OAUTH_CLIENT_SECRET,
            "Username Placeholder",
        ] {
            profile.set_text(key, " ");
        }
        profile.set_texts(key::SCHEMES, &[]);
        profile.set_texts(key::SCOPES, &[" "]);
    });
    let plain = effective(|_| {});
    assert_eq!((&blank.oauth_client_id, &blank.oauth_client_secret), (&Answer::Empty, &Answer::Empty));
    let same = Effective { oauth_client_id: Answer::Ask, oauth_client_secret: Answer::Ask, ..blank };
    assert_eq!(same, plain);
}

#[test]
fn a_known_client_id_changes_what_is_asked() {
    let known = effective(|profile| profile.set_text(key::OAUTH_CLIENT_ID, "abc"));
    assert!(known.configurable.oauth && !known.configurable.password);
    assert_eq!(known.oauth_client_id.value(), Some("abc"));
    let told = effective(|profile| {
        profile.set_text(key::OAUTH_CLIENT_ID, "abc");
        profile.set_text("OAuth Configurable", "false");
        profile.set_text("Password Configurable", "1");
    });
    assert!(!told.configurable.oauth && told.configurable.password);
    assert!(!effective(|profile| profile.set_text(key::OAUTH_CLIENT_ID, "")).configurable.oauth);
}

#[test]
fn odd_values_fall_back_to_the_parent() {
    let odd = effective(|profile| {
        profile.set_text(key::DEFAULT_PORT, "many");
        profile.set_text(key::SCHEME, "gopher");
        profile.set_text(key::AUTHORIZATION, "password");
    });
    assert_eq!((odd.default_port, odd.scheme), (Some(443), Some(Scheme::Https)));
    assert_eq!(odd.authorization, Authorization::Other("password".into()));
    let http = effective(|profile| profile.set_text(key::SCHEME, "HTTP"));
    assert_eq!((http.default_port, http.scheme), (Some(80), Some(Scheme::Http)));
}

#[test]
fn variables_are_replaced_everywhere() {
    let replaced = effective(|profile| {
        profile.set_text(key::OAUTH_REDIRECT_URL, "${oauth.handler.scheme}://oauth");
        profile.set_text(key::OAUTH_CLIENT_SECRET, "${nothing:-}");
        profile.set_text(key::HELP, "${unknown}");
        profile.set_texts(key::SCOPES, &["openid", "${unknown:-profile}"]);
        profile.set_property("a", Some("$${b}${oauth.handler.scheme}"));
    });
    assert_eq!(replaced.oauth_redirect_url.as_deref(), Some("x-pintail://oauth"));
    assert_eq!(replaced.oauth_client_secret, Answer::Empty);
    assert_eq!(replaced.help.as_deref(), Some("${unknown}"));
    assert_eq!(replaced.scopes, ["openid", "profile"]);
    assert_eq!(replaced.property("a"), Some("${b}x-pintail"));
}

#[test]
fn ways_are_told_apart() {
    let way = |set: &dyn Fn(&mut Profile)| effective(set).way();
    for (vendor, expected) in [
        ("s3-cli", WayName::AwsProfile),
        ("s3-role", WayName::InstanceMetadata),
        ("aws-s3-sts-assumerole", WayName::AssumeRole),
        ("aws-s3-getsessiontoken", WayName::SessionToken),
    ] {
        assert_eq!(way(&|profile| profile.set_text(key::VENDOR, vendor)), Some(expected));
    }
    for flow in ["AuthorizationCode", "PasswordGrant"] {
        assert_eq!(way(&|profile| profile.set_text(key::AUTHORIZATION, flow)), Some(WayName::WebIdentity));
    }
    assert_eq!(way(&|profile| profile.set_text(key::OAUTH_TOKEN_URL, "/token")), Some(WayName::WebIdentity));
    let metadata = "http://169.254.169.254/latest/meta-data/iam/security-credentials/role";
    assert_eq!(way(&|profile| profile.set_text(key::CONTEXT, metadata)), Some(WayName::InstanceMetadata));
    assert_eq!(way(&|profile| profile.set_text(key::CONTEXT, "/prefix")), Some(WayName::Keys));
    let anonymous = |profile: &mut Profile| {
        profile.set_flag("Anonymous Configurable", true);
        profile.set_flag("Username Configurable", false);
        profile.set_flag("Password Configurable", false);
    };
    assert_eq!(way(&anonymous), Some(WayName::Anonymous));
    for expected in WayName::ALL {
        assert_eq!(
            way(&|profile| profile.set_property(WayName::PROPERTY, Some(expected.as_str()))),
            Some(expected)
        );
    }
    assert_eq!(way(&|profile| profile.set_property(WayName::PROPERTY, Some("magic"))), Some(WayName::Keys));
    assert_eq!(way(&|profile| profile.set_text(key::PROTOCOL, "sftp")), None);
}

#[test]
fn addresses_may_be_paths_at_the_host() {
    let plain = effective(|_| {});
    let at = |text: &str| plain.address(text, "cloud.example.com", 8443).map(String::from);
    assert_eq!(at("/oauth/token").as_deref(), Some("https://cloud.example.com:8443/oauth/token"));
    assert_eq!(at("https://id.example.com/token").as_deref(), Some("https://id.example.com/token"));
    assert_eq!(at("//evil.example.com/token"), None);
    for text in ["", "token", "javascript:alert(1)", "file:///etc/passwd"] {
        assert_eq!(at(text), None, "{text}");
    }
}

#[test]
fn hosts_may_hang_on_the_region() {
    let labelled = |label: &str| effective(|profile| profile.set_text("Hostname Placeholder", label));
    let regional = labelled("s3.REGION.example.com");
    assert!(regional.asks_hostname && !effective(|_| {}).asks_hostname);
    assert_eq!(regional.hostname_in("eu-1").as_deref(), Some("s3.eu-1.example.com"));
    assert_eq!(labelled("ACCOUNT.REGION.example.com").hostname_in("eu-1"), None);
    assert_eq!(labelled("s3.example.com").hostname_in("eu-1"), None);
}

#[test]
fn identity_is_more_than_the_vendor() {
    let one = effective(|_| {}).identity();
    assert_eq!(one, effective(|profile| profile.set_text(key::DESCRIPTION, "x")).identity());
    assert_ne!(one, effective(|profile| profile.set_text(key::SCHEME, "http")).identity());
    assert_ne!(one, effective(|profile| profile.set_text(key::DEFAULT_HOSTNAME, "h")).identity());
}
