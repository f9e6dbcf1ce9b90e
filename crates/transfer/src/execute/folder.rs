//! Folders that a plan makes: in a file system, and as the objects without bytes that stand for them at a service.

use bytes::Bytes;
use pintail_store::object_store::{Put, Traits, WriteCondition};
use pintail_store::{ErrorKind, Payload};

use super::failure::again;
use super::object::Located;
use super::running::{Folder, Shared};
use super::step::{Done, StepFailure};
use crate::name::{Name, Platform};
use crate::plan::Step;
use crate::site::Remote;

/// The content type by which the object of a folder is told from an empty file: what the console of AWS and other clients write.
const FOLDER_TYPE: &str = "application/x-directory";

/// Makes the folder of a [`Task::MakeFolder`](crate::plan::Task::MakeFolder) below another one. One that is there is done.
pub(super) fn make_local(at: &Folder, step: &Step) -> Result<Done, StepFailure> {
    at.target()?.make_folder(&step.target().path(Platform::HERE)?)?;
    Ok(Done::Changed)
}

/// Writes the object of a [`Task::MakeFolder`](crate::plan::Task::MakeFolder). One that is there is done.
pub(super) async fn make_remote(shared: &Shared<'_>, at: &Remote, step: &Step) -> Result<Done, StepFailure> {
    let name = step.target();
    let object = if name.is_folder() {
        Located::at(at, name)?
    } else {
        Located::at(at, &Name::new(&format!("{name}/"))?)?
    };
    // Whatever the guard: what is there already is no worse a folder.
    let put = Put {
        condition: WriteCondition::IfAbsent,
        traits: Traits { content_type: Some(FOLDER_TYPE.to_owned()), ..Traits::default() },
        ..Put::default()
    };
    let Located { store, bucket, key } = &object;
    let _place = shared.places.small().await;
    let written = again(shared, || async {
        Ok(store.put(bucket, key, Payload::from_bytes(Bytes::new()), &put).await?)
    });
    match written.await {
        Ok(_) => Ok(Done::Changed),
        Err(failure) if failure.kind() == Some(&ErrorKind::PreconditionFailed) => Ok(Done::Skipped),
        Err(failure) => Err(failure),
    }
}
