//! Scripted trouble. A [`Fault`] waits for the n-th call of an operation and then breaks it in one way;
//! every operation of every service passes through here, so none can be forgotten. A [`FaultRate`] breaks a share of all calls,
//! each in the next of several ways.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::locked;
use crate::world::content::scrambled;

/// The services of the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The identity provider: `discovery`, `keys`, `authorize`, `login`, `consent`, `token`, `devicecode`, `deviceauth`, `logout`.
    Issuer,
    /// Microsoft Graph, by what its documentation calls the operations: `listApplications`, `createApplication`,
    /// `getApplication`, `updateApplication`, `deleteApplication`, the same of `ServicePrincipal` and
    /// `Oauth2PermissionGrant`, `listAppRoleAssignedTo`, `createAppRoleAssignedTo`, `deleteAppRoleAssignedTo`,
    /// `listGroups`, `getGroup`, `listUsers`, `getUser`, …; besides `me`, `memberOf`, `organization`, `userinfo`.
    Graph,
    /// IAM, by AWS's action names.
    Iam,
    /// STS, by AWS's action names.
    Sts,
    /// S3, by AWS's operation names.
    S3,
    /// S3 Control: `CreateJob`, `DescribeJob`, `ListJobs`, `UpdateJobPriority`, `UpdateJobStatus`.
    #[serde(rename = "s3-control")]
    S3Control,
    /// IAM Access Analyzer: `ValidatePolicy`.
    #[serde(rename = "access-analyzer")]
    AccessAnalyzer,
    /// Identity Center's sign-in, by AWS's action names: `RegisterClient`, `StartDeviceAuthorization`, `CreateToken`; and the
    /// pages `authorize`, `device`, `login`, `confirm`.
    SsoOidc,
    /// Identity Center's access portal, by AWS's action names: `ListAccounts`, `ListAccountRoles`, `GetRoleCredentials`, `Logout`.
    Sso,
    /// Instance metadata: `token`, `roles`, `credentials`, `document`, `region`, `other`.
    Metadata,
    /// The container's credentials: `credentials`.
    Container,
    /// The console's federation endpoint: `getSigninToken`, `login`.
    Signin,
}

impl Service {
    /// Returns the lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Service::Issuer => "issuer",
            Service::Graph => "graph",
            Service::Iam => "iam",
            Service::Sts => "sts",
            Service::S3 => "s3",
            Service::S3Control => "s3-control",
            Service::AccessAnalyzer => "access-analyzer",
            Service::SsoOidc => "ssooidc",
            Service::Sso => "sso",
            Service::Metadata => "metadata",
            Service::Container => "container",
            Service::Signin => "signin",
        }
    }
}

/// What goes wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// The request is not performed; the service answers with this error in its own format.
    Status {
        /// The HTTP status.
        status: u16,
        /// The error code (`SlowDown`, `invalid_grant`, …).
        code: String,
        /// The message beside it.
        message: String,
        /// The `Retry-After` header in seconds.
        retry_after_s: Option<u32>,
    },
    /// The request is not performed and the connection ends without an answer.
    DropRequest,
    /// The request is performed and the connection ends without an answer.
    DropAnswer,
    /// The request is not performed and the connection is reset.
    ResetRequest,
    /// The request is performed and the connection is reset.
    ResetAnswer,
    /// The answer's body ends after so many bytes, and with it the connection; the promised length stays.
    CutBody(u64),
    /// The answer's body ends in its middle, and with it the connection; an answer without a body does not come at all.
    CutBodyMidway,
    /// After so many bytes of the answer's body none come any more, and the connection stays open. Stopping the sandbox or
    /// hanging up ends the wait.
    StallBody(u64),
    /// In the middle of the answer's body the bytes stop coming, as with [`Effect::StallBody`]; an answer without a body does not come.
    StallBodyMidway,
    /// After so many bytes of the request's body, or at its end if that comes first, the connection ends without an answer. The request is not
    /// performed.
    CutRequest(u64),
    /// The connection ends in the middle of the request's body, as with [`Effect::CutRequest`]; at once for a request without one.
    CutRequestMidway,
    /// The answer comes after this delay. Stopping the sandbox or hanging up ends the wait.
    Delay(Duration),
    /// The byte at this offset of the answer's body is inverted; headers and checksums stay as they were.
    FlipByte(u64),
    /// The byte at this offset of the request's body is inverted before the service reads it.
    FlipRequestByte(u64),
    /// The whole answer body is replaced, with its length; status and other headers stay.
    ReplaceBody(Bytes),
    /// The service lives this many seconds in the future (or past) for this call: its checks and its `Date`.
    SkewClock(i64),
    /// Every temporary credential expires before the call is looked at.
    ExpireSessions,
    /// Every temporary credential is forgotten before the call is looked at, as if it had never existed.
    ForgetSessions,
}

impl Effect {
    /// Returns AWS's answer to too many requests.
    pub fn slow_down() -> Effect {
        Effect::Status {
            status: 503,
            code: "SlowDown".into(),
            message: "Please reduce your request rate.".into(),
            retry_after_s: None,
        }
    }

    /// Returns S3's answer to its own troubles.
    pub fn internal_error() -> Effect {
        Effect::status(500, "InternalError", "We encountered an internal error. Please try again.")
    }

    /// Returns a word for it: an error's code, else the name of the effect.
    pub fn name(&self) -> &str {
        match self {
            Effect::Status { code, .. } => code,
            Effect::DropRequest => "DropRequest",
            Effect::DropAnswer => "DropAnswer",
            Effect::ResetRequest => "ResetRequest",
            Effect::ResetAnswer => "ResetAnswer",
            Effect::CutBody(_) | Effect::CutBodyMidway => "CutBody",
            Effect::StallBody(_) | Effect::StallBodyMidway => "StallBody",
            Effect::CutRequest(_) | Effect::CutRequestMidway => "CutRequest",
            Effect::Delay(_) => "Delay",
            Effect::FlipByte(_) => "FlipByte",
            Effect::FlipRequestByte(_) => "FlipRequestByte",
            Effect::ReplaceBody(_) => "ReplaceBody",
            Effect::SkewClock(_) => "SkewClock",
            Effect::ExpireSessions => "ExpireSessions",
            Effect::ForgetSessions => "ForgetSessions",
        }
    }

    /// Returns an answer with this status and code.
    pub fn status(status: u16, code: &str, message: &str) -> Effect {
        Effect::Status { status, code: code.into(), message: message.into(), retry_after_s: None }
    }
}

/// One scripted fault: where, when, how often, what.
#[derive(Clone, Debug)]
pub struct Fault {
    service: Service,
    operation: String,
    path_part: Option<String>,
    skip: u32,
    times: u32,
    effect: Effect,
}

impl Fault {
    /// Returns a fault for the next call of `operation` (`*` for any) on `service`.
    pub fn new(service: Service, operation: &str, effect: Effect) -> Fault {
        Fault { service, operation: operation.into(), path_part: None, skip: 0, times: 1, effect }
    }

    /// Waits for the n-th matching call, counted from 1.
    pub fn nth(self, n: u32) -> Fault {
        Fault { skip: n.saturating_sub(1), ..self }
    }

    /// Strikes this many matching calls in a row.
    pub fn times(self, times: u32) -> Fault {
        Fault { times, ..self }
    }

    /// Strikes every matching call until [`Faults::clear`].
    pub fn always(self) -> Fault {
        self.times(u32::MAX)
    }

    /// Matches only requests whose path contains `part`.
    pub fn path_containing(self, part: &str) -> Fault {
        Fault { path_part: Some(part.into()), ..self }
    }

    fn matches(&self, service: Service, operation: &str, path: &str) -> bool {
        self.service == service
            && (self.operation == "*" || self.operation == operation)
            && self.path_part.as_deref().is_none_or(|part| path.contains(part))
    }
}

/// A share of all calls that is broken, each in the next of several ways.
///
/// Of every run of as many matching calls as make one fault, one is struck, at a place that the seed decides: which calls those are
/// follows from their number alone.
#[derive(Clone, Debug)]
pub struct FaultRate {
    service: Service,
    /// Empty for all.
    operations: Vec<String>,
    calls_a_fault: u64,
    seed: u64,
    effects: Vec<Effect>,
    seen: u64,
    struck: usize,
}

impl FaultRate {
    /// Returns a rate of so many faults in a thousand calls of `service`: errors 500 and 503, connections that are reset before or after the
    /// request was performed, bodies that break off in either direction, answers that stall.
    ///
    /// # Panics
    /// When the rate is not between 1 and 1000.
    pub fn new(service: Service, per_mille: u16, seed: u64) -> FaultRate {
        assert!((1..=1000).contains(&per_mille), "a rate between 1 and 1000 per mille");
        let effects = vec![
            Effect::internal_error(),
            Effect::slow_down(),
            Effect::ResetRequest,
            Effect::ResetAnswer,
            Effect::CutBodyMidway,
            Effect::CutRequestMidway,
            Effect::StallBodyMidway,
        ];
        let calls_a_fault = 1000 / u64::from(per_mille);
        FaultRate { service, operations: Vec::new(), calls_a_fault, seed, effects, seen: 0, struck: 0 }
    }

    /// Counts and strikes these operations only.
    pub fn of(self, operations: &[&str]) -> FaultRate {
        FaultRate { operations: operations.iter().map(|&name| name.to_owned()).collect(), ..self }
    }

    /// Breaks calls in these ways, one after the other.
    ///
    /// # Panics
    /// When there are none.
    pub fn effects(self, effects: Vec<Effect>) -> FaultRate {
        assert!(!effects.is_empty(), "at least one effect");
        FaultRate { effects, ..self }
    }

    fn strike(&mut self, service: Service, operation: &str) -> Option<Effect> {
        let named = self.operations.is_empty() || self.operations.iter().any(|name| name == operation);
        if service != self.service || !named {
            return None;
        }
        let (run, place) = (self.seen / self.calls_a_fault, self.seen % self.calls_a_fault);
        self.seen += 1;
        if scrambled(self.seed ^ scrambled(run)) % self.calls_a_fault != place {
            return None;
        }
        self.struck += 1;
        Some(self.effects[(self.struck - 1) % self.effects.len()].clone())
    }
}

/// The script of faults of one sandbox.
#[derive(Debug, Default)]
pub struct Faults {
    script: Mutex<Script>,
}

#[derive(Debug, Default)]
struct Script {
    pending: Vec<Fault>,
    rates: Vec<FaultRate>,
    fired: usize,
    struck: BTreeMap<String, usize>,
}

impl Faults {
    /// Adds a fault to the script.
    pub fn add(&self, fault: Fault) {
        locked(&self.script).pending.push(fault);
    }

    /// Breaks a share of all calls from now on, until [`Faults::clear`].
    pub fn add_rate(&self, rate: FaultRate) {
        locked(&self.script).rates.push(rate);
    }

    /// Removes all faults that have not run out, and all rates.
    pub fn clear(&self) {
        let mut script = locked(&self.script);
        script.pending.clear();
        script.rates.clear();
    }

    /// Returns how often each effect struck so far, by [`Effect::name`].
    pub fn struck(&self) -> BTreeMap<String, usize> {
        locked(&self.script).struck.clone()
    }

    /// Returns how many calls were struck so far.
    pub fn fired(&self) -> usize {
        locked(&self.script).fired
    }

    /// Returns what shall go wrong with this call, in the order the faults were added.
    pub(crate) fn strike(&self, service: Service, operation: &str, path: &str) -> Vec<Effect> {
        let mut script = locked(&self.script);
        let mut effects = Vec::new();
        for fault in script.pending.iter_mut().filter(|fault| fault.matches(service, operation, path)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else {
                fault.times = fault.times.saturating_sub(u32::from(fault.times != u32::MAX));
                effects.push(fault.effect.clone());
            }
        }
        script.pending.retain(|fault| fault.times > 0);
        effects.extend(script.rates.iter_mut().filter_map(|rate| rate.strike(service, operation)));
        for effect in &effects {
            *script.struck.entry(effect.name().to_owned()).or_default() += 1;
        }
        script.fired += usize::from(!effects.is_empty());
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_for_its_call_and_runs_out() {
        let faults = Faults::default();
        faults.add(Fault::new(Service::S3, "GetObject", Effect::DropRequest).nth(2).times(2));
        let struck: Vec<bool> =
            (0..5).map(|_| !faults.strike(Service::S3, "GetObject", "/b/k").is_empty()).collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert_eq!(faults.fired(), 2);
    }

    #[test]
    fn a_fault_minds_service_operation_and_path() {
        let faults = Faults::default();
        faults.add(Fault::new(Service::Sts, "*", Effect::DropRequest).path_containing("/x").always());
        assert!(faults.strike(Service::S3, "GetObject", "/x").is_empty());
        assert!(faults.strike(Service::Sts, "AssumeRole", "/").is_empty());
        assert_eq!(faults.strike(Service::Sts, "AssumeRole", "/x").len(), 1);
        assert_eq!(faults.strike(Service::Sts, "GetCallerIdentity", "/x").len(), 1);
        faults.clear();
        assert!(faults.strike(Service::Sts, "AssumeRole", "/x").is_empty());
    }

    #[test]
    fn a_rate_strikes_one_call_of_each_run_and_takes_its_effects_in_turn() {
        let places = |seed| {
            let faults = Faults::default();
            faults.add_rate(FaultRate::new(Service::S3, 10, seed));
            let struck = (0..1400).filter(|_| !faults.strike(Service::S3, "GetObject", "/").is_empty());
            let places: Vec<u32> = struck.collect();
            assert_eq!(faults.struck().len(), 7, "{:?}", faults.struck());
            assert!(faults.struck().values().all(|count| *count == 2), "{:?}", faults.struck());
            places
        };
        let first = places(1);
        assert_eq!(first.iter().map(|place| place / 100).collect::<Vec<_>>(), (0..14).collect::<Vec<_>>());
        assert_eq!(first, places(1));
        assert_ne!(first, places(2));
    }

    #[test]
    fn a_rate_minds_service_and_operation() {
        let faults = Faults::default();
        let rate = FaultRate::new(Service::S3, 1000, 1).of(&["PutObject"]).effects(vec![Effect::DropAnswer]);
        faults.add_rate(rate);
        assert!(faults.strike(Service::S3, "GetObject", "/").is_empty());
        assert!(faults.strike(Service::Sts, "PutObject", "/").is_empty());
        assert_eq!(faults.strike(Service::S3, "PutObject", "/").len(), 1);
        faults.clear();
        assert!(faults.strike(Service::S3, "PutObject", "/").is_empty());
    }
}
