//! What it means that a setup cannot go on.

use super::{Exit, Explanation};
use crate::ops::Error;
use crate::setup::SetupError;
use crate::setup::aws::SubjectsError;
use crate::setup::desired::{Fault, Problem};
use crate::setup::print::PrintError;

/// Explains a setup that cannot go on.
pub(super) fn explain(error: &Error, setup: &SetupError) -> Explanation {
    let with = |exit, next: &[&str]| Explanation::new(error, exit, next.iter().map(|&text| text.to_owned()));
    match setup {
        SetupError::Faults { file, faults } => {
            let mut explanation = with(Exit::Usage, &[]);
            explanation.message = match file {
                Some(file) => format!("{} cannot be used", file.display()),
                None => "what is wanted is not clear".to_owned(),
            };
            explanation.causes = faults.0.iter().map(ToString::to_string).collect();
            explanation.next = faults.0.iter().filter_map(missing).collect();
            explanation
        }
        SetupError::Authority(_) => with(Exit::Usage, &["Look at the tenant or the issuer's address."]),
        SetupError::NoGraph { .. } => {
            with(Exit::Failed, &["Set the issuer up by hand and name it as [issuer], with its client ID."])
        }
        SetupError::OtherTenant { .. } => with(
            Exit::Refused,
            &["Sign in with an account of the tenant that is meant: --admin-sign-in browser."],
        ),
        SetupError::SameAccount { .. } => {
            with(Exit::Usage, &["Give each [[aws]] the profile or bookmark of its own account."])
        }
        SetupError::Nobody { .. } => with(
            Exit::NotFound,
            &["Write a group's name as the portal shows it, a user as NAME@DOMAIN, or the object ID."],
        ),
        SetupError::Print(PrintError::AccountUnknown { .. }) => with(
            Exit::Usage,
            &["Say `account = \"…\"` in [[aws]], or give a credential of the account: `profile = \"…\"`."],
        ),
        SetupError::Print(PrintError::TooLong(_)) => with(
            Exit::Usage,
            &[
                "Say fewer places or subjects, or spread them over several roles; groups at the issuer need no list.",
            ],
        ),
        SetupError::NotConfirmed => {
            with(Exit::Usage, &["Look at the plan, then run the same command with --yes."])
        }
        SetupError::BookmarkTaken { .. } => with(
            Exit::Usage,
            &[
                "Choose another name with --bookmark, or rename the one that is there: `pintail bookmark edit`.",
            ],
        ),
        SetupError::NoApp { .. } => with(Exit::NotFound, &["Run `pintail setup` first."]),
        SetupError::NoSetup { known, .. } | SetupError::WhichSetup { known } => {
            let mut explanation = with(Exit::Usage, &[]);
            explanation.next = match known.is_empty() {
                true => {
                    vec!["Begin with `pintail setup`, or name the file of the wish with --file.".to_owned()]
                }
                false => {
                    vec![format!("Name one with --bookmark ({}), or a file with --file.", known.join(", "))]
                }
            };
            explanation
        }
        SetupError::Journal { .. } => with(
            Exit::Failed,
            &["`pintail setup remove` takes away what bears the setup's mark, without the file."],
        ),
        SetupError::Subjects(subjects) => match subjects {
            SubjectsError::NotTrusted { .. } => with(Exit::NotFound, &["Run `pintail setup` first."]),
            SubjectsError::Everybody { .. } => with(
                Exit::Failed,
                &["List the subjects in the file (people = [\"…\"]) and run `pintail setup`."],
            ),
            SubjectsError::Last { .. } => with(
                Exit::Failed,
                &["Take everything away with `pintail setup remove`, or grant somebody else first."],
            ),
            SubjectsError::TooLong(_) => with(
                Exit::Failed,
                &["Let the issuer decide who gets a token (people = \"assigned\"), or make another role."],
            ),
        },
        SetupError::NotVerified { source, .. } => {
            let inner = super::explain(source);
            let mut explanation = with(inner.exit, &[]);
            explanation.causes = [inner.message].into_iter().chain(inner.causes).collect();
            explanation.next = inner.next;
            explanation.next.push(
                "Everything is set up; when this is mended, the same command tries again. `--no-verify` hands out without trying.".into(),
            );
            explanation
        }
    }
}

/// Names the option that says what is missing.
fn missing(fault: &Fault) -> Option<String> {
    if !matches!(fault.problem, Problem::Missing(_)) {
        return None;
    }
    let option = match fault.key.as_str() {
        "entra.tenant" => "--tenant",
        "aws.buckets" => "--bucket",
        "issuer.url" => "--issuer",
        "issuer.client-id" => "--client-id",
        "aws.people" => "--subject",
        _ => return None,
    };
    let (table, key) = fault.key.split_once('.')?;
    let table = if table == "aws" { "[[aws]]".to_owned() } else { format!("[{table}]") };
    Some(format!("Say it with {option}, or as `{key}` in {table} of the file."))
}
