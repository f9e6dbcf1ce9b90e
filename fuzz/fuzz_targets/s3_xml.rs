//! Any bytes as every document that S3 answers with: no panic, and both readers of a listing read the same.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = pintail_store::s3::fuzzing::documents(bytes);
    assert!(pintail_store::s3::fuzzing::listings_agree(bytes));
});
