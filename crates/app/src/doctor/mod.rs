//! What is wrong with a connection: checks up the ladder from this machine to the data, each with what it saw, what that means
//! and what to do.
//!
//! ```text
//!   checks (the table) ──► examine ──► local · network · issuer · signed_in · iam · s3   look (I/O)
//!                             │            └► *_facts, token, role_arn                   judge (pure)
//!                             └► Report: findings, and the one to mend first
//! ```
//!
//! No check stops the others needlessly: one whose input is missing says because of what. Nothing is changed, but for a secret in the
//! keychain and, on request, an object in S3, both of which are taken out again.

pub(crate) mod bundle;
mod case;
pub(crate) mod checks;
mod exchange_facts;
pub(crate) mod finding;
mod iam;
mod iam_facts;
mod issuer;
mod issuer_facts;
mod local;
mod network;
mod role_arn;
mod s3;
mod s3_facts;
mod signed_in;
pub(crate) mod token;

use std::collections::BTreeMap;

use pintail_core::connection::Redirect;

use self::case::Case;
pub(crate) use self::case::{Admin, Request, SignInFailure};
use self::checks::{CHECKS, Check, For, Selection};
pub(crate) use self::finding::{Finding, Level};
use crate::explain::Exit;
use crate::ops::App;

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The findings, in the order of the ladder.
    pub(crate) findings: Vec<Finding>,
    /// What the token said, where there was one.
    pub(crate) claims: Option<serde_json::Map<String, serde_json::Value>>,
}

impl Report {
    /// Returns the finding to mend first: a broken one, else a warning.
    pub(crate) fn first(&self) -> Option<&Finding> {
        finding::first_to_mend(&self.findings)
    }

    /// Counts the findings of a level.
    pub(crate) fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    /// Says how the run ends: well, unless something is broken; "sign in first" where that is all that is missing.
    pub(crate) fn exit(&self) -> Exit {
        let mut broken = self.findings.iter().filter(|finding| finding.level == Level::Broken).peekable();
        if broken.peek().is_some() {
            let sign_in = broken.all(|finding| finding.wants_sign_in);
            return if sign_in { Exit::SignInNeeded } else { Exit::Failed };
        }
        let waits = |finding: &Finding| finding.level == Level::NotRun && finding.wants_sign_in;
        if self.findings.iter().any(waits) { Exit::SignInNeeded } else { Exit::Done }
    }
}

/// Runs the checks of a selection, and those that they need.
pub(crate) async fn examine(app: &App, request: &Request, selection: &Selection) -> Report {
    let mut run =
        Run { case: Case::new(app, request), selection, findings: Vec::new(), levels: BTreeMap::new() };
    for check in CHECKS {
        if selection.runs(check.id) && run.applies(check) {
            run.check(check).await;
        }
    }
    run.conclude()
}

/// A run in progress.
struct Run<'a> {
    case: Case<'a>,
    selection: &'a Selection,
    findings: Vec<Finding>,
    levels: BTreeMap<&'static str, Level>,
}

impl Run<'_> {
    /// Tells whether a check makes sense for this bookmark.
    fn applies(&self, check: &Check) -> bool {
        let has_name = self.case.request.name.is_some();
        let was_read = self.case.connection.is_some();
        match check.only_for {
            For::All => true,
            For::Bookmark => has_name,
            For::Write => has_name && self.case.request.write,
            For::Web if !was_read => has_name || self.token_is_judged(check.id),
            For::Web => s3::is_web(&self.case),
        }
    }

    /// Tells whether a check needs no more than what was given on the command line.
    fn token_is_judged(&self, id: &str) -> bool {
        let request = self.case.request;
        match id {
            "sign-in" | "claims" | "token-shape" => request.token.is_some(),
            "trust" => request.trust_policy.is_some(),
            "permissions" => !request.permission_policies.is_empty(),
            _ => false,
        }
    }

    async fn check(&mut self, check: &'static Check) {
        if self.levels.contains_key(check.id) {
            return;
        }
        // A check of the exchange that does not apply to this way in blocks nothing.
        let blocking = check.needs.iter().find_map(|need| {
            let level = *self.levels.get(need)?;
            matches!(level, Level::Broken | Level::NotRun).then_some((*need, level))
        });
        let given = self.case.request.name.is_none() && self.token_is_judged(check.id);
        let findings = match blocking {
            Some((need, level)) if !given => vec![Finding::blocked(check.id, need, level)],
            _ => self.look(check.id).await,
        };
        self.take(findings);
    }

    fn take(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let worse = |level: Level| match level {
                Level::Ok => 0,
                Level::Info => 1,
                Level::Warning => 2,
                Level::NotRun => 3,
                Level::Broken => 4,
            };
            let level = self.levels.entry(finding.check).or_insert(finding.level);
            if worse(finding.level) > worse(*level) {
                *level = finding.level;
            }
            self.findings.push(finding);
        }
    }

    async fn look(&mut self, id: &'static str) -> Vec<Finding> {
        let case = &mut self.case;
        let app = case.app;
        let environment = app.environment();
        let name = case.request.name.clone();
        match id {
            "bookmark" => match &name {
                Some(name) => {
                    let (connection, findings) = local::bookmark(app, name);
                    case.connection = connection;
                    findings
                }
                None => Vec::new(),
            },
            "pins" => name.iter().map(|name| local::pins(app, name)).collect(),
            "environment" => local::environment(environment, case.request.admin == Admin::Environment),
            "aws-files" => local::aws_files(environment),
            "key-store" => vec![local::key_store(app).await],
            "loopback" => vec![local::loopback(redirect(case).as_ref(), name.as_ref())],
            "browser" => vec![local::browser(app)],
            "scheme" => redirect(case).iter().map(|redirect| local::handler(app, redirect)).collect(),
            "network" => vec![settings(case)],
            "tls" => vec![tls(case).await],
            "resolve" => {
                case.reach().await;
                vec![network::resolve(&case.reached, &case.name())]
            }
            "proxy" => {
                case.reach().await;
                vec![network::proxy(&case.reached)]
            }
            "clock" => {
                case.reach().await;
                vec![network::clock(&case.reached)]
            }
            "discovery" => vec![issuer::discovery(case).await],
            "issuer" => vec![issuer::issuer(case)],
            "client" => vec![issuer::client(case).await],
            "redirect" => vec![issuer::redirect(case)],
            "client-kind" => vec![issuer::client_kind(case).await],
            "keys" => vec![issuer::keys(case).await],
            "sign-in" => signed_in::sign_in(case).await,
            "claims" => {
                case.token.iter().map(|token| token::claims(token, &case.expected(), app.now())).collect()
            }
            "token-shape" => {
                case.token.as_ref().map(|token| token::shape(token, &case.expected())).unwrap_or_default()
            }
            "signing-key" => signing_key(case),
            "session-name" => vec![signed_in::session_name(case)],
            "sts" => vec![signed_in::sts(case).await],
            "exchange" => vec![signed_in::exchange_check(case).await],
            "duration" => vec![signed_in::duration(case).await],
            "provider" | "role" | "trust" | "permissions" => {
                let selection = self.selection;
                let can_ask = self.levels.get("exchange") == Some(&Level::Ok);
                iam::look(case, &|id| selection.runs(id), can_ask).await
            }
            "identity" => vec![s3::identity(case).await],
            "bucket" => vec![s3::bucket(case).await],
            "list" => vec![s3::list(case).await],
            "get" => vec![s3::get(case).await],
            "write" => vec![s3::write(case).await],
            "checksums" => vec![s3::checksums(case)],
            "mount" => vec![local::mount(environment)],
            _ => Vec::new(),
        }
    }

    /// Puts the findings in order, and those that follow from others in their place.
    fn conclude(self) -> Report {
        let Self { mut findings, selection, case, levels } = self;
        let broken = |id: &str| levels.get(id) == Some(&Level::Broken);
        let cause = ["provider", "role", "trust"].into_iter().find(|id| broken(id));
        for finding in &mut findings {
            if finding.check == "exchange" && finding.level == Level::Broken {
                if let Some(cause) = cause {
                    finding.because = Some(cause);
                    finding.means = format!("`{cause}` says why");
                    finding.next =
                        format!("Mend `{cause}`, then run `pintail doctor {}` again.", case.name());
                } else if case.iam_was_read && finding.seen.contains("AccessDenied") {
                    finding.means = "role and trust policy let the token in, as far as IAM shows: what refuses stands above them".into();
                    finding.next = "Ask your AWS admin for a service or resource control policy of the organization that denies it; a role made seconds ago needs a moment.".into();
                }
            }
            if matches!(finding.check, "list" | "get")
                && finding.level == Level::Broken
                && broken("permissions")
            {
                finding.because = Some("permissions");
            }
        }
        let stays = |finding: &Finding| finding.level == Level::Broken && selection.rests_on(finding.check);
        findings.retain(|finding| selection.shows(finding.check) || stays(finding));
        findings.sort_by_key(|finding| checks::place(finding.check));
        let claims = case.token.map(|token| token.claims);
        Report { findings, claims }
    }
}

fn redirect(case: &Case<'_>) -> Option<Redirect> {
    case.web().map(|web| web.redirect.clone())
}

/// Looks whether the network can be set up at all.
fn settings(case: &Case<'_>) -> Finding {
    match case.transport() {
        Ok(_) => Finding::ok("network", "certificates to trust and proxies can be read"),
        Err(text) => Finding::broken(
            "network",
            text,
            "no connection can be made: the certificates to trust, or the proxy, cannot be used",
            "Correct PINTAIL_CA_BUNDLE, AWS_CA_BUNDLE or the bookmark's CA bundle: a PEM file of certificates; and HTTPS_PROXY: http://HOST:PORT.",
        ),
    }
}

async fn tls(case: &mut Case<'_>) -> Finding {
    case.reach().await;
    let bundle = case.connection.as_ref().and_then(|connection| connection.ca_bundle.clone());
    let of_environment = case.app.environment().ca_bundle.as_ref().map(|path| path.display().to_string());
    network::tls(&case.reached, bundle.or(of_environment).as_deref())
}

fn signing_key(case: &Case<'_>) -> Vec<Finding> {
    let jwks = case.discovered.as_ref().and_then(case::Discovered::jwks_uri);
    match (&case.token, &case.keys, jwks) {
        (Some(token), Some(keys), Some(jwks)) => vec![token::signing_key(token, keys, jwks.as_str())],
        _ => vec![Finding::blocked("signing-key", "keys", Level::NotRun)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_as_its_worst_finding_says() {
        let broken = Finding::broken("list", "s", "m", "n");
        let asks = Finding::not_run("sign-in", "nobody", "n").mended_by_sign_in();
        let over = Finding::broken("sign-in", "s", "m", "n").mended_by_sign_in();
        for (findings, exit) in [
            (vec![Finding::ok("clock", "fine")], Exit::Done),
            (vec![Finding::warning("environment", "s", "m", "n")], Exit::Done),
            (vec![asks.clone()], Exit::SignInNeeded),
            (vec![asks, broken.clone()], Exit::Failed),
            (vec![over.clone()], Exit::SignInNeeded),
            (vec![over, broken], Exit::Failed),
        ] {
            assert_eq!(Report { findings: findings.clone(), claims: None }.exit(), exit, "{findings:?}");
        }
    }
}
