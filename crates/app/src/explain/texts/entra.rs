//! What Entra's numbers mean: a look-up over the rows by topic.
//!
//! Data only. The numbers are Microsoft's and may change: they pick a text and decide nothing, and an unknown number is an
//! ordinary case.

use super::{Check, Text, Who, entra_accounts, entra_apps, entra_requests};

/// Numbers that are mended in the same way, each with a meaning of its own.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) numbers: &'static [(u32, &'static str)],
    pub(super) cause: &'static str,
    pub(super) next: &'static [&'static str],
    pub(super) who: Who,
    pub(super) checks: &'static [Check],
}

/// Returns all rows.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    entra_accounts::ROWS.iter().chain(entra_apps::ROWS).chain(entra_requests::ROWS)
}

/// Returns the text of an AADSTS number, if there is one.
pub(crate) fn text(number: u32) -> Option<Text> {
    rows().find_map(|row| {
        let (_, meaning) = row.numbers.iter().find(|(listed, _)| *listed == number)?;
        Some(Text {
            id: "aadsts",
            meaning,
            cause: row.cause,
            next: row.next,
            who: row.who,
            checks: row.checks,
        })
    })
}

/// As [`text`], where the words tell causes apart that share a number.
pub(crate) fn text_of(number: u32, message: &str) -> Option<Text> {
    let message = message.to_ascii_lowercase();
    if number == 90023 && message.contains("cross-origin") {
        return text(9_002_327);
    }
    if number == 70008 && message.contains("refresh token") && !message.contains("authorization code") {
        return text(700_082);
    }
    text(number)
}

/// Where Microsoft explains a number.
pub(crate) fn look_up(number: u32) -> String {
    format!("https://login.microsoftonline.com/error?code={number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every number that the facts about Entra list, row by row.
    const KNOWN: &[u32] = &[
        16000, 500011, 50011, 500113, 900971, 50012, 700027, 50014, 50034, 51004, 50020, 500208, 500212,
        500213, 500021, 50002, 50053, 50055, 50126, 50056, 50057, 50058, 50059, 50072, 50079, 50074, 50076,
        50078, 50089, 50097, 50187, 50155, 50105, 50129, 50131, 53000, 53001, 53002, 53003, 53004, 53011,
        530032, 530034, 530035, 50132, 50133, 50173, 50140, 50199, 50125, 65004, 50146, 501461, 50147,
        501481, 501491, 50194, 50196, 54005, 65001, 65002, 650052, 650054, 650056, 650057, 70000, 70008,
        700005, 70001, 7000112, 1000031, 700011, 700016, 70002, 7000215, 7000222, 700025, 7000218, 70003,
        700054, 70005, 70007, 70011, 28002, 28003, 700022, 700023, 70012, 90006, 90024, 90033, 90090, 50033,
        50087, 70016, 70018, 70019, 70020, 70043, 700082, 700084, 90002, 90013, 90014, 900144, 90100, 90102,
        9002313, 90023, 9002326, 9002327, 90019, 90072, 90038, 90043, 1000104, 90055, 90094, 90095, 900561,
        9001023, 90124, 90130, 90119,
    ];

    #[test]
    fn every_known_number_is_explained_once_and_by_its_own_words() {
        let mut meanings = Vec::new();
        for number in KNOWN {
            let listed = rows().flat_map(|row| row.numbers).filter(|(listed, _)| listed == number).count();
            assert_eq!(listed, 1, "{number}");
            meanings.push(text(*number).expect("a text").meaning);
        }
        assert_eq!(rows().map(|row| row.numbers.len()).sum::<usize>(), KNOWN.len());
        let count = meanings.len();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), count, "two numbers mean the same");
        assert_eq!(text(1), None);
        for number in pintail_identity::oidc::PAGE_ONLY {
            assert!(text(*number).is_some(), "{number}");
        }
    }

    #[test]
    fn words_tell_apart_what_shares_a_number() {
        assert_eq!(text_of(90023, "Cross-origin token redemption is permitted only for …"), text(9_002_327));
        assert_eq!(text_of(90023, "invalid STS request"), text(90023));
        assert_eq!(text_of(70008, "The refresh token has expired due to inactivity."), text(700_082));
        assert_eq!(
            text_of(70008, "The provided authorization code or refresh token has expired"),
            text(70008)
        );
    }
}
