//! What a plan would cost by list prices, where it is Amazon's S3 that is asked.

use std::path::Path;

use pintail_core::name::Region;
use pintail_transfer::plan::Place;

use super::run::Planned;
use crate::ops::batch::BatchError;
use crate::ops::prices::PriceList;
use crate::ops::{App, Error};

/// Reads a file of prices; without one, takes the list that the program comes with.
///
/// # Errors
/// When the file cannot be read, or holds no prices.
pub(crate) fn prices(file: Option<&Path>) -> Result<PriceList, Error> {
    let Some(path) = file else { return Ok(PriceList::built_in()) };
    let text = std::fs::read_to_string(path).map_err(|error| Error::local("read", path, error))?;
    Ok(PriceList::read(&text).map_err(BatchError::from)?)
}

impl Planned {
    /// Estimates what it would cost: requests by the region that is written to, or else read from, and bytes by the one that they leave. Not where
    /// any place is another service's, or a region is one whose prices nobody knows here.
    ///
    /// # Errors
    /// When a bookmark cannot be connected any more.
    pub(crate) async fn price(&mut self, app: &App, prices: &PriceList) -> Result<(), Error> {
        let (mut region, mut source): (Option<Region>, Option<Region>) = (None, None);
        let routes = self.plan.routes().iter();
        for (place, is_source) in routes.flat_map(|route| [(&route.to, false), (&route.from, true)]) {
            let Place::Remote { bookmark, .. } = place else { continue };
            let connected = app.connect_to(&bookmark.parse()?).await?;
            let endpoint = connected.s3.endpoint();
            if !endpoint.is_amazons() {
                return Ok(());
            }
            region.get_or_insert_with(|| endpoint.region().clone());
            if is_source {
                source.get_or_insert_with(|| endpoint.region().clone());
            }
        }
        let totals = self.plan.totals();
        self.estimate = region.and_then(|region| {
            let source = source.as_ref().unwrap_or(&region);
            prices.estimate_between(totals, &region, source)
        });
        Ok(())
    }
}
