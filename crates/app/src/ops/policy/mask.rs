//! What hides a person in what is shown of a policy and a token.
//!
//! Pure. The subject and the e-mail address of a token are shown by their last four characters, wherever they turn up: in a condition, in a
//! resource that a variable put them into, in the value that a policy wants. Two that are the same still look the same.

use pintail_core::policy::Context;
use pintail_core::policy::trust::Claims;
use pintail_identity::sts::facts::masked;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    /// Longest first.
    hidden: Vec<String>,
}

/// Claims that tell who somebody is.
const PERSONAL: [&str; 5] = ["sub", "email", "upn", "oid", "preferred_username"];

/// The fewest characters of what is looked for in other texts: what is shorter may well be a word.
const SOUGHT_MIN: usize = 8;

impl Mask {
    /// Hides what claims and keys tell of a person.
    pub(crate) fn of(claims: &Claims, context: &Context) -> Self {
        let of_claims = PERSONAL.iter().filter_map(|name| claims.get(*name)?.as_str().map(str::to_owned));
        let of_keys = context.entries().filter(|entry| is_personal(&entry.key));
        let of_keys = of_keys.flat_map(|entry| entry.values.clone());
        let mut hidden: Vec<String> = of_claims.chain(of_keys).filter(|text| !text.is_empty()).collect();
        hidden.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        hidden.dedup();
        Self { hidden }
    }

    /// Shows a value of a key: hidden as a whole where the key tells who somebody is, else what is known of the person in it.
    pub(crate) fn value(&self, key: &str, text: &str) -> String {
        if is_personal(key) && !text.contains("${") {
            // A pattern hides nobody by its stars.
            let stars = text.chars().all(|c| c == '*' || c == '?');
            return if stars { text.to_owned() } else { masked(text) };
        }
        self.text(text)
    }

    /// Shows a text without the person in it.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for hidden in &self.hidden {
            if hidden.chars().count() >= SOUGHT_MIN && shown.contains(hidden.as_str()) {
                shown = shown.replace(hidden.as_str(), &masked(hidden));
            }
        }
        shown
    }
}

/// Whether a key has the subject or the address of somebody.
fn is_personal(key: &str) -> bool {
    let key = key.to_lowercase();
    let of_provider = key.rsplit_once(':').filter(|(prefix, _)| prefix.contains('.') || prefix.contains('/'));
    of_provider.is_some_and(|(_, claim)| PERSONAL.contains(&claim))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nobody_is_shown_whole() {
        let claims =
            json!({"sub": "AAAAAAAAAAAAtaQ1", "email": "ann@example.com", "aud": "client-id-of-ours"});
        let mut context = Context::new();
        context.set("login.example/t:sub", "BBBBBBBBBBBBtaQ2");
        let mask = Mask::of(claims.as_object().unwrap(), &context);
        assert_eq!(mask.value("login.example/t:sub", "AAAAAAAAAAAAtaQ1"), "…taQ1");
        assert_eq!(mask.value("login.example/t:sub", "other-person-9999"), "…9999");
        assert_eq!(mask.value("login.example/t:sub", "*"), "*");
        assert_eq!(mask.value("login.example/t:aud", "client-id-of-ours"), "client-id-of-ours");
        assert_eq!(mask.value("sts:RoleSessionName", "ann@example.com"), "….com");
        assert_eq!(mask.text("arn:aws:s3:::home/BBBBBBBBBBBBtaQ2/x"), "arn:aws:s3:::home/…taQ2/x");
        assert_eq!(
            mask.value("aws:RequestTag/a.b:sub", "value-of-a-tag"),
            "…-tag",
            "rather too much than too little"
        );
    }
}
