//! Values as bytes: numbers of variable length, texts with their length before them.
//!
//! Pure. What plan and journal are written in; `docs/formats.md` has the forms. A number has seven bits a byte, the lowest first, and the
//! highest bit of every byte but the last is set. A signed number is folded first: 0, -1, 1, -2 are 0, 1, 2, 3.

use pintail_core::checksum::{Algorithm, Checksum};
use pintail_store::object_store::ETag;

use crate::entry::{Meaning, Modified, Tag};
use crate::name::Name;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at} cannot be read")]
pub struct CodecError {
    /// What was expected.
    pub what: &'static str,
    /// Where, from the beginning of the record's body.
    pub at: usize,
}

/// Writes values one after another.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(crate) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub(crate) fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)) as u64);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// A value that may be missing: 0, or 1 and the value.
    /// Writes a name by what it does not have in common with the one before it.
    pub(crate) fn name_after(&mut self, before: Option<&Name>, name: &Name) {
        let before = before.map_or(&b""[..], |before| before.as_str().as_bytes());
        let name = name.as_str().as_bytes();
        let common = name.iter().zip(before).take_while(|(one, other)| one == other).count();
        self.number(common as u64);
        self.number((name.len() - common) as u64);
        self.raw(&name[common..]);
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.byte(0),
            Some(value) => {
                self.byte(1);
                write(self, value);
            }
        }
    }

    pub(crate) fn modified(&mut self, modified: Modified) {
        match modified.meaning() {
            Meaning::Unknown => self.byte(0),
            Meaning::Content => self.byte(1),
            Meaning::Written => self.byte(2),
        }
        if let Some(ns) = modified.ns() {
            self.signed(ns);
        }
    }

    pub(crate) fn tag(&mut self, tag: &Tag) {
        self.text(&tag.to_string());
    }

    pub(crate) fn checksum(&mut self, checksum: &Checksum) {
        self.algorithm(checksum.algorithm());
        self.text(&checksum.to_string());
    }

    pub(crate) fn algorithm(&mut self, algorithm: Algorithm) {
        self.byte(match algorithm {
            Algorithm::Crc64Nvme => 1,
            Algorithm::Crc32c => 2,
            Algorithm::Crc32 => 3,
            Algorithm::Sha256 => 4,
        });
    }
}

/// Reads values one after another.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn error(&self, what: &'static str) -> CodecError {
        CodecError { what, at: self.at }
    }

    pub(crate) fn byte(&mut self, what: &'static str) -> Result<u8, CodecError> {
        let byte = *self.bytes.get(self.at).ok_or_else(|| self.error(what))?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn number(&mut self, what: &'static str) -> Result<u64, CodecError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(what)?;
            // The tenth byte has one bit left, and a last byte of zero would be a second form of a number.
            if shift == 63 && byte > 1 || byte == 0 && shift > 0 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.error(what))
    }

    /// A number that fits a smaller type.
    pub(crate) fn small<T: TryFrom<u64>>(&mut self, what: &'static str) -> Result<T, CodecError> {
        let number = self.number(what)?;
        T::try_from(number).map_err(|_| self.error(what))
    }

    pub(crate) fn signed(&mut self, what: &'static str) -> Result<i64, CodecError> {
        let folded = self.number(what)?;
        Ok((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    pub(crate) fn raw(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], CodecError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.error(what))?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<&'a str, CodecError> {
        let length = self.small(what)?;
        let bytes = self.raw(length, what)?;
        std::str::from_utf8(bytes).map_err(|_| self.error(what))
    }

    pub(crate) fn option<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        match self.byte(what)? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(self.error(what)),
        }
    }

    pub(crate) fn name(&mut self, what: &'static str) -> Result<Name, CodecError> {
        let text = self.text(what)?;
        Name::new(text).map_err(|_| self.error(what))
    }

    /// Reads a name that was written after another one.
    pub(crate) fn name_after(
        &mut self,
        before: Option<&Name>,
        what: &'static str,
    ) -> Result<Name, CodecError> {
        let common: usize = self.small(what)?;
        let before = before.map_or(&b""[..], |before| before.as_str().as_bytes());
        let mut name = before.get(..common).ok_or_else(|| self.error(what))?.to_vec();
        let length = self.small(what)?;
        name.extend_from_slice(self.raw(length, what)?);
        let name = std::str::from_utf8(&name).ok().and_then(|name| Name::new(name).ok());
        name.ok_or_else(|| self.error(what))
    }

    pub(crate) fn modified(&mut self) -> Result<Modified, CodecError> {
        let what = "a time";
        let meaning = match self.byte(what)? {
            0 => return Ok(Modified::UNKNOWN),
            1 => Meaning::Content,
            2 => Meaning::Written,
            _ => return Err(self.error(what)),
        };
        Ok(Modified::from_ns(self.signed(what)?, meaning))
    }

    pub(crate) fn tag(&mut self) -> Result<Tag, CodecError> {
        let text = self.text("an entity tag")?;
        let etag = ETag::new(text);
        // Quotes and spaces are no part of a tag.
        if etag.as_str() == text { Ok(Tag::of(&etag)) } else { Err(self.error("an entity tag")) }
    }

    pub(crate) fn checksum(&mut self) -> Result<Checksum, CodecError> {
        let algorithm = self.algorithm()?;
        let text = self.text("a checksum")?;
        let checksum = Checksum::parse(algorithm, text).map_err(|_| self.error("a checksum"))?;
        if checksum.to_string() == text { Ok(checksum) } else { Err(self.error("a checksum")) }
    }

    pub(crate) fn algorithm(&mut self) -> Result<Algorithm, CodecError> {
        Ok(match self.byte("a checksum's algorithm")? {
            1 => Algorithm::Crc64Nvme,
            2 => Algorithm::Crc32c,
            3 => Algorithm::Crc32,
            4 => Algorithm::Sha256,
            _ => return Err(self.error("a checksum's algorithm")),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_read_as_they_were_written(number: u64, signed: i64, text in "\\PC{0,20}", flag: bool) {
            let mut encoder = Encoder::new();
            encoder.number(number);
            encoder.signed(signed);
            encoder.text(&text);
            encoder.option(flag.then_some(number), Encoder::number);
            encoder.modified(Modified::from_ns(signed, Meaning::Written));
            encoder.checksum(&Checksum::of(Algorithm::Sha256, text.as_bytes()));
            let bytes = encoder.into_bytes();
            let mut decoder = Decoder::new(&bytes);
            prop_assert_eq!(decoder.number("a").unwrap(), number);
            prop_assert_eq!(decoder.signed("b").unwrap(), signed);
            prop_assert_eq!(decoder.text("c").unwrap(), text.as_str());
            prop_assert_eq!(decoder.option("d", |decoder| decoder.number("e")).unwrap(), flag.then_some(number));
            prop_assert_eq!(decoder.modified().unwrap(), Modified::from_ns(signed, Meaning::Written));
            prop_assert_eq!(decoder.checksum().unwrap(), Checksum::of(Algorithm::Sha256, text.as_bytes()));
            prop_assert!(decoder.is_at_end());
        }

        #[test]
        fn a_number_has_one_form(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let mut decoder = Decoder::new(&bytes);
            if let Ok(number) = decoder.number("n") {
                let mut encoder = Encoder::new();
                encoder.number(number);
                prop_assert_eq!(encoder.bytes(), &bytes[..bytes.len() - decoder.rest().len()]);
            }
        }
    }

    #[test]
    fn what_is_cut_or_wrong_is_an_error_with_its_place() {
        assert_eq!(Decoder::new(&[0x80]).number("n"), Err(CodecError { what: "n", at: 1 }));
        assert_eq!(Decoder::new(&[0x80, 0]).number("n"), Err(CodecError { what: "n", at: 2 }));
        assert!(Decoder::new(&[0xff; 10]).number("n").is_err());
        assert!(Decoder::new(&[5, b'a']).text("t").is_err());
        assert!(Decoder::new(&[1, 0xff]).text("t").is_err());
        assert!(Decoder::new(&[2]).option("o", |_| Ok(())).is_err());
        assert!(Decoder::new(&[0]).name("n").is_err());
        let mut long = Decoder::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        assert!(long.text("t").is_err());
        assert_eq!(Decoder::new(&[3, 3]).small::<u8>("s"), Ok(3));
        assert!(Decoder::new(&[0x80, 2]).small::<u8>("s").is_err());
    }
}
