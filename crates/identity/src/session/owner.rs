//! Which process holds a lock, and whether it still lives.
//!
//! A process can be asked about only from where its number means the same: the same boot of the same kernel, and
//! the same space of process numbers (a container has its own). From anywhere else the answer is "unknown".

use std::fs;

/// A process, as a lock file names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) pid: u32,
    /// When it started, in the kernel's ticks since boot: a number that is used again has another start.
    pub(super) started: String,
    /// The boot of the kernel.
    pub(super) boot: String,
    /// The space of process numbers.
    pub(super) pid_space: String,
    /// For people who read an error.
    pub(super) host: String,
}

/// Whether a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    Unknown,
}

impl Owner {
    /// Describes this process.
    pub(super) fn this_process() -> Self {
        let read = |path| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let pid = std::process::id();
        let pid_space = fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned());
        Self {
            pid,
            started: state_and_start(pid).map(|(_, start)| start).unwrap_or_default(),
            boot: read("/proc/sys/kernel/random/boot_id"),
            pid_space: pid_space.unwrap_or_default(),
            host: read("/proc/sys/kernel/hostname"),
        }
    }

    /// Judges whether this process lives, as seen from `here`.
    pub(super) fn life(&self, here: &Self) -> Life {
        let comparable = !self.boot.is_empty()
            && self.boot == here.boot
            && !self.pid_space.is_empty()
            && self.pid_space == here.pid_space
            && !self.started.is_empty()
            // Whoever cannot see itself cannot see others.
            && state_and_start(here.pid).is_some();
        if !comparable {
            return Life::Unknown;
        }
        match state_and_start(self.pid) {
            Some((state, start)) if start == self.started && !matches!(state, 'Z' | 'X') => Life::Alive,
            _ => Life::Dead,
        }
    }
}

/// Reads state and start of a process. The name before them stands in brackets and may hold anything.
fn state_and_start(pid: u32) -> Option<(char, String)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // The start is field 22 of proc_pid_stat(5); the state is field 3.
    Some((state, fields.nth(18)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn life_is_judged_only_from_where_the_number_means_the_same() {
        let here = Owner::this_process();
        assert_eq!(here.life(&here), Life::Alive);
        let reused = Owner { started: "1".into(), ..here.clone() };
        assert_eq!(reused.life(&here), Life::Dead);
        let elsewhere = Owner { boot: "other".into(), ..here.clone() };
        assert_eq!(elsewhere.life(&here), Life::Unknown);
        let container = Owner { pid_space: "pid:[1]".into(), ..here.clone() };
        assert_eq!(container.life(&here), Life::Unknown);
        assert_eq!(Owner::default().life(&here), Life::Unknown);
    }

    #[test]
    fn a_process_that_ended_is_dead() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let start = state_and_start(child.id()).map(|(_, start)| start).unwrap();
        let owner = Owner { pid: child.id(), started: start, ..Owner::this_process() };
        child.wait().unwrap();
        assert_eq!(owner.life(&Owner::this_process()), Life::Dead);
    }
}
