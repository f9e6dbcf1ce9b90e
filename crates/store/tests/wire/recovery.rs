//! What a call does when it is refused, or when its answer is lost.

use tokio::sync::Barrier;

use super::*;

fn regions(play: &Play) -> Vec<String> {
    let region =
        |seen: &scripted::Seen| seen.header("authorization").unwrap().split('/').nth(2).unwrap().to_owned();
    play.server.seen().iter().map(region).collect()
}

#[tokio::test]
async fn calls_that_are_led_elsewhere_at_once_all_arrive() {
    let all = Arc::new(Barrier::new(3));
    let moved = || {
        let text = text("301 Moved", &["x-amz-bucket-region: eu-west-1"], "");
        Act::AnswerTogether(Arc::clone(&all), text)
    };
    let play = play([moved(), moved(), moved(), ok(), ok(), ok()]).await;
    let one = || put(&play, Payload::from_bytes("x"));
    let (first, second, third) = tokio::join!(one(), one(), one());
    first.and(second).and(third).unwrap();
    assert_eq!(regions(&play)[3..], ["eu-west-1"; 3]);
}

#[tokio::test]
async fn a_head_with_an_expired_credential_is_not_taken_for_a_wrong_region() {
    // S3 names the bucket's region in every answer about it.
    let here = "x-amz-bucket-region: us-east-1";
    let expired = Act::Answer(text("400 Bad Request", &[here], ""));
    let found = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into());
    let play = play([expired, refusal_with("400 Bad Request", "ExpiredToken", &[here], ""), found]).await;
    let info = play.store.head(&bucket(), &key(), &Head::default()).await.unwrap();
    assert_eq!(info.size_bytes, 5);
    assert_eq!(play.server.seen()[2].header("x-amz-security-token"), Some("token-1"));

    // Another region is the reason all the same.
    let there = Act::Answer(text("400 Bad Request", &["x-amz-bucket-region: eu-west-1"], ""));
    let found = Act::AnswerThenClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into());
    let play = self::play([there, found]).await;
    play.store.head(&bucket(), &key(), &Head::default()).await.unwrap();
    assert_eq!(regions(&play), ["us-east-1", "eu-west-1"]);
}
