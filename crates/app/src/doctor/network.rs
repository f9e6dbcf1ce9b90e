//! Pure: what the first contact with each service tells: names, proxies, certificates and clocks.

use jiff::Timestamp;
use pintail_core::seam::HttpErrorKind;

use super::finding::{Finding, Line};

/// STS and issuers take tokens whose times are off by no more than this.
const TOKEN_SLACK_S: i64 = 5 * 60;
/// S3 takes signatures whose time is off by no more than this.
const SIGNATURE_SLACK_S: i64 = 15 * 60;
/// A difference below this is the time that the answer took.
const NOISE_S: i64 = 30;

/// A service of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// The issuer.
    Issuer,
    /// STS.
    Sts,
    /// S3.
    S3,
}

impl Service {
    /// Returns the name for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Issuer => "the issuer",
            Self::Sts => "STS",
            Self::S3 => "S3",
        }
    }

    /// Returns what sets the service's address in a bookmark.
    pub(crate) fn option(self) -> &'static str {
        match self {
            Self::Issuer => "--tenant and --authority, or --issuer",
            Self::Sts => "--sts-endpoint or --region",
            Self::S3 => "--endpoint or --region",
        }
    }
}

/// How the first contact with a service went.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    /// Which.
    pub(crate) service: Service,
    /// `host` or `host:port`.
    pub(crate) host: String,
    /// The address is https.
    pub(crate) is_https: bool,
    /// The proxy on the way.
    pub(crate) proxy: Option<String>,
    /// What happened.
    pub(crate) outcome: Result<Answered, Failed>,
    /// What the host presents, where it speaks TLS.
    pub(crate) certificate: Option<Certificate>,
}

/// An answer came.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// The time that the service says it is.
    pub(crate) date: Option<Timestamp>,
    /// The time here, half way between request and answer.
    pub(crate) here: Timestamp,
}

/// No answer came.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// What kind of failure.
    pub(crate) kind: HttpErrorKind,
    /// What was said, with causes.
    pub(crate) text: String,
}

/// Whose certificate a host presents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The authority nearest to the root that the chain names.
    pub(crate) issuer: String,
    /// It is one that browsers trust everywhere.
    pub(crate) is_public: bool,
}

impl Reached {
    /// Returns the check whose finding says why the service was not reached, where one of this file does.
    pub(crate) fn blocked_by(&self) -> Option<&'static str> {
        match self.outcome.as_ref().err()?.kind {
            HttpErrorKind::Resolve => Some("resolve"),
            HttpErrorKind::Proxy => Some("proxy"),
            HttpErrorKind::Tls => Some("tls"),
            _ if self.proxy_failed() => Some("proxy"),
            _ => None,
        }
    }

    /// Tells whether it was the proxy that was not reached.
    fn proxy_failed(&self) -> bool {
        self.proxy.is_some()
            && self.outcome.as_ref().err().is_some_and(|failed| failed.text.contains("the proxy"))
    }

    fn failed(&self, kind: HttpErrorKind) -> Option<&Failed> {
        self.outcome.as_ref().err().filter(|failed| failed.kind == kind)
    }
}

/// Judges the names.
pub(crate) fn resolve(reached: &[Reached], name: &str) -> Finding {
    let failed: Vec<&Reached> =
        reached.iter().filter(|one| one.failed(HttpErrorKind::Resolve).is_some()).collect();
    match failed.first() {
        None => {
            let mut hosts: Vec<&str> = reached.iter().map(|one| one.host.as_str()).collect();
            hosts.dedup();
            Finding::ok("resolve", format!("addresses are known for {}", hosts.join(", ")))
        }
        Some(first) if failed.len() == reached.len() && reached.len() > 1 => Finding::broken(
            "resolve",
            "no name has an address here",
            format!(
                "this machine has no network, or its name server does not answer (asked for {})",
                first.host
            ),
            "Connect to the network or the VPN, then run `pintail doctor` again.",
        ),
        Some(first) => Finding::broken(
            "resolve",
            format!("{} has no address", first.host),
            format!(
                "the host of {} does not exist, or only the company's name server knows it",
                first.service.name()
            ),
            format!(
                "Correct {}: `pintail bookmark edit {name}`; for a host inside the company, connect to the VPN.",
                first.service.option()
            ),
        ),
    }
}

/// Judges the proxies.
pub(crate) fn proxy(reached: &[Reached]) -> Finding {
    for one in reached {
        let Some(proxy) = &one.proxy else { continue };
        if let Some(failed) = one.failed(HttpErrorKind::Proxy) {
            return Finding::broken(
                "proxy",
                format!("the proxy {proxy} does not let through to {}: {}", one.host, failed.text),
                format!("{} cannot be reached through it", one.service.name()),
                format!(
                    "Ask the admin of the proxy to allow CONNECT to {}, or name the host in NO_PROXY.",
                    one.host
                ),
            );
        }
        if one.proxy_failed() {
            return Finding::broken(
                "proxy",
                format!("the proxy {proxy} is not reached"),
                "HTTPS_PROXY (or http_proxy, ALL_PROXY) names a proxy that is not there",
                "Unset HTTPS_PROXY and http_proxy, or set them to a proxy that works.",
            );
        }
    }
    let used: Vec<String> = reached
        .iter()
        .map(|one| match &one.proxy {
            Some(proxy) => format!("{} by {proxy}", one.host),
            None => format!("{} directly", one.host),
        })
        .collect();
    if reached.iter().all(|one| one.proxy.is_none()) {
        return Finding::ok("proxy", "no proxy stands in between");
    }
    Finding::info("proxy", format!("reached: {}", used.join(", ")))
}

/// Judges the certificates.
pub(crate) fn tls(reached: &[Reached], bundle: Option<&str>) -> Finding {
    for one in reached {
        if let Some(failed) = one.failed(HttpErrorKind::Tls) {
            let whose = one.certificate.as_ref().map_or_else(
                || format!("the certificate of {} is not accepted: {}", one.host, failed.text),
                |seen| {
                    format!(
                        "the certificate of {} is from {}, which is not trusted here",
                        one.host, seen.issuer
                    )
                },
            );
            if one.certificate.is_none() {
                return Finding::broken(
                    "tls",
                    format!("what answers at {} does not speak TLS: {}", one.host, failed.text),
                    "the address says https, and the service speaks http; or a login page of the network answers in its place",
                    format!("Correct {}: write http:// where the service has no TLS.", one.service.option()),
                );
            }
            let private = one.certificate.as_ref().is_some_and(|seen| !seen.is_public);
            return match (private, bundle) {
                (true, _) => Finding::broken(
                    "tls",
                    whose,
                    "a proxy reads the traffic along and signs with its own authority, or the service has a private one",
                    "Ask your IT for the authority's certificate in PEM, and set PINTAIL_CA_BUNDLE to the file.",
                ),
                (false, Some(bundle)) => Finding::broken(
                    "tls",
                    whose,
                    format!(
                        "only the certificates in {bundle} are trusted, and the service's public authority is not among them"
                    ),
                    "Unset PINTAIL_CA_BUNDLE and AWS_CA_BUNDLE, or add the public authorities to the file.",
                ),
                (false, None) => Finding::broken(
                    "tls",
                    whose,
                    "the certificate is over, is for another name, or this machine's list of authorities is old",
                    "Set this machine's clock and update its CA certificates, then run `pintail doctor` again.",
                ),
            };
        }
    }
    if reached.iter().all(|one| one.outcome.is_err()) {
        let next = "Reach one of the services first; `resolve` and `discovery` tell why none is.";
        return Finding::not_run("tls", "no service was reached", next);
    }
    let evidence: Vec<Line> = reached
        .iter()
        .filter_map(|one| {
            let seen = one.certificate.as_ref()?;
            let kind = if seen.is_public { "public" } else { "private" };
            Some(Line::new(&one.host, "an accepted certificate", format!("{} ({kind})", seen.issuer), true))
        })
        .collect();
    let private = reached.iter().find(|one| one.certificate.as_ref().is_some_and(|seen| !seen.is_public));
    let clear: Vec<&str> = reached.iter().filter(|one| !one.is_https).map(|one| one.host.as_str()).collect();
    match private {
        Some(one) => Finding::info(
            "tls",
            format!(
                "{} shows a certificate of {}, a private authority that is trusted here",
                one.host,
                one.certificate.as_ref().map(|seen| seen.issuer.as_str()).unwrap_or_default()
            ),
        )
        .means("a company's proxy reads along, or the service is the company's own; tools with lists of their own refuse it"),
        None if clear.len() == reached.len() => Finding::ok("tls", "all services are reached in clear text"),
        None => Finding::ok("tls", "the certificates are accepted and of public authorities"),
    }
    .with(evidence)
}

/// Judges the clock by the services' `Date` headers.
pub(crate) fn clock(reached: &[Reached]) -> Finding {
    let mut evidence = Vec::new();
    let mut worst: Option<(i64, &Reached, i64)> = None;
    for one in reached {
        let Ok(answer) = &one.outcome else { continue };
        let Some(date) = answer.date else { continue };
        let ahead_s = answer.here.as_second() - date.as_second();
        let slack_s = if one.service == Service::S3 { SIGNATURE_SLACK_S } else { TOKEN_SLACK_S };
        evidence.push(Line::new(
            format!("clock against {}", one.host),
            format!("less than {} min apart", slack_s / 60),
            difference(ahead_s),
            ahead_s.abs() < slack_s,
        ));
        let beyond = ahead_s.abs() - slack_s;
        if worst.is_none_or(|(other, ..)| beyond > other) {
            worst = Some((beyond, one, ahead_s));
        }
    }
    match worst {
        None => Finding::info("clock", "no service told its time"),
        Some((beyond, one, ahead_s)) if beyond >= 0 => {
            let other_services_agree = evidence.iter().any(|line| line.holds);
            let means = if other_services_agree {
                format!(
                    "the other services agree with this machine: it is the clock of {} that is off",
                    one.host
                )
            } else {
                "tokens look expired or not yet valid to STS, and signatures to S3".to_owned()
            };
            let next = if other_services_agree {
                format!("Ask the admin of {} to set its clock.", one.host)
            } else {
                "Set this machine's clock by the network: `sudo timedatectl set-ntp true`.".to_owned()
            };
            Finding::broken(
                "clock",
                format!("this machine's clock is {} that of {}", difference(ahead_s), one.service.name()),
                means,
                next,
            )
        }
        Some((_, one, ahead_s)) if ahead_s.abs() > NOISE_S => Finding::info(
            "clock",
            format!(
                "this machine's clock is {} that of {}, which is within what is allowed",
                difference(ahead_s),
                one.host
            ),
        ),
        Some(_) => Finding::ok("clock", "this machine's clock agrees with the services'"),
    }
    .with(evidence)
}

fn difference(ahead_s: i64) -> String {
    let size = ahead_s.unsigned_abs();
    let amount = match size {
        0..120 => format!("{size} s"),
        120..7200 => format!("{} min", size / 60),
        7200..172_800 => format!("{} h {} min", size / 3600, size / 60 % 60),
        _ => format!("{} days", size / 86_400),
    };
    match ahead_s {
        0 => "level with".to_owned(),
        1.. => format!("{amount} ahead of"),
        _ => format!("{amount} behind"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn reached(service: Service, ahead_s: i64) -> Reached {
        let here = Timestamp::from_second(1_800_000_000).unwrap();
        Reached {
            service,
            host: service.name().replace(' ', "-"),
            is_https: true,
            proxy: None,
            outcome: Ok(Answered {
                date: Some(Timestamp::from_second(1_800_000_000 - ahead_s).unwrap()),
                here,
            }),
            certificate: Some(Certificate { issuer: "Public".into(), is_public: true }),
        }
    }

    fn failing(service: Service, kind: HttpErrorKind, text: &str) -> Reached {
        Reached { outcome: Err(Failed { kind, text: text.into() }), ..reached(service, 0) }
    }

    #[test]
    fn the_clock_is_judged_by_each_services_own_limit() {
        use Service::{Issuer, S3, Sts};
        for (clocks, level, part) in [
            (vec![(Issuer, 0), (Sts, 1), (S3, -2)], Level::Ok, "agrees"),
            (vec![(Issuer, 60), (Sts, 61), (S3, 60)], Level::Info, "within"),
            (vec![(Issuer, 400), (Sts, 400), (S3, 400)], Level::Broken, "6 min ahead"),
            (vec![(Issuer, -7300), (Sts, -7300), (S3, -7300)], Level::Broken, "2 h 1 min behind"),
            (vec![(S3, 600)], Level::Info, "10 min ahead"),
            (vec![(S3, 1000)], Level::Broken, "16 min ahead"),
            (vec![(Issuer, 0), (Sts, 0), (S3, 1000)], Level::Broken, "that of S3"),
            (vec![], Level::Info, "no service"),
        ] {
            let all: Vec<Reached> = clocks.iter().map(|(service, s)| reached(*service, *s)).collect();
            let finding = clock(&all);
            assert_eq!(finding.level, level, "{clocks:?}");
            assert!(finding.seen.contains(part), "{clocks:?}: {}", finding.seen);
        }
        let one_off = clock(&[reached(Issuer, 0), reached(S3, 5000)]);
        assert!(one_off.next.contains("Ask the admin"), "{one_off:?}");
    }

    #[test]
    fn each_failure_on_the_way_has_its_own_check() {
        let tls_failed = failing(Service::Issuer, HttpErrorKind::Tls, "UnknownIssuer");
        let clear = Reached { certificate: None, ..tls_failed.clone() };
        assert!(tls(&[clear], None).seen.contains("does not speak TLS"));
        assert_eq!(tls_failed.blocked_by(), Some("tls"));
        let private = Reached {
            certificate: Some(Certificate { issuer: "Corp Inspection CA".into(), is_public: false }),
            ..tls_failed.clone()
        };
        let finding = tls(&[private], None);
        assert!(finding.level == Level::Broken && finding.seen.contains("Corp Inspection CA"), "{finding:?}");
        let bundle = tls(&[tls_failed], Some("ca.pem"));
        assert!(bundle.means.contains("only the certificates in ca.pem"), "{bundle:?}");
        let trusted = Reached {
            certificate: Some(Certificate { issuer: "Corp".into(), is_public: false }),
            ..reached(Service::S3, 0)
        };
        assert_eq!(tls(&[trusted], None).level, Level::Info);

        let mut away = failing(Service::Sts, HttpErrorKind::Connect, "the proxy p:3128 was not reached");
        assert_eq!(away.blocked_by(), None, "no proxy is in use");
        away.proxy = Some("p:3128".into());
        assert_eq!(away.blocked_by(), Some("proxy"));
        assert!(proxy(&[away]).seen.contains("is not reached"));
        let mut refused = failing(Service::Sts, HttpErrorKind::Proxy, "the proxy answered with status 403");
        refused.proxy = Some("p:3128".into());
        assert!(proxy(&[refused]).seen.contains("does not let through"));
        assert_eq!(proxy(&[reached(Service::Sts, 0)]).level, Level::Ok);

        let one = failing(Service::S3, HttpErrorKind::Resolve, "");
        assert!(
            resolve(&[reached(Service::Issuer, 0), one.clone()], "lab").seen.contains("S3 has no address")
        );
        let all = [one.clone(), failing(Service::Issuer, HttpErrorKind::Resolve, "")];
        assert!(resolve(&all, "lab").seen.contains("no name"));
    }
}
