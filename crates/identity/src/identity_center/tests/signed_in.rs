//! What follows a sign-in: renewal, credentials, lists, the AWS CLI's token, sign-out.

use super::*;

// behaviour: identity-center
#[tokio::test]
async fn a_credential_is_fetched_with_the_stored_token_and_ends_when_the_portal_says() {
    let machine = Machine::signed_in().await;
    machine.answer_credential();
    let role = machine.role(machine.center());
    let credential = role.fetch().await.unwrap();
    assert_eq!(credential.access_key_id, "ASIAEXAMPLE");
    assert_eq!(credential.expires_at, Some(at("2026-11-23T13:00:00Z")));
    let expected = format!("GET /federation/credentials?account_id={ACCOUNT}&role_name=Reader");
    assert_eq!(machine.sent()[0].0, expected);
    assert_eq!(machine.bearers(), ["hunter2-access-0"]);
    assert_tells_nothing(&format!("{credential:?} {role:?}"));
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_and_what_came_is_kept() {
    let machine = Machine::signed_in().await;
    machine.minutes_pass(50);
    machine.answer(200, &tokens(1));
    machine.answer_credential();
    machine.role(machine.center()).fetch().await.unwrap();
    let sent = machine.sent();
    assert_eq!(
        sent[0],
        (
            "POST /token".to_owned(),
            json!({ "clientId": "client-0", "clientSecret": "hunter2-client-0",
            "grantType": "refresh_token", "refreshToken": "hunter2-refresh-0" })
        )
    );
    let stored = machine.stored().await.unwrap();
    assert!(stored.refresh_token.as_ref().unwrap().matches("hunter2-refresh-1"));
    assert_eq!((stored.signed_in_at, stored.generation), (at(START), 2));
    // A service that does not replace the refresh token leaves the old one.
    machine.minutes_pass(50);
    machine.answer(200, &json!({ "accessToken": "hunter2-access-2", "expiresIn": 3600 }));
    machine.answer_credential();
    machine.role(machine.center()).fetch().await.unwrap();
    assert_eq!(machine.bearers(), ["hunter2-access-1", "hunter2-access-2"]);
    assert!(machine.stored().await.unwrap().refresh_token.unwrap().matches("hunter2-refresh-1"));
}

#[tokio::test]
async fn many_processes_that_need_a_token_cause_one_renewal() {
    let machine = Machine::signed_in().await;
    machine.minutes_pass(70);
    machine.answer(200, &tokens(1));
    let roles: Vec<_> = (0..8).map(|_| machine.role(machine.center())).collect();
    for _ in &roles {
        machine.answer_credential();
    }
    let mut fetches = tokio::task::JoinSet::new();
    for role in roles {
        fetches.spawn(async move { role.fetch().await.map(drop) });
    }
    while let Some(fetched) = fetches.join_next().await {
        fetched.unwrap().unwrap();
    }
    assert_eq!(machine.paths().iter().filter(|path| *path == "/token").count(), 1);
    assert!(machine.bearers().iter().all(|bearer| bearer == "hunter2-access-1"));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_another_process_holds_is_waited_for_and_then_told() {
    let machine = Machine::signed_in().await;
    let name = format!("identity-center-{}.lock", config().key(""));
    let folder = LockFolder::new(machine.folder.path().join("locks").join(name), LockOptions::default());
    let lease = folder.acquire(&SeededRandom::new(9)).await.unwrap();
    machine.minutes_pass(50);
    machine.answer_credential();
    // It still works, and nobody can renew it: it is used.
    machine.role(machine.center()).fetch().await.unwrap();
    machine.minutes_pass(20);
    let error = machine.role(machine.center()).fetch().await.unwrap_err();
    assert_eq!((error.retry, machine.http.requests().len()), (Retry::Backoff, 1));
    lease.release().await;
    machine.answer(200, &tokens(1));
    machine.answer_credential();
    machine.role(machine.center()).fetch().await.unwrap();
}

#[tokio::test]
async fn a_renewal_that_fails_in_passing_leaves_the_token_until_its_end() {
    let machine = Machine::signed_in().await;
    machine.minutes_pass(50);
    machine.http.fail(HttpErrorKind::Connect);
    machine.answer_credential();
    machine.role(machine.center()).fetch().await.unwrap();
    assert_eq!(machine.bearers(), ["hunter2-access-0"]);
    machine.minutes_pass(20);
    machine.http.fail(HttpErrorKind::Connect);
    let error = machine.center().list_accounts().await.unwrap_err();
    assert!(matches!(error, CenterError::Http { endpoint: Endpoint::Token, .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Backoff);
}

#[tokio::test]
async fn a_sign_in_that_is_not_renewed_any_more_asks_for_the_person() {
    for code in ["invalid_grant", "expired_token", "invalid_client", "unauthorized_client", "access_denied"] {
        let machine = Machine::signed_in().await;
        machine.minutes_pass(70);
        machine.answer(400, &oauth(code));
        let error = machine.role(machine.center()).fetch().await.unwrap_err();
        assert_eq!(error.retry, Retry::AfterSignIn, "{code}");
        assert!(error.next.as_deref().unwrap().starts_with("Sign in"), "{error:?}");
        assert_eq!(error.what, "the sign-in at https://d-1234567890.awsapps.com/start is over");
        assert_tells_nothing(&format!("{error:?} {error}"));
    }
    for (record, end) in [
        (TokenRecord { refresh_token: None, ..token_record() }, "NoRefreshToken"),
        (
            TokenRecord {
                client: Client { expires_at: at("2026-11-23T12:30:00Z"), ..client() },
                ..token_record()
            },
            "Client",
        ),
    ] {
        let machine = Machine::new();
        machine.keep(&record).await;
        machine.minutes_pass(55);
        // Nothing can renew it, so nobody is asked while it works.
        machine.answer_credential();
        machine.role(machine.center()).fetch().await.unwrap();
        machine.minutes_pass(5);
        let error = machine.center().list_accounts().await.unwrap_err();
        assert!(format!("{error:?}").contains(end) && error.retry() == Retry::AfterSignIn, "{error:?}");
        assert_eq!(machine.http.requests().len(), 1);
    }
    let machine = Machine::new();
    let error = machine.role(machine.center()).fetch().await.unwrap_err();
    assert_eq!(error.what, "nobody is signed in at https://d-1234567890.awsapps.com/start");
    assert_eq!(error.retry, Retry::AfterSignIn);
}

#[tokio::test]
async fn a_refresh_token_that_another_process_spent_is_replaced_by_its_successor() {
    /// Refuses the old token, after another process has stored a new one.
    #[derive(Debug)]
    struct Overtaken {
        keychain: Arc<FullKeychain>,
        answers: Mutex<VecDeque<(u16, Value)>>,
        bodies: Mutex<Vec<Value>>,
    }
    impl HttpClient for Overtaken {
        fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
            Box::pin(async move {
                let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let is_first = self.bodies.lock().unwrap().is_empty();
                self.bodies.lock().unwrap().push(body);
                if is_first {
                    let newer = TokenRecord { refresh_token: Some(Secret::new("newer")), ..token_record() };
                    self.keychain.set(&entries().token(), &newer.text(5)).await.unwrap();
                }
                let (status, body) = self.answers.lock().unwrap().pop_front().unwrap();
                let status = StatusCode::from_u16(status).unwrap();
                Ok(HttpResponse { status, headers: HeaderMap::new(), body: body.to_string().into() })
            })
        }
    }
    let machine = Machine::signed_in().await;
    machine.minutes_pass(70);
    let answers = [(400, oauth("invalid_grant")), (200, tokens(1)), (200, json!({ "accountList": [] }))];
    let overtaken = Arc::new(Overtaken {
        keychain: Arc::clone(&machine.keychain),
        answers: Mutex::new(answers.into()),
        bodies: Mutex::default(),
    });
    let http: Arc<Overtaken> = Arc::clone(&overtaken);
    machine.center_over(http).list_accounts().await.unwrap();
    assert_eq!(overtaken.bodies.lock().unwrap()[1]["refreshToken"], "newer");
    assert_eq!(machine.stored().await.unwrap().generation, 6);
}

#[tokio::test]
async fn a_renewed_sign_in_that_cannot_be_stored_serves_this_process() {
    let machine = Machine::signed_in().await;
    machine.minutes_pass(70);
    machine.keychain.is_full.store(true, Ordering::SeqCst);
    machine.answer(200, &tokens(1));
    let center = machine.center();
    for _ in 0..2 {
        machine.answer(200, &json!({ "accountList": [] }));
    }
    center.list_accounts().await.unwrap();
    center.list_accounts().await.unwrap();
    assert_eq!(machine.bearers(), ["hunter2-access-1", "hunter2-access-1"]);
    // The newest refresh token is the one in memory.
    machine.minutes_pass(70);
    machine.keychain.is_full.store(false, Ordering::SeqCst);
    machine.answer(200, &tokens(2));
    machine.answer(200, &json!({ "accountList": [] }));
    center.list_accounts().await.unwrap();
    let renewals: Vec<Value> = machine
        .sent()
        .into_iter()
        .filter(|(target, _)| target == "POST /token")
        .map(|(_, body)| body)
        .collect();
    assert_eq!(renewals[1]["refreshToken"], "hunter2-refresh-1");
    assert!(machine.stored().await.unwrap().refresh_token.unwrap().matches("hunter2-refresh-2"));
}

#[tokio::test]
async fn a_token_that_the_portal_refuses_is_renewed_once() {
    let machine = Machine::signed_in().await;
    machine.answer(401, &refusal("Unauthorized"));
    machine.answer(200, &tokens(1));
    machine.answer_credential();
    machine.role(machine.center()).fetch().await.unwrap();
    assert_eq!(machine.bearers(), ["hunter2-access-0", "hunter2-access-1"]);

    let machine = Machine::signed_in().await;
    machine.answer(401, &refusal("Unauthorized"));
    machine.answer(200, &tokens(1));
    machine.answer(401, &refusal("Unauthorized"));
    let error = machine.role(machine.center()).fetch().await.unwrap_err();
    assert_eq!((error.retry, machine.http.requests().len()), (Retry::AfterSignIn, 3));
    assert!(error.what.ends_with("is over"), "{error}");

    let machine = Machine::signed_in().await;
    machine.answer(401, &refusal("Unauthorized"));
    machine.answer(400, &oauth("invalid_grant"));
    let error = machine.center().list_accounts().await.unwrap_err();
    assert!(matches!(error, CenterError::SignInAgain { why: SignInEnd::Portal(_) }), "{error:?}");
}

#[tokio::test]
async fn every_refusal_of_a_credential_says_what_to_do() {
    for (status, name, what, next, retry) in [
        (
            400,
            "InvalidRequest",
            "does not take \"Reader\" in account 123456789012",
            Some("Check"),
            Retry::Never,
        ),
        (
            403,
            "Forbidden",
            "the role \"Reader\" in account 123456789012 is not assigned to you",
            Some("Choose"),
            Retry::Never,
        ),
        (
            404,
            "ResourceNotFound",
            "knows no role \"Reader\" in account 123456789012",
            Some("Choose"),
            Retry::Never,
        ),
        (429, "TooManyRequests", "is asked too often", Some("Wait"), Retry::Backoff),
        (500, "InternalServer", "gave no credential of the role \"Reader\"", None, Retry::Backoff),
    ] {
        let machine = Machine::signed_in().await;
        machine.answer(status, &refusal(name));
        let error: ProviderError = machine.role(machine.center()).fetch().await.unwrap_err();
        assert!(error.what.contains(what), "{error}");
        assert_eq!(error.next.as_deref().map(|next| next.split(' ').next().unwrap()), next);
        assert_eq!(error.retry, retry, "{name}");
        let source = error.source.as_ref().unwrap().to_string();
        assert!(source.contains(name) && source.contains("GetRoleCredentials"), "{source}");
        assert_tells_nothing(&format!("{error:?}"));
    }
    let machine = Machine::signed_in().await;
    let center = Arc::new(machine.center());
    machine.answer(403, &refusal("Forbidden"));
    let role = RoleCredentials::new(center, ACCOUNT.parse().unwrap(), "\u{1b}[2J");
    let error = role.fetch().await.unwrap_err();
    assert!(!error.what.contains('\u{1b}') && error.what.contains("\\u{1b}"), "{error}");
}

// behaviour: identity-center
#[tokio::test]
async fn lists_are_read_to_their_end_and_not_beyond() {
    let machine = Machine::signed_in().await;
    let account =
        |number: u32| json!({ "accountId": format!("{number:012}"), "accountName": format!("A{number}") });
    machine.answer(200, &json!({ "accountList": [account(1), account(2)], "nextToken": "p2" }));
    machine.answer(200, &json!({ "accountList": [], "nextToken": "p3" }));
    machine.answer(200, &json!({ "accountList": [account(3)], "nextToken": null }));
    let accounts = machine.center().list_accounts().await.unwrap();
    assert_eq!(accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["A1", "A2", "A3"]);
    let targets: Vec<String> = machine.sent().into_iter().map(|(target, _)| target).collect();
    assert_eq!(
        targets,
        [
            "GET /assignment/accounts?max_result=100",
            "GET /assignment/accounts?max_result=100&next_token=p2",
            "GET /assignment/accounts?max_result=100&next_token=p3",
        ]
    );
    machine.answer(200, &json!({ "roleList": [{ "roleName": "Reader" }], "nextToken": "p2" }));
    machine.answer(200, &json!({ "roleList": [{ "roleName": "Admin" }] }));
    let roles = machine.center().list_roles(&ACCOUNT.parse().unwrap()).await.unwrap();
    assert_eq!(roles, ["Reader", "Admin"]);

    for _ in 0..2 {
        machine.answer(200, &json!({ "accountList": [account(1)], "nextToken": "again" }));
    }
    let error = machine.center().list_accounts().await.unwrap_err();
    assert!(
        matches!(&error, CenterError::Answer { source: AnswerError::Endless { what: "accounts" }, .. }),
        "{error:?}"
    );
    machine.answer(403, &refusal("Forbidden"));
    let error = machine.center().list_roles(&ACCOUNT.parse().unwrap()).await.unwrap_err();
    assert!(matches!(&error, CenterError::Portal(error) if error.kind == PortalErrorKind::NoAccess));
}

// behaviour: identity-center
#[tokio::test]
async fn the_aws_clis_sign_in_stands_in_where_there_is_none_of_ours() {
    let machine = Machine::new();
    let center = machine.center().with_cli_cache(cli_file());
    machine.answer_credential();
    let status = center.status().await.unwrap().unwrap();
    assert_eq!((status.origin, status.expires_at), (TokenOrigin::AwsCli, at("2026-11-23T18:00:00Z")));
    machine.role(center).fetch().await.unwrap();
    assert_eq!(machine.bearers(), ["hunter2-cli"]);
    // It is of no use when the portal refuses it, and not after its end.
    machine.answer(401, &refusal("Unauthorized"));
    let error = machine.center().with_cli_cache(cli_file()).list_accounts().await.unwrap_err();
    assert!(matches!(error, CenterError::SignInAgain { why: SignInEnd::Portal(_) }), "{error:?}");
    machine.minutes_pass(6 * 60);
    let center = machine.center().with_cli_cache(cli_file());
    assert!(matches!(center.list_accounts().await.unwrap_err(), CenterError::NotSignedIn));
    assert_eq!(center.status().await.unwrap(), None);

    // Ours comes first, and the CLI's after ours is over for good; not while the service is merely away.
    let machine = Machine::signed_in().await;
    machine.answer(200, &json!({ "accountList": [] }));
    machine.center().with_cli_cache(cli_file()).list_accounts().await.unwrap();
    machine.minutes_pass(70);
    machine.http.fail(HttpErrorKind::Timeout);
    machine.center().with_cli_cache(cli_file()).list_accounts().await.unwrap_err();
    machine.answer(400, &oauth("invalid_grant"));
    machine.answer(200, &json!({ "accountList": [] }));
    machine.center().with_cli_cache(cli_file()).list_accounts().await.unwrap();
    assert_eq!(machine.bearers(), ["hunter2-access-0", "hunter2-cli"]);
}

// behaviour: identity-center
#[tokio::test]
async fn a_sign_out_ends_the_sign_in_at_the_portal_and_leaves_nothing() {
    let machine = Machine::signed_in().await;
    machine.http.answer(200, "");
    let center = machine.center();
    let signed_out = center.sign_out().await.unwrap();
    assert_eq!(signed_out, CenterSignedOut { was_signed_in: true, ended_at_portal: true });
    assert_eq!(machine.sent()[0].0, "POST /logout");
    assert_eq!(machine.bearers(), ["hunter2-access-0"]);
    assert!(machine.keychain.list("pintail").await.unwrap().is_empty());
    assert_eq!(center.status().await.unwrap(), None);
    let again = center.sign_out().await.unwrap();
    assert_eq!(again, CenterSignedOut { was_signed_in: false, ended_at_portal: true });

    // The portal's session outlives the access token: it is ended with a new one.
    let machine = Machine::signed_in().await;
    machine.minutes_pass(70);
    machine.answer(200, &tokens(1));
    machine.http.answer(200, "");
    assert!(machine.center().sign_out().await.unwrap().ended_at_portal);
    assert_eq!(machine.bearers(), ["hunter2-access-1"]);
    assert!(machine.keychain.list("pintail").await.unwrap().is_empty());

    for (status, ended_at_portal) in [(401, true), (429, false), (500, false)] {
        let machine = Machine::signed_in().await;
        machine.http.answer(status, "{}");
        let signed_out = machine.center().sign_out().await.unwrap();
        assert_eq!(signed_out, CenterSignedOut { was_signed_in: true, ended_at_portal });
        assert!(machine.keychain.list("pintail").await.unwrap().is_empty());
    }
    let machine = Machine::signed_in().await;
    machine.http.fail(HttpErrorKind::Connect);
    assert!(!machine.center().sign_out().await.unwrap().ended_at_portal);
    assert!(machine.keychain.list("pintail").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_record_that_cannot_be_read_asks_for_a_sign_in_and_a_sign_out_removes_it() {
    let machine = Machine::new();
    machine.keychain.set(&entries().token(), &SecretBytes::new("hunter2 rubbish")).await.unwrap();
    let error = machine.role(machine.center()).fetch().await.unwrap_err();
    assert_eq!(error.retry, Retry::AfterSignIn);
    assert_tells_nothing(&format!("{error:?}"));
    assert!(machine.center().sign_out().await.unwrap().was_signed_in);
    assert!(machine.stored().await.is_none());
    machine.keychain.inner.set_trouble(Some(KeychainProblem::Locked));
    let error = machine.center().list_accounts().await.unwrap_err();
    assert!(matches!(error, CenterError::Keychain(_)));
}

#[tokio::test]
async fn a_passing_fault_is_tried_again_and_told() {
    let machine = Machine::signed_in().await;
    machine.answer(429, &refusal("TooManyRequests"));
    machine.answer(503, &json!({}));
    machine.answer_credential();
    let mut center = machine.center();
    let base = Duration::from_millis(1);
    center.options.schedule = Schedule { base, ..Schedule::INTERACTIVE };
    machine.role(center).fetch().await.unwrap();
    assert_eq!(machine.http.requests().len(), 3);
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_secret() {
    let machine = Machine::signed_in().await;
    let center = machine.center().with_cli_cache(cli_file());
    assert_tells_nothing(&format!("{center:?} {:?}", center.status().await.unwrap()));
    machine.answer(200, &tokens(1));
    machine.answer(200, &json!({ "accountList": [{ "accountId": "1" }] }));
    machine.minutes_pass(70);
    let error = center.list_accounts().await.unwrap_err();
    assert_tells_nothing(&format!("{error:?} {error} {center:?}"));
    assert!(matches!(error, CenterError::Answer { endpoint: Endpoint::AccessPortal, .. }));
}
