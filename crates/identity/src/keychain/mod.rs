//! Where a sign-in is kept between runs.
