//! What it means that a sign-in could not be lent, for the person and for the user of the tool that asked.

use std::io::ErrorKind;

use pintail_core::seam::HttpErrorKind;

use super::{Exit, Explanation, explain as explain_any};
use crate::ops::Error;
use crate::ops::lend::{LendError, Refusal};

/// A command that exists and cannot be run, as shells report it.
const NOT_EXECUTABLE: Exit = Exit::Child(126);
/// A command that does not exist, as shells report it.
const NO_SUCH_COMMAND: Exit = Exit::Child(127);

/// Explains why a sign-in could not be lent.
pub(super) fn explain(error: &Error, lend: &LendError) -> Explanation {
    let with = |exit, next: &[&str]| Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()));
    match lend {
        LendError::Anonymous(_) => with(
            Exit::Failed,
            &["Run the tool itself without a credential, such as `aws --no-sign-request`."],
        ),
        LendError::Bind { port: 0, .. } => {
            with(Exit::Failed, &["Look at what limits this machine's sockets."])
        }
        LendError::Bind { .. } => with(
            Exit::Failed,
            &["Choose another --port, or none for a free one; another pintail may have it."],
        ),
        LendError::BindLinkLocal(source) => with(
            Exit::Failed,
            match source.kind() {
                ErrorKind::AddrNotAvailable => {
                    &["Put the address on the loopback interface: sudo ip addr add 169.254.170.2/32 dev lo"]
                }
                ErrorKind::PermissionDenied => &[
                    "Allow the program low ports: sudo setcap cap_net_bind_service=+ep \"$(command -v pintail)\"",
                ],
                _ => &["Look at what has port 80 already: sudo ss -ltnp 'sport = :80'"],
            },
        ),
        LendError::Browser(_) | LendError::BrowserSilent(_) => with(
            Exit::Failed,
            &["Print the address with --print and open it yourself; whoever has it is in for a while."],
        ),
        LendError::ChainedDuration(_) => {
            with(Exit::Usage, &["Leave --duration out: the console session ends with the credential."])
        }
        LendError::Credential(_) => with(Exit::Failed, &["Try again in a moment."]),
        LendError::Federation { status: 400..500 } => with(
            Exit::Failed,
            &[
                "Leave --duration out, or ask for less than the role allows.",
                "Look at whether a session policy or a --read-only bookmark narrows the session to nothing the console needs.",
            ],
        ),
        LendError::Federation { .. } => with(Exit::Failed, &["Try again in a moment."]),
        LendError::FederationUnreachable(source) => with(
            Exit::Failed,
            match source.kind {
                HttpErrorKind::Tls => {
                    &["Look at the CA bundle: PINTAIL_CA_BUNDLE, AWS_CA_BUNDLE, or the bookmark's own."]
                }
                HttpErrorKind::Proxy => &["Correct HTTPS_PROXY or NO_PROXY."],
                _ => &["Look at the network, then try again."],
            },
        ),
        LendError::NoConsole(_) => with(
            Exit::Failed,
            &[
                "Give the address of its federation service: `pintail config set pintail.signin.endpoint URL`.",
            ],
        ),
        LendError::NotUnicode(_) => with(
            Exit::Failed,
            &["Rename it, or name another: PINTAIL_HOME, PINTAIL_CA_BUNDLE, --token-file."],
        ),
        LendError::Service(_) => {
            with(Exit::Usage, &["Name it as it stands in the console's own addresses: s3, cloudwatch, iam."])
        }
        LendError::SigninAddress(_) => {
            with(Exit::Usage, &["Correct it: `pintail config set pintail.signin.endpoint URL`."])
        }
        LendError::Signals(_) => with(Exit::Failed, &[]),
        LendError::Start { source, .. } if source.kind() == ErrorKind::NotFound => {
            with(NO_SUCH_COMMAND, &["Look at its name and at PATH."])
        }
        LendError::Start { .. } => {
            with(NOT_EXECUTABLE, &["Look at its rights and at what kind of file it is."])
        }
        LendError::StaticKeys(_) => with(
            Exit::Failed,
            &[
                "Add a role to the bookmark: the console takes the credential of a role.",
                "GetFederationToken, the way for IAM users, is not offered: its sessions can do less and need a policy of their own.",
            ],
        ),
        LendError::TokenFile { .. } => {
            with(Exit::Failed, &["Remove it: a new one is made. Its owner alone may read it (chmod 600)."])
        }
    }
}

/// Puts an error into one line for the user of another tool.
pub(crate) fn refusal(error: &Error) -> Refusal {
    let explanation = explain_any(error);
    let code = match explanation.exit {
        Exit::SignInNeeded => "SignInNeeded",
        Exit::Refused => "AccessDenied",
        _ => "CredentialUnavailable",
    };
    let mut message = format!("pintail: {}", explanation.message);
    for cause in &explanation.causes {
        message.push_str(&format!(": {cause}"));
    }
    // The likeliest help only: tools show this in the middle of a line of their own.
    if let Some(next) = explanation.next.first() {
        message.push_str(&format!(". {next}"));
    }
    Refusal { code, message: message.replace(['\r', '\n'], " ") }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_command_that_cannot_start_ends_as_in_a_shell() {
        for (kind, code) in
            [(ErrorKind::NotFound, 127), (ErrorKind::PermissionDenied, 126), (ErrorKind::Other, 126)]
        {
            let source = io::Error::from(kind);
            let error = Error::Lend(LendError::Start { program: "made-up".into(), source });
            assert_eq!(explain_any(&error).exit.number(), code);
        }
    }

    #[test]
    fn a_refusal_is_one_line_with_the_help_in_it() {
        let name = "work".parse().expect("a name");
        let said = refusal(&Error::Lend(LendError::Anonymous(name)));
        assert_eq!(said.code, "CredentialUnavailable");
        assert!(said.message.starts_with("pintail: the bookmark work has no credential"), "{}", said.message);
        assert!(said.message.contains("aws --no-sign-request") && !said.message.contains('\n'));
    }
}
