//! Pages of IAM's lists: `MaxItems` and `Marker` in, `IsTruncated` and `Marker` out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::params::Params;
use crate::query::{Refused, element};

const USUAL: usize = 100;
const MOST: usize = 1000;

/// The members of one page, and the elements that tell whether there is another.
pub(super) struct Page {
    pub(super) members: String,
    pub(super) end: String,
}

/// Cuts a page out of a list. Each item is its place in the order, which a marker names, and its XML.
pub(super) fn page(params: &Params, items: Vec<(String, String)>) -> Result<Page, Refused> {
    let limit = match params.raw("MaxItems") {
        None => USUAL,
        Some(text) => {
            let bound = |relation: &str| {
                Refused::constraint("maxItems", Some(text), &format!("have value {relation}"))
            };
            match text.parse::<usize>() {
                Ok(0) | Err(_) => return Err(bound("greater than or equal to 1")),
                Ok(count) if count > MOST => return Err(bound("less than or equal to 1000")),
                Ok(count) => count,
            }
        }
    };
    let after = match params.get("Marker") {
        None => None,
        Some(marker) => Some(place(marker).ok_or_else(|| Refused::validation("Invalid Marker."))?),
    };
    let start = after.map_or(0, |after| items.iter().take_while(|(place, _)| *place <= after).count());
    let shown: Vec<&(String, String)> = items.iter().skip(start).take(limit).collect();
    let more = start + shown.len() < items.len();
    let members = shown.iter().map(|(_, xml)| xml.as_str()).collect();
    let mut end = element("IsTruncated", if more { "true" } else { "false" });
    if let Some((last, _)) = shown.last().filter(|_| more) {
        end.push_str(&element("Marker", &STANDARD.encode(format!("after {last}"))));
    }
    Ok(Page { members, end })
}

fn place(marker: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(marker).ok()?).ok()?;
    text.strip_prefix("after ").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another() {
        let items = || ["a", "b", "c"].map(|name| (name.to_owned(), element("member", name))).to_vec();
        let first = page(&Params::parse(b"MaxItems=2"), items()).map_err(|refused| refused.message).unwrap();
        assert_eq!(first.members, "<member>a</member><member>b</member>");
        let marker = first.end.split("<Marker>").nth(1).unwrap().trim_end_matches("</Marker>").to_owned();
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("Marker", &marker).finish();
        let second =
            page(&Params::parse(query.as_bytes()), items()).map_err(|refused| refused.message).unwrap();
        assert_eq!(
            (second.members.as_str(), second.end.as_str()),
            ("<member>c</member>", "<IsTruncated>false</IsTruncated>")
        );
        for wrong in ["MaxItems=0", "MaxItems=1001", "MaxItems=x", "Marker=x"] {
            assert!(page(&Params::parse(wrong.as_bytes()), items()).is_err(), "{wrong}");
        }
    }
}
