//! Words for sizes, ages, limits and schedules, as people type them behind options of transfers.
//!
//! Pure: texts in, values out; the time is given.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pintail_transfer::policy::mirror::DeleteLimit;

/// Why a word is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WordError {
    /// No size.
    #[error("{0:?} is no size: write 512k, 10M or 1.5G")]
    Size(String),
    /// No age and no date.
    #[error("{0:?} is neither an age nor a date: write 7d, 12h or 2026-01-31")]
    Age(String),
    /// No limit for deletions.
    #[error("{0:?} is no limit: write a number, or a part of all such as 20%")]
    Limit(String),
    /// No rate and no schedule.
    #[error("{0:?} is no bandwidth: write 10M, off, or a schedule such as \"08:00,512k 18:00,off\"")]
    Bandwidth(String),
    /// No part of a work.
    #[error("{0:?} is no shard: it is K/N with K from 1 to N")]
    Shard(String),
}

/// Reads a number of bytes: `512`, `512k`, `10M`, `1.5G`, `2T`, with or without `iB` or `B`; a unit is a power of 1024.
pub(crate) fn size(text: &str) -> Result<u64, WordError> {
    let error = || WordError::Size(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let bare = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    let (number, shift) = match bare.chars().last() {
        Some('k') => (&bare[..bare.len() - 1], 10),
        Some('m') => (&bare[..bare.len() - 1], 20),
        Some('g') => (&bare[..bare.len() - 1], 30),
        Some('t') => (&bare[..bare.len() - 1], 40),
        _ => (bare, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 6 {
        return Err(error());
    }
    if shift == 0 && number.contains('.') {
        return Err(error());
    }
    let whole: u64 = whole.parse().map_err(|_| error())?;
    let whole = whole.checked_mul(1 << shift).ok_or_else(error)?;
    let fraction = match fraction.parse::<u64>() {
        Ok(digits) => {
            let scale = 10_u64.pow(u32::try_from(fraction.len()).map_err(|_| error())?);
            u64::try_from(u128::from(digits) * (1_u128 << shift) / u128::from(scale)).map_err(|_| error())?
        }
        Err(_) => 0,
    };
    whole.checked_add(fraction).ok_or_else(error)
}

/// Reads a point in time: how long ago (`90s`, `30m`, `12h`, `7d`, `2w`), a date, or a time as in RFC 3339. A date is its first moment in UTC.
pub(crate) fn moment(text: &str, now: Timestamp) -> Result<Timestamp, WordError> {
    let error = || WordError::Age(text.to_owned());
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        return TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight())).map_err(|_| error());
    }
    let seconds = age_seconds(text).ok_or_else(error)?;
    now.checked_sub(SignedDuration::from_secs(seconds)).map_err(|_| error())
}

/// Reads an age: `90s`, `30m`, `12h`, `7d`, `2w`.
pub(crate) fn age(text: &str) -> Result<SignedDuration, WordError> {
    let seconds = age_seconds(text).ok_or_else(|| WordError::Age(text.to_owned()))?;
    Ok(SignedDuration::from_secs(seconds))
}

fn age_seconds(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    let number = &text[..text.len() - 1];
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit)
}

/// Reads the most that may be deleted: a number, or a part such as `20%`.
pub(crate) fn delete_limit(text: &str) -> Result<DeleteLimit, WordError> {
    let error = || WordError::Limit(text.to_owned());
    match text.strip_suffix('%') {
        Some(percent) => match percent.parse() {
            Ok(percent @ 0..=100) => Ok(DeleteLimit { count: None, percent: Some(percent) }),
            _ => Err(error()),
        },
        None => Ok(DeleteLimit { count: Some(text.parse().map_err(|_| error())?), percent: None }),
    }
}

/// Bytes a second by the time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    text: String,
    /// From when on which limit goes, in ascending order and not empty. The last one goes on past midnight.
    from: Vec<(Time, Option<u64>)>,
}

impl Schedule {
    /// Returns the limit at a time of day.
    pub(crate) fn at(&self, time: Time) -> Option<u64> {
        let begun = self.from.partition_point(|(from, _)| *from <= time);
        let index = begun.checked_sub(1).unwrap_or(self.from.len() - 1);
        self.from[index].1
    }
}

impl FromStr for Schedule {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let error = || WordError::Bandwidth(text.to_owned());
        let rate = |word: &str| match word {
            "off" => Ok(None),
            word => match size(word) {
                Ok(rate) if rate > 0 => Ok(Some(rate)),
                _ => Err(error()),
            },
        };
        let mut from: Vec<(Time, Option<u64>)> = Vec::new();
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [word] = words[..]
            && !word.contains(',')
        {
            from.push((Time::midnight(), rate(word)?));
        } else {
            for word in words {
                let (time, limit) = word.split_once(',').ok_or_else(error)?;
                let (hour, minute) = time.split_once(':').ok_or_else(error)?;
                let (hour, minute) =
                    (hour.parse().map_err(|_| error())?, minute.parse().map_err(|_| error())?);
                from.push((Time::new(hour, minute, 0, 0).map_err(|_| error())?, rate(limit)?));
            }
        }
        from.sort_by_key(|(time, _)| *time);
        let twice = from.windows(2).any(|pair| pair[0].0 == pair[1].0);
        if from.is_empty() || twice { Err(error()) } else { Ok(Self { text: text.to_owned(), from }) }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512k", 512 << 10),
            ("10M", 10 << 20),
            ("10MiB", 10 << 20),
            ("10mb", 10 << 20),
            ("1.5G", 3 << 29),
            ("0.5k", 512),
            ("2T", 2 << 40),
            ("7B", 7),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "k", "1.5", "-1", "1e3", "1,5M", "99999999T", "ten", "1..5k", "1.k5"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_ages_dates_or_times() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("0s", "2026-11-27T12:00:00Z"),
            ("90s", "2026-11-27T11:58:30Z"),
            ("30m", "2026-11-27T11:30:00Z"),
            ("12h", "2026-11-27T00:00:00Z"),
            ("7d", "2026-11-20T12:00:00Z"),
            ("2w", "2026-11-13T12:00:00Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T08:00:00+01:00", "2026-01-31T07:00:00Z"),
        ] {
            assert_eq!(moment(text, now), Ok(at.parse().unwrap()), "{text}");
        }
        for text in ["", "d", "7", "7y", "-7d", "yesterday", "2026-13-01", "99999999999999999d"] {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_are_numbers_or_parts() {
        assert_eq!(delete_limit("5"), Ok(DeleteLimit { count: Some(5), percent: None }));
        assert_eq!(delete_limit("20%"), Ok(DeleteLimit { count: None, percent: Some(20) }));
        for text in ["", "%", "101%", "-1", "five", "5 %"] {
            assert!(delete_limit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_schedule_goes_round_the_clock() {
        let at =
            |schedule: &str, hour| schedule.parse::<Schedule>().unwrap().at(Time::constant(hour, 0, 0, 0));
        assert_eq!(at("10M", 3), Some(10 << 20));
        assert_eq!(at("off", 3), None);
        let work = "18:00,off 08:00,512k";
        assert_eq!(
            (at(work, 7), at(work, 8), at(work, 17), at(work, 18)),
            (None, Some(512 << 10), Some(512 << 10), None)
        );
        let night = "08:00,1M";
        assert_eq!(at(night, 3), Some(1 << 20), "the last one goes on past midnight");
        for text in ["", "fast", "0", "8,1M", "25:00,1M", "08:00,1M 08:00,2M", "08:00 1M", "1M 2M"] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
    }
}
