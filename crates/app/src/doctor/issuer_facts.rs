//! Pure: how an issuer that was asked without a sign-in answers, and what that tells of issuer, application and redirect.

use serde_json::Value;

use super::finding::{Finding, Line};

/// How two issuers that should be one differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// One ends in a slash.
    Slash,
    /// Letters are capital in one.
    Case,
    /// One is Entra's first version, the other its second.
    Version,
    /// The same place of another tenant.
    Tenant,
    /// The same tenant in another cloud or at another host.
    Host,
    /// Something else.
    Other,
}

impl Difference {
    /// Compares two issuers; `None` where they are the same byte for byte.
    pub(crate) fn between(expected: &str, seen: &str) -> Option<Self> {
        if expected == seen {
            return None;
        }
        let (a, b) = (expected.trim_end_matches('/'), seen.trim_end_matches('/'));
        if a == b {
            return Some(Self::Slash);
        }
        if a.eq_ignore_ascii_case(b) {
            return Some(Self::Case);
        }
        let (first, second) = (parts(a), parts(b));
        if first.tenant.is_some() && first.tenant == second.tenant {
            return Some(if first.version == second.version { Self::Host } else { Self::Version });
        }
        if first.tenant.is_some() && second.tenant.is_some() && first.host == second.host {
            return Some(Self::Tenant);
        }
        Some(Self::Other)
    }

    /// Says it in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Slash => "a slash at the end",
            Self::Case => "capital letters",
            Self::Version => {
                "the version: tokens of Entra's v1 endpoint have sts.windows.net, those of v2 login.microsoftonline.com/…/v2.0"
            }
            Self::Tenant => "the tenant",
            Self::Host => "the host: another cloud, or a gateway",
            Self::Other => "the address",
        }
    }
}

struct Parts<'a> {
    host: &'a str,
    tenant: Option<String>,
    version: &'static str,
}

/// Takes an issuer apart as Entra builds them.
fn parts(issuer: &str) -> Parts<'_> {
    let bare = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let tenant = path.split('/').find(|part| is_guid(part)).map(str::to_ascii_lowercase);
    Parts { host, tenant, version: if path.ends_with("v2.0") { "v2" } else { "v1" } }
}

/// Tells whether a text has the form of a GUID.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// Returns the number of the first AADSTS code in a text.
pub(crate) fn aadsts(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// An answer of the issuer, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The OAuth error code.
    pub(crate) error: Option<String>,
    /// The AADSTS number.
    pub(crate) number: Option<u32>,
    /// What it says, shortened to one line.
    pub(crate) text: String,
    /// Where it leads, without the query.
    pub(crate) leads_to: Option<String>,
}

impl Answer {
    /// Reads an answer: JSON, a page, or a redirect whose query holds the error.
    pub(crate) fn read(status: u16, location: Option<&str>, body: &[u8]) -> Self {
        let mut answer = Self { status, ..Self::default() };
        if let Some(location) = location {
            let (place, query) = location.split_once('?').unwrap_or((location, ""));
            answer.leads_to = Some(place.to_owned());
            for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
                match name.as_ref() {
                    "error" => answer.error = Some(value.into_owned()),
                    "error_description" => answer.text = one_line(&value),
                    _ => {}
                }
            }
        } else if let Ok(Value::Object(fields)) = serde_json::from_slice(body) {
            let text = |name: &str| fields.get(name).and_then(Value::as_str);
            answer.error = text("error").map(str::to_owned);
            answer.text = one_line(text("error_description").unwrap_or_default());
        } else {
            let page = plain(&String::from_utf8_lossy(body));
            let known =
                ["invalid_client", "invalid_redirect_uri", "redirect_uri_mismatch", "unauthorized_client"];
            let found = known.iter().find_map(|code| Some((*code, page.find(code)?)));
            answer.error = found.map(|(code, _)| code.to_owned());
            answer.text = one_line(&page[found.map_or(0, |(_, at)| at)..]);
        }
        answer.number = aadsts(&answer.text);
        answer
    }

    fn says(&self, error: &str) -> bool {
        self.error.as_deref() == Some(error)
    }

    /// Returns what was said, in few words.
    pub(crate) fn short(&self) -> String {
        match (self.number, &self.error) {
            (Some(number), _) => format!("AADSTS{number}"),
            (None, Some(error)) => error.clone(),
            (None, None) => format!("status {}", self.status),
        }
    }
}

/// Takes the markup out of a page, and what stands in its head and scripts.
fn plain(page: &str) -> String {
    let mut page: String = page.chars().take(64 << 10).collect();
    for (begin, end) in [("<head", "</head>"), ("<style", "</style>"), ("<script", "</script>")] {
        while let Some(from) = page.find(begin) {
            let to = page[from..].find(end).map_or(page.len(), |at| from + at + end.len());
            page.replace_range(from..to, " ");
        }
    }
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text.replace("&#39;", "'").replace("&quot;", "\"").replace("&amp;", "&")
}

fn one_line(text: &str) -> String {
    let start = text.find("AADSTS").unwrap_or(0);
    let words: Vec<&str> = text[start..].split_whitespace().collect();
    let joined = words.join(" ");
    let end = joined.find(" Trace ID:").unwrap_or(joined.len());
    joined[..end].chars().take(400).collect()
}

/// What the doctor knows of the application when it judges the answers.
#[derive(Clone, Debug)]
pub(crate) struct Application<'a> {
    /// The bookmark.
    pub(crate) bookmark: &'a str,
    /// The client ID.
    pub(crate) client_id: &'a str,
    /// The tenant as the bookmark names it, at Entra.
    pub(crate) tenant: Option<&'a str>,
    /// The redirect address as it is registered.
    pub(crate) redirect: &'a str,
    /// The application proves itself by a secret or a certificate.
    pub(crate) is_confidential: bool,
}

/// Judges a tenant's discovery document that was refused.
pub(crate) fn no_discovery(answer: &Answer, application: &Application<'_>, url: &str) -> Finding {
    let edit =
        format!("Correct the tenant: `pintail bookmark edit {} --tenant TENANT`.", application.bookmark);
    match (answer.number, application.tenant) {
        (Some(90_002 | 900_021 | 900_023 | 50_059), Some(tenant)) => Finding::broken(
            "discovery",
            format!("the issuer knows no tenant `{tenant}` ({})", answer.short()),
            "the tenant is misspelt, or lives in another cloud (login.microsoftonline.us, login.partner.microsoftonline.cn)",
            edit,
        ),
        (Some(90_038 | 90_043 | 1_000_104 | 900_382), Some(tenant)) => Finding::broken(
            "discovery",
            format!("the tenant `{tenant}` lives in another cloud ({})", answer.short()),
            "each national cloud has an authority of its own",
            format!(
                "Name the cloud: `pintail bookmark edit {} --authority https://login.microsoftonline.us`.",
                application.bookmark
            ),
        ),
        (_, tenant) => Finding::broken(
            "discovery",
            format!("{url} answers {} and is no discovery document", answer.short()),
            if tenant.is_some() {
                "what answers there is not the issuer, or the authority's address is wrong"
            } else {
                "the issuer's address is wrong: most often a path is missing (/realms/NAME, /v2.0)"
            },
            if tenant.is_some() {
                format!(
                    "Correct the authority: `pintail bookmark edit {} --authority URL`.",
                    application.bookmark
                )
            } else {
                format!("Correct the issuer: `pintail bookmark edit {} --issuer URL`.", application.bookmark)
            },
        ),
    }
}

/// Judges the issuer that discovery names.
pub(crate) fn issuer(expected: &str, seen: &str, bookmark: &str, is_entra: bool) -> Finding {
    let evidence = vec![Line::same("issuer", expected, seen)];
    match Difference::between(expected, seen) {
        None => Finding::ok("issuer", format!("the issuer is {seen}")),
        Some(difference) => {
            let next = match difference {
                _ if !is_entra => format!(
                    "Write the issuer as it names itself: `pintail bookmark edit {bookmark} --issuer {seen}`."
                ),
                Difference::Tenant => format!(
                    "Name the tenant by its ID: `pintail bookmark edit {bookmark} --tenant {}`.",
                    parts(seen).tenant.unwrap_or_else(|| "TENANT".into())
                ),
                _ => format!("Correct the authority: `pintail bookmark edit {bookmark} --authority URL`."),
            };
            Finding::broken(
                "issuer",
                format!("the issuer names itself {seen}, and {expected} was expected"),
                format!("what differs is {}; tokens of it are refused here and at AWS", difference.words()),
                next,
            )
        }
    }
    .with(evidence)
}

/// Judges whether the issuer knows the application, by the answers of the device code and the authorization endpoint.
pub(crate) fn client(
    device: Option<&Answer>,
    authorize: Option<&Answer>,
    application: &Application<'_>,
) -> Finding {
    let id = application.client_id;
    let both = || device.into_iter().chain(authorize);
    let number = |wanted: &[u32]| both().find(|answer| answer.number.is_some_and(|n| wanted.contains(&n)));
    if let Some(answer) = number(&[700_016, 700_011]) {
        let shape = if is_guid(id) {
            "the client ID is misspelt, is that of the object and not of the application, or belongs to another tenant"
        } else {
            "a client ID at Entra is a GUID, and this is none"
        };
        return Finding::broken(
            "client",
            format!("the tenant has no application {id} ({})", answer.short()),
            shape,
            format!(
                "Copy \"Application (client) ID\" from the app registration: `pintail bookmark edit {} --client-id ID`.",
                application.bookmark
            ),
        );
    }
    if let Some(answer) = number(&[50_194]) {
        let tenant = application.tenant.unwrap_or("common");
        return Finding::broken(
            "client",
            format!("the application is of one tenant, and is used through `{tenant}` ({})", answer.short()),
            "Entra refuses applications of one tenant there; AWS needs one tenant's issuer anyway",
            format!(
                "Name your tenant: `pintail bookmark edit {} --tenant TENANT` (its ID or a domain of it).",
                application.bookmark
            ),
        );
    }
    if let Some(answer) = number(&[70_001, 7_000_112, 1_000_031]) {
        return Finding::broken(
            "client",
            format!("the application is disabled ({})", answer.short()),
            "nobody can sign in to it",
            format!("Ask your Entra admin to enable sign-in for the enterprise application {id}."),
        );
    }
    if let Some(answer) = number(&[90_038, 90_043, 1_000_104, 900_382]) {
        return Finding::broken(
            "client",
            format!("the issuer sends to another cloud ({})", answer.short()),
            "each national cloud has an authority of its own",
            format!(
                "Name the cloud: `pintail bookmark edit {} --authority https://login.microsoftonline.us`.",
                application.bookmark
            ),
        );
    }
    let unknown = |answer: &&Answer| {
        answer.says("invalid_client") && answer.number.is_none() && answer.leads_to.is_none()
    };
    if application.tenant.is_none()
        && let Some(answer) = authorize.filter(unknown)
    {
        return Finding::broken(
            "client",
            format!("the issuer does not know the application {id}: {}", answer.text),
            "the client ID is misspelt, or the application was not registered at this issuer",
            format!(
                "Correct the client ID: `pintail bookmark edit {} --client-id ID`.",
                application.bookmark
            ),
        );
    }
    if device.is_none() && authorize.is_none() {
        return Finding::info("client", "the issuer offers no way to ask without a sign-in");
    }
    Finding::ok("client", format!("the issuer knows the application {id}"))
}

/// Judges whether the redirect address is accepted, by the answer to an authorization request that asks for no page.
pub(crate) fn redirect(answer: &Answer, sent: &str, application: &Application<'_>) -> Finding {
    let to = answer.leads_to.as_deref().unwrap_or_default();
    if same_place(to, sent) {
        return match answer.error.as_deref() {
            None
            | Some(
                "login_required" | "interaction_required" | "consent_required" | "account_selection_required",
            ) => Finding::ok("redirect", format!("the issuer sends its answer to {}", application.redirect)),
            Some("invalid_scope" | "invalid_resource") => Finding::broken(
                "redirect",
                format!("the issuer refuses the scopes: {}", answer.text),
                "a scope of the profile is not known there",
                format!("Look at the scopes: `pintail bookmark show {}`.", application.bookmark),
            ),
            Some(_) => Finding::info(
                "redirect",
                format!("the redirect is accepted; asked without a page, the issuer says {}", answer.short()),
            ),
        };
    }
    let register = format!(
        "Ask your Entra admin: add {} to the app registration {} under \"Mobile and desktop applications\".",
        application.redirect, application.client_id
    );
    match answer.number {
        Some(50_011) => Finding::broken(
            "redirect",
            format!(
                "{} is not one of the application's redirect addresses (AADSTS50011)",
                application.redirect
            ),
            if sent.contains("127.0.0.1") {
                "Entra lets the port differ for http://localhost only, not for 127.0.0.1"
            } else {
                "it is missing there, or differs in case, path or slash; the browser would show an error page, and nothing would come back"
            },
            register,
        ),
        Some(500_113 | 900_971) => Finding::broken(
            "redirect",
            format!("the application has no redirect address at all ({})", answer.short()),
            "the registration was made without a platform",
            register,
        ),
        Some(number) => Finding::broken(
            "redirect",
            format!("the sign-in page refuses: {}", answer.text),
            "the browser would show this, and nothing would come back",
            format!("Read what it means: `pintail explain AADSTS{number}`."),
        ),
        None if answer.says("invalid_redirect_uri")
            || answer.says("redirect_uri_mismatch")
            || answer.text.contains("redirect_uri") =>
        {
            Finding::broken(
                "redirect",
                format!("the issuer refuses the redirect address {}: {}", application.redirect, answer.text),
                "it is not registered for this application",
                format!(
                    "Ask the issuer's admin to register {} for the client {}, or set the registered one: `pintail bookmark edit {} --redirect URI`.",
                    application.redirect, application.client_id, application.bookmark
                ),
            )
        }
        None if answer.status >= 500 => Finding::broken(
            "redirect",
            format!("the sign-in page fails with status {}", answer.status),
            "the issuer is out of order at the moment",
            "Try again in a minute.",
        ),
        None => Finding::info(
            "redirect",
            "the issuer shows a page instead of an answer: what it thinks of the redirect is seen at the sign-in",
        ),
    }
}

fn same_place(one: &str, other: &str) -> bool {
    let bare =
        |text: &str| text.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned();
    !one.is_empty() && bare(one) == bare(other)
}

/// Judges the kind of application by the answer to a token request with a code that is none.
pub(crate) fn client_kind(answer: &Answer, application: &Application<'_>) -> Finding {
    if application.is_confidential {
        return Finding::info(
            "client-kind",
            "the application proves itself by a secret or a certificate, which the sign-in tests",
        );
    }
    match answer.number {
        Some(7_000_218) => Finding::broken(
            "client-kind",
            "the token endpoint wants a secret (AADSTS7000218)",
            format!(
                "{} is registered under \"Web\", whose applications keep a secret; a program on a person's machine cannot",
                application.redirect
            ),
            format!(
                "Ask your Entra admin: in the app registration {}, move {} from \"Web\" to \"Mobile and desktop applications\".",
                application.client_id, application.redirect
            ),
        ),
        Some(9_002_327 | 9_002_326 | 90_023) => Finding::broken(
            "client-kind",
            format!("the token endpoint takes codes from web pages only ({})", answer.short()),
            format!("{} is registered under \"Single-page application\"", application.redirect),
            format!(
                "Ask your Entra admin: in the app registration {}, move {} from \"Single-page application\" to \"Mobile and desktop applications\".",
                application.client_id, application.redirect
            ),
        ),
        _ if answer.says("invalid_client") => Finding::broken(
            "client-kind",
            format!("the token endpoint does not take the application without a proof: {}", answer.text),
            "the application is registered as a confidential one, or its client ID is not known there",
            format!(
                "Ask the issuer's admin to make the client {} a public one (token_endpoint_auth_method none, PKCE).",
                application.client_id
            ),
        ),
        _ if answer.status >= 500 => Finding::broken(
            "client-kind",
            format!("the token endpoint fails with status {}", answer.status),
            "the issuer is out of order at the moment",
            "Try again in a minute.",
        ),
        _ => {
            Finding::ok("client-kind", format!("the token endpoint asks for no secret ({})", answer.short()))
        }
    }
}

/// Judges the key set as STS would.
pub(crate) fn keys(document: Option<&Value>, status: u16) -> Finding {
    let Some(keys) = document.and_then(|document| document.get("keys")).and_then(Value::as_array) else {
        return Finding::broken(
            "keys",
            format!("the issuer's key set cannot be read (status {status})"),
            "nobody can check its tokens, AWS neither: \"Couldn't retrieve verification key from your identity provider\"",
            "Ask the issuer's admin: the address `jwks_uri` of the discovery document has to answer with keys.",
        );
    };
    let text = |key: &Value, name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let signing: Vec<&Value> =
        keys.iter().filter(|key| matches!(text(key, "use").as_str(), "" | "sig")).collect();
    let of_kind = |kind: &str| signing.iter().filter(|key| text(key, "kty") == kind).count();
    let (rsa, ec) = (of_kind("RSA"), of_kind("EC"));
    let named = signing.iter().filter(|key| !text(key, "kid").is_empty()).count();
    let evidence = vec![
        Line::new(
            "keys that AWS can use (RSA, EC)",
            "1 to 100 of each",
            format!("{rsa} RSA, {ec} EC"),
            rsa + ec > 0 && rsa <= 100 && ec <= 100,
        ),
        Line::new("keys with a kid", signing.len().to_string(), named.to_string(), named == signing.len()),
    ];
    let finding = if rsa + ec == 0 {
        Finding::broken(
            "keys",
            "none of the issuer's keys is RSA or EC",
            "AWS checks signatures RS256 to RS512 and ES256 to ES512 only",
            "Ask the issuer's admin for a signing key of RSA or of a P curve.",
        )
    } else if rsa > 100 || ec > 100 {
        Finding::broken(
            "keys",
            format!("the issuer publishes {rsa} RSA and {ec} EC keys"),
            "AWS reads no key set with more than 100 of a kind",
            "Ask the issuer's admin to retire old keys.",
        )
    } else if named < signing.len() {
        Finding::warning(
            "keys",
            format!("{} of the issuer's keys have no kid", signing.len() - named),
            "AWS finds a key by its kid only",
            "Ask the issuer's admin to publish every key with a kid.",
        )
    } else {
        Finding::ok("keys", format!("the issuer publishes {} keys that AWS can use", rsa + ec))
    };
    finding.with(evidence)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    const GUID: &str = "5affffff-0000-4000-8000-00000000000a";

    #[test]
    fn near_misses_of_an_issuer_are_told_apart() {
        let other = GUID.replace("5aff", "6bff");
        let v2 = format!("https://login.microsoftonline.com/{GUID}/v2.0");
        for (seen, difference) in [
            (v2.clone(), None),
            (format!("{v2}/"), Some(Difference::Slash)),
            (v2.to_uppercase().replace("HTTPS", "https"), Some(Difference::Case)),
            (format!("https://sts.windows.net/{GUID}/"), Some(Difference::Version)),
            (format!("https://login.microsoftonline.com/{other}/v2.0"), Some(Difference::Tenant)),
            (format!("https://login.microsoftonline.us/{GUID}/v2.0"), Some(Difference::Host)),
            ("https://accounts.google.com".to_owned(), Some(Difference::Other)),
        ] {
            assert_eq!(Difference::between(&v2, &seen), difference, "{seen}");
        }
    }

    fn application() -> Application<'static> {
        Application {
            bookmark: "lab",
            client_id: "11111111-2222-3333-4444-555555555555",
            tenant: Some("contoso.com"),
            redirect: "http://localhost",
            is_confidential: false,
        }
    }

    fn json(text: &str) -> Answer {
        let body = serde_json::json!({ "error": "invalid_request", "error_description": text }).to_string();
        Answer::read(400, None, body.as_bytes())
    }

    #[test]
    fn answers_are_read_in_all_three_forms() {
        let page = Answer::read(200, None, b"<html><b>AADSTS50011</b>: The redirect URI &#39;x&#39;</html>");
        assert_eq!(page.number, Some(50011));
        assert!(page.text.starts_with("AADSTS50011 : The redirect URI 'x'"), "{}", page.text);
        let back = Answer::read(
            302,
            Some(
                "http://localhost:49152/?error=login_required&error_description=AADSTS50058%3A+Session.%0D%0ATrace+ID%3A+1",
            ),
            b"",
        );
        assert_eq!(back.leads_to.as_deref(), Some("http://localhost:49152/"));
        assert_eq!((back.number, back.error.as_deref()), (Some(50058), Some("login_required")));
        assert_eq!(back.text, "AADSTS50058: Session.");
        assert_eq!(json("AADSTS90002: Tenant 'x' not found.").number, Some(90002));
        assert_eq!(Answer::read(404, None, b"not found").short(), "status 404");
    }

    #[test]
    fn every_code_leads_to_its_own_finding() {
        let app = application();
        type Judge = fn(&Answer, &Application<'_>) -> Finding;
        let device: Judge = |answer, app| client(Some(answer), None, app);
        let page: Judge = |answer, app| redirect(answer, "http://localhost:49152/", app);
        let discovery: Judge = |answer, app| no_discovery(answer, app, "https://login.example/");
        for (judge, number, level, part) in [
            (discovery, 90002, Level::Broken, "no tenant"),
            (discovery, 90038, Level::Broken, "another cloud"),
            (discovery, 1, Level::Broken, "no discovery document"),
            (device, 700_016, Level::Broken, "has no application"),
            (device, 50194, Level::Broken, "of one tenant"),
            (device, 70001, Level::Broken, "disabled"),
            (device, 7_000_218, Level::Ok, "knows the application"),
            (page, 50011, Level::Broken, "redirect addresses"),
            (page, 500_113, Level::Broken, "no redirect address at all"),
            (page, 65001, Level::Broken, "AADSTS65001"),
            (client_kind, 7_000_218, Level::Broken, "wants a secret"),
            (client_kind, 9_002_327, Level::Broken, "web pages only"),
            (client_kind, 9_002_313, Level::Ok, "no secret"),
            (client_kind, 70000, Level::Ok, "no secret"),
        ] {
            let finding = judge(&json(&format!("AADSTS{number}: text")), &app);
            assert_eq!(finding.level, level, "{number}");
            assert!(finding.seen.contains(part), "{number}: {}", finding.seen);
            assert!(level != Level::Broken || !finding.next.is_empty(), "{number}");
        }
    }

    #[test]
    fn other_issuers_have_their_own_words() {
        let app = Application { tenant: None, ..application() };
        let refused =
            Answer::read(400, None, br#"{"error":"invalid_client","error_description":"client is invalid"}"#);
        assert_eq!(client(None, Some(&refused), &app).level, Level::Broken);
        let redirected = Answer::read(400, None, b"<head><style>h1{}</style></head><pre><strong>error</strong>: invalid_redirect_uri</pre><pre>redirect_uri did not match</pre>");
        assert!(redirect(&redirected, "http://localhost:1/", &app).seen.contains("refuses the redirect"));
        let grant = Answer::read(
            400,
            None,
            br#"{"error":"invalid_grant","error_description":"grant request is invalid"}"#,
        );
        assert_eq!(client_kind(&grant, &app).level, Level::Ok);
        assert_eq!(client_kind(&refused, &app).level, Level::Broken);
        assert_eq!(
            issuer("https://idp.example/a", "https://idp.example/a/", "lab", false).level,
            Level::Broken
        );
    }

    #[test]
    fn keys_are_judged_as_aws_reads_them() {
        let key = |kind: &str, kid: &str| serde_json::json!({ "kty": kind, "kid": kid, "use": "sig" });
        let set = |keys: Vec<Value>| serde_json::json!({ "keys": keys });
        for (document, level) in [
            (Some(set(vec![key("RSA", "1"), key("EC", "2")])), Level::Ok),
            (Some(set(vec![key("OKP", "1")])), Level::Broken),
            (Some(set((0..101).map(|n| key("RSA", &n.to_string())).collect())), Level::Broken),
            (Some(set(vec![key("RSA", "")])), Level::Warning),
            (Some(set(vec![])), Level::Broken),
            (None, Level::Broken),
        ] {
            assert_eq!(keys(document.as_ref(), 200).level, level, "{document:?}");
        }
    }
}
