//! What people paste, in the shapes of the originals, and which answer it gets.

use proptest::prelude::*;

use super::*;

const TENANT: &str = "8cf9b537-8553-4ece-a7a8-020492cb0174";
const CLIENT: &str = "11111111-2222-4333-8444-555555555555";

/// Texts and the one answer each gets. `TENANT` and `CLIENT` stand for GUIDs.
const SAMPLES: &[(&str, &str)] = &[
    // Bare, as typed.
    ("AADSTS50011", "AADSTS50011"),
    ("50011", "AADSTS50011"),
    ("7000218", "AADSTS7000218"),
    ("error 90002", "AADSTS90002"),
    ("AccessDenied", "aws-access-denied"),
    ("accessdenied", "aws-access-denied"),
    ("InvalidIdentityToken", "sts-invalid-identity-token"),
    ("invalid_grant", "oauth-invalid-grant"),
    ("SlowDown", "s3-slow-down"),
    ("ExpiredToken", "s3-expired-token"),
    ("ExpiredTokenException", "sts-token-expired"),
    ("InvalidClientTokenId", "sts-unknown-key"),
    ("SignatureDoesNotMatch", "s3-signature"),
    ("RegionDisabledException", "sts-region-disabled"),
    ("Throttling", "aws-throttled"),
    ("Authorization_RequestDenied", "graph-denied"),
    ("KMS.DisabledException", "kms-disabled"),
    ("NoSuchEntity", "iam-no-such-entity"),
    // Entra: a row of the table of its errors each, in all the shapes.
    (
        "Sign in\nSorry, but we're having trouble signing you in.\nAADSTS16000: Either choose an account, or this one is not there.\nRequest Id: aaaaaaaa-0000-4000-8000-000000000001\nCorrelation Id: bbbbbbbb-0000-4000-8000-000000000002\nTimestamp: 2026-11-27T10:11:12Z",
        "AADSTS16000",
    ),
    (
        "AADSTS500011: The resource principal named api://x was not found in the tenant named Contoso.",
        "AADSTS500011",
    ),
    (
        "AADSTS50011: The redirect URI 'http://127.0.0.1:8400/' specified in the request does not match the redirect URIs configured for the application 'CLIENT'.",
        "AADSTS50011",
    ),
    ("AADSTS500113: No reply address is registered for the application.", "AADSTS500113"),
    (
        "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS700027: The certificate with identifier used to sign the client assertion is not registered.\",\"error_codes\":[700027]}",
        "AADSTS700027",
    ),
    ("AADSTS50034: The user account does not exist in the TENANT directory.", "AADSTS50034"),
    (
        "AADSTS50020: User account '{EmailHidden}' from identity provider 'live.com' does not exist in tenant 'Contoso' and cannot access the application 'CLIENT'(Pintail) in that tenant.",
        "AADSTS50020",
    ),
    ("AADSTS500208: The domain is not a valid login domain for the account type.", "AADSTS500208"),
    ("AADSTS500212: The user's administrator has set an outbound access policy.", "AADSTS500212"),
    (
        "AADSTS500213: The resource tenant's cross-tenant access policy does not allow this user.",
        "AADSTS500213",
    ),
    ("AADSTS500021: Access to 'Contoso' tenant is denied.", "AADSTS500021"),
    ("Sign-in error code: 50053\nFailure reason: The account is locked", "AADSTS50053"),
    ("AADSTS50126: Error validating credentials due to invalid username or password.", "AADSTS50126"),
    (
        "http://localhost:9/?error=login_required&error_description=AADSTS50058%3a+A+silent+sign-in+request+was+sent+but+no+user+is+signed+in.&state=abc",
        "AADSTS50058",
    ),
    (
        "AADSTS50059: No tenant-identifying information found in either the request or implied by any provided credentials.",
        "AADSTS50059",
    ),
    (
        "AADSTS50079: Due to a configuration change made by your administrator, you must enroll in multi-factor authentication.",
        "AADSTS50079",
    ),
    (
        "{'error': 'interaction_required', 'error_description': \"AADSTS50076: Due to a configuration change you must use multi-factor authentication.\\r\\nTrace ID: aaaaaaaa-0000-4000-8000-000000000001\", 'error_codes': [50076]}",
        "AADSTS50076",
    ),
    ("AADSTS50089: Authentication failed due to flow token expired.", "AADSTS50089"),
    ("AADSTS50097: Device authentication is required.", "AADSTS50097"),
    (
        "AADSTS50105: Your administrator has configured the application Pintail ('CLIENT') to block users unless they are specifically granted access.",
        "AADSTS50105",
    ),
    ("AADSTS50129: Device is not workplace joined.", "AADSTS50129"),
    (
        "{\"error\":\"access_denied\",\"error_description\":\"AADSTS53003: Access has been blocked by Conditional Access policies.\",\"error_codes\":[53003],\"suberror\":\"message_only\",\"correlation_id\":\"bbbbbbbb-0000-4000-8000-000000000002\"}",
        "AADSTS53003",
    ),
    ("AADSTS530032: Blocked by security policy.", "AADSTS530032"),
    (
        "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        "AADSTS50173",
    ),
    ("AADSTS50199: For security reasons, user confirmation is required for this request.", "AADSTS50199"),
    (
        "http://localhost:4711/?error=access_denied&error_description=AADSTS65004%3a+User+declined+to+consent+to+access+the+app.&error_uri=https%3a%2f%2flogin.microsoftonline.com%2ferror%3fcode%3d65004",
        "AADSTS65004",
    ),
    (
        "AADSTS50146: This application is required to be configured with an application-specific signing key.",
        "AADSTS50146",
    ),
    (
        "AADSTS501481: The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        "AADSTS501481",
    ),
    (
        "AADSTS50194: Application 'CLIENT'(Pintail) is not configured as a multi-tenant application. Usage of the /common endpoint is not supported.",
        "AADSTS50194",
    ),
    (
        "AADSTS50196: The server terminated an operation because it encountered a client request loop.",
        "AADSTS50196",
    ),
    (
        "AADSTS54005: OAuth2 Authorization code was already redeemed, please retry with a new valid code.",
        "AADSTS54005",
    ),
    (
        "AADSTS65001: The user or administrator has not consented to use the application with ID 'CLIENT' named 'Pintail'.",
        "AADSTS65001",
    ),
    (
        "AADSTS65002: Consent between first party application and first party resource must be configured via preauthorization.",
        "AADSTS65002",
    ),
    (
        "AADSTS650057: Invalid resource. The client has requested access to a resource which is not listed in the requested permissions.",
        "AADSTS650057",
    ),
    (
        "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS70008: The provided authorization code or refresh token has expired.\",\"error_codes\":[70008]}",
        "AADSTS70008",
    ),
    ("AADSTS700005: Provided Authorization Code is intended to use against other tenant.", "AADSTS700005"),
    ("AADSTS7000112: Application 'CLIENT'(Pintail) is disabled.", "AADSTS7000112"),
    (
        "AADSTS700016: Application with identifier 'CLIENT' was not found in the directory 'Contoso'.",
        "AADSTS700016",
    ),
    (
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.",
        "AADSTS7000215",
    ),
    (
        "AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        "AADSTS700025",
    ),
    (
        "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.\\r\\nTrace ID: aaaaaaaa-0000-4000-8000-000000000001\\r\\nCorrelation ID: bbbbbbbb-0000-4000-8000-000000000002\\r\\nTimestamp: 2026-11-27 10:00:00Z\",\"error_codes\":[7000218]}",
        "AADSTS7000218",
    ),
    ("AADSTS70003: The app requested an unsupported grant type.", "AADSTS70003"),
    ("AADSTS700054: response_type 'id_token' is not enabled for the application.", "AADSTS700054"),
    ("AADSTS70011: The provided request must include a 'scope' input parameter.", "AADSTS70011"),
    ("AADSTS90033: A transient error has occurred. Please try again.", "AADSTS90033"),
    (
        "{\"error\":\"authorization_pending\",\"error_description\":\"AADSTS70016: OAuth 2.0 device flow error. Authorization is pending.\",\"error_codes\":[70016]}",
        "AADSTS70016",
    ),
    (
        "AADSTS70018: Invalid verification code due to User typing in wrong user code for device code flow.",
        "AADSTS70018",
    ),
    (
        "AADSTS70020: The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
        "AADSTS70020",
    ),
    (
        "AADSTS70043: The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
        "AADSTS70043",
    ),
    ("AADSTS700082: The refresh token has expired due to inactivity.", "AADSTS700082"),
    (
        "AADSTS700084: The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime.",
        "AADSTS700084",
    ),
    (
        "AADSTS90002: Tenant 'contoso.example' not found. Check to make sure you have the correct tenant ID.",
        "AADSTS90002",
    ),
    ("AADSTS900144: The request body must contain the following parameter: 'grant_type'.", "AADSTS900144"),
    ("AADSTS9002313: Invalid request. Request is malformed or invalid.", "AADSTS9002313"),
    (
        "AADSTS9002327: Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
        "AADSTS9002327",
    ),
    ("AADSTS90072: User account from identity provider does not exist in tenant.", "AADSTS90072"),
    ("AADSTS90038: Confirmation that the tenant resides within another national cloud.", "AADSTS90038"),
    ("AADSTS90055: There are too many requests to this tenant.", "AADSTS90055"),
    (
        "AADSTS90094: An administrator of Contoso has set a policy that prevents you from granting the permissions it is requesting.",
        "AADSTS90094",
    ),
    ("AADSTS900561: The endpoint only accepts POST requests. Received a GET request.", "AADSTS900561"),
    (
        "AADSTS9001023: The grant type is not supported over the /common or /consumers endpoints.",
        "AADSTS9001023",
    ),
    // OAuth at other issuers.
    ("{\"error\":\"invalid_grant\",\"error_description\":\"Token is not active\"}", "oauth-invalid-grant"),
    ("https://app/cb?error=consent_required&error_description=please", "oauth-consent-required"),
    ("{\"error\":\"slow_down\"}", "oauth-slow-down"),
    (
        "{\"error\": \"expired_token\", \"error_description\": \"The device code is expired\"}",
        "oauth-device-code-expired",
    ),
    ("{\"error\":\"authorization_declined\"}", "oauth-declined"),
    ("{\"error\":\"bad_verification_code\"}", "oauth-unknown-device-code"),
    ("oauth2: \"unauthorized_client\" \"Client not allowed\"", "oauth-unauthorized-client"),
    (
        "oauth2: cannot fetch token: 400 Bad Request Response: {\"error\":\"invalid_scope\"}",
        "oauth-invalid-scope",
    ),
    // STS: every row of its errors.
    (
        "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: Not authorized to perform sts:AssumeRoleWithWebIdentity",
        "sts-access-denied",
    ),
    ("Not authorized to perform sts:AssumeRoleWithWebIdentity", "sts-access-denied"),
    (
        "Login failed\nNot authorized to perform sts:AssumeRoleWithWebIdentity (Service: Sts, Status Code: 403, Request ID: cccccccc-0000-4000-8000-000000000003). Please contact your web hosting service provider for assistance.",
        "sts-access-denied",
    ),
    (
        "Error: WebIdentityErr: failed to retrieve credentials\ncaused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity\n\tstatus code: 403, request id: cccccccc-0000-4000-8000-000000000003",
        "sts-access-denied",
    ),
    (
        "Error: validating provider credentials: retrieving caller identity from STS: operation error STS: AssumeRoleWithWebIdentity, https response error StatusCode: 400, RequestID: cccccccc-0000-4000-8000-000000000003, InvalidIdentityToken: No OpenIDConnect provider found in your account for https://login.microsoftonline.com/TENANT/v2.0",
        "sts-no-provider",
    ),
    (
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>Incorrect token audience</Message></Error><RequestId>cccccccc-0000-4000-8000-000000000003</RequestId></ErrorResponse>",
        "sts-wrong-audience",
    ),
    ("Incorrect token audience", "sts-wrong-audience"),
    (
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
        "sts-keys-unreachable",
    ),
    (
        "InvalidIdentityToken: OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
        "sts-provider-certificate",
    ),
    (
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        "sts-not-a-jwt",
    ),
    (
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Missing a required claim: sub",
        "sts-missing-claim",
    ),
    (
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: Invalid signature",
        "sts-bad-signature",
    ),
    (
        "An error occurred (InvalidIdentityToken) when calling the AssumeRoleWithWebIdentity operation: The requested role is not listed in the token",
        "sts-role-not-in-token",
    ),
    (
        "An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: Token expired: current date/time 1 must be before the expiration date/time 0",
        "sts-token-expired",
    ),
    (
        "com.amazonaws.services.securitytoken.model.IDPRejectedClaimException: The identity provider (IdP) reported that authentication failed (Service: AWSSecurityTokenService; Status Code: 403; Error Code: IDPRejectedClaim; Request ID: cccccccc-0000-4000-8000-000000000003; Proxy: null)",
        "sts-sign-in-rejected",
    ),
    (
        "An error occurred (IDPCommunicationError) when calling the AssumeRoleWithWebIdentity operation: The identity provider could not be reached",
        "sts-issuer-unreachable",
    ),
    ("Request ARN is invalid", "sts-role-arn-invalid"),
    (
        "An error occurred (ValidationError) when calling the AssumeRoleWithWebIdentity operation: Request ARN is invalid",
        "sts-role-arn-invalid",
    ),
    (
        "Request ARN is invalid (Service: Sts, Status Code: 400, Request ID: cccccccc-0000-4000-8000-000000000003)",
        "sts-role-arn-invalid",
    ),
    (
        "An error occurred (ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        "sts-duration-too-long",
    ),
    (
        "An error occurred (ValidationError) when calling the AssumeRole operation: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        "sts-chain-too-long",
    ),
    (
        "An error occurred (ValidationError) when calling the AssumeRoleWithWebIdentity operation: 1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        "sts-session-name",
    ),
    (
        "ValidationError: 1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length less than or equal to 20000",
        "sts-token-too-long",
    ),
    (
        "An error occurred (MalformedPolicyDocument) when calling the AssumeRoleWithWebIdentity operation: The policy is not in the valid JSON format.",
        "sts-malformed-policy",
    ),
    (
        "An error occurred (PackedPolicyTooLarge) when calling the AssumeRoleWithWebIdentity operation: Packed size of session tags consumes 105% of allotted space.",
        "sts-policy-too-large",
    ),
    (
        "An error occurred (RegionDisabledException) when calling the AssumeRoleWithWebIdentity operation: STS is not activated in this region for account:123456789012.",
        "sts-region-disabled",
    ),
    (
        "An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid",
        "sts-unknown-key",
    ),
    ("The security token included in the request is invalid", "sts-unknown-key"),
    (
        "The security token included in the request is invalid. (Service: AWSSecurityTokenService; Status Code: 403; Error Code: InvalidClientTokenId; Request ID: cccccccc-0000-4000-8000-000000000003; Proxy: null)",
        "sts-unknown-key",
    ),
    (
        "An error occurred (ExpiredToken) when calling the GetCallerIdentity operation: The security token included in the request is expired",
        "sts-credential-expired",
    ),
    (
        "An error occurred (SignatureDoesNotMatch) when calling the GetCallerIdentity operation: Signature expired: 20261127T100000Z is now earlier than 20261127T101500Z",
        "sts-clock",
    ),
    (
        "An error occurred (Throttling) when calling the AssumeRoleWithWebIdentity operation (reached max retries: 4): Rate exceeded",
        "aws-throttled",
    ),
    (
        "An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:sts::123456789012:assumed-role/A/s is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::210987654321:role/B",
        "sts-access-denied-assume-role",
    ),
    (
        "An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::123456789012:user/a is not authorized to perform: sts:TagSession on resource: arn:aws:iam::123456789012:role/B",
        "sts-no-tag-session",
    ),
    (
        "AccessDenied: … is not authorized to perform: sts:SetSourceIdentity on resource: arn:aws:iam::123456789012:role/B",
        "sts-no-source-identity",
    ),
    (
        "An error occurred (AccessDenied) when calling the GetSessionToken operation: Cannot call GetSessionToken with session credentials",
        "sts-session-of-session",
    ),
    (
        "An error occurred (AccessDenied) when calling the GetSessionToken operation: MultiFactorAuthentication failed with invalid MFA one time pass code.",
        "sts-access-denied-session-token",
    ),
    (
        "An error occurred (AccessDenied) when calling the AssumeRole operation: User: arn:aws:iam::123456789012:user/a is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/B with an explicit deny in a service control policy",
        "denied-scp",
    ),
    // S3.
    (
        "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied",
        "s3-access-denied",
    ),
    (
        "ERROR \"ls s3://data\": AccessDenied: Access Denied status code: 403, request id: 4442587FB7D0A2F9, host id: aGVsbG8=",
        "s3-access-denied",
    ),
    (
        "An error occurred (AccessDenied) when calling the PutObject operation: User: arn:aws:sts::123456789012:assumed-role/S3/s is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::data/a\" because no identity-based policy allows the s3:PutObject action",
        "denied-no-identity-policy",
    ),
    (
        "AccessDenied: User: arn:aws:sts::123456789012:assumed-role/S3/s is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" with an explicit deny in a resource-based policy",
        "denied-resource-deny",
    ),
    (
        "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" with an explicit deny in an identity-based policy",
        "denied-identity-deny",
    ),
    (
        "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" with an explicit deny in a resource control policy",
        "denied-rcp",
    ),
    (
        "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" because no session policy allows the s3:GetObject action",
        "denied-session-policy",
    ),
    (
        "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" because no permissions boundary allows the s3:GetObject action",
        "denied-boundary",
    ),
    (
        "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" because no VPC endpoint policy allows the s3:GetObject action",
        "denied-endpoint-policy",
    ),
    (
        "AccessDenied: User: x is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::data/a\" because no resource-based policy allows the s3:GetObject action",
        "denied-no-resource-policy",
    ),
    (
        "An error occurred (AccessDenied) when calling the PutObject operation: User: arn:aws:sts::123456789012:assumed-role/S3/s is not authorized to perform: kms:GenerateDataKey on resource: arn:aws:kms:eu-central-1:123456789012:key/k because no identity-based policy allows the kms:GenerateDataKey action",
        "denied-kms",
    ),
    (
        "AccessDenied: The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        "denied-kms",
    ),
    (
        "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>data</BucketName><RequestId>4442587FB7D0A2F9</RequestId><HostId>aGVsbG8=</HostId></Error>",
        "s3-no-such-bucket",
    ),
    (
        "operation error S3: ListObjectsV2, https response error StatusCode: 301, RequestID: 4442587FB7D0A2F9, HostID: aGVsbG8=, api error PermanentRedirect: The bucket you are attempting to access must be addressed using the specified endpoint.",
        "s3-wrong-region",
    ),
    (
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'</Message><Region>eu-central-1</Region></Error>",
        "s3-wrong-region",
    ),
    (
        "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is malformed; the Credential is mal-formed</Message></Error>",
        "s3-header-malformed",
    ),
    (
        "S3 error: The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        "s3-signature",
    ),
    (
        "RequestTimeTooSkewed: The difference between the request time and the current time is too large.",
        "s3-clock",
    ),
    (
        "2026/11/27 ERROR : a: Failed to copy: InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.\n\tstatus code: 403, request id: 4442587FB7D0A2F9, host id: aGVsbG8=",
        "s3-unknown-key",
    ),
    (
        "An error occurred (ExpiredToken) when calling the PutObject operation: The provided token has expired.",
        "s3-expired-token",
    ),
    (
        "An error occurred (InvalidToken) when calling the ListBuckets operation: The provided token is malformed or otherwise invalid.",
        "s3-invalid-token",
    ),
    ("TokenRefreshRequired: The provided token must be refreshed.", "s3-expired-token"),
    (
        "An error occurred (SlowDown) when calling the PutObject operation (reached max retries: 4): Please reduce your request rate.",
        "s3-slow-down",
    ),
    ("BadDigest: The Content-MD5 you specified did not match what we received.", "s3-checksum"),
    (
        "XAmzContentSHA256Mismatch: The provided 'x-amz-content-sha256' header does not match what was computed.",
        "s3-checksum-mode",
    ),
    ("EntityTooLarge: Your proposed upload exceeds the maximum allowed size", "s3-too-large"),
    ("EntityTooSmall: Your proposed upload is smaller than the minimum allowed size", "s3-too-small"),
    (
        "An error occurred (InvalidPart) when calling the CompleteMultipartUpload operation: One or more of the specified parts could not be found.",
        "s3-invalid-part",
    ),
    (
        "An error occurred (NoSuchUpload) when calling the UploadPart operation: The specified upload does not exist.",
        "s3-no-such-upload",
    ),
    (
        "An error occurred (PreconditionFailed) when calling the PutObject operation: At least one of the pre-conditions you specified did not hold",
        "s3-precondition",
    ),
    ("ConditionalRequestConflict", "s3-conflict"),
    (
        "AccessControlListNotSupported: The bucket does not allow ACLs\n\tstatus code: 400, request id: 4442587FB7D0A2F9, host id: aGVsbG8=",
        "s3-no-acls",
    ),
    (
        "An error occurred (InvalidObjectState) when calling the GetObject operation: The operation is not valid for the object's storage class",
        "s3-archived",
    ),
    (
        "An error occurred (KMS.DisabledException) when calling the GetObject operation: arn:aws:kms:eu-central-1:123456789012:key/k is disabled.",
        "kms-disabled",
    ),
    (
        "An error occurred (KMS.NotFoundException) when calling the PutObject operation: Invalid arn eu-west-1",
        "kms-not-found",
    ),
    (
        "An error occurred (KMS.KMSInvalidStateException) when calling the GetObject operation: the key is pending deletion.",
        "kms-invalid-state",
    ),
    ("QuotaExceeded: the quota of the bucket is used up", "s3-quota"),
    ("XMinioStorageFull: Storage backend has reached its minimum free drive threshold.", "s3-quota"),
    (
        "fatal error: An error occurred (403) when calling the HeadObject operation: Forbidden",
        "s3-access-denied",
    ),
    (
        "fatal error: An error occurred (404) when calling the HeadObject operation: Key \"a\" does not exist",
        "s3-no-such-key",
    ),
    ("An error occurred (400) when calling the HeadObject operation: Bad Request", "s3-request-invalid"),
    (
        "An error occurred (BucketAlreadyExists) when calling the CreateBucket operation: The requested bucket name is not available.",
        "s3-bucket-taken",
    ),
    (
        "remove_bucket failed: s3://data An error occurred (BucketNotEmpty) when calling the DeleteBucket operation: The bucket you tried to delete is not empty",
        "s3-bucket-not-empty",
    ),
    (
        "An error occurred (IllegalLocationConstraintException) when calling the CreateBucket operation: The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
        "s3-wrong-region",
    ),
    (
        "InvalidRequest: The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.\n\tstatus code: 400, request id: x1, host id: y",
        "s3-old-signature",
    ),
    // IAM.
    (
        "An error occurred (NoSuchEntity) when calling the GetOpenIDConnectProvider operation: OpenIDConnect Provider not found for arn arn:aws:iam::123456789012:oidc-provider/login.microsoftonline.com/TENANT/v2.0",
        "iam-no-such-provider",
    ),
    (
        "An error occurred (NoSuchEntity) when calling the GetRole operation: The role with name S3 cannot be found.",
        "iam-no-such-role",
    ),
    (
        "operation error IAM: CreateOpenIDConnectProvider, https response error StatusCode: 409, RequestID: cccccccc-0000-4000-8000-000000000003, EntityAlreadyExists: Provider with url https://login.microsoftonline.com/TENANT/v2.0 already exists.",
        "iam-provider-exists",
    ),
    (
        "Error: creating IAM Role (S3): operation error IAM: CreateRole, https response error StatusCode: 409, RequestID: cccccccc-0000-4000-8000-000000000003, EntityAlreadyExists: Role with name S3 already exists.",
        "iam-exists",
    ),
    (
        "An error occurred (MalformedPolicyDocument) when calling the CreateRole operation: Invalid principal in policy: \"FEDERATED\":\"x\"",
        "iam-invalid-principal",
    ),
    (
        "An error occurred (MalformedPolicyDocument) when calling the PutRolePolicy operation: Syntax errors in policy.",
        "iam-malformed-policy",
    ),
    (
        "An error occurred (LimitExceeded) when calling the UpdateAssumeRolePolicy operation: Cannot exceed quota for ACLSizePerTrustPolicy: 2048",
        "iam-trust-policy-too-long",
    ),
    (
        "An error occurred (AccessDenied) when calling the CreateRole operation: User: arn:aws:iam::123456789012:user/a is not authorized to perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/S3 because no identity-based policy allows the iam:CreateRole action",
        "iam-access-denied",
    ),
    (
        "An error occurred (DeleteConflict) when calling the DeleteRole operation: Cannot delete entity, must detach all policies first.",
        "iam-delete-conflict",
    ),
    (
        "An error occurred (OpenIdIdpCommunicationErrorException) when calling the CreateOpenIDConnectProvider operation: Connection refused",
        "iam-issuer-unreachable",
    ),
    // Graph.
    (
        "{\"error\":{\"code\":\"Authorization_RequestDenied\",\"message\":\"Insufficient privileges to complete the operation.\",\"innerError\":{\"date\":\"2026-11-27T10:00:00\",\"request-id\":\"aaaaaaaa-0000-4000-8000-000000000001\"}}}",
        "graph-denied",
    ),
    ("ERROR: Insufficient privileges to complete the operation.", "graph-denied"),
    (
        "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"Lifetime validation failed, the token is expired.\"}}",
        "graph-token-expired",
    ),
    (
        "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"Access token validation failure. Invalid audience.\"}}",
        "graph-token-audience",
    ),
    (
        "{\"error\":{\"code\":\"InvalidAuthenticationToken\",\"message\":\"Access token is empty.\"}}",
        "graph-token-invalid",
    ),
    (
        "{\"error\":{\"code\":\"Request_ResourceNotFound\",\"message\":\"Resource 'x' does not exist or one of its queried reference-property objects are not present.\"}}",
        "graph-not-found",
    ),
    (
        "{\"error\":{\"code\":\"Request_BadRequest\",\"message\":\"Permission being assigned already exists on the object\"}}",
        "graph-exists",
    ),
    (
        "{\"error\":{\"code\":\"Request_MultipleObjectsWithSameKeyValue\",\"message\":\"The service principal cannot be created because the service principal name is already in use.\"}}",
        "graph-exists",
    ),
    (
        "{\"error\":{\"code\":\"Directory_QuotaExceeded\",\"message\":\"The directory object quota limit for the Principal has been exceeded.\"}}",
        "graph-quota",
    ),
    (
        "{\"odata.error\":{\"code\":\"Request_BadRequest\",\"message\":{\"lang\":\"en\",\"value\":\"Invalid value specified for property 'replyUrl' of resource\"}}}",
        "graph-redirect",
    ),
    (
        "{\"error\":{\"code\":\"Authentication_RequestFromNonPremiumTenantOrB2CTenant\",\"message\":\"Neither tenant is B2C or tenant doesn't have premium license\"}}",
        "graph-licence",
    ),
    ("{\"error\":{\"code\":\"TooManyRequests\",\"message\":\"Too many requests\"}}", "graph-throttled"),
    // Tools that never got an answer.
    (
        "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
        "client-no-credentials",
    ),
    ("NoCredentialProviders: no valid providers in chain. Deprecated.", "client-no-credentials"),
    ("The config profile (work) could not be found", "client-no-profile"),
    (
        "You must specify a region. You can also configure your region by running \"aws configure\".",
        "client-no-region",
    ),
    ("Could not connect to the endpoint URL: \"https://s3.eu-centrl-1.amazonaws.com/\"", "network-connect"),
    ("dial tcp: lookup sts.eu-centrl-1.amazonaws.com: no such host", "network-name"),
    (
        "SSL validation failed for https://sts.amazonaws.com/ [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self signed certificate in certificate chain",
        "network-tls",
    ),
    ("Error loading SSO Token: Token for corp does not exist", "client-sso-over"),
    ("Login canceled", "client-login-canceled"),
    (
        "An error occurred (ForbiddenException) when calling the GetRoleCredentials operation: No access",
        "sso-no-access",
    ),
    // Our own.
    (
        "error: the sign-in was not finished within 300 s\n  because: nothing came back from the browser",
        "own-timed-out",
    ),
    (
        "error: bookmark lab has no credential\n  because: the sign-in could not be exchanged for a credential\n  because: STS refused AssumeRoleWithWebIdentity: InvalidIdentityToken (400)\n  because: STS says: Incorrect token audience\n  because: request cccccccc-0000-4000-8000-000000000003",
        "sts-wrong-audience",
    ),
    (
        "error: could not list s3://data: permission is denied (AccessDenied)\n  because: S3 says: Access Denied",
        "s3-access-denied",
    ),
    (
        "error: the ID token was refused\n  because: the ID token is for \"a\" and not for \"b\"",
        "own-token-audience",
    ),
    (
        "pintail: bookmark lab has no credential (nobody is signed in). Sign in: `pintail login lab`.",
        "own-not-signed-in",
    ),
];

fn placed(text: &str) -> String {
    text.replace("TENANT", TENANT).replace("CLIENT", CLIENT)
}

#[test]
fn every_sample_gets_its_answer() {
    assert!(SAMPLES.len() >= 120, "{}", SAMPLES.len());
    let mut wrong = String::new();
    for (text, id) in SAMPLES {
        let seen: Vec<Answer> = answers(&placed(text));
        let ids: Vec<&str> = seen.iter().map(|answer| answer.id.as_str()).collect();
        if ids != [*id] || !seen[0].exact {
            wrong.push_str(&format!(
                "{text}\n  wanted {id}, got {ids:?}: {:#?}\n",
                seen.iter().map(|answer| &answer.error).collect::<Vec<_>>()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Each number of Entra, in each of the shapes it comes in, has its own meaning.
#[test]
fn every_number_is_answered_in_every_shape() {
    let numbers: Vec<(u32, &str)> = entra::rows().flat_map(|row| row.numbers.iter().copied()).collect();
    for (number, meaning) in numbers {
        for shape in [
            "AADSTS#",
            "#",
            "AADSTS#: Some words of Microsoft.\r\nTrace ID: aaaaaaaa-0000-4000-8000-000000000001\r\nCorrelation ID: bbbbbbbb-0000-4000-8000-000000000002",
            "{\"error\":\"invalid_request\",\"error_description\":\"AADSTS#: Some words.\",\"error_codes\":[#]}",
            "http://localhost:1/?error=server_error&error_description=AADSTS#%3a+Some+words.",
            "2026-11-27 10:00 ERROR broker: (AADSTS#) sign-in failed",
        ] {
            let text = shape.replace('#', &number.to_string());
            let found = answers(&text);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!(found[0].text.map(|text| text.meaning), Some(meaning), "{text}");
            assert_eq!(
                found[0].look_up.as_deref(),
                Some(format!("https://login.microsoftonline.com/error?code={number}").as_str())
            );
        }
    }
}

#[test]
fn what_is_named_is_filled_in() {
    let next = |text: &str| answers(&placed(text)).remove(0).next.join("\n");
    let no_provider = next(
        "InvalidIdentityToken: No OpenIDConnect provider found in your account for https://login.microsoftonline.com/TENANT/v2.0",
    );
    assert!(
        no_provider.contains(&format!("exactly this URL: https://login.microsoftonline.com/{TENANT}/v2.0")),
        "{no_provider}"
    );
    let region = next(
        "<Error><Code>PermanentRedirect</Code><Endpoint>data.s3.eu-west-3.amazonaws.com</Endpoint></Error>",
    );
    assert!(region.contains("the region eu-west-3"), "{region}");
    let denied = next(
        "User: arn:aws:sts::123456789012:assumed-role/S3/s is not authorized to perform: s3:PutObject on resource: \"arn:aws:s3:::data/a\" because no identity-based policy allows the s3:PutObject action",
    );
    assert!(
        denied.contains("s3:PutObject on data in a policy of arn:aws:iam::123456789012:role/S3"),
        "{denied}"
    );
    let consent = next(
        "AADSTS65001: no consent for the application with ID 'CLIENT' at https://login.microsoftonline.com/TENANT/oauth2/v2.0/authorize",
    );
    assert!(consent.contains(&format!("/{TENANT}/adminconsent?client_id={CLIENT}")), "{consent}");
}

#[test]
fn a_log_is_answered_in_order_and_each_cause_once() {
    let log = "10:00 AccessDenied: Access Denied s3://data/a\n10:01 AADSTS50105: x\n10:02 AccessDenied: Access Denied s3://data/b\n10:03 AccessDenied: Access Denied s3://other/b\n10:04 AADSTS50105: x";
    let seen: Vec<(String, usize)> =
        answers(log).into_iter().map(|answer| (answer.id, answer.times)).collect();
    assert_eq!(
        seen,
        [
            ("s3-access-denied".to_owned(), 2),
            ("AADSTS50105".to_owned(), 2),
            ("s3-access-denied".to_owned(), 1)
        ]
    );
}

#[test]
fn what_is_not_known_is_said_to_be() {
    let one = |text: &str| answers(text).remove(0);
    let number = one("AADSTS999999: words");
    assert!(!number.exact && number.text.is_none() && number.id == "AADSTS999999");
    assert!(number.look_up.is_some());
    let beside = one(
        "{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS999999: new\",\"error_codes\":[999999]}",
    );
    assert!(!beside.exact && beside.text.is_some_and(|text| text.id == "oauth-invalid-grant"));
    let code = one("An error occurred (BrandNewCode) when calling the PutObject operation: words");
    assert_eq!((code.id.as_str(), code.title.as_str(), code.exact), ("unknown", "BrandNewCode", false));
    assert!(code.look_up.is_some());
    for nothing in ["", "hello", "0x80070005", "12345", "everything is fine with the request from Bob"] {
        assert!(answers(nothing).is_empty(), "{nothing}");
    }
}

proptest! {
    #[test]
    fn whatever_is_pasted_no_secret_comes_back(
        (sample, _) in prop::sample::select(SAMPLES),
        before in ".{0,40}",
        secret in "[A-Za-z0-9_-]{20,40}[0-9][a-z]",
        form in prop::sample::select(vec![
            "{S}\n?code={X}&state=1", "access_token={X} {S}", "{S} {\"refresh_token\":\"{X}\"}", "Authorization: Bearer {X}\n{S}",
            "{S}\nhttps://b.s3.amazonaws.com/k?X-Amz-Signature={X}&X-Amz-Date=1", "<SessionToken>{X}</SessionToken>{S}", "{S} aws_secret_access_key = {X}",
        ]),
    ) {
        let text = format!("{before}{}", form.replace("{S}", sample).replace("{X}", &secret));
        let shown = format!("{:?}", answers(&text));
        prop_assert!(!shown.contains(&secret), "{}", text);
    }
}
