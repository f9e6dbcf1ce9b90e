//! Reading a property list: the guards first, then one pass over the XML with a stack of our own.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use quick_xml::Reader;
use quick_xml::events::Event;

use super::{DEPTH_MAX, Dictionary, PropertyListError, VALUES_MAX, Value, check_characters};

/// Base64 as hand-made icons have it: padding may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads the dictionary of a property list in XML.
///
/// Where a key stands twice, the last value counts, in the place of the first: so do the readers of other programs
/// that keep the values in a map.
///
/// # Errors
/// When the file has more than `size_max_bytes`, is in another format or encoding, is damaged, or holds no dictionary.
pub fn read(file: &[u8], size_max_bytes: usize) -> Result<Dictionary, PropertyListError> {
    if file.len() > size_max_bytes {
        return Err(PropertyListError::TooLarge { size_bytes: file.len(), size_max_bytes });
    }
    let text = text_of(file)?;
    check_characters(text)?;
    match Document::new(text).read()? {
        Value::Dictionary(dictionary) => Ok(dictionary),
        _ => Err(PropertyListError::NotADictionary),
    }
}

/// Returns the text without its byte order mark.
fn text_of(file: &[u8]) -> Result<&str, PropertyListError> {
    if file.starts_with(b"bplist") {
        return Err(PropertyListError::Binary);
    }
    // No text in UTF-8 that XML allows has a zero byte, and no XML in UTF-16 or UTF-32 goes without one.
    if file.starts_with(&[0xFE, 0xFF]) || file.starts_with(&[0xFF, 0xFE]) || file.contains(&0) {
        return Err(PropertyListError::Encoding);
    }
    let file = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
    std::str::from_utf8(file).map_err(|error| PropertyListError::NotUtf8 {
        line: line(&file[..error.valid_up_to()]),
        declared: declared_encoding(file),
    })
}

fn line(before: &[u8]) -> usize {
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// Finds the encoding's name in the XML declaration, for the message only.
fn declared_encoding(file: &[u8]) -> Option<String> {
    const DECLARATION_BYTES_MAX: usize = 200;
    let start = String::from_utf8_lossy(&file[..file.len().min(DECLARATION_BYTES_MAX)]);
    let declaration = start.strip_prefix("<?xml")?.split("?>").next()?;
    let after = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(after[1..].split(quote).next()?.to_owned())
}

/// A collection that is not closed yet.
enum Open {
    Array(Vec<Value>),
    Dictionary {
        entries: Vec<(String, Value)>,
        /// Where each key stands, so that a file of many keys costs no more than its length.
        places: HashMap<String, usize>,
        key: Option<String>,
    },
}

impl Open {
    fn dictionary() -> Self {
        Self::Dictionary { entries: Vec::new(), places: HashMap::new(), key: None }
    }
}

struct Document<'a> {
    text: &'a str,
    xml: Reader<&'a [u8]>,
    open: Vec<Open>,
    root: Option<Value>,
    /// Whether `<plist>` was opened, and whether it is open still.
    plist: (bool, bool),
    values: usize,
}

impl<'a> Document<'a> {
    fn new(text: &'a str) -> Self {
        let mut xml = Reader::from_str(text);
        xml.config_mut().expand_empty_elements = true;
        Self { text, xml, open: Vec::new(), root: None, plist: (false, false), values: 0 }
    }

    fn read(mut self) -> Result<Value, PropertyListError> {
        loop {
            match self.next()? {
                Event::Start(start) => {
                    let name = start.name().as_ref().to_owned();
                    self.start(&name)?;
                }
                Event::End(end) if end.name().as_ref() == "plist" => self.plist.1 = false,
                Event::End(_) => self.close()?,
                Event::Text(text) => self.expect_blank(&text)?,
                Event::CData(text) => self.expect_blank(&text)?,
                Event::DocType(kind) => {
                    if kind.contains('[') {
                        return Err(PropertyListError::Entity { line: self.line() });
                    }
                }
                Event::GeneralRef(_) => return Err(self.syntax("text stands where a value is expected")),
                Event::Comment(_) | Event::Decl(_) | Event::Empty(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if !self.open.is_empty() || self.plist.1 {
            return Err(self.syntax("the file ends too early"));
        }
        match self.root {
            Some(root) => Ok(root),
            None if self.plist.0 => Err(self.syntax("the property list is empty")),
            None => Err(PropertyListError::NotAPropertyList),
        }
    }

    fn next(&mut self) -> Result<Event<'a>, PropertyListError> {
        self.xml.read_event().map_err(|error| {
            let at = usize::try_from(self.xml.error_position()).unwrap_or(usize::MAX);
            let before = &self.text.as_bytes()[..at.min(self.text.len())];
            PropertyListError::Syntax { line: line(before), problem: error.to_string() }
        })
    }

    fn line(&self) -> usize {
        let at = usize::try_from(self.xml.buffer_position()).unwrap_or(usize::MAX);
        line(&self.text.as_bytes()[..at.min(self.text.len())])
    }

    fn syntax(&self, problem: impl Into<String>) -> PropertyListError {
        PropertyListError::Syntax { line: self.line(), problem: problem.into() }
    }

    fn expect_blank(&self, text: &str) -> Result<(), PropertyListError> {
        if text.chars().all(|c| c.is_ascii_whitespace()) {
            Ok(())
        } else if self.root.is_none() && !self.plist.0 && self.open.is_empty() {
            Err(PropertyListError::NotAPropertyList)
        } else {
            Err(self.syntax("text stands where a value is expected"))
        }
    }

    fn start(&mut self, name: &str) -> Result<(), PropertyListError> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(PropertyListError::TooMany);
        }
        let value = match name {
            "plist" if !self.plist.0 && self.root.is_none() && self.open.is_empty() => {
                self.plist = (true, true);
                return Ok(());
            }
            "array" => return self.open(Open::Array(Vec::new())),
            "dict" => return self.open(Open::dictionary()),
            "key" => {
                let text = self.content()?;
                return match self.open.last_mut() {
                    Some(Open::Dictionary { key: key @ None, .. }) => {
                        *key = Some(text);
                        Ok(())
                    }
                    _ => Err(self.syntax(format!("the key {text:?} stands where a value is expected"))),
                };
            }
            "string" => Value::String(self.content()?),
            "true" | "false" => {
                let content = self.content()?;
                self.expect_blank(&content)?;
                Value::Boolean(name == "true")
            }
            "integer" => {
                let content = self.content()?;
                integer(content.trim())
                    .map(Value::Integer)
                    .ok_or_else(|| self.syntax(format!("{content:?} is no whole number")))?
            }
            "real" => {
                let content = self.content()?;
                let text = content.trim();
                if text.parse::<f64>().is_err() {
                    return Err(self.syntax(format!("{content:?} is no number")));
                }
                Value::Real(text.to_owned())
            }
            "date" => Value::Date(self.content()?.trim().to_owned()),
            "data" => {
                let mut content = self.content()?;
                content.retain(|c| !c.is_ascii_whitespace());
                Value::Data(BASE64.decode(content).map_err(|_| self.syntax("the data is not base64"))?)
            }
            _ if self.root.is_none() && !self.plist.0 && self.open.is_empty() => {
                return Err(PropertyListError::NotAPropertyList);
            }
            _ => return Err(self.syntax(format!("no property list has an element {name:?}"))),
        };
        self.place(value)
    }

    fn open(&mut self, collection: Open) -> Result<(), PropertyListError> {
        if self.open.len() == DEPTH_MAX {
            return Err(PropertyListError::TooDeep);
        }
        self.open.push(collection);
        Ok(())
    }

    fn close(&mut self) -> Result<(), PropertyListError> {
        let value = match self.open.pop() {
            Some(Open::Array(items)) => Value::Array(items),
            Some(Open::Dictionary { entries, key: None, .. }) => Value::Dictionary(Dictionary { entries }),
            Some(Open::Dictionary { key: Some(key), .. }) => {
                return Err(self.syntax(format!("the key {key:?} has no value")));
            }
            None => return Err(self.syntax("an element is closed that is not open")),
        };
        self.place(value)
    }

    /// Puts a finished value where it belongs.
    fn place(&mut self, value: Value) -> Result<(), PropertyListError> {
        match self.open.last_mut() {
            Some(Open::Array(items)) => items.push(value),
            Some(Open::Dictionary { entries, places, key }) => match key.take() {
                Some(key) => match places.entry(key) {
                    Entry::Occupied(place) => entries[*place.get()].1 = value,
                    Entry::Vacant(place) => {
                        entries.push((place.key().clone(), value));
                        place.insert(entries.len() - 1);
                    }
                },
                None => return Err(self.syntax("a value stands where a key is expected")),
            },
            None if self.root.is_none() && (self.plist.1 || !self.plist.0) => self.root = Some(value),
            None => return Err(self.syntax("a second value stands beside the outermost one")),
        }
        Ok(())
    }

    /// Reads the text of the element that was opened last, to its end.
    fn content(&mut self) -> Result<String, PropertyListError> {
        let mut content = String::new();
        loop {
            match self.next()? {
                Event::Text(text) => push_lines(&mut content, &text),
                Event::CData(text) => push_lines(&mut content, &text),
                Event::GeneralRef(reference) => {
                    let named = match &*reference {
                        "amp" => Some('&'),
                        "apos" => Some('\''),
                        "gt" => Some('>'),
                        "lt" => Some('<'),
                        "quot" => Some('"'),
                        _ => None,
                    };
                    let c = match named {
                        Some(c) => c,
                        None => reference
                            .resolve_char_ref()
                            .map_err(|error| self.syntax(error.to_string()))?
                            .ok_or_else(|| PropertyListError::Entity { line: self.line() })?,
                    };
                    check_characters(c.encode_utf8(&mut [0; 4]))?;
                    content.push(c);
                }
                Event::End(_) => return Ok(content),
                Event::Start(start) => {
                    let name = start.name().as_ref().to_owned();
                    return Err(self.syntax(format!("an element {name:?} stands where text is expected")));
                }
                Event::Comment(_) | Event::Decl(_) | Event::DocType(_) | Event::Empty(_) | Event::PI(_) => {}
                Event::Eof => return Err(self.syntax("the file ends too early")),
            }
        }
    }
}

/// Appends text with its line ends as XML 1.0 section 2.11 wants them: CRLF and CR are LF.
fn push_lines(content: &mut String, text: &str) {
    if text.contains('\r') {
        content.push_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
    } else {
        content.push_str(text);
    }
}

/// Reads a whole number as Apple's reader does: decimal or hexadecimal, within 64 bits.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let size = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with(['+', '-']) => i128::from_str_radix(digits, 16).ok()?,
        Some(_) => return None,
        None => digits.parse().ok()?,
    };
    let value = if negative { -size } else { size };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(body: &str) -> Result<Value, PropertyListError> {
        let file = format!("<plist version=\"1.0\"><dict><key>k</key>{body}</dict></plist>");
        read(file.as_bytes(), 1 << 20).map(|dictionary| dictionary.get("k").unwrap().clone())
    }

    #[test]
    fn values_are_read_as_they_stand() {
        for (body, value) in [
            ("<string> a\tb \r\nc\rd </string>", Value::from(" a\tb \nc\nd ")),
            ("<string>&lt;&amp;&gt;&apos;&quot;&#13;&#x41;&#x1F600;</string>", Value::from("<&>'\"\rA😀")),
            ("<string>a<!-- b -->c<![CDATA[<&d]]></string>", Value::from("ac<&d")),
            ("<string/>", Value::from("")),
            ("<integer> 443\n</integer>", Value::Integer(443)),
            ("<integer>-0x1F</integer>", Value::Integer(-31)),
            ("<integer>18446744073709551615</integer>", Value::Integer(u64::MAX.into())),
            ("<real>1.50</real>", Value::Real("1.50".into())),
            ("<true/>", Value::Boolean(true)),
            ("<false></false>", Value::Boolean(false)),
            ("<date>2026-01-02T03:04:05Z</date>", Value::Date("2026-01-02T03:04:05Z".into())),
            ("<data>\r\n\tAQ\n\tID\n</data>", Value::Data(vec![1, 2, 3])),
            ("<data>AQ</data>", Value::Data(vec![1])),
            ("<array><dict/></array>", Value::Array(vec![Value::Dictionary(Dictionary::new())])),
        ] {
            assert_eq!(string(body), Ok(value), "{body}");
        }
    }

    #[test]
    fn what_is_damaged_is_named() {
        for (body, message) in [
            ("<string>a", "line 1: "),
            ("<string>a</key>", "line 1: "),
            ("<string><b/></string>", "\"b\" stands where text"),
            ("<strong>a</strong>", "element \"strong\""),
            ("<integer>4.5</integer>", "\"4.5\" is no whole number"),
            ("<integer>18446744073709551616</integer>", "no whole number"),
            ("<integer>--1</integer>", "no whole number"),
            ("<integer>0x-1</integer>", "no whole number"),
            ("<real>x</real>", "\"x\" is no number"),
            ("<data>****</data>", "not base64"),
            ("<true>x</true>", "text stands where"),
            ("", "\"k\" has no value"),
            ("<string/><string/>", "where a key is expected"),
            ("x<string/>", "text stands where"),
            ("&lt;<string/>", "text stands where"),
            ("<key>a</key>", "\"a\" stands where a value"),
            ("<string>&company;</string>", "entity of its own"),
            ("<string>&#0;</string>", "line 1: "),
            ("<string>&#1;</string>", "U+0001"),
            ("<string>\u{1}</string>", "U+0001"),
            ("<string>\u{FFFF}</string>", "U+FFFF"),
        ] {
            let error = string(body).unwrap_err().to_string();
            assert!(error.contains(message), "{body}: {error}");
        }
    }

    #[test]
    fn what_stands_around_the_dictionary_is_as_loose_as_real_files() {
        for file in [
            "<plist><dict/></plist>",
            "<dict/>",
            "\u{FEFF}<?xml version=\"1.0\"?><plist><dict/></plist>",
            "<!-- by hand --><!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"x\"><plist><dict/></plist>\n<!-- -->",
            "<?xml version='1.0' encoding='ISO-8859-1'?>\r\n<plist version='1.0'>\r\n<dict></dict></plist>",
        ] {
            assert_eq!(read(file.as_bytes(), 1000), Ok(Dictionary::new()), "{file}");
        }
        for (file, message) in [
            ("", "not a property list"),
            ("hello", "not a property list"),
            ("<html><body/></html>", "not a property list"),
            ("{\"Protocol\": \"s3\"}", "not a property list"),
            ("<plist></plist>", "is empty"),
            ("<plist><array/></plist>", "not a dictionary"),
            ("<plist><dict/><dict/></plist>", "a second value"),
            ("<plist><dict/></plist><dict/>", "a second value"),
            ("<plist><dict/>", "too early"),
            ("<plist><dict><key>a</key><string>b", "too early"),
            ("bplist00\u{1}", "binary property list"),
        ] {
            let error = read(file.as_bytes(), 1000).unwrap_err().to_string();
            assert!(error.contains(message), "{file}: {error}");
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let text = "<plist><dict><key>k</key><string>x</string></dict></plist>";
        let wide = |mark: &[u8], unit: &dyn Fn(u16) -> Vec<u8>| -> Vec<u8> {
            mark.iter().copied().chain(text.encode_utf16().flat_map(unit)).collect()
        };
        for file in [
            wide(&[0xFF, 0xFE], &|unit| unit.to_le_bytes().to_vec()),
            wide(&[0xFE, 0xFF], &|unit| unit.to_be_bytes().to_vec()),
            wide(&[], &|unit| unit.to_le_bytes().to_vec()),
            wide(&[], &|unit| u32::from(unit).to_be_bytes().to_vec()),
            wide(&[0xFF, 0xFE, 0, 0], &|unit| u32::from(unit).to_le_bytes().to_vec()),
        ] {
            assert_eq!(read(&file, 1000), Err(PropertyListError::Encoding));
        }
        let mut latin = b"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<plist><dict><key>".to_vec();
        latin.extend(b"Z\xFCrich</key><true/></dict></plist>");
        let error = read(&latin, 1000).unwrap_err();
        assert_eq!(error, PropertyListError::NotUtf8 { line: 2, declared: Some("ISO-8859-1".into()) });
        assert!(error.to_string().contains("though the file calls it \"ISO-8859-1\""));
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_value_counts_in_the_first_place() {
        let file = "<dict><key>a</key><true/><key>b</key><true/><key>a</key><false/></dict>";
        let read = read(file.as_bytes(), 1000).unwrap();
        let entries: Vec<_> = read.iter().collect();
        assert_eq!(entries, [("a", &Value::Boolean(false)), ("b", &Value::Boolean(true))]);
        let many: String = (0..9000)
            .map(|at| format!("<key>{}{}</key><integer>{at}</integer>", "k".repeat(300), at % 4000))
            .collect();
        let read = super::read(format!("<dict>{many}</dict>").as_bytes(), 4 << 20).unwrap();
        let numbers: Vec<_> = read.iter().map(|(_, value)| value.clone()).collect();
        let expected = (0..1000).map(|at| 8000 + at).chain((1000..4000).map(|at| 4000 + at));
        assert_eq!(numbers, expected.map(Value::Integer).collect::<Vec<_>>());
    }

    #[test]
    fn bombs_end_early() {
        let entity = "<!DOCTYPE plist [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><plist><dict/></plist>";
        assert_eq!(read(entity.as_bytes(), 1000), Err(PropertyListError::Entity { line: 1 }));
        let external = "<!DOCTYPE plist [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><plist><dict/></plist>";
        assert_eq!(read(external.as_bytes(), 1000), Err(PropertyListError::Entity { line: 1 }));

        let deep = format!("<plist>{}{}", "<array>".repeat(100_000), "</array>".repeat(100_000));
        assert_eq!(read(deep.as_bytes(), 4 << 20), Err(PropertyListError::TooDeep));
        let deep = format!("<plist>{}", "<dict><key>a</key>".repeat(100_000));
        assert_eq!(read(deep.as_bytes(), 4 << 20), Err(PropertyListError::TooDeep));

        let many: String = (0..30_000).map(|at| format!("<key>{at}</key><true/>")).collect();
        assert_eq!(read(format!("<dict>{many}</dict>").as_bytes(), 4 << 20), Err(PropertyListError::TooMany));
        let large = vec![b' '; 100 << 20];
        assert!(matches!(read(&large, 4 << 20), Err(PropertyListError::TooLarge { .. })));
    }
}
