//! What a journal holds: the head, the plan, and what happened.
//!
//! Pure. The forms in bytes are in `docs/formats.md`. Whoever changes one fills in the table there first.

use pintail_core::checksum::{Algorithm, Checksum};

use crate::codec::{CodecError, Decoder, Encoder};
use crate::entry::Tag;
use crate::fingerprint::Fingerprint;
use crate::plan::{Requests, Route, Totals, decode_routes, encode_routes};

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The run's name.
    pub run: String,
    /// The version of the program that began it.
    pub tool: String,
    /// When it began, in nanoseconds since 1970.
    pub created_ns: i64,
    /// What was asked for, in the caller's words. It is shown and stored, so that it holds no secret.
    pub request: String,
    /// From where to where it goes.
    pub routes: Vec<Route>,
}

/// How the bytes of a copy were proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a checksum over all bytes that both sides computed.
    Checksum,
    /// By their number and the entity tag alone.
    Length,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Complete,
    /// Some steps failed.
    Failed,
    /// Somebody stopped it; it may go on.
    Interrupted,
    /// Somebody gave it up; what it had begun was taken back.
    Cancelled,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An upload in parts was begun.
    UploadBegun {
        /// The step.
        step: u64,
        /// The name that the service gave the upload.
        upload: String,
        /// The size of its parts.
        part_bytes: u64,
        /// What its parts are checked with.
        algorithm: Option<Algorithm>,
        /// The file as it was, `None` where the source is no file.
        source: Option<Fingerprint>,
    },
    /// A part is at the service, which has its checksum.
    PartDone {
        /// The step.
        step: u64,
        /// The part's number, from 1.
        number: u32,
        /// Its size.
        size_bytes: u64,
        /// Its entity tag.
        tag: Tag,
        /// Its checksum.
        checksum: Option<Checksum>,
    },
    /// A download into a file beside the target was begun.
    DownloadBegun {
        /// The step.
        step: u64,
        /// The name of that file, which lies in the target's folder.
        partial: String,
        /// The size of the object.
        size_bytes: u64,
        /// The state of the object.
        tag: Option<Tag>,
        /// Its version, in a bucket with versions.
        version: Option<String>,
    },
    /// A segment is in that file.
    SegmentDone {
        /// The step.
        step: u64,
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length_bytes: u64,
        /// Its checksum.
        checksum: Checksum,
    },
    /// What was begun for a step is no more: the upload was aborted, or the file removed.
    Dropped {
        /// The step.
        step: u64,
    },
    /// A step is done and proved.
    Done {
        /// The step.
        step: u64,
        /// How many bytes it moved.
        size_bytes: u64,
        /// How they were proved, `None` for steps that move none.
        proof: Option<Proof>,
    },
    /// The copy that a step made is at its place and proved; its source is still to be deleted, if it is what it was.
    Placed {
        /// The step.
        step: u64,
        /// How many bytes it moved.
        size_bytes: u64,
        /// How they were proved.
        proof: Option<Proof>,
        /// The file that was copied, as it was, `None` where the source is no file.
        source: Option<Fingerprint>,
        /// The state of the object that was copied, `None` where the source is no object.
        tag: Option<Tag>,
    },
    /// A step turned out to need nothing.
    Skipped {
        /// The step.
        step: u64,
    },
    /// A step failed. What it had begun may go on.
    Failed {
        /// The step.
        step: u64,
        /// Why, as an error says it.
        reason: String,
    },
    /// The run goes on.
    Resumed {
        /// When, in nanoseconds since 1970.
        at_ns: i64,
        /// The version of the program.
        tool: String,
    },
    /// The run ended.
    Ended {
        /// When, in nanoseconds since 1970.
        at_ns: i64,
        /// How.
        outcome: Outcome,
    },
}

/// The first byte of every other record; a block of steps has [`BLOCK_KIND`](crate::plan::BLOCK_KIND).
pub(crate) const HEADER_KIND: u8 = 1;
pub(crate) const PLAN_END_KIND: u8 = 3;
/// Says up to which place of the file everything had been made safe when this record was written.
pub(crate) const SAFE_KIND: u8 = 4;

/// The longest reason of a failure that is kept. It is for people; the rest of a long one tells them nothing.
const REASON_MAX_BYTES: usize = 1000;

impl Header {
    pub(crate) fn encode(&self, into: &mut Encoder) {
        into.byte(HEADER_KIND);
        into.text(&self.run);
        into.text(&self.tool);
        into.signed(self.created_ns);
        into.text(&self.request);
        encode_routes(&self.routes, into);
    }

    /// Reads it after its first byte.
    pub(crate) fn decode(from: &mut Decoder<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            run: from.text("a run's name")?.to_owned(),
            tool: from.text("a version")?.to_owned(),
            created_ns: from.signed("a time")?,
            request: from.text("a request")?.to_owned(),
            routes: decode_routes(from)?,
        })
    }
}

/// Writes what ends a plan: what it comes to.
pub(crate) fn encode_plan_end(totals: &Totals, into: &mut Encoder) {
    into.byte(PLAN_END_KIND);
    let Requests { writes, reads, deletes } = totals.requests;
    for number in [
        totals.steps,
        totals.copies,
        totals.deletes,
        totals.others,
        totals.skipped,
        totals.refused,
        totals.up_bytes,
        totals.down_bytes,
        totals.within_bytes,
        writes,
        reads,
        deletes,
    ] {
        into.number(number);
    }
}

/// Reads it after its first byte.
pub(crate) fn decode_plan_end(from: &mut Decoder<'_>) -> Result<Totals, CodecError> {
    let mut number = || from.number("what a plan comes to");
    Ok(Totals {
        steps: number()?,
        copies: number()?,
        deletes: number()?,
        others: number()?,
        skipped: number()?,
        refused: number()?,
        up_bytes: number()?,
        down_bytes: number()?,
        within_bytes: number()?,
        requests: Requests { writes: number()?, reads: number()?, deletes: number()? },
    })
}

impl Event {
    /// Returns the step that it is about.
    pub fn step(&self) -> Option<u64> {
        match self {
            Self::UploadBegun { step, .. }
            | Self::PartDone { step, .. }
            | Self::DownloadBegun { step, .. }
            | Self::SegmentDone { step, .. }
            | Self::Dropped { step }
            | Self::Done { step, .. }
            | Self::Placed { step, .. }
            | Self::Skipped { step }
            | Self::Failed { step, .. } => Some(*step),
            Self::Resumed { .. } | Self::Ended { .. } => None,
        }
    }

    pub(crate) fn encode(&self, into: &mut Encoder) {
        match self {
            Self::UploadBegun { step, upload, part_bytes, algorithm, source } => {
                into.byte(16);
                into.number(*step);
                into.text(upload);
                into.number(*part_bytes);
                into.option(*algorithm, Encoder::algorithm);
                into.option(*source, encode_fingerprint);
            }
            Self::PartDone { step, number, size_bytes, tag, checksum } => {
                into.byte(17);
                into.number(*step);
                into.number(u64::from(*number));
                into.number(*size_bytes);
                into.tag(tag);
                into.option(checksum.as_ref(), Encoder::checksum);
            }
            Self::DownloadBegun { step, partial, size_bytes, tag, version } => {
                into.byte(18);
                into.number(*step);
                into.text(partial);
                into.number(*size_bytes);
                into.option(tag.as_ref(), Encoder::tag);
                into.option(version.as_ref(), |into, version| into.text(version));
            }
            Self::SegmentDone { step, offset, length_bytes, checksum } => {
                into.byte(19);
                into.number(*step);
                into.number(*offset);
                into.number(*length_bytes);
                into.checksum(checksum);
            }
            Self::Dropped { step } => {
                into.byte(20);
                into.number(*step);
            }
            Self::Done { step, size_bytes, proof } => {
                into.byte(21);
                into.number(*step);
                into.number(*size_bytes);
                encode_proof(*proof, into);
            }
            Self::Placed { step, size_bytes, proof, source, tag } => {
                into.byte(26);
                into.number(*step);
                into.number(*size_bytes);
                encode_proof(*proof, into);
                into.option(*source, encode_fingerprint);
                into.option(tag.as_ref(), Encoder::tag);
            }
            Self::Skipped { step } => {
                into.byte(22);
                into.number(*step);
            }
            Self::Failed { step, reason } => {
                into.byte(23);
                into.number(*step);
                into.text(&reason[..reason.floor_char_boundary(REASON_MAX_BYTES)]);
            }
            Self::Resumed { at_ns, tool } => {
                into.byte(24);
                into.signed(*at_ns);
                into.text(tool);
            }
            Self::Ended { at_ns, outcome } => {
                into.byte(25);
                into.signed(*at_ns);
                into.byte(match outcome {
                    Outcome::Complete => 1,
                    Outcome::Failed => 2,
                    Outcome::Interrupted => 3,
                    Outcome::Cancelled => 4,
                });
            }
        }
    }

    /// Reads an event, `None` where the kind is not known.
    pub(crate) fn decode(kind: u8, from: &mut Decoder<'_>) -> Result<Option<Self>, CodecError> {
        if !(16..=26).contains(&kind) {
            return Ok(None);
        }
        if kind == 24 {
            return Ok(Some(Self::Resumed {
                at_ns: from.signed("a time")?,
                tool: from.text("a version")?.to_owned(),
            }));
        }
        if kind == 25 {
            let at_ns = from.signed("a time")?;
            let outcome = match from.byte("an outcome")? {
                1 => Outcome::Complete,
                2 => Outcome::Failed,
                3 => Outcome::Interrupted,
                4 => Outcome::Cancelled,
                _ => return Err(from.error("an outcome")),
            };
            return Ok(Some(Self::Ended { at_ns, outcome }));
        }
        let step = from.number("a step")?;
        Ok(Some(match kind {
            16 => Self::UploadBegun {
                step,
                upload: from.text("an upload's name")?.to_owned(),
                part_bytes: from.number("a part's size")?,
                algorithm: from.option("an algorithm", Decoder::algorithm)?,
                source: from.option("a fingerprint", decode_fingerprint)?,
            },
            17 => Self::PartDone {
                step,
                number: from.small("a part's number")?,
                size_bytes: from.number("a part's size")?,
                tag: from.tag()?,
                checksum: from.option("a checksum", Decoder::checksum)?,
            },
            18 => Self::DownloadBegun {
                step,
                partial: from.text("a file's name")?.to_owned(),
                size_bytes: from.number("a size")?,
                tag: from.option("an entity tag", Decoder::tag)?,
                version: from.option("a version", |from| from.text("a version").map(str::to_owned))?,
            },
            19 => Self::SegmentDone {
                step,
                offset: from.number("an offset")?,
                length_bytes: from.number("a length")?,
                checksum: from.checksum()?,
            },
            20 => Self::Dropped { step },
            21 => Self::Done { step, size_bytes: from.number("a size")?, proof: decode_proof(from)? },
            26 => Self::Placed {
                step,
                size_bytes: from.number("a size")?,
                proof: decode_proof(from)?,
                source: from.option("a fingerprint", decode_fingerprint)?,
                tag: from.option("an entity tag", Decoder::tag)?,
            },
            22 => Self::Skipped { step },
            _ => Self::Failed { step, reason: from.text("a reason")?.to_owned() },
        }))
    }
}

fn encode_proof(proof: Option<Proof>, into: &mut Encoder) {
    into.byte(match proof {
        None => 0,
        Some(Proof::Checksum) => 1,
        Some(Proof::Length) => 2,
    });
}

fn decode_proof(from: &mut Decoder<'_>) -> Result<Option<Proof>, CodecError> {
    Ok(match from.byte("a proof")? {
        0 => None,
        1 => Some(Proof::Checksum),
        2 => Some(Proof::Length),
        _ => return Err(from.error("a proof")),
    })
}

fn encode_fingerprint(into: &mut Encoder, fingerprint: Fingerprint) {
    let Fingerprint { size_bytes, modified_ns, inode, changed_ns } = fingerprint;
    into.number(size_bytes);
    into.option(modified_ns, Encoder::signed);
    into.option(inode, Encoder::number);
    into.option(changed_ns, Encoder::signed);
}

fn decode_fingerprint(from: &mut Decoder<'_>) -> Result<Fingerprint, CodecError> {
    let what = "a fingerprint";
    Ok(Fingerprint {
        size_bytes: from.number(what)?,
        modified_ns: from.option(what, |from| from.signed(what))?,
        inode: from.option(what, |from| from.number(what))?,
        changed_ns: from.option(what, |from| from.signed(what))?,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use pintail_store::object_store::ETag;
    use proptest::prelude::*;

    use super::*;

    /// Any event about one of so many steps.
    pub(crate) fn events(steps: u64) -> impl Strategy<Value = Event> {
        let tag = "[0-9a-f]{32}".prop_map(|tag| Tag::of(&ETag::new(&tag)));
        let sum = any::<[u8; 3]>().prop_map(|data| Checksum::of(Algorithm::Crc64Nvme, &data));
        let algorithm = prop::sample::select(Algorithm::ALL.to_vec());
        let source = any::<(u64, Option<i64>, Option<u64>, Option<i64>)>().prop_map(
            |(size_bytes, modified_ns, inode, changed_ns)| Fingerprint {
                size_bytes,
                modified_ns,
                inode,
                changed_ns,
            },
        );
        let outcome = prop::sample::select(vec![
            Outcome::Complete,
            Outcome::Failed,
            Outcome::Interrupted,
            Outcome::Cancelled,
        ]);
        let proof = prop::sample::select(vec![None, Some(Proof::Checksum), Some(Proof::Length)]);
        let step = 0..steps;
        prop_oneof![
            (
                step.clone(),
                "[a-z]{1,4}",
                1..9_u64,
                prop::option::of(algorithm),
                prop::option::of(source.clone())
            )
                .prop_map(|(step, upload, part_bytes, algorithm, source)| Event::UploadBegun {
                    step,
                    upload,
                    part_bytes,
                    algorithm,
                    source
                }),
            (step.clone(), 1..5_u32, 1..9_u64, tag.clone(), prop::option::of(sum.clone())).prop_map(
                |(step, number, size_bytes, tag, checksum)| Event::PartDone {
                    step,
                    number,
                    size_bytes,
                    tag,
                    checksum
                }
            ),
            (
                step.clone(),
                "[a-z]{1,4}",
                0..99_u64,
                prop::option::of(tag.clone()),
                prop::option::of("[a-z]{1,3}")
            )
                .prop_map(|(step, partial, size_bytes, tag, version)| Event::DownloadBegun {
                    step,
                    partial,
                    size_bytes,
                    tag,
                    version
                }),
            (step.clone(), 0..9_u64, 1..9_u64, sum).prop_map(|(step, offset, length_bytes, checksum)| {
                Event::SegmentDone { step, offset, length_bytes, checksum }
            }),
            step.clone().prop_map(|step| Event::Dropped { step }),
            (step.clone(), any::<u64>(), proof.clone()).prop_map(|(step, size_bytes, proof)| Event::Done {
                step,
                size_bytes,
                proof
            }),
            (step.clone(), 0..99_u64, proof, prop::option::of(source), prop::option::of(tag)).prop_map(
                |(step, size_bytes, proof, source, tag)| Event::Placed {
                    step,
                    size_bytes,
                    proof,
                    source,
                    tag
                }
            ),
            step.clone().prop_map(|step| Event::Skipped { step }),
            (step, "\\PC{0,9}").prop_map(|(step, reason)| Event::Failed { step, reason }),
            (any::<i64>(), "[0-9.]{5}").prop_map(|(at_ns, tool)| Event::Resumed { at_ns, tool }),
            (any::<i64>(), outcome).prop_map(|(at_ns, outcome)| Event::Ended { at_ns, outcome }),
        ]
    }

    proptest! {
        #[test]
        fn an_event_is_read_as_it_was_written(event in events(u64::MAX)) {
            let mut encoder = Encoder::new();
            event.encode(&mut encoder);
            let bytes = encoder.into_bytes();
            let mut decoder = Decoder::new(&bytes);
            let kind = decoder.byte("kind").unwrap();
            prop_assert_eq!(Event::decode(kind, &mut decoder).unwrap(), Some(event));
            prop_assert!(decoder.is_at_end());
        }

        #[test]
        fn any_bytes_are_an_event_or_an_error(kind: u8, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Event::decode(kind, &mut Decoder::new(&bytes));
            let _ = Header::decode(&mut Decoder::new(&bytes));
            let _ = decode_plan_end(&mut Decoder::new(&bytes));
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_letters() {
        let mut encoder = Encoder::new();
        Event::Failed { step: 1, reason: "é".repeat(2000) }.encode(&mut encoder);
        let bytes = encoder.into_bytes();
        let mut decoder = Decoder::new(&bytes);
        let kind = decoder.byte("kind").unwrap();
        let Ok(Some(Event::Failed { reason, .. })) = Event::decode(kind, &mut decoder) else { panic!() };
        assert_eq!(reason, "é".repeat(500));
    }
}
