//! Who am I: a profile becomes a live credential.
