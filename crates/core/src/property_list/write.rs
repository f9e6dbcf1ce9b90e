//! Writing a property list: the canonical form in XML, with every text exactly as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{DEPTH_MAX, Dictionary, PropertyListError, VALUES_MAX, Value, check_characters};

/// What every property list of Apple's begins with. The address is a name; nothing is ever fetched from it.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">
<plist version=\"1.0\">
";

/// Characters of base64 in a line, as Apple's tools write it.
const BASE64_LINE_CHARS: usize = 68;

/// Writes a dictionary as a property list in XML that [`read`](super::read()) gives back as it is.
///
/// # Errors
/// When a text has a character that XML does not allow, or the result is too large, deep or long to be read again.
pub fn write(document: &Dictionary, size_max_bytes: usize) -> Result<Vec<u8>, PropertyListError> {
    let mut writer = Writer { file: HEAD.to_owned(), values: 1 };
    writer.dictionary(document, 0)?;
    writer.file.push_str("</plist>\n");
    if writer.file.len() > size_max_bytes {
        return Err(PropertyListError::TooLarge { size_bytes: writer.file.len(), size_max_bytes });
    }
    Ok(writer.file.into_bytes())
}

struct Writer {
    file: String,
    /// Values so far, counted as the reader counts them: every element.
    values: usize,
}

impl Writer {
    fn count(&mut self) -> Result<(), PropertyListError> {
        self.values += 1;
        if self.values > VALUES_MAX { Err(PropertyListError::TooMany) } else { Ok(()) }
    }

    fn indent(&mut self, depth: usize) {
        self.file.extend(std::iter::repeat_n('\t', depth));
    }

    fn line(&mut self, depth: usize, line: &str) {
        self.indent(depth);
        self.file.push_str(line);
        self.file.push('\n');
    }

    fn text(&mut self, depth: usize, element: &str, text: &str) -> Result<(), PropertyListError> {
        check_characters(text)?;
        self.indent(depth);
        self.file.push_str(&format!("<{element}>"));
        for c in text.chars() {
            match c {
                '&' => self.file.push_str("&amp;"),
                '<' => self.file.push_str("&lt;"),
                '>' => self.file.push_str("&gt;"),
                // A bare CR would be read as a line feed.
                '\r' => self.file.push_str("&#13;"),
                _ => self.file.push(c),
            }
        }
        self.file.push_str(&format!("</{element}>\n"));
        Ok(())
    }

    fn dictionary(&mut self, dictionary: &Dictionary, depth: usize) -> Result<(), PropertyListError> {
        self.count()?;
        if depth == DEPTH_MAX {
            return Err(PropertyListError::TooDeep);
        }
        if dictionary.is_empty() {
            self.line(depth, "<dict/>");
            return Ok(());
        }
        self.line(depth, "<dict>");
        for (key, value) in dictionary.iter() {
            self.count()?;
            self.text(depth + 1, "key", key)?;
            self.value(value, depth + 1)?;
        }
        self.line(depth, "</dict>");
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), PropertyListError> {
        if let Value::Dictionary(dictionary) = value {
            return self.dictionary(dictionary, depth);
        }
        self.count()?;
        match value {
            Value::Array(_) if depth == DEPTH_MAX => return Err(PropertyListError::TooDeep),
            Value::Array(items) if items.is_empty() => self.line(depth, "<array/>"),
            Value::Array(items) => {
                self.line(depth, "<array>");
                for item in items {
                    self.value(item, depth + 1)?;
                }
                self.line(depth, "</array>");
            }
            Value::Boolean(true) => self.line(depth, "<true/>"),
            Value::Boolean(false) => self.line(depth, "<false/>"),
            Value::Data(bytes) => {
                let text = STANDARD.encode(bytes);
                self.line(depth, "<data>");
                let mut rest = text.as_str();
                while !rest.is_empty() {
                    let (line, after) = rest.split_at(rest.len().min(BASE64_LINE_CHARS));
                    self.line(depth, line);
                    rest = after;
                }
                self.line(depth, "</data>");
            }
            Value::Date(text) => self.text(depth, "date", text)?,
            Value::Dictionary(_) => {}
            Value::Integer(number) => self.text(depth, "integer", &number.to_string())?,
            Value::Real(text) => self.text(depth, "real", text)?,
            Value::String(text) => self.text(depth, "string", text)?,
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::read;
    use super::*;

    /// Texts with everything that XML treats specially.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,12}",
            "[ \\t\\r\\n]{0,4}[<>&'\"a-zäß😀]{0,8}[ \\t\\r\\n]{0,4}",
            any::<String>().prop_map(|text| text.chars().filter(|&c| super::super::is_allowed(c)).collect()),
            Just("]]>".to_owned()),
            Just("<!-- ${a:-b} &amp; -->".to_owned()),
        ]
    }

    /// Any dictionary of moderate size.
    pub(crate) fn dictionary() -> impl Strategy<Value = Dictionary> {
        let leaf = prop_oneof![
            text().prop_map(Value::String),
            any::<bool>().prop_map(Value::Boolean),
            any::<i64>().prop_map(|number| Value::Integer(number.into())),
            any::<u64>().prop_map(|number| Value::Integer(number.into())),
            any::<f64>().prop_map(|number| Value::Real(number.to_string())),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(Value::Data),
            Just(Value::Date("2026-01-02T03:04:05Z".to_owned())),
        ];
        let value = leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                proptest::collection::vec((text(), inner), 0..5)
                    .prop_map(|entries| Value::Dictionary(from_entries(entries))),
            ]
        });
        proptest::collection::vec((text(), value), 0..8).prop_map(from_entries)
    }

    fn from_entries(entries: Vec<(String, Value)>) -> Dictionary {
        let mut dictionary = Dictionary::new();
        for (key, value) in entries {
            dictionary.insert(&key, value);
        }
        dictionary
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(document in dictionary()) {
            let file = write(&document, 1 << 20).unwrap();
            prop_assert_eq!(read(&file, 1 << 20), Ok(document));
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes, 1000);
        }
    }

    #[test]
    fn the_form_is_apples() {
        let mut inner = Dictionary::new();
        inner.insert(
            "A&B",
            Value::Array(vec![Value::Integer(-1), Value::Real("1.5".into()), Value::Array(vec![])]),
        );
        let mut document = Dictionary::new();
        document.insert("Text", Value::from(" <\r\n\t> "));
        document.insert("Yes", Value::Boolean(true));
        document.insert("Data", Value::Data(vec![0; 54]));
        document.insert("Inner", Value::Dictionary(inner));
        let body = format!(
            "<dict>\n\t<key>Text</key>\n\t<string> &lt;&#13;\n\t&gt; </string>\n\t<key>Yes</key>\n\t<true/>\n\t<key>Data</key>\n\t\
             <data>\n\t{}\n\t{}\n\t</data>\n\t<key>Inner</key>\n\t<dict>\n\t\t<key>A&amp;B</key>\n\t\t<array>\n\t\t\t\
             <integer>-1</integer>\n\t\t\t<real>1.5</real>\n\t\t\t<array/>\n\t\t</array>\n\t</dict>\n</dict>\n</plist>\n",
            "A".repeat(68),
            "A".repeat(4)
        );
        assert_eq!(String::from_utf8(write(&document, 5000).unwrap()).unwrap(), format!("{HEAD}{body}"));
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let mut document = Dictionary::new();
        for (value, error) in [
            (Value::from("a\u{1}"), PropertyListError::Character { code: 1 }),
            (Value::from("\u{FFFE}"), PropertyListError::Character { code: 0xFFFE }),
            (nested(DEPTH_MAX), PropertyListError::TooDeep),
            (Value::Array(vec![Value::Boolean(true); VALUES_MAX]), PropertyListError::TooMany),
        ] {
            document.insert("k", value);
            assert_eq!(write(&document, 4 << 20), Err(error));
        }
        for value in [nested(DEPTH_MAX - 1), Value::Array(vec![Value::Boolean(true); VALUES_MAX - 4])] {
            document.insert("k", value);
            assert_eq!(read(&write(&document, 4 << 20).unwrap(), 4 << 20), Ok(document.clone()));
        }
        assert!(matches!(write(&document, 100), Err(PropertyListError::TooLarge { .. })));
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Boolean(true), |value, _| Value::Array(vec![value]))
    }
}
