//! Pure: what a check found, and which of all findings is to be mended first.
//!
//! A finding says what was seen, what that means, and what to do about it: one command, or one sentence for the admin.

use serde::Serialize;

use super::checks;

/// The rung of the ladder a check stands on: from this machine up to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rung {
    /// This machine, its network, the bookmark.
    Local,
    /// The issuer, without a sign-in.
    Issuer,
    /// The sign-in and its token.
    SignedIn,
    /// STS.
    Exchange,
    /// Provider, role and policies, where they may be read.
    Iam,
    /// The data.
    S3,
    /// What a mount needs.
    Mount,
}

impl Rung {
    /// Returns the heading of the rung.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Local => "this machine",
            Self::Issuer => "the issuer",
            Self::SignedIn => "the sign-in",
            Self::Exchange => "the exchange",
            Self::Iam => "IAM",
            Self::S3 => "S3",
            Self::Mount => "mounting",
        }
    }

    /// Says in which order broken rungs are mended: what IAM holds is the cause of what STS says.
    fn order_of_mending(self) -> u8 {
        match self {
            Self::Local => 0,
            Self::Issuer => 1,
            Self::SignedIn => 2,
            Self::Iam => 3,
            Self::Exchange => 4,
            Self::S3 => 5,
            Self::Mount => 6,
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// As it has to be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Info,
    /// Works, but something will go wrong, or does for other tools.
    Warning,
    /// Does not work.
    Broken,
    /// Could not be looked at.
    NotRun,
}

/// One comparison behind a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// What is compared.
    pub(crate) what: String,
    /// What it has to be; empty where it was merely seen.
    pub(crate) expected: String,
    /// What it is.
    pub(crate) actual: String,
    /// They agree.
    pub(crate) holds: bool,
}

impl Line {
    pub(crate) fn new(
        what: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
        holds: bool,
    ) -> Self {
        Self { what: what.into(), expected: expected.into(), actual: actual.into(), holds }
    }

    /// Compares two texts byte by byte.
    pub(crate) fn same(what: impl Into<String>, expected: &str, actual: &str) -> Self {
        Self::new(what, expected, actual, expected == actual)
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The check, by its ID in [`checks::CHECKS`].
    pub(crate) check: &'static str,
    /// Where it stands.
    pub(crate) rung: Rung,
    /// How bad it is.
    pub(crate) level: Level,
    /// What was seen.
    pub(crate) seen: String,
    /// What that means. Empty where nothing follows.
    pub(crate) means: String,
    /// What to do: one command, or one sentence for the admin. Empty where nothing has to be done.
    pub(crate) next: String,
    /// The comparisons behind it.
    pub(crate) evidence: Vec<Line>,
    /// The check whose finding is the cause of this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) because: Option<&'static str>,
    /// A new sign-in mends it.
    #[serde(skip)]
    pub(crate) wants_sign_in: bool,
}

impl Finding {
    fn new(check: &'static str, level: Level, seen: impl Into<String>) -> Self {
        Self {
            check,
            rung: checks::rung(check),
            level,
            seen: seen.into(),
            means: String::new(),
            next: String::new(),
            evidence: Vec::new(),
            because: None,
            wants_sign_in: false,
        }
    }

    /// Everything is as it has to be.
    pub(crate) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Level::Ok, seen)
    }

    /// Something is worth knowing.
    pub(crate) fn info(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(check, Level::Info, seen)
    }

    /// Something will go wrong, or does for others.
    pub(crate) fn warning(
        check: &'static str,
        seen: impl Into<String>,
        means: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self::new(check, Level::Warning, seen).means(means).next(next)
    }

    /// Something does not work.
    pub(crate) fn broken(
        check: &'static str,
        seen: impl Into<String>,
        means: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self::new(check, Level::Broken, seen).means(means).next(next)
    }

    /// It could not be looked at.
    pub(crate) fn not_run(check: &'static str, because: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(check, Level::NotRun, because).next(next)
    }

    /// It could not be looked at because another check is broken or was not run itself.
    pub(crate) fn blocked(check: &'static str, by: &'static str, level: Level) -> Self {
        let why = if level == Level::Broken { "is broken" } else { "was not run" };
        let mut finding = Self::not_run(
            check,
            format!("`{by}` {why}"),
            format!("Mend `{by}` first, then run `pintail doctor` again."),
        );
        finding.because = Some(by);
        finding
    }

    pub(crate) fn means(self, means: impl Into<String>) -> Self {
        Self { means: means.into(), ..self }
    }

    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: next.into(), ..self }
    }

    pub(crate) fn with(self, evidence: Vec<Line>) -> Self {
        Self { evidence, ..self }
    }

    pub(crate) fn mended_by_sign_in(self) -> Self {
        Self { wants_sign_in: true, ..self }
    }
}

/// Returns the finding to mend first: a broken one before a warning, a cause before what follows from it, and the lower rung
/// first.
pub(crate) fn first_to_mend(findings: &[Finding]) -> Option<&Finding> {
    let rank = |finding: &&Finding| {
        let place = checks::place(finding.check);
        (finding.level != Level::Broken, finding.because.is_some(), finding.rung.order_of_mending(), place)
    };
    findings.iter().filter(|finding| matches!(finding.level, Level::Broken | Level::Warning)).min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(check: &'static str) -> Finding {
        Finding::broken(check, "seen", "means", "next")
    }

    #[test]
    fn causes_come_before_what_follows_from_them() {
        let warning = Finding::warning("environment", "seen", "means", "next");
        let cases: [(Vec<Finding>, Option<&str>); 6] = [
            (vec![Finding::ok("clock", "fine"), Finding::info("browser", "none")], None),
            (vec![warning.clone()], Some("environment")),
            (vec![warning, broken("list")], Some("list")),
            (vec![broken("exchange"), broken("trust")], Some("trust")),
            (vec![broken("discovery"), broken("clock")], Some("clock")),
            (vec![Finding { because: Some("trust"), ..broken("claims") }, broken("trust")], Some("trust")),
        ];
        for (findings, first) in cases {
            assert_eq!(first_to_mend(&findings).map(|finding| finding.check), first, "{findings:?}");
        }
    }
}
