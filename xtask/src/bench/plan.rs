//! What is done where, and how often: so that a whole run ends while somebody waits, and every bar has its rounds.
//!
//! Pure: a table and two rules, which the document tells as they are here. The table leaves out what no bar asks for and what
//! takes longest: large objects of every peer over a line that they all fill.

use super::stage::Peer;
use super::work::{Verb, Work};

/// A contestant that takes so many times as long as the fastest peer is the best at nothing, and takes no further turns.
pub(crate) const HOPELESS: f64 = 2.5;

/// How many rounds are done at most where a round takes half a minute.
const LONG_ROUNDS: usize = 2;

/// Whether settings are tried at a server; else those are taken that were the best at the answering peer. Without a bar it is not
/// worth the time.
pub(crate) fn tries(work: &Work, peer: Peer) -> bool {
    match peer {
        Peer::Answerer => true,
        Peer::SeaweedFs => !without_bar(work) && !work.name.starts_with("huge"),
        Peer::Sandbox => false,
    }
}

/// Work that is measured to be seen, and judges nobody.
fn without_bar(work: &Work) -> bool {
    work.name.starts_with("medium") || work.name.starts_with("mixed")
}

/// How many rounds a contestant has of those that are done: what is held against a line is ours, and one turn of a peer shows
/// that it can be filled.
pub(crate) fn turns(program: &str, work: &Work, rtt_ms: u64, rounds: usize) -> usize {
    if program != "pintail" && work.name.starts_with("huge") && rtt_ms > 0 { rounds.min(1) } else { rounds }
}

/// How many rounds, where the whole command has `rounds`; 0 where it is not done at this place.
pub(crate) fn rounds(work: &Work, peer: Peer, rtt_ms: u64, rounds: usize) -> usize {
    let huge = work.name.starts_with("huge");
    let small = work.name.starts_with("small");
    match (peer, rtt_ms) {
        // Milliseconds, of which some are the start of a process.
        (Peer::Answerer, 0) if work.name.starts_with("million") && work.files <= 10_000 => rounds * 3,
        (Peer::Answerer, 0) if work.name.starts_with("sync-") => rounds * 3,
        (Peer::Answerer, 0) => rounds,
        (Peer::Answerer, 50..) if huge => rounds.min(LONG_ROUNDS),
        (Peer::Sandbox, 0) if small => rounds.min(LONG_ROUNDS),
        (Peer::SeaweedFs, 0) if !work.only_answerer => rounds,
        (Peer::Answerer, _) if small => rounds,
        (Peer::SeaweedFs, _) if small => rounds.min(LONG_ROUNDS),
        _ => 0,
    }
}

/// Whether a peer takes part, where a piece of work is done. At the sandbox one peer is enough to see what that costs.
pub(crate) fn takes_part(program: &str, work: &Work, peer: Peer, rtt_ms: u64) -> bool {
    let huge = work.name.starts_with("huge");
    match program {
        _ if peer == Peer::Sandbox => ["pintail", "s5cmd"].contains(&program),
        // The transfer client of the Common Runtime moves bytes and does nothing else.
        "crt" if !matches!(work.verb, Verb::Up | Verb::Down) => false,
        "pintail" => true,
        // What is held against the line is ours; one peer shows that it can be filled.
        _ if huge && rtt_ms > 0 => program == "s5cmd",
        _ => work.peers,
    }
}

/// What part of the work settings are tried with: enough to tell them apart, and a program that starts slowly has to be seen at work.
pub(crate) fn trial(program: &str, work: &Work) -> Work {
    let share = match program {
        "aws" => 0.1,
        _ if work.name.starts_with("huge") => 0.125,
        _ => 0.2,
    };
    work.part(share)
}

/// The size of a piece of work at a place.
pub(crate) fn sized(work: &Work, peer: Peer) -> Work {
    if peer == Peer::SeaweedFs && work.name.starts_with("huge") { work.part(0.25) } else { work.clone() }
}

/// Why a contestant takes no further turns; `wall_s` and `best_s` are for the same amount of work.
pub(crate) fn hopeless(wall_s: f64, best_s: f64) -> bool {
    wall_s > best_s * HOPELESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::work::{NAMES, items};

    #[test]
    fn every_bar_has_its_rounds_and_nothing_else_takes_long() {
        let times = |name: &str, peer, rtt_ms| rounds(&items(name, 1.0)[0], peer, rtt_ms, 3);
        for name in NAMES {
            assert!(times(name, Peer::Answerer, 0) >= 3, "{name}");
        }
        let huge = &items("huge-up", 1.0)[0];
        assert_eq!(["pintail", "s5cmd"].map(|program| turns(program, huge, 100, 2)), [2, 1]);
        assert_eq!(turns("s5cmd", huge, 0, 3), 3);
        assert!(tries(huge, Peer::Answerer) && !tries(huge, Peer::SeaweedFs));
        assert!(tries(&items("small-up", 1.0)[0], Peer::SeaweedFs));
        for name in ["small-up", "small-down"] {
            assert_eq!([20, 100].map(|rtt| times(name, Peer::Answerer, rtt)), [3, 3]);
            assert_eq!([0, 20, 100].map(|rtt| times(name, Peer::SeaweedFs, rtt)), [3, 2, 2]);
        }
        assert_eq!([20, 100].map(|rtt| times("huge-up", Peer::Answerer, rtt)), [0, 2]);
        assert_eq!([0, 100].map(|rtt| times("huge-up", Peer::SeaweedFs, rtt)), [3, 0]);
        assert_eq!([0, 20].map(|rtt| times("list", Peer::SeaweedFs, rtt)), [3, 0]);
        assert_eq!(times("million-list", Peer::SeaweedFs, 0), 0);
    }

    #[test]
    fn trials_are_parts_and_crt_only_moves_bytes() {
        let small = &items("small-up", 1.0)[0];
        assert_eq!((trial("s5cmd", small).files, trial("aws", small).files), (2000, 1000));
        let huge = &items("huge-up", 1.0)[0];
        assert_eq!((trial("rclone", huge).files, trial("rclone", huge).bytes()), (1, 512 << 20));
        assert_eq!(sized(huge, Peer::SeaweedFs).bytes(), 1 << 30);
        assert!(
            takes_part("crt", small, Peer::Answerer, 0)
                && !takes_part("crt", &items("delete", 1.0)[0], Peer::Answerer, 0)
        );
        assert!(
            takes_part("s5cmd", huge, Peer::Answerer, 100)
                && !takes_part("rclone", huge, Peer::Answerer, 100)
        );
        assert!(!takes_part("s5cmd", &items("million-list", 1.0)[0], Peer::Answerer, 0));
        assert!(hopeless(2.6, 1.0) && !hopeless(2.4, 1.0));
    }
}
