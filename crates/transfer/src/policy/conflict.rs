//! Names for the second of two that want the same one.
//!
//! Pure: the caller says which names are taken.

use jiff::Timestamp;

use crate::name::rule::PART_MAX;
use crate::name::{KEY_MAX_BYTES, Name};

/// Returns the name under which a conflict's left version is kept: `report (conflict 2026-11-27 11.14.40).txt`, with a number if that
/// is taken as well. Colons would be refused by Windows.
///
/// The time is that of the run, so that a run that is resumed finds the name it had chosen.
pub fn kept_as(name: &Name, at: Timestamp, prefix_bytes: usize, taken: impl Fn(&Name) -> bool) -> Name {
    let at = at.strftime("%Y-%m-%d %H.%M.%S");
    free(name, prefix_bytes, taken, |number| match number {
        1 => format!(" (conflict {at})"),
        _ => format!(" (conflict {at} {number})"),
    })
}

/// Returns the first free name of `report (2).txt`, `report (3).txt` and so on.
pub fn numbered(name: &Name, prefix_bytes: usize, taken: impl Fn(&Name) -> bool) -> Name {
    free(name, prefix_bytes, taken, |number| format!(" ({})", number + 1))
}

/// Tries names with a mark before the extension, until one is free. `prefix_bytes` is the length of the prefix that is to stand before
/// it in a key; a name that would be too long with the mark loses the end of its stem.
fn free(
    name: &Name,
    prefix_bytes: usize,
    taken: impl Fn(&Name) -> bool,
    mark: impl Fn(u64) -> String,
) -> Name {
    let slash = if name.is_folder() { "/" } else { "" };
    // An extension is short and not all there is; `.bashrc` has none.
    let last = name.last();
    let (stem, extension) = match last.rfind('.') {
        Some(at) if at > 0 && last.len() - at <= 16 && !name.is_folder() => last.split_at(at),
        _ => (last, ""),
    };
    for number in 1.. {
        let end = format!("{}{extension}", mark(number));
        let outside = prefix_bytes + name.folder().len() + slash.len();
        let room = PART_MAX.min(KEY_MAX_BYTES.saturating_sub(outside)).saturating_sub(end.len());
        let stem = &stem[..stem.floor_char_boundary(room)];
        let candidate = name
            .sibling(&format!("{stem}{end}{slash}"))
            .expect("a name with a mark is not empty, and as long as there was room for");
        if !taken(&candidate) {
            return candidate;
        }
    }
    unreachable!("one of endless names is free")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::name::Platform;

    fn at() -> Timestamp {
        "2026-11-27T11:14:40Z".parse().unwrap()
    }

    #[test]
    fn the_mark_stands_before_the_extension() {
        for (name, kept) in [
            ("report.txt", "report (conflict 2026-11-27 11.14.40).txt"),
            ("a/b.c/report", "a/b.c/report (conflict 2026-11-27 11.14.40)"),
            (".bashrc", ".bashrc (conflict 2026-11-27 11.14.40)"),
            ("a.tar.gz", "a.tar (conflict 2026-11-27 11.14.40).gz"),
            ("x.a very long sentence", "x.a very long sentence (conflict 2026-11-27 11.14.40)"),
            ("d/f.x/", "d/f.x (conflict 2026-11-27 11.14.40)/"),
        ] {
            assert_eq!(kept_as(&Name::new(name).unwrap(), at(), 0, |_| false).as_str(), kept);
        }
        assert_eq!(numbered(&Name::new("a/x.txt").unwrap(), 0, |_| false).as_str(), "a/x (2).txt");
    }

    #[test]
    fn a_taken_name_is_passed_over() {
        let taken = ["a (conflict 2026-11-27 11.14.40)", "a (conflict 2026-11-27 11.14.40 2)"];
        let kept = kept_as(&Name::new("a").unwrap(), at(), 0, |name| taken.contains(&name.as_str()));
        assert_eq!(kept.as_str(), "a (conflict 2026-11-27 11.14.40 3)");
    }

    proptest! {
        #[test]
        fn the_new_name_fits_wherever_the_old_one_did(folder in "([a-z]{1,200}/){0,3}", last in "[a-zé漢]{1,85}(\\.[a-z]{1,9})?") {
            let name = Name::new(&format!("{folder}{last}")).unwrap();
            prop_assume!(name.check(Platform::Linux).is_ok());
            let kept = kept_as(&name, at(), 100, |_| false);
            prop_assert!(kept.check(Platform::Linux).is_ok() && kept.check(Platform::Windows).is_ok());
            prop_assert!(kept.as_str().len() + 100 <= KEY_MAX_BYTES);
            prop_assert_eq!(kept.folder(), name.folder());
            prop_assert!(kept != name);
        }
    }
}
