//! What requests, traffic and batch jobs cost, as far as list prices tell.
//!
//! The table is of S3 Standard in US dollars, first tier, without discounts, taxes and free allowances. It is an estimate wherever it is shown, and says so. A file of the person's own takes its
//! place ([`PriceList::read`], described in `docs/formats.md`). Prices are held in billionths of the currency, so that sums are exact.
//!
//! The source is Amazon's price list, <https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonS3/current/region_index.json>, which <https://aws.amazon.com/s3/pricing/> shows. What was
//! compared with quotations of it in November 2026: the requests of `us-east-1` (list of 2026-09-28), of `sa-east-1` (2026-09-26) and of `eu-central-1` with 0.09 a gigabyte to the internet (2026-08-31);
//! 0.25 a batch job and 1.00 a million objects (lists of `eu-west-1` and `ca-central-1`); retrievals from `GLACIER` (<https://repost.aws/knowledge-center/s3-manage-data-retrieval>). All were as they stand here. Other regions were
//! not found quoted at a date of that year. What the service itself copies to another region (0.02 a gigabyte between most regions) is in no estimate.

use std::collections::BTreeMap;

use pintail_core::name::Region;
use pintail_transfer::plan::{BytesOut, Prices, Requests, Totals};
use serde::Serialize;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;

const NANO: f64 = 1e9;
/// The region whose prices stand in for those that are not known.
const STAND_IN: &str = "us-east-1";

/// Region, a thousand writes, a thousand reads, a gibibyte out to the internet, in billionths of a dollar.
const LIST: [(&str, u64, u64, u64); 24] = [
    ("af-south-1", 6_000_000, 400_000, 154_000_000),
    ("ap-east-1", 5_000_000, 400_000, 120_000_000),
    ("ap-northeast-1", 4_700_000, 370_000, 114_000_000),
    ("ap-northeast-2", 4_500_000, 350_000, 126_000_000),
    ("ap-northeast-3", 4_700_000, 370_000, 114_000_000),
    ("ap-south-1", 5_000_000, 400_000, 109_300_000),
    ("ap-southeast-1", 5_000_000, 400_000, 120_000_000),
    ("ap-southeast-2", 5_500_000, 440_000, 114_000_000),
    ("ap-southeast-3", 5_000_000, 400_000, 132_000_000),
    ("ca-central-1", 5_500_000, 440_000, 90_000_000),
    ("eu-central-1", 5_400_000, 430_000, 90_000_000),
    ("eu-central-2", 5_940_000, 470_000, 90_000_000),
    ("eu-north-1", 5_000_000, 400_000, 90_000_000),
    ("eu-south-1", 5_300_000, 420_000, 90_000_000),
    ("eu-west-1", 5_000_000, 400_000, 90_000_000),
    ("eu-west-2", 5_300_000, 420_000, 90_000_000),
    ("eu-west-3", 5_300_000, 420_000, 90_000_000),
    ("il-central-1", 5_250_000, 420_000, 110_000_000),
    ("me-south-1", 5_500_000, 440_000, 117_000_000),
    ("sa-east-1", 7_000_000, 560_000, 150_000_000),
    ("us-east-1", 5_000_000, 400_000, 90_000_000),
    ("us-east-2", 5_000_000, 400_000, 90_000_000),
    ("us-west-1", 5_500_000, 440_000, 90_000_000),
    ("us-west-2", 5_000_000, 400_000, 90_000_000),
];

/// What bringing objects back from an archive costs: storage class, tier, a thousand requests, a gibibyte.
const RESTORE: [(&str, &str, u64, u64); 4] = [
    ("GLACIER", "standard", 50_000_000, 10_000_000),
    ("GLACIER", "bulk", 0, 0),
    ("DEEP_ARCHIVE", "standard", 100_000_000, 20_000_000),
    ("DEEP_ARCHIVE", "bulk", 25_000_000, 2_500_000),
];

/// Prices, and of when they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PriceList {
    as_of: String,
    currency: String,
    regions: BTreeMap<String, Prices>,
    job_nano: u64,
    million_objects_nano: u64,
    restore: Vec<(String, String, u64, u64)>,
}

/// Why a file holds no prices.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PricesError {
    /// It is no TOML.
    #[error("it is no TOML: {0}")]
    Toml(String),
    /// It has a key that is not known.
    #[error("{key} is no key of a file of prices")]
    Unknown {
        /// The key with the tables it is in.
        key: String,
        /// The known ones that look like it.
        near: Vec<String>,
    },
    /// A value is not of its kind.
    #[error("{key} is {rule}")]
    Value {
        /// The key.
        key: String,
        /// What it has to be.
        rule: &'static str,
    },
}

/// What something would cost by list prices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Estimate {
    /// The region asked for.
    pub(crate) region: String,
    /// Its prices are known; else they are those of `us-east-1`.
    pub(crate) region_known: bool,
    /// When the prices were as they are here.
    pub(crate) as_of: String,
    /// In which currency.
    pub(crate) currency: String,
    /// For requests.
    pub(crate) requests_nano: u64,
    /// For bytes out of the region.
    pub(crate) traffic_nano: u64,
    /// For a batch job and its objects.
    pub(crate) batch_nano: u64,
    /// For bringing objects back from an archive.
    pub(crate) retrieval_nano: u64,
}

/// An estimate as a program sees it: numbers of the currency.
#[derive(Debug, Serialize)]
pub(crate) struct EstimateLine {
    currency: String,
    as_of: String,
    region: String,
    region_known: bool,
    requests: f64,
    traffic: f64,
    #[serde(skip_serializing_if = "is_nothing")]
    batch: f64,
    #[serde(skip_serializing_if = "is_nothing")]
    retrieval: f64,
    total: f64,
}

fn is_nothing(amount: &f64) -> bool {
    *amount == 0.0
}

/// By storage class, how many objects with how many bytes.
pub(crate) type ByClass = BTreeMap<String, (u64, u64)>;

/// What a batch job goes through, as far as its cost depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchLoad {
    /// How many objects.
    pub(crate) objects: u64,
    /// One writing request for each of them, or none that is paid.
    pub(crate) writes: bool,
    /// For restorations: the tier, and by storage class how many objects with how many bytes.
    pub(crate) restored: Option<(&'static str, ByClass)>,
}

impl PriceList {
    /// Returns the list that the program comes with.
    pub(crate) fn built_in() -> Self {
        Self {
            as_of: "2026-09".to_owned(),
            currency: "USD".to_owned(),
            regions: LIST
                .into_iter()
                .map(|(region, thousand_writes_nano, thousand_reads_nano, gib_out_nano)| {
                    let prices = Prices { thousand_writes_nano, thousand_reads_nano, gib_out_nano };
                    (region.to_owned(), prices)
                })
                .collect(),
            // A job, and a million of its objects (User Guide, "S3 Batch Operations").
            job_nano: 250_000_000,
            million_objects_nano: 1_000_000_000,
            restore: RESTORE
                .into_iter()
                .map(|(class, tier, a, b)| (class.into(), tier.into(), a, b))
                .collect(),
        }
    }

    /// Reads a file of prices. What it does not say stays as it is built in, but for regions: with one of its own, only its own count.
    ///
    /// # Errors
    /// When it is no TOML, or has a key that is not known or no price.
    pub(crate) fn read(text: &str) -> Result<Self, PricesError> {
        let table = DeTable::parse(text).map_err(|error| PricesError::Toml(error.message().to_owned()))?;
        let mut list = Self::built_in();
        for (key, value) in table.get_ref() {
            let (key, value) = (key.get_ref().as_ref(), value.get_ref());
            match key {
                "version" if number(value) == Some(1.0) => {}
                "version" => return Err(wrong("version", "not 1")),
                "as-of" => list.as_of = written("as-of", value)?,
                "currency" => list.currency = written("currency", value)?,
                "batch" => {
                    for (key, value) in inside("batch", value)? {
                        let path = format!("batch.{key}");
                        match key {
                            "job" => list.job_nano = price(&path, value)?,
                            "million-objects" => list.million_objects_nano = price(&path, value)?,
                            _ => return Err(unknown(path, &["batch.job", "batch.million-objects"])),
                        }
                    }
                }
                "region" => list.regions = regions(value)?,
                _ => {
                    return Err(unknown(
                        key.to_owned(),
                        &["version", "as-of", "currency", "batch", "region"],
                    ));
                }
            }
        }
        Ok(list)
    }

    /// Estimates what a plan would cost in a region; `None` where neither its prices are known nor those that would stand in for them.
    pub(crate) fn estimate(&self, totals: &Totals, region: &Region, out: BytesOut) -> Option<Estimate> {
        let known = self.regions.get(region.as_str());
        let prices = known.or_else(|| self.regions.get(STAND_IN))?;
        let cost = totals.cost(prices, out);
        Some(Estimate {
            region: region.to_string(),
            region_known: known.is_some(),
            as_of: self.as_of.clone(),
            currency: self.currency.clone(),
            requests_nano: cost.requests_nano,
            traffic_nano: cost.traffic_nano,
            batch_nano: 0,
            retrieval_nano: 0,
        })
    }

    /// Estimates what a plan would cost whose requests are of one region, and whose bytes come down out of another.
    pub(crate) fn estimate_between(
        &self,
        totals: &Totals,
        region: &Region,
        source: &Region,
    ) -> Option<Estimate> {
        let mut estimate = self.estimate(totals, region, BytesOut::None)?;
        if totals.down_bytes > 0 {
            let out = self.estimate(totals, source, BytesOut::OfTheRegion)?;
            estimate.traffic_nano = out.traffic_nano;
            estimate.region_known &= out.region_known;
        }
        Some(estimate)
    }

    /// Estimates what a batch job would cost in a region. Jobs move no byte out of it.
    pub(crate) fn batch(&self, load: &BatchLoad, region: &Region) -> Option<Estimate> {
        let writes = if load.writes { load.objects } else { 0 };
        let totals = Totals { requests: Requests { writes, ..Requests::default() }, ..Totals::default() };
        let share = |price: u64, count: u64, of: u128| {
            u64::try_from(u128::from(price) * u128::from(count) / of).unwrap_or(u64::MAX)
        };
        let mut estimate = self.estimate(&totals, region, BytesOut::None)?;
        estimate.batch_nano =
            self.job_nano.saturating_add(share(self.million_objects_nano, load.objects, 1_000_000));
        if let Some((tier, classes)) = &load.restored {
            for (class, (objects, bytes)) in classes {
                let known = self.restore.iter().find(|(name, other, ..)| name == class && other == tier);
                let Some((.., requests, gib)) = known else { continue };
                let cost = share(*requests, *objects, 1000).saturating_add(share(*gib, *bytes, 1 << 30));
                estimate.retrieval_nano = estimate.retrieval_nano.saturating_add(cost);
            }
        }
        Some(estimate)
    }
}

impl Estimate {
    /// Returns the sum.
    pub(crate) fn total_nano(&self) -> u64 {
        let parts = [self.requests_nano, self.traffic_nano, self.batch_nano, self.retrieval_nano];
        parts.into_iter().fold(0, u64::saturating_add)
    }

    /// Returns what a program is told.
    pub(crate) fn line(&self) -> EstimateLine {
        let amount = |nano: u64| nano as f64 / NANO;
        EstimateLine {
            currency: self.currency.clone(),
            as_of: self.as_of.clone(),
            region: self.region.clone(),
            region_known: self.region_known,
            requests: amount(self.requests_nano),
            traffic: amount(self.traffic_nano),
            batch: amount(self.batch_nano),
            retrieval: amount(self.retrieval_nano),
            total: amount(self.total_nano()),
        }
    }

    /// Returns what a person is told: one line, with what it rests on.
    pub(crate) fn text(&self) -> String {
        let parts = [
            ("requests", self.requests_nano),
            ("traffic", self.traffic_nano),
            ("batch job", self.batch_nano),
            ("retrieval", self.retrieval_nano),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, nano)| *nano > 0)
            .map(|(name, nano)| format!("{name} {}", money(*nano)))
            .collect();
        let whose = match self.region_known {
            true => format!("of {}", self.region),
            false => format!("of {STAND_IN}, since those of {} are not known", self.region),
        };
        let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        format!(
            "about {} {}{parts}, an estimate from list prices {whose} as of {}",
            money(self.total_nano()),
            self.currency,
            self.as_of
        )
    }
}

/// Writes an amount with two digits, and small ones with as many as tell something.
fn money(nano: u64) -> String {
    let amount = nano as f64 / NANO;
    match nano {
        0 => "0".to_owned(),
        1..1_000_000 => "less than 0.001".to_owned(),
        1_000_000..1_000_000_000 => format!("{amount:.3}"),
        _ => format!("{amount:.2}"),
    }
}

fn wrong(key: &str, rule: &'static str) -> PricesError {
    PricesError::Value { key: key.to_owned(), rule }
}

fn unknown(key: String, known: &[&str]) -> PricesError {
    let near = nearest(&key, known.iter().copied());
    PricesError::Unknown { key, near }
}

fn written(key: &str, value: &DeValue<'_>) -> Result<String, PricesError> {
    match value {
        DeValue::String(text) => Ok(text.as_ref().to_owned()),
        _ => Err(wrong(key, "no text")),
    }
}

/// The keys and values of a table.
fn inside<'a>(key: &str, value: &'a DeValue<'_>) -> Result<Vec<(&'a str, &'a DeValue<'a>)>, PricesError> {
    match value {
        DeValue::Table(table) => {
            Ok(table.iter().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref())).collect())
        }
        _ => Err(wrong(key, "no table")),
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(whole) if whole.radix() == 10 => whole.as_str().replace('_', "").parse().ok(),
        DeValue::Float(amount) => amount.as_str().replace('_', "").parse().ok(),
        _ => None,
    }
}

fn price(key: &str, value: &DeValue<'_>) -> Result<u64, PricesError> {
    match number(value) {
        // More than that for a thousand requests is a slip.
        Some(amount) if (0.0..=1e6).contains(&amount) => Ok((amount * NANO).round() as u64),
        _ => Err(wrong(key, "no price: a number from 0 to 1,000,000")),
    }
}

fn regions(value: &DeValue<'_>) -> Result<BTreeMap<String, Prices>, PricesError> {
    let mut regions = BTreeMap::new();
    for (region, value) in inside("region", value)? {
        let mut prices = Prices::default();
        let path = format!("region.{region}");
        for (key, value) in inside(&path, value)? {
            let path = format!("{path}.{key}");
            match key {
                "thousand-writes" => prices.thousand_writes_nano = price(&path, value)?,
                "thousand-reads" => prices.thousand_reads_nano = price(&path, value)?,
                "gib-out" => prices.gib_out_nano = price(&path, value)?,
                _ => {
                    let known = ["thousand-writes", "thousand-reads", "gib-out"];
                    return Err(PricesError::Unknown { near: nearest(key, known.into_iter()), key: path });
                }
            }
        }
        regions.insert(region.to_owned(), prices);
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(text: &str) -> Region {
        text.parse().unwrap()
    }

    #[test]
    fn a_job_costs_its_fee_its_objects_and_its_requests() {
        let list = PriceList::built_in();
        let load = BatchLoad { objects: 2_000_000, writes: true, restored: None };
        let estimate = list.batch(&load, &region("us-east-1")).unwrap();
        assert_eq!((estimate.batch_nano, estimate.requests_nano), (2_250_000_000, 10_000_000_000));
        let expected = "about 12.25 USD (requests 10.00, batch job 2.25), an estimate from list prices of us-east-1 as of 2026-09";
        assert_eq!(estimate.text(), expected);
        let elsewhere =
            list.batch(&BatchLoad { objects: 3, ..BatchLoad::default() }, &region("mx-central-1")).unwrap();
        assert!(!elsewhere.region_known && elsewhere.text().contains("those of mx-central-1 are not known"));
        assert_eq!(elsewhere.batch_nano, 250_003_000);
        let classes = [("GLACIER".to_owned(), (1000, 5 << 30)), ("STANDARD".to_owned(), (9, 9))];
        let load = BatchLoad { objects: 1009, writes: false, restored: Some(("standard", classes.into())) };
        assert_eq!(list.batch(&load, &region("eu-west-1")).unwrap().retrieval_nano, 50_000_000 + 50_000_000);
    }

    #[test]
    fn a_plan_costs_its_requests_and_its_traffic() {
        let totals = Totals {
            requests: Requests { writes: 1000, reads: 2000, deletes: 5 },
            down_bytes: 3 << 30,
            ..Totals::default()
        };
        let estimate =
            PriceList::built_in().estimate(&totals, &region("eu-central-1"), BytesOut::OfTheRegion).unwrap();
        assert_eq!((estimate.requests_nano, estimate.traffic_nano), (6_260_000, 270_000_000));
        let line = serde_json::to_value(estimate.line()).unwrap();
        assert_eq!(line["total"], 0.27626);
        assert!(line.get("batch").is_none());
        // Through this machine: the requests here, the bytes out of where they come from.
        let list = PriceList::built_in();
        let through =
            |to: &str, from: &str| list.estimate_between(&totals, &region(to), &region(from)).unwrap();
        let estimate = through("eu-central-1", "sa-east-1");
        assert_eq!((estimate.requests_nano, estimate.traffic_nano), (6_260_000, 450_000_000));
        assert!(estimate.region_known && !through("eu-central-1", "xx-nowhere-1").region_known);
    }

    #[test]
    fn a_file_takes_the_place_of_the_list() {
        let text = "version = 1\nas-of = \"2027-01\"\ncurrency = \"EUR\"\n[batch]\njob = 1\n[region.eu-central-1]\nthousand-writes = 0.01\ngib-out = 0.5\n";
        let list = PriceList::read(text).unwrap();
        let estimate = list
            .batch(&BatchLoad { objects: 1_000_000, writes: true, restored: None }, &region("eu-central-1"))
            .unwrap();
        assert_eq!((estimate.batch_nano, estimate.requests_nano), (2_000_000_000, 10_000_000_000));
        assert!(
            estimate.text().ends_with("of eu-central-1 as of 2027-01") && estimate.text().contains("EUR")
        );
        // What neither the file nor another region's prices tell is not said to cost nothing.
        let (elsewhere, totals) = (region("eu-west-1"), Totals::default());
        assert_eq!(list.estimate(&totals, &elsewhere, BytesOut::None), None);
        let between = |down_bytes| {
            let totals = Totals { down_bytes, ..Totals::default() };
            list.estimate_between(&totals, &region("eu-central-1"), &elsewhere)
        };
        assert!(between(1).is_none() && between(0).is_some());
        assert_eq!(list.batch(&BatchLoad::default(), &elsewhere), None);
        for (text, expected) in [
            ("version = 2", "version is not 1"),
            ("curency = \"x\"", "curency is no key of a file of prices"),
            ("[region.x]\nthousand-write = 1", "region.x.thousand-write is no key of a file of prices"),
            ("[batch]\njob = -1", "batch.job is no price: a number from 0 to 1,000,000"),
            ("region = 1", "region is no table"),
        ] {
            assert_eq!(PriceList::read(text).unwrap_err().to_string(), expected);
        }
        assert!(matches!(PriceList::read("x ="), Err(PricesError::Toml(_))));
        let PricesError::Unknown { near, .. } = PriceList::read("curency = 1").unwrap_err() else { panic!() };
        assert_eq!(near, ["currency"]);
    }
}
