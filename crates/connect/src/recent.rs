//! The places that were visited last. A convenience: nothing fails for want of it.

use pintail_core::address::Address;
use serde::{Deserialize, Serialize};

use crate::state_file::StateFile;
use crate::{Connector, Error};

/// How many places are remembered, as many as Mountain Duck lists.
const PLACES_MAX: usize = 20;

/// A place that was visited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentPlace {
    /// Its address, with the bookmark that reached it.
    pub place: String,
    /// When, the last time (RFC 3339, UTC).
    pub at: String,
}

impl Connector {
    /// Returns the places visited last, the newest first. A file that cannot be read holds none.
    pub fn recent_places(&self) -> Vec<RecentPlace> {
        self.recent_file().read()
    }

    /// Remembers that a place was visited, as well as that is possible. An address without a bookmark is remembered with the one
    /// that was meant, and the folder of an object stands for it.
    pub fn remember_place(&self, address: &Address) {
        let Ok(bookmark) = self.bookmark_of(address) else { return };
        let mut address = Address { bookmark: Some(bookmark), ..address.clone() };
        let key = address.key.as_str();
        let folder = key.rfind('/').map_or("", |at| &key[..=at]);
        let Ok(folder) = folder.parse() else { return };
        address.key = folder;
        address.inside = true;
        let place = address.to_string();
        let at = self.now().to_string();
        let remembered = self.recent_file().change(|places| {
            places.retain(|known| known.place != place);
            places.insert(0, RecentPlace { place: place.clone(), at: at.clone() });
            places.truncate(PLACES_MAX);
        });
        if let Err(error) = remembered {
            tracing::debug!(%error, "the place is not remembered");
        }
    }

    /// Forgets every place.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget_places(&self) -> Result<(), Error> {
        self.recent_file().remove()
    }

    fn recent_file(&self) -> StateFile<Vec<RecentPlace>> {
        StateFile::at(&self.environment.folders.state, "recent.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;

    #[test]
    fn the_newest_twenty_places_are_remembered_once_each() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        for number in (0..30).chain([15]) {
            connector.remember_place(&format!("work:bucket/f{number}/file").parse().unwrap());
        }
        let places = connector.recent_places();
        assert_eq!(places.len(), PLACES_MAX);
        assert_eq!(places[0].place, "work:bucket/f15/");
        assert_eq!(places[1].place, "work:bucket/f29/");
        connector.forget_places().unwrap();
        connector.forget_places().unwrap();
        assert!(connector.recent_places().is_empty());
    }

    #[test]
    fn what_cannot_be_remembered_disturbs_nobody() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("state"), "no folder").unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        connector.remember_place(&"work:bucket/".parse().unwrap());
        assert!(connector.recent_places().is_empty());
    }
}
