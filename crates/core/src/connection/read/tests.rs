//! What bookmarks, profiles and preferences mean together.

use super::*;
use crate::bookmark::Bookmark;
use crate::name::Tenant;
use crate::profile::{Effective, ProfileId, Scheme, builtin};

fn bookmark(custom: &[(&str, &str)]) -> Bookmark {
    let mut bookmark = Bookmark::new(&"work".parse().unwrap(), "11111111-2222-4333-8444-555555555555");
    for (key, text) in custom {
        bookmark.set_custom(key, Some(text));
    }
    bookmark
}

fn amazon() -> Effective {
    Effective::s3()
}

fn read(bookmark: &Bookmark, profile: &Effective) -> Result<Connection, ConnectionError> {
    Connection::of(&Sources { bookmark, profile, preferences: &|_| None })
}

fn web(connection: &Connection) -> &WebIdentity {
    connection.web_identity().unwrap()
}

const ENOUGH: [(&str, &str); 3] = [
    ("pintail.tenant", "contoso.com"),
    ("OAuth Client ID", "11111111-2222-3333-4444-555555555555"),
    ("role_arn", "arn:aws-cn:iam::123456789012:role/R"),
];

#[test]
fn three_values_are_enough() {
    let connection = read(&bookmark(&ENOUGH), &amazon()).unwrap();
    let entra = Issuer::Entra { tenant: Tenant::Domain("contoso.com".into()), authority: None };
    assert_eq!(web(&connection).issuer, entra);
    assert_eq!(connection.region.as_str(), "cn-north-1");
    assert_eq!(web(&connection).redirect, Redirect::Loopback(Url::parse("http://localhost/").unwrap()));
    assert_eq!(connection.sts_endpoint, StsEndpoint::Regional);
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let issuerless =
        Effective { properties: vec![("pintail.way".into(), "web-identity".into())], ..amazon() };
    for (at, message) in [(0, "no tenant or issuer"), (1, "no client ID")] {
        let mut fewer = ENOUGH.to_vec();
        fewer.remove(at);
        assert!(read(&bookmark(&fewer), &issuerless).unwrap_err().to_string().contains(message));
    }
    for (key, text, message) in [
        ("pintail.redirect", "https://example.com/", "redirect address"),
        ("pintail.redirect", "javascript:alert(1)", "redirect address"),
        ("s3.assumerole.durationseconds", "60", "session length"),
        ("pintail.s3.endpoint", "localhost:8333", "S3 endpoint"),
        ("pintail.fips", "yes", "FIPS"),
        ("role_arn", "arn:aws:iam::1:user/x", "role ARN"),
        ("pintail.authentication", "certificate", "no certificate"),
        ("pintail.way", "magic", "way in"),
        ("pintail.tags", "=x", "session tag"),
        ("pintail.roles", "arn:aws:iam::1:user/x", "role ARN"),
    ] {
        let mut more = ENOUGH.to_vec();
        more.push((key, text));
        let error = read(&bookmark(&more), &amazon()).unwrap_err().to_string();
        assert!(error.contains(message), "{key}={text}: {error}");
    }
}

#[test]
fn without_a_role_the_sign_in_offers_them() {
    let connection = read(&bookmark(&ENOUGH[..2]), &amazon()).unwrap();
    assert!(web(&connection).roles.is_empty());
    assert_eq!(connection.role(), None);
}

#[test]
fn several_roles_keep_their_order_and_are_named_once() {
    let mut custom = ENOUGH.to_vec();
    let (a, b) = ("arn:aws:iam::123456789012:role/A", "arn:aws:iam::123456789012:role/B");
    custom[2].1 = a;
    let both = format!("{b} {a}");
    custom.push(("pintail.roles", &both));
    let roles = web(&read(&bookmark(&custom), &amazon()).unwrap()).roles.clone();
    assert_eq!(roles.iter().map(RoleArn::as_str).collect::<Vec<_>>(), [a, b]);
}

#[test]
fn the_bookmark_wins_over_the_profile_and_that_over_the_preferences() {
    let of = |custom: &[(&str, &str)], properties: &[(&str, &str)]| {
        let profile = Effective {
            properties: properties.iter().map(|&(key, text)| (key.into(), text.into())).collect(),
            ..amazon()
        };
        let mut all = ENOUGH.to_vec();
        all.extend(custom);
        let preferences = |name: &str| (name == "s3.location").then(|| "eu-west-3".to_owned());
        let sources = Sources { bookmark: &bookmark(&all), profile: &profile, preferences: &preferences };
        Connection::of(&sources).unwrap().region.to_string()
    };
    assert_eq!(of(&[], &[]), "eu-west-3");
    assert_eq!(of(&[], &[("s3.location", "eu-west-2")]), "eu-west-2");
    assert_eq!(of(&[("s3.location", "eu-west-1")], &[("s3.location", "eu-west-2")]), "eu-west-1");
    // An empty value says nothing, and lets the next layer speak.
    assert_eq!(of(&[("s3.location", "")], &[("s3.location", "")]), "eu-west-3");
}

#[test]
fn other_spellings_are_read() {
    let custom = [
        ENOUGH[0],
        ENOUGH[1],
        ("s3.assumerole.rolearn", "arn:aws:iam::123456789012:role/A"),
        ("duration_seconds", "900"),
    ];
    let connection = read(&bookmark(&custom), &amazon()).unwrap();
    assert_eq!(connection.role().unwrap().role_name(), "A");
    assert_eq!(connection.wish.length, SessionLength::Exactly(Duration::from_secs(900)));
}

#[test]
fn a_bookmark_of_cyberduck_means_what_its_profile_says() {
    let profile = builtin::find(&ProfileId::s3(Some("aws-s3-sts-entra-oidc"))).unwrap();
    let mut profile = profile.profile().effective(&|_| None);
    profile.scopes.push("email".into());
    let connection = read(&bookmark(&ENOUGH[1..]), &profile).unwrap();
    let web = web(&connection);
    assert_eq!(web.issuer, Issuer::Entra { tenant: Tenant::Common, authority: None });
    assert!(matches!(&web.redirect, Redirect::Scheme(url) if url.as_str() == "x-cyberduck-action://oauth"));
    assert_eq!(web.extra_scopes, ["email"]);
    // What the bookmark says of the tenant wins.
    let own = read(&bookmark(&ENOUGH), &profile).unwrap();
    assert_eq!(
        self::web(&own).issuer,
        Issuer::Entra { tenant: Tenant::Domain("contoso.com".into()), authority: None }
    );
}

#[test]
fn a_tenant_of_the_bookmark_stays_in_the_cloud_of_its_profile() {
    let url = "https://login.microsoftonline.us/common/oauth2/v2.0/authorize";
    let profile = Effective { oauth_authorization_url: Some(url.into()), ..amazon() };
    let authority = Some(Url::parse("https://login.microsoftonline.us/").unwrap());
    for (custom, tenant) in
        [(&ENOUGH[1..], Tenant::Common), (&ENOUGH[..], Tenant::Domain("contoso.com".into()))]
    {
        let read = read(&bookmark(custom), &profile).unwrap();
        assert_eq!(web(&read).issuer, Issuer::Entra { tenant, authority: authority.clone() });
    }
}

#[test]
fn every_way_is_read() {
    let of = |way: &str, more: &[(&str, &str)], username: Option<&str>| {
        let mut bookmark = bookmark(more);
        bookmark.set_custom("pintail.way", Some(way));
        if let Some(username) = username {
            bookmark.set("Username", username);
        }
        read(&bookmark, &amazon()).map(|connection| connection.way)
    };
    let key = LongTermKey { id: "AKIAEXAMPLE".into() };
    assert_eq!(of("keys", &[], Some("AKIAEXAMPLE")), Ok(Way::Keys(key.clone())));
    assert!(of("keys", &[], None).unwrap_err().to_string().contains("no access key ID"));
    assert_eq!(of("anonymous", &[], None), Ok(Way::Anonymous));
    assert_eq!(of("aws-profile", &[], None), Ok(Way::AwsProfile { profile: "default".into() }));
    assert_eq!(of("aws-profile", &[], Some("dev")), Ok(Way::AwsProfile { profile: "dev".into() }));
    assert_eq!(of("instance-metadata", &[], None), Ok(Way::InstanceMetadata { endpoint: None }));
    assert_eq!(
        of("container-metadata", &[], None),
        Ok(Way::ContainerMetadata { endpoint: None, token_file: None })
    );
    assert!(of("assume-role", &[], Some("AKIAEXAMPLE")).unwrap_err().to_string().contains("no role ARN"));
    assert_eq!(
        of("session-token", &[("mfa_serial", "device")], Some("AKIAEXAMPLE")),
        Ok(Way::SessionToken { key, mfa_serial: Some("device".into()) })
    );
    assert!(of("identity-center", &[], None).unwrap_err().to_string().contains("no start address"));
    let sso = [("pintail.sso.start_url", "https://x.awsapps.com/start"), ("pintail.sso.region", "eu-west-1")];
    assert!(matches!(of("identity-center", &sso, None), Ok(Way::IdentityCenter(_))));
}

#[test]
fn a_profile_names_no_file_of_this_machine() {
    let trap = |properties: &[(&str, &str)]| Effective {
        properties: properties.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect(),
        ..amazon()
    };
    let endpoint = ("pintail.container.endpoint", "https://collector.example/");
    let file = ("pintail.container.token_file", "/etc/passwd");
    let way = ("pintail.way", "container-metadata");
    let read_with = |own: &[(&str, &str)], profile: &[(&str, &str)], preferred: &[(&str, &str)]| {
        let preference =
            |key: &str| preferred.iter().find(|(name, _)| *name == key).map(|(_, text)| (*text).to_owned());
        let (bookmark, profile) = (bookmark(own), trap(profile));
        Connection::of(&Sources { bookmark: &bookmark, profile: &profile, preferences: &preference })
    };
    let token_file = |connection: Connection| match connection.way {
        Way::ContainerMetadata { token_file, .. } => token_file,
        other => panic!("{other:?}"),
    };
    let ca = ("pintail.ca_bundle", "/home/alice/ca.pem");
    let read = read_with(&[], &[way, endpoint, file, ca], &[]).unwrap();
    assert_eq!((read.ca_bundle.clone(), token_file(read)), (None, None));
    // A token that somebody keeps for an endpoint of their own goes to no other.
    for (own, profile, preferred) in [
        (&[][..], &[way, endpoint][..], &[file][..]),
        (&[file], &[way, endpoint], &[]),
        (&[endpoint], &[way], &[file]),
    ] {
        let error = read_with(own, profile, preferred).unwrap_err().to_string();
        assert!(error.contains("stand where the endpoint stands"), "{error}");
    }
    assert_eq!(
        token_file(read_with(&[endpoint, file], &[way], &[]).unwrap()).as_deref(),
        Some("/etc/passwd")
    );
    assert_eq!(token_file(read_with(&[], &[way], &[file]).unwrap()).as_deref(), Some("/etc/passwd"));
}

#[test]
fn a_credential_goes_only_where_the_person_says() {
    let signin = [("pintail.signin.endpoint", "https://collector.example/")];
    let mine = |key: &str| (key == signin[0].0).then(|| "https://signin.example/".to_owned());
    let all = [&ENOUGH[..], &signin].concat();
    let with = |profile: &Effective, preferences: &dyn Fn(&str) -> Option<String>| {
        let bookmark = bookmark(&all);
        Connection::of(&Sources { bookmark: &bookmark, profile, preferences }).unwrap().signin_endpoint
    };
    let properties = signin.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    let profile = Effective { properties, ..amazon() };
    assert_eq!(with(&profile, &|_| None), None);
    assert_eq!(with(&profile, &mine).unwrap().as_str(), "https://signin.example/");
}

#[test]
fn instance_metadata_is_where_it_is_documented() {
    let of = |address: &str, preferred: bool| {
        let key = "pintail.metadata.endpoint";
        let mut all = vec![("pintail.way", "instance-metadata")];
        if !preferred {
            all.push((key, address));
        }
        let bookmark = bookmark(&all);
        let preferences = |name: &str| (preferred && name == key).then(|| address.to_owned());
        Connection::of(&Sources { bookmark: &bookmark, profile: &amazon(), preferences: &preferences })
    };
    assert!(of("http://169.254.169.254/latest/meta-data/iam/security-credentials/r", false).is_ok());
    assert!(of("http://[fd00:ec2::254]/", false).is_ok());
    for other in ["http://127.0.0.1:8080/", "https://collector.example/", "http://169.254.169.253/"] {
        assert!(of(other, false).unwrap_err().to_string().contains("169.254.169.254"), "{other}");
        assert!(of(other, true).is_ok(), "{other}");
    }
}

#[test]
fn hosts_and_ports_are_places() {
    let of = |host: &str, port: &str, plain_http: bool| {
        let mut bookmark = bookmark(&[("pintail.way", "anonymous")]);
        bookmark.set("Hostname", host);
        bookmark.set("Port", port);
        let scheme = if plain_http { Scheme::Http } else { Scheme::Https };
        let profile = Effective { scheme: Some(scheme), ..amazon() };
        let connection = read(&bookmark, &profile).unwrap();
        let endpoint = connection.s3_endpoint.map(|url| url.to_string());
        (endpoint, connection.region.to_string(), connection.default_path)
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(of("s3.amazonaws.com", "-1", false), (None, "us-east-1".into(), None));
    assert_eq!(
        of("files.s3.eu-west-3.amazonaws.com", "443", false),
        (None, "eu-west-3".into(), text("/files"))
    );
    assert_eq!(of("minio.example", "9000", true).0, text("http://minio.example:9000/"));
}

#[test]
fn a_service_with_regions_is_found_by_the_region() {
    let profile =
        builtin::find(&ProfileId::s3(Some("pintail-wasabi"))).unwrap().profile().effective(&|_| None);
    let mut keys = bookmark(&[("s3.location", "eu-central-2")]);
    keys.set("Username", "AKIAEXAMPLE");
    let connection = read(&keys, &profile).unwrap();
    assert_eq!(connection.s3_endpoint.unwrap().as_str(), "https://s3.eu-central-2.wasabisys.com/");
}

#[test]
fn every_profile_of_ours_says_what_it_needs() {
    for one in builtin::all() {
        let profile = one.profile().effective(&|_| None);
        let mut empty = bookmark(&[]);
        // What is missing is named one after the other, never a value that cannot be read.
        for _ in 0..8 {
            let Err(error) = read(&empty, &profile) else { break };
            let ConnectionError::Missing { key, .. } = error else { panic!("{}: {error}", one.vendor) };
            let value = match key {
                "Hostname" => "s3.example.com",
                "Username" => "AKIAEXAMPLE",
                property::TENANT => "contoso.com",
                property::ROLE => "arn:aws:iam::123456789012:role/R",
                property::SSO_REGION => "eu-west-1",
                property::SSO_START_URL => "https://example.awsapps.com/start",
                property::ISSUER => "https://issuer.example.com",
                _ => "11111111-2222-3333-4444-555555555555",
            };
            match key {
                "Hostname" | "Username" => empty.set(key, value),
                _ => empty.set_custom(key, Some(value)),
            }
        }
        let read = read(&empty, &profile);
        assert!(read.is_ok(), "{}: {read:?}", one.vendor);
    }
}

#[test]
fn a_switch_that_keeps_safe_never_fails_open() {
    for (text, expected) in [
        ("true", Some(true)),
        ("TRUE", Some(true)),
        ("1", Some(true)),
        ("false", Some(false)),
        ("0", Some(false)),
        ("", Some(false)),
        ("yes", None),
        ("2", None),
    ] {
        let mut bookmark = bookmark(&[("pintail.way", "anonymous")]);
        bookmark.set("Readonly", text);
        match (read(&bookmark, &amazon()), expected) {
            (Ok(connection), Some(expected)) => assert_eq!(connection.read_only, expected, "{text}"),
            (Err(error), None) => assert!(error.to_string().contains(text), "{error}"),
            (other, _) => panic!("{text}: {other:?}"),
        }
    }
}

/// What each place may say: nothing, or a value of its own.
type Said<'a> = Option<&'a [(&'a str, &'a str)]>;

fn layered(
    bookmark: Said<'_>,
    keys: &dyn Fn(&mut Effective),
    property: Said<'_>,
    preferences: Said<'_>,
) -> Connection {
    let mut own =
        self::bookmark(&[("OAuth Client ID", "own"), ("role_arn", "arn:aws:iam::123456789012:role/R")]);
    own.set_custom("OAuth Client ID", None);
    for (key, text) in bookmark.unwrap_or_default() {
        own.set_custom(key, Some(text));
    }
    let mut profile = amazon();
    profile.vendor = "v".into();
    profile.oauth_client_id = Answer::Value("profile".into());
    profile.oauth_authorization_url =
        Some("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize".into());
    keys(&mut profile);
    for (key, text) in property.unwrap_or_default() {
        profile.properties.push(((*key).into(), (*text).into()));
    }
    let preferences = |name: &str| {
        let mut all = preferences.unwrap_or_default().iter();
        all.find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
    };
    Connection::of(&Sources { bookmark: &own, profile: &profile, preferences: &preferences }).unwrap()
}

#[test]
fn each_property_is_decided_place_by_place() {
    type Shown = fn(&Connection) -> String;
    type Keys = fn(&mut Effective);
    let rows: [(&str, [&str; 4], Keys, &str, Shown); 5] = [
        (
            "s3.location",
            ["eu-west-1", "eu-west-2", "eu-west-3", "us-east-1"],
            |profile| profile.region = Some("eu-south-1".into()),
            "eu-south-1",
            |it| it.region.to_string(),
        ),
        (
            "pintail.sts.endpoint",
            ["https://b.example/", "https://p.example/", "https://d.example/", "Regional"],
            |profile| profile.sts_endpoint = Some("https://k.example/".into()),
            "https://k.example/",
            |it| match &it.sts_endpoint {
                StsEndpoint::Custom(url) => url.to_string(),
                other => format!("{other:?}"),
            },
        ),
        (
            "pintail.redirect",
            ["http://localhost/b", "http://localhost/p", "http://localhost/d", "http://localhost/"],
            |profile| profile.oauth_redirect_url = Some("x-k://oauth".into()),
            "x-k://oauth",
            |it| match &web(it).redirect {
                Redirect::Loopback(url) | Redirect::Scheme(url) => url.to_string(),
            },
        ),
        (
            "OAuth Client Secret",
            ["b", "p", "d", "Public"],
            |profile| profile.oauth_client_secret = Answer::Value("k".into()),
            "k",
            |it| match &web(it).authentication {
                Authentication::SecretInFile(secret) => secret.expose().to_owned(),
                other => format!("{other:?}"),
            },
        ),
        (
            "pintail.tenant",
            ["b.example", "p.example", "d.example", "nobody"],
            |profile| {
                profile.oauth_authorization_url =
                    Some("https://login.microsoftonline.us/k.example/oauth2/v2.0/authorize".into());
            },
            "k.example https://login.microsoftonline.us/",
            |it| match &web(it).issuer {
                Issuer::Entra { tenant, authority: None } => tenant.to_string(),
                Issuer::Entra { tenant, authority: Some(url) } => format!("{tenant} {url}"),
                Issuer::Other(issuer) => issuer.to_string(),
            },
        ),
    ];
    for (name, [bookmark, profile, preferences, usual], keys, by_key, shown) in rows {
        let (b, p, d) = ([(name, bookmark)], [(name, profile)], [(name, preferences)]);
        let without: Keys = |profile| {
            profile.oauth_authorization_url = None;
            profile.properties.push(("pintail.way".into(), "web-identity".into()));
        };
        let of = |b, keys: &dyn Fn(&mut Effective), p, d| shown(&layered(b, keys, p, d));
        // A tenant stays in the cloud of the profile.
        let there = |text: &str| match name {
            "pintail.tenant" => format!("{text} https://login.microsoftonline.us/"),
            _ => text.to_owned(),
        };
        assert_eq!(of(Some(&b[..]), &keys, Some(&p[..]), Some(&d[..])), there(bookmark), "{name}");
        assert_eq!(of(None, &keys, Some(&p[..]), Some(&d[..])), there(profile), "{name}");
        assert_eq!(of(None, &keys, None, Some(&d[..])), by_key, "{name}");
        if name == "pintail.tenant" {
            assert_eq!(of(None, &without, None, Some(&d[..])), preferences, "{name}");
        } else {
            assert_eq!(of(None, &|_| {}, None, Some(&d[..])), preferences, "{name}");
            assert_eq!(of(None, &|_| {}, None, None), usual, "{name}");
            // An empty value says nothing in any place.
            let empty = [(name, " ")];
            assert_eq!(of(Some(&empty[..]), &|_| {}, Some(&empty[..]), Some(&d[..])), preferences, "{name}");
        }
    }
}

#[test]
fn preferences_do_not_change_what_a_profile_tells() {
    let keys = |_: &mut Effective| {};
    let way = layered(None, &keys, None, Some(&[("pintail.way", "anonymous")])).way;
    assert_eq!(way.name(), WayName::WebIdentity);
    let issuer = layered(None, &keys, None, Some(&[("pintail.issuer", "https://id.example")]));
    let entra = |tenant: &str, authority: Option<&str>| Issuer::Entra {
        tenant: tenant.parse().unwrap(),
        authority: authority.map(|url| url.parse().unwrap()),
    };
    assert_eq!(web(&issuer).issuer, entra("contoso.com", None));
    let client = layered(None, &keys, None, Some(&[("OAuth Client ID", "other")]));
    assert_eq!(web(&client).client_id.as_str(), "profile");
    // The cloud is the preferences' where nobody else names one, and an empty secret is one that is not there.
    let authority: &[(&str, &str)] =
        &[("pintail.authority", "https://login.example"), ("OAuth Client Secret", "s")];
    let tenant: &[(&str, &str)] = &[("pintail.tenant", "fabrikam.com")];
    let public = |profile: &mut Effective| profile.oauth_client_secret = Answer::Empty;
    let connection = layered(Some(tenant), &public, None, Some(authority));
    assert_eq!(web(&connection).issuer, entra("fabrikam.com", Some("https://login.example")));
    assert_eq!(web(&connection).authentication, Authentication::Public);
    let connection = layered(Some(&authority[..1]), &public, Some(tenant), None);
    assert_eq!(web(&connection).issuer, entra("fabrikam.com", Some("https://login.example")));
    // Where nothing tells the way, they do.
    let preferences = |name: &str| (name == "pintail.way").then(|| "anonymous".to_owned());
    let (bookmark, profile) = (bookmark(&[]), amazon());
    let connection =
        Connection::of(&Sources { bookmark: &bookmark, profile: &profile, preferences: &preferences });
    assert_eq!(connection.unwrap().way, Way::Anonymous);
}

#[test]
fn the_region_in_the_bookmarks_host_beats_profile_and_preferences() {
    let of = |host: &str, region: Option<&str>, vendor: &str, of_profile: Option<&str>| {
        let mut bookmark = bookmark(&[("pintail.way", "anonymous")]);
        bookmark.set("Hostname", host);
        if let Some(region) = region {
            bookmark.set("Region", region);
        }
        let mut profile = builtin::find(&ProfileId::s3(Some(vendor))).unwrap().profile().effective(&|_| None);
        profile.region = of_profile.map(str::to_owned).or(profile.region);
        let preferences = |name: &str| (name == "s3.location").then(|| "sa-east-1".to_owned());
        let sources = Sources { bookmark: &bookmark, profile: &profile, preferences: &preferences };
        Connection::of(&sources).unwrap().region.to_string()
    };
    let (host, general) = ("files.s3.eu-west-3.amazonaws.com", "s3.amazonaws.com");
    for (host, region, vendor, of_profile, expected) in [
        (host, Some("eu-west-1"), "s3", Some("eu-west-2"), "eu-west-1"),
        (host, None, "s3", Some("eu-west-2"), "eu-west-3"),
        (general, None, "s3", Some("eu-west-2"), "eu-west-2"),
        (general, None, "s3", None, "sa-east-1"),
        ("bucket.vpce-1.s3.eu-west-3.vpce.amazonaws.com", None, "s3", Some("eu-west-2"), "eu-west-3"),
        ("s3.eu-central-2.wasabisys.com", None, "pintail-wasabi", None, "eu-central-2"),
        ("fra1.digitaloceanspaces.com", None, "pintail-digitalocean-spaces", None, "fra1"),
        ("s3.wasabisys.com", None, "pintail-wasabi", None, "us-east-1"),
    ] {
        assert_eq!(of(host, region, vendor, of_profile), expected, "{host} {region:?} {of_profile:?}");
    }
    // Without anything said, the partition of the host.
    let mut china = bookmark(&[("pintail.way", "anonymous")]);
    china.set("Hostname", "s3.amazonaws.com.cn");
    let china = read(&china, &amazon()).unwrap();
    assert_eq!((china.region.as_str(), china.region_said), ("cn-north-1", false));
}

#[test]
fn an_endpoint_in_a_weaker_place_gives_way_to_a_host_of_ones_own() {
    let of = |host: Option<&str>| {
        let mut bookmark = bookmark(&[("pintail.way", "anonymous")]);
        if let Some(host) = host {
            bookmark.set("Hostname", host);
        }
        let preferences =
            |name: &str| (name == "pintail.s3.endpoint").then(|| "http://127.0.0.1:9/".to_owned());
        let sources = Sources { bookmark: &bookmark, profile: &amazon(), preferences: &preferences };
        Connection::of(&sources).unwrap().s3_endpoint.map(|url| url.to_string())
    };
    let weaker = Some("http://127.0.0.1:9/".to_owned());
    assert_eq!(
        [of(None), of(Some("s3.amazonaws.com")), of(Some("127.0.0.1"))],
        [(); 3].map(|()| weaker.clone())
    );
    assert_eq!(of(Some("minio.example")).as_deref(), Some("https://minio.example/"));
    assert_eq!(of(Some("s3.eu-west-1.amazonaws.com")), None);
}

#[test]
fn a_path_beside_a_bucket_in_the_host_is_inside_it() {
    for (host, path, expected) in [
        ("files.s3.eu-west-1.amazonaws.com", Some("/a/b"), Some("/files/a/b")),
        ("files.s3.eu-west-1.amazonaws.com", Some("a"), Some("/files/a")),
        ("files.s3.eu-west-1.amazonaws.com", Some("/"), Some("/files")),
        ("files.s3.eu-west-1.amazonaws.com", None, Some("/files")),
        ("s3.eu-west-1.amazonaws.com", Some("/files/a"), Some("/files/a")),
        ("s3.eu-west-1.amazonaws.com", None, None),
    ] {
        let mut bookmark = bookmark(&[("pintail.way", "anonymous")]);
        bookmark.set("Hostname", host);
        if let Some(path) = path {
            bookmark.set("Path", path);
        }
        assert_eq!(read(&bookmark, &amazon()).unwrap().default_path.as_deref(), expected, "{host} {path:?}");
    }
}

#[test]
fn keys_of_a_profile_are_followed_or_refused() {
    let anonymous = bookmark(&[("pintail.way", "anonymous")]);
    let host = |host: &str| Some(host.to_owned());
    let context =
        Effective { context: Some("/swift/v1".into()), default_hostname: host("x.example"), ..amazon() };
    let endpoint = read(&anonymous, &context).unwrap().s3_endpoint.unwrap();
    assert_eq!(endpoint.as_str(), "https://x.example/swift/v1");
    let error = read(&anonymous, &Effective { default_hostname: amazon().default_hostname, ..context });
    assert!(error.unwrap_err().to_string().contains("/swift/v1"));

    let old = Effective { authorization: Authorization::Signature2, ..amazon() };
    let mut keys = bookmark(&[]);
    keys.set("Username", "AKIAEXAMPLE");
    assert_eq!(read(&keys, &old), Err(ConnectionError::Signature2));
    assert!(read(&anonymous, &old).is_ok());
}

#[test]
fn a_sign_in_at_the_bookmarks_host_is_at_its_port() {
    let profile = Effective {
        oauth_authorization_url: Some("/realms/staff/protocol/openid-connect/auth".into()),
        ..amazon()
    };
    let mut bookmark = bookmark(&ENOUGH[1..]);
    bookmark.set("Hostname", "id.example");
    bookmark.set("Port", "8443");
    let connection = read(&bookmark, &profile).unwrap();
    let Issuer::Other(issuer) = &web(&connection).issuer else { panic!("Entra") };
    assert_eq!(issuer.as_str(), "https://id.example:8443/realms/staff");
}

#[test]
fn answers_come_back_or_the_error_says_where_to() {
    for (text, expected) in [
        ("http://localhost:8080/x", Some("http://localhost:8080/x")),
        ("http://127.0.0.1/", Some("http://127.0.0.1/")),
        ("http://[::1]/", Some("http://[::1]/")),
        ("https://cyberduck.io/oauth", Some("x-cyberduck-action://oauth")),
        ("https://cyberduck.io/oauth/", Some("x-cyberduck-action://oauth")),
        ("x-app://oauth", Some("x-app://oauth")),
        ("https://cyberduck.io/oauth2", None),
        ("https://app.example/oauth", None),
        ("http://app.example/", None),
        ("urn:ietf:wg:oauth:2.0:oob", None),
        ("http://u:hunter2@", None),
    ] {
        match (redirect(Some(text)), expected) {
            (Ok(Redirect::Loopback(url) | Redirect::Scheme(url)), Some(expected)) => {
                assert_eq!(url.as_str(), expected);
            }
            (Err(error), None) => {
                let error = error.to_string();
                assert!(error.contains("http://localhost/") && !error.contains("hunter2"), "{error}");
            }
            (other, _) => panic!("{text}: {other:?}"),
        }
    }
    let error = read(&bookmark(&[("pintail.s3.endpoint", "https://u:hunter2@x")]), &amazon()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}
