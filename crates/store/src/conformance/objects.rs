//! Cases about single objects.

use bytes::Bytes;
use futures_util::StreamExt;
use jiff::SignedDuration;
use pintail_core::checksum::{Algorithm, Checksum};

use super::{Ground, assert_fails, key, pattern, streamed};
use crate::error::{ErrorKind, Missing};
use crate::object_store::{
    ByteRange, ChecksumChoice, Copy, CopySource, Delete, DeleteItem, ETag, Get, Head, MetadataDirective, Put,
    ReadCondition, Traits, WriteCondition,
};
use crate::payload::Payload;

/// Bytes at hand come back, of any length.
pub async fn bytes_come_back_as_they_were(on: &Ground) {
    for length in [0, 1, 100, 65_536, 300_001, 1_100_000] {
        let data = pattern(length);
        let stored = on.put("object", data.clone()).await;
        assert_eq!(on.read("object").await, data, "{length} bytes");
        let info =
            on.store.head(&on.bucket, &key("object"), &Head::default()).await.expect("an object is found");
        assert_eq!(info.size_bytes, length as u64);
        assert_eq!(info.etag, stored.etag);
        assert!(info.last_modified.is_some());
    }
}

/// Streams come back, of any length and in pieces of any size.
pub async fn streams_come_back_as_they_were(on: &Ground) {
    for length in [0, 1, 262_144, 262_145, 1_500_000] {
        let data = pattern(length);
        let payload = streamed(data.clone());
        let stored = on.store.put(&on.bucket, &key("object"), payload, &Put::default()).await;
        let stored = stored.expect("a stream is written");
        assert_eq!(on.read("object").await, data, "{length} bytes");
        if let Some(checksum) = stored.checksum {
            assert_eq!(checksum, Checksum::of(checksum.algorithm(), &data));
        }
    }
}

/// A range gives exactly the bytes it names.
pub async fn ranges_are_cut_as_asked(on: &Ground) {
    let data = pattern(10_000);
    on.put("object", data.clone()).await;
    let slice = |offset, length_bytes| ByteRange::Slice { offset, length_bytes };
    for range in [
        slice(0, 1),
        slice(0, 10_000),
        slice(5, 4_000),
        slice(9_990, 100),
        ByteRange::From(0),
        ByteRange::From(9_999),
        ByteRange::Last(1),
        ByteRange::Last(20_000),
    ] {
        let options = Get { range: Some(range), ..Get::default() };
        let got = on.store.get(&on.bucket, &key("object"), &options).await.expect("a range is read");
        let (offset, length) = range.within(10_000).expect("the range is inside");
        assert_eq!(got.range, (offset, length), "{range:?}");
        assert_eq!(got.info.size_bytes, 10_000, "{range:?}");
        let body = got.body.collect(usize::MAX).await.expect("the bytes arrive");
        assert_eq!(body, data.slice(offset as usize..(offset + length) as usize), "{range:?}");
    }
    let beyond = Get { range: Some(slice(10_000, 1)), ..Get::default() };
    assert_fails(on.store.get(&on.bucket, &key("object"), &beyond).await, &ErrorKind::InvalidRange);
}

/// What was said of an object is said again.
pub async fn traits_and_metadata_come_back(on: &Ground) {
    let mut traits = Traits {
        content_type: Some("text/plain; charset=utf-8".into()),
        cache_control: Some("max-age=60".into()),
        content_disposition: Some("attachment; filename=\"a b.txt\"".into()),
        content_encoding: Some("gzip".into()),
        content_language: Some("de".into()),
        metadata: [("mtime", "1700000000.5"), ("two-words", "a  b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    };
    traits.metadata.remove("two-words");
    if on.can.unicode_metadata {
        traits.metadata.insert("name".into(), "Zoë – 東京".into());
    }
    let options = Put { traits: traits.clone(), ..Put::default() };
    on.try_put("object", "x", &options).await.expect("an object is written");
    let info = on.store.head(&on.bucket, &key("object"), &Head::default()).await.expect("an object is found");
    assert_eq!(info.traits, traits);
    let got = on.store.get(&on.bucket, &key("object"), &Get::default()).await.expect("an object is read");
    assert_eq!(got.info.traits, traits);
}

/// Reading what is not there says so.
pub async fn missing_objects_are_told(on: &Ground) {
    let missing = ErrorKind::NotFound(Missing::Object);
    assert_fails(on.store.get(&on.bucket, &key("nothing"), &Get::default()).await, &missing);
    assert_fails(on.store.head(&on.bucket, &key("nothing"), &Head::default()).await, &missing);
    let source = CopySource::new(on.bucket.clone(), key("nothing"));
    assert_fails(on.store.copy(&source, &on.bucket, &key("copy"), &Copy::default()).await, &missing);
}

/// A read under a condition gives the object or says why not.
pub async fn reads_keep_their_conditions(on: &Ground) {
    let etag = on.put("object", "x").await.etag.expect("a tag");
    let info = on.store.head(&on.bucket, &key("object"), &Head::default()).await.expect("an object is found");
    let written = info.last_modified.expect("a time");
    let day = SignedDuration::from_hours(24);
    let other = || Some(ETag::new("0123456789abcdef0123456789abcdef"));
    let none = ReadCondition::default;
    for (condition, expected) in [
        (ReadCondition { if_match: Some(etag.clone()), ..none() }, None),
        (ReadCondition { if_match: other(), ..none() }, Some(ErrorKind::PreconditionFailed)),
        (ReadCondition { if_none_match: other(), ..none() }, None),
        (ReadCondition { if_none_match: Some(etag), ..none() }, Some(ErrorKind::NotModified)),
        (ReadCondition { if_modified_since: Some(written - day), ..none() }, None),
        (ReadCondition { if_modified_since: Some(written), ..none() }, Some(ErrorKind::NotModified)),
        (ReadCondition { if_unmodified_since: Some(written), ..none() }, None),
        (
            ReadCondition { if_unmodified_since: Some(written - day), ..none() },
            Some(ErrorKind::PreconditionFailed),
        ),
    ] {
        let options = Get { condition: condition.clone(), ..Get::default() };
        let got = on.store.get(&on.bucket, &key("object"), &options).await.map(|_| ());
        let head = Head { condition, ..Head::default() };
        let looked = on.store.head(&on.bucket, &key("object"), &head).await.map(|_| ());
        for outcome in [got, looked] {
            match &expected {
                None => outcome.expect("the condition holds"),
                Some(kind) => assert_fails(outcome, kind),
            }
        }
    }
}

/// A write under a condition writes or says why not.
pub async fn writes_keep_their_conditions(on: &Ground) {
    let under = |condition| Put { condition, ..Put::default() };
    if on.can.conditional_put {
        on.try_put("object", "1", &under(WriteCondition::IfAbsent)).await.expect("there is nothing yet");
        let second = on.try_put("object", "2", &under(WriteCondition::IfAbsent)).await;
        assert_fails(second, &ErrorKind::PreconditionFailed);
        assert_eq!(on.read("object").await, "1");
    }
    if on.can.conditional_put_by_tag {
        let etag = on.put("object", "3").await.etag.expect("a tag");
        let put = on.try_put("object", "4", &under(WriteCondition::IfMatch(etag.clone()))).await;
        put.expect("it is as it was");
        let late = on.try_put("object", "5", &under(WriteCondition::IfMatch(etag.clone()))).await;
        assert_fails(late, &ErrorKind::PreconditionFailed);
        assert_eq!(on.read("object").await, "4");
    }
    if on.can.conditional_delete {
        let etag = on.put("object", "6").await.etag;
        on.put("object", "7").await;
        let delete = Delete { if_match: etag, version: None };
        let late = on.store.delete(&on.bucket, &key("object"), &delete).await;
        assert_fails(late, &ErrorKind::PreconditionFailed);
        assert_eq!(on.read("object").await, "7");
    }
}

/// A checksum goes with the bytes, is checked at the other end and told again.
pub async fn checksums_are_kept_and_checked(on: &Ground) {
    let data = pattern(100_000);
    for algorithm in Algorithm::ALL {
        let checksum = Checksum::of(algorithm, &data);
        let right = Put { checksum: ChecksumChoice::Known(checksum), ..Put::default() };
        let stored = on.try_put("object", data.clone(), &right).await.expect("the checksum is right");
        assert_eq!(stored.checksum, Some(checksum));
        if on.can.tells_checksums {
            let info = on.store.head(&on.bucket, &key("object"), &Head::default()).await.expect("found");
            assert_eq!(info.checksum, Some(checksum), "{algorithm}");
        }
        if on.can.checks_checksums {
            let wrong = ChecksumChoice::Known(Checksum::of(algorithm, b"something else"));
            let wrong = Put { checksum: wrong, ..Put::default() };
            assert_fails(on.try_put("wrong", data.clone(), &wrong).await, &ErrorKind::ChecksumMismatch);
            let head = on.store.head(&on.bucket, &key("wrong"), &Head::default()).await;
            assert_fails(head, &ErrorKind::NotFound(Missing::Object));
        }
    }
}

/// Deleting what is not there is no error.
pub async fn deletes_are_quiet_about_what_is_not_there(on: &Ground) {
    on.put("object", "x").await;
    for _ in 0..2 {
        on.store.delete(&on.bucket, &key("object"), &Delete::default()).await.expect("it is gone");
    }
    let head = on.store.head(&on.bucket, &key("object"), &Head::default()).await;
    assert_fails(head, &ErrorKind::NotFound(Missing::Object));
}

/// Every item of a deletion has its outcome, in order.
pub async fn many_are_deleted_with_an_outcome_each(on: &Ground) {
    let names = ["a", "b & <c>", "d\"e'", "ü/f"];
    for name in names {
        on.put(name, "x").await;
    }
    let mut items: Vec<DeleteItem> = names.iter().map(|name| key(name).into()).collect();
    items.push(key("never-there").into());
    let outcomes = on.store.delete_many(&on.bucket, &items).await.expect("objects are deleted");
    assert_eq!(outcomes.len(), items.len());
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    for name in names {
        let head = on.store.head(&on.bucket, &key(name), &Head::default()).await;
        assert_fails(head, &ErrorKind::NotFound(Missing::Object));
    }
    assert!(on.store.delete_many(&on.bucket, &[]).await.expect("nothing is deleted").is_empty());
}

/// What is not in the state that was named stays, and the others go; what is gone already is no error.
pub async fn many_are_deleted_only_in_the_states_named(on: &Ground) {
    if !on.can.conditional_delete {
        return;
    }
    let names = ["same", "changed", "unnamed"];
    let mut items = Vec::new();
    for name in names {
        let if_match = on.put(name, "x").await.etag.filter(|_| name != "unnamed");
        items.push(DeleteItem { if_match, ..DeleteItem::from(key(name)) });
    }
    let if_match = items[0].if_match.clone();
    items.push(DeleteItem { if_match, ..DeleteItem::from(key("never-there")) });
    on.put("changed", "another content").await;
    let outcomes = on.store.delete_many(&on.bucket, &items).await.expect("objects are deleted");
    let mut outcomes = outcomes.into_iter();
    outcomes.next().expect("one for each").expect("it was in its state");
    assert_fails(outcomes.next().expect("one for each"), &ErrorKind::PreconditionFailed);
    assert!(outcomes.all(|outcome| outcome.is_ok()));
    for name in ["same", "unnamed"] {
        let head = on.store.head(&on.bucket, &key(name), &Head::default()).await;
        assert_fails(head, &ErrorKind::NotFound(Missing::Object));
    }
    assert_eq!(on.read("changed").await, "another content");
}

/// A copy has the bytes of its source and says what it was told to say.
pub async fn copies_take_or_replace_what_is_said(on: &Ground) {
    let said = |text: &str| Traits {
        content_type: Some("text/plain".into()),
        metadata: [("note".to_owned(), text.to_owned())].into(),
        ..Traits::default()
    };
    let put = Put { traits: said("first"), ..Put::default() };
    let stored = on.try_put("from here+%", pattern(5_000), &put).await.expect("an object is written");
    let mut source = CopySource::new(on.bucket.clone(), key("from here+%"));
    on.store.copy(&source, &on.bucket, &key("copy"), &Copy::default()).await.expect("it is copied");
    assert_eq!(on.read("copy").await, pattern(5_000));
    let info = on.store.head(&on.bucket, &key("copy"), &Head::default()).await.expect("found");
    assert_eq!(info.traits, said("first"));

    let replace = Copy { metadata: MetadataDirective::Replace(said("second")), ..Copy::default() };
    source.if_match = stored.etag;
    on.store.copy(&source, &on.bucket, &source.key, &replace).await.expect("it is copied onto itself");
    let info = on.store.head(&on.bucket, &source.key, &Head::default()).await.expect("found");
    assert_eq!(info.traits, said("second"));

    source.if_match = Some(ETag::new("0123456789abcdef0123456789abcdef"));
    let late = on.store.copy(&source, &on.bucket, &key("copy"), &Copy::default()).await;
    assert_fails(late, &ErrorKind::PreconditionFailed);
}

/// A key is any text: what looks like a path or markup is kept as it is.
pub async fn strange_keys_are_kept(on: &Ground) {
    let mut names = vec!["a b", "a+b", "a%2Fb", "a&b=c?d#e", "<k>'\"", "ü/é/東京", "~tilde*(!)", "x:y;z,@$"];
    if on.can.filled_folders {
        names.push("trailing/");
    }
    if on.can.verbatim_keys {
        names.extend(["a//b", "/leading", "a/./b", "a/../b", "..", "."]);
    }
    if on.can.control_characters {
        names.extend(["tab\there", "line\nbreak", "bell\u{7}"]);
    }
    for name in &names {
        on.put(name, name.as_bytes().to_vec()).await;
    }
    for name in &names {
        assert_eq!(on.read(name).await, name.as_bytes(), "{name:?}");
    }
    let page = on.store.list(&on.bucket, &crate::object_store::List::default()).await.expect("listed");
    let mut listed: Vec<&str> = page.objects.iter().map(|object| object.key.as_str()).collect();
    listed.sort_unstable();
    names.sort_unstable();
    assert_eq!(listed, names);
}

/// A source with fewer or more bytes than it told leaves no object behind.
pub async fn a_source_that_lies_about_its_length_writes_nothing(on: &Ground) {
    for (told, has) in [(1_000_000_u64, 999_999_usize), (1_000_000, 1_000_001)] {
        let payload = Payload::from_fn(told, move || {
            Box::pin(futures_util::stream::iter([Ok(Bytes::from(vec![7; has]))]).boxed())
        });
        let outcome = on.store.put(&on.bucket, &key("object"), payload, &Put::default()).await;
        assert_fails(outcome, &ErrorKind::SourceFailed);
        let head = on.store.head(&on.bucket, &key("object"), &Head::default()).await;
        assert_fails(head, &ErrorKind::NotFound(Missing::Object));
    }
}
