//! What a person sees on the way: the code, the sign-in, the question whether the client may.

use http::{Response, StatusCode};

use crate::issuer::pages::{escape, page};
use crate::server::Body;

fn complaint(text: Option<&str>) -> String {
    text.map(|text| format!(r#"<p class="error" role="alert">{}</p>"#, escape(text))).unwrap_or_default()
}

/// Asks for the code that a device shows, or to confirm the one in the address.
pub(super) fn code(user_code: &str, problem: Option<&str>) -> Response<Body> {
    page(
        StatusCode::OK,
        "Authorization requested",
        &format!(
            r#"<h1>Authorization requested</h1>{}<form method="post" action="/device">
<label>Code<input type="text" name="user_code" autocomplete="one-time-code" value="{}" required autofocus></label>
<p><small>Make sure that the code is the one your device shows. Never confirm a code that somebody sent to you.</small></p>
<button type="submit" name="do" value="confirm">Confirm and continue</button></form>"#,
            complaint(problem),
            escape(user_code)
        ),
    )
}

/// Asks for username and password.
pub(super) fn sign_in(flow: &str, username: &str, problem: Option<&str>) -> Response<Body> {
    page(
        StatusCode::OK,
        "Sign in",
        &format!(
            r#"<h1>Sign in to the access portal</h1>{}<form method="post" action="/login"><input type="hidden" name="flow" value="{}">
<label>Username<input type="text" name="username" autocomplete="username" value="{}" required autofocus></label>
<label>Password<input type="password" name="password" autocomplete="current-password" required></label>
<button type="submit" name="do" value="sign-in">Sign in</button></form>"#,
            complaint(problem),
            escape(flow),
            escape(username)
        ),
    )
}

/// Asks whether the client may have access.
pub(super) fn confirm(flow: &str, client: &str) -> Response<Body> {
    page(
        StatusCode::OK,
        "Allow access",
        &format!(
            r#"<h1>Allow {} to access your data?</h1><p>It will be able to use your accounts and roles.</p><form method="post" action="/confirm"><input type="hidden" name="flow" value="{}">
<button type="submit" name="do" value="accept">Allow access</button>
<button type="submit" name="do" value="cancel">Deny access</button></form>"#,
            escape(client),
            escape(flow)
        ),
    )
}

/// Tells what went wrong where nothing may be sent back to a client.
pub(super) fn error(text: &str) -> Response<Body> {
    page(StatusCode::BAD_REQUEST, "Error", &format!("<h1>Error</h1>{}", complaint(Some(text))))
}
