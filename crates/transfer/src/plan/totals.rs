//! What a plan comes to: steps, bytes, requests, and what they would cost.
//!
//! Pure. Prices are given by the caller: they differ by region, change, and are none of a transfer's business. Counted is what
//! the engine will send when nothing fails; sizes that nobody knows count as nothing.

use super::step::{Step, Task};

/// How bytes are cut into requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutting {
    /// Objects up to this size go by one request.
    pub one_request_max_bytes: u64,
    /// The wished size of a part.
    pub part_bytes: u64,
    /// Objects up to this size are copied within the service by one request.
    pub copy_max_bytes: u64,
}

impl Cutting {
    /// Returns how many parts an object has, 0 when it goes by one request.
    pub fn parts(&self, size_bytes: u64) -> u64 {
        if size_bytes <= self.one_request_max_bytes { 0 } else { parts(size_bytes, self.part_bytes) }
    }
}

fn parts(size_bytes: u64, wished_bytes: u64) -> u64 {
    size_bytes.div_ceil(crate::parts::part_bytes(size_bytes, wished_bytes))
}

/// Requests by what is paid for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// `PUT`, `COPY`, `POST` and `LIST`.
    pub writes: u64,
    /// `GET` and `HEAD`.
    pub reads: u64,
    /// `DELETE`, which is free. Deletions go in batches of 1,000, which are `POST`s and are paid as free too.
    pub deletes: u64,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// All steps.
    pub steps: u64,
    /// Files and objects that are copied, whichever way.
    pub copies: u64,
    /// Deletions.
    pub deletes: u64,
    /// Folders that are made, names that are changed, times that are set.
    pub others: u64,
    /// What need not be done.
    pub skipped: u64,
    /// What cannot be done.
    pub refused: u64,
    /// Bytes that go from this machine to the service.
    pub up_bytes: u64,
    /// Bytes that come from the service to this machine.
    pub down_bytes: u64,
    /// Bytes that are copied within the service.
    pub within_bytes: u64,
    /// Requests.
    pub requests: Requests,
}

impl Totals {
    /// Adds a step.
    pub(super) fn add(&mut self, step: &Step, cutting: &Cutting) {
        let size = step.size_bytes;
        self.steps += 1;
        match step.task {
            Task::Upload => {
                self.copies += 1;
                self.upload(size, cutting);
            }
            Task::Download => {
                self.copies += 1;
                self.download(size, cutting);
            }
            Task::CopyThrough => {
                self.copies += 1;
                self.upload(size, cutting);
                self.download(size, cutting);
            }
            Task::CopyWithin => {
                self.copies += 1;
                self.within_bytes = self.within_bytes.saturating_add(size);
                self.requests.writes +=
                    if size <= cutting.copy_max_bytes { 1 } else { 2 + parts(size, cutting.part_bytes) };
            }
            Task::Delete(_) => {
                self.deletes += 1;
                self.requests.deletes += 1;
            }
            Task::MakeFolder(_) | Task::Move(_) | Task::SetMetadata(_) => self.others += 1,
            Task::Skip(_) => self.skipped += 1,
            Task::Refuse(_) => self.refused += 1,
        }
    }

    /// Adds the pages of the listings that the plan was made from.
    pub fn add_listed_pages(&mut self, pages: u64) {
        self.requests.writes += pages;
    }

    /// Returns all bytes that move.
    pub fn moved_bytes(&self) -> u64 {
        self.up_bytes.saturating_add(self.down_bytes).saturating_add(self.within_bytes)
    }

    /// Returns what it would cost. `bytes_out` tells whether bytes that come down leave the region, for which alone traffic is paid.
    pub fn cost(&self, prices: &Prices, bytes_out: BytesOut) -> Cost {
        let per = |count: u64, nano: u64, of: u64| {
            u64::try_from(u128::from(count) * u128::from(nano) / u128::from(of)).unwrap_or(u64::MAX)
        };
        let Requests { writes, reads, .. } = self.requests;
        let requests = per(writes, prices.thousand_writes_nano, 1000).saturating_add(per(
            reads,
            prices.thousand_reads_nano,
            1000,
        ));
        let traffic = match bytes_out {
            BytesOut::OfTheRegion => per(self.down_bytes, prices.gib_out_nano, 1 << 30),
            BytesOut::None => 0,
        };
        Cost { requests_nano: requests, traffic_nano: traffic }
    }

    fn upload(&mut self, size: u64, cutting: &Cutting) {
        self.up_bytes = self.up_bytes.saturating_add(size);
        // Parts need a beginning and an end.
        self.requests.writes += match cutting.parts(size) {
            0 => 1,
            parts => parts + 2,
        };
    }

    fn download(&mut self, size: u64, cutting: &Cutting) {
        self.down_bytes = self.down_bytes.saturating_add(size);
        // Ranges need a look at the whole first.
        self.requests.reads += match cutting.parts(size) {
            0 => 1,
            parts => parts + 1,
        };
    }
}

/// Prices of one region, in billionths of whatever currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// A thousand `PUT`, `COPY`, `POST` or `LIST`.
    pub thousand_writes_nano: u64,
    /// A thousand `GET` or `HEAD`.
    pub thousand_reads_nano: u64,
    /// A gibibyte out of the region.
    pub gib_out_nano: u64,
}

/// Whether traffic is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesOut {
    /// The bytes stay in the region, or the service takes nothing for them.
    None,
    /// The bytes leave the region.
    OfTheRegion,
}

/// An estimate, in billionths of the currency of the prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// For requests.
    pub requests_nano: u64,
    /// For bytes out of the region.
    pub traffic_nano: u64,
}

impl Cost {
    /// Returns the sum.
    pub fn total_nano(&self) -> u64 {
        self.requests_nano.saturating_add(self.traffic_nano)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Side;
    use crate::name::Name;
    use crate::plan::{Refusal, Skip};

    const MIB: u64 = 1 << 20;
    const CUTTING: Cutting =
        Cutting { one_request_max_bytes: 16 * MIB, part_bytes: 8 * MIB, copy_max_bytes: 5 << 30 };

    fn totals(steps: &[(Task, u64)]) -> Totals {
        let mut totals = Totals::default();
        for (task, size) in steps {
            totals.add(&Step::new(task.clone(), Name::new("a").unwrap(), *size), &CUTTING);
        }
        totals
    }

    #[test]
    fn requests_are_counted_as_the_engine_sends_them() {
        for (task, size, writes, reads) in [
            (Task::Upload, 0, 1, 0),
            (Task::Upload, 16 * MIB, 1, 0),
            (Task::Upload, 16 * MIB + 1, 3 + 2, 0),
            (Task::Download, 16 * MIB, 0, 1),
            (Task::Download, 80 * MIB, 0, 11),
            (Task::CopyThrough, 80 * MIB, 12, 11),
            (Task::CopyWithin, 5 << 30, 1, 0),
            (Task::CopyWithin, 6 << 30, 768 + 2, 0),
            // 10,000 parts at the most.
            (Task::Upload, 40 << 40, 10_000 + 2, 0),
            (Task::Skip(Skip::Same), 5, 0, 0),
            (Task::Refuse(Refusal::TooLarge), 5, 0, 0),
        ] {
            let requests = totals(&[(task.clone(), size)]).requests;
            assert!(
                requests.writes <= writes && requests.writes + 200 > writes,
                "{task:?} {size} {requests:?}"
            );
            assert_eq!(requests.reads, reads, "{task:?} {size}");
        }
    }

    #[test]
    fn a_plan_comes_to_what_its_steps_come_to() {
        let totals = totals(&[
            (Task::Upload, 10),
            (Task::Download, 20),
            (Task::CopyThrough, 30),
            (Task::CopyWithin, 40),
            (Task::Delete(Side::Right), 0),
            (Task::MakeFolder(Side::Left), 0),
            (Task::Skip(Skip::Exists), 99),
            (Task::Refuse(Refusal::TooLarge), u64::MAX),
            (Task::Upload, u64::MAX),
        ]);
        assert_eq!((totals.steps, totals.copies, totals.deletes, totals.others), (9, 5, 1, 1));
        assert_eq!((totals.skipped, totals.refused), (1, 1));
        assert_eq!((totals.up_bytes, totals.down_bytes, totals.within_bytes), (u64::MAX, 50, 40));
        assert_eq!(totals.moved_bytes(), u64::MAX);
    }

    #[test]
    fn the_cost_follows_from_prices_that_are_given() {
        let mut totals = totals(&[(Task::Download, 2 << 30), (Task::Upload, 1)]);
        totals.add_listed_pages(999);
        // Five thousandths a thousand writes, four ten-thousandths a thousand reads, nine hundredths a gibibyte out.
        let prices = Prices {
            thousand_writes_nano: 5_000_000,
            thousand_reads_nano: 400_000,
            gib_out_nano: 90_000_000,
        };
        let cost = totals.cost(&prices, BytesOut::OfTheRegion);
        assert_eq!(cost, Cost { requests_nano: 5_000_000 + 257 * 400, traffic_nano: 180_000_000 });
        assert_eq!(cost.total_nano(), 185_102_800);
        assert_eq!(totals.cost(&prices, BytesOut::None).traffic_nano, 0);
    }
}
