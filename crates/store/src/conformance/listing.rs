//! Cases about listing.

use std::sync::Arc;

use futures_util::TryStreamExt;

use super::Ground;
use crate::object_store::{List, pages};

async fn filled(on: &Ground, names: &[&str]) {
    for name in names {
        on.put(name, name.as_bytes().to_vec()).await;
    }
}

async fn all(on: &Ground, options: List) -> (Vec<String>, Vec<String>) {
    let pages: Vec<_> = pages(Arc::clone(&on.store), on.bucket.clone(), options)
        .try_collect()
        .await
        .expect("a bucket is listed");
    let objects = pages.iter().flat_map(|page| &page.objects).map(|object| object.key.to_string());
    let prefixes = pages.iter().flat_map(|page| &page.prefixes).map(ToString::to_string);
    (objects.collect(), prefixes.collect())
}

fn under(prefix: &str) -> List {
    List { prefix: prefix.parse().expect("a prefix"), ..List::default() }
}

/// Pages of any size add up to the same listing.
pub async fn pages_join_without_gap_or_overlap(on: &Ground) {
    let names = ["a", "b/1", "b/2", "b/3/x", "c", "d d", "e+e", "f%20f", "ü"];
    filled(on, &names).await;
    for max in [1, 2, 3, 1000] {
        let (objects, _) = all(on, List { max: Some(max), ..List::default() }).await;
        assert_eq!(objects, names, "pages of {max}");
    }
    let (objects, prefixes) =
        all(on, List { max: Some(1), delimiter: Some("/".into()), ..List::default() }).await;
    assert_eq!(objects, ["a", "c", "d d", "e+e", "f%20f", "ü"]);
    assert_eq!(prefixes, ["b/"]);
    let (objects, _) = all(on, List { start_after: Some("b/2".into()), ..List::default() }).await;
    assert_eq!(objects, ["b/3/x", "c", "d d", "e+e", "f%20f", "ü"]);
    let page = on.store.list(&on.bucket, &List { max: Some(2), ..List::default() }).await.expect("a page");
    assert_eq!(page.objects[0].size_bytes, 1);
    assert!(page.next.is_some());
}

/// With a delimiter a prefix is shown as a folder.
pub async fn delimiters_roll_up_folders(on: &Ground) {
    filled(on, &["docs/a/1", "docs/a/2", "docs/b", "docs/c/d/e", "other"]).await;
    let folder = |prefix: &str| List { delimiter: Some("/".into()), ..under(prefix) };
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(all(on, folder("")).await, (texts(&["other"]), texts(&["docs/"])));
    assert_eq!(all(on, folder("docs/")).await, (texts(&["docs/b"]), texts(&["docs/a/", "docs/c/"])));
    assert_eq!(all(on, folder("docs/a/")).await, (texts(&["docs/a/1", "docs/a/2"]), texts(&[])));
    assert_eq!(all(on, under("docs/c")).await, (texts(&["docs/c/d/e"]), texts(&[])));
    assert_eq!(all(on, under("nothing/")).await, (texts(&[]), texts(&[])));
}

/// The order is that of the keys' bytes: `-` and `.` come before `/`.
pub async fn listings_are_in_the_order_of_bytes(on: &Ground) {
    let mut names = ["A", "a", "a-b", "a.b", "a/b", "a0", "b", "é", "𝄞", "ﬀ"];
    filled(on, &names).await;
    names.sort_unstable();
    let mut listed = all(on, List::default()).await.0;
    if !on.can.byte_order {
        listed.sort_unstable();
    }
    assert_eq!(listed, names);
}
