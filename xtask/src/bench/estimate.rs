//! How long a run will take, roughly: for the word beforehand, and for when to give up on one.
//!
//! Pure: a few figures measured on two cores, and arithmetic. A wrong estimate changes no result.

use super::stage::{LINE_MBIT_PER_S, Peer};
use super::work::{Verb, Work};

/// Names on a page of a list, and keys in a request that deletes.
const PAGE: u64 = 1000;

/// What one run takes, in seconds.
pub(crate) fn seconds(program: &str, work: &Work, peer: Peer, rtt_ms: u64) -> f64 {
    let requests = match work.verb {
        Verb::Up | Verb::Down | Verb::Copy => work.files + work.bytes() / (16 << 20),
        Verb::List | Verb::Delete | Verb::Sync | Verb::Plan => work.files.div_ceil(PAGE),
    };
    let start_s = match program {
        "aws" | "crt" => 0.8,
        _ => 0.1,
    };
    let client_ms = match program {
        "pintail" => 0.2,
        "aws" => 4.5,
        "crt" => 0.4,
        _ => 0.5,
    };
    // A key costs a tenth of a request where a request carries a thousand.
    let keys = if requests < work.files { work.files as f64 / 10.0 } else { 0.0 };
    let server_ms = if peer == Peer::SeaweedFs { 0.3 } else { 0.05 };
    let bytes = match work.verb {
        Verb::Up | Verb::Down => work.bytes() as f64,
        _ => 0.0,
    };
    let rate = match (peer, work.verb) {
        (Peer::SeaweedFs, Verb::Up) => 120e6,
        (Peer::SeaweedFs, _) => 500e6,
        (Peer::Answerer | Peer::Sandbox, _) => 1e9,
    };
    let work_s = (requests as f64 + keys) * (client_ms + server_ms) / 1000.0 + bytes / rate;
    if rtt_ms == 0 {
        return start_s + work_s;
    }
    let at_once = if requests < work.files { 1.0 } else { 64.0 };
    let line_s = bytes * 8.0 / (LINE_MBIT_PER_S as f64 * 1e6);
    start_s + work_s.max(line_s) + requests as f64 * rtt_ms as f64 / 1000.0 / at_once
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::items;

    #[test]
    fn distance_and_size_cost_time() {
        let small = &items("small-up", 1.0)[0];
        let near = seconds("s5cmd", small, Peer::SeaweedFs, 0);
        assert!((3.0..30.0).contains(&near), "{near}");
        assert!(seconds("s5cmd", small, Peer::SeaweedFs, 100) > near);
        let huge = &items("huge-down", 1.0)[0];
        assert!(seconds("pintail", huge, Peer::Answerer, 20) > 34.0, "the line bounds it");
        let few = &items("huge-down", 0.01)[0];
        assert!(seconds("pintail", few, Peer::Answerer, 20) < 2.0);
    }
}
