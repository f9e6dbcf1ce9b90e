//! The two ways in which S3 writes a time: `2026-11-27T11:14:40.000Z` in documents, `Fri, 27 Nov 2026 11:14:40 GMT` in headers.
//!
//! Pure: these fixed forms are read by hand, since a listing has a thousand of them and every answer two; any other form
//! is left to the general readers, which also judge what is wrong.

use jiff::Timestamp;
use jiff::fmt::rfc2822;

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
/// The first of January 1970 was a Thursday.
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

/// Reads a time of a document.
pub(super) fn of_document(text: &str) -> Option<Timestamp> {
    iso(text.as_bytes()).or_else(|| text.trim().parse().ok())
}

/// Reads a time of a header.
pub(super) fn of_header(text: &str) -> Option<Timestamp> {
    static PARSER: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new();
    http(text.as_bytes()).or_else(|| PARSER.parse_timestamp(text).ok())
}

/// Reads times of the form `2026-11-27T11:14:40.000Z` one after another. What was written together stands together in a
/// listing, so most of them are in the minute of the one before.
#[derive(Default)]
pub(super) struct Series {
    minute: [u8; 17],
    starts_at: Option<i64>,
}

impl Series {
    /// The length of such a time.
    pub(super) const LENGTH: usize = "2026-11-27T11:14:40.000Z".len();

    pub(super) fn read(&mut self, text: &[u8; Self::LENGTH]) -> Option<Timestamp> {
        let (minute, &[s0, s1, b'.', a, b, c, b'Z']) = text.split_first_chunk::<17>()? else { return None };
        if *minute != self.minute || self.starts_at.is_none() {
            let start = iso(text)?.as_second();
            (self.minute, self.starts_at) = (*minute, Some(start - start.rem_euclid(60)));
        }
        let second = number([s0, s1]).filter(|second| *second < 60)?;
        Timestamp::new(self.starts_at? + second, number([a, b, c])? as i32 * 1_000_000).ok()
    }
}

/// Reads `2026-11-27T11:14:40.000Z`, with three decimals or none.
pub(super) fn iso(text: &[u8]) -> Option<Timestamp> {
    let (clock, rest) = text.split_first_chunk::<19>()?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', ref time @ ..] = clock else { return None };
    let milliseconds = match *rest {
        [b'.', a, b, c, b'Z'] => number([a, b, c])?,
        [b'Z'] => 0,
        _ => return None,
    };
    let day = day(number([y0, y1, y2, y3])?, number([m0, m1])?, number([d0, d1])?)?;
    Timestamp::new(day * 86_400 + of_day(time)?, milliseconds as i32 * 1_000_000).ok()
}

/// Reads `Fri, 27 Nov 2026 11:14:40 GMT`.
fn http(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 29] = text.try_into().ok()?;
    let &[w0, w1, w2, b',', b' ', d0, d1, b' ', n0, n1, n2, b' ', y0, y1, y2, y3, b' ', ref rest @ ..] = text
    else {
        return None;
    };
    let (time, zone) = rest.split_first_chunk::<8>()?;
    let month = MONTHS.iter().position(|month| **month == [n0, n1, n2])? as i64 + 1;
    let day = day(number([y0, y1, y2, y3])?, month, number([d0, d1])?)?;
    let weekday = WEEKDAYS[day.rem_euclid(7) as usize];
    if zone != b" GMT" || *weekday != [w0, w1, w2] {
        return None;
    }
    Timestamp::new(day * 86_400 + of_day(time)?, 0).ok()
}

/// Reads `11:14:40` as seconds. A leap second is for the general readers.
fn of_day(&text: &[u8; 8]) -> Option<i64> {
    let [h0, h1, b':', m0, m1, b':', s0, s1] = text else { return None };
    let (hour, minute, second) = (number([h0, h1])?, number([m0, m1])?, number([s0, s1])?);
    (hour < 24 && minute < 60 && second < 60).then_some((hour * 60 + minute) * 60 + second)
}

#[inline]
fn number<const N: usize>(digits: [u8; N]) -> Option<i64> {
    let mut number = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + i64::from(digit);
    }
    Some(number)
}

/// Counts the days from the first of January 1970 to a date of the Gregorian calendar, after the year 0.
///
/// The year is made to begin with March, so that the leap day is its last one; 719,468 days lie between the first of March of
/// the year 0 and 1970.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if year == 0 || !(1..=last).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    Some(365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_forms_are_read_by_hand() {
        for (text, expected) in [
            ("2026-11-27T11:14:40.000Z", "2026-11-27T11:14:40Z"),
            ("2026-11-27T11:14:40.007Z", "2026-11-27T11:14:40.007Z"),
            ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(iso(text.as_bytes()).unwrap().to_string(), expected);
        }
        assert_eq!(http(b"Fri, 27 Nov 2026 11:14:40 GMT").unwrap().to_string(), "2026-11-27T11:14:40Z");
        for other in ["2026-11-27T11:14:40+01:00", " 2026-11-27T11:14:40Z", "2026-11-27 11:14:40Z"] {
            assert_eq!(iso(other.as_bytes()), None);
            assert!(of_document(other).is_some(), "{other}");
        }
        for wrong in ["2025-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "", "Z"] {
            assert_eq!(of_document(wrong), None, "{wrong}");
        }
        // No Friday.
        assert_eq!(of_header("Fri, 26 Nov 2026 11:14:40 GMT"), None);
        assert!(of_header("26 Nov 2026 11:14:40 +0100").is_some());
    }

    proptest! {
        #[test]
        fn what_is_read_by_hand_is_what_the_general_readers_read(
            second in -62_135_596_800_i64..253_402_207_200, milliseconds in 0_i32..1000,
        ) {
            let time = Timestamp::new(second, milliseconds * 1_000_000).unwrap();
            let text = time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
            prop_assert_eq!(iso(text.as_bytes()), Some(time));
            let whole = Timestamp::from_second(second).unwrap();
            let text = whole.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
            prop_assert_eq!(http(text.as_bytes()), Some(whole));
        }

        #[test]
        fn a_series_is_read_time_by_time(
            texts in prop::collection::vec("2026-11-2[78]T11:1[45]:[0-6][0-9][.:][0-9]{3}[Zz]", 1..20),
        ) {
            let mut series = Series::default();
            for text in texts {
                prop_assert_eq!(series.read(text.as_bytes().try_into().unwrap()), iso(text.as_bytes()), "{}", text);
            }
        }

        #[test]
        fn what_is_nearly_a_time_is_judged_alike(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,4})?(Z|z|)",
        ) {
            if let Some(time) = iso(text.as_bytes()) {
                prop_assert_eq!(text.parse::<Timestamp>().ok(), Some(time));
            }
        }
    }
}
