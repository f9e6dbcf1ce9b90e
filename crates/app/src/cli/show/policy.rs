//! What policies say: the decision, the statement that decided, and every line with what it wants and what is there.

use std::io;

use pintail_core::policy::lint::Level;
use pintail_core::policy::trust::{self, Cargo, TrustReason};
use pintail_core::policy::{
    Absence, ConditionTrace, Decision, Kind, PartTrace, PolicyTrace, Reason, StatementRef, StatementTrace,
    Verdict, Wanted, Why,
};
use serde_json::{Value, json};

use crate::cli::render::text::harmless;
use crate::cli::render::{Output, Style};
use crate::explain;
use crate::ops::policy::{
    CaseOutcome, CaseResult, Looked, Mask, TestAnswer, TestAnswers, TrustAnswer, called,
};

/// The most values of a list that are shown to people.
const SHOWN_MAX: usize = 8;

/// What no evaluation here knows of, whatever is given.
const NEVER_MODELLED: &str =
    "access control lists, block public access, VPC endpoint policies and key policies";

/// Shows what a trust policy says of a token.
pub(in crate::cli) fn trust(output: &Output, answer: &TrustAnswer, all: bool) -> io::Result<()> {
    let verdict = &answer.verdict;
    let not_modelled =
        ["resource control policies", "whether the token is genuine, in time and known to the provider"];
    if output.is_json() {
        let (reason, action) = reason_of_trust(&verdict.reason);
        return output.json_line(&json!({
            "event": "policy_trust",
            "admitted": verdict.is_admitted(),
            "decision": verdict.decision.name(),
            "reason": reason,
            "action": action,
            "decided_by": trust_decided_by(&verdict.reason).map(place_json),
            "provider": answer.provider,
            "verified": !answer.unverified,
            "faults": verdict.faults.iter().map(|fault| answer.mask.text(&fault.to_string())).collect::<Vec<_>>(),
            "actions": verdict.actions.iter().map(|(action, one)| json!({
                "action": action,
                "decision": one.decision.name(),
                "policies": policies_json(&one.policies, &answer.mask),
            })).collect::<Vec<_>>(),
            "not_modelled": not_modelled,
        }));
    }
    if answer.unverified {
        output.say("the token was decoded, and not verified");
    }
    let head = match verdict.is_admitted() {
        true => output.data_style(Style::Good, "admitted"),
        false => output.data_style(Style::Bad, "not admitted"),
    };
    output.text_line(&format!("{head}  {}", harmless(&trust_sentence(answer))))?;
    output.text_line(&format!("  the provider is {}", harmless(&answer.provider)))?;
    for fault in &verdict.faults {
        let no = output.data_style(Style::Bad, "no ");
        output.text_line(&format!(
            "  {no}  STS itself refuses: {}",
            harmless(&answer.mask.text(&fault.to_string()))
        ))?;
    }
    for (action, one) in &verdict.actions {
        if verdict.actions.len() > 1 {
            let because = match *action {
                trust::TAG => " (the token carries session tags)",
                trust::SET_SOURCE_IDENTITY => " (the token carries a source identity)",
                _ => "",
            };
            output.text_line(&format!("\n{action}{because}: {}", word(one.decision)))?;
        }
        policies(output, one, &answer.mask, all)?;
    }
    if let Some(next) = explain::policy::not_admitted(&verdict.reason, &verdict.faults) {
        output.say(&format!("{} {}", output.talk_style(Style::Strong, "next:"), harmless(&next)));
    }
    say_not_modelled(output, &not_modelled.map(str::to_owned));
    Ok(())
}

fn trust_decided_by(reason: &TrustReason) -> Option<&StatementRef> {
    match reason {
        TrustReason::Admitted(statement) | TrustReason::Denied { statement, .. } => Some(statement),
        TrustReason::NotAdmitted | TrustReason::Carries { .. } => None,
    }
}

fn reason_of_trust(reason: &TrustReason) -> (&'static str, Option<&'static str>) {
    match reason {
        TrustReason::Admitted(_) => ("admitted", None),
        TrustReason::Denied { action, .. } => ("denied", Some(action)),
        TrustReason::NotAdmitted => ("nothing_admits", None),
        TrustReason::Carries { action, cargo: Cargo::Tags } => ("carries_tags", Some(action)),
        TrustReason::Carries { action, cargo: Cargo::SourceIdentity } => {
            ("carries_source_identity", Some(action))
        }
    }
}

fn trust_sentence(answer: &TrustAnswer) -> String {
    match &answer.verdict.reason {
        TrustReason::Admitted(statement) => format!("by {}", place(statement)),
        TrustReason::Denied { action, statement } => format!("{} denies {action}", place(statement)),
        TrustReason::NotAdmitted => "no statement admits the token".to_owned(),
        TrustReason::Carries { action, cargo } => {
            let cargo = match cargo {
                Cargo::Tags => "session tags",
                Cargo::SourceIdentity => "a source identity",
            };
            format!("the token carries {cargo}, and no statement allows {action}")
        }
    }
}

/// Shows what permission policies say.
pub(in crate::cli) fn tested(output: &Output, answers: &TestAnswers, all: bool) -> io::Result<()> {
    let mut not_modelled: Vec<String> = answers.not_given.iter().map(|kind| plural(*kind)).collect();
    not_modelled.push(NEVER_MODELLED.to_owned());
    for (index, answer) in answers.answers.iter().enumerate() {
        if output.is_json() {
            output.json_line(&json!({
                "event": "policy_test",
                "action": answer.action,
                "resource": answers.mask.text(&answer.resource),
                "decision": answer.verdict.decision.name(),
                "decided_by": answer.verdict.decided_by().map(place_json),
                "together_with": together_with(&answer.verdict.reason),
                "nothing_allows": nothing_allows(&answer.verdict.reason),
                "policies": policies_json(&answer.verdict.policies, &answers.mask),
                "assumed_full_access": answers.assumed_full_access,
                "not_modelled": not_modelled,
            }))?;
            continue;
        }
        if index > 0 {
            output.text_line("")?;
        }
        output.text_line(&test_line(output, answer, &answers.mask))?;
        policies(output, &answer.verdict, &answers.mask, all)?;
    }
    if output.is_json() {
        return Ok(());
    }
    let denied =
        answers.answers.iter().find_map(|answer| explain::policy::not_allowed(&answer.verdict.reason));
    if let Some(next) = denied {
        output.say(&format!("{} {}", output.talk_style(Style::Strong, "next:"), harmless(&next)));
    }
    if answers.assumed_full_access {
        output.say("beside service control policies that only deny, AWS's FullAWSAccess was assumed");
    }
    say_not_modelled(output, &not_modelled);
    Ok(())
}

fn test_line(output: &Output, answer: &TestAnswer, mask: &Mask) -> String {
    let style = if answer.verdict.is_allow() { Style::Good } else { Style::Bad };
    let head = output.data_style(style, word(answer.verdict.decision));
    let asked = format!("{} on {}", answer.action, mask.text(&answer.resource));
    let why = match &answer.verdict.reason {
        Reason::Denied(statement) => format!("{} denies it", place(statement)),
        Reason::Allowed(statements) => {
            let places: Vec<String> = statements.iter().map(place).collect();
            format!("by {}", places.join(", and "))
        }
        Reason::NothingAllows(kind) => format!("no {kind} allows it"),
    };
    format!("{head}  {}: {}", harmless(&asked), harmless(&why))
}

fn together_with(reason: &Reason) -> Vec<Value> {
    match reason {
        Reason::Allowed(statements) => statements.iter().skip(1).map(place_json).collect(),
        _ => Vec::new(),
    }
}

fn nothing_allows(reason: &Reason) -> Option<&'static str> {
    match reason {
        Reason::NothingAllows(kind) => Some(kind.name()),
        _ => None,
    }
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allowed",
        Decision::ExplicitDeny | Decision::ImplicitDeny => "denied",
    }
}

fn plural(kind: Kind) -> String {
    match kind {
        Kind::Boundary => "the permissions boundary".to_owned(),
        Kind::Resource => "the policy of the resource".to_owned(),
        Kind::Session => "session policies".to_owned(),
        Kind::Scp => "service control policies".to_owned(),
        Kind::Rcp => "resource control policies".to_owned(),
        other => other.to_string(),
    }
}

fn say_not_modelled(output: &Output, what: &[String]) {
    output.say(&output.talk_style(Style::Faint, &format!("not looked at: {}", what.join("; "))));
}

fn place(statement: &StatementRef) -> String {
    match &statement.sid {
        Some(sid) if !sid.is_empty() => format!("{}, statement \"{sid}\"", statement.policy),
        _ => format!("{}, statement {}", statement.policy, statement.index + 1),
    }
}

fn place_json(statement: &StatementRef) -> Value {
    json!({
        "kind": statement.kind.name(),
        "policy": statement.policy,
        "index": statement.index,
        "sid": statement.sid,
    })
}

/// Shows the statements that matter: those that decided, or those that come near in the kind of policy where nothing allows.
fn policies(output: &Output, verdict: &Verdict, mask: &Mask, all: bool) -> io::Result<()> {
    let decided: Vec<&StatementRef> = match &verdict.reason {
        Reason::Denied(statement) => vec![statement],
        Reason::Allowed(statements) => statements.iter().collect(),
        Reason::NothingAllows(_) => Vec::new(),
    };
    let is_decisive = |policy: &PolicyTrace, one: &StatementTrace| {
        decided.iter().any(|r| r.kind == policy.kind && r.policy == policy.name && r.index == one.index)
    };
    let missing = match &verdict.reason {
        Reason::NothingAllows(kind) => Some(*kind),
        _ => None,
    };
    let mut hidden = 0;
    for policy in &verdict.policies {
        for one in &policy.statements {
            // An allowing statement about this action is what its author thought would do.
            let near = missing == Some(policy.kind) && one.action.holds && one.effect.to_string() == "Allow";
            if all || is_decisive(policy, one) || near {
                statement(output, policy, one, mask)?;
            } else {
                hidden += 1;
            }
        }
    }
    if hidden > 0 && missing.is_some() {
        let more = if hidden == 1 { "statement is" } else { "statements are" };
        output.say(&format!("{hidden} more {more} not about it; --all shows them"));
    }
    Ok(())
}

fn statement(output: &Output, policy: &PolicyTrace, one: &StatementTrace, mask: &Mask) -> io::Result<()> {
    let reference = StatementRef {
        kind: policy.kind,
        policy: policy.name.clone(),
        index: one.index,
        sid: one.sid.clone(),
    };
    let applies = if one.applies { "applies" } else { "does not apply" };
    let head = format!("{} ({}) {applies}", place(&reference), one.effect);
    output.text_line(&format!("  {}", output.data_style(Style::Strong, &harmless(&head).to_string())))?;
    for part in [one.principal.as_ref(), Some(&one.action), one.resource.as_ref()].into_iter().flatten() {
        part_lines(output, part, mask)?;
    }
    one.conditions.iter().try_for_each(|line| condition_lines(output, line, mask))
}

fn mark(output: &Output, holds: bool) -> String {
    if holds { output.data_style(Style::Good, "yes") } else { output.data_style(Style::Bad, "no ") }
}

fn part_lines(output: &Output, part: &PartTrace, mask: &Mask) -> io::Result<()> {
    let (mark, actual) = (mark(output, part.holds), mask.text(&part.actual));
    if part.holds {
        return output.text_line(&format!("    {mark}  {:<12}  {}", part.element, harmless(&actual)));
    }
    output.text_line(&format!("    {mark}  {}", part.element))?;
    let negated = part.element.starts_with("Not");
    expected_and_actual(output, &expected(&part.wanted, negated, |text| mask.text(text)), &actual)
}

fn condition_lines(output: &Output, line: &ConditionTrace, mask: &Mask) -> io::Result<()> {
    let head = format!("{} {}", line.operator_text, line.key);
    output.text_line(&format!("    {}  {}", mark(output, line.holds), harmless(&head)))?;
    let show = |text: &str| mask.value(&line.key, text);
    let actual = match (&line.actual, line.why) {
        (Some(values), Why::NeedsQuantifier) => format!(
            "{} (the key can have several values: this operator needs ForAnyValue: or ForAllValues: before it)",
            listed(values.iter().map(|value| show(value)), ", ")
        ),
        (Some(values), _) => listed(values.iter().map(|value| show(value)), ", "),
        (None, _) => absence(line.absence.as_ref()).to_owned(),
    };
    expected_and_actual(output, &expected(&line.wanted, line.operator.negated, show), &actual)
}

fn absence(absence: Option<&Absence>) -> &'static str {
    match absence {
        Some(Absence::NeverForIssuer) => {
            "(not there, and never is: of this issuer's claims, AWS offers aud, sub, amr, email and oaud)"
        }
        Some(Absence::OtherProvider(_)) => "(not there: the key begins with another identity provider)",
        Some(Absence::NotInRequest) | None => "(not there)",
    }
}

fn expected_and_actual(output: &Output, expected: &str, actual: &str) -> io::Result<()> {
    for (name, text) in [("expected", expected), ("actual", actual)] {
        let name = output.data_style(Style::Faint, &format!("{name:<8}"));
        output.text_line(&format!("           {name}  {}", harmless(text)))?;
    }
    Ok(())
}

fn expected(wanted: &[Wanted], negated: bool, show: impl Fn(&str) -> String) -> String {
    let values = wanted.iter().map(|one| match &one.value {
        Ok(value) if *value == one.written => show(value),
        Ok(value) => format!("{} (from {})", show(value), one.written),
        Err(variable) => format!("{} (${{{variable}}} has no value)", one.written),
    });
    match (negated, wanted.len()) {
        (_, 0) => "(nothing)".to_owned(),
        (true, 1) => format!("not {}", listed(values, ", ")),
        (true, _) => format!("none of {}", listed(values, ", ")),
        (false, _) => listed(values, " or "),
    }
}

fn listed(values: impl Iterator<Item = String>, separator: &str) -> String {
    let values: Vec<String> = values.collect();
    let shown = values.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(separator);
    match values.len().checked_sub(SHOWN_MAX) {
        Some(more @ 1..) => format!("{shown}{separator}{more} more"),
        _ => shown,
    }
}

fn policies_json(policies: &[PolicyTrace], mask: &Mask) -> Vec<Value> {
    let statement = |one: &StatementTrace| {
        json!({
            "index": one.index,
            "sid": one.sid,
            "effect": one.effect.to_string(),
            "applies": one.applies,
            "principal": one.principal.as_ref().map(|part| part_json(part, mask)),
            "action": part_json(&one.action, mask),
            "resource": one.resource.as_ref().map(|part| part_json(part, mask)),
            "conditions": one.conditions.iter().map(|line| condition_json(line, mask)).collect::<Vec<_>>(),
        })
    };
    let policy = |policy: &PolicyTrace| {
        json!({
            "kind": policy.kind.name(),
            "policy": policy.name,
            "decision": policy.decision.name(),
            "statements": policy.statements.iter().map(statement).collect::<Vec<_>>(),
        })
    };
    policies.iter().map(policy).collect()
}

fn part_json(part: &PartTrace, mask: &Mask) -> Value {
    json!({
        "element": part.element,
        "expected": wanted_json(&part.wanted, |text| mask.text(text)),
        "actual": mask.text(&part.actual),
        "holds": part.holds,
    })
}

fn condition_json(line: &ConditionTrace, mask: &Mask) -> Value {
    let show = |text: &str| mask.value(&line.key, text);
    let absence = line.absence.as_ref().map(|absence| match absence {
        Absence::NotInRequest => "not_in_request",
        Absence::NeverForIssuer => "never_for_this_issuer",
        Absence::OtherProvider(_) => "other_provider",
    });
    json!({
        "operator": line.operator_text,
        "key": line.key,
        "expected": wanted_json(&line.wanted, show),
        "actual": line.actual.as_ref().map(|values| values.iter().map(|value| show(value)).collect::<Vec<_>>()),
        "absence": absence,
        "needs_quantifier": line.why == Why::NeedsQuantifier,
        "holds": line.holds,
    })
}

fn wanted_json(wanted: &[Wanted], show: impl Fn(&str) -> String) -> Vec<Value> {
    let one = |one: &Wanted| match &one.value {
        Ok(value) if *value == one.written => json!({"value": show(value)}),
        Ok(value) => json!({"value": show(value), "written": one.written}),
        Err(variable) => json!({"written": one.written, "without_value": variable}),
    };
    wanted.iter().map(one).collect()
}

/// Tells of cases one by one, and how many were as expected at the end.
pub(in crate::cli) struct CaseTalk<'a> {
    output: &'a Output,
    met: usize,
    all: usize,
}

impl<'a> CaseTalk<'a> {
    pub(in crate::cli) fn new(output: &'a Output) -> Self {
        Self { output, met: 0, all: 0 }
    }

    /// Shows one case.
    pub(in crate::cli) fn case(&mut self, result: &CaseResult) -> io::Result<()> {
        let output = self.output;
        self.all += 1;
        self.met += usize::from(result.is_met());
        if output.is_json() {
            return output.json_line(&json!({
                "event": "policy_case",
                "name": result.name,
                "expected": result.expected.name(),
                "met": result.is_met(),
                "outcome": outcome_json(&result.outcome),
            }));
        }
        let mark = if result.is_met() {
            output.data_style(Style::Good, "ok ")
        } else {
            output.data_style(Style::Bad, "not")
        };
        output.text_line(&format!("{mark}  {}", harmless(&result.name)))?;
        if result.is_met() {
            return Ok(());
        }
        output.text_line(&format!("       expected  {}", result.expected.name()))?;
        match &result.outcome {
            CaseOutcome::Trust(answer) => {
                let decision = answer.verdict.decision.name();
                output.text_line(&format!(
                    "       came out  {decision}: {}",
                    harmless(&trust_sentence(answer))
                ))?;
                for fault in &answer.verdict.faults {
                    output.text_line(&format!(
                        "       STS itself refuses: {}",
                        harmless(&answer.mask.text(&fault.to_string()))
                    ))?;
                }
                answer
                    .verdict
                    .actions
                    .iter()
                    .try_for_each(|(_, one)| policies(output, one, &answer.mask, false))
            }
            CaseOutcome::Test(answers) => {
                for one in
                    answers.answers.iter().filter(|one| !result.expected.is_met(one.verdict.decision, false))
                {
                    let decision = one.verdict.decision.name();
                    output.text_line(&format!("       came out  {decision}"))?;
                    output.text_line(&format!("  {}", test_line(output, one, &answers.mask)))?;
                    policies(output, &one.verdict, &answers.mask, false)?;
                }
                Ok(())
            }
            CaseOutcome::Failed(error) => {
                let explanation = explain::explain(error);
                let causes = explanation.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
                output.text_line(&format!(
                    "       not asked: {}{}",
                    harmless(&explanation.message),
                    harmless(&causes)
                ))
            }
        }
    }

    /// Says how many there were.
    pub(in crate::cli) fn end(&self) {
        let (met, all) = (self.met, self.all);
        self.output.say(&format!("{met} of {all} {} as expected", if all == 1 { "case" } else { "cases" }));
    }
}

fn outcome_json(outcome: &CaseOutcome) -> Value {
    match outcome {
        CaseOutcome::Trust(answer) => json!([{
            "decision": answer.verdict.decision.name(),
            "admitted": answer.verdict.is_admitted(),
            "reason": reason_of_trust(&answer.verdict.reason).0,
            "decided_by": trust_decided_by(&answer.verdict.reason).map(place_json),
        }]),
        CaseOutcome::Test(answers) => {
            let one = |answer: &TestAnswer| {
                json!({
                    "action": answer.action,
                    "resource": answers.mask.text(&answer.resource),
                    "decision": answer.verdict.decision.name(),
                    "decided_by": answer.verdict.decided_by().map(place_json),
                    "nothing_allows": nothing_allows(&answer.verdict.reason),
                })
            };
            answers.answers.iter().map(one).collect()
        }
        CaseOutcome::Failed(error) => {
            let explanation = explain::explain(error);
            json!([{ "error": explanation.message, "causes": explanation.causes }])
        }
    }
}

/// Shows what was found in a document.
pub(in crate::cli) fn looked(output: &Output, looked: &Looked) -> io::Result<()> {
    let file = called(&looked.path);
    for one in &looked.found {
        let (level, text, instead) =
            (one.finding.level(), one.finding.to_string(), explain::policy::instead(&one.finding));
        if output.is_json() {
            output.json_line(&json!({
                "event": "policy_finding",
                "file": file,
                "kind": looked.kind.name(),
                "level": level.name(),
                "finding": one.finding.name(),
                "at": one.at,
                "sid": one.sid,
                "message": text,
                "next": instead,
            }))?;
            continue;
        }
        let style = if level == Level::Note { Style::Faint } else { Style::Bad };
        let head = output.data_style(style, level.name());
        let at = if one.at.is_empty() { file.clone() } else { format!("{file} {}", one.at) };
        output.text_line(&format!("{head}  {}", harmless(&at)))?;
        output.text_line(&format!("    {}", harmless(&text)))?;
        output.text_line(&format!(
            "    {}",
            output.data_style(Style::Faint, &harmless(&instead).to_string())
        ))?;
    }
    if looked.found.is_empty() {
        output.say(&format!("nothing found in {} (read as a {})", harmless(&file), looked.kind));
    }
    Ok(())
}

/// Whether the worst that was found is bad enough to fail.
pub(in crate::cli) fn is_bad(worst: Option<Level>, strict: bool) -> bool {
    let least = if strict { Level::Warning } else { Level::Error };
    worst.is_some_and(|worst| worst >= least)
}
