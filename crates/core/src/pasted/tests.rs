//! The forms in which errors are pasted, one of each, and what must hold for any text.

use proptest::prelude::*;

use super::*;

const CODES: &[&str] = &[
    "AccessDenied",
    "ExpiredToken",
    "InvalidIdentityToken",
    "NoSuchBucket",
    "SlowDown",
    "Throttling",
    "invalid_grant",
    "Authorization_RequestDenied",
    "AADSTS50011",
    "AADSTS7000218",
    "SignatureDoesNotMatch",
    "ValidationError",
];

fn known(word: &str) -> Option<&'static str> {
    CODES.iter().find(|code| code.eq_ignore_ascii_case(word)).copied()
}

fn all(text: &str) -> Vec<PastedError> {
    read(text, &known)
}

fn one(text: &str) -> PastedError {
    let found = all(text);
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    found.into_iter().next().unwrap()
}

#[test]
fn bare_codes_and_numbers() {
    for (text, service, code, aadsts) in [
        ("AADSTS50011", Some(Service::Entra), None, Some(50011)),
        ("aadsts50011", Some(Service::Entra), None, Some(50011)),
        ("50011", Some(Service::Entra), None, Some(50011)),
        ("7000218\n", Some(Service::Entra), None, Some(7_000_218)),
        ("AADSTS999999", Some(Service::Entra), None, Some(999_999)),
        ("AccessDenied", None, Some("AccessDenied"), None),
        ("accessdenied", None, Some("AccessDenied"), None),
        ("throttling", None, Some("Throttling"), None),
        ("invalid_grant", None, Some("invalid_grant"), None),
        ("Error: SlowDown.", None, Some("SlowDown"), None),
        ("Sign-in error code: 50105", Some(Service::Entra), None, Some(50105)),
    ] {
        let error = one(text);
        assert_eq!((error.service, error.code.as_deref(), error.aadsts), (service, code, aadsts), "{text}");
    }
    for text in [
        "",
        "12345",
        "0x80070005",
        "nothing to see",
        "the throttling of engines is a wide field, they say",
        "port 50011 and 7 other things are open here today",
    ] {
        assert_eq!(all(text), Vec::new(), "{text}");
    }
}

#[test]
fn the_page_of_entra() {
    let error = one(
        "Sign in\nSorry, but we’re having trouble signing you in.\n\nAADSTS50011: The redirect URI 'http://127.0.0.1:8400/' specified in the request does not match the redirect URIs configured for the application '11111111-2222-4333-8444-555555555555'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal.\nTroubleshooting details\nRequest Id: aaaaaaaa-0000-4000-8000-000000000001\nCorrelation Id: bbbbbbbb-0000-4000-8000-000000000002\nTimestamp: 2026-11-27T10:11:12Z\nMessage: AADSTS",
    );
    assert_eq!(error.aadsts, Some(50011));
    assert_eq!(error.named.redirect.as_deref(), Some("http://127.0.0.1:8400/"));
    assert_eq!(error.named.client_id.as_deref(), Some("11111111-2222-4333-8444-555555555555"));
    assert_eq!(error.ids.trace_id.as_deref(), Some("aaaaaaaa-0000-4000-8000-000000000001"));
    assert_eq!(error.ids.correlation_id.as_deref(), Some("bbbbbbbb-0000-4000-8000-000000000002"));
    assert_eq!(error.ids.timestamp.as_deref(), Some("2026-11-27T10:11:12Z"));
    assert!(error.message.unwrap().starts_with("The redirect URI"));
}

#[test]
fn an_address_with_an_error() {
    let error = one(
        "http://localhost:4711/?error=access_denied&error_description=AADSTS65004%3a+User+declined+to+consent.%0d%0aTrace+ID%3a+aaaaaaaa-0000-4000-8000-000000000001%0d%0aCorrelation+ID%3a+bbbbbbbb-0000-4000-8000-000000000002%0d%0aTimestamp%3a+2026-11-27+10%3a11%3a12Z&error_uri=https%3a%2f%2flogin.microsoftonline.com%2ferror%3fcode%3d65004&state=a-secret-state",
    );
    assert_eq!(
        (error.service, error.code.as_deref(), error.aadsts),
        (Some(Service::Entra), Some("access_denied"), Some(65004))
    );
    assert_eq!(error.ids.trace_id.as_deref(), Some("aaaaaaaa-0000-4000-8000-000000000001"));
    assert_eq!(error.ids.timestamp.as_deref(), Some("2026-11-27 10:11:12Z"));
    assert!(!format!("{error:?}").contains("a-secret-state"));
    let error = one("https://app.example/cb#error=consent_required&error_description=no");
    assert_eq!((error.service, error.code.as_deref()), (Some(Service::Issuer), Some("consent_required")));
}

#[test]
fn json_of_token_endpoints_and_graph() {
    let error = one(
        "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS70008: The provided authorization code or refresh token has expired.\\r\\nTrace ID: aaaaaaaa-0000-4000-8000-000000000001\\r\\nTimestamp: 2026-11-27 10:00:00Z\",\"error_codes\":[70008],\"timestamp\":\"2026-11-27 10:00:00Z\",\"trace_id\":\"aaaaaaaa-0000-4000-8000-000000000001\",\"correlation_id\":\"bbbbbbbb-0000-4000-8000-000000000002\",\"suberror\":\"bad_token\"}",
    );
    assert_eq!(
        (error.code.as_deref(), error.aadsts, error.suberror.as_deref()),
        (Some("invalid_grant"), Some(70008), Some("bad_token"))
    );
    assert_eq!(error.ids.correlation_id.as_deref(), Some("bbbbbbbb-0000-4000-8000-000000000002"));
    // As Python prints it, and cut off.
    let error = one(
        "failed: {'error': 'invalid_client', 'error_description': \"AADSTS7000218: The request body must contain 'client_assertion'. Trace ID: aaaaaaaa-0000-4000-8000-0000000000",
    );
    assert_eq!((error.code.as_deref(), error.aadsts), (Some("invalid_client"), Some(7_000_218)));
    let error = one(
        "{\n  \"error\": {\n    \"code\": \"Authorization_RequestDenied\",\n    \"message\": \"Insufficient privileges to complete the operation.\",\n    \"innerError\": {\n \"date\": \"2026-11-27T10:00:00\", \"request-id\": \"aaaaaaaa-0000-4000-8000-000000000001\", \"client-request-id\": \"bbbbbbbb-0000-4000-8000-000000000002\" } } }",
    );
    assert_eq!(
        (error.service, error.code.as_deref()),
        (Some(Service::Graph), Some("Authorization_RequestDenied"))
    );
    assert_eq!(error.ids.request_id.as_deref(), Some("aaaaaaaa-0000-4000-8000-000000000001"));
    assert_eq!(error.ids.client_request_id.as_deref(), Some("bbbbbbbb-0000-4000-8000-000000000002"));
    assert_eq!(error.ids.timestamp.as_deref(), Some("2026-11-27T10:00:00"));
    let error = one(
        "{\"__type\":\"com.amazon.coral.service#UnrecognizedClientException\",\"message\":\"The security token included in the request is invalid.\"}",
    );
    assert_eq!(error.code.as_deref(), Some("UnrecognizedClientException"));
}

#[test]
fn xml_of_sts_and_s3() {
    let error = one(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    <Code>InvalidIdentityToken</Code>\n    <Message>No OpenIDConnect provider found in your account for https://login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0</Message>\n  </Error>\n  <RequestId>cccccccc-0000-4000-8000-000000000003</RequestId>\n</ErrorResponse>",
    );
    assert_eq!((error.service, error.code.as_deref()), (Some(Service::Sts), Some("InvalidIdentityToken")));
    assert_eq!(error.ids.request_id.as_deref(), Some("cccccccc-0000-4000-8000-000000000003"));
    assert_eq!(
        error.named.issuer.as_deref(),
        Some("https://login.microsoftonline.com/8cf9b537-8553-4ece-a7a8-020492cb0174/v2.0")
    );
    assert_eq!(error.operation.as_deref(), Some("AssumeRoleWithWebIdentity"));
    let error = one(
        "<?xml version=\"1.0\"?><Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'</Message><Region>eu-central-1</Region><RequestId>4442587FB7D0A2F9</RequestId><HostId>aGVsbG8gd29ybGQ=</HostId></Error>",
    );
    assert_eq!((error.service, error.named.region.as_deref()), (Some(Service::S3), Some("eu-central-1")));
    assert_eq!(
        (error.ids.request_id.as_deref(), error.ids.host_id.as_deref()),
        (Some("4442587FB7D0A2F9"), Some("aGVsbG8gd29ybGQ="))
    );
    let error = one(
        "<Error><Code>PermanentRedirect</Code><Endpoint>data.s3-us-west-2.amazonaws.com</Endpoint><Bucket>data</Bucket></Error>",
    );
    assert_eq!(error.named.region.as_deref(), Some("us-west-2"));
}

#[test]
fn lines_of_tools() {
    for (text, service, operation, code, status) in [
        (
            "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity",
            Some(Service::Sts),
            Some("AssumeRoleWithWebIdentity"),
            Some("AccessDenied"),
            None,
        ),
        (
            "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
            Some(Service::S3),
            Some("HeadObject"),
            None,
            Some(403),
        ),
        (
            "botocore.exceptions.ClientError: An error occurred (SlowDown) when calling the PutObject operation (reached max retries: 4): Please reduce your request rate.",
            Some(Service::S3),
            Some("PutObject"),
            Some("SlowDown"),
            None,
        ),
        (
            "software.amazon.awssdk.services.sts.model.InvalidIdentityTokenException: Incorrect token audience (Service: Sts, Status Code: 400, Request ID: cccccccc-0000-4000-8000-000000000003)",
            Some(Service::Sts),
            Some("AssumeRoleWithWebIdentity"),
            Some("InvalidIdentityToken"),
            Some(400),
        ),
        (
            "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied; Request ID: 4442587FB7D0A2F9; S3 Extended Request ID: abc=; Proxy: null)",
            Some(Service::S3),
            None,
            Some("AccessDenied"),
            Some(403),
        ),
        (
            "Not authorized to perform sts:AssumeRoleWithWebIdentity (Service: Sts, Status Code: 403, Request ID: cccccccc-0000-4000-8000-000000000003). Please contact your web hosting service provider for assistance.",
            Some(Service::Sts),
            Some("AssumeRoleWithWebIdentity"),
            Some("AccessDenied"),
            Some(403),
        ),
        (
            "operation error S3: ListObjectsV2, https response error StatusCode: 404, RequestID: 4442587FB7D0A2F9, HostID: abcdef=, NoSuchBucket: The specified bucket, it says, is gone",
            Some(Service::S3),
            Some("ListObjectsV2"),
            Some("NoSuchBucket"),
            Some(404),
        ),
        (
            "Error: operation error STS: AssumeRoleWithWebIdentity, exceeded maximum number of attempts, 3, https response error StatusCode: 400, RequestID: cccccccc-0000-4000-8000-000000000003, InvalidIdentityToken: Couldn't retrieve verification key from your identity provider",
            Some(Service::Sts),
            Some("AssumeRoleWithWebIdentity"),
            Some("InvalidIdentityToken"),
            Some(400),
        ),
        (
            "operation error IAM: CreateRole, https response error StatusCode: 409, RequestID: cccccccc-0000-4000-8000-000000000003, EntityAlreadyExists: Role with name S3 already exists.",
            Some(Service::Iam),
            Some("CreateRole"),
            Some("EntityAlreadyExists"),
            Some(409),
        ),
        (
            "operation error S3: PutObject, https response error StatusCode: 403, RequestID: 4442587FB7D0A2F9, HostID: x=, api error AccessDenied: Access Denied",
            Some(Service::S3),
            Some("PutObject"),
            Some("AccessDenied"),
            Some(403),
        ),
        (
            "ERROR \"cp a s3://data/b\": AccessDenied: Access Denied status code: 403, request id: 4442587FB7D0A2F9, host id: abcdef=",
            None,
            None,
            Some("AccessDenied"),
            Some(403),
        ),
        (
            "NOTICE: Failed: AccessDenied: Access Denied\n\tstatus code: 403, request id: 4442587FB7D0A2F9, host id: abcdef=",
            None,
            None,
            Some("AccessDenied"),
            Some(403),
        ),
        (
            "Error { code: \"NoSuchBucket\", message: \"The specified bucket does not exist\", aws_request_id: \"4442587FB7D0A2F9\" }",
            Some(Service::S3),
            None,
            Some("NoSuchBucket"),
            None,
        ),
        (
            "error: bookmark lab has no credential\n  because: the sign-in could not be exchanged for a credential\n  because: STS refused AssumeRoleWithWebIdentity: AccessDenied (403)\n  because: STS says: Not authorized to perform sts:AssumeRoleWithWebIdentity\n  because: request cccccccc-0000-4000-8000-000000000003",
            Some(Service::Sts),
            Some("AssumeRoleWithWebIdentity"),
            Some("AccessDenied"),
            Some(403),
        ),
        (
            "{\"version\":1,\"event\":\"error\",\"code\":5,\"message\":\"could not read s3://data/k: permission is denied (AccessDenied)\",\"causes\":[],\"next\":[]}",
            Some(Service::S3),
            None,
            Some("AccessDenied"),
            None,
        ),
        (
            "error: the sign-in failed\n  because: the issuer answered invalid_grant (AADSTS70008)",
            Some(Service::Entra),
            None,
            Some("invalid_grant"),
            None,
        ),
    ] {
        let error = one(text);
        let seen = (error.service, error.operation.as_deref(), error.code.as_deref(), error.status);
        assert_eq!(seen, (service, operation, code, status), "{text}\n{error:#?}");
    }
    let error = one(
        "An error occurred (AccessDenied) when calling the PutObject operation: User: arn:aws:sts::123456789012:assumed-role/S3/alice is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::data/a/b\" because no identity-based policy allows the s3:PutObject action",
    );
    assert_eq!(error.named.action.as_deref(), Some("s3:PutObject"));
    assert_eq!(error.named.bucket.as_deref(), Some("data"));
    assert_eq!(error.named.role_arn.as_deref(), Some("arn:aws:iam::123456789012:role/S3"));
    assert_eq!(error.named.account.as_deref(), Some("123456789012"));
}

#[test]
fn words_alone_and_many_in_a_log() {
    let error = one("Request ARN is invalid");
    assert_eq!((error.service, error.code.as_deref()), (Some(Service::Sts), Some("ValidationError")));
    let error = one("Login failed. The security token included in the request is invalid.");
    assert_eq!(error.code.as_deref(), Some("InvalidClientTokenId"));
    let log = "10:00 AADSTS50105: not assigned. Correlation ID: bbbbbbbb-0000-4000-8000-000000000001\n10:01 AccessDenied: Access Denied\n10:02 AADSTS53003: blocked AADSTS53003\nCorrelation ID: bbbbbbbb-0000-4000-8000-000000000002\n10:03 all fine\n10:04 SlowDown again";
    let found = all(log);
    let codes: Vec<_> = found.iter().map(|error| (error.aadsts, error.code.as_deref())).collect();
    assert_eq!(
        codes,
        [
            (Some(50105), None),
            (None, Some("AccessDenied")),
            (Some(53003), None),
            (Some(53003), None),
            (None, Some("SlowDown"))
        ]
    );
    assert_eq!(found[0].ids.correlation_id.as_deref(), Some("bbbbbbbb-0000-4000-8000-000000000001"));
    assert_eq!(found[3].ids.correlation_id.as_deref(), Some("bbbbbbbb-0000-4000-8000-000000000002"));
}

#[test]
fn a_wide_space_before_a_code_is_no_end_of_the_text() {
    for space in ['\u{a0}', '\u{3000}', ' ', '"'] {
        let text = format!("x: y{space}AccessDenied: no\n\tstatus code: 403, request id: 4442587FB7D0A2F9");
        let found = all(&text);
        assert!(
            found.iter().any(|error| error.code.as_deref() == Some("AccessDenied")),
            "{space:?}: {found:?}"
        );
        all(&format!("é{space}: :(é:\nstatus code: "));
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic_and_without_its_secrets(
        text in ".{0,200}",
        form in prop::sample::select(vec![
            "An error occurred ({}) when calling the {} operation: {}", "(Service: {}; Status Code: {}; Error Code: {})", "operation error {}: {}, api error {}: {}",
            "{}: {} status code: {}", "?error={}&error_description={}&code=s3cr3t-code-1234", "{\"error\":\"{}\",\"error_description\":\"AADSTS{} {}", "<Error><Code>{}<Message>{}", "STS refused {}: {} ({",
            "AADSTS50011: {} Trace ID: {} access_token=s3cr3t-code-1234", "the issuer answered {} (", "permission is denied ({}) S3 says: {}",
        ]),
        part in "[A-Za-z'\":,{}<>()\\\\ é]{0,20}",
    ) {
        let whole = format!("{text}{}{part}", form.replace("{}", &part));
        let found = all(&whole);
        let shown = format!("{found:?}");
        prop_assert!(!shown.contains("s3cr3t-code-1234"));
        for error in found {
            prop_assert!(error.code.is_some() || error.aadsts.is_some() || error.status.is_some() || error.message.is_some());
        }
    }
}
