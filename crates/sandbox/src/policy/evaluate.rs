//! The decision: an explicit deny anywhere wins, otherwise one allow is needed, otherwise the answer is no.

use std::collections::BTreeMap;

use super::conditions;
use super::document::{Document, Principals, Selection, Statement};

/// Put before a wildcard that a policy variable brought in or an escape meant literally.
pub(super) const LITERAL: char = '\u{1}';

/// What one policy, or several together, say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing speaks for it.
    Silent,
    Allow,
    Deny,
}

/// Who asks, where a policy names principals.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asker<'a> {
    /// An AWS principal by the ARNs it goes by.
    Aws(&'a [String]),
    /// A web identity, by its provider's ARN.
    Federated(&'a str),
    /// A service of AWS itself, which takes a role.
    Service(&'a str),
    /// A request without a signature.
    Nobody,
    /// Nobody in particular: identity policies.
    Unnamed,
}

/// One action on one resource and everything known about it.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) action: &'a str,
    /// Ignored by trust policies.
    pub(crate) resource: &'a str,
    pub(crate) asker: Asker<'a>,
    /// Condition keys in lower case.
    pub(crate) context: &'a BTreeMap<String, Vec<String>>,
}

impl Request<'_> {
    /// The values of a condition key, whatever its case.
    pub(super) fn values(&self, key: &str) -> Option<&Vec<String>> {
        self.context.get(&key.to_ascii_lowercase()).filter(|values| !values.is_empty())
    }

    /// Replaces `${key}`, `${key, 'default'}`, `${*}`, `${?}` and `${$}`; `None` when a key has no single value.
    pub(super) fn substitute(&self, text: &str) -> Option<String> {
        let mut replaced = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (variable, tail) = after.split_once('}')?;
            replaced.push_str(before);
            match variable {
                "*" | "?" | "$" => literal(variable, &mut replaced),
                _ => {
                    let (key, default) =
                        variable.split_once(',').map_or((variable, None), |(key, default)| {
                            (key, Some(default.trim().trim_matches('\'')))
                        });
                    let value = match self.values(key.trim()).map(Vec::as_slice) {
                        Some([single]) => single.as_str(),
                        _ => default?,
                    };
                    literal(value, &mut replaced);
                }
            }
            rest = tail;
        }
        replaced.push_str(rest);
        Some(replaced)
    }
}

fn literal(value: &str, into: &mut String) {
    for character in value.chars() {
        if matches!(character, '*' | '?') {
            into.push(LITERAL);
        }
        into.push(character);
    }
}

/// Decides a request by documents that speak together.
pub(crate) fn decide<'d>(
    documents: impl IntoIterator<Item = &'d Document>,
    request: &Request<'_>,
) -> Decision {
    let mut decision = Decision::Silent;
    for statement in documents.into_iter().flat_map(|document| &document.statements) {
        if applies(statement, request) {
            if !statement.allow {
                return Decision::Deny;
            }
            decision = Decision::Allow;
        }
    }
    decision
}

fn applies(statement: &Statement, request: &Request<'_>) -> bool {
    let resource_fits = statement.resources.as_ref().is_none_or(|resources| {
        selects(resources, |pattern| {
            let pattern =
                if statement.variables { request.substitute(pattern) } else { Some(pattern.to_owned()) };
            pattern.is_some_and(|pattern| matches_pattern(&pattern, request.resource))
        })
    });
    resource_fits
        && selects(&statement.actions, |pattern| {
            matches_pattern(&pattern.to_ascii_lowercase(), &request.action.to_ascii_lowercase())
        })
        && statement.principal.as_ref().is_none_or(|principals| includes(principals, request.asker))
        && statement
            .conditions
            .iter()
            .all(|condition| conditions::holds(condition, request, statement.variables))
}

fn selects(selection: &Selection, matches: impl Fn(&str) -> bool) -> bool {
    selection.patterns.iter().any(|pattern| matches(pattern)) != selection.negated
}

/// Whether principals name the asker. `"*"` and AWS `"*"` admit no web identity.
fn includes(principals: &Principals, asker: Asker<'_>) -> bool {
    let named = match asker {
        Asker::Aws(arns) => {
            principals.anyone || principals.aws.iter().any(|wanted| wanted == "*" || arns.contains(wanted))
        }
        Asker::Nobody => principals.anyone || principals.aws.iter().any(|wanted| wanted == "*"),
        Asker::Federated(provider) => principals.federated.iter().any(|wanted| wanted == provider),
        Asker::Service(name) => principals.services.iter().any(|wanted| wanted == name),
        Asker::Unnamed => true,
    };
    named != principals.negated
}

/// Matches `*` and `?`; a wildcard after [`LITERAL`] stands for itself.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    #[derive(PartialEq)]
    enum Token {
        One(char),
        Any,
        Many,
    }
    let mut tokens = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            LITERAL => match characters.next() {
                Some(wildcard) => Token::One(wildcard),
                None => break,
            },
            '*' => Token::Many,
            '?' => Token::Any,
            other => Token::One(other),
        });
    }
    let text: Vec<char> = text.chars().collect();
    // Greedy with one point to fall back to: linear but for the last star.
    let (mut at, mut token, mut retry) = (0, 0, None);
    while at < text.len() {
        match tokens.get(token) {
            Some(Token::Many) => {
                retry = Some((token, at));
                token += 1;
            }
            Some(Token::Any) => (at, token) = (at + 1, token + 1),
            Some(Token::One(wanted)) if *wanted == text[at] => (at, token) = (at + 1, token + 1),
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (at, token) = (from + 1, star + 1);
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Many)
}

#[cfg(test)]
mod tests;
