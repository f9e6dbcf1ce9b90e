//! The rules of the house, applied to this checkout.

use std::path::Path;

use pintail_testkit::tidy::{House, RULES};

#[test]
fn the_house_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let house = House::read(&root).expect("the checkout");
    assert!(house.rust().count() > 20, "a look at nothing proves nothing");
    let mut report = String::new();
    for (name, rule) in RULES {
        for violation in rule(&house) {
            report.push_str(&format!("{violation}  ({name})\n"));
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
