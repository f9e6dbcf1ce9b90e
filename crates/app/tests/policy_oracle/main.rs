//! The policy evaluator beside one that we did not write: the suite `policy` of `cargo xtask test`.
//!
//! Each case has a decision that was read off IAM's documentation by hand (or, where cases are made by a generator, none). Our evaluator has to
//! say the same, and so has `@cloud-copilot/iam-simulate`. Where the two differ, the documentation counts, and the case says why.

mod combinations;
mod conditions;
mod generated;
mod oracle;
mod statements;
mod trust;

use std::collections::BTreeSet;

use oracle::{Case, ask_oracle, ask_ours};

/// Compares, and shows everything that differs at once.
#[track_caller]
fn compare(cases: &[Case]) {
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "every case has a name of its own");
    let theirs = ask_oracle(cases);
    let mut wrong = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs) {
        let ours = ask_ours(case);
        if case.expected.is_some_and(|expected| expected != ours) {
            wrong.push(format!(
                "{}: ours says {ours}, the documentation {:?}\n  {}",
                case.name,
                case.expected,
                case.line()
            ));
        }
        match case.differs {
            None if ours != theirs => {
                wrong.push(format!("{}: ours says {ours}, theirs {theirs}\n  {}", case.name, case.line()));
            }
            Some(reason) if ours == theirs => {
                wrong.push(format!("{}: they agree by now; this no longer holds: {reason}", case.name));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn conditions_hold_for_both() {
    compare(&conditions::cases());
}

#[test]
fn statements_apply_for_both() {
    compare(&statements::cases());
}

#[test]
fn policies_count_together_for_both() {
    compare(&combinations::cases());
}

#[test]
fn trust_policies_see_the_same_in_a_token_for_both() {
    compare(&trust::cases());
}

#[test]
fn whatever_is_put_together_by_chance_means_the_same_to_both() {
    let cases = generated::cases();
    compare(&cases);
    for decision in ["allow", "explicit_deny", "implicit_deny"] {
        let count = cases.iter().filter(|case| ask_ours(case) == decision).count();
        assert!(count >= 60, "{count} of {} come to {decision}", cases.len());
    }
}

#[test]
fn there_are_enough_cases_and_few_on_which_they_differ() {
    let by_hand: Vec<Case> =
        [conditions::cases(), statements::cases(), combinations::cases(), trust::cases()]
            .into_iter()
            .flatten()
            .collect();
    assert!(by_hand.len() >= 250, "{} by hand", by_hand.len());
    assert!(by_hand.iter().all(|case| case.expected.is_some()), "each has a decision from the documentation");
    let differing = by_hand.iter().filter(|case| case.differs.is_some()).count();
    assert!(differing * 10 <= by_hand.len(), "{differing} of {} differ", by_hand.len());
}
