//! What the properties say of how a connection behaves, as far as it is honoured.

use std::time::Duration;

use pintail_core::retry::Schedule;
use pintail_core::setting::{self, Source, Value};
use pintail_store::transport::Timeouts;

use crate::{Error, Layered};

/// How a connection behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuning {
    /// How long the other side may say nothing.
    pub timeouts: Timeouts,
    /// How often a failed request is tried again.
    pub schedule: Schedule,
    /// How many names one request for a list returns at most; `None` for what the service gives.
    pub list_page: Option<u32>,
    /// How many objects one request deletes.
    pub delete_batch: usize,
    /// How long a signed link works unless said otherwise.
    pub link_life: Duration,
    /// Files up to this size are uploaded by one request.
    pub one_request_max_bytes: u64,
    /// The size of a part of an upload, unless it needs larger ones.
    pub part_bytes: u64,
    /// The same where somebody wished it; `None` where only the built-in size stands.
    pub part_bytes_wished: Option<u64>,
    /// The storage class of new objects; `None` for the service's own.
    pub storage_class: Option<String>,
}

impl Tuning {
    /// Reads what the places say; what none says is as the catalogue has it.
    ///
    /// # Errors
    /// When a property that decides does not take its value.
    pub fn of(layered: &Layered) -> Result<Self, Error> {
        let (mut timeouts, mut schedule) = (Timeouts::default(), Schedule::TRANSFER);
        if let Some(silence) = said(layered, "connection.timeout.seconds")?.and_then(length) {
            timeouts =
                Timeouts { connect: silence, handshake: silence, first_byte: silence, idle_body: silence };
        }
        if let Some(retries) = said(layered, "connection.retry")?.and_then(number) {
            schedule.attempts_max = 1 + u32::try_from(retries).unwrap_or(u32::MAX - 1);
        }
        let count =
            |name| Ok::<_, Error>(usize::try_from(needed(layered, name, number)?).unwrap_or(usize::MAX));
        Ok(Self {
            timeouts,
            schedule,
            list_page: said(layered, "s3.listing.chunksize")?
                .and_then(number)
                .and_then(|it| it.try_into().ok()),
            delete_batch: count("s3.delete.multiple.partition")?,
            link_life: needed(layered, "s3.url.expire.seconds", length)?,
            // "From which size on": one byte less still goes in one request.
            one_request_max_bytes: needed(layered, "s3.upload.multipart.threshold", number)?
                .saturating_sub(1),
            part_bytes: needed(layered, "s3.upload.multipart.size", number)?,
            part_bytes_wished: said(layered, "s3.upload.multipart.size")?.and_then(number),
            storage_class: match said(layered, "s3.storage.class")? {
                Some(Value::Choice(class)) => Some(class.to_owned()),
                _ => None,
            },
        })
    }
}

fn number(value: Value) -> Option<u64> {
    match value {
        Value::Integer(number) | Value::Bytes(number) => Some(number),
        _ => None,
    }
}

fn length(value: Value) -> Option<Duration> {
    match value {
        Value::Duration(length) => Some(length),
        _ => None,
    }
}

/// Returns what one of the files says, or nothing where only the default does.
fn said(layered: &Layered, name: &'static str) -> Result<Option<Value>, Error> {
    let Some(setting) = setting::find(name) else { return Ok(None) };
    let value = layered.value(setting).map_err(Error::Setting)?;
    Ok(value.filter(|(_, source)| *source != Source::BuiltIn).map(|(value, _)| value))
}

/// Returns what the files say, or the default, which the catalogue has for each of these.
fn needed<T>(layered: &Layered, name: &'static str, read: fn(Value) -> Option<T>) -> Result<T, Error> {
    let setting = setting::find(name).expect("the catalogue has what is honoured");
    let value = layered.value(setting).map_err(Error::Setting)?;
    Ok(value.and_then(|(value, _)| read(value)).expect("the catalogue has a default of the kind"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connector, Environment};

    #[test]
    fn properties_say_how_a_connection_behaves() {
        let folder = tempfile::tempdir().unwrap();
        let connector = Connector::new(Environment::in_folder(folder.path()));
        let tuning = || Tuning::of(&connector.layered(None).unwrap());
        let usual = tuning().unwrap();
        assert_eq!((usual.timeouts, usual.schedule), (Timeouts::default(), Schedule::TRANSFER));
        assert_eq!((usual.list_page, usual.delete_batch, usual.storage_class), (None, 1000, None));
        assert_eq!(usual.link_life, Duration::from_secs(3600));
        assert_eq!((usual.one_request_max_bytes, usual.part_bytes), (16 << 20, 8 << 20));
        let mut preferences = connector.preferences().unwrap();
        for (name, value) in [
            ("connection.timeout.seconds", "7"),
            ("connection.retry", "0"),
            ("s3.listing.chunksize", "5"),
            ("s3.storage.class", "STANDARD_IA"),
            ("s3.upload.multipart.size", "5242880"),
        ] {
            preferences.set(name, Some(value)).unwrap();
        }
        let tuned = tuning().unwrap();
        assert_eq!(tuned.timeouts.first_byte, Duration::from_secs(7));
        assert_eq!((tuned.schedule.attempts_max, tuned.list_page, tuned.part_bytes), (1, Some(5), 5 << 20));
        assert_eq!(tuned.storage_class.as_deref(), Some("STANDARD_IA"));
        preferences.set("connection.retry", Some("often")).unwrap();
        assert!(matches!(tuning(), Err(Error::Setting(_))));
    }
}
