//! What is to be done: the items of the transfer bench, their files and sizes.
//!
//! Pure: names and numbers only. `--scale` shrinks everything, and reports say what was meant by each name.

/// What a client is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Up,
    Down,
    List,
    Delete,
    Copy,
    Sync,
    /// A synchronisation that is planned and not done.
    Plan,
}

/// Which sizes the files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sizes {
    Each(u64),
    Mixed,
}

/// An item of the bench.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    pub(crate) verb: Verb,
    pub(crate) files: u64,
    sizes: Sizes,
    /// Only the answering peer is asked: a million objects take a real server longer than anybody waits.
    pub(crate) only_answerer: bool,
    /// Peers take part as well; without, only pintail and its bounds matter.
    pub(crate) peers: bool,
}

/// Names of the items, in the order they run.
pub(crate) const NAMES: [&str; 15] = [
    "small-up",
    "small-down",
    "medium-up",
    "medium-down",
    "mixed-up",
    "mixed-down",
    "huge-up",
    "huge-down",
    "list",
    "delete",
    "copy",
    "sync-nothing",
    "million-list",
    "million-plan",
    "million-sync",
];

/// The steps in which the number of keys grows to a million. The first one is what a run costs without any to speak of.
const MILLIONS: [u64; 4] = [10, 10_000, 100_000, 1_000_000];

/// The items of a name, at a scale: one, or one for each number of keys.
pub(crate) fn items(name: &str, scale: f64) -> Vec<Work> {
    let work = |name, verb, files, sizes| Work {
        name,
        verb,
        files: shrink(files, scale, 10),
        sizes,
        only_answerer: false,
        peers: true,
    };
    let huge = |name, verb| Work {
        files: 1,
        sizes: Sizes::Each(shrink(4 << 30, scale, 32 << 20)),
        ..work(name, verb, 1, Sizes::Mixed)
    };
    let million = |name, verb| {
        let one = |keys| Work { only_answerer: true, peers: false, ..work(name, verb, keys, Sizes::Each(0)) };
        MILLIONS.map(one).to_vec()
    };
    let small = Sizes::Each(4096);
    match name {
        "small-up" => vec![work("small-up", Verb::Up, 10_000, small)],
        "small-down" => vec![work("small-down", Verb::Down, 10_000, small)],
        "medium-up" => vec![work("medium-up", Verb::Up, 1_000, Sizes::Each(1 << 20))],
        "medium-down" => vec![work("medium-down", Verb::Down, 1_000, Sizes::Each(1 << 20))],
        "mixed-up" => vec![work("mixed-up", Verb::Up, 2_000, Sizes::Mixed)],
        "mixed-down" => vec![work("mixed-down", Verb::Down, 2_000, Sizes::Mixed)],
        "huge-up" => vec![huge("huge-up", Verb::Up)],
        "huge-down" => vec![huge("huge-down", Verb::Down)],
        "list" => vec![work("list", Verb::List, 200_000, Sizes::Each(0))],
        "delete" => vec![work("delete", Verb::Delete, 10_000, Sizes::Each(0))],
        "copy" => vec![work("copy", Verb::Copy, 2_000, small)],
        // Beside the listing of the same keys, which is what it is held against.
        "sync-nothing" => vec![
            work("sync-nothing", Verb::Sync, 50_000, Sizes::Each(100)),
            Work { peers: false, ..work("sync-listing", Verb::List, 50_000, Sizes::Each(100)) },
        ],
        "million-list" => million("million-list", Verb::List),
        "million-plan" => million("million-plan", Verb::Plan),
        "million-sync" => million("million-sync", Verb::Sync),
        _ => Vec::new(),
    }
}

fn shrink(number: u64, scale: f64, least: u64) -> u64 {
    if (scale - 1.0).abs() < f64::EPSILON {
        return number;
    }
    // Sizes of the bench are far below what a double holds exactly.
    ((number as f64 * scale).round() as u64).max(least).min(number)
}

impl Work {
    /// Path and size of a file, counted from 0.
    pub(crate) fn file(&self, index: u64) -> (String, u64) {
        let size_bytes = match self.sizes {
            Sizes::Each(size) => size,
            // Of a hundred: 70 of up to 16 KiB, 25 of 256 KiB, 4 of 4 MiB, 1 of 32 MiB; the large ones spread out.
            Sizes::Mixed => match index * 37 % 100 {
                0..70 => (index * 7919) % (16 << 10),
                70..95 => 256 << 10,
                95..99 => 4 << 20,
                _ => 32 << 20,
            },
        };
        (format!("folder-{:04}/file-{index:07}.bin", index / 500), size_bytes)
    }

    /// Every file.
    pub(crate) fn all(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        (0..self.files).map(|index| self.file(index))
    }

    /// The bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        (0..self.files).map(|index| self.file(index).1).sum()
    }

    /// What it is, for people.
    pub(crate) fn words(&self) -> String {
        let verb = match self.verb {
            Verb::Up => "up",
            Verb::Down => "down",
            Verb::List => "listed",
            Verb::Delete => "deleted",
            Verb::Copy => "copied on the server",
            Verb::Sync => "synchronised, nothing changed",
            Verb::Plan => "planned to be synchronised, all new",
        };
        let size = match self.sizes {
            Sizes::Each(0) => String::new(),
            Sizes::Each(size) => format!(" × {}", size_text(size)),
            Sizes::Mixed => format!(" of 0 to 32 MiB, {} in all", size_text(self.bytes())),
        };
        let noun = if self.files == 1 { "file" } else { "files" };
        format!("{} {noun}{size}, {verb}", thousands(self.files))
    }

    /// A part of it, of the same kind: fewer files, or a smaller one where there is one only.
    pub(crate) fn part(&self, share: f64) -> Self {
        match self.sizes {
            Sizes::Each(size) if self.files == 1 => {
                Self { sizes: Sizes::Each(shrink(size, share, 32 << 20)), ..self.clone() }
            }
            _ => Self { files: shrink(self.files, share, 10), ..self.clone() },
        }
    }

    /// The sending of its files.
    pub(crate) fn sent(&self) -> Self {
        Self { verb: Verb::Up, ..self.clone() }
    }

    /// What the files of two pieces of work have in common, where they have them in common.
    pub(crate) fn tree_name(&self) -> String {
        format!("tree-{}-{}", self.files, self.bytes())
    }

    /// Its name where it stands beside the same work of other sizes.
    pub(crate) fn label(&self) -> String {
        if self.name.starts_with("million-") {
            format!("{} {}", self.name, thousands(self.files))
        } else {
            self.name.to_owned()
        }
    }
}

/// Writes a number with commas between its thousands.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a size in the largest unit that leaves no more than one decimal place.
pub(crate) fn size_text(bytes: u64) -> String {
    for (unit, name) in [(1_u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit {
            let text = format!("{:.1}", bytes as f64 / unit as f64);
            return format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text));
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_items_in_the_sizes_of_the_bench() {
        for name in NAMES {
            assert_eq!(items(name, 1.0)[0].name, name);
        }
        let words = |name: &str| items(name, 1.0)[0].words();
        assert_eq!(words("small-up"), "10,000 files × 4 KiB, up");
        assert_eq!(words("huge-down"), "1 file × 4 GiB, down");
        assert_eq!(words("list"), "200,000 files, listed");
        let keys: Vec<u64> = items("million-list", 1.0).iter().map(|work| work.files).collect();
        assert_eq!(keys, MILLIONS);
        assert!(items("nothing", 1.0).is_empty());
    }

    #[test]
    fn a_scale_shrinks_and_leaves_something() {
        assert_eq!(items("small-up", 0.01)[0].files, 100);
        assert_eq!(items("huge-up", 0.001)[0].bytes(), 32 << 20);
        assert_eq!(items("copy", 0.0)[0].files, 10);
        assert_eq!(items("copy", 7.0)[0].files, 2_000, "nothing grows");
    }

    #[test]
    fn a_mixed_tree_has_all_its_sizes() {
        let work = &items("mixed-up", 1.0)[0];
        let count = |size| work.all().filter(|(_, it)| *it == size).count();
        assert_eq!((count(32 << 20), count(4 << 20), count(256 << 10)), (20, 80, 500));
        let names: std::collections::BTreeSet<String> = work.all().map(|(path, _)| path).collect();
        assert_eq!(names.len(), 2_000);
    }
}
