//! The ranges of a key space that is listed in several places at once: which request is made next, and what its answer means.
//!
//! Pure. A range reaches from behind one text up to and with another, so that its neighbour may begin by `StartAfter` with the very text that it ends with: no key
//! is lost between two ranges, and none is in both. An answer tells all keys from where it was asked to its last one; what of it lies behind
//! the range belongs to the ranges there, as far as they have not found it themselves.
//!
//! **How many.** The first page is asked for alone. Then the width grows with every answer that had something new, and shrinks where ranges turn out empty: requests that
//! found nothing stay below a quarter. More are not under way than pages can be taken in while one answer comes, and one more: where answers come at once, that is
//! two. Each cut costs a part of a page, so that ranges become longer, the more pages there have been.

use std::collections::VecDeque;
use std::time::Duration;

use pintail_store::object_store::ListedObject;

use super::keys::Model;

/// About what it takes to take a page in. More requests than fit into the time of an answer would wait for us and not for the service.
const TAKING_IN: Duration = Duration::from_millis(2);

/// The least width there is: while one page is taken in, another one comes.
const WIDTH_LEAST: usize = 2;

/// Where an answer takes as long, a round trip that is won is worth a request that may be half in vain.
const FAR: Duration = Duration::from_millis(30);

/// The most pages of a range: those behind the first one wait.
const PAGES_MAX: usize = 8;

/// The width after the first page.
const FIRST_WIDTH: usize = 3;

/// What an answer that had something new adds to the width.
const GROWTH: usize = 2;

/// A request that is to be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// For which range.
    pub(super) id: u64,
    /// Only keys after this text. Has no meaning with a continuation.
    pub(super) start_after: Option<String>,
    /// Where the last page of the range ended.
    pub(super) continuation: Option<String>,
}

/// Keys are not in order where they must be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unordered;

/// The ranges of one listing, in the order of their keys.
#[derive(Debug)]
pub(super) struct Ranges {
    prefix: String,
    list: VecDeque<Range>,
    next_id: u64,
    /// Requests under way.
    under_way: usize,
    /// Pages that wait for their turn.
    buffered: usize,
    width: usize,
    width_max: usize,
    /// The most pages that wait or are under way.
    ahead_max: usize,
    useful: u64,
    wasted: u64,
    fastest: Duration,
    /// The very first key, as far as one is known.
    first: Option<String>,
    /// The last key of the ranges that were given out.
    given: Option<String>,
    /// How names were built on the page that was farthest.
    model: Option<Model>,
    /// The service does not list in order: pages are given on as they come, one after another.
    plain: bool,
}

#[derive(Debug)]
struct Range {
    id: u64,
    /// Keys after this one.
    after: Option<String>,
    /// Keys up to this one, which counts.
    upto: Option<String>,
    continuation: Option<String>,
    under_way: bool,
    /// The last key that it gave.
    last: Option<String>,
    /// A page of its own has come.
    begun: bool,
    done: bool,
    pages: VecDeque<Vec<ListedObject>>,
}

impl Ranges {
    /// Begins with one range of everything.
    pub(super) fn new(prefix: &str, width_max: usize) -> Self {
        let width_max = width_max.max(1);
        let mut ranges = Self {
            prefix: prefix.to_owned(),
            list: VecDeque::new(),
            next_id: 0,
            under_way: 0,
            buffered: 0,
            width: 1,
            width_max,
            ahead_max: width_max * 2,
            useful: 0,
            wasted: 0,
            fastest: Duration::MAX,
            first: None,
            given: None,
            model: None,
            plain: false,
        };
        let first = ranges.range(None, None);
        ranges.list.push_back(first);
        ranges
    }

    fn range(&mut self, after: Option<String>, upto: Option<String>) -> Range {
        self.next_id += 1;
        Range {
            id: self.next_id,
            after,
            upto,
            continuation: None,
            under_way: false,
            last: None,
            begun: false,
            done: false,
            pages: VecDeque::new(),
        }
    }

    /// Tells whether everything was listed and given out.
    pub(super) fn is_done(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the next page in the order of keys, if it is there.
    pub(super) fn pop(&mut self) -> Option<Vec<ListedObject>> {
        loop {
            let front = self.list.front_mut()?;
            if let Some(page) = front.pages.pop_front() {
                self.buffered -= 1;
                return Some(page);
            }
            if !front.done {
                return None;
            }
            let last = self.list.pop_front().and_then(|range| range.last);
            self.given = last.or_else(|| self.given.take());
        }
    }

    /// Returns the next request, if one is to be made now. It counts as under way until it is answered.
    pub(super) fn next_request(&mut self) -> Option<Request> {
        let front_waits =
            self.list.front().is_some_and(|front| !front.under_way && !front.done && front.pages.is_empty());
        // The front goes on whatever waits behind it.
        let full = self.under_way >= self.width || self.under_way + self.buffered >= self.ahead_max;
        if self.under_way >= self.width_max || full && !front_waits {
            return None;
        }
        let waiting = |range: &Range| !range.under_way && !range.done;
        let index = match self.list.iter().position(waiting) {
            Some(index) => index,
            None => self.extend()?,
        };
        let range = &mut self.list[index];
        range.under_way = true;
        self.under_way += 1;
        Some(Request {
            id: range.id,
            start_after: range.after.clone(),
            continuation: range.continuation.clone(),
        })
    }

    /// Cuts the last range while its first page is under way: what is behind the page that it should give is a range of its own.
    fn extend(&mut self) -> Option<usize> {
        let last = self.list.back()?;
        let after = last.after.as_deref().filter(|_| last.under_way && !last.begun && last.upto.is_none())?;
        let cut = self.model.as_ref()?.beyond(after, self.reach())?;
        let range = self.range(Some(cut.clone()), None);
        self.list.back_mut()?.upto = Some(cut);
        self.list.push_back(range);
        Some(self.list.len() - 1)
    }

    /// Takes the answer to a request.
    ///
    /// # Errors
    /// When keys are not in order, and several ranges rely on it.
    pub(super) fn answer(
        &mut self,
        id: u64,
        mut page: Vec<ListedObject>,
        next: Option<String>,
        took: Duration,
    ) -> Result<(), Unordered> {
        self.under_way -= 1;
        // What found nothing is told sooner, and says nothing of pages.
        if next.is_some() {
            self.fastest = self.fastest.min(took);
        }
        // Somebody else's answer had it all.
        let Some(index) = self.list.iter().position(|range| range.id == id && !range.done) else {
            self.wasted += 1;
            self.shrink();
            return Ok(());
        };
        self.list[index].under_way = false;
        let alone = self.list.len() == 1 && self.list[index].after.is_none();
        let ordered = page.windows(2).all(|pair| pair[0].key < pair[1].key);
        if self.plain || !ordered {
            if !alone {
                return Err(Unordered);
            }
            self.plain = true;
            self.keep(index, page);
            let range = &mut self.list[index];
            (range.done, range.continuation) = (next.is_none(), next);
            return Ok(());
        }
        let known = self.key_before(index);
        // Where haste wins little, only a page whose beginning is known tells how far it is from one to the next.
        let teaches = self.width_max > 1 && (known.is_some() || self.fastest >= FAR);
        // Where that is not known, the cut it begins with is near.
        let before = known.or_else(|| self.list[index].after.clone());
        let range = &mut self.list[index];
        if let (Some(after), Some(begins)) = (&range.after, page.first().map(|object| object.key.as_str())) {
            // A page that goes on may begin with the key that the last one ended with. A service that does not know `StartAfter` begins anew
            // with the first of all keys. Any other key that comes too late comes in another order than that of bytes.
            let may_begin = match (&range.continuation, &self.first) {
                (Some(_), _) => begins >= after.as_str(),
                (None, Some(first)) => begins > after.as_str() || begins <= first.as_str(),
                (None, None) => true,
            };
            if !may_begin {
                return Err(Unordered);
            }
            page.retain(|object| object.key.as_str() > after.as_str());
        }
        if self.first.is_none() {
            self.first = page.first().map(|object| object.key.to_string());
        }
        let reached = page.last().map(|object| object.key.to_string());
        // Of the whole page, not only of what the range keeps of it: a range that ends too early would otherwise teach that pages are as short.
        let model = (teaches && page.len() > 1).then(|| {
            let names: Vec<&str> = page.iter().map(|object| object.key.as_str()).collect();
            let model = Model::of(&self.prefix, before.as_deref(), &names)?;
            Some(match &self.model {
                Some(known) => model.compare(known),
                None => model,
            })
        });
        let range = &mut self.list[index];
        let inside = match &range.upto {
            Some(upto) => page.partition_point(|object| object.key.as_str() <= upto.as_str()),
            None => page.len(),
        };
        let rest = page.split_off(inside);
        let at_end = match (&range.upto, &reached) {
            (Some(upto), Some(reached)) => reached >= upto,
            _ => false,
        };
        let ends = next.is_none() || at_end;
        range.begun = true;
        range.done = ends;
        range.continuation = next.clone();
        if let Some(last) = page.last() {
            range.after = Some(last.key.to_string());
        }
        if page.is_empty() && ends {
            self.wasted += 1;
            self.shrink();
        } else {
            self.useful += 1;
            self.grow();
        }
        if let Some(model) = model.flatten() {
            if !ends {
                self.split(index, &model);
            }
            if self.model.as_ref().is_none_or(|known| model.is_behind(known)) {
                self.model = Some(model);
            }
        }
        self.keep(index, page);
        if ends {
            self.hand_on(index, rest, if next.is_none() { None } else { reached.as_deref() }, next.is_none());
        }
        Ok(())
    }

    /// Returns the key just before a range's next page, as far as everything before it is known.
    fn key_before(&self, index: usize) -> Option<String> {
        for (range, own) in (0..=index).rev().map(|place| (&self.list[place], place == index)) {
            if !own && !range.done {
                return None;
            }
            if range.last.is_some() {
                return range.last.clone();
            }
        }
        self.given.clone()
    }

    fn keep(&mut self, index: usize, page: Vec<ListedObject>) {
        if let Some(last) = page.last() {
            self.list[index].last = Some(last.key.to_string());
            self.list[index].pages.push_back(page);
            self.buffered += 1;
        }
    }

    /// The most that may be under way: as many as can be taken in while one answer comes, and one more.
    fn width_most(&self) -> usize {
        let meanwhile = self.fastest.as_micros() / TAKING_IN.as_micros();
        usize::try_from(meanwhile)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
            .max(WIDTH_LEAST)
            .min(self.width_max)
    }

    /// How many pages a range should have: one while the listing may be a short one, more the longer it gets.
    fn reach(&self) -> usize {
        let width = self.width_most();
        let pages = usize::try_from(self.useful).unwrap_or(usize::MAX) / width;
        pages.clamp(1, (self.ahead_max / (2 * width)).min(PAGES_MAX))
    }

    fn grow(&mut self) {
        let wanted = if self.width == 1 { FIRST_WIDTH } else { self.width + GROWTH };
        self.width = wanted.min(self.width_most());
    }

    fn shrink(&mut self) {
        if self.wasted * 4 > self.useful + self.wasted {
            self.width = (self.width / 2).max(1);
        } else {
            self.width = (self.width - self.width / 4).max(1);
        }
    }

    /// Cuts what is left of a range whose page has just come, for as many as may be at work.
    fn split(&mut self, index: usize, model: &Model) {
        let waiting = self.list.iter().filter(|range| !range.under_way && !range.done).count();
        let free = self.width.saturating_sub(self.under_way + waiting);
        if free == 0 {
            return;
        }
        let upto = self.list[index].upto.clone();
        let cuts = match &upto {
            None => model.after(free, self.reach()),
            Some(end) => {
                let pages = usize::try_from(model.pages_until(end)).unwrap_or(usize::MAX);
                model.between(end, pages.min(free + 1))
            }
        };
        for (number, cut) in cuts.iter().enumerate() {
            let end = cuts.get(number + 1).cloned().or_else(|| upto.clone());
            let range = self.range(Some(cut.clone()), end);
            self.list.insert(index + 1 + number, range);
        }
        if let Some(first) = cuts.first() {
            self.list[index].upto = Some(first.clone());
        }
    }

    /// Gives keys that lie behind the range that was asked for to those that they belong to. They are all that there is up to a key, or to the end of all.
    fn hand_on(&mut self, index: usize, mut rest: Vec<ListedObject>, upto: Option<&str>, to_end: bool) {
        let mut index = index + 1;
        while index < self.list.len() {
            let range = &mut self.list[index];
            let whole = match (&range.upto, upto) {
                _ if to_end => true,
                (Some(end), Some(upto)) => end.as_str() <= upto,
                _ => false,
            };
            let begins = range.after.as_deref().unwrap_or_default();
            rest.drain(..rest.partition_point(|object| object.key.as_str() <= begins));
            if !whole {
                // One that is being asked itself, or has been, knows better.
                let fresh = !range.under_way && !range.begun && !range.done;
                let Some(upto) = upto.filter(|upto| *upto > begins && fresh) else {
                    return;
                };
                range.after = Some(upto.to_owned());
                range.begun = true;
                self.keep(index, rest);
                return;
            }
            let inside = match &range.upto {
                Some(end) => rest.partition_point(|object| object.key.as_str() <= end.as_str()),
                None => rest.len(),
            };
            let behind = rest.split_off(inside);
            let own = std::mem::replace(&mut rest, behind);
            if !range.done {
                range.done = true;
                range.under_way = false;
                // Its own answer, if one is under way, finds nobody any more.
                range.id = 0;
                self.keep(index, own);
            }
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn object(key: &str) -> ListedObject {
        let last_modified = Timestamp::UNIX_EPOCH;
        ListedObject {
            key: key.parse().unwrap(),
            size_bytes: 0,
            last_modified,
            etag: None,
            storage_class: None,
        }
    }

    /// A service: keys in order, so many a page.
    fn answer(keys: &[String], request: &Request, page: usize) -> (Vec<ListedObject>, Option<String>) {
        let after = request.continuation.as_ref().or(request.start_after.as_ref());
        let first = after.map_or(0, |after| keys.partition_point(|key| key <= after));
        let objects: Vec<_> = keys[first..].iter().take(page).map(|key| object(key)).collect();
        let more = first + objects.len() < keys.len();
        let next = objects.last().filter(|_| more).map(|last| last.key.to_string());
        (objects, next)
    }

    impl Ranges {
        /// Every range ends where the next one begins, and what it has lies within.
        fn check(&self) {
            for (range, next) in self.list.iter().zip(self.list.iter().skip(1)) {
                let upto = range.upto.as_deref().unwrap();
                assert!(next.after.as_deref().unwrap() >= upto, "{self:?}");
                let keys = range.pages.iter().flatten().map(|object| object.key.as_str());
                assert!(keys.clone().all(|key| key <= upto), "{self:?}");
                let later = next.pages.iter().flatten().map(|object| object.key.as_str());
                assert!(later.clone().all(|key| key > upto), "{self:?}");
            }
        }
    }

    const SOON: Duration = Duration::from_millis(1);

    /// A service that orders keys by UTF-16: `Ａ` stands behind letters that are written with two units there, and before them in UTF-8.
    #[test]
    fn an_order_that_breaks_between_two_pages_is_seen() {
        let mut ranges = Ranges::new("x/", 1);
        let first = ranges.next_request().unwrap();
        let page = vec![object("x/a"), object("x/😀")];
        ranges.answer(first.id, page, Some("2".into()), SOON).unwrap();
        assert_eq!(ranges.pop().unwrap().len(), 2);
        let second = ranges.next_request().unwrap();
        assert_eq!(second.continuation.as_deref(), Some("2"));
        assert_eq!(ranges.answer(second.id, vec![object("x/Ａ")], None, SOON), Err(Unordered));
    }

    #[test]
    fn a_page_may_begin_with_the_key_that_the_last_one_ended_with() {
        let mut ranges = Ranges::new("x/", 1);
        let first = ranges.next_request().unwrap();
        ranges.answer(first.id, vec![object("x/a"), object("x/b")], Some("2".into()), SOON).unwrap();
        assert_eq!(ranges.pop().unwrap().len(), 2);
        let second = ranges.next_request().unwrap();
        ranges.answer(second.id, vec![object("x/b"), object("x/c")], None, SOON).unwrap();
        assert_eq!(ranges.pop().unwrap(), [object("x/c")]);
    }

    /// Two ranges, the first of which is listed already.
    fn cut_at(cut: &str) -> (Ranges, Request) {
        let mut ranges = Ranges::new("x/", 1);
        let behind = ranges.range(Some(cut.to_owned()), None);
        ranges.list.push_back(behind);
        ranges.list[0].upto = Some(cut.to_owned());
        let first = ranges.next_request().unwrap();
        ranges.answer(first.id, vec![object("x/a"), object(cut)], Some("2".into()), SOON).unwrap();
        assert_eq!(ranges.pop().unwrap().len(), 2);
        let second = ranges.next_request().unwrap();
        assert_eq!((second.start_after.as_deref(), &second.continuation), (Some(cut), &None));
        (ranges, second)
    }

    #[test]
    fn an_order_that_breaks_between_two_ranges_is_seen() {
        let (mut ranges, second) = cut_at("x/😀");
        assert_eq!(ranges.answer(second.id, vec![object("x/Ａ")], None, SOON), Err(Unordered));
    }

    #[test]
    fn a_service_may_begin_anew_where_it_does_not_know_start_after() {
        let (mut ranges, second) = cut_at("x/m");
        let page = ["x/a", "x/m", "x/n"].map(object).to_vec();
        ranges.answer(second.id, page, None, SOON).unwrap();
        assert_eq!(ranges.pop().unwrap(), [object("x/n")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        /// Whatever order answers come in: every key once, in order.
        #[test]
        fn answers_in_any_order_make_one_list(
            numbers in prop::collection::btree_set(0..3000_u32, 0..300),
            page in 1..20_usize,
            width in 1..12_usize,
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
            slow in any::<bool>(),
            meanwhile in prop::collection::btree_set(0..3000_u32, 0..40),
        ) {
            let mut meanwhile = meanwhile.into_iter();
            let mut keys: Vec<String> = numbers.iter().map(|number| format!("x/{number:05}")).collect();
            let took = Duration::from_millis(if slow { 100 } else { 1 });
            let mut ranges = Ranges::new("x/", width);
            let mut waiting: Vec<Request> = Vec::new();
            let mut listed = Vec::new();
            let mut order = order.iter().cycle();
            while !ranges.is_done() {
                while let Some(page) = ranges.pop() {
                    listed.extend(page.into_iter().map(|object| object.key.to_string()));
                }
                while let Some(request) = ranges.next_request() {
                    waiting.push(request);
                }
                prop_assert!(waiting.len() <= width);
                if ranges.is_done() {
                    break;
                }
                let request = waiting.swap_remove(order.next().unwrap().index(waiting.len()));
                let (objects, next) = answer(&keys, &request, page);
                ranges.answer(request.id, objects, next, took).unwrap();
                ranges.check();
                // Somebody writes while we list: what comes new may be seen or not, what was there is.
                if let Some(new) = meanwhile.next().map(|number| format!("x/{number:05}")) && let Err(place) = keys.binary_search(&new) {
                    keys.insert(place, new);
                }
            }
            prop_assert!(listed.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", listed);
            let there: std::collections::BTreeSet<_> = listed.iter().cloned().collect();
            let all = numbers.iter().all(|number| there.contains(&format!("x/{number:05}")));
            prop_assert!(all, "{:?}", listed);
            prop_assert!(listed.iter().all(|key| keys.contains(key)));
        }
    }
}
