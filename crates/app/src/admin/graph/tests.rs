//! Requests as Graph gets them, and answers as it gives them.

use std::collections::VecDeque;
use std::sync::Mutex;

use pintail_core::seam::{BoxFuture, SeededRandom};
use serde_json::json;

use super::*;
use crate::admin::graph::applications::Find;

/// Answers in turn, and remembers what was asked.
#[derive(Debug, Default)]
struct Scripted {
    answers: Mutex<VecDeque<Result<HttpResponse, HttpErrorKind>>>,
    asked: Mutex<Vec<HttpRequest>>,
}

impl HttpClient for Scripted {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        self.asked.lock().unwrap().push(request);
        let answer = self.answers.lock().unwrap().pop_front().expect("an answer was scripted");
        let failed = |kind| HttpError { kind, host: "graph.example".into(), source: None };
        Box::pin(async move { answer.map_err(failed) })
    }
}

fn answer(status: u16, body: &Value) -> Result<HttpResponse, HttpErrorKind> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    Ok(HttpResponse { status: StatusCode::from_u16(status).unwrap(), headers: http::HeaderMap::new(), body })
}

fn error(status: u16, code: &str) -> Result<HttpResponse, HttpErrorKind> {
    let inner = json!({ "request-id": "r-1" });
    answer(status, &json!({ "error": { "code": code, "message": "because", "innerError": inner } }))
}

fn graph(answers: Vec<Result<HttpResponse, HttpErrorKind>>) -> (Graph, Arc<Scripted>) {
    let http = Arc::new(Scripted { answers: Mutex::new(answers.into()), asked: Mutex::default() });
    let random = Arc::new(SeededRandom::new(1));
    let base = Url::parse("https://graph.example/v1.0").unwrap();
    let (client, token) = (Arc::clone(&http) as Arc<dyn HttpClient>, Secret::new("the-token"));
    (Graph::new(client, random, base, token), http)
}

#[test]
fn graph_is_where_the_issuer_tells_of_people() {
    for (userinfo, base) in [
        ("https://graph.microsoft.com/oidc/userinfo", Some("https://graph.microsoft.com/v1.0")),
        ("https://graph.microsoft.us/oidc/userinfo?x=1", Some("https://graph.microsoft.us/v1.0")),
        ("http://127.0.0.1:9000/graph/oidc/userinfo", Some("http://127.0.0.1:9000/graph/v1.0")),
        ("https://id.example/userinfo", None),
    ] {
        let found = Graph::base_of(&Url::parse(userinfo).unwrap());
        assert_eq!(found.as_ref().map(Url::as_str), base, "{userinfo}");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_are_read_to_their_end_and_the_token_stays_here() {
    let first = json!({ "value": [{ "id": "1", "tags": ["a"] }], "@odata.nextLink": "https://graph.example/v1.0/applications?page=2" });
    let (client, http) = graph(vec![answer(200, &first), answer(200, &json!({ "value": [{ "id": "2" }] }))]);
    let found = client.applications(Find::Name("it's")).await.unwrap();
    assert_eq!(found.iter().map(Application::id).collect::<Vec<_>>(), ["1", "2"]);
    let asked = http.asked.lock().unwrap().clone();
    assert_eq!(asked[0].url.query_pairs().next().unwrap().1, "displayName eq 'it''s'");
    assert_eq!(asked[1].url.query(), Some("page=2"));
    assert!(asked.iter().all(|request| request.headers[AUTHORIZATION] == "Bearer the-token"));

    let elsewhere = json!({ "value": [], "@odata.nextLink": "https://evil.example/v1.0/applications" });
    let (client, http) = graph(vec![answer(200, &elsewhere)]);
    let refused = client.applications(Find::Tag("t")).await.unwrap_err();
    assert!(refused.to_string().contains("elsewhere"), "{refused}");
    assert_eq!(http.asked.lock().unwrap().len(), 1);
    assert!(!format!("{client:?}").contains("the-token"));
}

#[tokio::test(start_paused = true)]
async fn refusals_say_what_graph_said() {
    let (client, _) = graph(vec![error(403, "Authorization_RequestDenied")]);
    let refused = client.create_application(&json!({})).await.unwrap_err();
    let refusal = refused.refusal().unwrap();
    assert!(refusal.is_forbidden());
    assert_eq!((refusal.operation.as_str(), refusal.message.as_str()), ("POST /applications", "because"));
    assert_eq!(refusal.request_id.as_deref(), Some("r-1"));
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_waited_for_and_nothing_is_created_twice() {
    let good = json!({ "id": "1", "appId": "a" });
    let list = json!({ "value": [] });
    let interrupted = || Err(HttpErrorKind::Interrupted);
    // (answers, succeeds) of reading, creating, and creating with something new behind it.
    for (answers, reading) in [
        (vec![error(429, "TooManyRequests"), answer(200, &list)], true),
        (vec![error(503, "x"), answer(200, &list)], true),
        (vec![interrupted(), answer(200, &list)], true),
        (vec![error(404, "Request_ResourceNotFound")], false),
        (vec![error(401, "InvalidAuthenticationToken")], false),
    ] {
        let count = answers.len();
        let (client, http) = graph(answers);
        assert_eq!(client.applications(Find::Tag("t")).await.is_ok(), reading);
        assert_eq!(http.asked.lock().unwrap().len(), count);
    }
    for (answers, creating) in [
        (vec![error(429, "TooManyRequests"), answer(201, &good)], true),
        (vec![Err(HttpErrorKind::Connect), answer(201, &good)], true),
        // It may have been carried out.
        (vec![interrupted()], false),
        (vec![error(500, "x")], false),
        (vec![answer(201, &json!({}))], false),
    ] {
        let count = answers.len();
        let (client, http) = graph(answers);
        assert_eq!(client.create_application(&good).await.is_ok(), creating);
        assert_eq!(http.asked.lock().unwrap().len(), count);
    }
    let not_yet = json!({ "error": { "code": "Request_BadRequest", "message": "The appId 'a' does not reference a valid application object." } });
    let answers = vec![answer(400, &not_yet), error(404, "Request_ResourceNotFound"), answer(201, &good)];
    let (client, http) = graph(answers);
    client.create_service_principal("a", true, &[]).await.unwrap();
    assert_eq!(http.asked.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_as_good_as_removed() {
    let (client, _) = graph(vec![error(404, "Request_ResourceNotFound"), answer(204, &Value::Null)]);
    client.delete_application("1").await.unwrap();
    client.unassign("p", "a").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn people_are_found_by_name_and_by_id() {
    let guid = "11111111-2222-3333-4444-555555555555";
    let of = |id: &str| json!({ "id": id, "displayName": "S3 users" });
    for (name, answers, found) in [
        ("S3 users", vec![answer(200, &json!({ "value": [of("1")] }))], "1"),
        ("S3 users", vec![answer(200, &json!({ "value": [] }))], "nobody"),
        ("S3 users", vec![answer(200, &json!({ "value": [of("1"), of("2")] }))], "2 of them"),
        (guid, vec![answer(200, &of(guid))], guid),
        (guid, vec![error(404, "Request_ResourceNotFound")], "nobody"),
    ] {
        let (client, _) = graph(answers);
        let seen = match client.find_group(name).await.unwrap() {
            Directory::One(group) => group.id,
            Directory::Nobody => "nobody".to_owned(),
            Directory::Several(groups) => format!("{} of them", groups.len()),
        };
        assert_eq!(seen, found);
    }
    let (client, _) = graph(vec![error(400, "BadRequest")]);
    assert_eq!(client.me().await.unwrap(), None, "an application's own token has nobody behind it");
}
