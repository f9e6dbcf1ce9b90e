//! One step of a plan, and its form in bytes.
//!
//! Pure. Steps come in blocks in which a name says only what it does not have in common with the one before; a step of an upload
//! takes some thirty bytes and what is new in its name.

use crate::codec::{CodecError, Decoder, Encoder};
use crate::diff::Side;
use crate::entry::{Modified, Tag};
use crate::name::{Name, NameRefusal};
use crate::policy::Guard;

/// What is done to one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name at the source; at the target too, unless `to` is another.
    pub name: Name,
    /// The name at the target, where it is another one.
    pub to: Option<Name>,
    /// Between which of the plan's places, counted from 0.
    pub route: u32,
    /// What is done.
    pub task: Task,
    /// How many bytes; 0 where none are moved, and where nobody knows.
    pub size_bytes: u64,
    /// The time of the source as it was looked at.
    pub modified: Modified,
    /// The entity tag of the source as it was looked at.
    pub tag: Option<Tag>,
    /// What must hold of the target.
    pub guard: Guard,
    /// The source is deleted once its copy is proved, if it still is what was copied: a move.
    pub takes: bool,
    /// Symbolic links are taken as what they are: an upload sends the link itself, and a download of an object that says it is a link makes one.
    pub link: bool,
    /// Symbolic links at the source are followed, since a person chose that.
    pub follows: bool,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// A file becomes an object.
    Upload,
    /// An object becomes a file.
    Download,
    /// An object becomes another one, within the service.
    CopyWithin,
    /// An object becomes another one, through this machine.
    CopyThrough,
    /// What is on a side is deleted.
    Delete(Side),
    /// A folder is made on a side.
    MakeFolder(Side),
    /// What is on a side gets the name `to` there.
    Move(Side),
    /// Time and permissions of what is on a side are set.
    SetMetadata(Side),
    /// Nothing, since nothing has to be done.
    Skip(Skip),
    /// Nothing, though it was asked for.
    Refuse(Refusal),
}

/// Why nothing has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// The target exists, and existing ones stay.
    Exists,
    /// The target is the same.
    Same,
    /// The target is newer, or as new.
    NotNewer,
    /// Only the target has it, and such stay.
    Extra,
    /// A symbolic link, and these are passed over.
    Link,
    /// A socket, a pipe or a device.
    Special,
    /// An object that stands for a folder, which needs none.
    Placeholder,
    /// A file that is named like an unfinished download of ours.
    Unfinished,
}

/// Why something is not done that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The name cannot be at the target.
    Name(NameRefusal),
    /// It cannot be read, for the reason the system gives.
    Unreadable(Box<str>),
    /// It is larger than the largest object.
    TooLarge,
}

impl Step {
    /// A step that moves bytes, to where nothing was seen.
    pub fn new(task: Task, name: Name, size_bytes: u64) -> Self {
        let guard = Guard::Absent;
        Self {
            name,
            to: None,
            route: 0,
            task,
            size_bytes,
            modified: Modified::UNKNOWN,
            tag: None,
            guard,
            takes: false,
            link: false,
            follows: false,
        }
    }

    /// Returns the name at the target.
    pub fn target(&self) -> &Name {
        self.to.as_ref().unwrap_or(&self.name)
    }
}

impl Task {
    /// Tells whether the step does anything.
    pub fn acts(&self) -> bool {
        !matches!(self, Self::Skip(_) | Self::Refuse(_))
    }

    /// Tells whether the step moves the bytes of a file or object.
    pub fn moves_bytes(&self) -> bool {
        matches!(self, Self::Upload | Self::Download | Self::CopyWithin | Self::CopyThrough)
    }
}

/// Writes a step after another one.
pub(super) fn encode(step: &Step, before: Option<&Name>, into: &mut Encoder) {
    let flags =
        (u8::from(step.takes) * TAKES) | (u8::from(step.link) * LINK) | (u8::from(step.follows) * FOLLOWS);
    encode_task(&step.task, flags, into);
    into.name_after(before, &step.name);
    into.option(step.to.as_ref(), |into, to| into.text(to.as_str()));
    into.number(u64::from(step.route));
    into.number(step.size_bytes);
    into.modified(step.modified);
    into.option(step.tag.as_ref(), Encoder::tag);
    encode_guard(&step.guard, into);
}

/// Reads a step that was written after another one.
pub(super) fn decode(from: &mut Decoder<'_>, before: Option<&Name>) -> Result<Step, CodecError> {
    let (task, flags) = decode_task(from)?;
    Ok(Step {
        name: from.name_after(before, "a step's name")?,
        to: from.option("a target's name", |from| from.name("a target's name"))?,
        route: from.small("a route")?,
        task,
        size_bytes: from.number("a size")?,
        modified: from.modified()?,
        tag: from.option("an entity tag", Decoder::tag)?,
        guard: decode_guard(from)?,
        takes: flags & TAKES != 0,
        link: flags & LINK != 0,
        follows: flags & FOLLOWS != 0,
    })
}

/// What the byte of a task says besides the task.
const TAKES: u8 = 0x40;
const LINK: u8 = 0x80;
const FOLLOWS: u8 = 0x20;

fn encode_task(task: &Task, flags: u8, into: &mut Encoder) {
    let mut code = |code: u8| into.byte(code | flags);
    match task {
        Task::Upload => code(1),
        Task::Download => code(2),
        Task::CopyWithin => code(3),
        Task::CopyThrough => code(4),
        Task::Delete(side) => code(5 + right(*side)),
        Task::MakeFolder(side) => code(7 + right(*side)),
        Task::Move(side) => code(9 + right(*side)),
        Task::SetMetadata(side) => code(11 + right(*side)),
        Task::Skip(skip) => {
            code(13);
            into.byte(match skip {
                Skip::Exists => 1,
                Skip::Same => 2,
                Skip::NotNewer => 3,
                Skip::Extra => 4,
                Skip::Link => 5,
                Skip::Special => 6,
                Skip::Placeholder => 7,
                Skip::Unfinished => 8,
            });
        }
        Task::Refuse(refusal) => {
            code(14);
            encode_refusal(refusal, into);
        }
    }
}

fn decode_task(from: &mut Decoder<'_>) -> Result<(Task, u8), CodecError> {
    let byte = from.byte("a task")?;
    let (code, flags) = (byte & !(TAKES | LINK | FOLLOWS), byte & (TAKES | LINK | FOLLOWS));
    let side = if code % 2 == 1 { Side::Left } else { Side::Right };
    let task = match code {
        1 => Task::Upload,
        2 => Task::Download,
        3 => Task::CopyWithin,
        4 => Task::CopyThrough,
        5 | 6 => Task::Delete(side),
        7 | 8 => Task::MakeFolder(side),
        9 | 10 => Task::Move(side),
        11 | 12 => Task::SetMetadata(side),
        13 => Task::Skip(match from.byte("a reason")? {
            1 => Skip::Exists,
            2 => Skip::Same,
            3 => Skip::NotNewer,
            4 => Skip::Extra,
            5 => Skip::Link,
            6 => Skip::Special,
            7 => Skip::Placeholder,
            8 => Skip::Unfinished,
            _ => return Err(from.error("a reason")),
        }),
        14 => Task::Refuse(decode_refusal(from)?),
        _ => return Err(from.error("a task")),
    };
    Ok((task, flags))
}

fn right(side: Side) -> u8 {
    u8::from(side == Side::Right)
}

fn encode_refusal(refusal: &Refusal, into: &mut Encoder) {
    match refusal {
        Refusal::Name(name) => {
            into.byte(1);
            into.text(name.code());
            match name {
                NameRefusal::Control(c) | NameRefusal::Forbidden(c) => into.number(u64::from(u32::from(*c))),
                NameRefusal::PartTooLong { length } | NameRefusal::KeyTooLong { length_bytes: length } => {
                    into.number(*length as u64);
                }
                NameRefusal::Device(name) => into.text(name),
                NameRefusal::FileAndFolder { file } => into.text(file.as_str()),
                NameRefusal::Empty
                | NameRefusal::EmptyPart
                | NameRefusal::Dots
                | NameRefusal::NotBelow
                | NameRefusal::NotUnicode
                | NameRefusal::TrailingDotOrSpace
                | NameRefusal::Unfinished
                | NameRefusal::Twin => {}
            }
        }
        Refusal::Unreadable(reason) => {
            into.byte(2);
            into.text(reason);
        }
        Refusal::TooLarge => into.byte(3),
    }
}

fn decode_refusal(from: &mut Decoder<'_>) -> Result<Refusal, CodecError> {
    let what = "a refusal";
    match from.byte(what)? {
        1 => {}
        2 => return Ok(Refusal::Unreadable(from.text(what)?.into())),
        3 => return Ok(Refusal::TooLarge),
        _ => return Err(from.error(what)),
    }
    let character = |from: &mut Decoder<'_>| {
        let code = from.small(what)?;
        char::from_u32(code).ok_or_else(|| from.error(what))
    };
    Ok(Refusal::Name(match from.text(what)? {
        "empty" => NameRefusal::Empty,
        "empty-part" => NameRefusal::EmptyPart,
        "dots" => NameRefusal::Dots,
        "control" => NameRefusal::Control(character(from)?),
        "part-too-long" => NameRefusal::PartTooLong { length: from.small(what)? },
        "key-too-long" => NameRefusal::KeyTooLong { length_bytes: from.small(what)? },
        "not-below" => NameRefusal::NotBelow,
        "not-unicode" => NameRefusal::NotUnicode,
        "forbidden" => NameRefusal::Forbidden(character(from)?),
        "trailing-dot-or-space" => NameRefusal::TrailingDotOrSpace,
        "device" => NameRefusal::Device(from.text(what)?.into()),
        "unfinished" => NameRefusal::Unfinished,
        "file-and-folder" => NameRefusal::FileAndFolder { file: from.name(what)? },
        "twin" => NameRefusal::Twin,
        _ => return Err(from.error(what)),
    }))
}

fn encode_guard(guard: &Guard, into: &mut Encoder) {
    match guard {
        Guard::None => into.byte(0),
        Guard::Absent => into.byte(1),
        Guard::Match(tag) => {
            into.byte(2);
            into.tag(tag);
        }
        Guard::Unchanged { size_bytes, modified } => {
            into.byte(3);
            into.number(*size_bytes);
            into.modified(*modified);
        }
    }
}

fn decode_guard(from: &mut Decoder<'_>) -> Result<Guard, CodecError> {
    Ok(match from.byte("a guard")? {
        0 => Guard::None,
        1 => Guard::Absent,
        2 => Guard::Match(from.tag()?),
        3 => Guard::Unchanged { size_bytes: from.number("a guard")?, modified: from.modified()? },
        _ => return Err(from.error("a guard")),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use pintail_store::object_store::ETag;
    use proptest::prelude::*;

    use super::*;
    use crate::entry::Meaning;

    /// Any step.
    pub(crate) fn steps() -> impl Strategy<Value = Step> {
        let side = prop_oneof![Just(Side::Left), Just(Side::Right)];
        let tag = "[0-9a-f]{32}(-[1-9])?".prop_map(|tag| Tag::of(&ETag::new(&tag)));
        let name = || "[a-c/é]{1,6}".prop_map(|name| Name::new(&name).unwrap());
        let task = prop_oneof![
            Just(Task::Upload),
            Just(Task::Download),
            Just(Task::CopyWithin),
            Just(Task::CopyThrough),
            side.clone().prop_map(Task::Delete),
            side.clone().prop_map(Task::MakeFolder),
            side.clone().prop_map(Task::Move),
            side.prop_map(Task::SetMetadata),
            prop::sample::select(vec![
                Skip::Exists,
                Skip::Same,
                Skip::NotNewer,
                Skip::Extra,
                Skip::Link,
                Skip::Special,
                Skip::Placeholder,
                Skip::Unfinished
            ])
            .prop_map(Task::Skip),
            prop::sample::select(vec![
                Refusal::TooLarge,
                Refusal::Unreadable("no permission".into()),
                Refusal::Name(NameRefusal::Empty),
                Refusal::Name(NameRefusal::EmptyPart),
                Refusal::Name(NameRefusal::Dots),
                Refusal::Name(NameRefusal::Control('\u{1b}')),
                Refusal::Name(NameRefusal::PartTooLong { length: 300 }),
                Refusal::Name(NameRefusal::KeyTooLong { length_bytes: 1025 }),
                Refusal::Name(NameRefusal::NotBelow),
                Refusal::Name(NameRefusal::NotUnicode),
                Refusal::Name(NameRefusal::Forbidden('\\')),
                Refusal::Name(NameRefusal::TrailingDotOrSpace),
                Refusal::Name(NameRefusal::Device("nul".into())),
                Refusal::Name(NameRefusal::Unfinished),
                Refusal::Name(NameRefusal::FileAndFolder { file: Name::new("a").unwrap() }),
                Refusal::Name(NameRefusal::Twin),
            ])
            .prop_map(Task::Refuse),
        ];
        let modified = (any::<i64>(), 0..3).prop_map(|(ns, meaning)| {
            Modified::from_ns(ns, [Meaning::Unknown, Meaning::Content, Meaning::Written][meaning as usize])
        });
        let guard = prop_oneof![
            Just(Guard::None),
            Just(Guard::Absent),
            tag.clone().prop_map(Guard::Match),
            (any::<u64>(), modified.clone())
                .prop_map(|(size_bytes, modified)| Guard::Unchanged { size_bytes, modified }),
        ];
        (
            name(),
            prop::option::of(name()),
            0..3_u32,
            task,
            any::<u64>(),
            modified,
            prop::option::of(tag),
            (guard, any::<[bool; 3]>()),
        )
            .prop_map(
                |(name, to, route, task, size_bytes, modified, tag, (guard, [takes, link, follows]))| Step {
                    takes,
                    link,
                    follows,
                    name,
                    to,
                    route,
                    task,
                    size_bytes,
                    modified,
                    tag,
                    guard,
                },
            )
    }

    proptest! {
        #[test]
        fn a_step_is_read_as_it_was_written(steps in prop::collection::vec(steps(), 1..6)) {
            let mut encoder = Encoder::new();
            let mut before = None;
            for step in &steps {
                encode(step, before, &mut encoder);
                before = Some(&step.name);
            }
            let bytes = encoder.into_bytes();
            let mut decoder = Decoder::new(&bytes);
            let mut before = None;
            for step in &steps {
                let read = decode(&mut decoder, before.as_ref()).unwrap();
                prop_assert_eq!(&read, step);
                before = Some(read.name);
            }
            prop_assert!(decoder.is_at_end());
        }
    }

    #[test]
    fn a_usual_step_is_small() {
        let name = |number| Name::new(&format!("photos/2026/summer/IMG_{number}.jpg")).unwrap();
        let step = Step {
            modified: Modified::from_ns(1_790_000_000_123_456_789, Meaning::Content),
            ..Step::new(Task::Upload, name(1235), 3_500_000)
        };
        let mut encoder = Encoder::new();
        encode(&step, Some(&name(1234)), &mut encoder);
        assert!(encoder.bytes().len() <= 30, "{}", encoder.bytes().len());
    }
}
