//! What was said so far, from a file, the command line and the dialogue, before it is known to be possible.
//!
//! Pure: a [`Draft`] is a tree of texts, numbers and flags that remembers the line of the file each came from. Later words win over
//! earlier ones. [`Draft::read`](Draft::read) is in `read`.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The only version of the format so far.
pub(crate) const VERSION: i64 = 1;

/// What was said so far.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub(super) root: Item,
}

/// A value and the line it stands on; no line for what was typed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) line: Option<usize>,
    pub(super) node: Node,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Item>),
    Table(Vec<(String, Item)>),
    /// A kind of value that no key has: a float, a date.
    Other(&'static str),
}

impl Node {
    /// Returns the kind in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Number(_) => "a whole number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

/// One thing that is wrong with a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line of the file, from 1. `None` for what no line says, or what was typed.
    pub(crate) line: Option<usize>,
    /// The key, as `entra.tenant` or `aws[2].role`. Empty for the file as a whole.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) problem: Problem,
}

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    /// It is needed and not there.
    #[error("is missing: {0}")]
    Missing(&'static str),
    /// There is no such key.
    #[error("is no key here{}", Nearest(.0))]
    Unknown(Vec<String>),
    /// Its value cannot be.
    #[error("{0}")]
    Wrong(String),
}

struct Nearest<'a>(&'a [String]);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [one] => write!(f, "; the nearest is `{one}`"),
            many => write!(f, "; near are `{}`", many.join("`, `")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        write!(f, "{}", self.problem)
    }
}

/// Why a draft is no wish: every fault, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl Default for Draft {
    /// Nothing is said, and one account is meant.
    fn default() -> Self {
        let account = Item { line: None, node: Node::Table(Vec::new()) };
        let version = Item { line: None, node: Node::Number(VERSION) };
        let accounts = Item { line: None, node: Node::List(vec![account]) };
        let root = vec![("version".to_owned(), version), ("aws".to_owned(), accounts)];
        Self { root: Item { line: None, node: Node::Table(root) } }
    }
}

impl Draft {
    /// Takes what a TOML file says.
    ///
    /// # Errors
    /// When it is no TOML.
    pub(crate) fn parse(text: &str) -> Result<Self, Faults> {
        let lines = Lines(text);
        match DeTable::parse(text) {
            Ok(table) => {
                let line = lines.at(table.span().start);
                Ok(Self { root: Item { line, node: Node::Table(table_of(table.into_inner(), &lines)) } })
            }
            Err(error) => Err(Faults(vec![Fault {
                line: error.span().and_then(|span| lines.at(span.start)),
                key: String::new(),
                problem: Problem::Wrong(format!("this is no TOML: {}", error.message())),
            }])),
        }
    }

    /// Says a text.
    pub(crate) fn say(&mut self, key: &str, text: &str) {
        self.put(key, Node::Text(text.to_owned()));
    }

    /// Says a number.
    pub(crate) fn say_number(&mut self, key: &str, number: i64) {
        self.put(key, Node::Number(number));
    }

    /// Says yes or no.
    pub(crate) fn say_flag(&mut self, key: &str, flag: bool) {
        self.put(key, Node::Flag(flag));
    }

    /// Says a list of texts.
    pub(crate) fn say_list<'a>(&mut self, key: &str, texts: impl IntoIterator<Item = &'a str>) {
        let item = |text: &str| Item { line: None, node: Node::Text(text.to_owned()) };
        self.put(key, Node::List(texts.into_iter().map(item).collect()));
    }

    /// Says a table of texts; what else the table says stays.
    pub(crate) fn say_table(&mut self, key: &str, texts: &[(&str, &str)]) {
        let mut table = match self.find(key).map(|item| &item.node) {
            Some(Node::Table(table)) => table.clone(),
            _ => Vec::new(),
        };
        for (name, text) in texts {
            table.retain(|(known, _)| known != name);
            let node = Node::Text((*text).to_owned());
            table.push(((*name).to_owned(), Item { line: None, node }));
        }
        self.put(key, Node::Table(table));
    }

    /// Takes back what was said of a key.
    pub(crate) fn unsay(&mut self, key: &str) {
        let (table, name) = self.table_for(key);
        table.retain(|(known, _)| known != name);
    }

    /// Tells whether something is said of a key; for a key of an account, of the first one.
    pub(crate) fn says(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Returns how many accounts are meant.
    pub(crate) fn accounts(&self) -> usize {
        match self.find_top("aws").map(|item| &item.node) {
            Some(Node::List(list)) => list.len(),
            _ => 0,
        }
    }

    fn find_top(&self, name: &str) -> Option<&Item> {
        let Node::Table(root) = &self.root.node else { return None };
        root.iter().find(|(known, _)| known == name).map(|(_, item)| item)
    }

    fn find(&self, key: &str) -> Option<&Item> {
        let Some((section, name)) = key.split_once('.') else { return self.find_top(key) };
        let table = match &self.find_top(section)?.node {
            Node::Table(table) => table,
            Node::List(list) => match &list.first()?.node {
                Node::Table(table) => table,
                _ => return None,
            },
            _ => return None,
        };
        table.iter().find(|(known, _)| known == name).map(|(_, item)| item)
    }

    fn put(&mut self, key: &str, node: Node) {
        let (table, name) = self.table_for(key);
        table.retain(|(known, _)| known != name);
        table.push((name.to_owned(), Item { line: None, node }));
    }

    /// Returns the table that a key is in, made where there is none, and the key's last part. `aws` is the first account.
    fn table_for<'k>(&mut self, key: &'k str) -> (&mut Vec<(String, Item)>, &'k str) {
        let root = table_in(&mut self.root);
        let Some((section, name)) = key.split_once('.') else { return (root, key) };
        let index = root.iter().position(|(known, _)| known == section).unwrap_or_else(|| {
            root.push((section.to_owned(), Item { line: None, node: Node::Table(Vec::new()) }));
            root.len() - 1
        });
        let item = &mut root[index].1;
        if section != "aws" {
            return (table_in(item), name);
        }
        if !matches!(&item.node, Node::List(list) if !list.is_empty()) {
            item.node = Node::List(vec![Item { line: None, node: Node::Table(Vec::new()) }]);
        }
        let Node::List(accounts) = &mut item.node else { unreachable!("it was made a list just now") };
        (table_in(&mut accounts[0]), name)
    }
}

/// Returns an item's table; something else that stood there makes way.
fn table_in(item: &mut Item) -> &mut Vec<(String, Item)> {
    if !matches!(item.node, Node::Table(_)) {
        item.node = Node::Table(Vec::new());
    }
    let Node::Table(table) = &mut item.node else { unreachable!("it was made a table just now") };
    table
}

/// Tells the lines of byte offsets.
struct Lines<'a>(&'a str);

impl Lines<'_> {
    #[expect(clippy::unnecessary_wraps, reason = "every item has a line or none, and these have one")]
    fn at(&self, offset: usize) -> Option<usize> {
        let before = &self.0.as_bytes()[..offset.min(self.0.len())];
        Some(1 + before.iter().filter(|byte| **byte == b'\n').count())
    }
}

fn table_of(table: DeTable<'_>, lines: &Lines<'_>) -> Vec<(String, Item)> {
    let mut entries: Vec<(usize, String, Item)> = table
        .into_iter()
        .map(|(key, value)| {
            let at = key.span().start;
            let mut item = item_of(value, lines);
            // A table is where its name stands, not where its first key does.
            item.line = lines.at(at);
            (at, key.into_inner().into_owned(), item)
        })
        .collect();
    entries.sort_by_key(|(at, ..)| *at);
    entries.into_iter().map(|(_, key, item)| (key, item)).collect()
}

fn item_of(value: Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Item {
    let line = lines.at(value.span().start);
    let node = match value.into_inner() {
        DeValue::String(text) => Node::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(&number.as_str().replace('_', ""), number.radix())
            .map_or(Node::Other("a number that is too large"), Node::Number),
        DeValue::Boolean(flag) => Node::Flag(flag),
        DeValue::Float(_) => Node::Other("a number with a fraction"),
        DeValue::Datetime(_) => Node::Other("a date"),
        DeValue::Array(list) => Node::List(list.into_iter().map(|item| item_of(item, lines)).collect()),
        DeValue::Table(table) => Node::Table(table_of(table, lines)),
    };
    Item { line, node }
}
