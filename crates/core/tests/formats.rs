//! `docs/formats.md` names every property that a bookmark's `Custom` can have an effect with.

use pintail_core::connection::property;
use pintail_core::setting::{Honoured, catalogue};

#[test]
fn every_property_with_an_effect_is_in_the_formats() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats.md");
    let formats = std::fs::read_to_string(path).expect("the document");
    let honoured = catalogue().iter().filter(|setting| setting.honoured == Honoured::Yes);
    let names = property::ALL.into_iter().chain(honoured.map(|setting| setting.name));
    let missing: Vec<_> = names.filter(|name| !formats.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/formats.md does not name {missing:?}");
}
