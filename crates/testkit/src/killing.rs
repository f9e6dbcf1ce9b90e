//! A run of the binary that is killed at a chosen moment of S3: at the n-th request, before it is performed, in the middle of its body, or performed
//! and not yet answered.
//!
//! No clock decides. The sandbox itself does the killing while it stands still ([`Moments`]), so that the process is gone before anything
//! else happens; and a run counts as ended only when nothing of it is on its way any more.
//!
//! ```no_run
//! # use pintail_testkit::{cloud::Cloud, environment::TestEnv, killing::{Ending, run_until, seeded_moments}};
//! # let (cloud, env) = (Cloud::start(), TestEnv::new("pintail"));
//! for moment in seeded_moments(7, 200, 40) {
//!     match run_until(&cloud, env.pintail(["cp", "-r", "tree", "lab:bucket/"]), moment) {
//!         Ending::Killed(_) => {} // look at `cloud.world().ledger("bucket")`, then resume
//!         Ending::Finished(_) => {} // it made fewer requests than that
//!     }
//! }
//! ```

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use pintail_sandbox::Sandbox;
pub use pintail_sandbox::{Moment, Moments, Phase};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::environment::Run;
use crate::output::Output;

/// Starting a process and seeing its connections end take next to nothing; this is for a machine on its knees.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a run ended.
#[derive(Debug)]
pub enum Ending {
    /// The moment came, and with it SIGKILL.
    Killed(Output),
    /// It made fewer requests, and ended by itself.
    Finished(Output),
}

impl Ending {
    /// Returns what the process left.
    pub fn output(&self) -> &Output {
        let (Self::Killed(output) | Self::Finished(output)) = self;
        output
    }

    /// Tells whether the moment came.
    pub fn is_killed(&self) -> bool {
        matches!(self, Self::Killed(_))
    }
}

/// Starts the run, kills it at the moment, and returns when it has ended and the sandbox has nothing of it left to do.
///
/// Requests are counted from the start of the run, and only S3's. Whoever else is connected to the sandbox's S3 keeps this from returning.
///
/// # Panics
/// Where it cannot be started, misses its deadline, or leaves a connection behind.
#[track_caller]
pub fn run_until(sandbox: &Sandbox, run: Run<'_>, moment: Moment) -> Ending {
    let moments = sandbox.moments();
    let victim = Arc::new(Victim::default());
    let hunted = Arc::clone(&victim);
    moments.at(moment, move || hunted.kill());
    let running = run.start();
    victim.name(running.id());
    let output = running.finish();
    victim.forget();
    knock(sandbox);
    assert!(moments.wait_until_unconnected(PATIENCE), "a connection to S3 stays open");
    let is_reached = moments.is_reached();
    moments.clear();
    if is_reached { Ending::Killed(output) } else { Ending::Finished(output) }
}

/// Connects and is turned away: whoever connected before has been let in by then.
fn knock(sandbox: &Sandbox) {
    let address = sandbox.summary().s3_endpoint.trim_start_matches("http://").to_owned();
    let asked = std::net::TcpStream::connect(&address).and_then(|mut stream| {
        // S3 answers to names of its own only, and does not count this among its requests.
        stream.write_all(b"GET / HTTP/1.1\r\nhost: knocking.invalid\r\nconnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new())
    });
    asked.unwrap_or_else(|error| panic!("S3 does not answer at {address}: {error}"));
}

/// Draws moments out of a run of so many requests: any request, any place in it. The same seed gives the same moments.
///
/// # Panics
/// Where there are no requests to draw from.
pub fn seeded_moments(seed: u64, count: usize, requests: u64) -> impl Iterator<Item = Moment> {
    assert!(requests > 0, "a run without requests has no moments");
    let mut state = seed;
    let mut next = move || {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    std::iter::repeat_with(move || {
        let request = 1 + next() % requests;
        let phase = match next() % 3 {
            0 => Phase::Begun,
            1 => Phase::InBody { per_mille: u16::try_from(next() % 1001).unwrap_or_default() },
            _ => Phase::Performed,
        };
        Moment { request, phase }
    })
    .take(count)
}

/// The process that is to die, once it is known.
#[derive(Debug, Default)]
struct Victim {
    state: Mutex<State>,
    named: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Unborn,
    Alive(u32),
    Gone,
}

impl Victim {
    fn name(&self, id: u32) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Alive(id);
        self.named.notify_all();
    }

    /// It has ended: its number may be somebody else's by now.
    fn forget(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Gone;
    }

    /// Kills it and returns when it is dead. Its first request may come before whoever started it knows its number.
    fn kill(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.named.wait_timeout_while(state, PATIENCE, |state| matches!(state, State::Unborn));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let State::Alive(id) = *state else { return };
        let Some(process) = i32::try_from(id).ok().and_then(Pid::from_raw) else { return };
        let _ = kill_process_group(process, Signal::KILL);
        // Left for whoever started it to collect; one that was collected already is dead as well.
        let _ = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Cloud;
    use crate::environment::TestEnv;

    #[test]
    fn a_seed_gives_the_same_moments_of_every_kind() {
        let drawn: Vec<Moment> = seeded_moments(3, 200, 10).collect();
        assert_eq!(drawn, seeded_moments(3, 200, 10).collect::<Vec<_>>());
        assert_ne!(drawn, seeded_moments(4, 200, 10).collect::<Vec<_>>());
        for request in 1..=10 {
            let mut of_it = drawn.iter().filter(|moment| moment.request == request);
            assert!(of_it.any(|moment| matches!(moment.phase, Phase::InBody { .. })), "{request}");
        }
        assert!(drawn.iter().all(|moment| (1..=10).contains(&moment.request)));
    }

    #[test]
    fn a_process_without_requests_ends_by_itself() {
        let (cloud, env) = (Cloud::start(), TestEnv::new("/bin/sh"));
        let moment = Moment { request: 1, phase: Phase::Begun };
        let ending = run_until(&cloud, env.pintail(["-c", "exit 3"]), moment);
        assert!(!ending.is_killed());
        assert_eq!(ending.output().code(), Some(3));
    }
}
