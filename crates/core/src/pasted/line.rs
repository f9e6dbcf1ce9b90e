//! Errors in the lines that tools print: the aws CLI and boto3, the SDKs for Java, Go, Rust and JavaScript, and what is built on
//! them (rclone, s5cmd, Terraform, Cyberduck), and this program.

use super::{Form, Found, PastedError, REACH, Service, line_from, line_start};

/// Finds the errors whose form is that of some tool.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut found = botocore(text);
    found.extend(java(text));
    found.extend(go(text));
    found.extend(old_go(text));
    found.extend(rust_debug(text));
    found.extend(ours(text));
    found
}

/// `An error occurred (CODE) when calling the OPERATION operation (reached max retries: 4): WORDS`
fn botocore(text: &str) -> Vec<Found> {
    const BEGIN: &str = "An error occurred (";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let line = line_from(text, at);
        let Some((code, rest)) = line[BEGIN.len()..].split_once(')') else { continue };
        let operation =
            rest.strip_prefix(" when calling the ").and_then(|rest| rest.split_once(" operation"));
        let Some((operation, rest)) = operation else { continue };
        let words = rest.split_once(": ").map(|(_, words)| words.trim()).filter(|words| !words.is_empty());
        let error = PastedError {
            code: Some(code.to_owned()),
            operation: Some(operation.to_owned()),
            message: words.map(str::to_owned),
            ..PastedError::default()
        };
        found.push(Found { range: at..at + line.len(), form: Form::Line, error });
    }
    found
}

/// `WORDS (Service: Sts, Status Code: 403, Request ID: …)`, and with semicolons and an `Error Code` the older SDK for Java.
fn java(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("(Service: ") {
        let line = line_from(text, at);
        let end = line.find(')').map_or(line.len(), |end| end + 1);
        let inside = &line[1..end];
        let mut error = PastedError::default();
        for part in inside.trim_end_matches(')').split([';', ',']) {
            let Some((name, value)) = part.split_once(": ") else { continue };
            let value = value.trim();
            match name.trim() {
                "Service" => error.service = service(value),
                "Status Code" => error.status = value.parse().ok(),
                "Error Code" => error.code = Some(value.to_owned()),
                "Request ID" => error.ids.request_id = Some(value.to_owned()),
                "Extended Request ID" | "S3 Extended Request ID" => {
                    error.ids.host_id = Some(value.to_owned());
                }
                _ => {}
            }
        }
        error.ids.host_id = error.ids.host_id.filter(|id| id != "null");
        let line_start = line_start(text, at);
        let before = text[line_start..at].trim_end();
        // The class of the exception, which often is the code.
        let (class, words) = match before.rsplit_once("Exception: ") {
            Some((class, words)) => (class.rsplit(|c: char| c == '.' || c.is_whitespace()).next(), words),
            None => (None, before),
        };
        let own = |class: &&str| {
            !["Sts", "AWSSecurityTokenService", "S3", "AmazonS3", "Iam", "Kms", "AmazonService", ""]
                .contains(class)
        };
        if error.code.is_none() {
            error.code = class.filter(own).map(str::to_owned);
        }
        error.message =
            Some(words.trim_start_matches("Caused by: ").to_owned()).filter(|words| !words.is_empty());
        let start = line_start + text[line_start..at].len() - text[line_start..at].trim_start().len();
        found.push(Found { range: start..at + end.max(mark.len()), form: Form::Line, error });
    }
    found
}

/// Tells the service by the name that an SDK gives it.
fn service(name: &str) -> Option<Service> {
    Some(match name.to_ascii_lowercase().replace([' ', '_'], "").as_str() {
        "sts" | "awssecuritytokenservice" => Service::Sts,
        "s3" | "amazons3" | "s3control" => Service::S3,
        "iam" | "amazonidentitymanagement" => Service::Iam,
        "kms" | "awskms" => Service::Kms,
        "sso" | "ssooidc" => Service::IdentityCenter,
        _ => return None,
    })
}

/// `operation error STS: OPERATION, https response error StatusCode: 400, RequestID: …, [HostID: …,] [api error] CODE: WORDS`
fn go(text: &str) -> Vec<Found> {
    const BEGIN: &str = "operation error ";
    let mut found = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let line = line_from(text, at);
        let Some((name, rest)) = line[BEGIN.len()..].split_once(": ") else { continue };
        let Some((operation, rest)) = rest.split_once(", ") else { continue };
        let mut error = PastedError {
            service: service(name),
            operation: Some(operation.to_owned()),
            ..PastedError::default()
        };
        let behind = |mark: &str| Some(rest.split_once(mark)?.1.split([',', ' ']).next()?.to_owned());
        error.status = behind("StatusCode: ").and_then(|status| status.parse().ok());
        error.ids.request_id = behind("RequestID: ").filter(|id| !id.is_empty());
        error.ids.host_id = behind("HostID: ").filter(|id| !id.is_empty());
        let tail = match rest.split_once("api error ") {
            Some((_, tail)) => Some(tail),
            None => rest.rsplit_once(", ").map(|(_, tail)| tail).filter(|_| error.status.is_some()),
        };
        // A comma in the words: the code is the first that looks like one.
        let tail = tail.and_then(code_and_words).or_else(|| rest.split(", ").find_map(code_and_words));
        if let Some((code, words)) = tail {
            error.code = Some(code.to_owned());
            let from = words.as_ptr() as usize - text.as_ptr() as usize;
            let words = line_from(text, from);
            error.message = Some(words.to_owned()).filter(|words| !words.is_empty());
        }
        found.push(Found { range: at..at + line.len(), form: Form::Line, error });
    }
    found
}

/// Splits `CODE: WORDS`, where the code is one word of letters that begins with a capital.
fn code_and_words(text: &str) -> Option<(&str, &str)> {
    let (code, words) = text.split_once(": ").or_else(|| Some((text.strip_suffix(':')?, "")))?;
    let code = code.trim();
    let is_code = code.len() >= 4
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
        // `NOTICE:` and `Failed:` introduce a line.
        && code.bytes().any(|byte| byte.is_ascii_lowercase())
        && (code.bytes().filter(u8::is_ascii_uppercase).count() >= 2 || code.ends_with("ing"))
        && !["StatusCode", "RequestID", "HostID"].contains(&code);
    is_code.then_some((code, words))
}

/// `CODE: WORDS` and on the next line `status code: 403, request id: …, host id: …`: the older SDK for Go.
fn old_go(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("status code: ") {
        let status = text[at + mark.len()..].split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let before = text[..at].trim_end();
        let line_start = line_start(text, before.len());
        let line = &before[line_start..];
        // From the left: the words may hold colons as well.
        let mut from = 0;
        let code = loop {
            let piece = &line[from..];
            let Some(colon) = piece.find(": ") else { break None };
            let mut back = piece[..colon].char_indices().rev();
            let word_at =
                back.find(|(_, c)| c.is_whitespace() || *c == '"').map_or(0, |(at, c)| at + c.len_utf8());
            if let Some((code, words)) = code_and_words(&piece[word_at..]).filter(|(code, _)| code.len() >= 6)
            {
                break Some((from + word_at, code, words));
            }
            from += colon + 2;
        };
        let Some((code_at, code, words)) = code else { continue };
        let error = PastedError {
            code: Some(code.to_owned()),
            message: Some(words.trim().to_owned()).filter(|words| !words.is_empty()),
            status: status.parse().ok(),
            ..PastedError::default()
        };
        let end = at + line_from(text, at).len();
        found.push(Found { range: line_start + code_at..end, form: Form::Line, error });
    }
    found
}

/// `code: Some("CODE")` and `code: "CODE", message: "WORDS"`: what the SDK for Rust prints of an error.
fn rust_debug(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for begin in ["code: Some(\"", "code: \""] {
        for (at, _) in text.match_indices(begin) {
            let line = line_from(text, at);
            let Some((code, rest)) = line[begin.len()..].split_once('"') else { continue };
            if !code.starts_with(|c: char| c.is_ascii_uppercase()) {
                continue;
            }
            let behind = |mark: &str| Some(rest.split_once(mark)?.1.split('"').next()?.to_owned());
            let message = behind("message: Some(\"").or_else(|| behind("message: \""));
            let error = PastedError { code: Some(code.to_owned()), message, ..PastedError::default() };
            found.push(Found { range: at..at + line.len(), form: Form::Line, error });
        }
    }
    found
}

/// What this program prints: `STS refused OPERATION: CODE (403)`, `the issuer answered CODE (AADSTS…)`.
fn ours(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("STS refused ") {
        let line = line_from(text, at);
        let Some((operation, rest)) = line[mark.len()..].split_once(": ") else { continue };
        let (code, rest) = rest.split_once(" (").unwrap_or((rest, ""));
        let error = PastedError {
            service: Some(Service::Sts),
            operation: Some(operation.to_owned()),
            code: Some(code.trim().to_owned()).filter(|code| !code.is_empty()),
            status: rest.split(')').next().and_then(|status| status.parse().ok()),
            message: said(text, at + line.len(), "STS says: "),
            ..PastedError::default()
        };
        let end = said_to(text, at + line.len(), "STS says: ");
        found.push(Found { range: at..end, form: Form::Line, error });
    }
    for (at, mark) in text.match_indices("the issuer answered ") {
        let line = line_from(text, at);
        let code = line[mark.len()..]
            .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
            .next()
            .unwrap_or_default();
        if code.is_empty() {
            continue;
        }
        let error = PastedError {
            service: Some(Service::Issuer),
            code: Some(code.to_owned()),
            message: said(text, at + line.len(), "the issuer says: "),
            ..PastedError::default()
        };
        let end = said_to(text, at + line.len(), "the issuer says: ");
        found.push(Found { range: at..end, form: Form::Line, error });
    }
    // The store's: `could not read s3://bucket/key: permission is denied (AccessDenied)`.
    for (at, mark) in text.match_indices("permission is denied (") {
        let rest = line_from(text, at + mark.len());
        let Some((code, _)) = rest.split_once(')') else { continue };
        let line_start = line_start(text, at);
        let end = said_to(text, at + mark.len() + rest.len(), "S3 says: ");
        let error = PastedError {
            service: Some(Service::S3),
            code: Some(code.to_owned()),
            message: said(text, at + mark.len() + rest.len(), "S3 says: "),
            ..PastedError::default()
        };
        found.push(Found { range: line_start..end, form: Form::Line, error });
    }
    found
}

/// The words of a service that this program shows some lines below.
fn said(text: &str, from: usize, mark: &str) -> Option<String> {
    let at = said_at(text, from, mark)?;
    Some(line_from(text, at + mark.len()).trim_end_matches(['"', ']', ',']).to_owned())
}

fn said_to(text: &str, from: usize, mark: &str) -> usize {
    said_at(text, from, mark).map_or(from, |at| at + line_from(text, at).len())
}

fn said_at(text: &str, from: usize, mark: &str) -> Option<usize> {
    let rest = &text[from..text.floor_char_boundary((from + REACH).min(text.len()))];
    // Of this error, not of the next.
    let rest = &rest[..rest.find("error:").unwrap_or(rest.len())];
    rest.find(mark).map(|at| from + at)
}
