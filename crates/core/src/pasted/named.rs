//! What stands beside an error: IDs worth keeping for a ticket, and the tenant, app, role, bucket and the like that it names.

/// What support and sign-in logs are searched by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Entra's name of the whole attempt.
    pub correlation_id: Option<String>,
    /// Entra's name of the failed request.
    pub trace_id: Option<String>,
    /// AWS's or Graph's name of the request.
    pub request_id: Option<String>,
    /// S3's second name of it (`HostId`).
    pub host_id: Option<String>,
    /// The name that the client gave the request.
    pub client_request_id: Option<String>,
    /// When it happened, as it was written.
    pub timestamp: Option<String>,
}

/// What an error names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// The account of AWS.
    pub account: Option<String>,
    /// The action that was refused, as policies write it (`s3:GetObject`).
    pub action: Option<String>,
    /// The bucket.
    pub bucket: Option<String>,
    /// The app registration, by its client ID.
    pub client_id: Option<String>,
    /// The issuer.
    pub issuer: Option<String>,
    /// The redirect address.
    pub redirect: Option<String>,
    /// The region that the service names, which often is the right one.
    pub region: Option<String>,
    /// What the action was to be done on, by its ARN.
    pub resource: Option<String>,
    /// The role, by its ARN; a session's role is named as the role.
    pub role_arn: Option<String>,
    /// The tenant, by GUID or domain.
    pub tenant: Option<String>,
}

impl Ids {
    /// Takes over what is not known yet.
    pub(super) fn complete(&mut self, other: Self) {
        fill(&mut self.correlation_id, other.correlation_id);
        fill(&mut self.trace_id, other.trace_id);
        fill(&mut self.request_id, other.request_id);
        fill(&mut self.host_id, other.host_id);
        fill(&mut self.client_request_id, other.client_request_id);
        fill(&mut self.timestamp, other.timestamp);
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Named {
    /// Takes over what is not known yet.
    pub(super) fn complete(&mut self, other: Self) {
        fill(&mut self.account, other.account);
        fill(&mut self.action, other.action);
        fill(&mut self.bucket, other.bucket);
        fill(&mut self.client_id, other.client_id);
        fill(&mut self.issuer, other.issuer);
        fill(&mut self.redirect, other.redirect);
        fill(&mut self.region, other.region);
        fill(&mut self.resource, other.resource);
        fill(&mut self.role_arn, other.role_arn);
        fill(&mut self.tenant, other.tenant);
    }
}

fn fill(slot: &mut Option<String>, value: Option<String>) {
    if slot.is_none() {
        *slot = value.filter(|value| !value.is_empty());
    }
}

/// Finds IDs by the words before them.
pub(super) fn ids(text: &str) -> Ids {
    let lower = text.to_ascii_lowercase();
    let id = |labels: &[&str]| {
        labelled(text, &lower, labels, |c| c.is_ascii_alphanumeric() || "+/=_-".contains(c), 6)
    };
    let entra = lower.contains("aadsts") || lower.contains("correlation id");
    let request = id(&[
        "aws_request_id",
        "x-amzn-requestid",
        "request id",
        "requestid",
        "request-id",
        "request_id",
        "request ",
    ]);
    // Microsoft's page calls the trace ID a request ID.
    let trace = id(&["trace id", "trace_id", "traceid"]);
    let guid = |id: &String| is_guid(id);
    let (trace, request) = if entra && trace.is_none() {
        (request.clone().filter(guid), request.filter(|id| !is_guid(id)))
    } else {
        (trace, request)
    };
    Ids {
        correlation_id: id(&["correlation id", "correlation_id", "correlationid"]).filter(guid),
        trace_id: trace.filter(guid),
        request_id: request.filter(|id| id.bytes().any(|byte| byte.is_ascii_digit())),
        host_id: id(&["extended request id", "host id", "hostid"]),
        client_request_id: id(&["client-request-id"]).filter(guid),
        timestamp: labelled(
            text,
            &lower,
            &["timestamp"],
            |c| c.is_ascii_digit() || "-:.TZ +".contains(c),
            10,
        )
        .map(|time| time.trim().to_owned()),
    }
}

/// Returns what follows the first of some labels, with at most a mark or two between.
fn labelled(
    text: &str,
    lower: &str,
    labels: &[&str],
    fits: impl Fn(char) -> bool,
    min: usize,
) -> Option<String> {
    for label in labels {
        for (at, _) in lower.match_indices(label) {
            let rest = &text[at + label.len()..];
            let skipped = rest.bytes().take(8).take_while(|byte| b"\"'\\:= \t>(".contains(byte)).count();
            let value = &rest[skipped..];
            let end = value.find(|c| !fits(c)).unwrap_or(value.len());
            if (skipped > 0 || label.ends_with(' ')) && end >= min {
                return Some(value[..end].to_owned());
            }
        }
    }
    None
}

/// Tells whether a text is a GUID.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Finds what a text names.
pub(super) fn named(text: &str) -> Named {
    let lower = text.to_ascii_lowercase();
    let mut named = Named::default();
    for arn in arns(text) {
        read_arn(arn, &mut named);
    }
    let behind = |label: &str| quoted_after(text, &lower, label);
    named.client_id = first([
        behind("application with identifier"),
        behind("application with id"),
        behind("for the application"),
        behind("the application"),
        behind("application"),
        behind("(app"),
        parameter(text, "client_id"),
        parameter(text, "client id"),
    ])
    .filter(|id| is_guid(id));
    named.tenant = first([
        behind("found in the directory"),
        behind("does not exist in tenant"),
        behind("tenant"),
        behind("directory"),
        tenant_of_address(text),
    ])
    .filter(|tenant| is_guid(tenant) || tenant.contains('.'));
    let address = |value: Option<String>| value.filter(|value| value.contains(':'));
    named.redirect = address(behind("redirect uri"))
        .or_else(|| address(behind("reply url")))
        .or_else(|| address(behind("reply address")))
        .or_else(|| address(parameter(text, "redirect_uri").map(|value| decoded(&value))));
    named.issuer = word_after(text, &lower, "found in your account for ")
        .or_else(|| word_after(text, &lower, "said: iss "));
    named.issuer = named.issuer.filter(|issuer| issuer.starts_with("http"));
    named.action = action(text, &lower);
    named.region = behind("expecting").filter(|region| region.contains('-')).or_else(|| behind("the region"));
    if named.bucket.is_none() {
        let address = text.find("s3://").map(|at| &text[at + "s3://".len()..]);
        named.bucket = address
            .and_then(|rest| rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))).next())
            .map(str::to_owned);
    }
    named
}

fn first<const N: usize>(candidates: [Option<String>; N]) -> Option<String> {
    candidates.into_iter().flatten().find(|value| is_guid(value) || value.contains('.'))
}

fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
}

/// The value between quotation marks that follows a label closely.
fn quoted_after(text: &str, lower: &str, label: &str) -> Option<String> {
    for (at, _) in lower.match_indices(label) {
        let rest = &text[at + label.len()..];
        let skipped = rest.bytes().take(6).take_while(|byte| b" :,=".contains(byte)).count();
        let rest = &rest[skipped..];
        let Some(mark) = rest.chars().next().filter(|c| "'\"’‘“".contains(*c)) else { continue };
        let rest = &rest[mark.len_utf8()..];
        let end = rest.find(['\'', '"', '’', '”', '\n'])?;
        if end > 0 && end <= 300 {
            return Some(rest[..end].to_owned());
        }
    }
    None
}

/// The word that follows a label.
fn word_after(text: &str, lower: &str, label: &str) -> Option<String> {
    let rest = &text[lower.find(label)? + label.len()..];
    let word = rest.split(|c: char| c.is_whitespace() || "\"'<>,\\".contains(c)).next()?;
    Some(word.trim_end_matches(['.', ')', ';']).to_owned())
}

/// A parameter of an address: `name=value`.
fn parameter(text: &str, name: &str) -> Option<String> {
    let rest = &text[text.find(&format!("{name}="))? + name.len() + 1..];
    let value = rest.split(|c: char| c.is_whitespace() || "&\"'<>".contains(c)).next()?;
    Some(value.to_owned())
}

/// The tenant in the address of an endpoint of Entra.
fn tenant_of_address(text: &str) -> Option<String> {
    let at =
        text.find("://login.microsoftonline.").or_else(|| text.find("://login.partner.microsoftonline."))?;
    let path = text[at + 3..].split_once('/')?.1;
    path.split(['/', '?', ' ', '"']).next().map(str::to_owned)
}

/// The action that an answer says is not allowed.
fn action(text: &str, lower: &str) -> Option<String> {
    for label in ["authorized to perform: ", "authorized to perform ", "policy allows the ", "perform: "] {
        let Some(word) = word_after(text, lower, label) else { continue };
        let is_action = word.split_once(':').is_some_and(|(service, name)| {
            service.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && name.len() > 2
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'*')
        });
        if is_action {
            return Some(word);
        }
    }
    None
}

/// All ARNs of a text.
fn arns(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("arn:aws").map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'<>(),;\\`".contains(c)).unwrap_or(rest.len());
        rest[..end].trim_end_matches(['.', ':'])
    })
}

fn read_arn(arn: &str, named: &mut Named) {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, resource] = parts[..] else { return };
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        fill(&mut named.account, Some(account.to_owned()));
    }
    match (service, resource.split_once('/')) {
        ("iam", Some(("role", _))) => fill(&mut named.role_arn, Some(arn.to_owned())),
        ("sts", Some(("assumed-role", session))) => {
            let role = session.split('/').next().unwrap_or(session);
            fill(&mut named.role_arn, Some(format!("arn:{partition}:iam::{account}:role/{role}")));
        }
        ("iam", Some(("oidc-provider", provider))) => {
            fill(&mut named.issuer, Some(format!("https://{provider}")));
        }
        ("s3", _) => {
            let bucket = resource.split(['/', '*']).next().unwrap_or(resource);
            fill(&mut named.bucket, Some(bucket.to_owned()));
            fill(&mut named.resource, Some(arn.to_owned()));
        }
        ("kms", Some(_)) => fill(&mut named.resource, Some(arn.to_owned())),
        _ => {}
    }
}
