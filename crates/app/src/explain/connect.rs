//! Why a bookmark could not be connected, before any service was asked.

use pintail_connect::Error;
use pintail_core::aws_config::ResolveError;
use pintail_core::connection::ConnectionError;
use pintail_core::name::{BookmarkName, RoleArn};

use super::{Exit, Explanation, local, session, texts};

/// Explains what stands between a bookmark and a connection.
pub(super) fn explain(whole: &crate::ops::Error, error: &Error) -> Explanation {
    let with = |exit, next: &[&str]| Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()));
    let known = |names: &[BookmarkName]| {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        format!("Name one of your bookmarks: {}.", names.join(", "))
    };
    match error {
        Error::AwsConfig { .. } => with(
            Exit::Failed,
            &["Mend the file: ~/.aws/config or ~/.aws/credentials, or what AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name."],
        ),
        Error::AwsProfile { source: ResolveError::UnknownProfile { .. }, name } => Explanation::new(
            error,
            Exit::NotFound,
            [format!("Name one that is there: `pintail bookmark add {name} --aws-profile NAME --force`.")],
        ),
        Error::AwsProfile { source: ResolveError::LoginSession { .. }, .. } => with(Exit::Failed, &[]),
        Error::AwsProfile { .. } => with(Exit::Failed, &["Correct the profile in the AWS configuration."]),
        Error::CannotNarrow { .. } => with(
            Exit::Usage,
            &["Leave --only, --policy and --policy-arn out, or add a role: a session of a role can be narrowed."],
        ),
        Error::NoSuchCenterRole { offered, .. } => {
            Explanation::new(error, Exit::Usage, [format!("Choose one of: {}.", offered.join(", "))])
        }
        Error::WhichCenterRole { offered, .. } => Explanation::new(
            error,
            Exit::Usage,
            [
                format!("Choose one with --role: {}.", offered.join(", ")),
                "`login`, `roles` and `whoami` remember the choice.".into(),
            ],
        ),
        Error::Authority { .. } => {
            with(Exit::Failed, &["Correct the bookmark with `pintail bookmark add … --force`."])
        }
        Error::Bookmark { path, .. } => {
            Explanation::new(error, Exit::Failed, [format!("Mend or remove the file {}.", path.display())])
        }
        Error::BookmarkExists(name) => Explanation::new(
            error,
            Exit::Failed,
            [format!("Look at it with `pintail bookmark show {name}`; `--force` replaces it.")],
        ),
        Error::ClientCertificate(_) => with(
            Exit::Failed,
            &["Look at the files that the bookmark names: --certificate and --certificate-key."],
        ),
        Error::Connection { name, source } => {
            let next = match source {
                ConnectionError::Missing { option, .. } => {
                    format!("Give {option} to `pintail bookmark add {name}`, or to `pintail bookmark edit {name}` if you have it already.")
                }
                _ => format!(
                    "Correct the value; `pintail bookmark add {name} … --force` replaces the bookmark."
                ),
            };
            Explanation::new(error, Exit::Usage, [next])
        }
        Error::FixedKey(_) => with(Exit::Usage, &["Change the name with --name, labels with --label and --no-label."]),
        Error::Shared { .. } => with(
            Exit::Failed,
            &["Give a .duck, a .pintail or a .cyberduckprofile: a file, or an https address that leads to one."],
        ),
        Error::Fetch { .. } => with(Exit::Failed, &["Fetch it with your browser, and give the file."]),
        Error::Differs { name } => Explanation::new(
            error,
            Exit::Failed,
            [format!("Look at yours with `pintail bookmark show {name}`; `--force` puts the file in its place.")],
        ),
        Error::Import { .. } => with(Exit::Failed, &["Say whose file it is with --from."]),
        Error::Elsewhere { name, .. } => Explanation::new(
            error,
            Exit::Refused,
            [
                texts::own::LED_ELSEWHERE.next[0].into(),
                format!("If it is meant: `pintail login {name} --trust`; `pintail bookmark show {name}` shows all of it."),
            ],
        ),
        Error::NotTaken { name, .. } => Explanation::new(
            error,
            Exit::SignInNeeded,
            [format!("Run `pintail login {name}`, which shows where it leads and takes it.")],
        ),
        Error::Writable { name, .. } => Explanation::new(
            error,
            Exit::Refused,
            [
                "Other programs do not know that it is read-only. Add a role: the session of a role can be narrowed.".into(),
                format!("Or lend it as it is: `pintail bookmark edit {name} --read-only=false`."),
            ],
        ),
        Error::DamagedPins { path, .. } => Explanation::new(
            error,
            Exit::Failed,
            [
                format!("Put back a copy of {} if you have one.", path.display()),
                "Or remove it: then each bookmark shows at the next `pintail login` where it leads; look closely, since a change would not be told."
                    .into(),
            ],
        ),
        Error::Keychain(_) => session::explain_keychain(whole),
        Error::Name(_) => with(Exit::Usage, &[]),
        Error::NoBookmark { known: names, .. } if names.is_empty() => with(
            Exit::NotFound,
            &["Add one: `pintail bookmark add --help`; or try the small cloud: `pintail sandbox`."],
        ),
        Error::NoBookmark { known: names, .. } => Explanation::new(error, Exit::NotFound, [known(names)]),
        Error::NoClientSecret => {
            with(Exit::Failed, &["Give it again: `pintail bookmark add … --client-secret --force`."])
        }
        // The fact names the variable that helps.
        Error::NoHome(_) => with(Exit::Failed, &[]),
        Error::Proxy(_) => with(Exit::Failed, &["Correct HTTPS_PROXY, http_proxy or NO_PROXY."]),
        Error::S3Endpoint(_) => with(Exit::Usage, &["Correct --endpoint of the bookmark."]),
        Error::Scope(_) => with(Exit::Usage, &["Correct --scope of the bookmark."]),
        Error::Session(missing) => session::explain(whole, missing),
        Error::StsEndpoint(_) => with(Exit::Usage, &["Correct --sts-endpoint or --region of the bookmark."]),
        Error::Tls(_) => with(
            Exit::Failed,
            &["Look at the CA bundle: PINTAIL_CA_BUNDLE, AWS_CA_BUNDLE, or the bookmark's own."],
        ),
        Error::WhichBookmark { known: names } if names.is_empty() => with(
            Exit::Usage,
            &["Add one: `pintail bookmark add --help`; or try the small cloud: `pintail sandbox`."],
        ),
        Error::WhichBookmark { known: names } => {
            Explanation::new(error, Exit::Usage, [known(names), "Or set PINTAIL_BOOKMARK.".into()])
        }
        Error::Local { source, .. } => local(error, source),
        Error::NoRole { name } => Explanation::new(
            error,
            Exit::Failed,
            [
                format!("Name the role: `pintail bookmark edit {name} --role-arn ARN`."),
                "Or ask your admin to let the issuer list your roles in its tokens (the claim https://aws.amazon.com/roles)."
                    .into(),
            ],
        ),
        Error::NoSuchRole { offered, .. } => {
            Explanation::new(error, Exit::Usage, [format!("Choose one of: {}.", roles(offered))])
        }
        Error::WhichRole { offered, .. } => Explanation::new(
            error,
            Exit::Usage,
            [format!("Choose one with --role: {}.", roles(offered)), "`login`, `roles` and `whoami` remember the choice.".into()],
        ),
        Error::OtherWay { name, .. } => {
            Explanation::new(error, Exit::Usage, [format!("Look at it: `pintail bookmark show {name}`.")])
        }
        Error::NoProfile { vendor, .. } => Explanation::new(
            error,
            Exit::Failed,
            [
                format!("Install it: `pintail profile install FILE`, with the file whose Vendor is {vendor}."),
                "`pintail profile ls` shows what there is.".into(),
            ],
        ),
        Error::Preferences { path, .. } => {
            Explanation::new(error, Exit::Failed, [format!("Mend the file {}.", path.display())])
        }
        Error::Profile { .. } => {
            with(Exit::Failed, &[
                "Get the file anew from whoever offers it; `pintail profile check FILE` tells more.",
                "One that was installed is replaced by `pintail profile install FILE`, or removed by `pintail profile rm VENDOR`.",
            ])
        }
        Error::Setting(_) => with(
            Exit::Usage,
            &["`pintail config ls --bookmark NAME` shows where it stands; correct it there."],
        ),
        Error::UnknownKeychain(_) => with(Exit::Usage, &[]),
    }
}

fn roles(offered: &[RoleArn]) -> String {
    let names: Vec<&str> = offered.iter().map(RoleArn::as_str).collect();
    names.join(", ")
}
