//! Who gets the next request: many small objects and a few large ones, side by side.
//!
//! Pure. Small objects wait for answers, large ones for the line. Served in the order they come, a large one that takes every place
//! would keep thousands of small ones waiting, and small ones in every place would leave the line idle.

/// How many places each kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// For objects that go by one request.
    pub small: usize,
    /// For parts.
    pub large: usize,
}

/// Divides places between the kinds, by what each could use at this moment.
///
/// Each has a half as long as it needs it; what one does not need is the other's. Either has at least one place if it needs any and there
/// are two.
pub fn share(places: usize, small_wanted: usize, large_wanted: usize) -> Shares {
    let half = places.div_ceil(2);
    let large = large_wanted.min(half.max(places.saturating_sub(small_wanted)));
    let small = small_wanted.min(places - large);
    // One place alone goes to whoever comes first; a large object would not give it back for long.
    if places == 1 && small_wanted > 0 {
        return Shares { small: 1, large: 0 };
    }
    Shares { small, large }
}

/// Chooses which large object gets the next place: the one that has the fewest, the first among equals. `None` when none can take one.
///
/// Each object is given as how many places it has and how many more parts it could begin.
pub fn next_large(objects: &[(usize, u64)]) -> Option<usize> {
    let able = objects.iter().enumerate().filter(|(_, (_, parts))| *parts > 0);
    able.min_by_key(|(_, (has, _))| *has).map(|(index, _)| index)
}
