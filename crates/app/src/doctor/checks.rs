//! Pure: the table of checks: what there is to look at, in which order, and what each needs of the others.

use std::collections::BTreeSet;

use super::finding::Rung;

/// One thing that can be looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// Its name on the command line and in the output.
    pub(crate) id: &'static str,
    /// Where it stands.
    pub(crate) rung: Rung,
    /// What it looks at.
    pub(crate) title: &'static str,
    /// The checks without which it cannot be run.
    pub(crate) needs: &'static [&'static str],
    /// The checks whose outcome it takes into account where there is one.
    pub(crate) uses: &'static [&'static str],
    /// For whom it is.
    pub(crate) only_for: For,
}

/// For whom a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    /// Everybody.
    All,
    /// Whoever has a bookmark.
    Bookmark,
    /// Bookmarks whose way in is a web sign-in.
    Web,
    /// Whoever asked for it: `--write`.
    Write,
}

const fn check(
    id: &'static str,
    rung: Rung,
    only_for: For,
    needs: &'static [&'static str],
    title: &'static str,
) -> Check {
    Check { id, rung, title, needs, uses: &[], only_for }
}

impl Check {
    const fn using(self, uses: &'static [&'static str]) -> Self {
        Self { uses, ..self }
    }
}

/// What the checks of IAM hold the policies against, and whose session may read them.
const OF_IAM: &[&str] = &["discovery", "sign-in", "session-name", "exchange"];

/// Every check, in the order of the ladder.
pub(crate) const CHECKS: &[Check] = &[
    check("bookmark", Rung::Local, For::Bookmark, &[], "bookmark, profile and preferences say enough"),
    check("pins", Rung::Local, For::Bookmark, &["bookmark"], "the bookmark leads where it led"),
    check("environment", Rung::Local, For::All, &[], "no variable gets in the way of other tools"),
    check("aws-files", Rung::Local, For::All, &[], "~/.aws gets in nobody's way"),
    check("key-store", Rung::Local, For::All, &[], "the keychain keeps a secret"),
    check("loopback", Rung::Local, For::All, &[], "the issuer's answer can come back to this machine"),
    check("browser", Rung::Local, For::All, &[], "a browser can be opened"),
    check("scheme", Rung::Local, For::Web, &["bookmark"], "the address scheme of the redirect is ours"),
    check(
        "network",
        Rung::Local,
        For::Bookmark,
        &["bookmark"],
        "certificates to trust and proxies can be read",
    ),
    check("resolve", Rung::Local, For::Bookmark, &["network"], "names have addresses"),
    check("proxy", Rung::Local, For::Bookmark, &["network"], "proxies let connections through"),
    check("tls", Rung::Local, For::Bookmark, &["network"], "certificates are accepted, and whose they are"),
    check(
        "clock",
        Rung::Local,
        For::Bookmark,
        &["network"],
        "this machine's clock agrees with the services'",
    ),
    check("discovery", Rung::Issuer, For::Web, &["network", "pins"], "the issuer describes itself"),
    check("issuer", Rung::Issuer, For::Web, &["discovery"], "it is the issuer that the bookmark names"),
    check("client", Rung::Issuer, For::Web, &["discovery"], "the issuer knows the application"),
    check(
        "redirect",
        Rung::Issuer,
        For::Web,
        &["discovery", "client"],
        "the issuer accepts the redirect address",
    ),
    check(
        "client-kind",
        Rung::Issuer,
        For::Web,
        &["discovery", "client"],
        "the application is of the right kind",
    ),
    check("keys", Rung::Issuer, For::Web, &["discovery"], "AWS can use the issuer's keys"),
    check("sign-in", Rung::SignedIn, For::Web, &["network", "pins", "key-store"], "somebody is signed in"),
    check("claims", Rung::SignedIn, For::Web, &["sign-in"], "the token says what AWS will test")
        .using(&["discovery"]),
    check("token-shape", Rung::SignedIn, For::Web, &["sign-in"], "size, groups, roles and tags of the token")
        .using(&["discovery"]),
    check(
        "signing-key",
        Rung::SignedIn,
        For::Web,
        &["sign-in", "keys"],
        "AWS finds the key that signed the token",
    ),
    check("session-name", Rung::SignedIn, For::Web, &["sign-in"], "the session gets a name that AWS takes"),
    check("sts", Rung::Exchange, For::Web, &["network"], "STS is there and fits the role"),
    check("exchange", Rung::Exchange, For::Web, &["sign-in", "sts"], "STS takes the token for the role"),
    check(
        "duration",
        Rung::Exchange,
        For::Web,
        &["exchange"],
        "the session lasts as long as it is asked for",
    ),
    check("provider", Rung::Iam, For::Web, &[], "the role's account knows the issuer and the application")
        .using(OF_IAM),
    check("role", Rung::Iam, For::Web, &[], "the role exists and allows the duration").using(OF_IAM),
    check("trust", Rung::Iam, For::Web, &[], "the trust policy lets the token in").using(OF_IAM),
    check("permissions", Rung::Iam, For::Web, &[], "the permission policies reach the data").using(OF_IAM),
    check(
        "identity",
        Rung::S3,
        For::Bookmark,
        &["network", "pins", "exchange"],
        "there is a credential, and whose it is",
    ),
    check("bucket", Rung::S3, For::Bookmark, &["identity"], "the bucket is there, in the region"),
    check("list", Rung::S3, For::Bookmark, &["bucket"], "the bucket can be listed"),
    check("get", Rung::S3, For::Bookmark, &["list"], "an object can be read"),
    check("write", Rung::S3, For::Write, &["bucket"], "an object can be written, read and deleted"),
    check("checksums", Rung::S3, For::Write, &["write"], "the service keeps checksums"),
    check("mount", Rung::Mount, For::All, &[], "what a mount needs is there"),
];

/// Returns a check by its ID.
pub(crate) fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id)
}

/// Returns the rung of a check of the table.
pub(crate) fn rung(id: &str) -> Rung {
    find(id).map_or(Rung::Local, |check| check.rung)
}

/// Returns the place of a check in the ladder.
pub(crate) fn place(id: &str) -> usize {
    CHECKS.iter().position(|check| check.id == id).unwrap_or(CHECKS.len())
}

/// Which checks a run shows, and which it has to run for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    shown: BTreeSet<&'static str>,
    needed: BTreeSet<&'static str>,
    run: BTreeSet<&'static str>,
}

impl Selection {
    /// Chooses checks: those of `only`, all where it is empty, without those of `skip`.
    ///
    /// # Errors
    /// The name that no check has.
    pub(crate) fn of(only: &[String], skip: &[String]) -> Result<Self, String> {
        let known = |name: &String| find(name).map(|check| check.id).ok_or_else(|| name.clone());
        let only: BTreeSet<_> = only.iter().map(known).collect::<Result<_, _>>()?;
        let skip: BTreeSet<_> = skip.iter().map(known).collect::<Result<_, _>>()?;
        let all = CHECKS.iter().map(|check| check.id);
        let shown: BTreeSet<_> =
            all.filter(|id| (only.is_empty() || only.contains(id)) && !skip.contains(id)).collect();
        let (mut needed, mut run) = (shown.clone(), shown.clone());
        // The ladder is in order: what a check needs stands before it.
        for check in CHECKS.iter().rev() {
            if needed.contains(check.id) {
                needed.extend(check.needs);
            }
            if run.contains(check.id) {
                run.extend(check.needs);
                run.extend(check.uses);
            }
        }
        Ok(Self { shown, needed, run })
    }

    /// Tells whether a check is to be run, for itself or for another one.
    pub(crate) fn runs(&self, id: &str) -> bool {
        self.run.contains(id)
    }

    /// Tells whether the outcome of a check was asked for.
    pub(crate) fn shows(&self, id: &str) -> bool {
        self.shown.contains(id)
    }

    /// Tells whether something that was asked for cannot be run without a check.
    pub(crate) fn rests_on(&self, id: &str) -> bool {
        self.needed.contains(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_needs_only_checks_before_it() {
        for (place, check) in CHECKS.iter().enumerate() {
            for need in check.needs.iter().chain(check.uses) {
                assert!(CHECKS[..place].iter().any(|other| other.id == *need), "{}: {need}", check.id);
            }
            assert!(CHECKS[..place].iter().all(|other| other.id != check.id && other.rung <= check.rung));
        }
    }

    #[test]
    fn what_is_needed_runs_and_is_not_shown() {
        let only = Selection::of(&["claims".into()], &[]).unwrap();
        assert!(only.shows("claims") && !only.shows("sign-in"));
        assert!(only.runs("sign-in") && only.runs("bookmark") && !only.runs("clock"));
        assert!(only.runs("discovery") && only.rests_on("sign-in") && !only.rests_on("discovery"));
        let rest = Selection::of(&[], &["browser".into()]).unwrap();
        assert!(!rest.runs("browser") && rest.shows("mount"));
        assert_eq!(Selection::of(&["clok".into()], &[]), Err("clok".into()));
    }
}
