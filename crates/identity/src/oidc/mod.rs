//! Sign-in: OpenID Connect as steps without a network, and the drivers that perform them.
