//! Edits of the AWS configuration, line by line.

use proptest::prelude::*;

use super::*;

fn profile(name: &str) -> LentProfile {
    LentProfile {
        name: name.parse().unwrap(),
        credential_process: format!("/usr/bin/pintail credentials {name}"),
        region: "eu-west-1".into(),
        endpoint_url: None,
        path_style: None,
        ca_bundle: None,
        dual_stack: false,
        fips: false,
    }
}

fn own_endpoint(name: &str) -> LentProfile {
    let endpoint_url = Some("http://127.0.0.1:8333".into());
    LentProfile { endpoint_url, path_style: Some(true), ..profile(name) }
}

const FOREIGN: &str =
    "; mine\r\n[default]\r\nregion=us-east-1\r\n\r\n[profile other] # theirs\r\ns3 =\r\n  [profile work]\r\n";

#[test]
fn a_profile_is_put_behind_everything_else() {
    assert_eq!(
        add("", &own_endpoint("work"), Others::Keep).unwrap(),
        "[profile work]\n\
             # Written by `pintail aws-config`; `--remove` takes it out.\n\
             credential_process = /usr/bin/pintail credentials work\n\
             region = eu-west-1\n\
             endpoint_url = http://127.0.0.1:8333\n\
             s3 =\n    addressing_style = path\n"
    );
    let added = add(FOREIGN, &profile("work"), Others::Keep).unwrap();
    assert!(added.starts_with(&format!("{FOREIGN}\r\n[profile work]\r\n# Written")), "{added:?}");
    assert!(!added.replace("\r\n", "").contains('\n'), "line ends are the file's own");
    assert!(add("", &profile("default"), Others::Keep).unwrap().starts_with("[default]\n"));
}

#[test]
fn an_update_changes_our_keys_and_keeps_those_of_others() {
    let added = add("", &own_endpoint("work"), Others::Keep).unwrap();
    let theirs = "output = json\n\n# next\n[profile next]\nregion = x\n";
    let mixed = added.replace("region = eu-west-1\n", "region = eu-west-1\ncli_pager =\n")
        + "    max_concurrent_requests = 1\n"
        + theirs;
    let again = add(&mixed, &own_endpoint("work"), Others::Keep).unwrap();
    assert_eq!(add(&again, &own_endpoint("work"), Others::Keep).unwrap(), again);
    for kept in ["cli_pager =\n", "    max_concurrent_requests = 1\n", theirs] {
        assert!(again.contains(kept), "{again}");
    }
    let moved = LentProfile { region: "eu-north-1".into(), ..profile("work") };
    let updated = add(&again, &moved, Others::Keep).unwrap();
    assert!(updated.contains("region = eu-north-1\n") && !updated.contains("127.0.0.1"), "{updated}");
    assert!(!updated.contains(ADDRESSING_STYLE) && updated.contains("s3 =\n    max_concurrent_requests"));
    let removed = remove(&updated, &moved.name).unwrap();
    assert_eq!(
        removed,
        format!("[profile work]\ns3 =\n    max_concurrent_requests = 1\ncli_pager =\n{theirs}")
    );
}

#[test]
fn what_others_wrote_stays_unless_it_may_go() {
    let text = "[profile \"work\"]\nrole_arn = x\n  y\n\n# about next\n[next]\n";
    let (work, name) = (profile("work"), "work".parse().unwrap());
    assert_eq!(add(text, &work, Others::Keep), Err(EditError::NotOurs("work".parse().unwrap())));
    assert_eq!(remove(text, &name), Err(EditError::NotOurs("work".parse().unwrap())));
    let replaced = add(text, &work, Others::Replace).unwrap();
    assert!(replaced.starts_with("[profile \"work\"]\n# Written") && !replaced.contains("role_arn"));
    assert!(replaced.ends_with("\n\n# about next\n[next]\n"), "{replaced}");
    assert_eq!(add(&replaced, &work, Others::Keep).unwrap(), replaced);
    let twice = "[profile work]\n[profile work]\n";
    assert!(matches!(add(twice, &work, Others::Replace), Err(EditError::Repeated(_))));
    assert_eq!(remove(FOREIGN, &name).unwrap(), FOREIGN, "an indented line is no header");
}

#[test]
fn what_would_break_the_file_is_not_written() {
    for name in ["", "two words", "a]", "\"", "a\nb", "#"] {
        assert!(name.parse::<ProfileName>().is_err(), "{name:?}");
    }
    let broken = LentProfile { region: "x\nrole_arn = y".into(), ..profile("work") };
    assert!(matches!(add("", &broken, Others::Keep), Err(EditError::Value { key: "region", .. })));
}

#[test]
fn words_are_quoted_where_they_need_it() {
    let words = ["/opt/my tools/pintail", "credentials", "it's", "données", ""];
    assert_eq!(
        command_line(&words, CommandLine::Posix),
        r"'/opt/my tools/pintail' credentials 'it'\''s' 'données' ''"
    );
    let words = [r"C:\Program Files\pintail.exe", "--home", r"D:\my home\", r"E:\x"];
    assert_eq!(
        command_line(&words, CommandLine::Windows),
        r#""C:\Program Files\pintail.exe" --home "D:\my home\\" E:\x"#
    );
}

/// Files as people write them, and some that nobody should.
fn files() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(String::new()),
        Just("[default]".to_owned()),
        Just("[profile other]".to_owned()),
        Just("[sso-session work]".to_owned()),
        Just("  [profile work]".to_owned()),
        Just("s3 =".to_owned()),
        Just("    addressing_style = virtual".to_owned()),
        Just("region = eu-west-1".to_owned()),
        Just("# Written by hand".to_owned()),
        Just("\r".to_owned()),
        "[ \\ta-z#;=\\[\\]é]{0,12}",
    ];
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    (prop::collection::vec((line, end), 0..12), any::<bool>()).prop_map(|(lines, ended)| {
        let mut text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
        if !ended {
            text.truncate(text.trim_end_matches(['\n']).len());
        }
        text
    })
}

proptest! {
    #[test]
    fn what_is_put_in_comes_out_and_nothing_else_is_touched(text in files(), own in any::<bool>()) {
        let work = if own { own_endpoint("w-1") } else { profile("w-1") };
        let added = add(&text, &work, Others::Keep).unwrap();
        prop_assert!(added.starts_with(&text));
        prop_assert_eq!(add(&added, &work, Others::Keep).unwrap(), added.clone(), "a second time changes nothing");
        prop_assert_eq!(remove(&added, &work.name).unwrap(), text.clone());
        // With another one behind it.
        let both = add(&added, &profile("w-2"), Others::Keep).unwrap();
        let changed = add(&both, &own_endpoint("w-1"), Others::Keep).unwrap();
        prop_assert!(changed.starts_with(&text));
        prop_assert_eq!(remove(&both, &"w-2".parse().unwrap()).unwrap(), added);
    }

    #[test]
    fn any_text_survives(text in any::<String>()) {
        let work = own_endpoint("w-1");
        if let Ok(added) = add(&text, &work, Others::Keep) {
            prop_assert_eq!(remove(&added, &work.name).unwrap(), text);
        }
    }
}
