//! A sign-in joined with its exchange: a credential that renews itself.
