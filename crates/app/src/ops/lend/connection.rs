//! What lending needs to know of a bookmark's connection, in one place.

use pintail_core::connection::Connection;
use pintail_core::name::{Partition, RoleArn};

/// Returns the partition whose services take the credential.
pub(super) fn partition(connection: &Connection) -> Partition {
    connection.role().map_or_else(|| connection.region.partition(), RoleArn::partition)
}

/// Tells whether the credential comes from a role that was assumed from another role's session.
pub(super) fn is_chained(connection: &Connection) -> bool {
    connection.wish.second_role.is_some()
}

#[cfg(test)]
pub(super) mod tests {
    use pintail_core::bookmark::Bookmark;
    use pintail_core::connection::Sources;
    use pintail_core::profile::Effective;

    use super::*;

    /// A connection with these properties beside the usual ones.
    pub(in crate::ops::lend) fn connection(more: &[(&str, &str)]) -> Connection {
        let mut bookmark = Bookmark::new(&"work".parse().unwrap(), "9d5ad5a5-0a2a-4a3c-8a3c-1f0f4f2b6f11");
        let usual = [
            ("pintail.tenant", "contoso.com"),
            ("OAuth Client ID", "11111111-2222-3333-4444-555555555555"),
            ("role_arn", "arn:aws:iam::123456789012:role/Data"),
        ];
        for (key, value) in usual.iter().chain(more) {
            bookmark.set_custom(key, Some(value));
        }
        bookmark.set("Hostname", "s3.amazonaws.com");
        let sources = Sources { bookmark: &bookmark, profile: &Effective::s3(), preferences: &|_| None };
        Connection::of(&sources).unwrap()
    }

    #[test]
    fn the_second_role_is_the_one_that_counts() {
        let plain = connection(&[]);
        let owner = |connection: &Connection| connection.role().unwrap().account().to_string();
        assert_eq!((owner(&plain), is_chained(&plain)), ("123456789012".to_owned(), false));
        let chained = connection(&[("pintail.role_arn.2", "arn:aws:iam::210987654321:role/Project")]);
        assert_eq!((owner(&chained), is_chained(&chained)), ("210987654321".to_owned(), true));
    }
}
