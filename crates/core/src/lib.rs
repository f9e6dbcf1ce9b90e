//! Words and rules: the names, addresses, secrets, signatures and seams that every other crate shares.
