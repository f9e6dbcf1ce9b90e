//! Files as rclone, s3cmd and the AWS command line write them, and odd ones.

use proptest::prelude::*;

use super::*;
use crate::aws_config::SharedConfig;
use crate::foreign_text::FILE_SIZE_MAX;

const RCLONE: &str = "
# made by hand
[work]
type = s3
provider = AWS
access_key_id = AKIAIOSFODNN7EXAMPLE
secret_access_key = hunter2=:x
session_token = hunter3
region = eu-central-1
location_constraint = eu-west-1
storage_class = STANDARD_IA

[minio]
type: s3
provider = Minio
env_auth = true
profile = local
endpoint = http://127.0.0.1:9000

[ceph]\r
type = s3\r
provider = Other\r
endpoint = s3.example.org\r
region = other-v2-signature\r

[open]
type = s3
provider = AWS
endpoint = s3.amazonaws.com
force_path_style = false

[role]
type = s3
env_auth = true
role_arn = arn:aws:iam::123456789012:role/R
role_external_id = e
region = EU (Ireland)
v2_auth = true

[half]
type = s3
provider = Wasabi
access_key_id = K

[drive]
type = drive
token = {\"access_token\":\"hunter4\"}

[empty]
";

#[test]
fn rclones_remotes_are_read() {
    let read = rclone::read(RCLONE.as_bytes()).unwrap();
    let names: Vec<&str> = read.found.iter().map(|place| place.name.as_str()).collect();
    assert_eq!(names, ["work", "minio", "ceph", "open", "role", "half"]);
    let skipped: Vec<(&str, &str)> =
        read.skipped.iter().map(|s| (s.name.as_str(), s.kind.as_str())).collect();
    assert_eq!(skipped, [("drive", "drive"), ("empty", "no type")]);
    let [work, minio, ceph, open, role, half] = &read.found[..] else { panic!() };

    let Way::Keys(credential) = &work.way else { panic!("{work:?}") };
    assert_eq!(credential.access_key_id, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!(credential.secret_access_key.expose(), "hunter2=:x");
    assert_eq!(credential.session_token.as_ref().unwrap().expose(), "hunter3");
    assert_eq!(work.region.as_ref().unwrap().as_str(), "eu-central-1");
    assert_eq!((work.endpoint.as_ref(), work.path_style), (None, None));
    assert_eq!(work.notes, ["\"storage_class\" was not carried over"]);

    assert_eq!(minio.way, Way::AwsProfile("local".into()));
    assert_eq!(minio.endpoint.as_ref().unwrap().as_str(), "http://127.0.0.1:9000/");
    assert_eq!((minio.path_style, minio.notes.len()), (Some(true), 0));

    assert_eq!((&ceph.way, ceph.path_style), (&Way::Anonymous, Some(true)));
    assert_eq!(ceph.endpoint.as_ref().unwrap().as_str(), "https://s3.example.org/");
    assert!(ceph.notes[0].contains("version 2"), "{ceph:?}");

    assert_eq!((&open.way, open.endpoint.as_ref(), open.path_style), (&Way::Anonymous, None, Some(false)));

    assert_eq!(role.way, Way::Environment);
    assert_eq!(role.role.as_ref().unwrap().role_name(), "R");
    assert_eq!(role.external_id.as_deref(), Some("e"));
    assert!(role.notes[0].starts_with("region was left out: region \"EU (Ireland)\""), "{role:?}");
    assert!(role.notes[1].starts_with("v2_auth"), "{role:?}");

    assert_eq!(half.way, Way::Anonymous);
    assert_eq!(half.notes.len(), 2, "{half:?}");

    let shown = format!("{read:?}");
    assert!(!shown.contains("hunter") && !shown.contains("AKIAIOS"), "{shown}");
}

#[test]
fn rclone_files_that_cannot_be_read_say_why() {
    let encrypted = "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nXXEJ+example\n";
    let error = rclone::read(encrypted.as_bytes()).unwrap_err();
    assert_eq!(error, ImportError::Encrypted);
    assert!(error.to_string().contains("rclone config show"));
    for (text, message) in [
        ("type = s3", "line 1: a line stands before the first [remote]: \"type…\""),
        ("[a]\n\nsecret", "line 3: a line is neither [remote] nor key = value: \"secret\""),
        ("[a]\n= x", "line 2: a line is neither [remote] nor key = value: \"…\""),
    ] {
        assert_eq!(rclone::read(text.as_bytes()).unwrap_err().to_string(), message);
    }
    assert!(matches!(rclone::read(b"[a]\n\xff"), Err(ImportError::Text(_))));
    assert!(rclone::read(&vec![b'\n'; FILE_SIZE_MAX + 1]).is_err());
    assert_eq!(rclone::read(b"").unwrap(), Imported::default());
}

fn of_s3cmd(text: &str) -> Foreign {
    s3cmd::read(text.as_bytes()).unwrap().found.remove(0)
}

#[test]
fn s3cmds_place_is_read() {
    let place = of_s3cmd(
        "[default]\naccess_key = AKIAIOSFODNN7EXAMPLE\nsecret_key = \"hunter2\"\naccess_token = \nbucket_location = EU\n\
         host_base = s3.amazonaws.com\nhost_bucket = %(bucket)s.s3.amazonaws.com\nuse_https = True\nthis is no line\n# x = y\n\
         encrypt = False\nproxy_host = \nkms_key = None\nsignature_v2 = False\ncheck_ssl_certificate = True\n",
    );
    let Way::Keys(credential) = &place.way else { panic!("{place:?}") };
    assert_eq!(credential.secret_access_key.expose(), "hunter2");
    assert_eq!(credential.session_token, None);
    assert_eq!(place.region.as_ref().unwrap().as_str(), "eu-west-1");
    assert_eq!((place.endpoint.as_ref(), place.path_style), (None, Some(false)));
    assert_eq!(place.notes, Vec::<String>::new());
    assert!(!format!("{place:?}").contains("hunter2"));

    let place = of_s3cmd(
        "host_base = localhost:9000\nhost_bucket = localhost:9000\nuse_https = no\nsignature_v2 = True\nencrypt = yes\n\
         check_ssl_certificate = False\nbucket_location = Nowhere Land\n",
    );
    assert_eq!(place.way, Way::Environment);
    assert_eq!(place.endpoint.as_ref().unwrap().as_str(), "http://localhost:9000/");
    assert_eq!((place.path_style, place.region.as_ref()), (Some(true), None));
    assert_eq!(place.notes.len(), 4, "{place:?}");

    let error = s3cmd::read(b"[default]\nregion = x\n").unwrap_err();
    assert!(error.to_string().starts_with("this is no file of s3cmd"), "{error}");
    let place = of_s3cmd("access_key = a\nhost_base = ftp://x\n");
    assert_eq!((place.endpoint, place.notes.len()), (None, 1));
}

#[test]
fn profiles_are_places() {
    let config = SharedConfig::parse(
        Some(b"[profile a]\ncredential_process = tool\nregion = eu-west-1\nendpoint_url = http://localhost:1\ns3 =\n  addressing_style = path\n[profile b]\n"),
        None,
    )
    .unwrap();
    let read = aws::read(&config);
    assert_eq!(read.found.len(), 1);
    let place = &read.found[0];
    assert_eq!((place.name.as_str(), &place.way), ("a", &Way::AwsProfile("a".into())));
    assert_eq!((place.path_style, place.endpoint.as_ref().unwrap().port()), (Some(true), Some(1)));
    assert_eq!(read.skipped[0].name, "b");
    assert!(read.skipped[0].kind.contains("nothing about where credentials"), "{:?}", read.skipped);
}

proptest! {
    #[test]
    fn no_file_is_too_odd(file in prop::collection::vec(any::<u8>(), 0..300), text in any::<String>()) {
        for file in [&file[..], text.as_bytes()] {
            let _ = rclone::read(file);
            let _ = s3cmd::read(file);
        }
    }

    #[test]
    fn no_remote_is_too_odd(values in prop::collection::vec((prop::sample::select(vec![
        "type", "provider", "env_auth", "access_key_id", "secret_access_key", "region", "endpoint", "role_arn", "v2_auth",
        "force_path_style", "profile", "location_constraint",
    ]), prop_oneof![Just("s3".to_owned()), Just("true".to_owned()), any::<String>()]), 0..8)) {
        let lines: String = values.iter().map(|(key, value)| format!("{key} = {}\n", value.replace(['\n', '\r'], ""))).collect();
        let read = rclone::read(format!("[a]\ntype = s3\n{lines}").as_bytes()).unwrap();
        prop_assert_eq!(read.found.len() + read.skipped.len(), 1);
        // What is shown to a person has no character that moves the cursor.
        for note in read.found.iter().flat_map(|place| &place.notes) {
            prop_assert!(!note.chars().any(char::is_control), "{:?}", note);
        }
    }
}
