//! The pages a person sees: plain forms, one style sheet, no script, every value escaped.
//!
//! The policy header names no `form-action`: browsers apply it to the redirect after a form as well, and
//! that redirect must reach a loopback listener or a custom scheme.

use http::{Response, StatusCode, header};

use super::errors::{Marks, Refusal};
use crate::server::{Body, Inbound, full};

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:Canvas;color:CanvasText}\
main{width:min(26rem,90vw);padding:2rem;border:1px solid #8884;border-radius:.75rem;box-shadow:0 8px 30px #0002}\
h1{font-size:1.3rem;margin:0 0 .5rem}label{display:block;margin-top:1rem}\
input{width:100%;box-sizing:border-box;font:inherit;padding:.5rem;margin-top:.2rem}\
button{font:inherit;padding:.5rem 1.2rem;margin:1.2rem .5rem 0 0}.error{color:#c0392b}\
small{color:GrayText;word-break:break-all}";

/// A form that leads on: where it goes, what it carries along.
struct Step<'a> {
    action: &'a str,
    flow: &'a str,
}

impl Step<'_> {
    fn open(&self) -> String {
        format!(
            r#"<form method="post" action="{}"><input type="hidden" name="flow" value="{}">"#,
            escape(self.action),
            escape(self.flow)
        )
    }
}

/// Asks for username and password.
pub(super) fn sign_in(
    tenant: &str,
    flow: &str,
    app: &str,
    hint: &str,
    refusal: Option<&Refusal>,
) -> Response<Body> {
    let complaint = refusal
        .map(|refusal| format!(r#"<p class="error" role="alert">{}</p>"#, escape(&refusal.headline())))
        .unwrap_or_default();
    let form = Step { action: &format!("/{tenant}/login"), flow }.open();
    page(
        StatusCode::OK,
        "Sign in",
        &format!(
            r#"<h1>Sign in</h1><p>to continue to <strong>{}</strong></p>{complaint}{form}
<label>User name<input type="text" name="username" autocomplete="username" value="{}" required autofocus></label>
<label>Password<input type="password" name="password" autocomplete="current-password" required></label>
<button type="submit" name="do" value="sign-in">Sign in</button></form>"#,
            escape(app),
            escape(hint)
        ),
    )
}

/// Asks whether the app may have what it asked for, or is the one that was meant.
pub(super) fn consent(tenant: &str, flow: &str, app: &str, question: &str, scope: &str) -> Response<Body> {
    let wants: String = scope.split_whitespace().map(|one| format!("<li>{}</li>", escape(one))).collect();
    let form = Step { action: &format!("/{tenant}/consent"), flow }.open();
    page(
        StatusCode::OK,
        question,
        &format!(
            r#"<h1>{}</h1><p><strong>{}</strong> asks for:</p><ul>{wants}</ul>{form}
<button type="submit" name="do" value="accept">Continue</button>
<button type="submit" name="do" value="cancel">Cancel</button></form>"#,
            escape(question),
            escape(app)
        ),
    )
}

/// Asks for the code that a device shows.
pub(super) fn device_code(action: &str, refusal: Option<&Refusal>) -> Response<Body> {
    let complaint = refusal
        .map(|refusal| format!(r#"<p class="error" role="alert">{}</p>"#, escape(&refusal.headline())))
        .unwrap_or_default();
    page(
        StatusCode::OK,
        "Enter code",
        &format!(
            r#"<h1>Enter the code shown on your device</h1>{complaint}<form method="post" action="{}">
<label>Code<input type="text" name="otc" autocomplete="one-time-code" required autofocus></label>
<p><small>Never enter a code that somebody sent to you.</small></p>
<button type="submit" name="do" value="next">Next</button></form>"#,
            escape(action)
        ),
    )
}

/// Hands parameters to a redirect URI by a form the person submits.
pub(super) fn form_post(target: &str, parameters: &[(&str, String)]) -> Response<Body> {
    let fields: String = parameters
        .iter()
        .map(|(name, value)| format!(r#"<input type="hidden" name="{name}" value="{}">"#, escape(value)))
        .collect();
    page(
        StatusCode::OK,
        "Continue",
        &format!(
            r#"<h1>Signed in</h1><form method="post" action="{}">{fields}<button type="submit">Continue</button></form>"#,
            escape(target)
        ),
    )
}

/// Tells something that needs no answer.
pub(crate) fn notice(title: &str, text: &str) -> Response<Body> {
    page(StatusCode::OK, title, &format!("<h1>{}</h1><p>{}</p>", escape(title), escape(text)))
}

/// Tells what went wrong, with the marks that support asks for.
pub(super) fn error(
    status: StatusCode,
    title: &str,
    text: &str,
    refusal: Option<&Refusal>,
    inbound: &Inbound,
) -> Response<Body> {
    let marks = Marks::of(inbound);
    let code = refusal.map(|refusal| format!("Error code: {}<br>", refusal.number)).unwrap_or_default();
    page(
        status,
        title,
        &format!(
            r#"<h1>{}</h1><p class="error" role="alert">{}</p><p><small>{code}Request Id: {}<br>Correlation Id: {}<br>Timestamp: {}</small></p>"#,
            escape(title),
            escape(text),
            escape(&marks.trace),
            escape(&marks.correlation),
            escape(&marks.timestamp)
        ),
    )
}

/// A whole page around what is given, which must be escaped already.
pub(crate) fn page(status: StatusCode, title: &str, main: &str) -> Response<Body> {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{}</title><style>{STYLE}</style></head>\
         <body><main>{main}<p><small>Pintail sandbox: not a real identity provider.</small></p></main></body></html>",
        escape(title)
    );
    let mut response = Response::new(full(html));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store, no-cache"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        response.headers_mut().insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// Escapes text for HTML.
pub(crate) fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
        escaped
    })
}
