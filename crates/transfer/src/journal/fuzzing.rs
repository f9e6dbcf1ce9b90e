//! What a fuzzer feeds: bytes as a journal, and the bodies of its records past their checksums, which no fuzzer guesses.
//!
//! Pure.

use super::event::{Event, HEADER_KIND, Header, PLAN_END_KIND, decode_plan_end, encode_plan_end};
use super::read_events;
use crate::codec::{CodecError, Decoder, Encoder};
use crate::plan::{BLOCK_KIND, block_head, block_of, block_steps};

/// Reads bytes as a journal, and as lengths (one byte) and bodies of records. Returns how many bodies could be read.
///
/// # Panics
/// When a record that was read is written and read again, and is not what it was.
pub fn records(bytes: &[u8]) -> usize {
    let _ = read_events(bytes);
    let mut rest = bytes;
    let mut count = 0;
    while let Some((length, after)) = rest.split_first() {
        let (body, after) = after.split_at(usize::from(*length).min(after.len()));
        count += usize::from(is_record(body));
        rest = after;
    }
    count
}

/// Writes a journal's records in the form that [`records`] takes, to make seeds of.
pub fn bodies(header: &Header, events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = |body: &[u8]| {
        if let Ok(length) = u8::try_from(body.len()) {
            bytes.push(length);
            bytes.extend_from_slice(body);
        }
    };
    let mut encoder = Encoder::new();
    header.encode(&mut encoder);
    push(encoder.bytes());
    for event in events {
        encoder.clear();
        event.encode(&mut encoder);
        push(encoder.bytes());
    }
    bytes
}

fn is_record(body: &[u8]) -> bool {
    let mut decoder = Decoder::new(body);
    match decoder.byte("a kind") {
        Ok(HEADER_KIND) => comes_back(body, Header::decode, Header::encode),
        Ok(BLOCK_KIND) => {
            let Ok(steps) = block_steps(body) else { return false };
            let first = block_head(body).expect("it was read just now").0;
            let mut encoder = Encoder::new();
            block_of(first, &steps, &mut encoder);
            assert_eq!(block_steps(encoder.bytes()).as_ref(), Ok(&steps));
            true
        }
        Ok(PLAN_END_KIND) => comes_back(body, decode_plan_end, encode_plan_end),
        Ok(kind) => {
            let read = |from: &mut Decoder<'_>| match Event::decode(kind, from)? {
                Some(event) => Ok(event),
                None => Err(from.error("a kind")),
            };
            comes_back(body, read, Event::encode)
        }
        Err(_) => false,
    }
}

fn comes_back<T: PartialEq + std::fmt::Debug>(
    body: &[u8],
    read: impl Fn(&mut Decoder<'_>) -> Result<T, CodecError>,
    write: impl Fn(&T, &mut Encoder),
) -> bool {
    let mut decoder = Decoder::new(&body[1..]);
    let Ok(value) = read(&mut decoder) else { return false };
    let mut encoder = Encoder::new();
    write(&value, &mut encoder);
    // A reason is cut to its longest when it is written, and a body of a fuzzer has no more than 255 bytes.
    let again = read(&mut Decoder::new(&encoder.bytes()[1..]));
    assert_eq!(again.as_ref(), Ok(&value));
    true
}
