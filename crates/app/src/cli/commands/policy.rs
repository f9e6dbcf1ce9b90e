//! `pintail policy trust|test|run|lint`

use std::net::IpAddr;
use std::path::PathBuf;

use clap::ArgGroup;
use jiff::Timestamp;
use pintail_core::policy::Kind;

use crate::cli::{Outcome, render::Output, show};
use crate::explain::Exit;
use crate::ops::policy::{
    self, Cases, ClaimsFrom, DEFAULT_SESSION_NAME, PolicyFiles, Reader, Surroundings, TestQuestion, Together,
    TrustQuestion, key_and_value,
};
use crate::ops::{App, Error};

/// Try IAM policies out before they are in force: who is admitted, what is allowed, and which line decides
///
/// Nothing is asked of AWS: files are read, `-` is standard input, and the documented rules of IAM are applied. Every line of a
/// condition is shown with the value that the policy wants and the value that is there.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Ask a role's trust policy whether it admits an ID token
    ///
    /// Ends with 0 where it does and with 5 where it does not. The subject and the e-mail address of the token are shown by their last
    /// four characters.
    #[command(group(ArgGroup::new("identity").required(true)))]
    Trust(Trust),
    /// Ask permission policies whether they allow an action on a resource
    ///
    /// Several actions and resources are asked in every combination. Ends with 0 where all is allowed, with 5 where nothing is, with 3 where
    /// some is.
    #[command(group(ArgGroup::new("granting").required(true).multiple(true)))]
    Test(Test),
    /// Ask every case of a file, and compare with what is expected
    ///
    /// Ends with 0 where everything is as expected, with 3 where some cases are not, with 1 where none is. `docs/formats.md` describes the
    /// file.
    Run {
        /// The file of cases.
        #[arg(value_name = "CASES.toml")]
        file: PathBuf,
    },
    /// Find in policies what IAM accepts and nobody should write
    ///
    /// Ends with 1 where something cannot do what it is there for, with --strict also where something is doubtful, else with 0.
    Lint(Lint),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Trust {
    /// The trust policy.
    #[arg(value_name = "FILE")]
    policy: PathBuf,
    /// The claims of the ID token: a file with a JSON object.
    #[arg(long, value_name = "FILE", group = "identity", visible_alias = "claims")]
    token_claims: Option<PathBuf>,
    /// The ID token itself, in a file. It is decoded, and not verified.
    #[arg(long, value_name = "FILE", group = "identity")]
    token: Option<PathBuf>,
    /// The ARN of the identity provider, where the trust policy does not tell.
    #[arg(long, value_name = "ARN")]
    provider: Option<String>,
    /// The ARN of the role, for tokens that list roles.
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// The name of the session.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_SESSION_NAME)]
    session_name: String,
    #[command(flatten)]
    around: Around,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    /// A permission policy of the user or role; several together grant what any of them grants.
    #[arg(long = "policy", value_name = "FILE", group = "granting", help_heading = "Policies")]
    policies: Vec<PathBuf>,
    /// The policy of the bucket.
    #[arg(long, value_name = "FILE", group = "granting", requires = "principal", help_heading = "Policies")]
    resource_policy: Option<PathBuf>,
    /// A policy that the session brings along.
    #[arg(long = "session-policy", value_name = "FILE", help_heading = "Policies")]
    session_policies: Vec<PathBuf>,
    /// The permissions boundary of the user or role.
    #[arg(long, value_name = "FILE", help_heading = "Policies")]
    boundary: Option<PathBuf>,
    /// A service control policy; each is a level of the organization of its own.
    #[arg(long = "scp", value_name = "FILE", help_heading = "Policies")]
    scps: Vec<PathBuf>,
    /// A resource control policy.
    #[arg(long = "rcp", value_name = "FILE", help_heading = "Policies")]
    rcps: Vec<PathBuf>,
    /// The action, `s3:GetObject`.
    #[arg(long = "action", value_name = "ACTION", required = true)]
    actions: Vec<String>,
    /// What it is done to: an ARN, or `s3://bucket/key`.
    #[arg(long = "resource", value_name = "ARN|s3://…", required = true)]
    resources: Vec<String>,
    /// Who asks: the ARN of a user, role or session, or `*` for a request without a signature.
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
    /// The account of the bucket, where it is not the principal's.
    #[arg(long, value_name = "ACCOUNT")]
    resource_account: Option<String>,
    /// The claims of the ID token that the session began with: a file with a JSON object. Needs --provider.
    #[arg(long, value_name = "FILE", requires = "provider", visible_alias = "token-claims")]
    claims: Option<PathBuf>,
    /// The ARN of the identity provider.
    #[arg(long, value_name = "ARN")]
    provider: Option<String>,
    #[command(flatten)]
    around: Around,
}

/// What is around a request, and how much of the answer is shown.
#[derive(Debug, clap::Args)]
struct Around {
    /// A key that conditions test, with its value; given several times, it has several values.
    #[arg(long, value_name = "KEY=VALUE")]
    context: Vec<String>,
    /// Where the request comes from.
    #[arg(long, value_name = "IP")]
    source_ip: Option<IpAddr>,
    /// When, such as 2026-11-27T10:00:00Z; without it, now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Show every statement, also those that have nothing to do with it.
    #[arg(long)]
    all: bool,
}

impl Around {
    fn surroundings(
        &self,
        claims: Option<ClaimsFrom>,
        provider: Option<String>,
    ) -> Result<Surroundings, Error> {
        let context = self.context.iter().map(|text| key_and_value(text)).collect::<Result<_, _>>()?;
        Ok(Surroundings { claims, provider, source_ip: self.source_ip, at: self.at, context })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Lint {
    /// The policies.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What they are; without it, each is told by what is in it.
    #[arg(long, value_enum)]
    kind: Option<KindName>,
    /// The account of the role, to find providers of other accounts.
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// The ARN of the identity provider that conditions are meant for.
    #[arg(long, value_name = "ARN")]
    provider: Option<String>,
    /// Also fail for what is doubtful.
    #[arg(long)]
    strict: bool,
}

/// A kind of policy.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KindName {
    /// Who may take a role on.
    Trust,
    /// What a user or role may do.
    Identity,
    /// What a session is narrowed to.
    Session,
    /// What may be done to a bucket, and by whom.
    Resource,
    /// What a user or role may do at most.
    Boundary,
    /// What an account may do at most.
    Scp,
    /// What may be done to an account's resources at most.
    Rcp,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Trust => Self::Trust,
            KindName::Identity => Self::Identity,
            KindName::Session => Self::Session,
            KindName::Resource => Self::Resource,
            KindName::Boundary => Self::Boundary,
            KindName::Scp => Self::Scp,
            KindName::Rcp => Self::Rcp,
        }
    }
}

impl Command {
    pub(crate) async fn run(self, app: &App, output: &Output) -> Outcome {
        match self {
            Self::Trust(args) => args.run(app, output).await,
            Self::Test(args) => args.run(app, output).await,
            Self::Run { file } => {
                let cases = Cases::read(&mut Reader::default(), &file).await?;
                let mut talk = show::CaseTalk::new(output);
                let together = cases.run(app, |result| talk.case(result)).await?;
                talk.end();
                Ok(match together {
                    Together::All => Exit::Done,
                    Together::Some => Exit::Partly,
                    Together::None => Exit::Failed,
                })
            }
            Self::Lint(args) => args.run(output).await,
        }
    }
}

impl Trust {
    async fn run(self, app: &App, output: &Output) -> Outcome {
        let claims = match (self.token_claims, self.token) {
            (Some(path), _) => Some(ClaimsFrom::Json(path)),
            (None, path) => path.map(ClaimsFrom::Token),
        };
        let question = TrustQuestion {
            policy: self.policy,
            role: self.role_arn,
            session_name: self.session_name,
            surroundings: self.around.surroundings(claims, self.provider)?,
        };
        let answer = policy::trust(app, &mut Reader::default(), &question).await?;
        show::trust(output, &answer, self.around.all)?;
        Ok(if answer.verdict.is_admitted() { Exit::Done } else { Exit::Refused })
    }
}

impl Test {
    async fn run(self, app: &App, output: &Output) -> Outcome {
        let question = TestQuestion {
            surroundings: self.around.surroundings(self.claims.map(ClaimsFrom::Json), self.provider)?,
            files: PolicyFiles {
                identity: self.policies,
                session: self.session_policies,
                boundary: self.boundary,
                scps: self.scps,
                rcps: self.rcps,
                resource: self.resource_policy,
            },
            actions: self.actions,
            resources: self.resources,
            principal: self.principal,
            resource_account: self.resource_account,
        };
        let answers = policy::test(app, &mut Reader::default(), &question).await?;
        show::tested(output, &answers, self.around.all)?;
        Ok(match answers.together() {
            Together::All => Exit::Done,
            Together::Some => Exit::Partly,
            Together::None => Exit::Refused,
        })
    }
}

impl Lint {
    async fn run(self, output: &Output) -> Outcome {
        let mut reader = Reader::default();
        let kind = self.kind.map(Kind::from);
        let (account, provider) = (self.account.as_deref(), self.provider.as_deref());
        let mut worst = None;
        for file in &self.files {
            let looked = policy::look_through(&mut reader, file, kind, account, provider).await?;
            worst = worst.max(looked.found.iter().map(|one| one.finding.level()).max());
            show::looked(output, &looked)?;
        }
        Ok(if show::is_bad(worst, self.strict) { Exit::Failed } else { Exit::Done })
    }
}
