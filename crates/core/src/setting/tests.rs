//! The table holds together, values are checked, and the right place decides.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::connection::property;

#[test]
fn the_table_holds_together() {
    let mut names = BTreeSet::new();
    for setting in catalogue() {
        for name in setting.names() {
            assert!(names.insert(name), "{name} stands twice");
            assert_eq!(find(name), Some(setting));
        }
        assert!(!setting.effect.is_empty() && !setting.effect.ends_with('.'), "{}", setting.name);
        if let Some(default) = setting.default {
            assert!(setting.check(default).is_ok(), "{}: {:?}", setting.name, setting.check(default));
        }
    }
    assert_eq!(find("ROLE_ARN"), None);
    assert_eq!(find(""), None);
}

#[test]
fn everything_that_a_connection_reads_is_honoured_in_the_table() {
    for name in property::ALL {
        let setting = find(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!((setting.name, setting.honoured), (name, Honoured::Yes));
    }
}

#[test]
fn what_is_honoured_in_the_table_is_read_somewhere() {
    // Beside a connection: how transfers go (`connect::Tuning`), and what variables of profiles stand for.
    const ELSEWHERE: [&str; 12] = [
        "oauth.handler.scheme",
        "oauth.application.identifier",
        "application.identifier",
        "application.name",
        "connection.timeout.seconds",
        "connection.retry",
        "s3.listing.chunksize",
        "s3.delete.multiple.partition",
        "s3.upload.multipart.threshold",
        "s3.upload.multipart.size",
        "s3.storage.class",
        "s3.url.expire.seconds",
    ];
    for setting in catalogue().iter().filter(|setting| setting.honoured == Honoured::Yes) {
        let read = property::ALL.contains(&setting.name) || ELSEWHERE.contains(&setting.name);
        assert!(read, "{} is honoured, and nothing reads it", setting.name);
    }
    assert_eq!(find("external_id").unwrap().name, property::EXTERNAL_ID);
}

#[test]
fn switches_are_read_by_one_rule() {
    for (text, expected) in [
        ("true", Some(true)),
        (" True ", Some(true)),
        ("1", Some(true)),
        ("FALSE", Some(false)),
        ("0", Some(false)),
        ("yes", None),
        ("no", None),
        ("01", None),
        ("", None),
    ] {
        assert_eq!(flag(text), expected, "{text}");
        let checked = find("pintail.fips").unwrap().check(text).ok();
        assert_eq!(checked, expected.map(Value::Flag), "{text}");
    }
}

#[test]
fn values_are_checked() {
    for (name, text, message) in [
        (
            "connection.timeout.seconds",
            "0",
            "connection.timeout.seconds is \"0\"; it has to be a number of seconds from 1 to 3600",
        ),
        ("connection.retry", "-1", "a whole number from 0 to 20"),
        ("connection.retry", "+1", "a whole number from 0 to 20"),
        ("connection.retry", "99999999999999999999999", "a whole number from 0 to 20"),
        ("connection.retry", "", "a whole number from 0 to 20"),
        ("s3.upload.multipart.size", "1048576", "a number of bytes from 5242880 to 5368709120"),
        ("s3.url.expire.seconds", "604801", "a number of seconds from 1 to 604800"),
        ("s3.bucket.virtualhost.disable", "yes", "true or false"),
        ("s3.bucket.virtualhost.disable", "2", "true or false"),
        ("pintail.s3.endpoint", "https://u:hunter2@", "is \"…\""),
        ("s3.signature.version", "AWS2", "it has to be AWS4HMACSHA256"),
        ("s3.storage.class", "standard", "one of STANDARD, "),
        ("s3.assumerole.durationseconds", "60", "from 900 to 43200, or longest or service"),
        ("pintail.sts.endpoint", "sts.amazonaws.com", "or regional or global"),
        ("pintail.s3.endpoint", "ftp://x", "an http or https address"),
        ("pintail.s3.endpoint", "https://u:hunter2@x", "is \"…\""),
        ("pintail.redirect", "localhost", "an address"),
        ("role_arn", "R", "role_arn cannot be used"),
        ("s3.location", "EU west", "s3.location cannot be used"),
    ] {
        let error = find(name).unwrap().check(text).unwrap_err().to_string();
        assert!(error.contains(message) && !error.contains("hunter2"), "{name}={text}: {error}");
    }
    let check = |name: &str, text| find(name).unwrap().check(text).unwrap();
    assert_eq!(check("connection.timeout.seconds", " 30 "), Value::Duration(Duration::from_secs(30)));
    assert_eq!(check("duration_seconds", "longest"), Value::Choice("longest"));
    assert_eq!(check("duration_seconds", "3600"), Value::Duration(Duration::from_secs(3600)));
    assert_eq!(check("s3.upload.multipart.size", "10485760"), Value::Bytes(10_485_760));
    assert_eq!(check("pintail.scopes", " a  b "), Value::Words(vec!["a".into(), "b".into()]));
    assert_eq!(check("s3.encryption.algorithm", ""), Value::Choice(""));
    assert!(matches!(check("s3.assumerole.rolearn", "arn:aws:iam::123456789012:role/R"), Value::Role(_)));
}

#[test]
fn the_strongest_place_decides_and_in_it_the_own_name() {
    let none: Lookup<'_> = &|_| None;
    let setting = find("role_arn").unwrap();
    let own = |value: &'static str| move |name: &str| (name == "role_arn").then(|| value.to_owned());
    let alias =
        |value: &'static str| move |name: &str| (name == "s3.assumerole.rolearn").then(|| value.to_owned());
    let (own_1, alias_2, own_3) = (own("1"), alias("2"), own("3"));
    let found = |bookmark, profile, preferences| {
        Layers { bookmark, profile, preferences }.find(setting).map(|f| (f.value, f.source, f.name))
    };
    let expected = |value: &str, source, name| Some((value.to_owned(), source, name));
    assert_eq!(found(&own_1, &alias_2, &own_3), expected("1", Source::Bookmark, "role_arn"));
    assert_eq!(found(none, &alias_2, &own_3), expected("2", Source::Profile, "s3.assumerole.rolearn"));
    // An alias in a stronger place beats the own name in a weaker one.
    assert_eq!(found(&alias_2, &own_1, none), expected("2", Source::Bookmark, "s3.assumerole.rolearn"));
    assert_eq!(found(none, none, &own_3), expected("3", Source::Preferences, "role_arn"));
    assert_eq!(found(none, none, none), None);
    let two: Lookup<'_> = &|name| Some(name.to_owned());
    assert_eq!(found(none, two, none), expected("role_arn", Source::Profile, "role_arn"));

    let timeout = find("connection.timeout.seconds").unwrap();
    let layers = Layers { bookmark: none, profile: none, preferences: none };
    assert_eq!(layers.find(timeout).unwrap().source, Source::BuiltIn);
    assert_eq!(
        layers.value(timeout).unwrap(),
        Some((Value::Duration(Duration::from_secs(30)), Source::BuiltIn))
    );
    // An empty value says nothing, also under the own name, and a wrong one is not passed over.
    let empty: Lookup<'_> = &|_| Some(" ".to_owned());
    assert_eq!(
        Layers { bookmark: empty, ..layers }.value(timeout).unwrap(),
        Some((Value::Duration(Duration::from_secs(30)), Source::BuiltIn))
    );
    let hidden: Lookup<'_> = &|name| Some(if name == "role_arn" { " ".into() } else { " R ".to_owned() });
    assert_eq!(found(hidden, none, &own_3), expected("R", Source::Bookmark, "s3.assumerole.rolearn"));
    let wrong: Lookup<'_> = &|_| Some("soon".to_owned());
    assert!(Layers { bookmark: wrong, profile: &|_| Some("5".to_owned()), ..layers }.value(timeout).is_err());
}

proptest! {
    #[test]
    fn no_value_is_too_odd(at in 0..catalogue().len(), text in any::<String>(), number in any::<i128>()) {
        let setting = &catalogue()[at];
        for text in [text, number.to_string()] {
            if let Err(error) = setting.check(&text) {
                prop_assert!(!error.to_string().chars().any(char::is_control));
            }
        }
        prop_assert_eq!(find(&format!("{}x", setting.name)), None);
    }
}
