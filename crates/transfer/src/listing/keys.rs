//! Where a key space is cut: names that lie as far apart as a page of the names seen.
//!
//! Pure. A page shows how names are built: which places change, and between which characters. Read as numbers in these alphabets, the last name plus the width of
//! the page is about where the next page ends: exactly so for numbered names, and nearly for dates, hashes and words. A place that begins anew again and again
//! within a page has shown all characters it has, as the first digit of the numbers of a hundred and twenty files in each of many folders does. A cut need not
//! be a name that exists; all that is relied on is the order of texts.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// So many names of a page are looked at.
const SAMPLES: usize = 64;

/// So many characters of a name are looked at behind the prefix.
const PLACES_MAX: usize = 64;

/// So many places before the first that changes within a page may change after it.
const CARRIED_MAX: usize = 8;

/// A cut falls short by one in so many of a page's names.
const SLACK_PARTS: usize = 16;

/// So many places behind the first that changes are precise enough.
const PRECISE: usize = 10;

/// What the numbers that names are read as may take, so that there is room to reckon.
const BITS_MAX: u32 = 110;

/// So often has a place begun anew within a page before it has shown all its characters.
const ANEW_LEAST: usize = 2;

/// How the names of a page are built.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// What each place is of, in order; nothing where it stays as it is.
    alphabets: Vec<Arc<[char]>>,
    first: Vec<char>,
    last: Vec<char>,
    /// The first place that counts, and how many do.
    start: usize,
    places: usize,
    /// The value of the last name, and how far from the first one.
    at: u128,
    step: u128,
    /// What pages differ by.
    slack: u128,
}

impl Model {
    /// Learns from the names of a page, in their order, and from the name just before them where it is known. `None` where they tell nothing.
    ///
    /// The name before tells how far it is from page to page where a page ends with a folder, and the next one begins with another.
    pub(super) fn of(prefix: &str, before: Option<&str>, names: &[&str]) -> Option<Self> {
        let prefix = prefix.chars().count();
        let chars = |name: &&str| -> Vec<char> { name.chars().take(prefix + PLACES_MAX).collect() };
        let first = before.as_ref().or_else(|| names.first()).map(chars)?;
        let last = names.last().map(chars)?;
        // Odd, and no multiple of five: each place of a number is seen with all its digits.
        let stride = match names.len().div_ceil(SAMPLES).max(1) | 1 {
            stride if stride > 1 && stride % 5 == 0 => stride + 2,
            stride => stride,
        };
        let samples: Vec<Vec<char>> =
            names.iter().step_by(stride).map(chars).chain(std::iter::once(last.clone())).collect();
        let longest = samples.iter().map(Vec::len).max()?;
        let varies = |place: usize| samples.iter().any(|name| name.get(place) != first.get(place));
        let varying: Vec<bool> = (0..longest).map(|place| place >= prefix && varies(place)).collect();
        let seen: BTreeSet<char> = samples
            .iter()
            .flat_map(|name| name.iter().zip(&varying).filter(|(_, varies)| **varies).map(|(c, _)| *c))
            .collect();
        let alphabet: Arc<[char]> = alphabet(&seen).into();
        if alphabet.len() < 2 {
            return None;
        }
        let may_change = |place: usize| {
            varying[place]
                || first.get(place).is_some_and(|c| c.is_alphanumeric() && alphabet.binary_search(c).is_ok())
        };
        let none: Arc<[char]> = Arc::new([]);
        let alphabets: Vec<Arc<[char]>> = (0..longest)
            .map(|place| {
                let stays = place < prefix || !may_change(place);
                let shown = if stays { Some(Arc::clone(&none)) } else { shown(&samples, place, &alphabet) };
                shown.unwrap_or_else(|| Arc::clone(&alphabet))
            })
            .collect();
        let apart = first.iter().zip(&last).take_while(|(one, other)| one == other).count();
        let mut start = apart;
        let mut carried = 0;
        while start > prefix && carried < CARRIED_MAX {
            start -= 1;
            carried += usize::from(!alphabets[start].is_empty());
        }
        // Behind the last number comes what all names end with.
        let mut bits = 0;
        let open = alphabets[start..].iter().filter(|alphabet| !alphabet.is_empty());
        let places = open
            .take(carried + PRECISE)
            .take_while(|alphabet| {
                bits += usize::BITS - alphabet.len().leading_zeros();
                bits <= BITS_MAX
            })
            .count();
        let mut model = Self { alphabets, first, last, start, places, at: 0, step: 0, slack: 0 };
        model.at = model.value(&model.last);
        model.step = model.at.saturating_sub(model.value(&model.first));
        model.slack = model.slack(names.iter().map(chars), names.len()).min(model.step / SLACK_PARTS as u128);
        (model.step > 0).then_some(model)
    }

    /// Compares with what another page has told. Where it is as far from page to page there, names are numbered without a gap, and cuts are exact: those that
    /// fell short again and again would drift out of their folders.
    pub(super) fn compare(mut self, other: &Self) -> Self {
        if self.step == other.step && self.start == other.start && self.alphabets == other.alphabets {
            self.slack = 0;
        }
        self
    }

    /// Tells whether its page comes after another one's.
    pub(super) fn is_behind(&self, other: &Self) -> bool {
        self.last > other.last
    }

    /// How far a small part of a page reaches where its names lie as they mostly do: a folder that ends within the part makes it no longer, since a cut that
    /// fell short by a folder would leave half a page to be asked for.
    fn slack(&self, names: impl Iterator<Item = Vec<char>>, count: usize) -> u128 {
        let stride = (count / SLACK_PARTS).max(1);
        let values: Vec<u128> = names.step_by(stride).map(|name| self.value(&name)).collect();
        let mut parts: Vec<u128> = values.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect();
        parts.sort_unstable();
        let usual = parts.get(parts.len() / 2).copied().unwrap_or(0);
        if count < SLACK_PARTS { usual / (SLACK_PARTS / count.max(1)) as u128 } else { usual }
    }

    /// How far so many pages reach: a little less, since what a page does not hold costs a request.
    fn reach(&self, pages: usize) -> u128 {
        let whole = self.step.saturating_mul(pages as u128);
        whole.saturating_sub(self.slack).max(1)
    }

    /// Returns cuts behind the last name, each so many pages further; fewer where the names come to their end.
    pub(super) fn after(&self, count: usize, pages: usize) -> Vec<String> {
        let step = self.reach(pages);
        let values = (1..=count as u128).map(|number| self.at.saturating_add(step.saturating_mul(number)));
        let all = self.capacity();
        self.texts(values.take_while(|value| *value < all), None)
    }

    /// Returns a cut so many pages behind another one.
    pub(super) fn beyond(&self, cut: &str, pages: usize) -> Option<String> {
        let cut: Vec<char> = cut.chars().collect();
        let value = self.value(&cut).checked_add(self.reach(pages))?;
        let next = (value < self.capacity()).then(|| self.text(value))?;
        next.chars().gt(cut.iter().copied()).then_some(next)
    }

    /// Returns how many pages lie between the last name and an end, by the width of this one.
    pub(super) fn pages_until(&self, end: &str) -> u64 {
        let end: Vec<char> = end.chars().collect();
        let pages = self.value(&end).saturating_sub(self.at).div_ceil(self.step);
        u64::try_from(pages).unwrap_or(u64::MAX)
    }

    /// Returns cuts between the last name and an end, evenly apart, that make so many pieces.
    pub(super) fn between(&self, end: &str, pieces: usize) -> Vec<String> {
        let chars: Vec<char> = end.chars().collect();
        let room = self.value(&chars).saturating_sub(self.at);
        let pieces = pieces as u128;
        let values = (1..pieces).map(|number| self.at + room / pieces * number);
        self.texts(values, Some(end))
    }

    fn texts(&self, values: impl Iterator<Item = u128>, end: Option<&str>) -> Vec<String> {
        let mut before: String = self.last.iter().collect();
        let mut cuts = Vec::new();
        for value in values {
            let cut = self.text(value);
            if cut > before && end.is_none_or(|end| *cut < *end) {
                before.clone_from(&cut);
                cuts.push(cut);
            }
        }
        cuts
    }

    /// The alphabets of the places that count, the first one first.
    fn counted(&self) -> impl Iterator<Item = &Arc<[char]>> {
        self.alphabets[self.start..].iter().filter(|alphabet| !alphabet.is_empty()).take(self.places)
    }

    fn capacity(&self) -> u128 {
        self.counted().map(|alphabet| alphabet.len() as u128).product()
    }

    fn is_fixed(&self, place: usize) -> bool {
        self.alphabets.get(place).is_some_and(|alphabet| alphabet.is_empty())
    }

    /// Reads a name as a number. Never falls as names rise, as far as their fixed places agree.
    fn value(&self, name: &[char]) -> u128 {
        let mut value = 0;
        let mut left = self.places;
        // What differs before the numbers, or at a place between them, decides about all that follows.
        let mut beyond =
            name[..self.start.min(name.len())].cmp(&self.last[..self.start.min(self.last.len())]);
        if name.len() < self.start && beyond.is_eq() {
            beyond = Ordering::Less;
        }
        let mut place = self.start;
        while left > 0 {
            let own = name.get(place);
            if self.is_fixed(place) {
                if beyond.is_eq() {
                    beyond = own.cmp(&self.last.get(place));
                }
                place += 1;
                continue;
            }
            let alphabet = &self.alphabets[place];
            let digit = match (beyond, own) {
                (Ordering::Greater, _) => alphabet.len() - 1,
                (Ordering::Less, _) | (_, None) => 0,
                (Ordering::Equal, Some(c)) => {
                    let digit = alphabet.partition_point(|known| known < c);
                    // One that the place does not have stands between two that it has, or behind all.
                    beyond = match alphabet.get(digit) {
                        Some(known) if known == c => Ordering::Equal,
                        Some(_) => Ordering::Less,
                        None => Ordering::Greater,
                    };
                    digit.min(alphabet.len() - 1)
                }
            };
            value = value * alphabet.len() as u128 + digit as u128;
            left -= 1;
            place += 1;
        }
        value
    }

    /// Writes a number as a name, with the fixed places of the last one.
    fn text(&self, value: u128) -> String {
        let alphabets: Vec<&Arc<[char]>> = self.counted().collect();
        let mut digits = Vec::with_capacity(self.places);
        let mut rest = value;
        for alphabet in alphabets.into_iter().rev() {
            let radix = alphabet.len() as u128;
            let digit = usize::try_from(rest % radix).expect("a digit is less than the radix");
            digits.push(alphabet[digit]);
            rest /= radix;
        }
        let mut text: String = self.last[..self.start.min(self.last.len())].iter().collect();
        let mut place = self.start;
        while let Some(digit) = digits.last() {
            if self.is_fixed(place) {
                match self.last.get(place) {
                    Some(fixed) => text.push(*fixed),
                    None => break,
                }
            } else {
                text.push(*digit);
                digits.pop();
            }
            place += 1;
        }
        while self.is_fixed(place)
            && let Some(fixed) = self.last.get(place)
        {
            text.push(*fixed);
            place += 1;
        }
        text
    }
}

/// Returns what a place is of that began anew often enough to have shown all of it: of the alphabet, what lies between the least and the greatest seen.
fn shown(samples: &[Vec<char>], place: usize, alphabet: &[char]) -> Option<Arc<[char]>> {
    let seen = || samples.iter().filter_map(|name| name.get(place));
    let anew = seen().zip(seen().skip(1)).filter(|(before, after)| after < before).count();
    let (least, greatest) = (seen().min()?, seen().max()?);
    let between: Arc<[char]> = alphabet.iter().copied().filter(|c| (least..=greatest).contains(&c)).collect();
    (anew >= ANEW_LEAST && between.len() > 1).then_some(between)
}

/// Completes the characters that were seen to the alphabet that they are from.
fn alphabet(seen: &BTreeSet<char>) -> Vec<char> {
    let all = |of: &dyn Fn(&char) -> bool| !seen.is_empty() && seen.iter().all(of);
    let hex_letters = |c: &char| matches!(c, 'a'..='f');
    let hex_capitals = |c: &char| matches!(c, 'A'..='F');
    if all(&|c| c.is_ascii_digit()) {
        return ('0'..='9').collect();
    }
    if all(&|c| c.is_ascii_digit() || hex_letters(c)) {
        return ('0'..='9').chain('a'..='f').collect();
    }
    if all(&|c| c.is_ascii_digit() || hex_capitals(c)) {
        return ('0'..='9').chain('A'..='F').collect();
    }
    let mut alphabet = seen.clone();
    for class in ['0'..='9', 'a'..='z', 'A'..='Z'] {
        if seen.iter().filter(|c| class.contains(*c)).count() >= 4 {
            alphabet.extend(class);
        }
    }
    // What nobody names anything with would only make cuts that cannot be sent.
    alphabet.into_iter().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model(prefix: &str, names: &[String]) -> Option<Model> {
        Model::of(prefix, None, &names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Pages of two folders with five hundred files each: a cut is near the end of the second folder, not of the first.
    #[test]
    fn a_cut_in_numbered_folders_falls_short_by_files_and_not_by_a_folder() {
        let name = |number: usize| format!("p/folder-{:04}/file-{number:07}.bin", number / 500);
        for page in 1..20 {
            let names: Vec<String> = (page * 1000..(page + 1) * 1000).map(name).collect();
            let before = name(page * 1000 - 1);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let model = Model::of("p/", Some(&before), &names).unwrap();
            let cuts = model.after(4, 1);
            for (number, cut) in (1..).zip(&cuts) {
                let keys =
                    (0..100_000).map(name).filter(|key| key.as_str() > names[999] && key <= cut).count();
                assert!(
                    (number * 935..=number * 1000).contains(&keys),
                    "{page}, {number}: {cut} holds {keys}"
                );
            }
            let beyond = model.beyond(&cuts[0], 1).unwrap();
            let keys = (0..100_000).map(name).filter(|key| *key > cuts[0] && *key <= beyond).count();
            assert!((935..=1000).contains(&keys), "{page}: {beyond} holds {keys}");
            // Two pages that agree need not be careful.
            let names: Vec<String> = ((page + 1) * 1000..(page + 2) * 1000).map(name).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let before = name((page + 1) * 1000 - 1);
            let next = Model::of("p/", Some(&before), &names).unwrap().compare(&model);
            assert_eq!(next.after(3, 1)[2], name((page + 5) * 1000 - 1));
        }
    }

    /// A hundred and twenty files in each folder: no number goes beyond that, and a page of eight folders and a third is cut as near as that.
    #[test]
    fn places_that_begin_anew_have_shown_what_they_are_of() {
        let name = |number: usize| format!("p/{:05}/{:03}.jpg", number / 120, number % 120);
        let all: Vec<String> = (0..3000).map(name).collect();
        for page in 1..100 {
            let at = page * 1000;
            let names: Vec<String> = (at..at + 1000).map(name).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let cut = Model::of("p/", Some(&name(at - 1)), &names).unwrap().after(1, 1).remove(0);
            let keys = (at + 1000..at + 3000).map(name).take_while(|key| *key <= cut).count();
            assert!((850..=1040).contains(&keys), "{page}: {cut} holds {keys}");
        }
        let model = model("p/", &all).unwrap();
        assert!(model.alphabets.iter().any(|alphabet| **alphabet == ['0', '1']), "{model:?}");
    }

    #[test]
    fn numbered_names_are_cut_a_page_further() {
        let names: Vec<String> = (1..=1000).map(|number| format!("p/f{number:05}.txt")).collect();
        let model = model("p/", &names).unwrap();
        let cuts = model.after(10, 1);
        assert_eq!(cuts.len(), 10);
        for (number, cut) in (1..).zip(&cuts) {
            let expected = 1000 + number * 937;
            assert_eq!(cut, &format!("p/f{expected:05}.txt"));
        }
        assert_eq!(model.pages_until("p/f10000.txt"), 10);
        // The prefix never changes, and the letter before the numbers does not either.
        let more = model.after(200, 1);
        assert!(more.len() < 110 && more.iter().all(|cut| cut.starts_with("p/f")), "{:?}", more.last());
        assert_eq!(model.beyond("p/f01937.txt", 1).unwrap(), "p/f02874.txt");
    }

    #[test]
    fn hashes_dates_and_words_are_cut_among_themselves() {
        let hashes: Vec<String> = (0..1000_u64).map(|n| format!("{:016x}", n * 40_000_000_000_000)).collect();
        let cuts = model("", &hashes).unwrap().after(3, 1);
        assert!(cuts[0].starts_with("011") && cuts[2].starts_with("021"), "{cuts:?}");
        let dates: Vec<String> =
            (0..1000).map(|n| format!("2026/{:02}/{:02}/x", 1 + n / 280, 1 + n / 10 % 28)).collect();
        let cuts = model("", &dates).unwrap().after(2, 1);
        assert!(cuts[0].as_str() > "2026/04/" && cuts[1].as_str() < "2026/15", "{cuts:?}");
        assert!(cuts.iter().all(|cut| cut.starts_with("2026/")));
        let words: Vec<String> =
            ["aardvark", "abacus", "abandon", "abbey", "ability", "able", "about"].map(String::from).to_vec();
        let cuts = model("", &words).unwrap().after(5, 1);
        assert!(cuts.len() == 5 && cuts.iter().all(|cut| cut.as_str() > "about"), "{cuts:?}");
        assert!(Model::of("", None, &["same", "same"]).is_none());
    }

    proptest! {
        /// Whatever the names: cuts rise, lie behind the last name, and before the end.
        #[test]
        fn cuts_rise_and_stay_within_their_bounds(
            mut names in proptest::collection::vec("p/([a-c0-3é漢/.-]|\\PC){0,9}", 2..40),
            end in "p/([a-z0-9é漢/.-]|\\PC){0,9}",
            pieces in 1..20_usize,
        ) {
            names.sort_unstable();
            names.dedup();
            if let Some(model) = model("p/", &names) {
                let values = names.iter().map(|name| model.value(&name.chars().collect::<Vec<_>>()));
                prop_assert!(values.is_sorted(), "{:?} {:?}", names, model);
                let last = names.last().unwrap();
                let rises = |cuts: &[String]| {
                    cuts.iter().all(|cut| cut > last && cut.starts_with("p/") && cut.len() <= 1024)
                        && cuts.windows(2).all(|pair| pair[0] < pair[1])
                };
                let after = model.after(pieces, 1);
                prop_assert!(rises(&after), "{:?} {:?}", names, after);
                if let Some(cut) = after.last() {
                    prop_assert!(model.beyond(cut, 1).is_none_or(|next| next > *cut));
                }
                if end > *last {
                    let between = model.between(&end, pieces);
                    prop_assert!(rises(&between) && between.iter().all(|cut| *cut < end), "{:?}", between);
                    prop_assert!(between.len() < pieces);
                }
            }
        }
    }
}
