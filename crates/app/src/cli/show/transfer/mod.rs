//! Transfers while they happen: a line a step where that is wanted, how far it is, and questions.

mod list;
mod plan;
mod report;
mod step;
mod verify;
mod watch;

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

use self::step::{Line, skipped_words};
use crate::cli::render::progress::{Rate, Snapshot, line};
use crate::cli::render::text::{count, harmless, harmless_words, many, size, time};
use crate::cli::render::{Lines, Output, ProgressLine, Style};
use crate::explain::{Explanation, step_failed};
use crate::ops::transfer::engine::entry::Entry;
use crate::ops::transfer::engine::execute::{Progress, StepEnd, StepError, Waiting};
use crate::ops::transfer::engine::journal::{Proof, Status};
use crate::ops::transfer::engine::plan::{Place, Skip, Task};
use crate::ops::transfer::engine::prepare::{Answer, Seen};
use crate::ops::transfer::{DoneKinds, Face, Labels, Planned, Shown, Told, Verb};

pub(in crate::cli) use list::{cancelled, clean_report, orphan_count, orphan_list, runs, shown_run};
pub(in crate::cli) use plan::{confirm_deletions, dry_run};
pub(in crate::cli) use report::{Tally, delete_failed, removal_report, report};
pub(in crate::cli) use verify::{VerifyFace, verified};
pub(in crate::cli) use watch::{
    deletions_refused, quiet, round, round_failed, waits_for_sign_in, watch_notice, watching,
};

/// Plans of at most so many steps are told step by step; more than that would only rush by, and cost time that is the transfer's.
const EACH_MAX: u64 = 100;

/// How often progress is told where no line can be drawn over.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// How often a program is told.
const JSON_EVERY: Duration = Duration::from_secs(2);

/// Shows one transfer, from its plan to its end.
pub(in crate::cli) struct TransferFace<'a> {
    output: &'a Output,
    lines: Lines,
    progress: ProgressLine,
    verb: Verb,
    /// Every step gets its line.
    each: AtomicBool,
    /// When progress was told last, in milliseconds since the beginning.
    told_ms: AtomicU64,
    rate: Mutex<(Rate, Rate)>,
    /// What a person said once for all.
    answer: Mutex<Option<Answer>>,
    /// The first failure of standard output, which ends the run afterwards.
    broken: Mutex<Option<io::Error>>,
    /// What was seen while the plan was made, for rounds of a watch.
    seen: Mutex<Option<Seen>>,
}

#[derive(Serialize)]
struct ProgressEvent {
    event: &'static str,
    done_bytes: u64,
    total_bytes: u64,
    done: u64,
    total: u64,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<u64>,
    retries: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waits_for: Option<&'static str>,
}

#[derive(Serialize)]
struct MissingLine<'a> {
    event: &'static str,
    name: &'a str,
}

impl<'a> TransferFace<'a> {
    pub(in crate::cli) fn new(output: &'a Output, verb: Verb) -> Self {
        Self {
            output,
            lines: Lines::default(),
            progress: output.progress(),
            verb,
            each: AtomicBool::new(true),
            told_ms: AtomicU64::new(0),
            rate: Mutex::default(),
            answer: Mutex::default(),
            broken: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Takes in the plan that will be carried out: how many lines there will be, and what it leaves out.
    pub(in crate::cli) fn planned(&self, planned: &Planned) {
        let totals = planned.plan.totals();
        let acting = totals.copies + totals.deletes + totals.others;
        self.each.store(self.output.is_verbose() || acting <= EACH_MAX, Ordering::Relaxed);
        self.progress.clear();
        if self.output.is_json() {
            self.note(self.lines.json(&plan::planned_event(planned, false)));
        }
        if totals.skipped + totals.refused > 0 {
            self.tell_left_out(planned);
        }
        self.flush();
    }

    /// Takes in what was seen while the plan was made.
    pub(in crate::cli) fn saw(&self, seen: Seen) {
        *self.seen.lock().expect("no holder of this lock panics") = Some(seen);
    }

    /// A run that goes on tells every step if few are left.
    pub(in crate::cli) fn resumed(&self, shown: &Shown) {
        let left = shown.count(Status::Pending) + shown.count(Status::Failed);
        self.each.store(self.output.is_verbose() || left <= EACH_MAX, Ordering::Relaxed);
    }

    fn tell_left_out(&self, planned: &Planned) {
        for step in planned.plan.steps() {
            let Ok((_, step)) = step else { return };
            let told = planned.told(&step);
            match &step.task {
                Task::Skip(skip) if self.output.is_json() => {
                    self.note(self.lines.json(&Line::left_out(
                        "skipped",
                        &told,
                        skipped_words(*skip).into(),
                    )));
                }
                Task::Skip(skip) => {
                    let few = planned.plan.totals().skipped <= EACH_MAX;
                    // What nobody would miss otherwise is told among however many others.
                    let is_news = step::is_news(*skip) && (few || *skip == Skip::Unfinished);
                    if self.output.is_verbose() || is_news && self.output.talks() {
                        let what = step::what(&told);
                        self.say(&format!("skipped: {} ({})", harmless(&what), skipped_words(*skip)));
                    }
                }
                Task::Refuse(refusal) => {
                    let (what, why) = (step::what(&told), step::refused_words(refusal));
                    if self.output.is_json() {
                        self.note(self.lines.json(&Line::left_out("refused", &told, why.clone())));
                    }
                    self.insist(&format!("refused: {} ({})", harmless(&what), harmless_words(&why)));
                }
                _ => {}
            }
        }
    }

    fn note(&self, written: io::Result<()>) {
        if let Err(error) = written {
            self.broken.lock().expect("no holder of this lock panics").get_or_insert(error);
        }
    }

    fn say(&self, text: &str) {
        if self.output.talks() {
            self.insist(text);
        }
    }

    fn insist(&self, text: &str) {
        self.lines.talk(text);
        // On a terminal each line appears at once.
        if self.progress.is_wanted() {
            self.flush();
        }
    }

    fn flush(&self) {
        if self.lines.has_talk() {
            self.progress.suspend(|| self.note(self.lines.flush()));
        } else {
            self.note(self.lines.flush());
        }
    }

    fn failed(&self, told: &Told<'_>, error: &std::sync::Arc<StepError>) {
        let explanation = step_failed(error);
        if self.output.is_json() {
            self.note(self.lines.json(&Line::failed(told, &explanation)));
        }
        let word = self.output.talk_style(Style::Bad, "failed:");
        let what = step::what(told);
        self.insist(&format!("{word} {}: {}", harmless(&what), harmless_words(&why(&explanation))));
    }

    fn done(&self, told: &Told<'_>, size_bytes: u64, proof: Option<Proof>) {
        if self.output.is_json() {
            return self.note(self.lines.json(&Line::done(told, size_bytes, proof)));
        }
        if !self.each.load(Ordering::Relaxed) || !self.output.talks() {
            return;
        }
        let text = match &told.step.task {
            Task::Delete(_) => format!("deleted {}", harmless(&step::deleted(told))),
            Task::MakeFolder(_) => format!("made {}", harmless(&step::what(told))),
            Task::SetMetadata(_) => format!("set the time of {}", harmless(&step::what(told))),
            Task::Move(_) => format!("renamed {} to {}", harmless(&told.from()), harmless(&told.to())),
            _ => {
                let note = match proof {
                    Some(Proof::Length) => ", no checksum to compare",
                    _ => "",
                };
                format!("{} -> {} ({}{note})", harmless(&told.from()), harmless(&told.to()), size(size_bytes))
            }
        };
        self.say(&text);
    }

    fn snapshot(&self, progress: &Progress) -> Snapshot {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let (done_bytes, total_bytes) = (load(&progress.done_bytes), load(&progress.total_bytes));
        let (done, total) = (load(&progress.ended_steps), load(&progress.total_steps));
        let at = self.progress.elapsed();
        let (rate, steps) = &mut *self.rate.lock().expect("no holder of this lock panics");
        rate.add(at, done_bytes);
        steps.add(at, done);
        let left =
            |left: u64, rate: Option<u64>| rate.filter(|rate| *rate > 0).map(|rate| left.div_ceil(rate));
        let bytes_left = left(total_bytes.saturating_sub(done_bytes), rate.a_second());
        let steps_left = left(total.saturating_sub(done), steps.a_second());
        Snapshot {
            done_bytes,
            total_bytes,
            done,
            total,
            failed: load(&progress.failed_steps),
            rate: rate.a_second(),
            // Small files take their time each, large ones by their bytes: whichever is longer is nearer the truth.
            left_seconds: if total_bytes > 0 { bytes_left.max(steps_left) } else { steps_left },
            under_way: progress.under_way.load(Ordering::Relaxed),
            waits_for: match progress.waiting() {
                Waiting::Nothing => None,
                Waiting::Bandwidth => Some("the limit on bandwidth"),
                Waiting::Service => Some("the service, which asked for fewer requests"),
                Waiting::Connection => Some("the connection"),
            },
        }
    }

    /// Tells whether it is time again to tell something that is told every so often.
    fn is_due(&self, every: Duration) -> bool {
        let now = u64::try_from(self.progress.elapsed().as_millis()).unwrap_or(u64::MAX);
        let every = u64::try_from(every.as_millis()).unwrap_or(u64::MAX);
        let due = now >= self.told_ms.load(Ordering::Relaxed).saturating_add(every);
        if due {
            self.told_ms.store(now, Ordering::Relaxed);
        }
        due
    }
}

fn why(explanation: &Explanation) -> String {
    let all: Vec<&str> =
        std::iter::once(&explanation.message).chain(&explanation.causes).map(String::as_str).collect();
    all.join(": ")
}

impl Face for TransferFace<'_> {
    fn seen(&self, entries: u64) {
        self.progress.draw(|_| format!("looking: {} seen", count(entries)));
    }

    fn missing(&self, name: &str) {
        if self.output.is_json() {
            self.note(self.lines.json(&MissingLine { event: "missing", name }));
        }
        self.insist(&format!("missing: {}", harmless(name)));
    }

    fn ask(&self, names: &Labels, source: &Entry, target: &Entry) -> Answer {
        let mut always = self.answer.lock().expect("no holder of this lock panics");
        if let Some(answer) = *always {
            return answer;
        }
        self.progress.clear();
        self.flush();
        let about = |entry: &Entry| {
            let at = entry.modified.timestamp().map(|at| format!(", {} UTC", time(at)));
            format!("{}{}", size(entry.size_bytes), at.unwrap_or_default())
        };
        let target_name = format!("{}{}", names.to, target.name);
        let question = format!(
            "{} is there ({}); the source has {}.\n[o]verwrite, [s]kip, [r]ename, [q]uit; a capital letter goes for all:",
            harmless(&target_name),
            about(target),
            about(source)
        );
        loop {
            let Ok(Some(line)) = self.output.ask_now(&question) else { return Answer::Abort };
            let answer = match line.to_lowercase().as_str() {
                "o" | "overwrite" => Answer::Overwrite,
                "s" | "skip" => Answer::Skip,
                "r" | "rename" => Answer::Rename,
                "q" | "quit" => return Answer::Abort,
                _ => continue,
            };
            if line.starts_with(char::is_uppercase) {
                *always = Some(answer);
            }
            return answer;
        }
    }

    fn ended(&self, told: Told<'_>, end: &StepEnd) {
        match end {
            StepEnd::Done { size_bytes, proof } => self.done(&told, *size_bytes, *proof),
            StepEnd::Skipped if self.output.is_json() => {
                self.note(self.lines.json(&Line::left_out(
                    "skipped",
                    &told,
                    "nothing had to be done".into(),
                )));
            }
            StepEnd::Skipped => {
                if self.each.load(Ordering::Relaxed) {
                    self.say(&format!("skipped: {}", harmless(&told.to())));
                }
            }
            // Standard output that nobody reads is told at the end, if at all.
            StepEnd::Failed(error) if matches!(**error, StepError::Stdio(_)) => {}
            StepEnd::Failed(error) => self.failed(&told, error),
        }
    }

    fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.output.bytes(bytes)
    }

    fn tick(&self, progress: &Progress) {
        self.flush();
        let at = self.snapshot(progress);
        if self.output.is_json() {
            if self.is_due(JSON_EVERY) {
                self.note(self.lines.json(&ProgressEvent {
                    event: "progress",
                    done_bytes: at.done_bytes,
                    total_bytes: at.total_bytes,
                    done: at.done,
                    total: at.total,
                    failed: at.failed,
                    bytes_per_second: at.rate,
                    seconds_left: at.left_seconds,
                    retries: progress.retries.load(Ordering::Relaxed),
                    waits_for: at.waits_for,
                }));
                self.flush();
            }
        } else if self.progress.is_wanted() {
            self.progress.draw(|width| line(&at, width));
        } else if self.output.talks() && self.is_due(PLAIN_EVERY) {
            self.lines.talk(line(&at, usize::MAX).trim_start());
            self.flush();
        }
    }
}

/// Says how many files there are, and how many bytes they have.
fn files(number: u64, size_bytes: u64) -> String {
    format!("{} ({})", many(number, "file"), size(size_bytes))
}

/// Says what is done in the words for copies and deletions: the copies, else the deletions, else what else is done; `None` where that is nothing.
fn deeds([copy, delete]: [&str; 2], kinds: DoneKinds, size_bytes: u64) -> Option<String> {
    match kinds {
        DoneKinds { copies: 1.., .. } => Some(format!("{copy} {}", files(kinds.copies, size_bytes))),
        DoneKinds { deletes: 1.., .. } => Some(format!("{delete} {}", many(kinds.deletes, "file"))),
        DoneKinds { others: 1.., .. } => Some(many(kinds.others, "other change")),
        _ => None,
    }
}

/// Adds what [`deeds`] left out.
fn other_deeds(text: &mut String, kinds: DoneKinds, deleted: &str) {
    if kinds.copies > 0 {
        counted(text, kinds.deletes, deleted);
    }
    if kinds.copies + kinds.deletes > 0 {
        counted(text, kinds.others, "other changes");
    }
}

/// Says that nothing is to be done, and why.
fn nothing_to_do(unchanged: u64, skipped: u64) -> String {
    let mut text = match unchanged {
        0 => "nothing to do".to_owned(),
        1 => "nothing to do: 1 file is the same".to_owned(),
        _ => format!("nothing to do: {} are the same", many(unchanged, "file")),
    };
    counted(&mut text, skipped, "skipped");
    text
}

/// Returns the bucket and the key of a name at a place in S3.
fn object_of(place: &Place, name: &str) -> Option<(String, String)> {
    match place {
        Place::Remote { bucket, prefix, .. } => Some((bucket.clone(), format!("{prefix}{name}"))),
        Place::Local(_) | Place::Stdio => None,
    }
}

/// Writes a number and a word where there is anything to say.
fn counted(text: &mut String, number: u64, word: &str) {
    if number > 0 {
        text.push_str(&format!(", {} {word}", count(number)));
    }
}
